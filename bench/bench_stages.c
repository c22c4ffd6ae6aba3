/* Speed and error of every kernel beside each other; see README.md here. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "curved.h"
#include "options.h"
#include "phantom.h"
#include "stage.h"

enum { SEED = 20, REPEATS = 5, REFERENCE_EDGE = 24 };

/* The fastest of a few launches: the first one compiles, others meet the machine's other work. */
static dm_status fastest(dm_gpu *gpu, const dm_kernel_check *check, int edge, dm_check_result *best) {
    best->seconds = HUGE_VAL;
    for (int i = 0; i < REPEATS; i++) {
        dm_check_result result = {0};
        DM_TRY(check->compare(gpu, edge, SEED, 0, &result));
        if (result.seconds < best->seconds) *best = result;
    }
    return dm_ok;
}

/* The copy that the others are held against. The first buffers of a process are fresh pages, which the kernel's time would
 * pay for: later ones count. */
static dm_status copy_floor(dm_gpu *gpu, int edge, dm_check_result *best) {
    for (int i = 0; i < 2 * REPEATS; i++) {
        dm_check_result warm;
        DM_TRY(dm_gpu_checks[0].compare(gpu, edge, SEED, 0, &warm));
    }
    return fastest(gpu, &dm_gpu_checks[0], edge, best);
}

static int row(dm_gpu *gpu, const char *stage, const dm_kernel_check *check, int edge, double copy_rate) {
    dm_check_result small = {0}, large = {0};
    dm_status s = check->compare(gpu, REFERENCE_EDGE, SEED, 1, &small);
    if (dm_good(s)) s = fastest(gpu, check, edge, &large);
    if (!dm_good(s)) {
        printf("%s,%s,%d,,,,,,failed\n", stage, check->kernel, edge);
        fprintf(stderr, "%s %s: %s\n", stage, check->kernel, s.text);
        return 1;
    }
    double rate = large.bytes / large.seconds * 1e-9;
    int good = small.error <= check->tolerance;
    printf("%s,%s,%d,%.2f,%.3f,%.3f,%.3g,%.3g,%s\n", stage, check->kernel, edge, large.items / large.seconds * 1e-6, rate,
           rate / copy_rate, small.error, check->tolerance, good ? "ok" : "wrong");
    fflush(stdout);
    return !good;
}

static int rows(dm_gpu *gpu, const char *stage, const dm_kernel_check *checks, int n, int edge, double copy_rate) {
    int failed = 0;
    for (int i = 0; i < n; i++) failed += row(gpu, stage, &checks[i], edge, copy_rate);
    return failed;
}

static int all_rows(dm_gpu *gpu, int edge, double copy_rate) {
    int failed = rows(gpu, "gpu", dm_gpu_checks, dm_gpu_check_count, edge, copy_rate);
    for (int i = 0; i < dm_stage_count; i++)
        failed += rows(gpu, dm_stages[i]->name, dm_stages[i]->checks, dm_stages[i]->n_checks, edge, copy_rate);
    failed += rows(gpu, "curved", dm_curved_checks, dm_curved_check_count, edge, copy_rate);
    return failed + rows(gpu, "phantom", dm_phantom_checks, dm_phantom_check_count, edge, copy_rate);
}

static const char help[] =
    "usage: bench_stages [EDGE 6..256] [DEVICE]\n"
    "Speed and error of every kernel beside each other, as CSV.\n"
    "\n"
    "example:\n"
    "  bench_stages 96 gpu\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    int edge = argc > 1 ? atoi(argv[1]) : 128;
    if (edge < 6 || edge > 256) {
        fputs(help, stderr);
        return 1;
    }
    dm_gpu *gpu;
    dm_status s = dm_gpu_open(argc > 2 ? argv[2] : NULL, 0, &gpu);
    dm_check_result copy = {0};
    if (dm_good(s)) s = copy_floor(gpu, edge, &copy);
    if (!dm_good(s)) {
        fprintf(stderr, "%s\n", s.text);
        return 1;
    }
    const dm_gpu_info *info = dm_gpu_describe(gpu);
    printf("# device: %s; %s, driver %s; %d units; vector width %d; edge %d\n", info->name, info->platform, info->driver,
           info->units, dm_gpu_vector_width(gpu), edge);
    printf("stage,kernel,edge,mvoxel_per_s,gbyte_per_s,share_of_copy,error,tolerance,result\n");
    int failed = all_rows(gpu, edge, copy.bytes / copy.seconds * 1e-9);
    dm_gpu_close(gpu);
    return failed ? 2 : 0;
}
