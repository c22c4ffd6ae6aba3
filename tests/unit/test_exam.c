/* What leaves ingest of patient and exam: coarse, from closed lists, with dates that are none. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "exam.h"

static const dm_key key = {{5}}, other = {{6}};
static const double day = 86400, at_2024 = 1706659200; /* 2024-01-31 */

static dm_exam exam_of(const dm_key *k, const char *patient, double seconds) {
    dm_instance f = {.sex = "F", .manufacturer = "SIEMENS Healthineers", .model = "SOMATOM Force", .age_years = 47,
                     .exam_seconds = seconds};
    strcpy(f.patient_id, patient);
    dm_exam e;
    dm_exam_of(k, &f, &e);
    return e;
}

START_TEST(dates_are_shifted_by_the_patient_and_the_key) {
    dm_exam a = exam_of(&key, "one", at_2024), b = exam_of(&key, "one", at_2024 + 30 * day + 61),
            c = exam_of(&key, "two", at_2024), d = exam_of(&other, "one", at_2024);
    ck_assert_double_eq(b.shifted_seconds - a.shifted_seconds, 30 * day + 61);
    ck_assert_double_ne(a.shifted_seconds, c.shifted_seconds);
    ck_assert_double_ne(a.shifted_seconds, d.shifted_seconds);
    ck_assert_double_ge(at_2024 - a.shifted_seconds, 120 * 365.25 * day);
    ck_assert_double_lt(at_2024 - a.shifted_seconds, 121 * 365.25 * day);
    ck_assert_double_eq(exam_of(&key, "one", NAN).shifted_seconds, 0);
    ck_assert_double_eq(exam_of(&key, "", at_2024).shifted_seconds, 0); /* without a patient there is no order */
}
END_TEST

START_TEST(times_are_written_as_dates) {
    static const struct {
        double seconds;
        const char *text;
    } row[] = {{1706659200, "2024-01-31T00:00"}, {951827640, "2000-02-29T12:34"}, {-1, "1969-12-31T23:59"},
               {-2208988800, "1900-01-01T00:00"}, {-2203891200.0 + 60, "1900-03-01T00:01"}, {0, ""}, {NAN, ""}, {1e15, ""}};
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        char text[20];
        dm_exam_time(row[i].seconds, text);
        ck_assert_str_eq(text, row[i].text);
    }
}
END_TEST

START_TEST(ages_are_bands) {
    static const struct {
        double years;
        const char *band;
    } row[] = {{0, "0-4"}, {4.99, "0-4"}, {5, "5-9"}, {47, "45-49"}, {89.9, "85-89"}, {90, "90+"}, {101, "90+"}, {NAN, ""}, {-1, ""}, {400, ""}};
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        dm_instance f = {.age_years = row[i].years, .exam_seconds = NAN};
        dm_exam e;
        dm_exam_of(&key, &f, &e);
        ck_assert_str_eq(e.age_band, row[i].band);
    }
}
END_TEST

/* Headers hold what people typed: nothing but known words passes. */
START_TEST(free_text_does_not_pass) {
    static const struct {
        const char *sex, *maker, *model, *out_sex, *out_maker, *out_model;
    } row[] = {{"F", "SIEMENS", "Sensation 64", "F", "Siemens", "Sensation 64"},
               {"M", "GE MEDICAL SYSTEMS", "LightSpeed16\n=cmd()", "M", "GE", "LightSpeed16cmd"},
               {"FEM", "Dr. Smith's own", "Smith 1", "", "other", ""},
               {"X", "", "Brilliance", "", "", ""}};
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        dm_instance f = {.age_years = NAN, .exam_seconds = NAN};
        dm_exam e;
        strcpy(f.sex, row[i].sex);
        strcpy(f.manufacturer, row[i].maker);
        strcpy(f.model, row[i].model);
        dm_exam_of(&key, &f, &e);
        ck_assert_str_eq(e.sex, row[i].out_sex);
        ck_assert_str_eq(e.manufacturer, row[i].out_maker);
        ck_assert_str_eq(e.model, row[i].out_model);
    }
}
END_TEST

int main(void) {
    TCase *t = tcase_create("exam");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, dates_are_shifted_by_the_patient_and_the_key);
    tcase_add_test(t, times_are_written_as_dates);
    tcase_add_test(t, ages_are_bands);
    tcase_add_test(t, free_text_does_not_pass);
    return cases_failed("exam", t) != 0;
}
