#include "ball_usual.h"

#include <math.h>

#include "frame.h"
#include "places.h"
#include "ranks.h"

/* s.d. within a ball's reach, share of the mean: contrast with the scan's noise stays below, cortex beside
 * marrow or muscle does not. */
static const double bone_spread = 0.25;

double dm_share_round(const dm_study *st, const float *directions, const dm_ball *b, const double c[3]) {
    double sum = 0, square = 0;
    int n = 0;
    for (int shell = 0; shell <= 2; shell++)
        for (int d = 0; d < (shell ? DM_DIRECTIONS : 1); d += 3) {
            double r = 0.375 * shell * b->r, p[3];
            for (int x = 0; x < 3; x++) p[x] = c[x] + r * (double)directions[3 * d + x];
            float value = dm_volume_sample(&st->crop.raw, p);
            if (dm_is_outside(value)) continue;
            double share = (double)((value - b->soft) / (b->sac - b->soft));
            sum += share, square += share * share, n++;
        }
    if (n == 0) return NAN;
    double mean = sum / n, spread = sqrt(fmax(square / n - mean * mean, 0));
    int bone = st->modality == DM_CT && mean > 0.5 * b->v && spread > bone_spread * mean;
    return bone ? NAN : mean;
}

/* The same place at another foramen: as far from its middle along the spine and from its bony wall; the
 * brightest of three heights 2 mm apart, as facets do not stand level. */
static double share_there(const dm_study *st, const float *directions, const dm_ball *b, const double at[3],
                          int here, int side, int there, int side_there) {
    double best = NAN, l = at[2] + dm_foramen_wall(st, there, side_there) - dm_foramen_wall(st, here, side);
    for (double up = -2; up <= 2 && !isnan(l); up += 2) {
        double s = at[0] + up + dm_foramen_s(&st->levels, there) - dm_foramen_s(&st->levels, here), point[3],
               front[3], left[3], p[3];
        if (dm_spine_row(&st->spine, s) < 0) continue;
        dm_frame_at(&st->spine, s, point, NULL, front, left);
        for (int x = 0; x < 3; x++) p[x] = point[x] + at[1] * front[x] + side_there * l * left[x];
        double share = dm_share_round(st, directions, b, p);
        if (!isnan(share) && !(share <= best)) best = share;
    }
    return best;
}

double dm_ball_usual(const dm_study *st, const float *directions, const dm_ball *b, double s, double theta,
                     double r) {
    enum { AWAY = 2 }; /* foramina up and down */
    float seen[4 * AWAY + 2];
    size_t n = 0;
    int here = dm_nearest_foramen(&st->levels, s), side = theta > 0 ? 1 : -1;
    const double rad = 0.017453292519943295, at[3] = {s, r * cos(theta * rad), fabs(r * sin(theta * rad))};
    for (int v = here - AWAY; here >= 0 && v <= here + AWAY; v++)
        for (int k = -1; k <= 1; k += 2) {
            if (v < 0 || v >= st->levels.n || (v == here && k == side)) continue;
            double share = share_there(st, directions, b, at, here, side, v, k);
            if (!isnan(share)) seen[n++] = (float)share;
        }
    return n ? (double)dm_rank(seen, n, 0.5) : 0;
}
