/* MR: the canal holds one fluid, so its brightness changes slowly along it (coil, flow), and what is much darker or brighter
 * at the same height is something else: fat under the skin, discs, bowel. (Not so on CT, where contrast ends and fades.) */
#include <stdlib.h>

#include "crop_parts.h"
#include "dialect.h"
#include "ranks.h"

/* Brightest of the 3 x 3 cells in the slice: the fluid round a cord that lies in the middle. */
static float brightest(const dm_grid *g, int x, int y, int z) {
    float best = DM_OUTSIDE;
    for (int j = y - 1; j <= y + 1; j++)
        for (int i = x - 1; i <= x + 1; i++)
            if (i >= 0 && j >= 0 && i < g->n[0] && j < g->n[1])
                best = dm_fmax(best, g->v[((size_t)z * (size_t)g->n[1] + (size_t)j) * (size_t)g->n[0] + (size_t)i]);
    return best;
}

/* Brightness of the fluid at every slice: the upper quartile (where the way has left the canal it is darker, as a rule) within
 * +-100 mm (a coil's element) of what has evidence 0.6; slices further away take the nearest. Returns 0 where there is none. */
static int levels_of(const dm_grid *coarse, const dm_path *way, float *level, float *pool) {
    int nz = coarse->n[2], reach = (int)(100.0 / coarse->step), any = 0;
    for (int z = 0; z < nz; z++) {
        size_t n = 0;
        for (int i = 0; i < way->n; i++) {
            int q[3];
            dm_grid_cell(coarse, way->p[i], q);
            if (way->e[i] < 0.6f || q[2] < z - reach || q[2] > z + reach || q[2] < 0 || q[2] >= nz) continue;
            pool[n++] = brightest(coarse, q[0], q[1], q[2]);
        }
        level[z] = n > 4 ? dm_rank(pool, n, 0.75) : 0.0f;
        any |= level[z] > 0;
    }
    for (int z = 1; z < nz; z++)
        if (level[z] <= 0) level[z] = level[z - 1];
    for (int z = nz - 2; z >= 0; z--)
        if (level[z] <= 0) level[z] = level[z + 1];
    return any;
}

/* 1 within 0.75 to 1.4 times the fluid, 0 below a half and above twice: flow and the cord's share of a cell darken, a coil's
 * slope changes by no more over the width of a body's middle. */
static float likeness(float v, float level) {
    float ratio = v / level;
    return dm_fmin(dm_clampf((ratio - 0.5f) / 0.25f, 0.0f, 1.0f), dm_clampf((2.0f - ratio) / 0.6f, 0.0f, 1.0f));
}

dm_status dm_fluid_weigh(const dm_grid *coarse, const dm_path *way, dm_grid *evidence) {
    float *level = malloc((size_t)coarse->n[2] * sizeof *level), *pool = malloc((size_t)(way->n + 1) * sizeof *pool);
    dm_status status = level && pool ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "No memory for the fluid's brightness.");
    size_t at = 0;
    if (dm_good(status) && levels_of(coarse, way, level, pool))
        for (int z = 0; z < coarse->n[2]; z++)
            for (int y = 0; y < coarse->n[1]; y++)
                for (int x = 0; x < coarse->n[0]; x++, at++)
                    if (evidence->v[at] > 0.05f) evidence->v[at] *= likeness(brightest(coarse, x, y, z), level[z]);
    free(level), free(pool);
    return status;
}
