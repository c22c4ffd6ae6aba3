/* treatments.csv: patches and operations, which end one sequence of rounds and begin the next. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinical.h"

double dm_date_parse(const char *text) {
    int y, m, d, end = 0;
    if (strlen(text) == 10 && text[4] == '-')
        (void)sscanf(text, "%4d-%2d-%2d%n", &y, &m, &d,
                     &end); /* NOLINT(cert-err34-c): the length is checked by %n */
    else if (strlen(text) == 8)
        (void)sscanf(text, "%4d%2d%2d%n", &y, &m, &d, &end); /* NOLINT(cert-err34-c) */
    if (!end || text[end] || strspn(text, "0123456789-") != strlen(text)) return NAN;
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (y < 1900 || m < 1 || m > 12 || d < 1 || d > days[m - 1]) return NAN;
    /* Days of the Gregorian calendar, years counted from March so that the leap day is a year's last. */
    int year = m > 2 ? y : y - 1, month = (m + 9) % 12;
    return 365.0 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + d - 1 - 719468;
}

static int is_treatment(const char *what) {
    static const char *const known[] = {"blood_patch", "fibrin_patch", "surgery", "embolisation"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(what, known[i])) return 1;
    return 0;
}

static dm_status read_treatment(const dm_csv_table *t, int row, dm_treatment *out) {
    double round;
    const char *date = dm_csv_text(t, row, "date");
    out->what = dm_csv_text(t, row, "treatment");
    out->date = dm_date_parse(date);
    if (!is_treatment(out->what))
        return dm_csv_fail(
            t, row,
            "treatment '%.20s' is unknown; treatments are blood_patch, fibrin_patch, surgery, embolisation",
            out->what);
    if (*date && isnan(out->date)) return dm_csv_fail(t, row, "date is no day; write it as 2024-05-31");
    DM_TRY(dm_csv_number(t, row, "day", -36500, 36500, &out->day));
    DM_TRY(dm_csv_number(t, row, "after_round", 1, 1000, &round));
    out->after_round = isnan(round) ? 0 : (int)round;
    if (!out->after_round && isnan(out->day) && isnan(out->date))
        return dm_csv_fail(t, row, "says not when; fill date, day (since the first study) or after_round");
    return dm_ok;
}

/* 1 when at least one study of the patient can be put before or after it. */
static int can_be_placed(const dm_treatment *t, const dm_material *m) {
    if (t->after_round) return 1;
    for (int i = 0; i < m->n_exams; i++)
        if (m->exam[i].patient == t->patient &&
            (!isnan(t->date - m->exam[i].date) || !isnan(t->day - m->exam[i].day)))
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
        one->patient = dm_names_patient(names, m, dm_csv_text(t, i, "patient_id"));
        const char *why = one->patient < 0 ? "no patient of this name in OUT"
                          : !can_be_placed(one, m)
                              ? "no study of the patient has a date or day to compare with; fill after_round"
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

int dm_treated_before(const dm_treatment *t, const dm_exam *e, int position) {
    if (t->after_round) return position > t->after_round;
    if (!isnan(t->date - e->date)) return e->date > t->date;
    return e->day > t->day; /* 0 when either is not known */
}
