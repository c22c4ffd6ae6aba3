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

/* Coordinate k of a vertebra: x, y, z, s. Beyond the ends the curve goes straight on. */
static double control(const dm_rung *rung, int n, int i, int k) {
    if (i < 0) return 2 * control(rung, n, 0, k) - control(rung, n, 1, k);
    if (i >= n) return 2 * control(rung, n, n - 1, k) - control(rung, n, n - 2, k);
    return k == 3 ? rung[i].s : rung[i].p[k];
}

/* Point of the Catmull-Rom curve through the vertebrae, t = 0 .. 1 of the way from i to i + 1, and its s. */
static void curve_point(const dm_rung *rung, int n, int i, double t, double out[4]) {
    for (int k = 0; k < 4; k++) {
        double a = control(rung, n, i - 1, k), b = control(rung, n, i, k), c = control(rung, n, i + 1, k);
        double d = control(rung, n, i + 2, k);
        out[k] = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t +
                        (3 * b - a - 3 * c + d) * t * t * t);
    }
}

/* Foot of p on the line through a and b: s there, and the squared distance. Within the piece, or beyond where
 * it is open. */
static double foot(const double a[4], const double b[4], int open_above, int open_below, const double p[3],
                   double *away) {
    double along = 0, length2 = 0;
    for (int k = 0; k < 3; k++) {
        along += (b[k] - a[k]) * (p[k] - a[k]);
        length2 += (b[k] - a[k]) * (b[k] - a[k]);
    }
    double t = length2 > 0 ? along / length2 : 0;
    if (t < 0 && !open_above) t = 0;
    if (t > 1 && !open_below) t = 1;
    *away = 0;
    for (int k = 0; k < 3; k++)
        *away += (p[k] - a[k] - t * (b[k] - a[k])) * (p[k] - a[k] - t * (b[k] - a[k]));
    return a[3] + t * (b[3] - a[3]);
}

/* Straight on beyond its ends the curve is soon off by centimetres; that leaves a far site far, where leaving
 * it out would flatter the protocol. Further out, or further beside the canal than any leak, the point is of
 * another scan. */
enum { BEYOND_ENDS_MM = 300, BESIDE_MM = 100 };

double dm_canal_s(const dm_rung *rung, int n, const double p[3]) {
    enum { PIECES = 8 }; /* per level: pieces of 2 to 4 mm, whose bend no longer matters */
    double nearest = INFINITY, s = NAN, from[4], to[4];
    for (int i = 0; i < (n - 1) * PIECES; i++) {
        double away;
        curve_point(rung, n, i / PIECES, (double)(i % PIECES) / PIECES, from);
        curve_point(rung, n, i / PIECES, (double)(i % PIECES + 1) / PIECES, to);
        double at = foot(from, to, i == 0, i == (n - 1) * PIECES - 1, p, &away);
        if (away >= nearest) continue;
        nearest = away;
        s = at;
    }
    int near = n > 1 && nearest <= BESIDE_MM * BESIDE_MM && s >= rung[0].s - BEYOND_ENDS_MM &&
               s <= rung[n - 1].s + BEYOND_ENDS_MM;
    return near ? s : NAN;
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

static int claim_of(const dm_examination *e, const dm_mark *k, double reach, const int *taken) {
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

/* The next mark by score, after one with `after` at index `last`; equal scores in the table's order. -1 at
 * the end. */
static int next_mark(const dm_examination *e, double after, int last) {
    int best = -1;
    for (int i = 0; i < e->n_marks; i++) {
        double score = e->mark[i].score;
        if (score > after || (score >= after && i <= last)) continue;
        if (best < 0 || score > e->mark[best].score) best = i;
    }
    return best;
}

void dm_match(const dm_examination *e, double reach, int accepted_only, double threshold, int *claim) {
    enum { MOST_LESIONS = 64 };
    int taken[MOST_LESIONS] = {0};
    dm_examination seen = *e;
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
