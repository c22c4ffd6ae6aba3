/* gzip as a stream, with its checksums: libarchive inflates gzip without looking at them, and a flipped byte passes. */
#ifndef DM_GUNZIP_H
#define DM_GUNZIP_H

#include <stddef.h>

#include "stream.h"

typedef struct dm_gunzip dm_gunzip;

/* From a stream or from bytes, which outlive it. NULL when memory is out. */
dm_gunzip *dm_gunzip_stream(dm_stream *stream);
dm_gunzip *dm_gunzip_bytes(const void *bytes, size_t size);
/* The next block, at most `room` bytes. 0 = the end, and every member's CRC and length were right; -1 = damaged or cut short,
 * *why then says how. Several members after one another are one stream; zeros behind the last are padding. */
long dm_gunzip_read(dm_gunzip *g, void *out, size_t room, const char **why);
void dm_gunzip_close(dm_gunzip *g); /* accepts NULL */

#endif
