#include <math.h>

#include "curved.h"
#include "phantom.h"
#include "stage.h"
#include "verbs.h"

enum { EDGE = 24, SEED = 1 };

/* One list of checks; number that failed. */
static int run_list(dm_gpu *gpu, const dm_kernel_check *checks, int count, FILE *to) {
    int failed = 0;
    for (int i = 0; i < count; i++) {
        dm_check_result r = {0};
        dm_status s = checks[i].compare(gpu, EDGE, SEED, 1, &r);
        int good = dm_good(s) && isfinite(r.error) && r.error <= checks[i].tolerance;
        failed += !good;
        if (to)
            fprintf(to, "%-28s %12.3g %12.3g  %-6s %s\n", checks[i].kernel, r.error, checks[i].tolerance,
                    good ? "ok" : "FAILED", dm_good(s) ? checks[i].reason : s.text);
    }
    return failed;
}

int dm_selftest(dm_gpu *gpu, FILE *to) {
    if (to) fprintf(to, "%-28s %12s %12s  %-6s %s\n", "kernel", "error", "tolerance", "", "why this tolerance");
    int failed = run_list(gpu, dm_gpu_checks, dm_gpu_check_count, to) +
                 run_list(gpu, dm_curved_checks, dm_curved_check_count, to);
    for (int i = 0; i < dm_stage_count; i++) failed += run_list(gpu, dm_stages[i]->checks, dm_stages[i]->n_checks, to);
    return failed + run_list(gpu, dm_phantom_checks, dm_phantom_check_count, to);
}

int dm_verb_selftest(int argc, char **argv) {
    static const dm_verb_help help = {
        "selftest [--device D]",
        "Runs every kernel on the chosen device and compares it with its scalar C reference. Exit 4 when one differs by\n"
        "more than its stated tolerance: do not trust the tables of such a device.",
        "duramap selftest --device gpu"};
    const char *device = NULL;
    const dm_option options[] = {{"--device", DM_WORD, &device, "D", "number, part of a name, cpu or gpu"}};
    int words, code = dm_options_parse(argc, argv, &help, options, 1, &words);
    if (code >= 0) return code;
    dm_gpu *gpu = NULL;
    code = dm_tell(dm_open_device(device, 0, &gpu));
    if (code != DM_EXIT_DONE) return code;
    int failed = dm_selftest(gpu, stdout);
    dm_gpu_close(gpu);
    if (failed) fprintf(stderr, "duramap: selftest: %d kernels differ from their references on this device\n", failed);
    return failed ? DM_EXIT_FATAL : DM_EXIT_DONE;
}
