#include "slurm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "embedded.h"
#include "record.h"

enum { NO_CLUSTER = 1001 }; /* Slurm's own default of MaxArraySize */

/* ---- tasks ---- */

/* One byte per task: 1 = some source of it is to be measured. NULL without memory. */
static unsigned char *open_tasks(const dm_plan *plan, const dm_slurm_job *j, int tasks, int *n_open) {
    unsigned char *open = calloc((size_t)tasks, 1);
    *n_open = 0;
    for (int i = 0; open && i < plan->n; i++) {
        char code[32];
        int task = dm_share_of(plan, i, tasks) - 1;
        dm_planned_state s = open[task] ? DM_PLAN_DONE : dm_plan_state(plan, j->out, i, code, NULL);
        if (s == DM_PLAN_DONE || (s == DM_PLAN_FAILED && !j->retry_failed)) continue;
        open[task] = 1;
        ++*n_open;
    }
    return open;
}

/* "0-3,7%8" of the open tasks from `first` to before `end`, counted from `first`; "" = none. The caller frees; NULL without memory. */
static char *array_of(const unsigned char *open, int first, int end, int throttle) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    int any = 0;
    for (int i = first; i < end; i++) {
        if (!open[i]) continue;
        int from = i;
        while (i + 1 < end && open[i + 1]) i++;
        fprintf(f, "%s%d", any ? "," : "", from - first);
        if (i > from) fprintf(f, "-%d", i - first);
        any = 1;
    }
    if (any) fprintf(f, "%%%d", throttle);
    fclose(f);
    return text;
}

static double seconds_of_largest_task(const dm_plan *plan, int tasks) {
    double *seconds = calloc((size_t)tasks, sizeof *seconds), most = 0;
    for (int i = 0; seconds && i < plan->n; i++) {
        double *s = &seconds[dm_share_of(plan, i, tasks) - 1];
        *s += dm_plan_seconds(plan->source[i].bytes);
        if (*s > most) most = *s;
    }
    free(seconds);
    return most;
}

/* Six times the estimate on two CPU cores, and ten minutes for a slow file system: a task that needs longer is warned, stops
 * after the study in hand and is put back. */
static void time_limit(const dm_plan *plan, int tasks, char out[24]) {
    int minutes = 10 + (int)(6 * seconds_of_largest_task(plan, tasks) / 60);
    snprintf(out, 24, "%d:%02d:00", minutes / 60, minutes % 60);
}

/* ---- the script ---- */

typedef struct setting {
    const char *line;  /* how the template's line begins */
    const char *value; /* NULL = the line is left out; else what stands behind `line` */
    int quote;         /* 1 = for a shell, 2 = for Slurm */
} setting;

static void put_value(const setting *s, FILE *f) {
    fputs(s->line, f);
    if (s->quote == 1) dm_command_quote(s->value, f);
    else if (s->quote == 2) fprintf(f, "\"%s\"", s->value);
    else fputs(s->value, f);
    fputc('\n', f);
}

/* The template with its lines filled in; hints for people who edit it by hand are left out. */
static void fill_template(const char *text, const setting *s, int n, FILE *f) {
    while (*text) {
        size_t length = strcspn(text, "\n");
        int k = 0, hint = strstr(text, "^ <--") && strstr(text, "^ <--") < text + length;
        while (k < n && strncmp(text, s[k].line, strlen(s[k].line)) != 0) k++;
        if (k < n && s[k].value) put_value(&s[k], f);
        else if (k == n && !hint) fprintf(f, "%.*s\n", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static char *script_of(const dm_plan *plan, const dm_slurm_job *j, int tasks) {
    char cpus[16], count[16], log[4200], limit[24], options[1100], *text = NULL;
    size_t size = 0;
    snprintf(cpus, sizeof cpus, "%d", j->cpus);
    snprintf(count, sizeof count, "%d", tasks);
    snprintf(log, sizeof log, "%s/log/%%x-%%A-%%a.log", j->out);
    snprintf(options, sizeof options, "(%s%s)", j->options ? j->options : "", j->retry_failed ? " --retry-failed" : "");
    time_limit(plan, tasks, limit);
    const setting settings[] = {
        {"#SBATCH --partition=", j->partition, 0},
        {"#SBATCH --array=", NULL, 0}, /* on the command line: there may be several */
        {"#SBATCH --gres=", j->gres, 0},
        {"#SBATCH --cpus-per-task=", cpus, 0},
        {"#SBATCH --mem=", j->mem, 0},
        {"#SBATCH --time=", j->time ? j->time : limit, 0},
        {"#SBATCH --output=", log, 2},
        {"OUT=", j->out, 1},
        {"PLAN=", j->plan_path, 1},
        {"DURAMAP=", j->program, 1},
        {"TASKS=", count, 0},
        {"DEVICE=", j->device ? j->device : "", 0},
        {"OPTIONS=", options, 0},
    };
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    fill_template(dm_cluster_files[0].text, settings, sizeof settings / sizeof *settings, f);
    fclose(f);
    return text;
}

/* ---- submitting ---- */

static int most_in_array(void) {
    static const char *const ask[] = {"scontrol", "show", "config", NULL};
    static char text[65536];
    if (!dm_good(dm_command_run(ask, text, sizeof text))) return NO_CLUSTER;
    const char *at = strstr(text, "MaxArraySize"), *value = at ? strchr(at, '=') : NULL;
    long n = value ? strtol(value + 1, NULL, 10) : 0;
    return n > 0 && n < 1 << 24 ? (int)n : NO_CLUSTER;
}

/* Prints a command and runs it. number: of the job, "<n>" in a dry run. */
static dm_status submit(const char *const argv[], const dm_slurm_job *j, const char *what, char number[64]) {
    char said[256] = "";
    dm_command_print(argv, stdout);
    snprintf(number, 64, "<%s>", what);
    if (j->dry) return dm_ok;
    fflush(stdout);
    DM_TRY(dm_command_run(argv, said, sizeof said));
    said[strcspn(said, ";\r\n")] = 0; /* "123" or "123;cluster" */
    if (!said[0]) return dm_fail(DM_FATAL, "command", "sbatch gave no job number");
    snprintf(number, 64, "%.60s", said);
    printf("  job %s: %s\n", number, what);
    return dm_ok;
}

/* One array; *before = the array that it waits for, "" = none, and then its own number: the throttle holds for all together. */
static dm_status submit_array(const dm_slurm_job *j, const char *script, const char *tasks, int first, char before[64]) {
    char dependency[100], array[32], what[64], number[64];
    const char *argv[16];
    int n = 0;
    size_t size = strlen(tasks) + sizeof "--array=";
    char *spec = malloc(size);
    if (!spec) return dm_fail(DM_FATAL, "out_of_memory", "no memory for an array");
    snprintf(spec, size, "--array=%s", tasks);
    snprintf(dependency, sizeof dependency, "--dependency=afterany:%s", before);
    snprintf(array, sizeof array, "%d", first);
    snprintf(what, sizeof what, "array-from-%d", first);
    argv[n++] = "sbatch";
    argv[n++] = "--parsable";
    argv[n++] = spec;
    if (before[0]) argv[n++] = dependency;
    if (j->account) argv[n++] = "--account", argv[n++] = j->account;
    argv[n++] = script;
    argv[n++] = array;
    argv[n] = NULL;
    dm_status s = submit(argv, j, what, number);
    snprintf(before, 64, "%s", number);
    free(spec);
    return s;
}

static dm_status submit_merge(const dm_slurm_job *j, const char *after) {
    char dependency[100], log[4200], number[64], *wrap = NULL;
    size_t size = 0;
    const char *argv[20];
    int n = 0;
    FILE *f = open_memstream(&wrap, &size);
    if (!f) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a command");
    dm_command_quote(j->program, f);
    fputs(" merge ", f);
    dm_command_quote(j->out, f);
    fputs(" --plan ", f);
    dm_command_quote(j->plan_path, f);
    if (j->allow_missing) fputs(" --allow-missing", f);
    fclose(f);
    snprintf(dependency, sizeof dependency, "--dependency=afterany:%s", after);
    snprintf(log, sizeof log, "--output=%s/log/duramap-merge-%%j.log", j->out);
    argv[n++] = "sbatch";
    argv[n++] = "--parsable";
    argv[n++] = "--job-name=duramap-merge";
    argv[n++] = dependency; /* afterany: merge counts the studies itself, whatever the tasks' exit codes say */
    argv[n++] = log;
    argv[n++] = "--time=1:00:00";
    const char *partition = j->merge_partition ? j->merge_partition : j->partition;
    if (partition) argv[n++] = "--partition", argv[n++] = partition;
    if (j->account) argv[n++] = "--account", argv[n++] = j->account;
    argv[n++] = "--wrap";
    argv[n++] = wrap;
    argv[n] = NULL;
    dm_status s = submit(argv, j, "merge", number);
    free(wrap);
    return s;
}

static dm_status submit_arrays(const dm_slurm_job *j, const char *script, const unsigned char *open, int tasks) {
    char before[64] = "";
    int most = most_in_array();
    for (int first = 0; first < tasks; first += most) {
        char *list = array_of(open, first, first + most < tasks ? first + most : tasks, j->throttle);
        if (!list) return dm_fail(DM_FATAL, "out_of_memory", "no memory for an array");
        dm_status s = list[0] ? submit_array(j, script, list, first, before) : dm_ok;
        free(list);
        if (!dm_good(s)) return s;
    }
    return submit_merge(j, before);
}

/* Puts the script into OUT, or prints it in a dry run. */
static dm_status place_script(const dm_plan *plan, const dm_slurm_job *j, int tasks, char path[4096]) {
    snprintf(path, 4096, "%s/log", j->out);
    if (!j->dry) DM_TRY(dm_folder_make(path, 0755));
    snprintf(path, 4096, "%s/cluster", j->out);
    if (!j->dry) DM_TRY(dm_folder_make(path, 0755));
    snprintf(path, 4096, "%s/cluster/duramap.sbatch", j->out);
    char *text = script_of(plan, j, tasks);
    if (!text) return dm_fail(DM_FATAL, "out_of_memory", "no memory for the script");
    dm_status s = j->dry ? dm_ok : dm_file_replace(path, text, strlen(text), 0755);
    if (j->dry) printf("# %s\n%s\n", path, text);
    free(text);
    return s;
}

dm_status dm_slurm_submit(const dm_plan *plan, const dm_slurm_job *j, int *tasks) {
    char script[4096];
    int all = (plan->n + j->per_task - 1) / j->per_task;
    unsigned char *open = open_tasks(plan, j, all, tasks);
    if (!open) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d tasks", all);
    dm_status s = *tasks ? place_script(plan, j, all, script) : dm_ok;
    if (dm_good(s) && *tasks) s = submit_arrays(j, script, open, all);
    free(open);
    return s;
}
