/* Compares protocols from the tables of OUT and the group's reference: tables, figures and a summary. */
#ifndef DM_COMPARE_H
#define DM_COMPARE_H

#include <stdint.h>
#include <stdio.h>

#include "status.h"

typedef struct dm_compare_options {
    const char *out;                   /* of a run */
    const char *reference;             /* reference.csv */
    const char *treatments, *clinical; /* NULL: none */
    const char *key;                   /* NULL: OUT/private/key where it is */
    const char *to;                    /* folder for what is written; NULL: OUT/compare */
    const char *version;               /* of the program, for the summary */
    double sheath_cut_mm;              /* NaN: the optic nerve sheath is no evidence */
    uint64_t seed;
    int draws; /* of the bootstrap */
} dm_compare_options;

/* Reads everything, computes everything, and only then writes: all files under temporary names first, then
 * renamed together. Remarks on how the inputs were saved and what did not fit go to `log` (NULL: nowhere),
 * without patient data. FATAL "bad_csv" with file, line and cure, "key", "output", "out_of_memory". *studies
 * = rows of studies.csv. */
dm_status dm_compare(const dm_compare_options *options, FILE *log, int *studies);

#endif
