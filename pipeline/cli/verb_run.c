#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "labels.h"
#include "pictures.h"
#include "planned.h"
#include "record.h"
#include "verbs.h"

static volatile sig_atomic_t stop_asked;

static void ask_stop(int signal_number) {
    (void)signal_number;
    stop_asked = stop_asked + 1;
}

/* TERM: people and batch systems; USR1, USR2: what batch systems send before a time limit; INT: a key pressed. */
static void catch_signals(void) {
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
    struct sigaction a;
    memset(&a, 0, sizeof a);
    a.sa_handler = ask_stop;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &a, NULL);
}

static void clock_text(double seconds, char out[64]) {
    long s = (long)seconds;
    snprintf(out, 64, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
}

/* A terminal gets one line that is written over, and a line with the file's name for each that failed. A log gets a plain
 * line per study and no names: they are often those of patients. */
static void show_progress(int terminal, const dm_progress *p) {
    int finished = p->source + 1;
    int measured = p->done + p->failed;
    if (!terminal) {
        if (p->study_id[0] && strcmp(p->answer, "skipped") != 0) fprintf(stderr, "%s %s %s%s%s\n", p->study_id, p->answer, p->code, *p->text ? ": " : "", p->text);
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

/* What a run knows beside its options. */
typedef struct session {
    int terminal;
    dm_planned_run *planned; /* NULL = studies were named */
} session;

static void on_progress(void *user, const dm_progress *p) {
    const session *s = user;
    if (s->planned) dm_planned_note(s->planned, p);
    show_progress(s->terminal, p);
}

static dm_status on_read(void *user, const char *source, const char *digest) {
    const session *s = user;
    return s->planned ? dm_share_admit(&s->planned->share, source, digest) : dm_ok;
}

/* Which of reading, measuring and writing a faster machine would have to do faster. */
static void tell_bound(const dm_run_result *r) {
    double whole = r->busy + r->wait_input + r->wait_output;
    if (whole <= 0) return;
    const char *bound = r->busy >= r->wait_input + r->wait_output ? "the device" : r->wait_input > r->wait_output ? "reading" : "writing";
    fprintf(stderr, "bound by %s: it measured for %.0f %% of its time, waited for input %.0f %% and for output %.0f %%; "
                    "%.0f MB of memory at most, of %.0f\n",
            bound, 100 * r->busy / whole, 100 * r->wait_input / whole, 100 * r->wait_output / whole,
            (double)r->peak_bytes / 1048576.0, (double)r->memory / 1048576.0);
    if (r->restarts) fprintf(stderr, "%d times a measuring process ended and another took its place\n", r->restarts);
}

/* whole = 0: a share, without tables. */
static int closing(const dm_run_result *r, const char *out, int whole) {
    fprintf(stderr, "%d studies done, %d failed, %d sources skipped as done before\n", r->done, r->failed, r->skipped);
    if (whole) fprintf(stderr, "tables: %s/tables  records: %s/records\n", out, out);
    else fprintf(stderr, "records: %s/records; duramap merge %s makes the tables when all shares are done\n", out, out);
    tell_bound(r);
    if (r->failed) fprintf(stderr, "reasons: error_text in studies.csv; which file a study is: %s/private/mapping.csv\n", out);
    if (r->open) {
        fprintf(stderr, "interrupted: %d sources are left; run the same command again\n", r->open);
        return DM_EXIT_OPEN;
    }
    if (r->failed) return DM_EXIT_SOME_FAILED;
    return r->done ? DM_EXIT_DONE : DM_EXIT_NOTHING;
}

static const dm_verb_help help = {
    "run STUDY... --out OUT  or  run --plan PLAN --out OUT [--shard I/N]",
    "Measures every study and writes one record each, then the tables. A STUDY is an archive (zip, 7z, tar, tar.gz, tar.bz2,\n"
    "tar.xz, tar.zst, ISO image), a folder of DICOM files or of such archives (all of it belongs together), or a NIfTI\n"
    "volume; NIfTI files in an archive or a folder are studies of their own. What is done already is not measured again. Each\n"
    "source is read by a process of its own, and measured by another:\n"
    "a damaged or hostile one costs itself and no other. TERM, USR1, USR2 or INT: the study in hand is finished, a second one\n"
    "drops it; either way the same command goes on where it was left.",
    "duramap run archive/*.zip --out OUT --device gpu"};

typedef struct words {
    const char *out, *protocols, *device, *key, *passphrase_file, *fallback, *plan, *shard;
    int retry, labels, no_pictures, no_selftest;
    long long memory_mb, at_once, device_memory_mb, study_seconds, grace, readers, read_memory_mb, read_seconds, max_mb, max_entry_mb, max_ratio, max_entries, depth;
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

static dm_status selftest(dm_gpu *gpu) {
    int failed = dm_selftest(gpu, NULL);
    if (!failed) return dm_ok;
    return dm_fail(DM_FATAL, "selftest",
                   "%d kernels differ from their references on this device; duramap selftest shows which; choose another "
                   "device with --device",
                   failed);
}

static void show_device(void *user, const dm_gpu_info *d) {
    (void)user;
    fprintf(stderr, "device: %s (%s, driver %s)\n", d->name, d->platform, d->driver);
}

enum { MOST_DEVICES = 64 };

/* "0,1" to its words; the text is cut up. */
static int split_devices(char *text, const char *device[MOST_DEVICES]) {
    int n = 0;
    char *rest = NULL;
    for (char *d = text ? strtok_r(text, ",", &rest) : NULL; d && n < MOST_DEVICES; d = strtok_r(NULL, ",", &rest)) device[n++] = d;
    return n;
}

/* planned NULL = the studies of argv. */
static dm_status run_cohort(char **argv, int count, const words *w, const dm_protocols *protocols, const char *passphrase,
                            dm_planned_run *planned, dm_run_result *result) {
    session here = {.terminal = isatty(STDERR_FILENO), .planned = planned};
    const dm_archive_limits limits = limits_of(w);
    const char *device[MOST_DEVICES];
    char *devices = w->device ? strdup(w->device) : NULL;
    dm_run_options o = {.out = w->out,
                        .protocols = protocols,
                        .sources = (const char *const *)argv,
                        .n_sources = count,
                        .key = w->key,
                        .version = DURAMAP_VERSION,
                        .retry_failed = w->retry,
                        .devices = device,
                        .n_devices = split_devices(devices, device),
                        .at_once = (int)w->at_once,
                        .device_memory = (uint64_t)w->device_memory_mb << 20,
                        .fall_back = w->fallback && !strcmp(w->fallback, "cpu"),
                        .selftest = w->no_selftest ? NULL : selftest,
                        .reader = "/proc/self/exe",
                        .protocols_path = w->protocols,
                        .limits = &limits,
                        .passphrase = passphrase[0] ? passphrase : NULL,
                        .read_memory = (uint64_t)w->read_memory_mb << 20,
                        .readers = (int)w->readers,
                        .memory = (uint64_t)w->memory_mb << 20,
                        .study_seconds = (double)w->study_seconds,
                        .grace_seconds = (double)w->grace,
                        .illustrate = w->no_pictures ? NULL : dm_pictures_write,
                        .label = w->labels ? dm_labels_write : NULL,
                        .opened = show_device,
                        .admit = on_read,
                        .progress = on_progress,
                        .user = &here,
                        .stop = &stop_asked};
    if (planned) dm_planned_fill(planned, &o);
    dm_status s = dm_cohort_run(&o, result);
    free(devices);
    if (planned) dm_planned_close(planned, result);
    return planned && dm_good(s) ? dm_worse(s, planned->noted) : s;
}

/* The plan, and the protocols as it wants them. */
static dm_status open_plan(const words *w, dm_planned_run *planned, dm_protocols *protocols) {
    DM_TRY(dm_planned_open(w->plan, w->shard, w->out, w->retry, planned));
    DM_TRY(dm_protocols_load(w->protocols ? w->protocols : dm_planned_protocols(planned), protocols));
    return dm_planned_check(planned, DURAMAP_VERSION, protocols);
}

static int run_all(char **argv, int count, const words *w) {
    dm_protocols protocols = {0};
    dm_run_result result = {0};
    dm_planned_run planned = {.shards = 1};
    char passphrase[1024];
    catch_signals();
    dm_status s = read_passphrase(w->passphrase_file, passphrase);
    if (dm_good(s)) s = w->plan ? open_plan(w, &planned, &protocols) : dm_protocols_load(w->protocols, &protocols);
    if (dm_good(s)) s = run_cohort(argv, count, w, &protocols, passphrase, w->plan ? &planned : NULL, &result);
    dm_planned_clear(&planned);
    dm_protocols_clear(&protocols);
    int code = dm_tell(s);
    if (!dm_good(s) && result.done + result.failed)
        fprintf(stderr, "%d studies were recorded, %d sources are left; mend that and run the same command again\n",
                result.done + result.failed, result.open);
    return code == DM_EXIT_DONE ? closing(&result, w->out, planned.shards == 1) : code;
}

int dm_verb_run(int argc, char **argv) {
    words w = {.max_mb = -1, .max_entry_mb = -1, .max_entries = -1, .depth = -1};
    const dm_option options[] = {
        {"--out", DM_WORD, &w.out, "OUT", "folder for records, tables, pictures (made if missing)"},
        {"--protocols", DM_WORD, &w.protocols, "DIR", "protocol files (those built in)"},
        {"--device", DM_WORD, &w.device, "D", "number, part of a name, cpu or gpu; several: 0,1 (the largest GPU, else the CPU)"},
        {"--at-once", DM_WHOLE, &w.at_once, "N", "studies measured at once on each device (GPU: one for two processors, 8 at most; CPU: 1)"},
        {"--device-memory", DM_WHOLE, &w.device_memory_mb, "MB", "memory of a device to use at most, all studies together (80 % of it)"},
        {"--fallback", DM_WORD, &w.fallback, "cpu|fail", "when a device cannot be opened, or not any more (fail: the run ends)"},
        {"--memory", DM_WHOLE, &w.memory_mb, "MB", "memory of all processes together (80 % of what the machine or job has left)"},
        {"--study-seconds", DM_WHOLE, &w.study_seconds, "S", "time to measure a study (3600)"},
        {"--grace", DM_WHOLE, &w.grace, "S", "after TERM, USR1, USR2 or INT the study in hand may take so long (all its time)"},
        {"--readers", DM_WHOLE, &w.readers, "N", "sources read at once (by the number of processors)"},
        {"--key", DM_WORD, &w.key, "FILE", "key of the pseudonyms (OUT/private/key, made if missing)"},
        {"--passphrase-file", DM_WORD, &w.passphrase_file, "FILE", "its first line opens encrypted zip files"},
        {"--archive-depth", DM_WHOLE, &w.depth, "N", "archives inside archives that are opened, 0 to 3 (1)"},
        {"--max-mb", DM_WHOLE, &w.max_mb, "MB", "a source may expand to this (65536)"},
        {"--max-entry-mb", DM_WHOLE, &w.max_entry_mb, "MB", "one file in it may expand to this (4096)"},
        {"--max-ratio", DM_WHOLE, &w.max_ratio, "N", "expanded to stored bytes, looked at from 1 GiB on (1000)"},
        {"--max-entries", DM_WHOLE, &w.max_entries, "N", "files in a source (200000)"},
        {"--read-seconds", DM_WHOLE, &w.read_seconds, "S", "time to read a source (3600)"},
        {"--read-memory", DM_WHOLE, &w.read_memory_mb, "MB", "memory of the process that reads a source, beside half as much for its volumes (8192)"},
        {"--plan", DM_WORD, &w.plan, "PLAN", "the sources of a plan (OUT/private/plan-1.jsonl), instead of studies"},
        {"--shard", DM_WORD, &w.shard, "I/N", "of the plan only the I-th of N shares; the tables are left to duramap merge"},
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
    if (w.plan ? count > 0 : w.shard != NULL) {
        fprintf(stderr, "duramap: %s\nusage: duramap %s\n",
                w.plan ? "studies are named, or a plan is given, not both" : "--shard is a share of a --plan", help.usage);
        return DM_EXIT_USAGE;
    }
    if (count == 0 && !w.plan) {
        fprintf(stderr, "duramap: nothing to do: no study was given\nusage: duramap %s\n", help.usage);
        return DM_EXIT_NOTHING;
    }
    if (w.depth > DM_ARCHIVE_DEEPEST || w.max_entries >= 1 << 24) {
        fprintf(stderr, "duramap: --archive-depth goes to %d, --max-entries to %d\n", DM_ARCHIVE_DEEPEST, (1 << 24) - 1);
        return DM_EXIT_USAGE;
    }
    if (w.fallback && strcmp(w.fallback, "cpu") != 0 && strcmp(w.fallback, "fail") != 0) {
        fprintf(stderr, "duramap: --fallback is cpu or fail\n");
        return DM_EXIT_USAGE;
    }
    return run_all(argv, count, &w);
}
