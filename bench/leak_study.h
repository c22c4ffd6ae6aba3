/* Studies for bench_leaks: digital phantoms, drawn or painted, brought as far as the stage levels, by the truth or by the real
 * stages, and kept in a folder so that the stages after it can be run again and again. */
#ifndef DM_LEAK_STUDY_H
#define DM_LEAK_STUDY_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "level.h"
#include "painted.h"
#include "phantom.h"
#include "pools.h"
#include "stage_run.h"
#include "truth.h"

/* Who makes the frame: the truth with a smooth error; the truth's line with the surfaces of the stages
 * denoise and canal; all stages from the scan on. */
typedef enum bench_frame { BENCH_GIVEN, BENCH_CANAL, BENCH_REAL } bench_frame;

typedef struct bench_case {
    dm_anatomy *a;
    dm_ph_scanner *sc;
    dm_study *st;
    bench_frame frame;
    double error; /* mm, s.d. of the given surfaces */
    int dense;
} bench_case;

static inline void *bench_calloc(size_t n, size_t size) {
    void *p = calloc(n ? n : 1, size);
    if (!p) abort();
    return p;
}

static inline int bench_in_view(const bench_case *b, double s) {
    double p[3];
    dm_ph_point_at(b->a, s, 0, 0, p);
    return dm_ph_in_view(b->sc, p);
}

/* First and last position of the anatomy's line in the field of view. */
static inline void bench_view(const bench_case *b, int *from, int *to) {
    *from = 0, *to = b->a->n_nodes - 2;
    while (*from < *to && !bench_in_view(b, *from)) ++*from;
    while (*to > *from && !bench_in_view(b, *to)) --*to;
}

/* A dense study: short pools of graded thickness and ratio, flat along s, 25 mm of healthy dura between them.
 */
static inline void bench_dense_pools(bench_case *b) {
    static const double face[4] = {0, 180, 90, -90};
    dm_ph_rng r = dm_ph_stream(b->a->seed, b->a->number, "dense pools");
    int from, to;
    bench_view(b, &from, &to);
    if (to > b->a->sac_end_s - 15) to = (int)b->a->sac_end_s - 15;
    for (double s = from + 30; s < to - 45 && b->a->n_leaks < 10;) {
        double length = dm_ph_uniform(&r, 16, 36), theta = face[dm_ph_pick(&r, 4)], thick = 0, volume = 0;
        int side = fabs(theta) > 60 && fabs(theta) < 120;
        dm_ph_pool p = {.from = s,
                        .to = s + length,
                        .theta = theta,
                        .half = dm_ph_uniform(&r, 28, 45),
                        .thickness = dm_ph_uniform(&r, 0.6, 3),
                        .taper = 5,
                        .phase = dm_ph_uniform(&r, 0, 6.28),
                        .ratio = b->a->protocol == PH_MRM ? dm_ph_uniform(&r, 0.3, 1)
                                                          : dm_ph_uniform(&r, 0.1, 0.8),
                        .lies = dm_ph_pick(&r, 3)};
        double middle = s + length / 2, rd = dm_ph_wall_at(b->a, PH_RD, middle, theta);
        dm_ph_leak *k = dm_ph_leak_add(b->a,
                                       side          ? "lateral_tear"
                                       : theta > 100 ? "dorsal_tear"
                                                     : "ventral_tear",
                                       middle, theta, rd);
        dm_ph_pool_add(b->a, &p, &thick, &volume);
        k->s_from = p.from, k->s_to = p.to, k->thickness = thick, k->ratio = p.ratio, k->volume = volume;
        s += length + 25;
    }
}

/* Smooth error: three waves in s and theta with random phases, s.d. `sd`. */
static inline double bench_wave(double sd, const double phase[3], double s, double theta) {
    return sd * 0.82 *
           (sin(s / 6 + phase[0] + 2 * theta) + sin(s / 9 - 3 * theta + phase[1]) +
            sin(s / 4 + theta + phase[2]));
}

static inline void bench_canal_arrays(dm_canal *c, int n) {
    size_t cells = (size_t)n * DM_NT;
    *c = (dm_canal){.n = n,
                    .r_dura = bench_calloc(cells, 4),
                    .r_bone = bench_calloc(cells, 4),
                    .q_dura = bench_calloc(cells, 4),
                    .q_bone = bench_calloc(cells, 4),
                    .no_bone = bench_calloc(cells, 1),
                    .filled = bench_calloc((size_t)n, 1),
                    .roots = bench_calloc(cells, 1),
                    .sac = bench_calloc((size_t)n, 4)};
}

static inline void bench_given_canal(const bench_case *b, int from, int n) {
    dm_canal *c = &b->st->canal;
    double phase[6];
    dm_ph_rng r = dm_ph_stream(b->a->seed, b->a->number, "bench surfaces");
    for (int k = 0; k < 6; k++) phase[k] = dm_ph_uniform(&r, 0, 6.28);
    bench_canal_arrays(c, n);
    for (int i = 0; i < n; i++) {
        c->filled[i] = strcmp(b->a->kind, "no_contrast") != 0 && b->a->protocol != PH_PLAIN &&
                       from + i < b->a->sac_end_s;
        c->sac[i] = c->filled[i] ? (float)b->a->sac_level : DM_OUTSIDE;
        for (int t = 0; t < DM_NT; t++) {
            size_t at = (size_t)i * DM_NT + (size_t)t;
            double th = 5.0 * t, w = th * 0.017453292519943295;
            c->r_dura[at] =
                (float)(dm_ph_wall_at(b->a, PH_RD, from + i, th) + bench_wave(b->error, phase, i, w));
            c->r_bone[at] =
                (float)(dm_ph_wall_at(b->a, PH_RB, from + i, th) + bench_wave(b->error, phase + 3, i, -w));
            if (c->r_bone[at] < c->r_dura[at] + 0.3f) c->r_bone[at] = c->r_dura[at] + 0.3f;
            c->q_dura[at] = c->q_bone[at] = 0.9f;
        }
    }
}

static inline int bench_given_line(const bench_case *b, int from, int to) {
    dm_study *st = b->st;
    if (!dm_good(dm_spine_make(&st->spine, to - from + 1, 1.0))) return 0;
    for (int i = 0; i <= to - from; i++) {
        double p[3];
        dm_ph_point_at(b->a, from + i, 0, 0, p);
        dm_ph_to_patient(b->sc, p, st->spine.p[i]);
        st->spine.score[i] = 1;
    }
    for (int i = 0; i < b->a->n_verts && st->levels.n < DM_MAX_VERTEBRAE; i++) {
        const dm_ph_vert *q = &b->a->vert[i];
        double mid = 0.5 * (q->body_top + q->body_low);
        if (mid < from || mid > to) continue;
        st->levels.v[st->levels.n++] = (dm_vertebra){
            .level = q->level, .s_from = q->s_from - from, .s_to = q->s_to - from, .s_mid = mid - from};
    }
    st->levels.anchored = 1;
    return dm_good(dm_frame_build(&st->spine));
}

static inline int16_t *bench_render(dm_gpu *gpu, const bench_case *b) {
    int16_t *v =
        bench_calloc((size_t)b->sc->args.nx * (size_t)b->sc->args.ny * (size_t)b->sc->args.nz, sizeof *v);
    if (dm_good(bench_draw(gpu, b->sc, b->a, v))) return v;
    free(v);
    return NULL;
}

static inline int bench_given(dm_gpu *gpu, bench_case *b, int16_t *v) {
    int from, to;
    dm_volume *raw = &b->st->crop.raw;
    bench_view(b, &from, &to);
    if (!dm_good(dm_volume_make(raw, b->sc->args.nx, b->sc->args.ny, b->sc->args.nz, &b->sc->to_lps)))
        return 0;
    for (size_t i = 0; i < dm_volume_count(raw); i++) raw->v[i] = (float)v[i];
    b->st->crop.noise_sd = b->sc->noise;
    if (!bench_given_line(b, from, to)) return 0;
    if (b->frame == BENCH_GIVEN) {
        bench_given_canal(b, from, b->st->spine.n);
        return 1;
    }
    b->st->crop.n_path = b->st->spine.n;
    b->st->crop.path = bench_calloc((size_t)b->st->spine.n, sizeof *b->st->crop.path);
    memcpy(b->st->crop.path, b->st->spine.p, (size_t)b->st->spine.n * sizeof *b->st->crop.path);
    return bench_run_stage(gpu, "denoise", NULL, b->st) && bench_run_stage(gpu, "canal", NULL, b->st);
}

/* The first n real stages on the scan v, which the study keeps. */
static inline int bench_from_scan(dm_gpu *gpu, bench_case *b, int16_t *v, int n, const char *set) {
    b->st->pass[0].scan = (dm_scan){.nx = b->sc->args.nx,
                                    .ny = b->sc->args.ny,
                                    .nz = b->sc->args.nz,
                                    .to_lps = b->sc->to_lps,
                                    .scale = 1,
                                    .v = v};
    b->st->n_passes = 1;
    return bench_run_first(gpu, n, set, b->st);
}

/* ---- the kept study: what the stages from map on read ---- */

static inline int bench_rows(FILE *f, int writing, void *p, size_t size, size_t n) {
    return (writing ? fwrite(p, size, n, f) : fread(p, size, n, f)) == n;
}

/* The box in 16 bits, as scanners store it. */
static inline int bench_kept_volume(FILE *f, int writing, dm_volume *v) {
    int n[3] = {v->nx, v->ny, v->nz};
    dm_affine to_lps = v->to_lps;
    if (!bench_rows(f, writing, n, sizeof n, 1) || !bench_rows(f, writing, &to_lps, sizeof to_lps, 1))
        return 0;
    if (!writing && !dm_good(dm_volume_make(v, n[0], n[1], n[2], &to_lps))) return 0;
    size_t count = dm_volume_count(v);
    int16_t *words = bench_calloc(count, sizeof *words);
    if (writing)
        for (size_t i = 0; i < count; i++) words[i] = (int16_t)lrintf(v->v[i]);
    int good = bench_rows(f, writing, words, sizeof *words, count);
    if (!writing)
        for (size_t i = 0; i < count; i++) v->v[i] = (float)words[i];
    free(words);
    return good;
}

static inline int bench_kept_frame(FILE *f, int writing, dm_study *st) {
    int n = st->spine.n;
    double ds = st->spine.ds;
    if (!bench_rows(f, writing, &n, sizeof n, 1) || !bench_rows(f, writing, &ds, sizeof ds, 1)) return 0;
    if (!writing) {
        if (!dm_good(dm_spine_make(&st->spine, n, ds))) return 0;
        bench_canal_arrays(&st->canal, n);
    }
    size_t rows = (size_t)n, cells = rows * DM_NT;
    dm_spine *sp = &st->spine;
    dm_canal *c = &st->canal;
    int good = bench_rows(f, writing, sp->p, sizeof *sp->p, rows) &&
               bench_rows(f, writing, sp->score, 4, rows) && bench_rows(f, writing, sp->unsure, 1, rows) &&
               bench_rows(f, writing, c->r_dura, 4, cells) && bench_rows(f, writing, c->r_bone, 4, cells) &&
               bench_rows(f, writing, c->q_dura, 4, cells) && bench_rows(f, writing, c->q_bone, 4, cells) &&
               bench_rows(f, writing, c->no_bone, 1, cells) && bench_rows(f, writing, c->filled, 1, rows) &&
               bench_rows(f, writing, c->roots, 1, cells) &&
               bench_rows(f, writing, c->sac, 4, rows);
    return good && (writing || dm_good(dm_frame_build(sp)));
}

static inline int bench_kept(const char *path, int writing, dm_study *st) {
    FILE *f = fopen(path, writing ? "wb" : "rb");
    if (!f) return 0;
    int good = bench_kept_volume(f, writing, &st->crop.raw) && bench_kept_frame(f, writing, st) &&
               bench_rows(f, writing, &st->levels, sizeof st->levels, 1) &&
               bench_rows(f, writing, &st->crop.noise_sd, sizeof st->crop.noise_sd, 1) &&
               bench_rows(f, writing, st->qc, sizeof st->qc, 1);
    return fclose(f) == 0 && good;
}

/* The first pass of a phantom that has two (CT), four minutes before the one that is measured. */
static inline int bench_early_pass(dm_gpu *gpu, const bench_case *b) {
    dm_anatomy *early = bench_calloc(1, sizeof *early);
    dm_ph_scanner sc;
    dm_pass *pass = &b->st->pass[1];
    if (strcmp(b->a->kind, "two_phase") != 0 || b->a->protocol != PH_CTM || b->dense) {
        free(early);
        return 1;
    }
    int good = dm_good(dm_anatomy_make_early(b->a->seed, b->a->number, b->a->kind, b->a->protocol, early));
    if (good) {
        dm_ph_make_scanner(early, 0, &sc);
        pass->scan = (dm_scan){.nx = sc.args.nx, .ny = sc.args.ny, .nz = sc.args.nz, .to_lps = sc.to_lps, .scale = 1};
        pass->scan.v = bench_calloc((size_t)sc.args.nx * (size_t)sc.args.ny * (size_t)sc.args.nz, sizeof *pass->scan.v);
        snprintf(pass->role, sizeof pass->role, "early");
        b->st->pass[0].facts.seconds_after_first = 240;
        b->st->n_passes = 2;
        good = dm_good(dm_ph_render(gpu, &sc, early, pass->scan.v));
    }
    dm_anatomy_clear(early);
    free(early);
    return good;
}

/* Puts the truth in place of what canal found, to tell what its errors cost: surfaces holds "dura", "bone" or
 * both. On the line of the truth only (BENCH_CANAL). How surely bone was seen stays as it was found. */
static inline void bench_true_surfaces(const bench_case *b, const char *surfaces) {
    dm_canal *c = &b->st->canal;
    int from, to, dura = strstr(surfaces, "dura") != NULL, bone = strstr(surfaces, "bone") != NULL;
    bench_view(b, &from, &to);
    for (int i = 0; i < c->n; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t at = (size_t)i * DM_NT + (size_t)t;
            if (dura) c->r_dura[at] = (float)dm_ph_wall_at(b->a, PH_RD, from + i, 5.0 * t);
            if (bone) c->r_bone[at] = (float)dm_ph_wall_at(b->a, PH_RB, from + i, 5.0 * t);
            if (c->r_bone[at] < c->r_dura[at] + 0.3f) c->r_bone[at] = c->r_dura[at] + 0.3f;
        }
}

/* Fills b->st up to levels; takes it from `folder` (NULL = none) when it is there. The name tells case and
 * frame, not the version of the stages: empty the folder after a change to a stage before map. */
static inline int bench_study(dm_gpu *gpu, bench_case *b, const char *folder) {
    static const char *const frame[] = {"given", "canal", "real"};
    char path[800];
    b->st->modality = b->a->protocol == PH_MRM ? DM_MR : DM_CT;
    b->st->contrast = b->st->modality == DM_MR ? DM_FLUID : DM_IODINE;
    snprintf(path, sizeof path, "%s/%s%s_%d_%s%s_%llu_%d.study", folder ? folder : "", b->a->host ? "host_" : "", frame[b->frame],
             (int)b->a->protocol, b->a->kind, b->dense ? "_dense" : "", (unsigned long long)b->a->seed,
             b->a->number);
    if (folder && bench_kept(path, 0, b->st)) return 1;
    dm_study_clear(b->st);
    memset(b->st, 0, sizeof *b->st);
    b->st->modality = b->a->protocol == PH_MRM ? DM_MR : DM_CT;
    b->st->contrast = b->st->modality == DM_MR ? DM_FLUID : DM_IODINE;
    int16_t *v = bench_render(gpu, b);
    if (!v) return 0;
    int good = b->frame == BENCH_REAL ? bench_from_scan(gpu, b, v, 5, NULL) : bench_given(gpu, b, v);
    if (b->frame != BENCH_REAL) free(v);
    if (good && folder) bench_kept(path, 1, b->st);
    return good;
}

#endif
