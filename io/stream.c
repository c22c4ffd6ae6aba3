#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "pseudonym.h"

enum { BLOCK = 1 << 18 }; /* stays in the cache of a core between the digest and the decoder */

struct dm_stream {
    int fd;
    dm_hasher *hasher; /* NULL = none is wanted */
    unsigned char block[BLOCK];
};

dm_stream *dm_stream_open(const char *path, int hash) {
    dm_stream *s = malloc(sizeof *s);
    if (!s) return NULL;
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    s->hasher = s->fd >= 0 && hash ? dm_hasher_new() : NULL;
    if (s->fd >= 0 && (s->hasher || !hash)) return s;
    int why = errno;
    dm_stream_close(s);
    errno = why;
    return NULL;
}

long dm_stream_read(dm_stream *s, const void **block) {
    ssize_t n;
    do n = read(s->fd, s->block, BLOCK);
    while (n < 0 && errno == EINTR);
    if (n > 0 && s->hasher) dm_hasher_add(s->hasher, s->block, (size_t)n);
    *block = s->block;
    return (long)n;
}

int dm_stream_digest(dm_stream *s, char out[65]) {
    const void *block;
    long n = 1;
    while (s->hasher && n > 0) n = dm_stream_read(s, &block);
    if (!s->hasher || n < 0) return 0;
    dm_hasher *h = s->hasher;
    s->hasher = NULL;
    return dm_hasher_end(h, out);
}

void dm_stream_close(dm_stream *s) {
    if (!s) return;
    if (s->fd >= 0) close(s->fd);
    (void)dm_hasher_end(s->hasher, NULL);
    free(s);
}
