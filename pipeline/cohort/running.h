/* The heartbeats of running processes: OUT/running/<host>-<pid>.json, written by each run every ten seconds and at the start of
 * every study, removed at its clean end. */
#ifndef DM_RUNNING_H
#define DM_RUNNING_H

#include "status.h"

enum { DM_BEAT_OLD = 60 }; /* seconds without a beat after which a process is taken for stopped */

typedef struct dm_running {
    char name[80];       /* "<host>-<pid>" */
    char shard[24];      /* "" = none */
    double age;          /* seconds since the last beat */
    double seconds;      /* from the start to the last beat */
    double study_seconds; /* since the study in hand was begun, at the last beat */
    int done, failed, skipped, left;
} dm_running;

/* Reads all heartbeats in the order of names; a missing folder is none. now: seconds since 1970. The caller frees *list. FATAL
 * "out_of_memory". */
dm_status dm_running_read(const char *out, double now, dm_running **list, int *n);

#endif
