/* The part of stage spine that moves a rough line to the middle of the canal. */
#ifndef DM_SPINE_PARTS_H
#define DM_SPINE_PARTS_H

#include "curved.h"
#include "frame.h"
#include "study.h"

/* Per mm of the line: how far the middle of the walls lies ventral (a) and left (l) of it, mm, at most 6; quality = share
 * of the angles whose wall agrees with one closed ring. Owned. */
typedef struct dm_walls {
    int n;
    double *a, *l;
    float *quality;
} dm_walls;

/* bone = HU of the wall (CT); column = HU of the faintest contrast that fills the canal (CT;
 * in MR any column does, for its brightness has no unit). */
dm_status dm_centre_walls(dm_gpu *gpu, const dm_volume *volume, const dm_spine *line, dm_modality modality, double bone,
                          double column, dm_walls *out);
void dm_walls_clear(dm_walls *w);

/* Gaussian smoothing (sigma mm) of n points `step` mm apart, in place; the line is continued straight beyond its ends. */
dm_status dm_smooth_points(double (*p)[3], int n, double step, double sigma);

#endif
