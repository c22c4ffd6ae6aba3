/* Made-up studies and their records, for the tests of what becomes of records. */
#ifndef DM_MADE_RECORDS_H
#define DM_MADE_RECORDS_H

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "rows.h"
#include "tables.h"

enum { SAMPLES = 101, FILLED = 60, PATCH_FROM = 20, PATCH_TO = 30, PATCH_COLUMNS = 2 };

static char out[] = "/tmp/duramap_records_XXXXXX"; /* the output folder: mkdtemp makes it */

static inline const char *path_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", out, name);
    return path;
}

static inline void add_surfaces(dm_study *s) {
    size_t cells_of = (size_t)SAMPLES * DM_NT;
    dm_canal *c = &s->canal;
    c->n = s->map.n = SAMPLES;
    c->r_dura = calloc(cells_of, sizeof *c->r_dura);
    c->r_bone = calloc(cells_of, sizeof *c->r_bone);
    c->filled = calloc(SAMPLES, 1);
    c->sac = calloc(SAMPLES, sizeof *c->sac);
    s->map.e = calloc(cells_of, sizeof *s->map.e);
    s->map.thickness = calloc(cells_of, sizeof *s->map.thickness);
    s->map.assessed = calloc(cells_of, 1);
    for (size_t i = 0; i < cells_of; i++) {
        c->r_dura[i] = 8, c->r_bone[i] = 10;
        s->map.assessed[i] = 1;
        size_t at = i / DM_NT;
        if (at >= PATCH_FROM && at < PATCH_TO && i % DM_NT < PATCH_COLUMNS) s->map.e[i] = 0.5f, s->map.thickness[i] = 2;
    }
    for (int i = 0; i < SAMPLES; i++) {
        c->filled[i] = i < FILLED;
        c->sac[i] = i < FILLED ? (i < 35 ? 400.0f : 600.0f) : -30000.0f;
    }
}

static inline void add_line(dm_study *s) {
    s->spine.n = SAMPLES;
    s->spine.ds = 1;
    s->spine.p = calloc(SAMPLES, sizeof *s->spine.p);
    s->spine.score = calloc(SAMPLES, sizeof *s->spine.score);
    s->spine.unsure = calloc(SAMPLES, sizeof *s->spine.unsure);
    for (int i = 0; i < SAMPLES; i++) {
        s->spine.p[i][0] = 1.234, s->spine.p[i][1] = -2, s->spine.p[i][2] = 500 - i;
        s->spine.score[i] = 0.5f;
    }
}

static inline void add_levels(dm_study *s) {
    dm_levels *l = &s->levels;
    *l = (dm_levels){.n = 3, .anchored = 1, .count_method = "ribs", .posterior = 0.876, .alt_shift = 1, .alt_posterior = 0.1};
    for (int i = 0; i < 3; i++)
        l->v[i] = (dm_vertebra){.level = DM_T1 + 6 + i, .s_from = 10 + 25 * i, .s_to = 35 + 25 * i, .s_mid = 22.5 + 25 * i,
                                .lps = {0.04, -0.06, 477.5 - 25 * i}};
}

static inline void add_findings(dm_study *s) {
    dm_findings *f = &s->findings;
    f->veins_sought = 1;
    f->n = 2;
    f->f[0] = (dm_finding){.class_ = DM_LATERAL_TEAR, .score = 1.2346, .accepted = 1, .side = DM_LEFT, .clock = 3, .s = 25.26,
                           .s_from = 20, .s_to = 30, .lps = {12.34, -5.67, 100.06}, .volume_mm3 = 31.4, .peak_ratio = 0.5,
                           .peak_value = 250, .upper = DM_T1 + 6, .lower = DM_T1 + 7, .root = DM_T1 + 6};
    f->f[1] = (dm_finding){.class_ = DM_VENTRAL_TEAR, .score = 0.5, .false_sign = DM_SIGN_C1C2, .side = DM_VENTRAL, .clock = 6,
                           .upper = DM_C1, .lower = DM_C2, .root = DM_C2, .peak_value = NAN, .first_pass = 1};
    f->n_diverticula = 1;
    f->d[0] = (dm_diverticulum){.root = DM_T1 + 7, .side = DM_RIGHT, .lps = {-20, 1, 2}, .diameter_mm = 7.25, .volume_mm3 = 199.5,
                                .score = 0.9, .prominent = 1};
    s->answer = (dm_answer){.kind = DM_LEAK, .score = 1.2346, .best = 0, .interval_mm = 12};
}

static inline dm_study *study_of(const char *id) {
    dm_study *s = calloc(1, sizeof *s);
    snprintf(s->study_id, sizeof s->study_id, "%s", id);
    snprintf(s->patient_id, sizeof s->patient_id, "p%s", id);
    snprintf(s->protocol, sizeof s->protocol, "ctm");
    s->n_passes = 1;
    s->pass[0] = (dm_pass){.scan = {.nx = 10, .ny = 20, .nz = 30},
                           .facts = {.kvp = NAN, .slice_mm = 0.6251, .pixel_mm = 0.4, .tilt_deg = 0, .seconds_after_first = NAN,
                                     .series_id = "ser"},
                           .role = "main"};
    s->answer.best = -1;
    return s;
}

static inline dm_account account_of(const dm_study *s, const char *digest, dm_status status) {
    dm_account a = {.study = s, .status = status, .version = "1", .config_digest = "c", .input_digest = digest, .device = "d",
                    .driver = "v", .host = "h", .selftest = "passed", .studies_in_source = 1, .seconds = 2.5,
                    .seconds_ingest = 0.5, .seconds_pictures = NAN, .bytes_read = 100, .peak_bytes = 200};
    for (int i = 0; i < DM_MAX_STAGES; i++) a.seconds_stage[i] = i < 3 ? 1 : NAN;
    return a;
}

static inline void keep(const dm_account *a) {
    char name[80];
    cJSON *record = dm_record_of(a);
    ck_assert_ptr_nonnull(record);
    snprintf(name, sizeof name, "records/%s.json", a->study->study_id);
    ck_assert(dm_good(dm_record_write(path_of(name), record)));
    cJSON_Delete(record);
}

static inline void write_leak(const char *id, const char *digest) {
    dm_study *s = study_of(id);
    add_line(s);
    add_surfaces(s);
    add_levels(s);
    add_findings(s);
    dm_account a = account_of(s, digest, dm_ok);
    keep(&a);
    dm_study_clear(s);
    free(s);
}

static inline void write_failed(const char *id, const char *digest) {
    dm_study *s = study_of(id);
    dm_exclusion x = {"ser2", "ingest", "few_slices: fewer than 3"};
    dm_account a = account_of(s, digest, dm_fail(DM_STUDY, "no_series", "nothing, or \"less\""));
    a.exclusions = &x;
    a.n_exclusions = 1;
    a.studies_in_source = 2;
    keep(&a);
    free(s);
}

/* A source that could not be read: no patient, no protocol, no pass. */
static inline void write_unread(const char *id, const char *digest) {
    dm_study *s = calloc(1, sizeof *s);
    snprintf(s->study_id, sizeof s->study_id, "%s", id);
    dm_account a = account_of(s, digest, dm_fail(DM_STUDY, "missing_file", "not there"));
    keep(&a);
    free(s);
}

static inline void write_clean(const char *id, const char *digest) {
    dm_study *s = study_of(id);
    dm_account a = account_of(s, digest, dm_fail(DM_WARN, "late", "a warning"));
    keep(&a);
    free(s);
}

static inline void begin(void) {
    static const char *const folders[] = {"records", "tables"};
    for (int i = 0; i < 2; i++) ck_assert(dm_good(dm_folder_make(path_of(folders[i]), 0755)));
}

static inline void end(void) {
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s/records' '%s/tables' '%s/private'", out, out, out);
    ck_assert_int_eq(system(command), 0);
}

static inline void write_four(void) {
    write_leak("dddd", "d1");
    write_clean("bbbb", "d2");
    write_failed("aaaa", "d3");
    write_unread("cccc", "");
    int rows = 0;
    ck_assert(dm_good(dm_cohort_merge(out, &rows)));
    ck_assert_int_eq(rows, 4);
}

#endif
