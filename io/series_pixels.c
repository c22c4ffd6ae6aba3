/* From the pixels of one image to voxels: HU or scaled signal in 16 bits. */
#include "series_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sop_class.h"

enum { AIR = -1024 };

/* HU in whole numbers, as nearly every CT has them. */
static int is_whole(const dm_instance *f) {
    return f->slope == 1 && f->intercept == rint(f->intercept) && fabs(f->intercept) <= 30000;
}

/* 1 when every stored value and every HU made of it fits 16 bits: a vector then holds twice as many. */
static int is_narrow(const dm_instance *f, int32_t shift) {
    const int32_t low = f->is_signed ? -(1 << (f->bits_stored - 1)) : 0, high = low + (1 << f->bits_stored) - 1;
    return low + shift >= INT16_MIN && high + shift <= INT16_MAX;
}

/* The same result as in floating point, several times as fast. `masked`: no value has more bits than the header says. */
static void convert_whole(const dm_instance *f, int masked, const int32_t *pixels, size_t n, int16_t *out) {
    enum { MOST = 32000 };
    const int32_t shift = (int32_t)f->intercept;
    if (masked && is_narrow(f, shift)) {
        for (size_t k = 0; k < n; k++) {
            int16_t v = (int16_t)(pixels[k] + shift);
            v = v < AIR ? AIR : v;
            out[k] = v > MOST ? MOST : v;
        }
        return;
    }
    for (size_t k = 0; k < n; k++) {
        int32_t v = pixels[k] + shift;
        v = v < AIR ? AIR : v;
        out[k] = (int16_t)(v > MOST ? MOST : v);
    }
}

/* Returns how many there were. */
static int clear_padding(const dm_instance *f, const int32_t *pixels, size_t n, int16_t air, int16_t *out) {
    const int32_t low = f->padding, high = f->padding_limit;
    int count = 0;
    for (size_t k = 0; f->has_padding && k < n; k++) {
        int padding = (pixels[k] >= low) & (pixels[k] <= high);
        count += padding;
        out[k] = padding ? air : out[k];
    }
    return count;
}

static void convert(const dm_image *image, const dm_rescale *r, const int32_t *pixels, size_t n, int16_t *out, int *padded) {
    const dm_instance *f = &image->facts;
    if (r->ct && is_whole(f)) {
        convert_whole(f, dm_dicom_is_plain(image->dicom), pixels, n, out);
    } else {
        for (size_t k = 0; k < n; k++) {
            double v = (pixels[k] * f->slope + f->intercept) / (double)r->scale;
            out[k] = (int16_t)floor(fmin(fmax(v, r->ct ? AIR : -32000), 32000) + 0.5);
        }
    }
    *padded += clear_padding(f, pixels, n, r->ct ? AIR : 0, out);
}

/* Plain pixels are taken piece by piece: what stays in the nearest cache costs next to nothing. */
dm_status dm_image_voxels(const dm_image *image, const dm_rescale *r, const dm_store *store, int32_t *pixels, int16_t *out,
                          int *padded) {
    enum { PIECE = 8192 };
    const size_t count = (size_t)image->facts.rows * (size_t)image->facts.columns;
    if (image->settled) {
        *padded += image->padded;
        return dm_store_get(store, image->settled, out, count * sizeof *out)
                   ? dm_ok
                   : dm_fail(DM_STUDY, "out_of_memory", "an image cannot be read from memory again");
    }
    const size_t piece = dm_dicom_is_plain(image->dicom) ? PIECE : count;
    for (size_t from = 0; from < count; from += piece) {
        size_t n = count - from < piece ? count - from : piece;
        DM_TRY(n == count ? dm_dicom_pixels(image->dicom, image->frame, pixels)
                          : dm_dicom_some_pixels(image->dicom, image->frame, from, n, pixels));
        convert(image, r, pixels, n, out + from, padded);
    }
    return dm_ok;
}

dm_status dm_image_largest(const dm_image *image, int32_t *pixels, double *largest) {
    const dm_instance *f = &image->facts;
    const size_t count = (size_t)f->rows * (size_t)f->columns;
    DM_TRY(dm_dicom_pixels(image->dicom, image->frame, pixels));
    for (size_t k = 0; k < count; k++) {
        int padding = f->has_padding && pixels[k] >= f->padding && pixels[k] <= f->padding_limit;
        if (!padding) *largest = fmax(*largest, fabs(pixels[k] * f->slope + f->intercept));
    }
    return dm_ok;
}

/* ---- an image that does not wait for the others ---- */

uint64_t dm_series_settles(const dm_image *image) {
    const dm_instance *f = &image->facts;
    const char *name;
    const uint64_t bytes = (uint64_t)f->rows * (uint64_t)f->columns * sizeof(int16_t);
    if (f->frames != 1 || !f->rows || !f->columns || bytes % DM_STORE_PAGE || strcmp(f->modality, "CT") || !is_whole(f)) return 0;
    if (dm_sop_class(f->sop_class, f->modality, &name) != DM_SOP_CT || dm_series_is_localizer(f) || f->has_lut) return 0;
    return dm_good(dm_dicom_check_format(f)) && dm_dicom_is_plain(image->dicom) ? bytes : 0;
}

int dm_series_settle(dm_image *image, const dm_store *store, uint64_t at) {
    const dm_rescale hu = {1, 1};
    const size_t count = (size_t)image->facts.rows * (size_t)image->facts.columns;
    int32_t *pixels = malloc(count * sizeof *pixels);
    int16_t *out = malloc(count * sizeof *out);
    int padded = 0, good = pixels && out && dm_good(dm_image_voxels(image, &hu, store, pixels, out, &padded)) &&
                           dm_store_put(store, at, out, count * sizeof *out);
    free(pixels);
    free(out);
    if (!good) return 0;
    image->settled = at;
    image->padded = padded;
    return 1;
}
