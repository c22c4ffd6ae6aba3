#include "places.h"

#include <math.h>

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

double dm_foramen_s(const dm_levels *levels, int i) {
    const dm_vertebra *v = &levels->v[i];
    return v->s_to - 0.2 * (v->s_to - v->s_from);
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

double dm_clock_of(double theta) {
    double h = fmod(6 - theta / 30 + 24, 12);
    return h <= 0 ? 12 : h;
}
