#include "level_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "level.h"

/* Place of the disc below a vertebra. Even numbers are the spine without variants; the disc above C1 has
 * place 2. */
static int below(int vertebra) {
    if (vertebra == DM_T13) return 2 * DM_T12 + 3;
    if (vertebra == DM_L6) return below(DM_L5) + 1;
    int missing = (vertebra > DM_T13) + (vertebra > DM_L6);
    return 2 * (vertebra - missing) + 2;
}

int dm_place_below(int vertebra) {
    return vertebra >= DM_C1 && vertebra <= DM_S5 ? below(vertebra) : 0;
}

/* A vertebra's name and nothing else; DM_LEVEL_NONE for anything more. */
static int strict_level(const char *text) {
    size_t digits = strspn(text + (*text != 0), "0123456789");
    return *text && text[1 + digits] == 0 && digits <= 2 ? dm_level_parse(text) : DM_LEVEL_NONE;
}

static int root_place(int root) {
    if (root == DM_C8) return below(DM_C7);
    return root <= DM_C7 ? below(root - 1) : below(root);
}

/* 1 when no spine has a vertebra between the two: with 11 thoracic or 4 lumbar ones T11 touches L1 and L4
 * touches S1. */
static int touch(int upper, int lower) {
    if (upper == DM_C8 || lower == DM_C8) return 0;
    if (lower == upper + 1) return 1;
    if (lower == DM_L1) return upper >= DM_T12 - 1 && upper <= DM_T13;
    return lower == DM_S1 && upper >= DM_L5 - 1 && upper <= DM_L6;
}

int dm_place_parse(const char *text) {
    char part[8];
    size_t n = strcspn(text, "-");
    if (n >= sizeof part) return 0;
    memcpy(part, text, n);
    part[n] = 0;
    int upper = strict_level(part);
    if (!upper) return 0;
    if (!text[n]) return root_place(upper);
    const char *second = text + n + 1;
    if (strlen(second) > 3) return 0;
    /* "T7-8": the lower vertebra in the same region */
    int same_region = second[0] >= '0' && second[0] <= '9';
    snprintf(part, sizeof part, "%.*s%s", same_region, text, second);
    int lower = strict_level(part);
    return lower && touch(upper, lower) ? below(upper) : 0;
}

int dm_place_upper(int place) {
    for (int v = DM_C1; v <= DM_S5; v++)
        if (below(v) == place) return v;
    return DM_LEVEL_NONE;
}

int dm_place_near(int a, int b, int within_one) {
    return a && b && abs(a - b) <= (within_one ? 2 : 0);
}
