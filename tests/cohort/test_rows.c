/* Made-up studies to records to tables. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "csv_cells.h"
#include "made_records.h"

static cells table_of(const char *name) {
    char file[60], *text;
    size_t n;
    cells c;
    snprintf(file, sizeof file, "tables/%s.csv", name);
    ck_assert(dm_good(dm_file_read(path_of(file), &text, &n)));
    ck_assert(cells_read(&c, text, n));
    free(text);
    return c;
}

static void is(const cells *c, int row, const char *column, const char *expect) {
    const char *got = cells_get(c, row, column);
    ck_assert_msg(got && !strcmp(got, expect), "row %d, %s: '%s', not '%s'", row, column, got ? got : "(none)", expect);
}

START_TEST(one_row_per_study_sorted) {
    write_four();
    cells c = table_of("studies");
    ck_assert_int_eq(c.rows, 5);
    static const char *const ids[] = {"aaaa", "bbbb", "cccc", "dddd"}, *const status[] = {"failed", "warning", "failed", "ok"};
    for (int i = 0; i < 4; i++) {
        is(&c, i + 1, "study_id", ids[i]);
        is(&c, i + 1, "status", status[i]);
    }
    is(&c, 1, "error_code", "no_series");
    is(&c, 1, "error_text", "nothing, or \"less\"");
    is(&c, 3, "patient_id", "");
    is(&c, 3, "modality", "");
    /* A failed study has measured nothing: no zero may pass for a result. */
    static const char *const empty[] = {"answer", "score", "n_leaks", "class", "level", "side", "clock", "x_mm", "s_mm", "slec",
                                        "n_diverticula", "largest_diverticulum_mm", "n_veins", "sac_mean", "noise_sd",
                                        "level_posterior", "levels_covered", "round"};
    for (unsigned i = 0; i < sizeof empty / sizeof *empty; i++) {
        is(&c, 1, empty[i], "");
        is(&c, 3, empty[i], "");
    }
    is(&c, 2, "answer", "no_leak");
    is(&c, 2, "n_leaks", "0");
    is(&c, 2, "largest_diverticulum_mm", "");
    is(&c, 2, "class", "");
    cells_clear(&c);
    c = table_of("run");
    ck_assert_int_eq(c.rows, 5);
    is(&c, 4, "seconds", "2.5");
    is(&c, 4, "seconds_spine", "1");
    is(&c, 4, "seconds_canal", "");
    is(&c, 4, "seconds_pictures", "");
    cells_clear(&c);
    c = table_of("exclusions");
    ck_assert_int_eq(c.rows, 2);
    is(&c, 1, "study_id", "aaaa");
    is(&c, 1, "reason", "few_slices: fewer than 3");
    cells_clear(&c);
}
END_TEST

START_TEST(the_answer_of_a_leak) {
    write_four();
    cells c = table_of("studies");
    static const char *const expect[][2] = {
        {"answer", "leak"}, {"score", "1.235"}, {"n_leaks", "1"}, {"class", "lateral_tear"}, {"level", "T7"}, {"level_alt", "T8"},
        {"side", "left"}, {"clock", "3"}, {"x_mm", "12.3"}, {"y_mm", "-5.7"}, {"z_mm", "100.1"}, {"s_mm", "25.3"},
        {"interval_mm", "12"}, {"slec", "0"}, {"slec_from", ""}, {"n_diverticula", "1"}, {"largest_diverticulum_mm", "7.2"},
        {"n_veins", "0"}, {"false_signs", "c1c2"}, {"levels_covered", "T7-T9"}, {"count_method", "ribs"},
        {"level_posterior", "0.88"}, {"sac_mean", "483"}, {"noise_sd", ""}};
    for (unsigned i = 0; i < sizeof expect / sizeof *expect; i++) is(&c, 4, expect[i][0], expect[i][1]);
    cells_clear(&c);
    c = table_of("findings");
    ck_assert_int_eq(c.rows, 3);
    is(&c, 1, "level_disc", "T7-8");
    is(&c, 1, "level_alt", "T8-9");
    is(&c, 1, "accepted", "1");
    is(&c, 1, "false_sign", "");
    is(&c, 2, "finding", "2");
    is(&c, 2, "level_disc", "C1-2");
    is(&c, 2, "false_sign", "c1c2");
    is(&c, 2, "peak_value", "");
    cells_clear(&c);
    c = table_of("diverticula");
    is(&c, 1, "level_root", "T8");
    is(&c, 1, "side", "right");
    is(&c, 1, "leaking", "0");
    cells_clear(&c);
    c = table_of("passes");
    ck_assert_int_eq(c.rows, 4); /* not for the source that could not be read */
    is(&c, 3, "kvp", "");
    is(&c, 3, "slice_mm", "0.625");
    is(&c, 3, "nz", "30");
    cells_clear(&c);
}
END_TEST

/* Level and second best level of a lateral tear at a root that is placed, or not. */
static void root_of(int unplaced, int root, int shift, const char *level, const char *alt) {
    dm_study *s = study_of("rrrr");
    add_line(s);
    add_surfaces(s);
    add_levels(s);
    add_findings(s);
    s->findings.f[0].root = root, s->findings.f[0].unplaced = unplaced;
    s->levels.alt_shift = shift;
    dm_account a = account_of(s, "d", dm_ok);
    cJSON *record = dm_record_of(&a);
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(record, "tables"), "studies"), 0);
    const cJSON *one = cJSON_GetObjectItem(row, "level"), *other = cJSON_GetObjectItem(row, "level_alt");
    ck_assert_str_eq(one ? one->valuestring : "", level);
    ck_assert_str_eq(other ? other->valuestring : "", alt);
    row = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(record, "tables"), "findings"), 0);
    ck_assert_int_eq(cJSON_GetObjectItem(row, "placed")->valueint, !unplaced);
    cJSON_Delete(record);
    dm_study_clear(s);
    free(s);
}

static void root_is(int root, int shift, const char *level, const char *alt) {
    root_of(0, root, shift, level, alt);
}

START_TEST(what_cannot_be_placed_has_no_level) {
    root_of(1, DM_T12, 1, "", "");
}
END_TEST

START_TEST(roots_count_c8) {
    root_is(DM_C8, 0, "C8", "");
    root_is(DM_C8, 1, "C8", "T1");
    root_is(DM_C8, -1, "C8", "C7");
    root_is(DM_C7, 1, "C7", "C8");
    root_is(DM_T1, -2, "T1", "C7");
    root_is(DM_T12, 1, "T12", "L1");
    root_is(DM_L5, 1, "L5", "S1");
    root_is(DM_S5, 1, "S5", "");
}
END_TEST

/* Areas of the 72-sided polygons of radius 10 and 8; the pool is ten samples long, two columns of 5 degrees wide and 2 mm
 * thick on a dura of 8 mm: 20 * (8 + 1) * 0.0872665 * 2 mm3. The third vertebra lies where the sac is not filled. */
START_TEST(measures_of_levels) {
    write_four();
    cells c = table_of("levels");
    ck_assert_int_eq(c.rows, 4);
    static const char *const expect[3][10] = {
        {"T7", "22.5", "20", "20", "314", "16", "16", "201", "400", "31"},
        {"T8", "47.5", "20", "20", "314", "16", "16", "201", "592", "0"},
        {"T9", "72.5", "20", "20", "314", "", "", "", "", ""}};
    static const char *const column[10] = {"level", "s_mm", "canal_ap_mm", "canal_tr_mm", "canal_area_mm2", "sac_ap_mm", "sac_tr_mm",
                                           "sac_area_mm2", "sac_mean", "extradural_mm3"};
    for (int r = 0; r < 3; r++)
        for (int k = 0; k < 10; k++)
            if (strcmp(column[k], "sac_mean")) is(&c, r + 1, column[k], expect[r][k]);
    is(&c, 1, "sac_mean", "408"); /* 25 samples of 400 and the one at the disc, of 600 */
    is(&c, 2, "sac_mean", "600");
    is(&c, 1, "x_mm", "0");
    is(&c, 1, "y_mm", "-0.1");
    cells_clear(&c);
}
END_TEST

static int among(const cJSON *levels, const char *value) {
    const cJSON *one;
    cJSON_ArrayForEach(one, levels) if (!strcmp(one->valuestring, value)) return 1;
    return 0;
}

/* Every column is explained, nothing else is, and what occurs is what the sidecar announces. */
START_TEST(columns_are_those_of_the_sidecars) {
    write_four();
    for (int t = 0; t < dm_table_count; t++) {
        char file[60], *text;
        size_t n;
        cells c = table_of(dm_tables[t].name);
        snprintf(file, sizeof file, "tables/%s.json", dm_tables[t].name);
        ck_assert(dm_good(dm_file_read(path_of(file), &text, &n)));
        cJSON *side = cJSON_Parse(text), *item = side->child->next;
        ck_assert_str_eq(c.at[0][0], "study_id");
        for (int k = 0; k < c.columns[0]; k++, item = item->next) {
            ck_assert_ptr_nonnull(item);
            ck_assert_str_eq(item->string, c.at[0][k]);
            const cJSON *levels = cJSON_GetObjectItem(item, "Levels");
            for (int r = 1; r < c.rows; r++) {
                ck_assert_int_eq(c.columns[r], c.columns[0]);
                ck_assert_msg(!levels || !*c.at[r][k] || among(levels, c.at[r][k]), "%s.%s: '%s' is not announced",
                              dm_tables[t].name, item->string, c.at[r][k]);
            }
        }
        ck_assert_ptr_null(item);
        cJSON_Delete(side);
        free(text);
        cells_clear(&c);
    }
}
END_TEST

/* A key of a row that no column takes would be lost in silence. */
START_TEST(every_key_has_its_column) {
    cJSON *record = NULL;
    write_four();
    ck_assert(dm_good(dm_record_read(path_of("records/dddd.json"), &record)));
    const cJSON *tables = cJSON_GetObjectItem(record, "tables"), *rows, *row, *cell;
    ck_assert_int_eq(cJSON_GetArraySize(tables), dm_table_count);
    cJSON_ArrayForEach(rows, tables) {
        cells c = table_of(rows->string);
        cJSON_ArrayForEach(row, rows) cJSON_ArrayForEach(cell, row)
            ck_assert_msg(cells_get(&c, 0, cell->string) != NULL, "%s: no column %s", rows->string, cell->string);
        cells_clear(&c);
    }
    /* The line every 5 mm: s, x, y, z, score, unsure. */
    const cJSON *line = cJSON_GetObjectItem(record, "line"), *last = cJSON_GetArrayItem(line, 20);
    ck_assert_int_eq(cJSON_GetArraySize(line), 21);
    ck_assert_double_eq_tol(cJSON_GetArrayItem(last, 0)->valuedouble, 100, 1e-9);
    ck_assert_double_eq_tol(cJSON_GetArrayItem(last, 1)->valuedouble, 1.23, 1e-9);
    ck_assert_double_eq_tol(cJSON_GetArrayItem(last, 3)->valuedouble, 400, 1e-9);
    ck_assert_int_eq(cJSON_GetArraySize(last), 6);
    cJSON_Delete(record);
}
END_TEST

START_TEST(merge_of_the_same_records_gives_the_same_bytes) {
    char *text[2];
    size_t n[2];
    int rows;
    write_four();
    ck_assert(dm_good(dm_file_read(path_of("tables/studies.csv"), &text[0], &n[0])));
    end();
    begin();
    write_unread("cccc", "");
    write_failed("aaaa", "d3");
    write_clean("bbbb", "d2");
    write_leak("dddd", "d1");
    ck_assert(dm_good(dm_file_replace(path_of("records/.hidden.json"), "{}", 2, 0644)));
    ck_assert(dm_good(dm_file_replace(path_of("records/dddd.json.77.tmp"), "{\"a", 3, 0644)));
    ck_assert(dm_good(dm_cohort_merge(out, &rows)));
    ck_assert(dm_good(dm_file_read(path_of("tables/studies.csv"), &text[1], &n[1])));
    ck_assert_uint_eq(n[0], n[1]);
    ck_assert_mem_eq(text[0], text[1], n[0]);
    free(text[0]);
    free(text[1]);
    ck_assert_int_ne(access(path_of("private/mapping.csv"), F_OK), 0); /* nothing private is made where none was */
}
END_TEST

START_TEST(a_damaged_record_is_said_and_left_out) {
    int rows;
    write_four();
    ck_assert(dm_good(dm_file_replace(path_of("records/bbbb.json"), "{\"study_id\": \"bb", 15, 0644)));
    dm_status s = dm_cohort_merge(out, &rows);
    ck_assert_int_eq(s.severity, DM_WARN);
    ck_assert_str_eq(s.code, "bad_record");
    ck_assert_ptr_nonnull(strstr(s.text, "bbbb.json"));
    ck_assert_int_eq(rows, 3);
}
END_TEST

int main(void) {
    if (!mkdtemp(out)) return 1;
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, end);
    tcase_add_test(c, one_row_per_study_sorted);
    tcase_add_test(c, the_answer_of_a_leak);
    tcase_add_test(c, roots_count_c8);
    tcase_add_test(c, what_cannot_be_placed_has_no_level);
    tcase_add_test(c, measures_of_levels);
    tcase_add_test(c, columns_are_those_of_the_sidecars);
    tcase_add_test(c, every_key_has_its_column);
    tcase_add_test(c, merge_of_the_same_records_gives_the_same_bytes);
    tcase_add_test(c, a_damaged_record_is_said_and_left_out);
    int failed = cases_failed("rows", c);
    rmdir(out);
    return failed != 0;
}
