/* A task's share of a plan, and what has become of each of a plan's sources.
 *
 * A source is settled when all its studies have a record of the plan's version and configuration. Which studies a source holds
 * is known only after it was read: the run that reads it leaves a receipt in OUT/private/sources, a list of study ids and the
 * size and time of change that the source was planned with. With it a task looks at the records of its own sources and no
 * others: what it costs a shared file system does not grow with the cohort. A receipt is no proof, the records are: where one
 * of the two is lost, the source is open and is measured again. */
#ifndef DM_SHARE_H
#define DM_SHARE_H

#include "plan.h"

typedef enum dm_planned_state { DM_PLAN_OPEN, DM_PLAN_DONE, DM_PLAN_FAILED } dm_planned_state;

/* Looks at the receipt and the records of source `i`. code: of the first study that failed, else "". *studies (may be NULL):
 * records found. */
dm_planned_state dm_plan_state(const dm_plan *plan, const char *out, int i, char code[32], int *studies);

/* What this process knows of a source of the plan. */
typedef struct dm_seen {
    char digest[65]; /* of the bytes it read */
    int noted;       /* it has begun the receipt */
} dm_seen;

typedef struct dm_share {
    const dm_plan *plan;
    const char *out;
    const char **source;      /* n paths left to measure, in the plan's order; borrowed from the plan */
    int n;
    int done, failed;         /* sources of the share that are settled already */
    int changed;              /* of these: sources that are not what was planned any more; their records stand */
    dm_seen *seen;            /* one per source of the plan */
} dm_share;

/* The sources of shard i of n (1 .. n) that are open, and with retry_failed those that failed. Copies of one file are always
 * in one shard, and every source is in exactly one. Free with dm_share_clear; plan and out must live until then. FATAL
 * "out_of_memory". */
dm_status dm_share_open(const dm_plan *plan, const char *out, int i, int n, int retry_failed, dm_share *share);
void dm_share_clear(dm_share *share);

/* The shard, 1 .. n, that source k of the plan is in. */
int dm_share_of(const dm_plan *plan, int k, int n);

/* Whether the source is still what was planned: `digest` is that of the bytes just read ("" = not known). STUDY
 * "source_changed". */
dm_status dm_share_admit(dm_share *share, const char *source, const char *digest);
/* A study of the source has its record: into the receipt. Studies that were recorded from it when it had other bytes, under an
 * earlier plan, lose their rows. One thread at a time for each source. FATAL "output". */
dm_status dm_share_note(dm_share *share, const char *source, const char *study_id);

#endif
