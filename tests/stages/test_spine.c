/* Stages crop and spine on an analytic spine: a curved canal of bone with bodies, discs and laminae, in three fields. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "frame.h"
#include "gpu.h"
#include "spine_parts.h"
#include "stage.h"

extern const dm_stage dm_stage_crop, dm_stage_spine;

static dm_gpu *gpu;

/* Middle of the canal at height z: a lateral curve (scoliosis) and a sagittal one. */
static void truth(double z, double *x, double *y) {
    *x = 8.0 * sin(z / 45.0);
    *y = 14.0 * cos(z / 70.0);
}

static float noise(uint64_t *seed) {
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*seed >> 40) / 16777216.0 - 0.5;
    }
    return (float)(sum * 1.7320508);
}

/* HU: muscle; body 34 x 26 mm with a disc of 6 of every 30 mm; ring of laminae and pedicles 16 of every 30 mm with a
 * foramen; fat; fluid r < 7 at `contrast`, cord r < 4. */
static float anatomy(double x, double y, double z, float contrast) {
    double cx, cy;
    truth(z, &cx, &cy);
    double dx = x - cx, dy = y - cy, r = hypot(dx, dy), level = fmod(z + 3000.0, 30.0);
    if (hypot(x / 1.4, y) > 75) return -1000.0f;
    if (r < 4) return 35.0f;
    if (r < 7) return contrast;
    if (r < 8.5) return -60.0f;
    double by = dy + 8.5 + 14;
    if (hypot(dx / 17, by / 14) < 1) {
        double rim = hypot(dx / 15, by / 12);
        return level < 6 ? 90.0f : rim > 1 || level < 7.5 || level > 28.5 ? 500.0f : 180.0f;
    }
    if (r < 13 && dy > -6 && level > 8 && level < 24) return 650.0f;
    if (dy > 0 && dy < 40 && fabs(dx) < 3.5 && level > 8 && level < 24) return 450.0f;
    return r < 16 && dy < 4 ? 0.0f : 50.0f;
}

typedef struct field {
    double width, depth, height, pixel, slice, turn;
    float contrast, sd;
} field;

static void make(const field *f, dm_study *study) {
    dm_scan *s = &study->pass[0].scan;
    double c = cos(f->turn), q = sin(f->turn);
    *study = (dm_study){.modality = DM_CT, .n_passes = 1};
    *s = (dm_scan){.nx = (int)(f->width / f->pixel), .ny = (int)(f->depth / f->pixel), .nz = (int)(f->height / f->slice),
                   .scale = 1.0f, .offset = -1024.0f};
    double m[3][4] = {{f->pixel * c, -f->pixel * q, 0, 0}, {f->pixel * q, f->pixel * c, 0, 0}, {0, 0, f->slice, 0}};
    double middle[3] = {0, 0, 0}, half[3] = {0.5 * s->nx, 0.5 * s->ny, 0.5 * s->nz};
    for (int r = 0; r < 3; r++) {
        m[r][3] = middle[r];
        for (int k = 0; k < 3; k++) m[r][3] -= m[r][k] * half[k];
    }
    memcpy(s->to_lps.m, m, sizeof m);
    s->v = malloc((size_t)s->nx * (size_t)s->ny * (size_t)s->nz * sizeof *s->v);
    ck_assert_ptr_nonnull(s->v);
    uint64_t seed = 7;
    size_t n = 0;
    for (int k = 0; k < s->nz; k++)
        for (int j = 0; j < s->ny; j++)
            for (int i = 0; i < s->nx; i++) {
                double p[3], index[3] = {i, j, k};
                dm_affine_apply(&s->to_lps, index, p);
                s->v[n++] = (int16_t)lrintf(anatomy(p[0], p[1], p[2], f->contrast) + f->sd * noise(&seed) + 1024.0f);
            }
}

static dm_status run(const dm_stage *stage, dm_study *study) {
    void *params = calloc(1, stage->params_size);
    ck_assert_ptr_nonnull(params);
    dm_params_preset(stage->params, stage->n_params, params);
    dm_status status = stage->run(gpu, params, study);
    free(params);
    return status;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Distances of the line's points to the true canal in their slice; median and largest. */
static void distances(const dm_study *study, double *median, double *largest) {
    const dm_spine *s = &study->spine;
    double *d = malloc((size_t)s->n * sizeof *d);
    for (int i = 0; i < s->n; i++) {
        double x, y;
        truth(s->p[i][2], &x, &y);
        d[i] = hypot(s->p[i][0] - x, s->p[i][1] - y);
    }
    qsort(d, (size_t)s->n, sizeof *d, by_value);
    *median = d[s->n / 2];
    *largest = d[s->n - 1];
    free(d);
}

static const field FIELDS[] = {
    {150, 150, 160, 1.0, 1.0, 0.0, 600.0f, 25.0f},  /* contrast, small field */
    {200, 150, 150, 1.0, 2.0, 0.15, 20.0f, 40.0f},  /* no contrast, turned patient, air round the body */
    {150, 150, 180, 1.0, 5.0, 0.0, 250.0f, 15.0f},  /* thick slices, faint contrast */
};

START_TEST(follows_the_canal) {
    const field *f = &FIELDS[_i];
    static dm_study study;
    double median, largest;
    make(f, &study);
    dm_status status = run(&dm_stage_crop, &study);
    ck_assert_msg(dm_good(status), "%s", status.text);
    ck_assert_ptr_nonnull(study.crop.raw.v);
    status = run(&dm_stage_spine, &study);
    ck_assert_msg(dm_good(status), "%s", status.text);
    distances(&study, &median, &largest);
    ck_assert_msg(median < 1.0 && largest < 4.0, "median %.2f largest %.2f mm", median, largest);
    ck_assert_msg((study.spine.n - 1) * study.spine.ds > f->height - 20, "only %d points", study.spine.n);
    for (int i = 0; i < study.spine.n; i++) ck_assert(study.spine.score[i] >= 0 && study.spine.score[i] <= 1);
    dm_study_clear(&study);
}
END_TEST

START_TEST(refuses_what_is_no_spine) {
    static dm_study study;
    const field f = {120, 120, 100, 2.0, 2.0, 0.0, 20.0f, 60.0f};
    uint64_t seed = 3;
    make(&f, &study);
    dm_scan *s = &study.pass[0].scan;
    for (size_t i = 0; i < (size_t)s->nx * (size_t)s->ny * (size_t)s->nz; i++)
        s->v[i] = (int16_t)(1070 + (int)(60.0f * noise(&seed)));
    dm_status status = run(&dm_stage_crop, &study);
    ck_assert_int_eq(status.severity, DM_STUDY);
    ck_assert_str_eq(status.code, "no_spine");
    dm_study_clear(&study);
}
END_TEST

/* Half a turn about the body's axis: what the header calls the front is the back. */
START_TEST(refuses_a_patient_turned_round) {
    static dm_study study;
    make(&FIELDS[_i], &study);
    for (int r = 0; r < 2; r++)
        for (int k = 0; k < 4; k++) study.pass[0].scan.to_lps.m[r][k] *= -1;
    dm_status status = run(&dm_stage_crop, &study);
    if (dm_good(status)) status = run(&dm_stage_spine, &study);
    ck_assert_int_eq(status.severity, DM_STUDY);
    ck_assert_msg(!strcmp(status.code, "orientation") || !strcmp(status.code, "no_spine"), "%s", status.code);
    dm_study_clear(&study);
}
END_TEST

/* 300 mm of line that sways as a scoliosis of 60 degrees does, and slips aside by `slip` degrees 40 mm before one end. */
static int doubted(double slip, int at_top, int *n) {
    dm_spine s = {0};
    double x = 0;
    ck_assert(dm_good(dm_spine_make(&s, 600, 0.5)));
    for (int i = 0; i < 600; i++) {
        double lean = 0.5236 * sin(3.14159265358979 * i / 240.0) + (i > 520 ? slip / 57.29577951308232 : 0);
        x += 0.5 * sin(lean);
        int k = at_top ? 599 - i : i;
        s.p[k][0] = x, s.p[k][2] = -0.5 * k;
        s.score[k] = 1, s.unsure[k] = 0;
    }
    dm_doubt_bends(&s);
    *n = 0;
    for (int i = 0; i < 600; i++) *n += s.unsure[i];
    int right = at_top ? s.unsure[0] : s.unsure[599];
    dm_spine_clear(&s);
    return right;
}

START_TEST(a_line_that_slips_aside_is_doubted) {
    int n;
    ck_assert_int_eq(doubted(0, _i, &n), 0);
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(doubted(45, _i, &n), 1);
    ck_assert_msg(n > 50 && n < 140, "%d of 600 samples", n);
}
END_TEST

/* 200 mm of line that turns backwards by 55 degrees over 10 mm, `left` mm before one end. */
static int doubted_behind(double left, int at_top) {
    dm_spine s = {0};
    double y = 0, z = 0;
    int n = 0;
    ck_assert(dm_good(dm_spine_make(&s, 400, 0.5)));
    for (int i = 0; i < 400; i++) {
        double turn = 55 / 57.29577951308232 * fmin(fmax((i - (400 - 2 * left)) / 20, 0), 1);
        int k = at_top ? 399 - i : i;
        y += 0.5 * sin(turn), z -= 0.5 * cos(turn);
        s.p[k][0] = 0, s.p[k][1] = y, s.p[k][2] = at_top ? -z : z;
        s.score[k] = 1, s.unsure[k] = 0;
    }
    dm_doubt_bends(&s);
    for (int i = 0; i < 400; i++) n += s.unsure[i];
    dm_spine_clear(&s);
    return n;
}

/* A line that leaves the canal at its end turns as sharply as the sacrum does, but nothing goes on behind the turn. */
START_TEST(a_line_that_turns_off_at_its_end_is_doubted) {
    int n = doubted_behind(22, _i);
    ck_assert_msg(n > 20 && n < 60, "%d of 400 samples", n);
    ck_assert_int_eq(doubted_behind(60, _i), 0);
}
END_TEST

/* 300 mm of line that swerves `aside` mm to the left within 12 mm, `back` mm further down the same way back (0 = never).
 * Returns the samples that are doubted; *first, *last = the outermost. */
static int doubted_beside(double aside, double back, int *first, int *last) {
    dm_spine s = {0};
    int n = 0;
    ck_assert(dm_good(dm_spine_make(&s, 600, 0.5)));
    for (int i = 0; i < 600; i++) {
        double mm = 0.5 * i, out = fmin(fmax((mm - 180) / 12, 0), 1), in = back > 0 ? fmin(fmax((mm - 180 - back) / 12, 0), 1) : 0;
        s.p[i][0] = aside * (out - in), s.p[i][2] = -mm;
        s.score[i] = 1, s.unsure[i] = 0;
    }
    dm_doubt_bends(&s);
    *first = 600, *last = -1;
    for (int i = 0; i < 600; i++)
        if (s.unsure[i]) n++, *last = i, *first = i < *first ? i : *first;
    dm_spine_clear(&s);
    return n;
}

/* A line that comes back was beside the canal between the two bends alone; one that does not may be in another tube. */
START_TEST(a_bulge_is_doubted_alone) {
    int first, last, n = doubted_beside(9, 24, &first, &last);
    ck_assert_msg(n > 40 && first > 300 && last < 480, "%d samples, %d to %d", n, first, last);
    n = doubted_beside(9, 0, &first, &last);
    ck_assert_msg(n > 180 && first > 300 && last == 599, "%d samples, %d to %d", n, first, last);
}
END_TEST

/* HU of a straight chest: cord, a rim of contrast 1.8 mm wide, fat of 6 mm behind it in a bony canal; `pool`: contrast in front of a sac
 * pushed back by it. y: mm behind the sac's middle. */
static float chest(double x, double y, int pool) {
    double r = hypot(x, y), front = pool ? -9.5 : -6;
    if (r < 3.2) return 35.0f;
    if (r < 5) return 400.0f;
    if (y < front) return y > front - 1.5 ? 500.0f : 180.0f;
    if (pool && y < -1 && r > 5.7 && fabs(x) < 6.5) return 330.0f;
    if (fabs(x) > 10 || y > 11) return fabs(x) < 13 && y < 14 ? 650.0f : 50.0f;
    return -90.0f;
}

/* The same with a cord so thin that its rim's blur reaches its middle, before a disc with a calcified spot. */
static float narrow_chest(double x, double y) {
    double r = hypot(x, y);
    if (r < 2.4) return 80.0f + 25.0f * (float)(r * r);
    if (r < 4.2) return 400.0f;
    if (y < -5) return y < -7.5 && y > -9.5 && fabs(x) < 2 ? 450.0f : 110.0f;
    return fabs(x) > 10 || y > 10 ? 50.0f : -90.0f;
}

enum { PLAIN, POOL, NARROW };

/* mm by which a line `behind` mm behind the sac's middle is moved in front in its middle; all along it (swerves 0), or for 14 mm, to which it
 * swerves from the sac's middle. */
static double moved_forward(double behind, int swerves, int scene) {
    const dm_affine to_lps = {{{0.75, 0, 0, -30}, {0, 0.75, 0, -30}, {0, 0, 1, 0}}};
    enum { N = 81, NZ = 120 };
    dm_volume v = {0};
    dm_spine line = {0};
    dm_walls w = {0};
    uint64_t seed = 5;
    double sum = 0;
    ck_assert(dm_good(dm_volume_make(&v, N, N, NZ, &to_lps)));
    for (int i = 0; i < N * N * NZ; i++) {
        double x = 0.75 * (i % N) - 30, y = 0.75 * (i / N % N) - 30;
        v.v[i] = (scene == NARROW ? narrow_chest(x, y) : chest(x, y, scene == POOL)) + 30 * noise(&seed);
    }
    ck_assert(dm_good(dm_spine_make(&line, 2 * (NZ - 10), 0.5)));
    for (int i = 0; i < line.n; i++) {
        double aside = swerves ? fmin(fmax((24 - fabs(0.5 * i - 55)) / 17, 0), 1) : 1;
        line.p[i][0] = 0, line.p[i][1] = behind * aside, line.p[i][2] = NZ - 5 - 0.5 * i;
    }
    ck_assert(dm_good(dm_frame_build(&line)));
    ck_assert(dm_good(dm_centre_walls(gpu, &v, &line, DM_CT, 200, 130, &w)));
    for (int i = w.n / 2 - 5; i < w.n / 2 + 5; i++) sum += w.a[i] / 10;
    dm_walls_clear(&w), dm_spine_clear(&line), dm_volume_clear(&v);
    return sum;
}

/* From the fat behind the sac, from a collection in front of it, from a disc and from its own rim the line goes back to the sac; in its cord
 * it stays. */
START_TEST(a_line_beside_the_sac_goes_back_into_it) {
    static const struct {
        int scene, swerves;
        double behind, least, most;
    } c[] = {{PLAIN, 0, 7.5, 4, 6}, {POOL, 0, -7.5, -6, -4}, {PLAIN, 0, 0, -1.5, 1.5}, {POOL, 0, 0, -1.5, 1.5},
             {NARROW, 1, -6, -6, -1}, {NARROW, 0, -3.5, -4.5, -1.5}, {NARROW, 0, 0, -1, 1}};
    double moved = moved_forward(c[_i].behind, c[_i].swerves, c[_i].scene);
    ck_assert_msg(moved >= c[_i].least && moved <= c[_i].most, "%.1f mm behind the sac's middle, scene %d: moved by %.1f", c[_i].behind,
                  c[_i].scene, moved);
}
END_TEST

int main(void) {
    dm_status status = dm_gpu_open(NULL, 0, &gpu);
    if (!dm_good(status)) {
        printf("skipped: %s\n", status.text);
        return 77;
    }
    TCase *tc = tcase_create("spine");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, a_line_that_slips_aside_is_doubted, 0, 2);
    tcase_add_loop_test(tc, a_line_that_turns_off_at_its_end_is_doubted, 0, 2);
    tcase_add_test(tc, a_bulge_is_doubted_alone);
    tcase_add_loop_test(tc, a_line_beside_the_sac_goes_back_into_it, 0, 7);
    tcase_add_loop_test(tc, follows_the_canal, 0, (int)(sizeof FIELDS / sizeof *FIELDS));
    tcase_add_test(tc, refuses_what_is_no_spine);
    tcase_add_loop_test(tc, refuses_a_patient_turned_round, 0, (int)(sizeof FIELDS / sizeof *FIELDS));
    int failed = cases_failed_here("spine", tc);
    dm_gpu_close(gpu);
    return failed ? 1 : 0;
}
