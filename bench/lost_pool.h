/* Where a pool is lost: the cells of the map in which it really lies, against the surfaces and the map found.
 */
#ifndef DM_LOST_POOL_H
#define DM_LOST_POOL_H

#include "leak_study.h"
#include "sorted.h"

/* The first of these that holds for half of its cells. */
enum { LOST_UNASSESSED, LOST_IN_DURA, LOST_IN_BONE, LOST_DIM, LOST_SMALL, LOST_SCORE, LOST_N };
static const char *const lost_name[LOST_N] = {
    "not assessed", "within the dura found",        "beyond the bone found",
    "map dim",      "map bright in less than half", "scored low"};

enum { LOST_CELLS = 8000 };
typedef struct lost_pool {
    int n, assessed;
    double beyond[LOST_CELLS], before[LOST_CELLS], e[LOST_CELLS]; /* mm past the dura, mm before bone, map */
} lost_pool;

/* The pool's middle at one node and angle of the anatomy, where there is a pool of that side. */
static inline void lost_cell(const bench_case *b, const dm_ph_leak *k, int s, double theta, lost_pool *o) {
    const dm_study *st = b->st;
    double in = dm_ph_wall_at(b->a, PH_PI, s, theta), out = dm_ph_wall_at(b->a, PH_PO, s, theta);
    double w = theta * 0.017453292519943295, mid = 0.5 * (in + out), p[3], at, turn, r;
    if (out - in < 0.4 || o->n >= LOST_CELLS) return;
    if (strcmp(dm_ph_side_of(theta > 180 ? theta - 360 : theta), k->side) != 0) return;
    dm_ph_point_at(b->a, s, mid * cos(w), mid * sin(w), p);
    dm_ph_to_patient(b->sc, p, p);
    dm_frame_from_lps(&st->spine, p, &at, &turn, &r);
    int i = (int)lround(at / st->spine.ds), column = dm_column_of(turn);
    if (i < 0 || i >= st->map.n) return;
    size_t cell = (size_t)i * DM_NT + (size_t)column;
    int assessed = st->map.assessed[cell] != 0;
    o->beyond[o->n] = r - (double)st->canal.r_dura[cell];
    o->before[o->n] = (double)st->canal.r_bone[cell] - r;
    o->e[o->n++] = assessed ? (double)st->map.e[cell] : 0;
    o->assessed += assessed;
}

static inline double lost_rank(double *v, int n, double rank) {
    bench_sort(v, n);
    return n ? v[(int)(rank * (n - 1))] : 0;
}

/* high: brightness of the map from which a pool is found; tell: 1 = prints the figures. */
static inline int lost_where(const bench_case *b, const dm_ph_leak *k, double high, int tell) {
    lost_pool *o = bench_calloc(1, sizeof *o);
    for (int s = (int)k->s_from; s <= (int)k->s_to; s++)
        for (int c = 0; c < DM_NT; c++) lost_cell(b, k, s, 5.0 * c, o);
    double dura = lost_rank(o->beyond, o->n, 0.5), bone = lost_rank(o->before, o->n, 0.5);
    double half = lost_rank(o->e, o->n, 0.5), top = lost_rank(o->e, o->n, 0.9);
    int n = o->n, assessed = o->assessed;
    free(o);
    if (tell)
        printf("    lies in %d cells, assessed %.2f, beyond the dura found %.1f mm, before the bone %.1f mm, "
               "map %.2f / %.2f\n",
               n, n ? (double)assessed / n : 0, dura, bone, half, top);
    if (2 * assessed < n) return LOST_UNASSESSED;
    if (half >= high) return LOST_SCORE;
    if (dura < 0) return LOST_IN_DURA;
    if (bone < 0) return LOST_IN_BONE;
    return top < high ? LOST_DIM : LOST_SMALL;
}

#endif
