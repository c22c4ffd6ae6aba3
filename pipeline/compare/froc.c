#include "froc.h"

#include <math.h>
#include <stdlib.h>

#include "match.h"

const double dm_froc_rates[DM_FROC_RATES] = {0.125, 0.25, 0.5, 1, 2, 4, 8};

enum { HIT, FALSE_MARK, LEAK, STUDY };

/* Ascending by z; what is equal in z by all the rest, so that sums run in one order on every machine. */
static int by_z(const void *a, const void *b) {
    const dm_rating *x = a, *y = b;
    if (x->z < y->z || x->z > y->z) return x->z < y->z ? -1 : 1;
    if (x->patient != y->patient) return x->patient - y->patient;
    return x->kind != y->kind ? x->kind - y->kind : (x->share > y->share) - (x->share < y->share);
}

static int by_z_down(const void *a, const void *b) {
    return by_z(b, a);
}

/* Adds one study's ratings. claim: room for its marks. rated: room for its leaks. */
static void add_study(dm_froc *f, const dm_examination *e, int patient, double reach, int *claim,
                      double *rated) {
    double highest = -INFINITY;
    for (int i = 0; i < e->n_lesions; i++) rated[i] = -INFINITY;
    dm_match(e, reach, 0, -INFINITY, claim);
    for (int i = 0; i < e->n_marks; i++) {
        double z = e->mark[i].score;
        if (claim[i] == DM_FALSE_MARK) highest = fmax(highest, z);
        if (claim[i] >= 0) rated[claim[i]] = z;
        if (claim[i] >= 0 || claim[i] == DM_FALSE_MARK)
            f->mark[f->n_marks++] = (dm_rating){z, 0, patient, claim[i] >= 0 ? HIT : FALSE_MARK};
    }
    for (int i = 0; i < e->n_lesions; i++)
        f->area[f->n_area++] = (dm_rating){rated[i], 1.0 / e->n_lesions, patient, LEAK};
    if (!e->n_lesions || f->without_negatives) f->area[f->n_area++] = (dm_rating){highest, 0, patient, STUDY};
    dm_match(e, reach, 1, -INFINITY, claim);
    for (int i = 0; i < e->n_marks; i++) {
        f->hits_at[patient] += claim[i] >= 0;
        f->false_at[patient] += claim[i] == DM_FALSE_MARK;
    }
    f->studies[patient]++;
    *(e->n_lesions ? &f->sick[patient] : &f->well[patient]) += 1;
    f->leaks[patient] += e->n_lesions;
    f->n_negative += !e->n_lesions;
    f->n_leaks += e->n_lesions;
}

/* Totals, and room for everything; 0 without memory. */
static int allocate(const dm_examination *exam, const int *index, int n, dm_froc *f, int *most_marks,
                    int *most_leaks) {
    size_t marks = 1, leaks = 1;
    *most_marks = *most_leaks = 1;
    f->without_negatives = 1;
    for (int i = 0; i < n; i++) {
        const dm_examination *e = &exam[index[i]];
        marks += (size_t)e->n_marks;
        leaks += (size_t)e->n_lesions;
        if (e->n_marks > *most_marks) *most_marks = e->n_marks;
        if (e->n_lesions > *most_leaks) *most_leaks = e->n_lesions;
        if (!e->n_lesions) f->without_negatives = 0;
    }
    size_t room = (size_t)n + 1;
    f->mark = calloc(marks, sizeof *f->mark);
    f->area = calloc(leaks + room, sizeof *f->area);
    double **const per_patient[] = {&f->studies, &f->sick, &f->well, &f->leaks, &f->hits_at, &f->false_at};
    int good = f->mark && f->area;
    for (int k = 0; k < 6; k++) {
        *per_patient[k] = calloc(room, sizeof(double));
        good &= *per_patient[k] != NULL;
    }
    return good;
}

dm_status dm_froc_make(const dm_examination *exam, const int *index, int n, double reach, dm_froc *f) {
    int most_marks, most_leaks;
    *f = (dm_froc){.n_studies = n};
    int good = allocate(exam, index, n, f, &most_marks, &most_leaks);
    int *claim = calloc((size_t)most_marks, sizeof *claim);
    double *rated = calloc((size_t)most_leaks, sizeof *rated);
    for (int i = 0; good && claim && rated && i < n; i++) {
        int same = i > 0 && exam[index[i]].patient == exam[index[i - 1]].patient;
        f->n_patients += !same;
        add_study(f, &exam[index[i]], f->n_patients - 1, reach, claim, rated);
    }
    good = good && claim && rated;
    free(claim);
    free(rated);
    if (!good) {
        dm_froc_free(f);
        return dm_fail(DM_FATAL, "out_of_memory", "no memory for the candidates of %d studies", n);
    }
    qsort(f->mark, (size_t)f->n_marks, sizeof *f->mark, by_z_down);
    qsort(f->area, (size_t)f->n_area, sizeof *f->area, by_z);
    return dm_ok;
}

void dm_froc_free(dm_froc *f) {
    free(f->mark);
    free(f->area);
    free(f->studies);
    free(f->sick);
    free(f->well);
    free(f->leaks);
    free(f->hits_at);
    free(f->false_at);
    *f = (dm_froc){0};
}

static double weighted(const double *v, const unsigned *weight, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += weight[i] * v[i];
    return sum;
}

/* Sum over a run of equal scores that begins at i; returns where the next begins. */
static int take_run(const dm_froc *f, const unsigned *weight, int i, double *hits, double *falses) {
    double z = f->mark[i].z;
    for (; i < f->n_marks && f->mark[i].z >= z; i++)
        *(f->mark[i].kind == HIT ? hits : falses) += weight[f->mark[i].patient];
    return i;
}

void dm_froc_sensitivity(const dm_froc *f, const unsigned *weight, double *sensitivity, double *threshold) {
    double studies = weighted(f->studies, weight, f->n_patients),
           leaks = weighted(f->leaks, weight, f->n_patients);
    double hits = 0, falses = 0, seen = INFINITY;
    int rate = 0;
    for (int i = 0; i < f->n_marks && rate < DM_FROC_RATES;) {
        double more_hits = hits, more_falses = falses, z = f->mark[i].z;
        i = take_run(f, weight, i, &more_hits, &more_falses);
        for (; rate < DM_FROC_RATES && more_falses > dm_froc_rates[rate] * studies; rate++) {
            sensitivity[rate] = leaks > 0 ? hits / leaks : NAN;
            if (threshold) threshold[rate] = seen;
        }
        hits = more_hits;
        falses = more_falses;
        seen = z;
    }
    for (; rate < DM_FROC_RATES; rate++) {
        sensitivity[rate] = leaks > 0 ? hits / leaks : NAN;
        if (threshold) threshold[rate] = -INFINITY;
    }
}

void dm_froc_operating(const dm_froc *f, const unsigned *weight, double *sensitivity,
                       double *false_per_study) {
    double studies = weighted(f->studies, weight, f->n_patients),
           leaks = weighted(f->leaks, weight, f->n_patients);
    *sensitivity = leaks > 0 ? weighted(f->hits_at, weight, f->n_patients) / leaks : NAN;
    *false_per_study = studies > 0 ? weighted(f->false_at, weight, f->n_patients) / studies : NAN;
}

double dm_wafroc(const dm_froc *f, const unsigned *weight) {
    const double *others = f->without_negatives ? f->studies : f->well;
    double sick = weighted(f->sick, weight, f->n_patients), rated = weighted(others, weight, f->n_patients);
    double below = 0, sum = 0;
    if (sick <= 0 || rated <= 0) return NAN;
    for (int i = 0; i < f->n_area;) {
        double z = f->area[i].z, here = 0, leaks = 0;
        for (; i < f->n_area && f->area[i].z <= z; i++) {
            const dm_rating *r = &f->area[i];
            if (r->kind == STUDY)
                here += weight[r->patient];
            else
                leaks += weight[r->patient] * r->share;
        }
        sum += leaks * (below + here / 2);
        below += here;
    }
    return sum / (sick * rated);
}
