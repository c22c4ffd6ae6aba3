/* Volumes and their geometry. Axis order everywhere: x (columns) fastest, v[(k*ny + j)*nx + i]. World coordinates are
 * DICOM patient coordinates, LPS: +x the patient's left, +y posterior, +z head; millimetres. */
#ifndef DM_VOLUME_H
#define DM_VOLUME_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* Voxel index (i, j, k) of a voxel centre to LPS mm: m[row]·(i, j, k, 1). May hold shear (gantry tilt). */
typedef struct dm_affine {
    double m[3][4];
} dm_affine;

void dm_affine_apply(const dm_affine *a, const double in[3], double out[3]);
/* Fails (STUDY, "singular_affine") when the matrix has no inverse. */
dm_status dm_affine_invert(const dm_affine *a, dm_affine *inverse);
/* Length of the step along each index axis, mm. */
void dm_affine_spacing(const dm_affine *a, double spacing[3]);

/* A whole pass as it came from the archive, kept in 16 bits: value = scale * v + offset, in HU (CT) or signal (MR). */
typedef struct dm_scan {
    int nx, ny, nz;
    dm_affine to_lps;
    float scale, offset;
    int16_t *v; /* nx*ny*nz, owned: free with dm_scan_clear */
    size_t mapped;    /* 0 = v came from malloc; else v is a mapping of so many bytes */
    uint64_t *stored; /* not NULL: v is, and slice k lies at stored[k] of a dm_store; owned */
} dm_scan;

/* A working volume in float, HU or signal. */
typedef struct dm_volume {
    int nx, ny, nz;
    dm_affine to_lps;
    float *v; /* nx*ny*nz, owned: free with dm_volume_clear */
} dm_volume;

size_t dm_volume_count(const dm_volume *v);
/* Allocates v (not cleared). STUDY "out_of_memory" with the figure when it cannot. */
dm_status dm_volume_make(dm_volume *v, int nx, int ny, int nz, const dm_affine *to_lps);
void dm_volume_clear(dm_volume *v); /* accepts an empty or NULL volume */
void dm_scan_clear(dm_scan *s);
void dm_scan_drop(dm_scan *s); /* the voxels alone: size and geometry stay */
/* Trilinear value of a volume at an LPS point, DM_OUTSIDE-like -30000 outside (host convenience, not for hot loops). */
float dm_volume_sample(const dm_volume *v, const double lps[3]);

#endif
