/* Keyed pseudonyms and digests against values of independent programs. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "pseudonym.h"
#include "record.h"

static char folder[] = "/tmp/duramap_pseudonym_XXXXXX";

static const char *path_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* By Python's hmac and base64 modules: lower case of base32(HMAC-SHA256(bytes 0..31, domain + "|" + text))[:16]. */
START_TEST(as_another_program_makes_them) {
    static const struct {
        const char *domain, *text, *expect;
    } row[] = {{"patient", "12345678", "jvlqbhpyavakm4sh"},
               {"study", "12345678", "4dffg5zrcfh4kum4"},
               {"series", "2.25.4711", "uo7vuodobbptblwo"},
               {"patient", "", "qklrfv6ujygqctvo"},
               {"patient", "M\xc3\xbcller", "5r4xxwxrtrxame3v"}};
    dm_key key;
    for (int i = 0; i < 32; i++) key.bytes[i] = (unsigned char)i;
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        char out[17];
        dm_pseudonym(&key, row[i].domain, row[i].text, out);
        ck_assert_str_eq(out, row[i].expect);
    }
}
END_TEST

START_TEST(no_two_of_many_are_equal) {
    enum { MANY = 2000 };
    static char id[MANY][17];
    dm_key key = {{7}};
    int equal = 0;
    for (int i = 0; i < MANY; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        dm_pseudonym(&key, "patient", text, id[i]);
        ck_assert_uint_eq(strlen(id[i]), 16);
        ck_assert_uint_eq(strspn(id[i], "abcdefghijklmnopqrstuvwxyz234567"), 16);
        for (int k = 0; k < i; k++) equal += !strcmp(id[i], id[k]);
    }
    ck_assert_int_eq(equal, 0);
}
END_TEST

START_TEST(digests) {
    char d[65];
    dm_digest("", 0, d); /* FIPS 180-4 */
    ck_assert_str_eq(d, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    size_t n = 1000000;
    char *many = malloc(n);
    memset(many, 'a', n);
    dm_digest(many, n, d); /* FIPS 180-2, B.3 */
    ck_assert_str_eq(d, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    ck_assert(dm_good(dm_file_replace(path_of("many"), many, n, 0644)));
    d[0] = 0;
    ck_assert(dm_good(dm_digest_file(path_of("many"), d)));
    ck_assert_str_eq(d, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(many);
    unlink(path_of("many"));
    ck_assert_str_eq(dm_digest_file(path_of("many"), d).code, "unreadable");
    ck_assert_str_eq(dm_digest_file(folder, d).code, "unreadable");
}
END_TEST

START_TEST(keys_are_made_once_and_refused_when_wrong) {
    dm_key a, b;
    struct stat st;
    ck_assert(dm_good(dm_key_open(path_of("key"), &a)));
    ck_assert(dm_good(dm_key_open(path_of("key"), &b)));
    ck_assert_mem_eq(a.bytes, b.bytes, 32);
    ck_assert_int_eq(stat(path_of("key"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq((int)st.st_size, 32);
    unlink(path_of("key"));
    ck_assert(dm_good(dm_key_open(path_of("key"), &b)));
    ck_assert_mem_ne(a.bytes, b.bytes, 32);
    static const char bytes[33] = "";
    for (size_t n = 0; n <= 33; n += n == 0 ? 31 : 2) { /* 0, 31, 33: too short and too long */
        ck_assert(dm_good(dm_file_replace(path_of("key"), bytes, n, 0600)));
        dm_status s = dm_key_open(path_of("key"), &a);
        ck_assert_str_eq(s.code, "key");
        ck_assert_ptr_nonnull(strstr(s.text, path_of("key")));
    }
    ck_assert_str_eq(dm_key_open(path_of("key/below"), &a).code, "key");
    ck_assert_str_eq(dm_key_open(folder, &a).code, "key");
    unlink(path_of("key"));
}
END_TEST

int main(void) {
    if (!mkdtemp(folder)) return 1;
    TCase *c = tcase_create("all");
    tcase_add_test(c, as_another_program_makes_them);
    tcase_add_test(c, no_two_of_many_are_equal);
    tcase_add_test(c, digests);
    tcase_add_test(c, keys_are_made_once_and_refused_when_wrong);
    int failed = cases_failed("pseudonym", c);
    rmdir(folder);
    return failed != 0;
}
