/* What is done already, from the records alone. */
#ifndef DM_LEDGER_H
#define DM_LEDGER_H

#include "record.h"

typedef struct dm_ledger dm_ledger;

/* Calls visit for each whole record of OUT, in any order, until it returns 0. FATAL "output" when OUT holds no records,
 * "out_of_memory" when visit returned 0. */
dm_status dm_each_record(const char *out, int (*visit)(void *user, const cJSON *record), void *user);

/* Reads the heads of OUT/records. A record of another version or configuration, or a damaged one, counts as not done. out NULL: an
 * empty list. */
dm_status dm_ledger_open(const char *out, const char *version, const char *config_digest, dm_ledger **ledger);
/* The sources of this run, by their pseudonyms in the order of strcmp; they must live as long as the ledger. */
void dm_ledger_given(dm_ledger *ledger, const char (*source_ids)[17], int n);
int dm_ledger_is_empty(const dm_ledger *ledger); /* 1 = nothing at all is done */
void dm_ledger_close(dm_ledger *ledger); /* accepts NULL */
/* 1 when every study of the source with this digest has its record (with retry_failed: a good one). A record of a source
 * that could not be read counts only under source_id, the pseudonym of the source's path. One of another source of the same bytes
 * counts when that source is not given any more (it was moved here): a copy needs a row of its own. */
int dm_ledger_done(const dm_ledger *ledger, const char *input_digest, const char *source_id, int retry_failed);

/* Calls visit for each study that was recorded from the source when it had other bytes. */
void dm_ledger_former(const dm_ledger *ledger, const char *source_id, const char *input_digest,
                      void (*visit)(void *user, const char *study_id), void *user);

#endif
