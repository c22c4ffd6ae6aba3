/* An analytic spine for the tests of map, findings and localise: a curved tube of contrast in a ring of fat in bone, blurred
 * by the scanner, with pools of known place, thickness and ratio. The stages before are replaced by the truth plus a
 * smooth error. */
#ifndef DM_LEAK_MODEL_H
#define DM_LEAK_MODEL_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "frame.h"
#include "level.h"
#include "stage.h"

typedef struct model_pool {
    double s_from, s_to, theta, half_angle; /* mm, degrees */
    double thickness, ratio, peak_s;        /* mm; share of the sac; where it is densest (0 = flat) */
    double hu;                              /* not 0: calcium of this value instead, there without contrast too */
} model_pool;

typedef struct model {
    double length, sac, gap_ventral, gap_dorsal, noise, surface_error;
    int filled, n_pools;
    int mr;      /* fluid bright, fat and bone dark */
    int swallow; /* the dura's surface goes round the pools */
    model_pool pool[4];
    double vein_s, vein_hu; /* a vein of 1.3 mm radius, 22 mm long, on the left; vein_hu 0 = none */
    double dim_from, dim_to; /* the sac dims behind, from 3 mm inside the dura to half at it, from .. to mm; 0, 0 = nowhere */
    double back; /* signal of what lies further behind than 40 mm, in a wider scan; 0 = the scan ends before */
    double muscle_from, muscle_to; /* HU 60 instead of fat in the gap on the right from .. to mm; 0, 0 = none */
} model;

static inline double model_random(uint64_t *state) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return (double)(*state >> 11) / 9007199254740992.0;
}

static inline double model_normal(uint64_t *state) {
    double sum = 0;
    for (int i = 0; i < 12; i++) sum += model_random(state);
    return sum - 6;
}

static inline double model_edge(double x) {
    return 0.5 * erfc(-x / 0.55 / 1.4142135623730951);
}

static inline double model_dura(double theta) {
    return 6.8 + 0.6 * fabs(sin(theta));
}
static inline double model_bone(const model *m, double theta) {
    double dorsal = 0.5 - 0.5 * cos(theta);
    return model_dura(theta) + m->gap_ventral + (m->gap_dorsal - m->gap_ventral) * dorsal;
}
/* The tube's centre leaves x = y = 0 in a slow bow. */
static inline double model_bow(double s) {
    return 6 * sin(s / 60);
}

static inline double model_value(const model *m, double s, double theta, double r) {
    const double bone = m->mr ? 30 : 700, cord = m->mr ? 150 : 40, flesh = m->mr ? 90 : 55, membrane = m->mr ? 0.45 : 0.3;
    double muscle = theta < -0.6 && theta > -2.2 && s > m->muscle_from && s < m->muscle_to;
    double tissue = m->mr || muscle != 0 ? 60 : -80;
    double rd = model_dura(theta), rb = model_bone(m, theta), sac = m->filled ? m->sac : 10;
    double sharp = m->mr ? 1.5 : 1; /* MR: 0.37 mm of blur, voxels are as large again */
    double v = tissue + (sac - tissue) * model_edge(sharp * (rd - r)) + (bone - tissue) * model_edge(sharp * (r - rb));
    if (theta * theta > 5 && s > m->dim_from && s < m->dim_to && r > rd - 3)
        v -= 0.5 * (sac - tissue) * (fmin(r, rd) - rd + 3) / 3 * model_edge(sharp * (rd - r));
    if (r < 5) v += (cord - sac) * model_edge(3.0 - r);
    v += (flesh - bone) * model_edge(r - rb - 4); /* flesh outside a bony ring of 4 mm */
    if (m->vein_hu > 0) {
        double a = r * cos(theta) - 4, l = r * sin(theta), d = sqrt(a * a + (s - m->vein_s) * (s - m->vein_s));
        v += (m->vein_hu - 55) * model_edge(1.3 - d) * model_edge(l - 15) * model_edge(37 - l);
    }
    for (int k = 0; k < m->n_pools; k++) {
        const model_pool *p = &m->pool[k];
        double turn = fabs(remainder(theta * 180 / 3.14159265358979 - p->theta, 360));
        double along = model_edge(s - p->s_from) * model_edge(p->s_to - s);
        double round_ = model_edge((p->half_angle - turn) * 3.14159265358979 / 180 * rd);
        double out = fmin(rd + membrane + p->thickness, rb);
        double height = p->hu != 0 ? p->hu - tissue : p->ratio * (sac - tissue);
        double fall = p->peak_s > 0 ? 0.35 + 0.65 * exp(-fabs(s - p->peak_s) / 22) : 1;
        v += height * fall * along * round_ * (model_edge(sharp * (r - rd - membrane)) - model_edge(sharp * (r - out)));
    }
    return v;
}

static inline int model_make_volume(const model *m, uint64_t seed, dm_study *st) {
    const double step = 0.7, slice = 1.0, half = m->back > 0 ? 64 : m->vein_hu > 0 ? 42 : 28;
    int nx = (int)(2 * half / step), nz = (int)(m->length / slice);
    /* z grows to the head, s to the feet */
    const dm_affine a = {{{step, 0, 0, -half}, {0, step, 0, -half}, {0, 0, slice, 0}}};
    uint64_t state = seed * 2654435761u + 88172645463325252ull;
    if (!dm_good(dm_volume_make(&st->crop.raw, nx, nx, nz, &a))) return 0;
    for (int k = 0; k < nz; k++)
        for (int j = 0; j < nx; j++)
            for (int i = 0; i < nx; i++) {
                double s = m->length - k * slice, x = -half + i * step, y = -half + j * step - model_bow(s);
                double theta = atan2(x, -y), r = sqrt(x * x + y * y);
                double value = m->back > 0 && r > 40 && cos(theta) < -0.3 ? m->back : model_value(m, s, theta, r);
                st->crop.raw.v[((size_t)k * (size_t)nx + (size_t)j) * (size_t)nx + (size_t)i] =
                    (float)(value + m->noise * model_normal(&state));
            }
    st->crop.noise_sd = m->noise;
    return 1;
}

/* Outer edge of what is bright at (s, theta): the dura, or a pool where the surface goes round it. */
static inline double model_outer(const model *m, double s, double theta) {
    double rd = model_dura(theta), out = rd;
    for (int k = 0; m->swallow && k < m->n_pools; k++) {
        const model_pool *p = &m->pool[k];
        double turn = fabs(remainder(theta * 180 / 3.14159265358979 - p->theta, 360));
        if (s < p->s_from || s > p->s_to || turn > p->half_angle) continue;
        out = fmax(out, fmin(rd + 0.45 + p->thickness, model_bone(m, theta)));
    }
    return out;
}

static inline int model_make_canal(const model *m, uint64_t seed, dm_study *st) {
    int n = (int)m->length - 4;
    size_t cells = (size_t)n * DM_NT;
    uint64_t state = seed * 977 + 88172645463325252ull;
    if (!dm_good(dm_spine_make(&st->spine, n, 1.0))) return 0;
    for (int i = 0; i < n; i++) {
        double s = i + 2;
        st->spine.p[i][0] = 0, st->spine.p[i][1] = model_bow(s), st->spine.p[i][2] = m->length - s;
        st->spine.score[i] = 1, st->spine.unsure[i] = 0;
    }
    if (!dm_good(dm_frame_build(&st->spine))) return 0;
    dm_canal *c = &st->canal;
    *c = (dm_canal){.n = n, .r_dura = malloc(cells * 4), .r_bone = malloc(cells * 4), .q_dura = malloc(cells * 4),
                    .q_bone = malloc(cells * 4), .no_bone = calloc(cells, 1), .filled = malloc((size_t)n),
                    .sac = malloc((size_t)n * 4)};
    double phase[4];
    for (int k = 0; k < 4; k++) phase[k] = 6.28 * model_random(&state);
    for (int i = 0; i < n; i++) {
        c->filled[i] = (uint8_t)m->filled;
        c->sac[i] = m->filled ? (float)m->sac : DM_OUTSIDE;
        for (int t = 0; t < DM_NT; t++) {
            double th = 6.283185307179586 * t / DM_NT;
            double e1 = m->surface_error * sin(i / 5.0 + phase[0] + 2 * th) * sin(3 * th + phase[1]) * 1.6;
            double e2 = m->surface_error * sin(i / 6.0 + phase[2] - 2 * th) * sin(2 * th + phase[3]) * 1.6;
            size_t at = (size_t)i * DM_NT + (size_t)t;
            c->r_dura[at] = (float)(model_outer(m, i + 2, th) + e1);
            c->r_bone[at] = (float)fmax(model_bone(m, th) + e2, (double)c->r_dura[at] + 0.3);
            c->q_dura[at] = c->q_bone[at] = 0.9f;
        }
    }
    return 1;
}

/* Vertebrae of 22 mm from `first` at the upper end of the line. */
static inline void model_make_levels(const model *m, int first, dm_study *st) {
    dm_levels *l = &st->levels;
    l->n = 0;
    for (double s = 0; s + 22 <= m->length - 4; s += 22) {
        int level = first + l->n;
        if (first < DM_T13 && level >= DM_T13) level++;
        l->v[l->n++] = (dm_vertebra){.level = level, .s_from = s, .s_to = s + 22, .s_mid = s + 11};
    }
    l->anchored = 1;
    l->posterior = 0.99;
}

static inline int model_make(const model *m, int first, uint64_t seed, dm_study *st) {
    memset(st, 0, sizeof *st);
    st->modality = m->mr ? DM_MR : DM_CT;
    st->contrast = m->mr ? DM_FLUID : m->filled ? DM_IODINE : DM_CONTRAST_NONE;
    if (!model_make_volume(m, seed, st) || !model_make_canal(m, seed, st)) return 0;
    model_make_levels(m, first, st);
    return 1;
}

/* A further pass: another state of the same patient, who lies `shift` (LPS mm) elsewhere in the scanner. */
static inline int model_add_pass(const model *m, uint64_t seed, const char *role, double seconds, const double shift[3],
                                 dm_study *st) {
    dm_study other;
    memset(&other, 0, sizeof other);
    if (st->n_passes == 0) st->n_passes = 1; /* the measured one, whose scan is no longer needed */
    if (!model_make_volume(m, seed, &other)) return 0;
    dm_volume *v = &other.crop.raw;
    dm_pass *p = &st->pass[st->n_passes++];
    p->scan = (dm_scan){.nx = v->nx, .ny = v->ny, .nz = v->nz, .to_lps = v->to_lps, .scale = 1,
                        .v = malloc(dm_volume_count(v) * sizeof(int16_t))};
    for (int c = 0; c < 3; c++) p->scan.to_lps.m[c][3] += shift[c];
    for (size_t i = 0; p->scan.v && i < dm_volume_count(v); i++) p->scan.v[i] = (int16_t)lrintf(v->v[i]);
    snprintf(p->role, sizeof p->role, "%s", role);
    p->facts.seconds_after_first = seconds;
    dm_volume_clear(v);
    return p->scan.v != NULL;
}

static inline dm_status model_run(dm_gpu *gpu, const char *name, dm_study *st) {
    const dm_stage *stage = dm_stage_named(name);
    if (!stage) return dm_fail(DM_STUDY, "no_stage", "there is no stage %s", name);
    void *params = calloc(1, stage->params_size + 1);
    if (!params) return dm_fail(DM_STUDY, "out_of_memory", "no memory for parameters");
    dm_params_preset(stage->params, stage->n_params, params);
    dm_status status = stage->run(gpu, params, st);
    free(params);
    return status;
}

static inline dm_status model_run_all(dm_gpu *gpu, dm_study *st) {
    DM_TRY(model_run(gpu, "map", st));
    DM_TRY(model_run(gpu, "findings", st));
    return model_run(gpu, "localise", st);
}

#endif
