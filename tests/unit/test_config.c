/* Protocol files and what they stand on: places in messages, ranges, the built-in protocols; keys, cells,
 * records. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cases.h"
#include "config.h"
#include "protocol.h"
#include "pseudonym.h"
#include "table.h"

static char folder[] = "/tmp/duramap_test_XXXXXX";

static const char *path_of(const char *name) {
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* Loads a protocol of this text; the status must be FATAL and hold `words`. */
static void refused(const char *text, const char *words) {
    dm_protocols all;
    ck_assert_int_eq(dm_file_replace(path_of("x.ini"), text, strlen(text), 0644).severity, DM_OK);
    dm_status s = dm_protocols_load(path_of("x.ini"), &all);
    ck_assert_int_eq(s.severity, DM_FATAL);
    ck_assert_msg(strstr(s.text, words) != NULL, "'%s' lacks '%s'", s.text, words);
}

START_TEST(protocol_errors_name_the_line) {
    refused("[protocol]\nmodality = ct\ncontrast = iodine\n\n[match]\nmin_slice = 3\n",
            "x.ini:6: unknown key 'min_slice'; the nearest is 'min_slices'");
    refused("[protocol]\nmodality = ct\ncontrast = iodine\n[match]\nkvp_low = 7\n",
            "x.ini:5: kvp_low = 7 is out of range, allowed is 20 to 200 kV");
    refused("[protocol]\nmodality = pet\n", "x.ini:2: modality = 'pet' is none of ct|mr");
    refused("[match]\nmin_slices = 2.5\n", "x.ini:2: min_slices = '2.5' is no whole number");
    refused("[match]\nkvp_low = nan\n", "is no number");
    refused("# one\n[protocol\n", "x.ini:2: neither");
    refused("[protocol]\nmodality = ct\n  contrats = none\n", "x.ini:3: unknown key 'contrats'");
    refused("[nose]\na = 1\n", "x.ini:2: unknown section [nose]");
    refused("[protocol]\nmodality = ct\n", "must say modality and contrast");
}
END_TEST

START_TEST(long_line_is_refused) {
    char text[400] = "[match]\n#";
    memset(text + 9, 'x', 300);
    refused(text, "x.ini:2: the line is longer");
}
END_TEST

START_TEST(built_in_protocols_load) {
    dm_protocols a, b;
    char source[300];
    ck_assert_int_eq(dm_protocols_load(NULL, &a).severity, DM_OK);
    snprintf(source, sizeof source, "%s/configs/protocols",
             getenv("DURAMAP_SOURCE") ? getenv("DURAMAP_SOURCE") : ".");
    ck_assert_int_eq(dm_protocols_load(source, &b).severity, DM_OK);
    ck_assert_str_eq(a.digest, b.digest);
    ck_assert_int_eq(a.n, 3);
    ck_assert_str_eq(a.p[0].name, "ct_plain");
    ck_assert_int_eq((int)a.p[0].contrast, DM_CONTRAST_NONE);
    ck_assert_str_eq(a.p[1].name, "ctm");
    ck_assert_int_eq((int)a.p[1].contrast, DM_IODINE);
    ck_assert_int_gt(a.p[1].match.priority, a.p[0].match.priority);
    ck_assert_int_eq((int)a.p[2].modality, DM_MR);
    ck_assert(isnan(a.p[2].match.kvp_low));
    for (int i = 0; i < dm_stage_count; i++)
        ck_assert_ptr_nonnull(dm_protocol_params(&a.p[0], dm_stages[i]->name));
    ck_assert_ptr_null(dm_protocol_params(&a.p[0], "nose"));
    dm_protocols_clear(&a);
    dm_protocols_clear(&b);
}
END_TEST

START_TEST(digests_and_pseudonyms) {
    char d[65], a[17], b[17];
    dm_key key = {{0}}, again, other = {{1}};
    struct stat st;
    dm_digest("abc", 3, d); /* FIPS 180-2, B.1 */
    ck_assert_str_eq(d, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    /* RFC 4231 has no '|' form: HMAC-SHA-256(32 zero bytes, "patient|4711") by an independent program, in
     * base32 */
    dm_pseudonym(&key, "patient", "4711", a);
    ck_assert_str_eq(a, "37wml5nhgheevm2e");
    dm_pseudonym(&key, "study", "4711", b);
    ck_assert_str_ne(a, b);
    dm_pseudonym(&other, "patient", "4711", b);
    ck_assert_str_ne(a, b);
    char path[200];
    snprintf(path, sizeof path, "%s/private/key", folder);
    ck_assert_int_eq(dm_key_open(path, &key).severity, DM_OK);
    ck_assert_int_eq(dm_key_open(path, &again).severity, DM_OK);
    ck_assert_mem_eq(key.bytes, again.bytes, 32);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    ck_assert_int_eq(stat(path_of("private"), &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
    ck_assert_int_eq(dm_file_replace(path, "short", 5, 0600).severity, DM_OK);
    ck_assert_str_eq(dm_key_open(path, &again).code, "key");
}
END_TEST

static void number_is(double value, int decimals, const char *expect) {
    char out[32];
    dm_number_text(value, decimals, out);
    ck_assert_str_eq(out, expect);
}

START_TEST(numbers) {
    number_is(1.5, 3, "1.5");
    number_is(100, 0, "100");
    number_is(-0.0001, 2, "0");
    number_is(0.1 + 0.2, 4, "0.3");
    number_is(NAN, 2, "");
    number_is(-INFINITY, 2, "");
    number_is(1e300, 2, "1.000000000e+300");
}
END_TEST

START_TEST(cells_and_rows) {
    static const dm_column columns[] = {{"a", DM_TEXT, 0, "", "x|y", "first"},
                                        {"b", DM_NUMBER, 1, "mm", "", "second"},
                                        {"c", DM_TEXT, 0, "", "", "third"}};
    static const dm_table table = {"t", "a thing", columns, 3};
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    cJSON *row = cJSON_Parse("{\"c\":\"say \\\"a,b\\\"\\n\",\"b\":2.04,\"a\":\"=1+1\"}");
    dm_csv_header(f, &table);
    dm_csv_row(f, &table, row);
    cJSON_Delete(row);
    row = cJSON_Parse("{\"b\":null}");
    dm_csv_row(f, &table, row);
    cJSON_Delete(row);
    fclose(f);
    ck_assert_str_eq(out, "a,b,c\n'=1+1,2,\"say \"\"a,b\"\"\n\"\n,,\n");
    free(out);
    char *side = dm_table_sidecar(&table);
    cJSON *j = cJSON_Parse(side);
    ck_assert_str_eq(cJSON_GetObjectItem(cJSON_GetObjectItem(j, "b"), "Units")->valuestring, "mm");
    ck_assert_int_eq(cJSON_GetArraySize(cJSON_GetObjectItem(cJSON_GetObjectItem(j, "a"), "Levels")), 2);
    cJSON_Delete(j);
    cJSON_free(side);
}
END_TEST

START_TEST(records_are_whole_or_not_there) {
    cJSON *r = cJSON_Parse("{\"id\":\"a\",\"rows\":[1,2.5,null]}"), *back = NULL;
    ck_assert_int_eq(dm_record_write(path_of("r.json"), r).severity, DM_OK);
    ck_assert_int_eq(dm_record_read(path_of("r.json"), &back).severity, DM_OK);
    ck_assert(cJSON_Compare(r, back, 1));
    cJSON_Delete(r);
    cJSON_Delete(back);
    ck_assert_int_eq(dm_file_replace(path_of("r.json"), "{\"id\":", 6, 0644).severity, DM_OK);
    ck_assert_str_eq(dm_record_read(path_of("r.json"), &back).code, "bad_record");
    ck_assert_str_eq(dm_record_read(path_of("none.json"), &back).code, "unreadable");
    char below[300];
    snprintf(below, sizeof below, "%s/r.json/out", folder);
    ck_assert_str_eq(dm_folder_make(below, 0777).code, "output");
    ck_assert_str_eq(dm_folder_make(path_of("r.json"), 0777).code, "output");
    ck_assert_str_eq(dm_file_replace("/proc/none/r.json", "x", 1, 0644).code, "output");
}
END_TEST

int main(void) {
    if (!mkdtemp(folder)) return 1;
    TCase *c = tcase_create("all");
    tcase_add_test(c, protocol_errors_name_the_line);
    tcase_add_test(c, long_line_is_refused);
    tcase_add_test(c, built_in_protocols_load);
    tcase_add_test(c, digests_and_pseudonyms);
    tcase_add_test(c, numbers);
    tcase_add_test(c, cells_and_rows);
    tcase_add_test(c, records_are_whole_or_not_there);
    int failed = cases_failed("config", c);
    const char *made[] = {"x.ini", "r.json", "private/key", "private"};
    for (int i = 0; i < 4; i++) remove(path_of(made[i]));
    rmdir(folder);
    return failed != 0;
}
