/* What a run may take of the machine. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "machine.h"

START_TEST(memory_of_a_process) {
    const size_t size = 64u << 20;
    uint64_t before = dm_process_bytes(getpid());
    ck_assert_uint_gt(before, 0);
    char *block = malloc(size);
    ck_assert_ptr_nonnull(block);
    memset(block, 1, size);
    ck_assert_uint_ge(dm_process_bytes(getpid()), before + size / 2);
    ck_assert_int_eq(block[size - 1], 1);
    free(block);
    ck_assert_uint_eq(dm_process_bytes(999999999), 0);
}
END_TEST

START_TEST(memory_for_a_run) {
    unsetenv("SLURM_MEM_PER_NODE");
    uint64_t whole = dm_machine_memory(), pages = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    ck_assert_uint_gt(whole, 1 << 20);
    ck_assert_uint_lt(whole, pages);
    setenv("SLURM_MEM_PER_NODE", "100", 1); /* MB, of a job */
    ck_assert_uint_eq(dm_machine_memory(), (100ull << 20) / 5 * 4);
}
END_TEST

START_TEST(cores_and_clock) {
    double from = dm_now();
    ck_assert_int_ge(dm_machine_cores(), 1);
    ck_assert(dm_now() >= from);
}
END_TEST

int main(void) {
    TCase *c = tcase_create("all");
    tcase_add_test(c, memory_of_a_process);
    tcase_add_test(c, memory_for_a_run);
    tcase_add_test(c, cores_and_clock);
    return cases_failed("machine", c) != 0;
}
