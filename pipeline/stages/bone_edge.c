/* CT: the bone's surface on the bone's edge. */
#include <math.h>
#include <stdlib.h>

#include "canal_parts.h"

/* Rise at sample k, without a sac in front (its dura at 0). */
static float rise_at(const float *s, dm_surf_args a, dm_edge_args e, int k) {
    return dm_bone_rise(s, a, e, 0.0f, 0.0f, k);
}

float dm_steepest_rise(const float *s, dm_surf_args a, dm_edge_args e, float near, float *r) {
    const int reach = dm_mm(0.75f, a.dr), middle = (int)(near / a.dr + 0.5f);
    float best = 0.5f * e.bone_rise;
    int at = -1;
    for (int k = middle - reach; k <= middle + reach; k++) {
        if (k < 1 || k >= a.nr - 1) continue;
        float here = rise_at(s, a, e, k);
        if (!dm_is_outside(here) && here > best) best = here, at = k;
    }
    if (at < 0) return 0.0f;
    float l = rise_at(s, a, e, at - 1), h = rise_at(s, a, e, at + 1), bend = l - 2.0f * best + h;
    if (dm_is_outside(l) || dm_is_outside(h) || l >= best || h >= best) return 0.0f; /* it goes on rising: the edge of something else */
    *r = a.dr * ((float)at + 0.5f * (l - h) / bend);
    return best;
}

/* With a tenth of a ray that stayed: alone among rays without an edge, one that moved tells little of them. */
float dm_moved_round(const dm_unrolled *u, const float *moved, const uint8_t *seen, int i, int t) {
    float sum = 0.0f, weight = 0.1f;
    int along = (int)(4.0 / u->step + 0.5);
    for (int j = i - along; j <= i + along; j++)
        for (int d = -2; d <= 2; d++) {
            if (j < 0 || j >= u->a.ns) continue;
            size_t ray = (size_t)j * DM_NT + (size_t)((t + d + DM_NT) % DM_NT);
            float x = (float)((j - i) * u->step) / 2.0f, y = (float)d;
            if (!seen[ray]) continue;
            float share = expf(-0.5f * (x * x + y * y)) / 12.6f; /* all of them: 1 */
            weight += share;
            sum += share * moved[ray];
        }
    return sum / weight;
}

dm_status dm_sharpen_bone(const dm_unrolled *u, const dm_edge_args *edge, float gap, const dm_walls_found *w) {
    size_t rays = (size_t)u->a.ns * DM_NT;
    float *moved = malloc(rays * sizeof *moved);
    if (!moved) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the edges of %zu rays", rays);
    for (size_t ray = 0; ray < rays; ray++) {
        float r = w->rb[ray], rise = dm_steepest_rise(u->s + ray * (size_t)u->a.nr, u->a, *edge, r, &r);
        w->sharp[ray] = rise > 0.0f;
        w->qb[ray] = fmaxf(w->qb[ray], fminf(rise / edge->bone_rise, 1.0f));
        moved[ray] = r - w->rb[ray];
    }
    for (size_t ray = 0; ray < rays; ray++) {
        int i = (int)(ray / DM_NT), t = (int)(ray % DM_NT);
        float by = w->sharp[ray] ? moved[ray] : dm_moved_round(u, moved, w->sharp, i, t);
        w->rb[ray] = fmaxf(w->rb[ray] + by, fminf(w->rb[ray], w->rd[ray] + gap));
    }
    free(moved);
    return dm_ok;
}
