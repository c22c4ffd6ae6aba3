/* bench_lines: the centre line of stages crop to levels against the true lines of digital phantoms.
 * A line per study: median, 95 % and worst of the stretches that are not marked unsure, share marked, and how
 * far the line falls short of the canal that the scan shows, at its head and at its foot, mm. */
#include "distances.h"
#include "leak_study.h"
#include "options.h"

typedef struct plan {
    uint64_t seed;
    const char *protocol, *kind, *cache, *set, *dump;
    double over;
} plan;

/* The true line in the scanner's field, 1 mm a point. */
typedef struct truth {
    int n, from; /* from: the anatomy's first node in view */
    double (*p)[3];
} truth;

static truth true_line(const bench_case *b) {
    int from, to;
    bench_view(b, &from, &to);
    size_t n = (size_t)to - (size_t)from + 1;
    truth t = {to - from + 1, from, bench_calloc(n, sizeof *t.p)};
    for (int i = 0; i < t.n; i++) {
        dm_ph_point_at(b->a, from + i, 0, 0, t.p[i]);
        dm_ph_to_patient(b->sc, t.p[i], t.p[i]);
    }
    return t;
}

/* Distance of q from the piece of a line between p and p + 1, mm. */
static double off_piece(const double (*p)[3], const double q[3]) {
    double along = 0, len = 1e-9, sum = 0;
    for (int c = 0; c < 3; c++) {
        double d = p[1][c] - p[0][c];
        along += d * (q[c] - p[0][c]), len += d * d;
    }
    double f = fmin(fmax(along / len, 0), 1);
    for (int c = 0; c < 3; c++) {
        double d = p[0][c] + f * (p[1][c] - p[0][c]) - q[c];
        sum += d * d;
    }
    return sqrt(sum);
}

/* Of a line of n >= 2 points; *at = the piece that is nearest. */
static double nearest(const double (*p)[3], int n, const double q[3], int *at) {
    double best = INFINITY;
    for (int i = 0; i + 1 < n; i++) {
        double d = off_piece(p + i, q);
        if (d < best) best = d, *at = i;
    }
    return best;
}

static void tell(const bench_case *b, const truth *t, int from, int to, int worst, double far) {
    const dm_spine *s = &b->st->spine;
    int node;
    nearest((const double(*)[3])t->p, t->n, s->p[worst], &node);
    int vert = dm_ph_vert_at(b->a, t->from + node);
    double low = 1;
    for (int i = from; i <= to; i++) low = fmin(low, (double)s->score[i]);
    printf(
        "    s %.0f..%.0f of %.0f: up to %.1f mm off at %s (ventral %+.1f, left %+.1f), least score %.2f\n",
        from * s->ds, to * s->ds, (s->n - 1) * s->ds, far, dm_level_name(b->a->vert[vert].level),
        t->p[node][1] - s->p[worst][1], s->p[worst][0] - t->p[node][0], low);
}

/* Every stretch of the line that is not marked and lies further than `over` from the true one. Points past
 * the ends of the true line have no truth. */
static void score(const bench_case *b, const plan *p, const truth *t, bench_distances *own, int *marked) {
    const dm_spine *s = &b->st->spine;
    int from = -1, worst = 0;
    double most = 0;
    for (int i = 0; i <= s->n; i++) {
        int at = 0;
        double far = i < s->n ? nearest((const double(*)[3])t->p, t->n, s->p[i], &at) : 0;
        int bad = i < s->n && !s->unsure[i] && far > (at > 0 && at < t->n - 2 ? p->over : fmax(p->over, 10));
        if (i < s->n && s->unsure[i]) ++*marked;
        if (i < s->n && !s->unsure[i] && ((at > 0 && at < t->n - 2) || far > 10)) bench_keep(own, far);
        if (bad && from < 0) from = i, most = 0;
        if (bad && far > most) most = far, worst = i;
        if (!bad && from >= 0) tell(b, t, from, i - 1, worst, most), from = -1;
    }
}

static void dump(const bench_case *b, const plan *p, const truth *t) {
    char path[800];
    const dm_spine *s = &b->st->spine;
    const dm_grid *g = &b->st->crop.coarse, *e = &b->st->crop.evidence;
    size_t cells = (size_t)g->n[0] * (size_t)g->n[1] * (size_t)g->n[2];
    snprintf(path, sizeof path, "%s/%llu_%d.txt", p->dump, (unsigned long long)p->seed, b->a->number);
    FILE *f = fopen(path, "w");
    if (!f) return;
    fprintf(f, "grid %d %d %d %g %g %g %g\n", g->n[0], g->n[1], g->n[2], g->step, g->origin[0], g->origin[1],
            g->origin[2]);
    for (int i = 0; i < t->n; i++)
        fprintf(f, "true %d %g %g %g\n", t->from + i, t->p[i][0], t->p[i][1], t->p[i][2]);
    for (int i = 0; i < b->st->crop.n_path; i++)
        fprintf(f, "path %g %g %g\n", b->st->crop.path[i][0], b->st->crop.path[i][1], b->st->crop.path[i][2]);
    for (int i = 0; i < s->n; i++)
        fprintf(f, "found %g %g %g %g %g %d\n", i * s->ds, s->p[i][0], s->p[i][1], s->p[i][2],
                (double)s->score[i], s->unsure[i]);
    for (int i = 0; i < s->n; i += 2) {
        const dm_canal *c = &b->st->canal;
        double m[5] = {0};
        for (int k = 0; k < DM_NT; k++) {
            size_t a = (size_t)i * DM_NT + (size_t)k;
            m[0] += (double)c->q_dura[a] / DM_NT, m[1] += (double)c->q_bone[a] / DM_NT,
                m[2] += (double)c->no_bone[a] / DM_NT;
        }
        const float *r = c->r_dura + (size_t)i * DM_NT, *rb = c->r_bone + (size_t)i * DM_NT;
        fprintf(f, "ring %g %d %g %g %g %g %g %g %g %g %g %g %g %g\n", i * s->ds, c->filled[i],
                (double)c->sac[i], m[0], m[1], m[2], (double)r[0], (double)r[36], (double)r[18],
                (double)r[54], (double)rb[0], (double)rb[36], (double)rb[18], (double)rb[54]);
    }
    fclose(f);
    snprintf(path, sizeof path, "%s/%llu_%d.raw", p->dump, (unsigned long long)p->seed, b->a->number);
    if (!(f = fopen(path, "wb"))) return;
    fwrite(g->v, sizeof(float), cells, f);
    fwrite(e->v, sizeof(float), cells, f);
    fclose(f);
}

static int16_t *drawn(dm_gpu *gpu, const plan *p, const bench_case *b) {
    char path[800];
    size_t n = (size_t)b->sc->args.nx * (size_t)b->sc->args.ny * (size_t)b->sc->args.nz;
    snprintf(path, sizeof path, "%s/scan_%llu_%d_%d_%s", p->cache ? p->cache : "",
             (unsigned long long)p->seed, b->a->number, (int)b->a->protocol, b->a->kind);
    FILE *f = p->cache ? fopen(path, "rb") : NULL;
    int16_t *v = f ? bench_calloc(n, sizeof *v) : bench_render(gpu, b);
    int good = !f || bench_rows(f, 0, v, sizeof *v, n);
    if (f) fclose(f);
    if (!f && p->cache && v && (f = fopen(path, "wb"))) {
        bench_rows(f, 1, v, sizeof *v, n);
        fclose(f);
    }
    if (good) return v;
    free(v);
    return NULL;
}

static void report(const bench_case *b, const plan *p, bench_distances *all, int *all_marked) {
    bench_distances own = {0};
    int marked = 0, head = 0, foot = 0, n = b->st->spine.n;
    truth t = true_line(b);
    printf("%d %s %s %s\n", b->a->number, b->a->kind, dm_ph_protocol_name(b->a->protocol), b->sc->field);
    score(b, p, &t, &own, &marked);
    nearest((const double(*)[3])t.p, t.n, b->st->spine.p[0], &head);
    nearest((const double(*)[3])t.p, t.n, b->st->spine.p[n - 1], &foot);
    for (size_t i = 0; i < own.n; i++) bench_keep(all, (double)own.v[i]);
    *all_marked += marked;
    double sac = fmin(b->a->sac_end_s - t.from, t.n - 1.0);
    printf("  median %.2f, 95 %% %.2f, worst %.1f mm; marked %.3f; short by %d at the head, %d at the foot "
           "(sac %+.0f)\n",
           bench_quantile(&own, 0.5), bench_quantile(&own, 0.95), bench_quantile(&own, 1), (double)marked / n, head,
           t.n - 2 - foot, sac - foot);
    fflush(stdout);
    if (p->dump) dump(b, p, &t);
    free(own.v), free(t.p);
}

static int one_case(dm_gpu *gpu, const plan *p, int c, bench_distances *all, int *marked) {
    bench_case b = {.a = bench_calloc(1, sizeof *b.a),
                    .sc = bench_calloc(1, sizeof *b.sc),
                    .st = bench_calloc(1, sizeof *b.st)};
    int16_t *v = NULL;
    if (bench_phantom(p->seed, c, p->kind, p->protocol, b.a)) {
        dm_ph_make_scanner(b.a, 0, b.sc);
        int mr = b.a->protocol == PH_MRM;
        b.st->modality = mr ? DM_MR : DM_CT;
        b.st->contrast = mr ? DM_FLUID : DM_IODINE;
        v = drawn(gpu, p, &b);
    }
    int good = v && bench_from_scan(gpu, &b, v, 5, p->set);
    if (good)
        report(&b, p, all, marked);
    else
        printf("%d %s FAILED\n", c, b.a->kind);
    dm_study_clear(b.st), dm_anatomy_clear(b.a);
    free(b.st), free(b.a), free(b.sc);
    return good;
}

static const char help[] =
    "usage: bench_lines [options]\n"
    "The centre line of stages crop to levels against the true lines of digital phantoms.\n"
    "\n"
    "  --seed S --from I --cases N --protocol ctm|mrm|both --kind K   which phantoms (kinds in turn)\n"
    "  --over MM        stretches of the found line further than this from the true one are told (4)\n"
    "  --cache DIR      keeps the drawn scans\n"
    "  --set STAGE.KEY=VALUE,...\n"
    "  --dump DIR       what a picture needs: both lines as text, the coarse grid and its evidence as floats\n"
    "  --help           this text\n"
    "\n"
    "example:\n"
    "  bench_lines --seed 6402 --cases 12 --cache /tmp/lines\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    plan p = {.seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
              .protocol = bench_option(argc, argv, "--protocol", "both"),
              .kind = bench_option(argc, argv, "--kind", NULL),
              .cache = bench_cache(argc, argv),
              .set = bench_option(argc, argv, "--set", NULL),
              .dump = bench_option(argc, argv, "--dump", NULL),
              .over = atof(bench_option(argc, argv, "--over", "4"))};
    bench_distances all = {0};
    int marked = 0, failed = 0;
    dm_gpu *gpu = NULL;
    if (!bench_set_is_right(p.set)) return 2;
    if (!dm_good(dm_gpu_open(NULL, 0, &gpu))) return 4;
    for (int c = atoi(bench_option(argc, argv, "--from", "0"));
         c < atoi(bench_option(argc, argv, "--cases", "1")); c++)
        failed += !one_case(gpu, &p, c, &all, &marked);
    printf(
        "all: median %.2f, 95 %% %.2f, worst %.1f mm; %d of %zu points marked; %d studies without a line\n",
        bench_quantile(&all, 0.5), bench_quantile(&all, 0.95), bench_quantile(&all, 1), marked, all.n + (size_t)marked, failed);
    free(all.v);
    dm_gpu_close(gpu);
    return 0;
}
