/* The centre line: distances both ways, inside and outside the stretches that the program marks itself. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"

/* A true point counts as covered by a trusted piece of the found line within this distance, mm: the reach of
 * design.md 8 for the worst point. */
static const double covered_within = 6.0;

static polyline empty_line(const cJSON *list) {
    size_t n = (size_t)cJSON_GetArraySize(list) + 1;
    polyline l = {calloc(n, sizeof *l.p), calloc(n, 1), 0};
    if (!l.p || !l.marked) abort();
    return l;
}

static double element(const cJSON *list, int i) {
    const cJSON *v = cJSON_GetArrayItem(list, i);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

/* A list of [x, y, z]. */
polyline line_of_truth(const cJSON *truth) {
    const cJSON *list = cJSON_GetObjectItem(truth, "line"), *e;
    polyline l = empty_line(list);
    cJSON_ArrayForEach(e, list) {
        for (int c = 0; c < 3; c++) l.p[l.n][c] = element(e, c);
        l.n++;
    }
    return l;
}

/* A list of [s, x, y, z, score, marked]; a record without the sixth marks nothing. */
polyline line_of_record(const cJSON *record) {
    const cJSON *list = cJSON_GetObjectItem(record, "line"), *e;
    polyline l = empty_line(list);
    cJSON_ArrayForEach(e, list) {
        for (int c = 0; c < 3; c++) l.p[l.n][c] = element(e, c + 1);
        l.marked[l.n] = element(e, 5) > 0.5;
        l.n++;
    }
    return l;
}

void line_clear(polyline *l) {
    free(l->p);
    free(l->marked);
    memset(l, 0, sizeof *l);
}

double line_distance(const polyline *l, const double p[3], double *where) {
    double best = INFINITY;
    for (int i = 0; i + 1 < l->n; i++) {
        double d[3], along = 0, len = 0, q[3];
        for (int c = 0; c < 3; c++) {
            d[c] = l->p[i + 1][c] - l->p[i][c];
            along += (p[c] - l->p[i][c]) * d[c];
            len += d[c] * d[c];
        }
        double t = len > 0 ? fmin(fmax(along / len, 0), 1) : 0;
        for (int c = 0; c < 3; c++) q[c] = l->p[i][c] + t * d[c];
        double far = distance(p, q);
        if (far >= best) continue;
        best = far;
        *where = i + t;
    }
    return best;
}

/* Found points beyond an end of the true line have no truth: the field of view ends there, not the spine. */
static int beyond_ends(const polyline *truth, double where) {
    return where <= 0.0 || where >= truth->n - 1.0;
}

void score_line(const pair *p, tally *t) {
    double where = 0.0;
    for (int i = 0; i < p->found.n && p->line.n > 1; i++) {
        double far = line_distance(&p->line, p->found.p[i], &where);
        t->count[N_LINE_POINTS]++;
        t->count[N_LINE_MARKED] += p->found.marked[i];
        if (beyond_ends(&p->line, where) && far < 10.0) continue;
        sample_keep(&t->list[p->found.marked[i] ? S_LINE_MARKED : S_LINE_SURE], far);
    }
    for (int i = 0; i < p->line.n; i += 5) {
        double far = line_distance(&p->found, p->line.p[i], &where);
        t->count[N_TRUE_POINTS]++;
        if (p->found.n < 2) continue;
        int near = (int)(where + 0.5);
        t->count[N_TRUE_COVERED] += far < covered_within && !p->found.marked[near];
        sample_keep(&t->list[S_MISSED], far);
    }
}
