/* From bytes to a parsed object. */
#include "dicom_parts.hh"

#include "dicom_walk.h"

#include <stdlib.h>
#include <string.h>

#include <mutex>
#include <new>

#include <dcmtk/dcmdata/dcistrma.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/oflog/oflog.h>
#include <zlib.h>

static const char deflated[] = "1.2.840.10008.1.2.1.99", explicit_le[] = "1.2.840.10008.1.2.1", implicit_le[] = "1.2.840.10008.1.2",
                  jpeg2000[] = "1.2.840.10008.1.2.4.90";

/* What is decoded here. A syntax that DCMTK does not know it reports as Little Endian: so the list is ours. */
static const char *const accepted[] = {
    "1.2.840.10008.1.2",       "1.2.840.10008.1.2.1",    "1.2.840.10008.1.2.2",     deflated,
    "1.2.840.10008.1.2.5",     "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",  "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",  "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81",  jpeg2000,
    "1.2.840.10008.1.2.4.91",  "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203"};

extern "C" void dm_dicom_start(void) {
    static std::once_flag once;
    std::call_once(once, [] {
        OFLog::configure(OFLogger::OFF_LOG_LEVEL); /* tag values must never reach a log */
        DcmRLEEncoderRegistration::registerCodecs();
        DJDecoderRegistration::registerCodecs();
        DJEncoderRegistration::registerCodecs();
        DJLSDecoderRegistration::registerCodecs();
        DJLSEncoderRegistration::registerCodecs();
        DcmTag touch(DCM_PixelData);
        (void)touch.getTagName(); /* first use loads the dictionary: before threads */
    });
}

/* A reader starts without it (DCMDICTPATH=/dev/null): it is a text file that takes as long to load as 200 images to parse. */
dm_status dm_dicom_dictionary(void) {
    static std::once_flag once;
    static bool there;
    std::call_once(once, [] {
        const int most_that_are_built_in = 100;
        DcmDataDictionary &dictionary = dcmDataDict.wrlock();
        const int wanted = dictionary.numberOfNormalTagEntries() <= most_that_are_built_in;
        for (const char *from = DCM_DICT_DEFAULT_PATH, *end; wanted && *from; from = *end ? end + 1 : end) {
            end = from + strcspn(from, ":"); /* a list of files */
            dictionary.loadDictionary(OFString(from, (size_t)(end - from)).c_str());
        }
        there = dictionary.numberOfNormalTagEntries() > most_that_are_built_in;
        dcmDataDict.wrunlock();
    });
    if (there) return dm_ok;
    return dm_fail(DM_STUDY, "no_dictionary", "DCMTK's dictionary is missing; install DCMTK whole, or let DCMDICTPATH name dicom.dic");
}

/* ---- a stream over bytes that stay ----
 * The library's own buffer stream loads every value as it comes, and takes memory for what a length claims: 4 GB for a
 * damaged file of 500 bytes. This one can be opened again at a place, so large values are only skipped (which fails when they
 * are not there) and are read when they are asked for. */

class span_producer : public DcmProducer {
  public:
    span_producer(const unsigned char *bytes, size_t size, size_t at) : bytes_(bytes), size_(size), at_(at) {}
    OFBool good() const { return OFTrue; }
    OFCondition status() const { return EC_Normal; }
    OFBool eos() { return at_ >= size_; }
    offile_off_t avail() { return (offile_off_t)(size_ - at_); }
    offile_off_t read(void *out, offile_off_t n) {
        if (n > avail()) n = avail();
        if (n <= 0) return 0;
        memcpy(out, bytes_ + at_, (size_t)n);
        at_ += (size_t)n;
        return n;
    }
    offile_off_t skip(offile_off_t n) {
        if (n > avail()) n = avail();
        if (n > 0) at_ += (size_t)n;
        return n;
    }
    void putback(offile_off_t n) {
        if (n > 0 && (size_t)n <= at_) at_ -= (size_t)n;
    }

  private:
    const unsigned char *bytes_;
    size_t size_, at_;
};

/* Values under the tag of pixels that were passed: how many, and where the last one begins. */
struct pixel_places {
    int n;
    size_t at;
};

class span_stream : public DcmInputStream {
  public:
    span_stream(const unsigned char *bytes, size_t size, size_t at, pixel_places *seen)
        : DcmInputStream(&producer_), producer_(bytes, size, at), bytes_(bytes), size_(size), from_(at), seen_(seen) {}
    DcmInputStreamFactory *newFactory() const;
    /* What is deflated was inflated under a cap before. A header that only the library takes for one of a deflated object is refused:
     * it would inflate without a cap, and its places would not be those of the bytes. */
    OFCondition installCompressionFilter(E_StreamCompression) { return EC_CorruptedData; }

  private:
    span_producer producer_;
    const unsigned char *bytes_;
    size_t size_, from_;
    pixel_places *seen_; /* NULL = nobody wants to know */
};

class span_factory : public DcmInputStreamFactory {
  public:
    span_factory(const unsigned char *bytes, size_t size, size_t at) : bytes_(bytes), size_(size), at_(at) {}
    DcmInputStream *create() const { return new span_stream(bytes_, size_, at_, NULL); }
    DcmInputStreamFactory *clone() const { return new span_factory(*this); }
    DcmInputStreamFactoryType ident() const { return DFT_DcmInputFileStreamFactory; }

  private:
    const unsigned char *bytes_;
    size_t size_, at_;
};

DcmInputStreamFactory *span_stream::newFactory() const {
    static const unsigned char pixels[] = {0xe0, 0x7f, 0x10, 0};
    const size_t at = from_ + (size_t)tell();
    /* Tag and length, with the VR and two bytes between them where it is explicit. */
    if (seen_ && at >= 12 && at <= size_ && (!memcmp(bytes_ + at - 8, pixels, 4) || !memcmp(bytes_ + at - 12, pixels, 4)))
        *seen_ = {seen_->n + 1, at};
    return new span_factory(bytes_, size_, at);
}

/* Plain pixels in this machine's order are used where they lie; where another value bears their tag (that of an icon, in a sequence)
 * the library is asked instead. */
static void place_pixels(dm_dicom *d, const pixel_places *seen) {
    DcmElement *e = NULL;
    const DcmXfer syntax(d->file.getDataset()->getOriginalXfer());
    if (seen->n != 1 || syntax.isEncapsulated() || syntax.getByteOrder() != gLocalByteOrder) return;
    if (d->file.getDataset()->findAndGetElement(DCM_PixelData, e).bad() || !e || e->getLength() > d->size - seen->at) return;
    uint32_t length;
    memcpy(&length, d->bytes + seen->at - 4, 4); /* in this machine's order, as the pixels */
    if (length == e->getLength()) d->pixels_at = seen->at;
}

/* ---- before the library sees the bytes ---- */

static int syntax_known(const char *uid) {
    for (const char *a : accepted)
        if (!strcmp(a, uid)) return 1;
    return 0;
}

static dm_status refuse_syntax(const char *uid) {
    char safe[68];
    snprintf(safe, sizeof safe, "%.*s", (int)strspn(uid, "0123456789."), uid);
    return dm_fail(DM_STUDY, "transfer_syntax", "transfer syntax %s is not read by this version; convert the images", safe);
}

static dm_status not_dicom() {
    return dm_fail(DM_STUDY, "not_dicom", "no DICOM object");
}

static dm_status damaged(const char *what) {
    return dm_fail(DM_STUDY, "damaged_dicom", "a DICOM object %s; fetch it again", what);
}

static int has_preamble(const dm_dicom *d) {
    return d->size >= 132 && !memcmp(d->bytes + 128, "DICM", 4);
}

/* The cheapest test that keeps text files and images away from the parser: the preamble, or a first tag that
 * a dataset without preamble may start with (group 2 or 8, little or big endian). */
static int may_be_dicom(const unsigned char *b, size_t n) {
    if (n >= 132 && !memcmp(b + 128, "DICM", 4)) return 1;
    if (n < 16) return 0;
    return ((b[0] == 2 || b[0] == 8) && b[1] == 0 && b[3] == 0) || (b[0] == 0 && b[1] == 8 && b[2] == 0);
}

/* Writes another transfer syntax over the one in the meta header; the old name is at least as long. */
static void name_syntax(unsigned char *meta, size_t size, const char *from, const char *to) {
    size_t n = strlen(from);
    for (size_t i = 0; i + n <= size; i++)
        if (!memcmp(meta + i, from, n)) {
            memset(meta + i, 0, n);
            memcpy(meta + i, to, strlen(to));
            return;
        }
}

/* Inflates a deflated data set under a cap: real images shrink to a tenth, and 64 MiB cost nobody anything. The result is an
 * object in explicit little endian. */
static dm_status inflate_object(dm_dicom *d, size_t meta) {
    static const size_t always = 64u << 20, most = 1u << 30, ratio = 200;
    size_t cap = d->size > most / ratio ? most : d->size * ratio;
    if (cap < always) cap = always;
    z_stream z;
    memset(&z, 0, sizeof z);
    if (inflateInit2(&z, -15) != Z_OK) return dm_fail(DM_STUDY, "out_of_memory", "no memory to inflate a DICOM object");
    size_t room = meta + 4 * (d->size - meta) + 4096, used = meta;
    if (room > cap) room = cap + 1;
    unsigned char *out = (unsigned char *)malloc(room);
    int code = out ? Z_OK : Z_MEM_ERROR;
    if (out) memcpy(out, d->bytes, meta);
    z.next_in = d->bytes + meta;
    z.avail_in = (uInt)(d->size - meta);
    while (code == Z_OK && used <= cap) {
        if (used == room) {
            room = 2 * room > cap ? cap + 1 : 2 * room;
            unsigned char *grown = (unsigned char *)realloc(out, room);
            if (!grown) code = Z_MEM_ERROR;
            else out = grown;
            if (!grown) break;
        }
        z.next_out = out + used;
        z.avail_out = (uInt)(room - used < (1u << 30) ? room - used : (1u << 30));
        uInt given = z.avail_out;
        code = inflate(&z, Z_NO_FLUSH);
        used += given - z.avail_out;
    }
    inflateEnd(&z);
    if (code != Z_STREAM_END || used > cap) {
        free(out);
        if (code == Z_MEM_ERROR) return dm_fail(DM_STUDY, "out_of_memory", "no memory to inflate a DICOM object");
        return used > cap ? dm_fail(DM_STUDY, "archive_limit", "a deflated DICOM object expands beyond %zu MiB, as no image does",
                                    cap >> 20)
                          : damaged("is cut short or damaged (its deflated part cannot be inflated)");
    }
    free(d->bytes);
    d->bytes = out;
    d->size = used;
    name_syntax(d->bytes, meta, deflated, explicit_le);
    return dm_ok;
}

/* Keeps from the library what it would not survive (see dicom_walk.h) and turns what it does not know into what it knows. */
static dm_status prepare(dm_dicom *d) {
    char *uid = d->facts.transfer_syntax;
    if (!may_be_dicom(d->bytes, d->size)) return not_dicom();
    size_t meta = 0;
    if (!dm_dicom_syntax(d->bytes, d->size, uid, &meta)) return damaged("names two transfer syntaxes");
    if (uid[0] && !syntax_known(uid)) return refuse_syntax(uid);
    if (!uid[0] || !strcmp(uid, implicit_le)) DM_TRY(dm_dicom_dictionary());
    if (!strcmp(uid, deflated)) DM_TRY(inflate_object(d, meta));
    if (!strncmp(uid, "1.2.840.10008.1.2.4.20", 22)) name_syntax(d->bytes, meta, uid, jpeg2000);
    if (!dm_dicom_is_shallow(d->bytes, d->size, strcmp(uid, deflated) ? uid : explicit_le))
        return dm_fail(DM_STUDY, "damaged_dicom", "a DICOM object nests sequences deeper than %d levels; export it again",
                       DM_DICOM_DEEPEST);
    return dm_ok;
}

/* ---- parsing ---- */

/* A directory of a DICOM medium says what it is in the meta header alone. */
static void take_class(dm_dicom *d) {
    dm_instance *f = &d->facts;
    if (!f->sop_class[0]) dm_dicom_text(d->file.getMetaInfo(), DCM_MediaStorageSOPClassUID, f->sop_class, sizeof f->sop_class);
}

static dm_status parse(dm_dicom *d) {
    enum { LOADED_AT_ONCE = 4096 };
    DM_TRY(prepare(d));
    pixel_places seen = {0, 0};
    span_stream stream(d->bytes, d->size, 0, &seen);
    d->file.transferInit();
    OFCondition read = d->file.read(stream, EXS_Unknown, EGL_noChange, LOADED_AT_ONCE);
    d->file.transferEnd();
    DcmDataset *set = d->file.getDataset();
    int known = has_preamble(d) || set->tagExists(DCM_SOPClassUID) || set->tagExists(DCM_StudyInstanceUID);
    if (read.bad()) return known ? damaged("is cut short or damaged") : not_dicom();
    if (!d->facts.transfer_syntax[0])
        snprintf(d->facts.transfer_syntax, sizeof d->facts.transfer_syntax, "%s", DcmXfer(set->getOriginalXfer()).getXferID());
    dm_dicom_read_facts(set, &d->facts);
    take_class(d);
    if (!has_preamble(d) && !d->facts.sop_class[0] && !d->facts.study_uid[0] && !d->facts.modality[0]) return not_dicom();
    if (!syntax_known(d->facts.transfer_syntax)) return refuse_syntax(d->facts.transfer_syntax);
    DM_TRY(dm_dicom_check_length(d));
    place_pixels(d, &seen);
    d->whole = d->facts;
    dm_dicom_frame(d, 0, &d->facts);
    return dm_ok;
}

extern "C" dm_status dm_dicom_take(unsigned char *bytes, size_t size, dm_dicom **dicom) {
    *dicom = NULL;
    dm_dicom_start();
    dm_dicom *d = NULL;
    dm_status s;
    try {
        d = new dm_dicom();
        d->bytes = bytes;
        d->size = size;
        s = parse(d);
    } catch (const std::bad_alloc &) {
        s = dm_fail(DM_STUDY, "out_of_memory", "no memory for a DICOM object of %zu bytes", size);
    } catch (...) {
        s = damaged("could not be parsed");
    }
    if (!d) free(bytes);
    if (dm_good(s))
        *dicom = d;
    else
        dm_dicom_free(d);
    return s;
}

extern "C" dm_status dm_dicom_parse(const void *bytes, size_t size, dm_dicom **dicom) {
    *dicom = NULL;
    unsigned char *copy = (unsigned char *)malloc(size + 1);
    if (!copy) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a DICOM object of %zu bytes", size);
    if (size) memcpy(copy, bytes, size);
    return dm_dicom_take(copy, size, dicom);
}

extern "C" const dm_instance *dm_dicom_facts(const dm_dicom *d) {
    return &d->facts;
}

extern "C" size_t dm_dicom_bytes(const dm_dicom *d) {
    return d->size + sizeof *d;
}

extern "C" void dm_dicom_free(dm_dicom *d) {
    if (!d) return;
    unsigned char *bytes = d->bytes;
    delete d;
    free(bytes);
}
