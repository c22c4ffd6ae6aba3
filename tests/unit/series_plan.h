/* A made-up series for the tests of dm_series_*: where its slices lie, what they hold. */
#ifndef DM_SERIES_PLAN_H
#define DM_SERIES_PLAN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "series.h"

enum { W = 16, H = 12, N = 8 };

typedef struct plan {
    int n;
    double z[32], y_step;  /* slice positions; shift in y per mm of z */
    double slope, intercept;
    const char *modality;
    double orientation[6];
    double shift_x; /* of the last slice but one alone, mm */
    int same_pixels; /* every slice holds the same values */
    void (*edit)(int i, dm_instance *f); /* changes the facts that were read */
} plan;

static inline plan plain(void) {
    plan p = {.n = N, .slope = 1, .intercept = -1000, .modality = "CT", .orientation = {1, 0, 0, 0, 1, 0}};
    for (int i = 0; i < N; i++) p.z[i] = 50 - 2.5 * i;
    return p;
}

/* Image i of a plan, parsed from the bytes that a scanner would write. The caller frees it. */
static inline dm_dicom *instance(const plan *p, int i) {
    static int16_t pixels[W * H];
    char sop[32];
    for (int k = 0; k < W * H; k++) pixels[k] = (int16_t)(p->same_pixels ? k : 100 * i + k % 90);
    pixels[0] = -2000;
    snprintf(sop, sizeof sop, "2.25.%d", 1000 + (i * 7) % 31); /* names in another order than places */
    dm_dicom_image m = {.modality = p->modality,
                        .study_uid = "2.25.1",
                        .series_uid = "2.25.2",
                        .frame_uid = "2.25.3",
                        .sop_uid = sop,
                        .patient_name = "",
                        .patient_id = "",
                        .patient_sex = "",
                        .patient_age = "",
                        .study_description = "",
                        .series_description = "",
                        .protocol_name = "",
                        .date = "20240101",
                        .time = "120000",
                        .patient_position = "HFS",
                        .kernel = "",
                        .image_type = "ORIGINAL\\PRIMARY\\AXIAL",
                        .instance_number = i,
                        .rows = H,
                        .columns = W,
                        .position = {-4 + (i == p->n - 2 ? p->shift_x : 0), 7 + p->y_step * p->z[i], p->z[i]},
                        .spacing = {0.75, 0.5},
                        .slice_thickness = 2.5,
                        .kvp = 120,
                        .slope = p->slope,
                        .intercept = p->intercept,
                        .has_padding = 1,
                        .padding = -2000,
                        .pixels = pixels};
    memcpy(m.orientation, p->orientation, sizeof m.orientation);
    unsigned char *bytes;
    size_t size;
    dm_dicom *d;
    ck_assert(dm_good(dm_dicom_write(&m, &bytes, &size)));
    ck_assert(dm_good(dm_dicom_parse(bytes, size, &d)));
    free(bytes);
    return d;
}

#endif
