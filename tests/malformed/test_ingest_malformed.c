/* Archives that are wrong in the ways archives are: every one is said, none is measured as if it were whole.
 */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "cases.h"
#include "dicom.h"
#include "ingest.h"

enum { W = 48, H = 40, SLICES = 24 };

static dm_protocols protocols;
static const dm_key key = {{7}};
static char folder[] = "/tmp/duramap-test-XXXXXX";
static const char *shared;

typedef struct blob {
    unsigned char *bytes;
    size_t size;
} blob;

static const char *in_folder(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static blob make_slice(int k, dm_dicom_coding coding) {
    int16_t pixels[W * H];
    char sop[32];
    for (int i = 0; i < W * H; i++) pixels[i] = (int16_t)((i * 7919 + k * 131) % 3000 - 1024);
    snprintf(sop, sizeof sop, "2.25.77.%d", k + 1);
    dm_dicom_image m = {.modality = "CT",
                        .study_uid = "2.25.75",
                        .series_uid = "2.25.76",
                        .frame_uid = "2.25.78",
                        .sop_uid = sop,
                        .patient_name = "SECRET^NAME",
                        .patient_id = "SECRETID",
                        .patient_sex = "O",
                        .patient_age = "045Y",
                        .study_description = "SPINE SECRETTEXT",
                        .series_description = "CT MYELO THIN",
                        .protocol_name = "MYELO",
                        .date = "20240131",
                        .time = "101530",
                        .patient_position = "HFS",
                        .kernel = "B30s",
                        .image_type = "ORIGINAL\\PRIMARY\\AXIAL",
                        .series_number = 1,
                        .instance_number = k + 1,
                        .rows = H,
                        .columns = W,
                        .position = {-10, -12, -k * 1.0},
                        .orientation = {1, 0, 0, 0, 1, 0},
                        .spacing = {0.5, 0.5},
                        .slice_thickness = 1,
                        .kvp = 120,
                        .slope = 1,
                        .intercept = 0,
                        .pixels = pixels,
                        .coding = coding};
    blob b = {NULL, 0};
    ck_assert(dm_good(dm_dicom_write(&m, &b.bytes, &b.size)));
    return b;
}

/* Takes any CT of three slices and more. */
static void load_protocols(void) {
    const char *path = in_folder("any_ct.ini");
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fputs("[protocol]\nmodality = ct\ncontrast = iodine\n[match]\nmin_slices = 3\npriority = 1\n", f);
    fclose(f);
    dm_status s = dm_protocols_load(path, &protocols);
    ck_assert_msg(dm_good(s), "%s", s.text);
}

static void drop_protocols(void) {
    dm_protocols_clear(&protocols);
}

/* Changes one slice on its way into the archive; NULL = none. Returns 0 to leave it out. */
typedef int (*harm)(int k, blob *b);

static void write_study(const char *path, dm_dicom_coding coding, harm change) {
    dm_archive_writer *w;
    ck_assert(dm_good(dm_archive_create(path, &w)));
    for (int k = 0; k < SLICES; k++) {
        char name[32];
        blob b = make_slice(k, coding);
        snprintf(name, sizeof name, "SECRET/IM%03d", k);
        if (!change || change(k, &b)) ck_assert(dm_good(dm_archive_add(w, name, b.bytes, b.size)));
        free(b.bytes);
    }
    ck_assert(dm_good(dm_archive_finish(w)));
}

static void no_secret(const char *text) {
    ck_assert_msg(!strstr(text, "SECRET") && !strstr(text, "2.25."), "a header value in: %s", text);
}

static dm_status ingest(const char *path, dm_ingested *in) {
    dm_status s = dm_ingest(path, &(dm_ingest_options){.protocols = &protocols, .key = &key, .threads = 2, .hold = 1u << 30}, in);
    no_secret(s.text);
    for (int i = 0; i < in->n; i++) {
        no_secret(in->study[i].status.text);
        for (int k = 0; k < in->study[i].n_exclusions; k++) no_secret(in->study[i].exclusions[k].reason);
    }
    return s;
}

/* The source as a whole is refused with this code, the text names it. */
static void expect_source(const char *name, const char *code) {
    dm_ingested in;
    dm_status s = ingest(in_folder(name), &in);
    ck_assert_msg(!strcmp(s.code, code), "%s: %s: %s", name, s.code, s.text);
    ck_assert_int_eq(s.severity, DM_STUDY);
    ck_assert_ptr_nonnull(strstr(s.text, name));
    ck_assert_int_eq(in.n, 0);
    dm_ingested_clear(&in);
}

/* The one study of the source is refused with this code. */
static void expect_study(const char *name, const char *code) {
    dm_ingested in;
    dm_status s = ingest(in_folder(name), &in);
    ck_assert_msg(dm_good(s), "%s: %s", name, s.text);
    ck_assert_int_eq(in.n, 1);
    ck_assert_msg(!strcmp(in.study[0].status.code, code), "%s: %s: %s", name, in.study[0].status.code,
                  in.study[0].status.text);
    ck_assert_int_gt(in.study[0].n_exclusions, 0);
    dm_ingested_clear(&in);
}

START_TEST(a_whole_study_is_taken) {
    dm_ingested in;
    write_study(in_folder("whole.zip"), (dm_dicom_coding)_i, NULL);
    dm_status s = ingest(in_folder("whole.zip"), &in);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_int_eq(in.n, 1);
    ck_assert_msg(dm_good(in.study[0].status), "%s", in.study[0].status.text);
    const dm_scan *v = &in.study[0].study.pass[0].scan;
    ck_assert_int_eq(v->nz, SLICES);
    ck_assert_str_eq(in.study[0].study.qc, "");
    ck_assert_int_eq(in.study[0].n_exclusions, 0);
    dm_ingested_clear(&in);
}
END_TEST

static void cut(const char *path, double share) {
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(truncate(path, (off_t)((double)st.st_size * share)), 0);
}

START_TEST(truncated_archives) {
    static const char *const name[] = {"cut.tar.gz", "cut.tar", "cut.tar.zst"};
    write_study(in_folder(name[_i]), DM_DICOM_PLAIN, NULL);
    cut(in_folder(name[_i]), 0.6);
    expect_source(name[_i], "damaged_archive");
}
END_TEST

static void flip(const char *path, double share) {
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    FILE *f = fopen(path, "r+b");
    long at = (long)((double)st.st_size * share);
    fseek(f, at, SEEK_SET);
    int c = fgetc(f);
    fseek(f, at, SEEK_SET);
    fputc(c ^ 0x08, f);
    fclose(f);
}

START_TEST(a_flipped_byte_in_gzip) {
    write_study(in_folder("flip.tar.gz"), DM_DICOM_PLAIN, NULL);
    flip(in_folder("flip.tar.gz"), 0.51);
    expect_source("flip.tar.gz", "damaged_archive");
}
END_TEST

/* The slice falls out by its checksum, the gap is seen: nothing is closed up. */
START_TEST(a_flipped_byte_in_zip) {
    write_study(in_folder("flip.zip"), DM_DICOM_PLAIN, NULL);
    flip(in_folder("flip.zip"), 0.51);
    expect_study("flip.zip", "gap");
}
END_TEST

static int cut_pixels(int k, blob *b) {
    if (k == 11) b->size -= W * H;
    return 1;
}

/* The library calls a half-filled image good. */
START_TEST(truncated_pixels) {
    write_study(in_folder("pixels.zip"), (dm_dicom_coding)_i, cut_pixels);
    expect_study("pixels.zip", "gap");
}
END_TEST

static int leave_out(int k, blob *b) {
    (void)b;
    return k != 5 && k != 6;
}

START_TEST(missing_slices) {
    write_study(in_folder("missing.tar.zst"), DM_DICOM_PLAIN, leave_out);
    expect_study("missing.tar.zst", "gap");
}
END_TEST

/* A sequence 20 000 deep: a crash of the process if it reached the library. */
static int nest(int k, blob *b) {
    enum { DEPTH = 20000 };
    if (k != 3) return 1;
    static const unsigned char level[20] = {0x40, 0,    0x75, 2,    'S', 'Q',  0,    0,    0xff, 0xff,
                                            0xff, 0xff, 0xfe, 0xff, 0,   0xe0, 0xff, 0xff, 0xff, 0xff};
    unsigned char *grown = realloc(b->bytes, b->size + DEPTH * sizeof level);
    ck_assert_ptr_nonnull(grown);
    b->bytes = grown;
    for (int i = 0; i < DEPTH; i++, b->size += sizeof level) memcpy(b->bytes + b->size, level, sizeof level);
    return 1;
}

START_TEST(a_nesting_bomb) {
    write_study(in_folder("bomb.zip"), DM_DICOM_PLAIN, nest);
    expect_study("bomb.zip", "gap");
}
END_TEST

static int all_bad(int k, blob *b) {
    (void)k;
    b->size = 700;
    return 1;
}

START_TEST(nothing_readable_in_it) {
    write_study(in_folder("none.zip"), DM_DICOM_PLAIN, all_bad);
    expect_source("none.zip", "damaged_dicom");
    dm_archive_writer *w;
    ck_assert(dm_good(dm_archive_create(in_folder("nil.tar.gz"), &w)));
    ck_assert(dm_good(dm_archive_finish(w)));
    expect_source("nil.tar.gz", "empty_archive");
}
END_TEST

static uint32_t dice(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

/* Bytes of headers and pixels changed at random (the same every time): an answer each time, whatever it is.
 */
START_TEST(changed_bytes_never_crash) {
    uint64_t state = 1234567u + (unsigned)_i;
    int32_t *pixels = malloc(65535u * 64 * sizeof *pixels);
    ck_assert_ptr_nonnull(pixels);
    blob b = make_slice(1, (dm_dicom_coding)_i);
    unsigned char *copy = malloc(b.size);
    for (int round = 0; round < 300; round++) {
        memcpy(copy, b.bytes, b.size);
        size_t within = round & 1 ? b.size : 1200;
        for (int k = 0; k < 1 + round % 7; k++)
            copy[132 + dice(&state) % (within - 132)] = (unsigned char)dice(&state);
        dm_dicom *d = NULL;
        dm_status s = dm_dicom_parse(copy, b.size, &d);
        if (dm_good(s)) {
            const dm_instance *f = dm_dicom_facts(d);
            if ((int64_t)f->rows * f->columns <= 65535 * 64) s = dm_dicom_pixels(d, 0, pixels);
        }
        ck_assert_int_le(s.severity, DM_STUDY);
        no_secret(s.text);
        dm_dicom_free(d);
    }
    free(copy);
    free(b.bytes);
    free(pixels);
}
END_TEST

/* One folder of the zoo as a folder of its own. */
static void unpack(const char *part) {
    char path[700];
    dm_archive *a;
    dm_entry e;
    int more = 1, n = 0;
    snprintf(path, sizeof path, "%s/dicom-zoo.tar.zst", shared);
    ck_assert(dm_good(dm_archive_open(path, NULL, &a)));
    mkdir(in_folder(part), 0755);
    while (dm_good(dm_archive_next(a, &e, &more)) && more) {
        const char *slash = strrchr(e.name, '/');
        if (!strstr(e.name, part) || !slash) continue;
        snprintf(path, sizeof path, "%s/%s/%04d", folder, part, n++);
        FILE *f = fopen(path, "wb");
        ck_assert_ptr_nonnull(f);
        ck_assert_uint_eq(fwrite(e.bytes, 1, e.size, f), e.size);
        fclose(f);
    }
    dm_archive_close(a);
    ck_assert_int_gt(n, 0);
}

static int mentions(const dm_ingested *in, const char *word) {
    for (int i = 0; i < in->n; i++) {
        if (strstr(in->study[i].status.text, word) || strstr(in->study[i].status.code, word)) return 1;
        for (int k = 0; k < in->study[i].n_exclusions; k++)
            if (strstr(in->study[i].exclusions[k].reason, word)) return 1;
    }
    return 0;
}

/* Slice steps of 1.1 to 7.4 mm, a gantry tilt: refused by reason, not straightened. */
START_TEST(uneven_real_slices) {
    dm_ingested in;
    if (!shared) return;
    unpack("tilt-ge-uneven");
    dm_status s = ingest(in_folder("tilt-ge-uneven"), &in);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_int_eq(in.n, 1);
    ck_assert_int_eq(in.study[0].study.n_passes, 0);
    ck_assert_msg(mentions(&in, "uneven"), "%s: %s", in.study[0].status.code, in.study[0].status.text);
    dm_ingested_clear(&in);
}
END_TEST

/* Real gantry tilt (series at -18.5 and +16.5 degrees) with steps of 2.5 mm straight along z: kept as shear.
 */
START_TEST(tilted_real_slices) {
    dm_ingested in;
    if (!shared) return;
    unpack("tilt-philips");
    dm_status s = ingest(in_folder("tilt-philips"), &in);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_int_eq(in.n, 1);
    ck_assert_msg(dm_good(in.study[0].status), "%s", in.study[0].status.text);
    const dm_pass *p = &in.study[0].study.pass[0];
    ck_assert_double_eq_tol(p->facts.slice_mm, 2.371, 0.05);
    ck_assert_double_eq_tol(fabs(p->facts.tilt_deg), 18.5, 2.5);
    ck_assert_double_eq_tol(fabs(p->scan.to_lps.m[2][2]), 2.5, 0.002);
    ck_assert_double_eq_tol(p->scan.to_lps.m[1][2], 0, 0.01);
    dm_ingested_clear(&in);
}
END_TEST

/* Enhanced objects: 64 frames of two echoes at 32 places, and four objects of six frames, one for each moment. What they hold was
 * read from their functional groups by pydicom. */
START_TEST(enhanced_real_frames) {
    static const struct {
        const char *part;
        int nz, volumes;
        double step, pixel;
        const char *by;
    } row[] = {{"IM_0027_fMAP", 32, 2, 4.0, 4.0, "echo time"}, {"XA10", 6, 4, 2.4, 3.375, "temporal position"}};
    if (!shared) return;
    FILE *f = fopen(in_folder("mr.ini"), "w");
    ck_assert_ptr_nonnull(f);
    fputs("[protocol]\nmodality = mr\ncontrast = fluid\n[match]\nmin_slices = 3\n", f);
    fclose(f);
    dm_protocols_clear(&protocols);
    ck_assert(dm_good(dm_protocols_load(in_folder("mr.ini"), &protocols)));
    for (int i = 0; i < 2; i++) {
        dm_ingested in;
        unpack(row[i].part);
        ck_assert(dm_good(ingest(in_folder(row[i].part), &in)));
        ck_assert_int_eq(in.n, 1);
        const dm_ingested_study *s = &in.study[0];
        ck_assert_msg(dm_good(s->status), "%s", s->status.text);
        ck_assert_int_eq(s->study.pass[0].scan.nz, row[i].nz);
        ck_assert_double_eq_tol(s->study.pass[0].facts.slice_mm, row[i].step, 0.01);
        ck_assert_double_eq_tol(s->study.pass[0].facts.pixel_mm, row[i].pixel, 0.01);
        int volumes = s->study.n_passes;
        for (int k = 0; k < s->n_exclusions; k++) volumes += !strncmp(s->exclusions[k].reason, "not_selected", 12);
        ck_assert_int_eq(volumes, row[i].volumes);
        ck_assert(mentions(&in, row[i].by));
        dm_ingested_clear(&in);
    }
    dm_protocols_clear(&protocols);
    load_protocols();
}
END_TEST

int main(void) {
    shared = getenv("DURAMAP_SHARED");
    if (shared && access(shared, R_OK) != 0) shared = NULL;
    if (!shared) printf("SKIPPED in part: DURAMAP_SHARED names no folder with the real scans\n");
    if (!mkdtemp(folder)) return 1;
    TCase *t = tcase_create("ingest_malformed");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, load_protocols, drop_protocols);
    tcase_add_loop_test(t, a_whole_study_is_taken, 0, 4);
    tcase_add_loop_test(t, truncated_archives, 0, 3);
    tcase_add_test(t, a_flipped_byte_in_gzip);
    tcase_add_test(t, a_flipped_byte_in_zip);
    tcase_add_loop_test(t, truncated_pixels, 0, 4);
    tcase_add_test(t, missing_slices);
    tcase_add_test(t, a_nesting_bomb);
    tcase_add_test(t, nothing_readable_in_it);
    tcase_add_loop_test(t, changed_bytes_never_crash, 0, 4);
    tcase_add_test(t, uneven_real_slices);
    tcase_add_test(t, tilted_real_slices);
    tcase_add_test(t, enhanced_real_frames);
    int failed = cases_failed("ingest_malformed", t);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed != 0;
}
