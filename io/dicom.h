/* DICOM instances from and to memory. The dicom*.cc files alone see DCMTK; nothing of C++ crosses this border. */
#ifndef DM_DICOM_H
#define DM_DICOM_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dm_dicom dm_dicom; /* one parsed instance, opaque */

/* What is read of a header: an allow-list. Missing number = NaN, missing text = "". For a multi-frame object the facts are
 * those of one frame. The fields of the last block are identifying or free text: they serve matching, pseudonyms and
 * intervals and never leave ingest. */
typedef struct dm_instance {
    char series_uid[68], frame_uid[68], sop_uid[68], sop_class[68], transfer_syntax[68], modality[20], image_type[128],
        kernel[20], patient_position[8], manufacturer[24], model[32], sex[4];
    int rows, columns; /* 0 when the object has no pixels */
    int frames, samples, bits_allocated, bits_stored, high_bit, is_signed, lossy;
    int monochrome; /* 1 or 2 (MONOCHROME1, MONOCHROME2, also when nothing is said), 0 = colours or a palette */
    int has_position, has_orientation, has_spacing, has_padding, padding, padding_limit; /* from padding to padding_limit */
    int has_lut;                                    /* a Modality LUT Sequence: values are no linear function of HU */
    int rescale;                                    /* 1 = slope and intercept are said, 0 = one is not, -1 = one is no number */
    int other_unit;                                 /* 1 = RescaleType names another unit than HU (iodine, electron density, ...) */
    int float_pixels;                               /* 1 = FloatPixelData or DoubleFloatPixelData in the place of PixelData */
    int mosaic;                                     /* many slices in one picture (Siemens) */
    int temporal, acquisition_number;               /* -1 = not said */
    double position[3], orientation[6], spacing[2]; /* mm; spacing: between rows, between columns */
    double slope, intercept, slice_thickness, kvp, echo_time, trigger_time, b_value;
    double age_years;

    char study_uid[68], patient_id[80], patient_name[80], description[400];
    double exam_seconds, acquired_seconds; /* since 1970, local time of the scanner */
} dm_instance;

/* Once before any other call and before threads start: codecs registered, logging off. */
void dm_dicom_start(void);

/* Parses bytes (copied). STUDY: "not_dicom" (no DICOM at all), "damaged_dicom" (cut short or nonsense), "transfer_syntax"
 * (with the UID). */
dm_status dm_dicom_parse(const void *bytes, size_t size, dm_dicom **dicom);
/* The same without a copy: takes bytes that came from malloc, also when it fails. */
dm_status dm_dicom_take(unsigned char *bytes, size_t size, dm_dicom **dicom);
/* Of the first frame. */
const dm_instance *dm_dicom_facts(const dm_dicom *dicom);
/* Facts of one frame, 0 .. frames - 1: its own functional groups over the shared ones over the object's. */
void dm_dicom_frame(const dm_dicom *dicom, int frame, dm_instance *facts);
/* rows*columns stored values of a frame, sign and unused bits resolved, no rescale. STUDY "damaged_dicom", "pixel_format".
 * One object serves one thread at a time; different objects any number. */
dm_status dm_dicom_pixels(const dm_dicom *dicom, int frame, int32_t *out);
/* Whether dm_dicom_pixels reads pixels of this kind: "pixel_format". */
dm_status dm_dicom_check_format(const dm_instance *facts);
/* 1 when pixels are not compressed: then dm_dicom_some_pixels reads `count` of a frame's values from the `from`th on, so that what is
 * made of them need not wait in memory for the rest. */
int dm_dicom_is_plain(const dm_dicom *dicom);
dm_status dm_dicom_some_pixels(const dm_dicom *dicom, int frame, size_t from, size_t count, int32_t *out);
size_t dm_dicom_bytes(const dm_dicom *dicom); /* memory that it holds */
void dm_dicom_free(dm_dicom *dicom);          /* accepts NULL */

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
