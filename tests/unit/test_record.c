/* Files that are there whole or not at all. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "record.h"

static char folder[] = "/tmp/duramap_record_XXXXXX";

static const char *path_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int files_in(const char *path) {
    int n = 0;
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) n += e->d_name[0] != '.';
    if (d) closedir(d);
    return n;
}

START_TEST(replaced_whole_with_its_mode) {
    struct stat st;
    char *text;
    size_t n;
    mode_t old = umask(022);
    ck_assert(dm_good(dm_file_replace(path_of("a"), "one", 3, 0600)));
    ck_assert_int_eq(stat(path_of("a"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert(dm_good(dm_file_replace(path_of("a"), "other\0bytes", 11, 0644)));
    ck_assert(dm_good(dm_file_read(path_of("a"), &text, &n)));
    ck_assert_uint_eq(n, 11);
    ck_assert_mem_eq(text, "other\0bytes", 12);
    free(text);
    ck_assert(dm_good(dm_file_replace(path_of("a"), "", 0, 0644)));
    ck_assert(dm_good(dm_file_read(path_of("a"), &text, &n)));
    ck_assert_uint_eq(n, 0);
    free(text);
    ck_assert_int_eq(files_in(folder), 1); /* no temporary file is left */
    umask(old);
    unlink(path_of("a"));
}
END_TEST

/* What stood there before is still whole when the new text cannot be put in its place. */
START_TEST(a_failure_leaves_nothing_behind) {
    ck_assert(dm_good(dm_folder_make(path_of("taken/below"), 0755)));
    dm_status s = dm_file_replace(path_of("taken"), "x", 1, 0644);
    ck_assert_int_eq(s.severity, DM_FATAL);
    ck_assert_str_eq(s.code, "output");
    ck_assert_ptr_nonnull(strstr(s.text, folder));
    ck_assert_int_eq(files_in(folder), 1);
    rmdir(path_of("taken/below"));
    rmdir(path_of("taken"));
    s = dm_file_replace(path_of("gone/x"), "x", 1, 0644);
    ck_assert_str_eq(s.code, "output");
    ck_assert_ptr_nonnull(strstr(s.text, "gone/x"));
    ck_assert_int_eq(files_in(folder), 0);
}
END_TEST

START_TEST(folders_are_made_with_their_parents) {
    struct stat st;
    mode_t old = umask(022);
    ck_assert(dm_good(dm_folder_make(path_of("x/y/z"), 0700)));
    ck_assert(dm_good(dm_folder_make(path_of("x/y/z"), 0700)));
    ck_assert_int_eq(stat(path_of("x/y/z"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    umask(old);
    rmdir(path_of("x/y/z"));
    rmdir(path_of("x/y"));
    rmdir(path_of("x"));
    char *far = malloc(5001);
    memset(far, 'a', 5000);
    far[0] = '/', far[5000] = 0;
    ck_assert_str_eq(dm_folder_make(far, 0755).code, "output");
    ck_assert_str_eq(dm_file_replace(far, "x", 1, 0644).code, "output");
    free(far);
}
END_TEST

START_TEST(records_keep_numbers_and_order) {
    static const double values[] = {0.1, -1e-9, 123456789.25, 1e17};
    cJSON *r = cJSON_CreateObject(), *back = NULL;
    cJSON_AddStringToObject(r, "z", "first \"of\" all\n\xc3\xa9");
    cJSON_AddItemToObject(r, "a", cJSON_CreateDoubleArray(values, 4));
    cJSON_AddNullToObject(r, "m");
    ck_assert(dm_good(dm_record_write(path_of("r.json"), r)));
    ck_assert(dm_good(dm_record_read(path_of("r.json"), &back)));
    ck_assert(cJSON_Compare(r, back, 1));
    ck_assert_str_eq(back->child->string, "z");
    for (int i = 0; i < 4; i++)
        ck_assert_double_eq(cJSON_GetArrayItem(cJSON_GetObjectItem(back, "a"), i)->valuedouble, values[i]);
    cJSON_Delete(back);
    cJSON_Delete(r);
    unlink(path_of("r.json"));
}
END_TEST

/* Cut at any byte, or with any byte changed, it is no record: it never passes for done. */
START_TEST(a_damaged_record_is_no_record) {
    char *whole;
    size_t size;
    cJSON *r = cJSON_Parse("{\"study_id\": \"a\", \"n\": [1, 2]}");
    ck_assert(dm_good(dm_record_write(path_of("cut.json"), r)));
    cJSON_Delete(r);
    ck_assert(dm_good(dm_file_read(path_of("cut.json"), &whole, &size)));
    ck_assert_uint_gt(size, 100);
    for (size_t n = 0; n < 2 * size; n++) {
        r = (cJSON *)&folder; /* must be set to NULL */
        if (n >= size) whole[n - size] ^= 1;
        ck_assert(dm_good(dm_file_replace(path_of("cut.json"), whole, n < size ? n : size, 0644)));
        dm_status s = dm_record_read(path_of("cut.json"), &r);
        if (n >= size) whole[n - size] ^= 1;
        ck_assert_msg(!strcmp(s.code, "bad_record"), "case %d passes", (int)n);
        ck_assert_ptr_null(r);
    }
    free(whole);
    ck_assert(dm_good(dm_file_replace(path_of("cut.json"), "[1]", 3, 0644)));
    ck_assert_str_eq(dm_record_read(path_of("cut.json"), &r).code, "bad_record");
    ck_assert_str_eq(dm_json_read(path_of("cut.json"), &r).code, "bad_record");
    ck_assert(dm_good(dm_file_replace(path_of("cut.json"), "{\"a\": 1}", 8, 0644)));
    ck_assert_str_eq(dm_record_read(path_of("cut.json"), &r).code, "bad_record");
    ck_assert(dm_good(dm_json_read(path_of("cut.json"), &r))); /* other people's files have no seal */
    cJSON_Delete(r);
    unlink(path_of("cut.json"));
    ck_assert_str_eq(dm_record_read(path_of("cut.json"), &r).code, "unreadable");
}
END_TEST

int main(void) {
    if (!mkdtemp(folder)) return 1;
    TCase *c = tcase_create("all");
    tcase_add_test(c, replaced_whole_with_its_mode);
    tcase_add_test(c, a_failure_leaves_nothing_behind);
    tcase_add_test(c, folders_are_made_with_their_parents);
    tcase_add_test(c, records_keep_numbers_and_order);
    tcase_add_test(c, a_damaged_record_is_no_record);
    int failed = cases_failed("record", c);
    rmdir(folder);
    return failed != 0;
}
