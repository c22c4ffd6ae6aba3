#include "dicom_walk.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const uint32_t endless = 0xffffffffu; /* undefined length */
static const uint32_t pixel_data = 0x7fe00010u, item = 0xfffee000u, item_end = 0xfffee00du,
                      sequence_end = 0xfffee0ddu;

/* How the bytes from here on are to be read. */
typedef struct coding {
    int is_explicit, big;
} coding;

typedef struct element {
    uint32_t tag, length;
    char vr[3];
    size_t value; /* offset */
} element;

static uint32_t u16(const unsigned char *b, int big) {
    return big ? ((uint32_t)b[0] << 8 | b[1]) : ((uint32_t)b[1] << 8 | b[0]);
}

static uint32_t u32(const unsigned char *b, int big) {
    return big ? (u16(b, 1) << 16 | u16(b + 2, 1)) : (u16(b + 2, 0) << 16 | u16(b, 0));
}

static int is_upper(unsigned char c) {
    return c >= 'A' && c <= 'Z';
}

/* Value representations whose length has two bytes; what is no VR at all the library reads like these. */
static int short_length(const char *vr) {
    static const char list[] = "AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US ";
    if (!is_upper((unsigned char)vr[0]) || !is_upper((unsigned char)vr[1])) return 1;
    for (const char *v = list; *v; v += 3)
        if (v[0] == vr[0] && v[1] == vr[1]) return 1;
    return 0;
}

/* The element's head at `at`; 0 when it does not fit before `end`. Items and delimiters never have a VR. */
static int read_head(const unsigned char *b, size_t at, size_t end, coding c, element *e) {
    if (end - at < 8) return 0;
    e->tag = u16(b + at, c.big) << 16 | u16(b + at + 2, c.big);
    e->vr[0] = e->vr[1] = e->vr[2] = 0;
    e->value = at + 8;
    if (!c.is_explicit || e->tag >> 16 == 0xfffe) {
        e->length = u32(b + at + 4, c.big);
        return 1;
    }
    memcpy(e->vr, b + at + 4, 2);
    if (short_length(e->vr)) {
        e->length = u16(b + at + 6, c.big);
        return 1;
    }
    if (end - at < 12) return 0;
    e->length = u32(b + at + 8, c.big);
    e->value = at + 12;
    return 1;
}

static size_t meta_start(const unsigned char *b, size_t size) {
    return size >= 132 && !memcmp(b + 128, "DICM", 4) ? 132 : 0;
}

/* Walks the file meta header (always explicit, little endian); returns where the data set begins. */
static size_t walk_meta(const unsigned char *b, size_t size, char uid[68], int *syntaxes) {
    const coding c = {1, 0};
    size_t at = meta_start(b, size);
    element e;
    uid[0] = 0;
    *syntaxes = 0;
    while (at < size && read_head(b, at, size, c, &e) && e.tag >> 16 == 2 && e.length <= size - e.value) {
        if (e.tag == 0x00020010) {
            snprintf(uid, 68, "%.*s", (int)(e.length < 67 ? e.length : 67), (const char *)b + e.value);
            uid[strspn(uid, "0123456789.")] = 0;
            ++*syntaxes;
        }
        at = e.value + e.length;
    }
    return at;
}

int dm_dicom_syntax(const unsigned char *b, size_t size, char uid[68], size_t *data) {
    int syntaxes;
    *data = walk_meta(b, size, uid, &syntaxes);
    return syntaxes <= 1;
}

static int is_item(const unsigned char *b) {
    return (b[0] == 0xfe && b[1] == 0xff && b[2] == 0 && b[3] == 0xe0) ||
           (b[0] == 0xff && b[1] == 0xfe && b[2] == 0xe0 && b[3] == 0);
}

/* How often the bytes of an item's tag stand in [at, end), in either byte order, stopping at `most`. */
static int count_items(const unsigned char *b, size_t at, size_t end, int most) {
    int n = 0;
    while (at + 4 <= end && n <= most) {
        const unsigned char *hit = memchr(b + at, 0xfe, end - at);
        if (!hit) break;
        size_t p = (size_t)(hit - b);
        if (p + 4 <= end && is_item(hit)) n++;
        if (p >= 1 && p + 3 <= end && is_item(hit - 1)) n++;
        at = p + 1;
    }
    return n;
}

static coding coding_of(const unsigned char *b, size_t size, size_t at, const char *uid) {
    coding c = {strcmp(uid, "1.2.840.10008.1.2") != 0, !strcmp(uid, "1.2.840.10008.1.2.2")};
    if (uid[0] || size - at < 8) return c;
    c.big = b[at] == 0 && b[at + 1] != 0;
    c.is_explicit = is_upper(b[at + 4]) && is_upper(b[at + 5]);
    return c;
}

/* One open sequence or item. */
typedef struct level {
    size_t end;
    coding c;
} level;

/* Sequences are known by their VR, by an undefined length, or by a value that begins with an item: without a
 * dictionary implicit data say no more, and a value wrongly descended into only makes the answer stricter. */
static int opens(const unsigned char *b, const element *e, size_t end) {
    if (e->tag == pixel_data) return 0;
    if (e->tag == item || e->length == endless || !strcmp(e->vr, "SQ")) return 1;
    return e->length >= 8 && end - e->value >= 8 && is_item(b + e->value);
}

/* The walk could not go on at `at`: nothing behind can be deeper than its items are many. */
static int rest_is_shallow(const unsigned char *b, size_t at, size_t size, int depth) {
    int room = 2 * DM_DICOM_DEEPEST - depth;
    return room >= 0 && count_items(b, at, size, room) * 2 <= room;
}

/* Fragments of compressed pixels do not nest. Returns where the data go on; size when they are cut short. */
static size_t skip_fragments(const unsigned char *b, size_t at, size_t size, int big) {
    element e;
    while (read_head(b, at, size, (coding){0, big}, &e) && e.tag == item && e.length <= size - e.value)
        at = e.value + e.length;
    return at;
}

int dm_dicom_is_shallow(const unsigned char *b, size_t size, const char *uid) {
    /* Every level needs an item: few items need no walk, and most images have none. */
    if (count_items(b, 0, size, DM_DICOM_DEEPEST) <= DM_DICOM_DEEPEST) return 1;
    char ignored[68];
    int syntaxes, depth = 0;
    size_t at = walk_meta(b, size, ignored, &syntaxes);
    level stack[2 * DM_DICOM_DEEPEST + 1]; /* a sequence and its item are two */
    stack[0] = (level){size, coding_of(b, size, at, uid)};
    for (;;) {
        while (depth > 0 && at >= stack[depth].end) depth--;
        element e;
        level *here = &stack[depth];
        if (at >= size) return 1;
        if (!read_head(b, at, here->end, here->c, &e)) return rest_is_shallow(b, at, size, depth);
        if (e.tag == item_end || e.tag == sequence_end) {
            if (depth > 0) depth--;
            at = e.value;
        } else if (e.tag == pixel_data && e.length == endless) {
            at = skip_fragments(b, e.value, size, here->c.big);
        } else if (opens(b, &e, size)) {
            if (++depth > 2 * DM_DICOM_DEEPEST) return 0;
            size_t end =
                e.length == endless || e.length > here->end - e.value ? here->end : e.value + e.length;
            coding c = here->c;
            /* Unknown data of undefined length are implicit, little endian (PS3.5 6.2.2 note). */
            if (!strcmp(e.vr, "UN") && e.length == endless) c = (coding){0, 0};
            stack[depth] = (level){end, c};
            at = e.value;
        } else {
            if (e.length > here->end - e.value) return rest_is_shallow(b, e.value, size, depth);
            at = e.value + e.length;
        }
    }
}
