/* The frozen list of a cohort's sources. A plan is a text file of one JSON object a line: a head (version, digest of the
 * configuration, digest of the lines below it), then one line per source in bytewise order of the paths. It holds names of
 * archives, which are often those of patients, and so lies under OUT/private. It is never written over: tasks that still wait
 * must find the list that they were submitted with. */
#ifndef DM_PLAN_H
#define DM_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

typedef struct dm_planned {
    char *path; /* absolute; owned */
    int is_folder, unreadable;
    long files;     /* regular files: 1, of a folder all below it */
    uint64_t bytes; /* of all of them, as stored */
    int64_t changed_s;
    long changed_ns;  /* the latest change of one of them */
    char digest[65];  /* SHA-256 of a file; "" = not taken */
    int same_as;      /* number of the first source with the same bytes, -1 = none */
} dm_planned;

typedef struct dm_plan {
    char version[32], config_digest[65];
    char *protocols; /* path of the protocol files, "" = built in; owned */
    int n;
    dm_planned *source; /* owned */
    char digest[65];    /* of the lines */
} dm_plan;

typedef struct dm_plan_options {
    const char *const *roots; /* files and folders */
    int n_roots;
    int depth;          /* folders of DICOM files that stand for a source lie at least so many levels below a root; 1 = its own */
    int digest;         /* 1 = of every file; 0 = of those that share their size with another */
    const char *version, *config_digest, *protocols; /* protocols: as given to dm_protocols_load, NULL = built in */
} dm_plan_options;

/* What was met and is no source. */
typedef struct dm_plan_notes {
    long links;        /* symbolic links, not followed */
    long others;       /* files that are no archive, volume or DICOM object */
    int empty_folders; /* roots without any source */
} dm_plan_notes;

/* Lists the sources of the roots: archives, NIfTI volumes and folders of DICOM files. A root that is a file is a source
 * whatever it holds. A folder that holds DICOM files is one source with all below it, and so is one of which all folders are
 * (from `depth` on); in any other folder each archive is a source. FATAL "config" for a root that is not there,
 * "out_of_memory". Free with dm_plan_clear, also after a failure. */
dm_status dm_plan_make(const dm_plan_options *options, dm_plan *plan, dm_plan_notes *notes);
void dm_plan_clear(dm_plan *plan);

/* Fills files, bytes, the latest change and unreadable of a source, by its path, from the file system. */
void dm_plan_look(dm_planned *source);

/* Seconds that a source of so many stored bytes is expected to take on two CPU cores (bench/results.csv, "study"). */
double dm_plan_seconds(uint64_t bytes);

/* Writes the plan to a path that does not exist yet (mode 0400). Fills plan->digest. FATAL "output". */
dm_status dm_plan_write(const char *path, dm_plan *plan);
/* FATAL "config": no plan, or changed since it was written. */
dm_status dm_plan_read(const char *path, dm_plan *plan);
/* One line of a plan as JSON, and back: receipts (share.h) are made of them too. The caller deletes the JSON and frees path; 0
 * when there is no memory for it. */
cJSON *dm_plan_line(const dm_planned *source);
int dm_plan_take_line(const cJSON *line, dm_planned *source);
/* 1 when size, number of files and latest change are the same. */
int dm_plan_same(const dm_planned *a, const dm_planned *b);
/* Path of plan `number`: OUT/private/plan-<number>.jsonl. */
void dm_plan_path(const char *out, int number, char path[4096]);
/* Number of OUT's newest plan, 0 = none. */
int dm_plan_newest(const char *out);
/* Number of a source by its path, -1 = not in the plan. */
int dm_plan_find(const dm_plan *plan, const char *path);

typedef struct dm_plan_change {
    int added, removed, changed; /* sources */
    int configuration;           /* 1 = other version or protocols */
} dm_plan_change;
/* What differs between two plans. 1 when anything does. */
int dm_plan_differs(const dm_plan *before, const dm_plan *after, dm_plan_change *change);

#endif
