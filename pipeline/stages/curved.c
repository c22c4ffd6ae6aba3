#include "curved.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "gather.h"

/* Largest part of an output that is made at once: bounds device memory and the length of one launch. */
enum { SLAB_VALUES = 1 << 24 };

static dm_status grid_args(const dm_volume *volume, dm_grid_args *g) {
    dm_affine inverse;
    DM_TRY(dm_affine_invert(&volume->to_lps, &inverse));
    *g = (dm_grid_args){.nx = volume->nx, .ny = volume->ny, .nz = volume->nz};
    for (int i = 0; i < 12; i++) g->m[i] = (float)inverse.m[i / 4][i % 4];
    return dm_ok;
}

static float *frames_of(const dm_spine *spine, double s0, double ds, int ns) {
    float *frame = malloc((size_t)ns * 9 * sizeof *frame);
    for (int i = 0; frame && i < ns; i++) {
        double v[3][3];
        dm_frame_at(spine, s0 + i * ds, v[0], NULL, v[1], v[2]);
        for (int c = 0; c < 9; c++) frame[(size_t)i * 9 + (size_t)c] = (float)v[c / 3][c % 3];
    }
    return frame;
}

static void turns(float turn[2 * DM_NT]) {
    for (int t = 0; t < DM_NT; t++) {
        double angle = 2 * 3.14159265358979323846 * t / DM_NT;
        turn[2 * t] = (float)cos(angle);
        turn[2 * t + 1] = (float)sin(angle);
    }
}

/* What one gather holds on the device. */
typedef struct gather {
    dm_buf *volume, *frame, *turn, *out;
} gather;

static void gather_free(gather *g) {
    dm_buf_free(g->volume), dm_buf_free(g->frame), dm_buf_free(g->turn), dm_buf_free(g->out);
}

static dm_status gather_run(dm_gpu *gpu, gather *g, const float *frame, int polar, dm_curved_args args,
                            int ns, float *out) {
    size_t row = (size_t)args.nu * (size_t)args.nv;
    int slab = (int)(SLAB_VALUES / row);
    slab = slab < 1 ? 1 : slab > ns ? ns : slab;
    DM_TRY(dm_buf_new(gpu, (size_t)slab * 9 * sizeof(float), "frames", &g->frame));
    DM_TRY(dm_buf_new(gpu, (size_t)slab * row * sizeof(float), "curved volume", &g->out));
    for (int from = 0; from < ns; from += slab) {
        int count = ns - from < slab ? ns - from : slab;
        args.ns = count;
        DM_TRY(dm_buf_write(g->frame, 0, frame + (size_t)from * 9, (size_t)count * 9 * sizeof(float)));
        const size_t global[3] = {(size_t)args.nv, (size_t)args.nu, (size_t)count};
        const dm_arg with_turn[] = {DM_ARG_VAL(args), DM_ARG_BUF(g->volume), DM_ARG_BUF(g->frame),
                                    DM_ARG_BUF(g->turn), DM_ARG_BUF(g->out)};
        const dm_arg plane[] = {DM_ARG_VAL(args), DM_ARG_BUF(g->volume), DM_ARG_BUF(g->frame),
                                DM_ARG_BUF(g->out)};
        DM_TRY(dm_gpu_run(gpu, "gather.cl", NULL, polar ? "curved_polar" : "curved_plane", global, NULL,
                          polar ? with_turn : plane, polar ? 5 : 4));
        DM_TRY(dm_buf_read(g->out, 0, out + (size_t)from * row, (size_t)count * row * sizeof(float)));
    }
    return dm_ok;
}

static dm_status curved(dm_gpu *gpu, const dm_volume *volume, const float *frame, int ns, int polar,
                        dm_curved_args args, float **out) {
    gather g = {0};
    dm_status status = dm_ok;
    float turn[2 * DM_NT];
    *out = NULL;
    if (ns < 1 || args.nu < 1 || args.nv < 1)
        return dm_fail(DM_STUDY, "empty_gather", "nothing to sample along the spine (%d x %d x %d)", ns,
                       args.nu, args.nv);
    float *made = malloc((size_t)ns * (size_t)args.nu * (size_t)args.nv * sizeof *made);
    if (!made || !frame) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a straightened volume of %d x %d x %d", ns,
                         args.nu, args.nv);
        goto out;
    }
    turns(turn);
    DM_TRY_OUT(grid_args(volume, &args.grid));
    DM_TRY_OUT(dm_buf_from(gpu, volume->v, dm_volume_count(volume) * sizeof(float), "volume", &g.volume));
    if (polar) DM_TRY_OUT(dm_buf_from(gpu, turn, sizeof turn, "angles", &g.turn));
    DM_TRY_OUT(gather_run(gpu, &g, frame, polar, args, ns, made));
    *out = made;
    made = NULL;
out:
    gather_free(&g);
    free(made);
    return status;
}

dm_status dm_curved_polar(dm_gpu *gpu, const dm_volume *volume, const dm_spine *spine, double s0, double ds,
                          int ns, double r0, double dr, int nr, float **out) {
    dm_curved_args args = {.nu = DM_NT, .nv = nr, .v0 = (float)r0, .dv = (float)dr};
    float *frame = ns > 0 ? frames_of(spine, s0, ds, ns) : NULL;
    dm_status status = curved(gpu, volume, frame, ns, 1, args, out);
    free(frame);
    return status;
}

dm_status dm_curved_plane(dm_gpu *gpu, const dm_volume *volume, const dm_spine *spine, double s0, double ds,
                          int ns, double a0, double da, int na, double l0, double dl, int nl, float **out) {
    dm_curved_args args = {
        .nu = na, .nv = nl, .u0 = (float)a0, .du = (float)da, .v0 = (float)l0, .dv = (float)dl};
    float *frame = ns > 0 ? frames_of(spine, s0, ds, ns) : NULL;
    dm_status status = curved(gpu, volume, frame, ns, 0, args, out);
    free(frame);
    return status;
}

/* A made-up oblique volume with a hole, and a bent line through it. */
static dm_status made_up(int edge, uint64_t seed, dm_volume *volume, float **frame, int ns) {
    const dm_affine to_lps = {{{0.9, 0.1, 0, -3}, {-0.1, 0.9, 0.05, 4}, {0, -0.05, 1.2, -7}}};
    DM_TRY(dm_volume_make(volume, edge, edge + 1, edge + 2, &to_lps));
    uint64_t state = seed * 2654435761u + 88172645463325252ull;
    for (size_t i = 0; i < dm_volume_count(volume); i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        volume->v[i] = state % 97 == 0 ? -30000.0f : (float)(state % 4096) - 1024.0f;
    }
    *frame = malloc((size_t)ns * 9 * sizeof **frame);
    if (!*frame) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d frames", ns);
    for (int i = 0; i < ns; i++) {
        double at[3] = {edge * (0.5 + 0.1 * sin(0.3 * i)), edge * 0.5, (double)i * edge / ns}, p[3];
        dm_affine_apply(&to_lps, at, p);
        const double v[3] = {0, -0.8, 0.6}, l[3] = {1, 0, 0};
        for (int c = 0; c < 3; c++) {
            (*frame)[i * 9 + c] = (float)p[c];
            (*frame)[i * 9 + 3 + c] = (float)v[c];
            (*frame)[i * 9 + 6 + c] = (float)l[c];
        }
    }
    return dm_ok;
}

static double largest_difference(const dm_volume *volume, const float *frame, dm_curved_args args, int polar,
                                 const float *out) {
    float turn[2 * DM_NT];
    double worst = 0;
    turns(turn);
    for (int i = 0; i < args.ns; i++)
        for (int j = 0; j < args.nu; j++)
            for (int k = 0; k < args.nv; k++) {
                float want = polar ? dm_curved_polar_at(&args, volume->v, frame, turn, i, j, k)
                                   : dm_curved_plane_at(&args, volume->v, frame, i, j, k);
                double error = fabs((double)(want - out[dm_at(k, j, i, args.nv, args.nu)]));
                if (!(error <= worst)) worst = error;
            }
    return worst;
}

static dm_status compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, int polar,
                         dm_check_result *r) {
    dm_volume volume = {0};
    float *frame = NULL, *out = NULL;
    dm_status status = dm_ok;
    dm_curved_args args = {.ns = edge,
                           .nu = polar ? DM_NT : edge,
                           .nv = edge,
                           .u0 = -0.3f * (float)edge,
                           .du = 0.7f,
                           .v0 = polar ? 0.0f : -0.4f * (float)edge,
                           .dv = polar ? 0.25f : 0.8f};
    DM_TRY_OUT(made_up(edge, seed, &volume, &frame, edge));
    DM_TRY_OUT(grid_args(&volume, &args.grid));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(curved(gpu, &volume, frame, edge, polar, args, &out));
    r->seconds = dm_gpu_seconds(gpu);
    r->items = (double)args.ns * args.nu * args.nv;
    r->bytes = 4 * (r->items + (double)dm_volume_count(&volume));
    r->error = with_reference ? largest_difference(&volume, frame, args, polar, out) : 0;
out:
    dm_volume_clear(&volume);
    free(frame), free(out);
    return status;
}

static dm_status compare_polar(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    return compare(gpu, edge, seed, with_reference, 1, r);
}

static dm_status compare_plane(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    return compare(gpu, edge, seed, with_reference, 0, r);
}

const dm_kernel_check dm_curved_checks[] = {
    {"curved_polar", 0.0, "same additions and products in the same order", compare_polar},
    {"curved_plane", 0.0, "same additions and products in the same order", compare_plane},
};
const int dm_curved_check_count = sizeof dm_curved_checks / sizeof *dm_curved_checks;
