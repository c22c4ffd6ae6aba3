/* The elementary functions of the kernels against the C library in double precision, and on the device against the host. */
#include <check.h>
#include <math.h>

#include "cases.h"
#include "check.h"
#include "grid.h"
#include "kmath.h"

START_TEST(exp_is_right_to_2_5e_7) {
    double worst = 0;
    for (double x = -86.9; x < 86.9; x += 0.000731) {
        float f = (float)x;
        double error = fabs((double)dm_exp(f) / exp((double)f) - 1.0);
        if (!(error <= worst)) worst = error;
    }
    ck_assert_double_lt(worst, 2.5e-7);
    ck_assert(dm_exp(-88.0f) == 0.0f && dm_exp(-1e30f) == 0.0f);
    ck_assert(dm_exp(0.0f) == 1.0f);
    ck_assert(isfinite(dm_exp(1e30f)));
}
END_TEST

START_TEST(sine_and_cosine_are_right_to_1e_6) {
    double sine = 0, cosine = 0;
    for (double x = -999.0; x < 999.0; x += 0.00173) {
        float f = (float)x;
        sine = fmax(sine, fabs((double)dm_sin(f) - sin((double)f)));
        if (fabs(x) < 20) cosine = fmax(cosine, fabs((double)dm_cos(f) - cos((double)f)));
    }
    ck_assert_double_lt(sine, 1e-6);
    ck_assert_double_lt(cosine, 2e-6); /* x + pi/2 is rounded: half a unit in the last place of 20 */
}
END_TEST

/* A trilinear function is met exactly (to rounding) inside; beyond half a voxel there is nothing. */
START_TEST(trilinear_meets_a_trilinear_function) {
    enum { NX = 5, NY = 4, NZ = 3 };
    float v[NX * NY * NZ];
    for (int z = 0; z < NZ; z++)
        for (int y = 0; y < NY; y++)
            for (int x = 0; x < NX; x++) v[dm_at(x, y, z, NX, NY)] = (float)(1 + 2 * x - 3 * y + 5 * z + x * y - x * y * z);
    for (double z = 0; z <= NZ - 1; z += 0.31)
        for (double y = 0; y <= NY - 1; y += 0.23)
            for (double x = 0; x <= NX - 1; x += 0.17)
                ck_assert_double_eq_tol((double)dm_trilinear(v, NX, NY, NZ, (float)x, (float)y, (float)z),
                                        1 + 2 * x - 3 * y + 5 * z + x * y - x * y * z, 2e-5);
    ck_assert(dm_is_outside(dm_trilinear(v, NX, NY, NZ, -0.51f, 1, 1)));
    ck_assert(dm_is_outside(dm_trilinear(v, NX, NY, NZ, 1, 1, NZ - 0.49f)));
    ck_assert(dm_is_outside(dm_trilinear(v, NX, NY, NZ, nanf(""), 1, 1)));
    ck_assert(dm_trilinear(v, NX, NY, NZ, -0.4f, 0, 0) == v[0]);
    v[dm_at(2, 2, 1, NX, NY)] = DM_OUTSIDE;
    ck_assert(dm_is_outside(dm_trilinear(v, NX, NY, NZ, 1.5f, 1.5f, 0.5f)));
    ck_assert(!dm_is_outside(dm_trilinear(v, 1, 1, 1, 0.2f, -0.2f, 0.0f)));
}
END_TEST

START_TEST(the_device_gives_the_bits_of_the_host) {
    dm_gpu *gpu;
    dm_status s = dm_gpu_open(NULL, 0, &gpu);
    ck_assert_msg(dm_good(s), "%s", s.text);
    for (int i = 0; i < dm_gpu_check_count; i++)
        for (int edge = 7; edge <= 24; edge += 17) {
            dm_check_result result;
            s = dm_gpu_checks[i].compare(gpu, edge, 17, 1, &result);
            ck_assert_msg(dm_good(s), "%s: %s", dm_gpu_checks[i].kernel, s.text);
            ck_assert_msg(result.error <= dm_gpu_checks[i].tolerance, "%s: error %g", dm_gpu_checks[i].kernel, result.error);
            ck_assert_double_gt(result.seconds, 0);
        }
    dm_gpu_close(gpu);
}
END_TEST

int main(void) {
    TCase *tests = tcase_create("kmath");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, exp_is_right_to_2_5e_7);
    tcase_add_test(tests, sine_and_cosine_are_right_to_1e_6);
    tcase_add_test(tests, trilinear_meets_a_trilinear_function);
    tcase_add_test(tests, the_device_gives_the_bits_of_the_host);
    int failed = cases_failed("kmath", tests);
    return failed ? 1 : 0;
}
