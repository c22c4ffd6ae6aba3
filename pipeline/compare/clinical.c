#include "clinical.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double R_OUT_LEAK = 5; /* mmHg/(mL/min), Beck 2017 */

const char *dm_evidence_name(dm_evidence e) {
    static const char *const names[] = {"", "leak", "no_leak", "mixed", "unclear"};
    return names[e];
}

double dm_bern_score(const dm_bern *b) {
    if (isnan(b->pachymeningeal + b->sinus + b->subdural + b->suprasellar_mm + b->prepontine_mm +
              b->mamillopontine_mm))
        return NAN;
    return 2 * (b->pachymeningeal > 0) + 2 * (b->sinus > 0) + 2 * (b->suprasellar_mm <= 4.0) +
           (b->subdural > 0) + (b->prepontine_mm <= 5.0) + (b->mamillopontine_mm <= 6.5);
}

const char *dm_bern_band(double score) {
    return isnan(score) ? "" : score <= 2 ? "low" : score < 5 ? "intermediate" : "high";
}

double dm_r_out(double baseline, double plateau, double rate) {
    return rate > 0 ? (plateau - baseline) / rate : NAN;
}

dm_evidence dm_evidence_of(const dm_tests *t, double sheath_cut_mm) {
    int leak = t->r_out <= R_OUT_LEAK, against = t->r_out > R_OUT_LEAK; /* both 0 for NaN */
    leak += t->bern >= 5;
    against += t->bern <= 2;
    leak += t->sheath_change_mm <= sheath_cut_mm;
    against += t->sheath_change_mm > sheath_cut_mm;
    if (leak && against) return DM_EVIDENCE_MIXED;
    if (leak) return DM_EVIDENCE_LEAK;
    if (against) return DM_EVIDENCE_NO_LEAK;
    return isnan(t->bern) ? DM_EVIDENCE_NONE : DM_EVIDENCE_UNCLEAR;
}

/* 0 or 1. */
static dm_status sign(const dm_csv_table *t, int row, const char *column, double *v) {
    DM_TRY(dm_csv_number(t, row, column, 0, 1, v));
    return isnan(*v) || *v <= 0 || *v >= 1
               ? dm_ok
               : dm_csv_fail(t, row, "column '%s' is 1 (seen) or 0 (not seen)", column);
}

/* Ranges are what a body can show, wide: they catch a wrong unit or a slipped point. */
static dm_status read_tests(const dm_csv_table *t, int row, double sheath_cut_mm, dm_tests *out) {
    double supine, upright, baseline, plateau, rate;
    dm_bern b;
    DM_TRY(dm_csv_number(t, row, "sheath_supine_mm", 1, 15, &supine));
    DM_TRY(dm_csv_number(t, row, "sheath_upright_mm", 1, 15, &upright));
    DM_TRY(dm_csv_number(t, row, "opening_cmh2o", -20, 100, &out->opening_cmh2o));
    DM_TRY(dm_csv_number(t, row, "baseline_mmhg", -20, 100, &baseline));
    DM_TRY(dm_csv_number(t, row, "plateau_mmhg", -20, 150, &plateau));
    DM_TRY(dm_csv_number(t, row, "rate_ml_min", 0.1, 20, &rate));
    DM_TRY(sign(t, row, "bern_pachymeningeal", &b.pachymeningeal));
    DM_TRY(sign(t, row, "bern_sinus", &b.sinus));
    DM_TRY(sign(t, row, "bern_subdural", &b.subdural));
    DM_TRY(dm_csv_number(t, row, "bern_suprasellar_mm", 0, 50, &b.suprasellar_mm));
    DM_TRY(dm_csv_number(t, row, "bern_prepontine_mm", 0, 50, &b.prepontine_mm));
    DM_TRY(dm_csv_number(t, row, "bern_mamillopontine_mm", 0, 50, &b.mamillopontine_mm));
    if (plateau < baseline)
        return dm_csv_fail(t, row, "plateau_mmhg is below baseline_mmhg; are they exchanged?");
    out->known = 1;
    out->r_out = dm_r_out(baseline, plateau, rate);
    out->sheath_change_mm = upright - supine;
    out->bern = dm_bern_score(&b);
    out->evidence = dm_evidence_of(out, sheath_cut_mm);
    return dm_ok;
}

/* Bands as studies.csv has them. */
static const char *band_of(double years) {
    static const char *const bands[] = {"0-4",   "5-9",   "10-14", "15-19", "20-24", "25-29",
                                        "30-34", "35-39", "40-44", "45-49", "50-54", "55-59",
                                        "60-64", "65-69", "70-74", "75-79", "80-84", "85-89"};
    return years >= 90 ? "90+" : bands[(int)years / 5]; /* 90+: an age above 89 can tell who it is */
}

static dm_status fill_exams(const dm_csv_table *t, int row, int patient, dm_material *m) {
    const char *sex = dm_csv_text(t, row, "sex");
    double years;
    DM_TRY(dm_csv_number(t, row, "age_years", 0, 120, &years));
    if (*sex && strcmp(sex, "F") != 0 && strcmp(sex, "M") != 0 && strcmp(sex, "O") != 0)
        return dm_csv_fail(t, row, "sex is F, M or O");
    for (int i = 0; patient >= 0 && i < m->n_exams; i++) {
        dm_examination *e = &m->exam[i];
        if (e->patient != patient) continue;
        if (!*e->sex) e->sex = sex;
        if (!*e->age_band && !isnan(years)) e->age_band = band_of(years);
    }
    return dm_ok;
}

dm_status dm_clinical_read(const char *path, const dm_names *names, dm_material *m, double sheath_cut_mm,
                           dm_sheet *unmatched, dm_clinical *c) {
    dm_csv_table *t = &c->table;
    DM_TRY(dm_csv_table_read(path, t));
    DM_TRY(dm_csv_check_header(
        t, "patient_id",
        "sex|age_years|sheath_supine_mm|sheath_upright_mm|opening_cmh2o|baseline_mmhg|plateau_mmhg|"
        "rate_ml_min|bern_pachymeningeal|bern_sinus|bern_suprasellar_mm|bern_subdural|"
        "bern_prepontine_mm|bern_mamillopontine_mm"));
    DM_TRY(dm_csv_check_unique(t, "patient_id"));
    c->of = calloc((size_t)m->n_patients + 1, sizeof *c->of);
    if (!c->of) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d patients", m->n_patients);
    for (int i = 0; i < m->n_patients; i++) c->of[i] = (dm_tests){0, NAN, NAN, NAN, NAN, DM_EVIDENCE_NONE};
    for (int i = 0; i < t->n_rows; i++) {
        dm_tests tests;
        int patient = dm_names_patient(names, m, dm_csv_text(t, i, "patient_id"));
        DM_TRY(read_tests(t, i, sheath_cut_mm, &tests));
        DM_TRY(fill_exams(t, i, patient, m));
        if (patient >= 0 && c->of[patient].known)
            return dm_csv_fail(
                t, i, "a second row of the same patient, once by pseudonym and once by raw ID; keep one");
        if (patient >= 0)
            c->of[patient] = tests;
        else
            dm_unmatched(unmatched, "clinical.csv", t->line[i + 1], "", "", "clinical_unused",
                         "no patient of this name in OUT");
    }
    return dm_ok;
}

void dm_clinical_free(dm_clinical *c) {
    dm_csv_table_free(&c->table);
    free(c->of);
    *c = (dm_clinical){0};
}
