/* What the group knows besides the scans: clinical.csv (tests that speak for or against a leak, one row per
 * patient) and treatments.csv (what ends a sequence of rounds). */
#ifndef DM_CLINICAL_H
#define DM_CLINICAL_H

#include "reference.h"

typedef enum dm_evidence {
    DM_EVIDENCE_NONE,
    DM_EVIDENCE_LEAK,
    DM_EVIDENCE_NO_LEAK,
    DM_EVIDENCE_MIXED,
    DM_EVIDENCE_UNCLEAR
} dm_evidence;
const char *dm_evidence_name(dm_evidence e); /* "", "leak", "no_leak", "mixed", "unclear" */

/* One patient's tests. NaN = not done. */
typedef struct dm_tests {
    int known;               /* 1 = has a row */
    double r_out;            /* mmHg/(mL/min): (plateau - baseline) / rate */
    double sheath_change_mm; /* optic nerve sheath diameter, upright - supine */
    double opening_cmh2o;    /* no evidence: it does not separate (Callen 2023) */
    double bern;             /* 0..9; NaN when a part is missing */
    dm_evidence evidence;
} dm_tests;

typedef struct dm_clinical {
    dm_csv_table table;
    dm_tests *of; /* one per patient of the material; NULL without clinical.csv; owned */
} dm_clinical;

/* Parts of the Bern score (Dobrocky 2019): 1 or 0 for signs, mm for distances; NaN = not known. */
typedef struct dm_bern {
    double pachymeningeal, sinus, subdural, suprasellar_mm, prepontine_mm, mamillopontine_mm;
} dm_bern;

/* Two points each: pachymeningeal enhancement, engorged sinus, suprasellar cistern <= 4.0 mm. One each:
 * subdural fluid, prepontine cistern <= 5.0 mm, mamillopontine distance <= 6.5 mm. NaN when a part is not
 * known. */
double dm_bern_score(const dm_bern *parts);
const char *dm_bern_band(double score); /* "low" <= 2, "intermediate" 3 and 4, "high" >= 5; "" for NaN */
/* (plateau - baseline) / rate; NaN for a rate of 0 and for missing parts. */
double dm_r_out(double baseline_mmhg, double plateau_mmhg, double rate_ml_min);
/* R_out <= 5 mmHg/(mL/min) speaks for a leak (Beck 2017), above against; a high Bern score for, a low one
 * against; the sheath's change at or below sheath_cut_mm for, above against, and not at all when
 * sheath_cut_mm is NaN: no cut-off is published, only means (Fichtner 2016). */
dm_evidence dm_evidence_of(const dm_tests *tests, double sheath_cut_mm);

/* Reads clinical.csv; sex and age_years also fill the exams that lack them. The table must outlive the
 * material. FATAL "bad_csv". */
dm_status dm_clinical_read(const char *path, const dm_names *names, dm_material *material,
                           double sheath_cut_mm, dm_sheet *unmatched, dm_clinical *clinical);
void dm_clinical_free(dm_clinical *clinical);

typedef struct dm_treatment {
    int patient, after_round; /* after_round 0 = not given */
    double day;               /* days since the patient's first study; NaN = not given */
    double
        time; /* beginning of the treatment's day, seconds, moved like the patient's exams; NaN = not known */
    const char *what;
} dm_treatment;

typedef struct dm_treatments {
    dm_csv_table table;
    dm_treatment *t; /* owned */
    int n;
} dm_treatments;

/* Reads treatments.csv. A date is compared with exam_time of studies.csv, which ingest has moved by an amount
 * that is known only with the key and the patient's raw ID (in treatments.csv itself, or by
 * OUT/private/mapping.csv). A treatment that no study can be put before or after is a row of unmatched. FATAL
 * "bad_csv". */
dm_status dm_treatments_read(const char *path, const dm_names *names, const dm_material *material,
                             dm_sheet *unmatched, dm_treatments *treatments);
void dm_treatments_free(dm_treatments *treatments);
/* 1 when the treatment came before the study, which is its patient's position-th (from 1). A study on a
 * treatment's day is before it: the needle follows the myelogram. */
int dm_treated_before(const dm_treatment *treatment, const dm_examination *exam, int position);

#endif
