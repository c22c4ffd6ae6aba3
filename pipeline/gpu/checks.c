/* The layer's own self-tests: the bandwidth floor, and the elementary functions on the device against the host. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "check_math.h"
#include "copy.h"

typedef struct both {
    float *in, *got;
    dm_buf *from, *to;
} both;

static void both_free(both *b) {
    free(b->in), free(b->got);
    dm_buf_free(b->from), dm_buf_free(b->to);
}

/* n inputs from -range to range and room for n * per_item results. */
static dm_status both_make(dm_gpu *gpu, size_t n, size_t per_item, double range, uint64_t seed, both *b) {
    b->in = malloc(n * sizeof *b->in);
    b->got = malloc(n * per_item * sizeof *b->got);
    if (!b->in || !b->got) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a check of %zu items", n);
    uint64_t state = seed * 2654435761u + 88172645463325252u;
    for (size_t i = 0; i < n; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        b->in[i] = (float)(range * ((double)(state >> 40) / 8388608.0 - 1.0));
    }
    DM_TRY(dm_buf_from(gpu, b->in, n * sizeof *b->in, "check input", &b->from));
    return dm_buf_new(gpu, n * per_item * sizeof *b->got, "check output", &b->to);
}

static double larger_error(double error, float got, float expected) {
    double e = fabs((double)got - (double)expected);
    return e <= error ? error : e; /* NaN is kept */
}

static dm_status check_copy(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    dm_copy_args a = {.n = edge * edge, .rows = edge};
    size_t n = (size_t)a.n * (size_t)a.rows;
    both b = {0};
    dm_status status;
    DM_TRY_OUT(both_make(gpu, n, 1, 1000.0, seed, &b));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(dm_gpu_run(gpu, "copy.cl", NULL, "copy", (size_t[]){(size_t)a.n, (size_t)a.rows, 1}, NULL,
                          (dm_arg[]){DM_ARG_VAL(a), DM_ARG_BUF(b.from), DM_ARG_BUF(b.to)}, 3));
    DM_TRY_OUT(dm_buf_read(b.to, 0, b.got, n * sizeof *b.got));
    *result = (dm_check_result){0, (double)n, 8.0 * (double)n, dm_gpu_seconds(gpu)};
    for (size_t i = 0; with_reference && i < n; i++)
        result->error = larger_error(result->error, b.got[i], dm_copy_item(b.in, i));
out:
    both_free(&b);
    return status;
}

static dm_status check_fill(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    dm_copy_args a = {.n = edge * edge, .rows = edge, .value = (float)(seed % 97) - 0.5f};
    size_t n = (size_t)a.n * (size_t)a.rows;
    both b = {0};
    dm_status status;
    DM_TRY_OUT(both_make(gpu, n, 1, 1.0, seed, &b));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(dm_gpu_run(gpu, "copy.cl", NULL, "fill", (size_t[]){(size_t)a.n, (size_t)a.rows, 1}, NULL,
                          (dm_arg[]){DM_ARG_VAL(a), DM_ARG_BUF(b.to)}, 2));
    DM_TRY_OUT(dm_buf_read(b.to, 0, b.got, n * sizeof *b.got));
    *result = (dm_check_result){0, (double)n, 4.0 * (double)n, dm_gpu_seconds(gpu)};
    for (size_t i = 0; with_reference && i < n; i++) result->error = larger_error(result->error, b.got[i], a.value);
out:
    both_free(&b);
    return status;
}

static dm_status check_math(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    dm_check_math_args a = {.n = edge * edge * edge, .grid = {edge, edge, edge, {1, 0, 0, 0.3f, 0, 1, 0, -0.2f, 0, 0, 1, 0.1f}}};
    size_t n = (size_t)a.n, all = n * DM_CHECK_MATH_FUNCTIONS;
    both b = {0};
    dm_status status;
    DM_TRY_OUT(both_make(gpu, n, DM_CHECK_MATH_FUNCTIONS, 90.0, seed, &b));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(dm_gpu_run(gpu, "check_math.cl", NULL, "check_math", (size_t[]){n, DM_CHECK_MATH_FUNCTIONS, 1}, NULL,
                          (dm_arg[]){DM_ARG_VAL(a), DM_ARG_BUF(b.from), DM_ARG_BUF(b.from), DM_ARG_BUF(b.to)}, 4));
    DM_TRY_OUT(dm_buf_read(b.to, 0, b.got, all * sizeof *b.got));
    *result = (dm_check_result){0, (double)all, 8.0 * (double)all, dm_gpu_seconds(gpu)};
    for (int f = 0; with_reference && f < DM_CHECK_MATH_FUNCTIONS; f++)
        for (size_t i = 0; i < n; i++) {
            float expected = dm_check_math_item(&a, b.in, b.in, f, (int)i), got = b.got[(size_t)f * n + i];
            /* Relative, for exp: any difference of a bit counts. */
            double scale = fmax(1.0, fabs((double)expected));
            result->error = larger_error(result->error, (float)((double)got / scale), (float)((double)expected / scale));
        }
out:
    both_free(&b);
    return status;
}

const dm_kernel_check dm_gpu_checks[] = {
    {"copy", 0.0, "a copy", check_copy},
    {"fill", 0.0, "a constant", check_fill},
    {"check_math", 0.0, "elementary functions of +, -, *, / and sqrt, rounded alike, no contraction", check_math}};
const int dm_gpu_check_count = sizeof dm_gpu_checks / sizeof *dm_gpu_checks;
