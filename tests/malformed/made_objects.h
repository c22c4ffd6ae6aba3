/* Inputs of expected.csv that are made: DICOM objects and series that are damaged, hostile or odd, in plain archives. */
#ifndef DM_MADE_OBJECTS_H
#define DM_MADE_OBJECTS_H

#include "made_archives.h"

/* ---- bombs and damaged objects ---- */

/* Adds bytes behind slice 3, or takes some off. */
static void pack_changed(const char *path, const void *more, size_t n, size_t less) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    unsigned char *grown = realloc(b.entry[3].bytes, b.entry[3].size + n);
    if (!grown) abort();
    if (n) memcpy(grown + b.entry[3].size, more, n);
    b.entry[3].bytes = grown;
    b.entry[3].size += n;
    b.entry[3].size -= less;
    bag_pack(&b, "zip", path);
}
static void make_nesting(const char *path) {
    enum { DEPTH = 20000 };
    static const unsigned char level[20] = {0x40, 0,    0x75, 2,    'S', 'Q',  0,    0,    0xff, 0xff,
                                            0xff, 0xff, 0xfe, 0xff, 0,   0xe0, 0xff, 0xff, 0xff, 0xff};
    unsigned char *deep = malloc(DEPTH * sizeof level);
    if (!deep) abort();
    for (size_t i = 0; i < DEPTH; i++) memcpy(deep + i * sizeof level, level, sizeof level);
    pack_changed(path, deep, DEPTH * sizeof level, 0);
    free(deep);
}
static void make_claimed(const char *p) {
    pack_changed(p, "\011\0\020\020OB\0\0\376\377\377\377 4 GB are claimed", 12 + 17, 0);
}
static void make_cut_pixels(const char *p) { pack_changed(p, NULL, 0, 100); }

/* 70 MB of zeros, deflated within the object. */
static void make_deflated_bomb(const char *path) {
    enum { ZEROS = 70 << 20 };
    unsigned char *zeros = calloc(1, ZEROS), *out = calloc(1, 1 << 20);
    if (!zeros || !out) abort();
    memcpy(zeros, "\010\0\026\0UI\002\0001.\340\177\020\0OW\0\0\0\0\0\004", 22);
    memcpy(out + 128, "DICM\002\0\020\0UI\026\0" "1.2.840.10008.1.2.1.99", 34);
    z_stream z = {.next_in = zeros, .avail_in = ZEROS, .next_out = out + 162, .avail_out = (1 << 20) - 162};
    if (deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    write_text(path, (const char *)out, 162 + z.total_out);
    deflateEnd(&z);
    free(zeros);
    free(out);
}

/* ---- series ---- */

static void pack_maker(const maker *m, const char *path) {
    bag_study(&b, m, "study");
    bag_pack(&b, "zip", path);
}
static void make_missing(const char *p) {
    maker m = maker_plain();
    m.n = 3;
    bag_study(&b, &m, "study");
    m.first = 5;
    pack_maker(&m, p);
}
static void make_localizer(const char *p) {
    maker m = maker_plain();
    m.image_type = "ORIGINAL\\PRIMARY\\LOCALIZER";
    pack_maker(&m, p);
}
static void make_mosaic(const char *p) {
    maker m = maker_plain();
    m.modality = "MR";
    m.image_type = "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC";
    pack_maker(&m, p);
}
static void make_phase(const char *p) {
    maker m = maker_plain();
    m.modality = "MR";
    m.image_type = "ORIGINAL\\PRIMARY\\P\\ND";
    pack_maker(&m, p);
}
static void make_two_at_one_place(const char *p) {
    maker m = maker_plain();
    bag_study(&b, &m, "a");
    m.first = 100;
    m.shade = 9;
    m.step = 0; /* all of them at z = 0 */
    pack_maker(&m, p);
}

/* ---- headers that say what cannot be ---- */

/* Writes n bytes over those of the same number wherever they stand in a file of the bag. */
static void patch(int i, const char *from, const char *to, size_t n) {
    int found = 0;
    for (unsigned char *at = b.entry[i].bytes, *end = at + b.entry[i].size - n; at < end; at++)
        if (!memcmp(at, from, n)) memcpy(at, to, n), found = 1;
    if (!found) abort();
}
static void patch_all(const char *from, const char *to, size_t n) {
    for (int i = 0; i < b.n; i++) patch(i, from, to, n);
}
static void pack_patched(const char *path, const char *from, const char *to, size_t n) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    patch_all(from, to, n);
    bag_pack(&b, "zip", path);
}
static void make_comma(const char *p) { pack_patched(p, "0.5\\0.5", "0,5\\0,5", 7); }
static void make_bad_rescale(const char *p) { pack_patched(p, "\050\0\122\020DS\002\0" "0", "\050\0\122\020DS\002\0" "x", 9); }
static void make_float_pixels(const char *p) { pack_patched(p, "\340\177\020\0OW", "\340\177\010\0OF", 6); }
static void make_capture(const char *p) { pack_patched(p, "5.1.4.1.1.2", "5.1.4.1.1.7", 12); }
static void make_inverted(const char *p) { pack_patched(p, "MONOCHROME2", "MONOCHROME1", 11); }
/* As a CD holds it: an index, and what other programs leave behind. */
static void make_clutter(const char *p) {
    const maker m = maker_plain();
    size_t size;
    bag_put(&b, "DICOMDIR", maker_slice(&m, 0, &size), 0);
    b.entry[0].size = size;
    patch(0, "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.3.10\0\0\0\0\0", 25);
    bag_study(&b, &m, "DICOM");
    bag_put(&b, "__MACOSX/._IM0001", (unsigned char *)strdup("\005\026\007\002"), 4);
    bag_put(&b, "Thumbs.db", (unsigned char *)strdup("\320\317\021\340"), 4);
    bag_put(&b, "autorun.inf", (unsigned char *)strdup("[autorun]"), 9);
    bag_pack(&b, "iso", p);
}
/* Data sets as they went over the network before files had heads: without preamble, and without meta header. */
static void pack_beheaded(const char *path, int meta) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    for (int i = 0; i < b.n; i++) {
        unsigned char *bytes = b.entry[i].bytes;
        /* Behind the mark: the length of the group, an element of 12 bytes whose value counts what follows. */
        size_t off = meta ? 132 : 132 + 12 + (size_t)bytes[140] + ((size_t)bytes[141] << 8);
        b.entry[i].size -= off;
        memmove(bytes, bytes + off, b.entry[i].size);
    }
    bag_pack(&b, "zip", path);
}
static void make_no_preamble(const char *p) { pack_beheaded(p, 1); }
static void make_no_meta(const char *p) { pack_beheaded(p, 0); }

/* Electron density, as a dual-energy scanner computes it. */
static void make_other_unit(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    for (int i = 0; i < b.n; i++) {
        unsigned char *grown = realloc(b.entry[i].bytes, b.entry[i].size + 20);
        if (!grown) abort();
        b.entry[i].bytes = grown;
        b.entry[i].size += maker_element(grown + b.entry[i].size, 0x0028, 0x1054, "LO", "ED");
    }
    bag_pack(&b, "zip", p);
}
/* Slope and intercept under tags that nobody knows; unsigned in the second one. */
static void hide_rescale(void) {
    patch_all("\050\0\122\020DS", "\050\0\122\036DS", 6);
    patch_all("\050\0\123\020DS", "\050\0\123\036DS", 6);
}
static void make_no_rescale(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    hide_rescale();
    bag_pack(&b, "zip", p);
}
static void make_unsigned_no_rescale(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    hide_rescale();
    patch_all("\050\0\003\001US\002\0\001", "\050\0\003\001US\002\0\0", 9);
    bag_pack(&b, "zip", p);
}
static void make_two_patients(const char *p) {
    maker m = maker_plain();
    m.n = 4;
    bag_study(&b, &m, "a");
    m.first = 4;
    m.id = "TEST2";
    bag_study(&b, &m, "b");
    bag_pack(&b, "zip", p);
}
/* As some anonymisers do; and one image as a copy. */
static void make_one_uid(const char *p) {
    maker m = maker_plain();
    m.n = 1;
    for (m.first = 0; m.first < 8; m.first++) {
        m.again = -m.first;
        bag_study(&b, &m, "study");
    }
    m.first = 3, m.again = -3;
    bag_study(&b, &m, "copy");
    bag_pack(&b, "zip", p);
}

#endif
