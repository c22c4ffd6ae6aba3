/* Stored values of a frame, whatever the transfer syntax. */
#include "dicom_parts.hh"

#include "jpeg2000.h"
#include "jpegls.h"
#include "rle.h"

#include <stdlib.h>
#include <string.h>

#include <new>
#include <vector>

#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

enum { LARGEST_EDGE = 16384 }; /* four times the largest matrix of any CT or MR: a larger claim is damage or an attack */

static dm_status damaged() {
    return dm_fail(DM_STUDY, "damaged_dicom", "the pixel data of an image is missing, cut short or damaged");
}

static dm_status bytes_of_frame(const dm_instance *f, size_t *bytes) {
    if (f->rows < 1 || f->columns < 1 || f->rows > LARGEST_EDGE || f->columns > LARGEST_EDGE || f->samples != 1 ||
        (f->bits_allocated != 8 && f->bits_allocated != 16) || f->bits_stored < 1 || f->bits_stored > f->bits_allocated ||
        f->high_bit >= f->bits_allocated || f->high_bit + 1 < f->bits_stored)
        return dm_fail(DM_STUDY, "pixel_format", "pixels of %d x %d, %d samples, %d of %d bits are not read", f->columns,
                       f->rows, f->samples, f->bits_stored, f->bits_allocated);
    if (!f->monochrome) return dm_fail(DM_STUDY, "pixel_format", "colours and palettes are not read");
    *bytes = (size_t)f->rows * (size_t)f->columns * (size_t)(f->bits_allocated / 8);
    return dm_ok;
}

extern "C" dm_status dm_dicom_check_format(const dm_instance *f) {
    size_t ignored;
    return bytes_of_frame(f, &ignored);
}

static int is_encapsulated(const dm_dicom *d) {
    return DcmXfer(const_cast<dm_dicom *>(d)->file.getDataset()->getOriginalXfer()).isEncapsulated();
}

static DcmElement *pixel_element(const dm_dicom *d) {
    DcmElement *e = NULL;
    const_cast<dm_dicom *>(d)->file.getDataset()->findAndGetElement(DCM_PixelData, e);
    return e;
}

dm_status dm_dicom_check_length(const dm_dicom *d) {
    size_t bytes = 0;
    DcmElement *e = pixel_element(d);
    /* Other formats are refused by name when their pixels are asked for. */
    if (!e || is_encapsulated(d) || !dm_good(bytes_of_frame(&d->facts, &bytes))) return dm_ok;
    if ((uint64_t)bytes * (uint64_t)d->facts.frames <= e->getLength()) return dm_ok;
    return dm_fail(DM_STUDY, "damaged_dicom", "an image holds fewer pixels than its header says; fetch it again");
}

/* n stored values from n words or bytes. */
static void unpack(const dm_instance *f, const unsigned char *raw, size_t n, int32_t *out) {
    const int shift = f->high_bit + 1 - f->bits_stored;
    const uint32_t mask = (1u << f->bits_stored) - 1, sign = f->is_signed ? 1u << (f->bits_stored - 1) : 0;
    if (f->bits_allocated == 8) {
        for (size_t i = 0; i < n; i++) out[i] = (int32_t)((((uint32_t)raw[i] >> shift) & mask) ^ sign) - (int32_t)sign;
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint16_t word;
        memcpy(&word, raw + 2 * i, 2);
        out[i] = (int32_t)((((uint32_t)word >> shift) & mask) ^ sign) - (int32_t)sign;
    }
}

/* ---- raw ---- */

/* A part of a frame. The pixels' length was looked at when the object was parsed. */
static dm_status plain_part(dm_dicom *d, int frame, size_t bytes, size_t from, size_t count, int32_t *out) {
    const size_t piece = 8192;
    const dm_instance *f = &d->facts;
    unsigned char raw[2 * piece];
    const size_t width = (size_t)f->bits_allocated / 8;
    DcmElement *pixel = pixel_element(d);
    if (!pixel || pixel->getLength() < (uint64_t)bytes * (uint64_t)f->frames) return damaged();
    if (d->pixels_at) {
        unpack(f, d->bytes + d->pixels_at + bytes * (size_t)frame + from * width, count, out);
        return dm_ok;
    }
    for (size_t done = 0; done < count;) {
        size_t n = count - done < piece ? count - done : piece;
        uint64_t at = (uint64_t)bytes * (uint64_t)frame + (from + done) * width;
        if (pixel->getPartialValue(raw, (Uint32)at, (Uint32)(n * width)).bad()) return damaged();
        unpack(f, raw, n, out + done);
        done += n;
    }
    return dm_ok;
}

/* ---- the fragments of a frame, joined ---- */

static int item_bytes(DcmPixelSequence *sequence, unsigned long i, const Uint8 **bytes, size_t *n) {
    DcmPixelItem *item = NULL;
    Uint8 *data = NULL;
    if (sequence->getItem(item, i).bad() || !item) return 0;
    *n = item->getLength();
    if (*n && (item->getUint8Array(data).bad() || !data)) return 0;
    *bytes = data;
    return 1;
}

/* Fragments of one frame, [first, end): item 0 is the table of offsets. One fragment a frame is the rule; where there are more,
 * the table must say where each begins. */
static int fragments_of(DcmPixelSequence *sequence, int frames, int frame, unsigned long *first, unsigned long *end) {
    unsigned long items = sequence->card();
    *first = 1;
    *end = items;
    if (frames == 1) return items > 1;
    if (items == (unsigned long)frames + 1) {
        *first = (unsigned long)frame + 1;
        *end = *first + 1;
        return 1;
    }
    const Uint8 *table = NULL;
    size_t n = 0, at = 0;
    if (!item_bytes(sequence, 0, &table, &n) || n / 4 < (size_t)frames) return 0;
    uint32_t from, to = UINT32_MAX;
    memcpy(&from, table + 4 * (size_t)frame, 4);
    if (frame + 1 < frames) memcpy(&to, table + 4 * ((size_t)frame + 1), 4);
    *first = *end = 0;
    for (unsigned long i = 1; i < items; i++) {
        const Uint8 *ignored = NULL;
        if (at == from) *first = i;
        if (!item_bytes(sequence, i, &ignored, &n)) return 0;
        at += n + 8;
        if (at <= to) *end = i + 1;
    }
    return *first > 0 && *end > *first;
}

/* NULL where the pixels are not encapsulated. */
static DcmPixelSequence *sequence_of(dm_dicom *d) {
    DcmPixelData *pixel = dynamic_cast<DcmPixelData *>(pixel_element(d));
    DcmPixelSequence *sequence = NULL;
    E_TransferSyntax syntax = EXS_Unknown;
    const DcmRepresentationParameter *parameter = NULL;
    if (!pixel) return NULL;
    pixel->getOriginalRepresentationKey(syntax, parameter);
    return pixel->getEncapsulatedRepresentation(syntax, parameter, sequence).good() ? sequence : NULL;
}

static int join_fragments(dm_dicom *d, int frame, std::vector<Uint8> &out) {
    DcmPixelSequence *sequence = sequence_of(d);
    unsigned long first, end;
    if (!sequence || !fragments_of(sequence, d->facts.frames, frame, &first, &end)) return 0;
    for (unsigned long i = first; i < end; i++) {
        const Uint8 *bytes = NULL;
        size_t n = 0;
        if (!item_bytes(sequence, i, &bytes, &n)) return 0;
        out.insert(out.end(), bytes, bytes + n);
    }
    return !out.empty();
}

/* ---- JPEG, JPEG-LS: by DCMTK ---- */

/* DCMTK 3.6.7 walks the segments before the frame header (scanJpegDataForBitDepth) and never gets past a TEM marker, FF 01, which no
 * image holds: 1 where it would walk for ever. Its other ways all go forwards or end. */
static int walks_for_ever(const Uint8 *b, size_t n) {
    for (size_t at = 0; at + 4 < n;) {
        unsigned marker = b[at] << 8 | b[at + 1];
        if (marker == 0xff01) return 1;
        int table = marker == 0xffc4 || marker == 0xffc8 || marker == 0xffcc, frame = marker >= 0xffc0 && marker <= 0xffcf && !table;
        if (marker <= 0xff00 || frame) return 0;
        int bare = marker < 0xffc0 || (marker >= 0xffd0 && marker <= 0xffd9);
        at += bare ? 2u : 2u + (b[at + 2] << 8 | b[at + 3]);
    }
    return 0;
}

/* The same of the fragment in which DCMTK begins with a frame: `fragment` where it is not 0, else the frame's first. */
static int is_endless(dm_dicom *d, int frame, Uint32 fragment) {
    DcmPixelSequence *sequence = sequence_of(d);
    unsigned long first = fragment, end;
    const Uint8 *data = NULL;
    size_t n = 0;
    if (!sequence) return 0;
    if (!fragment && !fragments_of(sequence, d->facts.frames, frame, &first, &end)) first = 1; /* without a table DCMTK begins there */
    return item_bytes(sequence, first, &data, &n) && walks_for_ever(data, n);
}

static dm_status library_frame(dm_dicom *d, int frame, size_t bytes, int32_t *out) {
    DcmElement *pixel = pixel_element(d);
    Uint32 fragment = frame == d->next_frame ? d->next_fragment : 0;
    OFString colour;
    size_t even = bytes + (bytes & 1);
    std::vector<unsigned char> raw(even); /* cleared: decoders may stop early */
    if (is_endless(d, frame, fragment)) return damaged();
    if (!pixel || pixel->getUncompressedFrame(d->file.getDataset(), (Uint32)frame, fragment, raw.data(), (Uint32)even, colour).bad())
        return damaged();
    d->next_frame = frame + 1;
    d->next_fragment = fragment;
    unpack(&d->facts, raw.data(), bytes / (size_t)(d->facts.bits_allocated / 8), out);
    return dm_ok;
}

/* ---- RLE and JPEG 2000: by decoders of our own choice ---- */

/* Where header and codestream differ in the sign, a signed codestream is right; an unsigned one under a signed header holds
 * two's complement (pydicom's J2K_pixelrep_mismatch.dcm: padding of -2000 stored as 63536). */
static void settle_sign(const dm_instance *f, int precision, int is_signed, int32_t *out) {
    if (is_signed || !f->is_signed) return;
    int32_t half = (int32_t)1 << (precision - 1);
    size_t n = (size_t)f->rows * (size_t)f->columns;
    for (size_t i = 0; i < n; i++)
        if (out[i] >= half) out[i] -= 2 * half;
}

static dm_status jpeg2000_frame(dm_dicom *d, int frame, int32_t *out) {
    std::vector<Uint8> bytes;
    int precision = 0, is_signed = 0;
    if (!join_fragments(d, frame, bytes) || !dm_jpeg2000_decode(bytes.data(), bytes.size(), d->facts.rows, d->facts.columns,
                                                                out, &precision, &is_signed))
        return damaged();
    settle_sign(&d->facts, precision, is_signed, out);
    return dm_ok;
}

static dm_status rle_frame(dm_dicom *d, int frame, size_t bytes, int32_t *out) {
    std::vector<Uint8> packed, raw(bytes);
    const dm_instance *f = &d->facts;
    if (!join_fragments(d, frame, packed) ||
        !dm_rle_decode(packed.data(), packed.size(), (size_t)f->rows * (size_t)f->columns, f->bits_allocated / 8, raw.data()))
        return damaged();
    unpack(f, raw.data(), (size_t)f->rows * (size_t)f->columns, out);
    return dm_ok;
}

/* ---- JPEG-LS: by DCMTK, from a codestream that leaves it nothing to guess ---- */

/* One frame as an object of its own. */
static int decode_alone(dm_dicom *d, E_TransferSyntax syntax, const std::vector<Uint8> &stream, std::vector<Uint8> &raw) {
    static const DcmTagKey keys[] = {DCM_Rows,       DCM_Columns,  DCM_SamplesPerPixel, DCM_PhotometricInterpretation, DCM_BitsAllocated,
                                     DCM_BitsStored, DCM_HighBit,  DCM_PixelRepresentation};
    DcmDataset set;
    for (const DcmTagKey &key : keys) {
        DcmElement *e = NULL;
        if (d->file.getDataset()->findAndGetElement(key, e, OFFalse, OFTrue /* a copy */).good() && e && set.insert(e).bad()) delete e;
    }
    DcmPixelSequence *sequence = new DcmPixelSequence(DcmTag(DCM_PixelData, EVR_OB));
    DcmPixelItem *table = new DcmPixelItem(DcmTag(DCM_Item, EVR_OB)), *item = new DcmPixelItem(DcmTag(DCM_Item, EVR_OB));
    int good = item->putUint8Array(stream.data(), (unsigned long)stream.size()).good();
    good = sequence->insert(table).good() && sequence->insert(item).good() && good;
    DcmPixelData pixel(DcmTag(DCM_PixelData, EVR_OB));
    pixel.putOriginalRepresentation(syntax, NULL, sequence); /* owns it now */
    Uint32 fragment = 0;
    OFString colour;
    return good && pixel.getUncompressedFrame(&set, 0, fragment, raw.data(), (Uint32)raw.size(), colour).good();
}

/* 0 = not needed: the codestream is for the library as it is. */
static int few_bits_frame(dm_dicom *d, int frame, size_t bytes, int32_t *out, dm_status *status) {
    const E_TransferSyntax syntax = d->file.getDataset()->getOriginalXfer();
    std::vector<Uint8> stream, raw(bytes + (bytes & 1));
    if ((syntax != EXS_JPEGLSLossless && syntax != EXS_JPEGLSLossy) || d->facts.bits_allocated != 8 || !join_fragments(d, frame, stream))
        return 0;
    std::vector<Uint8> whole(stream.size() + DM_JPEGLS_MORE + 1);
    size_t n = dm_jpegls_spell_out(stream.data(), stream.size(), whole.data());
    if (!n) return 0;
    whole.resize(n + (n & 1)); /* of even length; a zero behind the end is padding */
    *status = decode_alone(d, syntax, whole, raw) ? dm_ok : damaged();
    if (dm_good(*status)) unpack(&d->facts, raw.data(), bytes, out);
    return 1;
}

static dm_status packed_frame(dm_dicom *d, int frame, size_t bytes, int32_t *out) {
    static const char *const jpeg2000[] = {"1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.201",
                                           "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"};
    const char *syntax = d->facts.transfer_syntax;
    if (!strcmp(syntax, "1.2.840.10008.1.2.5")) return rle_frame(d, frame, bytes, out);
    for (const char *j : jpeg2000)
        if (!strcmp(syntax, j)) return jpeg2000_frame(d, frame, out);
    dm_status status;
    if (few_bits_frame(d, frame, bytes, out, &status)) return status;
    return library_frame(d, frame, bytes, out);
}

/* Reading moves the cursor and loads values: one object serves one thread, and is constant only to those who call. */
static dm_status read_pixels(const dm_dicom *dicom, int frame, size_t from, size_t count, int32_t *out) {
    size_t bytes = 0;
    dm_dicom *d = const_cast<dm_dicom *>(dicom);
    if (frame < 0 || frame >= d->facts.frames) return damaged();
    DM_TRY(bytes_of_frame(&d->facts, &bytes));
    size_t pixels = bytes / (size_t)(d->facts.bits_allocated / 8);
    if (from > pixels || count > pixels - from) return damaged();
    try {
        if (!is_encapsulated(d)) return plain_part(d, frame, bytes, from, count, out);
        return count == pixels ? packed_frame(d, frame, bytes, out) : damaged();
    } catch (const std::bad_alloc &) {
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for an image of %zu bytes", bytes);
    } catch (...) {
        return damaged();
    }
}

extern "C" dm_status dm_dicom_pixels(const dm_dicom *d, int frame, int32_t *out) {
    return read_pixels(d, frame, 0, (size_t)d->facts.rows * (size_t)d->facts.columns, out);
}

extern "C" int dm_dicom_is_plain(const dm_dicom *d) {
    return !is_encapsulated(d);
}

extern "C" dm_status dm_dicom_some_pixels(const dm_dicom *d, int frame, size_t from, size_t count, int32_t *out) {
    return read_pixels(d, frame, from, count, out);
}
