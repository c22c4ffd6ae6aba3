/* The renderer on a device, and its check against the reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "phantom.h"
#include "scanner.h"

enum { TABLES = 8, SLAB = 32 * 1024 * 1024 }; /* voxels of one launch */

typedef struct tables {
    dm_buf *buf[TABLES];
} tables;

static dm_status upload(dm_gpu *gpu, const dm_anatomy *a, tables *t) {
    size_t n = (size_t)a->n_nodes, f = sizeof(float);
    const struct {
        const void *host;
        size_t bytes;
        const char *what;
    } part[TABLES] = {{a->nodes, n * PH_NODE * f, "phantom line"},
                      {a->walls, n * PH_NT * PH_WALLS * f, "phantom walls"},
                      {a->verts, sizeof a->verts, "phantom vertebrae"},
                      {a->zrows, (size_t)a->n_z * PH_ZROW * f, "phantom trunk"},
                      {a->prims, (size_t)PH_MAX_PRIMS * PH_PROW * f, "phantom primitives"},
                      {a->buckets, (size_t)a->bucket_ints * sizeof(int), "phantom lists"},
                      {a->ribs, sizeof a->ribs, "phantom ribs"},
                      {a->organs, sizeof a->organs, "phantom organs"}};
    for (int i = 0; i < TABLES; i++)
        DM_TRY(dm_buf_from(gpu, part[i].host, part[i].bytes, part[i].what, &t->buf[i]));
    return dm_ok;
}

static dm_status slab(dm_gpu *gpu, const dm_ph_args *g, const tables *t, dm_buf *out, int count) {
    dm_arg arg[TABLES + 3] = {DM_ARG_VAL(*g)};
    for (int i = 0; i < TABLES; i++) arg[i + 1] = DM_ARG_BUF(t->buf[i]);
    arg[TABLES + 1] = DM_ARG_BUF(out);
    arg[TABLES + 2] = DM_ARG_VAL(count);
    const size_t global[3] = {(size_t)g->nx * (size_t)g->ny * (size_t)count, 1, 1};
    return dm_gpu_run(gpu, "phantom.cl", NULL, "phantom_render", global, NULL, arg, TABLES + 3);
}

dm_status dm_ph_render(dm_gpu *gpu, const dm_ph_scanner *sc, const dm_anatomy *a, int16_t *out) {
    dm_ph_args g = sc->args;
    size_t plane = (size_t)g.nx * (size_t)g.ny;
    int step = (int)(SLAB / plane);
    step = step < 1 ? 1 : (step > g.nz ? g.nz : step);
    tables t = {{NULL}};
    dm_buf *voxels = NULL;
    dm_status status = dm_ok;
    DM_TRY_OUT(upload(gpu, a, &t));
    DM_TRY_OUT(dm_buf_new(gpu, plane * (size_t)step * sizeof *out, "phantom voxels", &voxels));
    for (int k = 0; k < g.nz; k += step) {
        int count = k + step > g.nz ? g.nz - k : step;
        g.k0 = k;
        DM_TRY_OUT(slab(gpu, &g, &t, voxels, count));
        DM_TRY_OUT(dm_buf_read(voxels, 0, out + plane * (size_t)k, plane * (size_t)count * sizeof *out));
    }
out:
    dm_buf_free(voxels);
    for (int i = 0; i < TABLES; i++) dm_buf_free(t.buf[i]);
    return status;
}

/* A cube of 170 mm round the middle of the thoracic spine: bone, canal, ribs and lung in every size of cube.
 */
static void cube(dm_ph_scanner *sc, const dm_anatomy *a, int edge) {
    double p[3], step = 170.0 / edge;
    dm_ph_args *g = &sc->args;
    dm_ph_point_at(a, 0.4 * a->n_nodes, 0, 0, p);
    g->nx = g->ny = g->nz = edge;
    memset(g->m, 0, sizeof g->m);
    for (int c = 0; c < 3; c++) {
        g->m[4 * c + c] = (float)step;
        g->m[4 * c + 3] = (float)(p[c] - 0.5 * step * (edge - 1));
    }
}

static double furthest(const int16_t *v, const int16_t *w, size_t n) {
    int worst = 0;
    for (size_t i = 0; i < n; i++) {
        int d = abs((int)v[i] - (int)w[i]);
        worst = d > worst ? d : worst;
    }
    return worst;
}

static dm_status compare_render(dm_gpu *gpu, int edge, uint64_t seed, int with_reference,
                                dm_check_result *result) {
    size_t n = (size_t)edge * (size_t)edge * (size_t)edge;
    dm_anatomy *a = calloc(1, sizeof *a);
    int16_t *v = calloc(2 * n, sizeof *v);
    dm_ph_scanner sc;
    dm_status status = dm_ok;
    if (!a || !v) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a check of %zu voxels", n);
        goto out;
    }
    DM_TRY_OUT(dm_anatomy_make(seed, 0, "ventral", seed & 1 ? PH_MRM : PH_CTM, a));
    dm_ph_make_scanner(a, 0, &sc);
    cube(&sc, a, edge);
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(dm_ph_render(gpu, &sc, a, v));
    result->seconds = dm_gpu_seconds(gpu);
    result->items = (double)n;
    result->bytes = 2.0 * (double)n;
    result->error = 0.0;
    if (with_reference) {
        dm_ph_render_reference(&sc, a, 0, edge, v + n);
        result->error = furthest(v, v + n, n);
    }
out:
    if (a) dm_anatomy_clear(a);
    free(a);
    free(v);
    return status;
}

const dm_kernel_check dm_phantom_checks[] = {
    {"phantom_render", 0.0, "one source, no function of the C library, no fused operations: the same bits",
     compare_render}};
const int dm_phantom_check_count = 1;
