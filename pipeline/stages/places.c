#include "places.h"

#include <math.h>

#include "frame.h"
#include "level.h"

int dm_level_top(const dm_levels *levels, int level, double *s) {
    for (int i = 0; i < levels->n; i++)
        if (levels->v[i].level == level) {
            *s = levels->v[i].s_from;
            return 1;
        }
    return 0;
}

int dm_lumbar_top(const dm_levels *levels, double *s) {
    for (int i = 0; i < levels->n; i++)
        if (levels->v[i].level >= DM_L1) {
            *s = levels->v[i].s_from;
            return levels->v[i].level <= DM_L6;
        }
    return 0;
}

void dm_nearest_disc(const dm_levels *levels, double s, int *upper, int *lower) {
    double best = 1e30;
    *upper = *lower = DM_LEVEL_NONE;
    for (int i = 0; i + 1 < levels->n; i++) {
        double d = fabs(levels->v[i].s_to - s);
        if (d >= best) continue;
        best = d;
        *upper = levels->v[i].level;
        *lower = levels->v[i + 1].level;
    }
}

int dm_root_between(int upper, int lower) {
    if (upper == DM_C7) return DM_C8;
    return upper < DM_C7 && upper != DM_LEVEL_NONE ? lower : upper;
}

int dm_root_of(const dm_levels *levels, int i) {
    int upper = levels->v[i].level;
    return dm_root_between(upper, i + 1 < levels->n ? levels->v[i + 1].level : upper + 1);
}

/* Share of a vertebra from the disc below it up to where the root leaves: 4 to 5 mm under the pedicle, which ends half way up, in chest
 * and loins; at the disc in the neck, where the root lies on the pedicle below; below C7 between the two. */
static double above_disc(int level) {
    return level >= DM_T1 ? 0.3 : level == DM_C7 ? 0.2 : 0;
}

double dm_foramen_s(const dm_levels *levels, int i) {
    const dm_vertebra *v = &levels->v[i];
    return v->s_to - above_disc(v->level) * (v->s_to - v->s_from);
}

int dm_side_column(double side) {
    return side > 0 ? DM_NT / 4 : 3 * DM_NT / 4;
}

double dm_foramen_wall(const dm_study *st, int i, double side) {
    int row = dm_spine_row(&st->spine, dm_foramen_s(&st->levels, i));
    return row < 0 ? NAN : (double)st->canal.r_bone[row * DM_NT + dm_side_column(side)];
}

int dm_nearest_foramen(const dm_levels *levels, double s) {
    int best = -1;
    for (int i = 0; i + 1 < levels->n; i++)
        if (best < 0 || fabs(dm_foramen_s(levels, i) - s) < fabs(dm_foramen_s(levels, best) - s)) best = i;
    return best;
}

int dm_foramen_at(const dm_levels *levels, double s) {
    int best = -1;
    for (int i = 0; i < levels->n; i++)
        if (best < 0 || fabs(dm_foramen_s(levels, i) - s) < fabs(dm_foramen_s(levels, best) - s)) best = i;
    return best;
}

int dm_rows_alike(const dm_levels *l, double ds, int n, int i, dm_rows left_out, int row[DM_ALIKE]) {
    double s = i * ds;
    int here = 0, count = 0;
    while (here < l->n && s >= l->v[here].s_to) here++;
    if (here == l->n || s < l->v[here].s_from) return 0;
    double phase = (s - l->v[here].s_from) / (l->v[here].s_to - l->v[here].s_from);
    for (int k = here - DM_ALIKE / 2; k <= here + DM_ALIKE / 2; k++) {
        if (k < 0 || k >= l->n || k == here) continue;
        if (left_out.to >= left_out.from && l->v[k].s_to > left_out.from * ds && l->v[k].s_from < left_out.to * ds) continue;
        int at = (int)lround((l->v[k].s_from + phase * (l->v[k].s_to - l->v[k].s_from)) / ds);
        if (at >= 0 && at < n) row[count++] = at;
    }
    return count;
}

double dm_clock_of(double theta) {
    double h = fmod(6 - theta / 30 + 24, 12);
    return h <= 0 ? 12 : h;
}
