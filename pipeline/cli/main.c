#include <stdio.h>
#include <string.h>

#include "reader.h"
#include "verbs.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *about;
} verbs[] = {
    {"run", dm_verb_run, "measure studies: archives, folders, NIfTI files"},
    {"plan", dm_verb_plan, "list the studies of a cohort once and for all"},
    {"submit", dm_verb_submit, "give a planned cohort to a Slurm cluster"},
    {"status", dm_verb_status, "what is done, failed and open, what runs and for how long, from files alone"},
    {"merge", dm_verb_merge, "make the tables from the records"},
    {"compare", dm_verb_compare, "compare protocols against what is known about the patients"},
    {"phantom", dm_verb_phantom, "make digital reference objects with their truth"},
    {"devices", dm_verb_devices, "list the OpenCL devices"},
    {"selftest", dm_verb_selftest, "every kernel against its scalar reference"},
    {"check", dm_verb_check, "check protocol files, or write the reference of all parameters"},
    {"version", dm_verb_version, "print the version"},
};
enum { VERBS = sizeof verbs / sizeof *verbs };

static int help(FILE *to, int code) {
    fprintf(to, "duramap finds where cerebrospinal fluid leaks out of the spine, in archived myelography.\n"
                "Research use, not for diagnosis.\n\nusage: duramap VERB ...   (duramap VERB --help tells more)\n\n");
    for (int i = 0; i < VERBS; i++) fprintf(to, "  %-9s %s\n", verbs[i].name, verbs[i].about);
    fprintf(to, "\nexample:\n  duramap run studies/*.zip --out OUT\n\n"
                "exit: 0 done, 1 usage or configuration, 2 nothing to do, 3 some studies failed, 4 fatal,\n"
                "      75 interrupted with work left\n");
    return code;
}

int main(int argc, char **argv) {
    if (argc < 2) return help(stderr, DM_EXIT_USAGE);
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) return help(stdout, DM_EXIT_DONE);
    if (!strcmp(argv[1], DM_READER_VERB)) return dm_reader_serve(); /* started by a run, not by people */
    if (!strcmp(argv[1], "--version")) return dm_verb_version(argc - 1, argv + 1);
    for (int i = 0; i < VERBS; i++)
        if (!strcmp(argv[1], verbs[i].name)) return verbs[i].run(argc - 1, argv + 1);
    fprintf(stderr, "duramap: there is no verb '%s'; duramap --help lists them\n", argv[1]);
    return DM_EXIT_USAGE;
}
