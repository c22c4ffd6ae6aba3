/* CSV files as people save them: read where nothing is lost, refused with file, line and cure where something
 * would be. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "csv_table.h"

static char path[] = "/tmp/dm_csv_XXXXXX";

static dm_status read_bytes(const char *bytes, size_t n, dm_csv_table *t) {
    FILE *f = fopen(path, "wb");
    ck_assert(f && fwrite(bytes, 1, n, f) == n && fclose(f) == 0);
    return dm_csv_table_read(path, t);
}

static dm_status read_text(const char *text, dm_csv_table *t) {
    return read_bytes(text, strlen(text), t);
}

START_TEST(cells_and_their_lines) {
    dm_csv_table t;
    ck_assert(dm_good(read_text("a,b\n1,\"two\nlines\"\n\n3,\"say \"\"no\"\"\"\n", &t)));
    ck_assert_int_eq(t.n_columns, 2);
    ck_assert_int_eq(t.n_rows, 2);
    ck_assert_str_eq(dm_csv_text(&t, 0, "b"), "two\nlines");
    ck_assert_str_eq(dm_csv_at(&t, 1, 1), "say \"no\"");
    ck_assert_int_eq(t.line[1], 2);
    ck_assert_int_eq(t.line[2], 5); /* after a row of two lines and a blank one */
    ck_assert_int_eq(dm_csv_column(&t, "c"), -1);
    ck_assert_str_eq(dm_csv_at(&t, 0, -1), "");
    ck_assert_str_eq(t.remark, "");
    dm_csv_table_free(&t);
}
END_TEST

START_TEST(a_last_line_without_its_end) {
    dm_csv_table t;
    ck_assert(dm_good(read_text("a,b\n1,2", &t)));
    ck_assert_int_eq(t.n_rows, 1);
    ck_assert_str_eq(dm_csv_at(&t, 0, 1), "2");
    dm_csv_table_free(&t);
}
END_TEST

START_TEST(byte_order_mark_and_crlf_are_read_over_and_said) {
    dm_csv_table t;
    ck_assert(dm_good(read_text("\xef\xbb\xbf"
                                "a,b\r\n1,2\r\n3,4\r\n",
                                &t)));
    ck_assert_str_eq(t.cell[0], "a");
    ck_assert_int_eq(t.n_rows, 2);
    ck_assert_int_eq(t.line[2], 3);
    ck_assert(strstr(t.remark, "byte order mark") && strstr(t.remark, "CR LF"));
    dm_csv_table_free(&t);
}
END_TEST

static const struct {
    const char *text, *says;
} refused[] = {
    {"", ":1: the file is empty"},
    {"\n\n", ":1: the file is empty"},
    {"a,b\n1\n", ":2: 1 cells where the header has 2"},
    {"a,b\n1,2\n1,2,3\n", ":3: 3 cells where the header has 2"},
    {"a;b\n1;2\n", "separated by ';'"},
    {"a;b\n1,5;2\n", "separated by ';'"},
    {"a\tb\n1\t2\n", "separated by ';' or tabs"},
    {"a,a\n1,2\n", ":1: column 'a' stands there twice"},
    {"a,b\n1,\"2\n3,4\n", ":2: a quote that opens in this row is never closed"},
    {"a,b\n1,x\"2\n", ":2: a quote stands inside a cell"},
    {"a,b\n1,\xe4\n", ":2: bytes that are no UTF-8"},
};

START_TEST(refused_with_line_and_cure) {
    dm_csv_table t;
    dm_status s = read_text(refused[_i].text, &t);
    ck_assert_msg(s.severity == DM_FATAL, "read: %s", refused[_i].text);
    ck_assert_str_eq(s.code, "bad_csv");
    ck_assert_msg(strstr(s.text, path) != NULL, "no file: %s", s.text);
    ck_assert_msg(strstr(s.text, refused[_i].says) != NULL, "'%s' does not say '%s'", s.text,
                  refused[_i].says);
    ck_assert_ptr_null(t.cell);
}
END_TEST

START_TEST(a_nul_is_no_text) {
    dm_csv_table t;
    dm_status s = read_bytes("a,b\n1,\0\n", 8, &t);
    ck_assert(s.severity == DM_FATAL && strstr(s.text, ":2: "));
}
END_TEST

START_TEST(header_and_keys) {
    dm_csv_table t;
    ck_assert(dm_good(read_text("id,x,note_of_mine\n1,a,\n2,a,\n1,b,\n1,a,same\n", &t)));
    ck_assert(dm_good(dm_csv_check_header(&t, "id", "x|y")));
    dm_status s = dm_csv_check_header(&t, "id|z", "x");
    ck_assert(strstr(s.text, ":1: there is no column 'z'"));
    s = dm_csv_check_header(&t, "id", "y");
    ck_assert(strstr(s.text, ":1: column 'x' is unknown"));
    ck_assert(dm_good(dm_csv_check_header(&t, "id", NULL)));
    s = dm_csv_check_unique(&t, NULL); /* notes do not make rows different */
    ck_assert_msg(strstr(s.text, ":5: the same row as in line 2") != NULL, "%s", s.text);
    s = dm_csv_check_unique(&t, "id");
    ck_assert_msg(strstr(s.text, ":4: the same id as in line 2") != NULL, "%s", s.text);
    dm_csv_table_free(&t);
}
END_TEST

START_TEST(numbers) {
    dm_csv_table t;
    double v;
    ck_assert(dm_good(read_text("x\n-1.5e1\n\"2,5\"\nfive\nnan\n0x10\n1e999\n\"\"\n7\n", &t)));
    ck_assert(dm_good(dm_csv_number(&t, 0, "x", -100, 100, &v)));
    ck_assert_double_eq_tol(v, -15, 1e-12);
    ck_assert(strstr(dm_csv_number(&t, 1, "x", -100, 100, &v).text, ":3: a decimal comma in column 'x'"));
    for (int row = 2; row < 6; row++) ck_assert(!dm_good(dm_csv_number(&t, row, "x", -1e308, 1e308, &v)));
    ck_assert(dm_good(dm_csv_number(&t, 6, "x", -100, 100, &v)) && isnan(v));
    ck_assert(dm_good(dm_csv_number(&t, 6, "y", -100, 100, &v)) && isnan(v));
    ck_assert(strstr(dm_csv_number(&t, 7, "x", 0, 5, &v).text, "not between 0 and 5"));
    dm_csv_table_free(&t);
}
END_TEST

int main(void) {
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    TCase *t = tcase_create("all");
    tcase_add_test(t, cells_and_their_lines);
    tcase_add_test(t, a_last_line_without_its_end);
    tcase_add_test(t, byte_order_mark_and_crlf_are_read_over_and_said);
    tcase_add_loop_test(t, refused_with_line_and_cure, 0, (int)(sizeof refused / sizeof *refused));
    tcase_add_test(t, a_nul_is_no_text);
    tcase_add_test(t, header_and_keys);
    tcase_add_test(t, numbers);
    int failed = cases_failed("csv_table", t);
    unlink(path);
    return failed != 0;
}
