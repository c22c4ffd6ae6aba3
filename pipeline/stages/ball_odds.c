#include "ball_odds.h"

#include <math.h>

#include "ball_usual.h"
#include "frame.h"
#include "places.h"

/* Averaged over 3 mm soft tissue without contrast stays below the first (discs 70 to 100, medical notes 2.2),
 * an articular process with its cortex is above the second. HU. */
static const double behind_soft = 100, behind_bone = 300;
/* A rim of 1.4 mm beside the cord keeps 0.75 of its brightness through a blur of 0.6 mm (map.rim_front): the same fluid in a ball reads
 * up to so many times the sac. */
static const double thin_rim = 1.33;
/* mm beside the height at which roots are taken to leave: outpouchings lie 1 above it (s.d. 1) in a real chest, up to 2 below (s.d.
 * 2) in drawn spines. */
static const double foramen_slack = 3;

static double between(double x, double low, double high) {
    return fmin(fmax(x, low), high);
}

/* ln of the darkest place of a way, share of the ball. */
static double as_bright(dm_ball_way way) {
    return log(between(way.least, 0.05, 1));
}

/* What the brightest place of a way is brighter by than the ball's fluid may read, share of the sac. */
static double crosses(const dm_study *st, dm_ball_way way) {
    return st->modality == DM_CT ? between(way.most - thin_rim, 0, 0.6) : 0;
}

/* Of all straight ways to the sac the one that speaks most for a diverticulum: through fluid, not through the bone beside it. Sleeves
 * leave the sac at the ball's height or up to 14 mm above. */
static dm_ball_way best_way(const dm_study *st, const dm_hough_args *g, const dm_ball *b, const double odds[DM_BALL_TERMS], double s,
                            double theta) {
    dm_ball_way best = {0, 0};
    double most = -INFINITY;
    for (double up = -4; up <= 14; up += 1.5)
        for (int turn = -20; turn <= 20; turn += 20) {
            int row = dm_spine_row(&st->spine, s - up), column = dm_column_of(theta + turn);
            double p[3];
            if (row < 0) continue;
            dm_frame_to_lps(&st->spine, s - up, 5.0 * column,
                            (double)st->canal.r_dura[row * DM_NT + column] - 0.5, p);
            dm_ball_way way = dm_ball_way_to(&st->crop.raw, g, b, p);
            double for_it = odds[DM_BALL_WAY] * as_bright(way) + odds[DM_BALL_CROSS] * crosses(st, way);
            if (for_it > most) best = way, most = for_it;
        }
    return best;
}

/* Mean of three places 1.5 mm apart from right to left, `back` mm behind an LPS point; HU. */
static double value_behind(const dm_study *st, const double c[3], const double front[3], const double left[3],
                           double back) {
    double sum = 0;
    for (int k = -1; k <= 1; k++) {
        double p[3];
        for (int x = 0; x < 3; x++) p[x] = c[x] - back * front[x] + 1.5 * k * left[x];
        sum += (double)dm_volume_sample(&st->crop.raw, p);
    }
    return sum / 3;
}

/* 1 = bone within 10 mm behind the ball, 0 = soft tissue. */
static double bone_behind(const dm_study *st, const dm_ball *b, double s) {
    double point[3], front[3], left[3], most = -INFINITY;
    dm_frame_at(&st->spine, s, point, NULL, front, left);
    for (double back = b->r + 1; back <= b->r + 10; back += 0.5)
        most = fmax(most, value_behind(st, b->c, front, left, back));
    return between((most - behind_soft) / (behind_bone - behind_soft), 0, 1);
}

/* s.d. of the noise of a sample at a random place between voxels, share of the sac above soft tissue: linear
 * interpolation leaves 2/3 of the variance along an axis, and a third of what neighbours share. */
static double noise_between(const dm_study *st, const dm_ball *b) {
    double in_slice = (2 + st->crop.noise_corr) / 3;
    return b->noise * in_slice * sqrt(2.0 / 3);
}

/* mm along the spine beyond foramen_slack from where the nearest root leaves; `most` at most. */
static double from_foramen(const dm_study *st, double s, double most) {
    int i = dm_nearest_foramen(&st->levels, s);
    return i < 0 ? most : between(fabs(s - dm_foramen_s(&st->levels, i)) - foramen_slack, 0, most);
}

/* mm by which a ball lies more than 2 mm outside the bony wall; at: its centre (s, theta, r). */
static double out_of_foramen(const dm_study *st, const dm_ball *b, const double at[3]) {
    int row = dm_spine_row(&st->spine, at[0]);
    return row < 0 ? 0 : between(at[2] - b->r - (double)st->canal.r_bone[row * DM_NT + dm_column_of(at[1])] - 2, 0, 10);
}

/* Tens of degrees by which it lies beside the foramina, which open 65 to 115 degrees from straight ahead. */
static double beside_foramen(double theta) {
    return between((fabs(fabs(theta) - 90) - 25) / 10, 0, 4);
}

int dm_ball_terms(const dm_study *st, const dm_hough_args *g, const float *directions, const dm_ball *b,
                  const double odds[DM_BALL_TERMS], const double at[3], double x[DM_BALL_TERMS]) {
    const double ct = st->modality == DM_CT;
    dm_ball_face face;
    if (!dm_ball_look(&st->crop.raw, g, directions, b, noise_between(st, b), &face)) return 0;
    dm_ball_way way = best_way(st, g, b, odds, at[0], at[1]);
    double lift = face.mean - dm_ball_usual(st, directions, b, at[0], at[1], at[2]);
    x[DM_BALL_ONE] = 1;
    x[DM_BALL_SIZE] = log(fmin(2 * b->r_bare, 8) / 6);
    x[DM_BALL_EDGE] = log(fmax(b->score, 0.1));
    x[DM_BALL_UNEVEN] = fmin(face.uneven, 0.6);
    x[DM_BALL_ROUND] = face.round;
    x[DM_BALL_JOINED] = face.joined;
    x[DM_BALL_WAY] = as_bright(way);
    x[DM_BALL_CROSS] = crosses(st, way);
    x[DM_BALL_BEHIND] = st->modality == DM_CT ? bone_behind(st, b, at[0]) : 0;
    x[DM_BALL_LIFT] = log(between(lift, 0.05, 1));
    x[DM_BALL_VALUE] = log(between(face.mean, 0.1, 1));
    x[DM_BALL_OVER] = ct * between(face.mean - thin_rim, 0, 0.3);
    x[DM_BALL_RIM] = between(b->rim, -0.2, 0.3);
    x[DM_BALL_CT] = ct;
    x[DM_BALL_BONY] = face.bony;
    x[DM_BALL_HEIGHT] = from_foramen(st, at[0], 8);
    x[DM_BALL_OUT] = out_of_foramen(st, b, at);
    x[DM_BALL_TURN] = beside_foramen(at[1]);
    return 1;
}
