/* A cohort on one machine: every source to its studies, every study through the stages to its record, records to tables. */
#ifndef DM_RUN_H
#define DM_RUN_H

#include <signal.h>

#include "ingest.h"

typedef struct dm_progress {
    int sources, source; /* number of sources, and those finished before this one */
    int done, failed, skipped;
    double seconds;              /* since the start */
    const char *study_id;        /* of the study just finished or found done, "" for a skipped source */
    const char *path;            /* of its source: for a person at a terminal only, it may hold a patient's name */
    const char *answer, *code;   /* "leak", ...; the error's code */
    const char *text;            /* its sentence; never holds the source's name */
} dm_progress;

enum { DM_MOST_AT_ONCE = 8 };

typedef struct dm_run_options {
    const char *out;
    const dm_protocols *protocols;
    const char *const *sources; /* archives, folders, NIfTI files */
    int n_sources;
    const char *key;     /* path of a key, NULL = OUT/private/key */
    const char *version;
    int retry_failed;

    /* a share of a plan */
    const char *shard; /* "i/n" for the heartbeat, NULL = the whole */
    int known_open;    /* 1 = nothing of the sources is done: the records of the cohort are not read to find that out */
    int no_tables;     /* 1 = other shares are measured elsewhere: the tables are left to merge */
    /* Asked when a source was read or could not be, with the digest of its bytes ("" = not known): not good = it fails with that.
     * NULL = all are taken. */
    dm_status (*admit)(void *user, const char *source, const char *digest);

    /* devices */
    const char *const *devices; /* as dm_gpu_open takes them; the same one may be named twice */
    int n_devices;              /* 0 = the best one */
    /* Studies measured at once on each device, in as many processes: a study keeps one processor busy, and a GPU waits for that
     * nearly all the time. 0 = on a GPU one for two processors, DM_MOST_AT_ONCE at most; one on the CPU, which all kernels fill. */
    int at_once;
    uint64_t device_memory;     /* bytes in buffers of each device, 0 = 80 % of it */
    int fall_back;              /* 1 = a device that cannot be opened (any more) is replaced by the CPU, 0 = the run ends */
    /* Checks a device after it was opened, before its first study; FATAL when it must not be used. NULL = no check. */
    dm_status (*selftest)(dm_gpu *gpu);

    /* reading */
    const char *reader;              /* program that is started for each source (reader.h) */
    const char *protocols_path;      /* where the protocols came from, NULL = built in: a reader loads them again */
    const dm_archive_limits *limits; /* NULL = dm_archive_defaults */
    const char *passphrase;          /* of encrypted zips, NULL = none */
    uint64_t read_memory;            /* bytes of a reader's address space, 0 = 8 GiB */
    int readers;                     /* that read at once, 0 = as many as the processors feed */

    /* bounds */
    uint64_t memory;      /* bytes of all processes of the run, 0 = dm_machine_memory */
    double study_seconds; /* a study that takes longer has failed, 0 = an hour */
    double grace_seconds; /* after `stop` the study in hand has so long to end, 0 = all of its time */

    /* Writes a study's pictures into a folder; NULL = none. */
    dm_status (*illustrate)(const dm_study *study, const char *folder);
    /* Writes a study's labels to OUT/labels/<study>.nii.gz; NULL = none. */
    dm_status (*label)(const dm_study *study, const char *path);
    void (*opened)(void *user, const dm_gpu_info *device); /* a device is ready; NULL = nobody wants to know */
    void (*progress)(void *user, const dm_progress *progress);
    void *user;
    const volatile sig_atomic_t *stop; /* counts signals: 1 = finish the study in hand, 2 = drop it; the rest stays open */
} dm_run_options;

typedef struct dm_run_result {
    int done, failed, skipped, open; /* studies done and failed now; sources skipped as already done; sources left */
    int restarts;                    /* of measuring processes */
    double seconds;                  /* of the whole run */
    /* Sums over studies, of all devices: in the stages, and standing still for want of a study or of the writer. */
    double busy, wait_input, wait_output;
    uint64_t peak_bytes, memory; /* of all processes, as sampled; the bound */
} dm_run_result;

/* Makes OUT (records/, tables/, private/ with mode 0700, pictures/, labels/ where asked for), measures what is not done yet, writes
 * the tables. A study that fails, or ends its process, has its record and row and stops nothing. Starts processes by fork(): the
 * caller must have no threads, hence no open OpenCL device. FATAL when OUT cannot be written or no device is left; what is recorded
 * then stands, and result->open says what does not. */
dm_status dm_cohort_run(const dm_run_options *options, dm_run_result *result);

#endif
