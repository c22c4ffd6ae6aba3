#include "jpegls.h"

#include <string.h>

enum { SOI = 0xd8, FRAME = 0xf7, PRESET = 0xf8, SCAN = 0xda };

static int clamp(int v, int low, int high) {
    return v > high || v < low ? low : v;
}

static int larger(int a, int b) {
    return a > b ? a : b;
}

/* The segment of preset parameters with the standard's defaults for values up to `most` (under 128) and errors up to `near`. */
static void write_defaults(int most, int near, unsigned char out[DM_JPEGLS_MORE]) {
    const int factor = 256 / (most + 1);
    const int t1 = clamp(larger(2, 3 / factor + 3 * near), near + 1, most);
    const int t2 = clamp(larger(3, 7 / factor + 5 * near), t1, most);
    const int t3 = clamp(larger(4, 21 / factor + 7 * near), t2, most);
    const unsigned char segment[DM_JPEGLS_MORE] = {0xff, PRESET, 0, 13, 1, 0, (unsigned char)most, 0, (unsigned char)t1,
                                                   0, (unsigned char)t2, 0, (unsigned char)t3, 0, 64};
    memcpy(out, segment, sizeof segment);
}

size_t dm_jpegls_spell_out(const unsigned char *bytes, size_t size, unsigned char *out) {
    int bits = 0;
    size_t at = 2;
    if (size < 2 || bytes[0] != 0xff || bytes[1] != SOI) return 0;
    for (size_t length; at + 4 <= size && bytes[at] == 0xff; at += 2 + length) {
        const unsigned char *segment = bytes + at;
        length = (size_t)segment[2] << 8 | segment[3];
        if (length < 2 || length > size - at - 2 || segment[1] == PRESET) return 0;
        if (segment[1] == FRAME && length >= 11) bits = segment[4];
        if (segment[1] != SCAN) continue;
        if (bits < 2 || bits > 7 || length != 8 || segment[4] != 1) return 0;
        memcpy(out, bytes, at);
        write_defaults((1 << bits) - 1, segment[7], out + at);
        memcpy(out + at + DM_JPEGLS_MORE, segment, size - at);
        return size + DM_JPEGLS_MORE;
    }
    return 0;
}
