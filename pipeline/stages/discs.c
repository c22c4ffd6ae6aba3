/* Measures the column along the spine: straightened volume, tilt of the discs, and the profiles the labels
 * stand on. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curved.h"
#include "frame.h"
#include "levels_parts.h"

/* The straightened volume: from behind the laminae to the front of a tall man's lumbar bodies, and to the
 * side as far as ribs must be followed; beyond the line's ends as far as the crop reaches. */
enum { A_LOW = -45, A_HIGH = 60, L_SIDE = 62, NA = A_HIGH - A_LOW + 1, NL = 2 * L_SIDE + 1 };
/* Discs are looked for up to 10 mm beyond the line's ends, dens and neck up to 40 mm above its upper one. On MR the line ends with the
 * fluid, often at S1: whether discs follow is looked for up to 60 mm below, two segments of a sacrum, straight on. The sacral canal is
 * not straight (a phantom's left the tangent by 8 mm after 50): depths from the line count as far as discs do. */
enum { BEYOND = 10, ABOVE = 40, BELOW_SAC = 60 };
enum { PED = 18, HIGH = 112, BOXES = PED + HIGH + 8 };

typedef struct work {
    dm_gpu *gpu;
    dm_discs_args g;
    dm_buf *v, *out, *a, *b;
} work;

uint64_t dm_column_bytes(double length_mm) {
    uint64_t ns = (uint64_t)(length_mm + ABOVE + BELOW_SAC + 2);
    return ns * NA * (NL + 3) * sizeof(float) + ns * BOXES * sizeof(float);
}

static void work_clear(work *w) {
    dm_buf_free(w->v), dm_buf_free(w->out), dm_buf_free(w->a), dm_buf_free(w->b);
}

/* The profiles of a column, one by one. */
static float **profile_of(dm_column *c, size_t number) {
    float **all[] = {&c->t,        &c->slope,     &c->front,     &c->ped,    &c->rib,
                     &c->high[0],  &c->high[1],   &c->occupied,  &c->hu,     &c->iliac,
                     &c->lean,     &c->core,      &c->fluid,     &c->wing,   &c->flank[0],
                     &c->flank[1], &c->beside[0], &c->beside[1], &c->behind, &c->near};
    return number < sizeof all / sizeof *all ? all[number] : NULL;
}

void dm_column_clear(dm_column *c) {
    for (size_t i = 0; profile_of(c, i); i++) free(*profile_of(c, i)), *profile_of(c, i) = NULL;
    for (int w = 0; w < DM_WIDTHS; w++) free(c->d[w]), c->d[w] = NULL;
}

static dm_status column_make(dm_column *c) {
    size_t count = (size_t)c->n + 1, ok = 1;
    for (size_t i = 0; profile_of(c, i); i++) {
        float *v = malloc(count * sizeof *v);
        for (size_t k = 0; v && k < count; k++) v[k] = NAN;
        ok &= v != NULL;
        *profile_of(c, i) = v;
    }
    for (int w = 0; w < DM_WIDTHS; w++) ok &= (c->d[w] = calloc(count, sizeof(float))) != NULL;
    return ok ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for profiles of %d mm", c->n);
}

static dm_discs_args args_of(int ns, dm_modality modality, const dm_levels_params *p) {
    /* A fixed window serves C2 to S1: canal and body grow together. */
    return (dm_discs_args){.ns = ns,
                           .na = NA,
                           .nl = NL,
                           .mr = modality == DM_MR,
                           .half_a = modality == DM_MR ? 6 : 5,
                           .half_l = 6,
                           .a0 = A_LOW,
                           .l0 = -L_SIDE,
                           .a_middle = 17,
                           .soft_hu = 90,
                           .bone_hu = (float)p->bone_hu,
                           .full_hu = (float)p->full_hu};
}

/* Runs one kernel of discs.cl over x by ns items into `to` and, when host is given, reads count floats back.
 */
static dm_status launch(work *w, const char *kernel, int x, const dm_arg *args, int n, dm_buf *to,
                        float *host, size_t count) {
    const size_t global[3] = {(size_t)x, (size_t)w->g.ns, 1};
    DM_TRY(dm_gpu_run(w->gpu, "discs.cl", NULL, kernel, global, NULL, args, n));
    return host ? dm_buf_read(to, 0, host, count * sizeof(float)) : dm_ok;
}

static dm_status out_buffer(work *w, size_t count) {
    dm_buf_free(w->out);
    w->out = NULL;
    return dm_buf_new(w->gpu, count * sizeof(float), "profiles", &w->out);
}

static dm_status run_sheets(work *w, float *sheets) {
    size_t count = (size_t)w->g.ns * DM_DISC_TILTS;
    DM_TRY(out_buffer(w, count));
    const dm_arg args[] = {DM_ARG_VAL(w->g), DM_ARG_BUF(w->v), DM_ARG_BUF(w->out)};
    return launch(w, "discs_sheets", DM_DISC_TILTS, args, 3, w->out, sheets, count);
}

static dm_status run_rows(work *w, const float *slope, float *rows) {
    size_t count = (size_t)w->g.ns * NA;
    DM_TRY(out_buffer(w, count));
    DM_TRY(dm_buf_from(w->gpu, slope, (size_t)w->g.ns * sizeof(float), "tilt", &w->a));
    const dm_arg args[] = {DM_ARG_VAL(w->g), DM_ARG_BUF(w->v), DM_ARG_BUF(w->a), DM_ARG_BUF(w->out)};
    dm_status status = launch(w, "discs_rows", NA, args, 4, w->out, rows, count);
    dm_buf_free(w->a);
    w->a = NULL;
    return status;
}

static dm_status run_boxes(work *w, const dm_disc_box *boxes, int n, float *values) {
    size_t count = (size_t)w->g.ns * (size_t)n;
    DM_TRY(out_buffer(w, count));
    DM_TRY(dm_buf_from(w->gpu, boxes, (size_t)n * sizeof *boxes, "boxes", &w->a));
    const dm_arg args[] = {DM_ARG_VAL(w->g), DM_ARG_BUF(w->v), DM_ARG_BUF(w->a), DM_ARG_VAL(n),
                           DM_ARG_BUF(w->out)};
    dm_status status = launch(w, "discs_boxes", n, args, 5, w->out, values, count);
    dm_buf_free(w->a);
    w->a = NULL;
    return status;
}

/* Best sums of a rib's path from every (s, a) on one side: the step from the far end to the near one, two
 * buffers. */
static dm_status run_rib(work *w, int side, float *sums) {
    size_t bytes = (size_t)w->g.ns * (size_t)w->g.na * sizeof(float);
    if (!w->a) DM_TRY(dm_buf_new(w->gpu, bytes, "rib path", &w->a));
    if (!w->b) DM_TRY(dm_buf_new(w->gpu, bytes, "rib path", &w->b));
    dm_buf *next = w->a, *now = w->b;
    DM_TRY(dm_buf_zero(next));
    for (int l = DM_RIB_TO; l >= DM_RIB_FROM; l--) {
        const dm_arg args[] = {DM_ARG_VAL(w->g), DM_ARG_BUF(w->v), DM_ARG_BUF(next),
                               DM_ARG_VAL(l),    DM_ARG_VAL(side), DM_ARG_BUF(now)};
        DM_TRY(launch(w, "discs_rib", w->g.na, args, 6, now, NULL, 0));
        dm_buf *swap = next;
        next = now, now = swap;
    }
    return dm_buf_read(next, 0, sums, bytes);
}

static float known(float v) {
    return dm_is_outside(v) ? NAN : v;
}

/* Energy of the gradient along s of each tilt, smoothed: the sheets that lie along the discs change the most.
 */
static dm_status tilt_energy(const float *sheets, int n, int tilt, float *e) {
    for (int i = 0; i < n; i++) {
        float up = i > 0 ? known(sheets[(i - 1) * DM_DISC_TILTS + tilt]) : NAN;
        float down = i + 1 < n ? known(sheets[(i + 1) * DM_DISC_TILTS + tilt]) : NAN;
        e[i] = 0.25f * (down - up) * (down - up);
    }
    return dm_profile_smooth(e, n, 16);
}

/* One smooth slope along the spine: choosing it per sample makes noise into discs. */
static dm_status find_slope(const float *sheets, const dm_levels_params *p, dm_column *c) {
    size_t n = (size_t)c->n;
    float *e = malloc(n * DM_DISC_TILTS * sizeof *e);
    dm_status status = e ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for tilts");
    for (int k = 0; dm_good(status) && k < DM_DISC_TILTS; k++)
        status = tilt_energy(sheets, c->n, k, e + (size_t)k * n);
    for (size_t i = 0; dm_good(status) && i < n; i++) {
        double top = 0, sum = 0, norm = 0;
        for (size_t k = 0; k < DM_DISC_TILTS; k++)
            if ((double)e[k * n + i] > top) top = (double)e[k * n + i];
        for (int k = 0; k < DM_DISC_TILTS; k++) {
            double q = (double)e[(size_t)k * n + i] / top, w = isnan(q) ? 0 : q * q * q * q * q * q;
            sum += w * (double)dm_disc_slope(k), norm += w;
        }
        c->slope[i] = norm > 0 ? (float)(sum / norm) : NAN;
    }
    free(e);
    if (dm_good(status)) status = dm_profile_smooth(c->slope, c->n, p->tilt_sd);
    for (size_t i = 0; i < n; i++)
        if (isnan(c->slope[i])) c->slope[i] = 0;
    return status;
}

static void tilted_profile(const float *sheets, dm_column *c) {
    c->first = c->n, c->last = -1;
    for (int i = 0; i < c->n; i++) {
        float x = (c->slope[i] + 0.75f) / 0.15f;
        int k = dm_clampi((int)x, 0, DM_DISC_TILTS - 2);
        float p = known(sheets[i * DM_DISC_TILTS + k]), q = known(sheets[i * DM_DISC_TILTS + k + 1]);
        c->t[i] = p + (x - (float)k) * (q - p);
        if (isnan(c->t[i])) continue;
        if (i < c->first && i >= ABOVE - BEYOND) c->first = i;
        c->last = i;
    }
}

/* First depth at which the column's rows fall under half of what they are in its middle. */
static void find_front(const float *rows, double of_middle, dm_column *c) {
    for (int i = 0; i < c->n; i++) {
        double middle = 0;
        int count = 0;
        for (int a = 13; a <= 21; a++) {
            float v = rows[(size_t)(a - A_LOW) * (size_t)c->n + (size_t)i];
            if (!isnan(v)) middle += (double)v, count++;
        }
        if (count < 5) continue;
        double limit = of_middle > 0 ? of_middle * middle / count : 0.5;
        if (middle < 1.2 * limit * count)
            continue; /* a porous column is no denser than what lies before it */
        for (int a = 18; a <= A_HIGH; a++) {
            double v = (double)rows[(size_t)(a - A_LOW) * (size_t)c->n + (size_t)i];
            if (isnan(v)) break;
            if (v >= limit) continue;
            c->front[i] = (float)a;
            break;
        }
    }
}

static dm_status measure_front(work *w, dm_column *c) {
    size_t n = (size_t)c->n;
    float *raw = malloc(n * NA * sizeof *raw), *rows = malloc(n * NA * sizeof *rows);
    dm_status status = dm_ok;
    if (!raw || !rows) status = dm_fail(DM_STUDY, "out_of_memory", "no memory for rows of the column");
    if (dm_good(status)) status = run_rows(w, c->slope, raw);
    for (size_t j = 0; dm_good(status) && j < NA; j++) {
        float *row = rows + j * n;
        for (size_t i = 0; i < n; i++) row[i] = known(raw[i * NA + j]);
        if (w->g.mr) {
            float *g = malloc((n + 1) * sizeof *g);
            status = g ? dm_profile_relative_gradient(row, c->n, 12, g)
                       : dm_fail(DM_STUDY, "out_of_memory", "no memory for rows of the column");
            if (g) memcpy(row, g, n * sizeof *g);
            free(g);
        }
        if (dm_good(status)) status = dm_profile_smooth(row, c->n, w->g.mr ? 18 : 12);
    }
    if (dm_good(status)) find_front(rows, w->g.mr ? 0.5 : 0, c);
    for (int i = c->n - (w->g.mr ? BELOW_SAC - BEYOND : 0); i < c->n; i++) c->front[i] = NAN;
    free(raw), free(rows);
    return status;
}

static dm_disc_box box_of(int a0, int a1, int l0, int l1, int value) {
    return (dm_disc_box){a0 - A_LOW, a1 - A_LOW, l0 + L_SIDE, l1 + L_SIDE, value};
}

/* The same box on both sides. */
static void both_sides(dm_disc_box *b, int a0, int a1, int l0, int l1) {
    b[0] = box_of(a0, a1, l0, l1, 0);
    b[1] = box_of(a0, a1, -l1, -l0, 0);
}

static void make_boxes(dm_disc_box b[BOXES]) {
    for (int i = 0; i < PED / 2; i++) both_sides(b + 2 * i, -2, 6, 8 + i, 13 + i);
    for (int i = 0; i < HIGH / 2; i++) both_sides(b + PED + 2 * i, i - 35, i - 35, 38, 46);
    b += PED + HIGH;
    both_sides(b, 5, 20, 22, 36);
    both_sides(b + 2, -30, 20, 44, 62);
    b[4] = box_of(10, 20, -4, 4, 0);
    b[5] = box_of(10, 20, -4, 4, 1);
    b[6] = box_of(10, 40, 16, 36, 1);
    b[7] = box_of(10, 40, -36, -16, 1);
}

/* Largest of every other box of n: one side. Where more than half of them lie outside the scan, only bone
 * that is seen counts. */
static float side_max(const float *v, int n, int side) {
    float best = NAN;
    int known_boxes = 0;
    for (int i = side; i < n; i += 2) {
        if (dm_is_outside(v[i])) continue;
        known_boxes++;
        if (!(v[i] <= best)) best = v[i];
    }
    return best > 0.5f || 4 * known_boxes >= n ? best : NAN;
}

static float both_mean(float p, float q) {
    return isnan(p) ? q : isnan(q) ? p : 0.5f * (p + q);
}

static dm_status measure_boxes(work *w, dm_column *c) {
    dm_disc_box boxes[BOXES];
    float *v = malloc((size_t)c->n * BOXES * sizeof *v);
    make_boxes(boxes);
    dm_status status =
        v ? run_boxes(w, boxes, BOXES, v) : dm_fail(DM_STUDY, "out_of_memory", "no memory for bone profiles");
    for (int i = 0; dm_good(status) && i < c->n; i++) {
        const float *p = v + (size_t)i * BOXES, *q = p + PED + HIGH;
        c->ped[i] = both_mean(side_max(p, PED, 0), side_max(p, PED, 1));
        for (int side = 0; side < 2; side++) c->high[side][i] = side_max(p + PED, HIGH, side);
        c->wing[i] = both_mean(known(q[0]), known(q[1]));
        c->iliac[i] = both_mean(known(q[2]), known(q[3]));
        c->occupied[i] = known(q[4]);
        c->hu[i] = known(q[5]);
        c->flank[0][i] = known(q[2]), c->flank[1][i] = known(q[3]);
        c->beside[0][i] = known(q[6]), c->beside[1][i] = known(q[7]);
    }
    free(v);
    return status;
}

/* MR: the middle of the sac, dark where the cord is, and the brightest of the four sides of it. */
static dm_status measure_sac(work *w, dm_column *c) {
    const dm_disc_box boxes[] = {
        box_of(-2, 2, -2, 2, 1),    box_of(-3, 3, 4, 7, 1),     box_of(-3, 3, -7, -4, 1),
        box_of(3, 6, -3, 3, 1),     box_of(-6, -3, -3, 3, 1),   box_of(5, 20, 22, 36, 1),
        box_of(5, 20, -36, -22, 1), box_of(-15, -11, -4, 4, 1), box_of(-3, 8, 9, 14, 1),
        box_of(-3, 8, -14, -9, 1),  box_of(-20, 5, 22, 36, 1),  box_of(-20, 5, -36, -22, 1)};
    enum { N = sizeof boxes / sizeof *boxes };
    float *v = malloc((size_t)c->n * N * sizeof *v);
    dm_status status =
        v ? run_boxes(w, boxes, N, v) : dm_fail(DM_STUDY, "out_of_memory", "no memory for the sac");
    for (int i = 0; dm_good(status) && i < c->n; i++) {
        const float *p = v + (size_t)i * N;
        c->core[i] = known(p[0]);
        c->wing[i] = both_mean(known(p[5]), known(p[6]));
        c->fluid[i] = fmaxf(fmaxf(known(p[1]), known(p[2])), fmaxf(known(p[3]), known(p[4])));
        c->behind[i] = known(p[7]);
        c->near[i] = fminf(known(p[8]), known(p[9]));
        c->beside[0][i] = known(p[10]), c->beside[1][i] = known(p[11]);
    }
    free(v);
    return status;
}

/* A rib is looked for only where its way outwards lies in the field of view: what begins at i is 44 to 62 mm
 * to the side a little further down. */
static int flank_known(const dm_column *c, int side, int i) {
    return i + 10 < c->n && !isnan(c->flank[side][i]) && !isnan(c->flank[side][i + 10]);
}

/* Mean of the sides; where one of them is a rib beyond doubt the vertebra is not one without. */
static float rib_of_sides(float left, float right) {
    float mean = both_mean(left, right);
    return fmaxf(left, right) > 0.8f ? fmaxf(mean, 0.65f) : mean;
}

static dm_status measure_ribs(work *w, dm_column *c) {
    float *sum[2] = {malloc((size_t)c->n * NA * sizeof(float)), malloc((size_t)c->n * NA * sizeof(float))};
    dm_status status =
        sum[0] && sum[1] ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for rib paths");
    for (int side = 0; dm_good(status) && side < 2; side++) status = run_rib(w, side ? -1 : 1, sum[side]);
    for (int i = 0; dm_good(status) && i < c->n; i++) {
        float best[2] = {-1e30f, -1e30f};
        for (int side = 0; side < 2; side++)
            for (int a = -14; a <= 12; a++)
                best[side] = fmaxf(best[side], sum[side][(size_t)i * NA + (size_t)(a - A_LOW)]);
        for (int side = 0; side < 2; side++)
            best[side] = flank_known(c, side, i) ? best[side] / (DM_RIB_TO - DM_RIB_FROM + 1) : NAN;
        c->rib[i] = rib_of_sides(best[0], best[1]);
    }
    free(sum[0]), free(sum[1]);
    return status;
}

static dm_status measure(work *w, const dm_levels_params *p, dm_column *c) {
    float *sheets = malloc((size_t)c->n * DM_DISC_TILTS * sizeof *sheets);
    dm_status status =
        sheets ? run_sheets(w, sheets) : dm_fail(DM_STUDY, "out_of_memory", "no memory for sheets");
    if (dm_good(status)) status = find_slope(sheets, p, c);
    if (dm_good(status)) tilted_profile(sheets, c);
    free(sheets);
    DM_TRY(status);
    DM_TRY(measure_front(w, c));
    if (c->modality == DM_CT) {
        DM_TRY(measure_boxes(w, c));
        DM_TRY(measure_ribs(w, c));
    } else {
        DM_TRY(measure_sac(w, c));
    }
    return dm_disc_evidence(c);
}

dm_status dm_column_measure(dm_gpu *gpu, const dm_study *study, const dm_levels_params *p, dm_column *c) {
    dm_spine line = {0};
    *c = (dm_column){.n = (int)floor((study->spine.n - 1) * study->spine.ds) + 1 + ABOVE + (study->modality == DM_MR ? BELOW_SAC : BEYOND),
                     .s0 = -ABOVE,
                     .modality = study->modality};
    work w = {.gpu = gpu, .g = args_of(c->n, study->modality, p)};
    float *v = NULL;
    int doubt = dm_column_doubt(&study->spine);
    c->doubt = doubt > 0 ? (int)(doubt * study->spine.ds) + ABOVE : -1;
    dm_status status = column_make(c);
    if (dm_good(status)) status = dm_column_line(&study->spine, &line);
    if (dm_good(status))
        status =
            dm_curved_plane(gpu, &study->crop.raw, &line, c->s0, 1, c->n, A_LOW, 1, NA, -L_SIDE, 1, NL, &v);
    if (dm_good(status))
        status = dm_buf_from(gpu, v, (size_t)c->n * NA * NL * sizeof(float), "straightened volume", &w.v);
    free(v);
    if (dm_good(status)) status = measure(&w, p, c);
    if (dm_good(status)) dm_column_lean(&line, c);
    dm_spine_clear(&line);
    work_clear(&w);
    return status;
}

/* ---- the kernels against their scalar references ---- */

typedef struct bench {
    work w;
    float *v, *want, *got, *slope;
    size_t count;
    int x;
} bench;

static dm_status bench_start(dm_gpu *gpu, int edge, uint64_t seed, int x, bench *b) {
    const dm_levels_params p = {.bone_hu = 130, .full_hu = 250};
    *b = (bench){.w = {.gpu = gpu, .g = args_of(edge, seed & 1 ? DM_MR : DM_CT, &p)},
                 .x = x,
                 .count = (size_t)edge * (size_t)x};
    size_t cells = (size_t)edge * NA * NL;
    b->v = malloc(cells * sizeof *b->v);
    b->want = calloc(b->count, sizeof *b->want), b->got = calloc(b->count, sizeof *b->got);
    b->slope = calloc((size_t)edge, sizeof *b->slope);
    if (!b->v || !b->want || !b->got || !b->slope)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a check");
    uint64_t state = seed * 2654435761u + 88172645463325252ull;
    for (size_t i = 0; i < cells; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        b->v[i] = state % 19 == 0 ? DM_OUTSIDE : (float)(state % 600) - 150.0f;
    }
    for (int i = 0; i < edge; i++) b->slope[i] = 0.01f * (float)(i % 90) - 0.4f;
    dm_gpu_reset_times(gpu);
    return dm_buf_from(gpu, b->v, cells * sizeof *b->v, "straightened volume", &b->w.v);
}

static dm_status bench_stop(dm_gpu *gpu, bench *b, dm_status status, dm_check_result *r) {
    *r = (dm_check_result){.items = (double)b->count,
                           .seconds = dm_gpu_seconds(gpu),
                           .bytes = 4.0 * (double)b->w.g.ns * NA * NL};
    for (size_t i = 0; dm_good(status) && i < b->count; i++) {
        double error = fabs((double)b->want[i] - (double)b->got[i]);
        if (!(error <= r->error)) r->error = error;
    }
    work_clear(&b->w);
    free(b->v), free(b->want), free(b->got), free(b->slope);
    return status;
}

static dm_status compare_sheets(dm_gpu *gpu, int edge, uint64_t seed, int with_reference,
                                dm_check_result *r) {
    bench b;
    dm_status status = bench_start(gpu, edge, seed, DM_DISC_TILTS, &b);
    if (dm_good(status)) status = run_sheets(&b.w, b.got);
    for (int i = 0; dm_good(status) && i < edge; i++)
        for (int k = 0; k < b.x; k++) b.want[i * b.x + k] = dm_discs_sheet(b.v, &b.w.g, i, dm_disc_slope(k));
    if (!with_reference && dm_good(status)) memcpy(b.want, b.got, b.count * sizeof *b.want);
    return bench_stop(gpu, &b, status, r);
}

static dm_status compare_rows(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    bench b;
    dm_status status = bench_start(gpu, edge, seed, NA, &b);
    if (dm_good(status)) status = run_rows(&b.w, b.slope, b.got);
    for (int i = 0; dm_good(status) && i < edge; i++)
        for (int j = 0; j < NA; j++) b.want[i * NA + j] = dm_discs_row(b.v, b.slope, &b.w.g, i, j);
    if (!with_reference && dm_good(status)) memcpy(b.want, b.got, b.count * sizeof *b.want);
    return bench_stop(gpu, &b, status, r);
}

static dm_status compare_boxes(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    bench b;
    dm_disc_box boxes[BOXES];
    make_boxes(boxes);
    dm_status status = bench_start(gpu, edge, seed, BOXES, &b);
    if (dm_good(status)) status = run_boxes(&b.w, boxes, BOXES, b.got);
    for (int i = 0; dm_good(status) && i < edge; i++)
        for (int k = 0; k < BOXES; k++) b.want[i * BOXES + k] = dm_discs_box(b.v, &b.w.g, i, &boxes[k]);
    if (!with_reference && dm_good(status)) memcpy(b.want, b.got, b.count * sizeof *b.want);
    return bench_stop(gpu, &b, status, r);
}

static dm_status rib_reference(const bench *b, float *out) {
    float *next = calloc(b->count, sizeof *next);
    if (!next) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a check");
    for (int l = DM_RIB_TO; l >= DM_RIB_FROM; l--) {
        for (int i = 0; i < b->w.g.ns; i++)
            for (int j = 0; j < NA; j++) out[i * NA + j] = dm_rib_step(b->v, next, &b->w.g, i, j, l, 1);
        memcpy(next, out, b->count * sizeof *next);
    }
    free(next);
    return dm_ok;
}

static dm_status compare_rib(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    bench b;
    dm_status status = bench_start(gpu, edge, seed, NA, &b);
    if (dm_good(status)) status = run_rib(&b.w, 1, b.got);
    if (dm_good(status) && with_reference) status = rib_reference(&b, b.want);
    if (!with_reference && dm_good(status)) memcpy(b.want, b.got, b.count * sizeof *b.want);
    return bench_stop(gpu, &b, status, r);
}

const dm_kernel_check dm_discs_checks[DM_DISCS_CHECKS] = {
    {"discs_sheets", 0.0, "same sums in the same order", compare_sheets},
    {"discs_rows", 0.0, "same sums in the same order", compare_rows},
    {"discs_boxes", 0.0, "same sums in the same order", compare_boxes},
    {"discs_rib", 0.0, "same sums in the same order", compare_rib},
};
