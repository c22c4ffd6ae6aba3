/* What is seen once for all pools of a study: spurs of bone in front of the sac, foramina that are brighter than their other side, and
 * how bright it is between the surfaces. */
#include <math.h>
#include <stdlib.h>

#include "curved.h"
#include "frame.h"
#include "places.h"
#include "ranks.h"
#include "shell.h"
#include "site_parts.h"

enum { HALF = 8, COLUMNS = 2 * HALF + 1 }; /* columns of the map: 40 degrees to either side of straight ahead */
enum { DEPTHS = 9, REACH = 100 };          /* depths from 0.5 mm beyond the wall to 3.5 mm inside it; samples of a profile */
static const double step = 0.25;           /* mm along a profile; profiles are 1 mm apart */
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

/* Standing out of the wall, in s.d. of all of the study's, at every millimetre. */
static int find_spurs(const dm_study *st, const float *polar, int n, float *out) {
    size_t rows = (size_t)n;
    float *excess = malloc(rows * COLUMNS * sizeof *excess), *all = malloc(rows * COLUMNS * sizeof *all);
    float *work = malloc(rows * 4 * sizeof *work);
    int good = excess && all && work;
    if (good) {
        for (int j = 0; j < COLUMNS; j++)
            column_excess(st, polar, n, (j - HALF + DM_NT) % DM_NT, work, excess + (size_t)j * rows);
        strongest(excess, n, all, out);
        float sd = fmaxf(usual_spread(all, rows * COLUMNS), 1e-3f);
        for (int i = 0; i < n; i++) out[i] /= sd;
    }
    free(excess), free(all), free(work);
    return good;
}

/* Mean brightness 1 to 5 mm beyond the bony wall at s, left (side 1) or right (-1); NaN where there is none. */
static double beyond_wall(const dm_study *st, const float *polar, int n, double s, int side) {
    int middle = (int)lround(s);
    double sum = 0, count = 0;
    for (int i = middle - 2; i <= middle + 2; i++)
        for (int t = 13; t <= 23 && i >= 0 && i < n; t++) { /* 65 to 115 degrees: where roots leave */
            int column = side > 0 ? t : dm_column_mirrored(t), row = (int)lround(i / st->spine.ds);
            if (row >= st->map.n) continue;
            double tissue = (double)st->map.tissue[column], sac = (double)st->map.sac[row],
                   rb = (double)st->canal.r_bone[row * DM_NT + column];
            if (sac < tissue + 1) continue;
            for (int k = (int)((rb + 1) / step); k <= (int)((rb + 5) / step) && k < REACH; k++) {
                double v = (double)polar[((size_t)i * DM_NT + (size_t)column) * REACH + (size_t)k];
                if (v > -20000) sum += fmax(0, fmin(1.2, (v - tissue) / (sac - tissue))), count++;
            }
        }
    return count > 0 ? sum / count : NAN;
}

/* How much brighter each foramen is on the left than on the right, in the spread of that among all: bone is nearly the same. */
static void compare_sides(const dm_study *st, const float *polar, int n, dm_site_seen *out) {
    float spread[DM_MAX_VERTEBRAE];
    size_t count = 0;
    for (int v = 0; v + 1 < st->levels.n; v++) {
        double s = dm_foramen_s(&st->levels, v);
        out->left[v] = beyond_wall(st, polar, n, s, 1) - beyond_wall(st, polar, n, s, -1);
        if (!isnan(out->left[v])) spread[count++] = (float)fabs(out->left[v]);
    }
    double usual = count >= 4 ? fmax(1.4826 * (double)dm_rank(spread, count, 0.5), 0.01) : INFINITY;
    for (int v = 0; v + 1 < st->levels.n; v++) out->left[v] /= usual;
}

dm_status dm_site_look(dm_gpu *gpu, const dm_study *st, dm_site_seen *out) {
    int n = (int)floor((st->spine.n - 1) * st->spine.ds) + 1;
    float *polar = NULL;
    dm_status status = dm_ok;
    *out = (dm_site_seen){.n = n, .spur = malloc((size_t)n * sizeof *out->spur)};
    if (st->modality == DM_CT) out->shell = malloc((size_t)st->map.n * DM_NT * sizeof *out->shell);
    if (!out->spur || (st->modality == DM_CT && !out->shell)) goto memory;
    DM_TRY_OUT(dm_curved_polar(gpu, &st->crop.raw, &st->spine, 0, 1, n, 0, step, REACH, &polar));
    if (!find_spurs(st, polar, n, out->spur)) goto memory;
    compare_sides(st, polar, n, out);
    if (out->shell) DM_TRY_OUT(dm_shell_measure(gpu, st, 0, st->map.n, out->shell));
out:
    free(polar);
    return status;
memory:
    free(polar);
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for what the sites of pools are sought by");
}

void dm_site_seen_free(dm_site_seen *seen) {
    free(seen->spur), free(seen->shell);
}
