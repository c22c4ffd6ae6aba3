/* froc.csv: the figures of each protocol's curves. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "comparison.h"
#include "froc.h"

enum { OPERATING = DM_FROC_RATES, AREA, NUMBERS };

static void numbers_of(void *user, const unsigned *weight, double *out) {
    double false_per_study;
    dm_froc_sensitivity(user, weight, out, NULL);
    dm_froc_operating(user, weight, &out[OPERATING], &false_per_study);
    out[AREA] = dm_wafroc(user, weight);
}

static cJSON *start_row(dm_comparison *c, int protocol, double reach, const char *figure, const dm_froc *f,
                        double value, const dm_limits *limits) {
    cJSON *row = dm_sheet_row(&c->sheet[DM_FROC]);
    dm_put(row, "protocol", c->m.protocol[protocol]);
    dm_put_number(row, "reach_mm", reach);
    dm_put(row, "figure", figure);
    dm_put_number(row, "value", value);
    dm_put_limits(row, "value", "", limits->low, limits->high);
    dm_put_limits(row, "value", "bca", limits->bca_low, limits->bca_high);
    dm_put_number(row, "n_patients", f->n_patients);
    dm_put_number(row, "n_studies", f->n_studies);
    dm_put_number(row, "n_negative", f->n_negative);
    dm_put_number(row, "n_leaks", f->n_leaks);
    if (!f->n_studies) dm_put_note(row, "no study with a reference");
    if (f->n_studies && !f->n_leaks) dm_put_note(row, "no leak in the reference");
    if (f->n_patients == 1) dm_put_note(row, "one patient: no limits");
    return row;
}

static void add_rows(dm_comparison *c, int protocol, double reach, const dm_froc *f, const unsigned *ones,
                     const dm_limits *limits) {
    double sensitivity[DM_FROC_RATES], threshold[DM_FROC_RATES], found, falses;
    cJSON *row;
    dm_froc_sensitivity(f, ones, sensitivity, threshold);
    for (int i = 0; i < DM_FROC_RATES; i++) {
        row = start_row(c, protocol, reach, "sensitivity", f, sensitivity[i], &limits[i]);
        dm_put_number(row, "false_per_study", dm_froc_rates[i]);
        dm_put_number(row, "threshold", threshold[i]);
        if (f->n_leaks && threshold[i] < 0 && isinf(threshold[i]))
            dm_put_note(row, "the curve ends before: all candidates are taken");
        if (f->n_leaks && threshold[i] > 0 && isinf(threshold[i]))
            dm_put_note(row, "the first score already brings more false marks: no candidate is taken");
    }
    dm_froc_operating(f, ones, &found, &falses);
    row = start_row(c, protocol, reach, "operating", f, found, &limits[OPERATING]);
    dm_put_number(row, "false_per_study", falses);
    row = start_row(c, protocol, reach, "wafroc", f, dm_wafroc(f, ones), &limits[AREA]);
    if (f->n_leaks && f->without_negatives)
        dm_put_note(
            row, "no study without a leak: the area stands on the false marks of studies with one (wAFROC1)");
}

static dm_status add_protocol(dm_comparison *c, int protocol, double reach, const int *index, int n,
                              unsigned *ones) {
    dm_froc f;
    dm_limits limits[NUMBERS];
    char stream[100];
    DM_TRY(dm_froc_make(c->m.exam, index, n, reach, &f));
    snprintf(stream, sizeof stream, "froc|%s|%g", c->m.protocol[protocol], reach);
    dm_status status =
        dm_bootstrap(&c->plan, dm_stream(stream), f.n_patients, numbers_of, &f, NUMBERS, 1, limits);
    if (dm_good(status)) add_rows(c, protocol, reach, &f, ones, limits);
    dm_froc_free(&f);
    return status;
}

int dm_froc_exams(const dm_comparison *c, int protocol, int *index) {
    int n = 0;
    for (int i = 0; i < c->m.n_exams; i++) {
        int at = c->order[i];
        const dm_examination *e = &c->m.exam[at];
        if (e->protocol == protocol && c->outcome[at].usable && e->said != DM_SAID_NOTHING) index[n++] = at;
    }
    return n;
}

dm_status dm_fill_froc(dm_comparison *c) {
    size_t room = (size_t)c->m.n_exams + 1;
    int *index = calloc(room, sizeof *index);
    unsigned *ones = calloc(room, sizeof *ones);
    dm_status status =
        index && ones ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for %zu studies", room);
    for (size_t i = 0; ones && i < room; i++) ones[i] = 1;
    for (int p = 0; p < c->m.n_protocols; p++)
        for (int r = 0; r < DM_REACHES && dm_good(status); r++)
            status = add_protocol(c, p, dm_reach_mm[r], index, dm_froc_exams(c, p, index), ones);
    free(index);
    free(ones);
    return status;
}
