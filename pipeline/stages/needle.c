#include "needle.h"

#include <math.h>
#include <string.h>

#include "frame.h"
#include "grid.h"

enum { DEEP = 14, ACROSS = 5 }; /* mm behind the wall; places to the left and right */

/* One height: where its plane lies and how far back the wall is. */
typedef struct height {
    double point[3], front[3], left[3], wall;
} height;

static height height_at(const dm_study *st, double s) {
    height h;
    int row = (int)lround(s / st->spine.ds);
    row = row < 0 ? 0 : row >= st->canal.n ? st->canal.n - 1 : row;
    dm_frame_at(&st->spine, s, h.point, NULL, h.front, h.left);
    h.wall = (double)st->canal.r_bone[(size_t)row * DM_NT + DM_NT / 2];
    return h;
}

/* Mean of five samples round a place `back` mm behind the line and l to the left; beyond the scan far too
 * bright for a line. */
static double value(const dm_study *st, const height *h, double back, double l) {
    static const double da[5] = {0, 0.6, -0.6, 0, 0}, dl[5] = {0, 0, 0, 0.4, -0.4};
    double sum = 0, p[3];
    for (int k = 0; k < 5; k++) {
        for (int x = 0; x < 3; x++)
            p[x] = h->point[x] - (back + da[k]) * h->front[x] + (l + dl[k]) * h->left[x];
        float v = dm_volume_sample(&st->crop.raw, p);
        if (dm_is_outside(v)) return 1e6;
        sum += (double)v;
    }
    return sum / 5;
}

/* How much brighter than its surroundings the brightest place of the midline is. */
static double ridge(const dm_study *st, const height *here, const height *above, const height *below,
                    double back) {
    double best = -1e6;
    for (int k = 0; k < ACROSS; k++) {
        double l = k - ACROSS / 2, around = fmax(value(st, here, back, l - 4), value(st, here, back, l + 4));
        around = fmax(around, fmax(value(st, above, back, l), value(st, below, back, l)));
        best = fmax(best, value(st, here, back, l) - around);
    }
    return best;
}

double dm_needle_length(const dm_study *st, double from, double least, double *at) {
    double end = (st->spine.n - 1) * st->spine.ds - 6, longest = 0;
    int run[DEEP] = {0}, start[DEEP] = {0};
    *at = from;
    for (double s = fmax(from, 6); s <= end; s += 1) {
        const height here = height_at(st, s), above = height_at(st, s - 5), below = height_at(st, s + 5);
        int now[DEEP], begun[DEEP];
        for (int j = 0; j < DEEP; j++) {
            int on = ridge(st, &here, &above, &below, here.wall + 1 + j) >= least, before = 0;
            begun[j] = (int)lround(s);
            /* a line goes on from the same height or, running down and back, from the one before */
            if (j && now[j - 1] > before) before = now[j - 1], begun[j] = begun[j - 1];
            if (j && run[j - 1] > before) before = run[j - 1], begun[j] = start[j - 1];
            now[j] = on ? before + 1 : 0;
            if (now[j] > longest) longest = now[j], *at = begun[j];
        }
        memcpy(run, now, sizeof run);
        memcpy(start, begun, sizeof start);
    }
    return longest;
}
