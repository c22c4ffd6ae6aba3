/* Shared by the series*.c files. */
#ifndef DM_SERIES_PARTS_H
#define DM_SERIES_PARTS_H

#include "series.h"

/* An image and where it lies along the normal, mm. */
typedef struct dm_slice {
    dm_image *image;
    const dm_instance *f;
    double at;
} dm_slice;

/* series_fill.c: the pixels of n slices in order, interpolated along their line to scan->nz even steps of step_mm where the
 * slices are not those steps themselves. scan: nx, ny, nz and the affine are set; v is allocated, or room in means->store. */
dm_status dm_series_fill(const dm_slice *s, int n, double step_mm, const dm_series_means *means, dm_scan *scan,
                         dm_series_report *report);

#endif
