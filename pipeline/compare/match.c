#include "match.h"

#include <math.h>
#include <stdlib.h>

#include "level_place.h"

static int group_of(int class_) {
    return class_ == DM_LEAK_DIVERTICULUM ? DM_LEAK_LATERAL : class_;
}

int dm_same_group(int a, int b) {
    return a == DM_LEAK_INDETERMINATE || b == DM_LEAK_INDETERMINATE || group_of(a) == group_of(b);
}

enum { BEYOND_ENDS_MM = 40 }; /* one lumbar level: further out the polyline says nothing */

double dm_canal_s(const dm_rung *rung, int n, const double p[3]) {
    double best = INFINITY, s = NAN;
    for (int i = 0; i + 1 < n; i++) {
        double along = 0, length2 = 0, away = 0;
        for (int k = 0; k < 3; k++) {
            double d = rung[i + 1].p[k] - rung[i].p[k];
            along += d * (p[k] - rung[i].p[k]);
            length2 += d * d;
        }
        if (length2 <= 0) continue;
        double t = along / length2;
        if (t < 0 && i) t = 0;
        if (t > 1 && i + 2 < n) t = 1;
        for (int k = 0; k < 3; k++) {
            double d = p[k] - rung[i].p[k] - t * (rung[i + 1].p[k] - rung[i].p[k]);
            away += d * d;
        }
        if (away >= best) continue;
        best = away;
        s = rung[i].s + t * (rung[i + 1].s - rung[i].s);
    }
    return n > 1 && s >= rung[0].s - BEYOND_ENDS_MM && s <= rung[n - 1].s + BEYOND_ENDS_MM ? s : NAN;
}

int dm_place_interval(const dm_rung *rung, int n, int place, double *from, double *to) {
    int upper = dm_place_upper(place);
    for (int i = 0; upper && i + 1 < n; i++)
        if (rung[i].level == upper) {
            *from = rung[i].s;
            *to = rung[i + 1].s;
            return 1;
        }
    return 0;
}

double dm_lesion_distance(const dm_lesion *l, double s) {
    if (!isnan(l->s)) return fabs(l->s - s);
    if (s < l->s_from) return l->s_from - s;
    if (s > l->s_to) return s - l->s_to;
    return isnan(l->s_from) ? NAN : 0;
}

/* How far a leak is, when the mark reaches it; NaN when it does not. */
static double reached(const dm_mark *k, const dm_lesion *l, double reach) {
    if (!dm_same_group(k->class_, l->class_)) return NAN;
    double d = dm_lesion_distance(l, k->s);
    if (isnan(d)) return dm_place_near(k->place, l->place, 0) ? 0 : NAN;
    return d <= (isnan(l->s) ? 0 : reach) ? d : NAN;
}

static int claim_of(const dm_exam *e, const dm_mark *k, double reach, const int *taken) {
    int best = DM_FALSE_MARK;
    double nearest = INFINITY;
    for (int i = 0; i < e->n_lesions; i++) {
        double d = reached(k, &e->lesion[i], reach);
        if (isnan(d)) continue;
        if (best == DM_FALSE_MARK) best = DM_DUPLICATE;
        if (taken[i] || d >= nearest) continue;
        nearest = d;
        best = i;
    }
    return best;
}

/* The next mark by score, after one with `after` at index `last`; equal scores in the table's order. -1 at the end. */
static int next_mark(const dm_exam *e, double after, int last) {
    int best = -1;
    for (int i = 0; i < e->n_marks; i++) {
        double score = e->mark[i].score;
        if (score > after || (score >= after && i <= last)) continue;
        if (best < 0 || score > e->mark[best].score) best = i;
    }
    return best;
}

void dm_match(const dm_exam *e, double reach, int accepted_only, double threshold, int *claim) {
    enum { MOST_LESIONS = 64 };
    int taken[MOST_LESIONS] = {0};
    dm_exam seen = *e;
    if (seen.n_lesions > MOST_LESIONS) seen.n_lesions = MOST_LESIONS;
    double after = INFINITY;
    for (int last = -1, i; (i = next_mark(e, after, last)) >= 0; last = i) {
        const dm_mark *k = &e->mark[i];
        after = k->score;
        claim[i] = DM_NO_MARK;
        if (k->is_sign || k->score < threshold || (accepted_only && !k->accepted)) continue;
        claim[i] = claim_of(&seen, k, reach, taken);
        if (claim[i] >= 0) taken[claim[i]] = 1;
    }
}
