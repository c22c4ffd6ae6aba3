/* The host of painted studies: a real CT without contrast, with the frame that the stages find in it. */
#ifndef DM_HOST_FRAME_H
#define DM_HOST_FRAME_H

#include "host.h"
#include "ingest.h"

typedef struct dm_host_frame {
    dm_ingested in;
    dm_protocols protocols;
    dm_ph_host_level level[DM_MAX_VERTEBRAE];
    dm_ph_host host; /* borrows from the others */
} dm_host_frame;

/* Reads the first study of a source that can be measured and runs the stages crop to levels on it. FATAL: no
 * CT, contrast in the sac already, no spine. Clear it after a failure too. */
dm_status dm_host_open(dm_gpu *gpu, const char *path, dm_host_frame *out);
void dm_host_clear(dm_host_frame *h);

#endif
