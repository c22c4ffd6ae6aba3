/* reference.csv joined to studies: names by pseudonym, raw ID with the key, and archive; ranks;
 * contradictions; levels that only some studies show. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "clinical.h"
#include "dates.h"
#include "level.h"
#include "level_place.h"
#include "reference.h"
#include "schema.h"

static char path[] = "/tmp/dm_reference_XXXXXX";
static const dm_key key = {{1, 2, 3}};
static char ids[2][17], study_ids[3][17];
static const char *patients[2];
static dm_rung rungs[5];
static dm_examination exams[3];
static dm_material material;
static dm_sheet unmatched;

static int by_text(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Patient 0 has studies 0 and 1, patient 1 study 2; pseudonyms made with the key from DOE^A, DOE^B and UIDs.
 */
static void setup(void) {
    dm_pseudonym(&key, "patient", "DOE^A", ids[0]);
    dm_pseudonym(&key, "patient", "DOE^B", ids[1]);
    for (int i = 0; i < 3; i++) {
        char uid[8];
        snprintf(uid, sizeof uid, "1.2.%d", i);
        dm_pseudonym(&key, "study", uid, study_ids[i]);
    }
    char sorted[3][17];
    memcpy(sorted, study_ids, sizeof sorted);
    qsort(sorted, 3, sizeof *sorted, by_text);
    patients[0] = strcmp(ids[0], ids[1]) < 0 ? ids[0] : ids[1];
    patients[1] = patients[0] == ids[0] ? ids[1] : ids[0];
    for (int i = 0; i < 5; i++) rungs[i] = (dm_rung){DM_T1 + i, {0, 0, -20.0 * i}, 20 + 20.0 * i};
    for (int i = 0; i < 3; i++) {
        int of = 0;
        while (strcmp(sorted[i], study_ids[of]) != 0) of++;
        exams[i] = (dm_examination){.study_id = study_ids[of],
                                    .patient = of == 2                 ? patients[1] != ids[1] ? 0 : 1
                                               : patients[0] == ids[0] ? 0
                                                                       : 1,
                                    .rung = rungs,
                                    .n_rungs = 5,
                                    .time = NAN,
                                    .day = NAN,
                                    .truth_source = "",
                                    .truth_days = NAN,
                                    .truth_slec = -1};
    }
    material = (dm_material){.exam = exams, .n_exams = 3, .patient = patients, .n_patients = 2};
    dm_sheet_start(&unmatched, &dm_compare_schema[DM_UNMATCHED]);
}

static void teardown(void) {
    for (int i = 0; i < 3; i++) free(exams[i].lesion);
    dm_sheet_free(&unmatched);
}

static dm_examination *study(int which) {
    return &exams[dm_examination_find(&material, study_ids[which])];
}

static dm_status join_with(const char *rows, const dm_key *with, const dm_csv_table *mapping) {
    const dm_names names = {with, mapping};
    dm_csv_table t;
    FILE *f = fopen(path, "w");
    ck_assert(
        f && fputs("patient_id,study_id,archive,source,class,level,side,x_mm,y_mm,z_mm,level_mm\n", f) >= 0 &&
        fputs(rows, f) >= 0 && fclose(f) == 0);
    dm_status s = dm_csv_table_read(path, &t);
    ck_assert_msg(dm_good(s), "%s", s.text);
    s = dm_reference_join(&t, &names, &material, &unmatched);
    dm_csv_table_free(&t);
    return s;
}

static int listed(const char *kind) {
    const cJSON *row;
    int n = 0;
    cJSON_ArrayForEach(row, unmatched.rows) n += !strcmp(cJSON_GetObjectItem(row, "kind")->valuestring, kind);
    return n;
}

START_TEST(raw_patient_ids_by_the_key) {
    ck_assert(dm_good(join_with("DOE^A,,,surgery,ventral_tear,T2-3,ventral,,,,\n", &key, NULL)));
    ck_assert(study(0)->n_lesions == 1 &&
              study(1)->n_lesions == 1); /* a patient's row holds for all the patient's studies */
    ck_assert_int_eq(study(2)->truth, DM_TRUTH_UNKNOWN);
    ck_assert_int_eq(listed("study_without_reference"), 1);
    ck_assert_double_eq_tol(study(0)->lesion[0].s_from, 40, 1e-9);
    ck_assert_double_eq_tol(study(0)->lesion[0].s_to, 60, 1e-9);
    ck_assert(isnan(study(0)->lesion[0].s));
    ck_assert_str_eq(study(0)->truth_source, "surgery");
}
END_TEST

START_TEST(pseudonyms_and_uids) {
    char row[120];
    snprintf(row, sizeof row, "%s,,,surgery,none,,,,,,\n,1.2.2,,surgery,none,,,,,,\n", ids[0]);
    ck_assert(dm_good(join_with(row, &key, NULL)));
    ck_assert(study(0)->truth == DM_TRUTH_NEGATIVE && study(1)->truth == DM_TRUTH_NEGATIVE &&
              study(2)->truth == DM_TRUTH_NEGATIVE);
}
END_TEST

START_TEST(without_the_key_raw_ids_match_nothing_and_say_so) {
    ck_assert(dm_good(join_with("DOE^A,,,surgery,none,,,,,,\n", NULL, NULL)));
    ck_assert_int_eq(listed("row_without_study"), 1);
    ck_assert(strstr(cJSON_GetObjectItem(cJSON_GetArrayItem(unmatched.rows, 0), "reason")->valuestring,
                     "--key") != NULL);
    char *text = NULL;
    size_t size;
    ck_assert(dm_good(dm_sheet_text(&unmatched, &text, &size)));
    ck_assert(!strstr(text, "DOE")); /* no raw ID in what may be given away */
    free(text);
}
END_TEST

START_TEST(archives_by_the_mapping) {
    static const char head[] = "study_id,archive\n";
    char mapping_path[] = "/tmp/dm_mapping_XXXXXX";
    int fd = mkstemp(mapping_path);
    ck_assert(fd >= 0);
    FILE *f = fdopen(fd, "w");
    ck_assert(f != NULL);
    fprintf(f, "%s%s,old/a.zip\n%s,new/a.zip\n%s,b.zip\n", head, study_ids[0], study_ids[1], study_ids[2]);
    ck_assert(fclose(f) == 0);
    dm_csv_table mapping;
    ck_assert(dm_good(dm_csv_table_read(mapping_path, &mapping)));
    ck_assert(dm_good(join_with(
        ",,a.zip,surgery,none,,,,,,\n,,/data/new/a.zip,surgery,none,,,,,,\n,,b.zip,surgery,sacral,,,,,,\n",
        NULL, &mapping)));
    ck_assert_int_eq(listed("row_without_study"), 1); /* two archives are called a.zip */
    ck_assert(study(0)->truth == DM_TRUTH_UNKNOWN && study(1)->truth == DM_TRUTH_NEGATIVE &&
              study(2)->truth == DM_TRUTH_LEAK);
    dm_csv_table_free(&mapping);
    unlink(mapping_path);
}
END_TEST

START_TEST(positions_belong_to_the_study_named) {
    ck_assert(dm_good(join_with(",1.2.0,,surgery,ventral_tear,T2-3,ventral,3,-4,-33,\n,1.2.1,,surgery,"
                                "ventral_tear,T2-3,ventral,,,,-4\n"
                                "DOE^B,,,surgery,ventral_tear,T2-3,ventral,0,0,-900,\n",
                                &key, NULL)));
    ck_assert_double_eq_tol(study(0)->lesion[0].s, 53, 1e-9);
    ck_assert_double_eq_tol(study(1)->lesion[0].s, 46, 1e-9); /* 4 mm above the middle of T2-3 */
    ck_assert(isnan(study(2)->lesion[0].s));                  /* far beyond what the study shows */
    ck_assert_int_eq(listed("position_unused"), 1);
}
END_TEST

START_TEST(a_patients_position_in_several_scans_is_not_used) {
    ck_assert(dm_good(join_with("DOE^A,,,surgery,ventral_tear,T2-3,ventral,3,-4,-33,\n", &key, NULL)));
    ck_assert(isnan(study(0)->lesion[0].s) && isnan(study(1)->lesion[0].s));
    ck_assert_int_eq(listed("position_unused"), 1);
}
END_TEST

START_TEST(several_leaks_of_one_patient) {
    ck_assert(dm_good(join_with(
        "DOE^B,,,surgery,csf_venous_fistula,T2,right,,,,\nDOE^B,,,surgery,csf_venous_fistula,T4,right,,,,\n",
        &key, NULL)));
    ck_assert_int_eq(study(2)->n_lesions, 2);
}
END_TEST

START_TEST(the_highest_source_is_taken) {
    ck_assert(dm_good(join_with(
        "DOE^B,,,consensus,ventral_tear,T1-2,,,,,\nDOE^B,,,surgery,ventral_tear,T3-4,,,,,\n", &key, NULL)));
    ck_assert_int_eq(study(2)->n_lesions, 1);
    ck_assert_int_eq(study(2)->lesion[0].place, dm_place_parse("T3-4"));
    ck_assert_int_eq(listed("outranked"), 1);
}
END_TEST

START_TEST(sources_as_people_write_them) {
    ck_assert(dm_good(
        join_with("DOE^B,,,later myelogram,ventral_tear,T1-2,,,,,\nDOE^A,,,,none,,,,,,\n", &key, NULL)));
    ck_assert_str_eq(study(2)->truth_source, "later_myelogram");
    ck_assert_str_eq(study(0)->truth_source, "unstated");
    ck_assert(!dm_good(join_with("DOE^B,,,surger,none,,,,,,\n", &key, NULL)));
    ck_assert(!dm_good(join_with("DOE^B,,,surgery room,none,,,,,,\n", &key, NULL)));
}
END_TEST

START_TEST(contradictions_are_set_aside_and_listed) {
    ck_assert(dm_good(join_with("DOE^B,,,consensus,none,,,,,,\nDOE^B,,,surgery,ventral_tear,T3-4,,,,,\nDOE^B,"
                                "1.2.0,,surgery,none,,,,,,\n",
                                &key, NULL)));
    ck_assert_int_eq(study(2)->truth, DM_TRUTH_CONTRADICTED);
    ck_assert_int_eq(study(2)->n_lesions, 0);
    ck_assert_int_eq(study(0)->truth, DM_TRUTH_UNKNOWN); /* named with another patient */
    ck_assert_int_eq(listed("contradiction"), 2);
}
END_TEST

/* Dates in treatments.csv are true, times in studies.csv are moved by the patient's secret amount. */
START_TEST(dates_of_treatments_meet_moved_times) {
    const dm_names names = {&key, NULL};
    dm_treatments t = {0};
    double shift = dm_date_shift(&key, "DOE^A");
    ck_assert(shift >= 43830 * 86400.0 && shift < (43830 + 365) * 86400.0);
    study(0)->time = 86400 * dm_date_parse("2024-05-31") + 23 * 3600 - shift;
    study(1)->time = 86400 * dm_date_parse("2024-06-01") + 60 - shift;
    FILE *f = fopen(path, "w");
    ck_assert(f &&
              fputs("patient_id,treatment,date\nDOE^A,blood_patch,2024-05-31\nDOE^B,surgery,2024-05-31\n",
                    f) >= 0 &&
              fclose(f) == 0);
    ck_assert(dm_good(dm_treatments_read(path, &names, &material, &unmatched, &t)));
    ck_assert_int_eq(t.n, 1); /* patient B's exam has no time */
    ck_assert_int_eq(listed("treatment_unused"), 1);
    ck_assert(!dm_treated_before(&t.t[0], study(0), 1)); /* the day of the patch: the myelogram came first */
    ck_assert(dm_treated_before(&t.t[0], study(1), 2));
    dm_treatments_free(&t);
}
END_TEST

START_TEST(no_p_value_reads_zero) {
    static const struct {
        double p;
        const char *text;
    } shown[] = {{0.5, "0.5"},
                 {0.0214843, "0.021484"},
                 {0.0001, "0.0001"},
                 {0.00009999, "1.00e-04"},
                 {3.456e-12, "3.46e-12"},
                 {NAN, ""}};
    dm_sheet pairs;
    dm_sheet_start(&pairs, &dm_compare_schema[DM_PAIRS]);
    for (int i = 0; i < 6; i++) {
        char text[64];
        dm_put_p(dm_sheet_row(&pairs), "p_midp", shown[i].p);
        dm_sheet_cell(&pairs, i, "p_midp", text);
        ck_assert_str_eq(text, shown[i].text);
    }
    dm_sheet_free(&pairs);
}
END_TEST

int main(void) {
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, raw_patient_ids_by_the_key);
    tcase_add_test(t, pseudonyms_and_uids);
    tcase_add_test(t, without_the_key_raw_ids_match_nothing_and_say_so);
    tcase_add_test(t, archives_by_the_mapping);
    tcase_add_test(t, positions_belong_to_the_study_named);
    tcase_add_test(t, a_patients_position_in_several_scans_is_not_used);
    tcase_add_test(t, several_leaks_of_one_patient);
    tcase_add_test(t, the_highest_source_is_taken);
    tcase_add_test(t, sources_as_people_write_them);
    tcase_add_test(t, contradictions_are_set_aside_and_listed);
    tcase_add_test(t, dates_of_treatments_meet_moved_times);
    tcase_add_test(t, no_p_value_reads_zero);
    int failed = cases_failed("reference", t);
    unlink(path);
    return failed != 0;
}
