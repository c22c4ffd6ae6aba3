/* bench_canal: the two surfaces of stage canal against the truth of digital phantoms, ray by ray.
 * A true point of a wall, brought into the frame that was found, has a radius there: what the found surface
 * has more is its error. By modality, region of the spine and sector round it; "pools" are the rays that meet
 * a pool outside the dura. A pool is swallowed where the dura found lies beyond its middle. */
#include "distances.h"
#include "leak_study.h"
#include "options.h"

enum { SECTORS = 5, POOLS = 5, REGIONS };
static const char *const sector_name[SECTORS] = {"ventral", "ventrolateral", "lateral", "dorsolateral",
                                                 "dorsal"};
static const char *const region_name[REGIONS] = {"all", "neck", "chest", "loins", "sacrum", "pools"};

/* Errors of one surface in one cell of the table. */
typedef struct errors {
    double sum;
    bench_distances size; /* absolute */
} errors;

typedef struct sums {                     /* of one modality */
    errors wall[2][REGIONS][SECTORS + 1]; /* dura, bone; the last column = all round */
    double both[2], area[2];              /* of the two walls: overlap and sum of areas */
    errors line;
    int studies, pool_rays, swallowed;
} sums;

typedef struct plan {
    uint64_t seed;
    const char *protocol, *kind, *cache, *set;
    FILE *rays;
    int each, dense;
} plan;

static void keep(errors *e, double d) {
    e->sum += d;
    bench_keep(&e->size, fabs(d));
}

static double bias(const errors *e) {
    return e->sum / (double)e->size.n;
}

static double mean_abs(const errors *e) {
    double sum = 0;
    for (size_t i = 0; i < e->size.n; i++) sum += (double)e->size.v[i];
    return e->size.n ? sum / (double)e->size.n : NAN;
}

static int region_of(int level) {
    return level <= DM_C7 ? 1 : level < DM_L1 ? 2 : level < DM_S1 ? 3 : 4;
}

/* Middles 0, 45, 90, 135, 180 degrees. */
static int sector_of(double theta) {
    return (int)(fmin(theta, 360 - theta) / 45.0 + 0.5);
}

/* Found radius at (s, theta). */
static double found_at(const dm_study *st, const float *r, double s, double theta) {
    double at = fmin(fmax(s / st->spine.ds, 0), st->spine.n - 1.001), turn = fmod(theta + 360.0, 360.0) / 5.0;
    int i = (int)at, t = (int)turn % DM_NT, u = (t + 1) % DM_NT;
    double f = at - i, g = turn - floor(turn);
    const float *p = r + (size_t)i * DM_NT, *q = p + DM_NT;
    return (1 - f) * ((1 - g) * (double)p[t] + g * (double)p[u]) +
           f * ((1 - g) * (double)q[t] + g * (double)q[u]);
}

/* Of a ray that leaves the dura at radius rd and meets a pool: how far the pool's middle lies beyond, mm; 0 =
 * none. */
static double pool_beyond(const bench_case *b, int node, double theta) {
    double in = dm_ph_wall_at(b->a, PH_PI, node, theta), out = dm_ph_wall_at(b->a, PH_PO, node, theta);
    return out - in < 0.4 ? 0 : 0.5 * (in + out) - dm_ph_wall_at(b->a, PH_RD, node, theta);
}

/* One true point of wall w (0 dura, 1 bone). */
static void score_ray(const plan *p, const bench_case *b, int node, int t, int w, sums *sum, sums *own) {
    double theta = 5.0 * t, turn = theta * 0.017453292519943295, q[3], s, at, r;
    double truth = dm_ph_wall_at(b->a, w ? PH_RB : PH_RD, node, theta);
    dm_ph_point_at(b->a, node, truth * cos(turn), truth * sin(turn), q);
    dm_ph_to_patient(b->sc, q, q);
    if (truth < 2 || dm_frame_from_lps(&b->st->spine, q, &s, &at, &r) != 0) return;
    double found = found_at(b->st, w ? b->st->canal.r_bone : b->st->canal.r_dura, s, at),
           less = fmin(found, r);
    int level = b->a->vert[dm_ph_vert_at(b->a, node)].level, i = (int)(s / b->st->spine.ds);
    double pool = pool_beyond(b, node, theta);
    const int region[3] = {0, region_of(level), POOLS};
    sums *into[2] = {sum, own};
    for (int k = 0; k < 2; k++) {
        for (int g = 0; g < (pool > 0 ? 3 : 2); g++) {
            errors *e = into[k]->wall[w][region[g]];
            keep(&e[sector_of(theta)], found - r), keep(&e[SECTORS], found - r);
        }
        into[k]->both[w] += less * less, into[k]->area[w] += found * found + r * r;
        if (w == 0) into[k]->pool_rays += pool > 0, into[k]->swallowed += pool > 0 && found - r > pool;
    }
    if (p->rays)
        fprintf(p->rays, "%d,%d,%d,%.0f,%d,%.1f,%.1f,%.2f,%.2f,%.2f,%.2f\n", b->a->number,
                b->st->modality == DM_MR, node, theta, w, s, at, r, found,
                (double)(w ? b->st->canal.q_bone
                           : b->st->canal.q_dura)[(size_t)i * DM_NT + (size_t)(fmod(at + 360, 360) / 5)], pool);
}

/* The sac is judged where contrast or fluid fills it. */
static void score_study(const plan *p, const bench_case *b, sums *sum, sums *own) {
    int from, to, dark = b->st->modality == DM_CT && b->a->sac_level < 100;
    bench_view(b, &from, &to);
    for (int node = from + 4; node <= to - 4; node += 2) {
        double q[3], s, at, r;
        dm_ph_point_at(b->a, node, 0, 0, q);
        dm_ph_to_patient(b->sc, q, q);
        if (dm_frame_from_lps(&b->st->spine, q, &s, &at, &r) != 0) continue;
        keep(&sum->line, r), keep(&own->line, r);
        for (int t = 0; t < DM_NT; t++) {
            if (!dark) score_ray(p, b, node, t, 0, sum, own);
            score_ray(p, b, node, t, 1, sum, own);
        }
    }
    sum->studies++, own->studies++;
}

static double overlap(const sums *s, int w) {
    return s->area[w] > 0 ? 2 * s->both[w] / s->area[w] : NAN;
}

static void report(const char *name, sums *s) {
    printf("%s: %d studies, line %.2f median, %.2f 95 %%, %.1f worst mm; overlap of the rings sac %.3f canal "
           "%.3f\n",
           name, s->studies, bench_quantile(&s->line.size, 0.5), bench_quantile(&s->line.size, 0.95), bench_quantile(&s->line.size, 1),
           overlap(s, 0), overlap(s, 1));
    printf("  of %d rays that meet a pool %d are swallowed\n", s->pool_rays, s->swallowed);
    for (int w = 0; w < 2; w++)
        for (int g = 0; g < REGIONS; g++) {
            if (!s->wall[w][g][SECTORS].size.n) continue;
            printf("  %-4s %-6s", w ? "bone" : "dura", region_name[g]);
            for (int k = 0; k <= SECTORS; k++) {
                errors *e = &s->wall[w][g][k];
                if (e->size.n)
                    printf(" | %s %+.2f %.2f %.1f", k < SECTORS ? sector_name[k] : "round", bias(e),
                           mean_abs(e), bench_quantile(&e->size, 0.95));
            }
            printf("\n");
        }
}

static void sums_clear(sums *s) {
    free(s->line.size.v);
    for (int w = 0; w < 2; w++)
        for (int g = 0; g < REGIONS; g++)
            for (int k = 0; k <= SECTORS; k++) free(s->wall[w][g][k].size.v);
    *s = (sums){0};
}

/* ---- the kept study: what canal reads ---- */

static int kept_floats(FILE *f, int writing, dm_volume *v) {
    int n[3] = {v->nx, v->ny, v->nz};
    dm_affine to_lps = v->to_lps;
    if (!bench_rows(f, writing, n, sizeof n, 1) || !bench_rows(f, writing, &to_lps, sizeof to_lps, 1))
        return 0;
    if (!writing && !dm_good(dm_volume_make(v, n[0], n[1], n[2], &to_lps))) return 0;
    return bench_rows(f, writing, v->v, sizeof *v->v, dm_volume_count(v));
}

static int kept(const char *path, int writing, dm_study *st) {
    FILE *f = fopen(path, writing ? "wb" : "rb");
    if (!f) return 0;
    int n = st->spine.n, good;
    double ds = st->spine.ds;
    good = kept_floats(f, writing, &st->crop.clean) && bench_rows(f, writing, &n, sizeof n, 1) &&
           bench_rows(f, writing, &ds, sizeof ds, 1) &&
           (writing || dm_good(dm_spine_make(&st->spine, n, ds))) &&
           bench_rows(f, writing, st->spine.p, sizeof *st->spine.p, (size_t)n) &&
           bench_rows(f, writing, st->spine.score, sizeof(float), (size_t)n) &&
           bench_rows(f, writing, st->spine.unsure, 1, (size_t)n) &&
           (writing || dm_good(dm_frame_build(&st->spine)));
    return fclose(f) == 0 && good;
}

static void set_protocol(bench_case *b) {
    b->st->modality = b->a->protocol == PH_MRM ? DM_MR : DM_CT;
    b->st->contrast = b->st->modality == DM_MR ? DM_FLUID : DM_IODINE;
}

static int before_canal(dm_gpu *gpu, const plan *p, bench_case *b) {
    char path[800];
    snprintf(path, sizeof path, "%s/canal_%llu_%d_%d_%s%s", p->cache ? p->cache : "",
             (unsigned long long)p->seed, b->a->number, (int)b->a->protocol, b->a->kind,
             b->dense ? "_dense" : "");
    set_protocol(b);
    if (p->cache && kept(path, 0, b->st)) return 1;
    dm_study_clear(b->st);
    *b->st = (dm_study){0};
    set_protocol(b);
    int16_t *v = bench_render(gpu, b);
    if (!v) return 0;
    if (!bench_from_scan(gpu, b, v, 3, p->set)) return 0;
    return !p->cache || kept(path, 1, b->st);
}

static void one_case(dm_gpu *gpu, const plan *p, int c, sums *sum) {
    bench_case b = {.a = bench_calloc(1, sizeof *b.a),
                    .sc = bench_calloc(1, sizeof *b.sc),
                    .st = bench_calloc(1, sizeof *b.st),
                    .dense = p->dense};
    if (bench_phantom(p->seed, c, p->kind, p->protocol, b.a)) {
        dm_ph_make_scanner(b.a, 0, b.sc);
        if (b.dense) bench_dense_pools(&b);
        if (before_canal(gpu, p, &b) && bench_run_stage(gpu, "canal", p->set, b.st)) {
            sums *own = bench_calloc(1, sizeof *own);
            score_study(p, &b, &sum[b.a->protocol == PH_MRM], own);
            if (p->each)
                printf("%d %s %s %s sac %.0f: line %.2f %.1f; dura %+.2f %.2f %.1f, overlap %.3f; bone %+.2f "
                       "%.2f %.1f, overlap %.3f; swallowed %d of %d\n",
                       c, b.a->kind, dm_ph_protocol_name(b.a->protocol), b.sc->field, b.a->sac_level,
                       bench_quantile(&own->line.size, 0.5), bench_quantile(&own->line.size, 1),
                       bias(&own->wall[0][0][SECTORS]),
                       mean_abs(&own->wall[0][0][SECTORS]), bench_quantile(&own->wall[0][0][SECTORS].size, 0.99),
                       overlap(own, 0), bias(&own->wall[1][0][SECTORS]),
                       mean_abs(&own->wall[1][0][SECTORS]), bench_quantile(&own->wall[1][0][SECTORS].size, 0.99),
                       overlap(own, 1), own->swallowed, own->pool_rays);
            fflush(stdout);
            sums_clear(own);
            free(own);
        } else
            printf("%d %s FAILED\n", c, b.a->kind);
    }
    dm_study_clear(b.st), dm_anatomy_clear(b.a);
    free(b.st), free(b.a), free(b.sc);
}

static const char help[] =
    "usage: bench_canal [options]\n"
    "The two surfaces of stage canal against the truth of digital phantoms, ray by ray.\n"
    "\n"
    "  --seed S --from I --cases N --protocol ctm|mrm|both --kind K   which phantoms (kinds in turn)\n"
    "  --dense          short pools of graded thickness and ratio besides the kind's own leak\n"
    "  --cache DIR      keeps crop, denoised crop and line, so that canal alone runs again\n"
    "  --set canal.KEY=VALUE,...\n"
    "  --each           a line per study\n"
    "  --rays FILE      a row per ray\n"
    "  --help           this text\n"
    "\n"
    "example:\n"
    "  bench_canal --seed 6501 --cases 12 --protocol mrm --dense --cache /tmp/canal\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    const char *rays = bench_option(argc, argv, "--rays", NULL);
    plan p = {.seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
              .protocol = bench_option(argc, argv, "--protocol", "both"),
              .kind = bench_option(argc, argv, "--kind", NULL),
              .cache = bench_cache(argc, argv),
              .set = bench_option(argc, argv, "--set", NULL),
              .rays = rays ? fopen(rays, "w") : NULL,
              .each = bench_has(argc, argv, "--each"),
              .dense = bench_has(argc, argv, "--dense")};
    sums *sum = bench_calloc(2, sizeof *sum);
    dm_gpu *gpu = NULL;
    if (!bench_set_is_right(p.set)) return 2;
    if (!dm_good(dm_gpu_open(NULL, 0, &gpu))) return 4;
    if (p.rays) fputs("case,mr,node,theta,bone,s,at,r,found,q,pool\n", p.rays);
    for (int c = atoi(bench_option(argc, argv, "--from", "0"));
         c < atoi(bench_option(argc, argv, "--cases", "1")); c++)
        one_case(gpu, &p, c, sum);
    printf("error of the surfaces, mm, by sector: mean, mean of the absolute, 95 %% of the absolute\n");
    for (int mr = 0; mr < 2; mr++)
        if (sum[mr].studies) report(mr ? "MR" : "CT", &sum[mr]);
    sums_clear(&sum[0]), sums_clear(&sum[1]);
    free(sum);
    if (p.rays) fclose(p.rays);
    dm_gpu_close(gpu);
    return 0;
}
