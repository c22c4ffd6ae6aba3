/* Tables from records alone. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tables.h"

static int is_json(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 5 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 5, ".json");
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

typedef struct heap {
    cJSON **record;
    int n;
} heap;

static void heap_clear(heap *h) {
    for (int i = 0; i < h->n; i++) cJSON_Delete(h->record[i]);
    free(h->record);
    *h = (heap){0};
}

/* Every record of a folder in the order of file names. A damaged record is left out with a warning: the study counts as
 * not done. */
static dm_status read_folder(const char *folder, heap *h) {
    struct dirent **list;
    int n = scandir(folder, &list, is_json, by_name);
    if (n < 0) return dm_fail(DM_FATAL, "output", "cannot list %s: %s", folder, strerror(errno));
    dm_status status = dm_ok;
    h->record = calloc((size_t)n + 1, sizeof *h->record);
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        cJSON *record = NULL;
        if (h->record && dm_good(dm_record_read(path, &record)))
            h->record[h->n++] = record;
        else if (dm_good(status))
            status = dm_fail(DM_WARN, "bad_record", "%s is no whole record; its study is measured again by the next run",
                             list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return h->record ? status : dm_fail(DM_FATAL, "out_of_memory", "no memory for %d records", n);
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
static dm_status number_rounds(const heap *h) {
    exam *e = calloc((size_t)h->n + 1, sizeof *e);
    int n = 0;
    if (!e) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d exams", h->n);
    for (int i = 0; i < h->n; i++) {
        const cJSON *tables = cJSON_GetObjectItemCaseSensitive(h->record[i], "tables");
        cJSON *row = cJSON_GetArrayItem(cJSON_GetObjectItemCaseSensitive(tables, "studies"), 0);
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

static dm_status write_table(const char *out, const dm_table *table, const heap *h) {
    char path[4096], *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a table");
    dm_csv_header(f, table);
    for (int i = 0; i < h->n; i++) {
        const cJSON *tables = cJSON_GetObjectItemCaseSensitive(h->record[i], "tables"), *row;
        cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(tables, table->name)) dm_csv_row(f, table, row);
    }
    fclose(f);
    snprintf(path, sizeof path, "%s/tables/%s.csv", out, table->name);
    dm_status status = dm_file_replace(path, text, size, 0644);
    free(text);
    if (!dm_good(status)) return status;
    text = dm_table_sidecar(table);
    if (!text) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a sidecar");
    snprintf(path, sizeof path, "%s/tables/%s.json", out, table->name);
    status = dm_file_replace(path, text, strlen(text), 0644);
    cJSON_free(text);
    return status;
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

static dm_status write_mapping(const char *out) {
    char path[4096], *text = NULL;
    size_t size = 0;
    heap h = {0};
    snprintf(path, sizeof path, "%s/private/mapping", out);
    dm_status status = read_folder(path, &h);
    FILE *f = dm_good(status) ? open_memstream(&text, &size) : NULL;
    if (f) {
        dm_csv_header(f, &mapping);
        for (int i = 0; i < h.n; i++) dm_csv_row(f, &mapping, h.record[i]);
        fclose(f);
        snprintf(path, sizeof path, "%s/private/mapping.csv", out);
        dm_status written = dm_file_replace(path, text, size, 0600);
        if (!dm_good(written)) status = written;
    }
    free(text);
    heap_clear(&h);
    return status;
}

dm_status dm_cohort_merge(const char *out, int *rows) {
    char path[4096];
    heap h = {0};
    *rows = 0;
    snprintf(path, sizeof path, "%s/records", out);
    dm_status status = read_folder(path, &h);
    if (dm_good(status)) {
        *rows = h.n;
        snprintf(path, sizeof path, "%s/tables", out);
        dm_status step = dm_worse(dm_folder_make(path, 0755), number_rounds(&h));
        for (int i = 0; dm_good(step) && i < dm_table_count; i++) step = write_table(out, &dm_tables[i], &h);
        /* A copy of OUT that was given away has no private part. */
        snprintf(path, sizeof path, "%s/private/mapping", out);
        DIR *private = dm_good(step) ? opendir(path) : NULL;
        if (private) {
            closedir(private);
            step = write_mapping(out);
        }
        status = dm_worse(status, step);
    }
    heap_clear(&h);
    return status;
}
