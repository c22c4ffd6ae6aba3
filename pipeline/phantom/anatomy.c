/* Look-ups on an anatomy and the order in which it is made. */
#include "anatomy.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dm_ph_point_at(const dm_anatomy *a, double s, double ventral, double left, double out[3]) {
    double top = a->n_nodes - 1.001;
    double in = s < 0.0 ? 0.0 : (s > top ? top : s), over = s - in;
    int i = (int)in;
    double f = in - i;
    const float *n = a->nodes + (size_t)i * PH_NODE, *m = n + PH_NODE;
    for (int c = 0; c < 3; c++)
        out[c] = (double)n[PH_P + c] + (f + over) * (double)n[PH_T + c] +
                 ventral * ((1.0 - f) * (double)n[PH_V + c] + f * (double)m[PH_V + c]) +
                 left * ((1.0 - f) * (double)n[PH_L + c] + f * (double)m[PH_L + c]);
}

float *dm_ph_wall_row(const dm_anatomy *a, int table, int node) {
    return a->walls + ((size_t)table * (size_t)a->n_nodes + (size_t)node) * PH_NT;
}

double dm_ph_wall_at(const dm_anatomy *a, int table, double s, double theta) {
    int i = (int)fmin(fmax(s, 0.0), a->n_nodes - 2.0);
    double column = fmod(theta + 720.0, 360.0) / 5.0, f = s - i, g = column - floor(column);
    int c = (int)column % PH_NT, d = (c + 1) % PH_NT;
    const float *p = dm_ph_wall_row(a, table, i), *q = p + PH_NT;
    return (1 - f) * ((1 - g) * (double)p[c] + g * (double)p[d]) +
           f * ((1 - g) * (double)q[c] + g * (double)q[d]);
}

int dm_ph_vert_at(const dm_anatomy *a, double s) {
    int i = 0;
    while (i + 1 < a->n_verts && s >= a->vert[i].s_to) i++;
    return i;
}

int dm_ph_find(const dm_anatomy *a, int level) {
    for (int i = 0; i < a->n_verts; i++)
        if (a->vert[i].level == level) return i;
    return -1;
}

int dm_ph_whole(const dm_anatomy *a, int i) {
    return a->vert[i].s_from > 6.0 && a->vert[i].s_to < a->n_nodes - 12.0;
}

double dm_ph_foramen(const dm_anatomy *a, int i) {
    const dm_ph_vert *v = &a->vert[i];
    if (v->level <= DM_C7) return v->s_from + 1.0;
    return fmin(v->ped_s + v->ped_h + 4.5, v->s_to + 1.0);
}

void dm_ph_capsule_add(dm_anatomy *a, const double from[3], const double to[3], double r0, double r1,
                       double scale, int layer, double value, int mix) {
    if (a->n_prims >= PH_MAX_PRIMS) return;
    float *p = a->prims + (size_t)a->n_prims++ * PH_PROW;
    for (int c = 0; c < 3; c++) {
        p[PH_A0 + c] = (float)from[c];
        p[PH_A1 + c] = (float)to[c];
    }
    p[PH_R0] = (float)r0;
    p[PH_R1] = (float)r1;
    p[PH_SCALE] = (float)scale;
    p[PH_LAYER_NO] = (float)layer;
    p[PH_VALUE] = (float)value;
    p[PH_MIX] = (float)mix;
    double across = 0.5 * sqrt((to[0] - from[0]) * (to[0] - from[0]) + (to[1] - from[1]) * (to[1] - from[1]));
    double reach = across + fmax(r0, r1) + 5.0; /* 5 mm: more than the blur of any scanner here */
    p[PH_MID_A] = (float)(0.5 * (from[0] + to[0]));
    p[PH_MID_L] = (float)(0.5 * (from[1] + to[1]));
    p[PH_REACH2] = (float)(reach * reach);
}

/* Extent of a primitive along the spine, with the width of a blurred edge. */
static void extent(const float *p, double *from, double *to) {
    double r = fmax((double)p[PH_R0], (double)p[PH_R1]) / (double)p[PH_SCALE] + 4.0;
    *from = fmin((double)p[PH_S0], (double)p[PH_S1]) - r;
    *to = fmax((double)p[PH_S0], (double)p[PH_S1]) + r;
}

/* Lists of primitives by stretches of 8 mm, bones first: buckets[0..n] are offsets, the lists follow. */
dm_status dm_ph_make_buckets(dm_anatomy *a) {
    a->n_buckets = a->n_nodes / 8 + 1;
    size_t room = (size_t)a->n_buckets + 1 + (size_t)a->n_prims * (size_t)a->n_buckets;
    free(a->buckets);
    a->buckets = malloc(room * sizeof *a->buckets);
    if (!a->buckets)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a phantom's primitives (%zu bytes)",
                       room * 4);
    int *list = a->buckets + a->n_buckets + 1, n = 0;
    for (int b = 0; b < a->n_buckets; b++) {
        a->buckets[b] = n;
        for (int layer = PH_BONE; layer <= PH_OVER; layer++)
            for (int i = 0; i < a->n_prims; i++) {
                const float *p = a->prims + (size_t)i * PH_PROW;
                double from, to;
                extent(p, &from, &to);
                if ((int)p[PH_LAYER_NO] == layer && from < 8 * (b + 1) && to > 8 * b) list[n++] = i;
            }
    }
    a->buckets[a->n_buckets] = n;
    a->bucket_ints = a->n_buckets + 1 + n;
    return dm_ok;
}

static void draw_patient(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "patient");
    a->female = dm_ph_chance(&r, 0.6);
    a->age = dm_ph_uniform(&r, 22, 78);
    a->scale = dm_ph_normal(&r, a->female ? 0.97 : 1.05, 0.05);
    a->girth = dm_ph_normal(&r, 1.0 + 0.25 * (a->scale - 1.0), 0.055);
    double chest = dm_ph_uniform(&r, 0, 1), loin = dm_ph_uniform(&r, 0, 1);
    a->n_thoracic = chest < 0.058 ? 11 : (chest < 0.075 ? 13 : 12); /* domain notes 5.5: lstv18, mark23 */
    a->n_lumbar = loin < 0.055 ? 6 : (loin < 0.082 ? 4 : 5);
    a->metal = dm_ph_chance(&r, 0.06);
}

static dm_status make_pass(uint64_t seed, int number, const char *kind, dm_ph_protocol protocol, int early,
                           dm_anatomy *a) {
    memset(a, 0, sizeof *a);
    a->early = early;
    a->seed = seed;
    a->number = a->scan = number;
    a->protocol = protocol;
    snprintf(a->kind, sizeof a->kind, "%s", kind);
    a->prims = calloc((size_t)PH_MAX_PRIMS * PH_PROW, sizeof *a->prims);
    if (!a->prims) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a phantom's primitives");
    draw_patient(a);
    dm_ph_make_levels(a);
    DM_TRY(dm_ph_make_line(a));
    dm_ph_make_materials(a);
    DM_TRY(dm_ph_make_walls(a));
    dm_ph_make_bones(a);
    DM_TRY(dm_ph_make_body(a));
    dm_ph_make_sleeves(a);
    DM_TRY(dm_ph_make_leaks(a));
    return dm_ph_make_buckets(a);
}

dm_status dm_anatomy_make(uint64_t seed, int number, const char *kind, dm_ph_protocol protocol,
                          dm_anatomy *a) {
    return make_pass(seed, number, kind, protocol, 0, a);
}

dm_status dm_anatomy_make_early(uint64_t seed, int number, const char *kind, dm_ph_protocol protocol,
                                dm_anatomy *a) {
    return make_pass(seed, number, kind, protocol, 1, a);
}

void dm_anatomy_clear(dm_anatomy *a) {
    if (!a) return;
    free(a->nodes);
    free(a->walls);
    free(a->zrows);
    free(a->prims);
    free(a->buckets);
    memset(a, 0, sizeof *a);
}

int dm_ph_ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}
