/* Which series of a study is measured, which are kept beside it and as what, and why the others are not. */
#include <check.h>
#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bag.h"
#include "cases.h"
#include "ingest.h"

static char folder[] = "/tmp/duramap-passes-XXXXXX", archive[100], protocol[100];
static const dm_key key = {{3}};
static bag b;

/* A series of its own: a letter in its UID, a description, a time. */
static maker series(const char *uid, const char *description, const char *time) {
    maker m = maker_plain();
    m.series = uid;
    m.description = description;
    m.time = time;
    m.shade = (int)strlen(uid) * 3 + time[3];
    return m;
}

/* Reads what lies in the bag, with a protocol file of these lines. */
static dm_ingested read_bag(const char *lines) {
    dm_protocols protocols;
    dm_ingested in;
    FILE *f = fopen(protocol, "w");
    ck_assert_ptr_nonnull(f);
    fprintf(f, "[protocol]\nmodality = ct\ncontrast = iodine\n[match]\nmin_slices = 3\n%s\n", lines);
    fclose(f);
    dm_status s = dm_protocols_load(protocol, &protocols);
    ck_assert_msg(dm_good(s), "%s", s.text);
    bag_pack(&b, "zip", archive);
    const dm_ingest_options o = {.protocols = &protocols, .key = &key, .threads = 2, .hold = 1 << 30};
    s = dm_ingest(archive, &o, &in);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_int_eq(in.n, 1);
    in.study[0].protocol = NULL; /* gone with the protocols */
    dm_protocols_clear(&protocols);
    return in;
}

static int says(const dm_ingested *in, const char *words) {
    int n = 0;
    for (int i = 0; i < in->study[0].n_exclusions; i++) n += strstr(in->study[0].exclusions[i].reason, words) != NULL;
    return n;
}

static void put(maker m, const char *name) {
    bag_study(&b, &m, name);
}

static void expect_roles(const dm_ingested *in, int n, const char *const *roles) {
    ck_assert_msg(dm_good(in->study[0].status), "%s", in->study[0].status.text);
    ck_assert_int_eq(in->study[0].study.n_passes, n);
    for (int i = 0; i < n; i++) ck_assert_str_eq(in->study[0].study.pass[i].role, roles[i]);
}

START_TEST(roles_by_time) {
    put(series("2.25.801", "CT MYELO", "101500"), "b");
    put(series("2.25.802", "CT MYELO", "101000"), "a");
    put(series("2.25.803", "CT MYELO", "103000"), "c");
    dm_ingested in = read_bag("");
    expect_roles(&in, 3, (const char *const[]){"early", "repeat", "late"});
    const dm_pass *p = in.study[0].study.pass;
    ck_assert_double_eq_tol(p[0].facts.seconds_after_first, 0, 1e-9);
    ck_assert_double_eq_tol(p[1].facts.seconds_after_first, 300, 1e-6);
    ck_assert_double_eq_tol(p[2].facts.seconds_after_first, 1200, 1e-6);
    dm_ingested_clear(&in);
}
END_TEST

START_TEST(roles_by_words_and_positions) {
    maker left = series("2.25.811", "CT MYELO", "101000"), right = series("2.25.812", "CT MYELO", "102000");
    left.position = "HFDL";
    right.position = "FFDR";
    put(left, "a");
    put(right, "b");
    put(series("2.25.813", "CT MYELO NATIVE", "090000"), "c");
    put(series("2.25.814", "CT MYELO DELAYED", "120000"), "d");
    dm_ingested in = read_bag("");
    /* Without contrast it is the earliest, and yet never the one that is measured. */
    expect_roles(&in, 4, (const char *const[]){"left", "right", "late", "pre_contrast"});
    ck_assert_double_eq_tol(in.study[0].study.pass[0].facts.seconds_after_first, 4200, 1e-6);
    dm_ingested_clear(&in);
}
END_TEST

START_TEST(words_of_the_protocol) {
    put(series("2.25.821", "CT MYELO ONE", "101000"), "a");
    put(series("2.25.822", "CT MYELO TWO", "102000"), "b");
    dm_ingested in = read_bag("[roles]\nlate = one\nearly = two\n");
    expect_roles(&in, 2, (const char *const[]){"late", "early"});
    dm_ingested_clear(&in);
}
END_TEST

START_TEST(what_is_not_selected_and_why) {
    maker thick = series("2.25.832", "CT MYELO", "102000"), part = series("2.25.833", "CT MYELO", "103000"),
          far = series("2.25.834", "CT MYELO", "104000"), recon = series("2.25.835", "CT MYELO", "101000"),
          sagittal = series("2.25.836", "CT MYELO", "105000"), derived = series("2.25.837", "CT MYELO", "101000");
    const double plane[6] = {0, 1, 0, 0, 0, -1};
    put(series("2.25.831", "CT MYELO", "101000"), "main");
    thick.step = 3;
    thick.n = 3;
    part.n = 3;
    far.first = 500;
    recon.kernel = "B70s";
    derived.image_type = "DERIVED\\SECONDARY\\AXIAL";
    memcpy(sagittal.orientation, plane, sizeof plane);
    put(thick, "thick"), put(part, "part"), put(far, "far"), put(recon, "recon"), put(derived, "derived");
    for (int i = 0; i < 4; i++) { /* sagittal slices lie side by side */
        sagittal.first = i;
        sagittal.n = 1;
        sagittal.step = 0;
        sagittal.x = i * 2;
        put(sagittal, "sagittal");
    }
    dm_ingested in = read_bag("");
    ck_assert_int_eq(in.study[0].study.n_passes, 1);
    ck_assert_int_eq(in.study[0].study.pass[0].scan.nz, 8);
    ck_assert_str_eq(in.study[0].study.pass[0].facts.kernel, "B30s");
    ck_assert_int_eq(says(&in, "not_selected: thicker slices"), 1);
    ck_assert_int_eq(says(&in, "not_selected: covers another part"), 2);
    ck_assert_int_eq(says(&in, "not_selected: taken at the same time"), 2);
    ck_assert_int_eq(says(&in, "not_selected: another plane"), 1);
    ck_assert_int_eq(in.study[0].n_exclusions, 6);
    dm_ingested_clear(&in);
}
END_TEST

START_TEST(rules_of_the_protocol) {
    maker sharp = series("2.25.841", "CT MYELO", "101000");
    sharp.kernel = "B70s";
    put(sharp, "a");
    put(series("2.25.842", "CT MYELO", "101000"), "b");
    dm_ingested in = read_bag("[series]\nkernel = b30s");
    ck_assert_str_eq(in.study[0].study.pass[0].facts.kernel, "B30s");
    dm_ingested_clear(&in);

    put(series("2.25.843", "CT MYELO", "101000"), "a");
    put(series("2.25.844", "CT MYELO AXIAL", "101000"), "b");
    in = read_bag("[series]\nprefer = axial");
    ck_assert_int_eq(says(&in, "taken at the same time"), 1);
    char first[40];
    snprintf(first, sizeof first, "%s", in.study[0].study.pass[0].facts.series_id);
    dm_ingested_clear(&in);
    put(series("2.25.844", "CT MYELO AXIAL", "101000"), "b");
    in = read_bag("");
    ck_assert_str_eq(in.study[0].study.pass[0].facts.series_id, first);
    dm_ingested_clear(&in);

    put(series("2.25.845", "CT MYELO", "101000"), "a");
    in = read_bag("[series]\norientation = sagittal");
    ck_assert_str_eq(in.study[0].status.code, "no_series");
    ck_assert_int_eq(says(&in, "not_selected: another plane than the protocol's"), 1);
    dm_ingested_clear(&in);

    put(series("2.25.846", "CT MYELO", "101000"), "a");
    in = read_bag("[series]\nmin_coverage_mm = 50");
    ck_assert_int_eq(says(&in, "min_coverage_mm"), 1);
    dm_ingested_clear(&in);

    for (int i = 0; i < 3; i++) {
        char uid[20], time[10];
        snprintf(uid, sizeof uid, "2.25.85%d", i);
        snprintf(time, sizeof time, "10%d000", i + 1);
        put(series(uid, "CT MYELO", time), uid);
    }
    in = read_bag("[series]\npasses = 2");
    ck_assert_int_eq(in.study[0].study.n_passes, 2);
    ck_assert_int_eq(says(&in, "the protocol keeps fewer passes"), 1);
    dm_ingested_clear(&in);
}
END_TEST

/* Thicker slices that reach further up are kept to count the vertebrae from; not in other coordinates, not in another position. */
START_TEST(a_series_that_reaches_further_helps_naming) {
    for (int kind = 0; kind < 3; kind++) {
        maker fine = series("2.25.871", "CT MYELO", "101000"), coarse = series("2.25.872", "CT MYELO", "102000"),
              late = series("2.25.873", "CT MYELO", "110000");
        fine.first = late.first = 9, fine.n = late.n = 20, fine.step = late.step = 5;
        coarse.n = 10, coarse.step = kind == 1 ? 8 : 12; /* 8: ends where the fine one begins */
        coarse.position = kind == 2 ? "HFP" : "HFS";
        put(fine, "a"), put(coarse, "b"), put(late, "c");
        dm_ingested in = read_bag("");
        ck_assert_double_eq_tol(in.study[0].study.pass[0].facts.slice_mm, 5, 1e-6);
        if (kind == 0)
            expect_roles(&in, 3, (const char *const[]){"early", "late", "levels"});
        else
            expect_roles(&in, 2, (const char *const[]){"early", "late"});
        ck_assert_int_eq(in.study[0].n_exclusions, kind != 0);
        dm_ingested_clear(&in);
    }
}
END_TEST

/* The best series is broken: the next one is measured, and both are told. */
START_TEST(a_broken_series_costs_itself) {
    maker broken = series("2.25.861", "CT MYELO", "101000");
    broken.n = 10;
    put(broken, "a");
    for (int i = 0; i < 2; i++) free(b.entry[--b.n].bytes); /* the ninth and tenth ... */
    broken.first = 12;
    broken.n = 2; /* ... lie further down */
    put(broken, "a");
    put(series("2.25.862", "CT MYELO", "102000"), "b");
    dm_ingested in = read_bag("");
    ck_assert_msg(dm_good(in.study[0].status), "%s", in.study[0].status.text);
    ck_assert_int_eq(in.study[0].study.pass[0].scan.nz, 8);
    ck_assert_int_eq(says(&in, "gap: 4 slices are missing"), 1);
    dm_ingested_clear(&in);
}
END_TEST

int main(void) {
    if (!mkdtemp(folder)) return 1;
    snprintf(archive, sizeof archive, "%s/a.zip", folder);
    snprintf(protocol, sizeof protocol, "%s/p.ini", folder);
    TCase *t = tcase_create("passes");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, roles_by_time);
    tcase_add_test(t, roles_by_words_and_positions);
    tcase_add_test(t, words_of_the_protocol);
    tcase_add_test(t, what_is_not_selected_and_why);
    tcase_add_test(t, rules_of_the_protocol);
    tcase_add_test(t, a_series_that_reaches_further_helps_naming);
    tcase_add_test(t, a_broken_series_costs_itself);
    int failed = cases_failed("passes", t);
    unlink(archive);
    unlink(protocol);
    rmdir(folder);
    return failed != 0;
}
