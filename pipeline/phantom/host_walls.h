/* What the voxels of a host show of its canal: where bone begins and where fat lies. */
#ifndef DM_HOST_WALLS_H
#define DM_HOST_WALLS_H

#include "host.h"

/* HU of the denoised host at row i of its line, angle c * 5 degrees, r mm from the line. */
double dm_ph_host_value(const dm_ph_host *h, int i, int c, double r);
/* n * PH_NT each, mm from the line, owned. */
typedef struct dm_ph_host_walls {
    float
        *bone; /* edge of the bone: as the voxels show it near the bone that was found, else that, smoothed */
    float *fat; /* where the fat inside the bone begins, INFINITY where none is seen */
} dm_ph_host_walls;

dm_status dm_ph_host_walls_make(const dm_ph_host *h, dm_ph_host_walls *out);
void dm_ph_host_walls_free(dm_ph_host_walls *w);

#endif
