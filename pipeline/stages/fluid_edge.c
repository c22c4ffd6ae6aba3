/* MR: the dura where fluid gives way to fat. The solver's edge compares millimetres of profile on both sides; where fat is bright, the
 * bone's dark line behind it is the greater part of that fall and draws the dura out. */
#include <math.h>
#include <stdlib.h>

#include "blurred.h"
#include "canal_parts.h"

enum { MOVES = 13, WALLS = 7, MOST = 64, FINE = 8 };
static const float move_step = 0.125f, wall_step = 0.25f; /* mm */
static const float move_sd = 0.5f;   /* mm: error of the solver's dura */
static const float noise = 0.06f;    /* share of the fluid: noise, texture, roots */
static const float usual_least = 3;  /* mm: gaps that show their fat itself */
static const float fat_weight = 2;   /* samples that the study's fat counts */
static const float pool_least = 0.15f; /* share of the fluid above fat */

/* Blurred step by its distance from the edge, in parts of a sample; clipped where it is 0 or 1. */
typedef struct steps {
    float v[2 * FINE * 16 + 1];
    float scale;
} steps;

static void make_steps(double blur, float dr, steps *t) {
    const int half = FINE * 16;
    t->scale = (float)FINE / dr;
    for (int j = -half; j <= half; j++) t->v[j + half] = (float)dm_blurred_step(j / (double)t->scale, blur);
}

static float step_at(const steps *t, float x) {
    const float half = (float)(FINE * 16);
    return t->v[(int)(dm_clampf(x * t->scale, -half, half) + half + 0.5f)];
}

/* One ray: samples k0.. of s, fluid inside the dura, the bone's darkest, the study's fat. */
typedef struct ray {
    const float *s;
    int k0, n;
    float dr, fluid, dark, fat;
} ray;

/* Misfit of a dura at rd and bone at rb, with what fits best between them, as bright as *between. */
static float misfit(const ray *q, const steps *t, float rd, float rb, float *between) {
    float y[MOST], g[MOST], gy = 0, gg = fat_weight, usual = q->fat - q->dark, sum = 0;
    for (int j = 0; j < q->n; j++) {
        float r = (float)(q->k0 + j) * q->dr, in = step_at(t, rd - r), out = step_at(t, r - rb);
        g[j] = fmaxf(1 - in - out, 0);
        y[j] = q->s[q->k0 + j] - q->dark - (q->fluid - q->dark) * in;
        gy += g[j] * y[j], gg += g[j] * g[j];
    }
    float fat = dm_clampf((gy + fat_weight * usual) / gg, 0, q->fluid - q->dark);
    *between = fat + q->dark;
    for (int j = 0; j < q->n; j++) sum += (y[j] - fat * g[j]) * (y[j] - fat * g[j]);
    return sum + fat_weight * (fat - usual) * (fat - usual);
}

/* The ray's samples from the brightest of the last 2.5 mm inside the dura to 1 mm behind the bone. 0 = none. */
static int look(const dm_unrolled *u, const dm_walls_found *w, size_t at, ray *q) {
    const float *s = u->s + at * (size_t)u->a.nr;
    int in = (int)(w->rd[at] / u->a.dr + 0.5f), from = in - dm_mm(2.5f, u->a.dr), to = dm_mm(w->rb[at] + 1, u->a.dr);
    if (from < 0) from = 0;
    q->s = s, q->dr = u->a.dr, q->k0 = from;
    if (to >= u->a.nr || to - from >= MOST) return 0;
    for (int k = from; k <= to; k++)
        if (dm_is_outside(s[k])) return 0;
    for (int k = from; k <= in + 2; k++)
        if (s[k] > s[q->k0]) q->k0 = k;
    q->fluid = s[q->k0];
    q->dark = q->fluid;
    for (int k = dm_mm(w->rb[at] - 0.25f, u->a.dr); k <= to; k++) q->dark = fminf(q->dark, s[k]);
    q->n = to - q->k0 + 1;
    return q->n > 4 && q->fluid > 0;
}

/* By how much the dura of a ray moves, mm; never to where what lies between it and the bone is brighter than fat, nor from there: a pool
 * begins with the dura's own dark line, which this profile does not have, and fluid that its flow dims is fluid. */
static float move_of(const ray *q, const steps *t, float rd, float rb) {
    const float most = q->fat + pool_least * q->fluid;
    float best = INFINITY, by = 0, between, scale = 1 / (noise * noise * q->fluid * q->fluid);
    (void)misfit(q, t, rd, rb, &between);
    if (between > most) return 0;
    for (int m = 0; m < MOVES; m++)
        for (int b = 0; b < WALLS; b++) {
            float x = move_step * (float)(m - MOVES / 2), wall = rb + wall_step * (float)(b - WALLS / 2);
            if (wall < rd + x + 0.25f) continue;
            float cost = scale * misfit(q, t, rd + x, wall, &between) + x * x / (move_sd * move_sd);
            if (cost < best && between <= most) best = cost, by = x;
        }
    return by;
}

/* Median, over wide gaps, of their middle as a share of the fluid beside; 0.06 (suppressed fat) where less than a twentieth of all rays has
 * one: a pool makes its own. */
static dm_status usual_fat(const dm_unrolled *u, const dm_walls_found *w, float *fat) {
    size_t n = (size_t)u->a.ns * DM_NT, count = 0;
    float *v = malloc((n + 1) * sizeof *v);
    ray q;
    if (!v) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the fat of %zu rays", n);
    for (size_t at = 0; at < n; at++)
        if (w->qd[at] > 0.3f && w->rb[at] - w->rd[at] > usual_least && look(u, w, at, &q))
            v[count++] = q.s[dm_mm(0.5f * (w->rd[at] + w->rb[at]), q.dr)] / q.fluid;
    *fat = 20 * count >= n ? dm_median(v, (int)count) : 0.06f;
    free(v);
    return dm_ok;
}

dm_status dm_place_fluid_edge(const dm_unrolled *u, float gap, const dm_walls_found *w) {
    size_t rays = (size_t)u->a.ns * DM_NT;
    double blur = 0.6;
    float fat = 0, *moved = calloc(rays, sizeof *moved);
    uint8_t *seen = calloc(rays, 1);
    dm_status status = moved && seen ? dm_blur_of_walls(u, w, &blur) : dm_fail(DM_STUDY, "out_of_memory", "no memory for the edges of %zu rays", rays);
    if (dm_good(status)) status = usual_fat(u, w, &fat);
    steps t;
    make_steps(blur, u->a.dr, &t);
    for (size_t at = 0; at < rays && dm_good(status); at++) {
        ray q;
        if (w->qd[at] < 0.15f || !look(u, w, at, &q)) continue;
        q.fat = fat * q.fluid;
        seen[at] = 1;
        moved[at] = move_of(&q, &t, w->rd[at], w->rb[at]);
    }
    for (size_t at = 0; at < rays && dm_good(status); at++)
        w->rd[at] = fminf(w->rd[at] + dm_moved_round(u, moved, seen, (int)(at / DM_NT), (int)(at % DM_NT)), w->rb[at] - gap);
    free(moved), free(seen);
    return status;
}
