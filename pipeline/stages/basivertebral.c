#include "basivertebral.h"

#include <math.h>
#include <stdlib.h>

#include "level.h"
#include "ranks.h"

static const double STEP = DM_VEIN_STEP, DS = DM_VEIN_DS;
enum { NA = DM_VEIN_NA, NL = DM_VEIN_NL };
/* The way goes DM_BODY_WAY_MM forwards from 1.5 mm inside the wall, and stays within 6 mm of the middle and 5
 * mm of half the height: endplates and pedicles lie outside. */
enum { LONG = 15, WIDE = 17, HIGH = 11, OTHERS = 5 };

/* Best sums of the ways that end at a place, and from which of nine places before they come. */
typedef struct net {
    double sum[LONG][HIGH][WIDE];
    unsigned char from[LONG][HIGH][WIDE];
} net;

/* Sample of the box at the lowest corner of the net of a body. */
typedef struct corner {
    int x, y, z;
} corner;

static size_t place(const corner *c, int k, int j, int i) {
    return dm_at(c->x + i, c->y + k, c->z + j, NL, NA);
}

static void extend(const dm_vein_box *w, const corner *c, net *n, int k, int j, int i) {
    double best = k ? -1 : 0;
    for (int d = 0; k && d < 9; d++) {
        int jj = j + d / 3 - 1, ii = i + d % 3 - 1;
        if (jj < 0 || ii < 0 || jj >= HIGH || ii >= WIDE || n->sum[k - 1][jj][ii] <= best) continue;
        best = n->sum[k - 1][jj][ii], n->from[k][j][i] = (unsigned char)d;
    }
    n->sum[k][j][i] = best + (double)w->tube[place(c, k, j, i)];
}

/* Follows the best way back and measures it. */
static void follow(const dm_vein_box *w, const corner *c, const net *n, dm_body_way *way) {
    int j = 0, i = 0;
    float value[LONG];
    for (int q = 0; q < HIGH * WIDE; q++)
        if (n->sum[LONG - 1][q / WIDE][q % WIDE] > n->sum[LONG - 1][j][i]) j = q / WIDE, i = q % WIDE;
    way->tube = n->sum[LONG - 1][j][i] / LONG;
    for (int k = LONG - 1; k >= 0; k--) {
        value[k] = w->box[place(c, k, j, i)];
        way->s = (c->z + j) * DS, way->a = dm_vein_a(c->y + k), way->l = dm_vein_l(c->x + i);
        int d = n->from[k][j][i];
        if (k) j += d / 3 - 1, i += d % 3 - 1;
    }
    way->value = (double)dm_rank(value, LONG, 0.5);
}

/* 0 = the net is not inside the box, or the line is not held there. */
static int corner_of(const dm_vein_box *w, int v, corner *c) {
    const dm_study *st = w->st;
    double s = 0.5 * (st->levels.v[v].s_from + st->levels.v[v].s_to);
    int row = (int)lround(s / st->spine.ds);
    if (row < 0 || row >= st->canal.n || st->spine.unsure[row]) return 0;
    double wall = (double)st->canal.r_bone[(size_t)row * DM_NT] + 1.5;
    *c = (corner){(int)lround(-DM_VEIN_L0 / STEP) - WIDE / 2, (int)lround((wall - DM_VEIN_A0) / STEP),
                  (int)lround(s / DS) - HIGH / 2};
    return c->z >= 2 && c->z + HIGH + 2 <= w->nz && c->y + LONG <= NA &&
           !dm_is_outside(w->box[place(c, LONG - 1, HIGH / 2, WIDE / 2)]);
}

static void find_way(const dm_vein_box *w, int v, net *n, dm_body_way *way) {
    corner c;
    *way = (dm_body_way){.level = -1};
    if (w->st->levels.v[v].level < DM_T1 || w->st->levels.v[v].level >= DM_S1 || !corner_of(w, v, &c)) return;
    way->level = v;
    for (int k = 0; k < LONG; k++)
        for (int q = 0; q < HIGH * WIDE; q++) extend(w, &c, n, k, q / WIDE, q % WIDE);
    follow(w, &c, n, way);
}

static void compare(dm_body_way *ways, int count, int v) {
    float other[2 * OTHERS];
    size_t n = 0;
    for (int k = v - OTHERS; k <= v + OTHERS; k++)
        if (k >= 0 && k < count && k != v && ways[k].level >= 0) other[n++] = (float)ways[k].tube;
    if (n < 3) {
        ways[v].level = -1;
        return;
    }
    float middle = dm_rank(other, n, 0.5);
    for (size_t k = 0; k < n; k++) other[k] = fabsf(other[k] - middle);
    ways[v].usual = (double)middle, ways[v].spread = 1.48 * (double)dm_rank(other, n, 0.5);
}

dm_status dm_basivertebral_ways(const dm_vein_box *w, dm_body_way *ways) {
    net *n = malloc(sizeof *n);
    if (!n) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the ways through a vertebra");
    for (int v = 0; v < w->st->levels.n; v++) find_way(w, v, n, &ways[v]);
    for (int v = 0; v < w->st->levels.n; v++)
        if (ways[v].level >= 0) compare(ways, w->st->levels.n, v);
    free(n);
    return dm_ok;
}
