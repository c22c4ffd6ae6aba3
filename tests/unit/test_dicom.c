/* Instances written and read again in every coding, and bytes that are no image. */
#include <check.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "dicom.h"
#include "record.h"

enum { W = 37, H = 23 };

static dm_dicom_image image_of(int16_t *pixels, dm_dicom_coding coding) {
    for (int i = 0; i < W * H; i++) pixels[i] = (int16_t)((i * 7919) % 4000 - 1024);
    return (dm_dicom_image){.modality = "CT",
                            .study_uid = "2.25.1",
                            .series_uid = "2.25.2",
                            .frame_uid = "2.25.3",
                            .sop_uid = "2.25.4",
                            .patient_name = "DOE^TEST",
                            .patient_id = "T1",
                            .patient_sex = "O",
                            .patient_age = "045Y",
                            .study_description = "SPINE",
                            .series_description = "CT MYELO",
                            .protocol_name = "P",
                            .date = "20240131",
                            .time = "101530",
                            .patient_position = "HFS",
                            .kernel = "B30s",
                            .image_type = "ORIGINAL\\PRIMARY\\AXIAL",
                            .series_number = 1,
                            .instance_number = 1,
                            .rows = H,
                            .columns = W,
                            .position = {-1.5, 2.25, 100},
                            .orientation = {1, 0, 0, 0, 1, 0},
                            .spacing = {0.5, 0.625},
                            .slice_thickness = 1,
                            .kvp = 120,
                            .slope = 1,
                            .intercept = -10,
                            .has_padding = 1,
                            .padding = -2000,
                            .pixels = pixels,
                            .coding = coding};
}

START_TEST(every_coding_comes_back_exact) {
    int16_t pixels[W * H];
    int32_t back[W * H];
    dm_dicom_image m = image_of(pixels, (dm_dicom_coding)_i);
    unsigned char *bytes;
    size_t size;
    dm_dicom *d;
    ck_assert(dm_good(dm_dicom_write(&m, &bytes, &size)));
    ck_assert(dm_good(dm_dicom_parse(bytes, size, &d)));
    const dm_instance *f = dm_dicom_facts(d);
    ck_assert_str_eq(f->modality, "CT");
    ck_assert_str_eq(f->series_uid, "2.25.2");
    ck_assert_str_eq(f->description, "CT MYELO P SPINE");
    ck_assert_int_eq(f->rows, H);
    ck_assert_double_eq(f->spacing[1], 0.625);
    ck_assert_double_eq(f->position[1], 2.25);
    ck_assert_double_eq(f->intercept, -10);
    ck_assert_double_eq(f->acquired_seconds, 1706659200.0 + 10 * 3600 + 15 * 60 + 30); /* 2024-01-31 */
    ck_assert_double_eq(f->exam_seconds, f->acquired_seconds);
    ck_assert_double_eq(f->age_years, 45);
    ck_assert_int_eq(f->padding, -2000);
    ck_assert(dm_good(dm_dicom_pixels(d, 0, back)));
    for (int i = 0; i < W * H; i++) ck_assert_int_eq(back[i], pixels[i]);
    dm_dicom_free(d);
    free(bytes);
}
END_TEST

START_TEST(same_image_same_bytes) {
    int16_t pixels[W * H];
    dm_dicom_image m = image_of(pixels, (dm_dicom_coding)_i);
    unsigned char *a, *b;
    size_t na, nb;
    ck_assert(dm_good(dm_dicom_write(&m, &a, &na)));
    ck_assert(dm_good(dm_dicom_write(&m, &b, &nb)));
    ck_assert_uint_eq(na, nb);
    ck_assert_int_eq(memcmp(a, b, na), 0);
    free(a), free(b);
}
END_TEST

/* Cut at every 97th byte: never a crash, never pixels that were not there. */
START_TEST(cut_short_is_said) {
    int16_t pixels[W * H];
    int32_t back[W * H];
    dm_dicom_image m = image_of(pixels, (dm_dicom_coding)_i);
    unsigned char *bytes;
    size_t size;
    ck_assert(dm_good(dm_dicom_write(&m, &bytes, &size)));
    for (size_t cut = 0; cut + 8 < size; cut += 97) {
        unsigned char *part = malloc(cut + 1);
        memcpy(part, bytes, cut);
        dm_dicom *d = NULL;
        dm_status s = dm_dicom_parse(part, cut, &d);
        if (dm_good(s)) s = dm_dicom_pixels(d, 0, back);
        ck_assert_int_eq(s.severity, DM_STUDY);
        dm_dicom_free(d);
        free(part);
    }
    free(bytes);
}
END_TEST

START_TEST(text_is_not_dicom) {
    dm_dicom *d;
    const char *text = "a letter, not an image, and rather longer than sixteen bytes";
    dm_status s = dm_dicom_parse(text, strlen(text), &d);
    ck_assert_str_eq(s.code, "not_dicom");
    ck_assert_ptr_null(d);
}
END_TEST

/* Inputs that once ended the process or took gigabytes: an answer each time. */
START_TEST(what_the_fuzzers_found) {
    char path[1200];
    const char *source = getenv("DURAMAP_SOURCE");
    int n = 0;
    snprintf(path, sizeof path, "%s/tests/malformed/inputs", source ? source : ".");
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        char *bytes;
        size_t size;
        if (strncmp(e->d_name, "fuzz-", 5) != 0) continue;
        snprintf(path, sizeof path, "%s/tests/malformed/inputs/%s", source ? source : ".", e->d_name);
        ck_assert(dm_good(dm_file_read(path, &bytes, &size)));
        dm_dicom *d = NULL;
        dm_status s = dm_dicom_parse(bytes, size, &d);
        const dm_instance *f = d ? dm_dicom_facts(d) : NULL;
        int32_t *pixels = f && f->rows > 0 && (long)f->rows * f->columns < 1 << 24 ? malloc((size_t)f->rows * (size_t)f->columns * 4) : NULL;
        for (int k = 0; pixels && k < f->frames && dm_good(s); k++) s = dm_dicom_pixels(d, k, pixels);
        ck_assert_msg(s.severity == DM_STUDY, "%s is taken", e->d_name);
        free(pixels);
        dm_dicom_free(d);
        free(bytes);
        n++;
    }
    closedir(folder);
    ck_assert_int_ge(n, 4);
}
END_TEST

/* Codings that no library here writes, from inputs/: the largest difference from what was put in. README.md tells how. */
static int worst_difference(const char *name, int (*value)(int i)) {
    enum { WIDTH = 64, HEIGHT = 48 };
    static int32_t pixels[WIDTH * HEIGHT];
    char path[1200], *bytes;
    const char *source = getenv("DURAMAP_SOURCE");
    size_t size;
    dm_dicom *d = NULL;
    int worst = 0;
    snprintf(path, sizeof path, "%s/tests/malformed/inputs/%s", source ? source : ".", name);
    ck_assert(dm_good(dm_file_read(path, &bytes, &size)));
    dm_status s = dm_dicom_parse(bytes, size, &d);
    ck_assert_msg(dm_good(s), "%s: %s", name, s.text);
    s = dm_dicom_pixels(d, 0, pixels);
    ck_assert_msg(dm_good(s), "%s: %s", name, s.text);
    for (int i = 0; i < WIDTH * HEIGHT; i++) {
        int difference = abs(pixels[i] - value(i));
        if (difference > worst) worst = difference;
    }
    dm_dicom_free(d);
    free(bytes);
    return worst;
}

static int scattered(int i) {
    return i * 7919 % 4000 - 1024;
}
static int seven_bits(int i) {
    return i * 7919 % 128;
}
static int smooth(int i) {
    return (int)(400 * sin(i % 64 * 0.2) * cos(i / 64 * 0.15) + 100); /* NOLINT(bugprone-integer-division) */
}

START_TEST(codings_that_others_write) {
    ck_assert_int_eq(worst_difference("htj2k-lossless.dcm", scattered), 0);
    ck_assert_int_eq(worst_difference("htj2k-rpcl.dcm", scattered), 0);
    ck_assert_int_le(worst_difference("htj2k-lossy.dcm", smooth), 12); /* as its own library gives it back */
    ck_assert_int_eq(worst_difference("jpegls-seven-bits.dcm", seven_bits), 0);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("dicom");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, every_coding_comes_back_exact, 0, 4);
    tcase_add_loop_test(t, same_image_same_bytes, 0, 4);
    tcase_add_loop_test(t, cut_short_is_said, 0, 4);
    tcase_add_test(t, text_is_not_dicom);
    tcase_add_test(t, what_the_fuzzers_found);
    tcase_add_test(t, codings_that_others_write);
    return cases_failed("dicom", t) != 0;
}
