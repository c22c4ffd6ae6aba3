/* Contrast painted into the voxels of a real scan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host_walls.h"
#include "phantom_spine.h"

/* Beyond this the program's own line is not asked: nothing painted reaches further from the canal, mm. */
static const float widest = 70.0f;
/* What contrast replaces is fluid, cord or fat: a voxel's share above this is bone that shines in, and stays.
 */
static const float soft_most = 40.0f;

/* s.d. of the Gaussian that blurs the step at one cell: height / (steepest slope * sqrt(2 pi)); NaN without a
 * clear step. */
static double edge_blur(const dm_ph_host *h, int i, int c) {
    double rb = (double)h->r_bone[(size_t)i * PH_NT + (size_t)c], low = INFINITY, high = -INFINITY,
           steep = 0.0, last = NAN;
    for (double r = rb - 2.5; r <= rb + 2.5; r += 0.25) {
        double v = dm_ph_host_value(h, i, c, fmax(r, 0.0));
        if (v < -1200.0) return NAN;
        if (!isnan(last)) steep = fmax(steep, (v - last) / 0.25);
        low = fmin(low, v);
        high = fmax(high, v);
        last = v;
    }
    return high - low > 350.0 && steep > 0.0 ? (high - low) / (steep * 2.50663) : NAN;
}

double dm_ph_host_blur(const dm_ph_host *h) {
    int room = (h->n / 4 + 1) * PH_NT, n = 0;
    double *blur = malloc((size_t)room * sizeof *blur), result = 0.6;
    for (int i = 0; blur && i < h->n; i += 4)
        for (int c = 0; c < PH_NT; c++) {
            double b = edge_blur(h, i, c);
            if (!isnan(b)) blur[n++] = b;
        }
    if (n > 20) {
        qsort(blur, (size_t)n, sizeof *blur, dm_ph_ascending);
        result = blur[n / 5];
    }
    free(blur);
    return fmin(fmax(result, 0.3), 1.5);
}

void dm_ph_host_scanner(const dm_ph_host *h, const dm_anatomy *a, dm_ph_scanner *sc) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->scan, "painted scanner");
    double step[3];
    memset(sc, 0, sizeof *sc);
    dm_affine_spacing(&h->scan->to_lps, step);
    sc->field = "host";
    sc->to_lps = h->scan->to_lps;
    for (int c = 0; c < 3; c++) sc->turn[c][c] = 1.0;
    sc->noise = h->noise;
    sc->kvp = h->kvp;
    sc->pixel = step[0];
    sc->slice = step[2];
    sc->prone = h->position[0] && strlen(h->position) > 2 && h->position[2] == 'P';
    sc->feet_first = h->position[0] == 'F';
    dm_ph_args *g = &sc->args;
    g->nx = h->scan->nx;
    g->ny = h->scan->ny;
    g->nz = h->scan->nz;
    g->n_nodes = a->n_nodes;
    g->n_buckets = a->n_buckets;
    g->w = (float)(dm_ph_host_blur(h) / 0.2236); /* the edge of that width has a slope of that s.d. */
    g->seed = (uint)dm_ph_uniform(&r, 0, 4294967295.0);
    memcpy(g->mat, a->mat, sizeof g->mat);
}

/* How far a point lies within the balls of an outpouching, 0..1; the first of its pieces is its neck. */
static float in_outpouching(const dm_ph_args *g, const dm_anatomy *a, const dm_ph_point *q) {
    float part = 0.0f;
    for (int i = 0; i < a->n_blebs; i++)
        for (int k = 1; k < a->bleb[i].n_prims; k++) {
            const float *p = a->prims + (size_t)(a->bleb[i].first_prim + k) * PH_PROW;
            float ma = q->a - p[PH_MID_A], ml = q->l - p[PH_MID_L];
            if (ma * ma + ml * ml <= p[PH_REACH2]) part = dm_fmax(part, dm_ph_cover(dm_ph_capsule(p, q), g->w));
        }
    return part;
}

/* Change of one voxel: what is painted less what was there, HU. */
static float change(const dm_ph_args *g, const dm_anatomy *a, dm_ph_point *q, float clean, const float p[3]) {
    float rb = dm_ph_wall(a->walls, g->n_nodes, PH_RB, q), rel = q->r - rb, bone = 99.0f;
    float there = dm_fmin(clean, soft_most), value = there;
    const dm_ph_lining as_scanned = {0.0f, 0.0f, 0.0f};
    if (rel < g->w) value = dm_ph_canal(g, a->nodes, a->walls, q, rb, as_scanned, there, p[0], p[1], p[2], there);
    int bucket = dm_clampi((int)(q->s * 0.125f), 0, g->n_buckets - 1);
    int i = a->buckets[bucket], end = a->buckets[bucket + 1];
    const int *list = a->buckets + g->n_buckets + 1;
    while (i < end && (int)a->prims[(size_t)list[i] * PH_PROW + PH_LAYER_NO] != PH_OVER) i++;
    float canal = value, sac = a->nodes[(size_t)q->node * PH_NODE + PH_SAC];
    dm_ph_layer(g, a->prims, list, i, end, PH_OVER, q, sac, &bone, &value);
    /* Outside the canal fluid flows round bone, not through it; but an outpouching presses on it and hollows it. */
    float open = rel > 0.0f ? 1.0f - dm_clampf((clean - (float)DM_PH_HOST_BONE) / 150.0f, 0.0f, 1.0f) : 1.0f;
    return dm_ph_mixf(canal - there + open * (value - canal), value - clean, in_outpouching(g, a, q));
}

/* First guess of s by height: the node nearest in z, for every millimetre of z. */
typedef struct heights {
    int *node; /* owned */
    int n;
    double low;
} heights;

static int make_heights(const dm_anatomy *a, heights *h) {
    double high = (double)a->nodes[PH_P + 2], low = high;
    for (int i = 0; i < a->n_nodes; i++) {
        double z = (double)a->nodes[(size_t)i * PH_NODE + PH_P + 2];
        low = fmin(low, z);
        high = fmax(high, z);
    }
    h->low = low - widest;
    h->n = (int)(high - low + 2.0 * (double)widest) + 1;
    h->node = malloc((size_t)h->n * sizeof *h->node);
    for (int k = 0; h->node && k < h->n; k++) {
        double best = INFINITY;
        for (int i = 0; i < a->n_nodes; i++) {
            double d = fabs((double)a->nodes[(size_t)i * PH_NODE + PH_P + 2] - h->low - k);
            if (d < best) h->node[k] = i;
            best = fmin(best, d);
        }
    }
    return h->node != NULL;
}

static float painted(const dm_ph_host *host, const dm_ph_args *g, const dm_anatomy *a, const heights *h,
                     const double lps[3]) {
    double z = lps[2] - h->low;
    if (z < 0.0 || z >= h->n) return 0.0f;
    const float *n = a->nodes + (size_t)h->node[(int)z] * PH_NODE,
                p[3] = {(float)lps[0], (float)lps[1], (float)lps[2]};
    if (dm_fabs(p[0] - n[PH_P]) > widest || dm_fabs(p[1] - n[PH_P + 1]) > widest) return 0.0f;
    dm_ph_point q = dm_ph_locate(g, a->nodes, (float)h->node[(int)z], p[0], p[1], p[2]);
    if (q.s <= 0.0f || q.s >= (float)(g->n_nodes - 1) - 0.01f || q.r > widest) return 0.0f;
    float clean = dm_volume_sample(host->clean, lps);
    if (clean < -1200.0f) return 0.0f;
    q.column = dm_ph_column(q.a, q.l);
    return change(g, a, &q, clean, p);
}

double dm_ph_painted_at(const dm_ph_host *host, const dm_ph_args *g, const dm_anatomy *a,
                        const double at[3]) {
    double lps[3];
    dm_ph_point_at(a, at[2], at[0], at[1], lps);
    float clean = dm_volume_sample(host->clean, lps), p[3] = {(float)lps[0], (float)lps[1], (float)lps[2]};
    if (clean < -1200.0f) return -1000.0;
    dm_ph_point q = dm_ph_locate(g, a->nodes, (float)at[2], p[0], p[1], p[2]);
    if (q.s <= 0.0f || q.s >= (float)(g->n_nodes - 1) - 0.01f) return (double)clean;
    q.column = dm_ph_column(q.a, q.l);
    return (double)(clean + change(g, a, &q, clean, p));
}

dm_status dm_ph_paint(const dm_ph_host *host, const dm_ph_scanner *sc, const dm_anatomy *a, int16_t *out) {
    const dm_scan *scan = host->scan;
    heights h = {0};
    if (!make_heights(a, &h))
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the heights of a line");
    size_t v = 0;
    for (int k = 0; k < scan->nz; k++)
        for (int j = 0; j < scan->ny; j++)
            for (int i = 0; i < scan->nx; i++, v++) {
                const double index[3] = {i, j, k};
                double lps[3], value = (double)(scan->scale * (float)scan->v[v] + scan->offset);
                dm_affine_apply(&scan->to_lps, index, lps);
                value += (double)painted(host, &sc->args, a, &h, lps);
                out[v] = (int16_t)fmin(fmax(floor(value + 0.5), -1024.0), 3071.0);
            }
    free(h.node);
    return dm_ok;
}
