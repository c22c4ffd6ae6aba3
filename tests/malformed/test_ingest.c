/* Sources as they really come: real archives where they are at hand, and broken ones. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "cases.h"
#include "ingest.h"

static dm_protocols protocols;
static const dm_key key = {{7}};
static char folder[] = "/tmp/duramap-test-XXXXXX";
static const char *shared;

static dm_status ingest(const char *where, const char *name, dm_ingested *in) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", where, name);
    return dm_ingest(path, &(dm_ingest_options){.protocols = &protocols, .key = &key, .threads = 2, .hold = 1u << 30}, in);
}

static void write_text(const char *name, const char *text) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

START_TEST(broken_sources_say_what_is_wrong) {
    static const struct {
        const char *name, *code;
    } row[] = {{"letter.zip", "not_an_archive"},
               {"empty.zip", "empty_archive"},
               {"gone.zip", "missing_file"},
               {"gone.nii.gz", "missing_file"},
               {"letters.tar.gz", "no_dicom"}};
    dm_ingested in;
    char path[300];
    write_text("letter.zip", "a letter");
    write_text("empty.zip", "");
    snprintf(path, sizeof path, "%s/letters.tar.gz", folder);
    dm_archive_writer *w;
    ck_assert(dm_good(dm_archive_create(path, &w)));
    ck_assert(dm_good(dm_archive_add(w, "letter.txt", "dear colleague, the images follow", 33)));
    ck_assert(dm_good(dm_archive_finish(w)));
    for (unsigned i = 0; i < sizeof row / sizeof *row; i++) {
        dm_status s = ingest(folder, row[i].name, &in);
        ck_assert_str_eq(s.code, row[i].code);
        ck_assert_int_eq(s.severity, DM_STUDY);
        ck_assert_ptr_nonnull(strstr(s.text, row[i].name));
        ck_assert_int_eq(in.n, 0);
    }
}
END_TEST

START_TEST(real_archives) {
    static const struct {
        const char *name;
        int nx, nz;
        double slice_mm;
    } row[] = {{"ct-thorax.tar.zst", 512, 275, 1.0},
               {"ct-abdomen-contrast.zip", 512, 41, 5.0},
               {"ct-spine-3mm/ct.nii.gz", 122, 112, 3.0},
               {"mr-t2-lumbar/t2_lumbar.nii.gz", 38, 201, 1.0}};
    for (unsigned i = 0; shared && i < sizeof row / sizeof *row; i++) {
        dm_ingested in;
        ck_assert(dm_good(ingest(shared, row[i].name, &in)));
        ck_assert_int_eq(in.n, 1);
        ck_assert(dm_good(in.study[0].status));
        const dm_scan *scan = &in.study[0].study.pass[0].scan;
        ck_assert_int_eq(scan->nx, row[i].nx);
        ck_assert_int_eq(scan->nz, row[i].nz);
        ck_assert_double_eq_tol(in.study[0].study.pass[0].facts.slice_mm, row[i].slice_mm, 1e-3);
        ck_assert_int_eq(in.study[0].study.modality, i == 3 ? DM_MR : DM_CT);
        dm_ingested_clear(&in);
    }
}
END_TEST

/* 500 odd files, many broken on purpose: every study gets an answer, none a crash. */
START_TEST(the_zoo_is_survived) {
    dm_ingested in;
    if (!shared) return;
    ck_assert(dm_good(ingest(shared, "dicom-zoo.tar.zst", &in)));
    ck_assert_int_gt(in.n, 50);
    for (int i = 0; i < in.n; i++)
        ck_assert(dm_good(in.study[i].status) || in.study[i].n_exclusions > 0 || in.study[i].status.code[0]);
    dm_ingested_clear(&in);
}
END_TEST

START_TEST(same_source_same_names) {
    dm_ingested a, b;
    if (!shared) return;
    ck_assert(dm_good(ingest(shared, "ct-abdomen-contrast.zip", &a)));
    ck_assert(dm_good(ingest(shared, "ct-abdomen-contrast.zip", &b)));
    ck_assert_str_eq(a.study[0].study.study_id, b.study[0].study.study_id);
    ck_assert_str_eq(a.input_digest, b.input_digest);
    dm_ingested_clear(&a);
    dm_ingested_clear(&b);
}
END_TEST

int main(void) {
    shared = getenv("DURAMAP_SHARED");
    if (shared && access(shared, R_OK) != 0) shared = NULL;
    if (!shared) printf("SKIPPED in part: DURAMAP_SHARED names no folder with the real scans\n");
    if (!mkdtemp(folder) || !dm_good(dm_protocols_load(NULL, &protocols))) return 1;
    TCase *t = tcase_create("ingest");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, broken_sources_say_what_is_wrong);
    tcase_add_test(t, real_archives);
    tcase_add_test(t, the_zoo_is_survived);
    tcase_add_test(t, same_source_same_names);
    int failed = cases_failed("ingest", t);
    dm_protocols_clear(&protocols);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed != 0;
}
