/* bench_leaks [options]: pools outside the dura on digital phantoms, from the stage map on.
 *   --frame given|canal|real   who makes line, surfaces and levels (leak_study.h); given: the truth and a
 * smooth error
 *   --error MM                 s.d. of that error (0.4)
 *   --seed S --from I --cases N --protocol ctm|mrm|both --kinds K,K,...  which phantoms (kinds in turn)
 *   --dense                    short pools of graded thickness and ratio instead of the kind's own leak
 *   --dense-seed S --dense-cases N  and N dense studies on the line of the truth with the surfaces of the
 * stages
 *   --cache DIR                keeps and takes studies up to the stage levels
 *   --prepare                  only fills the cache
 *   --set STAGE.KEY=VALUE,...  parameters
 *   --all                      the whole stage findings; else pools alone (no diverticula, veins, false
 * signs)
 *   --fit                      coefficients of the score (findings.odds_*) from these studies; set list_score
 * to 0.01 for it
 *   --csv FILE                 a row for every candidate with its features and whether it is true
 *   --pictures DIR             the pictures of every study
 *   --each                     truth and findings of every study
 * Prints sensitivity by false marks a study, thickness, ratio and protocol, site, interval, class and side,
 * answers. */
#include <time.h>

#include "options.h"
#include "findings_parts.h"
#include "lost_pool.h"
#include "options.h"
#include "pictures.h"

enum { MOST = 20000, TERMS = DM_ODDS };

typedef struct mark { /* a candidate */
    int study, leak,
        sign; /* leak: index of the leak it hits, -1 none; sign: 1 = lies in a pool that misleads */
    double score, x[TERMS]; /* terms of the score's logistic model, 1 first */
    dm_false_sign flag;
} mark;

typedef struct lesion {
    int study, mr;
    double thickness, ratio, best; /* best: highest score of a mark that hits it, -1 none */
    double error, length;          /* of that mark: site against truth, interval, mm */
    int covered, class_right, side_right;
    int lost; /* lost_pool.h, were it missed */
} lesion;

typedef struct tally {
    int studies, ct, leak_free, answer[2][3]; /* [leaks][no, leak, cannot tell] */
    int n_marks, n_lesions;
    mark marks[MOST];
    lesion lesions[MOST];
    FILE *csv;
    int each, all;
    const dm_findings_params *params;
} tally;

/* s of a position of the anatomy's line on the study's line. */
static double line_s(const bench_case *b, double s_truth) {
    double p[3], s, theta, r;
    dm_ph_point_at(b->a, s_truth, 0, 0, p);
    dm_ph_to_patient(b->sc, p, p);
    dm_frame_from_lps(&b->st->spine, p, &s, &theta, &r);
    return s;
}

static int is_pool(const dm_ph_leak *k) {
    return strcmp(k->class_, "csf_venous_fistula") != 0;
}

/* Same side, and the site within the leak's extent and 10 mm. */
static int hits(const bench_case *b, const dm_finding *f, const dm_ph_leak *k) {
    return strcmp(k->side, dm_side_name(f->side)) == 0 && f->s > line_s(b, k->s_from) - 10 &&
           f->s < line_s(b, k->s_to) + 10;
}

/* Dorsal and within 25 mm of a misleading pool's middle. */
static int in_sign(const bench_case *b, const dm_finding *f) {
    for (int i = 0; i < b->a->n_signs; i++) {
        double p[3], s, theta, r;
        if (strcmp(b->a->sign[i].sign, "spur") == 0) continue;
        dm_ph_to_patient(b->sc, b->a->sign[i].p, p);
        dm_frame_from_lps(&b->st->spine, p, &s, &theta, &r);
        if (f->side == DM_DORSAL && fabs(f->s - s) < 25) return 1;
    }
    return 0;
}

static void csv_row(tally *t, const bench_case *b, const dm_finding *f, const mark *m) {
    const dm_pool_features *q = &f->pool;
    const lesion *l = m->leak >= 0 ? &t->lesions[m->leak] : NULL;
    fprintf(t->csv, "%llu,%d,%s,%s,%d,%d,%d,%d,%.4f,%s,%s,%.1f,%.1f,%.1f,%.2f,%.1f,%.3f,%.3f",
            (unsigned long long)b->a->seed, b->a->number, b->a->kind, b->st->modality == DM_MR ? "mr" : "ct",
            b->st->map.fat_bright, b->dense, m->sign ? -1 : l != NULL, (int)m->flag, f->score,
            dm_class_name(f->class_), dm_side_name(f->side), f->s, f->length_mm, f->volume_mm3,
            f->thickness_mm, f->theta, l ? l->thickness : 0, l ? l->ratio : 0);
    fprintf(t->csv, ",%.1f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f\n", q->area_mm2,
            q->fill, q->p90, q->hard, q->dark_gap, q->mirror, q->beyond, q->gap_mm, q->edges, q->open_bone,
            q->noise, q->low, q->usual);
}

static const char csv_head[] =
    "seed,case,kind,modality,fat,dense,label,flag,score,class,side,s,length,"
    "volume,thickness,theta,true_thickness,true_ratio,"
    "area,fill,p90,hard,dark_gap,mirror,beyond,gap,edges,open_bone,noise,low,usual\n";

static void score_mark(tally *t, const bench_case *b, const dm_finding *f, int first) {
    /* Where fat is as bright as fluid, nothing dorsal or sacral counts for the answer: neither hit nor false
     * mark. */
    int fat = b->st->map.fat_bright && (f->class_ == DM_DORSAL_TEAR || f->class_ == DM_SACRAL);
    if (t->n_marks >= MOST || f->class_ == DM_FISTULA || fat) return;
    mark *m = &t->marks[t->n_marks++];
    *m = (mark){
        .study = t->studies, .leak = -1, .sign = in_sign(b, f), .score = f->score, .flag = f->false_sign};
    dm_pool_terms(t->params, b->st, f, m->x);
    for (int i = 0, k = first; i < b->a->n_leaks; i++) {
        const dm_ph_leak *q = &b->a->leak[i];
        if (!is_pool(q)) continue;
        lesion *l = &t->lesions[k];
        if (hits(b, f, q)) m->leak = k, m->sign = 0;
        if (hits(b, f, q) && f->score > l->best) {
            l->best = f->score;
            l->error = fabs(f->s - line_s(b, q->s));
            l->length = f->site_to - f->site_from;
            l->covered = line_s(b, q->s) >= f->site_from && line_s(b, q->s) <= f->site_to;
            l->class_right = strcmp(q->class_, dm_class_name(f->class_)) == 0 ||
                             (strcmp(q->class_, "diverticulum_leak") == 0 && f->class_ == DM_LATERAL_TEAR);
        }
        k++;
    }
    if (t->csv) csv_row(t, b, f, m);
}

static void show(const bench_case *b) {
    const dm_study *st = b->st;
    for (int i = 0; i < b->a->n_leaks; i++) {
        const dm_ph_leak *k = &b->a->leak[i];
        printf("  TRUE leak %s %s %s clock %.1f s %.0f (%.0f..%.0f) thick %.1f ratio %.2f vol %.0f\n",
               k->class_, k->level_disc, k->side, k->clock, line_s(b, k->s), line_s(b, k->s_from),
               line_s(b, k->s_to), k->thickness, k->ratio, k->volume);
    }
    for (int i = 0; i < b->a->n_signs; i++) {
        double p[3], s, theta, r;
        if (!dm_ph_in_view(b->sc, b->a->sign[i].p)) continue;
        dm_ph_to_patient(b->sc, b->a->sign[i].p, p);
        dm_frame_from_lps(&st->spine, p, &s, &theta, &r);
        printf("  TRUE sign %s s %.0f\n", b->a->sign[i].sign, s);
    }
    for (int i = 0; i < st->findings.n; i++) {
        const dm_finding *f = &st->findings.f[i];
        printf("  found %s %s clock %.1f s %.0f (%.0f..%.0f, site %.0f..%.0f) thick %.1f ratio %.2f vol %.0f "
               "score %.3f%s %s\n",
               dm_class_name(f->class_), dm_side_name(f->side), f->clock, f->s, f->s_from, f->s_to,
               f->site_from, f->site_to, f->thickness_mm, f->peak_ratio, f->volume_mm3, f->score,
               f->accepted ? " ACCEPTED" : "", dm_false_sign_name(f->false_sign));
    }
    printf("  answer %s score %.2f qc %s\n", dm_answer_name(st->answer.kind), st->answer.score, st->qc);
}

static void score_study(tally *t, const bench_case *b) {
    const dm_study *st = b->st;
    int first = t->n_lesions, leaks = b->a->n_leaks > 0;
    for (int i = 0; i < b->a->n_leaks && t->n_lesions < MOST; i++) {
        const dm_ph_leak *k = &b->a->leak[i];
        if (is_pool(k))
            t->lesions[t->n_lesions++] =
                (lesion){.study = t->studies,
                         .mr = st->modality == DM_MR,
                         .thickness = k->thickness,
                         .ratio = k->ratio,
                         .best = -1,
                         .lost = lost_where(b, k, t->params->hysteresis_high, t->each)};
    }
    for (int i = 0; i < st->findings.n; i++) score_mark(t, b, &st->findings.f[i], first);
    t->answer[leaks][st->answer.kind]++;
    t->studies++;
    t->ct += st->modality == DM_CT;
    t->leak_free += !leaks;
    if (t->each) show(b);
}

/* ---- tables ---- */

/* Least score at which at most `rate` false marks a study remain: candidates that hit nothing and carry no
 * false sign. */
static double score_at(const tally *t, double rate) {
    double *s = bench_calloc((size_t)t->n_marks, sizeof *s);
    int n = 0, most = (int)(rate * t->studies);
    for (int i = 0; i < t->n_marks; i++)
        if (t->marks[i].leak < 0 && !t->marks[i].sign && t->marks[i].flag == DM_NO_SIGN)
            s[n++] = t->marks[i].score;
    bench_sort(s, n);
    double out = most < n ? s[n - 1 - most] : 0;
    free(s);
    return out;
}

static void share(const char *name, const tally *t, double least, double t0, double t1, double r0, double r1,
                  int mr) {
    int n = 0, found = 0;
    for (int i = 0; i < t->n_lesions; i++) {
        const lesion *l = &t->lesions[i];
        if (l->thickness < t0 || l->thickness >= t1 || l->ratio < r0 || l->ratio >= r1 ||
            (mr >= 0 && l->mr != mr))
            continue;
        n++, found += l->best > least;
    }
    printf("  %s %d/%d", name, found, n);
}

static void sensitivity(const tally *t) {
    static const double rate[] = {0.125, 0.25, 0.5, 1, 2};
    printf("false marks a study | score | all | thickness >= 1 and ratio >= .2 | CT | MR\n");
    for (int k = 0; k < 5; k++) {
        double least = score_at(t, rate[k]);
        printf("%5.3f %6.3f ", rate[k], least);
        share("all", t, least, 0, 99, 0, 9, -1);
        share("goal", t, least, 1, 99, 0.2, 9, -1);
        share("CT", t, least, 1, 99, 0.2, 9, 0);
        share("MR", t, least, 1, 99, 0.2, 9, 1);
        printf("\n");
    }
    static const double ratio[] = {0, 0.2, 0.3, 0.5, 9}, thick[] = {0, 1, 1.5, 2.3, 99};
    double least = score_at(t, 0.25);
    printf(
        "found at .25 false marks a study, rows: ratio, columns: thickness < 1, 1-1.5, 1.5-2.3, > 2.3 mm\n");
    for (int mr = 0; mr < 2; mr++)
        for (int k = 0; k < 4; k++) {
            printf("%s %.1f..%.1f", mr ? "MR" : "CT", ratio[k], ratio[k + 1]);
            for (int j = 0; j < 4; j++)
                share("", t, least, thick[j], thick[j + 1], ratio[k], ratio[k + 1], mr);
            printf("\n");
        }
}

static void sites(const tally *t) {
    double *error = bench_calloc((size_t)t->n_lesions, sizeof *error),
           *length = bench_calloc((size_t)t->n_lesions, sizeof *length);
    double least = score_at(t, 0.25);
    for (int mr = 0; mr < 2; mr++) {
        int n = 0, covered = 0, right = 0;
        for (int i = 0; i < t->n_lesions; i++) {
            const lesion *l = &t->lesions[i];
            if (l->mr != mr || l->best <= least) continue;
            error[n] = l->error, length[n++] = l->length;
            covered += l->covered, right += l->class_right;
        }
        bench_sort(error, n), bench_sort(length, n);
        if (n)
            printf("%s site error median %.1f, 90 %% %.1f, worst %.1f mm; interval median %.0f mm holds the "
                   "site %d/%d; class right %d/%d\n",
                   mr ? "MR" : "CT", error[n - 1 - n / 2], error[n - 1 - n / 10], error[n - 1],
                   length[n - 1 - n / 2], covered, n, right, n);
    }
    free(error), free(length);
}

static void misses(const tally *t) {
    double least = score_at(t, 0.25);
    printf("pools >= 1 mm and ratio >= .2 missed at .25 false marks a study:");
    for (int k = 0; k < LOST_N; k++) {
        int n[2] = {0, 0};
        for (int i = 0; i < t->n_lesions; i++) {
            const lesion *l = &t->lesions[i];
            n[l->mr] += l->thickness >= 1 && l->ratio >= 0.2 && l->best <= least && l->lost == k;
        }
        printf("  %s CT %d MR %d", lost_name[k], n[0], n[1]);
    }
    printf("\n");
}

/* Does a tenth of the candidates of score 0.1 hit a leak? */
static void calibration(const tally *t) {
    static const double edge[] = {0.05, 0.2, 0.35, 0.5, 0.7, 0.85, 1.01};
    printf("candidates that hit a leak, by score:");
    for (int k = 0; k < 6; k++) {
        int n = 0, hit = 0;
        for (int i = 0; i < t->n_marks; i++)
            if (!t->marks[i].sign && t->marks[i].score >= edge[k] && t->marks[i].score < edge[k + 1])
                n++, hit += t->marks[i].leak >= 0;
        printf("  %.2f-%.2f %d/%d", edge[k], fmin(edge[k + 1], 1), hit, n);
    }
    printf("\n");
}

/* Solves a x = b in place (Gauss; the ridge keeps a regular). */
static void solve(double a[TERMS][TERMS], double b[TERMS]) {
    for (int i = 0; i < TERMS; i++)
        for (int k = 0; k < TERMS; k++) {
            double f = k == i ? 0 : a[k][i] / a[i][i];
            for (int j = i; j < TERMS; j++) a[k][j] -= f * a[i][j];
            b[k] -= f * b[i];
        }
    for (int i = 0; i < TERMS; i++) b[i] /= a[i][i];
}

/* Logistic regression by Newton's method; every coefficient is expected within +-3 of 0. */
static void fit(const tally *t) {
    static const char *const name[TERMS] = {"base",   "size", "hard",  "fat",   "over",
                                            "sacral", "dim",  "usual", "alike", "corner"};
    double w[TERMS] = {0};
    for (int round = 0; round < 30; round++) {
        double h[TERMS][TERMS] = {{0}}, g[TERMS];
        for (int i = 0; i < TERMS; i++) h[i][i] = 1.0 / 9, g[i] = -w[i] / 9;
        for (int m = 0; m < t->n_marks; m++) {
            const mark *q = &t->marks[m];
            double x = 0;
            if (q->sign) continue;
            for (int i = 0; i < TERMS; i++) x += w[i] * q->x[i];
            double p = 1 / (1 + exp(-x));
            for (int i = 0; i < TERMS; i++) {
                g[i] += ((q->leak >= 0) - p) * q->x[i];
                for (int j = 0; j < TERMS; j++) h[i][j] += p * (1 - p) * q->x[i] * q->x[j];
            }
        }
        solve(h, g);
        for (int i = 0; i < TERMS; i++) w[i] += g[i];
    }
    printf("fitted:");
    for (int i = 0; i < TERMS; i++) printf(" findings.odds_%s=%.2f", name[i], w[i]);
    printf("\n");
}

static void report(const tally *t) {
    printf("%d studies, %d CT, %d without a leak, %d pools\n", t->studies, t->ct, t->leak_free, t->n_lesions);
    sensitivity(t);
    misses(t);
    calibration(t);
    sites(t);
    for (int k = 0; k < 2; k++)
        printf("%s: answered no_leak %d, leak %d, indeterminate %d\n", k ? "leaking" : "leak-free",
               t->answer[k][DM_NO_LEAK], t->answer[k][DM_LEAK], t->answer[k][DM_CANNOT_TELL]);
}

/* ---- the run ---- */

static int run_pools(const dm_findings_params *params, dm_study *st) {
    memset(&st->findings, 0, sizeof st->findings);
    return dm_good(dm_pools_find(params, st));
}

typedef struct plan {
    uint64_t seed;
    const char *protocol, *kinds, *cache, *set, *pictures;
    bench_frame frame;
    double error;
    int dense, prepare;
} plan;

static const char *kind_of(const plan *p, int c, char *room, size_t size) {
    if (!p->kinds) {
        int n = 0;
        while (dm_phantom_kinds[n]) n++;
        return p->dense ? "none" : dm_phantom_kinds[c % n];
    }
    int n = 1, want;
    for (const char *q = p->kinds; *q; q++) n += *q == ',';
    want = c % n;
    const char *from = p->kinds;
    while (want--) from = strchr(from, ',') + 1;
    snprintf(room, size, "%.*s", (int)strcspn(from, ","), from);
    return room;
}

/* Kinds in turn; of every kind both protocols in turn. */
static dm_ph_protocol protocol_of(const plan *p, int c) {
    int n = 1;
    if (strcmp(p->protocol, "both") != 0) return strcmp(p->protocol, "mrm") == 0 ? PH_MRM : PH_CTM;
    if (p->kinds)
        for (const char *q = p->kinds; *q; q++) n += *q == ',';
    else
        for (n = 0; dm_phantom_kinds[n];) n++;
    return (c + c / n) % 2 ? PH_MRM : PH_CTM;
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

static void one_case(dm_gpu *gpu, const plan *p, int c, tally *t) {
    char room[40];
    bench_case b = {.a = bench_calloc(1, sizeof *b.a),
                    .sc = bench_calloc(1, sizeof *b.sc),
                    .st = bench_calloc(1, sizeof *b.st),
                    .frame = p->frame,
                    .error = p->error,
                    .dense = p->dense};
    struct timespec t0, t1;
    clock_gettime(CLOCK_MONOTONIC, &t0);
    if (dm_good(dm_anatomy_make(p->seed, c, kind_of(p, c, room, sizeof room), protocol_of(p, c), b.a))) {
        dm_ph_make_scanner(b.a, 0, b.sc);
        if (p->dense) bench_dense_pools(&b);
        int good = bench_study(gpu, &b, p->cache);
        if (good && !p->prepare) {
            good = bench_run_stage(gpu, "map", p->set, b.st) &&
                   (t->all ? bench_run_stage(gpu, "findings", p->set, b.st) : run_pools(t->params, b.st)) &&
                   bench_run_stage(gpu, "localise", p->set, b.st);
        }
        clock_gettime(CLOCK_MONOTONIC, &t1);
        if (t->each || p->prepare || !good)
            printf("case %d %s %s %s noise %.0f sac %.0f: %.1f s%s\n", c, b.a->kind,
                   dm_ph_protocol_name(b.a->protocol), b.sc->field, b.sc->noise, b.a->sac_level,
                   (double)(t1.tv_sec - t0.tv_sec) + 1e-9 * (double)(t1.tv_nsec - t0.tv_nsec),
                   good ? "" : " FAILED");
        if (good && !p->prepare) score_study(t, &b);
        if (good && p->pictures) draw(p, &b);
        fflush(stdout);
    }
    dm_study_clear(b.st), dm_anatomy_clear(b.a);
    free(b.st), free(b.a), free(b.sc);
}

int main(int argc, char **argv) {
    const char *frame = bench_option(argc, argv, "--frame", "given"),
               *csv = bench_option(argc, argv, "--csv", NULL);
    plan p = {.seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
              .protocol = bench_option(argc, argv, "--protocol", "both"),
              .kinds = bench_option(argc, argv, "--kinds", NULL),
              .cache = bench_option(argc, argv, "--cache", NULL),
              .set = bench_option(argc, argv, "--set", NULL),
              .pictures = bench_option(argc, argv, "--pictures", NULL),
              .frame = strcmp(frame, "real") == 0    ? BENCH_REAL
                       : strcmp(frame, "canal") == 0 ? BENCH_CANAL
                                                     : BENCH_GIVEN,
              .error = atof(bench_option(argc, argv, "--error", "0.4")),
              .dense = bench_has(argc, argv, "--dense"),
              .prepare = bench_has(argc, argv, "--prepare")};
    tally *t = bench_calloc(1, sizeof *t);
    dm_gpu *gpu = NULL;
    void *params = bench_params(dm_stage_named("findings"), p.set);
    if (!params) return 2;
    t->params = params;
    t->each = bench_has(argc, argv, "--each"), t->all = bench_has(argc, argv, "--all");
    t->csv = csv ? fopen(csv, "w") : NULL;
    if (t->csv) fputs(csv_head, t->csv);
    if (!dm_good(dm_gpu_open(NULL, 0, &gpu))) return 4;
    for (int c = atoi(bench_option(argc, argv, "--from", "0"));
         c < atoi(bench_option(argc, argv, "--cases", "1")); c++)
        one_case(gpu, &p, c, t);
    plan dense = p;
    dense.seed = strtoull(bench_option(argc, argv, "--dense-seed", "1"), NULL, 10), dense.dense = 1,
    dense.frame = BENCH_CANAL;
    for (int c = 0; c < atoi(bench_option(argc, argv, "--dense-cases", "0")); c++)
        one_case(gpu, &dense, c, t);
    if (!p.prepare) report(t);
    if (bench_has(argc, argv, "--fit")) fit(t);
    if (t->csv) fclose(t->csv);
    dm_gpu_close(gpu);
    free(params);
    free(t);
    return 0;
}
