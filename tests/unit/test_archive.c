/* Every container written and read again; the same entries give the same bytes; damage is said. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive.h"
#include "cases.h"
#include "pseudonym.h"

static const char *const endings[] = {"zip", "tar", "tar.gz", "tar.zst"};
static char folder[] = "/tmp/duramap-test-XXXXXX";

static void path_of(const char *name, const char *ending, char out[256]) {
    snprintf(out, 256, "%s/%s.%s", folder, name, ending);
}

static void write_archive(const char *path, int entries) {
    dm_archive_writer *w;
    ck_assert(dm_good(dm_archive_create(path, &w)));
    for (int i = 0; i < entries; i++) {
        char name[32];
        unsigned char *bytes = malloc(70000);
        for (int k = 0; k < 70000; k++) bytes[k] = (unsigned char)((k * 31 + k / 97 * i) >> 2);
        snprintf(name, sizeof name, "study/IM%04d", i);
        ck_assert(dm_good(dm_archive_add(w, name, bytes, 70000 - (size_t)i)));
        free(bytes);
    }
    ck_assert(dm_good(dm_archive_finish(w)));
}

/* Number of good entries; the status of the last step. */
static int read_archive(const char *path, dm_status *status) {
    dm_archive *a;
    int good = 0, more = 1;
    *status = dm_archive_open(path, NULL, &a);
    if (!dm_good(*status)) return 0;
    while (more) {
        dm_entry e;
        *status = dm_archive_next(a, &e, &more);
        if (!dm_good(*status)) break;
        good += more && !e.damaged;
    }
    dm_archive_close(a);
    return good;
}

START_TEST(there_and_back) {
    char path[256];
    dm_status s;
    path_of("back", endings[_i], path);
    write_archive(path, 5);
    dm_archive *a;
    int more;
    ck_assert(dm_good(dm_archive_open(path, NULL, &a)));
    for (int i = 0; i < 5; i++) {
        dm_entry e;
        ck_assert(dm_good(dm_archive_next(a, &e, &more)));
        ck_assert_int_eq(more, 1);
        ck_assert_uint_eq(e.size, 70000 - (size_t)i);
        for (int k = 0; k < 69990; k += 11)
            ck_assert_int_eq(e.bytes[k], (unsigned char)((k * 31 + k / 97 * i) >> 2));
    }
    dm_archive_close(a);
    ck_assert_int_eq(read_archive(path, &s), 5);
    ck_assert(dm_good(s));
}
END_TEST

START_TEST(same_bytes_every_time) {
    char a[256], b[256], da[65], db[65];
    path_of("one", endings[_i], a);
    path_of("two", endings[_i], b);
    write_archive(a, 3);
    sleep(1);
    write_archive(b, 3);
    ck_assert(dm_good(dm_digest_file(a, da)));
    ck_assert(dm_good(dm_digest_file(b, db)));
    ck_assert_str_eq(da, db);
}
END_TEST

START_TEST(cut_short_is_said) {
    char path[256];
    struct stat st;
    dm_status s;
    path_of("cut", endings[_i], path);
    write_archive(path, 6);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(truncate(path, st.st_size / 2), 0);
    int good = read_archive(path, &s);
    ck_assert_int_lt(good, 6);
    ck_assert_int_eq(s.severity, DM_STUDY);
    ck_assert_str_eq(s.code, "damaged_archive");
}
END_TEST

START_TEST(a_flipped_byte_in_a_zip_is_one_bad_entry) {
    char path[256];
    dm_status s;
    path_of("flip", "zip", path);
    write_archive(path, 4);
    FILE *f = fopen(path, "r+b");
    fseek(f, 300, SEEK_SET);
    int c = fgetc(f);
    fseek(f, 300, SEEK_SET);
    fputc(c ^ 0x55, f);
    fclose(f);
    ck_assert_int_eq(read_archive(path, &s), 3);
}
END_TEST

/* Zip and gzip carry checksums: no flipped byte may pass as data. (A plain tar has none; zstd's is optional.)
 */
START_TEST(no_flipped_byte_passes) {
    static const char *const checked[] = {"zip", "tar.gz"};
    char path[256];
    struct stat st;
    path_of("flips", checked[_i], path);
    write_archive(path, 3);
    ck_assert_int_eq(stat(path, &st), 0);
    size_t size = (size_t)st.st_size;
    unsigned char *bytes = malloc(size);
    FILE *f = fopen(path, "rb");
    ck_assert_uint_eq(fread(bytes, 1, size, f), size);
    fclose(f);
    for (int k = 0; k < 40; k++) {
        /* Within the first entry's data, or anywhere of the one compressed stream behind its head. */
        size_t at = 100 + (size_t)k * (_i == 0 ? size / 10 : size - 101) / 40;
        bytes[at] ^= 0x10;
        f = fopen(path, "wb");
        fwrite(bytes, 1, size, f);
        fclose(f);
        bytes[at] ^= 0x10;
        dm_status s;
        int good = read_archive(path, &s);
        ck_assert_msg(good < 3 || !dm_good(s), "%s: byte %zu of %zu", checked[_i], at, size);
    }
    free(bytes);
}
END_TEST

/* The trailer's checksum lies behind the tar's end. */
START_TEST(a_wrong_gzip_trailer_is_said) {
    char path[256];
    dm_status s;
    path_of("trailer", "tar.gz", path);
    write_archive(path, 3);
    FILE *f = fopen(path, "r+b");
    fseek(f, -8, SEEK_END);
    int c = fgetc(f);
    fseek(f, -8, SEEK_END);
    fputc(c ^ 1, f);
    fclose(f);
    read_archive(path, &s);
    ck_assert_str_eq(s.code, "damaged_archive");
    ck_assert_ptr_nonnull(strstr(s.text, "trailer.tar.gz"));
}
END_TEST

START_TEST(same_bytes_in_every_time_zone) {
    char a[256], b[256], da[65], db[65];
    path_of("east", endings[_i], a);
    path_of("west", endings[_i], b);
    setenv("TZ", "Asia/Tokyo", 1);
    write_archive(a, 3);
    setenv("TZ", "America/Los_Angeles", 1);
    write_archive(b, 3);
    ck_assert(dm_good(dm_digest_file(a, da)));
    ck_assert(dm_good(dm_digest_file(b, db)));
    ck_assert_str_eq(da, db);
}
END_TEST

/* More than 1 GiB of zeros in 1 MB: no images. */
START_TEST(a_bomb_is_stopped) {
    char path[256], command[1000];
    dm_status s;
    path_of("bomb", "tar.gz", path);
    snprintf(command, sizeof command,
             "cd %s && truncate -s 128M zeros && tar -cf - zeros | head -c 512 | gzip -9 > h && rm zeros && "
             "head -c 16777216 /dev/zero | gzip -9 > z && for i in 0 1 2 3 4 5 6 7 8; do cat h z z z z z z z "
             "z; done > %s",
             folder, path);
    ck_assert_int_eq(system(command), 0);
    read_archive(path, &s);
    ck_assert_str_eq(s.code, "archive_limit");
}
END_TEST

/* Each cap by itself, on what is really produced, for every container. */
START_TEST(caps_are_kept) {
    char path[256];
    path_of("caps", endings[_i], path);
    write_archive(path, 5);
    dm_archive_limits wide = dm_archive_defaults;
    const dm_archive_limits rows[] = {{.bytes = 200000}, {.entry_bytes = 69000}, {.entries = 4}, {.ratio = 1, .ratio_from = 1000},
                                      {.seconds = -1}};
    for (unsigned k = 0; k < sizeof rows / sizeof *rows; k++) {
        dm_archive_limits m = wide;
        if (rows[k].bytes) m.bytes = rows[k].bytes;
        if (rows[k].entry_bytes) m.entry_bytes = rows[k].entry_bytes;
        if (rows[k].entries) m.entries = rows[k].entries;
        if (rows[k].ratio) m.ratio = rows[k].ratio, m.ratio_from = rows[k].ratio_from;
        if (rows[k].seconds < 0) m.seconds = rows[k].seconds;
        if (rows[k].ratio && _i == 1) continue; /* a plain tar never expands */
        const dm_archive_options o = {.limits = &m};
        dm_archive *a;
        dm_entry e;
        int more = 1, n = 0;
        dm_status s = dm_archive_open(path, &o, &a);
        while (dm_good(s) && more) {
            s = dm_archive_next(a, &e, &more);
            n += dm_good(s) && more;
        }
        ck_assert_msg(!strcmp(s.code, "archive_limit"), "%s, cap %u: %d entries, '%s'", endings[_i], k, n, s.code);
        dm_archive_close(a);
    }
}
END_TEST

START_TEST(what_is_no_archive) {
    char path[256];
    dm_status s;
    path_of("text", "zip", path);
    FILE *f = fopen(path, "wb");
    fputs("this is a letter", f);
    fclose(f);
    read_archive(path, &s);
    ck_assert_str_eq(s.code, "not_an_archive");
    path_of("empty", "zip", path);
    f = fopen(path, "wb");
    fclose(f);
    read_archive(path, &s);
    ck_assert_str_eq(s.code, "empty_archive");
    read_archive("/nowhere/at/all.zip", &s);
    ck_assert_str_eq(s.code, "missing_file");
}
END_TEST

START_TEST(a_folder_in_the_order_of_names) {
    char path[300];
    dm_archive *a;
    dm_entry e;
    int more;
    snprintf(path, sizeof path, "%s/tree", folder);
    mkdir(path, 0755);
    const char *const names[] = {"b", "a", "c"};
    for (int i = 0; i < 3; i++) {
        char file[320];
        snprintf(file, sizeof file, "%s/%s", path, names[i]);
        FILE *f = fopen(file, "wb");
        fputs(names[i], f);
        fclose(f);
    }
    ck_assert(dm_good(dm_archive_open(path, NULL, &a)));
    for (int i = 0; i < 3; i++) {
        ck_assert(dm_good(dm_archive_next(a, &e, &more)));
        ck_assert_uint_eq(e.size, 1);
        ck_assert_int_eq(e.bytes[0], 'a' + i);
    }
    dm_archive_close(a);
}
END_TEST

int main(void) {
    if (!mkdtemp(folder)) return 1;
    TCase *t = tcase_create("archive");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, there_and_back, 0, 4);
    tcase_add_loop_test(t, same_bytes_every_time, 0, 4);
    tcase_add_loop_test(t, cut_short_is_said, 0, 4);
    tcase_add_test(t, a_flipped_byte_in_a_zip_is_one_bad_entry);
    tcase_add_loop_test(t, no_flipped_byte_passes, 0, 2);
    tcase_add_test(t, a_wrong_gzip_trailer_is_said);
    tcase_add_loop_test(t, same_bytes_in_every_time_zone, 0, 4);
    tcase_add_test(t, a_bomb_is_stopped);
    tcase_add_loop_test(t, caps_are_kept, 0, 4);
    tcase_add_test(t, what_is_no_archive);
    tcase_add_test(t, a_folder_in_the_order_of_names);
    int failed = cases_failed("archive", t);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed != 0;
}
