/* What the scan itself shows of a diverticulum or a vein: the same scan rendered without it, subtracted. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../painted.h"
#include "sacs.h"

/* The anatomy's primitives with those of all diverticula and fistula veins shrunk to nothing; to be freed. */
static float *without_them(const dm_anatomy *a) {
    size_t bytes = (size_t)a->n_prims * PH_PROW * sizeof(float);
    float *prims = malloc(bytes);
    if (!prims) return NULL;
    memcpy(prims, a->prims, bytes);
    for (int k = 0; k < a->n_blebs + a->n_veins; k++) {
        int vein = k >= a->n_blebs, first = vein ? a->vein[k - a->n_blebs].first_prim : a->bleb[k].first_prim,
            n = vein ? a->vein[k - a->n_blebs].n_prims : a->bleb[k].n_prims;
        for (int i = first; i < first + n; i++)
            prims[(size_t)i * PH_PROW + PH_R0] = prims[(size_t)i * PH_PROW + PH_R1] = -20;
    }
    return prims;
}

typedef struct pair {
    const bench *b;
    dm_affine to_voxel;
    int16_t *with, *without;
} pair;

/* Added brightness at a point of the anatomy (s, ventral, left), mean of the 7 voxels round it; 0 outside the
 * scan. */
static double added(const pair *p, const double at[3]) {
    const dm_ph_args *n = &p->b->sc->args;
    double anatomy[3], lps[3], voxel[3], sum = 0;
    dm_ph_point_at(p->b->a, at[2], at[0], at[1], anatomy);
    dm_ph_to_patient(p->b->sc, anatomy, lps);
    dm_affine_apply(&p->to_voxel, lps, voxel);
    long i = lround(voxel[0]), j = lround(voxel[1]), k = lround(voxel[2]);
    if (i < 1 || j < 1 || k < 1 || i + 1 >= n->nx || j + 1 >= n->ny || k + 1 >= n->nz) return 0;
    const long step[3] = {1, n->nx, (long)n->nx * n->ny}, middle = (k * n->ny + j) * n->nx + i;
    for (int m = 0; m < 7; m++) {
        long voxel_at = middle + (m ? step[(m - 1) / 2] * (m % 2 ? 1 : -1) : 0);
        sum += p->with[voxel_at] - p->without[voxel_at];
    }
    return sum / 7;
}

/* Share of a diverticulum's volume, on a lattice of a fifth of its radius, to which it adds a tenth of the
 * sac: the rest is as dim as what is there without, or bone. */
static double shown_share(const pair *p, const dm_ph_bleb *bleb) {
    const float *ball =
        p->b->a->prims + (size_t)(bleb->first_prim + 1) * PH_PROW; /* the first is the stalk */
    double step = 0.1 * bleb->diameter;
    int n = 0, shows = 0;
    for (int k = 0; k < 11 * 11 * 11; k++) {
        const double d[3] = {k % 11 - 5, k / 11 % 11 - 5, k / 121 - 5};
        if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] > 25) continue;
        double at[3];
        for (int c = 0; c < 3; c++) at[c] = (double)ball[PH_A0 + c] + step * d[c];
        n++;
        shows += added(p, at) >= 0.1 * p->b->a->sac_level;
    }
    return (double)shows / n;
}

static void look(const pair *p, shown *out) {
    const dm_anatomy *a = p->b->a;
    for (int k = 0; k < a->n_blebs; k++) out->bleb[k] = shown_share(p, &a->bleb[k]);
    for (int k = 0; k < a->n_veins; k++)
        for (int i = 0; i < a->vein[k].n_prims; i++) {
            const float *c = a->prims + (size_t)(a->vein[k].first_prim + i) * PH_PROW;
            double middle[3], length = 0;
            for (int x = 0; x < 3; x++) {
                double from = (double)c[PH_A0 + x], to = (double)c[PH_A1 + x];
                middle[x] = 0.5 * (from + to), length += (to - from) * (to - from);
            }
            if (added(p, middle) >= 2 * p->b->sc->noise) out->vein_mm[k] += sqrt(length);
        }
}

int look_without(dm_gpu *gpu, const bench *b, shown *out) {
    const dm_ph_args *n = &b->sc->args;
    size_t voxels = (size_t)n->nx * (size_t)n->ny * (size_t)n->nz;
    dm_anatomy *bare = calloc(1, sizeof *bare);
    pair p = {.b = b, .with = malloc(voxels * sizeof(int16_t)), .without = malloc(voxels * sizeof(int16_t))};
    int good = bare && p.with && p.without && dm_good(dm_affine_invert(&b->sc->to_lps, &p.to_voxel));
    *out = (shown){{0}, {0}};
    if (good) *bare = *b->a, bare->prims = without_them(b->a);
    good = good && bare->prims && dm_good(bench_draw(gpu, b->sc, b->a, p.with)) &&
           dm_good(bench_draw(gpu, b->sc, bare, p.without));
    if (good) look(&p, out);
    if (bare) free(bare->prims);
    free(bare), free(p.with), free(p.without);
    return good;
}
