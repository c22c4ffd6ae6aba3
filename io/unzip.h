/* The common zip, read by its directory with libdeflate, which inflates in half of zlib's time. Whatever is uncommon about an
 * archive (encryption, another method, several disks, a directory that does not fit, entries that overlap as in a bomb) makes
 * dm_unzip_open return NULL: libarchive then reads it. */
#ifndef DM_UNZIP_H
#define DM_UNZIP_H

#include <stddef.h>
#include <stdint.h>

typedef struct dm_unzip dm_unzip;

typedef struct dm_unzip_entry {
    const char *name; /* name_size bytes, not ended, not to be trusted */
    size_t name_size;
    uint64_t stored, size;
    int is_file, is_link; /* neither: a folder or something special */
} dm_unzip_entry;

/* NULL also when the file cannot be read. One handle serves one thread. */
dm_unzip *dm_unzip_open(const char *path);
long dm_unzip_count(const dm_unzip *zip);
dm_unzip_entry dm_unzip_at(const dm_unzip *zip, long i);
/* Expands entry i into exactly entry.size bytes and checks its CRC; 0 = damaged. */
int dm_unzip_read(dm_unzip *zip, long i, void *out);
void dm_unzip_digest(const dm_unzip *zip, char out[65]); /* SHA-256 of the file */
void dm_unzip_close(dm_unzip *zip); /* accepts NULL */

#endif
