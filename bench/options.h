/* Options of the benches' command lines. */
#ifndef DM_BENCH_OPTIONS_H
#define DM_BENCH_OPTIONS_H

#include <string.h>

/* The word after `name`; `fallback` where there is none. */
static inline const char *bench_option(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return fallback;
}

static inline int bench_has(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return 1;
    return 0;
}

#endif
