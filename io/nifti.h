/* NIfTI-1 and NIfTI-2 volumes (.nii, .nii.gz). */
#ifndef DM_NIFTI_H
#define DM_NIFTI_H

#include "volume.h"

/* Reads one 3-D volume into 16 bits (scaled where the file holds other numbers); the affine is turned from NIfTI's RAS to
 * LPS: sform where its code is > 0, else qform, else STUDY "nifti_no_orientation". */
dm_status dm_nifti_read(const char *path, dm_scan *scan);
/* Writes NIfTI-1 with 16-bit voxels with sform and qform where the affine is rigid, sform alone where it is sheared. */
dm_status dm_nifti_write(const char *path, const dm_scan *scan);

#endif
