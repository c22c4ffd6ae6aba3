#include "spill.h"

#include <math.h>

#include "ball_usual.h"
#include "frame.h"
#include "places.h"

enum { OUT = 4 };                                /* places on a way */
static const double beside_mm = 4;               /* beyond the pool's ends a foramen is still its own: half a foramen */
static const double round_mm = 2;                /* radius of a place: contrast that runs out is 2 to 5 mm wide */
static const double soft_hu = 60, least_hu = 60; /* CT: soft tissue at the brightest; a sac not so far above it shows nothing */
static const double least_share = 0.1;           /* a place that is darker has no contrast */
static const double bony_share = 0.6;            /* other foramina: what is brighter than half of it and uneven is bone */

/* A foramen of one side. */
typedef struct way_out {
    const dm_study *st;
    const float *directions;
    double s, wall, most; /* mm; mm; share of the sac */
    int side;
    float sac, soft;
} way_out;

/* What a place a mm ventral of the line and `out` mm outside the wall shows beyond what is usual; 0 where that is no contrast. */
static double excess(const way_out *w, double s, double a, double out) {
    double c[3], l = w->side * (w->wall + out), theta = atan2(l, a) * 180 / 3.14159265358979323846, r = hypot(a, l);
    dm_ball b = {.r = round_mm, .v = 2 * least_share, .sac = w->sac, .soft = w->soft};
    if (dm_spine_row(&w->st->spine, s) < 0) return 0;
    dm_frame_to_lps(&w->st->spine, s, theta, r, c);
    double here = dm_share_round(w->st, w->directions, &b, c);
    if (!(here >= least_share && here <= w->most)) return 0;
    b.v = bony_share;
    return fmax(here - fmax(dm_ball_usual(w->st, w->directions, &b, s, theta, r), 0), 0);
}

static double brightest_way(const way_out *w) {
    double best = 0;
    for (double along = -4; along <= 4; along += 2)
        for (double a = -4; a <= 6; a += 2) {
            double sum = 0;
            for (int k = 0; k < OUT; k++) sum += excess(w, w->s + along, a, 2 + 1.5 * k);
            best = fmax(best, sum / OUT);
        }
    return best;
}

double dm_spill(const dm_study *st, int side, double s_from, double s_to, double most) {
    float directions[3 * DM_DIRECTIONS];
    double best = 0;
    if (st->modality != DM_CT) return 0;
    dm_directions(directions);
    for (int v = 0; v < st->levels.n; v++) {
        way_out w = {.st = st, .directions = directions, .s = dm_foramen_s(&st->levels, v), .most = most, .side = side};
        int row = dm_spine_row(&st->spine, w.s);
        if (row < 0 || w.s < s_from - beside_mm || w.s > s_to + beside_mm || dm_is_outside(st->map.sac[row])) continue;
        w.wall = dm_foramen_wall(st, v, side), w.sac = st->map.sac[row];
        w.soft = fmaxf(st->map.tissue[dm_side_column(side)], (float)soft_hu);
        if (w.sac - w.soft > (float)least_hu) best = fmax(best, brightest_way(&w));
    }
    return best;
}
