#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void print_help(FILE *to, const dm_verb_help *h, const dm_option *o, int count) {
    fprintf(to, "usage: duramap %s\n\n%s\n", h->usage, h->about);
    if (count) fprintf(to, "\noptions:\n");
    for (int i = 0; i < count; i++) {
        char left[64];
        snprintf(left, sizeof left, "%s %s", o[i].name, o[i].argument ? o[i].argument : "");
        fprintf(to, "  %-24s %s\n", left, o[i].help);
    }
    fprintf(to, "  %-24s %s\n\nexample:\n  %s\n", "--help", "this text", h->example);
}

static int bad(const dm_verb_help *h, const char *what, const char *which) {
    fprintf(stderr, "duramap: %s %s\nusage: duramap %s\nsee --help for the options\n", what, which, h->usage);
    return DM_EXIT_USAGE;
}

static int take_value(const dm_option *o, const char *text, const dm_verb_help *h) {
    if (o->kind == DM_WORD) {
        *(const char **)o->value = text;
        return -1;
    }
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < 0) return bad(h, "a whole number, 0 or more, is expected after", o->name);
    *(long long *)o->value = v;
    return -1;
}

int dm_options_parse(int argc, char **argv, const dm_verb_help *help, const dm_option *options, int count, int *words) {
    *words = 0;
    for (int i = 1; i < argc; i++) {
        const dm_option *o = NULL;
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            print_help(stdout, help, options, count);
            return DM_EXIT_DONE;
        }
        if (argv[i][0] != '-' || !argv[i][1]) {
            argv[(*words)++] = argv[i];
            continue;
        }
        for (int k = 0; k < count; k++)
            if (!strcmp(argv[i], options[k].name)) o = &options[k];
        if (!o) return bad(help, "unknown option", argv[i]);
        if (o->kind == DM_FLAG) {
            *(int *)o->value = 1;
            continue;
        }
        if (i + 1 == argc) return bad(help, "a value is missing after", argv[i]);
        int code = take_value(o, argv[++i], help);
        if (code >= 0) return code;
    }
    return -1;
}
