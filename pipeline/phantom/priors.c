/* Where along the spine leaks of each class sit. */
#include <math.h>

#include "leak_parts.h"

enum { BANDS = 7 };
typedef struct band {
    int from, to; /* levels */
    double weight;
} band;
static const band bands[4][BANDS] = {
    [PH_AT_VENTRAL] =
        {{5, 7, .14}, {8, 9, .36}, {10, 11, .18}, {12, 13, .13}, {14, 16, .11}, {17, 19, .07}, {21, 22, .01}},
    [PH_AT_FISTULA] =
        {{8, 10, .06}, {11, 13, .20}, {14, 15, .20}, {16, 17, .22}, {18, 19, .24}, {21, 22, .08}},
    [PH_AT_LATERAL] = {{8, 13, .15}, {14, 16, .30}, {17, 19, .40}, {21, 23, .15}},
    [PH_AT_DORSAL] = {{6, 9, .2}, {10, 16, .4}, {17, 19, .25}, {22, 24, .15}}};

int dm_ph_draw_vertebra(const dm_anatomy *a, dm_ph_rng *r, dm_ph_prior prior) {
    const band *b = bands[prior];
    for (int again = 0; again < 40; again++) {
        double u = dm_ph_uniform(r, 0, 1);
        int k = 0;
        while (k + 1 < BANDS && b[k + 1].to > 0 && u >= b[k].weight) u -= b[k++].weight;
        int i = dm_ph_find(a, b[k].from + dm_ph_pick(r, b[k].to - b[k].from + 1));
        if (i >= 0 && dm_ph_whole(a, i)) return i;
    }
    return a->n_verts / 2;
}

double dm_ph_apart(dm_ph_rng *r, double sd) {
    return fmin(fmax(dm_ph_normal(r, 0.0, sd), -10.0), 10.0);
}
