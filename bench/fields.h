/* Rows of the benches' own tables. */
#ifndef DM_BENCH_FIELDS_H
#define DM_BENCH_FIELDS_H

#include <string.h>

/* Cuts a line at its commas into at most `most` fields; *rest = what is left uncut, NULL where nothing is. Returns their number. */
static inline int bench_fields(char *line, char **field, int most, char **rest) {
    int n = 0;
    *rest = line;
    for (; *rest && n < most; n++) {
        field[n] = *rest;
        *rest = strchr(*rest, ',');
        if (*rest) *(*rest)++ = 0;
    }
    return n;
}

#endif
