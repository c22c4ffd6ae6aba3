/* bench_sacs [--seed S] [--from I] [--cases N] [--kinds K,K] [--protocol ctm|mrm] [--cache DIR] [--each]
 * [--dump DIR] [--pictures DIR] [--fair] [--seen]
 *            [--set STAGE.KEY=VALUE,...]
 * Diverticula, fistula veins and misleading signs on digital phantoms, always with the frame of the real
 * stages: what was found and its size, free-response figures of veins, false signs. --cache keeps each study
 * as the stage levels left it, so that the stages after it cost a second a study. --fair leaves out fistulas
 * whose vein the scan does not show. --seen renders each study
 * again without its diverticula and veins, to tell what the scan itself does not show. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../options.h"
#include "../stage_run.h"
#include "curved.h"
#include "phantom.h"
#include "pictures.h"
#include "sacs.h"

enum { AFTER_LEVELS = 5 };

/* ---- stages ---- */

static int make_study(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, const char *cache,
                      const char *set, dm_study *st) {
    char path[600], map[610];
    snprintf(path, sizeof path, "%s/%s_%d_%llu_%d.study", cache ? cache : "", a->kind, (int)a->protocol,
             (unsigned long long)a->seed, a->number);
    snprintf(map, sizeof map, "%s.map", path);
    int good = cache && kept_study(path, st);
    if (!good) {
        good = bench_scan(gpu, a, sc, st);
        for (int k = 0; good && k < AFTER_LEVELS; k++) good = bench_run(gpu, dm_stages[k], set, st);
        if (good && cache) keep_study(path, st);
    }
    if (good && cache && kept_map(map, st)) return 1;
    good = good && bench_run(gpu, dm_stages[AFTER_LEVELS], set, st);
    if (good && cache) keep_map(map, st);
    return good;
}

/* The straightened box as 16-bit numbers for experiments and pictures: s every mm, then a from -24 and l from
 * -52 every 0.5 mm (141 x 209); after it both surfaces and the sac as float. */
static void dump(dm_gpu *gpu, const char *folder, const bench *b) {
    enum { NA = 141, NL = 209 };
    const dm_study *st = b->st;
    char path[600];
    float *box = NULL;
    int nz = (int)((st->spine.n - 1) * st->spine.ds) + 1;
    size_t count = (size_t)nz * NA * NL;
    snprintf(path, sizeof path, "%s/%s_%d_%llu_%d.box", folder, b->a->kind, (int)b->a->protocol,
             (unsigned long long)b->a->seed, b->a->number);
    FILE *f = fopen(path, "wb");
    if (!f) return;
    if (dm_good(
            dm_curved_plane(gpu, &st->crop.raw, &st->spine, 0, 1, nz, -24, 0.5, NA, -52, 0.5, NL, &box))) {
        const int head[4] = {nz, st->spine.n, st->levels.n, (int)(1000 * st->spine.ds)};
        fwrite(head, sizeof head, 1, f);
        for (size_t i = 0; i < count; i++) {
            int16_t v = (int16_t)box[i];
            fwrite(&v, 2, 1, f);
        }
        size_t cells = (size_t)st->spine.n * DM_NT;
        fwrite(st->canal.r_dura, 4, cells, f), fwrite(st->canal.r_bone, 4, cells, f);
        fwrite(st->map.sac, 4, (size_t)st->spine.n, f), fwrite(st->map.tissue, 4, DM_NT, f);
        for (int i = 0; i < st->levels.n; i++) {
            const float v[3] = {(float)st->levels.v[i].level, (float)st->levels.v[i].s_from,
                                (float)st->levels.v[i].s_to};
            fwrite(v, sizeof v, 1, f);
        }
    }
    free(box);
    fclose(f);
}

/* The pictures that a run writes of a study. */
static void draw(const char *folder, const bench *b) {
    char path[600];
    if (!folder) return;
    snprintf(path, sizeof path, "%s/%d_%s", folder, b->a->number, b->a->kind);
    dm_status s = dm_pictures_write(b->st, path);
    if (!dm_good(s)) printf("  %s\n", s.text);
}

static int one_case(dm_gpu *gpu, int argc, char **argv, uint64_t seed, int number, const char *kind,
                    dm_ph_protocol pr, totals *t, int each) {
    dm_anatomy *a = calloc(1, sizeof *a);
    dm_study *st = calloc(1, sizeof *st);
    dm_ph_scanner *sc = calloc(1, sizeof *sc);
    const char *set = bench_option(argc, argv, "--set", NULL);
    int good = a && st && sc && dm_good(dm_anatomy_make(seed, number, kind, pr, a));
    if (good) dm_ph_make_scanner(a, 0, sc);
    for (int i = 0; good && i < a->n_veins && bench_has(argc, argv, "--fair"); i++)
        good = is_fair(sc, &a->vein[i]);
    if (good) {
        good = make_study(gpu, a, sc, bench_option(argc, argv, "--cache", NULL), set, st);
    }
    if (each && good)
        printf("case %d %s %s noise %.0f sac %.0f pixel %.2f %.2f kvp %.0f age %.0f\n", number, kind,
               sc->field, sc->noise, a->sac_level, sc->pixel, sc->slice, sc->kvp, a->age);
    for (int k = AFTER_LEVELS + 1; good && k < dm_stage_count; k++)
        good = bench_run(gpu, dm_stages[k], set, st);
    if (good) {
        shown what;
        bench b = {a, sc, st, t, each, NULL};
        int asked = bench_has(argc, argv, "--seen") && a->n_blebs + a->n_veins > 0;
        if (asked && look_without(gpu, &b, &what)) b.shown = &what;
        t->studies++;
        score_blebs(&b), score_veins(&b), score_signs(&b);
        draw(bench_option(argc, argv, "--pictures", NULL), &b);
        if (bench_option(argc, argv, "--dump", NULL)) dump(gpu, bench_option(argc, argv, "--dump", NULL), &b);
        if (each)
            printf("  answer %s score %.2f qc %s\n", dm_answer_name(st->answer.kind), st->answer.score,
                   st->qc);
    }
    if (st) dm_study_clear(st);
    if (a) dm_anatomy_clear(a);
    free(st), free(a), free(sc);
    fflush(stdout);
    return good;
}

int main(int argc, char **argv) {
    uint64_t seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10);
    int from = atoi(bench_option(argc, argv, "--from", "0")),
        cases = atoi(bench_option(argc, argv, "--cases", "1")), n = 0, each = bench_has(argc, argv, "--each");
    const char *protocol = bench_option(argc, argv, "--protocol", "ctm");
    char kinds[200], *kind[16];
    dm_gpu *gpu = NULL;
    totals *t = calloc(1, sizeof *t);
    snprintf(kinds, sizeof kinds, "%s",
             bench_option(argc, argv, "--kinds", "fistula,diverticula,diverticulum_leak,c1c2,puncture,none"));
    for (char *save = NULL, *w = strtok_r(kinds, ",", &save); w && n < 16; w = strtok_r(NULL, ",", &save))
        kind[n++] = w;
    if (!t || n == 0 || !dm_good(dm_gpu_open(NULL, 0, &gpu))) return 4;
    dm_ph_protocol pr = strcmp(protocol, "mrm") == 0        ? PH_MRM
                        : strcmp(protocol, "ct_plain") == 0 ? PH_PLAIN
                                                            : PH_CTM;
    for (int c = from; c < cases; c++) one_case(gpu, argc, argv, seed, c, kind[c % n], pr, t, each);
    report(t);
    report_signs(t);
    free(t);
    dm_gpu_close(gpu);
    return 0;
}
