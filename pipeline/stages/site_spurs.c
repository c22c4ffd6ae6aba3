/* Spurs of bone in front of the sac: how far something stands into the canal that is not there above and below. */
#include <math.h>
#include <stdlib.h>

#include "curved.h"
#include "ranks.h"
#include "site_parts.h"

enum { HALF = 8, COLUMNS = 2 * HALF + 1 }; /* columns of the map: 40 degrees to either side of straight ahead */
enum { DEPTHS = 9, REACH = 100 };          /* depths from 0.5 mm beyond the wall to 3.5 mm inside it; samples of a profile */
static const double step = 0.25;           /* mm along a profile */
enum { WALL_HALF = 12, LINE_HALF = 10 };   /* mm along the line: the wall and what is usual are medians over a level */

/* Value at depth k of one profile inside a wall at rb mm. */
static float at_depth(const dm_study *st, const float *profile, double rb, double brightest, int k) {
    double x = (rb + 0.5 - 0.5 * k) / step;
    x = fmin(fmax(x, 0), REACH - 2);
    int i = (int)x;
    double v = (double)profile[i] + (x - i) * (double)(profile[i + 1] - profile[i]);
    return (float)fmin(fmax(v, st->modality == DM_CT ? -200 : 0), brightest); /* no hole of air, no needle */
}

/* What one column has more of bone than usual, mean over the depths, rows 1 mm apart. Bone is bright on CT, dark on MR. */
static void column_excess(const dm_study *st, const float *polar, int n, int t, float *work, float *out) {
    float *wall = work, *smooth = work + n, *v = work + 2 * n, *usual = work + 3 * n;
    int mr = st->modality == DM_MR;
    for (int i = 0; i < n; i++) {
        int row = (int)lround(i / st->spine.ds);
        wall[i] = st->canal.r_bone[(size_t)(row < st->canal.n ? row : st->canal.n - 1) * DM_NT + (size_t)t];
        out[i] = 0;
    }
    dm_median_line(wall, n, WALL_HALF, smooth);
    for (int k = 0; k < DEPTHS; k++) {
        for (int i = 0; i < n; i++) {
            int row = (int)lround(i / st->spine.ds);
            double sac = (double)st->map.sac[row < st->map.n ? row : st->map.n - 1];
            v[i] = at_depth(st, polar + ((size_t)i * DM_NT + (size_t)t) * REACH, (double)smooth[i], mr ? fmax(sac, 1) : 1500, k);
        }
        dm_median_line(v, n, LINE_HALF, usual);
        for (int i = 0; i < n; i++) out[i] += (mr ? usual[i] - v[i] : v[i] - usual[i]) / DEPTHS;
    }
}

/* Means over 3 mm and 3 columns; the largest of each row. */
static void strongest(const float *excess, int n, float *all, float *out) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < COLUMNS; j++) {
            float sum = 0;
            for (int di = -1; di <= 1; di++)
                for (int dj = -1; dj <= 1; dj++) {
                    int ii = i + di < 0 ? 0 : i + di < n ? i + di : n - 1, jj = j + dj < 0 ? 0 : j + dj < COLUMNS ? j + dj : COLUMNS - 1;
                    sum += excess[jj * n + ii];
                }
            all[i * COLUMNS + j] = sum / 9;
            out[i] = j ? fmaxf(out[i], sum / 9) : sum / 9;
        }
}

/* Standard deviation of most of v[0..n): reorders v. */
static float usual_spread(float *v, size_t n) {
    float middle = dm_rank(v, n, 0.5);
    for (size_t i = 0; i < n; i++) v[i] = fabsf(v[i] - middle);
    return 1.4826f * dm_rank(v, n, 0.5);
}

dm_status dm_site_spurs_seen(dm_gpu *gpu, const dm_study *st, dm_spur_line *out) {
    int n = (int)floor((st->spine.n - 1) * st->spine.ds) + 1;
    size_t rows = (size_t)n;
    float *polar = NULL, *excess = malloc(rows * COLUMNS * sizeof *excess), *all = malloc(rows * COLUMNS * sizeof *all),
          *work = malloc(rows * 4 * sizeof *work);
    dm_status status = dm_ok;
    *out = (dm_spur_line){.n = n, .z = malloc(rows * sizeof *out->z)};
    if (!excess || !all || !work || !out->z) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the spurs of a spine");
        goto out;
    }
    DM_TRY_OUT(dm_curved_polar(gpu, &st->crop.raw, &st->spine, 0, 1, n, 0, step, REACH, &polar));
    for (int j = 0; j < COLUMNS; j++) column_excess(st, polar, n, (j - HALF + DM_NT) % DM_NT, work, excess + (size_t)j * rows);
    strongest(excess, n, all, out->z);
    float sd = fmaxf(usual_spread(all, rows * COLUMNS), 1e-3f);
    for (int i = 0; i < n; i++) out->z[i] /= sd;
out:
    free(polar), free(excess), free(all), free(work);
    return status;
}

/* A spur was seen at 10 of 14 operated ventral tears [beck16], within 5 mm here; others have one too. How many times more often a
 * z is seen at spurs than at other discs, fitted on phantoms (bench_leaks, seed 7101): on MR a disc's own bulge is as dark. */
void dm_site_spurs(const dm_site_search *w, const dm_spur_line *spurs) {
    static const struct {
        double even, slope; /* s.d.; 1 / s.d. */
    } fit[] = {[DM_CT] = {3.5, 0.7}, [DM_MR] = {4.5, 0.3}};
    double even = fit[w->st->modality].even, slope = fit[w->st->modality].slope;
    for (int i = 0; i < w->st->map.n && spurs->n > 0; i++) {
        int middle = (int)lround(i * w->st->spine.ds);
        double z = 0;
        for (int j = middle > 5 ? middle - 5 : 0; j <= middle + 5 && j < spurs->n; j++) z = fmax(z, (double)spurs->z[j]);
        double odds = fmin(fmax(exp(slope * (z - even)), 0.3), w->p->spur_most);
        w->weight[i] *= 1 - w->p->spur_share + w->p->spur_share * odds;
    }
}
