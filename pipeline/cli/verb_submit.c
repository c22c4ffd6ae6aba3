#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "slurm.h"
#include "verbs.h"

static const dm_verb_help help = {
    "submit OUT --partition P",
    "Gives the plan of OUT to a Slurm cluster: an array of tasks, each with its share of the studies, at most --throttle at once,\n"
    "and after the last a job that makes the tables. Tasks of which nothing is open are left out, so the same words submit what\n"
    "is missing. Prints every command; the script stays in OUT/cluster, the logs in OUT/log (no names of archives in them).",
    "duramap submit OUT --partition gpu --gres gpu:1 --studies-per-task 20 --throttle 8 --dry-run"};

typedef struct words {
    const char *plan;
    long long per_task, throttle, cpus;
    dm_slurm_job job;
} words;

static int submit(const char *out, words *w) {
    static char out_path[PATH_MAX], plan_path[PATH_MAX], newest[PATH_MAX], program[PATH_MAX];
    dm_plan plan;
    int tasks = 0, number = dm_plan_newest(out);
    if (!w->plan && !number) {
        fprintf(stderr, "duramap: %s has no plan; make one first: duramap plan ROOT --out %s\n", out, out);
        return DM_EXIT_USAGE;
    }
    dm_plan_path(out, number, newest);
    if (!realpath(out, out_path) || !realpath(w->plan ? w->plan : newest, plan_path) || !realpath("/proc/self/exe", program)) {
        fprintf(stderr, "duramap: %s: no such folder or plan\n", out);
        return DM_EXIT_USAGE;
    }
    w->job.out = out_path;
    w->job.plan_path = plan_path;
    w->job.program = program;
    int code = dm_tell(dm_plan_read(plan_path, &plan));
    if (code == DM_EXIT_DONE) code = dm_tell(dm_slurm_submit(&plan, &w->job, &tasks));
    if (code == DM_EXIT_DONE)
        printf("%d tasks of at most %d studies%s\n", tasks, w->job.per_task,
               tasks ? w->job.dry ? "; nothing was submitted" : "" : ": nothing is left to measure");
    if (code == DM_EXIT_DONE && tasks && !w->job.dry) printf("how far it is: duramap status %s\n", out);
    dm_plan_clear(&plan);
    return code == DM_EXIT_DONE && !tasks ? DM_EXIT_NOTHING : code;
}

int dm_verb_submit(int argc, char **argv) {
    words w = {.per_task = 20, .throttle = 8, .cpus = 4, .job = {.mem = "16G"}};
    const dm_option options[] = {
        {"--partition", DM_WORD, &w.job.partition, "P", "partition of the nodes (the cluster's default)"},
        {"--gres", DM_WORD, &w.job.gres, "gpu:1", "what a task needs beside cores: one GPU (none: it measures on its cores)"},
        {"--studies-per-task", DM_WHOLE, &w.per_task, "N", "sources of a task (20)"},
        {"--throttle", DM_WHOLE, &w.throttle, "K", "tasks that run at once (8)"},
        {"--cpus", DM_WHOLE, &w.cpus, "N", "cores of a task (4)"},
        {"--mem", DM_WORD, &w.job.mem, "16G", "memory of a task (16G)"},
        {"--time", DM_WORD, &w.job.time, "H:MM:SS", "time limit (10 min and six times the estimate for 2 CPU cores)"},
        {"--account", DM_WORD, &w.job.account, "A", "account that is charged"},
        {"--device", DM_WORD, &w.job.device, "D", "gpu or cpu (gpu where Slurm gives one)"},
        {"--options", DM_WORD, &w.job.options, "WORDS", "further options of duramap run, in one word: '--labels --study-seconds 600'"},
        {"--retry-failed", DM_FLAG, &w.job.retry_failed, NULL, "measure failed studies again"},
        {"--merge-partition", DM_WORD, &w.job.merge_partition, "P", "partition of the job that makes the tables: it needs no GPU (--partition)"},
        {"--plan", DM_WORD, &w.plan, "PLAN", "the plan (the newest of OUT)"},
        {"--allow-missing", DM_FLAG, &w.job.allow_missing, NULL, "make the tables also when studies are missing"},
        {"--dry-run", DM_FLAG, &w.job.dry, NULL, "print the script and the commands, submit nothing"},
    };
    int count, code = dm_options_parse(argc, argv, &help, options, sizeof options / sizeof *options, &count);
    if (code >= 0) return code;
    if (count != 1 || w.per_task < 1 || w.throttle < 1 || w.cpus < 1 || w.per_task > 1000000 || w.throttle > 1000000 || w.cpus > 4096 ||
        (w.job.options && strlen(w.job.options) > 1000)) {
        fprintf(stderr, "duramap: submit takes one folder with a plan; numbers begin at 1\nusage: duramap %s\n", help.usage);
        return DM_EXIT_USAGE;
    }
    w.job.per_task = (int)w.per_task;
    w.job.throttle = (int)w.throttle;
    w.job.cpus = (int)w.cpus;
    return submit(argv[0], &w);
}
