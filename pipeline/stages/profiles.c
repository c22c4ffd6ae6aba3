/* Profiles of the unrolled dura on the device: smoothing, figures of a cell, the fit of a pool. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "map_parts.h"

void dm_profiles_close(dm_profiles *pr) {
    dm_buf_free(pr->polar), dm_buf_free(pr->r_dura), dm_buf_free(pr->r_bone), dm_buf_free(pr->q_bone), dm_buf_free(pr->r_seen);
    dm_buf_free(pr->tissue), dm_buf_free(pr->sac), dm_buf_free(pr->rim), dm_buf_free(pr->cortex);
    dm_buf_free(pr->use), dm_buf_free(pr->cells), dm_buf_free(pr->fit);
    *pr = (dm_profiles){0};
}

static size_t cells_of(const dm_profiles *pr) {
    return (size_t)pr->args.ns * (size_t)pr->args.nt;
}

static dm_status smooth(dm_profiles *pr, const float *polar) {
    size_t bytes = cells_of(pr) * (size_t)pr->args.nr * sizeof(float);
    dm_buf *raw = NULL;
    dm_status status = dm_ok;
    DM_TRY_OUT(dm_buf_from(pr->gpu, polar, bytes, "profiles", &raw));
    DM_TRY_OUT(dm_buf_new(pr->gpu, bytes, "smoothed profiles", &pr->polar));
    const size_t global[3] = {(size_t)pr->args.nr, (size_t)pr->args.nt, (size_t)pr->args.ns};
    const dm_arg args[] = {DM_ARG_BUF(raw), DM_ARG_BUF(pr->polar), DM_ARG_VAL(pr->args)};
    DM_TRY_OUT(dm_gpu_run(pr->gpu, "dura_map.cl", NULL, "polar_mean", global, NULL, args, 3));
    DM_TRY_OUT(dm_gpu_finish(pr->gpu));
out:
    dm_buf_free(raw);
    return status;
}

static dm_status open_profiles(dm_profiles *pr, const float *polar, const float *r_dura, const float *r_bone,
                               const float *r_seen, const float *q_bone, float band, float edge, float *cells) {
    size_t n = cells_of(pr);
    DM_TRY(smooth(pr, polar));
    DM_TRY(dm_buf_from(pr->gpu, r_dura, n * sizeof(float), "dura surface", &pr->r_dura));
    DM_TRY(dm_buf_from(pr->gpu, r_bone, n * sizeof(float), "bone surface", &pr->r_bone));
    DM_TRY(dm_buf_from(pr->gpu, r_seen, n * sizeof(float), "bone's edge", &pr->r_seen));
    DM_TRY(dm_buf_from(pr->gpu, q_bone, n * sizeof(float), "strength of the bone's edge", &pr->q_bone));
    DM_TRY(dm_buf_new(pr->gpu, n * DM_CELL_N * sizeof(float), "cells", &pr->cells));
    const size_t global[3] = {n, 1, 1};
    const dm_arg args[] = {DM_ARG_BUF(pr->polar), DM_ARG_BUF(pr->r_dura), DM_ARG_BUF(pr->r_bone),
                           DM_ARG_BUF(pr->cells), DM_ARG_VAL(pr->args),   DM_ARG_VAL(band),
                           DM_ARG_VAL(edge)};
    DM_TRY(dm_gpu_run(pr->gpu, "dura_map.cl", NULL, "shell_cells", global, NULL, args, 7));
    return dm_buf_read(pr->cells, 0, cells, n * DM_CELL_N * sizeof(float));
}

dm_status dm_profiles_open(dm_gpu *gpu, const dm_map_params *p, const dm_study *study, const float *r_dura,
                           const float *r_bone, const float *polar, int nr, dm_profiles *out, float *cells) {
    *out = (dm_profiles){.gpu = gpu, .args = {study->spine.n, DM_NT, nr, (float)p->step}};
    return open_profiles(out, polar, r_dura, r_bone, study->canal.r_bone, study->canal.q_bone, (float)p->band - 0.5f,
                         study->modality == DM_MR ? -(float)p->dark_bone : 0.3f, cells);
}

static dm_status set_references(dm_profiles *pr, const float *tissue, const float *sac, const float *rim, const float *cortex) {
    size_t n = cells_of(pr);
    DM_TRY(dm_buf_from(pr->gpu, tissue, n * sizeof(float), "tissue reference", &pr->tissue));
    DM_TRY(dm_buf_from(pr->gpu, sac, n * sizeof(float), "sac reference", &pr->sac));
    DM_TRY(dm_buf_from(pr->gpu, rim, n * sizeof(float), "rim reference", &pr->rim));
    DM_TRY(dm_buf_from(pr->gpu, cortex, (size_t)pr->args.ns * sizeof(float), "cortex of bodies", &pr->cortex));
    DM_TRY(dm_buf_new(pr->gpu, n, "cells to fit", &pr->use));
    return dm_buf_new(pr->gpu, n * DM_FIT_N * sizeof(float), "fits", &pr->fit);
}

dm_status dm_profiles_set(dm_profiles *pr, const dm_references *ref, const float *cortex) {
    return set_references(pr, ref->tissue_cell, ref->sac_cell, ref->rim_cell, cortex);
}

dm_status dm_profiles_fit(dm_profiles *pr, const dm_fit_args *f, const uint8_t *use, float *fit) {
    size_t n = cells_of(pr);
    const size_t global[3] = {n, 1, 1};
    const dm_arg args[] = {DM_ARG_BUF(pr->polar),  DM_ARG_BUF(pr->r_dura), DM_ARG_BUF(pr->r_bone),
                           DM_ARG_BUF(pr->r_seen), DM_ARG_BUF(pr->q_bone), DM_ARG_BUF(pr->tissue),
                           DM_ARG_BUF(pr->sac),    DM_ARG_BUF(pr->rim),    DM_ARG_BUF(pr->cortex),
                           DM_ARG_BUF(pr->use),    DM_ARG_BUF(pr->fit),    DM_ARG_VAL(pr->args),   DM_ARG_VAL(*f)};
    DM_TRY(dm_buf_write(pr->use, 0, use, n));
    DM_TRY(dm_buf_zero(pr->fit));
    DM_TRY(dm_gpu_run(pr->gpu, "dura_map.cl", NULL, "profile_fit", global, NULL, args, 13));
    return dm_buf_read(pr->fit, 0, fit, n * DM_FIT_N * sizeof(float));
}

/* Made-up profiles for the checks: a sac, a gap with or without a pool, bone, noise, and a hole now and then. */
typedef struct made_up {
    dm_map_args args;
    size_t n;
    float *polar, *mean, *rd, *rb, *seen, *q, *tissue, *sac, *rim, *cells, *fit, *want;
    uint8_t *use;
} made_up;

static void made_up_free(made_up *m) {
    free(m->polar), free(m->mean), free(m->rd), free(m->rb), free(m->q), free(m->seen), free(m->tissue), free(m->sac), free(m->rim);
    free(m->cells), free(m->fit), free(m->want), free(m->use);
}

static double random_unit(uint64_t *state) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return (double)(*state >> 11) / 9007199254740992.0;
}

static dm_status made_up_make(int edge, uint64_t seed, made_up *m) {
    m->args = (dm_map_args){.ns = edge, .nt = 8, .nr = 73, .dr = 0.25f};
    m->n = (size_t)edge * 8;
    size_t nr = 73, most = DM_CELL_N + DM_FIT_N;
    m->polar = malloc(m->n * nr * sizeof(float)), m->mean = malloc(m->n * nr * sizeof(float));
    m->rd = malloc(m->n * sizeof(float)), m->rb = malloc(m->n * sizeof(float));
    m->q = malloc(m->n * sizeof(float)), m->seen = malloc(m->n * sizeof(float));
    m->tissue = malloc(m->n * sizeof(float)), m->sac = malloc(m->n * sizeof(float));
    m->rim = malloc(m->n * sizeof(float));
    m->cells = malloc(m->n * DM_CELL_N * sizeof(float)), m->fit = calloc(m->n * DM_FIT_N, sizeof(float));
    m->want = calloc(m->n * most, sizeof(float)), m->use = malloc(m->n);
    if (!m->polar || !m->mean || !m->rd || !m->rb || !m->q || !m->seen || !m->tissue || !m->sac || !m->rim || !m->cells || !m->fit || !m->want ||
        !m->use)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for %zu made-up cells", m->n);
    uint64_t state = seed * 2654435761u + 88172645463325252ull;
    for (size_t c = 0; c < m->n; c++) {
        double rd = 5 + 4 * random_unit(&state), rb = rd + 0.8 + 4 * random_unit(&state);
        double pool = random_unit(&state) > 0.5 ? 400 * random_unit(&state) : 0;
        m->rd[c] = (float)rd, m->rb[c] = (float)rb, m->q[c] = (float)random_unit(&state);
        m->seen[c] = (float)(rb - random_unit(&state)), m->tissue[c] = -60, m->sac[c] = 440;
        m->rim[c] = (float)(0.5 + 0.5 * random_unit(&state));
        m->use[c] = random_unit(&state) > 0.1;
        for (size_t k = 0; k < nr; k++) {
            double r = 0.25 * (double)k, v = r < rd ? 440 : r > rb ? 600 : -60 + pool;
            m->polar[c * nr + k] = (float)(v + 40 * (random_unit(&state) - 0.5));
        }
        if (random_unit(&state) < 0.05) m->polar[c * nr + 40] = DM_OUTSIDE;
    }
    return dm_ok;
}

static double largest_difference(const float *a, const float *b, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)(a[i] - b[i]));
        if (!(error <= worst)) worst = error;
    }
    return worst;
}

/* The three kernels one after the other, each against its reference on the same input. which: 0, 1, 2. */
static dm_status compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, int which, dm_check_result *r) {
    made_up m = {0};
    dm_profiles pr = {.gpu = gpu};
    dm_status status = dm_ok;
    const dm_fit_args f = {.width = 0.6f, .model_error = 0.06f, .shift_sd = 0.45f, .ridge = 0.5f, .band = 1.5f,
                           .shape = (int)(seed % 3), .beyond = 2.0f, .body_beyond = 3.0f, .edge_least = 0.15f,
                           .body_angle = 60.0f, .cortex = 0.75f, .cortex_most = 3.0f};
    DM_TRY_OUT(made_up_make(edge, seed, &m));
    pr.args = m.args;
    size_t nr = (size_t)m.args.nr;
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(open_profiles(&pr, m.polar, m.rd, m.rb, m.seen, m.q, 2.0f, 0.3f, m.cells));
    DM_TRY_OUT(dm_buf_read(pr.polar, 0, m.mean, m.n * nr * sizeof(float)));
    if (which == 2) {
        DM_TRY_OUT(set_references(&pr, m.tissue, m.sac, m.rim, m.sac));
        dm_gpu_reset_times(gpu);
        DM_TRY_OUT(dm_profiles_fit(&pr, &f, m.use, m.fit));
    }
    r->seconds = dm_gpu_seconds(gpu);
    r->items = (double)m.n * (which == 0 ? (double)nr : 1);
    r->bytes = (double)(m.n * nr) * (which == 0 ? 8 : 4);
    r->error = 0;
    if (!with_reference) goto out;
    float *mean = m.polar; /* the reference of the first kernel is compared value by value, so no copy is kept */
    if (which == 0) {
        for (size_t c = 0; c < m.n; c++)
            for (size_t k = 0; k < nr; k++) {
                float want = dm_polar_mean(mean, m.args, (int)(c / 8), (int)(c % 8), (int)k);
                double error = fabs((double)(want - m.mean[c * nr + k]));
                if (!(error <= r->error)) r->error = error;
            }
    } else {
        for (size_t c = 0; c < m.n; c++) {
            if (which == 1)
                dm_shell_cell(m.mean + c * nr, m.args, m.rd[c], m.rb[c], 2.0f, 0.3f, m.want + c * DM_CELL_N);
            else if (m.use[c]) {
                const dm_walls w = {m.rd[c], m.rb[c], m.seen[c], m.q[c], dm_faces_body(m.args, (int)(c % 8), f.body_angle),
                                    m.sac[c / 8], m.rim[c]};
                dm_fit_cell(m.mean + c * nr, m.args, f, w, m.tissue[c], m.sac[c] - m.tissue[c], m.want + c * DM_FIT_N);
            }
        }
        r->error = which == 1 ? largest_difference(m.cells, m.want, m.n * DM_CELL_N)
                              : largest_difference(m.fit, m.want, m.n * DM_FIT_N);
    }
out:
    dm_profiles_close(&pr);
    made_up_free(&m);
    return status;
}

static dm_status compare_mean(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    return compare(gpu, edge, seed, with_reference, 0, r);
}
static dm_status compare_shell(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    return compare(gpu, edge, seed, with_reference, 1, r);
}
static dm_status compare_fit(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    return compare(gpu, edge, seed, with_reference, 2, r);
}

const dm_kernel_check dm_profile_checks[] = {
    {"polar_mean", 0.0, "same additions in the same order", compare_mean},
    {"shell_cells", 0.0, "comparisons only", compare_shell},
    {"profile_fit", 0.0, "same additions and products in the same order; divisions rounded correctly", compare_fit},
    {"membrane_fit", 0.0, "same additions and products in the same order; divisions rounded correctly", dm_membrane_compare},
};
const int dm_profile_check_count = sizeof dm_profile_checks / sizeof *dm_profile_checks;
