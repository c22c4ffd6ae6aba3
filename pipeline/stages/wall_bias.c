/* CT: where the dura found really lies. Fat between two bright walls, a millimetre of it, is lost in the blur of either: both edges
 * give way to each other, the weaker one more, and no gap reads narrower than one and a half millimetres. What the stage's own operators
 * find in blurred profiles of known walls is made once and read backwards. */
#include <math.h>
#include <stdlib.h>

#include "blurred.h"
#include "canal_parts.h"

enum { SACS = 6, BONES = 5, GAPS = 13, NR = 64 };
static const float sac_hu[SACS] = {250, 400, 650, 1000, 1500, 2200};
static const float bone_hu[BONES] = {300, 500, 800, 1100, 1500};
static const double fat_hu = -80.0; /* epidural fat with its veins */
static const double dura_at = 7.0;  /* mm from the line, as in a chest */
/* mm: true gaps of the tables. Narrower ones read the same. */
static const double first_gap = 1.2, gap_step = 0.2;

/* Of one sac and bone, by true gap: the gap found, and by how much the dura found lies inside the true one; mm. */
typedef struct table {
    double found[GAPS], inside[GAPS];
} table;

static void profile(double sac, double bone, double gap, double blur, float *s, float *o) {
    for (int k = 0; k < NR; k++) {
        double r = 0.25 * k, in = dm_blurred_step(dura_at - r, blur), out = dm_blurred_step(r - dura_at - gap, blur);
        o[k] = (float)(sac * in + fat_hu * (1.0 - in));
        s[k] = (float)(sac * in + fat_hu * (1.0 - in - out) + bone * out);
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

static void fill(const dm_edge_args *e, double sac, double bone, double blur, table *t) {
    const dm_surf_args a = {1, DM_NT, NR, 0.25f};
    float s[NR], o[NR], edge[NR];
    int near = (int)(4 * dura_at);
    for (int g = 0; g < GAPS; g++) {
        profile(sac, bone, first_gap + gap_step * g, blur, s, o);
        dm_dura_ray(s, o, a, *e, (float)sac, 1.0f, 0, edge);
        double dura = strongest(edge, near - 5, near + 4);
        dm_bone_ray_ct(s, o, a, *e, (float)sac, (float)dura, edge);
        double wall = strongest(edge, (int)(4 * dura) + 2, near + 20);
        t->found[g] = wall - dura;
        t->inside[g] = dura_at - dura;
    }
}

static double read_back(const table *t, double gap) {
    int g = 0;
    while (g < GAPS - 1 && t->found[g + 1] < gap) g++;
    if (g == GAPS - 1 || gap <= t->found[g]) return t->inside[g];
    double f = (gap - t->found[g]) / fmax(t->found[g + 1] - t->found[g], 1e-6);
    return t->inside[g] + fmin(f, 1.0) * (t->inside[g + 1] - t->inside[g]);
}

static int nearest(const float *list, int n, float v) {
    int best = 0;
    for (int k = 1; k < n; k++)
        if (fabsf(logf(fmaxf(v, 1.0f) / list[k])) < fabsf(logf(fmaxf(v, 1.0f) / list[best]))) best = k;
    return best;
}

/* The scan's blur, s.d. in mm: of the dura's edges with a wide gap behind them, the median of step by slope. 0.6 where they are few. */
static dm_status blur_of(const dm_unrolled *u, const dm_walls_found *w, double *blur) {
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

/* Row i; of_sac: the tables of its sac. */
static void unbias_row(const dm_unrolled *u, const dm_edge_args *edge, const table of_sac[BONES], int i, const dm_walls_found *w) {
    for (int k = 0; k < DM_NT; k++) {
        size_t ray = (size_t)i * DM_NT + (size_t)k;
        /* In front the dura stands on the dip before the bone already, where there is a cord. */
        if (dm_in_front(u->a, k) || w->qd[ray] < 0.15f) continue;
        int at = (int)(w->rb[ray] / u->a.dr);
        float outer = dm_ray_mean(u->s + dm_ray_of(u->a, i, k), u->a.nr, at + 1, at + dm_mm(1.0f, u->a.dr));
        if (dm_is_outside(outer) || outer < edge->wall) continue;
        w->rd[ray] += (float)read_back(&of_sac[nearest(bone_hu, BONES, outer)], (double)(w->rb[ray] - w->rd[ray]));
    }
}

dm_status dm_unbias_dura(const dm_unrolled *u, const dm_edge_args *edge, const float *level, const dm_walls_found *w) {
    table(*t)[BONES] = malloc(SACS * sizeof *t);
    double blur = 0.6;
    dm_status status = t ? blur_of(u, w, &blur) : dm_fail(DM_STUDY, "out_of_memory", "no memory for %d tables of walls", SACS * BONES);
    for (int k = 0; k < SACS * BONES && dm_good(status); k++)
        fill(edge, (double)sac_hu[k / BONES], (double)bone_hu[k % BONES], blur, &t[k / BONES][k % BONES]);
    for (int i = 0; i < u->a.ns && dm_good(status); i++)
        if (!dm_is_outside(level[i])) unbias_row(u, edge, t[nearest(sac_hu, SACS, level[i])], i, w);
    free(t);
    return status;
}
