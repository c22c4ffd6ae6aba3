#include "veins.h"

#include <math.h>
#include <stdlib.h>

#include "blood.h"
#include "frame.h"
#include "level.h"
#include "places.h"
#include "vein_box.h"

#define PI 3.14159265358979323846
static const double A0 = DM_VEIN_A0, L0 = DM_VEIN_L0, STEP = DM_VEIN_STEP, DS = DM_VEIN_DS;
/* Samples of a root's tube of 3 by 8 mm. */
static const double ROOT_VOXELS = 110;
enum { NA = DM_VEIN_NA, NL = DM_VEIN_NL, MOST_PIECES = 512, LEAST_VOXELS = 8 };

typedef struct piece {
    size_t voxels;
    double excess, peak;                 /* sum of excess; largest HU */
    double value, weight;                /* sums of HU on the ridge and of its weights, excess squared */
    double low[3], high[3];              /* box: s, a, l in mm */
    double near_s, near_a, near_l, near; /* voxel nearest to a foramen, and how near, mm */
    int foramen;
} piece;

typedef struct work {
    const dm_veins_params *p;
    const dm_vein_box *b;
    dm_study *st;
    piece *pieces;
    int n;
} work;

static double a_of(int y) {
    return A0 + STEP * y;
}
static double l_of(int x) {
    return L0 + STEP * x;
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
    q->excess += (double)w->b->excess[at];
    double ridge = (double)w->b->excess[at] * (double)w->b->excess[at];
    q->value += ridge * (double)w->b->box[at], q->weight += ridge;
    q->peak = fmax(q->peak, (double)w->b->box[at]);
    for (int k = 0; k < 3; k++) q->low[k] = fmin(q->low[k], m[k]), q->high[k] = fmax(q->high[k], m[k]);
    nearest_foramen(w, m[0], m[1], m[2], q);
}

/* Not the edge of muscle and lung, which is no brighter than they are. */
static int is_tube(const work *w, const piece *q) {
    return q->value >= w->p->blood_hu * q->weight;
}

/* 26-connected pieces of the mask that hold a strong voxel. */
static void find_pieces(work *w) {
    size_t n = (size_t)NL * NA * (size_t)w->b->nz;
    for (size_t seed = 0; seed < n && w->n < MOST_PIECES; seed++) {
        if (!w->b->mask[seed] || !(w->b->excess[seed] > (float)w->p->high)) continue;
        piece q = {
            .near = 1e9, .low = {1e9, 1e9, 1e9}, .high = {-1e9, -1e9, -1e9}, .foramen = -1, .peak = -1e9};
        size_t depth = 0;
        w->b->mask[seed] = 0;
        w->b->stack[depth++] = (int)seed;
        while (depth) {
            int at = w->b->stack[--depth], x = at % NL, y = at / NL % NA, z = at / (NL * NA);
            take(w, x, y, z, &q);
            for (int d = 0; d < 27; d++) {
                int xx = x + d % 3 - 1, yy = y + d / 3 % 3 - 1, zz = z + d / 9 - 1;
                if (xx < 0 || yy < 0 || zz < 0 || xx >= NL || yy >= NA || zz >= w->b->nz) continue;
                size_t next = dm_at(xx, yy, zz, NL, NA);
                if (!w->b->mask[next]) continue;
                w->b->mask[next] = 0;
                w->b->stack[depth++] = (int)next;
            }
        }
        if (q.voxels >= LEAST_VOXELS && q.foramen >= 0 && is_tube(w, &q)) w->pieces[w->n++] = q;
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

/* One vein has one brightness, but for its fading: within a third. */
static int alike(const piece *a, const piece *b) {
    double x = a->value / a->weight, y = b->value / b->weight;
    return fmax(x, y) < 1.33 * fmin(x, y);
}

/* Pieces of one side that follow each other become one vein. */
static void chain_pieces(work *w) {
    for (int i = 0; i < w->n; i++)
        for (int j = i + 1; j < w->n; j++) {
            piece *a = &w->pieces[i], *b = &w->pieces[j];
            if (!a->voxels || !b->voxels || (a->near_l > 0) != (b->near_l > 0) ||
                gap_of(a, b) >= w->p->chain || !alike(a, b))
                continue;
            /* a vein crosses a segment at most: longer chains are the edges of many bones */
            if (fmax(a->high[0], b->high[0]) - fmin(a->low[0], b->low[0]) > w->p->most_mm) continue;
            if (b->near < a->near) {
                piece swap = *a;
                *a = *b;
                *b = swap;
            }
            a->voxels += b->voxels, a->excess += b->excess, a->value += b->value, a->weight += b->weight,
                a->peak = fmax(a->peak, b->peak);
            for (int k = 0; k < 3; k++)
                a->low[k] = fmin(a->low[k], b->low[k]), a->high[k] = fmax(a->high[k], b->high[k]);
            b->voxels = 0;
            j = i;
        }
}

static double length_of(const piece *q) {
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        double side = q->high[k] - q->low[k] + (k ? STEP : DS);
        sum += side * side;
    }
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

double dm_vein_least(const dm_veins_params *p, const dm_study *st) {
    double kvp = st->n_passes ? st->pass[0].facts.kvp : NAN;
    return p->blood_hu + (p->least_hu - p->blood_hu) * dm_iodine_at(kvp);
}

/* What leaves the scan is cut; what begins elsewhere drains no root. */
static int is_vein(const work *w, const piece *q) {
    const dm_veins_params *p = w->p;
    double length = length_of(q);
    if (!q->voxels || q->near > p->near_mm || q->low[0] < p->end_mm ||
        q->high[0] > (w->b->nz - 1) * DS - p->end_mm)
        return 0;
    return length <= p->most_mm && length >= p->least_mm;
}

/* Too bright on the whole, or at one place by more than noise: calcium and thin bone. */
static int is_calcium(const work *w, const piece *q) {
    return q->value > w->p->calcium_hu * q->weight || q->peak > w->p->calcium_peak + 2 * w->st->crop.noise_sd;
}

/* The study's own: values of all pieces that could be veins or roots. */
static dm_blood own_blood(const work *w) {
    const double least = dm_vein_least(w->p, w->st);
    float value[MOST_PIECES];
    size_t n = 0;
    for (int i = 0; i < w->n; i++) {
        const piece *q = &w->pieces[i];
        /* thin bright ones are rims of bone, of all places: no root is as thin */
        int thin = (double)q->voxels < ROOT_VOXELS;
        if (is_vein(w, q) && !(thin && q->value > 1.5 * least * q->weight))
            value[n++] = (float)(q->value / q->weight);
    }
    return dm_blood_of(value, n, least, fmax(w->st->crop.noise_sd / 4, 5));
}

/* Gas within 8 mm of the piece's box, below the lungs: bowel, whose contents and wall may shine. */
static int by_bowel(const work *w, const piece *q) {
    if (w->st->levels.v[q->foramen].level < DM_L1) return 0;
    int x0 = (int)((q->low[2] - 8 - L0) / STEP), x1 = (int)((q->high[2] + 8 - L0) / STEP);
    int y0 = (int)((q->low[1] - 8 - A0) / STEP), y1 = (int)((q->high[1] + 8 - A0) / STEP);
    for (int z = (int)q->low[0]; z <= (int)q->high[0]; z++)
        for (int y = dm_clampi(y0, 0, NA - 1); y <= dm_clampi(y1, 0, NA - 1); y++)
            for (int x = dm_clampi(x0, 0, NL - 1); x <= dm_clampi(x1, 0, NL - 1); x++) {
                float v = w->b->box[dm_at(x, y, z, NL, NA)];
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
    if (is_calcium(w, q)) bright *= p->calcium;
    double far = exp(-fmax(q->near - 8, 0) / 12), tube = fmin(length / p->full_mm, 1);
    double score = p->unit * q->excess / 1000 * tube * far * bright;
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

dm_status dm_veins_find(dm_gpu *gpu, const dm_veins_params *p, dm_study *st) {
    dm_vein_box box;
    work w = {.p = p, .st = st, .b = &box};
    dm_status status = dm_ok;
    int filled = 0;
    for (int i = 0; i < st->canal.n; i++) filled += st->canal.filled[i];
    if (st->modality != DM_CT || filled == 0 || st->levels.n < 2) return dm_ok;
    st->findings.veins_sought = 1;
    DM_TRY_OUT(dm_vein_box_make(gpu, p, st, &box));
    w.pieces = calloc(MOST_PIECES, sizeof *w.pieces);
    if (!w.pieces) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for %d pieces of veins", MOST_PIECES);
        goto out;
    }
    find_pieces(&w);
    chain_pieces(&w);
    const dm_blood b = own_blood(&w);
    for (int i = 0; i < w.n; i++) keep(&w, &b, &w.pieces[i]);
out:
    dm_vein_box_free(&box);
    free(w.pieces);
    return status;
}
