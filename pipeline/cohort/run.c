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

/* Puts "the source" in the place of a name, where the name stands as a word of its own. */
static void hide(dm_status *s, const char *name) {
    char whole[sizeof s->text];
    size_t n = strlen(name);
    for (char *at = n ? strstr(s->text, name) : NULL; at; at = strstr(at + 1, name)) {
        if ((at > s->text && isalnum((unsigned char)at[-1])) || isalnum((unsigned char)at[n])) continue;
        memcpy(whole, s->text, sizeof whole);
        snprintf(at, sizeof whole - (size_t)(at - s->text), "the source%s", whole + (at - s->text) + n);
    }
}

/* An archive is often called after its patient: records, tables and logs name it by its pseudonym alone. Messages of io
 * hold the path, the last part of it, or the first 159 characters of that. */
static dm_status nameless(dm_status s, const char *source) {
    enum { SHOWN = 159, LONG = 200 };
    char cut[SHOWN + 1];
    snprintf(cut, sizeof cut, "%s", base_name(source));
    hide(&s, source);
    hide(&s, base_name(source));
    hide(&s, cut);
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
            for (int p = 0; p < s->study.n_passes; p++) {
                free(s->study.pass[p].scan.v);
                s->study.pass[p].scan.v = NULL;
            }
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

static dm_status run_study(cohort *c, const char *source, const dm_ingested *in, dm_ingested_study *s,
                           double seconds_ingest) {
    dm_account a = account_of(c, in);
    double from = now();
    a.study = &s->study;
    a.exclusions = s->exclusions;
    a.n_exclusions = s->n_exclusions;
    a.seconds_ingest = seconds_ingest;
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

static dm_status run_source(cohort *c, const char *source) {
    char digest[65] = "";
    double from = now();
    if (is_file(source) && dm_good(dm_digest_file(source, digest)) && is_done(c, source, digest)) return skip(c, source);
    dm_ingested in;
    dm_status s = dm_ingest(source, c->o->protocols, &c->key, &in);
    if (!dm_good(s)) {
        if (!in.input_digest[0]) memcpy(in.input_digest, digest, sizeof digest);
        s = fail_source(c, source, &in, s);
        dm_ingested_clear(&in);
        return s;
    }
    forget_failure(c, source);
    double seconds = now() - from;
    s = dm_ok;
    int done = is_done(c, source, in.input_digest); /* a folder: its digest is known only now */
    if (done) skip(c, source);
    for (int i = 0; !done && dm_good(s) && i < in.n; i++) {
        s = run_study(c, source, &in, &in.study[i], seconds);
        dm_study_clear(&in.study[i].study);
    }
    dm_ingested_clear(&in);
    return s;
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
    dm_status s = dm_ok;
    for (int i = 0; dm_good(s) && i < o->n_sources; i++) {
        if (o->stop && *o->stop) {
            result->open = o->n_sources - i;
            break;
        }
        s = run_source(&c, o->sources[i]);
        c.source = i + 1;
    }
    dm_ledger_close(c.ledger);
    int rows;
    return dm_good(s) ? dm_cohort_merge(o->out, &rows) : s;
}
