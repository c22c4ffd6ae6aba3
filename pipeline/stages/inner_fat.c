/* CT: what the dura holds is fluid, cord and roots, never fat. A surface with fat inside goes round something else: the epidural fat
 * with a lamina or half of a body behind it, where a thin rim of contrast was taken for bone. */
#include <math.h>
#include <stdlib.h>

#include "canal_parts.h"
#include "frame.h"

static const double fat_hu = -40.0;  /* half way from fluid to fat */
/* Half of what is fat is darker than this, three quarters of the way. Noise, and the dark seam that a sharp kernel draws inside a bright
 * rim, bring the cord below the first far more often: in a ring of contrast above 1000 HU with 43 HU of noise 6 % lay below -40, 2.7
 * below -60, 1.1 below -80 HU. */
static const double deep_hu = -70.0;
static const double outside = -1200; /* less lies outside the scan */
static const double edge = 1.0;      /* mm inside the dura that the blur of the fat behind it may darken */
static const double reach = 4.0;     /* mm along the line over which the share is averaged: half a lamina */

/* Shares of the area well inside the dura of one row that are darker than fat_hu and than deep_hu; one ray in 15 degrees, one sample a mm. */
static void shares_of(const dm_volume *v, const dm_canal *c, const dm_spine *s, int i, float *fat_share, float *deep_share) {
    double fat = 0, deep = 0, all = 0, p[3];
    for (int t = 0; t < DM_NT; t += 3)
        for (double r = 0.5; r < (double)c->r_dura[(size_t)i * DM_NT + (size_t)t] - edge; r += 1.0) {
            dm_frame_to_lps(s, i * s->ds, 5.0 * t, r, p);
            double value = (double)dm_volume_sample(v, p);
            if (value < outside) continue;
            all += r;
            fat += value < fat_hu ? r : 0;
            deep += value < deep_hu ? r : 0;
        }
    *fat_share = all > 0 ? (float)(fat / all) : 0;
    *deep_share = all > 0 ? (float)(deep / all) : 0;
}

dm_status dm_doubt_fat(const dm_volume *v, const dm_canal *c, int to, double most, dm_spine *s) {
    float *fat = calloc((size_t)s->n * 2, sizeof *fat), *deep = fat + s->n;
    if (!fat) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the fat inside %d positions", s->n);
    for (int i = 0; i < s->n; i++)
        if (c->filled[i]) shares_of(v, c, s, i, &fat[i], &deep[i]);
    int half = (int)(reach / s->ds + 0.5);
    for (int i = 0; i < to; i++) {
        float share = dm_mean_round(fat, s->n, i, half);
        if ((double)share > most && 2 * dm_mean_round(deep, s->n, i, half) > share) dm_spine_doubt(s, i, i + 1);
    }
    free(fat);
    return dm_ok;
}
