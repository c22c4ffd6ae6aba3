/* A tube in darker tissue is closed all round; the edges and corners of something brighter are not. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "cases.h"
#include "moat.h"

enum { N = 33 };

typedef double (*scene)(double x, double y, double z); /* HU at mm from the middle */

static double edge(double d) { /* 1 inside, 0 outside, blurred over 1.5 mm */
    return 0.5 - 0.5 * tanh(d / 0.6);
}
static double tube(double x, double y, double z) {
    (void)z;
    return -90 + 340 * edge(sqrt(x * x + y * y) - 1.2);
}
/* The same, a millimetre of fat away from bone on one side. */
static double tube_by_bone(double x, double y, double z) {
    return tube(x, y, z) + 900 * edge(2.4 - x);
}
static double wall(double x, double y, double z) {
    (void)y, (void)z;
    return -90 + 900 * edge(0.7 - x);
}
static double corner(double x, double y, double z) {
    (void)z;
    return -90 + 900 * edge(fmax(0.7 - x, 0.7 - y));
}
/* Across the steps of the grid. */
static double slanted(double x, double y, double z) {
    double t = (x + y + z) / 3, u = x - t, v = y - t, w = z - t;
    return -90 + 340 * edge(sqrt(u * u + v * v + w * w) - 1.2);
}

static dm_moat look(scene what, double least, double fall, double rise) {
    static float v[N * N * N];
    for (int z = 0; z < N; z++)
        for (int y = 0; y < N; y++)
            for (int x = 0; x < N; x++)
                v[(z * N + y) * N + x] = (float)what(0.7 * (x - 16), 0.7 * (y - 16), z - 16.0);
    const dm_samples s = {.v = v, .n = {N, N, N}, .step = {0.7, 0.7, 1.0}};
    dm_moat m = dm_moat_at(&s, 16, 16, 16, fall, rise);
    ck_assert_msg(m.value > least, "value %.0f", m.value);
    return m;
}

START_TEST(tubes_are_closed) {
    ck_assert_int_eq(look(tube, 150, 60, 50).closed, 8);
    ck_assert_int_eq(look(slanted, 150, 60, 50).closed, 8);
    ck_assert_double_lt(look(tube, 150, 60, 50).floor, -60);
    ck_assert_int_ge(look(tube_by_bone, 150, 60, 50).closed, 5);
}
END_TEST

START_TEST(edges_of_bone_are_open) {
    ck_assert_int_lt(look(wall, -80, 60, 50).closed, 6);
    ck_assert_int_lt(look(corner, -89, 25, 30).closed, 8);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("moat");
    tcase_add_test(t, tubes_are_closed);
    tcase_add_test(t, edges_of_bone_are_open);
    return cases_failed("moat", t) != 0;
}
