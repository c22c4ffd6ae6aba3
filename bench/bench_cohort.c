/* What a large cohort costs beside measuring:  build/bench_cohort [DIR] [STUDIES...]
 * For each number of studies: stub archives and made-up records (no image is read or measured), then the plan, a task's look at its
 * share, the status and the merge, each in a process of its own. Prints a CSV. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "options.h"
#include "overview.h"
#include "pseudonym.h"
#include "rows.h"
#include "tables.h"

enum { PER_TASK = 20, VERTEBRAE = 24, FINDINGS = 6, SAMPLES = 500 };

typedef struct bench {
    char in[1024], out[1024];
    int n;
} bench;

static int stop(dm_status s) {
    if (!dm_good(s)) fprintf(stderr, "%s: %s\n", s.code, s.text);
    return !dm_good(s);
}

/* ---- the stubs ---- */

static void archive_of(const bench *b, int i, char path[1200]) {
    snprintf(path, 1200, "%s/%03d/study%06d.zip", b->in, i / 1000, i);
}

static dm_status make_archives(const bench *b) {
    char path[1200], text[64];
    for (int i = 0; i < b->n; i++) {
        snprintf(path, sizeof path, "%s/%03d", b->in, i / 1000);
        if (i % 1000 == 0) DM_TRY(dm_folder_make(path, 0755));
        archive_of(b, i, path);
        FILE *f = fopen(path, "w");
        if (!f) return dm_fail(DM_FATAL, "output", "%s cannot be written", path);
        int size = snprintf(text, sizeof text, "stub of study %d\n", i);
        (void)fwrite(text, 1, (size_t)size, f);
        if (fclose(f) != 0) return dm_fail(DM_FATAL, "output", "%s cannot be written", path);
    }
    return dm_ok;
}

/* A study as large in its record as a whole spine: 24 vertebrae, 6 candidates, 500 mm of line. */
static dm_study *make_study(void) {
    dm_study *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->n_passes = 1;
    s->modality = DM_CT;
    snprintf(s->protocol, sizeof s->protocol, "ctm");
    s->levels = (dm_levels){.n = VERTEBRAE, .anchored = 1, .count_method = "ribs", .posterior = 0.9};
    for (int i = 0; i < VERTEBRAE; i++) s->levels.v[i] = (dm_vertebra){.level = DM_C1 + i, .s_mid = 20 * i, .lps = {0, 0, -20.0 * i}};
    s->findings.n = FINDINGS;
    for (int i = 0; i < FINDINGS; i++)
        s->findings.f[i] = (dm_finding){.class_ = DM_VENTRAL_TEAR, .score = 0.5, .side = DM_VENTRAL, .clock = 6, .upper = DM_C1 + i,
                                        .lower = DM_C2 + i, .root = DM_C2 + i, .peak_value = 300};
    s->spine.n = SAMPLES;
    s->spine.ds = 1;
    s->spine.p = calloc(SAMPLES, sizeof *s->spine.p);
    s->spine.score = calloc(SAMPLES, sizeof *s->spine.score);
    s->spine.unsure = calloc(SAMPLES, sizeof *s->spine.unsure);
    if (s->spine.p && s->spine.score && s->spine.unsure) return s;
    dm_study_clear(s);
    free(s);
    return NULL;
}

static dm_status write_mapping(const bench *b, const dm_study *s, const char *source) {
    char path[1200];
    cJSON *m = cJSON_CreateObject();
    cJSON_AddStringToObject(m, "study_id", s->study_id);
    cJSON_AddStringToObject(m, "patient_id", s->patient_id);
    cJSON_AddStringToObject(m, "source", source);
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", b->out, s->study_id);
    dm_status status = dm_record_write(path, m);
    cJSON_Delete(m);
    return status;
}

static dm_status write_record(const bench *b, dm_share *share, dm_study *s, int i, double unmeasured[DM_MAX_STAGES]) {
    char path[1200], digest[65];
    archive_of(b, i, path);
    dm_digest(path, strlen(path), digest);
    snprintf(s->study_id, sizeof s->study_id, "%.16s", digest);
    snprintf(s->patient_id, sizeof s->patient_id, "%.16s", digest + 16);
    dm_account a = {.study = s, .version = "bench", .config_digest = "none", .input_digest = digest, .device = "none", .driver = "none",
                    .host = "none", .selftest = "skipped", .source_id = s->study_id, .studies_in_source = 1, .seconds = 0,
                    .seconds_ingest = 0, .seconds_pictures = NAN, .status = i % 100 ? dm_ok : dm_fail(DM_STUDY, "no_spine", "made up")};
    memcpy(a.seconds_stage, unmeasured, sizeof a.seconds_stage);
    cJSON *record = dm_record_of(&a);
    if (!record) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a record");
    DM_TRY(write_mapping(b, s, path));
    DM_TRY(dm_share_note(share, path, s->study_id));
    snprintf(path, sizeof path, "%s/records/%s.json", b->out, s->study_id);
    dm_status status = dm_record_write(path, record);
    cJSON_Delete(record);
    return status;
}

static dm_status read_plan(const bench *b, dm_plan *plan) {
    char path[4096];
    dm_plan_path(b->out, dm_plan_newest(b->out), path);
    return dm_plan_read(path, plan);
}

static dm_status make_records(const bench *b) {
    char path[1200];
    double unmeasured[DM_MAX_STAGES];
    dm_plan plan;
    dm_share share;
    for (int i = 0; i < DM_MAX_STAGES; i++) unmeasured[i] = NAN;
    snprintf(path, sizeof path, "%s/records", b->out);
    DM_TRY(dm_folder_make(path, 0755));
    snprintf(path, sizeof path, "%s/private/mapping", b->out);
    DM_TRY(dm_folder_make(path, 0700));
    DM_TRY(read_plan(b, &plan));
    DM_TRY(dm_share_open(&plan, b->out, 1, 1, 0, &share));
    dm_study *study = make_study();
    dm_status s = study ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for a study");
    for (int i = 0; dm_good(s) && i < b->n; i++) s = write_record(b, &share, study, i, unmeasured);
    if (study) dm_study_clear(study);
    free(study);
    dm_share_clear(&share);
    dm_plan_clear(&plan);
    return s;
}

/* ---- what is measured ---- */

static dm_status do_plan(const bench *b) {
    const char *roots[] = {b->in};
    const dm_plan_options o = {.roots = roots, .n_roots = 1, .depth = 1, .version = "bench", .config_digest = "none"};
    char path[4096];
    dm_plan plan;
    dm_plan_notes notes;
    snprintf(path, sizeof path, "%s/private", b->out);
    DM_TRY(dm_folder_make(path, 0700));
    DM_TRY(dm_plan_make(&o, &plan, &notes));
    dm_plan_path(b->out, 1, path);
    dm_status s = plan.n == b->n ? dm_plan_write(path, &plan) : dm_fail(DM_FATAL, "wrong", "%d sources of %d", plan.n, b->n);
    dm_plan_clear(&plan);
    return s;
}

static dm_status do_share(const bench *b) {
    dm_plan plan;
    dm_share share;
    DM_TRY(read_plan(b, &plan));
    DM_TRY(dm_share_open(&plan, b->out, 1, (b->n + PER_TASK - 1) / PER_TASK, 0, &share));
    int wrong = share.n != 0;
    dm_share_clear(&share);
    dm_plan_clear(&plan);
    return wrong ? dm_fail(DM_FATAL, "wrong", "sources are open") : dm_ok;
}

static dm_status do_status(const bench *b) {
    dm_plan plan;
    dm_overview o;
    DM_TRY(read_plan(b, &plan));
    DM_TRY(dm_overview_take(&plan, b->out, &o));
    int wrong = o.open != 0 || o.done + o.failed != b->n;
    dm_overview_clear(&o);
    dm_plan_clear(&plan);
    return wrong ? dm_fail(DM_FATAL, "wrong", "%d done, %d failed, %d open", o.done, o.failed, o.open) : dm_ok;
}

static dm_status do_merge(const bench *b) {
    int rows;
    DM_TRY(dm_cohort_merge(b->out, &rows));
    return rows == b->n ? dm_ok : dm_fail(DM_FATAL, "wrong", "%d rows of %d", rows, b->n);
}

/* In a process of its own, so that its memory is its own. 1 when it went well. */
static int measure(const bench *b, const char *name, dm_status (*what)(const bench *)) {
    struct timespec from, to;
    struct rusage used;
    int status;
    fflush(stdout);
    clock_gettime(CLOCK_MONOTONIC, &from);
    pid_t id = fork();
    if (id == 0) _exit(stop(what(b)));
    if (id < 0 || wait4(id, &status, 0, &used) < 0) return 0;
    clock_gettime(CLOCK_MONOTONIC, &to);
    double cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
    double wall = (double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
    printf("%d,%s,%.3f,%.3f,%.3f,%.1f\n", b->n, name, wall, cpu, 1e6 * cpu / (b->n * log2(b->n)), (double)used.ru_maxrss / 1024);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static long entries_of(const char *folder) {
    long n = -2; /* . and .. */
    DIR *d = opendir(folder);
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return d ? n : 0;
}

static void print_folders(const bench *b) {
    static const char *const folders[] = {"records", "private/mapping", "private/sources", "tables"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[1200];
        snprintf(path, sizeof path, "%s/%s", b->out, folders[i]);
        printf("# %d studies: %ld entries in %s\n", b->n, entries_of(path), folders[i]);
    }
}

static int run(const char *folder, int n) {
    bench b = {.n = n};
    snprintf(b.in, sizeof b.in, "%.900s/%d/in", folder, n);
    snprintf(b.out, sizeof b.out, "%.900s/%d/out", folder, n);
    if (access(b.in, F_OK) == 0) {
        fprintf(stderr, "%s is there already; remove it, or give another DIR\n", b.in);
        return 0;
    }
    if (stop(make_archives(&b)) || !measure(&b, "plan", do_plan) || stop(make_records(&b))) return 0;
    if (!measure(&b, "share of a task", do_share) || !measure(&b, "status", do_status) || !measure(&b, "merge", do_merge)) return 0;
    print_folders(&b);
    return 1;
}

static const char help[] =
    "usage: bench_cohort [DIR] [STUDIES...]\n"
    "What a large cohort costs beside measuring: stub archives and made-up records in DIR, then plan, a task's look at its share, status, merge.\n"
    "\n"
    "example:\n"
    "  bench_cohort /dev/shm/cohort 2500 5000\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    static const int usual[] = {2500, 5000, 10000, 20000};
    char folder[1024];
    if (!realpath(argc > 1 && dm_good(dm_folder_make(argv[1], 0755)) ? argv[1] : ".", folder)) return 1;
    puts("# stub archives and made-up records: nothing was read or measured");
    puts("studies,what,seconds,cpu_seconds,cpu_us_per_n_log2_n,peak_mib");
    for (int i = 0; i < (argc > 2 ? argc - 2 : 4); i++) {
        int n = argc > 2 ? atoi(argv[i + 2]) : usual[i]; /* NOLINT(cert-err34-c): 0 is refused */
        if (n < 2 || !run(folder, n)) {
            fputs(help, stderr);
            return 1;
        }
    }
    return 0;
}
