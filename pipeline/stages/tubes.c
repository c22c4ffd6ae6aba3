#include "tubes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* s.d. of the blur before the Hessian, mm: veins of 1 to 3 mm. */
static const float scale[] = {0.9f, 1.3f};
enum { SCALES = 2, MOST_WEIGHTS = 16 };

typedef struct bench {
    dm_gpu *gpu;
    dm_tube_args a;
    dm_buf *box, *one, *two, *response, *weights;
} bench;

static void bench_free(bench *b) {
    dm_buf_free(b->box), dm_buf_free(b->one), dm_buf_free(b->two), dm_buf_free(b->response);
    dm_buf_free(b->weights);
}

static size_t voxels(const dm_tube_args *a) {
    return (size_t)a->nx * (size_t)a->ny * (size_t)a->nz;
}

static int make_weights(float sigma, float w[MOST_WEIGHTS]) {
    int radius = (int)ceilf(3 * sigma);
    if (radius > MOST_WEIGHTS - 1) radius = MOST_WEIGHTS - 1;
    double sum = 0;
    for (int k = 0; k <= radius; k++) sum += (k ? 2 : 1) * exp(-0.5 * k * k / (double)(sigma * sigma));
    for (int k = 0; k <= radius; k++) w[k] = (float)(exp(-0.5 * k * k / (double)(sigma * sigma)) / sum);
    return radius;
}

static dm_status launch(bench *b, const char *kernel, const dm_arg *args, int count) {
    const size_t global[3] = {(size_t)b->a.nx, (size_t)b->a.ny, (size_t)b->a.nz};
    return dm_gpu_run(b->gpu, "tube.cl", NULL, kernel, global, NULL, args, count);
}

/* box -> one, blurred by sigma mm along all axes. */
static dm_status blur(bench *b, float sigma) {
    const dm_buf *from = b->box;
    b->a.sigma = sigma;
    for (int axis = 0; axis < 3; axis++) {
        float w[MOST_WEIGHTS];
        dm_buf *to = axis == 1 ? b->two : b->one;
        b->a.axis = axis;
        b->a.radius = make_weights(sigma / b->a.step[axis], w);
        DM_TRY(dm_buf_write(b->weights, 0, w, sizeof w));
        const dm_arg args[] = {DM_ARG_BUF(from), DM_ARG_BUF(b->weights), DM_ARG_BUF(to), DM_ARG_VAL(b->a)};
        DM_TRY(launch(b, "tube_blur", args, 4));
        DM_TRY(dm_gpu_finish(b->gpu));
        from = to;
    }
    return dm_ok;
}

static dm_status open_bench(bench *b, const float *box) {
    size_t bytes = voxels(&b->a) * sizeof(float);
    DM_TRY(dm_buf_from(b->gpu, box, bytes, "straightened box", &b->box));
    DM_TRY(dm_buf_new(b->gpu, bytes, "blurred box", &b->one));
    DM_TRY(dm_buf_new(b->gpu, bytes, "half-blurred box", &b->two));
    DM_TRY(dm_buf_new(b->gpu, bytes, "tube response", &b->response));
    return dm_buf_new(b->gpu, MOST_WEIGHTS * sizeof(float), "weights", &b->weights);
}

dm_status dm_tubes_filter(dm_gpu *gpu, const float *box, dm_tube_args a, float *smooth, float *response) {
    bench b = {.gpu = gpu, .a = a};
    dm_status status = dm_ok;
    size_t n = voxels(&a);
    DM_TRY_OUT(open_bench(&b, box));
    DM_TRY_OUT(dm_buf_zero(b.response));
    for (int k = 0; k < SCALES; k++) {
        DM_TRY_OUT(blur(&b, scale[k]));
        const dm_arg args[] = {DM_ARG_BUF(b.one), DM_ARG_BUF(b.response), DM_ARG_VAL(b.a)};
        DM_TRY_OUT(launch(&b, "tube_response", args, 3));
        if (k == 0) DM_TRY_OUT(dm_buf_read(b.one, 0, smooth, n * sizeof(float)));
    }
    DM_TRY_OUT(dm_buf_read(b.response, 0, response, n * sizeof(float)));
out:
    bench_free(&b);
    return status;
}

/* ---- the kernels against their references ---- */

enum { BLUR, RESPONSE };

static dm_status run_one(bench *b, int which, float *got) {
    size_t bytes = voxels(&b->a) * sizeof(float);
    const dm_arg blur_args[] = {DM_ARG_BUF(b->box), DM_ARG_BUF(b->weights), DM_ARG_BUF(b->one), DM_ARG_VAL(b->a)};
    const dm_arg response[] = {DM_ARG_BUF(b->box), DM_ARG_BUF(b->response), DM_ARG_VAL(b->a)};
    DM_TRY(dm_buf_zero(b->response));
    DM_TRY(which == BLUR ? launch(b, "tube_blur", blur_args, 4) : launch(b, "tube_response", response, 3));
    return dm_buf_read(which == BLUR ? b->one : b->response, 0, got, bytes);
}

static double largest_difference(const float *v, const float *w, dm_tube_args a, int which, const float *got) {
    double worst = 0;
    for (int z = 0; z < a.nz; z++)
        for (int y = 0; y < a.ny; y++)
            for (int x = 0; x < a.nx; x++) {
                float want = which == BLUR ? dm_tube_blur(v, w, a, x, y, z) : dm_tube_response(v, a, x, y, z);
                double error = fabs((double)(want - got[dm_at(x, y, z, a.nx, a.ny)]));
                if (!(error <= worst)) worst = error;
            }
    return worst;
}

static dm_status compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, int which, dm_check_result *r) {
    bench b = {.gpu = gpu, .a = {.nx = edge + 1, .ny = edge, .nz = edge, .axis = (int)(seed % 3), .step = {0.7f, 0.7f, 1},
                                 .sigma = 0.9f, .low = -120, .high = 350}};
    size_t n = voxels(&b.a);
    float w[MOST_WEIGHTS] = {0}, *v = malloc(n * sizeof *v), *got = malloc(n * sizeof *got);
    uint64_t state = seed * 2654435761u + 88172645463325252ull;
    dm_status status = dm_ok;
    if (!v || !got) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the check of the tube filter");
        goto out;
    }
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        v[i] = state % 211 == 0 ? DM_OUTSIDE : (float)(state % 512) - 150;
    }
    b.a.radius = make_weights(b.a.sigma / b.a.step[b.a.axis], w);
    DM_TRY_OUT(open_bench(&b, v));
    DM_TRY_OUT(dm_buf_write(b.weights, 0, w, sizeof w));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(run_one(&b, which, got));
    *r = (dm_check_result){.items = (double)n, .bytes = 8.0 * (double)n, .seconds = dm_gpu_seconds(gpu)};
    if (with_reference) r->error = largest_difference(v, w, b.a, which, got);
out:
    bench_free(&b);
    free(v), free(got);
    return status;
}

dm_status dm_tube_compare_blur(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    return compare(gpu, edge, seed, with_reference, BLUR, r);
}
dm_status dm_tube_compare_response(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    return compare(gpu, edge, seed, with_reference, RESPONSE, r);
}
