/* Free-response curves of one protocol: every candidate counts, by its score. */
#ifndef DM_FROC_H
#define DM_FROC_H

#include "material.h"

enum { DM_FROC_RATES = 7 };
extern const double dm_froc_rates[DM_FROC_RATES]; /* false marks per study: 1/8, 1/4, 1/2, 1, 2, 4, 8 */

/* A rating: a leak that was hit, or a false mark; or the highest false mark of a study (for the area). */
typedef struct dm_rating {
    double z;     /* score; -infinity = never marked */
    double share; /* of a leak in its study: 1 / number of leaks there */
    int patient, kind;
} dm_rating;

typedef struct dm_froc {
    dm_rating *mark; /* hits and false marks, highest score first; owned */
    dm_rating *area; /* hit and missed leaks, and the highest false mark of each study without a leak, lowest
                        first; owned */
    int n_marks, n_area;
    int n_patients, n_studies, n_negative, n_leaks;
    double *studies, *sick, *well,
        *leaks;                 /* n_patients each: studies, those with and without a leak, leaks; owned */
    double *hits_at, *false_at; /* n_patients each: accepted candidates that hit and that are false; owned */
    int without_negatives;      /* 1: the area stands on the false marks of all studies (wAFROC1) */
} dm_froc;

/* Ratings of the exams index[0..n), which have a usable reference and did not fail; patients are renumbered
 * 0.. in the order of the index. FATAL "out_of_memory". */
dm_status dm_froc_make(const dm_examination *exam, const int *index, int n, double reach, dm_froc *froc);
void dm_froc_free(dm_froc *froc); /* accepts a zeroed one */

/* With patients weighted: sensitivity at the lowest threshold with at most `rate` false marks per study, for
 * the 7 rates in turn. An operating point that exists, no interpolation. threshold (7) may be NULL; -infinity
 * where all marks are taken. */
void dm_froc_sensitivity(const dm_froc *froc, const unsigned *weight, double *sensitivity, double *threshold);
/* Accepted candidates: sensitivity and false marks per study. */
void dm_froc_operating(const dm_froc *froc, const unsigned *weight, double *sensitivity,
                       double *false_per_study);
/* Weighted AFROC area (Chakraborty and Zhai, Med Phys 43:2548, 2016): the chance that a leak, each study's
 * leaks weighing alike and together 1, is rated above the highest false mark of a study without a leak; ties
 * count half. */
double dm_wafroc(const dm_froc *froc, const unsigned *weight);

#endif
