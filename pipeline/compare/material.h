/* What a comparison reads of OUT: the studies with their candidates and levels, from the tables alone. */
#ifndef DM_MATERIAL_H
#define DM_MATERIAL_H

#include "csv_table.h"

typedef enum dm_leak_class {
    DM_LEAK_NONE,
    DM_LEAK_VENTRAL,
    DM_LEAK_LATERAL,
    DM_LEAK_DORSAL,
    DM_LEAK_DIVERTICULUM,
    DM_LEAK_FISTULA,
    DM_LEAK_SACRAL,
    DM_LEAK_INDETERMINATE,
    DM_LEAK_CLASSES
} dm_leak_class;

typedef enum dm_said {
    DM_SAID_NO_LEAK,
    DM_SAID_LEAK,
    DM_SAID_CANNOT_TELL,
    DM_SAID_NOTHING
} dm_said; /* NOTHING = failed */
typedef enum dm_way { DM_WAY_NONE, DM_WAY_VENTRAL, DM_WAY_DORSAL, DM_WAY_LEFT, DM_WAY_RIGHT } dm_way;

/* A candidate as findings.csv has it. */
typedef struct dm_mark {
    int class_, side, place; /* dm_leak_class, dm_way, level_place.h */
    double score, s;         /* s: mm along the canal, NaN when not written */
    int accepted, is_sign;   /* is_sign: a sign known to mislead, never a site */
} dm_mark;

/* A vertebra seen: canal centre at mid-body, LPS mm, and its s. */
typedef struct dm_rung {
    int level;
    double p[3], s;
} dm_rung;

/* A true leak as this study can see it. */
typedef struct dm_lesion {
    int class_, side, place; /* side and place 0 = not known */
    double s;                /* mm along this study's canal; NaN when the reference gives no position here */
    double s_from, s_to; /* the level's interval, mid-body to mid-body; NaN when the study does not show it */
} dm_lesion;

typedef enum dm_truth { DM_TRUTH_UNKNOWN, DM_TRUTH_NEGATIVE, DM_TRUTH_LEAK, DM_TRUTH_CONTRADICTED } dm_truth;

/* One study. Texts belong to the tables kept in dm_material (or to the test that made it). */
typedef struct dm_examination {
    const char *study_id, *class_name, *level, *side_name, *sex, *age_band, *scanner_maker, *scanner_model;
    int patient, protocol; /* indices into dm_material */
    int round;             /* from the table; 0 = unknown */
    double time;           /* of the exam, seconds, moved by the patient's secret amount; NaN = unknown */
    double day;            /* since the patient's first study; NaN = unknown */
    dm_said said;
    int class_, side, place; /* of the best accepted finding */
    double score, s, interval_mm;
    int slec;      /* 1, 0, -1 = unknown */
    dm_mark *mark; /* in the table's order, best score first */
    int n_marks;
    dm_rung *rung; /* head to feet */
    int n_rungs;
    dm_truth truth;
    dm_lesion *lesion; /* owned; filled from the reference */
    int n_lesions;
    const char *truth_source; /* "" without a reference */
    double truth_days;        /* between study and reference; NaN = not given */
    int truth_slec;           /* the reference's own slec; -1 = not given */
} dm_examination;

typedef struct dm_material {
    dm_csv_table studies, findings, levels;
    dm_examination *exam; /* sorted by study_id */
    int n_exams;
    const char **patient, **protocol; /* sorted names */
    int n_patients, n_protocols;
    dm_mark *marks;
    dm_rung *rungs;
} dm_material;

extern const char *const dm_leak_class_names[DM_LEAK_CLASSES];
/* Number of a name in lists of the vocabulary; -1 for another text. "" is side 0 but no class. */
int dm_leak_class_of(const char *name);
int dm_way_of(const char *name);
const char *dm_said_name(dm_said said); /* "no_leak", "leak", "indeterminate", "failed" */

/* Reads OUT/tables. FATAL "bad_csv" with file, line and cure. Frees with dm_material_free, also after a
 * failure. */
dm_status dm_material_read(const char *out, dm_material *material);
void dm_material_free(dm_material *material);
/* Index of a study or patient by its pseudonym; -1 when there is none. */
int dm_examination_find(const dm_material *material, const char *study_id);
int dm_patient_find(const dm_material *material, const char *patient_id);
/* Sorts the texts, drops repeats; the number left. */
int dm_sort_names(const char **name, int n);
/* Index of a name in a sorted list, -1. */
int dm_name_find(const char **name, int n, const char *wanted);

#endif
