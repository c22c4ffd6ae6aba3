#include "level.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[DM_C8 + 1] = {
    "",   "C1", "C2", "C3",  "C4",  "C5",  "C6",  "C7", "T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8",
    "T9", "T10", "T11", "T12", "T13", "L1", "L2", "L3", "L4", "L5", "L6", "S1", "S2", "S3", "S4", "S5", "C8"};

const char *dm_level_name(int level) {
    return level >= DM_C1 && level <= DM_C8 ? names[level] : "";
}

void dm_disc_name(int upper, int lower, char *out, unsigned size) {
    const char *u = dm_level_name(upper), *l = dm_level_name(lower);
    if (!*u || !*l)
        snprintf(out, size, "%s", *u ? u : l);
    else
        snprintf(out, size, "%s-%s", u, u[0] == l[0] ? l + 1 : l);
}

int dm_level_parse(const char *text) {
    static const struct {
        char letter;
        int first, count;
    } region[] = {{'C', DM_C1, 7}, {'T', DM_T1, 13}, {'L', DM_L1, 6}, {'S', DM_S1, 5}};
    if (!text || !text[0] || text[1] < '1' || text[1] > '9') return DM_LEVEL_NONE;
    long n = strtol(text + 1, NULL, 10);
    if (text[0] == 'C' && n == 8) return DM_C8;
    for (unsigned r = 0; r < sizeof region / sizeof *region; r++)
        if (text[0] == region[r].letter && n >= 1 && n <= region[r].count) return region[r].first + (int)n - 1;
    return DM_LEVEL_NONE;
}
