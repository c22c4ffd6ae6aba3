/* Made-up studies to records to tables, and what the ledger makes of the records. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "csv_cells.h"
#include "ledger.h"
#include "record.h"
#include "rows.h"
#include "overview.h"
#include "tables.h"

enum { SAMPLES = 101, FILLED = 60, PATCH_FROM = 20, PATCH_TO = 30, PATCH_COLUMNS = 2 };

static char out[] = "/tmp/duramap_rows_XXXXXX";

static const char *path_of(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", out, name);
    return path;
}

static void add_surfaces(dm_study *s) {
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

static void add_line(dm_study *s) {
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

static void add_levels(dm_study *s) {
    dm_levels *l = &s->levels;
    *l = (dm_levels){.n = 3, .anchored = 1, .count_method = "ribs", .posterior = 0.876, .alt_shift = 1, .alt_posterior = 0.1};
    for (int i = 0; i < 3; i++)
        l->v[i] = (dm_vertebra){.level = DM_T1 + 6 + i, .s_from = 10 + 25 * i, .s_to = 35 + 25 * i, .s_mid = 22.5 + 25 * i,
                                .lps = {0.04, -0.06, 477.5 - 25 * i}};
}

static void add_findings(dm_study *s) {
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

static dm_study *study_of(const char *id) {
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

static dm_account account_of(const dm_study *s, const char *digest, dm_status status) {
    dm_account a = {.study = s, .status = status, .version = "1", .config_digest = "c", .input_digest = digest, .device = "d",
                    .driver = "v", .host = "h", .selftest = "passed", .studies_in_source = 1, .seconds = 2.5,
                    .seconds_ingest = 0.5, .seconds_pictures = NAN, .bytes_read = 100, .peak_bytes = 200};
    for (int i = 0; i < DM_MAX_STAGES; i++) a.seconds_stage[i] = i < 3 ? 1 : NAN;
    return a;
}

static void keep(const dm_account *a) {
    char name[80];
    cJSON *record = dm_record_of(a);
    ck_assert_ptr_nonnull(record);
    snprintf(name, sizeof name, "records/%s.json", a->study->study_id);
    ck_assert(dm_good(dm_record_write(path_of(name), record)));
    cJSON_Delete(record);
}

static void write_leak(const char *id, const char *digest) {
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

static void write_failed(const char *id, const char *digest) {
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
static void write_unread(const char *id, const char *digest) {
    dm_study *s = calloc(1, sizeof *s);
    snprintf(s->study_id, sizeof s->study_id, "%s", id);
    dm_account a = account_of(s, digest, dm_fail(DM_STUDY, "missing_file", "not there"));
    keep(&a);
    free(s);
}

static void write_clean(const char *id, const char *digest) {
    dm_study *s = study_of(id);
    dm_account a = account_of(s, digest, dm_fail(DM_WARN, "late", "a warning"));
    keep(&a);
    free(s);
}

static cells table_of(const char *name) {
    char file[60], *text;
    size_t n;
    cells c;
    snprintf(file, sizeof file, "tables/%s.csv", name);
    ck_assert(dm_good(dm_file_read(path_of(file), &text, &n)));
    ck_assert(cells_read(&c, text, n));
    free(text);
    return c;
}

static void is(const cells *c, int row, const char *column, const char *expect) {
    const char *got = cells_get(c, row, column);
    ck_assert_msg(got && !strcmp(got, expect), "row %d, %s: '%s', not '%s'", row, column, got ? got : "(none)", expect);
}

static void begin(void) {
    static const char *const folders[] = {"records", "tables"};
    for (int i = 0; i < 2; i++) ck_assert(dm_good(dm_folder_make(path_of(folders[i]), 0755)));
}

static void end(void) {
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s/records' '%s/tables' '%s/private'", out, out, out);
    ck_assert_int_eq(system(command), 0);
}

static void write_four(void) {
    write_leak("dddd", "d1");
    write_clean("bbbb", "d2");
    write_failed("aaaa", "d3");
    write_unread("cccc", "");
    int rows = 0;
    ck_assert(dm_good(dm_cohort_merge(out, &rows)));
    ck_assert_int_eq(rows, 4);
}

START_TEST(one_row_per_study_sorted) {
    write_four();
    cells c = table_of("studies");
    ck_assert_int_eq(c.rows, 5);
    static const char *const ids[] = {"aaaa", "bbbb", "cccc", "dddd"}, *const status[] = {"failed", "warning", "failed", "ok"};
    for (int i = 0; i < 4; i++) {
        is(&c, i + 1, "study_id", ids[i]);
        is(&c, i + 1, "status", status[i]);
    }
    is(&c, 1, "error_code", "no_series");
    is(&c, 1, "error_text", "nothing, or \"less\"");
    is(&c, 3, "patient_id", "");
    is(&c, 3, "modality", "");
    /* A failed study has measured nothing: no zero may pass for a result. */
    static const char *const empty[] = {"answer", "score", "n_leaks", "class", "level", "side", "clock", "x_mm", "s_mm", "slec",
                                        "n_diverticula", "largest_diverticulum_mm", "n_veins", "sac_mean", "noise_sd",
                                        "level_posterior", "levels_covered", "round"};
    for (unsigned i = 0; i < sizeof empty / sizeof *empty; i++) {
        is(&c, 1, empty[i], "");
        is(&c, 3, empty[i], "");
    }
    is(&c, 2, "answer", "no_leak");
    is(&c, 2, "n_leaks", "0");
    is(&c, 2, "largest_diverticulum_mm", "");
    is(&c, 2, "class", "");
    cells_clear(&c);
    c = table_of("run");
    ck_assert_int_eq(c.rows, 5);
    is(&c, 4, "seconds", "2.5");
    is(&c, 4, "seconds_spine", "1");
    is(&c, 4, "seconds_canal", "");
    is(&c, 4, "seconds_pictures", "");
    cells_clear(&c);
    c = table_of("exclusions");
    ck_assert_int_eq(c.rows, 2);
    is(&c, 1, "study_id", "aaaa");
    is(&c, 1, "reason", "few_slices: fewer than 3");
    cells_clear(&c);
}
END_TEST

START_TEST(the_answer_of_a_leak) {
    write_four();
    cells c = table_of("studies");
    static const char *const expect[][2] = {
        {"answer", "leak"}, {"score", "1.235"}, {"n_leaks", "1"}, {"class", "lateral_tear"}, {"level", "T7"}, {"level_alt", "T8"},
        {"side", "left"}, {"clock", "3"}, {"x_mm", "12.3"}, {"y_mm", "-5.7"}, {"z_mm", "100.1"}, {"s_mm", "25.3"},
        {"interval_mm", "12"}, {"slec", "0"}, {"slec_from", ""}, {"n_diverticula", "1"}, {"largest_diverticulum_mm", "7.2"},
        {"n_veins", "0"}, {"false_signs", "c1c2"}, {"levels_covered", "T7-T9"}, {"count_method", "ribs"},
        {"level_posterior", "0.88"}, {"sac_mean", "483"}, {"noise_sd", ""}};
    for (unsigned i = 0; i < sizeof expect / sizeof *expect; i++) is(&c, 4, expect[i][0], expect[i][1]);
    cells_clear(&c);
    c = table_of("findings");
    ck_assert_int_eq(c.rows, 3);
    is(&c, 1, "level_disc", "T7-8");
    is(&c, 1, "level_alt", "T8-9");
    is(&c, 1, "accepted", "1");
    is(&c, 1, "false_sign", "");
    is(&c, 2, "finding", "2");
    is(&c, 2, "level_disc", "C1-2");
    is(&c, 2, "false_sign", "c1c2");
    is(&c, 2, "peak_value", "");
    cells_clear(&c);
    c = table_of("diverticula");
    is(&c, 1, "level_root", "T8");
    is(&c, 1, "side", "right");
    is(&c, 1, "leaking", "0");
    cells_clear(&c);
    c = table_of("passes");
    ck_assert_int_eq(c.rows, 4); /* not for the source that could not be read */
    is(&c, 3, "kvp", "");
    is(&c, 3, "slice_mm", "0.625");
    is(&c, 3, "nz", "30");
    cells_clear(&c);
}
END_TEST

/* Level and second best level of a lateral tear at a root that is placed, or not. */
static void root_of(int unplaced, int root, int shift, const char *level, const char *alt) {
    dm_study *s = study_of("rrrr");
    add_line(s);
    add_surfaces(s);
    add_levels(s);
    add_findings(s);
    s->findings.f[0].root = root, s->findings.f[0].unplaced = unplaced;
    s->levels.alt_shift = shift;
    dm_account a = account_of(s, "d", dm_ok);
    cJSON *record = dm_record_of(&a);
    const cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(record, "tables"), "studies"), 0);
    const cJSON *one = cJSON_GetObjectItem(row, "level"), *other = cJSON_GetObjectItem(row, "level_alt");
    ck_assert_str_eq(one ? one->valuestring : "", level);
    ck_assert_str_eq(other ? other->valuestring : "", alt);
    row = cJSON_GetArrayItem(cJSON_GetObjectItem(cJSON_GetObjectItem(record, "tables"), "findings"), 0);
    ck_assert_int_eq(cJSON_GetObjectItem(row, "placed")->valueint, !unplaced);
    cJSON_Delete(record);
    dm_study_clear(s);
    free(s);
}

static void root_is(int root, int shift, const char *level, const char *alt) {
    root_of(0, root, shift, level, alt);
}

START_TEST(what_cannot_be_placed_has_no_level) {
    root_of(1, DM_T12, 1, "", "");
}
END_TEST

START_TEST(roots_count_c8) {
    root_is(DM_C8, 0, "C8", "");
    root_is(DM_C8, 1, "C8", "T1");
    root_is(DM_C8, -1, "C8", "C7");
    root_is(DM_C7, 1, "C7", "C8");
    root_is(DM_T1, -2, "T1", "C7");
    root_is(DM_T12, 1, "T12", "L1");
    root_is(DM_L5, 1, "L5", "S1");
    root_is(DM_S5, 1, "S5", "");
}
END_TEST

/* Areas of the 72-sided polygons of radius 10 and 8; the pool is ten samples long, two columns of 5 degrees wide and 2 mm
 * thick on a dura of 8 mm: 20 * (8 + 1) * 0.0872665 * 2 mm3. The third vertebra lies where the sac is not filled. */
START_TEST(measures_of_levels) {
    write_four();
    cells c = table_of("levels");
    ck_assert_int_eq(c.rows, 4);
    static const char *const expect[3][10] = {
        {"T7", "22.5", "20", "20", "314", "16", "16", "201", "400", "31"},
        {"T8", "47.5", "20", "20", "314", "16", "16", "201", "592", "0"},
        {"T9", "72.5", "20", "20", "314", "", "", "", "", ""}};
    static const char *const column[10] = {"level", "s_mm", "canal_ap_mm", "canal_tr_mm", "canal_area_mm2", "sac_ap_mm", "sac_tr_mm",
                                           "sac_area_mm2", "sac_mean", "extradural_mm3"};
    for (int r = 0; r < 3; r++)
        for (int k = 0; k < 10; k++)
            if (strcmp(column[k], "sac_mean")) is(&c, r + 1, column[k], expect[r][k]);
    is(&c, 1, "sac_mean", "408"); /* 25 samples of 400 and the one at the disc, of 600 */
    is(&c, 2, "sac_mean", "600");
    is(&c, 1, "x_mm", "0");
    is(&c, 1, "y_mm", "-0.1");
    cells_clear(&c);
}
END_TEST

static int among(const cJSON *levels, const char *value) {
    const cJSON *one;
    cJSON_ArrayForEach(one, levels) if (!strcmp(one->valuestring, value)) return 1;
    return 0;
}

/* Every column is explained, nothing else is, and what occurs is what the sidecar announces. */
START_TEST(columns_are_those_of_the_sidecars) {
    write_four();
    for (int t = 0; t < dm_table_count; t++) {
        char file[60], *text;
        size_t n;
        cells c = table_of(dm_tables[t].name);
        snprintf(file, sizeof file, "tables/%s.json", dm_tables[t].name);
        ck_assert(dm_good(dm_file_read(path_of(file), &text, &n)));
        cJSON *side = cJSON_Parse(text), *item = side->child->next;
        ck_assert_str_eq(c.at[0][0], "study_id");
        for (int k = 0; k < c.columns[0]; k++, item = item->next) {
            ck_assert_ptr_nonnull(item);
            ck_assert_str_eq(item->string, c.at[0][k]);
            const cJSON *levels = cJSON_GetObjectItem(item, "Levels");
            for (int r = 1; r < c.rows; r++) {
                ck_assert_int_eq(c.columns[r], c.columns[0]);
                ck_assert_msg(!levels || !*c.at[r][k] || among(levels, c.at[r][k]), "%s.%s: '%s' is not announced",
                              dm_tables[t].name, item->string, c.at[r][k]);
            }
        }
        ck_assert_ptr_null(item);
        cJSON_Delete(side);
        free(text);
        cells_clear(&c);
    }
}
END_TEST

/* A key of a row that no column takes would be lost in silence. */
START_TEST(every_key_has_its_column) {
    cJSON *record = NULL;
    write_four();
    ck_assert(dm_good(dm_record_read(path_of("records/dddd.json"), &record)));
    const cJSON *tables = cJSON_GetObjectItem(record, "tables"), *rows, *row, *cell;
    ck_assert_int_eq(cJSON_GetArraySize(tables), dm_table_count);
    cJSON_ArrayForEach(rows, tables) {
        cells c = table_of(rows->string);
        cJSON_ArrayForEach(row, rows) cJSON_ArrayForEach(cell, row)
            ck_assert_msg(cells_get(&c, 0, cell->string) != NULL, "%s: no column %s", rows->string, cell->string);
        cells_clear(&c);
    }
    /* The line every 5 mm: s, x, y, z, score, unsure. */
    const cJSON *line = cJSON_GetObjectItem(record, "line"), *last = cJSON_GetArrayItem(line, 20);
    ck_assert_int_eq(cJSON_GetArraySize(line), 21);
    ck_assert_double_eq_tol(cJSON_GetArrayItem(last, 0)->valuedouble, 100, 1e-9);
    ck_assert_double_eq_tol(cJSON_GetArrayItem(last, 1)->valuedouble, 1.23, 1e-9);
    ck_assert_double_eq_tol(cJSON_GetArrayItem(last, 3)->valuedouble, 400, 1e-9);
    ck_assert_int_eq(cJSON_GetArraySize(last), 6);
    cJSON_Delete(record);
}
END_TEST

START_TEST(merge_of_the_same_records_gives_the_same_bytes) {
    char *text[2];
    size_t n[2];
    int rows;
    write_four();
    ck_assert(dm_good(dm_file_read(path_of("tables/studies.csv"), &text[0], &n[0])));
    end();
    begin();
    write_unread("cccc", "");
    write_failed("aaaa", "d3");
    write_clean("bbbb", "d2");
    write_leak("dddd", "d1");
    ck_assert(dm_good(dm_file_replace(path_of("records/.hidden.json"), "{}", 2, 0644)));
    ck_assert(dm_good(dm_file_replace(path_of("records/dddd.json.77.tmp"), "{\"a", 3, 0644)));
    ck_assert(dm_good(dm_cohort_merge(out, &rows)));
    ck_assert(dm_good(dm_file_read(path_of("tables/studies.csv"), &text[1], &n[1])));
    ck_assert_uint_eq(n[0], n[1]);
    ck_assert_mem_eq(text[0], text[1], n[0]);
    free(text[0]);
    free(text[1]);
    ck_assert_int_ne(access(path_of("private/mapping.csv"), F_OK), 0); /* nothing private is made where none was */
}
END_TEST

START_TEST(a_damaged_record_is_said_and_left_out) {
    int rows;
    write_four();
    ck_assert(dm_good(dm_file_replace(path_of("records/bbbb.json"), "{\"study_id\": \"bb", 15, 0644)));
    dm_status s = dm_cohort_merge(out, &rows);
    ck_assert_int_eq(s.severity, DM_WARN);
    ck_assert_str_eq(s.code, "bad_record");
    ck_assert_ptr_nonnull(strstr(s.text, "bbbb.json"));
    ck_assert_int_eq(rows, 3);
}
END_TEST

static int done(const char *version, const char *config, const char *digest, const char *id, int retry) {
    dm_ledger *l = NULL;
    ck_assert(dm_good(dm_ledger_open(out, version, config, &l)));
    int answer = dm_ledger_done(l, digest, id, retry);
    dm_ledger_close(l);
    return answer;
}

START_TEST(what_is_done) {
    write_four();
    ck_assert_int_eq(done("1", "c", "d1", "x", 0), 1);
    ck_assert_int_eq(done("1", "c", "d1", "x", 1), 1);
    ck_assert_int_eq(done("2", "c", "d1", "x", 0), 0); /* another version */
    ck_assert_int_eq(done("1", "e", "d1", "x", 0), 0); /* another configuration */
    ck_assert_int_eq(done("1", "c", "d9", "x", 0), 0);
    ck_assert_int_eq(done("1", "c", "", "cccc", 0), 0); /* a file that was not there may be there now */
    ck_assert_int_eq(done("1", "c", "d3", "x", 0), 0);  /* the second study of its source has no record */
    write_clean("eeee", "d3");
    ck_assert_int_eq(done("1", "c", "d3", "x", 0), 1);
    ck_assert_int_eq(done("1", "c", "d3", "x", 1), 0); /* one of them failed */
    write_unread("ffff", "d4");
    ck_assert_int_eq(done("1", "c", "d4", "ffff", 0), 1);
    ck_assert_int_eq(done("1", "c", "d4", "ffff", 1), 0);
    ck_assert_int_eq(done("1", "c", "d4", "gggg", 0), 0); /* another source of the same bytes */
}
END_TEST

static int done_among(const char *digest, const char *id, const char (*given)[17], int n) {
    dm_ledger *l = NULL;
    ck_assert(dm_good(dm_ledger_open(out, "1", "c", &l)));
    dm_ledger_given(l, given, n);
    int answer = dm_ledger_done(l, digest, id, 0);
    dm_ledger_close(l);
    return answer;
}

/* Two files with the same bytes have a row each, also when the run ended between them; one that was moved is not measured again. */
START_TEST(copies_and_moved_sources) {
    static const char copies[2][17] = {"first", "second"}, moved[1][17] = {"second"};
    dm_study *s = study_of("gggg");
    dm_account a = account_of(s, "d7", dm_ok);
    a.source_id = "first";
    keep(&a);
    free(s);
    ck_assert_int_eq(done_among("d7", "first", copies, 2), 1);
    ck_assert_int_eq(done_among("d7", "second", copies, 2), 0);
    ck_assert_int_eq(done_among("d7", "second", moved, 1), 1);
}
END_TEST

START_TEST(status_counts) {
    dm_overview s;
    write_four();
    write_unread("ffff", "d4");
    ck_assert(dm_good(dm_overview_take(NULL, out, &s)));
    ck_assert_int_eq(s.done, 2);
    ck_assert_int_eq(s.failed, 3);
    ck_assert_int_eq(s.open, -1); /* no plan: not known */
    ck_assert_int_eq(s.n_reasons, 2);
    ck_assert_str_eq(s.reason[0].code, "missing_file"); /* the most frequent first */
    dm_overview_clear(&s);
    ck_assert_str_eq(dm_overview_take(NULL, "/nowhere", &s).code, "output");
}
END_TEST

int main(void) {
    if (!mkdtemp(out)) return 1;
    Suite *s = suite_create("rows");
    TCase *c = tcase_create("all");
    tcase_add_checked_fixture(c, begin, end);
    tcase_add_test(c, one_row_per_study_sorted);
    tcase_add_test(c, the_answer_of_a_leak);
    tcase_add_test(c, roots_count_c8);
    tcase_add_test(c, what_cannot_be_placed_has_no_level);
    tcase_add_test(c, measures_of_levels);
    tcase_add_test(c, columns_are_those_of_the_sidecars);
    tcase_add_test(c, every_key_has_its_column);
    tcase_add_test(c, merge_of_the_same_records_gives_the_same_bytes);
    tcase_add_test(c, a_damaged_record_is_said_and_left_out);
    tcase_add_test(c, what_is_done);
    tcase_add_test(c, copies_and_moved_sources);
    tcase_add_test(c, status_counts);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    rmdir(out);
    return failed != 0;
}
