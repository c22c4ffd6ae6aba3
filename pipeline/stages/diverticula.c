#include "diverticula.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "hough.h"
#include "places.h"
#include "ranks.h"

enum { DIRECTIONS = 96, MOST_CENTRES = 1200 };

/* Half maximum is sought within this much of the Hough radius, mm. */
static const double edge_reach = 1.1;

/* Directions spread evenly over the sphere (golden spiral). */
static void spread(float out[3 * DIRECTIONS]) {
    for (int i = 0; i < DIRECTIONS; i++) {
        double z = 1 - (2.0 * i + 1) / DIRECTIONS, r = sqrt(1 - z * z), a = 2.399963229728653 * i;
        out[3 * i] = (float)(r * cos(a));
        out[3 * i + 1] = (float)(r * sin(a));
        out[3 * i + 2] = (float)z;
    }
}

static dm_status hough_args(const dm_volume *v, int n, dm_hough_args *g) {
    dm_affine inverse;
    DM_TRY(dm_affine_invert(&v->to_lps, &inverse));
    *g = (dm_hough_args){.grid = {.nx = v->nx, .ny = v->ny, .nz = v->nz}, .n = n, .n_directions = DIRECTIONS};
    for (int i = 0; i < 12; i++) g->grid.m[i] = (float)inverse.m[i / 4][i % 4];
    return dm_ok;
}

/* One foramen on one side. */
typedef struct place {
    int foramen, side; /* index of the vertebra above; +1 left, -1 right */
    float sac, tissue;
} place;

static int row_of(const dm_study *st, double s) {
    int row = (int)floor(s / st->spine.ds + 0.5);
    return row < 0 || row >= st->canal.n ? -1 : row;
}

/* Sac and tissue beside a foramen; 0 where the sac is not filled or hardly brighter. */
static int references(const dm_study *st, place *p) {
    int row = row_of(st, dm_foramen_s(&st->levels, p->foramen));
    if (row < 0 || !st->canal.filled[row] || dm_is_outside(st->map.sac[row])) return 0;
    p->sac = st->map.sac[row];
    p->tissue = st->map.tissue[p->side > 0 ? DM_NT / 4 : 3 * DM_NT / 4];
    return p->sac - p->tissue > (st->modality == DM_CT ? 60.0f : 1.0f);
}

/* Candidate centres: 4 mm above to 5 mm below the root's height, 4 mm dorsal to 5 mm ventral of the line, 1 to 12 mm
 * outside the dura: where sleeves leave and diverticula hang (positions vary by 4 mm). */
static int centres_of(const dm_study *st, const place *p, float *out) {
    int n = 0, column = p->side > 0 ? DM_NT / 4 : 3 * DM_NT / 4;
    for (int i = 0; i < 10; i++) {
        double s = dm_foramen_s(&st->levels, p->foramen) - 4 + i, point[3], front[3], left[3];
        int row = row_of(st, s);
        if (row < 0) continue;
        dm_frame_at(&st->spine, s, point, NULL, front, left);
        for (int j = 0; j < 8; j++)
            for (int k = 0; k < 12 && n < MOST_CENTRES; k++) {
                double a = -4 + 1.25 * j, l = (double)st->canal.r_dura[row * DM_NT + column] + 1 + k, d = sqrt(a * a + l * l);
                float *c = out + (size_t)n++ * DM_HOUGH_CENTRE;
                for (int x = 0; x < 3; x++) {
                    double away = a * front[x] + p->side * l * left[x];
                    c[x] = (float)(point[x] + away);
                    c[5 + x] = (float)(-away / d);
                }
                c[3] = p->sac;
                c[4] = p->tissue;
            }
    }
    return n;
}

/* What the search holds on the device. */
typedef struct search {
    dm_gpu *gpu;
    dm_buf *volume, *directions, *centres, *out;
    float *host_centres, *host_out, spread[3 * DIRECTIONS];
} search;

static void search_close(search *s) {
    dm_buf_free(s->volume), dm_buf_free(s->directions), dm_buf_free(s->centres), dm_buf_free(s->out);
    free(s->host_centres), free(s->host_out);
}

static dm_status search_open(dm_gpu *gpu, const dm_volume *v, int most, search *s) {
    *s = (search){.gpu = gpu};
    s->host_centres = malloc((size_t)most * DM_HOUGH_CENTRE * sizeof(float));
    s->host_out = malloc((size_t)most * DM_HOUGH_OUT * sizeof(float));
    if (!s->host_centres || !s->host_out)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d sphere centres", most);
    spread(s->spread);
    DM_TRY(dm_buf_from(gpu, v->v, dm_volume_count(v) * sizeof(float), "volume", &s->volume));
    DM_TRY(dm_buf_from(gpu, s->spread, sizeof s->spread, "directions", &s->directions));
    DM_TRY(dm_buf_new(gpu, (size_t)most * DM_HOUGH_CENTRE * sizeof(float), "sphere centres", &s->centres));
    return dm_buf_new(gpu, (size_t)most * DM_HOUGH_OUT * sizeof(float), "sphere scores", &s->out);
}

static dm_status search_run(search *s, dm_hough_args g) {
    if (g.n == 0) return dm_ok;
    const dm_arg args[] = {DM_ARG_VAL(g), DM_ARG_BUF(s->volume), DM_ARG_BUF(s->centres), DM_ARG_BUF(s->directions),
                           DM_ARG_BUF(s->out)};
    const size_t global[3] = {(size_t)g.n, 1, 1}, local[3] = {16, 1, 1};
    DM_TRY(dm_buf_write(s->centres, 0, s->host_centres, (size_t)g.n * DM_HOUGH_CENTRE * sizeof(float)));
    DM_TRY(dm_gpu_run(s->gpu, "hough.cl", NULL, "hough_spheres", global, local, args, 5));
    return dm_buf_read(s->out, 0, s->host_out, (size_t)g.n * DM_HOUGH_OUT * sizeof(float));
}

/* A sphere that is being measured. */
typedef struct ball {
    double c[3], r, v, score;
    float sac, tissue;
    double towards[3];
} ball;

static double share_at(const dm_hough_args *g, const dm_volume *v, const ball *b, const double u[3], double r) {
    float x = dm_sample_lps(v->v, &g->grid, (float)(b->c[0] + r * u[0]), (float)(b->c[1] + r * u[1]),
                            (float)(b->c[2] + r * u[2]));
    return dm_is_outside(x) ? 0 : (double)((x - b->tissue) / (b->sac - b->tissue));
}

/* Distance of the half-maximum crossing along u, or -1. */
static double crossing(const dm_hough_args *g, const dm_volume *v, const ball *b, const double u[3]) {
    double from = fmax(b->r - edge_reach, 0.3), before = share_at(g, v, b, u, from), half = 0.5 * b->v;
    for (double r = from + 0.1; r <= b->r + edge_reach; r += 0.1) {
        double x = share_at(g, v, b, u, r);
        if (before >= half && x < half) return r - 0.1 * (half - x) / (before - x);
        before = x;
    }
    return -1;
}

/* Solves the 4 x 4 normal equations a x = y by elimination with pivots. */
static int solve4(double a[4][5]) {
    for (int i = 0; i < 4; i++) {
        int pivot = i;
        for (int j = i + 1; j < 4; j++)
            if (fabs(a[j][i]) > fabs(a[pivot][i])) pivot = j;
        if (fabs(a[pivot][i]) < 1e-9) return 0;
        for (int k = 0; k < 5; k++) {
            double t = a[i][k];
            a[i][k] = a[pivot][k];
            a[pivot][k] = t;
        }
        for (int j = 0; j < 4; j++) {
            if (j == i) continue;
            double f = a[j][i] / a[i][i];
            for (int k = i; k < 5; k++) a[j][k] -= f * a[i][k];
        }
    }
    for (int i = 0; i < 4; i++) a[i][4] /= a[i][i];
    return 1;
}

/* Least-squares sphere through the crossings round the present centre; 0 when fewer than a third of the rays cross. */
static int fit_round(const dm_hough_args *g, const dm_volume *v, const search *s, ball *b) {
    double a[4][5] = {{0}};
    float radius[DIRECTIONS];
    int n = 0;
    for (int d = 0; d < DIRECTIONS; d++) {
        const double u[3] = {(double)s->spread[3 * d], (double)s->spread[3 * d + 1], (double)s->spread[3 * d + 2]};
        if (u[0] * b->towards[0] + u[1] * b->towards[1] + u[2] * b->towards[2] > 0.7) continue;
        double r = crossing(g, v, b, u);
        if (r < 0) continue;
        const double row[4] = {2 * r * u[0], 2 * r * u[1], 2 * r * u[2], 1};
        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 4; j++) a[i][j] += row[i] * row[j];
            a[i][4] += row[i] * r * r;
        }
        radius[n++] = (float)r;
    }
    if (n < DIRECTIONS / 3 || !solve4(a)) return 0;
    double shift = sqrt(a[0][4] * a[0][4] + a[1][4] * a[1][4] + a[2][4] * a[2][4]);
    for (int i = 0; i < 3 && shift < 1.5; i++) b->c[i] += a[i][4];
    b->r = (double)dm_rank(radius, (size_t)n, 0.5);
    return 1;
}

/* The stalk: the 15th percentile of the way to the sac, as a share of the ball. */
static double neck_of(const dm_hough_args *g, const dm_volume *v, const ball *b, double distance) {
    float x[64];
    int n = 0;
    for (int i = 0; i < 64 && 0.25 * i < distance; i++) x[n++] = (float)(share_at(g, v, b, b->towards, 0.25 * i) / b->v);
    return n ? (double)dm_rank(x, (size_t)n, 0.15) : 0;
}

static void best_ball(const search *s, int n, ball *b) {
    for (int i = 0; i < n; i++) {
        const float *o = s->host_out + (size_t)i * DM_HOUGH_OUT, *c = s->host_centres + (size_t)i * DM_HOUGH_CENTRE;
        if ((double)o[0] <= b->score) continue;
        b->score = (double)o[0], b->r = (double)o[1], b->v = (double)o[2];
        for (int x = 0; x < 3; x++) b->c[x] = (double)c[x], b->towards[x] = (double)c[5 + x];
    }
}

static dm_status look(search *s, const dm_diverticula_params *p, const place *at, dm_study *st) {
    dm_hough_args g;
    const dm_volume *v = &st->crop.raw;
    ball b = {.sac = at->sac, .tissue = at->tissue};
    DM_TRY(hough_args(v, centres_of(st, at, s->host_centres), &g));
    DM_TRY(search_run(s, g));
    best_ball(s, g.n, &b);
    if (b.score <= 0) return dm_ok;
    double score = b.score;
    for (int round = 0; round < 3; round++)
        if (!fit_round(&g, v, s, &b)) return dm_ok;
    double along, theta, r;
    if (dm_frame_from_lps(&st->spine, b.c, &along, &theta, &r) != 0) return dm_ok;
    int row = row_of(st, along);
    if (row < 0) return dm_ok;
    double dura = (double)st->canal.r_dura[row * DM_NT + (at->side > 0 ? DM_NT / 4 : 3 * DM_NT / 4)];
    score *= fmin(neck_of(&g, v, &b, r - dura) / 0.35, 1);
    /* A ball whose middle lies inside the sac is a bulge of the sac's own surface. */
    if (!(score > p->score) || 2 * b.r < p->least || r < dura || st->findings.n_diverticula == DM_MAX_DIVERTICULA)
        return dm_ok;
    const dm_levels *l = &st->levels;
    dm_diverticulum *d = &st->findings.d[st->findings.n_diverticula++];
    *d = (dm_diverticulum){.root = dm_root_between(l->v[at->foramen].level, l->v[at->foramen + 1].level),
                           .side = at->side > 0 ? DM_LEFT : DM_RIGHT,
                           .s = along,
                           .diameter_mm = 2 * b.r,
                           .volume_mm3 = 4.0 / 3 * 3.14159265358979 * b.r * b.r * b.r,
                           .score = score,
                           .prominent = 2 * b.r > p->prominent};
    memcpy(d->lps, b.c, sizeof d->lps);
    return dm_ok;
}

dm_status dm_diverticula_find(dm_gpu *gpu, const dm_diverticula_params *p, dm_study *st) {
    search s;
    st->findings.n_diverticula = 0;
    dm_status status = search_open(gpu, &st->crop.raw, MOST_CENTRES, &s);
    for (int i = 0; dm_good(status) && i + 1 < st->levels.n; i++)
        for (int side = 1; dm_good(status) && side >= -1; side -= 2) {
            place at = {.foramen = i, .side = side};
            if (references(st, &at)) status = look(&s, p, &at, st);
        }
    search_close(&s);
    return status;
}

/* A pool shorter than the ball beside it and its walls is the ball itself, seen through the map. */
void dm_diverticula_explain(dm_study *st) {
    dm_findings *f = &st->findings;
    int kept = 0;
    for (int i = 0; i < f->n; i++) {
        dm_finding *pool = &f->f[i];
        int explained = 0;
        for (int k = 0; k < f->n_diverticula && pool->class_ == DM_LATERAL_TEAR; k++) {
            dm_diverticulum *d = &f->d[k];
            double reach = d->diameter_mm / 2 + 4; /* 4 mm: blur and the veto's window */
            if (d->side != pool->side || d->s < pool->s_from - reach || d->s > pool->s_to + reach) continue;
            if (pool->s_from >= d->s - reach && pool->s_to <= d->s + reach) {
                explained = 1;
            } else {
                pool->class_ = DM_DIVERTICULUM_LEAK;
                d->leaking = 1;
            }
        }
        if (!explained) f->f[kept++] = *pool;
    }
    f->n = kept;
}

/* ---- the kernel against its reference ---- */

static dm_status made_up(int edge, uint64_t seed, dm_volume *v, float *centres, int n) {
    const dm_affine to_lps = {{{0.8, 0, 0, 0}, {0, 0.8, 0, 0}, {0, 0, 1.0, 0}}};
    DM_TRY(dm_volume_make(v, edge, edge, edge, &to_lps));
    uint64_t state = seed * 6364136223846793005ull + 1442695040888963407ull;
    for (size_t i = 0; i < dm_volume_count(v); i++) {
        int x = (int)(i % (size_t)edge), y = (int)(i / (size_t)edge % (size_t)edge), z = (int)(i / (size_t)(edge * edge));
        double d = hypot(hypot(0.8 * (x - edge / 2), 0.8 * (y - edge / 2)), z - edge / 2);
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        v->v[i] = (float)((d < 3 ? 500 : -80) + (double)(state >> 56) / 8);
    }
    for (int i = 0; i < n; i++) {
        float *c = centres + (size_t)i * DM_HOUGH_CENTRE;
        for (int k = 0; k < 3; k++) c[k] = (float)(edge / 2) * (k == 2 ? 1.0f : 0.8f) + 0.3f * (float)((i * (k + 3)) % 7 - 3);
        c[3] = 600, c[4] = -90, c[5] = 1, c[6] = c[7] = 0;
    }
    return dm_ok;
}

dm_status dm_hough_compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    dm_volume v = {0};
    search s = {0};
    dm_hough_args g;
    int n = 4 * edge;
    dm_status status = dm_ok;
    float *want = malloc((size_t)n * DM_HOUGH_OUT * sizeof *want), *centres = malloc((size_t)n * DM_HOUGH_CENTRE * sizeof *centres);
    if (!want || !centres) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for %d sphere centres", n);
        goto out;
    }
    DM_TRY_OUT(made_up(edge, seed, &v, centres, n));
    DM_TRY_OUT(search_open(gpu, &v, n, &s));
    memcpy(s.host_centres, centres, (size_t)n * DM_HOUGH_CENTRE * sizeof *centres);
    DM_TRY_OUT(hough_args(&v, n, &g));
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(search_run(&s, g));
    r->seconds = dm_gpu_seconds(gpu);
    r->items = n;
    r->bytes = (double)n * 4 * (DM_HOUGH_CENTRE + DM_HOUGH_OUT) + 4 * (double)dm_volume_count(&v);
    for (int i = 0; with_reference && i < n; i++) dm_hough_centre(&g, v.v, centres, s.spread, want, i);
    for (int i = 0; with_reference && i < n * DM_HOUGH_OUT; i++) {
        double error = fabs((double)(want[i] - s.host_out[i]));
        if (!(error <= r->error)) r->error = error;
    }
out:
    search_close(&s);
    dm_volume_clear(&v);
    free(want), free(centres);
    return status;
}
