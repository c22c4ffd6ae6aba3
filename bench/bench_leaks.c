/* bench_leaks [--seed S] [--from I] [--cases N] [--kind K] [--protocol ctm|mrm|ct_plain] [--error MM] [--dump DIR] [--cache DIR] [--set STAGE.KEY=VALUE,...] [--real]
 * The stages map, findings and localise alone, on digital phantoms whose centre line, surfaces (plus a smooth error of
 * MM mm, s.d.) and levels are given: what detection could reach were the stages before it right. --real runs all stages. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "curved.h"
#include "frame.h"
#include "level.h"
#include "phantom.h"
#include "places.h"
#include "scanner.h"
#include "stage.h"
#include "truth.h"

static const char *option(int argc, char **argv, const char *name, const char *fallback) {
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    return fallback;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int in_view(const dm_anatomy *a, const dm_ph_scanner *sc, double s) {
    double p[3];
    dm_ph_point_at(a, s, 0, 0, p);
    return dm_ph_in_view(sc, p);
}

/* Smooth error: three waves in s and theta with random phases, s.d. `sd`. */
static double wave(double sd, const double phase[3], double s, double theta) {
    return sd * 0.82 *
           (sin(s / 6 + phase[0] + 2 * theta) + sin(s / 9 - 3 * theta + phase[1]) + sin(s / 4 + theta + phase[2]));
}

static int make_canal(const dm_anatomy *a, int from, int n, double sd, dm_study *st) {
    size_t cells = (size_t)n * DM_NT;
    dm_canal *c = &st->canal;
    double phase[6];
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "bench surfaces");
    for (int k = 0; k < 6; k++) phase[k] = dm_ph_uniform(&r, 0, 6.28);
    *c = (dm_canal){.n = n, .r_dura = malloc(cells * 4), .r_bone = malloc(cells * 4), .q_dura = calloc(cells, 4),
                    .q_bone = calloc(cells, 4), .no_bone = calloc(cells, 1), .filled = calloc((size_t)n, 1),
                    .sac = malloc((size_t)n * 4)};
    if (!c->r_dura || !c->r_bone || !c->q_dura || !c->q_bone || !c->no_bone || !c->filled || !c->sac) return 0;
    for (int i = 0; i < n; i++) {
        c->filled[i] = strcmp(a->kind, "no_contrast") != 0 && a->protocol != PH_PLAIN && from + i < a->sac_end_s;
        c->sac[i] = c->filled[i] ? (float)a->sac_level : DM_OUTSIDE;
        for (int t = 0; t < DM_NT; t++) {
            size_t at = (size_t)i * DM_NT + (size_t)t;
            double th = 5.0 * t, w = th * 0.017453292519943295;
            c->r_dura[at] = (float)(dm_ph_wall_at(a, PH_RD, from + i, th) + wave(sd, phase, i, w));
            c->r_bone[at] = (float)(dm_ph_wall_at(a, PH_RB, from + i, th) + wave(sd, phase + 3, i, -w));
            if (c->r_bone[at] < c->r_dura[at] + 0.3f) c->r_bone[at] = c->r_dura[at] + 0.3f;
            c->q_dura[at] = c->q_bone[at] = 0.9f;
        }
    }
    return 1;
}

/* Renders, or takes what an earlier run has kept in the folder `cache`. */
static int render(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, const char *cache, int16_t *v, size_t n) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s_%d_%llu_%d.i16", cache ? cache : "", a->kind, (int)a->protocol,
             (unsigned long long)a->seed, a->number);
    FILE *f = cache ? fopen(path, "rb") : NULL;
    if (f) {
        size_t got = fread(v, 2, n, f);
        fclose(f);
        if (got == n) return 1;
    }
    if (!dm_good(dm_ph_render(gpu, sc, a, v))) return 0;
    f = cache ? fopen(path, "wb") : NULL;
    if (f) {
        fwrite(v, 2, n, f);
        fclose(f);
    }
    return 1;
}

static int make_study(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, double sd, const char *cache,
                      dm_study *st) {
    size_t voxels = (size_t)sc->args.nx * (size_t)sc->args.ny * (size_t)sc->args.nz;
    int16_t *v = malloc(voxels * sizeof *v);
    if (!v || !render(gpu, a, sc, cache, v, voxels)) return 0;
    if (!dm_good(dm_volume_make(&st->crop.raw, sc->args.nx, sc->args.ny, sc->args.nz, &sc->to_lps))) return 0;
    for (size_t i = 0; i < voxels; i++) st->crop.raw.v[i] = (float)v[i];
    free(v);
    st->crop.noise_sd = sc->noise;
    st->modality = a->protocol == PH_MRM ? DM_MR : DM_CT;
    st->contrast = st->modality == DM_MR ? DM_FLUID : DM_IODINE;
    int from = 0, to = a->n_nodes - 2;
    while (from < to && !in_view(a, sc, from)) from++;
    while (to > from && !in_view(a, sc, to)) to--;
    if (!dm_good(dm_spine_make(&st->spine, to - from + 1, 1.0))) return 0;
    for (int i = 0; i <= to - from; i++) {
        double p[3];
        dm_ph_point_at(a, from + i, 0, 0, p);
        dm_ph_to_patient(sc, p, st->spine.p[i]);
        st->spine.score[i] = 1, st->spine.unsure[i] = 0;
    }
    if (!dm_good(dm_frame_build(&st->spine))) return 0;
    for (int i = 0; i < a->n_verts && st->levels.n < DM_MAX_VERTEBRAE; i++) {
        const dm_ph_vert *q = &a->vert[i];
        double mid = 0.5 * (q->body_top + q->body_low);
        if (mid < from || mid > to) continue;
        st->levels.v[st->levels.n++] = (dm_vertebra){
            .level = q->level, .s_from = q->s_from - from, .s_to = q->s_to - from, .s_mid = mid - from};
    }
    st->levels.anchored = 1;
    return make_canal(a, from, to - from + 1, sd, st);
}

static int real_study(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, const char *cache, dm_study *st) {
    dm_scan *scan = &st->pass[0].scan;
    size_t voxels = (size_t)sc->args.nx * (size_t)sc->args.ny * (size_t)sc->args.nz;
    *scan = (dm_scan){.nx = sc->args.nx, .ny = sc->args.ny, .nz = sc->args.nz, .to_lps = sc->to_lps, .scale = 1,
                      .v = malloc(voxels * sizeof(int16_t))};
    st->n_passes = 1;
    st->modality = a->protocol == PH_MRM ? DM_MR : DM_CT;
    st->contrast = st->modality == DM_MR ? DM_FLUID : DM_IODINE;
    return scan->v && render(gpu, a, sc, cache, scan->v, voxels);
}

/* Parameters: the defaults and what --set STAGE.KEY=VALUE,... says. */
static int run_stage(dm_gpu *gpu, const char *name, const char *set, dm_study *st) {
    for (int i = 0; i < dm_stage_count; i++) {
        if (strcmp(dm_stages[i]->name, name) != 0) continue;
        void *params = calloc(1, dm_stages[i]->params_size + 1);
        if (!params) return 0;
        dm_params_preset(dm_stages[i]->params, dm_stages[i]->n_params, params);
        char text[400];
        snprintf(text, sizeof text, "%s", set ? set : "");
        for (char *save = NULL, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
            char *dot = strchr(word, '.'), *equals = strchr(word, '=');
            if (!dot || !equals) continue;
            *dot = *equals = 0;
            if (strcmp(word, name) != 0) continue;
            dm_status bad = dm_params_set(dm_stages[i]->params, dm_stages[i]->n_params, params, "--set", dot + 1, equals + 1);
            if (!dm_good(bad)) printf(" %s ", bad.text);
        }
        double t = now();
        dm_status s = dm_stages[i]->run(gpu, params, st);
        printf(" %s %.2fs", name, now() - t);
        free(params);
        if (!dm_good(s)) printf(" FAILED %s: %s\n", s.code, s.text);
        return dm_good(s);
    }
    return 0;
}

static void dump(dm_gpu *gpu, const char *folder, const dm_anatomy *a, const dm_study *st) {
    char path[600];
    size_t cells = (size_t)st->map.n * DM_NT;
    snprintf(path, sizeof path, "%s/%s_%d.bin", folder, a->kind, a->number);
    FILE *f = fopen(path, "wb");
    if (!f) return;
    fwrite(st->map.e, 4, cells, f), fwrite(st->map.d, 4, cells, f), fwrite(st->map.thickness, 4, cells, f);
    fwrite(st->canal.r_dura, 4, cells, f), fwrite(st->canal.r_bone, 4, cells, f);
    float *polar = NULL;
    if (dm_good(dm_curved_polar(gpu, &st->crop.raw, &st->spine, 0, st->spine.ds, st->spine.n, 0, 0.25, 81, &polar)))
        fwrite(polar, 4, cells * 81, f);
    free(polar);
    fclose(f);
}

/* s of a position of the anatomy's line on the study's line. */
static double line_s(const dm_anatomy *a, const dm_ph_scanner *sc, const dm_study *st, double s_truth) {
    double p[3], s, theta, r;
    dm_ph_point_at(a, s_truth, 0, 0, p);
    dm_ph_to_patient(sc, p, p);
    dm_frame_from_lps(&st->spine, p, &s, &theta, &r);
    return s;
}

static void show_truth(const dm_anatomy *a, const dm_ph_scanner *sc, const dm_study *st) {
    for (int i = 0; i < a->n_leaks; i++) {
        const dm_ph_leak *k = &a->leak[i];
        printf("  TRUE leak %s disc %s root %s side %s clock %.1f s %.0f (%.0f..%.0f) thick %.1f ratio %.2f vol %.0f\n", k->class_,
               k->level_disc, k->level_root, k->side, k->clock, line_s(a, sc, st, k->s), line_s(a, sc, st, k->s_from),
               line_s(a, sc, st, k->s_to), k->thickness, k->ratio, k->volume);
    }
    for (int i = 0; i < a->n_blebs; i++)
        if (dm_ph_in_view(sc, a->bleb[i].p)) {
            double p[3], s, theta, r;
            dm_ph_to_patient(sc, a->bleb[i].p, p);
            dm_frame_from_lps(&st->spine, p, &s, &theta, &r);
            printf("  TRUE bleb %s %s d %.1f leaking %d at s %.0f theta %.0f r %.1f\n", a->bleb[i].level_root,
                   a->bleb[i].side, a->bleb[i].diameter, a->bleb[i].leaking, s, theta, r);
        }
    for (int i = 0; i < a->n_veins; i++)
        printf("  TRUE vein %s %s length %.0f d %.1f hu %.0f\n", a->vein[i].level_root, a->vein[i].side,
               a->vein[i].length, a->vein[i].diameter, a->vein[i].hu);
    for (int i = 0; i < a->n_signs; i++)
        if (dm_ph_in_view(sc, a->sign[i].p)) printf("  TRUE sign %s\n", a->sign[i].sign);
}

static void show_found(const dm_study *st) {
    for (int i = 0; i < st->findings.n; i++) {
        const dm_finding *f = &st->findings.f[i];
        char disc[16];
        dm_disc_name(f->upper, f->lower, disc, sizeof disc);
        printf("  found %s disc %s root %s side %s clock %.1f s %.0f (%.0f..%.0f, site %.0f..%.0f) thick %.1f ratio %.2f vol %.0f score %.2f %.2f%s %s\n",
               dm_class_name(f->class_), disc, dm_level_name(f->root), dm_side_name(f->side), f->clock, f->s, f->s_from, f->s_to, f->site_from,
               f->site_to, f->thickness_mm, f->peak_ratio, f->volume_mm3, f->score, f->score, f->accepted ? " ACCEPTED" : "",
               dm_false_sign_name(f->false_sign));
    }
    for (int i = 0; i < st->findings.n_diverticula; i++) {
        const dm_diverticulum *d = &st->findings.d[i];
        double s, theta, r;
        dm_frame_from_lps(&st->spine, d->lps, &s, &theta, &r);
        printf("  found bleb %s %s d %.1f score %.2f leaking %d at s %.0f theta %.0f r %.1f\n", dm_level_name(d->root), dm_side_name(d->side),
               d->diameter_mm, d->score, d->leaking, s, theta, r);
    }
    printf("  answer %s score %.2f qc %s\n", dm_answer_name(st->answer.kind), st->answer.score, st->qc);
}

int main(int argc, char **argv) {
    uint64_t seed = strtoull(option(argc, argv, "--seed", "1"), NULL, 10);
    int cases = atoi(option(argc, argv, "--cases", "1")), kinds = 0;
    const char *kind = option(argc, argv, "--kind", NULL), *protocol = option(argc, argv, "--protocol", "ctm");
    const char *folder = option(argc, argv, "--dump", NULL);
    const char *set = option(argc, argv, "--set", NULL);
    int real = 0;
    for (int i = 1; i < argc; i++) real |= strcmp(argv[i], "--real") == 0;
    double sd = atof(option(argc, argv, "--error", "0.4"));
    dm_gpu *gpu = NULL;
    while (dm_phantom_kinds[kinds]) kinds++;
    if (!dm_good(dm_gpu_open(NULL, 0, &gpu))) return 4;
    for (int c = atoi(option(argc, argv, "--from", "0")); c < cases; c++) {
        dm_anatomy *a = calloc(1, sizeof *a);
        dm_study *st = calloc(1, sizeof *st);
        dm_ph_scanner *sc = calloc(1, sizeof *sc);
        if (!a || !st || !sc) return 4;
        dm_ph_protocol pr = strcmp(protocol, "mrm") == 0 ? PH_MRM : strcmp(protocol, "ct_plain") == 0 ? PH_PLAIN : PH_CTM;
        if (dm_good(dm_anatomy_make(seed, c, kind ? kind : dm_phantom_kinds[c % kinds], pr, a))) {
            dm_ph_make_scanner(a, 0, sc);
            printf("case %d %s %s noise %.0f sac %.0f pixel %.2f %.2f:", c, a->kind, sc->field, sc->noise, a->sac_level, sc->pixel, sc->slice);
            const char *cache = option(argc, argv, "--cache", NULL);
            int good = real ? real_study(gpu, a, sc, cache, st) : make_study(gpu, a, sc, sd, cache, st);
            for (int k = 0; good && k < dm_stage_count; k++)
                if (real || k >= 5) good = run_stage(gpu, dm_stages[k]->name, set, st);
            if (good) {
                printf("\n");
                show_truth(a, sc, st);
                show_found(st);
                if (folder) dump(gpu, folder, a, st);
            }
            fflush(stdout);
        }
        dm_study_clear(st), dm_anatomy_clear(a);
        free(st), free(a), free(sc);
    }
    dm_gpu_close(gpu);
    return 0;
}
