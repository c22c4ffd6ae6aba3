/* Readers that work, that die, that lie and that never end: each costs one source and says so. */
#define _GNU_SOURCE /* memfd_create */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../malformed/bag.h"
#include "cases.h"
#include "handover.h"
#include "reader.h"

static char folder[] = "/tmp/duramap-reader-XXXXXX", archive[100], protocol[100], script[100];
static dm_protocols protocols;
static const dm_key key = {{9}};
static bag b;

static dm_reader_options options(const char *program) {
    return (dm_reader_options){.program = program, .protocols_path = protocol, .protocols = &protocols, .key = &key,
                               .limits = dm_archive_defaults, .threads = 2, .memory = 2ull << 30};
}

static dm_status read_by(const dm_reader_options *o, dm_ingested *in) {
    dm_reader *r;
    dm_status s = dm_reader_start(o, archive, "", &r);
    if (!dm_good(s)) return s;
    return dm_reader_finish(r, in);
}

/* A program that does `what` in the place of a reader. */
static dm_status read_by_script(const char *what, double seconds, dm_ingested *in) {
    FILE *f = fopen(script, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "#!/bin/sh\n%s\n", what);
    fclose(f);
    ck_assert_int_eq(chmod(script, 0755), 0);
    dm_reader_options o = options(script);
    o.limits.seconds = seconds;
    return read_by(&o, in);
}

static void expect_equal(const dm_ingested *there, const dm_ingested *here) {
    ck_assert_int_eq(there->n, here->n);
    ck_assert_str_eq(there->input_digest, here->input_digest);
    for (int i = 0; i < here->n; i++) {
        const dm_ingested_study *a = &here->study[i], *c = &there->study[i];
        ck_assert_str_eq(c->study.study_id, a->study.study_id);
        ck_assert_str_eq(c->status.code, a->status.code);
        ck_assert_str_eq(c->raw_patient, a->raw_patient);
        ck_assert_ptr_eq(c->protocol, a->protocol);
        ck_assert_int_eq(c->n_exclusions, a->n_exclusions);
        for (int k = 0; k < a->n_exclusions; k++) ck_assert_str_eq(c->exclusions[k].reason, a->exclusions[k].reason);
        ck_assert_int_eq(c->study.n_passes, a->study.n_passes);
        for (int k = 0; k < a->study.n_passes; k++) {
            const dm_scan *x = &a->study.pass[k].scan, *y = &c->study.pass[k].scan;
            size_t n = (size_t)x->nx * (size_t)x->ny * (size_t)x->nz;
            ck_assert_mem_eq(&y->to_lps, &x->to_lps, sizeof x->to_lps);
            ck_assert_int_eq(y->nz, x->nz);
            ck_assert_mem_eq(y->v, x->v, n * sizeof *x->v);
            ck_assert_uint_eq(y->mapped, n * sizeof *x->v);
            ck_assert_str_eq(c->study.pass[k].facts.series_id, a->study.pass[k].facts.series_id);
        }
    }
}

static void expect_same(const char *path, const dm_reader_options *o, const dm_ingested *here) {
    dm_ingested there;
    dm_reader *r;
    dm_status s = dm_reader_start(o, path, "", &r);
    if (dm_good(s)) s = dm_reader_finish(r, &there);
    ck_assert_msg(dm_good(s), "%s: %s", s.code, s.text);
    expect_equal(&there, here);
    dm_ingested_clear(&there);
}

/* What a reader does that can keep five images: the others are read twice. */
static void expect_same_with_little(const char *path, dm_ingest_options o, const dm_ingested *here) {
    dm_ingested in, there;
    dm_store store = {.fd = memfd_create("store", 0), .most = 1u << 30};
    o.store = &store;
    o.hold = 5 * 65536 + 60000;
    ck_assert_int_ge(store.fd, 0);
    dm_status s = dm_ingest(path, &o, &in);
    ck_assert_msg(dm_good(s), "%s: %s", s.code, s.text);
    ck_assert(dm_handover_write(&store, s, &in, &protocols));
    ck_assert(dm_good(dm_handover_read(store.fd, &protocols, &there)));
    expect_equal(&there, here);
    dm_ingested_clear(&in);
    dm_ingested_clear(&there);
    close(store.fd);
}

/* By readers of one and of two threads: the same voxels as in this process, where they go into its own memory. */
static void expect_same_by_readers(const char *path) {
    dm_ingested here;
    dm_reader_options o = options(getenv("DURAMAP"));
    const dm_ingest_options direct = {.protocols = &protocols, .key = &key, .limits = &o.limits, .digest = "", .threads = 2,
                                      .hold = o.memory / 3};
    ck_assert_ptr_nonnull(o.program);
    ck_assert(dm_good(dm_ingest(path, &direct, &here)));
    expect_same(path, &o, &here);
    o.threads = 1;
    expect_same(path, &o, &here);
    expect_same_with_little(path, direct, &here);
    dm_ingested_clear(&here);
}

START_TEST(the_same_as_in_this_process) {
    expect_same_by_readers(archive);
}
END_TEST

/* Slices of 64 KiB go to their place before the others are known. */
static maker large(double step) {
    maker m = maker_plain();
    m.w = 256, m.h = 128;
    m.step = step;
    return m;
}

static void pack_large(int what, const char *path) {
    maker m = large(what == 1 ? -1 : 1), other = large(1);
    if (what == 2) m.n = 4; /* a gap follows, which is filled */
    if (what == 5) m.coding = DM_DICOM_RLE;
    bag_study(&b, &m, "a");
    if (what == 2 || what == 5) { /* the rest of the series: behind a gap; not compressed */
        m.first = what == 2 ? 5 : 8;
        m.coding = DM_DICOM_PLAIN;
        bag_study(&b, &m, "b");
    }
    m.again = what == 3 ? 100 : 0;      /* the same images as other objects ... */
    if (what >= 3) bag_study(&b, &m, "c"); /* ... or whole objects again */
    other.series = "2.25.86";
    other.time = "111530";
    other.image_type = what == 4 ? "ORIGINAL\\PRIMARY\\LOCALIZER" : "ORIGINAL\\PRIMARY\\AXIAL";
    other.shade = 7;
    bag_study(&b, &other, "d");
    bag_pack(&b, what % 2 ? "zip" : "tar", path);
}

START_TEST(images_that_do_not_wait_for_the_others) {
    char path[100];
    snprintf(path, sizeof path, "%s/large", folder);
    pack_large(_i, path);
    expect_same_by_readers(path);
    unlink(path);
}
END_TEST

START_TEST(a_reader_that_dies) {
    dm_ingested in;
    dm_status s = read_by_script("kill -SEGV $$", 60, &in);
    ck_assert_str_eq(s.code, "reader_died");
    ck_assert_int_eq(s.severity, DM_STUDY);
    ck_assert_ptr_nonnull(strstr(s.text, "signal 11"));
    s = read_by_script("exit 3", 60, &in);
    ck_assert_str_eq(s.code, "reader_died");
    s = read_by_script("kill -KILL $$", 60, &in);
    ck_assert_ptr_nonnull(strstr(s.text, "--read-memory"));
    ck_assert_int_eq(in.n, 0);
}
END_TEST

/* What a reader that was taken over might write: refused, and no crash of the run. */
START_TEST(a_reader_that_lies) {
    static const char *const lies[] = {
        "exit 0", "printf garbage >&4", "head -c 100000 /dev/zero >&4", "head -c 100000 /dev/urandom >&4",
        /* the mark, then 2 000 000 000 studies */
        "printf '1RMD\\000\\224\\065\\167' >&4; head -c 100000 /dev/zero >&4",
        "printf '1RMD\\001\\000\\000\\000' >&4; head -c 1000000 /dev/zero >&4"};
    for (unsigned i = 0; i < sizeof lies / sizeof *lies; i++) {
        dm_ingested in;
        dm_status s = read_by_script(lies[i], 60, &in);
        ck_assert_msg(!strcmp(s.code, "reader_died"), "%u: %s", i, s.code);
        ck_assert_int_eq(in.n, 0);
        ck_assert_ptr_null(in.study);
    }
}
END_TEST

/* A source that is still being copied. */
START_TEST(a_source_that_changes) {
    dm_ingested in;
    dm_reader_options o = options(getenv("DURAMAP"));
    dm_reader *r;
    ck_assert(dm_good(dm_reader_start(&o, archive, "", &r)));
    const struct timespec other[2] = {{1, 0}, {1, 0}};
    ck_assert_int_eq(utimensat(AT_FDCWD, archive, other, 0), 0);
    dm_status s = dm_reader_finish(r, &in);
    ck_assert_str_eq(s.code, "source_changed");
    ck_assert_int_eq(s.severity, DM_STUDY);
    ck_assert_int_eq(in.n, 0);
}
END_TEST

/* What a run does: sees the end coming, keeps the volumes, and another process maps them once more. */
START_TEST(volumes_that_others_map) {
    dm_ingested here, there;
    dm_reader_options o = options(getenv("DURAMAP"));
    dm_reader *r;
    int volumes;
    ck_assert(dm_good(dm_reader_start(&o, archive, "", &r)));
    struct pollfd p = {.fd = dm_reader_watch(r), .events = POLLIN};
    ck_assert_int_eq(poll(&p, 1, 60000), 1);
    ck_assert_int_eq(dm_reader_ended(r), 1);
    ck_assert(dm_good(dm_reader_take(r, &here, &volumes)));
    ck_assert(dm_good(dm_handover_read(volumes, &protocols, &there)));
    close(volumes);
    ck_assert_int_eq(there.n, here.n);
    const dm_scan *a = &here.study[0].study.pass[0].scan, *c = &there.study[0].study.pass[0].scan;
    ck_assert_mem_eq(a->v, c->v, a->mapped);
    dm_ingested_clear(&here);
    dm_ingested_clear(&there);
}
END_TEST

START_TEST(a_reader_without_end) {
    dm_ingested in;
    dm_status s = read_by_script("sleep 100", -29.5, &in); /* 30 s of grace are added */
    ck_assert_str_eq(s.code, "reader_timeout");
    ck_assert_int_eq(s.severity, DM_STUDY);
}
END_TEST

START_TEST(a_reader_with_little_memory) {
    dm_ingested in;
    maker m = large(1);
    m.w = m.h = 512;
    bag_study(&b, &m, "a");
    bag_pack(&b, "zip", archive);
    dm_reader_options o = options(getenv("DURAMAP"));
    o.memory = 8u << 20; /* less than the program itself */
    dm_status s = read_by(&o, &in);
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_eq(s.severity, DM_STUDY);
#else
    (void)s;
#endif
    dm_ingested_clear(&in);
}
END_TEST

START_TEST(no_reader_at_all) {
    dm_ingested in = {0};
    dm_reader_options o = options("/nowhere/at/all");
    dm_status s = read_by(&o, &in);
    ck_assert_int_ne(s.severity, DM_OK);
}
END_TEST

START_TEST(one_that_nobody_waits_for) {
    dm_reader_options o = options(getenv("DURAMAP"));
    dm_reader *r;
    ck_assert(dm_good(dm_reader_start(&o, archive, "", &r)));
    dm_reader_cancel(r);
    dm_reader_cancel(NULL);
}
END_TEST

static int prepare(void) {
    if (!mkdtemp(folder)) return 0;
    snprintf(archive, sizeof archive, "%s/a.zip", folder);
    snprintf(protocol, sizeof protocol, "%s/ct.ini", folder);
    snprintf(script, sizeof script, "%s/script", folder);
    maker m = maker_plain(), other = maker_plain();
    bag_study(&b, &m, "a");
    other.study = "2.25.85";
    other.series = "2.25.86";
    other.step = 2;
    bag_study(&b, &other, "b");
    bag_put(&b, "readme", (unsigned char *)strdup("words"), 5);
    bag_pack(&b, "zip", archive);
    FILE *f = fopen(protocol, "w");
    if (!f) return 0;
    fputs("[protocol]\nmodality = ct\ncontrast = iodine\n[match]\nmin_slices = 3\n[series]\ngaps = fill\n", f);
    fclose(f);
    return dm_good(dm_protocols_load(protocol, &protocols));
}

int main(void) {
    if (!prepare()) return 1;
    TCase *t = tcase_create("reader");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_same_as_in_this_process);
    tcase_add_loop_test(t, images_that_do_not_wait_for_the_others, 0, 6);
    tcase_add_test(t, a_reader_that_dies);
    tcase_add_test(t, a_reader_that_lies);
    tcase_add_test(t, a_source_that_changes);
    tcase_add_test(t, volumes_that_others_map);
    tcase_add_test(t, a_reader_without_end);
    tcase_add_test(t, a_reader_with_little_memory);
    tcase_add_test(t, no_reader_at_all);
    tcase_add_test(t, one_that_nobody_waits_for);
    int failed = cases_failed("reader", t);
    dm_protocols_clear(&protocols);
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed != 0;
}
