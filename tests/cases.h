/* Runs the cases of one test program. */
#ifndef DM_TEST_CASES_H
#define DM_TEST_CASES_H

#include <check.h>

/* How many of these tests failed; each runs in a process of its own. Frees them. */
static inline int cases_failed(const char *name, TCase *cases) {
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

#endif
