#include "ball.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ranks.h"

/* Half maximum is sought within this share of the Hough radius (plus 1 mm) inside and outside of it. */
static const double edge_reach = 0.25;
/* mm by which the centre moves at most from one fit to the next: the edges are sought round the radius of before. */
static const double furthest = 1.5;

void dm_directions(float out[3 * DM_DIRECTIONS]) {
    for (int i = 0; i < DM_DIRECTIONS; i++) {
        double z = 1 - (2.0 * i + 1) / DM_DIRECTIONS, r = sqrt(1 - z * z), a = 2.399963229728653 * i;
        out[3 * i] = (float)(r * cos(a));
        out[3 * i + 1] = (float)(r * sin(a));
        out[3 * i + 2] = (float)z;
    }
}

/* Beyond the scan 2: brighter than any ball, so that no edge is found there. */
static double share_at(const dm_hough_args *g, const dm_volume *v, const dm_ball *b, const double p[3]) {
    float x = dm_sample_lps(v->v, &g->grid, (float)p[0], (float)p[1], (float)p[2]);
    return dm_is_outside(x) ? 2 : (double)((x - b->soft) / (b->sac - b->soft));
}

static double along(const dm_hough_args *g, const dm_volume *v, const dm_ball *b, const double u[3],
                    double r) {
    const double p[3] = {b->c[0] + r * u[0], b->c[1] + r * u[1], b->c[2] + r * u[2]};
    return share_at(g, v, b, p);
}

/* Distance at which the profile along u falls half way between the ball and the darkest of the 2 mm beyond
 * its edge; -1 where it meets bone or goes on as bright. */
static double crossing(const dm_hough_args *g, const dm_volume *v, const dm_ball *b, const double u[3]) {
    double reach = 1 + edge_reach * b->r, from = fmax(b->r - reach, 0.3), dark = b->v;
    for (double r = b->r; r <= b->r + reach + 1; r += 0.25) dark = fmin(dark, along(g, v, b, u, r));
    if (dark > 0.55 * b->v) return -1;
    double half = 0.5 * (b->v + dark), before = along(g, v, b, u, from);
    for (double r = from + 0.1; r <= b->r + reach; r += 0.1) {
        double x = along(g, v, b, u, r);
        if (before >= half && x < half) return r - 0.1 * (half - x) / (before - x);
        before = x;
    }
    return -1;
}

/* Solves the 4 x 4 normal equations a x = y by elimination with pivots. */
static int solve4(double a[4][5]) {
    for (int i = 0; i < 4; i++) {
        int pivot = i;
        for (int j = i + 1; j < 4; j++)
            if (fabs(a[j][i]) > fabs(a[pivot][i])) pivot = j;
        if (fabs(a[pivot][i]) < 1e-9) return 0;
        for (int k = 0; k < 5; k++) {
            double t = a[i][k];
            a[i][k] = a[pivot][k];
            a[pivot][k] = t;
        }
        for (int j = 0; j < 4; j++) {
            if (j == i) continue;
            double f = a[j][i] / a[i][i];
            for (int k = i; k < 5; k++) a[j][k] -= f * a[i][k];
        }
    }
    for (int i = 0; i < 4; i++) a[i][4] /= a[i][i];
    return 1;
}

/* The d-th direction into u; 0 within 45 degrees of the way to the sac, where the stalk is. */
static int away_from_sac(const dm_ball *b, const float *directions, int d, double u[3]) {
    for (int i = 0; i < 3; i++) u[i] = (double)directions[3 * d + i];
    return !(u[0] * b->towards[0] + u[1] * b->towards[1] + u[2] * b->towards[2] > 0.7);
}

static int fit_round(const dm_volume *v, const dm_hough_args *g, const float *directions, dm_ball *b) {
    double a[4][5] = {{0}};
    float radius[DM_DIRECTIONS];
    int n = 0;
    for (int d = 0; d < DM_DIRECTIONS; d++) {
        double u[3];
        if (!away_from_sac(b, directions, d, u)) continue;
        double r = crossing(g, v, b, u);
        if (r < 0) continue;
        const double row[4] = {2 * r * u[0], 2 * r * u[1], 2 * r * u[2], 1};
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 4; j++) a[i][j] += row[i] * row[j];
            a[i][4] += row[i] * r * r;
        }
        radius[n++] = (float)r;
    }
    if (n < DM_DIRECTIONS / 4 || !solve4(a)) return 0;
    double shift = sqrt(a[0][4] * a[0][4] + a[1][4] * a[1][4] + a[2][4] * a[2][4]);
    double step = fmin(shift, furthest) / fmax(shift, 1e-9);
    for (int i = 0; i < 3; i++) b->c[i] += step * a[i][4];
    b->r = (double)dm_rank(radius, (size_t)n, 0.5);
    b->r_bare = (double)dm_rank(radius, (size_t)n, 0.35);
    return 1;
}

int dm_ball_fit(const dm_volume *v, const dm_hough_args *g, const float *directions, dm_ball *b) {
    for (int round = 0; round < 5; round++)
        if (!fit_round(v, g, directions, b)) return 0;
    return 1;
}

/* Samples inside a ball along its free rays. */
enum { INSIDE_OF_RAY = 3 };
typedef struct inside {
    float x[INSIDE_OF_RAY * DM_DIRECTIONS];
    size_t n;
} inside;

/* Where a root may run through, further out: within 0.3 of the radius it would be most of the ball. */
static void look_inside(const dm_volume *v, const dm_hough_args *g, const dm_ball *b, const double u[3],
                        inside *in) {
    for (int k = 0; k < INSIDE_OF_RAY; k++)
        in->x[in->n++] = (float)along(g, v, b, u, (g->crossed ? 0.5 + 0.1 * k : 0.3 + 0.2 * k) * b->r);
}

/* Mean and s.d. of the samples; where a root may run through median and quartiles, as it fills less than a quarter of them. */
static double spread_of(inside *in, int crossed, double *mean) {
    if (crossed) {
        *mean = (double)dm_rank(in->x, in->n, 0.5);
        return (double)(dm_rank(in->x, in->n, 0.75) - dm_rank(in->x, in->n, 0.25)) / 1.349;
    }
    double sum = 0, square = 0, n = (double)in->n;
    for (size_t i = 0; i < in->n; i++) {
        double x = (double)in->x[i];
        sum += x, square += x * x;
    }
    *mean = sum / n;
    return sqrt(fmax(square / n - *mean * *mean, 0));
}

/* Something brighter than `most` along u. */
static int meets(const dm_volume *v, const dm_hough_args *g, const dm_ball *b, const double u[3], double from,
                 double to, double most) {
    for (double r = from; r <= to; r += 0.25)
        if (along(g, v, b, u, r) > most) return 1;
    return 0;
}

/* Something brighter than the ball itself along u: bone. */
static int meets_brighter(const dm_volume *v, const dm_hough_args *g, const dm_ball *b, const double u[3],
                          double from, double to) {
    return meets(v, g, b, u, from, to, 1.4 * b->v + 2 * b->noise);
}

static double bony_share(const dm_volume *v, const dm_hough_args *g, const float *directions, const dm_ball *b,
                         double mean) {
    int bony = 0, used = 0;
    for (int d = 0; d < DM_DIRECTIONS; d++) {
        double u[3];
        if (!away_from_sac(b, directions, d, u)) continue;
        used++;
        bony += meets(v, g, b, u, b->r - 1, b->r + 3, 1.25 * mean + 2 * b->noise);
    }
    return used ? (double)bony / used : 0;
}

int dm_ball_look(const dm_volume *v, const dm_hough_args *g, const float *directions, const dm_ball *b,
                 double noise, dm_ball_face *face) {
    float end[DM_DIRECTIONS];
    int n = 0, joined = 0, used = 0;
    inside in = {.n = 0};
    for (int d = 0; d < DM_DIRECTIONS; d++) {
        double u[3];
        if (!away_from_sac(b, directions, d, u)) continue;
        double r = crossing(g, v, b, u);
        used++;
        joined += r < 0 && !meets_brighter(v, g, b, u, b->r, b->r + 3);
        if (r < 0 || meets_brighter(v, g, b, u, 0.3 * b->r, r)) continue;
        end[n++] = (float)r;
        look_inside(v, g, b, u, &in);
    }
    if (n < DM_DIRECTIONS / 8) return 0;
    float middle = dm_rank(end, (size_t)n, 0.5);
    for (int i = 0; i < n; i++) end[i] = fabsf(end[i] - middle);
    double spread = spread_of(&in, g->crossed, &face->mean);
    face->uneven = sqrt(fmax(spread * spread - noise * noise, 0)) / b->v;
    face->round = (double)dm_rank(end, (size_t)n, 0.5) / b->r;
    face->joined = (double)joined / used;
    face->bony = bony_share(v, g, directions, b, face->mean);
    return 1;
}

dm_ball_way dm_ball_way_to(const dm_volume *v, const dm_hough_args *g, const dm_ball *b,
                           const double sac[3]) {
    double u[3], length = 0;
    for (int i = 0; i < 3; i++) u[i] = sac[i] - b->c[i], length += u[i] * u[i];
    length = sqrt(length);
    for (int i = 0; i < 3; i++) u[i] /= length;
    double least = INFINITY, most = -INFINITY;
    for (double r = g->crossed ? fmin(0.7 * b->r, length) : 0; r <= length; r += 0.25) {
        double x = along(g, v, b, u, r);
        least = fmin(least, x), most = fmax(most, x);
    }
    return (dm_ball_way){.least = least / b->v, .most = most};
}

static int of_the_ball(const dm_hough_args *g, const dm_volume *v, const dm_ball *b, const double d[3]) {
    double r2 = d[0] * d[0] + d[1] * d[1] + d[2] * d[2], most = 1.7 * b->r;
    if (r2 > most * most || d[0] * b->towards[0] + d[1] * b->towards[1] + d[2] * b->towards[2] > b->r)
        return 0;
    const double p[3] = {b->c[0] + d[0], b->c[1] + d[1], b->c[2] + d[2]};
    double x = share_at(g, v, b, p);
    return x > 0.5 * b->v && x < 1.3 * b->v + 2 * b->noise;
}

double dm_ball_volume(const dm_volume *v, const dm_hough_args *g, const dm_ball *b) {
    const double step = 0.5;
    int half = (int)ceil(1.7 * b->r / step), edge = 2 * half + 1, depth = 0;
    size_t n = (size_t)edge * (size_t)edge * (size_t)edge, count = 0;
    double sphere = 4.0 / 3 * 3.14159265358979 * b->r * b->r * b->r;
    uint8_t *seen = calloc(n, 1);
    int *stack = malloc(n * sizeof *stack);
    if (!seen || !stack) {
        free(seen), free(stack);
        return sphere;
    }
    /* From all of its inner half: a root may hold the very middle. */
    for (int at = 0; at < (int)n; at++) {
        const double d[3] = {step * (at % edge - half), step * (at / edge % edge - half), step * (at / (edge * edge) - half)};
        if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] > 0.25 * b->r * b->r || !of_the_ball(g, v, b, d)) continue;
        seen[at] = 1;
        stack[depth++] = at;
    }
    while (depth) {
        int at = stack[--depth], q[3] = {at % edge, at / edge % edge, at / (edge * edge)};
        count++;
        for (int k = 0; k < 6; k++) {
            int m[3] = {q[0], q[1], q[2]};
            m[k / 2] += k % 2 ? 1 : -1;
            if (m[k / 2] < 0 || m[k / 2] >= edge) continue;
            int next = (m[2] * edge + m[1]) * edge + m[0];
            const double d[3] = {step * (m[0] - half), step * (m[1] - half), step * (m[2] - half)};
            if (seen[next] || !of_the_ball(g, v, b, d)) continue;
            seen[next] = 1;
            stack[depth++] = next;
        }
    }
    free(seen), free(stack);
    return fmax((double)count * step * step * step, 0.5 * sphere);
}
