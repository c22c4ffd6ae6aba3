/* accuracy OUT truth.json [--csv FILE] [--each]
 * How far the records of a run lie from the truth of digital phantoms: rows, centre line, levels, pools,
 * sites, false marks, answers, diverticula, fistulas, cost. OUT is the folder of `duramap run`; studies are
 * matched by the archive's name in OUT/private/mapping.csv. --each adds a line per study. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

enum { MAX_STUDIES = 4096, FIELD = 128 };

typedef struct sample { /* growing list of numbers */
    double *v;
    int n, room;
} sample;

static void keep(sample *s, double v) {
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 256;
        double *more = realloc(s->v, (size_t)s->room * sizeof *more);
        if (!more) abort();
        s->v = more;
    }
    s->v[s->n++] = v;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(sample *s, double q) {
    if (s->n == 0) return NAN;
    qsort(s->v, (size_t)s->n, sizeof *s->v, ascending);
    return s->v[(int)(q * (s->n - 1) + 0.5)];
}

typedef struct totals {
    int truth, records, ok, levels_near, levels_right, levels_true, pools, pools_found, pools_listed, leaks,
        leaks_found, marks, divert_true, divert_found, divert_rows, divert_false, veins, veins_found,
        veins_listed, signs_taken, answer[2][3];
    sample line, cover, site, size, seconds, peak;
} totals;

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

typedef struct name_pair {
    char study[FIELD], archive[FIELD];
} name_pair;

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static int read_mapping(const char *out, name_pair *links) {
    char path[1200], field[24][FIELD];
    snprintf(path, sizeof path, "%s/private/mapping.csv", out);
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    int n = read_row(f, field, 24), study = column(field, n, "study_id"),
        archive = column(field, n, "archive"), count = 0;
    while (study >= 0 && archive >= 0 && count < MAX_STUDIES && read_row(f, field, 24) > archive) {
        snprintf(links[count].study, FIELD, "%s", field[study]);
        snprintf(links[count++].archive, FIELD, "%s", base_name(field[archive]));
    }
    fclose(f);
    return count;
}

static void read_costs(const char *out, totals *t) {
    static char field[64][FIELD];
    char path[1200];
    snprintf(path, sizeof path, "%s/tables/run.csv", out);
    FILE *f = fopen(path, "r");
    if (!f) return;
    int n = read_row(f, field, 64), seconds = column(field, n, "seconds"),
        peak = column(field, n, "peak_bytes");
    while (seconds >= 0 && (n = read_row(f, field, 64)) > seconds) {
        keep(&t->seconds, atof(field[seconds]));
        if (peak >= 0 && peak < n) keep(&t->peak, atof(field[peak]));
    }
    fclose(f);
}

/* A table's rows in a record: at the top or under "tables"; one row may stand without its list. */
static const cJSON *rows(const cJSON *record, const char *table) {
    const cJSON *t = cJSON_GetObjectItem(record, table);
    if (!t) t = cJSON_GetObjectItem(cJSON_GetObjectItem(record, "tables"), table);
    return t;
}

static const char *text(const cJSON *row, const char *key) {
    const cJSON *v = cJSON_GetObjectItem(row, key);
    return cJSON_IsString(v) ? v->valuestring : "";
}

static double number(const cJSON *row, const char *key) {
    const cJSON *v = cJSON_GetObjectItem(row, key);
    if (cJSON_IsBool(v)) return cJSON_IsTrue(v);
    if (cJSON_IsString(v) && v->valuestring[0])
        return strcmp(v->valuestring, "true") == 0 ? 1.0 : atof(v->valuestring);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static const cJSON *study_row(const cJSON *record) {
    const cJSON *t = rows(record, "studies");
    if (!t) t = rows(record, "study");
    return cJSON_IsArray(t) ? cJSON_GetArrayItem(t, 0) : t;
}

static int place(const cJSON *row, const char *const key[3], double p[3]) {
    for (int c = 0; c < 3; c++) p[c] = number(row, key[c]);
    return !isnan(p[0]) && !isnan(p[1]) && !isnan(p[2]);
}
static const char *const in_table[3] = {"x_mm", "y_mm", "z_mm"}, *const in_truth[3] = {"x", "y", "z"};

static double distance(const double p[3], const double q[3]) {
    return sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) +
                (p[2] - q[2]) * (p[2] - q[2]));
}

typedef struct polyline {
    double (*p)[3];
    int n;
} polyline;

/* The truth's line: a list of [x, y, z]. The record's: [s, x, y, z, ...] or objects with x_mm, y_mm, z_mm. */
static polyline read_line(const cJSON *list) {
    polyline l = {calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof *l.p), 0};
    const cJSON *e;
    cJSON_ArrayForEach(e, list) {
        if (!l.p) abort();
        double *q = l.p[l.n];
        if (cJSON_IsArray(e)) {
            int from = cJSON_GetArraySize(e) > 3 ? 1 : 0;
            for (int c = 0; c < 3; c++)
                q[c] = cJSON_GetArraySize(e) > from + c ? cJSON_GetArrayItem(e, from + c)->valuedouble : NAN;
            l.n++;
        } else if (place(e, in_table, q) || place(e, in_truth, q))
            l.n++;
    }
    return l;
}

static const cJSON *find_line(const cJSON *record) {
    static const char *const names[4] = {"line", "centre_line", "spine", "centerline"};
    for (int i = 0; i < 4; i++) {
        const cJSON *l = cJSON_GetObjectItem(record, names[i]);
        if (cJSON_IsArray(l)) return l;
    }
    return NULL;
}

/* Nearest distance from p to the pieces of a line, and where along it (in points). */
static double to_line(const polyline *l, const double p[3], double *where) {
    double best = INFINITY;
    for (int i = 0; i + 1 < l->n; i++) {
        double d[3], along = 0, len = 0;
        for (int c = 0; c < 3; c++) {
            d[c] = l->p[i + 1][c] - l->p[i][c];
            along += (p[c] - l->p[i][c]) * d[c];
            len += d[c] * d[c];
        }
        double t = len > 0 ? fmin(fmax(along / len, 0), 1) : 0, q[3];
        for (int c = 0; c < 3; c++) q[c] = l->p[i][c] + t * d[c];
        double far = distance(p, q);
        if (far >= best) continue;
        best = far;
        *where = i + t;
    }
    return best;
}

static void score_line(const polyline *truth, const polyline *found, totals *t) {
    double where;
    for (int i = 0; i < found->n && truth->n > 1; i++) keep(&t->line, to_line(truth, found->p[i], &where));
    for (int i = 0; i < truth->n && found->n > 1; i += 5)
        keep(&t->cover, to_line(found, truth->p[i], &where));
}

static void score_levels(const cJSON *truth, const cJSON *record, totals *t) {
    const cJSON *v, *row;
    cJSON_ArrayForEach(v, cJSON_GetObjectItem(truth, "vertebrae")) {
        double p[3], q[3], best = 15.0;
        const char *name = NULL;
        t->levels_true++;
        if (!place(v, in_truth, p)) continue;
        cJSON_ArrayForEach(row, rows(record, "levels")) {
            if (!place(row, in_table, q) || distance(p, q) >= best) continue;
            best = distance(p, q);
            name = text(row, "level");
        }
        if (!name) continue;
        t->levels_near++;
        t->levels_right += strcmp(name, text(v, "level")) == 0;
    }
}

/* Same side, and along the canal within the truth's extent and 10 mm (a point-like leak: 15 mm). */
static int matches(const cJSON *leak, const cJSON *finding, const polyline *line, double *error) {
    double p[3], s = 0, from = number(leak, "s_from"), to = number(leak, "s_to"),
                 more = to - from < 1.0 ? 15.0 : 10.0;
    if (strcmp(text(leak, "side"), text(finding, "side")) != 0 || !place(finding, in_table, p)) return 0;
    to_line(line, p, &s);
    *error = fabs(s - number(leak, "s"));
    return s >= from - more && s <= to + more;
}

static int is_accepted(const cJSON *finding) {
    return number(finding, "accepted") > 0.5;
}

static void score_leaks(const cJSON *truth, const cJSON *record, const polyline *line, totals *t) {
    const cJSON *leak, *f;
    cJSON_ArrayForEach(leak, cJSON_GetObjectItem(truth, "leaks")) {
        int vein = strcmp(text(leak, "class"), "csf_venous_fistula") == 0, listed = 0, found = 0;
        double best = INFINITY, error;
        cJSON_ArrayForEach(f, rows(record, "findings")) {
            if (!matches(leak, f, line, &error)) continue;
            listed = 1;
            if (!is_accepted(f)) continue;
            found = 1;
            best = fmin(best, error);
        }
        int thick = !vein && number(leak, "thickness_mm") >= 2.0;
        t->leaks++;
        t->leaks_found += found;
        t->veins += vein;
        t->veins_found += vein && found;
        t->veins_listed += vein && listed;
        t->pools += thick;
        t->pools_found += thick && found;
        t->pools_listed += thick && listed;
        if (found) keep(&t->site, best);
    }
}

static void score_marks(const cJSON *truth, const cJSON *record, const polyline *line, totals *t) {
    const cJSON *leak, *f, *sign;
    cJSON_ArrayForEach(f, rows(record, "findings")) {
        double error, p[3], q[3];
        int hit = 0;
        if (!is_accepted(f)) continue;
        cJSON_ArrayForEach(leak, cJSON_GetObjectItem(truth, "leaks")) hit |= matches(leak, f, line, &error);
        t->marks += !hit;
        cJSON_ArrayForEach(sign, cJSON_GetObjectItem(
                                     truth, "signs")) if (!hit && strcmp(text(sign, "sign"), "spur") != 0 &&
                                                          place(sign, in_truth, p) && place(f, in_table, q) &&
                                                          distance(p, q) < 25.0) t->signs_taken++;
    }
}

static void score_diverticula(const cJSON *truth, const cJSON *record, totals *t) {
    const cJSON *d, *row;
    double p[3], q[3];
    cJSON_ArrayForEach(d, cJSON_GetObjectItem(truth, "diverticula")) {
        int found = 0;
        if (number(d, "diameter_mm") < 5.0 || !place(d, in_truth, p)) continue;
        t->divert_true++;
        cJSON_ArrayForEach(row, rows(record, "diverticula")) {
            if (found || !place(row, in_table, q) || distance(p, q) > 8.0) continue;
            found = 1;
            keep(&t->size, fabs(number(row, "diameter_mm") - number(d, "diameter_mm")));
        }
        t->divert_found += found;
    }
    cJSON_ArrayForEach(row, rows(record, "diverticula")) {
        int hit = 0;
        t->divert_rows++;
        if (!place(row, in_table, q)) continue;
        cJSON_ArrayForEach(d, cJSON_GetObjectItem(truth, "diverticula")) hit |=
            place(d, in_truth, p) && distance(p, q) < 8.0;
        t->divert_false += !hit;
    }
}

static void score_answer(const cJSON *truth, const cJSON *record, totals *t) {
    const char *answer = text(study_row(record), "answer");
    int leak = cJSON_GetArraySize(cJSON_GetObjectItem(truth, "leaks")) > 0;
    int kind = strcmp(answer, "leak") == 0 ? 0 : (strcmp(answer, "no_leak") == 0 ? 1 : 2);
    t->answer[leak][kind]++;
}

static cJSON *open_record(const char *out, const name_pair *links, int n, const char *archive) {
    for (int i = 0; i < n; i++) {
        char path[1200];
        cJSON *record = NULL;
        if (strcmp(links[i].archive, archive) != 0) continue;
        snprintf(path, sizeof path, "%s/records/%s.json", out, links[i].study);
        if (dm_good(dm_record_read(path, &record))) return record;
    }
    return NULL;
}

static void print_each(const cJSON *truth, const cJSON *record, const totals *before, const totals *after) {
    const cJSON *s = study_row(record), *leak = cJSON_GetArrayItem(cJSON_GetObjectItem(truth, "leaks"), 0);
    sample line = {after->line.v + before->line.n, after->line.n - before->line.n, 0}, copy = {0};
    for (int i = 0; i < line.n; i++) keep(&copy, line.v[i]);
    printf("%-6s %-17s %-4s %-15s line %5.1f %5.1f  levels %2d/%2d  %-13s found %d/%d (%.1f mm x %.2f)  "
           "marks %d  answer %s (score %.2f) qc %s\n",
           text(truth, "case"), text(truth, "kind"), text(truth, "protocol"), text(truth, "field"),
           quantile(&copy, 0.5), quantile(&copy, 0.95), after->levels_right - before->levels_right,
           after->levels_near - before->levels_near, leak ? text(leak, "level_disc") : "-",
           after->leaks_found - before->leaks_found, after->leaks - before->leaks,
           leak ? number(leak, "thickness_mm") : 0.0, leak ? number(leak, "ratio") : 0.0,
           after->marks - before->marks, text(s, "answer"), number(s, "score"), text(s, "qc"));
    free(copy.v);
}

static void score_study(const cJSON *truth, const cJSON *record, totals *t, int each) {
    t->records++;
    t->ok +=
        strcmp(text(study_row(record), "status"), "ok") == 0 || text(study_row(record), "answer")[0] != 0;
    totals before = *t;
    polyline line = read_line(cJSON_GetObjectItem(truth, "line")), found = read_line(find_line(record));
    score_line(&line, &found, t);
    score_levels(truth, record, t);
    score_leaks(truth, record, &line, t);
    score_marks(truth, record, &line, t);
    score_diverticula(truth, record, t);
    score_answer(truth, record, t);
    if (each) print_each(truth, record, &before, t);
    free(line.p);
    free(found.p);
}

static void put(FILE *csv, const char *what, double value, const char *unit) {
    printf("%-52s %10.2f %s\n", what, value, unit);
    if (csv) fprintf(csv, "%s,%.4f,%s\n", what, value, unit);
}

static void report(totals *t, FILE *csv) {
    int right = t->answer[0][1] + t->answer[1][0], n = t->records ? t->records : 1;
    if (csv) fputs("measure,value,unit\n", csv);
    put(csv, "cases in the truth", t->truth, "");
    put(csv, "records", t->records, "");
    put(csv, "studies with an answer", t->ok, "");
    put(csv, "centre line to truth: median", quantile(&t->line, 0.5), "mm");
    put(csv, "centre line to truth: 95 %", quantile(&t->line, 0.95), "mm");
    put(csv, "centre line to truth: worst", quantile(&t->line, 1.0), "mm");
    put(csv, "truth to centre line: 95 %", quantile(&t->cover, 0.95), "mm");
    put(csv, "vertebrae in the truth", t->levels_true, "");
    put(csv, "vertebrae with a row within 15 mm", t->levels_near, "");
    put(csv, "of these labelled right", t->levels_right, "");
    put(csv, "leaks", t->leaks, "");
    put(csv, "leaks found (accepted, side and extent)", t->leaks_found, "");
    put(csv, "pools of at least 2 mm", t->pools, "");
    put(csv, "pools of at least 2 mm found", t->pools_found, "");
    put(csv, "pools of at least 2 mm listed as candidates", t->pools_listed, "");
    put(csv, "site error: median", quantile(&t->site, 0.5), "mm");
    put(csv, "site error: 90 %", quantile(&t->site, 0.9), "mm");
    put(csv, "false marks per study (accepted)", (double)t->marks / n, "");
    put(csv, "misleading signs taken for leaks", t->signs_taken, "");
    put(csv, "answers right", right, "");
    put(csv, "leak answered leak", t->answer[1][0], "");
    put(csv, "leak answered no_leak", t->answer[1][1], "");
    put(csv, "leak answered indeterminate", t->answer[1][2], "");
    put(csv, "none answered leak", t->answer[0][0], "");
    put(csv, "none answered no_leak", t->answer[0][1], "");
    put(csv, "none answered indeterminate", t->answer[0][2], "");
    put(csv, "diverticula of at least 5 mm", t->divert_true, "");
    put(csv, "diverticula of at least 5 mm found", t->divert_found, "");
    put(csv, "diverticula rows", t->divert_rows, "");
    put(csv, "diverticula rows without truth", t->divert_false, "");
    put(csv, "diverticula: size error median", quantile(&t->size, 0.5), "mm");
    put(csv, "fistulas", t->veins, "");
    put(csv, "fistulas found (accepted)", t->veins_found, "");
    put(csv, "fistulas listed as candidates", t->veins_listed, "");
    put(csv, "seconds per study: median", quantile(&t->seconds, 0.5), "s");
    put(csv, "seconds per study: worst", quantile(&t->seconds, 1.0), "s");
    put(csv, "peak memory: worst", quantile(&t->peak, 1.0) / 1048576.0, "MiB");
}

int main(int argc, char **argv) {
    const char *csv_path = NULL;
    int each = 0;
    if (argc < 3) {
        fprintf(stderr, "usage: accuracy OUT truth.json [--csv FILE] [--each]\n");
        return 1;
    }
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--each") == 0)
            each = 1;
        else if (strcmp(argv[i], "--csv") == 0 && i + 1 < argc)
            csv_path = argv[++i];
    }
    cJSON *truth = NULL;
    dm_status s = dm_record_read(argv[2], &truth);
    name_pair *links = calloc(MAX_STUDIES, sizeof *links);
    totals t = {0};
    if (!dm_good(s) || !links) {
        fprintf(stderr, "%s\n", dm_good(s) ? "no memory" : s.text);
        free(links);
        return 4;
    }
    int n = read_mapping(argv[1], links);
    const cJSON *c;
    cJSON_ArrayForEach(c, cJSON_GetObjectItem(truth, "cases")) {
        cJSON *record = open_record(argv[1], links, n, text(c, "archive"));
        t.truth++;
        if (record)
            score_study(c, record, &t, each);
        else if (each)
            printf("%-6s %-17s no record\n", text(c, "case"), text(c, "kind"));
        cJSON_Delete(record);
    }
    read_costs(argv[1], &t);
    FILE *csv = csv_path ? fopen(csv_path, "w") : NULL;
    report(&t, csv);
    if (csv) fclose(csv);
    sample *all[6] = {&t.line, &t.cover, &t.site, &t.size, &t.seconds, &t.peak};
    for (int i = 0; i < 6; i++) free(all[i]->v);
    cJSON_Delete(truth);
    free(links);
    return 0;
}
