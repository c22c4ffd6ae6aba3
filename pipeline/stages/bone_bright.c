/* CT: how bright the study's own bone is, direction by direction: what outshines it beside contrast is contrast. */
#include <math.h>
#include <stdlib.h>

#include "canal_parts.h"
#include "ranks.h"

static const size_t enough = 60;    /* walls on an edge that tell a direction's brightness */
static const float at_least = 1.1f; /* of the brighter quarter: noise and blur make that much */

/* Brightest of the two millimetres behind bone that stands on an edge; 0 or less where there is none. */
static float peak_behind(const dm_unrolled *u, const dm_walls_found *w, size_t ray) {
    const float *s = u->s + ray * (size_t)u->a.nr;
    return w->qb[ray] < 0.5f ? 0.0f : dm_brightest_behind(s, u->a, dm_min(dm_mm(w->rb[ray], u->a.dr), u->a.nr - 1), 2.0f);
}

/* The peaks of angle t, its mirror and those beside them into v; their number. */
static size_t peaks_of(const float *peak, int n, int t, float *v) {
    size_t m = 0;
    for (int i = 0; i < n; i++)
        for (int d = -1; d <= 1; d++) {
            const float *ring = peak + (size_t)i * DM_NT;
            float one = ring[(t + d + DM_NT) % DM_NT], other = ring[(2 * DM_NT - t + d) % DM_NT];
            if (one > 0.0f) v[m++] = one;
            if (other > 0.0f) v[m++] = other;
        }
    return m;
}

dm_status dm_bone_brightness(dm_unrolled *u, const dm_walls_found *w, double spreads) {
    size_t n = (size_t)u->a.ns;
    float *peak = malloc(n * DM_NT * sizeof *peak), *v = malloc(6 * n * sizeof *v);
    dm_status status = peak && v ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for the brightness of %zu walls", n);
    for (size_t ray = 0; ray < n * DM_NT && dm_good(status); ray++) peak[ray] = peak_behind(u, w, ray);
    for (int t = 0; t < DM_NT && dm_good(status); t++) {
        size_t m = peaks_of(peak, u->a.ns, t, v);
        if (m < enough) continue;
        /* The brighter half alone: thin walls, blurred, make a long tail of dim ones. A pool is seldom a quarter of both sides. */
        float middle = dm_rank(v, m, 0.5), high = dm_rank(v, m, 0.75);
        u->most[t] = fmaxf(middle + (float)spreads * 1.4826f * (high - middle), at_least * high);
    }
    free(peak), free(v);
    return status;
}
