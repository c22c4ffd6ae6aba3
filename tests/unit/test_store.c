/* The file in memory that readers fill: places, caps, memory that is given back. */
#define _GNU_SOURCE /* memfd_create */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "sandbox.h"
#include "store.h"

static dm_store make(uint64_t most) {
    dm_store s = {.fd = memfd_create("store", 0), .most = most};
    ck_assert_int_ge(s.fd, 0);
    return s;
}

START_TEST(places_begin_at_pages_and_keep_what_is_put) {
    dm_store s = make(1 << 20);
    uint64_t a, b;
    char text[6] = "";
    ck_assert(dm_good(dm_store_take(&s, 100, &a)));
    ck_assert(dm_good(dm_store_take(&s, 100, &b)));
    ck_assert_uint_gt(a, 0);
    ck_assert_uint_eq(a % DM_STORE_PAGE, 0);
    ck_assert_uint_eq(b % DM_STORE_PAGE, 0);
    ck_assert_uint_ge(b, a + 100);
    ck_assert(dm_store_put(&s, b, "later", 6));
    ck_assert(dm_store_put(&s, a, "first", 6));
    ck_assert(dm_store_get(&s, b, text, 6));
    ck_assert_str_eq(text, "later");
    ck_assert(!dm_store_get(&s, s.end + (1 << 20), text, 6)); /* nothing was ever written there */
    close(s.fd);
}
END_TEST

START_TEST(more_than_the_cap_is_refused) {
    dm_store s = make(3 * DM_STORE_PAGE);
    uint64_t at;
    ck_assert(dm_good(dm_store_take(&s, 2 * DM_STORE_PAGE, &at)));
    dm_status status = dm_store_take(&s, 1, &at);
    ck_assert_str_eq(status.code, "out_of_memory");
    ck_assert_int_eq(status.severity, DM_STUDY);
    ck_assert_str_eq(dm_store_take(&s, UINT64_MAX, &at).code, "out_of_memory");
    close(s.fd);
}
END_TEST

static long long blocks(const dm_store *s) {
    struct stat st;
    ck_assert_int_eq(fstat(s->fd, &st), 0);
    return (long long)st.st_blocks;
}

START_TEST(memory_is_given_back) {
    dm_store s = make(8 * DM_STORE_PAGE);
    uint64_t a, b;
    char *bytes = malloc(2 * DM_STORE_PAGE);
    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 7, 2 * DM_STORE_PAGE);
    ck_assert(dm_good(dm_store_take(&s, 2 * DM_STORE_PAGE, &a)));
    ck_assert(dm_good(dm_store_take(&s, 2 * DM_STORE_PAGE, &b)));
    ck_assert(dm_store_put(&s, a, bytes, 2 * DM_STORE_PAGE));
    ck_assert(dm_store_put(&s, b, bytes, 2 * DM_STORE_PAGE));
    long long before = blocks(&s);
    dm_store_free(&s, a, 2 * DM_STORE_PAGE);
    ck_assert_int_le(blocks(&s), before - 2 * DM_STORE_PAGE / 512);
    ck_assert(dm_store_get(&s, b, bytes, 2 * DM_STORE_PAGE)); /* the other one is whole */
    for (int i = 0; i < 2 * DM_STORE_PAGE; i++) ck_assert_int_eq(bytes[i], 7);
    free(bytes);
    close(s.fd);
}
END_TEST

/* Whatever a reader that was taken over may try. */
START_TEST(the_system_keeps_the_cap_too) {
    dm_store s = make(1 << 30);
    pid_t id = fork();
    if (id == 0) {
        const dm_sandbox_limits limits = {.file = 2 * DM_STORE_PAGE};
        static char bytes[DM_STORE_PAGE];
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)dm_sandbox_enter(&limits);
        int below = dm_store_put(&s, DM_STORE_PAGE, bytes, DM_STORE_PAGE), above = dm_store_put(&s, 2 * DM_STORE_PAGE, bytes, 1);
        _exit(below && !above ? 0 : 1);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(id, &status, 0), id);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(s.fd);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("store");
    tcase_add_test(t, places_begin_at_pages_and_keep_what_is_put);
    tcase_add_test(t, more_than_the_cap_is_refused);
    tcase_add_test(t, memory_is_given_back);
    tcase_add_test(t, the_system_keeps_the_cap_too);
    return cases_failed("store", t) != 0;
}
