#include "disc_bone.h"

#include <math.h>

#include "dialect.h"
#include "frame.h"
#include "ranks.h"

/* mm along the line: of a disc's middle, as levels place it; of the wall above and below, as long as a vertebra, without the disc. */
static const double SLACK = 3;
enum { NEAR = 6, FAR = 24 };
static const double FROM = 1, TO = 3; /* mm behind the wall: past its blur, before a thin disc's end */
enum { TURN = 3 };                    /* columns of 5 degrees */

/* Radius of the wall at column t above and below s, mm; NaN at the line's ends. */
static double wall_beside(const dm_study *st, double s, int t) {
    float r[2 * (FAR - NEAR + 1)];
    size_t n = 0;
    for (int d = NEAR; d <= FAR; d++)
        for (int side = -1; side <= 1; side += 2) {
            int row = dm_spine_row(&st->spine, s + side * d);
            if (row >= 0) r[n++] = st->canal.r_bone[(size_t)row * DM_NT + (size_t)t];
        }
    return n ? (double)dm_rank(r, n, 0.5) : NAN;
}

/* Median of what lies behind the wall in the row at s; NaN outside the scan. */
static double behind_wall(const dm_study *st, double s, double theta, const double wall[2 * TURN + 1]) {
    float v[64];
    size_t n = 0;
    for (int k = -TURN; k <= TURN; k++)
        for (double r = wall[k + TURN] + FROM; r <= wall[k + TURN] + TO; r += 0.5) {
            double p[3];
            dm_frame_to_lps(&st->spine, s, theta + 5 * k, r, p);
            float x = dm_volume_sample(&st->crop.raw, p);
            if (!dm_is_outside(x) && n < 64) v[n++] = x;
        }
    return n ? (double)dm_rank(v, n, 0.5) : NAN;
}

static double disc_at(const dm_study *st, double s, double theta) {
    double wall[2 * TURN + 1], darkest = NAN;
    for (int k = -TURN; k <= TURN; k++) {
        wall[k + TURN] = wall_beside(st, s, dm_column_of(theta + 5 * k));
        if (isnan(wall[k + TURN])) return NAN;
    }
    for (double d = -SLACK; d <= SLACK; d += 0.5) darkest = fmin(darkest, behind_wall(st, s + d, theta, wall)); /* NaN is passed over */
    return darkest;
}

double dm_disc_beside(const dm_study *st, const dm_finding *f) {
    const dm_levels *l = &st->levels;
    double most = NAN;
    for (int k = 0; k <= l->n && l->n; k++) {
        double s = k < l->n ? l->v[k].s_from : l->v[k - 1].s_to;
        if (s < f->s_from - SLACK || s > f->s_to + SLACK) continue;
        most = fmax(most, disc_at(st, s, f->theta)); /* so here */
    }
    return most;
}
