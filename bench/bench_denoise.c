/* Non-local means as the stage runs it: padding, transfers and kernel, Mvoxel/s and error. See README.md here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "denoise.h"
#include "options.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double normal(uint64_t *state) {
    double u[2];
    for (int i = 0; i < 2; i++) {
        *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
        u[i] = ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
    }
    return sqrt(-2 * log(u[0])) * cos(6.283185307179586 * u[1]);
}

/* Nested tubes along z, as in a myelogram: air, muscle, bone, fat, contrast. */
static float tubes(int x, int y, int edge) {
    double r = hypot(x - 0.5 * edge, y - 0.5 * edge) / edge;
    return r > 0.48 ? -1000.0f : r > 0.3 ? 40.0f : r > 0.2 ? 700.0f : r > 0.15 ? -60.0f : 900.0f;
}

static double rmse(const float *a, const dm_volume *v) {
    double sum = 0;
    for (size_t i = 0; i < dm_volume_count(v); i++) {
        double d = (double)a[i] - (double)tubes((int)(i % (size_t)v->nx), (int)(i / (size_t)v->nx) % v->ny, v->nx);
        sum += d * d;
    }
    return sqrt(sum / (double)dm_volume_count(v));
}

static dm_status measure(dm_gpu *gpu, const dm_volume *in, const dm_noise *noise, const dm_nlm_settings *s, float *out,
                         double *seconds, double *cpu_seconds) {
    DM_TRY(dm_nlm_run(gpu, in, noise, s, out)); /* compiles */
    double start = now();
    clock_t cpu = clock(); /* all threads of the process */
    DM_TRY(dm_nlm_run(gpu, in, noise, s, out));
    *seconds = now() - start;
    *cpu_seconds = (double)(clock() - cpu) / CLOCKS_PER_SEC;
    return dm_ok;
}

static const char help[] =
    "usage: bench_denoise [EDGE 16..512] [RADIUS 1..7] [STRENGTH]\n"
    "Non-local means as the stage runs it: padding, transfers and kernel, Mvoxel/s and error.\n"
    "\n"
    "example:\n"
    "  bench_denoise 96 3\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    int edge = argc > 1 ? atoi(argv[1]) : 96, radius = argc > 2 ? atoi(argv[2]) : 3;
    const dm_affine unit = {{{0.5, 0, 0, 0}, {0, 0.5, 0, 0}, {0, 0, 0.5, 0}}};
    dm_gpu *gpu;
    dm_status status = dm_gpu_open(NULL, 0, &gpu);
    if (!dm_good(status) || edge < 16 || edge > 512 || radius < 1 || radius > 7) {
        fprintf(stderr, "%s%s\n", help, status.text);
        return 1;
    }
    dm_volume in = {0}, out = {0};
    dm_noise noise = {0};
    DM_TRY_OUT(dm_volume_make(&in, edge, edge, edge, &unit));
    DM_TRY_OUT(dm_volume_make(&out, edge, edge, edge, &unit));
    uint64_t state = 42;
    for (size_t i = 0; i < dm_volume_count(&in); i++)
        in.v[i] = tubes((int)(i % (size_t)edge), (int)(i / (size_t)edge) % edge, edge) + (float)(60 * normal(&state));
    DM_TRY_OUT(dm_noise_measure(&in, DM_CT, &noise));
    dm_nlm_settings s = {.radius = {radius, radius, radius}, .strength = argc > 3 ? atof(argv[3]) : 0.6};
    double seconds = 0, cpu = 0;
    DM_TRY_OUT(measure(gpu, &in, &noise, &s, out.v, &seconds, &cpu));
    printf("# device: %s, %d units, vector width %d\n", dm_gpu_describe(gpu)->name, dm_gpu_describe(gpu)->units,
           dm_gpu_vector_width(gpu));
    printf("edge,radius,strength,noise_measured,mvoxel_per_s,mvoxel_per_cpu_s,rmse_before,rmse_after\n%d,%d,%.2f,%.2f,%.3f,%.3f,%.2f,%.2f\n", edge, radius,
           s.strength, noise.sd, (double)dm_volume_count(&in) / seconds * 1e-6,
           (double)dm_volume_count(&in) / cpu * 1e-6, rmse(in.v, &in), rmse(out.v, &in));
out:
    if (!dm_good(status)) fprintf(stderr, "%s\n", status.text);
    dm_volume_clear(&in), dm_volume_clear(&out), dm_noise_clear(&noise);
    dm_gpu_close(gpu);
    return dm_good(status) ? 0 : 1;
}
