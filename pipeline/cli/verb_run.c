#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "labels.h"
#include "pictures.h"
#include "run.h"
#include "verbs.h"

static volatile sig_atomic_t stop_asked;

static void ask_stop(int signal_number) {
    (void)signal_number;
    stop_asked = 1;
}

static void catch_signals(void) {
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = ask_stop;
    sigaction(SIGINT, &a, NULL);
    sigaction(SIGTERM, &a, NULL);
}

static void clock_text(double seconds, char out[64]) {
    long s = (long)seconds;
    snprintf(out, 64, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

/* A terminal gets one line that is written over, and a line with the file's name for each that failed. A log gets a plain
 * line per study and no names: they are often those of patients. */
static void show_progress(void *user, const dm_progress *p) {
    int terminal = *(const int *)user, finished = p->source + 1;
    int measured = p->done + p->failed;
    if (!terminal) {
        if (p->study_id[0]) fprintf(stderr, "%s %s %s%s%s\n", p->study_id, p->answer, p->code, *p->text ? ": " : "", p->text);
        return;
    }
    if (*p->code && p->path && !strcmp(p->answer, "failed"))
        fprintf(stderr, "\r%s: %s: %s\n", p->path, p->code, p->text);
    char left[64] = "?";
    double each = measured ? p->seconds / measured : 0;
    if (measured) clock_text(each * (p->sources - finished), left);
    fprintf(stderr, "\r%d of %d sources, %d done, %d failed, %d skipped, %.0f an hour, %s left   ", finished, p->sources,
            p->done, p->failed, p->skipped, each > 0 ? 3600 / each : 0, left);
    if (finished == p->sources) fputc('\n', stderr);
    fflush(stderr);
}

static int closing(const dm_run_result *r, const char *out) {
    fprintf(stderr, "%d studies done, %d failed, %d sources skipped as done before\ntables: %s/tables  records: %s/records\n",
            r->done, r->failed, r->skipped, out, out);
    if (r->failed) fprintf(stderr, "reasons: error_text in studies.csv; which file a study is: %s/private/mapping.csv\n", out);
    if (r->open) {
        fprintf(stderr, "interrupted: %d sources are left; run the same command again\n", r->open);
        return DM_EXIT_OPEN;
    }
    if (r->failed) return DM_EXIT_SOME_FAILED;
    return r->done ? DM_EXIT_DONE : DM_EXIT_NOTHING;
}

static const dm_verb_help help = {
    "run STUDY... --out OUT",
    "Measures every study and writes one record each, then the tables. A STUDY is an archive (zip, tar, tar.gz, tar.bz2,\n"
    "tar.xz, tar.zst), a folder of DICOM files, or a NIfTI volume. What is done already is not measured again.",
    "duramap run archive/*.zip --out OUT --device gpu"};

typedef struct words {
    const char *out, *protocols, *device, *key;
    int retry, labels, no_pictures, no_selftest;
    long long memory_mb;
} words;

static int run_all(char **argv, int count, const words *w) {
    dm_protocols protocols = {0};
    dm_gpu *gpu = NULL;
    dm_run_result result = {0};
    int terminal = isatty(STDERR_FILENO), failed_kernels = 0;
    dm_status s = dm_protocols_load(w->protocols, &protocols);
    if (dm_good(s)) s = dm_open_device(w->device, w->memory_mb, &gpu);
    if (dm_good(s) && !w->no_selftest) failed_kernels = dm_selftest(gpu, NULL);
    if (failed_kernels)
        s = dm_fail(DM_FATAL, "selftest",
                    "%d kernels differ from their references on this device; duramap selftest shows which; choose another "
                    "device with --device",
                    failed_kernels);
    if (dm_good(s)) {
        const dm_run_options o = {.out = w->out,
                                  .protocols = &protocols,
                                  .sources = (const char *const *)argv,
                                  .n_sources = count,
                                  .key = w->key,
                                  .version = DURAMAP_VERSION,
                                  .selftest = w->no_selftest ? "skipped" : "passed",
                                  .retry_failed = w->retry,
                                  .illustrate = w->no_pictures ? NULL : dm_pictures_write,
                                  .label = w->labels ? dm_labels_write : NULL,
                                  .progress = show_progress,
                                  .user = &terminal,
                                  .stop = &stop_asked};
        catch_signals();
        s = dm_cohort_run(gpu, &o, &result);
    }
    dm_gpu_close(gpu);
    dm_protocols_clear(&protocols);
    int code = dm_tell(s);
    return code == DM_EXIT_DONE ? closing(&result, w->out) : code;
}

int dm_verb_run(int argc, char **argv) {
    words w = {0};
    const dm_option options[] = {
        {"--out", DM_WORD, &w.out, "OUT", "folder for records, tables, pictures (made if missing)"},
        {"--protocols", DM_WORD, &w.protocols, "DIR", "protocol files (those built in)"},
        {"--device", DM_WORD, &w.device, "D", "number, part of a name, cpu or gpu (the largest GPU, else the CPU)"},
        {"--memory", DM_WHOLE, &w.memory_mb, "MB", "device memory to use at most (80 % of it)"},
        {"--key", DM_WORD, &w.key, "FILE", "key of the pseudonyms (OUT/private/key, made if missing)"},
        {"--retry-failed", DM_FLAG, &w.retry, NULL, "measure failed studies again"},
        {"--labels", DM_FLAG, &w.labels, NULL, "write OUT/labels/<study>.nii.gz: 1 sac, 2 canal, 3 pool, 4 diverticulum, 5 vein"},
        {"--no-pictures", DM_FLAG, &w.no_pictures, NULL, "tables only"},
        {"--no-selftest", DM_FLAG, &w.no_selftest, NULL, "leave out the self-test before the first study"},
    };
    int count, code = dm_options_parse(argc, argv, &help, options, sizeof options / sizeof *options, &count);
    if (code >= 0) return code;
    if (!w.out) {
        fprintf(stderr, "duramap: run needs --out, the folder for what it writes\nusage: duramap %s\n", help.usage);
        return DM_EXIT_USAGE;
    }
    if (count == 0) {
        fprintf(stderr, "duramap: nothing to do: no study was given\nusage: duramap %s\n", help.usage);
        return DM_EXIT_NOTHING;
    }
    return run_all(argv, count, &w);
}
