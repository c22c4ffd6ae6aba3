#include "comparison.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An exam's place among its patient's: by round, then time, then study_id (the index). */
typedef struct place {
    int patient, round, exam;
    double time;
} place;

static int by_place(const void *a, const void *b) {
    const place *x = a, *y = b;
    if (x->patient != y->patient) return x->patient - y->patient;
    if (x->round != y->round) return x->round - y->round;
    int d = (x->time > y->time) - (x->time < y->time); /* 0 when one is NaN */
    return d ? d : x->exam - y->exam;
}

/* A patient's exams are compared by what all of them have, or the order would depend on the sort. */
static void drop_partial(const dm_comparison *c, place *all) {
    int n = c->m.n_exams;
    for (int from = 0, to; from < n; from = to) {
        int rounds = 1, times = 1;
        for (to = from; to < n && all[to].patient == all[from].patient; to++) {
            rounds &= all[to].round > 0;
            times &= !isnan(all[to].time);
        }
        for (int i = from; i < to; i++) {
            if (!rounds) all[i].round = 0;
            if (!times) all[i].time = NAN;
        }
    }
}

static int by_patient(const void *a, const void *b) {
    const place *x = a, *y = b;
    return x->patient != y->patient ? x->patient - y->patient : x->exam - y->exam;
}

static dm_status put_in_order(dm_comparison *c) {
    int n = c->m.n_exams;
    place *all = calloc((size_t)n + 1, sizeof *all);
    if (!all) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d studies", n);
    for (int i = 0; i < n; i++) {
        const dm_examination *e = &c->m.exam[i];
        all[i] = (place){e->patient, e->round, i, e->time};
    }
    qsort(all, (size_t)n, sizeof *all, by_patient);
    drop_partial(c, all);
    qsort(all, (size_t)n, sizeof *all, by_place);
    for (int i = 0; i < n; i++) {
        c->order[i] = all[i].exam;
        c->first[all[i].patient + 1] = i + 1;
    }
    free(all);
    return dm_ok;
}

/* For each patient and protocol one study, chosen without looking at what it says. */
static void choose_units(dm_comparison *c, int *chosen) {
    for (int p = 0; p < c->m.n_patients; p++) {
        for (int i = c->first[p]; i < c->first[p + 1]; i++) chosen[c->m.exam[c->order[i]].protocol] = -1;
        for (int i = c->first[p]; i < c->first[p + 1]; i++) {
            int at = c->order[i], *have = &chosen[c->m.exam[at].protocol];
            if (*have < 0 || (!c->outcome[*have].usable && c->outcome[at].usable)) *have = at;
        }
        for (int i = c->first[p]; i < c->first[p + 1]; i++)
            c->is_unit[chosen[c->m.exam[c->order[i]].protocol]] = 1;
    }
}

dm_status dm_comparison_prepare(dm_comparison *c) {
    size_t n = (size_t)c->m.n_exams + 1;
    c->outcome = calloc(n, sizeof *c->outcome);
    c->order = calloc(n, sizeof *c->order);
    c->is_unit = calloc(n, sizeof *c->is_unit);
    c->first = calloc((size_t)c->m.n_patients + 2, sizeof *c->first);
    int *chosen = calloc((size_t)c->m.n_protocols + 1, sizeof *chosen);
    int good = c->outcome && c->order && c->is_unit && c->first && chosen;
    dm_status status =
        good ? put_in_order(c) : dm_fail(DM_FATAL, "out_of_memory", "no memory for %zu studies", n);
    if (dm_good(status)) {
        for (int i = 0; i < c->m.n_exams; i++) c->outcome[i] = dm_outcome_of(&c->m.exam[i]);
        choose_units(c, chosen);
    }
    free(chosen);
    return status;
}

void dm_comparison_free(dm_comparison *c) {
    for (int i = 0; i < DM_COMPARE_TABLES; i++) dm_sheet_free(&c->sheet[i]);
    free(c->outcome);
    free(c->order);
    free(c->first);
    free(c->is_unit);
    dm_clinical_free(&c->clinical);
    dm_treatments_free(&c->treatments);
    dm_material_free(&c->m);
    *c = (dm_comparison){0};
}
