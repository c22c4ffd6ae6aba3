/* bench_sacs [--seed S] [--from I] [--cases N] [--kinds K,K] [--protocol ctm|mrm] [--cache DIR] [--each]
 * [--dump DIR]
 *            [--set STAGE.KEY=VALUE,...]
 * Diverticula, fistula veins and misleading signs on digital phantoms, always with the frame of the real
 * stages: what was found and its size, free-response figures of veins, false signs. --cache keeps each study
 * as the stage levels left it, so that the stages after it cost a second a study. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curved.h"
#include "frame.h"
#include "level.h"
#include "phantom.h"
#include "scanner.h"
#include "stage.h"
#include "truth.h"

enum { MOST_MARKS = 8192, AFTER_LEVELS = 5 };

static const char *option(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return fallback;
}

/* ---- a study as the stage levels leaves it, on disk ---- */

/* One array, written or read; allocated when read. Returns 0 when the file ends early. */
static int array(FILE *f, int write, void *at, size_t bytes) {
    void **p = at;
    if (write) return fwrite(*p, 1, bytes, f) == bytes;
    *p = malloc(bytes + 1);
    return *p && fread(*p, 1, bytes, f) == bytes;
}

static int arrays(FILE *f, int write, dm_study *st) {
    size_t n = (size_t)st->spine.n, cells = n * DM_NT, three = 3 * n * sizeof(double);
    const dm_grid *g = &st->crop.coarse;
    size_t coarse = (size_t)g->n[0] * (size_t)g->n[1] * (size_t)g->n[2] * sizeof(float);
    dm_spine *s = &st->spine;
    dm_canal *c = &st->canal;
    return array(f, write, &st->crop.raw.v, dm_volume_count(&st->crop.raw) * sizeof(float)) &&
           array(f, write, &st->crop.clean.v, dm_volume_count(&st->crop.raw) * sizeof(float)) &&
           array(f, write, &st->crop.coarse.v, coarse) && array(f, write, &s->p, three) &&
           array(f, write, &s->tangent, three) && array(f, write, &s->ventral, three) &&
           array(f, write, &s->left, three) && array(f, write, &s->score, n * sizeof(float)) &&
           array(f, write, &s->unsure, n) && array(f, write, &c->r_dura, cells * sizeof(float)) &&
           array(f, write, &c->r_bone, cells * sizeof(float)) &&
           array(f, write, &c->q_dura, cells * sizeof(float)) &&
           array(f, write, &c->q_bone, cells * sizeof(float)) && array(f, write, &c->no_bone, cells) &&
           array(f, write, &c->filled, n) && array(f, write, &c->sac, n * sizeof(float));
}

static void forget(dm_study *st) {
    st->crop.evidence.v = NULL, st->crop.path = NULL, st->crop.n_path = 0;
    st->map = (dm_map){0};
    for (int i = 0; i < DM_MAX_PASSES; i++) st->pass[i].scan = (dm_scan){0};
}

static void keep_study(const char *path, const dm_study *st) {
    FILE *f = fopen(path, "wb");
    dm_study copy = *st;
    if (!f) return;
    forget(&copy);
    int good = fwrite(&copy, sizeof copy, 1, f) == 1 && arrays(f, 1, &copy);
    fclose(f);
    if (!good) remove(path);
}

static int kept_study(const char *path, dm_study *st) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    int good = fread(st, sizeof *st, 1, f) == 1;
    if (good) {
        st->crop.raw.v = st->crop.clean.v = st->crop.coarse.v = NULL;
        st->spine.p = st->spine.tangent = st->spine.ventral = st->spine.left = NULL;
        st->canal = (dm_canal){.n = st->canal.n};
        st->spine.score = NULL, st->spine.unsure = NULL;
        good = arrays(f, 0, st);
    }
    fclose(f);
    if (!good) dm_study_clear(st);
    return good;
}

/* The map too, while that stage stands still: its own file, to be deleted when the stage changes. */
static int map_arrays(FILE *f, int write, dm_map *m) {
    size_t n = (size_t)m->n, cells = n * DM_NT;
    return array(f, write, &m->e, cells * sizeof(float)) && array(f, write, &m->d, cells * sizeof(float)) &&
           array(f, write, &m->thickness, cells * sizeof(float)) && array(f, write, &m->assessed, cells) &&
           array(f, write, &m->sac, n * sizeof(float)) && array(f, write, &m->tissue, DM_NT * sizeof(float));
}

static int kept_map(const char *path, dm_study *st) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    int good = fread(&st->map, sizeof st->map, 1, f) == 1;
    if (good) {
        st->map = (dm_map){.n = st->map.n, .fat_bright = st->map.fat_bright};
        good = map_arrays(f, 0, &st->map);
    }
    fclose(f);
    return good;
}

static void keep_map(const char *path, dm_study *st) {
    FILE *f = fopen(path, "wb");
    if (!f) return;
    int good = fwrite(&st->map, sizeof st->map, 1, f) == 1 && map_arrays(f, 1, &st->map);
    fclose(f);
    if (!good) remove(path);
}

/* ---- stages ---- */

static int run_stage(dm_gpu *gpu, const dm_stage *stage, const char *set, dm_study *st) {
    void *params = calloc(1, stage->params_size + 1);
    char text[600];
    dm_status s = dm_ok;
    if (!params) return 0;
    dm_params_preset(stage->params, stage->n_params, params);
    snprintf(text, sizeof text, "%s", set ? set : "");
    for (char *save = NULL, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        char *dot = strchr(word, '.'), *equals = strchr(word, '=');
        if (!dot || !equals) continue;
        *dot = *equals = 0;
        if (strcmp(word, stage->name) == 0)
            s = dm_params_set(stage->params, stage->n_params, params, "--set", dot + 1, equals + 1);
        if (!dm_good(s)) break;
    }
    if (dm_good(s)) s = stage->run(gpu, params, st);
    free(params);
    if (!dm_good(s)) printf("  FAILED %s: %s %s\n", stage->name, s.code, s.text);
    return dm_good(s);
}

static int scan_of(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, dm_study *st) {
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
    st->contrast = st->modality == DM_MR ? DM_FLUID : DM_IODINE;
    return scan->v && dm_good(dm_ph_render(gpu, sc, a, scan->v));
}

static int make_study(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, const char *cache,
                      const char *set, dm_study *st) {
    char path[600], map[610];
    snprintf(path, sizeof path, "%s/%s_%d_%llu_%d.study", cache ? cache : "", a->kind, (int)a->protocol,
             (unsigned long long)a->seed, a->number);
    snprintf(map, sizeof map, "%s.map", path);
    int good = cache && kept_study(path, st);
    if (!good) {
        good = scan_of(gpu, a, sc, st);
        for (int k = 0; good && k < AFTER_LEVELS; k++) good = run_stage(gpu, dm_stages[k], set, st);
        if (good && cache) keep_study(path, st);
    }
    if (good && cache && kept_map(map, st)) return 1;
    good = good && run_stage(gpu, dm_stages[AFTER_LEVELS], set, st);
    if (good && cache) keep_map(map, st);
    return good;
}

/* ---- figures ---- */

typedef struct mark {
    double score;
    int hit; /* number of the true vein + 1, 0 = false */
} mark;

typedef struct totals {
    int studies, with_leak;
    int blebs, blebs_found, bleb_rows, bleb_false, arms;
    double size[MOST_MARKS], relative[MOST_MARKS];
    int n_size;
    int veins, fair_veins, n_marks; /* fair: at least 1.5 mm at CNR >= 4 */
    mark marks[MOST_MARKS];
    int fair[MOST_MARKS];
    int signs[3], signs_flagged[3], signs_taken[3], false_flags;
} totals;

typedef struct bench {
    const dm_anatomy *a;
    const dm_ph_scanner *sc;
    const dm_study *st;
    totals *t;
    int each;
} bench;

static double distance(const double p[3], const double q[3]) {
    return sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) +
                (p[2] - q[2]) * (p[2] - q[2]));
}

static void place_of(const dm_study *st, const double lps[3], char out[64]) {
    double s, theta, r;
    dm_frame_from_lps(&st->spine, lps, &s, &theta, &r);
    snprintf(out, 64, "s %.1f theta %.0f r %.1f", s, theta, r);
}

/* Rows that are fluid outside the dura all the same: the way of a lateral leak out through its foramen. */
static int at_lateral_leak(const bench *b, const double p[3], dm_side side) {
    for (int i = 0; i < b->a->n_leaks; i++) {
        double q[3];
        const dm_ph_leak *k = &b->a->leak[i];
        dm_ph_to_patient(b->sc, k->p, q);
        if (strcmp(k->side, dm_side_name(side)) == 0 && distance(p, q) < 25) return 1;
    }
    return 0;
}

static void score_blebs(const bench *b) {
    const dm_findings *f = &b->st->findings;
    int claimed[DM_MAX_DIVERTICULA] = {0};
    char where[64];
    for (int i = 0; i < b->a->n_blebs; i++) {
        const dm_ph_bleb *q = &b->a->bleb[i];
        double p[3];
        int best = -1;
        if (!dm_ph_in_view(b->sc, q->p)) continue;
        dm_ph_to_patient(b->sc, q->p, p);
        for (int k = 0; k < f->n_diverticula; k++)
            if (!claimed[k] && distance(p, f->d[k].lps) < 8 &&
                (best < 0 || distance(p, f->d[k].lps) < distance(p, f->d[best].lps)))
                best = k;
        if (best >= 0) claimed[best] = 1;
        place_of(b->st, p, where);
        if (b->each)
            printf("  %s bleb %s %s d %.1f leaking %d at %s: %.1f score %.2f\n",
                   best >= 0         ? "HIT "
                   : q->diameter < 5 ? "miss"
                                     : "MISS",
                   q->level_root, q->side, q->diameter, q->leaking, where,
                   best >= 0 ? f->d[best].diameter_mm : 0.0, best >= 0 ? f->d[best].score : 0.0);
        if (q->diameter < 5) continue;
        b->t->blebs++, b->t->blebs_found += best >= 0;
        if (best >= 0 && b->t->n_size < MOST_MARKS)
            b->t->size[b->t->n_size++] = f->d[best].diameter_mm - q->diameter;
    }
    for (int k = 0; k < f->n_diverticula; k++) {
        b->t->bleb_rows++;
        if (claimed[k]) continue;
        int arm = at_lateral_leak(b, f->d[k].lps, f->d[k].side);
        b->t->arms += arm, b->t->bleb_false += !arm;
        place_of(b->st, f->d[k].lps, where);
        if (b->each)
            printf("  %s bleb %s %s d %.1f score %.2f leaking %d at %s\n", arm ? "arm  " : "FALSE",
                   dm_level_name(f->d[k].root), dm_side_name(f->d[k].side), f->d[k].diameter_mm,
                   f->d[k].score, f->d[k].leaking, where);
    }
}

static int is_fair(const bench *b, const dm_ph_vein *v) {
    return v->diameter >= 1.5 && v->hu - 45 >= 4 * b->sc->noise;
}

static void score_veins(const bench *b) {
    const dm_findings *f = &b->st->findings;
    totals *t = b->t;
    int first = t->veins;
    char where[64];
    for (int i = 0; i < b->a->n_veins; i++) {
        double p[3];
        t->fair[t->veins++] = is_fair(b, &b->a->vein[i]);
        t->fair_veins += t->fair[t->veins - 1];
        dm_ph_to_patient(b->sc, b->a->vein[i].p, p);
        place_of(b->st, p, where);
        if (b->each)
            printf("  true vein %s %s length %.0f d %.1f hu %.0f noise %.0f at %s%s\n",
                   b->a->vein[i].level_root, b->a->vein[i].side, b->a->vein[i].length, b->a->vein[i].diameter,
                   b->a->vein[i].hu, b->sc->noise, where,
                   is_fair(b, &b->a->vein[i]) ? "" : " (below the goal's limits)");
    }
    for (int k = 0; k < f->n; k++) {
        const dm_finding *q = &f->f[k];
        int hit = 0;
        if (q->class_ != DM_FISTULA) continue;
        for (int i = 0; i < b->a->n_veins; i++) {
            double p[3];
            dm_ph_to_patient(b->sc, b->a->vein[i].p, p);
            /* same side, mark within 12 mm of where the vein begins: less than half a segment */
            if (strcmp(b->a->vein[i].side, dm_side_name(q->side)) == 0 &&
                distance(p, q->lps) < 12 + 0.5 * b->a->vein[i].length)
                hit = first + i + 1;
        }
        if (t->n_marks < MOST_MARKS) t->marks[t->n_marks++] = (mark){q->score, hit};
        place_of(b->st, q->lps, where);
        if (b->each)
            printf("  %s vein %s %s score %.3f length %.0f d %.1f peak %.0f sign %s at %s\n",
                   hit ? "HIT  " : "FALSE", dm_level_name(q->root), dm_side_name(q->side), q->score,
                   q->length_mm, q->thickness_mm, q->peak_value, dm_false_sign_name(q->false_sign), where);
    }
}

static void score_signs(const bench *b) {
    static const char *const names[3] = {"c1c2", "puncture", "spur"};
    const dm_findings *f = &b->st->findings;
    for (int i = 0; i < b->a->n_signs; i++) {
        double p[3];
        int which = 0, flagged = 0, taken = 0;
        if (!dm_ph_in_view(b->sc, b->a->sign[i].p)) continue;
        while (which < 2 && strcmp(b->a->sign[i].sign, names[which]) != 0) which++;
        dm_ph_to_patient(b->sc, b->a->sign[i].p, p);
        for (int k = 0; k < f->n; k++) {
            if (distance(p, f->f[k].lps) > (which == 2 ? 10 : 30)) continue;
            flagged |= f->f[k].false_sign != DM_NO_SIGN;
            taken |= f->f[k].accepted;
        }
        b->t->signs[which]++, b->t->signs_flagged[which] += flagged, b->t->signs_taken[which] += taken;
        if (b->each && which < 2)
            printf("  sign %s: %s%s\n", names[which], flagged ? "flagged" : "NOT FLAGGED",
                   taken ? ", TAKEN" : "");
    }
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}
static int by_score(const void *a, const void *b) {
    double x = ((const mark *)a)->score, y = ((const mark *)b)->score;
    return x > y ? -1 : x < y;
}

/* Share of the fair veins found where false marks reach `rate` a study. */
static double sensitivity(totals *t, double rate, double *at_score) {
    int *seen = calloc((size_t)t->veins + 1, sizeof *seen), n = 0, wrong = 0;
    *at_score = 0;
    for (int k = 0; seen && k < t->n_marks; k++) {
        if (!t->marks[k].hit && ++wrong > rate * t->studies) break;
        int v = t->marks[k].hit;
        *at_score = t->marks[k].score;
        if (v && !seen[v]) seen[v] = 1, n += t->fair[v - 1];
    }
    free(seen);
    return t->fair_veins ? (double)n / t->fair_veins : NAN;
}

static void report(totals *t) {
    double precision = t->bleb_rows ? 1 - (double)t->bleb_false / (t->bleb_rows - t->arms) : 0,
           recall = t->blebs ? (double)t->blebs_found / t->blebs : 0;
    printf("studies %d\ndiverticula >= 5 mm: %d found %d, rows %d false %d arms %d, precision %.2f recall "
           "%.2f F1 %.3f\n",
           t->studies, t->blebs, t->blebs_found, t->bleb_rows, t->bleb_false, t->arms, precision, recall,
           2 * precision * recall / fmax(precision + recall, 1e-9));
    double sum = 0;
    for (int i = 0; i < t->n_size; i++) sum += t->size[i], t->relative[i] = fabs(t->size[i]);
    qsort(t->relative, (size_t)t->n_size, sizeof *t->relative, by_value);
    if (t->n_size)
        printf("size error: mean %+.2f, median %.2f, 90 %% %.2f, worst %.2f mm\n", sum / t->n_size,
               t->relative[t->n_size / 2], t->relative[(int)(0.9 * (t->n_size - 1) + 0.5)],
               t->relative[t->n_size - 1]);
    qsort(t->marks, (size_t)t->n_marks, sizeof *t->marks, by_score);
    printf("veins %d, of these >= 1.5 mm at CNR >= 4: %d, marks %d\n", t->veins, t->fair_veins, t->n_marks);
    const double rate[5] = {0.125, 0.25, 0.5, 1, 2};
    for (int i = 0; i < 5; i++) {
        double score, s = sensitivity(t, rate[i], &score);
        printf("  sensitivity %.2f at %.3f false marks a study (score %.3f)\n", s, rate[i], score);
    }
    printf("signs flagged / taken / true: c1c2 %d %d %d, puncture %d %d %d, spur %d %d %d\n",
           t->signs_flagged[0], t->signs_taken[0], t->signs[0], t->signs_flagged[1], t->signs_taken[1],
           t->signs[1], t->signs_flagged[2], t->signs_taken[2], t->signs[2]);
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

static int one_case(dm_gpu *gpu, int argc, char **argv, uint64_t seed, int number, const char *kind,
                    dm_ph_protocol pr, totals *t, int each) {
    dm_anatomy *a = calloc(1, sizeof *a);
    dm_study *st = calloc(1, sizeof *st);
    dm_ph_scanner *sc = calloc(1, sizeof *sc);
    const char *set = option(argc, argv, "--set", NULL);
    int good = a && st && sc && dm_good(dm_anatomy_make(seed, number, kind, pr, a));
    if (good) {
        dm_ph_make_scanner(a, 0, sc);
        good = make_study(gpu, a, sc, option(argc, argv, "--cache", NULL), set, st);
    }
    if (each && good)
        printf("case %d %s %s noise %.0f sac %.0f pixel %.2f %.2f kvp %.0f age %.0f\n", number, kind,
               sc->field, sc->noise, a->sac_level, sc->pixel, sc->slice, sc->kvp, a->age);
    for (int k = AFTER_LEVELS + 1; good && k < dm_stage_count; k++)
        good = run_stage(gpu, dm_stages[k], set, st);
    if (good) {
        const bench b = {a, sc, st, t, each};
        t->studies++;
        score_blebs(&b), score_veins(&b), score_signs(&b);
        if (option(argc, argv, "--dump", NULL)) dump(gpu, option(argc, argv, "--dump", NULL), &b);
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
    uint64_t seed = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    int from = atoi(option(argc, argv, "--from", "0")), cases = atoi(option(argc, argv, "--cases", "1")),
        n = 0, each = 0;
    const char *protocol = option(argc, argv, "--protocol", "ctm");
    char kinds[200], *kind[16];
    dm_gpu *gpu = NULL;
    totals *t = calloc(1, sizeof *t);
    for (int i = 1; i < argc; i++) each |= strcmp(argv[i], "--each") == 0;
    snprintf(kinds, sizeof kinds, "%s",
             option(argc, argv, "--kinds", "fistula,diverticula,diverticulum_leak,c1c2,puncture,none"));
    for (char *save = NULL, *w = strtok_r(kinds, ",", &save); w && n < 16; w = strtok_r(NULL, ",", &save))
        kind[n++] = w;
    if (!t || n == 0 || !dm_good(dm_gpu_open(NULL, 0, &gpu))) return 4;
    dm_ph_protocol pr = strcmp(protocol, "mrm") == 0        ? PH_MRM
                        : strcmp(protocol, "ct_plain") == 0 ? PH_PLAIN
                                                            : PH_CTM;
    for (int c = from; c < cases; c++) one_case(gpu, argc, argv, seed, c, kind[c % n], pr, t, each);
    report(t);
    free(t);
    dm_gpu_close(gpu);
    return 0;
}
