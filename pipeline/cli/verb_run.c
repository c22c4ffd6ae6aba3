#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "labels.h"
#include "pictures.h"
#include "record.h"
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
    "Measures every study and writes one record each, then the tables. A STUDY is an archive (zip, 7z, tar, tar.gz, tar.bz2,\n"
    "tar.xz, tar.zst, ISO image), a folder of DICOM files or of such archives (all of it belongs together), or a NIfTI\n"
    "volume; NIfTI files in an archive or a folder are studies of their own. What is done already is not measured\n"
    "again. Each source is read by a process of its own: a damaged or hostile one costs itself and no other.",
    "duramap run archive/*.zip --out OUT --device gpu"};

typedef struct words {
    const char *out, *protocols, *device, *key, *passphrase_file;
    int retry, labels, no_pictures, no_selftest;
    long long memory_mb, read_memory_mb, read_seconds, max_mb, max_entry_mb, max_ratio, max_entries, depth;
} words;

/* The caps of words, those that were not given by default. */
static dm_archive_limits limits_of(const words *w) {
    dm_archive_limits m = dm_archive_defaults;
    if (w->max_mb >= 0) m.bytes = (uint64_t)w->max_mb << 20;
    if (w->max_entry_mb >= 0) m.entry_bytes = (uint64_t)w->max_entry_mb << 20;
    if (w->max_ratio > 0) m.ratio = (uint64_t)w->max_ratio;
    if (w->max_entries >= 0) m.entries = (long)w->max_entries;
    if (w->depth >= 0) m.depth = (int)w->depth;
    if (w->read_seconds > 0) m.seconds = (double)w->read_seconds;
    return m;
}

/* The first line of the file. It never stands among the arguments, where others see it. */
static dm_status read_passphrase(const char *path, char out[1024]) {
    char *text;
    size_t size;
    out[0] = 0;
    if (!path) return dm_ok;
    if (!dm_good(dm_file_read(path, &text, &size)))
        return dm_fail(DM_FATAL, "config", "%s: the passphrase file cannot be read; check the path and its rights", path);
    text[strcspn(text, "\r\n")] = 0;
    size_t n = strlen(text);
    if (n > 0 && n < 1024) memcpy(out, text, n + 1);
    explicit_bzero(text, size);
    free(text);
    return out[0] ? dm_ok
                  : dm_fail(DM_FATAL, "config", "%s: its first line is no passphrase (empty, or longer than 1023 bytes)", path);
}

static int run_all(char **argv, int count, const words *w) {
    dm_protocols protocols = {0};
    dm_gpu *gpu = NULL;
    dm_run_result result = {0};
    int terminal = isatty(STDERR_FILENO), failed_kernels = 0;
    char passphrase[1024];
    const dm_archive_limits limits = limits_of(w);
    dm_status s = read_passphrase(w->passphrase_file, passphrase);
    if (dm_good(s)) s = dm_protocols_load(w->protocols, &protocols);
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
                                  .reader = "/proc/self/exe",
                                  .protocols_path = w->protocols,
                                  .limits = &limits,
                                  .passphrase = passphrase[0] ? passphrase : NULL,
                                  .read_memory = (uint64_t)w->read_memory_mb << 20,
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
    words w = {.max_mb = -1, .max_entry_mb = -1, .max_entries = -1, .depth = -1};
    const dm_option options[] = {
        {"--out", DM_WORD, &w.out, "OUT", "folder for records, tables, pictures (made if missing)"},
        {"--protocols", DM_WORD, &w.protocols, "DIR", "protocol files (those built in)"},
        {"--device", DM_WORD, &w.device, "D", "number, part of a name, cpu or gpu (the largest GPU, else the CPU)"},
        {"--memory", DM_WHOLE, &w.memory_mb, "MB", "device memory to use at most (80 % of it)"},
        {"--key", DM_WORD, &w.key, "FILE", "key of the pseudonyms (OUT/private/key, made if missing)"},
        {"--passphrase-file", DM_WORD, &w.passphrase_file, "FILE", "its first line opens encrypted zip files"},
        {"--archive-depth", DM_WHOLE, &w.depth, "N", "archives inside archives that are opened, 0 to 3 (1)"},
        {"--max-mb", DM_WHOLE, &w.max_mb, "MB", "a source may expand to this (65536)"},
        {"--max-entry-mb", DM_WHOLE, &w.max_entry_mb, "MB", "one file in it may expand to this (4096)"},
        {"--max-ratio", DM_WHOLE, &w.max_ratio, "N", "expanded to stored bytes, looked at from 1 GiB on (1000)"},
        {"--max-entries", DM_WHOLE, &w.max_entries, "N", "files in a source (200000)"},
        {"--read-seconds", DM_WHOLE, &w.read_seconds, "S", "time to read a source (3600)"},
        {"--read-memory", DM_WHOLE, &w.read_memory_mb, "MB", "memory of the process that reads a source, beside half as much for its volumes (8192)"},
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
    if (w.depth > DM_ARCHIVE_DEEPEST || w.max_entries >= 1 << 24) {
        fprintf(stderr, "duramap: --archive-depth goes to %d, --max-entries to %d\n", DM_ARCHIVE_DEEPEST, (1 << 24) - 1);
        return DM_EXIT_USAGE;
    }
    return run_all(argv, count, &w);
}
