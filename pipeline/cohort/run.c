#include "run.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"
#include "reader.h"
#include "record.h"
#include "rows.h"
#include "tables.h"

/* What one run carries from source to source. */
typedef struct cohort {
    dm_gpu *gpu;
    const dm_run_options *o;
    dm_run_result *result;
    dm_key key;
    dm_ledger *ledger;
    dm_reader_options reading;
    int source; /* sources finished */
    double start;
    char host[64];
} cohort;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double peak_bytes(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? 1024.0 * (double)u.ru_maxrss : NAN;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static dm_status make_out(const char *out, int labels) {
    static const struct {
        const char *name;
        unsigned mode;
    } folder[] = {{"", 0755}, {"/records", 0755}, {"/tables", 0755}, {"/private", 0700}, {"/private/mapping", 0700},
                  {"/pictures", 0755}, {"/labels", 0755}};
    size_t n = sizeof folder / sizeof *folder - (labels ? 0 : 1);
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", out, folder[i].name);
        DM_TRY(dm_folder_make(path, folder[i].mode));
    }
    return dm_ok;
}

/* A name in lower-case letters alone may be a word of the message as well: a source called "folder". */
static int may_be_word(const char *name) {
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyz")] == 0;
}

/* Messages begin with the name of what they speak of, also those that are quoted behind a colon; a library puts it in quotes. */
static int begins_message(const char *text, const char *at) {
    return at == text || at[-1] == '\'' || (at - text > 1 && at[-1] == ' ' && at[-2] == ':');
}

/* Puts "the source" in the place of a name, where the name stands as a word of its own. */
static void hide(char *text, size_t size, const char *name) {
    static const char instead[] = "the source";
    char rest[sizeof((dm_status *)0)->text];
    size_t n = strlen(name);
    for (char *at = n ? strstr(text, name) : NULL; at; at = strstr(at + 1, name)) {
        if ((at > text && isalnum((unsigned char)at[-1])) || isalnum((unsigned char)at[n])) continue;
        if (may_be_word(name) && !begins_message(text, at)) continue;
        snprintf(rest, sizeof rest, "%s", at + n);
        snprintf(at, size - (size_t)(at - text), "%s%s", instead, rest);
        at += strlen(at) < sizeof instead - 1 ? 0 : sizeof instead - 2; /* not into what was just written */
    }
}

/* Messages of io hold the path, the last part of it, or the first 159 characters of that. */
static void hide_names(char *text, size_t size, const char *source) {
    enum { SHOWN = 159 };
    char cut[SHOWN + 1];
    snprintf(cut, sizeof cut, "%s", base_name(source));
    hide(text, size, source);
    hide(text, size, base_name(source));
    hide(text, size, cut);
}

/* An archive is often called after its patient: records, tables and logs name it by its pseudonym alone. */
static dm_status nameless(dm_status s, const char *source) {
    enum { LONG = 200 };
    hide_names(s.text, sizeof s.text, source);
    if (strlen(source) > LONG && !strncmp(s.text, source, LONG)) /* the message was cut within the path */
        return dm_fail(s.severity, s.code, "the source cannot be read; its path is very long");
    return s;
}

static void report(const cohort *c, const char *source, const char *id, const char *answer, dm_status s) {
    const dm_progress p = {.sources = c->o->n_sources,
                           .source = c->source,
                           .done = c->result->done,
                           .failed = c->result->failed,
                           .skipped = c->result->skipped,
                           .seconds = now() - c->start,
                           .study_id = id,
                           .path = source,
                           .answer = answer,
                           .code = s.code,
                           .text = s.text};
    if (c->o->progress) c->o->progress(c->o->user, &p);
}

static dm_account account_of(const cohort *c, const dm_ingested *in) {
    const dm_gpu_info *device = dm_gpu_describe(c->gpu);
    dm_account a = {.version = c->o->version,
                    .config_digest = c->o->protocols->digest,
                    .input_digest = in->input_digest,
                    .device = device->name,
                    .driver = device->driver,
                    .host = c->host,
                    .selftest = c->o->selftest,
                    .studies_in_source = in->n,
                    .seconds = NAN,
                    .seconds_ingest = NAN,
                    .seconds_pictures = NAN,
                    .bytes_read = (double)in->bytes_read};
    for (int i = 0; i < DM_MAX_STAGES; i++) a.seconds_stage[i] = NAN;
    return a;
}

static dm_status write_mapping(const cohort *c, const dm_study *study, const char *source, const char *uid,
                               const char *patient) {
    char path[4096];
    cJSON *m = cJSON_CreateObject();
    if (!m) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a mapping");
    cJSON_AddStringToObject(m, "study_id", study->study_id);
    cJSON_AddStringToObject(m, "patient_id", study->patient_id);
    cJSON_AddStringToObject(m, "archive", base_name(source));
    cJSON_AddStringToObject(m, "source", source);
    cJSON_AddStringToObject(m, "study_uid", uid);
    cJSON_AddStringToObject(m, "patient", patient);
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", c->o->out, study->study_id);
    dm_status s = dm_record_write(path, m);
    cJSON_Delete(m);
    return s;
}

static dm_status write_record(const cohort *c, dm_account *a) {
    char path[4096];
    a->peak_bytes = peak_bytes();
    cJSON *record = dm_record_of(a);
    if (!record) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a record");
    snprintf(path, sizeof path, "%s/records/%s.json", c->o->out, a->study->study_id);
    dm_status s = dm_record_write(path, record);
    cJSON_Delete(record);
    return s;
}

/* Every stage in turn; the first failure ends the study. */
static dm_status run_stages(cohort *c, dm_ingested_study *s, dm_account *a) {
    dm_status worst = dm_ok;
    for (int i = 0; i < dm_stage_count; i++) {
        double from = now();
        dm_status status = dm_stages[i]->run(c->gpu, dm_protocol_params(s->protocol, dm_stages[i]->name), &s->study);
        a->seconds_stage[i] = now() - from;
        worst = dm_worse(worst, status);
        if (!dm_good(status)) return status;
        /* The box is made: the whole pass is the largest thing in memory and is not needed again. Its size is. */
        if (i == 0)
            for (int p = 0; p < s->study.n_passes; p++) dm_scan_drop(&s->study.pass[p].scan);
    }
    return worst;
}

static void draw(cohort *c, const dm_study *study, dm_account *a) {
    char folder[4096];
    if (!c->o->illustrate) return;
    double from = now();
    snprintf(folder, sizeof folder, "%s/pictures/%s", c->o->out, study->study_id);
    dm_status s = c->o->illustrate(study, folder);
    a->seconds_pictures = now() - from;
    if (dm_good(a->status) && !dm_good(s)) a->status = dm_fail(DM_WARN, s.code, "%s", s.text);
}

static void label(cohort *c, const dm_study *study, dm_account *a) {
    char path[4096];
    if (!c->o->label) return;
    snprintf(path, sizeof path, "%s/labels/%s.nii.gz", c->o->out, study->study_id);
    dm_status s = c->o->label(study, path);
    if (dm_good(a->status) && !dm_good(s)) a->status = dm_fail(DM_WARN, s.code, "%s", s.text);
}

static int is_given(const cohort *c, const char *source) {
    for (int i = 0; i < c->o->n_sources; i++)
        if (!strcmp(c->o->sources[i], source)) return 1;
    return 0;
}

/* 1 when the study's record was made from another source: a copy, or another part of the study. One must not take the other's
 * place in silence. The same source with other bytes (fetched again) does, and so does one in the place of a source that failed
 * and is not given any more. */
static int is_of_another_source(const cohort *c, const char *study_id, const char *source) {
    char path[4096];
    cJSON *record = NULL, *mapping = NULL;
    snprintf(path, sizeof path, "%s/records/%s.json", c->o->out, study_id);
    if (!dm_good(dm_record_read(path, &record))) return 0;
    int other = !strcmp(dm_record_text(record, "version"), c->o->version) &&
                !strcmp(dm_record_text(record, "config_digest"), c->o->protocols->digest);
    int failed = !strcmp(dm_record_text(record, "status"), "failed");
    cJSON_Delete(record);
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", c->o->out, study_id);
    if (!other || !dm_good(dm_record_read(path, &mapping))) return 0;
    const char *from = dm_record_text(mapping, "source");
    other = strcmp(from, source) != 0 && (!failed || is_given(c, from));
    cJSON_Delete(mapping);
    return other;
}

/* The second source's row: under a name of its own, not measured. */
static void refuse_duplicate(const cohort *c, const char *source, dm_ingested_study *s) {
    char text[4300], id[17];
    snprintf(text, sizeof text, "%s|%s", s->study.study_id, source);
    dm_pseudonym(&c->key, "study", text, id);
    snprintf(s->study.study_id, sizeof s->study.study_id, "%s", id);
    dm_study_drop_scans(&s->study);
    s->study.n_passes = 0;
    s->status = dm_fail(DM_STUDY, "duplicate_study",
                        "the same study was measured from another source; leave one of them out, or give the folder that holds "
                        "both when they are parts of it");
}

static dm_status run_study(cohort *c, const char *source, const dm_ingested *in, dm_ingested_study *s) {
    dm_account a = account_of(c, in);
    double from = now();
    if (is_of_another_source(c, s->study.study_id, source)) refuse_duplicate(c, source, s);
    a.study = &s->study;
    for (int i = 0; i < s->n_exclusions; i++)
        hide_names(s->exclusions[i].reason, sizeof s->exclusions[i].reason, source);
    a.exclusions = s->exclusions;
    a.n_exclusions = s->n_exclusions;
    a.seconds_ingest = in->seconds;
    a.status = s->status;
    if (dm_good(a.status)) {
        a.status = dm_worse(s->status, run_stages(c, s, &a));
        draw(c, &s->study, &a);
        label(c, &s->study, &a);
    }
    a.seconds = now() - from;
    if (a.status.severity == DM_FATAL) a.status.severity = DM_STUDY; /* a study never ends the night */
    a.status = nameless(a.status, source);
    DM_TRY(write_mapping(c, &s->study, source, s->raw_study_uid, s->raw_patient));
    DM_TRY(write_record(c, &a));
    dm_good(a.status) ? c->result->done++ : c->result->failed++;
    report(c, source, s->study.study_id, dm_good(a.status) ? dm_answer_name(s->study.answer.kind) : "failed", a.status);
    return dm_ok;
}

/* The pseudonym of a source that could not be read. */
static void id_of_source(const cohort *c, const char *source, char id[17]) {
    char text[4200];
    snprintf(text, sizeof text, "source|%s", source);
    dm_pseudonym(&c->key, "study", text, id);
}

/* A source that could not be read at all: one row, named by its path. */
static dm_status fail_source(cohort *c, const char *source, const dm_ingested *in, dm_status why) {
    char id[17];
    dm_study *study = calloc(1, sizeof *study);
    if (!study) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a study");
    dm_account a = account_of(c, in);
    a.study = study;
    a.status = why = nameless(why, source);
    a.studies_in_source = 1;
    id_of_source(c, source, id);
    snprintf(study->study_id, sizeof study->study_id, "%s", id);
    dm_status s = write_mapping(c, study, source, "", "");
    if (dm_good(s)) s = write_record(c, &a);
    c->result->failed++;
    if (dm_good(s)) report(c, source, study->study_id, "failed", why);
    free(study);
    return s;
}

/* A source that failed as a whole earlier and is whole now leaves no stale row behind. */
static void forget_failure(const cohort *c, const char *source) {
    char path[4096], id[17];
    id_of_source(c, source, id);
    snprintf(path, sizeof path, "%s/records/%s.json", c->o->out, id);
    unlink(path);
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", c->o->out, id);
    unlink(path);
}

static int is_file(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* Nothing is left to measure. A source that could not be read has no identity but its path: another with the same bytes
 * (two empty archives) still needs a row of its own. */
static int is_done(const cohort *c, const char *source, const char *digest) {
    char id[17];
    id_of_source(c, source, id);
    return dm_ledger_done(c->ledger, digest, id, c->o->retry_failed);
}

static dm_status skip(cohort *c, const char *source) {
    c->result->skipped++;
    report(c, source, "", "skipped", dm_ok);
    return dm_ok;
}

/* A source on its way: its reader may run while the device is busy with the one before. */
typedef struct pending {
    const char *source;
    char digest[65]; /* "" = not known yet */
    int done;        /* nothing of it is left to measure */
    dm_reader *reader;
} pending;

static dm_status begin_source(cohort *c, const char *source, pending *p) {
    *p = (pending){.source = source};
    /* The digest says what is done; where nothing is, the reader makes it. */
    if (!dm_ledger_is_empty(c->ledger) && is_file(source) && dm_good(dm_digest_file(source, p->digest)))
        p->done = is_done(c, source, p->digest);
    return p->done ? dm_ok : dm_reader_start(&c->reading, source, p->digest, &p->reader);
}

static dm_status finish_source(cohort *c, pending *p) {
    if (p->done) return skip(c, p->source);
    dm_ingested in;
    dm_status s = dm_reader_finish(p->reader, &in);
    p->reader = NULL;
    if (s.severity == DM_FATAL) return s;
    if (!dm_good(s)) {
        if (!in.input_digest[0] && is_file(p->source)) (void)dm_digest_file(p->source, in.input_digest);
        s = fail_source(c, p->source, &in, s);
        dm_ingested_clear(&in);
        return s;
    }
    forget_failure(c, p->source);
    s = dm_ok;
    int done = is_done(c, p->source, in.input_digest); /* a folder: its digest is known only now */
    if (done) skip(c, p->source);
    for (int i = 0; !done && dm_good(s) && i < in.n; i++) {
        s = run_study(c, p->source, &in, &in.study[i]);
        dm_study_clear(&in.study[i].study);
    }
    dm_ingested_clear(&in);
    return s;
}

/* While the device measures a source, the next one is read: one reader ahead bounds what is in memory. */
static dm_status run_sources(cohort *c) {
    const dm_run_options *o = c->o;
    pending ring[2];
    int begun = 0;
    dm_status s = dm_ok;
    for (int i = 0; dm_good(s) && i < o->n_sources; i++) {
        if (o->stop && *o->stop) {
            c->result->open = o->n_sources - i;
            break;
        }
        for (; dm_good(s) && begun < o->n_sources && begun <= i + (o->reader ? 1 : 0); begun++)
            s = begin_source(c, o->sources[begun], &ring[begun % 2]);
        if (dm_good(s)) s = finish_source(c, &ring[i % 2]);
        c->source = i + 1;
    }
    for (int i = c->source; i < begun; i++) dm_reader_cancel(ring[i % 2].reader);
    return s;
}

/* Decoding is the limit of a reader, the device's host threads want cores as well: half of them, four at most. */
static int reader_threads(void) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 3 ? 2 : cores > 8 ? 4 : (int)(cores / 2);
}

dm_status dm_cohort_run(dm_gpu *gpu, const dm_run_options *o, dm_run_result *result) {
    char path[4096];
    cohort c = {.gpu = gpu, .o = o, .result = result, .start = now()};
    *result = (dm_run_result){0};
    if (gethostname(c.host, sizeof c.host - 1) != 0) c.host[0] = 0;
    DM_TRY(make_out(o->out, o->label != NULL));
    snprintf(path, sizeof path, "%s/private/key", o->out);
    DM_TRY(dm_key_open(o->key ? o->key : path, &c.key));
    DM_TRY(dm_ledger_open(o->out, o->version, o->protocols->digest, &c.ledger));
    c.reading = (dm_reader_options){.program = o->reader, .protocols_path = o->protocols_path, .protocols = o->protocols,
                                    .key = &c.key, .limits = o->limits ? *o->limits : dm_archive_defaults,
                                    .passphrase = o->passphrase, .threads = reader_threads(),
                                    .memory = o->read_memory ? o->read_memory : 8ull << 30};
    dm_status s = run_sources(&c);
    dm_ledger_close(c.ledger);
    int rows;
    return dm_good(s) ? dm_cohort_merge(o->out, &rows) : s;
}
