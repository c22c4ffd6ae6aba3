/* The voxels of the accepted fistula veins, on the grid of the measured pass. */
#ifndef DM_LABEL_VEINS_H
#define DM_LABEL_VEINS_H

#include "study.h"

typedef struct dm_voxels {
    int (*at)[3]; /* n indices (i, j, k); owned: free with dm_voxels_clear */
    int n, room;
} dm_voxels;
void dm_voxels_clear(dm_voxels *v);

/* Grows each accepted vein from its start through the denoised box: neighbours (6) above half the vein's
 * height over blood, below what is bone, no further from the start than its measured length, no more than its
 * measured volume. */
dm_status dm_label_veins(const dm_study *study, dm_voxels *out);

#endif
