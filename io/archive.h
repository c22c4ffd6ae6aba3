/* Archives and folders as streams of entries in memory: nothing is ever unpacked to disk. */
#ifndef DM_ARCHIVE_H
#define DM_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct dm_archive dm_archive;

/* One regular file. bytes belong to the archive and live until the next call, unless they are taken. */
typedef struct dm_entry {
    const char *name; /* sanitised: printable ASCII, '?' for the rest; may hold patient data: never log it */
    const unsigned char *bytes;
    size_t size;
    int damaged;        /* 1 = bytes are not to be trusted; trouble says why */
    dm_status trouble;  /* "bad_entry", "encrypted", "unsupported_compression", "nested_archive", "damaged_archive" */
    uint64_t number;    /* grows along the source; the same for every handle */
    int container;      /* 0 = lies in the source itself, else which of its files is the archive that it came from */
    int container_ends; /* 1 = the archive inside the source is damaged from here on: what came of it may lack something */
} dm_entry;

/* Caps on what is really produced, not on what headers promise. */
typedef struct dm_archive_limits {
    uint64_t bytes;       /* expanded, in all (64 GiB: a larger study does not fit a node) */
    uint64_t entry_bytes; /* expanded, one entry (4 GiB; a CT slice is megabytes) */
    uint64_t ratio;       /* expanded : stored (1000; images shrink to a tenth at best, zeros a thousandfold) ... */
    uint64_t ratio_from;  /* ... looked at once this much was produced (1 GiB) */
    long entries;         /* 200 000 */
    int depth;            /* archives inside archives: 1 = one inside another; at most DM_ARCHIVE_DEEPEST */
    double seconds;       /* wall clock (3600) */
} dm_archive_limits;

enum { DM_ARCHIVE_DEEPEST = 3 };

extern const dm_archive_limits dm_archive_defaults;

typedef struct dm_archive_options {
    const dm_archive_limits *limits; /* NULL = dm_archive_defaults */
    const char *passphrase;          /* of encrypted zip entries; NULL = none */
    int digest;                      /* 1 = the source's own digest is wanted */
    int part, parts;                 /* several handles on one zip: this one takes entries with number % parts == part; 0 = all */
} dm_archive_options;

/* What was seen so far and is no entry. */
typedef struct dm_archive_counts {
    uint64_t bytes; /* produced */
    long entries, links, nested; /* regular files; symbolic and hard links (not followed); archives opened inside */
} dm_archive_counts;

/* Opens a zip, 7z, tar (plain, gz, bz2, xz, zst, concatenated), an ISO 9660 image, a folder (walked in the order of names), one
 * lone DICOM file, or one file compressed by gzip, bzip2, xz or zstd. Archives inside are opened where they stand, up to
 * limits.depth; those that lie in a folder are not inside an archive. options NULL = all defaults. STUDY "missing_file",
 * "empty_archive", "not_an_archive", "encrypted", "damaged_archive", "unreadable", "archive_limit". */
dm_status dm_archive_open(const char *path, const dm_archive_options *options, dm_archive **archive);
/* The next entry; *more = 0 at the end. STUDY "damaged_archive", "encrypted" or "archive_limit" when the rest cannot be read:
 * what was read before stays good, but whether anything lacks cannot be known. */
dm_status dm_archive_next(dm_archive *archive, dm_entry *entry, int *more);
/* Hands the present entry's bytes over: the caller frees them. NULL when there are none. */
unsigned char *dm_archive_take(dm_archive *archive);
/* 1 when several handles may share the work: a common zip, by its directory. */
int dm_archive_is_shareable(const dm_archive *archive);
/* SHA-256 of the source, once dm_archive_next has told its end; "" where the way it was read does not give it: of a folder, and of
 * what is not read in one go. */
const char *dm_archive_digest(const dm_archive *archive);
const dm_archive_counts *dm_archive_count(const dm_archive *archive);
void dm_archive_close(dm_archive *archive); /* accepts NULL */

/* Writing: format by the ending of path (.zip, .tar, .tar.gz, .tar.zst). The same entries give the same bytes. */
typedef struct dm_archive_writer dm_archive_writer;
dm_status dm_archive_create(const char *path, dm_archive_writer **writer);
dm_status dm_archive_add(dm_archive_writer *writer, const char *name, const void *bytes, size_t size);
dm_status dm_archive_finish(dm_archive_writer *writer); /* closes and frees, also after an error; accepts NULL */

#endif
