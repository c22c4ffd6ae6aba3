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

/* What becomes of stored values. */
typedef struct dm_rescale {
    int ct;      /* 1 = HU, 0 = signal */
    float scale; /* of the scan: voxel = value / scale */
} dm_rescale;

/* series_pixels.c: the voxels of one image, settled in `store` or not. pixels: rows * columns of scratch. Adds to *padded. */
dm_status dm_image_voxels(const dm_image *image, const dm_rescale *r, const dm_store *store, int32_t *pixels, int16_t *out,
                          int *padded);
/* Raises *largest to the largest rescaled value without its sign, padding apart. */
dm_status dm_image_largest(const dm_image *image, int32_t *pixels, double *largest);

/* series_fill.c: the pixels of n slices in order, interpolated along their line to scan->nz even steps of step_mm where the
 * slices are not those steps themselves. scan: nx, ny, nz and the affine are set; v is allocated, or stored where
 * means->store is given. */
dm_status dm_series_fill(const dm_slice *s, int n, double step_mm, const dm_series_means *means, dm_scan *scan,
                         dm_series_report *report);

#endif
