/* A cohort on one device: every source to its studies, every study through the stages to its record, records to tables. */
#ifndef DM_RUN_H
#define DM_RUN_H

#include <signal.h>

#include "ingest.h"

typedef struct dm_progress {
    int sources, source; /* number of sources, and those finished */
    int done, failed, skipped;
    double seconds;              /* since the start */
    const char *study_id;        /* of the study just finished, "" for a skipped source */
    const char *path;            /* of its source: for a person at a terminal only, it may hold a patient's name */
    const char *answer, *code;   /* "leak", ...; the error's code */
    const char *text;            /* its sentence; never holds the source's name */
} dm_progress;

typedef struct dm_run_options {
    const char *out;
    const dm_protocols *protocols;
    const char *const *sources; /* archives, folders, NIfTI files */
    int n_sources;
    const char *key;            /* path of a key, NULL = OUT/private/key */
    const char *version, *selftest;
    const char *reader;              /* program that is started again for each source (reader.h); NULL = read in this process */
    const char *protocols_path;      /* where the protocols came from, NULL = built in: a reader loads them again */
    const dm_archive_limits *limits; /* NULL = dm_archive_defaults */
    const char *passphrase;          /* of encrypted zips, NULL = none */
    uint64_t read_memory;            /* bytes of a reader's address space, 0 = 8 GiB */
    int retry_failed;
    /* A share of a plan: the sources are known to be open, so that the records of the cohort need not be read; the tables are
     * left to merge when other shares are measured elsewhere. */
    int known_open, no_tables;
    const char *shard; /* "3/100" for the heartbeat, NULL = none */
    /* Asked once a source is read, with the digest of its bytes ("" = not known): not good = the source fails with that. NULL = all
     * are taken. */
    dm_status (*admit)(void *user, const char *source, const char *digest);
    /* Writes a study's pictures into a folder; NULL = none. */
    dm_status (*illustrate)(const dm_study *study, const char *folder);
    /* Writes a study's labels to OUT/labels/<study>.nii.gz; NULL = none. */
    dm_status (*label)(const dm_study *study, const char *path);
    void (*progress)(void *user, const dm_progress *progress);
    void *user;
    const volatile sig_atomic_t *stop; /* set by a signal: the study in hand is finished, the rest stays open */
} dm_run_options;

typedef struct dm_run_result {
    int done, failed, skipped, open; /* studies done and failed now; sources skipped as already done; sources left */
} dm_run_result;

/* Makes OUT (records/, tables/, private/ with mode 0700, pictures/, labels/ where asked for), measures what is not done yet, writes the tables.
 * A study that fails has its record and row and stops nothing. FATAL when OUT cannot be written. */
dm_status dm_cohort_run(dm_gpu *gpu, const dm_run_options *options, dm_run_result *result);

#endif
