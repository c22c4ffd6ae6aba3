/* Studies of the benches: a phantom's scan, and stages with the parameters of --set. */
#ifndef DM_STAGE_RUN_H
#define DM_STAGE_RUN_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phantom.h"
#include "scanner.h"
#include "stage.h"

/* Parameters: the defaults and what `set` ("STAGE.KEY=VALUE,...", may be NULL) says. Freed by the caller;
 * NULL when `set` is wrong, which is said. */
static inline void *bench_params(const dm_stage *stage, const char *set) {
    void *params = calloc(1, stage->params_size + 1);
    char text[600];
    if (!params) return NULL;
    dm_params_preset(stage->params, stage->n_params, params);
    snprintf(text, sizeof text, "%s", set ? set : "");
    for (char *save = NULL, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        char *dot = strchr(word, '.'), *equals = strchr(word, '=');
        if (!dot || !equals) continue;
        *dot = *equals = 0;
        if (strcmp(word, stage->name) != 0) continue;
        dm_status bad = dm_params_set(stage->params, stage->n_params, params, "--set", dot + 1, equals + 1);
        if (dm_good(bad)) continue;
        fprintf(stderr, "%s\n", bad.text);
        free(params);
        return NULL;
    }
    return params;
}

/* 1 = every word of `set` names a parameter of a stage and gives it a value that it may have; what is wrong is said. To be asked
 * before the first study, which would fail for it like all others. */
static inline int bench_set_is_right(const char *set) {
    char text[600];
    int right = 1;
    snprintf(text, sizeof text, "%s", set ? set : "");
    for (char *save = NULL, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        char *dot = strchr(word, '.'), *equals = strchr(word, '=');
        int known = dot && equals && dot < equals;
        if (known) *dot = 0, known = dm_stage_named(word) != NULL, *dot = '.';
        if (!known) fprintf(stderr, "--set: '%s' is not STAGE.KEY=VALUE of a stage\n", word);
        right &= known;
    }
    for (int k = 0; k < dm_stage_count; k++) {
        void *params = bench_params(dm_stages[k], set);
        right &= params != NULL;
        free(params);
    }
    return right;
}

/* 1 = done; why not is said. */
static inline int bench_run(dm_gpu *gpu, const dm_stage *stage, const char *set, dm_study *st) {
    void *params = bench_params(stage, set);
    if (!params) return 0;
    dm_status s = stage->run(gpu, params, st);
    free(params);
    if (!dm_good(s)) fprintf(stderr, "  FAILED %s %s: %s\n", stage->name, s.code, s.text);
    return dm_good(s);
}

static inline int bench_run_stage(dm_gpu *gpu, const char *name, const char *set, dm_study *st) {
    const dm_stage *stage = dm_stage_named(name);
    return stage && bench_run(gpu, stage, set, st);
}

/* The first n stages, one after another. */
static inline int bench_run_first(dm_gpu *gpu, int n, const char *set, dm_study *st) {
    int good = 1;
    for (int k = 0; good && k < n; k++) good = bench_run(gpu, dm_stages[k], set, st);
    return good;
}

/* How many kinds of phantoms are made in turn. */
static inline int bench_kinds(void) {
    int n = 0;
    while (dm_phantom_kinds[n]) n++;
    return n;
}

/* Protocol of case c, `name` being ctm, mrm or both: each of `kinds` kinds in turn has the one, then the other. */
static inline dm_ph_protocol bench_protocol(const char *name, int c, int kinds) {
    int mr = strcmp(name, "both") == 0 ? (c + c / kinds) % 2 : strcmp(name, "mrm") == 0;
    return mr ? PH_MRM : PH_CTM;
}

/* Phantom number c: of this kind, or NULL = all kinds in turn. 0 = none could be made. */
static inline int bench_phantom(uint64_t seed, int c, const char *kind, const char *protocol, dm_anatomy *a) {
    int n = bench_kinds();
    return dm_good(dm_anatomy_make(seed, c, kind ? kind : dm_phantom_kinds[c % n], bench_protocol(protocol, c, n), a));
}

/* Room for a phantom's scan as the first pass of an empty study. */
static inline int bench_blank_scan(const dm_anatomy *a, const dm_ph_scanner *sc, dm_study *st) {
    dm_scan *scan = &st->pass[0].scan;
    size_t voxels = (size_t)sc->args.nx * (size_t)sc->args.ny * (size_t)sc->args.nz;
    *scan = (dm_scan){.nx = sc->args.nx,
                      .ny = sc->args.ny,
                      .nz = sc->args.nz,
                      .to_lps = sc->to_lps,
                      .scale = 1,
                      .v = malloc(voxels * sizeof(int16_t))};
    st->n_passes = 1;
    st->pass[0].facts.kvp = sc->kvp > 0 ? sc->kvp : NAN;
    st->modality = a->protocol == PH_MRM ? DM_MR : DM_CT;
    st->contrast = a->protocol == PH_PLAIN ? DM_CONTRAST_NONE : st->modality == DM_MR ? DM_FLUID : DM_IODINE;
    return scan->v != NULL;
}

/* The phantom as the first pass of an empty study. */
static inline int bench_scan(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, dm_study *st) {
    return bench_blank_scan(a, sc, st) && dm_good(dm_ph_render(gpu, sc, a, st->pass[0].scan.v));
}

#endif
