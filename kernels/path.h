/* The best way of the canal through the evidence, head to feet, by dynamic programming: one slice of the coarse grid a
 * launch. A step from a cell of the slice above earns the mean evidence of its two cells, less a toll. What it earns it earns
 * by the slice, so that no detour pays; what it loses it loses by the millimetre, so that no jump through nothing does. */
#ifndef DM_PATH_H
#define DM_PATH_H
#include "dialect.h"

#define DM_PATH_Y 4 /* cells per slice in the sagittal plane: 63 degrees, the sacrum */
#define DM_PATH_X 2 /* to the side: 45 degrees, scoliosis */
#define DM_PATH_COLUMNS (2 * DM_PATH_X + 1)
#define DM_PATH_START 255u /* the way begins here */

typedef struct dm_path_args {
    int nx, ny;
    float toll;           /* evidence that a cell must have to pay for its length */
    float cost_y, cost_x; /* of the square of a step in cells: canals run straight down by habit */
} dm_path_args;

DM_FN float dm_path_gain(const dm_path_args *a, float above, float here, int dx, int dy) {
    float net = 0.5f * (above + here) - a->toll;
    if (net < 0.0f) net *= dm_sqrt((float)(1 + dx * dx + dy * dy));
    return net - a->cost_y * (float)(dy * dy) - a->cost_x * (float)(dx * dx);
}

/* Best sum of a way that ends in cell (x, y); *back = the step it came by ((dy + DM_PATH_Y) * DM_PATH_COLUMNS + dx +
 * DM_PATH_X), or DM_PATH_START. e and sum: the slice above and this one, x fastest. In the top slice first = 1. */
DM_FN float dm_path_cell(DM_GLOBAL const float *DM_RESTRICT e_above, DM_GLOBAL const float *DM_RESTRICT e_here,
                         DM_GLOBAL const float *DM_RESTRICT sum_above, const dm_path_args *a, int first, int x, int y,
                         DM_GLOBAL uchar *DM_RESTRICT back) {
    size_t at = (size_t)y * (size_t)a->nx + (size_t)x;
    float here = e_here[at], best = here - a->toll;
    uint step = DM_PATH_START;
    for (int dy = -DM_PATH_Y; dy <= DM_PATH_Y && !first; dy++)
        for (int dx = -DM_PATH_X; dx <= DM_PATH_X; dx++) {
            int px = x + dx, py = y + dy;
            if (px < 0 || py < 0 || px >= a->nx || py >= a->ny) continue;
            size_t from = (size_t)py * (size_t)a->nx + (size_t)px;
            float s = sum_above[from] + dm_path_gain(a, e_above[from], here, dx, dy);
            if (s > best) {
                best = s;
                step = (uint)((dy + DM_PATH_Y) * DM_PATH_COLUMNS + dx + DM_PATH_X);
            }
        }
    back[at] = (uchar)step;
    return best;
}

#endif
