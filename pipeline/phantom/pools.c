/* Contrast outside the dura: pools as shells between the two walls. */
#include "pools.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double rad = 0.017453292519943295;
static const double membrane = 0.45; /* dura and arachnoid between sac and pool, mm: dark on either scan */

static double wrap(double degrees) {
    return degrees - 360.0 * floor((degrees + 180.0) / 360.0);
}

/* Full in the middle, tapering over the last stretch, ragged by two waves. */
static double along(const dm_ph_pool *p, double s) {
    double left = fmin(s - p->from, p->to - s), taper = fmin(p->taper, 0.45 * (p->to - p->from));
    if (left <= 0.0) return 0.0;
    double x = fmin(left / taper, 1.0);
    return x * (0.86 + 0.14 * sin(0.31 * s + p->phase) * sin(0.11 * s + 2.0 * p->phase));
}

static double across(const dm_ph_pool *p, double s, double theta) {
    double half = p->half * (0.85 + 0.15 * sin(0.17 * s + 3.0 * p->phase)),
           d = fabs(wrap(theta - p->theta)) / half;
    if (d >= 1.0) return 0.0;
    double v = d < 0.6 ? 1.0 : 1.0 - (d - 0.6) / 0.4;
    if (p->septum && fabs(wrap(theta)) < 7.0)
        v *= 0.35; /* the ligament that holds the dura in the ventral midline */
    return v;
}

/* Density: falls from its peak, or flat on a late scan. */
static double density(const dm_ph_pool *p, double s) {
    if (p->reach <= 0.0) return p->ratio;
    return p->ratio * (0.45 + 0.55 * exp(-fabs(s - p->peak) / p->reach));
}

/* What fills the pool at s: contrast as far as the front has run, thinning out over 6 mm, fluid without any beyond (0 to 15 HU: medical
 * notes 2.2). */
static double value_at(const dm_ph_pool *p, double s, double sac) {
    const double fluid = 10, front = 6;
    if (p->front_to <= p->front_from) return density(p, s) * sac;
    double in = fmin(fmax(fmin(s - p->front_from, p->front_to - s) / front, 0.0), 1.0);
    return fluid + in * (density(p, s) * sac - fluid);
}

/* Coming and going of the thickness over 7 mm along and about 35 degrees round. */
static double ragged(const dm_ph_pool *p, int node, int column) {
    float t = (float)(column * 5.0 * rad), v;
    v = dm_ph_lattice((uint)(p->phase * 1e6), 7.0f, (float)node, 11.0f * dm_cos(t), 11.0f * dm_sin(t));
    return fmax(1.0 + p->ragged * ((double)v - 0.3), 0.0);
}

typedef struct tally {
    double thickest, volume;
} tally;

static void cell(const dm_anatomy *a, const dm_ph_pool *p, int node, int c, tally *sum) {
    double want = p->thickness * along(p, node) * across(p, node, c * 5.0) * ragged(p, node, c);
    if (want < 0.15) return;
    float *rb = dm_ph_wall_row(a, PH_RB, node) + c, *rd = dm_ph_wall_row(a, PH_RD, node) + c;
    double bone = (double)*rb, dura = (double)*rd;
    if (dura < 1.0) return;
    double gap = bone - dura;
    if (want > gap - 0.2 - membrane) { /* a thick pool pushes the dura in */
        dura = fmax(bone - want - 0.2 - membrane, 0.72 * dura);
        *rd = (float)dura;
        gap = bone - dura;
    }
    double t = fmin(p->lies == PH_FILLS ? 2.0 * want : want,
                    gap - membrane); /* fills the middle, tapers at the rim */
    double in = p->lies == PH_ON_BONE ? bone - t : dura + membrane;
    if (t < 0.1) return;
    dm_ph_wall_row(a, PH_PI, node)[c] = (float)in;
    dm_ph_wall_row(a, PH_PO, node)[c] = (float)(in + t);
    sum->thickest = fmax(sum->thickest, t);
    sum->volume += t * (in + 0.5 * t) * 5.0 * rad;
}

/* The value stands in every cell near the pool, so that the tables' interpolation does not fade it at the
 * rim. */
static void paint(const dm_anatomy *a, const dm_ph_pool *p, int node) {
    double sac = (double)a->nodes[(size_t)node * PH_NODE + PH_SAC];
    for (int c = 0; c < PH_NT; c++)
        if (fabs(wrap(c * 5.0 - p->theta)) < p->half * 1.25 + 10.0)
            dm_ph_wall_row(a, PH_PV, node)[c] = (float)value_at(p, node, sac);
}

/* Where there is no pool the two radii follow the dura, also after it was pushed in beside the pool. */
static void close_cells(const dm_anatomy *a, int node) {
    for (int c = 0; c < PH_NT; c++) {
        float *in = dm_ph_wall_row(a, PH_PI, node) + c, *out = dm_ph_wall_row(a, PH_PO, node) + c;
        float rd = dm_ph_wall_row(a, PH_RD, node)[c];
        if (*out - *in < 0.01f) *in = *out = rd;
    }
}

void dm_ph_pool_add(dm_anatomy *a, const dm_ph_pool *p, double *thickest, double *volume) {
    tally sum = {0, 0};
    int from = (int)fmax(p->from, 1.0), to = (int)fmin(p->to, a->n_nodes - 3.0);
    for (int i = from; i <= to; i++) {
        for (int c = 0; c < PH_NT; c++) cell(a, p, i, c, &sum);
        paint(a, p, i);
        close_cells(a, i);
    }
    *thickest = sum.thickest;
    *volume = sum.volume;
}

void dm_ph_root_name(const dm_anatomy *a, double s, char out[8]) {
    double best = 1e9;
    out[0] = 0;
    int t1 = dm_ph_find(a, DM_T1);
    for (int i = 0; i < a->n_verts && a->vert[i].level < DM_S1; i++) {
        double d = fabs(dm_ph_foramen(a, i) - s);
        if (a->vert[i].level <= DM_C2) continue;
        if (d < best) snprintf(out, 8, "%s", dm_level_name(a->vert[i].level));
        best = fmin(best, d);
    }
    if (t1 >= 0 && fabs(a->vert[t1].s_from + 1.0 - s) < best) snprintf(out, 8, "C8");
}

static void disc_name(const dm_anatomy *a, double s, char out[12]) {
    int i = dm_ph_vert_at(a, s);
    const dm_ph_vert *v = &a->vert[i];
    int upper = s < 0.5 * (v->s_from + v->s_to) && i > 0 ? i - 1 : i;
    int lower = upper + 1 < a->n_verts ? upper + 1 : upper;
    dm_disc_name(a->vert[upper].level, a->vert[lower].level, out, 12);
}

const char *dm_ph_side_of(double theta) {
    double t = wrap(theta);
    if (fabs(t) < 50.0) return "ventral";
    if (fabs(t) > 130.0) return "dorsal";
    return t > 0.0 ? "left" : "right";
}

dm_ph_leak *dm_ph_leak_add(dm_anatomy *a, const char *class_, double s, double theta, double r) {
    if (a->n_leaks >= PH_MAX_TRUTH) return NULL;
    dm_ph_leak *k = &a->leak[a->n_leaks++];
    memset(k, 0, sizeof *k);
    snprintf(k->class_, sizeof k->class_, "%s", class_);
    snprintf(k->side, sizeof k->side, "%s", dm_ph_side_of(theta));
    k->theta = wrap(theta);
    double clock = 6.0 - k->theta / 30.0;
    k->clock = clock <= 0.0 ? clock + 12.0 : clock;
    k->s = k->s_from = k->s_to = s;
    disc_name(a, s, k->level_disc);
    dm_ph_root_name(a, s, k->level_root);
    dm_ph_point_at(a, s, r * cos(theta * rad), r * sin(theta * rad), k->p);
    return k;
}

void dm_ph_sign_add(dm_anatomy *a, const char *name, double s, double theta, double r) {
    if (a->n_signs >= PH_MAX_TRUTH) return;
    dm_ph_sign *g = &a->sign[a->n_signs++];
    snprintf(g->sign, sizeof g->sign, "%s", name);
    dm_ph_point_at(a, s, r * cos(theta * rad), r * sin(theta * rad), g->p);
}
