/* What a scanner's blur makes of an edge. */
#ifndef DM_BLURRED_H
#define DM_BLURRED_H

#include <math.h>

/* Width of a Gaussian at half its height, s.d. */
#define DM_FULL_WIDTH 2.355

/* A step from 0 to 1 at x = 0, blurred by a Gaussian of s.d. `blur` (same unit). */
static inline double dm_blurred_step(double x, double blur) {
    return 0.5 * erfc(-x / blur / 1.4142135623730951);
}

#endif
