/* CT: where the walls found really lie. Fat between two bright walls, a millimetre of it, is lost in the blur of either: both edges
 * give way to each other, the weaker one more, and no gap reads narrower than one and a half millimetres; and behind a wide gap the
 * steepest rise stands before the bone's edge, because the cortex is thin and its far side falls again. What the stage's own operators
 * find in blurred profiles of known walls is made once and read backwards. */
#include <math.h>
#include <stdlib.h>

#include "blurred.h"
#include "canal_parts.h"

enum { SACS = 6, BONES = 5, GAPS = 13, NR = 64 };
static const float sac_hu[SACS] = {250, 400, 650, 1000, 1500, 2200};
static const float marrow_hu[BONES] = {200, 350, 550, 750, 1000};
static const double cortex_share = 0.8; /* cortex is brighter than its marrow by this share of it: blurred, 1.3 to 1.6 times as bright (a real chest) */
static const double cortex_mm = 1.0;    /* between a body's back wall and a lamina */
static const double fat_hu = -80.0; /* epidural fat with its veins */
static const double dura_at = 7.0;  /* mm from the line, as in a chest */
/* mm: true gaps of the tables. Narrower ones read the same. */
static const double first_gap = 1.2, gap_step = 0.2;

/* Of one sac and bone, by true gap: the gap found, and by how much dura and bone found lie inside the true ones; mm. */
typedef struct table {
    double found[GAPS], inside[GAPS], before[GAPS];
    float outer; /* HU, mean of the first millimetre behind the bone's edge */
} table;

static void profile(double sac, double marrow, double gap, double blur, float *s, float *o) {
    for (int k = 0; k < NR; k++) {
        double r = 0.25 * k, in = dm_blurred_step(dura_at - r, blur), out = dm_blurred_step(r - dura_at - gap, blur);
        double shell = out - dm_blurred_step(r - dura_at - gap - cortex_mm, blur);
        o[k] = (float)(sac * in + fat_hu * (1.0 - in));
        s[k] = (float)(sac * in + fat_hu * (1.0 - in - out) + marrow * (out + cortex_share * shell));
    }
}

/* mm of the strongest edge from sample `from` to `to`, by a parabola. */
static double strongest(const float *edge, int from, int to) {
    int best = from;
    for (int k = from; k <= to; k++)
        if (edge[k] > edge[best]) best = k;
    float l = edge[best - 1], m = edge[best], h = edge[best + 1], bend = l - 2.0f * m + h;
    return 0.25 * (best + (bend < -1e-6f ? (double)(0.5f * (l - h) / bend) : 0.0));
}

/* HU of the first millimetre behind bone found at r mm. */
static float behind(const float *ray, int nr, float dr, float r) {
    int at = (int)(r / dr);
    return dm_ray_mean(ray, nr, at + 1, at + dm_mm(1.0f, dr));
}

static void fill(const dm_edge_args *e, double sac, double marrow, double blur, table *t) {
    const dm_surf_args a = {1, DM_NT, NR, 0.25f};
    float s[NR], o[NR], edge[NR];
    int near = (int)(4 * dura_at);
    for (int g = 0; g < GAPS; g++) {
        profile(sac, marrow, first_gap + gap_step * g, blur, s, o);
        dm_dura_ray(s, o, a, *e, (float)sac, 1.0f, 0, edge);
        double dura = strongest(edge, near - 5, near + 4);
        dm_bone_ray_ct(s, o, a, *e, (float)sac, (float)dura, 0, DM_BONE_ANY, edge);
        float wall = (float)strongest(edge, (int)(4 * dura) + 2, near + 20);
        (void)dm_steepest_rise(s, a, *e, wall, &wall);
        t->found[g] = (double)wall - dura;
        t->inside[g] = dura_at - dura;
        t->before[g] = dura_at + first_gap + gap_step * g - (double)wall;
        t->outer = behind(s, NR, a.dr, wall); /* in the end of the widest gap, which the sac does not reach */
    }
}

/* One of the columns of a table where the gap found is this wide. */
static double read_back(const table *t, const double *column, double gap) {
    int g = 0;
    while (g < GAPS - 1 && t->found[g + 1] < gap) g++;
    if (g == GAPS - 1 || gap <= t->found[g]) return column[g];
    double f = (gap - t->found[g]) / fmax(t->found[g + 1] - t->found[g], 1e-6);
    return column[g] + fmin(f, 1.0) * (column[g + 1] - column[g]);
}

static double apart(float a, float b) {
    return fabs(log((double)fmaxf(a, 1.0f) / (double)b));
}

dm_status dm_blur_of_walls(const dm_unrolled *u, const dm_walls_found *w, double *blur) {
    size_t n = (size_t)u->a.ns * DM_NT, count = 0;
    float *v = malloc((n + 1) * sizeof *v);
    if (!v) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the blur of %zu edges", n);
    for (size_t ray = 0; ray < n; ray++) {
        const float *s = u->s + ray * (size_t)u->a.nr;
        int k = (int)(w->rd[ray] / u->a.dr + 0.5f), whole = k > 8 && k + 8 < u->a.nr;
        if (!whole || w->qd[ray] < 0.6f || w->rb[ray] - w->rd[ray] < 2.6f) continue;
        float high = s[k], low = s[k], slope = 0.0f;
        for (int j = k - 6; j <= k + 6; j++) whole &= !dm_is_outside(s[j]);
        for (int j = k - 6; j <= k && whole; j++) high = fmaxf(high, s[j]);
        for (int j = k; j <= k + 6 && whole; j++) low = fminf(low, s[j]);
        for (int j = k - 3; j <= k + 3 && whole; j++) slope = fmaxf(slope, (s[j - 1] - s[j + 1]) / (2.0f * u->a.dr));
        if (slope > 0.0f) v[count++] = (high - low) / (2.5066f * slope);
    }
    *blur = count >= 200 ? fmin(fmax((double)dm_median(v, (int)count), 0.35), 1.0) : 0.6;
    free(v);
    return dm_ok;
}

/* Of one sac, the table whose bone is as bright. */
static const table *table_of(const table of_sac[BONES], float outer) {
    int best = 0;
    for (int k = 1; k < BONES; k++)
        if (apart(outer, of_sac[k].outer) < apart(outer, of_sac[best].outer)) best = k;
    return &of_sac[best];
}

/* Row i; of_sac: the tables of its sac; filled: 0 = nothing shines in it, and its bone stands as behind a wide gap. */
static void unbias_row(const dm_unrolled *u, const dm_edge_args *edge, const table of_sac[BONES], int i, int filled, const dm_walls_found *w) {
    for (int k = 0; k < DM_NT; k++) {
        size_t ray = (size_t)i * DM_NT + (size_t)k;
        float outer = behind(u->s + dm_ray_of(u->a, i, k), u->a.nr, u->a.dr, w->rb[ray]);
        if (dm_is_outside(outer) || outer < edge->wall) continue;
        const table *t = table_of(of_sac, outer);
        double gap = filled ? (double)(w->rb[ray] - w->rd[ray]) : 1e9;
        /* In front the dura stands on the dip before the bone already, where there is a cord. */
        if (filled && !dm_in_front(u->a, k) && w->qd[ray] >= 0.15f) w->rd[ray] += (float)read_back(t, t->inside, gap);
        if (w->sharp[ray]) w->rb[ray] += (float)read_back(t, t->before, gap);
    }
}

dm_status dm_unbias_walls(const dm_unrolled *u, const dm_edge_args *edge, const float *level, const dm_walls_found *w) {
    table(*t)[BONES] = malloc(SACS * sizeof *t);
    double blur = 0.6;
    dm_status status = t ? dm_blur_of_walls(u, w, &blur) : dm_fail(DM_STUDY, "out_of_memory", "no memory for %d tables of walls", SACS * BONES);
    for (int k = 0; k < SACS * BONES && dm_good(status); k++)
        fill(edge, (double)sac_hu[k / BONES], (double)marrow_hu[k % BONES], blur, &t[k / BONES][k % BONES]);
    for (int i = 0; i < u->a.ns && dm_good(status); i++) {
        int filled = !dm_is_outside(level[i]), sac = 0;
        for (int k = 1; k < SACS && filled; k++)
            if (apart(level[i], sac_hu[k]) < apart(level[i], sac_hu[sac])) sac = k;
        unbias_row(u, edge, t[sac], i, filled, w);
    }
    free(t);
    return status;
}
