/* CT, straight ahead: the back wall of a body seen from behind. Between a bright sac and a pool that touches the wall nothing rises, and the
 * wall was put where the sac or its neighbours would have it, eight tenths of a millimetre too near: the pool vanished in it. But behind the
 * wall lies marrow, or a disc, darker than either; where the brightness has fallen to theirs is the wall's far side, a wall's thickness
 * behind its front whether a pool lies before it or not. */
#include <math.h>
#include <stdlib.h>

#include "canal_parts.h"
#include "ranks.h"

static const float above_marrow = 75.0f;   /* HU: three s.d. of smoothed noise */
static const float contrast = 150.0f;      /* HU above marrow: what is less may be marrow itself, which is uneven */
static const float deepest = 5.0f;         /* mm behind the wall found, to marrow */
static const float farthest = 2.5f;        /* mm: a wall moves no further */
static const double thin = 0.25;           /* rank of a body's wall among all whose front was seen: rims and spurs are thicker */
static const size_t enough = 60;

/* What lies behind a wall: marrow or disc, HU, and mm where the ray has fallen to it; 0 = not seen. */
typedef struct behind {
    float marrow, far;
} behind;

/* Ray s, its wall found at rb, its dura at rd: the darkest 1.5 mm behind the wall are marrow. */
static behind look_behind(const float *s, dm_surf_args a, float rd, float rb) {
    const int first = dm_mm(rd + 0.5f, a.dr), from = dm_mm(rb, a.dr), to = dm_mm(rb + deepest, a.dr), window = dm_mm(1.5f, a.dr);
    float low = 1e6f;
    int at = 0;
    for (int k = from; k <= to; k++) {
        float here = dm_ray_mean(s, a.nr, k, k + window);
        if (dm_is_outside(here)) break;
        if (here < low) low = here, at = k;
    }
    for (int k = at; k > first; k--)
        if (s[k - 1] > low + above_marrow)
            return (behind){low, a.dr * ((float)k - (low + above_marrow - s[k]) / fmaxf(s[k - 1] - s[k], 1.0f))};
    return (behind){low, 0.0f};
}

/* mm by which the wall at rb lies further out; 0 where what lies between is not as bright as contrast. */
static float moves_by(const float *s, dm_surf_args a, behind b, float wall, float rb) {
    float by = dm_clampf(b.far - wall - rb, 0.0f, farthest);
    return by > 0.0f && dm_ray_mean(s, a.nr, dm_mm(rb, a.dr), dm_mm(rb + by, a.dr)) > b.marrow + contrast ? by : 0.0f;
}

/* Thickness of a body's wall, mm, from the rays whose front stands on a rise; 0 = too few. thick: room for as many. */
static float usual_thickness(const dm_walls_found *w, const behind *b, size_t rays, float *thick) {
    size_t n = 0;
    for (size_t ray = 0; ray < rays; ray++)
        if (w->sharp[ray] && b[ray].far > w->rb[ray] + 0.3f) thick[n++] = b[ray].far - w->rb[ray];
    return n < enough ? 0.0f : dm_rank(thick, n, thin);
}

dm_status dm_bone_from_behind(const dm_unrolled *u, const uint8_t *filled, const dm_walls_found *w) {
    size_t rays = (size_t)u->a.ns * DM_NT, nr = (size_t)u->a.nr;
    behind *b = calloc(rays, sizeof *b);
    float *moved = calloc(rays, sizeof *moved), wall = 0.0f;
    uint8_t *seen = calloc(rays, 1);
    dm_status status = b && moved && seen ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for the walls of %zu rays", rays);
    for (size_t ray = 0; ray < rays && dm_good(status); ray++)
        if (filled[ray / DM_NT] && w->rd[ray] > 0.0f && dm_in_front(u->a, (int)(ray % DM_NT)))
            b[ray] = look_behind(u->s + ray * nr, u->a, w->rd[ray], w->rb[ray]);
    if (dm_good(status)) wall = usual_thickness(w, b, rays, moved);
    for (size_t ray = 0; ray < rays && wall > 0.0f; ray++) {
        seen[ray] = b[ray].far > 0.0f && !w->sharp[ray];
        moved[ray] = seen[ray] ? moves_by(u->s + ray * nr, u->a, b[ray], wall, w->rb[ray]) : 0.0f;
    }
    for (size_t ray = 0; ray < rays && wall > 0.0f; ray++) {
        int i = (int)(ray / DM_NT), t = (int)(ray % DM_NT);
        if (filled[i] && !w->sharp[ray] && dm_in_front(u->a, t)) w->rb[ray] += dm_moved_round(u, moved, seen, i, t);
    }
    free(b), free(moved), free(seen);
    return status;
}
