/* Archives and folders as streams of entries in memory: nothing is ever unpacked to disk. */
#ifndef DM_ARCHIVE_H
#define DM_ARCHIVE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

typedef struct dm_archive dm_archive;

/* One regular file. bytes belong to the archive and live until the next call. */
typedef struct dm_entry {
    const char *name; /* sanitised: printable ASCII, '?' for the rest; may hold patient data: never log it */
    const unsigned char *bytes;
    size_t size;
    int damaged;      /* 1 = checksum or stream error: bytes are not to be trusted */
} dm_entry;

/* Opens a zip, tar, tar.gz, tar.bz2, tar.xz, tar.zst, a folder (walked in the order of names) or one lone DICOM file.
 * STUDY "missing_file", "not_an_archive", "unreadable". */
dm_status dm_archive_open(const char *path, dm_archive **archive);
/* The next entry; *more = 0 at the end. STUDY "damaged_archive" or "archive_limit" when the rest cannot be read: what was
 * read before stays good. */
dm_status dm_archive_next(dm_archive *archive, dm_entry *entry, int *more);
uint64_t dm_archive_bytes(const dm_archive *archive); /* bytes produced so far */
void dm_archive_close(dm_archive *archive);           /* accepts NULL */

/* Writing: format by the ending of path (.zip, .tar, .tar.gz, .tar.zst). The same entries give the same bytes. */
typedef struct dm_archive_writer dm_archive_writer;
dm_status dm_archive_create(const char *path, dm_archive_writer **writer);
dm_status dm_archive_add(dm_archive_writer *writer, const char *name, const void *bytes, size_t size);
dm_status dm_archive_finish(dm_archive_writer *writer); /* closes and frees, also after an error; accepts NULL */

#endif
