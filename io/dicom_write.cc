/* Images written: digital phantoms and tests. */
#include "dicom_parts.hh"

#include <stdlib.h>
#include <string.h>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpls/djrparam.h>

static void put(DcmItem *d, const DcmTagKey &key, const char *text) {
    d->putAndInsertString(key, text);
}

static void put_numbers(DcmItem *d, const DcmTagKey &key, const double *v, int n) {
    OFString joined;
    for (int i = 0; i < n; i++) {
        char one[24];
        snprintf(one, sizeof one, "%s%.10g", i ? "\\" : "", v[i]);
        joined += one;
    }
    put(d, key, joined.c_str());
}

static void put_whole(DcmItem *d, const DcmTagKey &key, int v) {
    char text[16];
    snprintf(text, sizeof text, "%d", v);
    put(d, key, text);
}

static void put_identity(DcmItem *d, const dm_dicom_image *m, int ct) {
    put(d, DCM_SOPClassUID, ct ? UID_CTImageStorage : UID_MRImageStorage);
    put(d, DCM_SOPInstanceUID, m->sop_uid);
    put(d, DCM_StudyInstanceUID, m->study_uid);
    put(d, DCM_SeriesInstanceUID, m->series_uid);
    put(d, DCM_FrameOfReferenceUID, m->frame_uid);
    put(d, DCM_Modality, m->modality);
    put(d, DCM_ImageType, m->image_type);
    put(d, DCM_PatientName, m->patient_name);
    put(d, DCM_PatientID, m->patient_id);
    put(d, DCM_PatientSex, m->patient_sex);
    put(d, DCM_PatientAge, m->patient_age);
    put(d, DCM_StudyDescription, m->study_description);
    put(d, DCM_SeriesDescription, m->series_description);
    put(d, DCM_ProtocolName, m->protocol_name);
    put(d, DCM_StudyDate, m->date);
    put(d, DCM_StudyTime, m->time);
    put(d, DCM_AcquisitionTime, m->time);
    put(d, DCM_PatientPosition, m->patient_position);
    put_whole(d, DCM_SeriesNumber, m->series_number);
    put_whole(d, DCM_InstanceNumber, m->instance_number);
}

static void put_image(DcmItem *d, const dm_dicom_image *m, int ct) {
    put_numbers(d, DCM_ImagePositionPatient, m->position, 3);
    put_numbers(d, DCM_ImageOrientationPatient, m->orientation, 6);
    put_numbers(d, DCM_PixelSpacing, m->spacing, 2);
    put_numbers(d, DCM_SliceThickness, &m->slice_thickness, 1);
    if (ct || m->slope != 1 || m->intercept != 0) {
        put_numbers(d, DCM_RescaleSlope, &m->slope, 1);
        put_numbers(d, DCM_RescaleIntercept, &m->intercept, 1);
    }
    if (ct) {
        put_numbers(d, DCM_KVP, &m->kvp, 1);
        put(d, DCM_ConvolutionKernel, m->kernel);
    }
    put(d, DCM_PhotometricInterpretation, "MONOCHROME2");
    d->putAndInsertUint16(DCM_SamplesPerPixel, 1);
    d->putAndInsertUint16(DCM_Rows, (Uint16)m->rows);
    d->putAndInsertUint16(DCM_Columns, (Uint16)m->columns);
    d->putAndInsertUint16(DCM_BitsAllocated, 16);
    d->putAndInsertUint16(DCM_BitsStored, 16);
    d->putAndInsertUint16(DCM_HighBit, 15);
    d->putAndInsertUint16(DCM_PixelRepresentation, 1);
    if (m->has_padding) d->putAndInsertSint16(DCM_PixelPaddingValue, (Sint16)m->padding);
    d->putAndInsertUint16Array(DCM_PixelData, (const Uint16 *)m->pixels,
                               (unsigned long)m->rows * (unsigned long)m->columns);
}

static int encode(DcmDataset *set, dm_dicom_coding coding, E_TransferSyntax *syntax) {
    *syntax = EXS_LittleEndianExplicit;
    OFCondition done = EC_Normal;
    if (coding == DM_DICOM_RLE) {
        DcmRLERepresentationParameter rle;
        done = set->chooseRepresentation(*syntax = EXS_RLELossless, &rle);
    } else if (coding == DM_DICOM_JPEG_LOSSLESS) {
        DJ_RPLossless jpeg;
        done = set->chooseRepresentation(*syntax = EXS_JPEGProcess14SV1, &jpeg);
    } else if (coding == DM_DICOM_JPEG_LS) {
        DJLSRepresentationParameter ls(0, OFTrue);
        done = set->chooseRepresentation(*syntax = EXS_JPEGLSLossless, &ls);
    }
    return done.good() && set->canWriteXfer(*syntax);
}

static dm_status write_image(const dm_dicom_image *m, unsigned char *buffer, size_t room, size_t *size) {
    DM_TRY(dm_dicom_dictionary());
    DcmFileFormat file;
    DcmDataset *set = file.getDataset();
    int ct = !strcmp(m->modality, "CT");
    put_identity(set, m, ct);
    put_image(set, m, ct);
    E_TransferSyntax syntax;
    if (!encode(set, m->coding, &syntax))
        return dm_fail(DM_FATAL, "cannot_write", "an image could not be encoded");
    /* Encoding gives derived images a new UID; a phantom's must be its own. */
    put(set, DCM_SOPInstanceUID, m->sop_uid);
    DcmOutputBufferStream stream(buffer, (offile_off_t)room);
    file.transferInit();
    OFCondition done = file.write(stream, syntax, EET_ExplicitLength, NULL, EGL_recalcGL, EPD_noChange);
    file.transferEnd();
    void *written = NULL;
    offile_off_t n = 0;
    stream.flushBuffer(written, n);
    if (done.bad())
        return dm_fail(DM_FATAL, "cannot_write", "an image could not be written: %s", done.text());
    *size = (size_t)n;
    return dm_ok;
}

extern "C" dm_status dm_dicom_write(const dm_dicom_image *image, unsigned char **bytes, size_t *size) {
    dm_dicom_start();
    size_t room = (size_t)image->rows * (size_t)image->columns * 4 + (1 << 17);
    *bytes = (unsigned char *)malloc(room);
    if (!*bytes) return dm_fail(DM_FATAL, "out_of_memory", "no memory for an image of %zu bytes", room);
    dm_status s;
    try {
        s = write_image(image, *bytes, room, size);
    } catch (...) {
        s = dm_fail(DM_FATAL, "cannot_write", "an image could not be written");
    }
    if (!dm_good(s)) {
        free(*bytes);
        *bytes = NULL;
    }
    return s;
}
