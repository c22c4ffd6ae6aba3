/* Non-local means on the device, slab by slab, and the plain reference. */
#include "denoise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CPU_ZC = 8,
    GPU_ZC = 4,
    SLAB_VOXELS = 1 << 24 /* outputs per launch: a launch stays under half a second on a GPU */
};

int dm_mirror(int i, int n) {
    if (n == 1) return 0;
    int period = 2 * n - 2;
    i %= period;
    if (i < 0) i += period;
    return i < n ? i : period - i;
}

void dm_nlm_slice_values(double sd, double corr, double strength, float values[DM_NLM_SLICE]) {
    /* Noise alone gives D the mean 2 sigma^2 and, over 27 independent differences, the spread sqrt(2/27) of that. Noise
     * that is correlated in the slice (as corr^(lag^2)) has fewer independent differences: the spread grows by
     * sqrt(f), and the offset by the growth, so that the same share of patches of one tissue counts fully. */
    double c2 = corr * corr, f = (3 + 4 * c2 + 2 * c2 * c2 * c2 * c2) / 3;
    double offset = 2 * sd * sd * (1 + sqrt(2.0 / 27.0) * (f - 1)); /* f for each of two axes: sqrt(f * f) */
    double h = strength * sd;
    values[0] = (float)(1 + offset / (32 * h * h));
    values[1] = (float)(-1.0 / (32 * 27 * h * h));
    values[2] = (float)(2 * sd * sd);
}

/* Voxels lo <= i < hi that hold every span. */
typedef struct box {
    int lo[3], hi[3];
} box;

typedef struct slab {
    dm_nlm_args args;
    box box;
    int slices, zc; /* output slices at most, a multiple of zc */
    size_t padded, out;
} slab;

static box whole(int nx, int ny, int nz) {
    return (box){.hi = {nx, ny, nz}};
}

static box box_of(const dm_volume *in, const dm_nlm_settings *s) {
    if (!s->span) return whole(in->nx, in->ny, in->nz);
    box b = {.lo = {in->nx, in->ny, in->nz}};
    for (int z = 0; z < in->nz; z++)
        for (int y = 0; y < in->ny; y++) {
            const int *span = s->span[(size_t)z * (size_t)in->ny + (size_t)y];
            if (span[0] >= span[1]) continue;
            const int from[3] = {span[0], y, z}, to[3] = {span[1], y + 1, z + 1};
            for (int i = 0; i < 3; i++) b.lo[i] = dm_min(b.lo[i], from[i]), b.hi[i] = dm_max(b.hi[i], to[i]);
        }
    return b;
}

static slab plan(const box *b, const dm_nlm_settings *s, int vw, int zc, uint64_t most_bytes) {
    const int nx = b->hi[0] - b->lo[0], ny = b->hi[1] - b->lo[1], nz = b->hi[2] - b->lo[2];
    slab p = {.zc = zc, .box = *b};
    p.args.rx = s->radius[0], p.args.ry = s->radius[1], p.args.rz = s->radius[2];
    p.args.ox = nx + vw - 1;
    p.args.ny = ny;
    p.args.px = p.args.ox + 2 * (p.args.rx + 1);
    p.args.py = ny + 2 * (p.args.ry + 1);
    size_t plane_in = (size_t)p.args.px * (size_t)p.args.py, plane_out = (size_t)p.args.ox * (size_t)ny;
    size_t slices = SLAB_VOXELS / plane_out + 1, halo = 2 * ((size_t)p.args.rz + 1);
    if (s->max_slab > 0 && slices > (size_t)s->max_slab) slices = (size_t)s->max_slab;
    if (slices > (size_t)nz) slices = (size_t)nz;
    slices = (slices + (size_t)zc - 1) / (size_t)zc * (size_t)zc;
    while (slices > (size_t)zc && ((slices + halo) * plane_in + slices * plane_out) * sizeof(float) > most_bytes)
        slices -= (size_t)zc;
    p.slices = (int)slices;
    p.padded = (slices + halo) * plane_in;
    p.out = slices * plane_out;
    return p;
}

uint64_t dm_nlm_bytes(int nx, int ny, int nz, const dm_nlm_settings *settings) {
    const box b = whole(nx, ny, nz);
    slab p = plan(&b, settings, 16, CPU_ZC, UINT64_MAX);
    return (p.padded + p.out) * sizeof(float) + (uint64_t)nz * DM_NLM_SLICE * sizeof(float) +
           (uint64_t)(p.slices / GPU_ZC) * (uint64_t)ny * 2 * sizeof(int);
}

/* Copies the box's slices z0.. with their halo; beyond the volume its mirror image. */
static void pad(const dm_volume *in, const slab *p, int z0, float *padded) {
    const dm_nlm_args *a = &p->args;
    int x0 = p->box.lo[0] - a->rx - 1, y0 = p->box.lo[1] - a->ry - 1, hz = a->rz + 1;
    int first = dm_max(0, -x0), last = dm_min(a->px, in->nx - x0); /* columns inside the volume */
    for (int z = 0; z < p->slices + 2 * hz; z++)
        for (int y = 0; y < a->py; y++) {
            const float *from = in->v + dm_at(0, dm_mirror(y0 + y, in->ny), dm_mirror(z0 + z - hz, in->nz), in->nx, in->ny);
            float *to = padded + dm_at(0, y, z, a->px, a->py);
            for (int x = 0; x < first; x++) to[x] = from[dm_mirror(x0 + x, in->nx)];
            memcpy(to + first, from + x0 + first, (size_t)(last - first) * sizeof *to);
            for (int x = last; x < a->px; x++) to[x] = from[dm_mirror(x0 + x, in->nx)];
        }
}

/* The part of row (y, z) of the volume that is wanted, [0, 0) beyond the last slice. */
static void span_of(const dm_volume *in, const dm_nlm_settings *s, int y, int z, int span[2]) {
    span[0] = span[1] = 0;
    if (z >= in->nz) return;
    if (!s->span) span[1] = in->nx;
    else memcpy(span, s->span[(size_t)z * (size_t)in->ny + (size_t)y], 2 * sizeof *span);
}

/* For every zc slices what any of them wants of a row, counted from the box. */
static void gather_spans(const dm_volume *in, const dm_nlm_settings *s, const slab *p, int z0, int *spans) {
    for (int z = 0; z < p->slices; z += p->zc)
        for (int y = 0; y < p->args.ny; y++) {
            int from = in->nx, to = 0, span[2];
            for (int k = 0; k < p->zc; k++) {
                span_of(in, s, p->box.lo[1] + y, z0 + z + k, span);
                if (span[0] < span[1]) from = dm_min(from, span[0]), to = dm_max(to, span[1]);
            }
            int *out = spans + 2 * ((size_t)(z / p->zc) * (size_t)p->args.ny + (size_t)y);
            out[0] = from < to ? from - p->box.lo[0] : 0;
            out[1] = from < to ? to - p->box.lo[0] : 0;
        }
}

typedef struct work {
    dm_buf *padded, *slice, *span, *out;
    float *host_in, *host_out, *host_slice;
    int *host_span;
    size_t spans;
} work;

static dm_status launch(dm_gpu *gpu, const slab *p, int vw, int magnitude, int widest, const work *w) {
    char defines[64];
    int step = vw > 1 ? vw - 2 : 1; /* the outermost lanes give no result */
    snprintf(defines, sizeof defines, "-DVW=%d -DZC=%d -DMAGNITUDE=%d", vw, p->zc, magnitude);
    size_t global[3] = {(size_t)((widest + step - 1) / step), (size_t)p->args.ny, (size_t)(p->slices / p->zc)};
    /* An item is long work already: small groups share a slab over the cores evenly. */
    size_t small[3] = {1, 1, 1};
    return dm_gpu_run(gpu, "nlm.cl", defines, "nlm", global, vw > 1 ? small : NULL,
                      (dm_arg[]){DM_ARG_VAL(p->args), DM_ARG_BUF(w->padded), DM_ARG_BUF(w->slice), DM_ARG_BUF(w->span), DM_ARG_BUF(w->out)}, 5);
}

static void work_free(work *w) {
    dm_buf_free(w->padded), dm_buf_free(w->slice), dm_buf_free(w->span), dm_buf_free(w->out);
    free(w->host_in), free(w->host_out), free(w->host_slice), free(w->host_span);
}

static dm_status work_make(dm_gpu *gpu, const slab *p, work *w) {
    DM_TRY(dm_buf_new(gpu, p->padded * sizeof(float), "denoise input", &w->padded));
    DM_TRY(dm_buf_new(gpu, p->out * sizeof(float), "denoise output", &w->out));
    DM_TRY(dm_buf_new(gpu, (size_t)p->slices * DM_NLM_SLICE * sizeof(float), "denoise slices", &w->slice));
    w->spans = (size_t)(p->slices / p->zc) * (size_t)p->args.ny * 2 * sizeof(int);
    DM_TRY(dm_buf_new(gpu, w->spans, "denoise spans", &w->span));
    w->host_span = malloc(w->spans);
    w->host_in = malloc(p->padded * sizeof(float));
    w->host_out = malloc(p->out * sizeof(float));
    w->host_slice = malloc((size_t)p->slices * DM_NLM_SLICE * sizeof(float));
    if (!w->host_in || !w->host_out || !w->host_slice || !w->host_span)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory to denoise %d slices at once", p->slices);
    return dm_ok;
}

/* Of the slab's results only what was wanted: items work on zc slices and vw columns at a time. */
static void copy_out(const dm_volume *in, const dm_nlm_settings *s, const slab *p, int z0, const float *from, float *out) {
    for (int z = 0; z < p->slices; z++)
        for (int y = 0; y < p->args.ny; y++) {
            int span[2];
            span_of(in, s, p->box.lo[1] + y, z0 + z, span);
            if (span[0] >= span[1]) continue;
            memcpy(out + dm_at(span[0], p->box.lo[1] + y, z0 + z, in->nx, in->ny),
                   from + dm_at(span[0] - p->box.lo[0], y, z, p->args.ox, p->args.ny), (size_t)(span[1] - span[0]) * sizeof *out);
        }
}

static dm_status one_slab(dm_gpu *gpu, const dm_volume *in, const dm_noise *noise, const dm_nlm_settings *settings,
                          slab *p, int vw, int z0, work *w, float *out) {
    for (int z = 0; z < p->slices; z++) {
        int from = z0 + z < in->nz ? z0 + z : in->nz - 1;
        dm_nlm_slice_values((double)noise->slice[from], noise->corr, settings->strength, w->host_slice + z * DM_NLM_SLICE);
    }
    pad(in, p, z0, w->host_in);
    p->args.nz = p->slices;
    DM_TRY(dm_buf_write(w->padded, 0, w->host_in, p->padded * sizeof(float)));
    DM_TRY(dm_buf_write(w->slice, 0, w->host_slice, (size_t)p->slices * DM_NLM_SLICE * sizeof(float)));
    gather_spans(in, settings, p, z0, w->host_span);
    DM_TRY(dm_buf_write(w->span, 0, w->host_span, w->spans));
    int widest = 1;
    for (size_t i = 0; i < w->spans / sizeof(int); i += 2) widest = dm_max(widest, w->host_span[i + 1] - w->host_span[i]);
    DM_TRY(launch(gpu, p, vw, settings->magnitude, widest, w));
    DM_TRY(dm_buf_read(w->out, 0, w->host_out, p->out * sizeof(float)));
    copy_out(in, settings, p, z0, w->host_out, out);
    return dm_ok;
}

dm_status dm_nlm_run(dm_gpu *gpu, const dm_volume *in, const dm_noise *noise, const dm_nlm_settings *settings,
                     float *out) {
    int vw = dm_gpu_vector_width(gpu);
    const dm_gpu_info *info = dm_gpu_describe(gpu);
    const box b = box_of(in, settings);
    if (b.lo[0] >= b.hi[0]) return dm_ok; /* nothing is wanted */
    slab p = plan(&b, settings, vw, info->is_gpu ? GPU_ZC : CPU_ZC, info->max_alloc);
    work w = {0};
    dm_status status;
    DM_TRY_OUT(work_make(gpu, &p, &w));
    for (int z = b.lo[2]; z < b.hi[2]; z += p.slices)
        DM_TRY_OUT(one_slab(gpu, in, noise, settings, &p, vw, z, &w, out));
out:
    work_free(&w);
    return status;
}

static float mirrored(const dm_volume *v, int x, int y, int z) {
    return v->v[dm_at(dm_mirror(x, v->nx), dm_mirror(y, v->ny), dm_mirror(z, v->nz), v->nx, v->ny)];
}

static float patch_distance(const dm_volume *v, const int p[3], const int q[3]) {
    float across[3];
    for (int i = -1; i <= 1; i++) {
        float plane[3];
        for (int k = -1; k <= 1; k++) {
            float d[3];
            for (int j = -1; j <= 1; j++)
                d[j + 1] = mirrored(v, p[0] + i, p[1] + j, p[2] + k) - mirrored(v, q[0] + i, q[1] + j, q[2] + k);
            plane[k + 1] = (d[0] * d[0] + d[1] * d[1]) + d[2] * d[2];
        }
        across[i + 1] = (plane[0] + plane[1]) + plane[2];
    }
    return (across[0] + across[1]) + across[2];
}

static float filtered(const dm_volume *v, const int p[3], const dm_nlm_settings *s, const float slice[DM_NLM_SLICE]) {
    float weights = 0.0f, values = 0.0f;
    for (int dz = -s->radius[2]; dz <= s->radius[2]; dz++)
        for (int dy = -s->radius[1]; dy <= s->radius[1]; dy++)
            for (int dx = -s->radius[0]; dx <= s->radius[0]; dx++) {
                int q[3] = {p[0] + dx, p[1] + dy, p[2] + dz};
                float w = dm_nlm_weight(patch_distance(v, p, q), slice[0], slice[1]);
                float value = mirrored(v, q[0], q[1], q[2]);
                weights = weights + w;
                values = values + w * (s->magnitude ? value * value : value);
            }
    float mean = values / weights;
    return s->magnitude ? sqrtf(fmaxf(mean - slice[2], 0.0f)) : mean;
}

void dm_nlm_reference(const dm_volume *in, const dm_noise *noise, const dm_nlm_settings *settings, float *out) {
    for (int z = 0; z < in->nz; z++) {
        float slice[DM_NLM_SLICE];
        dm_nlm_slice_values((double)noise->slice[z], noise->corr, settings->strength, slice);
        for (int y = 0; y < in->ny; y++)
            for (int x = 0; x < in->nx; x++)
                out[dm_at(x, y, z, in->nx, in->ny)] = filtered(in, (int[3]){x, y, z}, settings, slice);
    }
}
