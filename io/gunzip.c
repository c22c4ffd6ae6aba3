#include "gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { BLOCK = 1 << 18 };

struct dm_gunzip {
    dm_stream *stream; /* NULL: the bytes */
    const unsigned char *bytes;
    size_t left; /* of bytes */
    z_stream z;
    int ended, failed, unreadable;
};

static dm_gunzip *begin(void) {
    dm_gunzip *g = calloc(1, sizeof *g);
    if (!g) return NULL;
    if (inflateInit2(&g->z, 15 + 16) == Z_OK) return g; /* 16: the gzip wrapper with its CRC and length */
    free(g);
    errno = ENOMEM;
    return NULL;
}

dm_gunzip *dm_gunzip_stream(dm_stream *stream) {
    dm_gunzip *g = begin();
    if (g) g->stream = stream;
    return g;
}

dm_gunzip *dm_gunzip_bytes(const void *bytes, size_t size) {
    dm_gunzip *g = begin();
    if (!g) return NULL;
    g->bytes = bytes;
    g->left = size;
    return g;
}

/* More input where none is left; 0 at the end of it. */
static int refill(dm_gunzip *g) {
    if (g->z.avail_in) return 1;
    const void *block = g->bytes;
    long n = g->stream ? dm_stream_read(g->stream, &block) : (long)(g->left < BLOCK ? g->left : BLOCK);
    g->unreadable = n < 0;
    if (n <= 0) return 0;
    memcpy(&g->z.next_in, &block, sizeof block); /* zlib reads only: its z_const is empty in this build */
    g->z.avail_in = (uInt)n;
    if (g->stream) return 1;
    g->bytes += n;
    g->left -= (size_t)n;
    return 1;
}

/* After a member: another one begins, or nothing but padding follows. */
static int next_member(dm_gunzip *g) {
    while (refill(g) && *g->z.next_in == 0) g->z.next_in++, g->z.avail_in--;
    if (!refill(g) || *g->z.next_in != 0x1f) return 0; /* gzip itself ignores what is no member */
    return inflateReset(&g->z) == Z_OK;
}

static long fail(dm_gunzip *g, const char **why, const char *text) {
    g->failed = 1;
    *why = text;
    return -1;
}

long dm_gunzip_read(dm_gunzip *g, void *out, size_t room, const char **why) {
    if (g->failed) return fail(g, why, "damaged before");
    g->z.next_out = out;
    g->z.avail_out = (uInt)(room < BLOCK ? room : BLOCK);
    uInt given = g->z.avail_out;
    while (!g->ended && g->z.avail_out == given) {
        if (!refill(g)) return fail(g, why, g->unreadable ? strerror(errno) : "it ends too early");
        int code = inflate(&g->z, Z_NO_FLUSH);
        if (code == Z_STREAM_END)
            g->ended = !next_member(g);
        else if (code != Z_OK && code != Z_BUF_ERROR)
            return fail(g, why, g->z.msg ? g->z.msg : "the stream is nonsense");
    }
    return (long)(given - g->z.avail_out);
}

void dm_gunzip_close(dm_gunzip *g) {
    if (!g) return;
    inflateEnd(&g->z);
    free(g);
}
