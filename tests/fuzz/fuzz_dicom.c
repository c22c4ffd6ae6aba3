/* Bytes -> one DICOM object -> the pixels of its first and last frame, and the volume of its frames; or a NIfTI file -> its voxels. */
#include <stdint.h>
#include <stdlib.h>

#include "dicom.h"
#include "nifti.h"
#include "series.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void read_pixels(const dm_dicom *d, const dm_instance *f) {
    const size_t n = (size_t)f->rows * (size_t)f->columns;
    int32_t *pixels = malloc(n * sizeof *pixels);
    if (!pixels) return;
    (void)dm_dicom_pixels(d, 0, pixels);
    (void)dm_dicom_pixels(d, f->frames - 1, pixels);
    if (dm_dicom_is_plain(d)) (void)dm_dicom_some_pixels(d, f->frames / 2, n / 3, n / 2, pixels);
    free(pixels);
}

/* The frames as a series, in their order and once more: places repeat. */
static void read_volume(dm_dicom *d, int frames) {
    enum { MOST_FRAMES = 12 };
    const dm_series_rules rules = {1, 1};
    const dm_series_means means = {.threads = 1};
    dm_image image[2 * MOST_FRAMES], *list[2 * MOST_FRAMES];
    int n = frames < MOST_FRAMES ? frames : MOST_FRAMES;
    for (int k = 0; k < 2 * n; k++) {
        image[k] = (dm_image){.dicom = d, .frame = k % n, .number = (uint64_t)k};
        dm_dicom_frame(d, k % n, &image[k].facts);
        list[k] = &image[k];
    }
    const char *split_by;
    for (int from = 0, m; from < 2 * n; from += m) {
        dm_scan scan;
        dm_series_report report;
        m = dm_series_next(list + from, 2 * n - from, &split_by);
        if (dm_good(dm_series_volume(list + from, m, &rules, &means, &scan, &report))) dm_scan_clear(&scan);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    enum { MOST = 1 << 22 }; /* pixels: what a slice has at most, so that a claim of 65535 x 65535 costs no time */
    dm_dicom *d = NULL;
    dm_scan scan;
    if (dm_nifti_is(bytes, size)) {
        if (dm_good(dm_nifti_parse(bytes, size, "x", &scan))) dm_scan_clear(&scan);
        return 0;
    }
    if (!dm_good(dm_dicom_parse(bytes, size, &d))) return 0;
    const dm_instance *f = dm_dicom_facts(d);
    if (f->rows > 0 && f->columns > 0 && (int64_t)f->rows * f->columns <= MOST) {
        read_pixels(d, f);
        if ((int64_t)f->rows * f->columns <= MOST / 64) read_volume(d, f->frames);
    }
    dm_dicom_free(d);
    return 0;
}
