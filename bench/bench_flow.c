/* bench_flow [--device D] [--at-once N] [--out DIR] COHORT...
 * Takes cohorts through a run as `duramap run --no-pictures` does and prints, as CSV, the time of every stage, its share, how busy
 * the device was and what it waited for, studies per hour and the peak of memory. A COHORT is a folder of archives; one that does not exist is made: 4 small phantoms. The
 * records of the run go to DIR (default: COHORT-out) and must not be there yet, or nothing would be measured. See README.md. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cJSON.h"
#include "options.h"
#include "phantom.h"
#include "reader.h"
#include "record.h"
#include "run.h"
#include "stage.h"
#include "verbs.h"

enum { MAX_SOURCES = 4096, PHANTOMS = 4, SEED = 20, PARTS = 32 };

/* Seconds by part of a run, summed over studies: ingest first, then the stages. */
typedef struct account {
    double part[PARTS];
    int studies;
} account;

/* How a cohort is taken through. */
typedef struct way {
    const char *device, *out; /* out NULL = beside the cohort */
    int at_once;              /* as the run takes it */
} way;

typedef struct sources {
    char *path[MAX_SOURCES];
    int n;
} sources;

/* Of all processes that were waited for. */
static double cpu_seconds(void) {
    struct rusage u, all = {.ru_maxrss = 0};
    if (getrusage(RUSAGE_CHILDREN, &u) == 0) all = u;
    return (double)(all.ru_utime.tv_sec + all.ru_stime.tv_sec) + 1e-6 * (double)(all.ru_utime.tv_usec + all.ru_stime.tv_usec);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything in the folder but the phantoms' truth. */
static void list_sources(const char *folder, sources *s) {
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d)) && s->n < MAX_SOURCES;) {
        const char *dot = strrchr(e->d_name, '.');
        if (e->d_name[0] == '.' || (dot && (!strcmp(dot, ".json") || !strcmp(dot, ".csv") || !strcmp(dot, ".txt")))) continue;
        size_t room = strlen(folder) + strlen(e->d_name) + 2;
        char *path = malloc(room);
        if (!path) break;
        snprintf(path, room, "%s/%s", folder, e->d_name);
        s->path[s->n++] = path;
    }
    if (d) closedir(d);
    qsort(s->path, (size_t)s->n, sizeof *s->path, by_name);
}

static void free_sources(sources *s) {
    for (int i = 0; i < s->n; i++) free(s->path[i]);
    s->n = 0;
}

static double number(const cJSON *row, const char *key) {
    const cJSON *v = cJSON_GetObjectItem(row, key);
    return cJSON_IsNumber(v) ? v->valuedouble : 0.0;
}

/* Adds the times in one record of the run. */
static void add_record(const char *path, account *a) {
    cJSON *record = NULL;
    if (!dm_good(dm_record_read(path, &record))) return;
    const cJSON *tables = cJSON_GetObjectItem(record, "tables"), *run = cJSON_GetObjectItem(tables ? tables : record, "run");
    if (cJSON_IsArray(run)) run = cJSON_GetArrayItem(run, 0);
    a->part[0] += number(run, "seconds_ingest");
    for (int i = 0; i < dm_stage_count; i++) {
        char key[80];
        snprintf(key, sizeof key, "seconds_%s", dm_stages[i]->name);
        a->part[i + 1] += number(run, key);
    }
    a->studies++;
    cJSON_Delete(record);
}

static void add_records(const char *out, account *a) {
    char folder[4200], path[4600];
    snprintf(folder, sizeof folder, "%s/records", out);
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        add_record(path, a);
    }
    if (d) closedir(d);
}

static void print_part(const char *cohort, const char *part, double seconds, double cpu, double whole, int studies) {
    printf("%s,%s,%.3f,", cohort, part, seconds / studies);
    if (!isnan(cpu)) printf("%.3f", cpu / studies);
    printf(",%.3f\n", seconds / whole);
}

static void print_account(const char *cohort, const account *a, double cpu, const dm_run_result *r) {
    double seconds = r->seconds, rest = seconds;
    for (int i = 0; i <= dm_stage_count; i++) {
        print_part(cohort, i ? dm_stages[i - 1]->name : "ingest", a->part[i], NAN, seconds, a->studies);
        if (i) rest -= a->part[i]; /* reading goes on beside the rest */
    }
    if (rest >= 0) print_part(cohort, "rest", rest, NAN, seconds, a->studies); /* else several studies were measured at once */
    print_part(cohort, "all", seconds, cpu, seconds, a->studies);
    printf("# %s: %d studies done, %d failed; %.1f studies per hour; device busy %.3f of the run, waited %.1f s for input, %.1f s for "
           "output; peak of memory of all processes %.0f MiB of %.0f\n",
           cohort, r->done, r->failed, 3600.0 * a->studies / seconds, r->busy / seconds, r->wait_input, r->wait_output,
           (double)r->peak_bytes / 1048576.0, (double)r->memory / 1048576.0);
}

static void print_device(void *user, const dm_gpu_info *d) {
    (void)user;
    printf("# device: %s; %s, driver %s; %d units\n", d->name, d->platform, d->driver, d->units);
}

/* Device kernels are built by the first study: a run before, of one source, keeps that out of the figures. */
static dm_status run_once(const way *by, const dm_protocols *protocols, const sources *s, int n, const char *out,
                          dm_run_result *r) {
    const dm_run_options o = {.out = out,
                              .protocols = protocols,
                              .sources = (const char *const *)s->path,
                              .n_sources = n,
                              .version = "bench",
                              .devices = &by->device,
                              .n_devices = 1,
                              .at_once = by->at_once,
                              .reader = "/proc/self/exe",
                              .opened = print_device};
    return dm_cohort_run(&o, r);
}

/* In a process of its own: a run starts from one without an open device. */
static dm_status make_phantoms(const char *device, const char *folder) {
    int status = 0;
    fflush(NULL);
    pid_t id = fork();
    if (id == 0) {
        dm_gpu *gpu = NULL;
        dm_status s = dm_gpu_open(device, 0, &gpu);
        if (dm_good(s)) s = dm_phantom_make(gpu, &(dm_phantom_options){.out = folder, .cases = PHANTOMS, .seed = SEED});
        if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
        _exit(dm_good(s) ? 0 : 1);
    }
    if (id > 0 && waitpid(id, &status, 0) == id && status == 0) return dm_ok;
    return dm_fail(DM_FATAL, "phantom", "the phantoms of %s were not made", folder);
}

static dm_status flow(const way *by, const dm_protocols *protocols, const char *cohort) {
    char beside[4104], warm[4200];
    struct stat st;
    sources s = {.n = 0};
    account a = {.studies = 0};
    dm_run_result r = {0};
    snprintf(beside, sizeof beside, "%s-out", cohort);
    const char *out = by->out ? by->out : beside;
    if (stat(cohort, &st) != 0)
        DM_TRY(make_phantoms(by->device, cohort));
    if (stat(out, &st) == 0) return dm_fail(DM_FATAL, "output", "%s is there already: remove it, or give another --out", out);
    list_sources(cohort, &s);
    snprintf(warm, sizeof warm, "%s-warm", out);
    dm_status status = s.n ? run_once(by, protocols, &s, 1, warm, &r) : dm_fail(DM_FATAL, "input", "%s holds no archive", cohort);
    double before = cpu_seconds();
    if (dm_good(status)) status = run_once(by, protocols, &s, s.n, out, &r);
    if (dm_good(status)) add_records(out, &a);
    if (dm_good(status) && a.studies) print_account(cohort, &a, cpu_seconds() - before, &r);
    free_sources(&s);
    return status;
}

static const char help[] =
    "usage: bench_flow [--device D] [--at-once N] [--out DIR] COHORT...\n"
    "Cohorts of archives through a run without pictures: time of every stage, what the device waited for, studies per hour. A COHORT that is\n"
    "not there is made: 4 small phantoms.\n"
    "\n"
    "example:\n"
    "  bench_flow --device gpu --at-once 8 --out /tmp/flow-out /tmp/flow\n";

static int usage(void) {
    fputs(help, stderr);
    return 1;
}

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    way by = {.device = ""};
    int first = 1;
    if (argc > 1 && !strcmp(argv[1], DM_READER_VERB)) return dm_reader_serve();
    for (; first + 1 < argc && !strncmp(argv[first], "--", 2); first += 2) {
        if (!strcmp(argv[first], "--device")) by.device = argv[first + 1];
        else if (!strcmp(argv[first], "--at-once")) by.at_once = atoi(argv[first + 1]);
        else if (!strcmp(argv[first], "--out")) by.out = argv[first + 1];
        else return usage();
    }
    if (first >= argc || dm_stage_count + 1 > PARTS || !strncmp(argv[first], "--", 2) || (by.out && argc - first > 1)) return usage();
    dm_protocols protocols = {0};
    dm_status s = dm_protocols_load(NULL, &protocols);
    printf("cohort,part,seconds_per_study,cpu_seconds_per_study,share\n");
    for (int i = first; dm_good(s) && i < argc; i++) s = flow(&by, &protocols, argv[i]);
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    dm_protocols_clear(&protocols);
    return dm_good(s) ? 0 : 2;
}
