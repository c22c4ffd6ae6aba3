/* The kernels of stage crop against their scalar references, and the geometry of its grids. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "cases.h"
#include "crop_parts.h"
#include "evidence.h"
#include "gpu.h"
#include "stage.h"

extern const dm_stage dm_stage_crop;

static dm_gpu *gpu;

START_TEST(kernels_agree_with_references) {
    const dm_kernel_check *check = &dm_stage_crop.checks[_i];
    for (int edge = 9; edge <= 33; edge += 12) {
        dm_check_result result = {0};
        dm_status status = check->compare(gpu, edge, 5, 1, &result);
        ck_assert_msg(dm_good(status), "%s: %s", check->kernel, status.text);
        ck_assert_msg(result.error <= check->tolerance, "%s, edge %d: error %g", check->kernel, edge, result.error);
    }
}
END_TEST

/* A scan whose value is linear in LPS: any grid made of it must hold the same function. */
static dm_scan slope(void) {
    dm_scan s = {.nx = 40, .ny = 30, .nz = 25, .scale = 0.5f, .offset = -100.0f};
    s.to_lps = (dm_affine){{{0.0, 0.05, 2.9, -30.0}, {0.62, 0.0, 0.1, 12.0}, {0.0, -0.8, 0.3, 500.0}}};
    s.v = malloc(sizeof *s.v * 40 * 30 * 25);
    ck_assert_ptr_nonnull(s.v);
    for (int k = 0; k < s.nz; k++)
        for (int j = 0; j < s.ny; j++)
            for (int i = 0; i < s.nx; i++) {
                double index[3] = {i, j, k}, p[3];
                dm_affine_apply(&s.to_lps, index, p);
                s.v[(k * s.ny + j) * s.nx + i] = (int16_t)lrint(40 * p[0] - 30 * p[1] + 20 * (p[2] - 500));
            }
    return s;
}

static double value(const double p[3]) {
    return 0.5 * (40 * p[0] - 30 * p[1] + 20 * (p[2] - 500)) - 100;
}

START_TEST(coarse_grid_lies_where_the_scan_lies) {
    dm_scan s = slope();
    dm_grid g = {0};
    int inside = 0, off = 0;
    ck_assert(dm_good(dm_resample_coarse(gpu, &s, 2.0, &g)));
    for (int k = 0; k < g.n[2]; k++)
        for (int j = 0; j < g.n[1]; j++)
            for (int i = 0; i < g.n[0]; i++) {
                float v = g.v[((size_t)k * (size_t)g.n[1] + (size_t)j) * (size_t)g.n[0] + (size_t)i];
                double p[3] = {g.origin[0] + i * g.step, g.origin[1] + j * g.step, g.origin[2] + k * g.step}, q[3];
                dm_affine back;
                ck_assert(dm_good(dm_affine_invert(&s.to_lps, &back)));
                dm_affine_apply(&back, p, q);
                int deep = q[0] > 2 && q[1] > 2 && q[2] > 1 && q[0] < 37 && q[1] < 27 && q[2] < 23;
                inside += deep;
                off += deep && fabs(v - value(p)) > 1.0;
                if (q[0] < -0.6 || q[1] < -0.6 || q[2] < -0.6 || q[0] > 39.6) ck_assert(v < -20000);
            }
    ck_assert_int_gt(inside, 500);
    ck_assert_int_eq(off, 0);
    free(g.v);
    dm_scan_clear(&s);
}
END_TEST

/* A thin cord in a ring of contrast reads 150 to 500 HU on the coarse grid; so does marrow, which no column of contrast surrounds. */
START_TEST(cord_in_contrast_is_no_bone) {
    const dm_ev_args a = {.wall = 200, .air = -250, .bone = 130, .fat = -40, .fluid = 350};
    ck_assert(!(dm_ev_mask(150, 0, 700, &a) & DM_EV_BONE));
    ck_assert(!(dm_ev_mask(500, 0, 700, &a) & DM_EV_BONE));
    ck_assert(dm_ev_mask(650, 0, 700, &a) & DM_EV_BONE);
    ck_assert(dm_ev_mask(275, 0, 0, &a) & DM_EV_BONE);
    ck_assert(dm_ev_mask(150, 0, 300, &a) & DM_EV_BONE); /* no brighter than cancellous bone persists */
}
END_TEST

START_TEST(box_keeps_its_place_when_averaged) {
    dm_scan s = slope();
    dm_volume box = {0};
    int lo[3] = {3, 4, 2}, hi[3] = {36, 29, 21};
    ck_assert(dm_good(dm_resample_box(gpu, &s, lo, hi, 1.7, &box)));
    ck_assert_int_eq(box.nx, 16);
    ck_assert_int_eq(box.ny, 12);
    ck_assert_int_eq(box.nz, 19);
    for (int k = 0; k < box.nz; k++)
        for (int i = 0; i < box.nx; i++) {
            double index[3] = {i, 5, k}, p[3];
            dm_affine_apply(&box.to_lps, index, p);
            ck_assert(fabs(box.v[(size_t)((k * box.ny + 5) * box.nx + i)] - value(p)) < 0.6);
        }
    dm_volume_clear(&box);
    dm_scan_clear(&s);
}
END_TEST

/* HU at x, y, z mm left of, behind and above the middle of the grid below. */
typedef float hu_at(double x, double y, double z, const double *with);

/* Evidence of a body of 80 mm: its grid, in which the middle of the canal is at `middle`. Its v is to be freed. */
static const double middle[3] = {40, 66, 40};
static dm_grid evidence_of(hu_at *hu, const double *with, int bends) {
    enum { NX = 40, NY = 48, NZ = 40 };
    const dm_evidence_params p = {200, 130, 100, 1.1, 14, bends};
    dm_grid g = {.n = {NX, NY, NZ}, .step = 2.0}, e = {0};
    g.v = malloc(sizeof(float) * NX * NY * NZ);
    ck_assert_ptr_nonnull(g.v);
    for (int k = 0; k < NZ; k++)
        for (int j = 0; j < NY; j++)
            for (int i = 0; i < NX; i++)
                g.v[(k * NY + j) * NX + i] = hu(2.0 * i - middle[0], 2.0 * j - middle[1], 2.0 * k - middle[2], with);
    ck_assert(dm_good(dm_evidence_run(gpu, &g, DM_CT, &p, &e)));
    free(g.v);
    return e;
}

static float evidence_at(const dm_grid *e, double y, double z) {
    const double at[3] = {middle[0], middle[1] + y, middle[2] + z};
    return dm_evidence_at(e, at);
}

/* A sac of 700 HU in fat, 12 x 10 mm, with bone of with[0] HU with[1] mm deep all the way in front of it, arches beside and behind it: a
 * sacrum. */
static float hu_of_sacrum(double x, double y, double z, const double *with) {
    double a = fabs(x);
    int body = y < -8 && y > -8 - with[1] && a < 24, arch = hypot(x / 13, y / 10) > 1 && hypot(x / 17, y / 14) < 1;
    (void)z;
    return hypot(x / 6, y / 5) < 1 ? 700.0f : hypot(x / 13, y / 10) < 1 ? -80.0f : body || arch ? (float)with[0] : 50.0f;
}

static float evidence_of_sacrum(double bone, double deep) {
    const double with[2] = {bone, deep};
    dm_grid e = evidence_of(hu_of_sacrum, with, 0);
    float found = evidence_at(&e, 0, 0);
    free(e.v);
    return found;
}

/* A young sacrum is fused, so its marrow persists along the spine as contrast does, and may be as bright as faint contrast. */
START_TEST(dense_sacrum_in_front_is_no_contrast) {
    ck_assert_float_gt(evidence_of_sacrum(300, 28), 0.8f);
    ck_assert_float_gt(evidence_of_sacrum(420, 28), 0.8f);
}
END_TEST

/* A column that bends as at the lumbosacral turn (radius 40 mm), as 3 mm voxels show it: brightest in the middle, half as bright 4 mm from
 * it; arches all the way round, bodies and discs in front. */
static float hu_of_bend(double x, double y, double z, const double *with) {
    double ahead = y + z * z / 80, r = hypot(x, ahead);
    int body = ahead < -10 && ahead > -40 && fabs(x) < 24 && fmod(z + 115, 30) < 22, arch = ahead > -10 && r > 11 && r < 16;
    (void)with;
    return body || arch ? 300.0f : (float)(800 / (1 + exp((r - 4) / 1.2)));
}

/* Least evidence in its middle third. */
static float evidence_of_bend(int bends) {
    dm_grid e = evidence_of(hu_of_bend, NULL, bends);
    float least = 1.0f;
    for (double z = -14; z <= 14; z += 2) least = fminf(least, evidence_at(&e, -z * z / 80, z));
    free(e.v);
    return least;
}

START_TEST(coarse_column_that_bends_is_a_column) {
    float straight = evidence_of_bend(0), bent = evidence_of_bend(1);
    ck_assert_msg(bent > 0.5f && straight < 0.2f, "%.2f, and %.2f with straight lines alone", bent, straight);
}
END_TEST

/* A chest's canal: cord in a rim of contrast that the coarse grid shows no brighter than dense bone, fat behind it, body and laminae. */
typedef struct chest {
    double waver;                            /* mm by which the cord lies now to one side, now to the other */
    double cord[2], rim[2], cord_hu, rim_hu; /* half widths, mm */
} chest;

static float hu_of_chest(double x, double y, double z, const double *with) {
    const chest *c = (const chest *)(const void *)with;
    x += c->waver * sin(z / 5);
    if (hypot(x / c->cord[0], (y + 3) / c->cord[1]) < 1) return (float)c->cord_hu;
    if (hypot(x / c->rim[0], (y + 3) / c->rim[1]) < 1) return (float)c->rim_hu;
    if (hypot(x / 8, y / 9) < 1) return -90.0f;
    int body = y < -8 && y > -32 && fabs(x) < 14, arch = y > -4 && hypot(x / 13, y / 14) < 1;
    return body ? 250.0f : arch ? 500.0f : 50.0f;
}

/* The fat behind a thin rim of contrast is enclosed as well as the sac, but is not the middle of the canal. */
START_TEST(fat_behind_a_thin_rim_is_no_canal) {
    static const chest c = {0, {4, 3.2}, {6.5, 5.5}, 60, 400};
    dm_grid e = evidence_of(hu_of_chest, &c.waver, 0);
    float cord = evidence_at(&e, -3, 0), fat = evidence_at(&e, 5, 0);
    ck_assert_msg(cord > 1.3f * fat, "evidence of the cord %.2f, of the fat %.2f", (double)cord, (double)fat);
    free(e.v);
}
END_TEST

/* A ring no brighter than cancellous bone, in whose cord few straight lines stay, is told from overlapping laminae by the soft tissue that
 * it goes round. */
START_TEST(soft_tissue_in_a_faint_rim_is_the_cord) {
    static const chest c = {2, {3, 2.5}, {5.5, 5}, 40, 240};
    dm_grid e = evidence_of(hu_of_chest, &c.waver, 0);
    float least = 1.0f;
    for (double z = -14; z <= 14; z += 2) {
        const double at[3] = {middle[0] - c.waver * sin(z / 5), middle[1] - 3, middle[2] + z};
        least = fminf(least, dm_evidence_at(&e, at));
    }
    ck_assert_msg(least > 0.92f, "%.2f", (double)least);
    free(e.v);
}
END_TEST

/* Contrast of 700 HU round a cord of 8 mm that ends at z = 0; 3 mm of fat, and laminae of 650 HU all along, which persist as a sac does; a
 * body in front. */
static float hu_of_cord_tip(double x, double y, double z, const double *with) {
    double r = hypot(x, y);
    (void)with;
    if (z > 0 && r < 4) return 60.0f;
    if (r < 8) return 700.0f;
    if (r < 11) return -80.0f;
    int body = y < -11 && y > -40 && fabs(x) < 20 && fmod(z + 115, 30) < 22;
    return body ? 250.0f : r < 16 && y > -11 ? 650.0f : 50.0f;
}

/* The canal goes on where its cord ends. */
START_TEST(canal_goes_on_below_the_cord) {
    dm_grid e = evidence_of(hu_of_cord_tip, NULL, 0);
    for (double z = -16; z <= 16; z += 4) ck_assert_msg(evidence_at(&e, 0, z) > 0.45f, "%.2f at %.0f mm", (double)evidence_at(&e, 0, z), z);
    free(e.v);
}
END_TEST

int main(void) {
    dm_status status = dm_gpu_open(NULL, 0, &gpu);
    if (!dm_good(status)) {
        printf("skipped: %s\n", status.text);
        return 77;
    }
    TCase *tc = tcase_create("crop");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, kernels_agree_with_references, 0, dm_stage_crop.n_checks);
    tcase_add_test(tc, coarse_grid_lies_where_the_scan_lies);
    tcase_add_test(tc, dense_sacrum_in_front_is_no_contrast);
    tcase_add_test(tc, coarse_column_that_bends_is_a_column);
    tcase_add_test(tc, fat_behind_a_thin_rim_is_no_canal);
    tcase_add_test(tc, soft_tissue_in_a_faint_rim_is_the_cord);
    tcase_add_test(tc, cord_in_contrast_is_no_bone);
    tcase_add_test(tc, canal_goes_on_below_the_cord);
    tcase_add_test(tc, box_keeps_its_place_when_averaged);
    int failed = cases_failed_here("crop", tc);
    dm_gpu_close(gpu);
    return failed ? 1 : 0;
}
