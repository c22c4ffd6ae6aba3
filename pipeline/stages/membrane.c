/* A pool that the dura's surface has swallowed, by the dark line that is left of the dura (MR). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blurred.h"
#include "map_parts.h"
#include "patches.h"
#include "ranks.h"

enum { TERMS = DM_MEMBRANE_TERMS, K = DM_MEMBRANE_K, ROW = DM_MEMBRANE_ROW, MOST_MODELS = 224, STEPS = 4 };
static const double blur = 0.45; /* mm, s.d.: half of a millimetre voxel */

static double edge(double x) {
    return dm_blurred_step(x, blur);
}

/* Gauss-Jordan of a symmetric positive matrix; its prior keeps it well conditioned. */
static void invert(double a[TERMS][TERMS], double out[TERMS][TERMS]) {
    for (int i = 0; i < TERMS; i++)
        for (int j = 0; j < TERMS; j++) out[i][j] = i == j;
    for (int i = 0; i < TERMS; i++) {
        double d = 1 / a[i][i];
        for (int j = 0; j < TERMS; j++) a[i][j] *= d, out[i][j] *= d;
        for (int k = 0; k < TERMS; k++) {
            double f = a[k][i];
            if (k == i) continue;
            for (int j = 0; j < TERMS; j++) a[k][j] -= f * a[i][j], out[k][j] -= f * out[i][j];
        }
    }
}

/* One model: fluid down to `deep`. With a line: a layer of its own brightness outside `depth`, parted from
 * the fluid by a dark line of `membrane` mm. Without, fluid that dims outwards from `depth` on, in even
 * steps, to the share `dim` of its brightness. */
static void model(const dm_membrane_args *f, double deep, double depth, double membrane, double dim,
                  float *row) {
    double column[TERMS][K], normal[TERMS][TERMS], inverse[TERMS][TERMS];
    for (int k = 0; k < K; k++) {
        double u = 0.25 * k - 1.5;
        column[0][k] = edge(u - deep);
        column[1][k] = edge(u - depth) - edge(u - deep);
        for (int j = 0; j < STEPS && membrane <= 0; j++)
            column[1][k] += (dim + (1 - dim) * (j + 0.5) / STEPS) *
                            (edge(u - depth * j / STEPS) - edge(u - depth * (j + 1) / STEPS));
        column[2][k] = membrane > 0 ? edge(u) - edge(u - depth + membrane) : 0;
        column[3][k] = edge(-u);
    }
    for (int i = 0; i < TERMS; i++)
        for (int j = 0; j < TERMS; j++) {
            normal[i][j] = i == j ? (double)f->prior[i] : 0;
            for (int k = 0; k < K; k++) normal[i][j] += column[i][k] * column[j][k] * (double)f->iv;
        }
    invert(normal, inverse);
    for (int i = 0; i < TERMS; i++)
        for (int k = 0; k < K; k++) row[i * K + k] = (float)column[i][k];
    for (int i = 0; i < TERMS; i++)
        for (int j = 0; j < TERMS; j++) row[TERMS * K + i * TERMS + j] = (float)inverse[i][j];
    row[ROW - 1] = (float)depth;
}

/* Fluid 1 to 5 mm deep, or deeper than the profile; lines from 1 mm (a pool of half a millimetre) to 3.6 mm
 * inside the outer edge, with a millimetre of fluid below them: what is thinner is the edge of the cord.
 * Healthy fluid may be dimmer in its outer layer, without a line: pulsation and roots darken it there to a
 * half or so. Terms: what lies below the fluid (cord 0.18 of the sac), the fluid, the pool (anything), what
 * lies outside. */
static void table_of(double noise, double membrane, dm_membrane_args *f, float *table) {
    const double sd[TERMS] = {0.15, 0.12, 0.35, 0.1};
    *f = (dm_membrane_args){
        .iv = (float)(1 / (noise * noise)), .mean = {0.18f, 0.95f, 0.6f, 0.06f}, .most = 30};
    for (int t = 0; t < TERMS; t++) f->prior[t] = (float)(1 / (sd[t] * sd[t]));
    enum { DEPTHS = 18, FIRST = 4 }; /* 1 to 5 mm by 0.25, and 7 */
    enum { PLAIN, DIM, LINE };
    for (int kind = PLAIN; kind <= LINE; kind++) {
        for (int i = 0; i < DEPTHS; i++) {
            double deep = i < DEPTHS - 1 ? 0.25 * (i + FIRST) : 7, most = fmin(deep - 1, 3.6);
            if (kind == PLAIN) model(f, deep, 0, 0, 1, table + f->models++ * ROW);
            if (kind == DIM)
                for (double depth = 2; depth <= most; depth += 0.5)
                    model(f, deep, depth, 0, 0.5, table + f->models++ * ROW);
            if (kind == LINE)
                for (double depth = 1; depth <= most; depth += 0.25)
                    model(f, deep, depth, membrane, 0, table + f->models++ * ROW);
        }
        if (kind == PLAIN) f->plain = f->models;
        if (kind == DIM) f->healthy = f->models;
    }
}

static dm_status fit(dm_profiles *pr, const dm_membrane_args *f, const float *table, const uint8_t *use,
                     float *out) {
    size_t n = (size_t)pr->args.ns * (size_t)pr->args.nt, bytes = n * DM_MEMBRANE_N * sizeof(float);
    dm_buf *d_table = NULL, *d_out = NULL;
    dm_status status;
    DM_TRY_OUT(
        dm_buf_from(pr->gpu, table, (size_t)f->models * ROW * sizeof(float), "models of a line", &d_table));
    DM_TRY_OUT(dm_buf_new(pr->gpu, bytes, "lines", &d_out));
    DM_TRY_OUT(dm_buf_zero(d_out));
    DM_TRY_OUT(dm_buf_write(pr->use, 0, use, n));
    const size_t global[3] = {n, 1, 1};
    const dm_arg args[] = {DM_ARG_BUF(pr->polar), DM_ARG_BUF(pr->r_dura), DM_ARG_BUF(pr->sac),
                           DM_ARG_BUF(d_table),   DM_ARG_BUF(pr->use),    DM_ARG_BUF(d_out),
                           DM_ARG_VAL(pr->args),  DM_ARG_VAL(*f)};
    DM_TRY_OUT(dm_gpu_run(pr->gpu, "dura_map.cl", NULL, "membrane_fit", global, NULL, args, 8));
    DM_TRY_OUT(dm_buf_read(d_out, 0, out, bytes));
out:
    dm_buf_free(d_table), dm_buf_free(d_out);
    return status;
}

/* What the used cells within 4.5 mm and 10 degrees of a cell say together. Cells of one window hold much the
 * same noise, so the sum of their gains would overstate; their mean does not. */
typedef struct evidence {
    float gain, strict, depth, pool;
} evidence;

static evidence around(const dm_study *st, const float *line, const uint8_t *use, int i, int t) {
    int half = (int)lround(4.5 / st->spine.ds), n = 0, all = 0;
    double gain = 0, strict = 0, weight = 0, depth = 0, pool = 0;
    for (int di = -half; di <= half; di++)
        for (int dt = -2; dt <= 2; dt++) {
            int ii = i + di, tt = (t + dt + DM_NT) % DM_NT;
            all++;
            if (ii < 0 || ii >= st->spine.n || !use[(size_t)ii * DM_NT + (size_t)tt]) continue;
            const float *v = line + ((size_t)ii * DM_NT + (size_t)tt) * DM_MEMBRANE_N;
            double g = (double)v[DM_MEMBRANE_GAIN], w = fmax(g, 0.01);
            n++, gain += g, strict += (double)v[DM_MEMBRANE_STRICT], weight += w;
            depth += w * (double)v[DM_MEMBRANE_DEPTH], pool += w * (double)v[DM_MEMBRANE_POOL];
        }
    if (2 * n < all) return (evidence){-1e9f, -1e9f, 0, 0};
    return (evidence){(float)(gain / n), (float)(strict / n), (float)(depth / weight),
                      (float)(pool / weight)};
}

/* Keeps the patches of cells with gain > least of which the share `share` withstands the comparison with
 * fluid that dims: pulsation blurs the sac's edge over a patch, and no cell of it shows a line; of a pool
 * enough cells do. The gain of all other cells becomes -1e9. */
static dm_status keep_lines(evidence *v, const uint8_t *use, int n, float least, double share) {
    size_t cells = (size_t)n * DM_NT;
    float *gain = malloc(cells * sizeof *gain);
    int *label = malloc(cells * sizeof *label), *stack = malloc(cells * sizeof *stack);
    int *count = calloc(2 * (cells + 1), sizeof *count);
    dm_status status = dm_fail(DM_STUDY, "out_of_memory",
                               "no memory for the patches of the dura's line in %zu cells", cells);
    if (!gain || !label || !stack || !count) goto out;
    int *firm = count + cells + 1;
    for (size_t c = 0; c < cells; c++) gain[c] = use[c] ? v[c].gain : -1e9f;
    dm_patches_label(gain, n, least, least, label, stack);
    for (size_t c = 0; c < cells; c++) count[label[c]]++, firm[label[c]] += v[c].strict > least;
    for (size_t c = 0; c < cells; c++)
        if (label[c] == 0 || firm[label[c]] < share * count[label[c]]) v[c].gain = -1e9f;
    status = dm_ok;
out:
    free(gain), free(label), free(stack), free(count);
    return status;
}

static void raise_map(const dm_map_params *p, const evidence *v, const uint8_t *use, dm_map *m) {
    for (size_t c = 0; c < (size_t)m->n * DM_NT; c++) {
        if (!use[c]) continue;
        double full = ((double)v[c].gain - p->membrane_from) / (p->membrane_full - p->membrane_from);
        double e = (double)v[c].pool * fmin(fmax(full, 0), 1);
        m->assessed[c] = 1;
        if (e > (double)m->e[c]) m->e[c] = (float)e, m->thickness[c] = v[c].depth - (float)p->membrane;
    }
}

dm_status dm_membrane_apply(dm_profiles *pr, const dm_map_params *p, const dm_references *ref,
                            const uint8_t *use, dm_study *st) {
    size_t n = (size_t)st->spine.n * DM_NT;
    float *line = malloc(n * DM_MEMBRANE_N * sizeof *line),
          *table = malloc(MOST_MODELS * ROW * sizeof *table);
    evidence *v = malloc(n * sizeof *v);
    dm_membrane_args f;
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the dura's line in %zu cells", n);
    if (!line || !table || !v) goto out;
    /* Profiles are means of nine samples that share voxels: their noise is about half a voxel's. */
    double noise = st->crop.noise_sd / 2.2 / ref->sac_middle;
    table_of(sqrt(noise * noise + 0.035 * 0.035), p->membrane, &f, table);
    DM_TRY_OUT(fit(pr, &f, table, use, line));
    for (int i = 0; i < st->spine.n; i++)
        for (int t = 0; t < DM_NT; t++) v[(size_t)i * DM_NT + (size_t)t] = around(st, line, use, i, t);
    DM_TRY_OUT(keep_lines(v, use, st->spine.n, (float)p->membrane_from, p->membrane_share));
    raise_map(p, v, use, &st->map);
out:
    free(line), free(table), free(v);
    return status;
}

/* Made-up profiles: fluid with or without a line, noise, a hole now and then. */
dm_status dm_membrane_compare(dm_gpu *gpu, int size, uint64_t seed, int with_reference, dm_check_result *r) {
    size_t n = (size_t)size * 8, nr = 73;
    uint64_t state = seed * 2654435761u + 88172645463325252ull;
    float *polar = malloc(n * nr * sizeof *polar), *rd = malloc(n * sizeof *rd),
          *sac = malloc(n * sizeof *sac);
    float *table = malloc(MOST_MODELS * ROW * sizeof *table), *out = malloc(n * DM_MEMBRANE_N * sizeof *out);
    uint8_t *use = malloc(n);
    dm_profiles pr = {.gpu = gpu, .args = {size, 8, (int)nr, 0.25f}};
    dm_membrane_args f;
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "no memory for %zu made-up profiles", n);
    if (!polar || !rd || !sac || !table || !out || !use) goto out;
    for (size_t c = 0; c < n; c++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double outer = 5 + (double)(state >> 40) / 16777216.0 * 3,
               line = (state >> 20) & 1 ? outer - 1.5 : -9;
        rd[c] = (float)outer, sac[c] = 800, use[c] = (state >> 21 & 7) != 0;
        for (size_t k = 0; k < nr; k++) {
            double x = 0.25 * (double)k, v = x < outer && x > 2 && fabs(x - line) > 0.25 ? 800 : 60;
            state = state * 6364136223846793005u + 1442695040888963407u;
            polar[c * nr + k] =
                (state >> 30 & 4095) == 0 ? DM_OUTSIDE : (float)(v + (double)(state >> 40) / 16777216.0 * 60);
        }
    }
    table_of(0.05, 0.45, &f, table);
    DM_TRY_OUT(dm_buf_from(gpu, polar, n * nr * sizeof(float), "profiles", &pr.polar));
    DM_TRY_OUT(dm_buf_from(gpu, rd, n * sizeof(float), "dura surface", &pr.r_dura));
    DM_TRY_OUT(dm_buf_from(gpu, sac, n * sizeof(float), "sac reference", &pr.sac));
    DM_TRY_OUT(dm_buf_new(gpu, n, "cells to fit", &pr.use));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(fit(&pr, &f, table, use, out));
    *r = (dm_check_result){.seconds = dm_gpu_seconds(gpu), .items = (double)n, .bytes = (double)(n * nr) * 4};
    for (size_t c = 0; with_reference && c < n; c++) {
        float want[DM_MEMBRANE_N] = {0};
        if (use[c]) dm_membrane_cell(polar + c * nr, pr.args, f, table, rd[c], sac[c], want);
        for (int k = 0; k < DM_MEMBRANE_N; k++) {
            double error = fabs((double)(want[k] - out[c * DM_MEMBRANE_N + (size_t)k]));
            if (!(error <= r->error)) r->error = error;
        }
    }
out:
    dm_profiles_close(&pr);
    free(polar), free(rd), free(sac), free(table), free(out), free(use);
    return status;
}
