/* What a run left in OUT: the mapping from archives to pseudonyms, the records, their rows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"

const char *text_of(const cJSON *row, const char *key) {
    const cJSON *v = cJSON_GetObjectItem(row, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

double number_of(const cJSON *row, const char *key) {
    const cJSON *v = cJSON_GetObjectItem(row, key);
    if (cJSON_IsBool(v)) return cJSON_IsTrue(v) ? 1.0 : 0.0;
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

const cJSON *rows_of(const cJSON *record, const char *table) {
    return cJSON_GetObjectItem(cJSON_GetObjectItem(record, "tables"), table);
}

const cJSON *study_row(const cJSON *record) {
    return cJSON_GetArrayItem(rows_of(record, "studies"), 0);
}

static int place(const cJSON *row, const char *const key[3], double p[3]) {
    for (int c = 0; c < 3; c++) p[c] = number_of(row, key[c]);
    return !isnan(p[0]) && !isnan(p[1]) && !isnan(p[2]);
}

int place_found(const cJSON *row, double p[3]) {
    static const char *const key[3] = {"x_mm", "y_mm", "z_mm"};
    return place(row, key, p);
}

int place_true(const cJSON *row, double p[3]) {
    static const char *const key[3] = {"x", "y", "z"};
    return place(row, key, p);
}

double distance(const double p[3], const double q[3]) {
    return sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) +
                (p[2] - q[2]) * (p[2] - q[2]));
}

/* CSV with quotes, one row at a time; returns the number of fields, 0 at the end. */
static int read_row(FILE *f, char field[][FIELD], int most) {
    int n = 0, at = 0, quoted = 0, c, any = 0;
    while ((c = getc(f)) != EOF) {
        any = 1;
        if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ',' || c == '\n')) {
            if (n < most) field[n++][at] = 0;
            at = 0;
            if (c == '\n') return n;
        } else if (c != '\r' && n < most && at < FIELD - 1)
            field[n][at++] = (char)c;
    }
    if (any && n < most) field[n++][at] = 0;
    return any ? n : 0;
}

static int column(char field[][FIELD], int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(field[i], name) == 0) return i;
    return -1;
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Writes the pseudonym of the first study of an archive; 0 when the mapping does not know it. */
static int study_of_archive(const char *out, const char *archive, char study[FIELD]) {
    char path[1200], field[24][FIELD];
    snprintf(path, sizeof path, "%s/private/mapping.csv", out);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    int n = read_row(f, field, 24), id = column(field, n, "study_id"), name = column(field, n, "archive"),
        found = 0;
    while (!found && id >= 0 && name >= 0 && read_row(f, field, 24) > name) {
        found = strcmp(base_name(field[name]), archive) == 0;
        if (found) snprintf(study, FIELD, "%s", field[id]);
    }
    fclose(f);
    return found;
}

cJSON *record_of_archive(const char *out, const char *archive, char study[FIELD]) {
    char path[1400];
    cJSON *record = NULL;
    study[0] = 0;
    if (!study_of_archive(out, archive, study)) return NULL;
    snprintf(path, sizeof path, "%s/records/%s.json", out, study);
    return dm_good(dm_record_read(path, &record)) ? record : NULL;
}
