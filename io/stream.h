/* A file read once, from its beginning to its end, and the SHA-256 of its bytes made on the way, while they are in the cache. */
#ifndef DM_STREAM_H
#define DM_STREAM_H

typedef struct dm_stream dm_stream;

/* NULL when the file cannot be opened (errno) or memory is out. hash 0 = no digest is wanted. */
dm_stream *dm_stream_open(const char *path, int hash);
/* The next block, which lives until the next call. Bytes; 0 = the end; -1 = unreadable (errno). */
long dm_stream_read(dm_stream *s, const void **block);
/* Reads what is left and gives the digest of the whole file as 64 hex digits + NUL. 0 when it was not wanted or the file cannot be
 * read to its end. Once. */
int dm_stream_digest(dm_stream *s, char out[65]);
void dm_stream_close(dm_stream *s); /* accepts NULL */

#endif
