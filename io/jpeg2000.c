#include "jpeg2000.h"

#include <assert.h>
#include <openjpeg.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* OpenJPEG 2.5.0, as Debian 12 builds it, asserts of a damaged HTJ2K code block what later versions refuse (ht_dec.c, mel_init:
 * a byte above 0x8F behind 0xFF), and so would end the whole reader for one bad slice. The byte's place is known only once the packets
 * are parsed, thus nothing before the decoder can look at it. So the C library's reporter of failed assertions is ours, in the
 * executable, which comes before the C library's: within a decode, and in its thread, a failed assertion means "damaged" and
 * nothing else; anywhere else it says what it always said and aborts. What the decoder held of that one block is lost. */
static _Thread_local jmp_buf *decoding;

/* NOLINTNEXTLINE(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp,readability-inconsistent-declaration-parameter-name) */
void __assert_fail(const char *assertion, const char *file, unsigned line, const char *function) {
    if (decoding) longjmp(*decoding, 1);
    (void)fprintf(stderr, "%s:%u: %s: Assertion `%s' failed.\n", file, line, function, assertion);
    abort();
}

typedef struct span {
    const unsigned char *bytes;
    size_t size, at;
} span;

static OPJ_SIZE_T take(void *out, OPJ_SIZE_T n, void *user) {
    span *s = user;
    if (s->at >= s->size) return (OPJ_SIZE_T)-1; /* the end, in this library's words */
    if (n > s->size - s->at) n = s->size - s->at;
    memcpy(out, s->bytes + s->at, n);
    s->at += n;
    return n;
}

static OPJ_OFF_T skip(OPJ_OFF_T n, void *user) {
    span *s = user;
    if (n < 0) return -1;
    if ((size_t)n > s->size - s->at) n = (OPJ_OFF_T)(s->size - s->at);
    s->at += (size_t)n;
    return n;
}

static OPJ_BOOL seek(OPJ_OFF_T at, void *user) {
    span *s = user;
    if (at < 0 || (size_t)at > s->size) return OPJ_FALSE;
    s->at = (size_t)at;
    return OPJ_TRUE;
}

static void silent(const char *text, void *user) {
    (void)text, (void)user;
}

static opj_codec_t *make_codec(const unsigned char *bytes, size_t size) {
    static const unsigned char jp2[8] = {0, 0, 0, 12, 'j', 'P', ' ', ' '};
    opj_dparameters_t parameters;
    opj_codec_t *codec = opj_create_decompress(size >= 8 && !memcmp(bytes, jp2, 8) ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    if (!codec) return NULL;
    opj_set_default_decoder_parameters(&parameters);
    opj_set_info_handler(codec, silent, NULL);
    opj_set_warning_handler(codec, silent, NULL);
    opj_set_error_handler(codec, silent, NULL);
    if (opj_setup_decoder(codec, &parameters)) return codec;
    opj_destroy_codec(codec);
    return NULL;
}

/* Before anything is decoded: a picture of another size may claim gigabytes. */
static int fits(const opj_image_t *image, int rows, int columns) {
    return image->numcomps == 1 && image->x1 - image->x0 == (OPJ_UINT32)columns && image->y1 - image->y0 == (OPJ_UINT32)rows &&
           image->comps[0].dx == 1 && image->comps[0].dy == 1 && image->comps[0].prec <= 16;
}

static int decode(opj_stream_t *stream, opj_codec_t *codec, int rows, int columns, int32_t *out, int *precision,
                  int *is_signed) {
    opj_image_t *image = NULL;
    int good = opj_read_header(stream, codec, &image) && image && fits(image, rows, columns);
    /* The strict mode of the library: a codestream that ends too early fails. */
    good = good && opj_decode(codec, stream, image) && image->comps[0].data && image->comps[0].w == (OPJ_UINT32)columns &&
           image->comps[0].h == (OPJ_UINT32)rows;
    if (good) {
        memcpy(out, image->comps[0].data, (size_t)rows * (size_t)columns * sizeof *out);
        *precision = (int)image->comps[0].prec;
        *is_signed = image->comps[0].sgnd != 0;
    }
    if (image) opj_image_destroy(image);
    return good;
}

int dm_jpeg2000_decode(const void *bytes, size_t size, int rows, int columns, int32_t *out, int *precision, int *is_signed) {
    span s = {bytes, size, 0};
    opj_codec_t *codec = make_codec(bytes, size);
    opj_stream_t *stream = codec ? opj_stream_create(size < 1 << 16 ? 1 << 16 : 1 << 20, OPJ_TRUE) : NULL;
    volatile int good = 0; /* volatile: read after a longjmp */
    if (stream) {
        opj_stream_set_user_data(stream, &s, NULL);
        opj_stream_set_user_data_length(stream, size);
        opj_stream_set_read_function(stream, take);
        opj_stream_set_skip_function(stream, skip);
        opj_stream_set_seek_function(stream, seek);
        opj_decoder_set_strict_mode(codec, OPJ_TRUE);
        jmp_buf damaged;
        decoding = &damaged;
        if (setjmp(damaged) == 0) good = decode(stream, codec, rows, columns, out, precision, is_signed); /* NOLINT(cert-err52-cpp) */
        decoding = NULL;
    }
    if (stream) opj_stream_destroy(stream);
    if (codec) opj_destroy_codec(codec);
    return good;
}
