#include "material.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dates.h"
#include "level.h"
#include "level_place.h"

const char *const dm_leak_class_names[DM_LEAK_CLASSES] = {
    "none",   "ventral_tear", "lateral_tear", "dorsal_tear", "diverticulum_leak", "csf_venous_fistula",
    "sacral", "indeterminate"};
static const char *const ways[] = {"", "ventral", "dorsal", "left", "right"};
static const char *const answers[] = {"no_leak", "leak", "indeterminate", "failed"};

static int name_in(const char *const *names, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (!strcmp(names[i], name)) return i;
    return -1;
}

int dm_leak_class_of(const char *name) {
    return name_in(dm_leak_class_names, DM_LEAK_CLASSES, name);
}

int dm_way_of(const char *name) {
    return name_in(ways, 5, name);
}

const char *dm_said_name(dm_said said) {
    return answers[said];
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int dm_sort_names(const char **name, int n) {
    int kept = 0;
    qsort(name, (size_t)n, sizeof *name, by_name);
    for (int i = 0; i < n; i++)
        if (i == 0 || strcmp(name[i], name[i - 1]) != 0) name[kept++] = name[i];
    return kept;
}

int dm_name_find(const char **name, int n, const char *wanted) {
    const char **at = n ? bsearch(&wanted, name, (size_t)n, sizeof *name, by_name) : NULL;
    return at ? (int)(at - name) : -1;
}

static int by_study(const void *a, const void *b) {
    return strcmp(((const dm_examination *)a)->study_id, ((const dm_examination *)b)->study_id);
}

int dm_examination_find(const dm_material *m, const char *study_id) {
    const dm_examination wanted = {.study_id = study_id};
    const dm_examination *at =
        m->n_exams ? bsearch(&wanted, m->exam, (size_t)m->n_exams, sizeof *m->exam, by_study) : NULL;
    return at ? (int)(at - m->exam) : -1;
}

int dm_patient_find(const dm_material *m, const char *patient_id) {
    return dm_name_find(m->patient, m->n_patients, patient_id);
}

static dm_status number_at(const dm_csv_table *t, int row, const char *column, double *value) {
    return dm_csv_number(t, row, column, -1e9, 1e9, value);
}

static dm_status vocabulary(const dm_csv_table *t, int row, const char *column, int (*of)(const char *),
                            int *value) {
    const char *text = dm_csv_text(t, row, column);
    *value = *text ? of(text) : 0;
    if (*value >= 0) return dm_ok;
    return dm_csv_fail(
        t, row, "unknown %s; the table is damaged or of another version: duramap merge OUT makes it again",
        column);
}

static dm_status answer_of(const dm_csv_table *t, int row, dm_said *said) {
    const char *status = dm_csv_text(t, row, "status"), *answer = dm_csv_text(t, row, "answer");
    int which = name_in(answers, DM_SAID_NOTHING, answer);
    *said = which >= 0 ? (dm_said)which : DM_SAID_NOTHING;
    if (which >= 0 || !strcmp(status, "failed")) return dm_ok;
    return dm_csv_fail(t, row,
                       "a study that did not fail has no answer; duramap merge OUT makes the table again");
}

static dm_status read_exam(const dm_csv_table *t, int row, dm_examination *e) {
    double round, slec;
    *e = (dm_examination){.study_id = dm_csv_text(t, row, "study_id"),
                          .class_name = dm_csv_text(t, row, "class"),
                          .level = dm_csv_text(t, row, "level"),
                          .side_name = dm_csv_text(t, row, "side"),
                          .sex = dm_csv_text(t, row, "sex"),
                          .age_band = dm_csv_text(t, row, "age_band"),
                          .scanner_maker = dm_csv_text(t, row, "scanner_maker"),
                          .scanner_model = dm_csv_text(t, row, "scanner_model"),
                          .time = dm_time_parse(dm_csv_text(t, row, "exam_time")),
                          .day = NAN,
                          .truth_source = "",
                          .truth_days = NAN,
                          .truth_slec = -1};
    if (!*e->study_id)
        return dm_csv_fail(t, row, "study_id is empty; duramap merge OUT makes the table again");
    DM_TRY(answer_of(t, row, &e->said));
    DM_TRY(vocabulary(t, row, "class", dm_leak_class_of, &e->class_));
    DM_TRY(vocabulary(t, row, "side", dm_way_of, &e->side));
    e->place = dm_place_parse(e->level);
    DM_TRY(number_at(t, row, "round", &round));
    DM_TRY(number_at(t, row, "score", &e->score));
    DM_TRY(number_at(t, row, "s_mm", &e->s));
    DM_TRY(number_at(t, row, "interval_mm", &e->interval_mm));
    DM_TRY(number_at(t, row, "slec", &slec));
    e->round = isnan(round) ? 0 : (int)round;
    e->slec = isnan(slec) ? -1 : slec > 0;
    return dm_ok;
}

static const char *protocol_at(const dm_csv_table *t, int row) {
    const char *name = dm_csv_text(t, row, "protocol");
    return *name ? name : "unknown"; /* a study that failed before its protocol was chosen */
}

static dm_status name_patients(dm_material *m) {
    const dm_csv_table *t = &m->studies;
    m->patient = calloc((size_t)m->n_exams + 1, sizeof *m->patient);
    m->protocol = calloc((size_t)m->n_exams + 1, sizeof *m->protocol);
    if (!m->patient || !m->protocol)
        return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d studies", m->n_exams);
    for (int i = 0; i < m->n_exams; i++) {
        m->patient[i] = dm_csv_text(t, i, "patient_id");
        m->protocol[i] = protocol_at(t, i);
    }
    m->n_patients = dm_sort_names(m->patient, m->n_exams);
    m->n_protocols = dm_sort_names(m->protocol, m->n_exams);
    for (int i = 0; i < m->n_exams; i++) {
        m->exam[i].patient = dm_patient_find(m, dm_csv_text(t, i, "patient_id"));
        m->exam[i].protocol = dm_name_find(m->protocol, m->n_protocols, protocol_at(t, i));
    }
    return dm_ok;
}

/* Days since the patient's first exam; exams without a time have none. */
static dm_status count_days(dm_material *m) {
    double *first = calloc((size_t)m->n_patients + 1, sizeof *first);
    if (!first) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d patients", m->n_patients);
    for (int p = 0; p < m->n_patients; p++) first[p] = INFINITY;
    for (int i = 0; i < m->n_exams; i++)
        first[m->exam[i].patient] = fmin(first[m->exam[i].patient], m->exam[i].time);
    for (int i = 0; i < m->n_exams; i++)
        m->exam[i].day = (m->exam[i].time - first[m->exam[i].patient]) / 86400;
    free(first);
    return dm_ok;
}

static dm_status read_exams(dm_material *m) {
    const dm_csv_table *t = &m->studies;
    DM_TRY(dm_csv_check_header(t, "study_id|patient_id|protocol|status|answer|score|class|level|side|s_mm",
                               NULL));
    m->n_exams = t->n_rows;
    m->exam = calloc((size_t)m->n_exams + 1, sizeof *m->exam);
    if (!m->exam) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d studies", m->n_exams);
    for (int i = 0; i < m->n_exams; i++) DM_TRY(read_exam(t, i, &m->exam[i]));
    DM_TRY(name_patients(m));
    DM_TRY(count_days(m));
    qsort(m->exam, (size_t)m->n_exams, sizeof *m->exam, by_study);
    for (int i = 1; i < m->n_exams; i++)
        if (!strcmp(m->exam[i].study_id, m->exam[i - 1].study_id))
            return dm_fail(DM_FATAL, "bad_csv",
                           "%s: study %s has two rows; duramap merge OUT makes the table again", t->name,
                           m->exam[i].study_id);
    return dm_ok;
}

/* Number of rows of each study, and the study of each row (-1 = of none). The caller frees owner. */
static dm_status owners(const dm_material *m, const dm_csv_table *t, int **owner, int *count) {
    *owner = calloc((size_t)t->n_rows + 1, sizeof **owner);
    if (!*owner) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d rows", t->n_rows);
    for (int i = 0; i < t->n_rows; i++) {
        (*owner)[i] = dm_examination_find(m, dm_csv_text(t, i, "study_id"));
        if ((*owner)[i] >= 0) count[(*owner)[i]]++;
    }
    return dm_ok;
}

static dm_status read_mark(const dm_csv_table *t, int row, dm_mark *k) {
    double accepted;
    DM_TRY(vocabulary(t, row, "class", dm_leak_class_of, &k->class_));
    DM_TRY(vocabulary(t, row, "side", dm_way_of, &k->side));
    int by_root =
        k->class_ == DM_LEAK_LATERAL || k->class_ == DM_LEAK_DIVERTICULUM || k->class_ == DM_LEAK_FISTULA;
    k->place = dm_place_parse(dm_csv_text(t, row, by_root ? "level_root" : "level_disc"));
    DM_TRY(number_at(t, row, "score", &k->score));
    DM_TRY(number_at(t, row, "s_mm", &k->s));
    DM_TRY(number_at(t, row, "accepted", &accepted));
    if (isnan(k->score))
        return dm_csv_fail(t, row, "a candidate has no score; duramap merge OUT makes the table again");
    k->accepted = accepted > 0;
    k->is_sign = *dm_csv_text(t, row, "false_sign") != 0;
    return dm_ok;
}

static dm_status read_marks(dm_material *m) {
    const dm_csv_table *t = &m->findings;
    DM_TRY(dm_csv_check_header(t, "study_id|class|score|accepted|level_disc|level_root|side|s_mm|false_sign",
                               NULL));
    int *owner = NULL, *count = calloc((size_t)m->n_exams + 1, sizeof *count);
    m->marks = calloc((size_t)t->n_rows + 1, sizeof *m->marks);
    dm_status status = count && m->marks ? owners(m, t, &owner, count)
                                         : dm_fail(DM_FATAL, "out_of_memory", "no memory for findings");
    dm_mark *next = m->marks;
    for (int i = 0; dm_good(status) && i < m->n_exams; next += count[i++]) m->exam[i].mark = next;
    for (int i = 0; dm_good(status) && i < t->n_rows; i++)
        if (owner[i] >= 0) {
            dm_examination *e = &m->exam[owner[i]];
            status = read_mark(t, i, &e->mark[e->n_marks++]);
        }
    free(owner);
    free(count);
    return status;
}

static dm_status read_rung(const dm_csv_table *t, int row, dm_rung *r) {
    r->level = dm_level_parse(dm_csv_text(t, row, "level"));
    DM_TRY(number_at(t, row, "x_mm", &r->p[0]));
    DM_TRY(number_at(t, row, "y_mm", &r->p[1]));
    DM_TRY(number_at(t, row, "z_mm", &r->p[2]));
    DM_TRY(number_at(t, row, "s_mm", &r->s));
    if (!r->level || isnan(r->p[0] + r->p[1] + r->p[2] + r->s))
        return dm_csv_fail(t, row,
                           "a vertebra without name or place; duramap merge OUT makes the table again");
    return dm_ok;
}

static int by_s(const void *a, const void *b) {
    double x = ((const dm_rung *)a)->s, y = ((const dm_rung *)b)->s;
    return (x > y) - (x < y);
}

static dm_status read_rungs(dm_material *m) {
    const dm_csv_table *t = &m->levels;
    DM_TRY(dm_csv_check_header(t, "study_id|level|x_mm|y_mm|z_mm|s_mm", NULL));
    int *owner = NULL, *count = calloc((size_t)m->n_exams + 1, sizeof *count);
    m->rungs = calloc((size_t)t->n_rows + 1, sizeof *m->rungs);
    dm_status status = count && m->rungs ? owners(m, t, &owner, count)
                                         : dm_fail(DM_FATAL, "out_of_memory", "no memory for levels");
    dm_rung *next = m->rungs;
    for (int i = 0; dm_good(status) && i < m->n_exams; next += count[i++]) m->exam[i].rung = next;
    for (int i = 0; dm_good(status) && i < t->n_rows; i++)
        if (owner[i] >= 0) {
            dm_examination *e = &m->exam[owner[i]];
            status = read_rung(t, i, &e->rung[e->n_rungs++]);
        }
    for (int i = 0; dm_good(status) && i < m->n_exams; i++)
        qsort(m->exam[i].rung, (size_t)m->exam[i].n_rungs, sizeof(dm_rung), by_s);
    free(owner);
    free(count);
    return status;
}

static dm_status read_table(const char *out, const char *name, dm_csv_table *t) {
    char path[4096];
    snprintf(path, sizeof path, "%s/tables/%s.csv", out, name);
    if (access(path, R_OK) != 0)
        return dm_fail(
            DM_FATAL, "bad_csv",
            "%.200s: no table %s.csv there; give the OUT of a run, or make its tables: duramap merge OUT",
            out, name);
    return dm_csv_table_read(path, t);
}

dm_status dm_material_read(const char *out, dm_material *m) {
    *m = (dm_material){0};
    DM_TRY(read_table(out, "studies", &m->studies));
    DM_TRY(read_table(out, "findings", &m->findings));
    DM_TRY(read_table(out, "levels", &m->levels));
    DM_TRY(read_exams(m));
    DM_TRY(read_marks(m));
    return read_rungs(m);
}

void dm_material_free(dm_material *m) {
    dm_csv_table_free(&m->studies);
    dm_csv_table_free(&m->findings);
    dm_csv_table_free(&m->levels);
    for (int i = 0; i < m->n_exams; i++) free(m->exam[i].lesion);
    free(m->exam);
    free(m->patient);
    free(m->protocol);
    free(m->marks);
    free(m->rungs);
    *m = (dm_material){0};
}
