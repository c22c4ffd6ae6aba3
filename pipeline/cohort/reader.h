/* Sources are read by processes of their own: untrusted bytes may end one of them, and that costs one source. A reader runs the
 * same program again, in a sandbox (io/sandbox.h), gets its task through a descriptor and hands the volumes back in shared
 * memory. It may run ahead of the device. */
#ifndef DM_READER_H
#define DM_READER_H

#include "ingest.h"

/* The word after the program's name that makes it a reader. */
#define DM_READER_VERB "read-one-source"

typedef struct dm_reader_options {
    const char *program;        /* that is started as a reader */
    const char *protocols_path; /* as given to dm_protocols_load */
    const dm_protocols *protocols;
    const dm_key *key;
    dm_archive_limits limits;
    const char *passphrase; /* NULL = none */
    int threads;
    uint64_t memory; /* bytes of a reader's address space; half as much again for the volumes that it hands over */
} dm_reader_options;

typedef struct dm_reader dm_reader;

/* Starts to read. path, digest and options must live until the end. digest: of the source where it is known, else "". FATAL
 * "reader" when no process can be had. */
dm_status dm_reader_start(const dm_reader_options *o, const char *path, const char *digest, dm_reader **reader);
/* A descriptor that poll() finds readable or hung up when the reader has ended. */
int dm_reader_watch(const dm_reader *reader);
/* 1 when taking would not wait: the reader has ended, or its time has. */
int dm_reader_ended(const dm_reader *reader);
/* Memory that it takes now: its own and what it has handed over. */
uint64_t dm_reader_bytes(const dm_reader *reader);
/* Waits for the end and takes what was read, as dm_ingest does; when that is good, *volumes is the file that it lies in (the caller
 * closes), by which another process can map it (dm_handover_read), else -1. STUDY "reader_died" (the signal), "reader_timeout",
 * "source_changed". Frees the reader. */
dm_status dm_reader_take(dm_reader *reader, dm_ingested *out, int *volumes);
/* The same where nobody else needs the volumes. */
dm_status dm_reader_finish(dm_reader *reader, dm_ingested *out);
/* Ends a reader whose result nobody wants; accepts NULL. */
void dm_reader_cancel(dm_reader *reader);

/* The reader itself: main calls it when argv[1] is DM_READER_VERB. Ends the process; returns 1 when a person called it. */
int dm_reader_serve(void);

#endif
