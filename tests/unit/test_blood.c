/* The study's own tubes: roots by their agreement, veins by their middle. */
#include <check.h>

#include "blood.h"
#include "cases.h"

START_TEST(roots_agree_and_veins_are_dim) {
    float value[] = {60, 182, 55, 190, 66, 178, 63, 310, 186};
    dm_blood b = dm_blood_of(value, 9, 70, 5);
    ck_assert_double_eq_tol(b.root, 184, 3);
    ck_assert(dm_blood_is_root(&b, 180));
    ck_assert(!dm_blood_is_root(&b, 310));
    ck_assert(!dm_blood_is_root(&b, 120));
    ck_assert_double_eq_tol(b.middle, 61.5, 2);
}
END_TEST

START_TEST(two_are_no_roots) {
    float value[] = {180, 190, 320};
    dm_blood b = dm_blood_of(value, 3, 70, 5);
    ck_assert(!dm_blood_is_root(&b, 185));
    ck_assert_double_eq(b.middle, 70);
    b = dm_blood_of(value, 0, 70, 5);
    ck_assert_double_eq(b.root_spread, 0);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("blood");
    tcase_add_test(t, roots_agree_and_veins_are_dim);
    tcase_add_test(t, two_are_no_roots);
    return cases_failed("blood", t) != 0;
}
