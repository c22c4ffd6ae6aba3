/* From an archive, a folder or a NIfTI file to studies with their passes. */
#ifndef DM_INGEST_H
#define DM_INGEST_H

#include "archive.h"
#include "protocol.h"
#include "pseudonym.h"
#include "store.h"
#include "study.h"

/* A series or study left out, for exclusions.csv. */
typedef struct dm_exclusion {
    char series_id[40], stage[16], reason[200];
} dm_exclusion;

typedef struct dm_ingested_study {
    dm_study study;              /* identity, protocol, modality, contrast, passes; move it out or clear it */
    const dm_protocol *protocol; /* NULL when none matched */
    dm_status status;            /* STUDY when nothing of it can be measured */
    dm_exclusion *exclusions;    /* owned */
    int n_exclusions;
    /* For private/mapping.csv only; never into a record, a table or a log. */
    char raw_patient[80], raw_study_uid[80];
} dm_ingested_study;

typedef struct dm_ingested {
    int n;
    dm_ingested_study *study; /* owned */
    uint64_t bytes_read;
    double seconds;           /* wall clock of reading */
    char input_digest[65];    /* SHA-256 of the source's bytes */
} dm_ingested;

typedef struct dm_ingest_options {
    const dm_protocols *protocols;
    const dm_key *key;
    const dm_archive_limits *limits; /* NULL = dm_archive_defaults */
    const char *passphrase;          /* of encrypted zips, NULL = none */
    const char *digest;              /* SHA-256 of the source where it is known, else NULL */
    int threads;                     /* readers and decoders at once, at least 1 */
    dm_store *store;                 /* where the voxels of DICOM volumes go (scan.stored); NULL = into memory */
    uint64_t hold;                   /* bytes of objects kept at once; of more only the headers, and they are read twice */
} dm_ingest_options;

/* Reads a source whole. The status tells of the source itself (missing, no archive, truncated, no DICOM in it): then a
 * single study row without identity is made by the caller. Good status: n >= 1. */
dm_status dm_ingest(const char *path, const dm_ingest_options *options, dm_ingested *out);
void dm_ingested_clear(dm_ingested *in);

#endif
