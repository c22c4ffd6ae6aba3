#include "crop_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "path.h"
#include "spine_parts.h"

static dm_path_args make_args(const dm_grid *g) {
    return (dm_path_args){.nx = g->n[0], .ny = g->n[1], .toll = 0.45f, .cost_y = 0.02f, .cost_x = 0.1f};
}

static size_t slice_of(const dm_grid *g) {
    return (size_t)g->n[0] * (size_t)g->n[1];
}

typedef struct work {
    dm_buf *e, *sum, *back;
} work;

static void work_free(work *w) {
    dm_buf_free(w->e), dm_buf_free(w->sum), dm_buf_free(w->back);
}

static dm_status forward(dm_gpu *gpu, const dm_grid *g, work *w) {
    size_t cells = slice_of(g) * (size_t)g->n[2], global[3] = {(size_t)g->n[0], (size_t)g->n[1], 1};
    dm_path_args a = make_args(g);
    DM_TRY(dm_buf_from(gpu, g->v, cells * 4, "evidence", &w->e));
    DM_TRY(dm_buf_new(gpu, cells * 4, "sums of ways", &w->sum));
    DM_TRY(dm_buf_new(gpu, cells, "steps of ways", &w->back));
    for (int z = g->n[2] - 1; z >= 0; z--) {
        int first = z == g->n[2] - 1;
        dm_arg args[] = {DM_ARG_BUF(w->e), DM_ARG_BUF(w->sum), DM_ARG_BUF(w->back),
                         DM_ARG_VAL(a),    DM_ARG_VAL(z),      DM_ARG_VAL(first)};
        DM_TRY(dm_gpu_run(gpu, "path.cl", NULL, "path_step", global, NULL, args, 6));
    }
    return dm_ok;
}

/* Index of the largest sum, the first in memory among equals; row holds one slice. */
static dm_status best_end(const dm_grid *g, const work *w, float *row, size_t *at) {
    size_t slice = slice_of(g);
    float best = -1e30f;
    for (int z = 0; z < g->n[2]; z++) {
        DM_TRY(dm_buf_read(w->sum, (size_t)z * slice * 4, row, slice * 4));
        for (size_t i = 0; i < slice; i++)
            if (row[i] > best) best = row[i], *at = (size_t)z * slice + i;
    }
    return dm_ok;
}

/* Follows the steps up from cell `at`; the points run from head to feet. */
static int backward(const dm_grid *g, const uint8_t *back, size_t at, double (*p)[3]) {
    size_t slice = slice_of(g);
    int z = (int)(at / slice), y = (int)(at % slice) / g->n[0], x = (int)(at % slice) % g->n[0], n = 0;
    for (;; z++) {
        int index[3] = {x, y, z};
        for (int c = 0; c < 3; c++) p[n][c] = g->origin[c] + g->step * index[c];
        n++;
        uint8_t step = back[(size_t)z * slice + (size_t)y * (size_t)g->n[0] + (size_t)x];
        if (step == DM_PATH_START) break;
        y += step / DM_PATH_COLUMNS - DM_PATH_Y;
        x += step % DM_PATH_COLUMNS - DM_PATH_X;
    }
    for (int i = 0, j = n - 1; i < j; i++, j--)
        for (int c = 0; c < 3; c++) {
            double t = p[i][c];
            p[i][c] = p[j][c], p[j][c] = t;
        }
    return n;
}

int dm_grid_cell(const dm_grid *g, const double p[3], int q[3]) {
    int inside = 1;
    for (int c = 0; c < 3; c++) {
        q[c] = (int)floor((p[c] - g->origin[c]) / g->step + 0.5);
        inside &= q[c] >= 0 && q[c] < g->n[c];
    }
    return inside;
}

float dm_evidence_at(const dm_grid *g, const double p[3]) {
    int q[3];
    float best = 0.0f;
    dm_grid_cell(g, p, q);
    if (q[2] < 0 || q[2] >= g->n[2]) return 0.0f;
    for (int y = q[1] - 1; y <= q[1] + 1; y++)
        for (int x = q[0] - 1; x <= q[0] + 1; x++)
            if (x >= 0 && y >= 0 && x < g->n[0] && y < g->n[1])
                best = dm_fmax(best, g->v[((size_t)q[2] * (size_t)g->n[1] + (size_t)y) * (size_t)g->n[0] + (size_t)x]);
    return best;
}

/* The way of one point a slice at equal steps of its length, its zigzag between cells taken out first. */
static dm_status even_out(const dm_grid *g, double (*p)[3], int n, dm_path *out) {
    dm_status status = dm_smooth_points(p, n, g->step, 2 * g->step);
    if (dm_good(status)) status = dm_line_even((const double(*)[3])p, n, g->step, &out->p, &out->n);
    if (!dm_good(status)) return status;
    out->e = malloc((size_t)out->n * sizeof *out->e);
    if (!out->e) return dm_fail(DM_STUDY, "out_of_memory", "No memory for the way of the canal.");
    for (int i = 0; i < out->n; i++) out->e[i] = dm_evidence_at(g, out->p[i]);
    return dm_ok;
}

static double mean_around(const dm_path *p, int i, int reach) {
    double sum = 0;
    int n = 0;
    for (int k = i - reach; k <= i + reach; k++)
        if (k >= 0 && k < p->n) sum += p->e[k], n++;
    return sum / n;
}

static int dark_around(const dm_path *p, int i, int reach) {
    for (int k = i - reach; k <= i + reach; k++)
        if (k >= 0 && k < p->n && p->e[k] >= 0.15f) return 0;
    return 1;
}

static double mean_of(const float *e, int n) {
    double sum = 0;
    for (int i = 0; i < n; i++) sum += e[i];
    return sum / n;
}

/* The piece with most evidence; its ends are cut back until 10 mm of them are as good as the whole must be. */
static void keep_best(dm_path *p, double keep, double step) {
    int wide = (int)(15.0 / step + 0.5), narrow = (int)(5.0 / step + 0.5), reach = 2 * narrow,
        best_from = 0, best_n = 0, from = 0;
    double best = 0, sum = 0;
    for (int i = 0; i <= p->n; i++) {
        int good = i < p->n && mean_around(p, i, wide) >= keep && !dark_around(p, i, narrow) && !dm_bend_kink((const double(*)[3])p->p, p->n, i, step);
        if (good) {
            sum += p->e[i];
            continue;
        }
        if (sum > best) best = sum, best_from = from, best_n = i - from;
        from = i + 1;
        sum = 0;
    }
    while (best_n > reach && mean_of(p->e + best_from, reach) < keep) best_from++, best_n--;
    while (best_n > reach && mean_of(p->e + best_from + best_n - reach, reach) < keep) best_n--;
    memmove(p->p, p->p + best_from, (size_t)best_n * sizeof *p->p);
    memmove(p->e, p->e + best_from, (size_t)best_n * sizeof *p->e);
    p->n = best_n;
}

void dm_path_clear(dm_path *path) {
    if (!path) return;
    free(path->p);
    free(path->e);
    *path = (dm_path){0};
}

static dm_status search(dm_gpu *gpu, const dm_grid *g, dm_path *out) {
    size_t cells = slice_of(g) * (size_t)g->n[2], at = 0;
    work w = {0};
    double(*p)[3] = malloc((size_t)g->n[2] * sizeof *p);
    float *row = malloc(slice_of(g) * sizeof *row);
    uint8_t *back = malloc(cells);
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "No memory for the search of the canal.");
    if (!p || !row || !back) goto out;
    DM_TRY_OUT(forward(gpu, g, &w));
    DM_TRY_OUT(best_end(g, &w, row, &at));
    DM_TRY_OUT(dm_buf_read(w.back, 0, back, cells));
    DM_TRY_OUT(even_out(g, p, backward(g, back, at, p), out));
out:
    work_free(&w);
    free(p), free(row), free(back);
    return status;
}

dm_status dm_path_find(dm_gpu *gpu, const dm_grid *g, const dm_path_params *params, dm_path *out) {
    *out = (dm_path){0};
    dm_status status = search(gpu, g, out);
    if (dm_good(status)) keep_best(out, params->keep, g->step);
    if (dm_good(status) && (out->n - 1) * g->step < params->min_length)
        status = dm_fail(DM_STUDY, "no_spine",
                         "No spinal canal of at least %.0f mm was found (best piece %.0f mm): not a spine, or too noisy.",
                         params->min_length, out->n > 1 ? (out->n - 1) * g->step : 0.0);
    if (!dm_good(status)) dm_path_clear(out);
    return status;
}

/* ---- self-test: sums of ways through random evidence ---- */

static float *random_evidence(size_t cells, uint64_t seed) {
    float *v = malloc(cells * sizeof *v);
    for (size_t i = 0; v && i < cells; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        v[i] = (float)(seed >> 40) / 16777216.0f;
    }
    return v;
}

static double reference(const dm_grid *g, const float *got, const uint8_t *steps, float *sum, uint8_t *back) {
    size_t slice = slice_of(g);
    dm_path_args a = make_args(g);
    double error = 0;
    for (int z = g->n[2] - 1; z >= 0; z--) {
        int first = z == g->n[2] - 1;
        size_t here = (size_t)z * slice, above = first ? here : here + slice;
        for (int y = 0; y < a.ny; y++)
            for (int x = 0; x < a.nx; x++)
                sum[here + (size_t)y * (size_t)a.nx + (size_t)x] =
                    dm_path_cell(g->v + above, g->v + here, sum + above, &a, first, x, y, back + here);
    }
    for (size_t i = 0; i < slice * (size_t)g->n[2]; i++) {
        double d = fabs((double)(got[i] - sum[i])) + (steps[i] != back[i]);
        if (!(d <= error)) error = d;
    }
    return error;
}

dm_status dm_check_path_step(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    dm_grid g = {.n = {edge, edge - 1, edge}, .step = 2.0};
    size_t cells = slice_of(&g) * (size_t)edge;
    work w = {0};
    float *got = malloc(cells * 4), *want = malloc(cells * 4);
    uint8_t *back = malloc(cells), *steps = malloc(cells);
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "No memory for a test grid.");
    g.v = random_evidence(cells, seed);
    if (!g.v || !got || !want || !back || !steps) goto out;
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(forward(gpu, &g, &w));
    DM_TRY_OUT(dm_buf_read(w.sum, 0, got, cells * 4));
    DM_TRY_OUT(dm_buf_read(w.back, 0, steps, cells));
    *result = (dm_check_result){.items = (double)cells, .bytes = 13.0 * (double)cells, .seconds = dm_gpu_seconds(gpu)};
    if (with_reference) result->error = reference(&g, got, steps, want, back);
out:
    work_free(&w);
    free(g.v), free(got), free(want), free(back), free(steps);
    return status;
}
