/* Is the line in a canal? The surfaces round it were solved whether or not there is one; how much of them
 * stands on edges tells. Independent of the evidence that the line was found with, which is high in any
 * bright or enclosed tube. */
#include <stdlib.h>

#include "canal_parts.h"
#include "frame.h"
#include "ranks.h"

/* Mean strength round the line of the edge that shows: the dura's where something fills the sac, else the
 * bone's. */
static float strength(const dm_canal *c, int i) {
    const float *q = (c->filled[i] ? c->q_dura : c->q_bone) + (size_t)i * DM_NT;
    float sum = 0;
    for (int t = 0; t < DM_NT; t++) sum += q[t];
    return sum / DM_NT;
}

float dm_mean_round(const float *v, int n, int i, int reach) {
    float sum = 0;
    int from = i > reach ? i - reach : 0, to = i + reach < n - 1 ? i + reach : n - 1;
    for (int k = from; k <= to; k++) sum += v[k];
    return sum / (float)(to - from + 1);
}

enum { MOST = 70, INNER = 100 }; /* mm that are looked at from an end; mm of canal that it is held against */

/* From one end of the line (step 1: the upper, -1: the lower) inwards to where the edges are as strong as
 * `share` of the canal's further in, which is their median over the next 100 mm; what is as strong for less
 * than `gap` samples changes nothing. v: room for those. */
static void doubt_end(const float *q, int step, double share, int gap, float *v, dm_spine *s) {
    int most = (int)(MOST / s->ds), inner = (int)(INNER / s->ds), end = step > 0 ? 0 : s->n - 1, first = -1;
    for (int i = 0; i < most && i < s->n / 2; i++) {
        int from = end + step * i, n = 0;
        for (; n < inner && from + step * n >= 0 && from + step * n < s->n; n++) v[n] = q[from + step * n];
        if (q[from] < (float)share * dm_rank(v, (size_t)n, 0.5))
            first = i;
        else if (i - first > gap)
            break;
    }
    if (step > 0)
        dm_spine_doubt(s, 0, first + 1);
    else
        dm_spine_doubt(s, s->n - 1 - first, s->n);
}

/* An end of the line whose edges are half as strong as the canal's is no canal: below the sac, in a foramen,
 * in marrow. MR's upper end needs three quarters: above the foramen magnum the fluid goes on, between brain
 * stem, skull and cerebellum, whose outlines are part of a tube. */
static dm_status doubt_ends(const float *q, dm_modality modality, int gap, dm_spine *s) {
    float *v = malloc((size_t)(INNER / s->ds + 1) * sizeof *v);
    if (!v) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the edges over %d mm", INNER);
    doubt_end(q, 1, modality == DM_MR ? 0.75 : 0.5, gap, v, s);
    doubt_end(q, -1, 0.5, gap, v, s);
    free(v);
    return dm_ok;
}

dm_status dm_doubt_edges(const dm_canal *c, dm_modality modality, double least, dm_spine *s) {
    int narrow = (int)(4.0 / s->ds + 0.5), wide = (int)(15.0 / s->ds + 0.5);
    float *raw = malloc((size_t)s->n * 2 * sizeof *raw);
    if (!raw) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the edges of %d positions", s->n);
    float *q = raw + s->n;
    for (int i = 0; i < s->n; i++) raw[i] = strength(c, i);
    for (int i = 0; i < s->n; i++) q[i] = dm_mean_round(raw, s->n, i, narrow);
    dm_status status = doubt_ends(q, modality, 2 * narrow, s);
    for (int i = 0; i < s->n; i++)
        if (dm_mean_round(raw, s->n, i, wide) < (float)least) dm_spine_doubt(s, i, i + 1);
    free(raw);
    return status;
}
