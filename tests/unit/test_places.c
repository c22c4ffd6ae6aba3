/* Positions along the spine: names of roots, hours, rows that lie alike in other vertebrae. */
#include <check.h>

#include "cases.h"
#include "level.h"
#include "places.h"

enum { VERTEBRAE = 12, ROWS = 300 };

/* Vertebrae from T1 on; heights 20, 21, 22 ... mm, the first from 10 mm on. */
static dm_levels column(void) {
    dm_levels l = {.n = VERTEBRAE};
    double s = 10;
    for (int k = 0; k < l.n; k++) {
        l.v[k] = (dm_vertebra){.level = DM_T1 + k, .s_from = s, .s_to = s + 20 + k};
        s = l.v[k].s_to;
    }
    return l;
}

START_TEST(rows_alike_have_the_same_place_in_their_vertebrae) {
    const dm_levels l = column();
    const dm_rows none = {0, -1};
    int row[DM_ALIKE], i = (int)(l.v[5].s_from + 5); /* a fifth of T6, 25 mm high */
    ck_assert_int_eq(dm_rows_alike(&l, 1, ROWS, i, none, row), DM_ALIKE);
    for (int k = 0, v = 1; v <= 9; v++) {
        if (v == 5) continue;
        ck_assert_double_eq_tol(row[k], l.v[v].s_from + 0.2 * (20 + v), 0.51);
        k++;
    }
    ck_assert_int_eq(dm_rows_alike(&l, 0.5, 2 * ROWS, 2 * i, none, row), DM_ALIKE);
    ck_assert_double_eq_tol(0.5 * row[0], l.v[1].s_from + 0.2 * 21, 0.26);
}
END_TEST

START_TEST(fewer_rows_are_alike_at_the_ends_and_beside_a_pool) {
    const dm_levels l = column();
    const dm_rows none = {0, -1}, pool = {(int)l.v[4].s_from + 1, (int)l.v[7].s_to - 1}, all = {0, ROWS};
    int row[DM_ALIKE], i = (int)(l.v[5].s_from + 5);
    ck_assert_int_eq(dm_rows_alike(&l, 1, ROWS, (int)l.v[0].s_from + 3, none, row), DM_ALIKE / 2);
    ck_assert_int_eq(dm_rows_alike(&l, 1, ROWS, i, pool, row), DM_ALIKE - 3); /* T5, T7 and T8 are the pool's own */
    ck_assert_int_eq(dm_rows_alike(&l, 1, ROWS, i, all, row), 0);
    ck_assert_int_eq(dm_rows_alike(&l, 1, ROWS, 5, none, row), 0); /* above the first vertebra */
    ck_assert_int_eq(dm_rows_alike(&l, 1, (int)l.v[6].s_from, i, none, row), DM_ALIKE / 2); /* the line ends */
}
END_TEST

START_TEST(roots_and_hours) {
    ck_assert_int_eq(dm_root_between(DM_C7, DM_T1), DM_C8);
    ck_assert_int_eq(dm_root_between(DM_C2 + 3, DM_C2 + 4), DM_C2 + 4);
    ck_assert_int_eq(dm_root_between(DM_T1, DM_T1 + 1), DM_T1);
    ck_assert_int_eq(dm_root_between(DM_T1 + 9, DM_T1 + 10), DM_T1 + 9);
    ck_assert_double_eq_tol(dm_clock_of(0), 6, 1e-12);
    ck_assert_double_eq_tol(dm_clock_of(90), 3, 1e-12);
    ck_assert_double_eq_tol(dm_clock_of(180), 12, 1e-12);
    ck_assert_double_eq_tol(dm_clock_of(-90), 9, 1e-12);
}
END_TEST

/* In a real chest foramina lie 6 to 9 mm above the disc; in the neck they lie at it. */
START_TEST(roots_leave_under_the_pedicle) {
    dm_levels l = column();
    ck_assert_double_eq_tol(l.v[5].s_to - dm_foramen_s(&l, 5), 7.5, 1.5);
    ck_assert_int_eq(dm_foramen_at(&l, l.v[5].s_from + 6.5), 5); /* nearer to its own foramen than to the one above */
    ck_assert_int_eq(dm_foramen_at(&l, l.v[5].s_from + 3.5), 4);
    for (int k = 0; k < l.n; k++) l.v[k].level = DM_C2 + k;
    ck_assert_double_eq_tol(l.v[2].s_to - dm_foramen_s(&l, 2), 0, 1.5);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("places");
    tcase_add_test(t, rows_alike_have_the_same_place_in_their_vertebrae);
    tcase_add_test(t, fewer_rows_are_alike_at_the_ends_and_beside_a_pool);
    tcase_add_test(t, roots_and_hours);
    tcase_add_test(t, roots_leave_under_the_pedicle);
    return cases_failed("places", t) != 0;
}
