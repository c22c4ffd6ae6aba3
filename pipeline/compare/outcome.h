/* What a study got right, study by study, and the counts over many. */
#ifndef DM_OUTCOME_H
#define DM_OUTCOME_H

#include "material.h"

enum { DM_REACHES = 3 };
extern const double dm_reach_mm[DM_REACHES]; /* 5, 10, 20 mm along the canal */

typedef struct dm_outcome {
    int usable;          /* the reference says leak or none */
    int hit[DM_REACHES]; /* an accepted candidate hits a leak within that reach, and the study says leak */
    int has_level, level_exact,
        level_within_1; /* site of the study against the nearest leak; has_ = the leak has one */
    int has_side, side_right;
    double mm; /* distance along the canal of the study's site from the nearest leak; NaN without both */
} dm_outcome;

/* Site parts are filled where a leak was reported and is there. */
dm_outcome dm_outcome_of(const dm_examination *exam);

/* How a study that cannot tell (or failed) counts. WRONG: as missed where there is a leak and as a false
 * alarm where there is none: intention to diagnose, Schuetz et al., BMJ 345:e6717 (2012). */
typedef enum dm_counting { DM_LEFT_OUT, DM_AS_WRONG } dm_counting;

/* 1 when the study takes part; *right = its answer (leak or none) is the reference's. */
int dm_is_right(const dm_examination *exam, dm_counting counting, int *right);

typedef struct dm_tally {
    int n, tp, fp, fn, tn, indeterminate, failed; /* n = tp + fp + fn + tn */
    int hit[DM_REACHES];
    int n_level, exact, within_1, n_side, side_right;
} dm_tally;

/* Counts exams with a usable reference; index[i] selects from exam and outcome. */
dm_tally dm_tally_of(const dm_examination *exam, const dm_outcome *outcome, const int *index, int n,
                     dm_counting counting);

#endif
