/* bench_leaks [options]: pools outside the dura on digital phantoms, from the stage map on. bench_leaks
 * --help lists the options. Prints sensitivity by false marks a study, thickness, ratio and protocol, site,
 * interval, class and side, answers; with --ablate what each part of map and findings is worth; with
 * --gallery it draws the worst. */
#include <time.h>

#include "../options.h"
#include "leaks.h"
#include "host_frame.h"
#include "pictures.h"
#include "record.h"

static const char help[] =
    "usage: bench_leaks [options]\n"
    "Pools outside the dura on digital phantoms, from the stage map on.\n"
    "\n"
    "  --frame given|canal|real   who makes line, surfaces and levels (leak_study.h); given: the truth and a "
    "smooth error\n"
    "  --error MM                 s.d. of that error (0.4)\n"
    "  --seed S --from I --cases N --protocol ctm|mrm|both --kinds K,K,...   which phantoms (kinds in turn)\n"
    "  --host STUDY               paints into this real CT without contrast instead; its kinds are those that its levels allow\n"
    "  --dense                    short pools of graded thickness and ratio instead of the kind's own leak\n"
    "  --dense-seed S --dense-cases N   and N dense studies on the line of the truth with the surfaces of "
    "the stages\n"
    "  --true dura,bone           these surfaces from the truth; only on the truth's line (--frame canal, "
    "dense studies)\n"
    "  --cache DIR                keeps and takes studies up to the stage levels\n"
    "  --prepare                  only fills the cache\n"
    "  --set STAGE.KEY=VALUE,...  parameters, of the stages from map on\n"
    "  --all                      the whole stage findings; else pools alone (no diverticula, veins, false "
    "signs)\n"
    "  --ablate                   the same studies again with each part of map and findings switched off\n"
    "  --fit                      coefficients of the score (findings.odds_*); set list_score to 0.01 for "
    "it\n"
    "  --fit-from FILE,FILE       the same from files that --csv wrote, of studies measured at different times\n"
    "  --near                     with either: starts from the coefficients of now and changes them as far as the studies say\n"
    "  --only NAME,NAME           with --near: of these alone\n"
    "  --csv FILE                 a row for every candidate with its features and whether it is true\n"
    "  --pictures DIR             the pictures of every study\n"
    "  --gallery DIR              pictures of the ten most visible missed pools and the ten surest false "
    "marks, and gallery.csv\n"
    "  --each                     truth and findings of every study\n"
    "  --help                     this text\n"
    "\n"
    "example:\n"
    "  bench_leaks --frame real --seed 861 --cases 48 --dense-seed 864 --dense-cases 12 --cache /tmp/leaks "
    "--gallery /tmp/worst\n";

typedef struct plan {
    const dm_ph_host *host; /* NULL: drawn */
    uint64_t seed;
    const char *protocol, *kinds, *cache, *pictures, *surfaces;
    bench_frame frame;
    double error;
    int dense, prepare;
} plan;

/* What is measured of every study: once, or once with each part switched off. */
typedef struct variants {
    int n;
    char set[MOST_ABLATIONS][400];
    tally *t[MOST_ABLATIONS];
} variants;

/* Which phantom the study number k of the tallies was. */
typedef struct place {
    const plan *p;
    int c;
} place;

typedef struct work {
    dm_gpu *gpu;
    variants v;
    int n;
    place place[MOST];
} work;

/* Kinds in turn; of every kind both protocols in turn. 0 = none could be made. */
static int subject_of(const plan *p, int c, dm_anatomy *a, dm_ph_scanner *sc) {
    enum { MOST_KINDS = 32 };
    char words[500] = "", *kind[MOST_KINDS];
    size_t used = 0;
    for (int k = 0; !p->kinds && !p->dense && dm_phantom_kinds[k]; k++)
        used += (size_t)snprintf(words + used, sizeof words - used, "%s,", dm_phantom_kinds[k]);
    if (used == 0) snprintf(words, sizeof words, "%s", p->kinds ? p->kinds : "none");
    int n = bench_kinds_of(words, p->host, kind, MOST_KINDS), turn = p->kinds ? n : bench_kinds();
    return n > 0 && bench_subject(p->host, p->seed, c, kind[c % n], bench_protocol(p->protocol, c, turn), a, sc);
}

static void draw(const plan *p, const bench_case *b) {
    char folder[700];
    snprintf(b->st->study_id, sizeof b->st->study_id, "case %d", b->a->number);
    snprintf(b->st->protocol, sizeof b->st->protocol, "%s", b->a->kind);
    snprintf(folder, sizeof folder, "%s/%d_%s_%s", p->pictures, b->a->number, b->a->kind,
             dm_ph_protocol_name(b->a->protocol));
    dm_status s = dm_pictures_write(b->st, folder);
    if (s.severity != DM_OK) fprintf(stderr, "%s\n", s.text);
}

static void case_free(bench_case *b) {
    if (b->st) dm_study_clear(b->st);
    if (b->a) dm_anatomy_clear(b->a);
    free(b->st), free(b->a), free(b->sc);
    *b = (bench_case){0};
}

/* The phantom c of a plan with the stages up to levels done; 0 = not. */
static int case_make(dm_gpu *gpu, const plan *p, int c, bench_case *b) {
    *b = (bench_case){.a = bench_calloc(1, sizeof *b->a),
                      .sc = bench_calloc(1, sizeof *b->sc),
                      .st = bench_calloc(1, sizeof *b->st),
                      .frame = p->frame,
                      .error = p->error,
                      .dense = p->dense};
    if (!subject_of(p, c, b->a, b->sc)) return 0;
    if (p->dense) bench_dense_pools(b);
    if (!bench_study(gpu, b, p->cache) || !bench_early_pass(gpu, b)) return 0;
    if (p->surfaces && p->frame == BENCH_CANAL) bench_true_surfaces(b, p->surfaces);
    return 1;
}

/* The stages from findings on, the map as it is. */
static int find(dm_gpu *gpu, const tally *t, const char *set, dm_study *st) {
    memset(&st->findings, 0, sizeof st->findings);
    int good = t->all ? bench_run_stage(gpu, "findings", set, st) : dm_good(dm_pools_find(t->params, st));
    return good && bench_run_stage(gpu, "localise", set, st);
}

/* Map, findings and answer of every variant; the ablations of the map come last, so that the others share
 * one. */
static int measure(work *w, const bench_case *b) {
    char qc[sizeof b->st->qc];
    memcpy(qc, b->st->qc, sizeof qc);
    for (int k = 0; k < w->v.n; k++) {
        const char *set = w->v.set[k];
        if ((k == 0 || strstr(ablations[k].set, "map.")) && !bench_run_stage(w->gpu, "map", set, b->st))
            return 0;
        memcpy(b->st->qc, qc, sizeof qc);
        if (!find(w->gpu, w->v.t[k], set, b->st)) return 0;
        tally_study(w->v.t[k], b);
    }
    return 1;
}

static void one_case(work *w, const plan *p, int c) {
    bench_case b;
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    int good = case_make(w->gpu, p, c, &b) && (p->prepare || measure(w, &b));
    clock_gettime(CLOCK_MONOTONIC, &t1);
    if (w->v.t[0]->each || p->prepare || !good)
        printf("case %d %s %s %s noise %.0f sac %.0f: %.1f s%s\n", c, b.a->kind,
               dm_ph_protocol_name(b.a->protocol), b.sc->field, b.sc->noise, b.a->sac_level,
               (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec),
               good ? "" : " FAILED");
    if (good && !p->prepare && w->n < MOST) w->place[w->n++] = (place){p, c};
    if (good && p->pictures && w->v.n == 1) draw(p, &b);
    fflush(stdout);
    case_free(&b);
}

/* The worst of the first variant, each study made once more. 0 = not all were drawn. */
static int gallery(work *w, const char *folder) {
    const tally *t = w->v.t[0];
    exhibit shown[MOST_EXHIBITS];
    char path[1024], name[40];
    int n = gallery_pick(t, shown), good = dm_good(dm_folder_make(folder, 0777));
    snprintf(path, sizeof path, "%s/gallery.csv", folder);
    FILE *csv = good ? fopen(path, "w") : NULL;
    if (!csv) {
        fprintf(stderr, "%s cannot be written\n", path);
        return 0;
    }
    fputs(gallery_csv_head, csv);
    for (int k = 0; k < n; k++) {
        const place *at = &w->place[shown[k].study];
        bench_case b;
        snprintf(name, sizeof name, "%s_%02d.png", shown[k].missed ? "missed" : "false", shown[k].number);
        int made = case_make(w->gpu, at->p, at->c, &b) && bench_run_stage(w->gpu, "map", w->v.set[0], b.st) &&
                   find(w->gpu, t, w->v.set[0], b.st);
        good &= made && gallery_draw(t, &b, &shown[k], folder, name, csv);
        case_free(&b);
    }
    return good && fclose(csv) == 0;
}

/* Tallies of what is measured, and their parameters; 0 where --set is wrong, which is said. */
static int variants_make(int argc, char **argv, const char *set, variants *v) {
    if (!bench_set_is_right(set)) return 0;
    for (v->n = 0; v->n == 0 || (bench_has(argc, argv, "--ablate") && ablations[v->n].name); v->n++) {
        tally *t = v->t[v->n] = bench_calloc(1, sizeof *t);
        snprintf(v->set[v->n], sizeof v->set[v->n], "%s,%s", set, ablations[v->n].set);
        t->all = bench_has(argc, argv, "--all");
        t->each = v->n == 0 && bench_has(argc, argv, "--each");
        t->params = bench_params(dm_stage_named("findings"), v->set[v->n]);
        if (!t->params) return 0;
    }
    return 1;
}

static void variants_free(variants *v) {
    for (int k = 0; k < MOST_ABLATIONS; k++) {
        if (v->t[k]) free(v->t[k]->params);
        free(v->t[k]);
    }
}

static void run_cases(work *w, const plan *p, int from, int to) {
    for (int c = from; c < to; c++) one_case(w, p, c);
}

/* Opens the host that p paints into; path NULL: none. An exit code. */
static int host_of(dm_gpu *gpu, const char *path, dm_host_frame *host, plan *p) {
    if (!path) return 0;
    dm_status s = dm_host_open(gpu, path, host);
    p->host = &host->host, p->frame = BENCH_REAL, p->protocol = "ctm";
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    return dm_good(s) ? 0 : 4;
}

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    char files[4000];
    snprintf(files, sizeof files, "%s", bench_option(argc, argv, "--fit-from", ""));
    const fit_start start = {bench_has(argc, argv, "--near"), bench_option(argc, argv, "--only", "")};
    if (*files) return tally_fit_files(files, start);
    const char *frame = bench_option(argc, argv, "--frame", "given"),
               *csv = bench_option(argc, argv, "--csv", NULL),
               *worst = bench_option(argc, argv, "--gallery", NULL);
    plan p = {.seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
              .protocol = bench_option(argc, argv, "--protocol", "both"),
              .kinds = bench_option(argc, argv, "--kinds", NULL),
              .cache = bench_cache(argc, argv),
              .pictures = bench_option(argc, argv, "--pictures", NULL),
              .surfaces = bench_option(argc, argv, "--true", NULL),
              .frame = strcmp(frame, "real") == 0    ? BENCH_REAL
                       : strcmp(frame, "canal") == 0 ? BENCH_CANAL
                                                     : BENCH_GIVEN,
              .error = atof(bench_option(argc, argv, "--error", "0.4")),
              .dense = bench_has(argc, argv, "--dense"),
              .prepare = bench_has(argc, argv, "--prepare")};
    work *w = bench_calloc(1, sizeof *w);
    dm_host_frame host = {0};
    int rc = variants_make(argc, argv, bench_option(argc, argv, "--set", ""), &w->v) ? 0 : 2;
    if (rc == 0 && !dm_good(dm_gpu_open(NULL, 0, &w->gpu))) rc = 4;
    if (rc == 0) rc = host_of(w->gpu, bench_option(argc, argv, "--host", NULL), &host, &p);
    plan dense = p;
    dense.seed = strtoull(bench_option(argc, argv, "--dense-seed", "1"), NULL, 10);
    dense.dense = 1, dense.frame = p.host ? BENCH_REAL : BENCH_CANAL;
    if (rc == 0) {
        tally *t = w->v.t[0];
        t->csv = csv ? fopen(csv, "w") : NULL;
        if (t->csv) tally_csv_head(t->csv);
        run_cases(w, &p, atoi(bench_option(argc, argv, "--from", "0")),
                  atoi(bench_option(argc, argv, "--cases", "1")));
        run_cases(w, &dense, 0, atoi(bench_option(argc, argv, "--dense-cases", "0")));
        if (!p.prepare) tally_report(t);
        if (w->v.n > 1) ablation_report(w->v.t, w->v.n);
        if (bench_has(argc, argv, "--fit")) tally_fit(t, start);
        if (t->csv) fclose(t->csv);
        if (worst && !gallery(w, worst)) rc = 1;
    }
    if (w->gpu) dm_gpu_close(w->gpu);
    dm_host_clear(&host);
    variants_free(&w->v);
    free(w);
    return rc;
}
