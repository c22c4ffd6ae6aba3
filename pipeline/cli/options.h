/* Options of a verb as a table: the parser and --help are made from it. */
#ifndef DM_OPTIONS_H
#define DM_OPTIONS_H

#include <stdio.h>

typedef enum dm_option_kind { DM_FLAG, DM_WORD, DM_WHOLE } dm_option_kind;

typedef struct dm_option {
    const char *name; /* "--out" */
    dm_option_kind kind;
    void *value;          /* FLAG: int *, WORD: const char **, WHOLE: long long * */
    const char *argument; /* what stands after it: "OUT"; NULL for a flag */
    const char *help;
} dm_option;

typedef struct dm_verb_help {
    const char *usage, *about, *example;
} dm_verb_help;

enum { DM_EXIT_DONE = 0, DM_EXIT_USAGE = 1, DM_EXIT_NOTHING = 2, DM_EXIT_SOME_FAILED = 3, DM_EXIT_FATAL = 4, DM_EXIT_OPEN = 75 };

/* Parses argv[1..]. Words that are no option are moved to the front of argv (argv[0] .. argv[*words - 1]). Returns -1 to go
 * on, else the exit code (0 after --help, 1 with a message on stderr). */
int dm_options_parse(int argc, char **argv, const dm_verb_help *help, const dm_option *options, int count, int *words);

#endif
