/* How a line bends: the canal bends slowly, and what does not has left it. */
#include <math.h>

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

/* Degrees by which the way from `from` to `to` leans to the patient's left. */
static double leans(const double from[3], const double to[3]) {
    double u[3];
    chord(from, to, u);
    return asin(fmax(fmin(u[0], 1.0), -1.0)) * 57.29577951308232;
}

/* 1 where the way from b on leaves the direction from a to b by more than 40 degrees: twice what a neck or a lumbar spine bends
 * from 30 mm to the next 15. */
static int leaves(const double a[3], const double b[3], const double c[3]) {
    double u[3], v[3];
    chord(a, b, u), chord(b, c, v);
    return dot(u, v) < 0.76604444;
}

void dm_doubt_turns(dm_spine *s) {
    int inner = (int)(30.0 / s->ds + 0.5), outer = (int)(15.0 / s->ds + 0.5), tail = (int)(25.0 / s->ds + 0.5);
    int first = 0, last = s->n - 1;
    for (int i = outer; i + outer < s->n; i++) {
        int down = i - inner >= 0 && fabs(leans(s->p[i], s->p[i + outer]) - leans(s->p[i - inner], s->p[i])) > 18;
        int up = i + inner < s->n && fabs(leans(s->p[i], s->p[i - outer]) + leans(s->p[i], s->p[i + inner])) > 18;
        /* The lumbosacral turn is as sharp, but the canal goes on behind it. */
        down |= i - inner >= 0 && i >= s->n - 1 - tail && leaves(s->p[i - inner], s->p[i], s->p[i + outer]);
        up |= i + inner < s->n && i <= tail && leaves(s->p[i + inner], s->p[i], s->p[i - outer]);
        if (up && i < s->n / 2) first = i;
        if (down && i >= s->n / 2 && i < last) last = i;
    }
    for (int i = 0; i < s->n; i++)
        if (i < first || i > last) s->unsure[i] = 1, s->score[i] = 0;
}
