/* What the files of the flow share: flow.c (studies), crew.c (measuring processes), guard.c (memory and time). */
#ifndef DM_FLOW_PARTS_H
#define DM_FLOW_PARTS_H

#include "heartbeat.h"
#include "intake.h"
#include "measurer.h"

enum { DM_MOST_WORKERS = 64 };

/* A study that was handed out. */
typedef struct dm_hand {
    int source, study; /* source < 0: none */
    int tries;         /* processes that it was in when they ended by themselves */
    dm_status last;    /* what the device said of it then */
    double since;      /* it was handed out */
} dm_hand;

typedef enum dm_worker_state { DM_WORKER_GONE, DM_WORKER_STARTING, DM_WORKER_READY } dm_worker_state;

/* A measuring process, and the next one in its place. */
typedef struct dm_worker {
    dm_measurer m;
    const char *device_name; /* as given, or what it fell back to */
    int extra;               /* one more on a device that another works on: the run does without it where it cannot be opened */
    dm_worker_state state;
    double started;
    int starts;               /* that came to nothing, in a row */
    dm_gpu_info info;         /* name "" = was never ready */
    dm_hand device, writing;  /* the study that it measures, and the one that it writes */
    dm_status why;            /* it was killed, or could not open its device; good = neither */
    dm_hand guilty;           /* the study for which it was killed, if one was */
} dm_worker;

typedef struct dm_flow {
    const dm_cohort *c;
    dm_run_result *result;
    dm_intake intake;
    dm_heartbeat heart;
    dm_worker worker[DM_MOST_WORKERS];
    int n;
    dm_hand again[2 * DM_MOST_WORKERS]; /* studies whose process ended: measured once more, alone */
    int n_again;
    int next;     /* the source whose studies are handed out */
    int finished; /* sources */
    int single;   /* 1 = memory is short: one study at a time */
    int cramped;  /* and reading: 1 = one source ahead at most, 2 = none while a study is measured */
    int eased;    /* sources finished when that was last relaxed */
    int stopping;
    int crewed; /* measuring processes were started */
    double start, stop_since, guarded;
    uint64_t memory; /* the bound */
    dm_status fatal; /* good = the run goes on */
} dm_flow;

/* flow.c: a study that was not measured to its end is recorded as failed; the studies in hand; the heartbeat. */
void dm_flow_fail_study(dm_flow *f, int source, int study, dm_status why, const dm_gpu_info *device);
int dm_flow_busy(const dm_flow *f); /* processes that have a study */
void dm_flow_beat(dm_flow *f);

/* crew.c: starts a process in the worker's place. */
void dm_worker_start(dm_flow *f, dm_worker *w);
/* Ends it because of a study (NULL = none of them) and what is to be said of that; the rest happens when its line is found cut. */
void dm_worker_kill(dm_worker *w, const dm_hand *guilty, dm_status why);
/* It has ended: its studies are failed or measured again, and another takes its place where the device still can be had. */
void dm_worker_ended(dm_flow *f, dm_worker *w);

/* guard.c: bytes that reading may take now, and how many may read; ends what takes too long or too much. */
uint64_t dm_flow_room(const dm_flow *f);
int dm_flow_readers(const dm_flow *f);
void dm_flow_guard(dm_flow *f);

#endif
