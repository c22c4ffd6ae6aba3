#include "shell.h"

#include <math.h>
#include <stdlib.h>

#include "curved.h"
#include "dialect.h"
#include "ranks.h"

static const double edge = 0.6;  /* mm beside a surface: its own blur */
static const double step = 0.25; /* mm */
enum { REACH = 100 };            /* samples: 25 mm, the widest canal */

/* Of one profile from the dura at rd to the bone at rb; in a gap too narrow to leave its edges out, its middle. */
static float middle_of(const float *profile, double rd, double rb) {
    double low = rd + edge, high = rb - edge;
    float v[REACH];
    size_t count = 0;
    if (high < low + step) low = high = (rd + rb) / 2;
    for (int k = (int)lround(low / step); k <= (int)lround(high / step) && k < REACH; k++)
        if (k >= 0 && profile[k] > -20000) v[count++] = profile[k];
    return count ? dm_rank(v, count, 0.5) : DM_OUTSIDE;
}

dm_status dm_shell_measure(dm_gpu *gpu, const dm_study *st, int from, int n, float *out) {
    float *polar = NULL;
    DM_TRY(dm_curved_polar(gpu, &st->crop.raw, &st->spine, from * st->spine.ds, st->spine.ds, n, 0, step, REACH, &polar));
    for (int i = 0; i < n; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)(from + i) * DM_NT + (size_t)t, at = (size_t)i * DM_NT + (size_t)t;
            float v = DM_OUTSIDE, sac = st->map.sac[from + i], tissue = st->map.beside[c];
            if (st->map.assessed[c] && sac > tissue + 1)
                v = middle_of(polar + at * REACH, (double)st->canal.r_dura[c], (double)st->canal.r_bone[c]);
            out[at] = v > -20000 ? (v - tissue) / (sac - tissue) : DM_OUTSIDE;
        }
    free(polar);
    return dm_ok;
}
