/* Non-local means and the noise it is given. With "--hash" prints a digest of a filtered volume (denoise.test.sh holds the
 * digests of several vector widths and thread counts against each other). */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "denoise.h"
#include "stage.h"

static dm_gpu *gpu;
static const dm_affine unit = {{{0.5, 0, 0, 0}, {0, 0.5, 0, 0}, {0, 0, 0.5, 0}}};

static void open_gpu(void) {
    dm_status s = dm_gpu_open(NULL, 0, &gpu);
    ck_assert_msg(dm_good(s), "%s", s.text);
}

static void close_gpu(void) {
    dm_gpu_close(gpu);
}

static double uniform(uint64_t *state) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(uint64_t *state) {
    double u = uniform(state), v = uniform(state);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* For the helpers, which also run outside of a test. */
static void need(int good) {
    if (!good) abort();
}

/* Piecewise constant tissue with a line of `line_mm` along z through muscle; noise-free. */
static dm_volume phantom(int nx, int ny, int nz, double line_mm) {
    dm_volume v = {0};
    need(dm_good(dm_volume_make(&v, nx, ny, nz, &unit)));
    for (int z = 0; z < nz; z++)
        for (int y = 0; y < ny; y++)
            for (int x = 0; x < nx; x++) {
                double r = hypot(x - 0.6 * nx, y - 0.4 * ny), line = 0.5 * hypot(x - 0.2 * nx, y - 0.75 * ny);
                float value = r < 0.12 * nx ? 700.0f : r < 0.2 * nx ? -60.0f : r < 0.25 * nx ? 400.0f : 50.0f;
                if (line <= 0.5 * line_mm) value = 350.0f;
                v.v[dm_at(x, y, z, nx, ny)] = value;
            }
    return v;
}

static dm_volume with_noise(const dm_volume *clean, double sd, uint64_t seed, int correlated) {
    dm_volume v = {0}, n = {0};
    need(dm_good(dm_volume_make(&v, clean->nx, clean->ny, clean->nz, &clean->to_lps)));
    need(dm_good(dm_volume_make(&n, clean->nx, clean->ny, clean->nz, &clean->to_lps)));
    size_t count = dm_volume_count(&v);
    for (size_t i = 0; i < count; i++) n.v[i] = (float)(sd * normal(&seed));
    for (int z = 0; z < v.nz; z++)
        for (int y = 0; y < v.ny; y++)
            for (int x = 0; x < v.nx; x++) {
                int x1 = dm_mirror(x + 1, v.nx), y1 = dm_mirror(y + 1, v.ny);
                size_t i = dm_at(x, y, z, v.nx, v.ny);
                /* mean of 2 x 2, brought back to sd: lag-1 correlation 0.5 along both axes */
                float mean = 0.5f * (n.v[i] + n.v[dm_at(x1, y, z, v.nx, v.ny)] + n.v[dm_at(x, y1, z, v.nx, v.ny)] +
                                     n.v[dm_at(x1, y1, z, v.nx, v.ny)]);
                v.v[i] = clean->v[i] + (correlated ? mean : n.v[i]);
            }
    dm_volume_clear(&n);
    return v;
}

static double rmse(const dm_volume *a, const dm_volume *b) {
    double sum = 0;
    size_t count = dm_volume_count(a);
    for (size_t i = 0; i < count; i++) sum += ((double)a->v[i] - b->v[i]) * ((double)a->v[i] - b->v[i]);
    return sqrt(sum / (double)count);
}

/* The stage on a volume with its default parameters, near a path (NULL = everywhere). The study's raw volume is taken over. */
static void run_near(dm_study *study, dm_volume raw, dm_modality modality, double (*path)[3], int n_path) {
    memset(study, 0, sizeof *study);
    study->crop.path = path;
    study->crop.n_path = n_path;
    study->modality = modality;
    study->crop.raw = raw;
    extern const dm_stage dm_stage_denoise;
    void *params = calloc(1, dm_stage_denoise.params_size);
    dm_params_preset(dm_stage_denoise.params, dm_stage_denoise.n_params, params);
    dm_status s = dm_stage_denoise.run(gpu, params, study);
    free(params);
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    need(dm_good(s));
}

static void run_stage(dm_study *study, dm_volume raw, dm_modality modality) {
    run_near(study, raw, modality, NULL, 0);
}

static void clear(dm_study *study) {
    dm_volume_clear(&study->crop.raw);
    dm_volume_clear(&study->crop.clean);
}

START_TEST(noise_is_measured_white_and_correlated) {
    for (int correlated = 0; correlated < 2; correlated++)
        for (double sd = 15; sd < 100; sd *= 4) {
            dm_volume clean = phantom(120, 110, 24, 3), noisy = with_noise(&clean, sd, 5, correlated);
            dm_noise noise;
            ck_assert(dm_good(dm_noise_measure(&noisy, DM_CT, &noise)));
            printf("noise %.0f (correlation %.1f): measured %.2f, %.3f in %d blocks\n", sd, 0.5 * correlated, noise.sd,
                   noise.corr, noise.blocks);
            ck_assert_double_eq_tol(noise.sd, sd, 0.06 * sd);
            ck_assert_double_eq_tol(noise.corr, 0.5 * correlated, 0.05);
            ck_assert_double_eq_tol((double)noise.slice[12], sd, 0.15 * sd);
            dm_noise_clear(&noise), dm_volume_clear(&clean), dm_volume_clear(&noisy);
        }
}
END_TEST

START_TEST(noise_goes_and_a_line_of_1_5_mm_stays) {
    for (int correlated = 0; correlated < 2; correlated++) {
        dm_volume clean = phantom(96, 96, 32, 1.5), noisy = with_noise(&clean, 60, 7, correlated);
        double before = rmse(&noisy, &clean);
        dm_study *study = malloc(sizeof *study);
        run_stage(study, noisy, DM_CT);
        double after = rmse(&study->crop.clean, &clean), line = 0;
        int n = 0;
        for (size_t i = 0; i < dm_volume_count(&clean); i++)
            if (clean.v[i] == 350.0f) line += (double)study->crop.clean.v[i], n++;
        printf("correlation %.1f: RMSE %.1f -> %.2f, line of 300 HU above muscle keeps %.0f\n", 0.5 * correlated, before,
               after, line / n - 50);
        ck_assert_double_lt(after, correlated ? 0.6 * before : 0.25 * before);
        ck_assert_double_gt(line / n - 50, 0.7 * 300);
        clear(study);
        free(study);
        dm_volume_clear(&clean);
    }
}
END_TEST

/* Magnitude of a signal A with complex noise has the mean square A^2 + 2 sigma^2: the filter must take the part away. */
START_TEST(the_bias_of_mr_magnitudes_is_taken_away) {
    dm_volume v = {0};
    ck_assert(dm_good(dm_volume_make(&v, 64, 64, 16, &unit)));
    uint64_t seed = 3;
    const double sd = 20;
    for (size_t i = 0; i < dm_volume_count(&v); i++) v.v[i] = (float)hypot(60 + sd * normal(&seed), sd * normal(&seed));
    dm_study *study = malloc(sizeof *study);
    run_stage(study, v, DM_MR);
    double mean = 0;
    for (size_t i = 0; i < dm_volume_count(&v); i++) mean += (double)study->crop.clean.v[i];
    mean /= (double)dm_volume_count(&v);
    ck_assert_double_eq_tol(mean, 60, 1.0);
    clear(study);
    free(study);
}
END_TEST

START_TEST(kernel_equals_reference_on_odd_sizes_and_slabs) {
    static const int sizes[][3] = {{1, 1, 1}, {5, 4, 2}, {17, 9, 1}, {33, 12, 11}, {16, 7, 3}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++)
        for (int magnitude = 0; magnitude < 2; magnitude++) {
            const int *n = sizes[k];
            dm_volume clean = phantom(n[0], n[1], n[2], 1.5), in = with_noise(&clean, 30, 11 + k, 0), out = {0}, expected = {0};
            ck_assert(dm_good(dm_volume_make(&out, n[0], n[1], n[2], &unit)));
            ck_assert(dm_good(dm_volume_make(&expected, n[0], n[1], n[2], &unit)));
            float slice[16];
            for (int z = 0; z < n[2]; z++) slice[z] = 25.0f + (float)z;
            dm_noise noise = {.sd = 30, .corr = 0.3, .slice = slice};
            dm_nlm_settings s = {.radius = {2, 3, 1}, .strength = 0.7, .magnitude = magnitude, .max_slab = 4};
            dm_status status = dm_nlm_run(gpu, &in, &noise, &s, out.v);
            ck_assert_msg(dm_good(status), "%s", status.text);
            dm_nlm_reference(&in, &noise, &s, expected.v);
            ck_assert_int_eq(memcmp(out.v, expected.v, dm_volume_count(&in) * sizeof *out.v), 0);
            dm_volume_clear(&clean), dm_volume_clear(&in), dm_volume_clear(&out), dm_volume_clear(&expected);
        }
}
END_TEST

START_TEST(a_volume_without_noise_is_left_as_it_is) {
    dm_volume v = phantom(40, 40, 3, 1.5), same = phantom(40, 40, 3, 1.5);
    for (size_t i = 0; i < dm_volume_count(&v); i++) v.v[i] = same.v[i] = 40.0f;
    dm_study *study = malloc(sizeof *study);
    run_stage(study, v, DM_CT);
    ck_assert_double_eq(study->crop.noise_sd, 0.0);
    ck_assert_int_eq(memcmp(study->crop.clean.v, same.v, dm_volume_count(&same) * sizeof *same.v), 0);
    clear(study);
    free(study);
    dm_volume_clear(&same);
}
END_TEST

enum { PATH = 3 };

/* A turned, anisotropic volume of 135 x 120 x 30 mm, and a path that leans through it and ends inside. */
static dm_volume turned(double path[PATH][3]) {
    static const dm_affine oblique = {{{1.45, 0.3, 0.2, -40}, {-0.35, 1.4, 0.3, 12}, {-0.2, -0.35, 2.9, 900}}};
    static const double index[PATH][3] = {{38, 40, 9}, {44.5, 37, 7.2}, {49, 35, 5}};
    dm_volume clean = phantom(90, 80, 11, 3), v = with_noise(&clean, 40, 9, 1);
    v.to_lps = oblique;
    for (int i = 0; i < PATH; i++) dm_affine_apply(&oblique, index[i], path[i]);
    dm_volume_clear(&clean);
    return v;
}

static double distance_to_path(const dm_affine *to_lps, double path[PATH][3], int x, int y, int z) {
    double p[3], nearest = 1e9;
    dm_affine_apply(to_lps, (const double[3]){x, y, z}, p);
    for (int i = 0; i < PATH; i++)
        nearest = fmin(nearest, sqrt((p[0] - path[i][0]) * (p[0] - path[i][0]) + (p[1] - path[i][1]) * (p[1] - path[i][1]) +
                                     (p[2] - path[i][2]) * (p[2] - path[i][2])));
    return nearest;
}

START_TEST(near_the_path_as_everywhere_and_raw_beyond) {
    double path[PATH][3];
    dm_volume v = turned(path), again = turned(path);
    dm_study *all = malloc(sizeof *all), *near = malloc(sizeof *near);
    run_stage(all, v, DM_CT);
    run_near(near, again, DM_CT, path, PATH);
    int inside = 0, outside = 0, changed = 0;
    for (int z = 0; z < v.nz; z++)
        for (int y = 0; y < v.ny; y++)
            for (int x = 0; x < v.nx; x++) {
                size_t i = dm_at(x, y, z, v.nx, v.ny);
                double d = distance_to_path(&v.to_lps, path, x, y, z);
                const float *raw = &v.v[i], *full = &all->crop.clean.v[i], *got = &near->crop.clean.v[i];
                changed += *full != *raw;
                if (d < 29.99) {
                    ck_assert_int_eq(memcmp(got, full, sizeof *got), 0);
                    inside++;
                }
                if (d > 31) { /* between two points of the path a row's span may bulge by a fraction of a mm */
                    ck_assert_msg(memcmp(got, raw, sizeof *got) == 0, "%d %d %d, %.2f mm", x, y, z, d);
                    outside++;
                }
            }
    ck_assert_int_gt(inside, 8000);
    ck_assert_int_gt(outside, 30000);
    ck_assert_int_gt(changed, 79000);
    clear(all), clear(near);
    free(all), free(near);
}
END_TEST

START_TEST(a_path_beyond_the_volume_filters_nothing) {
    double path[PATH][3];
    dm_volume v = turned(path), same = turned(path);
    for (int i = 0; i < PATH; i++) path[i][2] += 4000;
    dm_study *study = malloc(sizeof *study);
    run_near(study, v, DM_CT, path, PATH);
    ck_assert_int_eq(memcmp(study->crop.clean.v, same.v, dm_volume_count(&same) * sizeof *same.v), 0);
    clear(study);
    free(study);
    dm_volume_clear(&same);
}
END_TEST

static uint64_t digest(uint64_t hash, const dm_volume *v) {
    const unsigned char *bytes = (const unsigned char *)v->v;
    for (size_t i = 0; i < dm_volume_count(v) * sizeof(float); i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static int print_hash(void) {
    if (!dm_good(dm_gpu_open(NULL, 0, &gpu))) return 1;
    dm_volume clean = phantom(53, 40, 13, 1.5), in = with_noise(&clean, 40, 1, 1);
    dm_study *study = malloc(sizeof *study);
    run_stage(study, in, DM_CT);
    uint64_t hash = digest(1469598103934665603u, &study->crop.clean);
    clear(study);
    double path[PATH][3];
    run_near(study, turned(path), DM_CT, path, PATH);
    printf("%016llx\n", (unsigned long long)digest(hash, &study->crop.clean));
    clear(study);
    free(study);
    dm_volume_clear(&clean);
    dm_gpu_close(gpu);
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--hash") == 0) return print_hash();
    TCase *tests = tcase_create("denoise");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_gpu, close_gpu);
    tcase_add_test(tests, noise_is_measured_white_and_correlated);
    tcase_add_test(tests, noise_goes_and_a_line_of_1_5_mm_stays);
    tcase_add_test(tests, the_bias_of_mr_magnitudes_is_taken_away);
    tcase_add_test(tests, kernel_equals_reference_on_odd_sizes_and_slabs);
    tcase_add_test(tests, a_volume_without_noise_is_left_as_it_is);
    tcase_add_test(tests, near_the_path_as_everywhere_and_raw_beyond);
    tcase_add_test(tests, a_path_beyond_the_volume_filters_nothing);
    int failed = cases_failed("denoise", tests);
    return failed ? 1 : 0;
}
