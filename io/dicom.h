/* DICOM instances from and to memory. dicom.cc is the one file that sees DCMTK; nothing of C++ crosses this border. */
#ifndef DM_DICOM_H
#define DM_DICOM_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dm_dicom dm_dicom; /* one parsed instance, opaque */

/* What is read of a header: an allow-list. Missing number = NaN, missing text = "". The fields of the second block are
 * identifying or free text: they serve matching and pseudonyms and never leave ingest. */
typedef struct dm_instance {
    char series_uid[68], frame_uid[68], sop_uid[68], sop_class[68], transfer_syntax[68], modality[20], image_type[128],
        kernel[20], patient_position[8];
    int rows, columns, frames, samples, bits_allocated, bits_stored, high_bit, is_signed, monochrome1, lossy;
    int has_position, has_orientation, has_spacing, has_padding, padding;
    double position[3], orientation[6], spacing[2]; /* mm; spacing: between rows, between columns */
    double slope, intercept, slice_thickness, kvp, echo_time, acquisition_seconds;

    char study_uid[68], patient_id[80], patient_name[80], description[400];
} dm_instance;

/* Once before any other call and before threads start: codecs registered, logging off. */
void dm_dicom_start(void);

/* Parses bytes (copied). STUDY: "not_dicom" (no DICOM at all), "damaged_dicom" (cut short or nonsense), "transfer_syntax"
 * (with the UID). */
dm_status dm_dicom_parse(const void *bytes, size_t size, dm_dicom **dicom);
const dm_instance *dm_dicom_facts(const dm_dicom *dicom);
/* rows*columns stored values of the first frame, sign and unused bits resolved, no rescale. STUDY "damaged_dicom". */
dm_status dm_dicom_pixels(const dm_dicom *dicom, int32_t *out);
void dm_dicom_free(dm_dicom *dicom); /* accepts NULL */

typedef enum dm_dicom_coding { DM_DICOM_PLAIN, DM_DICOM_RLE, DM_DICOM_JPEG_LOSSLESS, DM_DICOM_JPEG_LS } dm_dicom_coding;

/* One CT or MR image to be written (digital phantoms). No text may be NULL. */
typedef struct dm_dicom_image {
    const char *modality; /* "CT" or "MR" */
    const char *study_uid, *series_uid, *frame_uid, *sop_uid;
    const char *patient_name, *patient_id, *patient_sex, *patient_age; /* age "045Y" */
    const char *study_description, *series_description, *protocol_name;
    const char *date, *time; /* "20240131", "101500" */
    const char *patient_position, *kernel, *image_type; /* "HFS", "B30s", "ORIGINAL\\PRIMARY\\AXIAL" */
    int series_number, instance_number, rows, columns;
    double position[3], orientation[6], spacing[2], slice_thickness, kvp, slope, intercept;
    int has_padding, padding;
    const int16_t *pixels; /* rows*columns, signed */
    dm_dicom_coding coding;
} dm_dicom_image;

/* The file's bytes, allocated with malloc: the caller frees. The same image gives the same bytes. */
dm_status dm_dicom_write(const dm_dicom_image *image, unsigned char **bytes, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
