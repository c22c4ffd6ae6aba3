#include "frame.h"

#include <math.h>
#include <stdlib.h>

static double dot(const double a[3], const double b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

static void cross(const double a[3], const double b[3], double out[3]) {
    out[0] = a[1] * b[2] - a[2] * b[1];
    out[1] = a[2] * b[0] - a[0] * b[2];
    out[2] = a[0] * b[1] - a[1] * b[0];
}

/* Scales v to unit length; returns its old length (v is left alone where that is 0). */
static double normalise(double v[3]) {
    double n = sqrt(dot(v, v));
    if (n > 1e-12)
        for (int c = 0; c < 3; c++) v[c] /= n;
    return n;
}

/* v less its part along the unit vector t. */
static void reject(double v[3], const double t[3]) {
    double along = dot(v, t);
    for (int c = 0; c < 3; c++) v[c] -= along * t[c];
}

dm_status dm_spine_make(dm_spine *spine, int n, double ds) {
    *spine = (dm_spine){.n = n, .ds = ds};
    size_t count = (size_t)(n > 0 ? n : 1);
    spine->p = calloc(count, sizeof *spine->p);
    spine->score = calloc(count, sizeof *spine->score);
    spine->unsure = calloc(count, sizeof *spine->unsure);
    if (!spine->p || !spine->score || !spine->unsure)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a centre line of %d points", n);
    return dm_ok;
}

void dm_spine_clear(dm_spine *s) {
    free(s->p), free(s->tangent), free(s->ventral), free(s->left), free(s->score), free(s->unsure);
    *s = (dm_spine){0};
}

dm_status dm_line_even(const double (*p)[3], int n, double step, double (**even)[3], int *count) {
    double *s = calloc((size_t)n, sizeof *s);
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a line of %d points", n);
    *even = NULL;
    if (!s) return status;
    for (int i = 1; i < n; i++) {
        double d[3] = {p[i][0] - p[i - 1][0], p[i][1] - p[i - 1][1], p[i][2] - p[i - 1][2]};
        s[i] = s[i - 1] + sqrt(dot(d, d));
    }
    /* 1e-6: the last point of a line that is even already must not be lost to rounding */
    *count = (int)(s[n - 1] / step + 1e-6) + 1;
    *even = malloc((size_t)*count * sizeof **even);
    for (int i = 0, j = 0; *even && i < *count; i++) {
        while (j < n - 2 && s[j + 1] <= i * step) j++;
        int next = j + 1 < n ? j + 1 : j;
        double len = s[next] - s[j], f = len > 0 ? fmin((i * step - s[j]) / len, 1.0) : 0.0;
        for (int c = 0; c < 3; c++) (*even)[i][c] = p[j][c] + f * (p[next][c] - p[j][c]);
    }
    free(s);
    return *even ? dm_ok : status;
}

/* Derivative of the line smoothed by a Gaussian: the sum of w'(d) p(i + d), with the line continued by point
 * reflection at its ends so that a straight end stays straight. */
static void smooth_tangent(const dm_spine *s, int i, double sigma_mm, double t[3]) {
    int reach = (int)ceil(3.0 * sigma_mm / s->ds);
    t[0] = t[1] = t[2] = 0;
    for (int d = 1; d <= reach; d++) {
        double x = d * s->ds / sigma_mm, w = d * exp(-0.5 * x * x);
        for (int side = -1; side <= 1; side += 2) {
            int j = i + side * d, end = j < 0 ? 0 : s->n - 1;
            int mirrored = j < 0 || j >= s->n;
            int k = mirrored ? 2 * end - j : j;
            k = k < 0 ? 0 : k >= s->n ? s->n - 1 : k;
            for (int c = 0; c < 3; c++) {
                double p = mirrored ? 2 * s->p[end][c] - s->p[k][c] : s->p[k][c];
                t[c] += side * w * p;
            }
        }
    }
}

/* One frame: ventral from the patient's anterior; where the line runs nearly along it (more than 75 degrees),
 * the last good ventral is carried on. `last` is NULL or the neighbour already done. */
static int frame_of(dm_spine *s, int i, const double *last) {
    double anterior[3] = {0, -1, 0}, *t = s->tangent[i], *v = s->ventral[i];
    int good = fabs(dot(anterior, t)) < cos(15.0 * 3.14159265358979 / 180.0);
    const double *from = good || !last ? anterior : last;
    for (int c = 0; c < 3; c++) v[c] = from[c];
    reject(v, t);
    if (normalise(v) < 1e-6) {
        double up[3] = {0, 0, 1};
        for (int c = 0; c < 3; c++) v[c] = up[c];
        reject(v, t);
        normalise(v);
    }
    cross(v, t, s->left[i]);
    return good;
}

dm_status dm_frame_build(dm_spine *s) {
    if (s->n < 2) return dm_fail(DM_STUDY, "no_spine", "the centre line has fewer than two points");
    size_t n = (size_t)s->n;
    free(s->tangent), free(s->ventral), free(s->left);
    s->tangent = calloc(n, sizeof *s->tangent);
    s->ventral = calloc(n, sizeof *s->ventral);
    s->left = calloc(n, sizeof *s->left);
    if (!s->tangent || !s->ventral || !s->left)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d frames", s->n);
    for (int i = 0; i < s->n; i++) {
        smooth_tangent(s, i, 4.0, s->tangent[i]);
        if (normalise(s->tangent[i]) < 1e-9)
            return dm_fail(DM_STUDY, "no_spine", "the centre line folds back on itself");
    }
    /* Outwards from the first frame that stands on the anterior direction, so that a carried frame has a
     * source. */
    int first = 0;
    while (first < s->n && !frame_of(s, first, NULL)) first++;
    if (first == s->n) first = 0;
    for (int i = first + 1; i < s->n; i++) frame_of(s, i, s->ventral[i - 1]);
    for (int i = first - 1; i >= 0; i--) frame_of(s, i, s->ventral[i + 1]);
    return dm_ok;
}

static void blend(const double (*v)[3], int i, double f, double out[3]) {
    for (int c = 0; c < 3; c++) out[c] = (1 - f) * v[i][c] + f * v[i + 1][c];
    normalise(out);
}

void dm_frame_at(const dm_spine *spine, double s, double p[3], double tangent[3], double ventral[3],
                 double left[3]) {
    double x = s / spine->ds, last = spine->n - 1;
    double held = fmin(fmax(x, 0.0), last);
    int i = (int)fmin(held, fmax(last - 1, 0));
    double f = held - i, t[3], v[3], l[3];
    blend((const double(*)[3])spine->tangent, i, f, t);
    blend((const double(*)[3])spine->ventral, i, f, v);
    reject(v, t);
    normalise(v);
    cross(v, t, l);
    for (int c = 0; c < 3; c++) {
        if (p) p[c] = (1 - f) * spine->p[i][c] + f * spine->p[i + 1][c] + (x - held) * spine->ds * t[c];
        if (tangent) tangent[c] = t[c];
        if (ventral) ventral[c] = v[c];
        if (left) left[c] = l[c];
    }
}

void dm_frame_to_lps(const dm_spine *spine, double s, double theta_deg, double r, double lps[3]) {
    double p[3], v[3], l[3], angle = theta_deg * 3.14159265358979323846 / 180.0;
    dm_frame_at(spine, s, p, NULL, v, l);
    for (int c = 0; c < 3; c++) lps[c] = p[c] + r * (cos(angle) * v[c] + sin(angle) * l[c]);
}

int dm_frame_from_lps(const dm_spine *spine, const double lps[3], double *s, double *theta_deg, double *r) {
    int best = 0;
    double least = INFINITY;
    for (int i = 0; i < spine->n; i++) {
        double d[3] = {lps[0] - spine->p[i][0], lps[1] - spine->p[i][1], lps[2] - spine->p[i][2]};
        double q = dot(d, d);
        if (q < least) least = q, best = i;
    }
    double at = best * spine->ds, p[3], t[3], v[3], l[3], d[3];
    for (int round = 0; round < 3; round++) {
        dm_frame_at(spine, at, p, t, v, l);
        for (int c = 0; c < 3; c++) d[c] = lps[c] - p[c];
        at += dot(d, t);
    }
    dm_frame_at(spine, at, p, t, v, l);
    for (int c = 0; c < 3; c++) d[c] = lps[c] - p[c];
    double a = dot(d, v), b = dot(d, l);
    if (s) *s = at;
    if (r) *r = sqrt(a * a + b * b);
    if (theta_deg) *theta_deg = atan2(b, a) * 180.0 / 3.14159265358979323846;
    return at < -1.0 || at > (spine->n - 1) * spine->ds + 1.0 ? -1 : 0;
}

int dm_spine_row(const dm_spine *spine, double s) {
    int row = (int)floor(s / spine->ds + 0.5);
    return row < 0 || row >= spine->n ? -1 : row;
}

int dm_column_of(double theta_deg) {
    int column = (int)lround(theta_deg * DM_NT / 360) % DM_NT;
    return column < 0 ? column + DM_NT : column;
}

int dm_column_mirrored(int column) {
    return (DM_NT - column) % DM_NT;
}

double dm_column_turn(int column) {
    return 360.0 / DM_NT * (column <= DM_NT / 2 ? column : DM_NT - column);
}

void dm_spine_doubt(dm_spine *spine, int from, int to) {
    for (int i = from; i < to; i++) spine->unsure[i] = 1, spine->score[i] = 0;
}
