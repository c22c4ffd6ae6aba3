/* A case of the bench: drawn, or painted into a host; brought as far as the stage map. */
#include <stdlib.h>

#include "../painted.h"
#include "../stage_run.h"
#include "sacs.h"

enum { AFTER_LEVELS = 5 };

/* From the scan to the names of the levels. */
static int from_scan(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, const char *set,
                     dm_study *st) {
    return bench_blank_scan(a, sc, st) && dm_good(bench_draw(gpu, sc, a, st->pass[0].scan.v)) &&
           bench_run_first(gpu, AFTER_LEVELS, set, st);
}

int make_study(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, const char *cache, const char *set,
               dm_study *st) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s%s_%d_%llu_%d.study", cache ? cache : "", a->host ? "host_" : "",
             a->kind, (int)a->protocol, (unsigned long long)a->seed, a->number);
    int good = cache && kept_study(path, st);
    if (!good) {
        good = from_scan(gpu, a, sc, set, st);
        if (good && cache) keep_study(path, st);
    }
    return good && bench_run(gpu, dm_stages[AFTER_LEVELS], set, st);
}
