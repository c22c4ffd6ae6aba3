#include "evidence.h"
#include "crop_parts.h"
#include "ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE = DM_EV_ANGLES * DM_EV_STEPS * 2 };

typedef struct work {
    dm_gpu *gpu;
    dm_ev_args a;
    int bends;
    size_t cells;
    dm_buf *v, *opened, *filled, *spare, *mask, *table, *bits, *shapes;
} work;

uint64_t dm_evidence_bytes(uint64_t cells) {
    return cells * (4 * 4 + 1 + 4 + 8) + sizeof(int) * TABLE;
}

/* Nearest cell of every step of every ray. Angles go round from the patient's left. */
static void fill_table(double step, int table[TABLE]) {
    for (int i = 0; i < DM_EV_ANGLES; i++)
        for (int k = 0; k < DM_EV_STEPS; k++) {
            double r = dm_ev_radius(k) / step, angle = 2.0 * 3.14159265358979 * i / DM_EV_ANGLES;
            table[2 * (i * DM_EV_STEPS + k)] = (int)floor(r * cos(angle) + 0.5);
            table[2 * (i * DM_EV_STEPS + k) + 1] = (int)floor(r * sin(angle) + 0.5);
        }
}

static dm_ev_args make_args(const dm_grid *g, dm_modality modality, const dm_evidence_params *p) {
    int mr = modality == DM_MR;
    return (dm_ev_args){.nx = g->n[0], .ny = g->n[1], .nz = g->n[2], .mr = mr,
                        .half_line = (int)(p->line_mm / g->step + 0.5), .step = (float)g->step,
                        .wall = (float)p->wall_hu, .air = mr ? -1.0f : -250.0f, .fat = mr ? -1.0e6f : -40.0f,
                        .bone = (float)(mr ? p->column_ratio : p->bone_hu),
                        .bright = (float)(mr ? p->column_ratio : p->column_hu), .dense = (float)p->wall_hu,
                        .fluid = (float)(mr ? 1.0e6 : 1.75 * p->wall_hu), .sure = (float)(mr ? p->column_ratio : 2.0 * p->wall_hu), .fall = mr ? 0.6f : 0.75f,
                        .rise = mr ? 1.0e6f : 1.3f};
}

static dm_status launch(const work *w, const char *kernel, const dm_arg *args, int count) {
    size_t global[3] = {(size_t)w->a.nx, (size_t)w->a.ny, (size_t)w->a.nz};
    return dm_gpu_run(w->gpu, "evidence.cl", NULL, kernel, global, NULL, args, count);
}

static dm_status start(work *w, const float *v, double step) {
    int table[TABLE];
    fill_table(step, table);
    w->cells = (size_t)w->a.nx * (size_t)w->a.ny * (size_t)w->a.nz;
    size_t bytes = w->cells * 4;
    DM_TRY(dm_buf_from(w->gpu, v, bytes, "coarse grid", &w->v));
    DM_TRY(dm_buf_from(w->gpu, table, sizeof table, "rays", &w->table));
    DM_TRY(dm_buf_new(w->gpu, bytes, "opened grid", &w->opened));
    DM_TRY(dm_buf_new(w->gpu, bytes, "filled grid", &w->filled));
    return dm_buf_new(w->gpu, bytes, "spare grid", &w->spare);
}

static void stop(work *w) {
    dm_buf *all[] = {w->v, w->opened, w->filled, w->spare, w->mask, w->table, w->bits, w->shapes};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) dm_buf_free(all[i]);
}

static dm_status disc(const work *w, const dm_buf *from, const dm_buf *to, int reach, float sign) {
    dm_arg args[] = {DM_ARG_BUF(from), DM_ARG_BUF(to), DM_ARG_VAL(w->a), DM_ARG_VAL(reach), DM_ARG_VAL(sign)};
    return launch(w, "evidence_disc", args, 5);
}

static dm_status open_lines(const work *w) {
    const dm_buf *wide = w->bends ? w->spare : w->v;
    if (w->bends) DM_TRY(disc(w, w->v, w->spare, 1, 1.0f));
    dm_arg args[] = {DM_ARG_BUF(w->v), DM_ARG_BUF(wide), DM_ARG_BUF(w->opened), DM_ARG_VAL(w->a)};
    return launch(w, "evidence_open", args, 4);
}

/* Closes the hole that the cord leaves in the bright column. */
static dm_status close_discs(const work *w) {
    DM_TRY(disc(w, w->opened, w->spare, 2, 1.0f));
    return disc(w, w->spare, w->filled, 2, -1.0f);
}

static dm_status cues(work *w) {
    DM_TRY(dm_buf_new(w->gpu, w->cells, "bone mask", &w->mask));
    DM_TRY(dm_buf_new(w->gpu, w->cells * 4, "ray bits", &w->bits));
    DM_TRY(dm_buf_new(w->gpu, w->cells * 8, "ray shapes", &w->shapes));
    dm_arg mask[] = {DM_ARG_BUF(w->v), DM_ARG_BUF(w->opened), DM_ARG_BUF(w->filled), DM_ARG_BUF(w->mask), DM_ARG_VAL(w->a)};
    DM_TRY(launch(w, "evidence_mask", mask, 5));
    dm_arg rays[] = {DM_ARG_BUF(w->v), DM_ARG_BUF(w->filled), DM_ARG_BUF(w->mask), DM_ARG_BUF(w->table),
                     DM_ARG_BUF(w->bits), DM_ARG_BUF(w->shapes), DM_ARG_VAL(w->a)};
    DM_TRY(launch(w, "evidence_rays", rays, 7));
    dm_arg join[] = {DM_ARG_BUF(w->bits), DM_ARG_BUF(w->shapes), DM_ARG_BUF(w->filled), DM_ARG_BUF(w->mask),
                     DM_ARG_BUF(w->spare), DM_ARG_VAL(w->a)};
    return launch(w, "evidence_join", join, 6);
}

static dm_status box(const work *w, const dm_buf *from, const dm_buf *to, int axis, int reach) {
    dm_arg args[] = {DM_ARG_BUF(from), DM_ARG_BUF(to), DM_ARG_VAL(w->a), DM_ARG_VAL(axis), DM_ARG_VAL(reach)};
    return launch(w, "evidence_box", args, 5);
}

/* Mean and 99.5 % value of what is inside the field, from every 7th cell. */
static dm_status brightness(const float *v, size_t cells, float *mean, float *top) {
    float *some = malloc((cells / 7 + 1) * sizeof *some);
    size_t n = 0;
    double sum = 0;
    if (!some) return dm_fail(DM_STUDY, "out_of_memory", "No memory for the brightness of the scan.");
    for (size_t i = 0; i < cells; i += 7)
        if (!dm_is_outside(v[i])) some[n++] = v[i], sum += v[i];
    dm_sort(some, n);
    *mean = n ? (float)(sum / (double)n) : 0.0f;
    *top = n ? some[(size_t)(0.995 * (double)(n - 1))] : 0.0f;
    free(some);
    return dm_ok;
}

/* MR: the grid becomes signal over its surroundings (two boxes of +-26 mm, a Gaussian of about 30 mm in effect: the
 * unevenness of a surface coil), so that one floor serves every coil and sequence. */
static dm_status relative(work *w, const float *host) {
    float mean, top;
    DM_TRY(brightness(host, w->cells, &mean, &top));
    int reach = (int)(36.0f / w->a.step + 0.5f);
    const dm_buf *from = w->v;
    for (int pass = 0; pass < 2; pass++)
        for (int axis = 0; axis < 3; axis++) {
            const dm_buf *to = from == w->spare ? w->filled : w->spare;
            DM_TRY(box(w, from, to, axis, reach));
            from = to;
        }
    float low = 0.12f * top;
    dm_arg args[] = {DM_ARG_BUF(w->v), DM_ARG_BUF(from), DM_ARG_BUF(w->opened), DM_ARG_VAL(w->a), DM_ARG_VAL(mean),
                     DM_ARG_VAL(low)};
    DM_TRY(launch(w, "evidence_relative", args, 6));
    dm_buf *swap = w->v;
    w->v = w->opened;
    w->opened = swap;
    return dm_ok;
}

static dm_status run_all(work *w, const float *v, double step, float *out) {
    DM_TRY(start(w, v, step));
    if (w->a.mr) DM_TRY(relative(w, v));
    DM_TRY(open_lines(w));
    DM_TRY(close_discs(w));
    DM_TRY(cues(w));
    return dm_buf_read(w->spare, 0, out, w->cells * 4);
}

dm_status dm_evidence_run(dm_gpu *gpu, const dm_grid *coarse, dm_modality modality, const dm_evidence_params *params,
                          dm_grid *evidence) {
    work w = {.gpu = gpu, .a = make_args(coarse, modality, params), .bends = params->bends};
    size_t cells = (size_t)w.a.nx * (size_t)w.a.ny * (size_t)w.a.nz;
    *evidence = *coarse;
    evidence->v = malloc(cells * sizeof(float));
    if (!evidence->v) return dm_fail(DM_STUDY, "out_of_memory", "No memory for the evidence grid.");
    dm_status status = run_all(&w, coarse->v, coarse->step, evidence->v);
    stop(&w);
    if (!dm_good(status)) free(evidence->v), evidence->v = NULL;
    return status;
}

/* ---- self-test: a tube of bone round a bright column, with noise ---- */

static float noise(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (float)(*seed >> 40) / 16777216.0f - 0.5f;
}

static float *tube_volume(int edge, uint64_t seed) {
    float *v = malloc((size_t)edge * (size_t)edge * (size_t)edge * sizeof *v);
    for (int z = 0; v && z < edge; z++)
        for (int y = 0; y < edge; y++)
            for (int x = 0; x < edge; x++) {
                float dx = (float)x - 0.5f * (float)edge, dy = (float)y - 0.55f * (float)edge;
                float r = dm_sqrt(dx * dx + dy * dy), base = r < 3.0f ? 300.0f : r < 4.5f ? 20.0f : r < 7.0f ? 450.0f : 40.0f;
                if (dy < -5.0f && dy > -14.0f && dm_fabs(dx) < 9.0f) base = z % 12 < 2 ? 90.0f : 260.0f;
                if (y == 0 && z > 3) base = DM_OUTSIDE;
                v[((size_t)z * (size_t)edge + (size_t)y) * (size_t)edge + (size_t)x] = base + 120.0f * noise(&seed);
            }
    return v;
}

typedef struct bench {
    work w;
    float *v, *want, *got;
    size_t cells;
} bench;

static const dm_evidence_params BENCH = {200, 130, 100, 1.1, 14, 1};

static dm_status bench_start(bench *b, dm_gpu *gpu, int edge, uint64_t seed, dm_modality modality) {
    dm_grid g = {.n = {edge, edge, edge}, .step = 2.0};
    *b = (bench){.w = {.gpu = gpu, .a = make_args(&g, modality, &BENCH), .bends = BENCH.bends}, .cells = (size_t)edge * (size_t)edge * (size_t)edge};
    b->v = tube_volume(edge, seed);
    b->want = calloc(b->cells, sizeof(float));
    b->got = calloc(b->cells, sizeof(float));
    if (!b->v || !b->want || !b->got) return dm_fail(DM_STUDY, "out_of_memory", "No memory for a test volume.");
    DM_TRY(start(&b->w, b->v, 2.0));
    dm_gpu_reset_times(gpu);
    return dm_ok;
}

static dm_status bench_stop(bench *b, dm_status status, const dm_buf *result_in, int with_reference, double bytes,
                            dm_check_result *result) {
    if (dm_good(status)) status = dm_buf_read((dm_buf *)result_in, 0, b->got, b->cells * 4);
    *result = (dm_check_result){.items = (double)b->cells, .bytes = bytes * (double)b->cells};
    result->seconds = dm_gpu_seconds(b->w.gpu);
    for (size_t i = 0; with_reference && i < b->cells; i++) {
        double d = fabs((double)b->got[i] - (double)b->want[i]);
        if (!(d <= result->error)) result->error = d;
    }
    stop(&b->w);
    free(b->v), free(b->want), free(b->got);
    return status;
}

#define EACH_CELL(a)                                                                                         \
    for (int z = 0; z < (a).nz; z++)                                                                         \
        for (int y = 0; y < (a).ny; y++)                                                                     \
            for (int x = 0; x < (a).nx; x++)

static void reference_disc(const dm_ev_args *a, const float *v, int reach, float sign, float *out) {
    EACH_CELL(*a) out[dm_ev_at(a, x, y, z)] = dm_ev_disc(v, a, reach, sign, x, y, z);
}

static void reference_open(const dm_ev_args *a, const float *v, float *wide, float *out) {
    reference_disc(a, v, 1, 1.0f, wide);
    EACH_CELL(*a) out[dm_ev_at(a, x, y, z)] = dm_ev_open(v, wide, a, x, y, z);
}

dm_status dm_check_evidence_open(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    bench b;
    dm_status status = bench_start(&b, gpu, edge, seed, DM_CT);
    if (dm_good(status)) status = open_lines(&b.w);
    if (dm_good(status) && with_reference) reference_open(&b.w.a, b.v, b.got, b.want);
    return bench_stop(&b, status, b.w.opened, with_reference, 8, result);
}

dm_status dm_check_evidence_disc(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    bench b;
    dm_status status = bench_start(&b, gpu, edge, seed, DM_CT);
    if (dm_good(status)) status = disc(&b.w, b.w.v, b.w.filled, 2, -1.0f);
    if (dm_good(status) && with_reference) reference_disc(&b.w.a, b.v, 2, -1.0f, b.want);
    return bench_stop(&b, status, b.w.filled, with_reference, 8, result);
}

typedef struct arrays {
    float *opened, *filled, *shapes;
    uchar *mask;
    uint *bits;
} arrays;

static int reference_value(const dm_ev_args *a, const float *v, float *out) {
    size_t n = (size_t)a->nx * (size_t)a->ny * (size_t)a->nz;
    int table[TABLE];
    arrays r = {malloc(n * 4), malloc(n * 4), malloc(n * 8), malloc(n), malloc(n * 4)};
    int ok = r.opened && r.filled && r.shapes && r.mask && r.bits;
    fill_table(2.0, table);
    if (ok) {
        reference_open(a, v, out, r.opened);
        reference_disc(a, r.opened, 2, 1.0f, out);
        reference_disc(a, out, 2, -1.0f, r.filled);
        for (size_t i = 0; i < n; i++) r.mask[i] = dm_ev_mask(v[i], r.opened[i], r.filled[i], a);
        EACH_CELL(*a) {
            dm_ev_cell c;
            size_t at = dm_ev_at(a, x, y, z);
            dm_ev_rays(v, r.filled, r.mask, table, a, x, y, z, &c);
            r.bits[at] = c.bits;
            r.shapes[2 * at] = c.shape, r.shapes[2 * at + 1] = c.tube;
        }
        EACH_CELL(*a) {
            size_t at = dm_ev_at(a, x, y, z);
            float enc, column;
            dm_ev_cues(r.bits, r.shapes, r.mask, a, x, y, z, &enc, &column);
            out[at] = dm_ev_join(enc, column, r.filled[at], r.shapes, r.mask, a, x, y, z);
        }
    }
    free(r.opened), free(r.filled), free(r.shapes), free(r.mask), free(r.bits);
    return ok;
}

dm_status dm_check_evidence_value(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    bench b;
    dm_status status = bench_start(&b, gpu, edge, seed, DM_CT);
    if (dm_good(status)) status = open_lines(&b.w);
    if (dm_good(status)) status = close_discs(&b.w);
    if (dm_good(status)) status = cues(&b.w);
    if (dm_good(status) && with_reference && !reference_value(&b.w.a, b.v, b.want))
        status = dm_fail(DM_STUDY, "out_of_memory", "No memory for the reference.");
    return bench_stop(&b, status, b.w.spare, with_reference, 80, result);
}

static void reference_relative(const dm_ev_args *a, float *v, float *out) {
    float mean, top;
    size_t n = (size_t)a->nx * (size_t)a->ny * (size_t)a->nz;
    float *two[2] = {malloc(n * 4), malloc(n * 4)}, *from = v;
    if (two[0] && two[1] && dm_good(brightness(v, n, &mean, &top))) {
        for (int i = 0; i < 6; i++) {
            float *to = two[i & 1];
            EACH_CELL(*a) to[dm_ev_at(a, x, y, z)] = dm_ev_box(from, a, x, y, z, i % 3, (int)(36.0f / a->step + 0.5f));
            from = to;
        }
        for (size_t i = 0; i < n; i++) out[i] = dm_ev_relative(v[i], from[i], mean, 0.12f * top);
    }
    free(two[0]), free(two[1]);
}

dm_status dm_check_evidence_relative(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    bench b;
    dm_status status = bench_start(&b, gpu, edge, seed, DM_MR);
    if (dm_good(status)) status = relative(&b.w, b.v);
    if (dm_good(status) && with_reference) reference_relative(&b.w.a, b.v, b.want);
    return bench_stop(&b, status, b.w.v, with_reference, 40, result);
}
