/* Runs the cases of one test program. */
#ifndef DM_TEST_CASES_H
#define DM_TEST_CASES_H

#include <check.h>

static inline int cases_run(const char *name, TCase *cases, enum fork_status fork) {
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, fork);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed;
}

/* How many of these tests failed; each runs in a process of its own (or as CK_FORK says). Frees them. */
static inline int cases_failed(const char *name, TCase *cases) {
    return cases_run(name, cases, CK_FORK_GETENV);
}

/* The same in this process: a device does not survive a fork. */
static inline int cases_failed_here(const char *name, TCase *cases) {
    return cases_run(name, cases, CK_NOFORK);
}

#endif
