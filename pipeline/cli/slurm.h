/* A planned cohort for Slurm: the script, the arrays and the merge after them. Scheduling is Slurm's. */
#ifndef DM_SLURM_H
#define DM_SLURM_H

#include "share.h"

typedef struct dm_slurm_job {
    const char *out;          /* absolute */
    const char *plan_path;    /* absolute */
    const char *program;      /* absolute path of duramap */
    const char *partition, *gres, *time, *mem, *account, *device; /* NULL = leave out */
    const char *merge_partition; /* NULL = partition */
    int retry_failed;            /* tasks with failed sources too */
    const char *options;      /* further words for duramap run, as a shell takes them; NULL = none */
    int cpus, throttle, per_task;
    int allow_missing;        /* the merge makes tables of what is there */
    int dry;                  /* print, do nothing */
} dm_slurm_job;

/* Writes OUT/cluster/duramap.sbatch, submits the tasks that have something to do, in as many arrays as the cluster's MaxArraySize asks
 * for, one after the other, and the merge after the last. Prints each command and its job's number to stdout. *tasks = how many.
 * FATAL "command", "output". */
dm_status dm_slurm_submit(const dm_plan *plan, const dm_slurm_job *job, int *tasks);

#endif
