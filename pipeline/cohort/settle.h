/* What becomes of a study: its account, record, mapping, pictures and labels. */
#ifndef DM_SETTLE_H
#define DM_SETTLE_H

#include "ledger.h"
#include "rows.h"
#include "run.h"

/* What a run knows from its start on; read by all of its parts. */
typedef struct dm_cohort {
    const dm_run_options *o;
    dm_key key;
    dm_ledger *ledger;
    char (*source_id)[17]; /* pseudonym of each source's path */
    char (*given)[17];     /* the same in the order of strcmp */
    char host[64];
    int at_once;           /* studies measured at once on each device */
} dm_cohort;

/* An account with nothing measured. device: NULL when none was opened. All that is pointed to must outlive the account. */
dm_account dm_account_of(const dm_cohort *c, int source, const dm_ingested *in, const dm_gpu_info *device);

/* Takes the source's name, its last part and what io shows of it out of a status. An archive is often called after its patient:
 * records, tables and logs name it by its pseudonym alone. */
dm_status dm_nameless(dm_status status, const char *source);

/* What is known of a study that was read and is to be measured. */
typedef enum dm_standing {
    DM_OPEN,    /* to be measured */
    DM_STANDS,  /* recorded since the run began, by another run: nothing is to be done */
    DM_SECOND   /* recorded from another source: a copy, or another part of the study */
} dm_standing;
dm_standing dm_standing_of(const dm_cohort *c, int source, const char *study_id, const char *input_digest);

/* Makes a study that DM_SECOND stands for a row under a name of its own. One source must not take another's place in silence. */
void dm_refuse_second(const dm_cohort *c, int source, dm_ingested_study *study);

/* Pictures, labels, mapping and record, the record last: it is what "done" means. A study that was not measured has the last two
 * alone. FATAL "output" when OUT cannot be written: then there is no record. */
dm_status dm_settle(const dm_cohort *c, int source, const dm_ingested_study *study, dm_account *account);

/* A source that could not be read at all: one record, named by the pseudonym of its path. `why` becomes nameless. */
dm_status dm_fail_source(const dm_cohort *c, int source, const dm_ingested *in, const dm_gpu_info *device, dm_status *why);
/* A source that failed as a whole earlier and is whole now leaves no stale row behind. */
void dm_forget_failure(const dm_cohort *c, int source);

/* A source that was read whole and recorded has other bytes than before: studies that are not in it any more lose their rows. */
void dm_forget_former(const dm_cohort *c, int source, const dm_ingested *in);

#endif
