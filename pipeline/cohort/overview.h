/* How far a cohort is, from files alone: any number of runs may be writing. */
#ifndef DM_OVERVIEW_H
#define DM_OVERVIEW_H

#include <stdio.h>

#include "share.h"
#include "running.h"

enum { DM_MOST_REASONS = 64 };

typedef struct dm_reason {
    char code[32];
    int n;
} dm_reason;

typedef struct dm_overview {
    int done, failed, open; /* sources of the plan; without a plan: studies, and open = -1, not known */
    int studies;            /* records that belong to these */
    int n_reasons;
    dm_reason reason[DM_MOST_REASONS]; /* of the failed, the most frequent first */
    int n_running;
    dm_running *running; /* owned */
    double per_hour;     /* sources or studies finished an hour by the processes with a fresh beat; 0 = none */
} dm_overview;

/* plan NULL = the records of OUT, whatever they came from. FATAL "output" when OUT holds no records and there is no plan. */
dm_status dm_overview_take(const dm_plan *plan, const char *out, dm_overview *overview);
void dm_overview_clear(dm_overview *overview);
void dm_overview_print(const dm_overview *overview, FILE *to);

/* Prints the paths of the sources that are in the state, one a line: for a person or a program that may see patients' names. Returns
 * how many. */
int dm_overview_list(const dm_plan *plan, const char *out, dm_planned_state state, FILE *to);

#endif
