#include "rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exam.h"
#include "gpu.h"

static void text(cJSON *row, const char *key, const char *value) {
    if (value && *value) cJSON_AddStringToObject(row, key, value);
}

static void number(cJSON *row, const char *key, double value) {
    if (isfinite(value)) cJSON_AddNumberToObject(row, key, value);
}

static cJSON *add_row(cJSON *tables, const char *table, const dm_study *s) {
    cJSON *row = cJSON_CreateObject();
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(tables, table), row);
    text(row, "study_id", s->study_id);
    return row;
}

static void place(cJSON *row, const double lps[3]) {
    number(row, "x_mm", lps[0]);
    number(row, "y_mm", lps[1]);
    number(row, "z_mm", lps[2]);
}

/* Level `shift` vertebrae further down, in the numbering without variants. */
static int shifted(int level, int shift) {
    for (; shift > 0 && level; shift--) {
        level++;
        if (level == DM_T13 || level == DM_L6) level++;
    }
    for (; shift < 0 && level; shift++) {
        level--;
        if (level == DM_T13 || level == DM_L6) level--;
    }
    return level >= DM_C1 && level <= DM_S5 ? level : DM_LEVEL_NONE;
}

/* The same for a root: C8 leaves between C7 and T1, where there is no vertebra of that name. */
static int shifted_root(int root, int shift) {
    for (; shift > 0 && root; shift--) root = root == DM_C7 ? DM_C8 : root == DM_C8 ? DM_T1 : shifted(root, 1);
    for (; shift < 0 && root; shift++) root = root == DM_T1 ? DM_C8 : root == DM_C8 ? DM_C7 : shifted(root, -1);
    return root;
}

static int is_lateral(dm_class c) {
    return c == DM_LATERAL_TEAR || c == DM_DIVERTICULUM_LEAK || c == DM_FISTULA;
}

static void level_of(const dm_finding *f, int shift, char out[16]) {
    if (is_lateral(f->class_))
        snprintf(out, 16, "%s", dm_level_name(shifted_root(f->root, shift)));
    else
        dm_disc_name(shifted(f->upper, shift), shifted(f->lower, shift), out, 16);
}

static void best_finding(cJSON *row, const dm_study *s) {
    const dm_answer *a = &s->answer;
    char level[16];
    if (a->best < 0 || a->best >= s->findings.n || a->kind != DM_LEAK) return;
    const dm_finding *f = &s->findings.f[a->best];
    text(row, "class", dm_class_name(f->class_));
    if (!f->unplaced) {
        level_of(f, 0, level);
        text(row, "level", level);
        if (s->levels.alt_shift) {
            level_of(f, s->levels.alt_shift, level);
            text(row, "level_alt", level);
        }
    }
    text(row, "side", dm_side_name(f->side));
    number(row, "clock", f->clock);
    place(row, f->lps);
    number(row, "s_mm", f->s);
    number(row, "interval_mm", a->interval_mm);
}

/* Over the rows whose line is sure: one that has left the canal sees bone. NAN without any that are filled. */
static double sac_mean(const dm_study *s, double from, double to) {
    double sum = 0;
    int n = 0;
    for (int i = 0; s->canal.sac && i < s->canal.n; i++) {
        double at = i * s->spine.ds;
        if (at >= from && at <= to && s->canal.filled[i] && !s->spine.unsure[i]) sum += (double)s->canal.sac[i], n++;
    }
    return n ? sum / n : NAN;
}

static void signs_seen(cJSON *row, const dm_study *s) {
    char seen[160] = "";
    size_t used = 0;
    for (int sign = DM_NO_SIGN + 1; sign < DM_SIGNS; sign++) {
        int here = s->findings.signs >> sign & 1;
        for (int i = 0; i < s->findings.n; i++) here |= (int)s->findings.f[i].false_sign == sign;
        if (here)
            used += (size_t)snprintf(seen + used, sizeof seen - used, "%s%s", used ? ";" : "",
                                     dm_false_sign_name((dm_false_sign)sign));
    }
    text(row, "false_signs", seen);
}

static void study_counts(cJSON *row, const dm_study *s) {
    int leaks = 0, veins = 0;
    double largest = NAN;
    for (int i = 0; i < s->findings.n; i++) {
        leaks += s->findings.f[i].accepted;
        veins += s->findings.f[i].accepted && s->findings.f[i].class_ == DM_FISTULA;
    }
    for (int i = 0; i < s->findings.n_diverticula; i++) largest = fmax(largest, s->findings.d[i].diameter_mm);
    number(row, "n_leaks", leaks);
    number(row, "n_diverticula", s->findings.n_diverticula);
    number(row, "largest_diverticulum_mm", largest);
    number(row, "n_veins", s->findings.veins_sought ? (double)veins : (double)NAN);
}

static void study_levels(cJSON *row, const dm_study *s) {
    char covered[16];
    if (!s->levels.n) return;
    snprintf(covered, sizeof covered, "%s-%s", dm_level_name(s->levels.v[0].level),
             dm_level_name(s->levels.v[s->levels.n - 1].level));
    text(row, "levels_covered", covered);
    text(row, "count_method", s->levels.count_method);
    number(row, "level_posterior", s->levels.posterior);
    text(row, "transitional", s->levels.transitional);
}

static void exam_facts(cJSON *row, const dm_exam *e) {
    char when[20];
    text(row, "sex", e->sex);
    text(row, "age_band", e->age_band);
    text(row, "scanner_maker", e->manufacturer);
    text(row, "scanner_model", e->model);
    dm_exam_time(e->shifted_seconds, when);
    text(row, "exam_time", when);
}

static void studies_row(cJSON *tables, const dm_account *a) {
    const dm_study *s = a->study;
    cJSON *row = add_row(tables, "studies", s);
    text(row, "patient_id", s->patient_id);
    text(row, "protocol", s->protocol);
    text(row, "modality", s->n_passes ? (s->modality == DM_MR ? "MR" : "CT") : "");
    int failed = !dm_good(a->status);
    text(row, "status", failed ? "failed" : a->status.severity == DM_WARN ? "warning" : "ok");
    text(row, "error_code", a->status.code);
    text(row, "error_text", a->status.text);
    text(row, "qc", s->qc);
    exam_facts(row, &s->exam);
    if (s->crop.noise_sd > 0) number(row, "noise_sd", s->crop.noise_sd);
    study_levels(row, s);
    number(row, "sac_mean", sac_mean(s, -INFINITY, INFINITY));
    if (failed) return;
    text(row, "answer", dm_answer_name(s->answer.kind));
    number(row, "score", s->answer.score);
    best_finding(row, s);
    number(row, "slec", s->answer.slec);
    if (s->answer.slec) {
        text(row, "slec_from", dm_level_name(s->answer.slec_from));
        text(row, "slec_to", dm_level_name(s->answer.slec_to));
    }
    study_counts(row, s);
    signs_seen(row, s);
}

static void passes_rows(cJSON *tables, const dm_study *s) {
    for (int i = 0; i < s->n_passes; i++) {
        const dm_pass *p = &s->pass[i];
        cJSON *row = add_row(tables, "passes", s);
        number(row, "pass", i);
        text(row, "role", p->role);
        text(row, "series_id", p->facts.series_id);
        number(row, "kvp", p->facts.kvp);
        text(row, "kernel", p->facts.kernel);
        number(row, "slice_mm", p->facts.slice_mm);
        number(row, "pixel_mm", p->facts.pixel_mm);
        number(row, "nx", p->scan.nx);
        number(row, "ny", p->scan.ny);
        number(row, "nz", p->scan.nz);
        number(row, "tilt_deg", p->facts.tilt_deg);
        number(row, "gaps", p->facts.gaps);
        text(row, "position", p->facts.position);
        number(row, "seconds_after_first", p->facts.seconds_after_first);
        text(row, "transfer_syntax", p->facts.transfer_syntax);
        number(row, "lossy", p->facts.lossy);
    }
}

static void findings_rows(cJSON *tables, const dm_study *s) {
    for (int i = 0; i < s->findings.n; i++) {
        const dm_finding *f = &s->findings.f[i];
        char disc[16];
        cJSON *row = add_row(tables, "findings", s);
        number(row, "finding", i + 1);
        text(row, "class", dm_class_name(f->class_));
        number(row, "score", f->score);
        number(row, "accepted", f->accepted);
        dm_disc_name(f->upper, f->lower, disc, sizeof disc);
        text(row, "level_disc", disc);
        text(row, "level_root", dm_level_name(f->root));
        if (s->levels.alt_shift) {
            dm_disc_name(shifted(f->upper, s->levels.alt_shift), shifted(f->lower, s->levels.alt_shift), disc, sizeof disc);
            text(row, "level_alt", disc);
        }
        text(row, "side", dm_side_name(f->side));
        number(row, "clock", f->clock);
        place(row, f->lps);
        number(row, "s_mm", f->s);
        number(row, "s_from_mm", f->s_from);
        number(row, "s_to_mm", f->s_to);
        number(row, "volume_mm3", f->volume_mm3);
        number(row, "peak_ratio", f->peak_ratio);
        number(row, "peak_value", f->peak_value);
        text(row, "false_sign", dm_false_sign_name(f->false_sign));
        number(row, "first_pass", f->first_pass);
        if (f->false_sign == DM_NO_SIGN) {
            number(row, "site_from_mm", f->site_from);
            number(row, "site_to_mm", f->site_to);
            number(row, "placed", !f->unplaced);
        }
        number(row, "early_late", f->class_ == DM_FISTULA ? (double)NAN : f->early_late); /* not followed in veins */
    }
}

static void diverticula_rows(cJSON *tables, const dm_study *s) {
    for (int i = 0; i < s->findings.n_diverticula; i++) {
        const dm_diverticulum *d = &s->findings.d[i];
        cJSON *row = add_row(tables, "diverticula", s);
        text(row, "level_root", dm_level_name(d->root));
        text(row, "side", dm_side_name(d->side));
        place(row, d->lps);
        number(row, "diameter_mm", d->diameter_mm);
        number(row, "volume_mm3", d->volume_mm3);
        number(row, "prominent", d->prominent);
        number(row, "leaking", d->leaking);
        number(row, "score", d->score);
        if (d->other_mm > 0) number(row, "other_side_mm", d->other_mm);
    }
}

/* Diameters and area of a closed surface at one sample: columns 0 and 36 lie ventral and dorsal, 18 and 54 left and
 * right; the area is the polygon's. */
static void ring(cJSON *row, const float *r, const char *ap, const char *tr, const char *area) {
    double twice = 0, wedge = sin(2 * 3.14159265358979323846 / DM_NT);
    for (int t = 0; t < DM_NT; t++) twice += (double)r[t] * (double)r[(t + 1) % DM_NT] * wedge;
    number(row, ap, (double)r[0] + (double)r[DM_NT / 2]);
    number(row, tr, (double)r[DM_NT / 4] + (double)r[3 * DM_NT / 4]);
    number(row, area, twice / 2);
}

enum { FIRST_RATIO_PERCENT = 20 };

static double extradural(const dm_study *s, double from, double to) {
    double sum = 0, arc = 2 * 3.14159265358979323846 / DM_NT;
    for (int i = 0; i < s->map.n; i++) {
        double at = i * s->spine.ds;
        if (at < from || at > to) continue;
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            if (!s->map.assessed[c] || (double)s->map.e[c] < FIRST_RATIO_PERCENT / 100.0) continue;
            double depth = (double)s->map.thickness[c];
            sum += ((double)s->canal.r_dura[c] + depth / 2) * arc * depth * s->spine.ds;
        }
    }
    return sum;
}

static void levels_rows(cJSON *tables, const dm_study *s) {
    for (int i = 0; i < s->levels.n; i++) {
        const dm_vertebra *v = &s->levels.v[i];
        cJSON *row = add_row(tables, "levels", s);
        text(row, "level", dm_level_name(v->level));
        place(row, v->lps);
        number(row, "s_mm", v->s_mid);
        int at = (int)floor(v->s_mid / s->spine.ds + 0.5);
        if (at < 0 || at >= s->canal.n || !s->canal.r_bone || s->spine.unsure[at]) continue;
        ring(row, s->canal.r_bone + (size_t)at * DM_NT, "canal_ap_mm", "canal_tr_mm", "canal_area_mm2");
        if (s->canal.filled[at])
            ring(row, s->canal.r_dura + (size_t)at * DM_NT, "sac_ap_mm", "sac_tr_mm", "sac_area_mm2");
        number(row, "sac_mean", sac_mean(s, v->s_from, v->s_to));
        if (s->map.e && s->canal.filled[at]) number(row, "extradural_mm3", extradural(s, v->s_from, v->s_to));
    }
}

static void exclusions_rows(cJSON *tables, const dm_account *a) {
    for (int i = 0; i < a->n_exclusions; i++) {
        cJSON *row = add_row(tables, "exclusions", a->study);
        text(row, "series_id", a->exclusions[i].series_id);
        text(row, "stage", a->exclusions[i].stage);
        text(row, "reason", a->exclusions[i].reason);
    }
}

static void run_row(cJSON *tables, const dm_account *a) {
    cJSON *row = add_row(tables, "run", a->study);
    text(row, "version", a->version);
    text(row, "config_digest", a->config_digest);
    text(row, "device", a->device);
    text(row, "driver", a->driver);
    text(row, "host", a->host);
    number(row, "seconds", a->seconds);
    number(row, "seconds_ingest", a->seconds_ingest);
    for (int i = 0; i < dm_stage_count; i++) {
        char key[40];
        snprintf(key, sizeof key, "seconds_%s", dm_stages[i]->name);
        number(row, key, a->seconds_stage[i]);
    }
    number(row, "seconds_pictures", a->seconds_pictures);
    number(row, "bytes_read", a->bytes_read);
    number(row, "peak_bytes", a->peak_bytes);
    text(row, "selftest", a->selftest);
    number(row, "wait_input", a->wait_input);
    number(row, "wait_device", a->wait_device);
    number(row, "wait_output", a->wait_output);
    number(row, "seconds_kernels", a->seconds_kernels);
}

static double rounded(double v, double step) {
    return floor(v / step + 0.5) * step;
}

/* [s, x, y, z, score, unsure] every 5 mm; unsure = 1 where the line is not to be trusted. */
static cJSON *line_of(const dm_study *s) {
    cJSON *line = cJSON_CreateArray();
    int step = s->spine.ds > 0 ? (int)floor(5 / s->spine.ds + 0.5) : 1;
    for (int i = 0; i < s->spine.n; i += step) {
        const double *p = s->spine.p[i];
        const double six[6] = {rounded(i * s->spine.ds, 0.1), rounded(p[0], 0.01), rounded(p[1], 0.01), rounded(p[2], 0.01),
                               rounded((double)s->spine.score[i], 0.001), s->spine.unsure[i]};
        cJSON_AddItemToArray(line, cJSON_CreateDoubleArray(six, 6));
    }
    return line;
}

static cJSON *references_of(const dm_study *s) {
    cJSON *r = cJSON_CreateObject(), *sac = cJSON_AddArrayToObject(r, "sac"), *tissue = cJSON_AddArrayToObject(r, "tissue");
    int step = s->spine.ds > 0 ? (int)floor(5 / s->spine.ds + 0.5) : 1;
    for (int i = 0; s->map.sac && i < s->map.n; i += step)
        cJSON_AddItemToArray(sac, s->canal.filled[i] ? cJSON_CreateNumber(rounded((double)s->map.sac[i], 0.1))
                                                     : cJSON_CreateNull());
    for (int t = 0; s->map.tissue && t < DM_NT; t++)
        cJSON_AddItemToArray(tissue, cJSON_CreateNumber(rounded((double)s->map.tissue[t], 0.1)));
    return r;
}

static cJSON *posterior_of(const dm_study *s) {
    cJSON *p = cJSON_CreateObject();
    cJSON_AddNumberToObject(p, "best", rounded(s->levels.posterior, 0.001));
    cJSON_AddNumberToObject(p, "alt_shift", s->levels.alt_shift);
    cJSON_AddNumberToObject(p, "alt", rounded(s->levels.alt_posterior, 0.001));
    return p;
}

cJSON *dm_record_of(const dm_account *a) {
    cJSON *record = cJSON_CreateObject();
    if (!record) return NULL;
    text(record, "study_id", a->study->study_id);
    text(record, "patient_id", a->study->patient_id);
    text(record, "version", a->version);
    text(record, "input_digest", a->input_digest);
    text(record, "source_id", a->source_id);
    text(record, "config_digest", a->config_digest);
    text(record, "status", dm_good(a->status) ? "done" : "failed");
    text(record, "error_code", a->status.code);
    cJSON_AddNumberToObject(record, "studies_in_source", a->studies_in_source);
    cJSON *tables = cJSON_AddObjectToObject(record, "tables");
    static const char *const names[] = {"studies", "passes", "findings", "diverticula", "levels", "exclusions", "run"};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) cJSON_AddArrayToObject(tables, names[i]);
    studies_row(tables, a);
    passes_rows(tables, a->study);
    findings_rows(tables, a->study);
    diverticula_rows(tables, a->study);
    levels_rows(tables, a->study);
    exclusions_rows(tables, a);
    run_row(tables, a);
    cJSON_AddItemToObject(record, "line", line_of(a->study));
    cJSON_AddItemToObject(record, "level_posterior", posterior_of(a->study));
    cJSON_AddItemToObject(record, "map_reference", references_of(a->study));
    return record;
}
