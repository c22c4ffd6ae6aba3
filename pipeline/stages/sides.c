/* Are left and right what the header says? Nothing in the spine tells, the belly does: the liver, the largest
 * solid organ, lies on the right; on the left lie stomach and bowel with their gas and fat, a spleen of a
 * seventh of its size. */
#include <math.h>

#include "crop_parts.h"
#include "dialect.h"
#include "frame.h"
#include "levels_parts.h"

static float cell_of(const dm_grid *g, int x, int y, int z) {
    if (x < 0 || y < 0 || z < 0 || x >= g->n[0] || y >= g->n[1] || z >= g->n[2]) return DM_OUTSIDE;
    return g->v[((size_t)z * (size_t)g->n[1] + (size_t)y) * (size_t)g->n[0] + (size_t)x];
}

/* mm: half of the least thickness that counts. The liver is 40 mm thick and more in all directions over most
 * of it, spleen, kidneys and muscles are not; a full stomach may be. */
static const double ARM = 20;
static const double LEAST_ML = 100; /* of such tissue on the larger side: less is a corner of an organ */

/* 1: the middle of solid tissue, parenchyma with or without contrast for ARM in all six directions; 0:
 * something else; -1: not in the scan. */
static int solid(const dm_grid *g, const double p[3]) {
    int q[3], reach = (int)(ARM / g->step + 0.5);
    if (!dm_grid_cell(g, p, q)) return -1;
    if (dm_is_outside(cell_of(g, q[0], q[1], q[2]))) return -1;
    for (int axis = 0; axis < 3; axis++)
        for (int k = -reach; k <= reach; k++) {
            int r[3] = {q[0], q[1], q[2]};
            r[axis] += k;
            float v = cell_of(g, r[0], r[1], r[2]);
            if (dm_is_outside(v) ? axis != 2 : v < 20.0f || v > 220.0f) return 0;
        }
    return 1;
}

/* One slice across the spine, 15 to 130 mm before the canal: only places that are in the scan on both sides
 * count. */
static void count_slice(const dm_grid *g, const dm_spine *spine, double s, double volume[2]) {
    double p[3], ventral[3], left[3];
    dm_frame_at(spine, s, p, NULL, ventral, left);
    for (int a = 15; a <= 130; a += 5)
        for (int l = 30; l <= 150; l += 5) {
            int found[2];
            for (int side = 0; side < 2; side++) {
                double q[3];
                for (int c = 0; c < 3; c++) q[c] = p[c] + a * ventral[c] + (side ? -l : l) * left[c];
                found[side] = solid(g, q);
            }
            if (found[0] < 0 || found[1] < 0) continue;
            volume[0] += found[0] * 0.125, volume[1] += found[1] * 0.125; /* 5 mm cubed, ml */
        }
}

/* ml of solid tissue to the left and to the right, from the disc above T10 to the disc below L2 */
static void solid_sides(const dm_grid *coarse, const dm_spine *spine, const dm_levels *levels,
                        double volume[2]) {
    volume[0] = volume[1] = 0;
    for (int i = 0; i < levels->n; i++) {
        const dm_vertebra *v = &levels->v[i];
        if (v->level < DM_T1 + 9 || v->level > DM_L1 + 1) continue;
        for (double s = v->s_from; s < v->s_to; s += 5)
            if (s >= 0 && s <= (spine->n - 1) * spine->ds) count_slice(coarse, spine, s, volume);
    }
}

/* Real scans have 2.9 to 80 times as much on the right. Twice as much on the left is a mirrored volume, or
 * one of the few patients (1 in 10 000) whose organs are: both have their sides doubted. */
dm_sides dm_sides_seen(const dm_grid *coarse, const dm_spine *spine, const dm_levels *levels) {
    double volume[2];
    solid_sides(coarse, spine, levels, volume);
    if (volume[0] >= LEAST_ML && volume[0] > 2 * volume[1]) return DM_SIDES_MIRRORED;
    return volume[1] >= LEAST_ML && volume[1] > 2 * volume[0] ? DM_SIDES_CONFIRMED : DM_SIDES_UNSEEN;
}
