#include "rle.h"

enum { HEADER = 64 };

static size_t u32(const unsigned char *b) {
    return (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
}

/* PackBits: a byte n up to 127 announces n + 1 bytes as they are, one from 129 on 257 - n copies of the next; 128 says nothing. */
static int unpack(const unsigned char *in, size_t size, size_t pixels, int step, unsigned char *out) {
    size_t done = 0, at = 0;
    while (done < pixels && at < size) {
        unsigned n = in[at++];
        if (n == 128) continue;
        size_t count = n < 128 ? n + 1u : 257u - n, taken = n < 128 ? count : 1;
        if (taken > size - at) return 0;
        for (size_t i = 0; i < count && done < pixels; i++, done++) out[done * (size_t)step] = in[at + (n < 128 ? i : 0)];
        at += taken;
    }
    return done == pixels;
}

int dm_rle_decode(const void *bytes, size_t size, size_t pixels, int bytes_per_pixel, unsigned char *out) {
    const unsigned char *b = bytes;
    if (size < HEADER || u32(b) != (size_t)bytes_per_pixel) return 0;
    for (int k = 0; k < bytes_per_pixel; k++) {
        size_t from = u32(b + 4 + 4 * k), end = k + 1 < bytes_per_pixel ? u32(b + 8 + 4 * k) : size;
        if (from < HEADER || end > size || from >= end) return 0;
        if (!unpack(b + from, end - from, pixels, bytes_per_pixel, out + (bytes_per_pixel - 1 - k))) return 0;
    }
    return 1;
}
