/* The parts of stage crop: working grids, evidence, the best way through it. */
#ifndef DM_CROP_PARTS_H
#define DM_CROP_PARTS_H

#include "check.h"
#include "study.h"

/* ---- resample.c: working grids from a scan in 16 bits, on the device ---- */

/* The whole scan on an LPS grid of `step` mm; where the scan is finer, sub-samples spread over 0.6 steps are averaged.
 * Allocates out->v; DM_OUTSIDE outside the scan. */
dm_status dm_resample_coarse(dm_gpu *gpu, const dm_scan *scan, double step, dm_grid *out);

/* Voxels lo[i] <= index < hi[i] of a scan in float; averaged in blocks of whole voxels while the block's edge stays below
 * `limit` mm. Allocates out. */
dm_status dm_resample_box(dm_gpu *gpu, const dm_scan *scan, const int lo[3], const int hi[3], double limit,
                          dm_volume *out);

dm_status dm_check_resample_coarse(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);
dm_status dm_check_resample_block(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);

/* ---- evidence.c: evidence for the canal on the coarse grid, on the device (kernels/evidence.h has the method) ---- */

typedef struct dm_evidence_params {
    double wall_hu, bone_hu, column_hu, column_ratio, line_mm;
    int bends; /* 1 = a column may bend by a cell to every side: coarse voxels */
} dm_evidence_params;

/* Fills evidence (same grid as coarse; allocates v), 0..1. */
dm_status dm_evidence_run(dm_gpu *gpu, const dm_grid *coarse, dm_modality modality, const dm_evidence_params *params,
                          dm_grid *evidence);
/* Device bytes that it holds for a grid of `cells`. */
uint64_t dm_evidence_bytes(uint64_t cells);

dm_status dm_check_evidence_open(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);
dm_status dm_check_evidence_disc(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);
dm_status dm_check_evidence_value(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);
dm_status dm_check_evidence_relative(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);

/* ---- path.c: the best way for the canal through the evidence ---- */

/* A point every step of the grid from head to feet, LPS mm; e = evidence there. Owned. */
typedef struct dm_path {
    int n;
    double (*p)[3];
    float *e;
} dm_path;

typedef struct dm_path_params {
    double keep;       /* a piece ends where the 30 mm mean of the evidence falls below this */
    double min_length; /* mm */
} dm_path_params;

/* Dynamic programming from head to feet with free ends, on the device; then cut where the evidence is too weak; the piece
 * with most evidence is kept. Holds 9 bytes a cell on the device. STUDY "no_spine" when nothing long enough remains. */
dm_status dm_path_find(dm_gpu *gpu, const dm_grid *evidence, const dm_path_params *params, dm_path *out);
void dm_path_clear(dm_path *path);
/* MR (fluid.c): scales the evidence by how well a cell's brightness fits the fluid along a first way. */
dm_status dm_fluid_weigh(const dm_grid *coarse, const dm_path *way, dm_grid *evidence);
/* Cell of the grid that holds p into q; 1 where it lies inside the grid (q is filled in any case). */
int dm_grid_cell(const dm_grid *grid, const double p[3], int q[3]);
/* Best evidence within a cell of p in its slice; 0 outside the grid. */
float dm_evidence_at(const dm_grid *evidence, const double p[3]);
dm_status dm_check_path_step(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);

#endif
