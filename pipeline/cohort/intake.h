/* Sources on their way to the device: each is looked up (by its digest, where anything is done already), read by a process of its
 * own, and kept until its studies are measured. They are taken in the order of the list, several ahead of the device, as far as
 * processors and memory reach. */
#ifndef DM_INTAKE_H
#define DM_INTAKE_H

#include <poll.h>

#include "settle.h"
#include "reader.h"

enum { DM_AHEAD = 32 }; /* sources begun and not finished, at most */

typedef enum dm_source_state { DM_SOURCE_WAITS, DM_SOURCE_HASHED, DM_SOURCE_READ, DM_SOURCE_READY, DM_SOURCE_FINISHED } dm_source_state;

typedef struct dm_source {
    int index; /* in the run's list */
    dm_source_state state;
    char digest[65]; /* "" = not known */
    pid_t hasher;
    int hash; /* what it writes */
    dm_reader *reader;
    /* of one that is ready: */
    int done;         /* 1 = nothing of it is left to measure; nothing was read */
    dm_status status; /* of reading */
    dm_ingested in;
    int volumes; /* the file that they lie in */
    uint64_t bytes;
    double since;   /* it is ready */
    int opened;     /* the run has looked at it */
    int next, open; /* the study to measure next; studies not finished */
} dm_source;

typedef struct dm_intake {
    const dm_cohort *c;
    dm_reader_options reading;
    int readers;      /* that may read at once */
    int first, begun; /* sources first .. begun - 1 are on their way */
    int read;         /* readers started so far */
    dm_source ring[DM_AHEAD];
} dm_intake;

/* memory: bytes that the run may take. */
void dm_intake_open(dm_intake *in, const dm_cohort *c, uint64_t memory);
/* Starts what may be started. room: bytes that may be taken beside what is taken; one source at a time is read all the same when
 * none is ready, or nothing would ever be done. most: readers at once, 0 = none at all. FATAL when no process can be had. */
dm_status dm_intake_start(dm_intake *in, uint64_t room, int most);
/* Takes what has been looked up and read. */
void dm_intake_advance(dm_intake *in);
/* The source with this number; NULL when it is not on its way. */
dm_source *dm_intake_at(dm_intake *in, int index);
const dm_source *dm_intake_see(const dm_intake *in, int index);
/* Everything of the source is recorded. */
void dm_intake_finish(dm_intake *in, dm_source *s);
/* Descriptors to wait for; returns their number, at most DM_AHEAD. */
int dm_intake_watch(const dm_intake *in, struct pollfd *fds);
/* Bytes held by readers and by what they handed over. */
uint64_t dm_intake_bytes(const dm_intake *in);
/* Gives back the memory of the last source beyond `keep` that holds any; it will be read again. 0 when there is none. */
int dm_intake_shed(dm_intake *in, int keep);
/* Ends the reading of a source: it has failed with that. */
void dm_intake_refuse(dm_source *s, dm_status why);
/* Ends all readers and gives everything back. */
void dm_intake_close(dm_intake *in);
/* In a new process: gives back the mappings. */
void dm_intake_let_go(dm_intake *in);

#endif
