/* What the ledger and the overview make of records. */
#include <check.h>
#include <stdlib.h>
#include <unistd.h>

#include "cases.h"
#include "ledger.h"
#include "made_records.h"
#include "overview.h"

static int done(const char *version, const char *config, const char *digest, const char *id, int retry) {
    dm_ledger *l = NULL;
    ck_assert(dm_good(dm_ledger_open(out, version, config, &l)));
    int answer = dm_ledger_done(l, digest, id, retry);
    dm_ledger_close(l);
    return answer;
}

START_TEST(what_is_done) {
    write_four();
    ck_assert_int_eq(done("1", "c", "d1", "x", 0), 1);
    ck_assert_int_eq(done("1", "c", "d1", "x", 1), 1);
    ck_assert_int_eq(done("2", "c", "d1", "x", 0), 0); /* another version */
    ck_assert_int_eq(done("1", "e", "d1", "x", 0), 0); /* another configuration */
    ck_assert_int_eq(done("1", "c", "d9", "x", 0), 0);
    ck_assert_int_eq(done("1", "c", "", "cccc", 0), 0); /* a file that was not there may be there now */
    ck_assert_int_eq(done("1", "c", "d3", "x", 0), 0);  /* the second study of its source has no record */
    write_clean("eeee", "d3");
    ck_assert_int_eq(done("1", "c", "d3", "x", 0), 1);
    ck_assert_int_eq(done("1", "c", "d3", "x", 1), 0); /* one of them failed */
    write_unread("ffff", "d4");
    ck_assert_int_eq(done("1", "c", "d4", "ffff", 0), 1);
    ck_assert_int_eq(done("1", "c", "d4", "ffff", 1), 0);
    ck_assert_int_eq(done("1", "c", "d4", "gggg", 0), 0); /* another source of the same bytes */
}
END_TEST

static int done_among(const char *digest, const char *id, const char (*given)[17], int n) {
    dm_ledger *l = NULL;
    ck_assert(dm_good(dm_ledger_open(out, "1", "c", &l)));
    dm_ledger_given(l, given, n);
    int answer = dm_ledger_done(l, digest, id, 0);
    dm_ledger_close(l);
    return answer;
}

/* Two files with the same bytes have a row each, also when the run ended between them; one that was moved is not measured again. */
START_TEST(copies_and_moved_sources) {
    static const char copies[2][17] = {"first", "second"}, moved[1][17] = {"second"};
    dm_study *s = study_of("gggg");
    dm_account a = account_of(s, "d7", dm_ok);
    a.source_id = "first";
    keep(&a);
    free(s);
    ck_assert_int_eq(done_among("d7", "first", copies, 2), 1);
    ck_assert_int_eq(done_among("d7", "second", copies, 2), 0);
    ck_assert_int_eq(done_among("d7", "second", moved, 1), 1);
}
END_TEST

START_TEST(status_counts) {
    dm_overview s;
    write_four();
    write_unread("ffff", "d4");
    ck_assert(dm_good(dm_overview_take(NULL, out, &s)));
    ck_assert_int_eq(s.done, 2);
    ck_assert_int_eq(s.failed, 3);
    ck_assert_int_eq(s.open, -1); /* no plan: not known */
    ck_assert_int_eq(s.n_reasons, 2);
    ck_assert_str_eq(s.reason[0].code, "missing_file"); /* the most frequent first */
    dm_overview_clear(&s);
    ck_assert_str_eq(dm_overview_take(NULL, "/nowhere", &s).code, "output");
}
END_TEST

int main(void) {
    if (!mkdtemp(out)) return 1;
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, end);
    tcase_add_test(c, what_is_done);
    tcase_add_test(c, copies_and_moved_sources);
    tcase_add_test(c, status_counts);
    int failed = cases_failed("ledger", c);
    rmdir(out);
    return failed != 0;
}
