/* Tables as other programs read them: quoting, numbers, missing cells, the sidecar. */
#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "csv_cells.h"
#include "table.h"

static const dm_column columns[] = {{"name", DM_TEXT, 0, "", "", "what it is called"},
                                    {"size", DM_NUMBER, 2, "mm", "", "how large"},
                                    {"class", DM_TEXT, 0, "", "a|b", "which"}};
static const dm_table table = {"things", "a thing", columns, 3};

/* One row with this text in its first column, as bytes. */
static char *row_with(const char *text, size_t *n) {
    char *out = NULL;
    FILE *f = open_memstream(&out, n);
    cJSON *row = cJSON_CreateObject();
    cJSON_AddStringToObject(row, "name", text);
    dm_csv_row(f, &table, row);
    cJSON_Delete(row);
    fclose(f);
    return out;
}

START_TEST(any_text_comes_back) {
    static const char *const texts[] = {"plain",      "",           "a,b",        "\"",        "say \"no\"", "two\nlines", ",",
                                        "\"quoted\"", " blank ends ", "\xc3\xa9t\xc3\xa9", "end\"",  "a;b",      "\n"};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        cells c;
        size_t n = 0;
        char *bytes = row_with(texts[i], &n);
        ck_assert_msg(cells_read(&c, bytes, n), "no CSV: %s", bytes);
        ck_assert_int_eq(c.rows, 1);
        ck_assert_int_eq(c.columns[0], 3);
        if (texts[i][0] != ' ') ck_assert_str_eq(c.at[0][0], texts[i]); /* libcsv trims blanks outside quotes */
        cells_clear(&c);
        free(bytes);
    }
}
END_TEST

/* A spreadsheet runs cells that begin like this. */
START_TEST(formulas_are_disarmed) {
    static const char *const texts[] = {"=1+1", "+1", "-1", "@x", "\tx", "\rx", "=a,b"};
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
        size_t n = 0;
        char *bytes = row_with(texts[i], &n);
        ck_assert_msg(bytes[0] == '\'' || (bytes[0] == '"' && bytes[1] == '\''), "'%s' is not disarmed", bytes);
        free(bytes);
    }
}
END_TEST

START_TEST(missing_is_empty_and_never_zero) {
    static const char *const rows[] = {"{}", "{\"name\":null,\"size\":null}", "{\"size\":[1],\"name\":{}}", "{\"other\":3}"};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *out = NULL;
        size_t n = 0;
        FILE *f = open_memstream(&out, &n);
        cJSON *row = cJSON_Parse(rows[i]);
        dm_csv_row(f, &table, row);
        cJSON_Delete(row);
        fclose(f);
        ck_assert_str_eq(out, ",,\n");
        free(out);
    }
}
END_TEST

START_TEST(numbers_have_a_point_and_their_decimals) {
    char text[32];
    dm_number_text(2.5, 1, text);
    ck_assert_str_eq(text, "2.5");
    dm_number_text(-12.345, 2, text);
    ck_assert_double_eq_tol(atof(text), -12.345, 0.0051);
    dm_number_text(-0.04, 1, text);
    ck_assert_str_eq(text, "0");
    dm_number_text(1200, 0, text);
    ck_assert_str_eq(text, "1200");
    dm_number_text(0, 3, text);
    ck_assert_str_eq(text, "0");
    dm_number_text(INFINITY, 1, text);
    ck_assert_str_eq(text, "");
    /* The locale of a host program must not reach the tables; skipped in silence where no such locale is installed. */
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8")) {
        dm_number_text(2.5, 1, text);
        ck_assert_str_eq(text, "2.5");
        setlocale(LC_NUMERIC, "C");
    }
}
END_TEST

START_TEST(sidecar_says_what_each_column_is) {
    char *text = dm_table_sidecar(&table), *again = dm_table_sidecar(&table);
    cJSON *side = cJSON_Parse(text), *item = side->child;
    ck_assert_str_eq(text, again);
    ck_assert_str_eq(item->string, "Description");
    ck_assert_str_eq(item->valuestring, "a thing");
    for (int i = 0; i < 3; i++) {
        item = item->next;
        ck_assert_str_eq(item->string, columns[i].name);
        ck_assert_str_eq(cJSON_GetObjectItem(item, "Description")->valuestring, columns[i].meaning);
    }
    ck_assert_ptr_null(item->next);
    ck_assert_str_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(item, "Levels"), 1)->valuestring, "b");
    ck_assert_ptr_null(cJSON_GetObjectItem(item, "Units"));
    cJSON_Delete(side);
    cJSON_free(text);
    cJSON_free(again);
}
END_TEST

int main(void) {
    TCase *c = tcase_create("all");
    tcase_add_test(c, any_text_comes_back);
    tcase_add_test(c, formulas_are_disarmed);
    tcase_add_test(c, missing_is_empty_and_never_zero);
    tcase_add_test(c, numbers_have_a_point_and_their_decimals);
    tcase_add_test(c, sidecar_says_what_each_column_is);
    return cases_failed("table", c) != 0;
}
