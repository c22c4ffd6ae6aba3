#include "crop_parts.h"

#include <math.h>
#include <stdlib.h>

#include "resample.h"

/* A slab never takes more than this, so that a small device can hold it beside the grid. */
#define SLAB_BYTES ((size_t)256 << 20)

static int slab_slices(dm_gpu *gpu, const dm_scan *scan) {
    size_t slice = (size_t)scan->nx * (size_t)scan->ny * 2, bytes = SLAB_BYTES;
    uint64_t most = dm_gpu_describe(gpu)->max_alloc;
    if (most && most < bytes) bytes = (size_t)most;
    size_t n = bytes / slice;
    return n < 8 ? 8 : n > (size_t)scan->nz ? scan->nz : (int)n;
}

static dm_status upload(dm_gpu *gpu, const dm_scan *scan, int from, int to, dm_buf **buf) {
    size_t slice = (size_t)scan->nx * (size_t)scan->ny;
    return dm_buf_from(gpu, scan->v + (size_t)from * slice, (size_t)(to - from) * slice * 2, "slab of the scan", buf);
}

static void compose(const dm_affine *to_index, const dm_grid *g, float m[12]) {
    for (int r = 0; r < 3; r++) {
        double t = to_index->m[r][3];
        for (int c = 0; c < 3; c++) {
            m[4 * r + c] = (float)(to_index->m[r][c] * g->step);
            t += to_index->m[r][c] * g->origin[c];
        }
        m[4 * r + 3] = (float)t;
    }
}

static void bounds(const dm_scan *s, double lo[3], double hi[3]) {
    for (int c = 0; c < 8; c++) {
        double p[3], q[3] = {c & 1 ? s->nx - 1 : 0, c & 2 ? s->ny - 1 : 0, c & 4 ? s->nz - 1 : 0};
        dm_affine_apply(&s->to_lps, q, p);
        for (int i = 0; i < 3; i++) {
            lo[i] = c && lo[i] < p[i] ? lo[i] : p[i];
            hi[i] = c && hi[i] > p[i] ? hi[i] : p[i];
        }
    }
}

/* Sub-samples of a cell: none along an axis whose voxels are nearly as thick as the cell. */
static void spread(const dm_affine *to_lps, double step, dm_resample_args *a) {
    double h[3];
    dm_affine_spacing(to_lps, h);
    for (int i = 0; i < 3; i++) {
        double width = 0.6 * step;
        a->sub[i] = h[i] > 0.75 * step ? 1 : h[i] > 0.3 * step ? 2 : 3;
        a->spread[i] = (float)(a->sub[i] > 1 ? 0.5 * width / h[i] : 0.0);
    }
}

static dm_status make_args(const dm_scan *scan, double step, dm_grid *out, dm_resample_args *a) {
    double lo[3], hi[3];
    dm_affine to_index;
    DM_TRY(dm_affine_invert(&scan->to_lps, &to_index));
    bounds(scan, lo, hi);
    out->step = step;
    for (int i = 0; i < 3; i++) {
        double cells = floor((hi[i] - lo[i]) / step + 1e-6);
        if (!(cells >= 0 && cells < 4096))
            return dm_fail(DM_STUDY, "field_of_view", "The scan spans %.0f mm along one axis: not a patient.", hi[i] - lo[i]);
        out->n[i] = (int)cells + 1;
        out->origin[i] = lo[i] + 0.5 * (hi[i] - lo[i] - cells * step);
    }
    *a = (dm_resample_args){.nx = scan->nx, .ny = scan->ny, .nz = scan->nz, .gx = out->n[0], .gy = out->n[1],
                            .gz = out->n[2], .scale = scan->scale, .offset = scan->offset};
    compose(&to_index, out, a->m);
    spread(&scan->to_lps, step, a);
    return dm_ok;
}

static dm_status coarse_slab(dm_gpu *gpu, const dm_scan *scan, dm_resample_args *a, int from, int to, dm_buf *grid) {
    int halo = (int)ceil(a->spread[2]) + 2, end = to + halo < scan->nz ? to + halo : scan->nz;
    dm_buf *slab = NULL;
    a->k0 = from > halo ? from - halo : 0;
    a->nk = end - a->k0;
    a->own_from = from;
    a->own_to = to;
    dm_status status = upload(gpu, scan, a->k0, end, &slab);
    if (dm_good(status)) {
        size_t global[3] = {(size_t)a->gx, (size_t)a->gy, (size_t)a->gz};
        dm_arg args[] = {DM_ARG_BUF(slab), DM_ARG_BUF(grid), DM_ARG_VAL(*a)};
        status = dm_gpu_run(gpu, "resample.cl", NULL, "resample_coarse", global, NULL, args, 3);
        if (dm_good(status)) status = dm_gpu_finish(gpu);
    }
    dm_buf_free(slab);
    return status;
}

dm_status dm_resample_coarse(dm_gpu *gpu, const dm_scan *scan, double step, dm_grid *out) {
    dm_resample_args a;
    dm_buf *grid = NULL;
    dm_status status;
    DM_TRY(make_args(scan, step, out, &a));
    size_t bytes = (size_t)a.gx * (size_t)a.gy * (size_t)a.gz * sizeof(float);
    out->v = malloc(bytes);
    if (!out->v) return dm_fail(DM_STUDY, "out_of_memory", "No memory for the coarse grid (%zu bytes).", bytes);
    DM_TRY_OUT(dm_buf_new(gpu, bytes, "coarse grid", &grid));
    int slab = slab_slices(gpu, scan);
    for (int from = 0; from < scan->nz; from += slab)
        DM_TRY_OUT(coarse_slab(gpu, scan, &a, from, from + slab < scan->nz ? from + slab : scan->nz, grid));
    DM_TRY_OUT(dm_buf_read(grid, 0, out->v, bytes));
out:
    dm_buf_free(grid);
    if (!dm_good(status)) free(out->v), out->v = NULL;
    return status;
}

static void block_affine(const dm_affine *from, const int lo[3], const int f[3], dm_affine *to) {
    *to = *from;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 3; c++) {
            to->m[r][3] += from->m[r][c] * (lo[c] + 0.5 * (f[c] - 1));
            to->m[r][c] = from->m[r][c] * f[c];
        }
}

static dm_status block_slab(dm_gpu *gpu, const dm_scan *scan, const int lo[3], dm_block_args *a, int from, int n,
                            float *out) {
    dm_buf *slab = NULL, *res = NULL;
    dm_status status;
    size_t bytes = (size_t)a->ox * (size_t)a->oy * (size_t)n * sizeof(float);
    int first = lo[2] + from * a->f[2];
    a->oz = n;
    DM_TRY_OUT(upload(gpu, scan, first, first + n * a->f[2], &slab));
    DM_TRY_OUT(dm_buf_new(gpu, bytes, "box round the spine", &res));
    size_t global[3] = {(size_t)a->ox, (size_t)a->oy, (size_t)n};
    dm_arg args[] = {DM_ARG_BUF(slab), DM_ARG_BUF(res), DM_ARG_VAL(*a)};
    DM_TRY_OUT(dm_gpu_run(gpu, "resample.cl", NULL, "resample_block", global, NULL, args, 3));
    DM_TRY_OUT(dm_buf_read(res, 0, out, bytes));
out:
    dm_buf_free(slab);
    dm_buf_free(res);
    return status;
}

dm_status dm_resample_box(dm_gpu *gpu, const dm_scan *scan, const int lo[3], const int hi[3], double limit,
                          dm_volume *out) {
    double h[3];
    int f[3], n[3];
    dm_affine to_lps;
    dm_affine_spacing(&scan->to_lps, h);
    for (int i = 0; i < 3; i++) {
        f[i] = (int)floor(limit / h[i] - 1e-9);
        if (f[i] > hi[i] - lo[i]) f[i] = hi[i] - lo[i];
        if (f[i] < 1) f[i] = 1;
        n[i] = (hi[i] - lo[i]) / f[i];
    }
    block_affine(&scan->to_lps, lo, f, &to_lps);
    DM_TRY(dm_volume_make(out, n[0], n[1], n[2], &to_lps));
    dm_block_args a = {.nx = scan->nx, .ny = scan->ny, .x0 = lo[0], .y0 = lo[1], .f = {f[0], f[1], f[2]}, .ox = n[0],
                       .oy = n[1], .scale = scan->scale, .offset = scan->offset};
    int slab = slab_slices(gpu, scan) / f[2];
    for (int k = 0; k < n[2]; k += slab) {
        int part = k + slab < n[2] ? slab : n[2] - k;
        dm_status s = block_slab(gpu, scan, lo, &a, k, part, out->v + (size_t)k * (size_t)n[0] * (size_t)n[1]);
        if (!dm_good(s)) {
            dm_volume_clear(out);
            return s;
        }
    }
    return dm_ok;
}

/* ---- self-test ---- */

static uint64_t next(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* A noisy oblique scan with anisotropic voxels. */
static dm_status random_scan(int edge, uint64_t seed, dm_scan *s) {
    size_t n = (size_t)edge * (size_t)edge * (size_t)edge;
    *s = (dm_scan){.nx = edge, .ny = edge, .nz = edge, .scale = 1.0f, .offset = -1024.0f};
    s->to_lps = (dm_affine){{{0.7, 0.1, 0.0, -20.0}, {-0.1, 0.7, 0.2, 5.0}, {0.0, -0.1, 1.3, 40.0}}};
    s->v = malloc(n * sizeof *s->v);
    if (!s->v) return dm_fail(DM_STUDY, "out_of_memory", "No memory for a test volume.");
    for (size_t i = 0; i < n; i++) s->v[i] = (int16_t)(next(&seed) % 3000);
    return dm_ok;
}

static void tell(double *error, float got, float want) {
    double d = fabs((double)got - (double)want);
    if (!(d <= *error)) *error = d;
}

dm_status dm_check_resample_coarse(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    dm_scan scan = {0};
    dm_grid grid = {0}, size;
    dm_resample_args a;
    dm_status status;
    DM_TRY_OUT(random_scan(edge, seed, &scan));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(dm_resample_coarse(gpu, &scan, 2.0, &grid));
    DM_TRY_OUT(make_args(&scan, 2.0, &size, &a));
    a.nk = a.own_to = scan.nz;
    *result = (dm_check_result){.items = (double)a.gx * a.gy * a.gz, .seconds = dm_gpu_seconds(gpu)};
    result->bytes = result->items * 4.0 + 2.0 * edge * edge * edge;
    for (int z = 0; with_reference && z < a.gz; z++)
        for (int y = 0; y < a.gy; y++)
            for (int x = 0; x < a.gx; x++) {
                float want = 0.0f;
                dm_resample_cell(scan.v, &a, x, y, z, &want);
                tell(&result->error, grid.v[((size_t)z * (size_t)a.gy + (size_t)y) * (size_t)a.gx + (size_t)x], want);
            }
out:
    dm_scan_clear(&scan);
    free(grid.v);
    return status;
}

dm_status dm_check_resample_block(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    dm_scan scan = {0};
    dm_volume box = {0};
    dm_status status;
    int lo[3] = {1, 0, 2}, hi[3] = {edge, edge - 1, edge};
    DM_TRY_OUT(random_scan(edge, seed, &scan));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(dm_resample_box(gpu, &scan, lo, hi, 1.5, &box));
    *result = (dm_check_result){.items = (double)dm_volume_count(&box), .seconds = dm_gpu_seconds(gpu)};
    result->bytes = result->items * 4.0 + 2.0 * edge * edge * edge;
    dm_block_args a = {.nx = edge, .ny = edge, .x0 = 1, .z0 = 2, .f = {2, 2, 1}, .ox = box.nx, .oy = box.ny,
                       .oz = box.nz, .scale = scan.scale, .offset = scan.offset};
    for (int z = 0; with_reference && z < box.nz; z++)
        for (int y = 0; y < box.ny; y++)
            for (int x = 0; x < box.nx; x++)
                tell(&result->error, box.v[((size_t)z * (size_t)box.ny + (size_t)y) * (size_t)box.nx + (size_t)x],
                     dm_block_mean(scan.v, &a, x, y, z));
out:
    dm_scan_clear(&scan);
    dm_volume_clear(&box);
    return status;
}
