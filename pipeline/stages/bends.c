/* How a line bends: the canal bends slowly, and what does not has left it. */
#include <math.h>

#include "dialect.h"
#include "frame.h"
#include "spine_parts.h"

static void chord(const double from[3], const double to[3], double out[3]) {
    double n = 0;
    for (int c = 0; c < 3; c++) {
        out[c] = to[c] - from[c];
        n += out[c] * out[c];
    }
    for (int c = 0; c < 3; c++) out[c] /= fmax(sqrt(n), 1e-9);
}

static double dot(const double u[3], const double v[3]) {
    return u[0] * v[0] + u[1] * v[1] + u[2] * v[2];
}

static double cross(const double u[3], const double v[3], double out[3]) {
    out[0] = u[1] * v[2] - u[2] * v[1], out[1] = u[2] * v[0] - u[0] * v[2], out[2] = u[0] * v[1] - u[1] * v[0];
    return sqrt(dot(out, out));
}

int dm_bend_kink(const double (*p)[3], int n, int i, double step) {
    int reach = (int)(16.0 / step + 0.5);
    double u[3], v[3];
    if (i < reach || i + reach >= n) return 0;
    chord(p[i - reach], p[i], u), chord(p[i], p[i + reach], v);
    return dot(u, v) < 0.42261826; /* 65 degrees; a sharp lumbosacral turn takes 50 */
}

int dm_bend_step(const double (*p)[3], int n, int i, double step) {
    int half = (int)(8.0 / step + 0.5), from = half + (int)(12.0 / step + 0.5);
    double u[3], v[3], w[3], one[3], two[3];
    if (i < from || i + from >= n) return 0;
    chord(p[i - from], p[i - half], u), chord(p[i - half], p[i + half], w), chord(p[i + half], p[i + from], v);
    /* 30 degrees each way, 8 mm aside: without contrast a lumbar line sways by half of that between laminae. */
    return cross(u, w, one) > 0.5 && cross(w, v, two) > 0.5 && dot(one, two) < 0;
}

/* Degrees by which a direction leans to the patient's left. */
static double sideways(const double u[3]) {
    return asin(fmax(fmin(u[0], 1.0), -1.0)) * 57.29577951308232;
}

/* Degrees by which the line leans back from one place to another, mm along it. */
static double leans_back(const dm_spine *s, double from, double to) {
    double p[3], q[3], u[3];
    dm_frame_at(s, from, p, NULL, NULL, NULL), dm_frame_at(s, to, q, NULL, NULL, NULL);
    chord(p, q, u);
    return atan2(u[1], -u[2]) * 57.29577951308232;
}

static double leans(const double from[3], const double to[3]) {
    double u[3];
    chord(from, to, u);
    return sideways(u);
}

/* 1 where the way from b on leaves the direction from a to b by more than 40 degrees: twice what a neck or a lumbar spine bends
 * from 30 mm to the next 15. */
static int leaves(const double a[3], const double b[3], const double c[3]) {
    double u[3], v[3];
    chord(a, b, u), chord(b, c, v);
    return dot(u, v) < 0.76604444;
}

/* 1 where the line turns at i as no spine does: sideways by more than 18 degrees between the 30 mm on the inner side (towards
 * the line's middle) and the 15 mm on the outer, or away to any side within 25 mm of its end, where it slips out: the
 * lumbosacral turn is as sharp, but the canal goes on behind it. */
static int turns(const dm_spine *s, int i) {
    int inner = (int)(30.0 / s->ds + 0.5), outer = (int)(15.0 / s->ds + 0.5), tail = (int)(25.0 / s->ds + 0.5);
    int down = i >= s->n / 2, in = down ? i - inner : i + inner, out = down ? i + outer : i - outer;
    if (in < 0 || in >= s->n || out < 0 || out >= s->n) return 0;
    if (fabs(leans(s->p[in], s->p[i]) - leans(s->p[i], s->p[out])) > 18) return 1;
    return (down ? s->n - 1 - i : i) <= tail && leaves(s->p[in], s->p[i], s->p[out]);
}

/* A stretch of the line between bends. */
typedef struct piece {
    int from, to; /* samples */
    int before;   /* the piece by which the longest chain came that ends here; -1 = none */
    int length;   /* samples of that chain */
} piece;

static int pieces_of(const dm_spine *s, piece *out, int most) {
    int n = 0, from = 0;
    for (int i = 0; i <= s->n; i++) {
        if (i < s->n && !dm_bend_step((const double(*)[3])s->p, s->n, i, s->ds) && !turns(s, i)) continue;
        if (i > from && n < most) out[n++] = (piece){from, i - 1, -1, i - from};
        from = i + 1;
    }
    return n;
}

/* 1 where q goes on as p left off, both looked at over 30 mm and 15 mm away from the bends, which reach so far: they are no
 * turn apart, and the way between them has their mean direction within 9 degrees (a step aside of 8 mm takes 10 there). What
 * lies between is then a bulge of the line, and not the way into another tube beside the canal. */
static int goes_on(const dm_spine *s, const piece *p, const piece *q) {
    int off = (int)(15.0 / s->ds + 0.5), reach = 2 * off, end = p->to - off, start = q->from + off;
    int a = end - reach > p->from ? end - reach : p->from, b = start + reach < q->to ? start + reach : q->to;
    double u[3], v[3], w[3], mean[3], none[3] = {0};
    if (end - a < off || b - start < off) return 0;
    chord(s->p[a], s->p[end], u), chord(s->p[end], s->p[start], w), chord(s->p[start], s->p[b], v);
    for (int c = 0; c < 3; c++) mean[c] = u[c] + v[c];
    chord(none, mean, mean);
    return fabs(sideways(u) - sideways(v)) < 18 && dot(u, v) > 0.76604444 && dot(w, mean) > 0.98768834;
}

void dm_doubt_bends(dm_spine *s) {
    enum { MOST = 64 };
    piece all[MOST];
    int n = pieces_of(s, all, MOST), best = 0, kept = s->n;
    for (int j = 0; j < n; j++) {
        for (int i = 0, own = all[j].length; i < j; i++)
            if (own + all[i].length > all[j].length && goes_on(s, &all[i], &all[j]))
                all[j].length = own + all[i].length, all[j].before = i;
        if (all[j].length > all[best].length) best = j;
    }
    for (int k = n ? best : -1; k >= 0; k = all[k].before) {
        dm_spine_doubt(s, all[k].to + 1, kept);
        kept = all[k].from;
    }
    dm_spine_doubt(s, 0, kept);
}

void dm_doubt_sacrum(dm_spine *s, double top) {
    enum { BELOW_EDGE = 20, REACH = 14, LEAST = 6, TURN = 12 };
    double end = (s->n - 1) * s->ds;
    for (double at = top + BELOW_EDGE; at <= end - LEAST; at += s->ds) {
        if (leans_back(s, at, fmin(at + REACH, end)) - leans_back(s, at - REACH, at) <= TURN) continue;
        dm_spine_doubt(s, (int)(at / s->ds), s->n);
        return;
    }
}

void dm_doubt_before_end(dm_spine *s, double before) {
    int from = s->n;
    while (from > 0 && s->unsure[from - 1]) from--;
    if (from < s->n) dm_spine_doubt(s, dm_max(from - (int)lround(before / s->ds), 0), s->n);
}
