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
    const char *source_id; /* pseudonym of the source's path */
    int studies_in_source;
    double seconds, seconds_ingest, seconds_stage[DM_MAX_STAGES], seconds_pictures; /* NaN = did not run */
    double wait_input, wait_device, wait_output; /* seconds: the device without a study, the study without a device, the device
                                                    with a study that the writer had no time for yet; NaN = not known */
    double seconds_kernels;                      /* of kernels on the device */
    double bytes_read, peak_bytes;
} dm_account;

/* The record; the caller frees with cJSON_Delete. NULL when out of memory. */
cJSON *dm_record_of(const dm_account *account);

#endif
