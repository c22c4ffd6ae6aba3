#include "veins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curved.h"
#include "frame.h"
#include "places.h"
#include "tubes.h"

#define PI 3.14159265358979323846
/* The straightened box: 16 mm behind the line to 46 mm before it, 38 mm to each side. */
static const double A0 = -16, L0 = -37.8, STEP = 0.7, DS = 1.0;
enum { NA = 89, NL = 109, MOST_PIECES = 512 };

typedef struct piece {
    size_t voxels;
    double excess, value, peak; /* sums of excess and HU; largest HU */
    double low[3], high[3];     /* box: s, a, l in mm */
    double near_s, near_a, near_l, near; /* voxel nearest to a foramen, and how near, mm */
    int foramen, chain;
} piece;

typedef struct work {
    const dm_veins_params *p;
    dm_study *st;
    int nz;
    float *box, *smooth, *less, *excess; /* excess: tube response, less the mirrored side's where a vein may be */
    uint8_t *mask;
    int *stack;
    piece *pieces;
    int n;
} work;

static void work_free(work *w) {
    free(w->box), free(w->smooth), free(w->excess), free(w->less), free(w->mask), free(w->stack), free(w->pieces);
}

static double a_of(int y) {
    return A0 + STEP * y;
}
static double l_of(int x) {
    return L0 + STEP * x;
}

/* 1 = bone or within 1.4 mm of it: a bone's blurred edge is a tube to the filter. */
static int near_bone(const work *w, int x, int y, int z) {
    for (int k = -1; k <= 1; k++)
        for (int j = -2; j <= 2; j++)
            for (int i = -2; i <= 2; i++) {
                int xx = x + i, yy = y + j, zz = z + k;
                if (xx < 0 || yy < 0 || zz < 0 || xx >= NL || yy >= NA || zz >= w->nz) continue;
                if (w->smooth[dm_at(xx, yy, zz, NL, NA)] > (float)w->p->bone_hu) return 1;
            }
    return 0;
}

static int in_diverticulum(const work *w, double s, double a, double l) {
    const dm_findings *f = &w->st->findings;
    for (int k = 0; k < f->n_diverticula; k++) {
        double ds, theta, r, reach = f->d[k].diameter_mm / 2 + 2.5;
        dm_frame_from_lps(&w->st->spine, f->d[k].lps, &ds, &theta, &r);
        double da = r * cos(theta * PI / 180) - a, dl = r * sin(theta * PI / 180) - l;
        if ((ds - s) * (ds - s) + da * da + dl * dl < reach * reach) return 1;
    }
    return 0;
}

/* In how many of 8 directions in the plane a ray of 24 mm meets bone: marrow is enclosed, a vein beside bone is not. */
static int enclosed(const work *w, int x, int y, int z) {
    static const int dx[8] = {1, 1, 0, -1, -1, -1, 0, 1}, dy[8] = {0, 1, 1, 1, 0, -1, -1, -1};
    int hits = 0;
    for (int d = 0; d < 8; d++) {
        int most = (int)(24 / (STEP * (dx[d] && dy[d] ? 1.41421356 : 1)));
        for (int k = 0; k <= most; k++) {
            int i = x + k * dx[d], j = y + k * dy[d];
            if (i < 0 || j < 0 || i >= NL || j >= NA) break;
            if (w->smooth[dm_at(i, j, z, NL, NA)] <= (float)w->p->bone_hu) continue;
            hits++;
            break;
        }
    }
    return hits;
}

/* Largest response within 2 samples of the mirror image: what both sides show is anatomy. */
static float mirrored(const work *w, int x, int y, int z) {
    float best = 0;
    for (int k = -2; k <= 2; k++)
        for (int j = -2; j <= 2; j++)
            for (int i = -2; i <= 2; i++)
                best = fmaxf(best, w->excess[dm_at(dm_clampi(NL - 1 - x + i, 0, NL - 1), dm_clampi(y + j, 0, NA - 1),
                                                   dm_clampi(z + k, 0, w->nz - 1), NL, NA)]);
    return best;
}

/* Where a vein may be: outside the canal and its sleeves, beside the spine, not bone, not marrow, not a diverticulum. */
static int may_be_vein(const work *w, int row, int x, int y, int z) {
    const dm_study *st = w->st;
    double a = a_of(y), l = l_of(x), r = sqrt(a * a + l * l);
    size_t at = dm_at(x, y, z, NL, NA);
    float v = w->smooth[at];
    if (w->excess[at] <= (float)w->p->low || v <= (float)w->p->least_hu || v >= (float)w->p->most_hu || a <= -8) return 0;
    int t = ((int)lround(atan2(l, a) * 36 / PI) + DM_NT) % DM_NT;
    if (r <= (double)st->canal.r_bone[(size_t)row * DM_NT + (size_t)t] + w->p->wall_gap) return 0;
    return !near_bone(w, x, y, z) && enclosed(w, x, y, z) < 7 && !in_diverticulum(w, z * DS, a, l) &&
           w->excess[at] - mirrored(w, x, y, z) > (float)w->p->low;
}

static void make_mask(work *w) {
    const dm_study *st = w->st;
    for (int z = 0; z < w->nz; z++) {
        int row = (int)lround(z * DS / st->spine.ds);
        if (row >= st->canal.n) row = st->canal.n - 1;
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++)
                w->mask[dm_at(x, y, z, NL, NA)] = (uint8_t)(!st->spine.unsure[row] && may_be_vein(w, row, x, y, z));
    }
    /* From here on the response less its mirror image; only voxels of the mask are looked at. */
    for (int z = 0; z < w->nz; z++)
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++) {
                size_t at = dm_at(x, y, z, NL, NA);
                w->less[at] = w->mask[at] ? w->excess[at] - mirrored(w, x, y, z) : 0;
            }
    float *swap = w->excess;
    w->excess = w->less, w->less = swap;
}

static void nearest_foramen(const work *w, double s, double a, double l, piece *q) {
    const dm_study *st = w->st;
    for (int v = 0; v + 1 < st->levels.n; v++) {
        double fs = dm_foramen_s(&st->levels, v);
        int row = (int)lround(fs / st->spine.ds), t = l > 0 ? DM_NT / 4 : 3 * DM_NT / 4;
        if (row < 0 || row >= st->canal.n) continue;
        double fl = (l > 0 ? 1 : -1) * ((double)st->canal.r_bone[(size_t)row * DM_NT + (size_t)t] + 2);
        double d = sqrt((s - fs) * (s - fs) + a * a + (l - fl) * (l - fl));
        if (d >= q->near) continue;
        *q = (piece){.voxels = q->voxels, .excess = q->excess, .value = q->value, .peak = q->peak,
                     .low = {q->low[0], q->low[1], q->low[2]}, .high = {q->high[0], q->high[1], q->high[2]},
                     .near_s = s, .near_a = a, .near_l = l, .near = d, .foramen = v, .chain = q->chain};
    }
}

static void take(const work *w, int x, int y, int z, piece *q) {
    size_t at = dm_at(x, y, z, NL, NA);
    const double m[3] = {z * DS, a_of(y), l_of(x)};
    q->voxels++;
    q->excess += (double)w->excess[at];
    q->value += (double)w->smooth[at];
    q->peak = fmax(q->peak, (double)w->box[at]);
    for (int k = 0; k < 3; k++) q->low[k] = fmin(q->low[k], m[k]), q->high[k] = fmax(q->high[k], m[k]);
    nearest_foramen(w, m[0], m[1], m[2], q);
}

/* 26-connected pieces of the mask that hold a strong voxel. */
static void find_pieces(work *w) {
    size_t n = (size_t)NL * NA * (size_t)w->nz;
    for (size_t seed = 0; seed < n && w->n < MOST_PIECES; seed++) {
        if (w->mask[seed] != 1 || !(w->excess[seed] > (float)w->p->high)) continue;
        piece q = {.near = 1e9, .low = {1e9, 1e9, 1e9}, .high = {-1e9, -1e9, -1e9}, .chain = -1, .foramen = -1, .peak = -1e9};
        size_t depth = 0;
        w->mask[seed] = 2;
        w->stack[depth++] = (int)seed;
        while (depth) {
            int at = w->stack[--depth], x = at % NL, y = at / NL % NA, z = at / (NL * NA);
            take(w, x, y, z, &q);
            for (int d = 0; d < 27; d++) {
                int xx = x + d % 3 - 1, yy = y + d / 3 % 3 - 1, zz = z + d / 9 - 1;
                if (xx < 0 || yy < 0 || zz < 0 || xx >= NL || yy >= NA || zz >= w->nz) continue;
                size_t next = dm_at(xx, yy, zz, NL, NA);
                if (w->mask[next] != 1) continue;
                w->mask[next] = 2;
                w->stack[depth++] = (int)next;
            }
        }
        if (q.voxels >= 14 && q.foramen >= 0) w->pieces[w->n++] = q;
    }
}

/* Gap between the boxes of two pieces, mm. */
static double gap_of(const piece *a, const piece *b) {
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        double g = fmax(0, fmax(a->low[k] - b->high[k], b->low[k] - a->high[k]));
        sum += g * g;
    }
    return sqrt(sum);
}

/* Pieces of one side that follow each other become one vein. */
static void chain_pieces(work *w) {
    for (int i = 0; i < w->n; i++)
        for (int j = i + 1; j < w->n; j++) {
            piece *a = &w->pieces[i], *b = &w->pieces[j];
            if (!a->voxels || !b->voxels || (a->near_l > 0) != (b->near_l > 0) || gap_of(a, b) >= w->p->chain) continue;
            /* a vein crosses a segment at most: longer chains are the edges of many bones */
            if (fmax(a->high[0], b->high[0]) - fmin(a->low[0], b->low[0]) > 35) continue;
            if (b->near < a->near) {
                piece swap = *a;
                *a = *b;
                *b = swap;
            }
            a->voxels += b->voxels, a->excess += b->excess, a->value += b->value, a->peak = fmax(a->peak, b->peak);
            for (int k = 0; k < 3; k++) a->low[k] = fmin(a->low[k], b->low[k]), a->high[k] = fmax(a->high[k], b->high[k]);
            b->voxels = 0;
            j = i;
        }
}

static double length_of(const piece *q) {
    double sum = 0;
    for (int k = 0; k < 3; k++) sum += (q->high[k] - q->low[k]) * (q->high[k] - q->low[k]);
    return sqrt(sum);
}

static void keep(const work *w, const piece *q) {
    const dm_veins_params *p = w->p;
    dm_findings *f = &w->st->findings;
    double length = length_of(q), n = (double)q->voxels;
    double score = p->unit * q->excess / n / 10 * fmin(length, 45) / 20 * exp(-fmax(q->near - 8, 0) / 12);
    if (!q->voxels || length < p->least_mm || score < p->list_score || f->n >= DM_MAX_FINDINGS) return;
    int row = (int)lround(q->near_s / w->st->spine.ds);
    row = row >= w->st->map.n ? w->st->map.n - 1 : row;
    double sac = (double)w->st->map.sac[row];
    f->f[f->n++] = (dm_finding){.class_ = DM_FISTULA,
                                .score = score,
                                .side = q->near_l > 0 ? DM_LEFT : DM_RIGHT,
                                .s = q->near_s,
                                .s_from = q->low[0],
                                .s_to = q->high[0],
                                .site_from = q->near_s - 5,
                                .site_to = q->near_s + 5,
                                .theta = atan2(q->near_l, q->near_a) * 180 / PI,
                                .r = sqrt(q->near_l * q->near_l + q->near_a * q->near_a),
                                .volume_mm3 = n * STEP * STEP * DS,
                                .peak_value = q->peak,
                                .peak_ratio = sac > 0 ? q->value / n / sac : 0,
                                .length_mm = length,
                                .thickness_mm = 2 * sqrt(n * STEP * STEP * DS / fmax(length, 1) / PI)};
}

static int allocate(work *w) {
    size_t n = (size_t)NL * NA * (size_t)w->nz;
    w->smooth = malloc(n * sizeof(float)), w->excess = malloc(n * sizeof(float));
    w->less = malloc(n * sizeof(float));
    w->mask = malloc(n);
    w->stack = malloc(n * sizeof(int)), w->pieces = calloc(MOST_PIECES, sizeof *w->pieces);
    return w->smooth && w->excess && w->less && w->mask && w->stack && w->pieces;
}

dm_status dm_veins_find(dm_gpu *gpu, const dm_veins_params *p, dm_study *st) {
    work w = {.p = p, .st = st, .nz = (int)((st->spine.n - 1) * st->spine.ds / DS) + 1};
    dm_status status = dm_ok;
    int filled = 0;
    for (int i = 0; i < st->canal.n; i++) filled += st->canal.filled[i];
    if (st->modality != DM_CT || filled == 0 || st->levels.n < 2) return dm_ok;
    if (!allocate(&w)) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a straightened box of %d x %d x %d", NL, NA, w.nz);
        goto out;
    }
    DM_TRY_OUT(dm_curved_plane(gpu, &st->crop.raw, &st->spine, 0, DS, w.nz, A0, STEP, NA, L0, STEP, NL, &w.box));
    const dm_tube_args a = {.nx = NL, .ny = NA, .nz = w.nz, .step = {(float)STEP, (float)STEP, (float)DS}, .low = -120,
                            .high = 350};
    DM_TRY_OUT(dm_tubes_filter(gpu, w.box, a, w.smooth, w.excess));
    make_mask(&w);
    find_pieces(&w);
    chain_pieces(&w);
    for (int i = 0; i < w.n; i++) keep(&w, &w.pieces[i]);
out:
    work_free(&w);
    return status;
}
