/* A run over a share of a plan: what stands between the words of `run` and the cohort's run. */
#ifndef DM_PLANNED_H
#define DM_PLANNED_H

#include "protocol.h"
#include "run.h"
#include "share.h"

typedef struct dm_planned_run {
    dm_plan plan;
    dm_share share;
    int shard, shards; /* 1/1 = the whole plan */
    char shard_text[24];
    dm_status noted; /* the worst of the receipts' */
} dm_planned_run;

/* Reads the plan and finds what is open of the share `shard` ("i/n", NULL = the whole plan). FATAL "config". Clear it also after
 * a failure. */
dm_status dm_planned_open(const char *plan, const char *shard, const char *out, int retry_failed, dm_planned_run *run);
void dm_planned_clear(dm_planned_run *run);
/* Where the plan found its protocol files; NULL = built in, or no plan. */
const char *dm_planned_protocols(const dm_planned_run *run);
/* FATAL "config" when the plan was made by another version or for other protocols: no task of the night may measure otherwise
 * than the others. */
dm_status dm_planned_check(const dm_planned_run *run, const char *version, const dm_protocols *protocols);
/* Puts the share's sources into the options. */
void dm_planned_fill(const dm_planned_run *run, dm_run_options *options);
/* To be called with every progress. */
void dm_planned_note(dm_planned_run *run, const dm_progress *progress);
/* Says what was left out as done before; adds it to the result. */
void dm_planned_close(const dm_planned_run *run, dm_run_result *result);

#endif
