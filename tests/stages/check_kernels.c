/* Every kernel check once, on tiny volumes: what ci/kernels.sh runs under oclgrind, an interpreter. Not an ordinary test.
 * usage: check_kernels [EDGE [NAME]]; NAME = only kernels of that name, "list" = only print the names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curved.h"
#include "phantom.h"
#include "stage.h"

static int run(dm_gpu *gpu, const dm_kernel_check *checks, int n, int edge, const char *name) {
    int failed = 0;
    for (int i = 0; i < n; i++) {
        if (name && strcmp(name, "list") == 0) puts(checks[i].kernel);
        if (name && strcmp(name, checks[i].kernel) != 0) continue;
        dm_check_result result = {0};
        dm_status s = checks[i].compare(gpu, edge, 3, 1, &result);
        int good = dm_good(s) && result.error <= checks[i].tolerance;
        printf("%-24s error %.3g, allowed %.3g  %s %s\n", checks[i].kernel, result.error, checks[i].tolerance,
               good ? "ok" : "WRONG", s.text);
        fflush(stdout);
        failed += !good;
    }
    return failed;
}

int main(int argc, char **argv) {
    int edge = argc > 1 ? atoi(argv[1]) : 8;
    const char *name = argc > 2 ? argv[2] : NULL;
    dm_gpu *gpu;
    dm_status s = dm_gpu_open(NULL, 0, &gpu);
    if (!dm_good(s) || edge < 6 || edge > 256) {
        fprintf(stderr, "usage: check_kernels [EDGE 6..256 [NAME]] %s\n", s.text);
        return 1;
    }
    int failed = run(gpu, dm_gpu_checks, dm_gpu_check_count, edge, name);
    for (int i = 0; i < dm_stage_count; i++) failed += run(gpu, dm_stages[i]->checks, dm_stages[i]->n_checks, edge, name);
    failed += run(gpu, dm_curved_checks, dm_curved_check_count, edge, name);
    failed += run(gpu, dm_phantom_checks, dm_phantom_check_count, edge, name);
    dm_gpu_close(gpu);
    return failed ? 1 : 0;
}
