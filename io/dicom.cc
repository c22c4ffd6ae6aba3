#include "dicom.h"

#include "dicom_walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mutex>
#include <new>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcrledrg.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/dcmjpls/djrparam.h>
#include <dcmtk/oflog/oflog.h>

struct dm_dicom {
    DcmFileFormat file;
    dm_instance facts;
};

/* What DCMTK decodes here. A syntax that it does not know it reports as Little Endian: so the list is ours.
 */
static const char *const accepted[] = {
    "1.2.840.10008.1.2",      "1.2.840.10008.1.2.1",    "1.2.840.10008.1.2.2",    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"};

extern "C" void dm_dicom_start(void) {
    static std::once_flag once;
    std::call_once(once, [] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL); /* tag values must never reach a log */
        DcmRLEDecoderRegistration::registerCodecs();
        DcmRLEEncoderRegistration::registerCodecs();
        DJDecoderRegistration::registerCodecs();
        DJEncoderRegistration::registerCodecs();
        DJLSDecoderRegistration::registerCodecs();
        DJLSEncoderRegistration::registerCodecs();
        DcmTag touch(DCM_PixelData);
        (void)touch.getTagName(); /* first use loads the dictionary: before threads */
    });
}

/* Text of an element that is text and no longer than a header value can be: the library makes hexadecimal
 * digits of everything else, gigabytes of them when a damaged length says so. */
static int short_text(DcmItem *d, const DcmTagKey &key, OFString &value) {
    DcmElement *e = NULL;
    if (d->findAndGetElement(key, e).bad() || !e || e->getLength() > 10240) return 0;
    return DcmVR(e->ident()).isaString() && e->getOFStringArray(value).good();
}

static void text_of(DcmItem *d, const DcmTagKey &key, char *out, size_t size) {
    OFString value;
    out[0] = 0;
    if (short_text(d, key, value)) {
        size_t n = value.length() < size - 1 ? value.length() : size - 1;
        memcpy(out, value.c_str(), n);
        out[n] = 0;
        while (n > 0 && (out[n - 1] == ' ' || out[n - 1] == 0)) out[--n] = 0;
    }
}

static double number_of(DcmItem *d, const DcmTagKey &key, unsigned long at = 0) {
    Float64 value;
    if (d->findAndGetFloat64(key, value, at).good() && isfinite(value)) return value;
    OFString text; /* whole numbers (IS) are text to the library */
    if (at == 0 && short_text(d, key, text)) {
        char *end = NULL;
        double v = strtod(text.c_str(), &end);
        if (end != text.c_str() && isfinite(v)) return v;
    }
    return NAN;
}

static int count_of(DcmItem *d, const DcmTagKey &key, int preset) {
    Uint16 value;
    return d->findAndGetUint16(key, value).good() ? value : preset;
}

static int numbers_of(DcmItem *d, const DcmTagKey &key, double *out, unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        out[i] = number_of(d, key, i);
        if (isnan(out[i])) return 0;
    }
    return 1;
}

/* Seconds of the day of a DICOM time "HHMMSS.FFFFFF". */
static double seconds_of(DcmItem *d, const DcmTagKey &key) {
    char t[32];
    text_of(d, key, t, sizeof t);
    if (strlen(t) < 6) return NAN;
    for (int i = 0; i < 6; i++)
        if (t[i] < '0' || t[i] > '9') return NAN;
    return ((t[0] - '0') * 10 + t[1] - '0') * 3600 + ((t[2] - '0') * 10 + t[3] - '0') * 60 +
           strtod(t + 4, NULL);
}

static void append_text(DcmItem *d, const DcmTagKey &key, char *out, size_t size) {
    char one[130];
    text_of(d, key, one, sizeof one);
    size_t used = strlen(out);
    if (one[0] && used + strlen(one) + 2 < size) {
        if (used) out[used++] = ' ';
        memcpy(out + used, one, strlen(one) + 1);
    }
}

static void read_identity(DcmItem *d, dm_instance *f) {
    text_of(d, DCM_StudyInstanceUID, f->study_uid, sizeof f->study_uid);
    text_of(d, DCM_SeriesInstanceUID, f->series_uid, sizeof f->series_uid);
    text_of(d, DCM_FrameOfReferenceUID, f->frame_uid, sizeof f->frame_uid);
    text_of(d, DCM_SOPInstanceUID, f->sop_uid, sizeof f->sop_uid);
    text_of(d, DCM_SOPClassUID, f->sop_class, sizeof f->sop_class);
    text_of(d, DCM_Modality, f->modality, sizeof f->modality);
    text_of(d, DCM_ImageType, f->image_type, sizeof f->image_type);
    text_of(d, DCM_ConvolutionKernel, f->kernel, sizeof f->kernel);
    text_of(d, DCM_PatientPosition, f->patient_position, sizeof f->patient_position);
    text_of(d, DCM_PatientID, f->patient_id, sizeof f->patient_id);
    text_of(d, DCM_PatientName, f->patient_name, sizeof f->patient_name);
    append_text(d, DCM_SeriesDescription, f->description, sizeof f->description);
    append_text(d, DCM_ProtocolName, f->description, sizeof f->description);
    append_text(d, DCM_StudyDescription, f->description, sizeof f->description);
}

static void read_padding(DcmItem *d, dm_instance *f) {
    Uint16 u;
    Sint16 s;
    if (d->findAndGetSint16(DCM_PixelPaddingValue, s).good())
        f->has_padding = 1, f->padding = f->is_signed ? s : (int)(Uint16)s;
    else if (d->findAndGetUint16(DCM_PixelPaddingValue, u).good())
        f->has_padding = 1, f->padding = f->is_signed ? (int)(Sint16)u : u;
}

static void read_pixel_module(DcmItem *d, dm_instance *f) {
    char text[32];
    f->rows = count_of(d, DCM_Rows, 0);
    f->columns = count_of(d, DCM_Columns, 0);
    f->samples = count_of(d, DCM_SamplesPerPixel, 1);
    f->bits_allocated = count_of(d, DCM_BitsAllocated, 0);
    f->bits_stored = count_of(d, DCM_BitsStored, f->bits_allocated);
    f->high_bit = count_of(d, DCM_HighBit, f->bits_stored - 1);
    f->is_signed = count_of(d, DCM_PixelRepresentation, 0) == 1;
    double frames = number_of(d, DCM_NumberOfFrames);
    f->frames = isnan(frames) || frames < 1 ? 1 : (int)frames;
    text_of(d, DCM_PhotometricInterpretation, text, sizeof text);
    f->monochrome1 = !strcmp(text, "MONOCHROME1");
    text_of(d, DCM_LossyImageCompression, text, sizeof text);
    f->lossy = !strcmp(text, "01");
    read_padding(d, f);
}

static void read_geometry(DcmItem *d, dm_instance *f) {
    f->has_position = numbers_of(d, DCM_ImagePositionPatient, f->position, 3);
    f->has_orientation = numbers_of(d, DCM_ImageOrientationPatient, f->orientation, 6);
    f->has_spacing = numbers_of(d, DCM_PixelSpacing, f->spacing, 2) && f->spacing[0] > 0 && f->spacing[1] > 0;
    f->slope = number_of(d, DCM_RescaleSlope);
    f->intercept = number_of(d, DCM_RescaleIntercept);
    if (isnan(f->slope) || f->slope == 0) f->slope = 1;
    if (isnan(f->intercept)) f->intercept = 0;
    f->slice_thickness = number_of(d, DCM_SliceThickness);
    f->kvp = number_of(d, DCM_KVP);
    f->echo_time = number_of(d, DCM_EchoTime);
    f->acquisition_seconds = seconds_of(d, DCM_AcquisitionTime);
}

static int syntax_known(const char *uid) {
    for (const char *a : accepted)
        if (!strcmp(a, uid)) return 1;
    return 0;
}

static dm_status refuse_syntax(const char *uid) {
    char safe[68];
    snprintf(safe, sizeof safe, "%.*s", (int)strspn(uid, "0123456789."), uid);
    return dm_fail(DM_STUDY, "transfer_syntax",
                   "transfer syntax %s is not read by this version; convert the images", safe);
}

static dm_status take_syntax(dm_dicom *d) {
    dm_instance *f = &d->facts;
    text_of(d->file.getMetaInfo(), DCM_TransferSyntaxUID, f->transfer_syntax, sizeof f->transfer_syntax);
    if (!f->transfer_syntax[0])
        snprintf(f->transfer_syntax, sizeof f->transfer_syntax, "%s",
                 DcmXfer(d->file.getDataset()->getOriginalXfer()).getXferID());
    return syntax_known(f->transfer_syntax) ? dm_ok : refuse_syntax(f->transfer_syntax);
}

static dm_status not_dicom() {
    return dm_fail(DM_STUDY, "not_dicom", "no DICOM object");
}

static dm_status parse(const void *bytes, size_t size, dm_dicom *d) {
    DcmInputBufferStream stream;
    stream.setBuffer(bytes, (offile_off_t)size);
    stream.setEos();
    d->file.transferInit();
    OFCondition read = d->file.read(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
    d->file.transferEnd();
    DcmItem *set = d->file.getDataset();
    if (read.bad()) {
        if (!set->tagExists(DCM_SOPClassUID) && !set->tagExists(DCM_StudyInstanceUID)) return not_dicom();
        return dm_fail(DM_STUDY, "damaged_dicom", "a DICOM object is cut short or damaged; fetch it again");
    }
    read_identity(set, &d->facts);
    if (!d->facts.sop_class[0] && !d->facts.study_uid[0]) return not_dicom();
    DM_TRY(take_syntax(d));
    read_pixel_module(set, &d->facts);
    read_geometry(set, &d->facts);
    return dm_ok;
}

/* The cheapest test that keeps text files and images away from the parser: the preamble, or a first tag that
 * a dataset without preamble may start with (group 2 or 8, little or big endian). */
static int may_be_dicom(const unsigned char *b, size_t n) {
    if (n >= 132 && !memcmp(b + 128, "DICM", 4)) return 1;
    if (n < 16) return 0;
    return ((b[0] == 2 || b[0] == 8) && b[1] == 0 && b[3] == 0) || (b[0] == 0 && b[1] == 8 && b[2] == 0);
}

/* Keeps from the library what it would not survive: see dicom_walk.h. */
static dm_status safe_to_parse(const unsigned char *b, size_t n) {
    char uid[68];
    if (!may_be_dicom(b, n)) return not_dicom();
    if (!dm_dicom_syntax(b, n, uid))
        return dm_fail(DM_STUDY, "damaged_dicom",
                       "a DICOM object names two transfer syntaxes; export it again");
    if (uid[0] && !syntax_known(uid)) return refuse_syntax(uid);
    if (!dm_dicom_is_shallow(b, n, uid))
        return dm_fail(DM_STUDY, "damaged_dicom",
                       "a DICOM object nests sequences deeper than %d levels; export it again",
                       DM_DICOM_DEEPEST);
    return dm_ok;
}

extern "C" dm_status dm_dicom_parse(const void *bytes, size_t size, dm_dicom **dicom) {
    *dicom = NULL;
    dm_dicom_start();
    DM_TRY(safe_to_parse((const unsigned char *)bytes, size));
    dm_dicom *d = NULL;
    try {
        d = new dm_dicom();
        memset(&d->facts, 0, sizeof d->facts);
        dm_status s = parse(bytes, size, d);
        if (!dm_good(s)) {
            delete d;
            return s;
        }
    } catch (...) {
        delete d;
        return dm_fail(DM_STUDY, "damaged_dicom", "a DICOM object could not be parsed");
    }
    *dicom = d;
    return dm_ok;
}

extern "C" const dm_instance *dm_dicom_facts(const dm_dicom *d) {
    return &d->facts;
}

static dm_status length_of_pixels(const dm_dicom *d, size_t *bytes) {
    const dm_instance *f = &d->facts;
    if (f->rows < 1 || f->columns < 1 || f->samples != 1 ||
        (f->bits_allocated != 8 && f->bits_allocated != 16) || f->bits_stored < 1 ||
        f->bits_stored > f->bits_allocated || f->high_bit >= f->bits_allocated ||
        f->high_bit + 1 < f->bits_stored)
        return dm_fail(DM_STUDY, "pixel_format", "pixels of %d x %d, %d samples, %d of %d bits are not read",
                       f->columns, f->rows, f->samples, f->bits_stored, f->bits_allocated);
    *bytes = (size_t)f->rows * (size_t)f->columns * (size_t)(f->bits_allocated / 8);
    return dm_ok;
}

static void unpack(const dm_instance *f, const unsigned char *raw, int32_t *out) {
    size_t n = (size_t)f->rows * (size_t)f->columns;
    int shift = f->high_bit + 1 - f->bits_stored;
    uint32_t mask = f->bits_stored == 32 ? 0xffffffffu : (1u << f->bits_stored) - 1,
             sign = 1u << (f->bits_stored - 1);
    for (size_t i = 0; i < n; i++) {
        uint16_t word;
        if (f->bits_allocated == 8)
            word = raw[i];
        else
            memcpy(&word, raw + 2 * i, 2);
        uint32_t v = ((uint32_t)word >> shift) & mask;
        out[i] = f->is_signed && (v & sign) ? (int32_t)v - (int32_t)(mask + 1u) : (int32_t)v;
    }
}

extern "C" dm_status dm_dicom_pixels(const dm_dicom *dicom, int32_t *out) {
    size_t bytes = 0;
    DM_TRY(length_of_pixels(dicom, &bytes));
    unsigned char *raw = NULL;
    dm_status status =
        dm_fail(DM_STUDY, "damaged_dicom", "the pixel data of an image is missing, cut short or damaged");
    try {
        DcmDataset *set = const_cast<dm_dicom *>(dicom)->file.getDataset();
        DcmElement *pixel = NULL;
        Uint32 fragment = 0;
        OFString colour;
        size_t even = bytes + (bytes & 1);
        raw = (unsigned char *)calloc(1, even);
        if (!raw) return dm_fail(DM_STUDY, "out_of_memory", "no memory for an image of %zu bytes", bytes);
        if (set->findAndGetElement(DCM_PixelData, pixel).good() && pixel &&
            (DcmXfer(set->getOriginalXfer()).isEncapsulated() || pixel->getLength() >= bytes) &&
            pixel->getUncompressedFrame(set, 0, fragment, raw, (Uint32)even, colour).good()) {
            unpack(&dicom->facts, raw, out);
            status = dm_ok;
        }
    } catch (...) {
    }
    free(raw);
    return status;
}

extern "C" void dm_dicom_free(dm_dicom *d) {
    delete d;
}

/* ---- writing ---- */

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
