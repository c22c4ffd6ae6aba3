/* What was found, as a label volume for any viewer. */
#ifndef DM_LABELS_H
#define DM_LABELS_H

#include "study.h"

enum { DM_LABEL_SAC = 1, DM_LABEL_CANAL, DM_LABEL_POOL, DM_LABEL_DIVERTICULUM, DM_LABEL_VEIN };

/* Writes the labels of a study as NIfTI (.nii or .nii.gz) on the grid of the measured pass as it was read,
 * oblique and tilted grids included: 1 sac, 2 canal outside the sac, 3 extrathecal pool, 4 diverticulum, 5
 * vein. The sac is drawn where it is filled alone, nothing where the line is marked unsure. Pools and veins:
 * the accepted findings and those flagged as false signs, the voxels above half of the finding's own height
 * over the tissue. One slice in memory at a time. Needs the size and affine of pass[0], not its voxels.
 * DM_WARN "no_labels" when there is no centre line, FATAL "output" when the file cannot be written. */
dm_status dm_labels_write(const dm_study *study, const char *path);

#endif
