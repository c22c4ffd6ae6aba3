/* The spine's coordinates against closed forms: a helix-like line, there and back again. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "cases.h"
#include "frame.h"

static void bent_line(dm_spine *s, int n) {
    ck_assert(dm_good(dm_spine_make(s, n, 0.5)));
    for (int i = 0; i < n; i++) {
        double x = i * 0.5;
        s->p[i][0] = 10 * sin(x / 80);
        s->p[i][1] = 15 * cos(x / 70);
        s->p[i][2] = -x * 0.95;
    }
    ck_assert(dm_good(dm_frame_build(s)));
}

static void spine_free(dm_spine *s) {
    free(s->p), free(s->tangent), free(s->ventral), free(s->left), free(s->score), free(s->unsure);
}

START_TEST(angles_have_the_nearest_column) {
    static const struct {
        double theta;
        int column;
    } known[] = {{0, 0}, {2.4, 0}, {2.6, 1}, {-2.4, 0}, {-2.6, 71}, {-180, 36}, {180, 36}, {357.6, 0}, {357.4, 71}, {-380, 68}, {725, 1}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) ck_assert_int_eq(dm_column_of(known[i].theta), known[i].column);
    ck_assert(dm_column_mirrored(0) == 0 && dm_column_mirrored(1) == 71 && dm_column_mirrored(36) == 36 && dm_column_mirrored(71) == 1);
    ck_assert(dm_column_turn(0) == 0 && dm_column_turn(36) == 180 && dm_column_turn(71) == 5);
}
END_TEST

START_TEST(frames_are_orthonormal_and_face_the_front) {
    dm_spine s;
    bent_line(&s, 400);
    for (int i = 0; i < s.n; i++) {
        double tv = 0, tt = 0, vv = 0, ll = 0;
        for (int c = 0; c < 3; c++) {
            tv += s.tangent[i][c] * s.ventral[i][c];
            tt += s.tangent[i][c] * s.tangent[i][c];
            vv += s.ventral[i][c] * s.ventral[i][c];
            ll += s.left[i][c] * s.left[i][c];
        }
        ck_assert_double_eq_tol(tv, 0, 1e-9);
        ck_assert_double_eq_tol(tt, 1, 1e-9);
        ck_assert_double_eq_tol(vv, 1, 1e-9);
        ck_assert_double_eq_tol(ll, 1, 1e-9);
        ck_assert_double_lt(s.ventral[i][1], -0.5); /* anterior is -y */
        ck_assert_double_gt(s.left[i][0], 0.5);     /* the patient's left is +x */
        ck_assert_double_lt(s.tangent[i][2], -0.5); /* s grows towards the feet */
    }
    spine_free(&s);
}
END_TEST

START_TEST(there_and_back) {
    dm_spine s;
    bent_line(&s, 400);
    for (int k = 0; k < 200; k++) {
        double at = 5 + k * 0.93, theta = -175 + 1.7 * k, r = 0.5 + 0.08 * k, p[3], at2, theta2, r2;
        dm_frame_to_lps(&s, at, theta, r, p);
        ck_assert_int_eq(dm_frame_from_lps(&s, p, &at2, &theta2, &r2), 0);
        ck_assert_double_eq_tol(r2, r, 0.05);
        ck_assert_double_eq_tol(at2, at, 0.1);
        ck_assert_double_lt(fabs(remainder(theta2 - theta, 360.0)) * r / 57.3, 0.1);
    }
    spine_free(&s);
}
END_TEST

START_TEST(beyond_the_ends_is_said) {
    dm_spine s;
    bent_line(&s, 100);
    double p[3] = {0, 15, 30}, at;
    ck_assert_int_eq(dm_frame_from_lps(&s, p, &at, NULL, NULL), -1);
    ck_assert_double_lt(at, -1);
    spine_free(&s);
}
END_TEST

START_TEST(a_line_towards_the_back_keeps_its_frame) {
    dm_spine s; /* the sacral end: the line bends until it runs along y */
    ck_assert(dm_good(dm_spine_make(&s, 300, 0.5)));
    for (int i = 0; i < s.n; i++) {
        double bend = fmin(i / 299.0 * 1.75, 1.75); /* to 100 degrees */
        s.p[i][0] = 0;
        s.p[i][1] = i ? s.p[i - 1][1] + 0.5 * sin(bend) : 0;
        s.p[i][2] = i ? s.p[i - 1][2] - 0.5 * cos(bend) : 0;
    }
    ck_assert(dm_good(dm_frame_build(&s)));
    for (int i = 1; i < s.n; i++) {
        double same = 0;
        for (int c = 0; c < 3; c++) same += s.ventral[i][c] * s.ventral[i - 1][c];
        ck_assert_double_gt(same, 0.99);
    }
    spine_free(&s);
}
END_TEST

START_TEST(too_short_is_refused) {
    dm_spine s;
    ck_assert(dm_good(dm_spine_make(&s, 1, 0.5)));
    ck_assert_int_eq(dm_frame_build(&s).severity, DM_STUDY);
    spine_free(&s);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("frame");
    tcase_add_test(t, angles_have_the_nearest_column);
    tcase_add_test(t, frames_are_orthonormal_and_face_the_front);
    tcase_add_test(t, there_and_back);
    tcase_add_test(t, beyond_the_ends_is_said);
    tcase_add_test(t, a_line_towards_the_back_keeps_its_frame);
    tcase_add_test(t, too_short_is_refused);
    return cases_failed("frame", t) != 0;
}
