/* A comparison on its way: what was read, what follows for each study, and the tables being filled. */
#ifndef DM_COMPARISON_H
#define DM_COMPARISON_H

#include "bootstrap.h"
#include "clinical.h"
#include "outcome.h"
#include "schema.h"
#include "sheet.h"

typedef struct dm_comparison {
    dm_material m;
    dm_resampling plan;
    dm_outcome *outcome; /* one per exam */
    int *order;          /* exams by patient, each patient's in the order of rounds */
    int *first;          /* order[first[p]] .. order[first[p + 1] - 1] are patient p's */
    int *is_unit;        /* one per exam: the study that stands for its patient and protocol: the first with a
                            reference, else the first */
    dm_clinical clinical;
    dm_treatments treatments;
    dm_sheet sheet[DM_COMPARE_TABLES];
} dm_comparison;

/* Fills outcome, order, first and is_unit from the material; FATAL "out_of_memory". */
dm_status dm_comparison_prepare(dm_comparison *c);
void dm_comparison_free(dm_comparison *c);

/* Each fills its tables from a prepared comparison. FATAL "out_of_memory". */
dm_status dm_fill_protocols(dm_comparison *c);
dm_status dm_fill_pairs(dm_comparison *c);
dm_status dm_fill_froc(dm_comparison *c);
dm_status dm_fill_rounds(dm_comparison *c);

/* The protocol's exams that a FROC curve counts, in the order of patients; their number. index: room for all
 * exams. */
int dm_froc_exams(const dm_comparison *c, int protocol, int *index);

/* Files made from filled tables; the caller frees. NULL without memory. */
char *dm_froc_figure(const dm_comparison *c);
char *dm_sensitivity_figure(const dm_comparison *c);
char *dm_summary(const dm_comparison *c, const char *provenance);

#endif
