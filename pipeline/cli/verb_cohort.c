/* What looks at a cohort from its files: status and merge. */
#include <stdlib.h>
#include <string.h>

#include "overview.h"
#include "tables.h"
#include "verbs.h"

/* The plan that was given, or the newest of OUT; *has = 0 when there is none. */
static dm_status open_plan(const char *given, const char *out, dm_plan *plan, int *has) {
    char path[4096];
    int newest = dm_plan_newest(out);
    *plan = (dm_plan){0};
    *has = given || newest;
    if (!*has) return dm_ok;
    if (!given) dm_plan_path(out, newest, path);
    return dm_plan_read(given ? given : path, plan);
}

static int list_sources(const dm_plan *plan, int has, const char *out, const char *which) {
    int open = !strcmp(which, "open");
    if (!open && strcmp(which, "failed") != 0) {
        fprintf(stderr, "duramap: --list takes open or failed\n");
        return DM_EXIT_USAGE;
    }
    if (!has) {
        fprintf(stderr, "duramap: --list needs a plan: duramap plan makes one, --plan names one\n");
        return DM_EXIT_USAGE;
    }
    dm_overview_list(plan, out, open ? DM_PLAN_OPEN : DM_PLAN_FAILED, stdout);
    return DM_EXIT_DONE;
}

static int print_status(const dm_plan *plan, int has, const char *out) {
    dm_overview s;
    int code = dm_tell(dm_overview_take(has ? plan : NULL, out, &s));
    if (code == DM_EXIT_DONE) {
        if (has) printf("planned %d sources (digest %.12s)\n", plan->n, plan->digest);
        if (has && strcmp(plan->version, DURAMAP_VERSION) != 0)
            printf("the plan was made by duramap %s, this is %s: duramap plan --renew before you go on\n", plan->version,
                   DURAMAP_VERSION);
        dm_overview_print(&s, stdout);
    }
    dm_overview_clear(&s);
    return code;
}

int dm_verb_status(int argc, char **argv) {
    static const dm_verb_help help = {
        "status OUT",
        "Counts what is done, what failed and why, what is open and what runs, from files alone, also while others write. A run\n"
        "that gave no sign of life for a minute is shown as stopped. With --list the paths themselves, one a line, to be used\n"
        "by you: they may hold patients' names.",
        "duramap status OUT --list open"};
    const char *given = NULL, *which = NULL;
    const dm_option options[] = {
        {"--plan", DM_WORD, &given, "PLAN", "the plan to count by (the newest of OUT)"},
        {"--list", DM_WORD, &which, "open|failed", "print the paths of these sources instead"},
    };
    int words, has, code = dm_options_parse(argc, argv, &help, options, sizeof options / sizeof *options, &words);
    if (code >= 0) return code;
    if (words != 1) {
        fprintf(stderr, "duramap: status takes one folder, the OUT of a run\nusage: duramap %s\n", help.usage);
        return DM_EXIT_USAGE;
    }
    dm_plan plan;
    code = dm_tell(open_plan(given, argv[0], &plan, &has));
    if (code == DM_EXIT_DONE) code = which ? list_sources(&plan, has, argv[0], which) : print_status(&plan, has, argv[0]);
    dm_plan_clear(&plan);
    return code;
}

/* The open sources into OUT/private/missing.txt: a log must not hold their names. *n = how many. */
static dm_status write_missing(const dm_plan *plan, const char *out, int *n) {
    char path[4096], *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a list");
    *n = dm_overview_list(plan, out, DM_PLAN_OPEN, f);
    fclose(f);
    snprintf(path, sizeof path, "%s/private/missing.txt", out);
    dm_status s = dm_file_replace(path, text, size, 0600);
    free(text);
    return s;
}

int dm_verb_merge(int argc, char **argv) {
    static const dm_verb_help help = {
        "merge OUT",
        "Makes OUT/tables from OUT/records: the same bytes for any order, split or number of machines. Where there is a plan,\n"
        "a cohort with open sources is refused (exit 75) unless they may be missing; OUT/private/missing.txt names them.",
        "duramap merge OUT"};
    const char *given = NULL;
    int allow = 0, words, has, rows = 0, missing = 0;
    const dm_option options[] = {
        {"--plan", DM_WORD, &given, "PLAN", "the plan to count by (the newest of OUT)"},
        {"--allow-missing", DM_FLAG, &allow, NULL, "make the tables of what is there"},
    };
    int code = dm_options_parse(argc, argv, &help, options, sizeof options / sizeof *options, &words);
    if (code >= 0) return code;
    if (words != 1) {
        fprintf(stderr, "duramap: merge takes one folder, the OUT of a run\nusage: duramap %s\n", help.usage);
        return DM_EXIT_USAGE;
    }
    dm_plan plan;
    dm_status s = open_plan(given, argv[0], &plan, &has);
    if (dm_good(s) && has) s = write_missing(&plan, argv[0], &missing);
    if (dm_good(s) && missing)
        fprintf(stderr, "%d of %d sources are open; %s/private/missing.txt names them\n", missing, plan.n, argv[0]);
    dm_plan_clear(&plan);
    if (dm_good(s) && missing && !allow) {
        fprintf(stderr, "no tables were made: run what is open, or merge with --allow-missing\n");
        return DM_EXIT_OPEN;
    }
    if (dm_good(s)) s = dm_cohort_merge(argv[0], &rows);
    code = dm_tell(s);
    if (code == DM_EXIT_DONE) printf("%d studies in %s/tables\n", rows, argv[0]);
    return code == DM_EXIT_DONE && rows == 0 ? DM_EXIT_NOTHING : code;
}
