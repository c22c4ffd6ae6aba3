/* The device layer: choice, sources, buffers, launches, the cache of binaries. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "copy.h"
#include "internal.h"

static dm_gpu *gpu;

static void open_gpu(void) {
    dm_status s = dm_gpu_open(NULL, 0, &gpu);
    ck_assert_msg(dm_good(s), "%s", s.text);
}

static void close_gpu(void) {
    dm_gpu_close(gpu);
    gpu = NULL;
}

static const dm_gpu_info three[] = {{.name = "pthread-skylake", .memory = 90, .is_gpu = 0},
                                    {.name = "Small GPU", .memory = 4, .is_gpu = 1},
                                    {.name = "Large GPU", .memory = 80, .is_gpu = 1}};

START_TEST(the_gpu_with_most_memory_is_the_default) {
    ck_assert_int_eq(dm_gpu_choose(three, 3, NULL), 2);
    ck_assert_int_eq(dm_gpu_choose(three, 3, ""), 2);
    ck_assert_int_eq(dm_gpu_choose(three, 1, NULL), 0);
}
END_TEST

START_TEST(a_device_is_named_by_number_type_or_part_of_its_name) {
    ck_assert_int_eq(dm_gpu_choose(three, 3, "1"), 1);
    ck_assert_int_eq(dm_gpu_choose(three, 3, "CPU"), 0);
    ck_assert_int_eq(dm_gpu_choose(three, 3, "gpu"), 2);
    ck_assert_int_eq(dm_gpu_choose(three, 3, "small"), 1);
    ck_assert_int_eq(dm_gpu_choose(three, 3, "3"), -1);
    ck_assert_int_eq(dm_gpu_choose(three, 3, "radeon"), -1);
    ck_assert_int_eq(dm_gpu_choose(three, 1, "gpu"), -1);
}
END_TEST

START_TEST(a_device_that_is_not_there_is_answered_with_those_that_are) {
    dm_gpu *none;
    dm_status s = dm_gpu_open("no such device", 0, &none);
    ck_assert_int_eq(s.severity, DM_FATAL);
    ck_assert_str_eq(s.code, "device_not_found");
    ck_assert_ptr_null(none);
    ck_assert_ptr_nonnull(strstr(s.text, dm_gpu_describe(gpu)->name));
}
END_TEST

START_TEST(includes_are_put_in_once_under_line_marks) {
    char *text;
    dm_status s = dm_flatten("check_math.cl", &text);
    ck_assert_msg(dm_good(s), "%s", s.text);
    const char *first = strstr(text, "DM_FN float dm_clampf");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(strstr(first + 1, "DM_FN float dm_clampf"));
    ck_assert_ptr_nonnull(strstr(text, "#line 1 \"dialect.h\""));
    ck_assert_ptr_null(strstr(text, "#include \""));
    free(text);
    s = dm_flatten("nothing.cl", &text);
    ck_assert_str_eq(s.code, "kernel_source");
    ck_assert_ptr_null(text);
}
END_TEST

/* A folder with kernels that do not belong to the program. */
static void own_kernels(char *folder, const char *name, const char *text) {
    strcpy(folder, "/tmp/dm_kernels.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    setenv("DURAMAP_KERNELS", folder, 1);
}

static void remove_kernels(const char *folder, const char *name) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    unlink(path);
    rmdir(folder);
    unsetenv("DURAMAP_KERNELS");
}

START_TEST(a_build_error_names_file_and_line) {
    char folder[64];
    own_kernels(folder, "broken.cl", "#include \"dialect.h\"\n\n__kernel void broken(int n) {\n    wrong = n;\n}\n");
    int n = 1;
    size_t one[3] = {1, 1, 1};
    dm_status s = dm_gpu_run(gpu, "broken.cl", NULL, "broken", one, NULL, (dm_arg[]){DM_ARG_VAL(n)}, 1);
    remove_kernels(folder, "broken.cl");
    ck_assert_int_eq(s.severity, DM_FATAL);
    ck_assert_str_eq(s.code, "kernel_build");
    ck_assert_msg(strstr(s.text, "broken.cl:4") != NULL, "%s", s.text);
    ck_assert_msg(strstr(s.text, "wrong") != NULL, "%s", s.text);
}
END_TEST

static void copied(int n, int rows) {
    size_t count = (size_t)n * (size_t)rows;
    float *in = malloc(count * sizeof *in), *out = malloc(count * sizeof *out);
    for (size_t i = 0; i < count; i++) in[i] = (float)i * 0.5f - 3.0f;
    dm_buf *from, *to;
    ck_assert(dm_good(dm_buf_from(gpu, in, count * sizeof *in, "input", &from)));
    ck_assert(dm_good(dm_buf_new(gpu, count * sizeof *out, "output", &to)));
    dm_copy_args a = {n, rows, 0.0f};
    dm_status s = dm_gpu_run(gpu, "copy.cl", NULL, "copy", (size_t[]){(size_t)n, (size_t)rows, 1}, NULL,
                             (dm_arg[]){DM_ARG_VAL(a), DM_ARG_BUF(from), DM_ARG_BUF(to)}, 3);
    ck_assert_msg(dm_good(s), "%s", s.text);
    s = dm_buf_read(to, 0, out, count * sizeof *out);
    ck_assert_msg(dm_good(s), "%s", s.text);
    ck_assert_int_eq(memcmp(in, out, count * sizeof *in), 0);
    dm_buf_free(from);
    dm_buf_free(to);
    free(in);
    free(out);
}

START_TEST(rows_of_any_length_are_copied_whole) {
    copied(1, 1);
    copied(7, 3);
    copied(300, 5);
    copied(1025, 4);
}
END_TEST

START_TEST(launches_are_timed_and_their_events_given_back) {
    dm_gpu_reset_times(gpu);
    for (int i = 0; i < 3 * DM_MAX_EVENTS / 2; i++) copied(64, 1);
    ck_assert_int_le(gpu->n_events, DM_MAX_EVENTS);
    ck_assert_double_gt(dm_gpu_seconds(gpu), 0.0);
    ck_assert_int_eq(gpu->n_events, 0);
    dm_gpu_reset_times(gpu);
    ck_assert_double_eq(dm_gpu_seconds(gpu), 0.0);
}
END_TEST

START_TEST(buffers_keep_within_the_budget) {
    dm_gpu *small;
    ck_assert(dm_good(dm_gpu_open(NULL, 1000, &small)));
    dm_buf *a, *b;
    ck_assert(dm_good(dm_buf_new(small, 600, "first", &a)));
    dm_status s = dm_buf_new(small, 600, "second", &b);
    ck_assert_int_eq(s.severity, DM_STUDY);
    ck_assert_str_eq(s.code, "device_memory");
    ck_assert_ptr_nonnull(strstr(s.text, "second"));
    ck_assert_ptr_null(b);
    dm_buf_free(a);
    ck_assert(dm_good(dm_buf_new(small, 900, "second", &b)));
    char byte = 1;
    ck_assert_str_eq(dm_buf_write(b, 900, &byte, 1).code, "device_error");
    dm_buf_free(b);
    ck_assert_uint_eq(dm_gpu_peak_bytes(small), 900);
    dm_gpu_close(small);
}
END_TEST

START_TEST(a_wrong_argument_is_named) {
    dm_copy_args a = {1, 1, 0.0f};
    dm_buf *to;
    ck_assert(dm_good(dm_buf_new(gpu, 4, "output", &to)));
    dm_status s = dm_gpu_run(gpu, "copy.cl", NULL, "fill", (size_t[]){1, 1, 1}, NULL,
                             (dm_arg[]){DM_ARG_VAL(a), DM_ARG_BUF(to), DM_ARG_BUF(to)}, 3);
    ck_assert_msg(strstr(s.text, "fill") && strstr(s.text, "CL_INVALID_ARG_INDEX"), "%s", s.text);
    s = dm_gpu_run(gpu, "copy.cl", NULL, "fill", (size_t[]){1, 0, 1}, NULL, (dm_arg[]){DM_ARG_VAL(a), DM_ARG_BUF(to)}, 2);
    ck_assert_str_eq(s.code, "device_error");
    s = dm_gpu_run(gpu, "copy.cl", NULL, "absent", (size_t[]){1, 1, 1}, NULL, NULL, 0);
    ck_assert_msg(strstr(s.text, "CL_INVALID_KERNEL_NAME") != NULL, "%s", s.text);
    dm_buf_free(to);
}
END_TEST

START_TEST(local_sizes_follow_the_device_class) {
    dm_gpu cpu = {.info = {.max_group = 4096}}, card = {.info = {.max_group = 256, .is_gpu = 1}};
    size_t local[3];
    dm_local_size(&cpu, (size_t[]){512, 10, 10}, 4096, local);
    ck_assert_uint_eq(local[0], 256);
    dm_local_size(&cpu, (size_t[]){300, 10, 10}, 4096, local);
    ck_assert_uint_eq(local[0], 64);
    dm_local_size(&cpu, (size_t[]){5, 10, 10}, 4096, local);
    ck_assert_uint_eq(local[0], 8);
    dm_local_size(&card, (size_t[]){512, 12, 10}, 256, local);
    ck_assert(local[0] == 32 && local[1] == 4);
    dm_local_size(&card, (size_t[]){512, 13, 10}, 64, local);
    ck_assert(local[0] == 64 && local[1] == 1);
}
END_TEST

START_TEST(a_damaged_binary_is_never_given_out) {
    char folder[] = "/tmp/dm_cache.XXXXXX", key[65], path[256];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("XDG_CACHE_HOME", folder, 1);
    dm_cache_key(gpu, "text", "options", key);
    const unsigned char binary[] = "the binary of a kernel";
    size_t n = 0;
    ck_assert_ptr_null(dm_cache_read(key, &n));
    dm_cache_write(key, binary, sizeof binary);
    unsigned char *back = dm_cache_read(key, &n);
    ck_assert_ptr_nonnull(back);
    ck_assert(n == sizeof binary && memcmp(back, binary, n) == 0);
    free(back);
    snprintf(path, sizeof path, "%s/duramap/%s.bin", folder, key);
    FILE *f = fopen(path, "r+b");
    ck_assert_ptr_nonnull(f);
    fseek(f, -3, SEEK_END);
    fputc('X', f);
    fclose(f);
    ck_assert_ptr_null(dm_cache_read(key, &n));
    ck_assert_int_ne(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/duramap", folder);
    rmdir(path);
    rmdir(folder);
    unsetenv("XDG_CACHE_HOME");
}
END_TEST

int main(void) {
    TCase *tests = tcase_create("device");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_gpu, close_gpu);
    tcase_add_test(tests, the_gpu_with_most_memory_is_the_default);
    tcase_add_test(tests, a_device_is_named_by_number_type_or_part_of_its_name);
    tcase_add_test(tests, a_device_that_is_not_there_is_answered_with_those_that_are);
    tcase_add_test(tests, includes_are_put_in_once_under_line_marks);
    tcase_add_test(tests, a_build_error_names_file_and_line);
    tcase_add_test(tests, rows_of_any_length_are_copied_whole);
    tcase_add_test(tests, launches_are_timed_and_their_events_given_back);
    tcase_add_test(tests, buffers_keep_within_the_budget);
    tcase_add_test(tests, a_wrong_argument_is_named);
    tcase_add_test(tests, local_sizes_follow_the_device_class);
    tcase_add_test(tests, a_damaged_binary_is_never_given_out);
    int failed = cases_failed("gpu", tests);
    return failed ? 1 : 0;
}
