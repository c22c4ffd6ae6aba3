#include "veins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blood.h"
#include "curved.h"
#include "frame.h"
#include "level.h"
#include "places.h"
#include "ranks.h"
#include "tubes.h"

#define PI 3.14159265358979323846
/* The straightened box: 16 mm behind the line to 46 mm before it, 38 mm to each side. */
static const double A0 = -16, L0 = -37.8, STEP = 0.7, DS = 1.0;
/* Roots and ribs of two levels lie this far apart once their foramina are laid on each other, mm. */
static const double REACH = 3;
enum { NA = 89, NL = 109, MOST_PIECES = 512 };

typedef struct piece {
    size_t voxels, hugging;              /* hugging: within 3 mm of bone */
    double excess, peak;                 /* sum of excess; largest HU */
    double value, weight;                /* sums of HU on the ridge and of its weights, excess squared */
    double low[3], high[3];              /* box: s, a, l in mm */
    double near_s, near_a, near_l, near; /* voxel nearest to a foramen, and how near, mm */
    int foramen;
} piece;

typedef struct work {
    const dm_veins_params *p;
    dm_study *st;
    int nz;
    float *box, *smooth, *wide, *less; /* HU; blurred by 0.9 and by 2.5 mm; room for one step */
    float *excess;                     /* tube response, from make_mask on less what is usual there */
    float *around;                     /* largest response within REACH */
    float core;                        /* HU: bone is above this after the wide blur */
    uint8_t *mask;
    int *stack;
    piece *pieces;
    int n;
} work;

/* A root that takes up a quarter of the sac's contrast keeps half of that after the wide blur: bone must be
 * brighter. */
static float core_of(const dm_veins_params *p, const dm_study *st) {
    double sum = 0, n = 0;
    for (int i = 0; i < st->map.n; i++)
        if (!dm_is_outside(st->map.sac[i])) sum += (double)st->map.sac[i], n++;
    return (float)fmax(p->core_hu, n > 0 ? 60 + p->core_sac * sum / n : 0);
}

static void work_free(work *w) {
    free(w->box), free(w->smooth), free(w->wide), free(w->excess), free(w->less), free(w->around),
        free(w->mask), free(w->stack), free(w->pieces);
}

static double a_of(int y) {
    return A0 + STEP * y;
}
static double l_of(int x) {
    return L0 + STEP * x;
}

/* Bone is bright and thick: brighter than bone_hu, and still above core_hu when blurred by 2.5 mm, which
 * leaves a sixth of a vein of 3 mm. So a bright vein is no bone, however bright. */
static int is_bone(const work *w, size_t at) {
    return w->smooth[at] > (float)w->p->bone_hu && w->wide[at] > w->core;
}

/* 1 = bone lies within `reach` samples in the plane and `along` of them up or down. */
static int near_bone(const work *w, int x, int y, int z, int reach, int along) {
    for (int k = -along; k <= along; k++)
        for (int j = -reach; j <= reach; j++)
            for (int i = -reach; i <= reach; i++) {
                int xx = x + i, yy = y + j, zz = z + k;
                if (xx < 0 || yy < 0 || zz < 0 || xx >= NL || yy >= NA || zz >= w->nz) continue;
                if (is_bone(w, dm_at(xx, yy, zz, NL, NA))) return 1;
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

/* In how many of 8 directions in the plane a ray of 24 mm meets bone: marrow is enclosed, a vein beside bone
 * is not. */
static int enclosed(const work *w, int x, int y, int z) {
    static const int dx[8] = {1, 1, 0, -1, -1, -1, 0, 1}, dy[8] = {0, 1, 1, 1, 0, -1, -1, -1};
    int hits = 0;
    for (int d = 0; d < 8; d++) {
        int most = (int)(24 / (STEP * (dx[d] && dy[d] ? 1.41421356 : 1)));
        for (int k = 0; k <= most; k++) {
            int i = x + k * dx[d], j = y + k * dy[d];
            if (i < 0 || j < 0 || i >= NL || j >= NA) break;
            if (!is_bone(w, dm_at(i, j, z, NL, NA))) continue;
            hits++;
            break;
        }
    }
    return hits;
}

/* Running maximum along one axis, `reach` samples to each side. */
static void widen(const float *in, float *out, int nz, int axis, int reach) {
    const int size[3] = {NL, NA, nz};
    for (int z = 0; z < nz; z++)
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++) {
                int q[3] = {x, y, z}, at = q[axis];
                float best = 0;
                for (int d = -reach; d <= reach; d++) {
                    q[axis] = at + d;
                    if (q[axis] < 0 || q[axis] >= size[axis]) continue;
                    best = fmaxf(best, in[dm_at(q[0], q[1], q[2], NL, NA)]);
                }
                out[dm_at(x, y, z, NL, NA)] = best;
            }
}

static void look_around(work *w) {
    widen(w->excess, w->around, w->nz, 0, (int)(REACH / STEP));
    widen(w->around, w->less, w->nz, 1, (int)(REACH / STEP));
    widen(w->less, w->around, w->nz, 2, (int)(REACH / DS));
}

/* Bony wall at the side of foramen v, mm. */
static double wall_of(const dm_study *st, int v, double l) {
    int row = (int)lround(dm_foramen_s(&st->levels, v) / st->spine.ds);
    if (row < 0 || row >= st->canal.n) return -1;
    return (double)st->canal.r_bone[(size_t)row * DM_NT + (size_t)(l > 0 ? DM_NT / 4 : 3 * DM_NT / 4)];
}

/* What is usual at a place: over both sides of this foramen and of the three above and below, a rank of
 * the largest responses within REACH of the same place relative to the foramen. Roots, ribs and segmental
 * veins are usual; a fistula is not. The mirror image alone is taken where fewer than three foramina are
 * seen. */
static float usual(const work *w, double s, double a, double l) {
    const dm_study *st = w->st;
    int here = dm_nearest_foramen(&st->levels, s), n = 0;
    float seen[16];
    double wall = here < 0 ? -1 : wall_of(st, here, l);
    for (int v = here - 3; wall > 0 && v <= here + 3; v++)
        for (int side = -1; side <= 1; side += 2) {
            if (v < 0 || v >= st->levels.n || (v == here && side * l > 0)) continue;
            double there = wall_of(st, v, side), out = fabs(l) + there - wall;
            int z = (int)lround((s + dm_foramen_s(&st->levels, v) - dm_foramen_s(&st->levels, here)) / DS);
            int x = (int)lround((side * out - L0) / STEP), y = (int)lround((a - A0) / STEP);
            if (there < 0 || z < 0 || z >= w->nz || x < 0 || x >= NL) continue;
            seen[n++] = w->around[dm_at(x, y, z, NL, NA)];
        }
    if (n < 5) {
        int x = (int)lround((-l - L0) / STEP), z = (int)lround(s / DS);
        return w->around[dm_at(dm_clampi(x, 0, NL - 1), (int)lround((a - A0) / STEP),
                               dm_clampi(z, 0, w->nz - 1), NL, NA)];
    }
    return dm_rank(seen, (size_t)n, w->p->rank);
}

/* 1 = the scan ends within 3 mm in the plane or along the line: what it cuts off looks like a tube's edge. */
static int near_end(const work *w, int x, int y, int z) {
    enum { IN_PLANE = 4, ASKEW = 3, ALONG = 3 }; /* samples */
    static const int dx[10] = {IN_PLANE, -IN_PLANE, 0, 0, ASKEW, ASKEW, -ASKEW, -ASKEW, 0, 0},
                     dy[10] = {0, 0, IN_PLANE, -IN_PLANE, ASKEW, -ASKEW, ASKEW, -ASKEW, 0, 0},
                     dz[10] = {0, 0, 0, 0, 0, 0, 0, 0, ALONG, -ALONG};
    for (int k = 0; k < 10; k++) {
        int i = dm_clampi(x + dx[k], 0, NL - 1), j = dm_clampi(y + dy[k], 0, NA - 1), h = z + dz[k];
        if (h < 0 || h >= w->nz || dm_is_outside(w->box[dm_at(i, j, h, NL, NA)])) return 1;
    }
    return 0;
}

/* Where a vein may be: outside the canal and its sleeves, beside the spine, not bone, not marrow, not a
 * diverticulum. */
static int may_be_vein(const work *w, int row, int x, int y, int z) {
    const dm_study *st = w->st;
    double a = a_of(y), l = l_of(x), r = sqrt(a * a + l * l);
    size_t at = dm_at(x, y, z, NL, NA);
    if (w->excess[at] <= (float)w->p->low || w->smooth[at] <= 0 || a <= -8) return 0;
    int t = ((int)lround(atan2(l, a) * 36 / PI) + DM_NT) % DM_NT;
    if (r <= (double)st->canal.r_bone[(size_t)row * DM_NT + (size_t)t] + w->p->wall_gap) return 0;
    /* 1.4 mm: a bone's blurred edge is a tube to the filter */
    return w->wide[at] <= w->core && !near_bone(w, x, y, z, 2, 1) && enclosed(w, x, y, z) < 7 &&
           !near_end(w, x, y, z) && !in_diverticulum(w, z * DS, a, l);
}

static int row_at(const work *w, int z) {
    int row = (int)lround(z * DS / w->st->spine.ds);
    return row >= w->st->canal.n ? w->st->canal.n - 1 : row;
}

/* Marks where a vein may be, and there takes what is usual off the response. */
static void make_mask(work *w) {
    for (int z = 0; z < w->nz; z++)
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++) {
                size_t at = dm_at(x, y, z, NL, NA);
                int row = row_at(w, z);
                w->mask[at] = (uint8_t)(!w->st->spine.unsure[row] && may_be_vein(w, row, x, y, z));
            }
    for (size_t at = 0; at < (size_t)NL * NA * (size_t)w->nz; at++)
        if (!w->mask[at]) w->excess[at] = 0;
    look_around(w);
    for (int z = 0; z < w->nz; z++)
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++) {
                size_t at = dm_at(x, y, z, NL, NA);
                if (!w->mask[at]) continue;
                w->excess[at] -= (float)w->p->usual * usual(w, z * DS, a_of(y), l_of(x));
                w->mask[at] = w->excess[at] > (float)w->p->low;
            }
}

static void nearest_foramen(const work *w, double s, double a, double l, piece *q) {
    const dm_study *st = w->st;
    for (int v = 0; v < st->levels.n; v++) {
        /* fistulas lie between C7 and L2 (medical notes 1.2); neck and sacrum are full of other tubes */
        if (st->levels.v[v].level < DM_C7 || st->levels.v[v].level >= DM_S1) continue;
        double fs = dm_foramen_s(&st->levels, v);
        int row = (int)lround(fs / st->spine.ds), t = l > 0 ? DM_NT / 4 : 3 * DM_NT / 4;
        if (row < 0 || row >= st->canal.n) continue;
        double fl = (l > 0 ? 1 : -1) * ((double)st->canal.r_bone[(size_t)row * DM_NT + (size_t)t] + 2);
        double d = sqrt((s - fs) * (s - fs) + a * a + (l - fl) * (l - fl));
        if (d >= q->near) continue;
        q->near_s = s, q->near_a = a, q->near_l = l, q->near = d, q->foramen = v;
    }
}

static void take(const work *w, int x, int y, int z, piece *q) {
    size_t at = dm_at(x, y, z, NL, NA);
    const double m[3] = {z * DS, a_of(y), l_of(x)};
    q->voxels++;
    q->hugging += near_bone(w, x, y, z, 4, 3) != 0;
    q->excess += (double)w->excess[at];
    double ridge = (double)w->excess[at] * (double)w->excess[at];
    q->value += ridge * (double)w->box[at], q->weight += ridge;
    q->peak = fmax(q->peak, (double)w->box[at]);
    for (int k = 0; k < 3; k++) q->low[k] = fmin(q->low[k], m[k]), q->high[k] = fmax(q->high[k], m[k]);
    nearest_foramen(w, m[0], m[1], m[2], q);
}

/* Not bone's edge, which hugs the bone all the way, nor the edge of muscle and lung, which is no brighter
 * than they are. */
static int is_tube(const work *w, const piece *q) {
    return (double)q->hugging <= w->p->hug * (double)q->voxels && q->value >= w->p->blood_hu * q->weight;
}

/* 26-connected pieces of the mask that hold a strong voxel. */
static void find_pieces(work *w) {
    size_t n = (size_t)NL * NA * (size_t)w->nz;
    for (size_t seed = 0; seed < n && w->n < MOST_PIECES; seed++) {
        if (w->mask[seed] != 1 || !(w->excess[seed] > (float)w->p->high)) continue;
        piece q = {
            .near = 1e9, .low = {1e9, 1e9, 1e9}, .high = {-1e9, -1e9, -1e9}, .foramen = -1, .peak = -1e9};
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
        if (q.voxels >= 14 && q.foramen >= 0 && is_tube(w, &q)) w->pieces[w->n++] = q;
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
            if (!a->voxels || !b->voxels || (a->near_l > 0) != (b->near_l > 0) || gap_of(a, b) >= w->p->chain)
                continue;
            /* a vein crosses a segment at most: longer chains are the edges of many bones */
            if (fmax(a->high[0], b->high[0]) - fmin(a->low[0], b->low[0]) > 35) continue;
            if (b->near < a->near) {
                piece swap = *a;
                *a = *b;
                *b = swap;
            }
            a->voxels += b->voxels, a->hugging += b->hugging, a->excess += b->excess, a->value += b->value,
                a->weight += b->weight, a->peak = fmax(a->peak, b->peak);
            for (int k = 0; k < 3; k++)
                a->low[k] = fmin(a->low[k], b->low[k]), a->high[k] = fmax(a->high[k], b->high[k]);
            b->voxels = 0;
            j = i;
        }
}

static double length_of(const piece *q) {
    double sum = 0;
    for (int k = 0; k < 3; k++) sum += (q->high[k] - q->low[k]) * (q->high[k] - q->low[k]);
    return sqrt(sum);
}

double dm_iodine_at(double kvp) {
    /* one iodine sample in HU (medical notes 2.2, mono12) */
    static const double at[3] = {100, 120, 140}, hu[3] = {682, 506, 329};
    if (!(kvp > 0)) return 1;
    int i = kvp < at[1] ? 0 : 1;
    double k = fmin(fmax(kvp, 70), 150);
    return (hu[i] + (hu[i + 1] - hu[i]) * (k - at[i]) / (at[i + 1] - at[i])) / hu[1];
}

/* What leaves the scan is cut; what begins elsewhere drains no root. */
static int is_vein(const work *w, const piece *q) {
    const dm_veins_params *p = w->p;
    double length = length_of(q);
    if (!q->voxels || q->near > p->near_mm || q->low[0] < DS || q->high[0] > (w->nz - 2) * DS) return 0;
    return length <= p->most_mm && length >= p->least_mm;
}

/* The study's own: values of all pieces that could be veins. */
static dm_blood own_blood(const work *w) {
    const double kvp = w->st->n_passes ? w->st->pass[0].facts.kvp : NAN;
    float value[MOST_PIECES];
    size_t n = 0;
    for (int i = 0; i < w->n; i++)
        if (is_vein(w, &w->pieces[i])) value[n++] = (float)(w->pieces[i].value / w->pieces[i].weight);
    return dm_blood_of(value, n, w->p->blood_hu + (w->p->least_hu - w->p->blood_hu) * dm_iodine_at(kvp),
                       fmax(w->st->crop.noise_sd / 4, 5));
}

/* Gas within 8 mm of the piece's box, below the lungs: bowel, whose contents and wall may shine. */
static int by_bowel(const work *w, const piece *q) {
    if (w->st->levels.v[q->foramen].level < DM_L1) return 0;
    int x0 = (int)((q->low[2] - 8 - L0) / STEP), x1 = (int)((q->high[2] + 8 - L0) / STEP);
    int y0 = (int)((q->low[1] - 8 - A0) / STEP), y1 = (int)((q->high[1] + 8 - A0) / STEP);
    for (int z = (int)q->low[0]; z <= (int)q->high[0]; z++)
        for (int y = dm_clampi(y0, 0, NA - 1); y <= dm_clampi(y1, 0, NA - 1); y++)
            for (int x = dm_clampi(x0, 0, NL - 1); x <= dm_clampi(x1, 0, NL - 1); x++) {
                float v = w->box[dm_at(x, y, z, NL, NA)];
                if (v < -300 && !dm_is_outside(v)) return 1;
            }
    return 0;
}

/* What besides a fistula may shine here. */
static dm_false_sign sign_of(const work *w, const dm_blood *b, const piece *q, double value) {
    if (value < w->st->findings.aorta_hu + b->spread) return DM_SIGN_IV;
    return by_bowel(w, q) ? DM_SIGN_BOWEL : DM_NO_SIGN;
}

static void keep(const work *w, const dm_blood *b, const piece *q) {
    const dm_veins_params *p = w->p;
    dm_findings *f = &w->st->findings;
    if (!is_vein(w, q) || f->n >= DM_MAX_FINDINGS) return;
    double length = length_of(q), n = (double)q->voxels, value = q->value / q->weight;
    double bright = dm_blood_bright(b, value, p->own);
    if (dm_blood_is_root(b, value)) bright *= p->root;
    if (q->peak > p->calcium_hu) bright *= p->calcium;
    double score = p->unit * q->excess / n / 10 * length / 20 * exp(-fmax(q->near - 8, 0) / 12) * bright;
    if (value < b->least || score < p->list_score) return;
    int row = (int)lround(q->near_s / w->st->spine.ds);
    row = row >= w->st->map.n ? w->st->map.n - 1 : row;
    double sac = (double)w->st->map.sac[row];
    f->f[f->n++] = (dm_finding){.class_ = DM_FISTULA,
                                .score = score,
                                .false_sign = sign_of(w, b, q, value),
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
                                .peak_ratio = sac > 0 ? value / sac : 0,
                                .length_mm = length,
                                .thickness_mm = 2 * sqrt(n * STEP * STEP * DS / fmax(length, 1) / PI)};
}

static int allocate(work *w) {
    size_t n = (size_t)NL * NA * (size_t)w->nz;
    w->smooth = malloc(n * sizeof(float)), w->excess = malloc(n * sizeof(float));
    w->less = malloc(n * sizeof(float)), w->around = malloc(n * sizeof(float)),
    w->wide = malloc(n * sizeof(float));
    w->mask = malloc(n);
    w->stack = malloc(n * sizeof(int)), w->pieces = calloc(MOST_PIECES, sizeof *w->pieces);
    return w->smooth && w->wide && w->excess && w->less && w->around && w->mask && w->stack && w->pieces;
}

dm_status dm_veins_find(dm_gpu *gpu, const dm_veins_params *p, dm_study *st) {
    work w = {.p = p, .st = st, .nz = (int)((st->spine.n - 1) * st->spine.ds / DS) + 1};
    dm_status status = dm_ok;
    int filled = 0;
    for (int i = 0; i < st->canal.n; i++) filled += st->canal.filled[i];
    if (st->modality != DM_CT || filled == 0 || st->levels.n < 2) return dm_ok;
    w.core = core_of(p, st);
    if (!allocate(&w)) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a straightened box of %d x %d x %d", NL,
                         NA, w.nz);
        goto out;
    }
    DM_TRY_OUT(
        dm_curved_plane(gpu, &st->crop.raw, &st->spine, 0, DS, w.nz, A0, STEP, NA, L0, STEP, NL, &w.box));
    const dm_tube_args a = {.nx = NL,
                            .ny = NA,
                            .nz = w.nz,
                            .step = {(float)STEP, (float)STEP, (float)DS},
                            .low = -120,
                            .high = 350};
    DM_TRY_OUT(dm_tubes_filter(gpu, w.box, a, w.smooth, w.wide, w.excess));
    make_mask(&w);
    find_pieces(&w);
    chain_pieces(&w);
    const dm_blood b = own_blood(&w);
    for (int i = 0; i < w.n; i++) keep(&w, &b, &w.pieces[i]);
out:
    work_free(&w);
    return status;
}
