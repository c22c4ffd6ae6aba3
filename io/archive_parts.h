/* What the archive*.c files share. */
#ifndef DM_ARCHIVE_PARTS_H
#define DM_ARCHIVE_PARTS_H

#include "archive.h"
#include "container.h"
#include "folder.h"
#include "gunzip.h"
#include "stream.h"
#include "unzip.h"

struct archive;

enum { DM_ARCHIVE_BLOCK = 1 << 18 };

/* One open archive; the next level lies in an entry of it. */
typedef struct dm_level {
    struct archive *reader; /* NULL: zip */
    dm_unzip *zip;          /* a common zip, by its directory */
    dm_stream *stream;      /* the file below the reader, where it is read from end to end */
    dm_gunzip *gzip;        /* between the two, for gzip only */
    unsigned char *block;   /* what was read of it last */
    unsigned char *bytes;   /* of an archive inside: its file, owned */
    int container;
    long entries;
} dm_level;

struct dm_archive {
    dm_archive_limits limits;
    dm_archive_options options;
    dm_level level[DM_ARCHIVE_DEEPEST + 1];
    int levels; /* open now */
    dm_folder folder;
    size_t next_file;
    int is_folder;
    uint64_t file_size; /* of the source; of a folder: of its files so far */
    char shown[160];    /* the source's own name for messages */
    char name[256], digest[65];
    unsigned char *buffer;
    size_t room;
    double start;
    uint64_t top, inner; /* number of the source's own file, and of the entry in it where it is an archive */
    dm_archive_counts count;
};

/* archive_level.c: opens a level from a file (path) or from bytes; it is in place also when that fails: dm_level_close ends it. */
dm_status dm_level_open(const dm_archive *a, dm_level *l, const char *path, const void *bytes, size_t size, dm_container kind);
/* SHA-256 of the file of a level that was read to its end; 0 when the way it was read does not give it. */
int dm_level_digest(dm_level *l, char out[65]);
void dm_level_close(dm_level *l);
/* The rest of a level cannot be read; `what` where the library says nothing. "damaged_archive" or "encrypted". */
dm_status dm_level_damaged(const dm_archive *a, const dm_level *l, const char *what);
/* One entry of it cannot be read: "bad_entry", "encrypted", "unsupported_compression". */
dm_status dm_level_bad_entry(const dm_level *l);
/* Printable ASCII, '?' for the rest; name may be NULL. */
void dm_sanitise(const char *name, char *out, size_t size);

#endif
