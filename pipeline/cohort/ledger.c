#include "ledger.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

typedef struct line {
    char digest[65];
    int failed, unread, studies; /* unread: no study of the source is known, so no patient */
    char study_id[40], source_id[17];
} line;

struct dm_ledger {
    line *row;
    int n, room;
    const char (*given)[17];
    int n_given;
};

static int push(dm_ledger *l, const cJSON *record) {
    if (l->n == l->room) {
        int room = l->room ? 2 * l->room : 256;
        line *grown = realloc(l->row, (size_t)room * sizeof *grown);
        if (!grown) return 0;
        l->row = grown;
        l->room = room;
    }
    line *row = &l->row[l->n++];
    const cJSON *studies = cJSON_GetObjectItemCaseSensitive(record, "studies_in_source");
    *row = (line){.failed = !strcmp(dm_record_text(record, "status"), "failed"),
                  .unread = !*dm_record_text(record, "patient_id"),
                  .studies = cJSON_IsNumber(studies) ? studies->valueint : 1};
    snprintf(row->study_id, sizeof row->study_id, "%s", dm_record_text(record, "study_id"));
    snprintf(row->source_id, sizeof row->source_id, "%s", dm_record_text(record, "source_id"));
    snprintf(row->digest, sizeof row->digest, "%s", dm_record_text(record, "input_digest"));
    return 1;
}

dm_status dm_each_record(const char *out, int (*visit)(void *user, const cJSON *record), void *user) {
    char path[4096];
    snprintf(path, sizeof path, "%s/records", out);
    DIR *d = opendir(path);
    if (!d) return dm_fail(DM_FATAL, "output", "cannot read %s: %s; is it the OUT of a run?", path, strerror(errno));
    int good = 1;
    for (struct dirent *e; good && (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        cJSON *record = NULL;
        if (n < 6 || e->d_name[0] == '.' || strcmp(e->d_name + n - 5, ".json")) continue;
        snprintf(path, sizeof path, "%s/records/%s", out, e->d_name);
        if (!dm_good(dm_record_read(path, &record))) continue;
        good = visit(user, record);
        cJSON_Delete(record);
    }
    closedir(d);
    return good ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for the list of records");
}

typedef struct wanted {
    dm_ledger *ledger;
    const char *version, *config;
} wanted;

static int take_same(void *user, const cJSON *record) {
    const wanted *w = user;
    if (strcmp(dm_record_text(record, "version"), w->version) || strcmp(dm_record_text(record, "config_digest"), w->config)) return 1;
    return push(w->ledger, record);
}

dm_status dm_ledger_open(const char *out, const char *version, const char *config_digest, dm_ledger **ledger) {
    *ledger = calloc(1, sizeof **ledger);
    if (!*ledger) return dm_fail(DM_FATAL, "out_of_memory", "no memory for the list of records");
    wanted w = {*ledger, version, config_digest};
    if (!out) return dm_ok;
    return dm_each_record(out, take_same, &w);
}

int dm_ledger_is_empty(const dm_ledger *l) {
    return l->n == 0;
}

void dm_ledger_given(dm_ledger *l, const char (*source_ids)[17], int n) {
    l->given = source_ids;
    l->n_given = n;
}

static int same_id(const void *a, const void *b) {
    return strcmp(a, b);
}

static int counts_for(const dm_ledger *l, const line *row, const char *source_id) {
    if (row->unread) return !strcmp(row->study_id, source_id);
    return !strcmp(row->source_id, source_id) || !l->n_given ||
           !bsearch(row->source_id, l->given, (size_t)l->n_given, sizeof *l->given, same_id);
}

void dm_ledger_former(const dm_ledger *l, const char *source_id, const char *input_digest,
                      void (*visit)(void *user, const char *study_id), void *user) {
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->row[i].source_id, source_id) && strcmp(l->row[i].digest, input_digest) != 0) visit(user, l->row[i].study_id);
}

void dm_ledger_close(dm_ledger *l) {
    if (!l) return;
    free(l->row);
    free(l);
}

int dm_ledger_done(const dm_ledger *l, const char *input_digest, const char *source_id, int retry_failed) {
    int there = 0, wanted_studies = 1;
    if (!input_digest[0]) return 0;
    for (int i = 0; i < l->n; i++)
        if (!strcmp(l->row[i].digest, input_digest) && counts_for(l, &l->row[i], source_id)) {
            if (retry_failed && l->row[i].failed) return 0;
            there++;
            wanted_studies = l->row[i].studies;
        }
    return there >= wanted_studies;
}
