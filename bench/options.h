/* Options of the benches' command lines. */
#ifndef DM_BENCH_OPTIONS_H
#define DM_BENCH_OPTIONS_H

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

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

/* 1 after `text` was printed, because --help asks for it: whatever else is given is not taken for a folder's name. */
static inline int bench_help(int argc, char **argv, const char *text) {
    if (!bench_has(argc, argv, "--help")) return 0;
    fputs(text, stdout);
    return 1;
}

/* The folder after --cache, made if missing; NULL where none is asked for. */
static inline const char *bench_cache(int argc, char **argv) {
    const char *folder = bench_option(argc, argv, "--cache", NULL);
    if (folder) (void)mkdir(folder, 0777); /* one that cannot be made keeps nothing */
    return folder;
}

#endif
