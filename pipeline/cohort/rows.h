/* One study's record: the rows of every table, the centre line, the map references. */
#ifndef DM_ROWS_H
#define DM_ROWS_H

#include <cjson/cJSON.h>

#include "ingest.h"

/* What is known of a study beside its parcel. */
typedef struct dm_account {
    const dm_study *study;
    dm_status status;
    const dm_exclusion *exclusions;
    int n_exclusions;
    const char *version, *config_digest, *input_digest, *device, *driver, *host, *selftest;
    int studies_in_source;
    double seconds, seconds_ingest, seconds_stage[DM_MAX_STAGES], seconds_pictures; /* NaN = did not run */
    double bytes_read, peak_bytes;
} dm_account;

/* The record; the caller frees with cJSON_Delete. NULL when out of memory. */
cJSON *dm_record_of(const dm_account *account);

#endif
