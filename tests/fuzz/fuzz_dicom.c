/* Bytes -> one DICOM object -> the pixels of its first and last frame. */
#include <stdint.h>
#include <stdlib.h>

#include "dicom.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    enum { MOST = 1 << 22 }; /* pixels: what a slice has at most, so that a claim of 65535 x 65535 costs no time */
    dm_dicom *d = NULL;
    if (!dm_good(dm_dicom_parse(bytes, size, &d))) return 0;
    const dm_instance *f = dm_dicom_facts(d);
    if (f->rows > 0 && f->columns > 0 && (int64_t)f->rows * f->columns <= MOST) {
        int32_t *pixels = malloc((size_t)f->rows * (size_t)f->columns * sizeof *pixels);
        if (pixels) {
            (void)dm_dicom_pixels(d, 0, pixels);
            (void)dm_dicom_pixels(d, f->frames - 1, pixels);
        }
        free(pixels);
    }
    dm_dicom_free(d);
    return 0;
}
