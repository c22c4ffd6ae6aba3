/* Straight columns of bodies, discs, pedicles and ribs whose numbers are known, as studies that have come as
 * far as their line. */
#ifndef DM_COLUMN_MODEL_H
#define DM_COLUMN_MODEL_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crop_parts.h"
#include "frame.h"
#include "levels_parts.h"
#include "stage.h"

extern const dm_stage dm_stage_levels;
static dm_gpu *gpu;

static inline void open_gpu(void) {
    dm_status s = dm_gpu_open(NULL, 0, &gpu);
    ck_assert_msg(dm_good(s), "%s", s.text);
}

static inline void close_gpu(void) {
    dm_gpu_close(gpu);
}

/* Disc-to-disc distances of the Spinal Cord Toolbox's table (C3 .. L3) and 33 mm below: not the stage's own.
 */
static inline double pitch_of(int level) {
    static const double neck[] = {0, 12, 20.8, 18, 16, 15.2, 15.3, 15.8};
    static const double chest[] = {18.2, 18.7, 18.7, 19.8, 20.7, 21.7, 22.3, 23.8, 24.2, 26, 28.7, 30.5, 31};
    return level <= DM_C7    ? neck[level]
           : level <= DM_T13 ? chest[level - DM_T1]
           : level == DM_L1  ? 33.5
           : level < DM_S1   ? 33
                             : 28;
}

typedef struct model {
    int n, level[32];
    double from[33]; /* s of the disc above; from[n] = the end */
    int last_rib;    /* level */
    int kidneys;     /* full of contrast, beside L1 to L3 */
    int pelvis;      /* alae and ilium beside S1 */
    int skull;       /* its base reaches out above the neck, as ribs do; MR: cisterns, brain stem and brain */
    double side;     /* nothing is known further out; 0 = the whole width */
    int veins;       /* MR: bright veins in the back third of the bodies, and two of three discs as dark as marrow */
    double seam;     /* MR: a false disc this far above C2/3; 0 = none */
} model;

/* The vertebrae first .. last; thoracic = how many there are with ribs. */
static inline model make_model(int first, int last, int thoracic, double scale) {
    model m = {.last_rib = DM_T1 + thoracic - 1};
    double s = 24;
    for (int level = first; level <= last; level++) {
        if ((level > m.last_rib && level < DM_L1) || level == DM_L6) continue;
        m.level[m.n] = level;
        m.from[m.n++] = s;
        s += scale * pitch_of(level);
    }
    m.from[m.n] = s;
    return m;
}

/* Ribs leave the upper third of a thoracic vertebra and fall, the first hardly; lumbar processes end at 38
 * mm. */
static inline int side_bone(const model *m, int v, double s, double a, double l) {
    double h = m->from[v + 1] - m->from[v], root = m->from[v] + 0.3 * h;
    int rib = m->level[v] >= DM_T1 && m->level[v] <= m->last_rib;
    if (l < 12 || (!rib && l > (m->level[v] < DM_T1 ? 26 : 38))) return 0;
    double fall = !rib ? 0 : m->level[v] == DM_T1 ? 0.1 : m->level[v] == DM_T1 + 1 ? 0.25 : 0.4;
    return hypot(s - root - fall * (l - 12), a) < 4.5;
}

static inline double from_of(const model *m, int level) {
    for (int i = 0; i < m->n; i++)
        if (m->level[i] == level) return m->from[i];
    return 1e9;
}

/* What lies beside the column and is bright without being a rib. */
static inline int beside_bright(const model *m, double s, double a, double l) {
    double loin = s - from_of(m, DM_L1), promontory = s - from_of(m, DM_S1);
    if (m->skull && s > -26 && s < -20 && fabs(a) < 5 && l > 10) return 1;
    if (m->kidneys && loin > -5 && loin < 85 && a > -25 && a < 35 && l > 41) return 1;
    if (!m->pelvis) return 0;
    int ala = promontory > 3 && a > -8 && a < 24 && l > 12 && l < 44;
    int ilium = promontory > -45 && a > -30 && a < 40 && fabs(l - 52 + 0.2 * (a - 5)) < 3.5;
    return ala || ilium;
}

static inline double tissue(const model *m, double s, double a, double l) {
    l = fabs(l);
    if (hypot(a, l) < 8) return 15;
    if (beside_bright(m, s, a, l)) return 260;
    int v = 0;
    while (v < m->n - 1 && s >= m->from[v + 1]) v++;
    double h = m->from[v + 1] - m->from[v], low = s - m->from[v], depth = 23 + 0.75 * (m->level[v] - DM_C2);
    if (m->level[0] == DM_C2 && low < 0) return low > -16 && fabs(a - 14) < 6 && l < 6 ? 350 : 40; /* dens */
    if (s < 0 || s >= m->from[m->n]) return 40;
    for (int k = v > 2 ? v - 2 : 0; k <= v; k++)
        if (side_bone(m, k, s, a, l)) return 420;
    if (a > -3 && a < 9 && l > 8 && l < 15 && low > 0.08 * h && low < 0.5 * h) return 380;
    if (a < 8 || a > fmin(depth, 44) || l > 17) return 40;
    double edge = fmin(low, h - low), disc = fmin(1.2 + 0.12 * (m->level[v] - DM_C2), 4);
    if (m->level[v] >= DM_S1) return 260;
    return edge < disc ? 80 : edge < disc + 1.6 ? 420 : 190;
}

/* The same column in T2 MR: bright fluid to the end of the sac, the cord in it to the conus, dark rims of the
 * discs. */
static inline double signal(const model *m, double conus, double sac_end, double s, double a, double l) {
    double r = hypot(a, l), inside = m->skull ? from_of(m, DM_C2 + 1) - 46 - s : 0;
    if (inside > 0) return r < 6 ? 250 : r < 14 || (inside < 14 && a < 0 && r < 18) ? 700 : 260;
    if (r < 8 && s < sac_end) return r < 3.5 && s < conus ? 250 : 700;
    int v = 0;
    while (v < m->n - 1 && s >= m->from[v + 1]) v++;
    double edge = m->from[v + 1] - s;
    if (m->level[v] > DM_C2) edge = fmin(edge, s - m->from[v]); /* no disc ends the dens */
    if (m->seam > 0) edge = fmin(edge, fabs(from_of(m, DM_C2 + 1) - m->seam - s));
    if (s < m->from[0] || s >= m->from[m->n] || a < 8 || fabs(l) > 17) return 120;
    if (a > (m->level[v] < DM_T1 + 9 ? 23 + 0.75 * (m->level[v] - DM_C2) : 40)) return 120;
    if (m->veins && m->level[v] < DM_S1) {
        double middle = 0.5 * (m->from[v] + m->from[v + 1]);
        if (fabs(s - middle) < 2.5 && a < 16 && fabs(l) < 5) return 700;
        int disc = s > middle ? v + 1 : v; /* index of the vertebra below the next disc */
        if (disc % 3) return edge < 3 ? 200 : edge < 4.5 ? 150 : 190;
    }
    return m->level[v] >= DM_S1 ? 200 : edge < 3 ? 290 : edge < 4.5 ? 80 : 190;
}

/* A study with that column seen from s = top to s = low, slices of `slice` mm, the line along it. */
static inline dm_study *make_study(const model *m, double top, double low, double slice) {
    dm_study *study = calloc(1, sizeof *study);
    const dm_affine to_lps = {{{2, 0, 0, -64}, {0, 2, 0, -54}, {0, 0, slice, -low}}};
    ck_assert(dm_good(dm_volume_make(&study->crop.raw, 65, 52, (int)((low - top) / slice) + 1, &to_lps)));
    dm_volume *v = &study->crop.raw;
    uint64_t state = 88172645463325252ull;
    for (int k = 0; k < v->nz; k++)
        for (int j = 0; j < v->ny; j++)
            for (int i = 0; i < v->nx; i++) {
                double sum = 0;
                for (int q = 0; q < 5; q++)
                    sum += tissue(m, low - slice * (k + 0.2 * (q - 2)), -(-54 + 2.0 * j), -64 + 2.0 * i) / 5;
                state ^= state << 13, state ^= state >> 7, state ^= state << 17;
                v->v[((size_t)k * 52 + (size_t)j) * 65 + (size_t)i] =
                    m->side > 0 && abs(2 * i - 64) > m->side ? DM_OUTSIDE
                                                             : (float)(sum + (double)(state % 81) - 40);
            }
    ck_assert(dm_good(dm_spine_make(&study->spine, (int)((low - top) / 0.5), 0.5)));
    for (int i = 0; i < study->spine.n; i++) study->spine.p[i][2] = -top - 0.5 * i;
    ck_assert(dm_good(dm_frame_build(&study->spine)));
    return study;
}

static inline void run_levels(dm_study *study) {
    void *params = calloc(1, dm_stage_levels.params_size);
    dm_params_preset(dm_stage_levels.params, dm_stage_levels.n_params, params);
    dm_status s = dm_stage_levels.run(gpu, params, study);
    ck_assert_msg(dm_good(s), "%s", s.text);
    free(params);
}

static inline void into_mr(dm_study *study, const model *m, double conus, double sac_end) {
    dm_volume *v = &study->crop.raw;
    uint64_t state = 2463534242ull;
    study->modality = DM_MR;
    for (int k = 0; k < v->nz; k++)
        for (int j = 0; j < v->ny; j++)
            for (int i = 0; i < v->nx; i++) {
                double in[3] = {i, j, k}, p[3];
                dm_affine_apply(&v->to_lps, in, p);
                size_t at = ((size_t)k * (size_t)v->ny + (size_t)j) * (size_t)v->nx + (size_t)i;
                state ^= state << 13, state ^= state >> 7, state ^= state << 17;
                v->v[at] = (float)(signal(m, conus, sac_end, -p[2], -p[1], p[0]) + (double)(state % 13));
            }
}

static inline void free_study(dm_study *study) {
    dm_study_clear(study);
    free(study);
}

/* Every vertebra of the model that lies in view has its name and its discs, within tolerance. */
static inline void names_are_right(const model *m, const dm_study *study, double top, double low,
                                   double tolerance) {
    for (int i = 0; i < m->n; i++) {
        if (m->level[i] >= DM_S1 || m->from[i] < top + 4 || m->from[i + 1] > low - 4) continue;
        const dm_vertebra *found = NULL;
        for (int k = 0; k < study->levels.n; k++)
            if (study->levels.v[k].level == m->level[i]) found = &study->levels.v[k];
        ck_assert_msg(found != NULL, "%s is not named", dm_level_name(m->level[i]));
        if (i > 0) ck_assert_double_eq_tol(found->s_from + top, m->from[i], tolerance);
        ck_assert_double_eq_tol(found->s_to + top, m->from[i + 1], tolerance);
        ck_assert_double_eq_tol(found->lps[2], -found->s_mid - top, 0.1);
    }
    for (int k = 0; k + 1 < study->levels.n; k++) {
        ck_assert_double_eq(study->levels.v[k].s_to, study->levels.v[k + 1].s_from);
        ck_assert_int_lt(study->levels.v[k].level, study->levels.v[k + 1].level);
    }
}

static inline int name_at(const dm_study *study, double s) {
    for (int k = 0; k < study->levels.n; k++)
        if (s >= study->levels.v[k].s_from && s < study->levels.v[k].s_to) return study->levels.v[k].level;
    return DM_LEVEL_NONE;
}

/* The model from s = top to its end, in slices of 2 mm, every name right. */
static inline dm_study *named_right(const model *m, double top) {
    double low = m->from[m->n] - 4;
    dm_study *study = make_study(m, top, low, 2);
    run_levels(study);
    names_are_right(m, study, top, low, 3);
    return study;
}

/* The same voxels under a header with one axis of the patient reversed: 1 front and back, 2 head and feet. */
static inline void reverse(dm_study *study, int axis) {
    dm_spine *s = &study->spine, turned = {0};
    for (int k = 0; k < 4; k++) study->crop.raw.to_lps.m[axis][k] *= -1;
    ck_assert(dm_good(dm_spine_make(&turned, s->n, s->ds)));
    for (int i = 0; i < s->n; i++)
        for (int c = 0; c < 3; c++)
            turned.p[i][c] = (c == axis ? -1 : 1) * s->p[axis == 2 ? s->n - 1 - i : i][c];
    ck_assert(dm_good(dm_frame_build(&turned)));
    dm_spine_clear(s);
    *s = turned;
}

#endif
