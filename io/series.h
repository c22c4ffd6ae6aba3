/* From the images of a series to volumes, by geometry alone. */
#ifndef DM_SERIES_H
#define DM_SERIES_H

#include "dicom.h"
#include "store.h"
#include "volume.h"

/* One image: a frame of an object. */
typedef struct dm_image {
    dm_dicom *dicom; /* borrowed; several frames share one; NULL = only the header is known, or settled */
    int frame;
    dm_instance facts;
    uint64_t number; /* where it stands in its source */
    int container;   /* archive inside the source that it came from, 0 = none */
    uint64_t settled; /* not 0: its HU lie at this place of a dm_store and the object is not needed */
    int padded;       /* of a settled one: voxels set to the padding value */
} dm_image;

/* What may be done about slices that are not evenly spaced; by default nothing is. */
typedef struct dm_series_rules {
    int fill_gaps;       /* 1: slices missing in an even row are interpolated between their neighbours, and counted */
    int resample_uneven; /* 1: uneven rows are interpolated to their median step */
} dm_series_rules;

/* What a volume is made with. */
typedef struct dm_series_means {
    int threads;     /* decoders at once; 1 = none but the caller */
    dm_store *store; /* where the voxels go; NULL = into memory, scan->v */
} dm_series_means;

/* What was found out while a volume was put together. */
typedef struct dm_series_report {
    double slice_mm; /* step along the slice normal */
    double tilt_deg; /* between the line of slice positions and the slice normal: gantry tilt, kept as shear */
    int duplicates;  /* identical images dropped */
    int padded;      /* voxels set to the padding value */
    int gaps;        /* missing slices that were interpolated */
    int resampled;   /* 1 = uneven slices were interpolated to an even step */
} dm_series_report;

/* 1 when two images may stand in one volume: same modality, size, orientation (1e-3), pixel spacing (1e-3 mm), SOP class and kind of
 * image (first three values of ImageType). The frame of reference is not looked at. */
int dm_series_fits(const dm_instance *a, const dm_instance *b);
int dm_series_is_localizer(const dm_instance *a);
/* Unit normal of the slices; 0 when the orientation is missing or not two unit vectors at a right angle. */
int dm_series_normal(const dm_instance *f, double normal[3]);
/* Where an image lies along a normal, mm. */
double dm_series_place(const dm_instance *f, const double normal[3]);

/* Bytes of an image's voxels in a volume; 0 when it is none that can settle: a single uncompressed CT image whose HU need nothing
 * that other images tell, and whose size lets it be mapped into a volume wherever it lies. */
uint64_t dm_series_settles(const dm_image *image);
/* Writes the HU of such an image to a place of the store, so that its object can go before its volume is known. 0 = it cannot be
 * read or written; the image is as it was. */
int dm_series_settle(dm_image *image, const dm_store *store, uint64_t at);

/* Brings the images of one volume to the front and returns how many they are: what fits the first and, only where places
 * repeat, has its echo time, temporal position, b-value, kind, trigger time or acquisition number. *split_by names what they
 * were parted by, NULL = nothing. Call it again on the rest. */
int dm_series_next(dm_image **images, int n, const char **split_by);

/* Orders n images along the slice normal (never by number), checks the spacing and fills the scan: CT in HU, MR in
 * signal; padding becomes -1024 HU or 0. `images` is reordered; places of settled ones become the scan's. rules NULL = nothing is repaired. STUDY with a reason: "few_slices", "missing_tag" (the tag's name), "gap" (where and how many
 * slices), "uneven_spacing", "overlapping" (different images at one place), "shifted_slices" (moved sideways against each
 * other), "multi_frame" (frames without places), "modality_lut", "rescale", or what dm_dicom_pixels says. */
dm_status dm_series_volume(dm_image **images, int n, const dm_series_rules *rules, const dm_series_means *means,
                           dm_scan *scan, dm_series_report *report);

#endif
