#include "front_bulge.h"

#include <math.h>
#include <stdlib.h>

#include "canal_parts.h"
#include "ranks.h"

enum { FRONT = 12 };                            /* 60 degrees, in columns */
static const double median_mm = 5, end_mm = 15; /* to each side; surfaces are held from one side only near the ends */

/* Mean of dura less ellipse over the front of a row, mm. The columns beside the front may belong to what it holds: they tell no shape. */
static float out_of_shape(const float r[DM_NT]) {
    uint8_t left_out[DM_NT];
    float fit[DM_NT], sum = 0;
    for (int t = 0; t < DM_NT; t++) left_out[t] = t <= FRONT + 1 || t >= DM_NT - FRONT - 1;
    dm_fit_ellipse(r, left_out, fit);
    for (int t = -FRONT; t <= FRONT; t++) {
        float shape = fit[(t + DM_NT) % DM_NT]; /* 0 = no ellipse there: nothing is known */
        sum += shape > 0 ? r[(t + DM_NT) % DM_NT] - shape : 0;
    }
    return sum / (2 * FRONT + 1);
}

dm_status dm_front_bulge(const dm_spine *sp, const dm_canal *c, double least, double *mm) {
    int n = c->n, end = (int)lround(end_mm / sp->ds), run = 0, longest = 0;
    float *out = malloc(2 * (size_t)n * sizeof *out), *middle;
    if (!out) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the sac's shape at %d positions", n);
    middle = out + n;
    for (int i = 0; i < n; i++) out[i] = out_of_shape(c->r_dura + (size_t)i * DM_NT);
    dm_median_line(out, n, (int)lround(median_mm / sp->ds), middle);
    for (int i = end; i < n - end; i++) {
        run = !sp->unsure[i] && (double)middle[i] > least ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    free(out);
    *mm = longest * sp->ds;
    return dm_ok;
}
