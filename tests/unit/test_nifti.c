/* NIfTI in and out: values, geometry and the ways a file can be wrong. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "nifti.h"

static char folder[64];

static void make_folder(void) {
    strcpy(folder, "/tmp/duramap-nifti-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void drop_folder(void) {
    char command[100];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static const char *in_folder(const char *name) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static dm_scan make_scan(double shear) {
    dm_scan s = {.nx = 5, .ny = 4, .nz = 3, .scale = 1, .offset = -1024};
    dm_affine a = {{{0.5, 0, 0, -10}, {0, 0.6, shear, 20}, {0, 0, -2, 300}}};
    s.to_lps = a;
    s.v = malloc(60 * sizeof *s.v);
    ck_assert_ptr_nonnull(s.v);
    for (int i = 0; i < 60; i++) s.v[i] = (int16_t)(i * 37 - 900);
    return s;
}

static void check_round_trip(const char *name, double shear) {
    dm_scan s = make_scan(shear), t;
    dm_status status = dm_nifti_write(in_folder(name), &s);
    ck_assert_msg(status.severity == DM_OK, "%s", status.text);
    status = dm_nifti_read(in_folder(name), &t);
    ck_assert_msg(status.severity == DM_OK, "%s", status.text);
    ck_assert_int_eq(t.nx, 5);
    ck_assert_int_eq(t.ny, 4);
    ck_assert_int_eq(t.nz, 3);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++) ck_assert_double_eq_tol(t.to_lps.m[r][c], s.to_lps.m[r][c], 1e-5);
    for (int i = 0; i < 60; i++)
        ck_assert_double_eq_tol((double)(t.scale * (float)t.v[i] + t.offset), s.v[i] - 1024.0, 1e-3);
    dm_scan_clear(&s);
    dm_scan_clear(&t);
}

START_TEST(keeps_values_and_geometry) {
    check_round_trip("a.nii", 0);
    check_round_trip("b.nii.gz", 0);
    check_round_trip("sheared.nii", 0.7);
}
END_TEST

START_TEST(writes_the_same_bytes_twice) {
    dm_scan s = make_scan(0);
    ck_assert_int_eq(dm_nifti_write(in_folder("one.nii.gz"), &s).severity, DM_OK);
    sleep(1);
    ck_assert_int_eq(dm_nifti_write(in_folder("two.nii.gz"), &s).severity, DM_OK);
    char command[300];
    snprintf(command, sizeof command, "cmp %s/one.nii.gz %s/two.nii.gz", folder, folder);
    ck_assert_int_eq(system(command), 0);
    dm_scan_clear(&s);
}
END_TEST

/* Overwrites bytes of a written header. */
static void patch(const char *path, long at, const void *bytes, size_t n) {
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, at, SEEK_SET);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

static void expect_code(const char *path, const char *code) {
    dm_scan t;
    dm_status s = dm_nifti_read(path, &t);
    ck_assert_str_eq(s.code, code);
    ck_assert_int_eq(s.severity, DM_STUDY);
    ck_assert_ptr_null(t.v);
}

START_TEST(refuses_what_it_cannot_trust) {
    dm_scan s = make_scan(0);
    const int16_t zero[2] = {0, 0}, four_d[8] = {4, 5, 4, 3, 2, 1, 1, 1}, rgb[2] = {128, 24};
    const char *p = in_folder("x.nii");
    expect_code(p, "file_missing");
    ck_assert_int_eq(dm_nifti_write(p, &s).severity, DM_OK);
    patch(p, 252, zero, 4); /* qform_code, sform_code */
    expect_code(p, "nifti_no_orientation");
    ck_assert_int_eq(dm_nifti_write(p, &s).severity, DM_OK);
    patch(p, 40, four_d, 16);
    expect_code(p, "nifti_not_3d");
    ck_assert_int_eq(dm_nifti_write(p, &s).severity, DM_OK);
    patch(p, 70, rgb, 4);
    expect_code(p, "nifti_type");
    ck_assert_int_eq(dm_nifti_write(p, &s).severity, DM_OK);
    ck_assert_int_eq(truncate(p, 400), 0);
    expect_code(p, "nifti_truncated");
    ck_assert_int_eq(truncate(p, 10), 0);
    expect_code(p, "nifti_header");
    expect_code("/", "nifti_header");
    dm_scan_clear(&s);
}
END_TEST

/* A float file with values that are no whole numbers, and one not-a-number. */
START_TEST(spreads_floats_over_16_bits) {
    dm_scan s = make_scan(0), t;
    const char *p = in_folder("f.nii");
    ck_assert_int_eq(dm_nifti_write(p, &s).severity, DM_OK);
    const int16_t type[2] = {16, 32};
    const float plain[2] = {1, 0};
    float v[60];
    for (int i = 0; i < 60; i++) v[i] = (float)i * 13.37f - 100.25f;
    v[7] = NAN;
    patch(p, 70, type, 4);
    patch(p, 112, plain, 8);
    patch(p, 352, v, sizeof v);
    dm_status status = dm_nifti_read(p, &t);
    ck_assert_msg(status.severity == DM_OK, "%s", status.text);
    for (int i = 0; i < 60; i++)
        if (i != 7) ck_assert_double_eq_tol((double)(t.scale * (float)t.v[i] + t.offset), (double)v[i], 0.01);
    dm_scan_clear(&s);
    dm_scan_clear(&t);
}
END_TEST

/* The same volume as NIfTI-2, written field by field from the standard's table. */
static void write_nifti2(const char *path, const dm_scan *v, int sform, int qform) {
    unsigned char h[544] = {0};
    const int32_t size = 540, codes[2] = {qform, sform};
    const int16_t type[2] = {4, 16};
    const int64_t dim[8] = {3, v->nx, v->ny, v->nz, 1, 1, 1, 1}, at = 544;
    /* Half a turn round z, as quaternion (0, 0, 0, 1): x and y of RAS turned to those of LPS. */
    const double pixdim[8] = {1, 0.5, 0.6, 2, 1, 1, 1, 1}, scale[2] = {1, -1024}, quatern[6] = {0, 0, 1, 10, -20, 300};
    const double rows[12] = {-0.5, 0, 0, 10, 0, -0.6, 0, -20, 0, 0, 2, 300};
    memcpy(h, &size, 4);
    memcpy(h + 4, "n+2\0\r\n\032\n", 8);
    memcpy(h + 12, type, 4);
    memcpy(h + 16, dim, sizeof dim);
    memcpy(h + 104, pixdim, sizeof pixdim);
    memcpy(h + 168, &at, 8);
    memcpy(h + 176, scale, sizeof scale);
    memcpy(h + 344, codes, sizeof codes);
    memcpy(h + 352, quatern, sizeof quatern);
    memcpy(h + 400, rows, sizeof rows);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(h, 1, sizeof h, f), sizeof h);
    ck_assert_uint_eq(fwrite(v->v, 2, 60, f), 60);
    fclose(f);
}

/* sform alone, qform alone, and both: the same place. */
START_TEST(reads_nifti_2_by_both_affines) {
    static const int codes[3][2] = {{1, 0}, {0, 1}, {1, 1}};
    const double want[3][4] = {{0.5, 0, 0, -10}, {0, 0.6, 0, 20}, {0, 0, 2, 300}};
    for (int i = 0; i < 3; i++) {
        dm_scan s = make_scan(0), t;
        write_nifti2(in_folder("two.nii"), &s, codes[i][0], codes[i][1]);
        dm_status status = dm_nifti_read(in_folder("two.nii"), &t);
        ck_assert_msg(status.severity == DM_OK, "%s", status.text);
        ck_assert_int_eq(t.nz, 3);
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 4; c++) ck_assert_double_eq_tol(t.to_lps.m[r][c], want[r][c], 1e-6);
        for (int k = 0; k < 60; k++)
            ck_assert_double_eq_tol((double)(t.scale * (float)t.v[k] + t.offset), s.v[k] - 1024.0, 1e-3);
        dm_scan_clear(&s);
        dm_scan_clear(&t);
    }
}
END_TEST

START_TEST(says_when_it_cannot_write) {
    dm_scan s = make_scan(0);
    ck_assert_str_eq(dm_nifti_write("/nowhere/at/all/x.nii", &s).code, "nifti_write");
    dm_scan_clear(&s);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("nifti");
    tcase_add_checked_fixture(t, make_folder, drop_folder);
    tcase_add_test(t, keeps_values_and_geometry);
    tcase_add_test(t, writes_the_same_bytes_twice);
    tcase_add_test(t, refuses_what_it_cannot_trust);
    tcase_add_test(t, spreads_floats_over_16_bits);
    tcase_add_test(t, reads_nifti_2_by_both_affines);
    tcase_add_test(t, says_when_it_cannot_write);
    int failed = cases_failed("nifti", t);
    return failed ? 1 : 0;
}
