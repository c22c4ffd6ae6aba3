/* Is the line in a canal? The surfaces round it were solved whether or not there is one; how much of them
 * stands on edges tells. Independent of the evidence that the line was found with, which is high in any
 * bright or enclosed tube. */
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"
#include "ranks.h"

/* Mean strength round the line of the edge that shows: the dura's where something fills the sac, else the
 * bone's. */
static float strength(const dm_canal *c, int i) {
    const float *q = (c->filled[i] ? c->q_dura : c->q_bone) + (size_t)i * DM_NT;
    float sum = 0;
    for (int t = 0; t < DM_NT; t++) sum += q[t];
    return sum / DM_NT;
}

static float mean_round(const float *v, int n, int i, int reach) {
    float sum = 0;
    int from = i > reach ? i - reach : 0, to = i + reach < n - 1 ? i + reach : n - 1;
    for (int k = from; k <= to; k++) sum += v[k];
    return sum / (float)(to - from + 1);
}

static void doubt(dm_spine *s, int i) {
    s->unsure[i] = 1, s->score[i] = 0;
}

/* MR: above the foramen magnum the fluid goes on, between brain stem, skull and cerebellum, whose outlines
 * are no tube. From the line's upper end down to where the edges are as strong as in the canal below. The
 * most that is doubted is what a field of view of the neck shows of the head. */
static dm_status doubt_cisterns(const float *q, int gap, dm_spine *s) {
    enum { MOST = 70, BELOW = 100 };
    int most = (int)(MOST / s->ds), below = (int)(BELOW / s->ds), first = -1;
    float *v = malloc((size_t)below * sizeof *v);
    if (!v) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the edges of %d positions", below);
    for (int i = 0; i < most && i + below < s->n; i++) {
        memcpy(v, q + i, (size_t)below * sizeof *v);
        if (q[i] < 0.75f * dm_rank(v, (size_t)below, 0.5))
            first = i;
        else if (i - first > gap)
            break;
    }
    free(v);
    for (int i = 0; i <= first; i++) doubt(s, i);
    return dm_ok;
}

dm_status dm_doubt_edges(const dm_canal *c, dm_modality modality, double least, dm_spine *s) {
    int narrow = (int)(4.0 / s->ds + 0.5), wide = (int)(15.0 / s->ds + 0.5);
    float *raw = malloc((size_t)s->n * 2 * sizeof *raw), *q = raw + s->n;
    if (!raw) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the edges of %d positions", s->n);
    for (int i = 0; i < s->n; i++) raw[i] = strength(c, i);
    for (int i = 0; i < s->n; i++) q[i] = mean_round(raw, s->n, i, narrow);
    dm_status status = modality == DM_MR ? doubt_cisterns(q, 2 * narrow, s) : dm_ok;
    for (int i = 0; i < s->n; i++)
        if (mean_round(raw, s->n, i, wide) < (float)least) doubt(s, i);
    free(raw);
    return status;
}
