/* The renderer's scalar reference: the same functions as the kernel, voxel by voxel. */
#include "scanner.h"

#include "phantom_spine.h"

void dm_ph_render_reference(const dm_ph_scanner *sc, const dm_anatomy *a, int k0, int count, int16_t *out) {
    const dm_ph_args *g = &sc->args;
    for (int k = 0; k < count; k++)
        for (int j = 0; j < g->ny; j++)
            for (int i = 0; i < g->nx; i++)
                *out++ = dm_ph_voxel(g, a->nodes, a->walls, a->verts, a->zrows, a->prims, a->buckets, a->ribs,
                                     a->organs, i, j, k0 + k);
}
