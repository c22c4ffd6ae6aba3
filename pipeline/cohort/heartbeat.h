/* OUT/running/<host>-<pid>.json: what a run that is under way has done and when it was last alive. For people and for `status`:
 * nothing is decided by it, as clocks of nodes differ. It names no source. */
#ifndef DM_HEARTBEAT_H
#define DM_HEARTBEAT_H

#include "run.h"

typedef struct dm_heartbeat {
    char path[4096], host[64];
    const char *shard;
    double started; /* seconds since 1970 */
    double last;    /* dm_now() of the last beat */
} dm_heartbeat;

/* Makes OUT/running and clears away what processes of this host that are gone have left in OUT: heartbeats, and files that were not
 * whole when they ended. */
void dm_heartbeat_start(dm_heartbeat *h, const char *out, const char *host, const char *shard);
/* Writes it. left: sources not finished; study_seconds: since the study in hand began. That it cannot be written is no error. */
void dm_heartbeat_beat(dm_heartbeat *h, const dm_run_result *r, int left, double study_seconds);
/* 1 when the last beat is 10 s ago. */
int dm_heartbeat_due(const dm_heartbeat *h);
/* The end of a run: removes it. */
void dm_heartbeat_stop(const dm_heartbeat *h);

#endif
