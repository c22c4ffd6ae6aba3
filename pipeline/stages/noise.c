/* Noise of a volume from its flat blocks. */
#include "denoise.h"
#include "ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    EDGE = 10,           /* voxels: 3-7 mm, inside muscle, fat, a vertebral body; holds several correlation lengths */
    MOST_BLOCKS = 60000, /* enough for 1 % */
    ENOUGH = 30,
    SLICE_MM = 30        /* a slice's noise is the mode over this length of the body */
};

typedef struct block {
    float sd, corr;
    int z;
} block;

typedef struct blocks {
    block *b;
    int n, room;
} blocks;

/* Half-sample mode of sorted values (Robertson & Cryer 1974): again and again the densest half. */
static double half_sample_mode(const float *v, int n) {
    while (n > 3) {
        int half = (n + 1) / 2, best = 0;
        for (int i = 1; i + half <= n; i++)
            if (v[i + half - 1] - v[i] < v[best + half - 1] - v[best]) best = i;
        v += best;
        n = half;
    }
    if (n == 3) return v[1] - v[0] < v[2] - v[1] ? 0.5 * ((double)v[0] + v[1]) : 0.5 * ((double)v[1] + v[2]);
    return n == 2 ? 0.5 * ((double)v[0] + v[1]) : n == 1 ? (double)v[0] : 0.0;
}

/* Mode of the standard deviations of the blocks from slice z0 to z1. Where structure is everywhere (MR of bone and fat) its
 * own mode lies above the noise: a seventh of the blocks is taken to be flat, and 1.15 is what lies between that seventh
 * and the mode of correlated noise alone. */
static double mode_between(const blocks *all, int z0, int z1, float *room, int *used) {
    int n = 0;
    for (int i = 0; i < all->n; i++)
        if (all->b[i].z >= z0 && all->b[i].z <= z1) room[n++] = all->b[i].sd;
    dm_sort(room, (size_t)n);
    *used = n;
    return n ? fmin(half_sample_mode(room, n), 1.15 * (double)room[n / 7]) : 0.0;
}

/* Is every voxel tissue? floor and top bound the block's mean, low every voxel. */
typedef struct tissue {
    float low, floor, top;
} tissue;

static int load(const dm_volume *v, int x, int y, int z, const tissue *t, double d[EDGE][EDGE]) {
    double sum = 0;
    for (int j = 0; j < EDGE; j++) {
        const float *row = v->v + dm_at(x, y + j, z, v->nx, v->ny);
        for (int i = 0; i < EDGE; i++) {
            if (row[i] < t->low) return 0;
            sum += d[j][i] = (double)row[i];
        }
    }
    double mean = sum / (EDGE * EDGE);
    if (mean < (double)t->floor || mean > (double)t->top) return 0;
    for (int j = 0; j < EDGE; j++)
        for (int i = 0; i < EDGE; i++) d[j][i] -= mean;
    return 1;
}

/* Takes the least-squares plane away: a block on a slope (field, beam hardening) is still flat. */
static void take_plane(double d[EDGE][EDGE]) {
    double sx = 0, sy = 0, s2 = 0;
    for (int j = 0; j < EDGE; j++)
        for (int i = 0; i < EDGE; i++) {
            double x = i - 0.5 * (EDGE - 1), y = j - 0.5 * (EDGE - 1);
            sx += x * d[j][i];
            sy += y * d[j][i];
            s2 += x * x;
        }
    for (int j = 0; j < EDGE; j++)
        for (int i = 0; i < EDGE; i++) d[j][i] -= (sx * (i - 0.5 * (EDGE - 1)) + sy * (j - 0.5 * (EDGE - 1))) / s2;
}

static block measure(double d[EDGE][EDGE], int z) {
    double variance = 0, shifted = 0;
    for (int j = 0; j < EDGE; j++)
        for (int i = 0; i < EDGE; i++) {
            variance += d[j][i] * d[j][i];
            if (i) shifted += d[j][i] * d[j][i - 1];
            if (j) shifted += d[j][i] * d[j - 1][i];
        }
    const double n = EDGE * EDGE, pairs = 2.0 * EDGE * (EDGE - 1);
    double corr = variance > 0 ? shifted / pairs / (variance / n) : 0;
    return (block){.sd = (float)sqrt(variance / (n - 3)), .corr = (float)corr, .z = z};
}

static void collect(const dm_volume *v, const tissue *t, blocks *all) {
    double whole = (double)(v->nx / EDGE) * (v->ny / EDGE) * v->nz;
    int step = (int)ceil(whole / MOST_BLOCKS);
    double d[EDGE][EDGE];
    for (int z = 0; z < v->nz; z += step > 1 ? step : 1)
        for (int y = 0; y + EDGE <= v->ny; y += EDGE)
            for (int x = 0; x + EDGE <= v->nx && all->n < all->room; x += EDGE) {
                if (!load(v, x, y, z, t, d)) continue;
                take_plane(d);
                all->b[all->n++] = measure(d, z);
            }
}

/* CT: fat to enhanced muscle and cancellous bone. MR: above a third of the mean, which air is not. */
static tissue tissue_of(const dm_volume *v, dm_modality modality) {
    if (modality == DM_CT) return (tissue){-500.0f, -150.0f, 300.0f};
    double sum = 0;
    size_t n = dm_volume_count(v), step = n / 1000003 + 1, count = 0;
    for (size_t i = 0; i < n; i += step, count++) sum += (double)v->v[i];
    float third = (float)(sum / (double)count / 3.0);
    return (tissue){-1e30f, third, 1e30f};
}

static double mean_corr(const blocks *all, double sd) {
    double sum = 0;
    int n = 0;
    for (int i = 0; i < all->n; i++)
        if (fabs((double)all->b[i].sd - sd) < 0.2 * sd) {
            sum += (double)all->b[i].corr;
            n++;
        }
    return n ? fmin(fmax(sum / n, 0.0), 0.95) : 0.0;
}

/* The plane of a block takes 3 degrees of freedom, and with them more than 3 % of a correlated noise, whose power lies in
 * slow waves: 3 S %, S = the noise's power there = the sum of its correlations, (1 + 2c + 2c^4)^2. Brings corr to the
 * noise's own and returns the factor for its standard deviation. */
static double undo_plane(double *corr) {
    const double n = EDGE * EDGE, seen = *corr;
    double c = seen, taken = 0;
    for (int i = 0; i < 20; i++) {
        double s = 1 + 2 * c + 2 * c * c * c * c;
        taken = fmin(3 * s * s / n, 0.35); /* c = 0.8: above it is structure rather than noise */
        c = fmin(seen * (1 - taken) + taken, 0.95);
    }
    *corr = seen > 0.05 ? c : seen; /* white noise: the chance part of a mean near 0 is no correlation */
    return seen > 0.05 ? sqrt((1 - 3 / n) / (1 - taken)) : 1.0;
}

/* Too small for blocks: the median difference of neighbours in x (or y). */
static double from_differences(const dm_volume *v, float *room, size_t most) {
    size_t n = 0, count = dm_volume_count(v), stride = v->nx > 1 ? 1 : (size_t)v->nx;
    size_t step = count / most + 1;
    for (size_t i = 0; i + stride < count && n < most; i += step) room[n++] = fabsf(v->v[i + stride] - v->v[i]);
    if (n == 0) return 0;
    dm_sort(room, n);
    return 1.4826 * (double)room[n / 2] / sqrt(2.0);
}

/* Each slice's own noise where enough blocks tell of it; within a third and three times the whole volume's. */
static void fill_slices(const dm_volume *v, const blocks *all, float *room, dm_noise *noise) {
    double h[3];
    dm_affine_spacing(&v->to_lps, h);
    int half = (int)ceil(0.5 * SLICE_MM / fmax(h[2], 0.05)), every = half / 4 > 1 ? half / 4 : 1;
    for (int z = 0; z < v->nz; z++) {
        if (z % every) {
            noise->slice[z] = noise->slice[z - 1];
            continue;
        }
        int used;
        double sd = mode_between(all, z - half, z + half, room, &used);
        noise->slice[z] = (float)(used >= 4 * ENOUGH ? fmin(fmax(sd, noise->sd / 3), 3 * noise->sd) : noise->sd);
    }
}

dm_status dm_noise_measure(const dm_volume *v, dm_modality modality, dm_noise *noise) {
    memset(noise, 0, sizeof *noise);
    int row_blocks = (v->nx / EDGE) * (v->ny / EDGE);
    blocks all = {.room = MOST_BLOCKS + row_blocks + 1};
    all.b = malloc((size_t)all.room * sizeof *all.b);
    float *room = malloc((size_t)all.room * sizeof *room);
    noise->slice = malloc((size_t)v->nz * sizeof *noise->slice);
    if (!all.b || !room || !noise->slice) {
        free(all.b), free(room);
        dm_noise_clear(noise);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory to measure the noise");
    }
    tissue t = tissue_of(v, modality);
    collect(v, &t, &all);
    if (all.n < ENOUGH) {
        t = (tissue){-5000.0f, -1e30f, 1e30f};
        all.n = 0;
        collect(v, &t, &all);
    }
    noise->sd = mode_between(&all, 0, v->nz, room, &noise->blocks);
    noise->corr = mean_corr(&all, noise->sd);
    if (all.n < ENOUGH) noise->sd = from_differences(v, room, (size_t)all.room);
    for (int z = 0; z < v->nz; z++) noise->slice[z] = (float)noise->sd;
    if (modality == DM_CT) fill_slices(v, &all, room, noise);
    double grow = all.n < ENOUGH ? 1.0 : undo_plane(&noise->corr);
    noise->sd *= grow;
    for (int z = 0; z < v->nz; z++) noise->slice[z] *= (float)grow;
    free(all.b), free(room);
    return dm_ok;
}

void dm_noise_clear(dm_noise *noise) {
    free(noise->slice);
    noise->slice = NULL;
}
