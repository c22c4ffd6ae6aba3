/* The process that measures: it alone opens a device. A study that ends it costs that study; the run starts another. Within it one
 * thread drives the device and another draws and writes what was measured, one study behind.
 *
 *   run                                   measurer
 *    |  ---- dm_order + volumes ------->   |   at most one that is not FREEd
 *    |  <--- READY, once ---------------   |
 *    |  <--- FREE: wants the next ------   |   the study is with the writer
 *    |  <--- WRITTEN: its record stands    |
 *    |  closes the line: write and end     |                                         */
#ifndef DM_MEASURER_H
#define DM_MEASURER_H

#include <sys/types.h>

#include "settle.h"

/* A study to measure; the descriptor of its source's volumes (handover.h) goes with it. */
typedef struct dm_order {
    int source, study;  /* numbers in the run's list and in the source */
    double wait_device; /* seconds since it could have been measured */
} dm_order;

typedef enum dm_report_kind {
    DM_READY,      /* status: good, or why the device cannot be used */
    DM_FREE,       /* the device is done with the study */
    DM_WRITTEN,    /* status: the study's; FATAL: OUT cannot be written, there is no record */
    DM_SICK_DEVICE /* status: the device failed; there is no record, and the process ends */
} dm_report_kind;

typedef struct dm_report {
    dm_report_kind kind;
    int source, study;
    dm_status status;
    dm_gpu_info device;                   /* of READY */
    dm_answer_kind answer;                /* of WRITTEN, and the seconds */
    double busy, wait_input, wait_output;
} dm_report;

typedef struct dm_measurer {
    pid_t id; /* 0 = none */
    int line; /* to it; poll() finds it hung up when it has ended */
} dm_measurer;

/* Whether the devices that are asked for can be opened, found out in a process of its own, before anything is made or read: the
 * status of dm_gpu_open. gpus: how many of them are GPUs. */
dm_status dm_devices_probe(const dm_run_options *o, int *gpus);

/* Starts a process on a device (as dm_gpu_open takes it). let_go(user) is called in it first: it gives back what the run holds and
 * the measurer does not need, descriptors apart. FATAL "measurer" when no process can be had. */
dm_status dm_measurer_start(const dm_cohort *c, const char *device, void (*let_go)(void *user), void *user, dm_measurer *m);
/* 0 when it has ended. */
int dm_measurer_order(const dm_measurer *m, const dm_order *order, int volumes);
/* Takes the next report without waiting. 1 = taken, 0 = none yet, -1 = the measurer has ended. */
int dm_measurer_hear(const dm_measurer *m, dm_report *report);
/* Closes the line and waits for the end; kills first where asked. Returns the wait status. */
int dm_measurer_end(dm_measurer *m, int kill_first);

#endif
