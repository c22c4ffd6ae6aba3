/* CT: how bright the study's own bone is, direction by direction: what outshines it beside contrast is contrast. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Brightest of the two millimetres behind bone that stands on an edge; 0 where there is none. */
static float peak_behind(const dm_unrolled *u, const dm_walls_found *w, int i, int t) {
    const float *s = u->s + dm_ray_of(u->a, i, t);
    size_t ray = (size_t)i * DM_NT + (size_t)t;
    float most = 0.0f;
    if (w->qb[ray] < 0.5f) return 0.0f;
    for (int k = (int)(w->rb[ray] / u->a.dr + 0.5f), end = k + dm_mm(2.0f, u->a.dr); k <= end && k < u->a.nr && !dm_is_outside(s[k]); k++)
        most = fmaxf(most, s[k]);
    return most;
}

dm_status dm_bone_brightness(dm_unrolled *u, const dm_walls_found *w, double spreads) {
    size_t n = (size_t)u->a.ns;
    float *peak = malloc(n * DM_NT * sizeof *peak), *v = malloc((6 * n + 1) * sizeof *v);
    if (!peak || !v) {
        free(peak), free(v);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the brightness of %zu walls", n);
    }
    for (int i = 0; i < u->a.ns; i++)
        for (int t = 0; t < DM_NT; t++) peak[(size_t)i * DM_NT + (size_t)t] = peak_behind(u, w, i, t);
    for (int t = 0; t < DM_NT; t++) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++)
            for (int d = -1; d <= 1; d++) {
                float one = peak[i * DM_NT + (size_t)((t + d + DM_NT) % DM_NT)], other = peak[i * DM_NT + (size_t)((2 * DM_NT - t + d) % DM_NT)];
                if (one > 0.0f) v[m++] = one;
                if (other > 0.0f) v[m++] = other;
            }
        u->most[t] = 1e6f;
        if (m < 60) continue;
        qsort(v, m, sizeof *v, by_value);
        float middle = v[m / 2], high = v[3 * m / 4], low=v[m/4];
        u->most[t] = fmaxf(middle + (float)spreads * 1.4826f * (high - middle), 1.1f * high);
        if (getenv("BB") && t <= 36 && t % 4 == 0) fprintf(stderr, "most t %d: n %zu q25 %.0f q50 %.0f q75 %.0f q90 %.0f max %.0f -> %.0f\n", t, m, low, middle, v[3*m/4], v[9*m/10], v[m-1], u->most[t]);
    }
    free(peak), free(v);
    return dm_ok;
}
