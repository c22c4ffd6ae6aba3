#include <check.h>

#include "cases.h"
#include "level.h"

START_TEST(names_and_numbers_agree) {
    for (int l = DM_C1; l <= DM_C8; l++) ck_assert_int_eq(dm_level_parse(dm_level_name(l)), l);
    ck_assert_str_eq(dm_level_name(0), "");
    ck_assert_str_eq(dm_level_name(99), "");
    ck_assert_int_eq(dm_level_parse("T14"), DM_LEVEL_NONE);
    ck_assert_int_eq(dm_level_parse("C0"), DM_LEVEL_NONE);
    ck_assert_int_eq(dm_level_parse(""), DM_LEVEL_NONE);
    ck_assert_int_eq(dm_level_parse("T7-8"), DM_T1 + 6);
}
END_TEST

START_TEST(discs) {
    char text[12];
    dm_disc_name(DM_T1 + 6, DM_T1 + 7, text, sizeof text);
    ck_assert_str_eq(text, "T7-8");
    dm_disc_name(DM_C7, DM_T1, text, sizeof text);
    ck_assert_str_eq(text, "C7-T1");
    dm_disc_name(DM_T12, DM_L1, text, sizeof text);
    ck_assert_str_eq(text, "T12-L1");
}
END_TEST

int main(void) {
    TCase *t = tcase_create("level");
    tcase_add_test(t, names_and_numbers_agree);
    tcase_add_test(t, discs);
    return cases_failed("level", t) != 0;
}
