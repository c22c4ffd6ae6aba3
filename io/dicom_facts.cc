/* The allow-list of header values, of an object and of each frame of it. */
#include "dicom_parts.hh"

#include "sop_class.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Text of an element that is text and no longer than a header value can be: the library makes hexadecimal
 * digits of everything else, gigabytes of them when a damaged length says so. */
static int short_text(DcmItem *d, const DcmTagKey &key, OFString &value) {
    DcmElement *e = NULL;
    if (d->findAndGetElement(key, e).bad() || !e || e->getLength() > 10240) return 0;
    return DcmVR(e->ident()).isaString() && e->getOFStringArray(value).good();
}

void dm_dicom_text(DcmItem *d, const DcmTagKey &key, char *out, size_t size) {
    OFString value;
    out[0] = 0;
    if (short_text(d, key, value)) {
        size_t n = value.length() < size - 1 ? value.length() : size - 1;
        memcpy(out, value.c_str(), n);
        out[n] = 0;
        while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == 0)) out[--n] = 0;
    }
}

/* The whole text must be a number: of "-12,5" the library makes -12, another place in the patient. */
static double decimal(const OFString &text) {
    const char *from = text.c_str();
    char *end = NULL;
    double v = strtod(from, &end);
    while (*end == ' ') end++;
    return end != from && !*end && isfinite(v) ? v : NAN;
}

/* Of a text (DS, IS) or a binary number. */
static double number_of(DcmItem *d, const DcmTagKey &key, unsigned long at = 0) {
    DcmElement *e = NULL;
    Float64 value;
    OFString text;
    if (d->findAndGetElement(key, e).bad() || !e || e->getLength() > 10240) return NAN;
    if (DcmVR(e->ident()).isaString()) return e->getOFString(text, at).good() ? decimal(text) : NAN;
    return d->findAndGetFloat64(key, value, at).good() && isfinite(value) ? value : NAN;
}

static int count_of(DcmItem *d, const DcmTagKey &key, int preset) {
    Uint16 value;
    return d->findAndGetUint16(key, value).good() ? value : preset;
}

/* A whole number that may be missing: -1 then. */
static int index_of(DcmItem *d, const DcmTagKey &key) {
    double v = number_of(d, key);
    Uint32 u;
    if (isnan(v) && d->findAndGetUint32(key, u).good()) v = u;
    return v >= 0 && v < 2e9 ? (int)v : -1;
}

static int numbers_of(DcmItem *d, const DcmTagKey &key, double *out, unsigned n) {
    double v[6];
    for (unsigned i = 0; i < n; i++) {
        v[i] = number_of(d, key, i);
        if (isnan(v[i]) || fabs(v[i]) > 1e6) return 0; /* a kilometre is no place in a patient */
    }
    memcpy(out, v, n * sizeof *out);
    return 1;
}

/* ---- dates and times: only intervals of them leave ingest ---- */

static int digits(const char *t, int n) {
    int v = 0;
    for (int i = 0; i < n; i++) {
        if (t[i] < '0' || t[i] > '9') return -1;
        v = 10 * v + t[i] - '0';
    }
    return v;
}

/* Days since 1970-01-01 of "YYYYMMDD"; NaN for anything else. Gregorian calendar counted from a 1st of March. */
static double days_of(const char *t) {
    int y = digits(t, 4), m = y < 0 ? -1 : digits(t + 4, 2), d = m < 0 ? -1 : digits(t + 6, 2);
    if (d < 1 || d > 31 || m < 1 || m > 12) return NAN;
    y -= m <= 2;
    long month = (m + 9) % 12, in_era = y % 400;
    return (double)((long)(y / 400) * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + (153 * month + 2) / 5 + d - 1 - 719468);
}

/* Seconds of the day of "HHMMSS.FFFFFF"; NaN for anything else. */
static double seconds_of(const char *t) {
    int h = digits(t, 2), m = h < 0 ? -1 : digits(t + 2, 2), s = m < 0 ? -1 : digits(t + 4, 2);
    if (s < 0 || h > 23 || m > 59 || s > 60) return NAN;
    return h * 3600 + m * 60 + (t[6] == '.' ? strtod(t + 4, NULL) : s);
}

static double moment_of(DcmItem *d, const DcmTagKey &date, const DcmTagKey &time) {
    char day[32], clock[32];
    dm_dicom_text(d, date, day, sizeof day);
    dm_dicom_text(d, time, clock, sizeof clock);
    return days_of(day) * 86400 + seconds_of(clock);
}

static double acquired(DcmItem *d) {
    char both[40];
    dm_dicom_text(d, DCM_AcquisitionDateTime, both, sizeof both);
    double t = strlen(both) >= 14 ? days_of(both) * 86400 + seconds_of(both + 8) : NAN;
    if (isnan(t)) t = moment_of(d, DCM_AcquisitionDate, DCM_AcquisitionTime);
    if (isnan(t)) t = moment_of(d, DCM_StudyDate, DCM_AcquisitionTime);
    if (isnan(t)) t = moment_of(d, DCM_ContentDate, DCM_ContentTime);
    return isnan(t) ? moment_of(d, DCM_SeriesDate, DCM_SeriesTime) : t;
}

static void read_times(DcmItem *d, dm_instance *f) {
    char day[32];
    f->exam_seconds = moment_of(d, DCM_StudyDate, DCM_StudyTime);
    dm_dicom_text(d, DCM_StudyDate, day, sizeof day);
    if (isnan(f->exam_seconds)) f->exam_seconds = days_of(day) * 86400;
    f->acquired_seconds = acquired(d);
}

/* "045Y", "018M", "003W", "010D"; else from the birth date, which is read for this alone. */
static double age_of(DcmItem *d, double exam_seconds) {
    char t[32];
    dm_dicom_text(d, DCM_PatientAge, t, sizeof t);
    int n = digits(t, 3);
    if (n >= 0 && t[3] == 'Y') return n;
    if (n >= 0 && t[3] == 'M') return n / 12.0;
    if (n >= 0 && (t[3] == 'W' || t[3] == 'D')) return n * (t[3] == 'W' ? 7 : 1) / 365.25;
    dm_dicom_text(d, DCM_PatientBirthDate, t, sizeof t);
    double years = (exam_seconds / 86400 - days_of(t)) / 365.2425;
    return years >= 0 && years < 130 ? years : NAN;
}

/* ---- the object ---- */

static void append_text(DcmItem *d, const DcmTagKey &key, char *out, size_t size) {
    char one[130];
    dm_dicom_text(d, key, one, sizeof one);
    size_t used = strlen(out);
    if (one[0] && used + strlen(one) + 2 < size) {
        if (used) out[used++] = ' ';
        memcpy(out + used, one, strlen(one) + 1);
    }
}

/* Where no modality is said, the class of an image says it. */
static void read_modality_of_class(dm_instance *f) {
    const char *name;
    dm_sop_kind kind = dm_sop_class(f->sop_class, "", &name);
    if (kind == DM_SOP_CT || kind == DM_SOP_MR) snprintf(f->modality, sizeof f->modality, kind == DM_SOP_CT ? "CT" : "MR");
}

static void read_identity(DcmItem *d, dm_instance *f) {
    dm_dicom_text(d, DCM_StudyInstanceUID, f->study_uid, sizeof f->study_uid);
    dm_dicom_text(d, DCM_SeriesInstanceUID, f->series_uid, sizeof f->series_uid);
    dm_dicom_text(d, DCM_FrameOfReferenceUID, f->frame_uid, sizeof f->frame_uid);
    dm_dicom_text(d, DCM_SOPInstanceUID, f->sop_uid, sizeof f->sop_uid);
    dm_dicom_text(d, DCM_SOPClassUID, f->sop_class, sizeof f->sop_class);
    dm_dicom_text(d, DCM_Modality, f->modality, sizeof f->modality);
    if (!f->modality[0]) read_modality_of_class(f);
    dm_dicom_text(d, DCM_ImageType, f->image_type, sizeof f->image_type);
    dm_dicom_text(d, DCM_ConvolutionKernel, f->kernel, sizeof f->kernel);
    dm_dicom_text(d, DCM_PatientPosition, f->patient_position, sizeof f->patient_position);
    dm_dicom_text(d, DCM_Manufacturer, f->manufacturer, sizeof f->manufacturer);
    dm_dicom_text(d, DCM_ManufacturerModelName, f->model, sizeof f->model);
    dm_dicom_text(d, DCM_PatientSex, f->sex, sizeof f->sex);
    dm_dicom_text(d, DCM_PatientID, f->patient_id, sizeof f->patient_id);
    dm_dicom_text(d, DCM_PatientName, f->patient_name, sizeof f->patient_name);
    append_text(d, DCM_SeriesDescription, f->description, sizeof f->description);
    append_text(d, DCM_ProtocolName, f->description, sizeof f->description);
    append_text(d, DCM_StudyDescription, f->description, sizeof f->description);
}

/* The tag's VR is US or SS after the pixels' sign; implicit files leave it to the reader. */
static int stored_value(DcmItem *d, const DcmTagKey &key, int is_signed, int *value) {
    Uint16 u = 0;
    Sint16 s = 0;
    if (d->findAndGetSint16(key, s).good())
        *value = is_signed ? s : (int)(Uint16)s;
    else if (d->findAndGetUint16(key, u).good())
        *value = is_signed ? (int)(Sint16)u : u;
    else
        return 0;
    return 1;
}

static void read_padding(DcmItem *d, dm_instance *f) {
    f->has_padding = stored_value(d, DCM_PixelPaddingValue, f->is_signed, &f->padding);
    f->padding_limit = f->padding;
    if (!f->has_padding || !stored_value(d, DCM_PixelPaddingRangeLimit, f->is_signed, &f->padding_limit)) return;
    if (f->padding_limit < f->padding) { /* the range may be given from either end */
        int low = f->padding_limit;
        f->padding_limit = f->padding;
        f->padding = low;
    }
}

static int is_lossy(DcmItem *d, const char *syntax) {
    static const char *const codings[] = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81",
                                          "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"};
    char text[32];
    dm_dicom_text(d, DCM_LossyImageCompression, text, sizeof text);
    if (text[0]) return !strcmp(text, "01");
    for (const char *c : codings)
        if (!strcmp(c, syntax)) return 1;
    return 0;
}

static void read_pixel_module(DcmItem *d, dm_instance *f) {
    char text[32];
    int pixels = d->tagExists(DCM_PixelData);
    f->rows = pixels ? count_of(d, DCM_Rows, 0) : 0;
    f->columns = pixels ? count_of(d, DCM_Columns, 0) : 0;
    f->samples = count_of(d, DCM_SamplesPerPixel, 1);
    f->bits_allocated = count_of(d, DCM_BitsAllocated, 0);
    f->bits_stored = count_of(d, DCM_BitsStored, f->bits_allocated);
    f->high_bit = count_of(d, DCM_HighBit, f->bits_stored - 1);
    f->is_signed = count_of(d, DCM_PixelRepresentation, 0) == 1;
    double frames = number_of(d, DCM_NumberOfFrames);
    f->frames = isnan(frames) || frames < 1 || frames > 1e6 ? 1 : (int)frames;
    dm_dicom_text(d, DCM_PhotometricInterpretation, text, sizeof text);
    f->monochrome = !strcmp(text, "MONOCHROME1") ? 1 : !text[0] || !strcmp(text, "MONOCHROME2") ? 2 : 0;
    f->lossy = is_lossy(d, f->transfer_syntax);
    f->has_lut = d->tagExists(DCM_ModalityLUTSequence);
    f->float_pixels = d->tagExists(DCM_FloatPixelData) || d->tagExists(DCM_DoubleFloatPixelData);
    f->mosaic = strstr(f->image_type, "MOSAIC") != NULL;
    read_padding(d, f);
}

static void read_geometry(DcmItem *d, dm_instance *f) {
    if (numbers_of(d, DCM_ImagePositionPatient, f->position, 3)) f->has_position = 1;
    if (numbers_of(d, DCM_ImageOrientationPatient, f->orientation, 6)) f->has_orientation = 1;
    if (numbers_of(d, DCM_PixelSpacing, f->spacing, 2)) f->has_spacing = f->spacing[0] > 0 && f->spacing[1] > 0;
}

static void set_number(DcmItem *d, const DcmTagKey &key, double *out) {
    double v = number_of(d, key);
    if (!isnan(v)) *out = v;
}

static void set_index(DcmItem *d, const DcmTagKey &key, int *out) {
    int v = index_of(d, key);
    if (v >= 0) *out = v;
}

static void read_rescale(DcmItem *d, dm_instance *f) {
    const int slope = d->tagExists(DCM_RescaleSlope), intercept = d->tagExists(DCM_RescaleIntercept);
    if (!slope && !intercept) return;
    const double s = number_of(d, DCM_RescaleSlope), i = number_of(d, DCM_RescaleIntercept);
    f->rescale = (slope && isnan(s)) || (intercept && isnan(i)) ? -1 : slope && intercept;
    set_number(d, DCM_RescaleSlope, &f->slope);
    set_number(d, DCM_RescaleIntercept, &f->intercept);
    char type[20];
    dm_dicom_text(d, DCM_RescaleType, type, sizeof type);
    static const char *const fine[] = {"", "HU", "HU_MOD", "HOUNSFIELD", "US", "UNSPECIFIED"}; /* US: not specified */
    f->other_unit = 1;
    for (const char *word : fine) f->other_unit = f->other_unit && strcasecmp(type, word) != 0;
}

/* Values that stand in the object itself, or in a functional group of a frame: what is missing changes nothing. */
static void read_values(DcmItem *d, dm_instance *f) {
    read_geometry(d, f);
    read_rescale(d, f);
    set_number(d, DCM_SliceThickness, &f->slice_thickness);
    set_number(d, DCM_KVP, &f->kvp);
    set_number(d, DCM_EchoTime, &f->echo_time);
    set_number(d, DCM_EffectiveEchoTime, &f->echo_time);
    set_number(d, DCM_TriggerTime, &f->trigger_time);
    set_number(d, DCM_NominalCardiacTriggerDelayTime, &f->trigger_time);
    set_number(d, DCM_DiffusionBValue, &f->b_value);
    set_index(d, DCM_TemporalPositionIdentifier, &f->temporal);
    set_index(d, DCM_TemporalPositionIndex, &f->temporal);
    set_index(d, DCM_AcquisitionNumber, &f->acquisition_number);
    set_index(d, DCM_FrameAcquisitionNumber, &f->acquisition_number);
    char text[sizeof f->image_type];
    dm_dicom_text(d, DCM_FrameType, text, sizeof text);
    if (text[0]) memcpy(f->image_type, text, sizeof text);
    dm_dicom_text(d, DCM_FrameAcquisitionDateTime, text, sizeof text);
    double t = strlen(text) >= 14 ? days_of(text) * 86400 + seconds_of(text + 8) : NAN;
    if (!isnan(t)) f->acquired_seconds = t;
}

/* Functional groups are sequences of one item each. */
static void read_groups(DcmItem *groups, dm_instance *f) {
    static const DcmTagKey sequences[] = {DCM_PlanePositionSequence,    DCM_PlaneOrientationSequence,
                                          DCM_PixelMeasuresSequence,    DCM_PixelValueTransformationSequence,
                                          DCM_FrameContentSequence,     DCM_MREchoSequence,
                                          DCM_MRDiffusionSequence,      DCM_CTImageFrameTypeSequence,
                                          DCM_MRImageFrameTypeSequence, DCM_CTXRayDetailsSequence,
                                          DCM_TemporalPositionSequence, DCM_CardiacSynchronizationSequence};
    DcmItem *item = NULL;
    for (const DcmTagKey &key : sequences)
        if (groups->findAndGetSequenceItem(key, item, 0).good() && item) read_values(item, f);
    if (groups->findAndGetSequenceItem(DCM_CTReconstructionSequence, item, 0).good() && item)
        dm_dicom_text(item, DCM_ConvolutionKernel, f->kernel, sizeof f->kernel);
}

void dm_dicom_read_facts(DcmDataset *set, dm_instance *f) {
    f->slope = 1;
    f->slice_thickness = f->kvp = f->echo_time = f->trigger_time = f->b_value = NAN;
    f->temporal = f->acquisition_number = -1;
    read_identity(set, f);
    read_times(set, f);
    f->age_years = age_of(set, f->exam_seconds);
    read_pixel_module(set, f);
    read_values(set, f);
    /* One place for many frames is no place for each. */
    if (f->frames > 1 && !set->tagExists(DCM_PerFrameFunctionalGroupsSequence)) f->has_position = 0;
    DcmItem *shared = NULL;
    if (set->findAndGetSequenceItem(DCM_SharedFunctionalGroupsSequence, shared, 0).good() && shared) read_groups(shared, f);
}

extern "C" void dm_dicom_frame(const dm_dicom *d, int frame, dm_instance *facts) {
    *facts = d->whole; /* never what the first frame says of itself */
    try {
        DcmItem *own = NULL;
        DcmDataset *set = const_cast<dm_dicom *>(d)->file.getDataset();
        if (set->findAndGetSequenceItem(DCM_PerFrameFunctionalGroupsSequence, own, frame).good() && own) read_groups(own, facts);
    } catch (...) { /* what cannot be read is missing */
    }
}
