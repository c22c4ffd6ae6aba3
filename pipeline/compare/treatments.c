/* treatments.csv: patches and operations, which end one sequence of rounds and begin the next. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinical.h"
#include "dates.h"

static int is_treatment(const char *what) {
    static const char *const known[] = {"blood_patch", "fibrin_patch", "surgery", "embolisation"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(what, known[i])) return 1;
    return 0;
}

/* The raw ID of a patient: the cell itself when it is none of the pseudonyms, else by the mapping; "" when
 * not known. */
static const char *raw_id(const dm_names *names, const dm_material *m, const char *text) {
    if (dm_patient_find(m, text) < 0) return text;
    for (int i = 0; names->mapping && i < names->mapping->n_rows; i++)
        if (!strcmp(dm_csv_text(names->mapping, i, "patient_id"), text))
            return dm_csv_text(names->mapping, i, "patient");
    return "";
}

static double moved_time(const dm_names *names, const dm_material *m, const char *patient, double date) {
    const char *raw = raw_id(names, m, patient);
    return names->key && *raw ? 86400 * date - dm_date_shift(names->key, raw) : NAN;
}

static dm_status read_treatment(const dm_csv_table *t, int row, dm_treatment *out) {
    double round, day;
    const char *date = dm_csv_text(t, row, "date");
    out->what = dm_csv_text(t, row, "treatment");
    day = dm_date_parse(date);
    if (!is_treatment(out->what))
        return dm_csv_fail(
            t, row,
            "treatment '%.20s' is unknown; treatments are blood_patch, fibrin_patch, surgery, embolisation",
            out->what);
    if (*date && isnan(day)) return dm_csv_fail(t, row, "date is no day; write it as 2024-05-31");
    DM_TRY(dm_csv_number(t, row, "day", -36500, 36500, &out->day));
    DM_TRY(dm_csv_number(t, row, "after_round", 1, 1000, &round));
    out->after_round = isnan(round) ? 0 : (int)round;
    if (!out->after_round && isnan(out->day) && isnan(day))
        return dm_csv_fail(t, row, "says not when; fill date, day (since the first study) or after_round");
    return dm_ok;
}

/* 1 when at least one study of the patient can be put before or after it. */
static int can_be_placed(const dm_treatment *t, const dm_material *m) {
    if (t->after_round) return 1;
    for (int i = 0; i < m->n_exams; i++)
        if (m->exam[i].patient == t->patient &&
            (!isnan(t->time - m->exam[i].time) || !isnan(t->day - m->exam[i].day)))
            return 1;
    return 0;
}

dm_status dm_treatments_read(const char *path, const dm_names *names, const dm_material *m,
                             dm_sheet *unmatched, dm_treatments *out) {
    dm_csv_table *t = &out->table;
    DM_TRY(dm_csv_table_read(path, t));
    DM_TRY(dm_csv_check_header(t, "patient_id|treatment", "date|day|after_round"));
    DM_TRY(dm_csv_check_unique(t, NULL));
    out->t = calloc((size_t)t->n_rows + 1, sizeof *out->t);
    if (!out->t) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d treatments", t->n_rows);
    for (int i = 0; i < t->n_rows; i++) {
        dm_treatment *one = &out->t[out->n];
        DM_TRY(read_treatment(t, i, one));
        const char *patient = dm_csv_text(t, i, "patient_id");
        one->patient = dm_names_patient(names, m, patient);
        one->time = moved_time(names, m, patient, dm_date_parse(dm_csv_text(t, i, "date")));
        const char *why =
            one->patient < 0 ? "no patient of this name in OUT"
            : !can_be_placed(one, m)
                ? "no exam_time to compare with, or no key and raw ID to compare dates by; fill after_round"
                : NULL;
        if (why)
            dm_unmatched(unmatched, "treatments.csv", t->line[i + 1], "",
                         one->patient < 0 ? "" : m->patient[one->patient], "treatment_unused", why);
        out->n += !why;
    }
    return dm_ok;
}

void dm_treatments_free(dm_treatments *t) {
    dm_csv_table_free(&t->table);
    free(t->t);
    *t = (dm_treatments){0};
}

int dm_treated_before(const dm_treatment *t, const dm_examination *e, int position) {
    if (t->after_round) return position > t->after_round;
    if (!isnan(t->time - e->time)) return e->time >= t->time + 86400;
    return floor(e->day + 0.5) > t->day; /* 0 when either is not known */
}
