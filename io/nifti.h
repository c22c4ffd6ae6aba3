/* NIfTI-1 and NIfTI-2 volumes (.nii, .nii.gz). */
#ifndef DM_NIFTI_H
#define DM_NIFTI_H

#include "volume.h"

/* Reads one 3-D volume into 16 bits (scaled where the file holds other numbers); the affine is turned from NIfTI's RAS to
 * LPS: sform where its code is > 0, else qform, else STUDY "nifti_no_orientation". */
dm_status dm_nifti_read(const char *path, dm_scan *scan);
/* The same from the bytes of a .nii file; name: for messages. */
int dm_nifti_is(const void *bytes, size_t size); /* 1 = begins like one */
dm_status dm_nifti_parse(const void *bytes, size_t size, const char *name, dm_scan *scan);
/* Writes NIfTI-1 with 16-bit voxels with sform and qform where the affine is rigid, sform alone where it is sheared. */
dm_status dm_nifti_write(const char *path, const dm_scan *scan);

/* Fills slice k of a label volume: nx*ny values, x fastest. */
typedef dm_status (*dm_label_slice)(void *user, int k, uint8_t *slice);
/* Writes a volume of 8-bit labels slice by slice, so that no more than one slice is in memory; the grid is that of `like`
 * (its voxels are not read). gzip where the path ends in .gz; the same labels give the same bytes. Written beside the path
 * and renamed into place. FATAL "output" when that fails, or what `fill` returned. */
dm_status dm_nifti_write_labels(const char *path, const dm_scan *like, dm_label_slice fill, void *user);

#endif
