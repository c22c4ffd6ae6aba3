#include "series_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST_SLICES = 3 };

static int by_place(const void *a, const void *b) {
    const dm_slice *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    int c = strcmp(x->f->sop_uid, y->f->sop_uid);
    return c ? c : x->image->frame - y->image->frame;
}

static dm_status missing(const char *tag) {
    return dm_fail(DM_STUDY, "missing_tag",
                   "the series has no usable %s; its place in the patient is unknown", tag);
}

/* What makes HU of stored values. Slopes of CT lie between 0.01 and 10: what is beyond 100 is damage. Where no rescale is said, only
 * signed values can be HU already: air of unsigned ones would be 0. */
static dm_status check_rescale(const dm_instance *f) {
    const int ct = !strcmp(f->modality, "CT");
    if (f->has_lut)
        return dm_fail(DM_STUDY, "modality_lut", "the values go through a Modality LUT, which is not read; export the series as HU");
    if (f->rescale < 0 || (ct && !f->rescale && !f->is_signed))
        return dm_fail(DM_STUDY, "missing_tag", "the series has no usable RescaleSlope or RescaleIntercept; what its values mean is "
                                                "unknown");
    if (ct ? !(f->slope > 0 && f->slope <= 100 && fabs(f->intercept) <= 100000) : !(f->slope != 0 && fabs(f->slope) < 1e6 && fabs(f->intercept) < 1e9))
        return dm_fail(DM_STUDY, "rescale", "a rescale slope of %g with an intercept of %g makes no %s; export the series again",
                       f->slope, f->intercept, ct ? "HU" : "signal");
    return dm_ok;
}

static dm_status check_tags(const dm_instance *f) {
    if (f->frames > 1 && !f->has_position)
        return dm_fail(DM_STUDY, "multi_frame", "%d frames in one object without a place for each; send them as single images",
                       f->frames);
    if (!f->has_position) return missing("ImagePositionPatient");
    if (!f->has_orientation) return missing("ImageOrientationPatient");
    if (!f->has_spacing) return missing("PixelSpacing");
    if (f->rows < 2 || f->columns < 2) return missing("Rows or Columns");
    DM_TRY(dm_dicom_check_format(f));
    return check_rescale(f);
}

/* ---- duplicates ---- */

/* Stored values where both are at hand; else HU. */
static int same_pixels(const dm_slice *a, const dm_slice *b, const dm_store *store, int32_t *pa, int32_t *pb) {
    const size_t count = (size_t)a->f->rows * (size_t)a->f->columns;
    if (!a->image->settled && !b->image->settled)
        return dm_good(dm_dicom_pixels(a->image->dicom, a->image->frame, pa)) &&
               dm_good(dm_dicom_pixels(b->image->dicom, b->image->frame, pb)) && !memcmp(pa, pb, count * sizeof *pa);
    const dm_rescale hu = {1, 1};
    int16_t *va = malloc(count * sizeof *va), *vb = malloc(count * sizeof *vb);
    int ignored = 0, same = va && vb && dm_good(dm_image_voxels(a->image, &hu, store, pa, va, &ignored)) &&
                            dm_good(dm_image_voxels(b->image, &hu, store, pb, vb, &ignored)) && !memcmp(va, vb, count * sizeof *va);
    free(va), free(vb);
    return same;
}

/* Drops identical images at one place; different ones are refused: which is true cannot be known. */
static dm_status drop_duplicates(dm_slice *s, int *n, const dm_store *store, int *dropped) {
    size_t count = (size_t)s[0].f->rows * (size_t)s[0].f->columns;
    int32_t *pa = malloc(count * sizeof *pa), *pb = malloc(count * sizeof *pb);
    dm_status status = dm_ok;
    int kept = 1;
    if (!pa || !pb) status = dm_fail(DM_STUDY, "out_of_memory", "no memory to compare two slices");
    for (int i = 1; i < *n && dm_good(status); i++) {
        if (s[i].at - s[kept - 1].at > 0.01) {
            s[kept++] = s[i];
        } else if ((s[i].f->frames < 2 && s[i].f->sop_uid[0] && !strcmp(s[i].f->sop_uid, s[kept - 1].f->sop_uid)) ||
                   same_pixels(&s[i], &s[kept - 1], store, pa, pb)) {
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

/* ---- spacing ---- */

static int by_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* What the row of slices looks like. */
typedef struct row {
    double step, widest, where; /* median step; the widest that is not the step, and where it begins */
    int gaps, missing, uneven;  /* gaps of whole steps, the slices they lack, steps that fit nothing */
} row;

static dm_status measure_row(const dm_slice *s, int n, row *r) {
    double *step = malloc((size_t)n * sizeof *step);
    *r = (row){0};
    if (!step) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d slice positions", n);
    for (int i = 0; i + 1 < n; i++) step[i] = s[i + 1].at - s[i].at;
    qsort(step, (size_t)(n - 1), sizeof *step, by_double);
    r->step = step[(n - 1) / 2];
    free(step);
    double tolerance = fmax(0.01, 0.02 * r->step);
    for (int i = 0; i + 1 < n; i++) {
        double d = s[i + 1].at - s[i].at, steps = floor(d / r->step + 0.5);
        if (fabs(d - r->step) <= tolerance) continue;
        if (d > r->widest) r->widest = d, r->where = s[i].at;
        if (steps >= 2 && fabs(d - steps * r->step) <= tolerance * steps)
            r->gaps++, r->missing += (int)fmin(steps - 1, 1e6);
        else
            r->uneven++;
    }
    return dm_ok;
}

static dm_status check_spacing(const dm_slice *s, int n, const dm_series_rules *rules, dm_series_report *report) {
    row r;
    DM_TRY(measure_row(s, n, &r));
    report->slice_mm = r.step;
    if (r.uneven && !rules->resample_uneven)
        return dm_fail(DM_STUDY, "uneven_spacing",
                       "the slices are not evenly spaced: %d of %d steps differ from %.3f mm (widest %.2f mm); export the "
                       "series again or let the protocol resample it ([series] uneven = resample)",
                       r.uneven + r.gaps, n - 1, r.step, r.widest);
    if (r.gaps && !r.uneven && !rules->fill_gaps)
        return dm_fail(DM_STUDY, "gap",
                       "%d slices are missing in %d gaps, the widest %.1f mm at %.1f mm; fetch the series again or let the "
                       "protocol fill them ([series] gaps = fill)",
                       r.missing, r.gaps, r.widest, r.where);
    /* A hole that is most of the volume is no gap: nothing there was measured. */
    if (r.widest > 0.25 * (s[n - 1].at - s[0].at))
        return dm_fail(DM_STUDY, "gap", "a hole of %.1f mm at %.1f mm is more than a quarter of the series; fetch it again",
                       r.widest, r.where);
    report->gaps = r.missing;
    report->resampled = r.uneven > 0;
    return dm_ok;
}

/* Slices must lie on one straight line, evenly: a field of view or table moved sideways bends the patient. Up
 * to half a pixel is left to interpolation. */
static dm_status check_line(const dm_slice *s, int n) {
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

/* ---- geometry ---- */

static void set_affine(const dm_slice *s, int n, int steps, const double normal[3], dm_affine *a, dm_series_report *report) {
    const dm_instance *f = s[0].f;
    double along = 0, length = 0;
    for (int i = 0; i < 3; i++) {
        double step = (s[n - 1].f->position[i] - f->position[i]) / (steps - 1);
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

static dm_status assemble(dm_slice *s, int n, const dm_series_rules *rules, const dm_series_means *means, dm_scan *scan,
                          dm_series_report *report) {
    double normal[3];
    for (int i = 0; i < n; i++) DM_TRY(check_tags(s[i].f));
    if (!dm_series_normal(s[0].f, normal)) return missing("ImageOrientationPatient");
    for (int i = 0; i < n; i++) s[i].at = dm_series_place(s[i].f, normal);
    qsort(s, (size_t)n, sizeof *s, by_place);
    if (s[n - 1].at - s[0].at <= 0.01 && !s[0].f->position[0] && !s[0].f->position[1] && !s[0].f->position[2])
        return missing("ImagePositionPatient");
    DM_TRY(drop_duplicates(s, &n, means->store, &report->duplicates));
    if (n < FEWEST_SLICES)
        return dm_fail(DM_STUDY, "few_slices",
                       "only %d different slices; at least %d are needed for a volume", n, FEWEST_SLICES);
    DM_TRY(check_spacing(s, n, rules, report));
    DM_TRY(check_line(s, n));
    int steps = n;
    if (report->gaps || report->resampled) steps = (int)floor((s[n - 1].at - s[0].at) / report->slice_mm + 0.5) + 1;
    *scan = (dm_scan){.nx = s[0].f->columns, .ny = s[0].f->rows, .nz = steps};
    set_affine(s, n, steps, normal, &scan->to_lps, report);
    double even = (s[n - 1].at - s[0].at) / (steps - 1);
    return dm_series_fill(s, n, report->gaps || report->resampled ? even : 0, means, scan, report);
}

dm_status dm_series_volume(dm_image **images, int n, const dm_series_rules *rules, const dm_series_means *means,
                           dm_scan *scan, dm_series_report *report) {
    static const dm_series_rules strict = {0, 0};
    *scan = (dm_scan){0};
    *report = (dm_series_report){0};
    if (n < FEWEST_SLICES)
        return dm_fail(DM_STUDY, "few_slices", "only %d slices; at least %d are needed for a volume", n,
                       FEWEST_SLICES);
    dm_slice *s = malloc((size_t)n * sizeof *s);
    if (!s) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d slices", n);
    for (int i = 0; i < n; i++) s[i] = (dm_slice){images[i], &images[i]->facts, 0};
    dm_status status = assemble(s, n, rules ? rules : &strict, means, scan, report);
    free(s);
    return status;
}
