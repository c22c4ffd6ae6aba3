/* The scanner that takes an anatomy: field of view, voxels, position, blur, noise. */
#ifndef DM_SCANNER_H
#define DM_SCANNER_H

#include "anatomy.h"
#include "gpu.h"
#include "volume.h"

typedef struct dm_ph_scanner {
    dm_ph_args args;
    dm_affine to_lps;            /* voxel to the patient's LPS */
    double turn[3][3], shift[3]; /* anatomy to LPS: turn * p + shift */
    double noise, kvp, pixel, slice;
    int sharp, prone, feet_first, sagittal;
    const char *field; /* "whole", "lumbar", ... */
} dm_ph_scanner;

/* Chooses field of view (it holds every leak and sign), voxel size, position and noise for a case. Small: at
 * most about 15 Mvoxel; full: 512 x 512 x about 600 (CT). */
void dm_ph_make_scanner(const dm_anatomy *a, int full, dm_ph_scanner *sc);
/* Sizes of the anatomy's tables, its materials and skull; the rest of the arguments is the scanner's own. */
void dm_ph_set_counts(const dm_anatomy *a, dm_ph_args *g);
void dm_ph_to_patient(const dm_ph_scanner *sc, const double p[3], double lps[3]);

/* Renders slices k0 .. k0 + count - 1 into out (nx*ny*count values) in plain C: the reference. */
void dm_ph_render_reference(const dm_ph_scanner *sc, const dm_anatomy *a, int k0, int count, int16_t *out);
/* The whole volume on a device, in slabs. `out` holds nx*ny*nz values. Errors as in gpu.h. */
dm_status dm_ph_render(dm_gpu *gpu, const dm_ph_scanner *sc, const dm_anatomy *a, int16_t *out);

#endif
