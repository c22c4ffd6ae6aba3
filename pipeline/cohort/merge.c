/* Tables from records alone, in one pass over them: in memory are the tables, never the records. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tables.h"

static int is_json(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 5 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 5, ".json");
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Calls take with every record of a folder in the order of file names; one is in memory at a time, unless take keeps it (and then
 * deletes it). A damaged record is left out with a warning: the study counts as not done. */
static dm_status each_in_order(const char *folder, dm_status (*take)(void *user, cJSON *record), void *user) {
    struct dirent **list;
    int n = scandir(folder, &list, is_json, by_name);
    if (n < 0) return dm_fail(DM_FATAL, "output", "cannot list %s: %s", folder, strerror(errno));
    dm_status status = dm_ok, step = dm_ok;
    for (int i = 0; i < n; i++) {
        char path[4096];
        cJSON *record = NULL;
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        if (!dm_good(step))
            ; /* the names are freed to the end */
        else if (dm_good(dm_record_read(path, &record)))
            step = take(user, record);
        else if (dm_good(status))
            status = dm_fail(DM_WARN, "bad_record", "%s is no whole record; its study is measured again by the next run",
                             list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return dm_good(step) ? status : step;
}

/* ---- tables, written row by row into memory ---- */

enum { MOST_TABLES = 16 };

typedef struct sheet {
    FILE *file;
    char *text;
    size_t size;
} sheet;

static int sheet_open(sheet *s, const dm_table *table) {
    s->file = open_memstream(&s->text, &s->size);
    if (s->file) dm_csv_header(s->file, table);
    return s->file != NULL;
}

static void sheet_drop(sheet *s) {
    if (s->file) fclose(s->file);
    free(s->text);
    *s = (sheet){0};
}

/* Closes the sheet and puts it in its place. */
static dm_status sheet_write(sheet *s, const char *path, unsigned mode) {
    int wrong = fclose(s->file) != 0;
    s->file = NULL;
    return wrong ? dm_fail(DM_FATAL, "out_of_memory", "no memory for a table") : dm_file_replace(path, s->text, s->size, mode);
}

typedef struct merger {
    sheet sheet[MOST_TABLES];
    cJSON **study; /* n rows of studies.csv: their last column is known only when all are there */
    int n, room;
} merger;

static void merger_clear(merger *m) {
    for (int i = 0; i < MOST_TABLES; i++) sheet_drop(&m->sheet[i]);
    for (int i = 0; i < m->n; i++) cJSON_Delete(m->study[i]);
    free(m->study);
}

static int keep(merger *m, cJSON *row) {
    if (m->n == m->room) {
        int room = m->room ? 2 * m->room : 256;
        cJSON **grown = realloc(m->study, (size_t)room * sizeof *grown);
        if (!grown) return 0;
        m->study = grown;
        m->room = room;
    }
    m->study[m->n++] = row;
    return 1;
}

static dm_status take_record(void *user, cJSON *record) {
    merger *m = user;
    cJSON *tables = cJSON_GetObjectItemCaseSensitive(record, "tables"), *row;
    for (int i = 1; i < dm_table_count; i++)
        cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(tables, dm_tables[i].name))
            dm_csv_row(m->sheet[i].file, &dm_tables[i], row);
    cJSON *study = cJSON_DetachItemFromArray(cJSON_GetObjectItemCaseSensitive(tables, dm_tables[0].name), 0);
    int good = !study || keep(m, study);
    if (!good) cJSON_Delete(study);
    cJSON_Delete(record);
    return good ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for the row of a study");
}

/* ---- the order of a patient's exams ---- */

typedef struct exam {
    cJSON *row; /* of studies.csv */
    const char *patient, *time;
} exam;

static int by_exam(const void *a, const void *b) {
    const exam *x = a, *y = b;
    int c = strcmp(x->patient, y->patient);
    return c ? c : strcmp(x->time, y->time); /* the text's order is the time's */
}

/* Fills `round`: a study alone cannot know it. Exams of the same minute have the same round; without a time there is none. */
static dm_status number_rounds(const merger *m) {
    exam *e = calloc((size_t)m->n + 1, sizeof *e);
    int n = 0;
    if (!e) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d exams", m->n);
    for (int i = 0; i < m->n; i++) {
        cJSON *row = m->study[i];
        if (*dm_record_text(row, "exam_time") && *dm_record_text(row, "patient_id"))
            e[n++] = (exam){row, dm_record_text(row, "patient_id"), dm_record_text(row, "exam_time")};
    }
    qsort(e, (size_t)n, sizeof *e, by_exam);
    for (int i = 0, round = 0; i < n; i++) {
        int same = i && !strcmp(e[i].patient, e[i - 1].patient);
        if (!same) round = 1;
        else if (strcmp(e[i].time, e[i - 1].time) != 0) round++;
        cJSON_DeleteItemFromObjectCaseSensitive(e[i].row, "round");
        cJSON_AddNumberToObject(e[i].row, "round", round);
    }
    free(e);
    return dm_ok;
}

static dm_status write_table(const char *out, const dm_table *table, sheet *s) {
    char path[4096];
    snprintf(path, sizeof path, "%s/tables/%s.csv", out, table->name);
    DM_TRY(sheet_write(s, path, 0644));
    char *text = dm_table_sidecar(table);
    if (!text) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a sidecar");
    snprintf(path, sizeof path, "%s/tables/%s.json", out, table->name);
    dm_status status = dm_file_replace(path, text, strlen(text), 0644);
    cJSON_free(text);
    return status;
}

/* The first table is that of the studies. */
static dm_status write_tables(const char *out, merger *m) {
    char path[4096];
    snprintf(path, sizeof path, "%s/tables", out);
    DM_TRY(dm_folder_make(path, 0755));
    DM_TRY(number_rounds(m));
    for (int i = 0; i < m->n; i++) dm_csv_row(m->sheet[0].file, &dm_tables[0], m->study[i]);
    for (int i = 0; i < dm_table_count; i++) DM_TRY(write_table(out, &dm_tables[i], &m->sheet[i]));
    return dm_ok;
}

static const dm_column mapping_columns[] = {
    {"study_id", DM_TEXT, 0, "", "", "pseudonym of the study"},
    {"patient_id", DM_TEXT, 0, "", "", "pseudonym of the patient"},
    {"archive", DM_TEXT, 0, "", "", "file or folder it came from"},
    {"study_uid", DM_TEXT, 0, "", "", "StudyInstanceUID"},
    {"patient", DM_TEXT, 0, "", "", "PatientID"},
};
static const dm_table mapping = {"mapping", "private: which study is whose", mapping_columns,
                                 sizeof mapping_columns / sizeof *mapping_columns};

static dm_status take_mapping(void *user, cJSON *record) {
    sheet *s = user;
    dm_csv_row(s->file, &mapping, record);
    cJSON_Delete(record);
    return dm_ok;
}

/* A copy of OUT that was given away has no private part. */
static dm_status write_mapping(const char *out) {
    char path[4096];
    sheet s = {0};
    snprintf(path, sizeof path, "%s/private/mapping", out);
    if (access(path, R_OK | X_OK) != 0) return dm_ok;
    if (!sheet_open(&s, &mapping)) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a table");
    dm_status status = each_in_order(path, take_mapping, &s);
    snprintf(path, sizeof path, "%s/private/mapping.csv", out);
    if (dm_good(status)) status = dm_worse(status, sheet_write(&s, path, 0600));
    sheet_drop(&s);
    return status;
}

dm_status dm_cohort_merge(const char *out, int *rows) {
    char path[4096];
    merger m = {0};
    dm_status status = dm_ok;
    *rows = 0;
    for (int i = 0; dm_good(status) && i < dm_table_count; i++)
        if (i == MOST_TABLES || !sheet_open(&m.sheet[i], &dm_tables[i]))
            status = dm_fail(DM_FATAL, "out_of_memory", "no memory for a table");
    snprintf(path, sizeof path, "%s/records", out);
    if (dm_good(status)) status = each_in_order(path, take_record, &m);
    if (dm_good(status)) {
        *rows = m.n;
        dm_status step = write_tables(out, &m);
        status = dm_worse(status, dm_good(step) ? write_mapping(out) : step);
    }
    merger_clear(&m);
    return status;
}
