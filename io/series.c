#include "series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST_SLICES = 3 };

int dm_series_is_localizer(const dm_instance *a) {
    return strstr(a->image_type, "LOCALIZER") != NULL || strstr(a->image_type, "REF_SURVIEW") != NULL;
}

/* The first three values of ImageType: original or derived, primary or secondary, plane or (MR) magnitude and
 * phase. */
static int same_kind(const char *a, const char *b) {
    for (int part = 0; part < 3; part++) {
        size_t n = strcspn(a, "\\"), m = strcspn(b, "\\");
        if (n != m || memcmp(a, b, n) != 0) return 0;
        a += n + (a[n] != 0);
        b += m + (b[m] != 0);
    }
    return 1;
}

int dm_series_fits(const dm_instance *a, const dm_instance *b) {
    if (a->rows != b->rows || a->columns != b->columns || a->has_orientation != b->has_orientation) return 0;
    /* Not the frame of reference: de-identified archives (LIDC-IDRI) give every slice of a series its own. Within a series
     * the positions must then speak for themselves. */
    if (strcmp(a->sop_class, b->sop_class)) return 0;
    if (!same_kind(a->image_type, b->image_type)) return 0;
    for (int i = 0; i < 6; i++)
        if (a->has_orientation && fabs(a->orientation[i] - b->orientation[i]) > 1e-3) return 0;
    for (int i = 0; i < 2; i++)
        if (a->has_spacing != b->has_spacing ||
            (a->has_spacing && fabs(a->spacing[i] - b->spacing[i]) > 1e-3))
            return 0;
    return isnan(a->echo_time) || isnan(b->echo_time) || fabs(a->echo_time - b->echo_time) < 0.01;
}

/* A slice and where it lies along the normal. */
typedef struct slice {
    dm_dicom *item;
    const dm_instance *f;
    double at;
} slice;

static int by_place(const void *a, const void *b) {
    const slice *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return strcmp(x->f->sop_uid, y->f->sop_uid);
}

static dm_status missing(const char *tag) {
    return dm_fail(DM_STUDY, "missing_tag",
                   "the series has no usable %s; its place in the patient is unknown", tag);
}

static dm_status check_tags(const dm_instance *f) {
    if (f->frames > 1)
        return dm_fail(DM_STUDY, "multi_frame",
                       "multi-frame objects (%d frames) are not read by this version", f->frames);
    if (!f->has_position) return missing("ImagePositionPatient");
    if (!f->has_orientation) return missing("ImageOrientationPatient");
    if (!f->has_spacing) return missing("PixelSpacing");
    if (f->rows < 2 || f->columns < 2) return missing("Rows or Columns");
    return dm_ok;
}

static int normal_of(const dm_instance *f, double normal[3]) {
    const double *r = f->orientation, *c = f->orientation + 3;
    normal[0] = r[1] * c[2] - r[2] * c[1];
    normal[1] = r[2] * c[0] - r[0] * c[2];
    normal[2] = r[0] * c[1] - r[1] * c[0];
    double n = sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
    for (int i = 0; i < 3 && n > 0.5; i++) normal[i] /= n;
    return n > 0.5;
}

static int same_pixels(const slice *a, const slice *b, int32_t *pa, int32_t *pb) {
    size_t bytes = (size_t)a->f->rows * (size_t)a->f->columns * sizeof *pa;
    return dm_good(dm_dicom_pixels(a->item, pa)) && dm_good(dm_dicom_pixels(b->item, pb)) &&
           !memcmp(pa, pb, bytes);
}

/* Drops identical images at one place; different ones are refused: which is true cannot be known. */
static dm_status drop_duplicates(slice *s, int *n, int *dropped) {
    size_t count = (size_t)s[0].f->rows * (size_t)s[0].f->columns;
    int32_t *pa = malloc(count * sizeof *pa), *pb = malloc(count * sizeof *pb);
    dm_status status = dm_ok;
    int kept = 1;
    if (!pa || !pb) status = dm_fail(DM_STUDY, "out_of_memory", "no memory to compare two slices");
    for (int i = 1; i < *n && dm_good(status); i++) {
        if (s[i].at - s[kept - 1].at > 0.01) {
            s[kept++] = s[i];
        } else if (!strcmp(s[i].f->sop_uid, s[kept - 1].f->sop_uid) ||
                   same_pixels(&s[i], &s[kept - 1], pa, pb)) {
            (*dropped)++;
        } else {
            status = dm_fail(
                DM_STUDY, "overlapping",
                "different images lie at the same place (%.1f mm along the normal): several passes in one "
                "series; split them before archiving",
                s[i].at);
        }
    }
    *n = kept;
    free(pa), free(pb);
    return status;
}

static int by_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static dm_status check_spacing(const slice *s, int n, double *spacing) {
    double *step = malloc((size_t)n * sizeof *step);
    if (!step) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d slice positions", n);
    for (int i = 0; i + 1 < n; i++) step[i] = s[i + 1].at - s[i].at;
    qsort(step, (size_t)(n - 1), sizeof *step, by_double);
    *spacing = step[(n - 1) / 2];
    free(step);
    double tolerance = fmax(0.01, 0.02 * *spacing);
    int missing_slices = 0, gaps = 0, uneven = 0;
    double where = 0, widest = 0;
    for (int i = 0; i + 1 < n; i++) {
        double d = s[i + 1].at - s[i].at, steps = floor(d / *spacing + 0.5);
        if (fabs(d - *spacing) <= tolerance) continue;
        if (d > widest) widest = d, where = s[i].at;
        if (steps >= 2 && fabs(d - steps * *spacing) <= tolerance * steps)
            gaps++, missing_slices += (int)steps - 1;
        else
            uneven++;
    }
    if (uneven)
        return dm_fail(DM_STUDY, "uneven_spacing",
                       "the slices are not evenly spaced: %d of %d steps differ from %.3f mm (widest %.2f "
                       "mm); export the "
                       "series again or resample it",
                       uneven + gaps, n - 1, *spacing, widest);
    if (gaps)
        return dm_fail(
            DM_STUDY, "gap",
            "%d slices are missing in %d gaps, the widest %.1f mm at %.1f mm; fetch the series again",
            missing_slices, gaps, widest, where);
    return dm_ok;
}

/* Slices must lie on one straight line, evenly: a field of view or table moved sideways bends the patient. Up
 * to half a pixel is left to interpolation. */
static dm_status check_line(const slice *s, int n) {
    const double *p0 = s[0].f->position, *p1 = s[n - 1].f->position;
    double allowed = fmax(0.1, 0.5 * fmin(s[0].f->spacing[0], s[0].f->spacing[1])), worst = 0;
    for (int k = 0; k < n; k++) {
        double off = 0, t = (s[k].at - s[0].at) / (s[n - 1].at - s[0].at);
        for (int i = 0; i < 3; i++) {
            double d = s[k].f->position[i] - (p0[i] + t * (p1[i] - p0[i]));
            off += d * d;
        }
        worst = fmax(worst, sqrt(off));
    }
    if (worst <= allowed) return dm_ok;
    return dm_fail(
        DM_STUDY, "shifted_slices",
        "the slices are shifted sideways against each other by up to %.1f mm (the table or the field of view "
        "moved); export the series again with one field of view",
        worst);
}

static void set_affine(const slice *s, int n, const double normal[3], dm_affine *a,
                       dm_series_report *report) {
    const dm_instance *f = s[0].f;
    double along = 0, length = 0;
    for (int i = 0; i < 3; i++) {
        double step = (s[n - 1].f->position[i] - f->position[i]) / (n - 1);
        a->m[i][0] = f->orientation[i] * f->spacing[1];
        a->m[i][1] = f->orientation[3 + i] * f->spacing[0];
        a->m[i][2] = step;
        a->m[i][3] = f->position[i];
        along += step * normal[i];
        length += step * step;
    }
    double ratio = along / sqrt(length);
    report->tilt_deg = ratio < 1 ? acos(fmax(ratio, -1)) * 180 / 3.14159265358979 : 0;
}

/* 16 bits hold every HU; MR signal is scaled where its rescaled range is wider. */
static dm_status choose_scale(const slice *s, int n, int32_t *pixels, dm_scan *scan) {
    int mr = !strcmp(s[0].f->modality, "MR");
    double largest = 0;
    size_t count = (size_t)scan->nx * (size_t)scan->ny;
    scan->scale = 1;
    for (int i = 0; mr && i < n; i++) {
        DM_TRY(dm_dicom_pixels(s[i].item, pixels));
        for (size_t k = 0; k < count; k++)
            largest = fmax(largest, fabs(pixels[k] * s[i].f->slope + s[i].f->intercept));
    }
    /* Signals below 1000 as a whole (slopes far under 1) would lose their grey levels. */
    if (mr && largest > 0 && (largest > 32000 || largest < 1000)) scan->scale = (float)(largest / 32000);
    return dm_ok;
}

static dm_status fill(const slice *s, int n, dm_scan *scan, dm_series_report *report) {
    size_t count = (size_t)scan->nx * (size_t)scan->ny;
    int ct = !strcmp(s[0].f->modality, "CT");
    int32_t *pixels = malloc(count * sizeof *pixels);
    scan->v = malloc(count * (size_t)n * sizeof *scan->v);
    dm_status status = dm_ok;
    if (!pixels || !scan->v) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d x %d x %d", scan->nx,
                         scan->ny, n);
        goto out;
    }
    DM_TRY_OUT(choose_scale(s, n, pixels, scan));
    for (int i = 0; i < n; i++) {
        const dm_instance *f = s[i].f;
        int16_t *row = scan->v + (size_t)i * count;
        DM_TRY_OUT(dm_dicom_pixels(s[i].item, pixels));
        for (size_t k = 0; k < count; k++) {
            int padding = f->has_padding && pixels[k] == f->padding;
            double v =
                padding ? (ct ? -1024 : 0) : (pixels[k] * f->slope + f->intercept) / (double)scan->scale;
            report->padded += padding;
            row[k] = (int16_t)floor(fmin(fmax(v, ct ? -1024 : -32000), 32000) + 0.5);
        }
    }
out:
    free(pixels);
    if (!dm_good(status)) dm_scan_clear(scan);
    return status;
}

static dm_status assemble(slice *s, int n, dm_scan *scan, dm_series_report *report) {
    double normal[3];
    for (int i = 0; i < n; i++) DM_TRY(check_tags(s[i].f));
    if (!normal_of(s[0].f, normal)) return missing("ImageOrientationPatient");
    for (int i = 0; i < n; i++)
        s[i].at = s[i].f->position[0] * normal[0] + s[i].f->position[1] * normal[1] +
                  s[i].f->position[2] * normal[2];
    qsort(s, (size_t)n, sizeof *s, by_place);
    DM_TRY(drop_duplicates(s, &n, &report->duplicates));
    if (n < FEWEST_SLICES)
        return dm_fail(DM_STUDY, "few_slices",
                       "only %d different slices; at least %d are needed for a volume", n, FEWEST_SLICES);
    DM_TRY(check_spacing(s, n, &report->slice_mm));
    DM_TRY(check_line(s, n));
    *scan = (dm_scan){.nx = s[0].f->columns, .ny = s[0].f->rows, .nz = n};
    set_affine(s, n, normal, &scan->to_lps, report);
    return fill(s, n, scan, report);
}

dm_status dm_series_volume(dm_dicom **items, int n, dm_scan *scan, dm_series_report *report) {
    *scan = (dm_scan){0};
    *report = (dm_series_report){0};
    if (n < FEWEST_SLICES)
        return dm_fail(DM_STUDY, "few_slices", "only %d slices; at least %d are needed for a volume", n,
                       FEWEST_SLICES);
    slice *s = malloc((size_t)n * sizeof *s);
    if (!s) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d slices", n);
    for (int i = 0; i < n; i++) s[i] = (slice){items[i], dm_dicom_facts(items[i]), 0};
    dm_status status = assemble(s, n, scan, report);
    free(s);
    return status;
}
