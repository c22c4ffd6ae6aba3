#include "settle.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "machine.h"
#include "record.h"

/* ---- names ---- */

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
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

dm_status dm_nameless(dm_status s, const char *source) {
    enum { LONG = 200 };
    hide_names(s.text, sizeof s.text, source);
    if (strlen(source) > LONG && !strncmp(s.text, source, LONG)) /* the message was cut within the path */
        return dm_fail(s.severity, s.code, "the source cannot be read; its path is very long");
    return s;
}

/* ---- what stands already ---- */

static int is_given(const dm_cohort *c, const char *path) {
    for (int i = 0; i < c->o->n_sources; i++)
        if (!strcmp(c->o->sources[i], path)) return 1;
    return 0;
}

/* The source that a study's mapping names; "" without one. Allocated. */
static char *mapped_source(const dm_cohort *c, const char *study_id) {
    char path[4096];
    cJSON *mapping = NULL;
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", c->o->out, study_id);
    (void)dm_record_read(path, &mapping);
    char *source = strdup(mapping ? dm_record_text(mapping, "source") : "");
    cJSON_Delete(mapping);
    return source;
}

/* One file by two names: relative and absolute, or through a link. */
static int same_place(const char *a, const char *b) {
    char *x = realpath(a, NULL), *y = realpath(b, NULL);
    int same = x && y && !strcmp(x, y);
    free(x);
    free(y);
    return same;
}

/* The same source with other bytes (fetched again) takes the place of its record, and so does one in the place of a source that
 * failed and is not given any more. */
static dm_standing standing_against(const dm_cohort *c, int source, const char *study_id, const char *input_digest,
                                    const cJSON *record) {
    int failed = !strcmp(dm_record_text(record, "status"), "failed");
    if (strcmp(dm_record_text(record, "version"), c->o->version) != 0 ||
        strcmp(dm_record_text(record, "config_digest"), c->o->protocols->digest) != 0)
        return DM_OPEN;
    int ours = !strcmp(dm_record_text(record, "source_id"), c->source_id[source]);
    char *from = ours ? NULL : mapped_source(c, study_id);
    ours = ours || (from && same_place(from, c->o->sources[source]));
    dm_standing s = from && *from && (!failed || is_given(c, from)) ? DM_SECOND : DM_OPEN;
    free(from);
    if (!ours) return s;
    int same = !strcmp(dm_record_text(record, "input_digest"), input_digest);
    return same && !(failed && c->o->retry_failed) ? DM_STANDS : DM_OPEN;
}

dm_standing dm_standing_of(const dm_cohort *c, int source, const char *study_id, const char *input_digest) {
    char path[4096];
    cJSON *record = NULL;
    snprintf(path, sizeof path, "%s/records/%s.json", c->o->out, study_id);
    if (!dm_good(dm_record_read(path, &record))) return DM_OPEN;
    dm_standing s = standing_against(c, source, study_id, input_digest, record);
    cJSON_Delete(record);
    return s;
}

void dm_refuse_second(const dm_cohort *c, int source, dm_ingested_study *s) {
    char text[4300], id[17];
    snprintf(text, sizeof text, "%s|%s", s->study.study_id, c->o->sources[source]);
    dm_pseudonym(&c->key, "study", text, id);
    snprintf(s->study.study_id, sizeof s->study.study_id, "%s", id);
    dm_study_drop_scans(&s->study);
    s->study.n_passes = 0;
    s->status = dm_fail(DM_STUDY, "duplicate_study",
                        "the same study was measured from another source; leave one of them out, or give the folder that holds "
                        "both when they are parts of it");
}

/* ---- writing ---- */

dm_account dm_account_of(const dm_cohort *c, int source, const dm_ingested *in, const dm_gpu_info *device) {
    dm_account a = {.version = c->o->version,
                    .config_digest = c->o->protocols->digest,
                    .input_digest = in->input_digest,
                    .source_id = c->source_id[source],
                    .device = device ? device->name : "",
                    .driver = device ? device->driver : "",
                    .host = c->host,
                    .selftest = c->o->selftest ? "passed" : "skipped",
                    .studies_in_source = in->n > 0 ? in->n : 1,
                    .seconds = NAN,
                    .seconds_ingest = in->n > 0 ? in->seconds : NAN,
                    .seconds_pictures = NAN,
                    .wait_input = NAN,
                    .wait_device = NAN,
                    .wait_output = NAN,
                    .seconds_kernels = NAN,
                    .bytes_read = (double)in->bytes_read};
    for (int i = 0; i < DM_MAX_STAGES; i++) a.seconds_stage[i] = NAN;
    return a;
}

/* Without its record a study is not done: the run must not go on as if it were. */
static dm_status or_end(dm_status s) {
    if (!dm_good(s)) s.severity = DM_FATAL;
    return s;
}

static dm_status write_mapping(const dm_cohort *c, int source, const dm_study *study, const char *uid, const char *patient) {
    char path[4096];
    cJSON *m = cJSON_CreateObject();
    if (!m) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a mapping");
    cJSON_AddStringToObject(m, "study_id", study->study_id);
    cJSON_AddStringToObject(m, "patient_id", study->patient_id);
    cJSON_AddStringToObject(m, "archive", base_name(c->o->sources[source]));
    cJSON_AddStringToObject(m, "source", c->o->sources[source]);
    cJSON_AddStringToObject(m, "study_uid", uid);
    cJSON_AddStringToObject(m, "patient", patient);
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", c->o->out, study->study_id);
    dm_status s = dm_record_write(path, m);
    cJSON_Delete(m);
    return or_end(s);
}

static int was_measured(const dm_account *a) {
    return isfinite(a->seconds_stage[0]);
}

static double peak_bytes(void) {
    struct rusage u;
    return getrusage(RUSAGE_SELF, &u) == 0 ? 1024.0 * (double)u.ru_maxrss : NAN;
}

static dm_status write_record(const dm_cohort *c, dm_account *a) {
    char path[4096];
    a->peak_bytes = was_measured(a) ? peak_bytes() : NAN; /* else this is not the process that measures */
    cJSON *record = dm_record_of(a);
    if (!record) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a record");
    snprintf(path, sizeof path, "%s/records/%s.json", c->o->out, a->study->study_id);
    dm_status s = dm_record_write(path, record);
    cJSON_Delete(record);
    return or_end(s);
}

/* What a picture or a label lacks is said in the study's row; that OUT cannot be written ends the run. */
static dm_status note(dm_account *a, dm_status s) {
    if (s.severity == DM_FATAL) return s;
    if (dm_good(a->status) && !dm_good(s)) a->status = dm_fail(DM_WARN, s.code, "%s", s.text);
    return dm_ok;
}

static dm_status draw(const dm_cohort *c, dm_account *a) {
    char path[4096];
    const char *id = a->study->study_id;
    double from = dm_now();
    if (c->o->illustrate) {
        snprintf(path, sizeof path, "%s/pictures/%s", c->o->out, id);
        DM_TRY(note(a, c->o->illustrate(a->study, path)));
        a->seconds_pictures = dm_now() - from;
    }
    if (!c->o->label) return dm_ok;
    snprintf(path, sizeof path, "%s/labels/%s.nii.gz", c->o->out, id);
    return note(a, c->o->label(a->study, path));
}

static void hide_in_exclusions(const dm_ingested_study *study, const char *source) {
    for (int i = 0; i < study->n_exclusions; i++)
        hide_names(study->exclusions[i].reason, sizeof study->exclusions[i].reason, source);
}

dm_status dm_settle(const dm_cohort *c, int source, const dm_ingested_study *study, dm_account *a) {
    a->study = &study->study;
    a->exclusions = study->exclusions;
    a->n_exclusions = study->n_exclusions;
    hide_in_exclusions(study, c->o->sources[source]);
    if (was_measured(a)) DM_TRY(draw(c, a));
    if (a->status.severity == DM_FATAL) a->status.severity = DM_STUDY; /* a study never ends the night */
    a->status = dm_nameless(a->status, c->o->sources[source]);
    DM_TRY(write_mapping(c, source, &study->study, study->raw_study_uid, study->raw_patient));
    return write_record(c, a);
}

dm_status dm_fail_source(const dm_cohort *c, int source, const dm_ingested *in, const dm_gpu_info *device, dm_status *why) {
    dm_study *study = calloc(1, sizeof *study);
    if (!study) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a study");
    dm_account a = dm_account_of(c, source, in, device);
    a.study = study;
    a.status = *why = dm_nameless(*why, c->o->sources[source]);
    snprintf(study->study_id, sizeof study->study_id, "%s", c->source_id[source]);
    dm_status s = write_mapping(c, source, study, "", "");
    if (dm_good(s)) s = write_record(c, &a);
    free(study);
    return s;
}

static void forget(const dm_cohort *c, const char *study_id) {
    char path[4096];
    snprintf(path, sizeof path, "%s/records/%s.json", c->o->out, study_id);
    unlink(path);
    snprintf(path, sizeof path, "%s/private/mapping/%s.json", c->o->out, study_id);
    unlink(path);
}

void dm_forget_failure(const dm_cohort *c, int source) {
    forget(c, c->source_id[source]);
}

typedef struct present {
    const dm_cohort *c;
    const dm_ingested *in;
} present;

static void forget_absent(void *user, const char *study_id) {
    const present *p = user;
    for (int i = 0; i < p->in->n; i++)
        if (!strcmp(p->in->study[i].study.study_id, study_id)) return;
    forget(p->c, study_id);
}

void dm_forget_former(const dm_cohort *c, int source, const dm_ingested *in) {
    present p = {c, in};
    dm_ledger_former(c->ledger, c->source_id[source], in->input_digest, forget_absent, &p);
}
