#include "crop_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Evidence a cell must have to pay for a step; steps in cells per slice: 3 dorsoventral = 56 degrees (lumbosacral turn),
 * 2 lateral = 45 degrees (scoliosis), which is rarer and costs more. */
enum { STEP_Y = 3, STEP_X = 2, RESTART = 255 };
static const float TOLL = 0.45f, COST_Y = 0.02f, COST_X = 0.1f;

typedef struct field {
    int nx, ny, nz;
    const float *e;
    float *now, *row;   /* best sum so far per cell of a slice; after the lateral step */
    uint8_t *from_x;    /* lateral step of `row` */
    uint8_t *back;      /* per cell of the grid: (dy + 3) * 5 + dx + 2, or RESTART */
} field;

static void lateral(field *f) {
    for (int y = 0; y < f->ny; y++)
        for (int x = 0; x < f->nx; x++) {
            float best = -1e30f;
            int step = 0;
            for (int d = -STEP_X; d <= STEP_X; d++) {
                if (x + d < 0 || x + d >= f->nx) continue;
                float s = f->now[y * f->nx + x + d] - COST_X * (float)(d * d);
                if (s > best) best = s, step = d;
            }
            f->row[y * f->nx + x] = best;
            f->from_x[y * f->nx + x] = (uint8_t)(step + STEP_X);
        }
}

static void sagittal(field *f, int z) {
    size_t slice = (size_t)f->nx * (size_t)f->ny;
    for (int y = 0; y < f->ny; y++)
        for (int x = 0; x < f->nx; x++) {
            size_t at = (size_t)y * (size_t)f->nx + (size_t)x;
            float best = 0.0f;
            uint8_t back = RESTART;
            for (int d = -STEP_Y; d <= STEP_Y; d++) {
                if (y + d < 0 || y + d >= f->ny) continue;
                size_t from = (size_t)(y + d) * (size_t)f->nx + (size_t)x;
                float s = f->row[from] - COST_Y * (float)(d * d);
                if (s > best) best = s, back = (uint8_t)((d + STEP_Y) * 5 + f->from_x[from]);
            }
            f->now[at] = best + f->e[(size_t)z * slice + at] - TOLL;
            f->back[(size_t)z * slice + at] = back;
        }
}

/* Forward pass from the top slice; returns the cell with the largest sum of all slices. */
static size_t forward(field *f) {
    size_t slice = (size_t)f->nx * (size_t)f->ny, best_at = 0;
    float best = -1e30f;
    for (size_t i = 0; i < slice; i++) f->now[i] = -1e30f;
    for (int z = f->nz - 1; z >= 0; z--) {
        lateral(f);
        sagittal(f, z);
        for (size_t i = 0; i < slice; i++)
            if (f->now[i] > best) best = f->now[i], best_at = (size_t)z * slice + i;
    }
    return best_at;
}

static int backward(const field *f, const dm_grid *g, size_t at, dm_path *out) {
    size_t slice = (size_t)f->nx * (size_t)f->ny;
    int z = (int)(at / slice), y = (int)(at % slice) / f->nx, x = (int)(at % slice) % f->nx, n = 0;
    for (;; z++) {
        size_t cell = (size_t)z * slice + (size_t)y * (size_t)f->nx + (size_t)x;
        int index[3] = {x, y, z};
        for (int i = 0; i < 3; i++) out->p[n][i] = g->origin[i] + g->step * index[i];
        out->e[n++] = f->e[cell];
        uint8_t back = f->back[cell];
        if (back == RESTART) break;
        y += back / 5 - STEP_Y;
        x += back % 5 - STEP_X;
    }
    return n;
}

static void reverse(dm_path *p) {
    for (int i = 0, j = p->n - 1; i < j; i++, j--) {
        double q[3];
        memcpy(q, p->p[i], sizeof q);
        memcpy(p->p[i], p->p[j], sizeof q);
        memcpy(p->p[j], q, sizeof q);
        float e = p->e[i];
        p->e[i] = p->e[j];
        p->e[j] = e;
    }
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
        int good = i < p->n && mean_around(p, i, wide) >= keep && !dark_around(p, i, narrow);
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

dm_status dm_path_find(const dm_grid *g, const dm_path_params *params, dm_path *out) {
    field f = {.nx = g->n[0], .ny = g->n[1], .nz = g->n[2], .e = g->v};
    size_t slice = (size_t)f.nx * (size_t)f.ny;
    dm_status status = dm_ok;
    *out = (dm_path){.p = calloc((size_t)f.nz, sizeof *out->p), .e = calloc((size_t)f.nz, sizeof *out->e)};
    f.now = malloc(slice * sizeof *f.now);
    f.row = malloc(slice * sizeof *f.row);
    f.from_x = malloc(slice);
    f.back = malloc(slice * (size_t)f.nz);
    if (!out->p || !out->e || !f.now || !f.row || !f.from_x || !f.back) {
        status = dm_fail(DM_STUDY, "out_of_memory", "No memory for the search of the canal.");
        goto out;
    }
    out->n = backward(&f, g, forward(&f), out);
    reverse(out);
    keep_best(out, params->keep, g->step);
    if ((out->n - 1) * g->step < params->min_length)
        status = dm_fail(DM_STUDY, "no_spine",
                         "No spinal canal of at least %.0f mm was found (best piece %.0f mm): not a spine, or too noisy.",
                         params->min_length, out->n > 1 ? (out->n - 1) * g->step : 0.0);
out:
    free(f.now), free(f.row), free(f.from_x), free(f.back);
    if (!dm_good(status)) dm_path_clear(out);
    return status;
}
