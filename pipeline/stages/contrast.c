/* Where contrast or fluid fills the sac, and how bright it is there. */
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"
#include "ranks.h"

float dm_median(float *v, int n) {
    dm_sort(v, (size_t)n);
    return v[n / 2];
}

/* Value and persistence at the most persistent sample within `radius` of the line, up to the first dip behind what reaches
 * `floor_value`: bone behind fat may be brighter than the sac. 0 when all lies outside the scan. */
static int brightest(const dm_unrolled *u, int i, int t, double radius, double floor_value, float *value, float *persist) {
    const float *s = u->s + dm_ray_of(u->a, i, t), *o = u->o + dm_ray_of(u->a, i, t);
    int best = -1;
    for (int k = 0; k < u->a.nr && k * (double)u->a.dr <= radius; k++) {
        if (dm_is_outside(o[k])) continue;
        if (best >= 0 && (double)o[best] >= floor_value && s[k] < 0.7f * s[best]) break;
        if (best < 0 || o[k] > o[best]) best = k;
    }
    if (best < 0) return 0;
    *value = s[best];
    *persist = o[best];
    return 1;
}

/* Median over the angles of the sac's value within 8 mm (the whole of a neck's or chest's sac), and the share of the angles
 * where `floor_value` persists within `radius`. */
static void row_level(const dm_unrolled *u, int i, double radius, double floor_value, float *level, double *share) {
    float v[DM_NT], value, persist;
    int n = 0, over = 0;
    for (int t = 0; t < DM_NT; t++) {
        if (brightest(u, i, t, radius, floor_value, &value, &persist)) over += persist >= floor_value;
        if (brightest(u, i, t, 8.0, floor_value, &v[n], &persist)) n++;
    }
    *level = n ? dm_median(v, n) : DM_OUTSIDE;
    *share = (double)over / DM_NT;
}

/* Most of the row's tissue outside the canal, as the median over r = 10 .. 20 mm. */
static float surroundings(const dm_unrolled *u, int i) {
    float v[DM_NT * 3];
    int n = 0;
    for (int t = 0; t < DM_NT; t++)
        for (int r = 10; r <= 20; r += 5) {
            int k = (int)((float)r / u->a.dr);
            if (k < u->a.nr && !dm_is_outside(u->s[dm_ray_of(u->a, i, t) + (size_t)k]))
                v[n++] = u->s[dm_ray_of(u->a, i, t) + (size_t)k];
        }
    return n ? dm_median(v, n) : DM_OUTSIDE;
}

/* The usual signal of fluid in an MR: the median of the brighter half of all positions. */
static float usual(const float *level, int n, float *work) {
    int m = 0;
    for (int i = 0; i < n; i++)
        if (!dm_is_outside(level[i])) work[m++] = level[i];
    if (!m) return DM_OUTSIDE;
    dm_median(work, m);
    return work[m - 1 - m / 4];
}

/* Majority over +-half positions: contrast neither comes nor goes within a vertebra. */
static void majority(uint8_t *flag, int n, int half, uint8_t *work) {
    memcpy(work, flag, (size_t)n);
    for (int i = 0; i < n; i++) {
        int yes = 0, all = 0;
        for (int j = i - half; j <= i + half; j++)
            if (j >= 0 && j < n) yes += work[j], all++;
        flag[i] = 2 * yes > all;
    }
}

/* Running median of the level over filled positions within +-half. */
static void steady(const uint8_t *filled, float *level, int n, int half, float *work) {
    float v[128];
    memcpy(work, level, (size_t)n * sizeof *work);
    for (int i = 0; i < n; i++) {
        int m = 0;
        for (int j = i - half; j <= i + half; j++)
            if (j >= 0 && j < n && filled[j] && !dm_is_outside(work[j])) v[m++] = work[j];
        level[i] = filled[i] && m ? dm_median(v, m) : DM_OUTSIDE;
    }
}

dm_status dm_contrast_state(const dm_unrolled *u, dm_modality modality, const dm_contrast_params *p, float *level,
                            uint8_t *filled) {
    int n = u->a.ns;
    float *work = malloc((size_t)n * sizeof *work);
    if (!work) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the sac's level over %d positions", n);
    double share;
    for (int i = 0; i < n; i++) {
        row_level(u, i, p->radius, p->floor_hu, &level[i], &share);
        filled[i] = share >= p->share;
    }
    if (modality == DM_MR) {
        float fluid = usual(level, n, work);
        for (int i = 0; i < n; i++)
            filled[i] = !dm_is_outside(level[i]) && level[i] > (float)p->mr_share * fluid && level[i] > 1.3f * surroundings(u, i);
    }
    majority(filled, n, (int)(8.0 / u->step), (uint8_t *)work);
    int half = (int)(10.0 / u->step);
    steady(filled, level, n, half < 60 ? half : 60, work);
    for (int i = 0; i < n; i++) filled[i] = !dm_is_outside(level[i]);
    free(work);
    return dm_ok;
}
