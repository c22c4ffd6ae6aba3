/* Volumes from instances: order, spacing, gaps, duplicates, tilt, orientation, rescale, padding. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "series_plan.h"

/* Assembles n images as dm_series_volume does, `rules` NULL = strict. */
static dm_status assemble_by(const plan *p, const dm_series_rules *rules, dm_scan *scan, dm_series_report *report) {
    dm_image image[32], *images[32];
    for (int i = 0; i < p->n; i++) {
        images[i] = &image[i];
        image[i] = (dm_image){.dicom = instance(p, i), .number = (uint64_t)i};
        image[i].facts = *dm_dicom_facts(image[i].dicom);
        if (p->edit) p->edit(i, &image[i].facts);
    }
    dm_status s = dm_series_volume(images, p->n, rules, &(dm_series_means){.threads = 2}, scan, report);
    for (int i = 0; i < p->n; i++) dm_dicom_free(image[i].dicom);
    return s;
}

static dm_status assemble(const plan *p, dm_scan *scan, dm_series_report *report) {
    return assemble_by(p, NULL, scan, report);
}

START_TEST(order_is_by_place) {
    plan p = plain();
    dm_scan scan;
    dm_series_report r;
    double at[3] = {0, 0, 0}, lps[3];
    ck_assert(dm_good(assemble(&p, &scan, &r)));
    ck_assert_int_eq(scan.nx, W);
    ck_assert_int_eq(scan.ny, H);
    ck_assert_int_eq(scan.nz, N);
    ck_assert_double_eq_tol(r.slice_mm, 2.5, 1e-9);
    ck_assert_int_eq(r.padded, N);
    dm_affine_apply(&scan.to_lps, at, lps); /* the first slice is the lowest along the normal (+z) */
    ck_assert_double_eq_tol(lps[2], 50 - 2.5 * (N - 1), 1e-9);
    ck_assert_double_eq_tol(lps[0], -4, 1e-9);
    at[0] = 2, at[1] = 3, at[2] = N - 1;
    dm_affine_apply(&scan.to_lps, at, lps);
    ck_assert_double_eq_tol(lps[0], -3, 1e-9);
    ck_assert_double_eq_tol(lps[1], 7 + 3 * 0.75, 1e-9);
    ck_assert_double_eq_tol(lps[2], 50, 1e-9);
    for (int k = 0; k < N; k++) {
        ck_assert_int_eq(scan.v[k * W * H], -1024);                               /* padding */
        ck_assert_int_eq(scan.v[k * W * H + 5], 100 * (N - 1 - k) + 5 - 1000);    /* rescale */
    }
    dm_scan_clear(&scan);
}
END_TEST

START_TEST(tilt_becomes_shear) {
    plan p = plain();
    p.y_step = tan(18.5 * 3.14159265358979 / 180);
    dm_scan scan;
    dm_series_report r;
    ck_assert(dm_good(assemble(&p, &scan, &r)));
    ck_assert_double_eq_tol(r.tilt_deg, 18.5, 1e-6);
    double at[3] = {0, 0, N - 1}, lps[3];
    dm_affine_apply(&scan.to_lps, at, lps);
    ck_assert_double_eq_tol(lps[1], 7 + p.y_step * 50, 1e-6);
    dm_scan_clear(&scan);
}
END_TEST

START_TEST(sagittal_slices_keep_their_place) {
    plan p = plain();
    const double sagittal[6] = {0, 1, 0, 0, 0, -1};
    memcpy(p.orientation, sagittal, sizeof sagittal);
    dm_scan scan;
    dm_series_report r;
    /* every slice has the same x: along their normal they lie at one place */
    dm_status s = assemble(&p, &scan, &r);
    ck_assert_str_eq(s.code, "overlapping");
}
END_TEST

START_TEST(a_missing_slice_is_refused) {
    plan p = plain();
    for (int i = 4; i < N; i++) p.z[i] -= 2.5;
    dm_scan scan;
    dm_series_report r;
    dm_status s = assemble(&p, &scan, &r);
    ck_assert_str_eq(s.code, "gap");
    ck_assert_ptr_nonnull(strstr(s.text, "1 slices are missing"));
    ck_assert_ptr_null(scan.v);
}
END_TEST

START_TEST(uneven_spacing_is_refused) {
    plan p = plain();
    p.z[3] += 0.9;
    dm_scan scan;
    dm_series_report r;
    ck_assert_str_eq(assemble(&p, &scan, &r).code, "uneven_spacing");
}
END_TEST

START_TEST(identical_images_are_dropped_and_counted) {
    plan p = plain();
    p.same_pixels = 1;
    p.z[p.n++] = p.z[2];
    dm_scan scan;
    dm_series_report r;
    ck_assert(dm_good(assemble(&p, &scan, &r)));
    ck_assert_int_eq(scan.nz, N);
    ck_assert_int_eq(r.duplicates, 1);
    dm_scan_clear(&scan);
    p.same_pixels = 0;
    ck_assert_str_eq(assemble(&p, &scan, &r).code, "overlapping");
}
END_TEST

START_TEST(small_mr_signal_keeps_its_grey_levels) {
    plan p = plain();
    p.modality = "MR";
    p.slope = 0.001;
    p.intercept = 0;
    dm_scan scan;
    dm_series_report r;
    ck_assert(dm_good(assemble(&p, &scan, &r)));
    ck_assert_double_eq_tol((double)(scan.scale * (float)scan.v[(N - 1) * W * H + 7]), 0.007, 1e-4);
    ck_assert_double_eq_tol((double)(scan.scale * (float)scan.v[7]), 0.707, 1e-4);
    dm_scan_clear(&scan);
}
END_TEST

START_TEST(slices_moved_sideways_are_refused) {
    plan p = plain();
    dm_scan scan;
    dm_series_report r;
    p.shift_x = 3;
    ck_assert_str_eq(assemble(&p, &scan, &r).code, "shifted_slices");
    ck_assert_ptr_null(scan.v);
    p.shift_x = 0.05; /* rounding in the header */
    ck_assert(dm_good(assemble(&p, &scan, &r)));
    dm_scan_clear(&scan);
}
END_TEST

START_TEST(what_may_stand_in_one_volume) {
    plan p = plain();
    dm_dicom *d = instance(&p, 0);
    const dm_instance a = *dm_dicom_facts(d);
    dm_instance b = a;
    ck_assert_int_eq(dm_series_fits(&a, &b), 1);
    strcpy(b.image_type, "ORIGINAL\\PRIMARY\\AXIAL\\HELIX"); /* the fourth value is the maker's own */
    ck_assert_int_eq(dm_series_fits(&a, &b), 1);
    strcpy(b.image_type, "DERIVED\\PRIMARY\\AXIAL");
    ck_assert_int_eq(dm_series_fits(&a, &b), 0);
    strcpy(b.image_type, "ORIGINAL\\PRIMARY");
    ck_assert_int_eq(dm_series_fits(&a, &b), 0);
    b = a;
    strcpy(b.frame_uid, "2.25.99"); /* as de-identification may leave it */
    ck_assert_int_eq(dm_series_fits(&a, &b), 1);
    b = a;
    b.orientation[1] = 0.01;
    ck_assert_int_eq(dm_series_fits(&a, &b), 0);
    b = a;
    b.spacing[0] += 0.01;
    ck_assert_int_eq(dm_series_fits(&a, &b), 0);
    dm_dicom_free(d);
}
END_TEST

/* ---- what the protocol may allow ---- */

START_TEST(gaps_are_filled_when_allowed) {
    static const dm_series_rules fill = {.fill_gaps = 1};
    plan p = plain();
    dm_scan scan;
    dm_series_report r;
    for (int i = 4; i < N; i++) p.z[i] -= 2 * 2.5; /* two slices lack */
    p.z[p.n] = p.z[p.n - 1] - 2.5, p.n++;           /* a hole of more than a quarter would not be filled */
    for (int i = 0; i < 5; i++) p.z[p.n] = p.z[p.n - 1] - 2.5, p.n++;
    ck_assert(dm_good(assemble_by(&p, &fill, &scan, &r)));
    ck_assert_int_eq(r.gaps, 2);
    ck_assert_int_eq(scan.nz, p.n + 2);
    ck_assert_double_eq_tol(scan.to_lps.m[2][2], 2.5, 1e-9);
    /* Slices 3 and 4 of the plan lie round the hole; from below they are numbers n - 4 - 1 + 2 and two further down. */
    int k = p.n - 5, at = 5;
    int16_t below = scan.v[(size_t)(k - 0) * W * H + (size_t)at], above = scan.v[(size_t)(k + 3) * W * H + (size_t)at];
    ck_assert_int_eq(above - below, -100);
    ck_assert_int_le(abs(scan.v[(size_t)(k + 1) * W * H + (size_t)at] - (below - 33)), 1);
    ck_assert_int_le(abs(scan.v[(size_t)(k + 2) * W * H + (size_t)at] - (below - 67)), 1);
    dm_scan_clear(&scan);
    for (int i = 4; i < p.n; i++) p.z[i] -= 30;
    ck_assert_str_eq(assemble_by(&p, &fill, &scan, &r).code, "gap");
}
END_TEST

START_TEST(uneven_slices_are_resampled_when_allowed) {
    static const dm_series_rules resample = {.resample_uneven = 1};
    plan p = plain();
    dm_scan scan;
    dm_series_report r;
    p.z[3] += 0.9;
    ck_assert(dm_good(assemble_by(&p, &resample, &scan, &r)));
    ck_assert_int_eq(r.resampled, 1);
    ck_assert_int_eq(scan.nz, N);
    ck_assert_double_eq_tol(scan.to_lps.m[2][2], 2.5, 1e-9);
    /* Where slice 3 should lie its neighbour below (number 4, 2.5 mm on) and itself, 0.9 mm too high, are mixed. */
    double want = 100 * (4 * 0.9 / 3.4 + 3 * 2.5 / 3.4) + 5 - 1000;
    ck_assert_double_eq_tol(scan.v[(size_t)(N - 1 - 3) * W * H + 5], want, 1);
    dm_scan_clear(&scan);
}
END_TEST

/* ---- values ---- */

static void set_own_rescale(int i, dm_instance *f) {
    f->slope = 1 + i;
    f->intercept = -10 * i;
}

START_TEST(every_slice_is_rescaled_by_its_own_values) {
    plan p = plain();
    dm_scan scan;
    dm_series_report r;
    p.edit = set_own_rescale;
    ck_assert(dm_good(assemble(&p, &scan, &r)));
    for (int i = 0; i < N; i++)
        ck_assert_int_eq(scan.v[(size_t)(N - 1 - i) * W * H + 7], (100 * i + 7) * (1 + i) - 10 * i);
    dm_scan_clear(&scan);
}
END_TEST

static void set_range(int i, dm_instance *f) {
    (void)i;
    f->padding = -2000;
    f->padding_limit = 3;
}

START_TEST(a_range_of_padding) {
    plan p = plain();
    dm_scan scan;
    dm_series_report r;
    p.same_pixels = 1; /* values 0, 1, 2, ... but for the first, -2000 */
    p.edit = set_range;
    ck_assert(dm_good(assemble(&p, &scan, &r)));
    ck_assert_int_eq(r.padded, 4 * N);
    for (int k = 0; k < 4; k++) ck_assert_int_eq(scan.v[k], -1024);
    ck_assert_int_eq(scan.v[4], 4 - 1000);
    dm_scan_clear(&scan);
}
END_TEST

/* ---- geometry that is unusual, and geometry that is missing ---- */

/* Feet first, prone, decubitus: columns and rows run other ways, and the affine says so; PatientPosition is not looked at. */
START_TEST(every_way_to_lie) {
    static const double ways[][6] = {{-1, 0, 0, 0, 1, 0}, {1, 0, 0, 0, -1, 0}, {-1, 0, 0, 0, -1, 0},
                                     {0, 1, 0, -1, 0, 0}, {0, -1, 0, 1, 0, 0}};
    for (unsigned i = 0; i < sizeof ways / sizeof *ways; i++) {
        plan p = plain();
        dm_scan scan;
        dm_series_report r;
        double first[3], zero[3] = {0, 0, 0}, at[3] = {2, 0, 0}, lps[3];
        memcpy(p.orientation, ways[i], sizeof ways[i]);
        ck_assert(dm_good(assemble(&p, &scan, &r)));
        dm_affine_apply(&scan.to_lps, zero, first);
        dm_affine_apply(&scan.to_lps, at, lps);
        for (int c = 0; c < 3; c++) ck_assert_double_eq_tol(lps[c] - first[c], 2 * 0.5 * ways[i][c], 1e-9);
        /* The values belong to their places whichever way the slices are counted. */
        int low = fabs(first[2] - 50) < 1e-9 ? 0 : N - 1;
        ck_assert_int_eq(scan.v[5], 100 * low + 5 - 1000);
        dm_scan_clear(&scan);
    }
}
END_TEST

static void no_position(int i, dm_instance *f) {
    if (i == 3) f->has_position = 0;
}
static void no_orientation(int i, dm_instance *f) {
    (void)i;
    f->has_orientation = 0;
}
static void bad_orientation(int i, dm_instance *f) {
    (void)i;
    f->orientation[0] = 0.8;
}
static void no_spacing(int i, dm_instance *f) {
    (void)i;
    f->has_spacing = 0;
}
static void zero_position(int i, dm_instance *f) {
    (void)i;
    memset(f->position, 0, sizeof f->position);
}
static void has_lut(int i, dm_instance *f) {
    f->has_lut = i == 2;
}
static void many_frames(int i, dm_instance *f) {
    (void)i;
    f->frames = 3;
    f->has_position = 0;
}

START_TEST(missing_tags_are_named) {
    static const struct {
        void (*edit)(int i, dm_instance *f);
        const char *code, *tag;
    } row[] = {{no_position, "missing_tag", "ImagePositionPatient"}, {no_orientation, "missing_tag", "ImageOrientationPatient"},
               {bad_orientation, "missing_tag", "ImageOrientationPatient"}, {no_spacing, "missing_tag", "PixelSpacing"},
               {zero_position, "missing_tag", "ImagePositionPatient"}, {has_lut, "modality_lut", "Modality LUT"},
               {many_frames, "multi_frame", "3 frames"}};
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        plan p = plain();
        dm_scan scan;
        dm_series_report r;
        p.edit = row[i].edit;
        dm_status s = assemble(&p, &scan, &r);
        ck_assert_msg(!strcmp(s.code, row[i].code), "%u: %s: %s", i, s.code, s.text);
        ck_assert_ptr_nonnull(strstr(s.text, row[i].tag));
        ck_assert_ptr_null(scan.v);
    }
}
END_TEST

START_TEST(too_few_slices) {
    plan p = plain();
    p.n = 2;
    dm_scan scan;
    dm_series_report r;
    ck_assert_str_eq(assemble(&p, &scan, &r).code, "few_slices");
}
END_TEST

int main(void) {
    TCase *t = tcase_create("series");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, order_is_by_place);
    tcase_add_test(t, tilt_becomes_shear);
    tcase_add_test(t, sagittal_slices_keep_their_place);
    tcase_add_test(t, a_missing_slice_is_refused);
    tcase_add_test(t, uneven_spacing_is_refused);
    tcase_add_test(t, identical_images_are_dropped_and_counted);
    tcase_add_test(t, small_mr_signal_keeps_its_grey_levels);
    tcase_add_test(t, slices_moved_sideways_are_refused);
    tcase_add_test(t, what_may_stand_in_one_volume);
    tcase_add_test(t, gaps_are_filled_when_allowed);
    tcase_add_test(t, uneven_slices_are_resampled_when_allowed);
    tcase_add_test(t, every_slice_is_rescaled_by_its_own_values);
    tcase_add_test(t, a_range_of_padding);
    tcase_add_test(t, every_way_to_lie);
    tcase_add_test(t, missing_tags_are_named);
    tcase_add_test(t, too_few_slices);
    return cases_failed("series", t) != 0;
}
