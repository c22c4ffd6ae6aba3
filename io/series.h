/* From the instances of a series to one volume, by geometry alone. */
#ifndef DM_SERIES_H
#define DM_SERIES_H

#include "dicom.h"
#include "volume.h"

/* What was found out while a volume was put together. */
typedef struct dm_series_report {
    double slice_mm;  /* step along the slice normal */
    double tilt_deg;  /* between the line of slice positions and the slice normal: gantry tilt, kept as shear */
    int duplicates;   /* identical images dropped */
    int padded;       /* voxels set to the padding value */
} dm_series_report;

/* 1 when two instances may stand in one volume: same size, orientation (1e-3), pixel spacing (1e-3 mm), SOP
 * class, echo time and kind of image (first three values of ImageType). The frame of reference is not looked at. */
int dm_series_fits(const dm_instance *a, const dm_instance *b);
int dm_series_is_localizer(const dm_instance *a);

/* Orders n instances along the slice normal (never by number), checks the spacing and fills the scan: CT in HU, MR in
 * signal; padding becomes -1024 HU or 0. `items` is reordered. STUDY with a reason: "few_slices", "missing_tag" (the tag's
 * name), "gap" (where and how many slices), "uneven_spacing", "overlapping" (different images at one place),
 * "shifted_slices" (moved sideways against each other), "multi_frame", or what dm_dicom_pixels says. */
dm_status dm_series_volume(dm_dicom **items, int n, dm_scan *scan, dm_series_report *report);

#endif
