/* bench_sacs:
 * Diverticula, fistula veins and misleading signs on digital phantoms, always with the frame of the real
 * stages: what was found and its size, free-response figures of veins, false signs. --host paints them into a
 * real CT without contrast instead (as `duramap phantom --host` does; kinds that its levels do not allow are
 * left out). --readings FILE appends what is weighed of every candidate of a vein; --fit FILE,FILE makes the
 * coefficients of the score (findings.vein_odds_*) from such files; --balls and --fit-balls do so for diverticula. --cache keeps each study
 * as the stage levels left it, so that the stages after it cost a second a study. --fair leaves out fistulas
 * whose vein the scan does not show. --seen renders each study
 * again without its diverticula and veins, to tell what the scan itself does not show. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../options.h"
#include "../painted.h"
#include "../stage_run.h"
#include "curved.h"
#include "host_frame.h"
#include "phantom.h"
#include "pictures.h"
#include "sacs.h"

enum { AFTER_MAP = 6 };

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

/* What all cases share. */
typedef struct job {
    dm_gpu *gpu;
    const dm_ph_host *host; /* NULL: drawn */
    uint64_t seed;
    dm_ph_protocol protocol;
    const char *cache, *set, *pictures, *dump;
    int each, fair, seen, bright_fat;
    FILE *readings, *balls; /* NULL: not asked for */
    totals *t;
} job;

static void score_case(const job *j, const dm_anatomy *a, const dm_ph_scanner *sc, const dm_study *st) {
    shown what;
    bench b = {a, sc, st, j->t, j->each, NULL, j->readings, j->balls};
    if (j->seen && a->n_blebs + a->n_veins > 0 && look_without(j->gpu, &b, &what)) b.shown = &what;
    j->t->studies++;
    score_blebs(&b), score_veins(&b), score_signs(&b);
    if (b.each) say_pools(&b);
    draw(j->pictures, &b);
    if (j->dump) dump(j->gpu, j->dump, &b);
    if (j->each)
        printf("  answer %s score %.2f qc %s\n", dm_answer_name(st->answer.kind), st->answer.score, st->qc);
}

/* As it was drawn (body.c), whatever the stages make of it. */
static int fat_is_bright(const dm_anatomy *a) {
    return (double)a->mat[PH_M_FAT] > 0.3 * a->sac_level;
}

static int one_case(const job *j, int number, const char *kind) {
    dm_anatomy *a = calloc(1, sizeof *a);
    dm_study *st = calloc(1, sizeof *st);
    dm_ph_scanner *sc = calloc(1, sizeof *sc);
    int good = a && st && sc && bench_subject(j->host, j->seed, number, kind, j->protocol, a, sc);
    for (int i = 0; good && i < a->n_veins && j->fair; i++) good = is_fair(sc, &a->vein[i]);
    good = good && (!j->bright_fat || fat_is_bright(a)) && make_study(j->gpu, a, sc, j->cache, j->set, st);
    if (j->each && good)
        printf("case %d %s %s noise %.0f sac %.0f pixel %.2f %.2f kvp %.0f age %.0f\n", number, kind,
               sc->field, sc->noise, a->sac_level, sc->pixel, sc->slice, sc->kvp, a->age);
    for (int k = AFTER_MAP; good && k < dm_stage_count; k++)
        good = bench_run(j->gpu, dm_stages[k], j->set, st);
    if (good) score_case(j, a, sc, st);
    if (st) dm_study_clear(st);
    if (a) dm_anatomy_clear(a);
    free(st), free(a), free(sc);
    fflush(stdout);
    return good;
}

static dm_ph_protocol protocol_of(const char *name) {
    if (strcmp(name, "mrm") == 0) return PH_MRM;
    return strcmp(name, "ct_plain") == 0 ? PH_PLAIN : PH_CTM;
}

static int run(const job *j, int argc, char **argv) {
    int from = atoi(bench_option(argc, argv, "--from", "0")),
        cases = atoi(bench_option(argc, argv, "--cases", "1"));
    char kinds[200], *kind[16];
    snprintf(kinds, sizeof kinds, "%s",
             bench_option(argc, argv, "--kinds", "fistula,diverticula,diverticulum_leak,c1c2,puncture,none"));
    int n = bench_kinds_of(kinds, j->host, kind, 16);
    for (int c = from; c < cases && n > 0; c++) one_case(j, c, kind[c % n]);
    report(j->t);
    report_signs(j->t);
    return n > 0 ? 0 : 1;
}

static const char help[] =
    "usage: bench_sacs [options]  or  bench_sacs --fit FILE,FILE  or  bench_sacs --fit-balls FILE,FILE\n"
    "Diverticula, fistula veins and misleading signs on digital phantoms, always with the frame of the real stages.\n"
    "\n"
    "  --seed S --from I --cases N --protocol ctm|mrm --kinds K,K   which phantoms\n"
    "  --host STUDY               paints them into a real CT without contrast instead\n"
    "  --cache DIR                keeps each study as the stage levels left it\n"
    "  --set STAGE.KEY=VALUE,...  parameters\n"
    "  --fair                     leaves out fistulas whose vein the scan does not show\n"
    "  --bright-fat               of MR only studies without fat suppression (three of ten)\n"
    "  --seen                     renders each study again without them, to tell what the scan does not show\n"
    "  --each                     truth and findings of every study\n"
    "  --dump DIR --pictures DIR  straightened boxes as numbers; the pictures of every study\n"
    "  --readings FILE            appends what is weighed of every candidate of a vein\n"
    "  --fit FILE,FILE            coefficients of the veins' score (findings.vein_odds_*) from such files\n"
    "  --balls FILE               appends what is weighed of every listed diverticulum\n"
    "  --fit-balls FILE,FILE      coefficients of the diverticula's score (findings.diverticulum_odds_*)\n"
    "  --near                     with either: starts from the coefficients of now and changes them as far as the files say\n"
    "  --help                     this text\n"
    "\n"
    "example:\n"
    "  bench_sacs --seed 5401 --cases 24 --cache /tmp/sacs --each\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    char files[4000];
    snprintf(files, sizeof files, "%s", bench_option(argc, argv, "--fit", ""));
    if (*files) return fit_veins(bench_has(argc, argv, "--near"), files);
    snprintf(files, sizeof files, "%s", bench_option(argc, argv, "--fit-balls", ""));
    if (*files) return fit_balls(bench_has(argc, argv, "--near"), files);
    const char *path = bench_option(argc, argv, "--host", NULL);
    job j = {.seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
             .protocol = protocol_of(bench_option(argc, argv, "--protocol", "ctm")),
             .cache = bench_cache(argc, argv),
             .set = bench_option(argc, argv, "--set", NULL),
             .pictures = bench_option(argc, argv, "--pictures", NULL),
             .dump = bench_option(argc, argv, "--dump", NULL),
             .each = bench_has(argc, argv, "--each"),
             .fair = bench_has(argc, argv, "--fair"),
             .seen = bench_has(argc, argv, "--seen"),
             .bright_fat = bench_has(argc, argv, "--bright-fat"),
             .t = calloc(1, sizeof(totals))};
    const char *readings = bench_option(argc, argv, "--readings", NULL),
               *balls = bench_option(argc, argv, "--balls", NULL);
    dm_host_frame frame = {0};
    if (!bench_set_is_right(j.set)) return 2;
    if (readings && !(j.readings = fopen(readings, "a"))) return 4;
    if (balls && !(j.balls = fopen(balls, "a"))) return 4;
    if (!j.t || !dm_good(dm_gpu_open(NULL, 0, &j.gpu))) return 4;
    dm_status s = path ? dm_host_open(j.gpu, path, &frame) : dm_ok;
    j.host = path ? &frame.host : NULL;
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    int rc = dm_good(s) ? run(&j, argc, argv) : 4;
    dm_host_clear(&frame);
    if (j.readings) fclose(j.readings);
    if (j.balls) fclose(j.balls);
    free(j.t);
    dm_gpu_close(j.gpu);
    return rc;
}
