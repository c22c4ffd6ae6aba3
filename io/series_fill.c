/* The pixels of a volume: decoded by several threads, rescaled slice by slice, interpolated where slices lack. */
#include "series_parts.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 16, AIR = -1024 };

typedef struct job {
    const dm_slice *s;
    int n, ct;
    size_t count; /* pixels of a slice */
    int16_t *v;   /* n slices */
    float scale;
    int measure;  /* 1 = only the largest value is wanted */
} job;

/* What one thread does: every threads-th object, so that frames of one object stay in one thread. */
typedef struct worker {
    const job *j;
    int part, parts, padded;
    double largest;
    dm_status status;
} worker;

/* HU in whole numbers without padding, as nearly every CT has them: the same result in integers, several times as fast. */
static int convert_whole(const job *j, const dm_instance *f, const int32_t *pixels, int16_t *out) {
    if (!j->ct || f->slope != 1 || f->intercept != rint(f->intercept) || fabs(f->intercept) > 30000 || f->has_padding) return 0;
    const int32_t shift = (int32_t)f->intercept;
    for (size_t k = 0; k < j->count; k++) {
        int32_t v = pixels[k] + shift;
        v = v < AIR ? AIR : v;
        out[k] = (int16_t)(v > 32000 ? 32000 : v);
    }
    return 1;
}

static void convert(const job *j, int i, const int32_t *pixels, worker *w) {
    const dm_instance *f = j->s[i].f;
    int16_t *out = j->v + (size_t)i * j->count;
    if (convert_whole(j, f, pixels, out)) return;
    for (size_t k = 0; k < j->count; k++) {
        int padding = f->has_padding && pixels[k] >= f->padding && pixels[k] <= f->padding_limit;
        double v = padding ? (j->ct ? AIR : 0) : (pixels[k] * f->slope + f->intercept) / (double)j->scale;
        w->padded += padding;
        out[k] = (int16_t)floor(fmin(fmax(v, j->ct ? AIR : -32000), 32000) + 0.5);
    }
}

static void measure(const job *j, int i, const int32_t *pixels, worker *w) {
    const dm_instance *f = j->s[i].f;
    for (size_t k = 0; k < j->count; k++) {
        int padding = f->has_padding && pixels[k] >= f->padding && pixels[k] <= f->padding_limit;
        if (!padding) w->largest = fmax(w->largest, fabs(pixels[k] * f->slope + f->intercept));
    }
}

/* Frames of one object are one thread's: an object serves one at a time. */
static int mine(const job *j, int i, const worker *w) {
    return (j->s[i].f->frames > 1 ? 0 : i % w->parts) == w->part;
}

static void *work(void *user) {
    worker *w = user;
    const job *j = w->j;
    int32_t *pixels = malloc(j->count * sizeof *pixels);
    if (!pixels) w->status = dm_fail(DM_STUDY, "out_of_memory", "no memory for an image of %zu pixels", j->count);
    for (int i = 0; pixels && i < j->n && dm_good(w->status); i++) {
        if (!mine(j, i, w)) continue;
        w->status = dm_dicom_pixels(j->s[i].image->dicom, j->s[i].image->frame, pixels);
        if (!dm_good(w->status)) break;
        (j->measure ? measure : convert)(j, i, pixels, w);
    }
    free(pixels);
    return NULL;
}

/* The first failure in the order of threads is told; what was padded is added up. */
static dm_status run(const job *j, int threads, double *largest, int *padded) {
    worker w[MOST_THREADS];
    pthread_t id[MOST_THREADS];
    int begun[MOST_THREADS] = {0};
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    if (threads < 1) threads = 1;
    for (int t = 0; t < threads; t++) w[t] = (worker){.j = j, .part = t, .parts = threads};
    for (int t = 1; t < threads; t++) begun[t] = pthread_create(&id[t], NULL, work, &w[t]) == 0;
    work(&w[0]);
    dm_status status = dm_ok;
    for (int t = 0; t < threads; t++) {
        if (begun[t]) pthread_join(id[t], NULL);
        else if (t) work(&w[t]);
        status = dm_worse(status, w[t].status);
        *largest = fmax(*largest, w[t].largest);
        *padded += w[t].padded;
    }
    return status;
}

/* 16 bits hold every HU; MR signal is scaled where its rescaled range is wider, or so small that its grey levels would be
 * lost (slopes far under 1). */
static dm_status choose_scale(job *j, int threads, dm_scan *scan) {
    double largest = 0;
    int ignored = 0;
    scan->scale = 1;
    if (j->ct) return dm_ok;
    j->measure = 1;
    DM_TRY(run(j, threads, &largest, &ignored));
    j->measure = 0;
    if (largest > 0 && (largest > 32000 || largest < 1000)) scan->scale = (float)(largest / 32000);
    return dm_ok;
}

/* Even steps along the line of slices, linear between the two slices round each. */
static dm_status interpolate(const dm_slice *s, int n, double step, size_t count, dm_scan *scan) {
    int16_t *out = malloc(count * (size_t)scan->nz * sizeof *out);
    if (!out) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d slices", scan->nz);
    for (int k = 0, i = 0; k < scan->nz; k++) {
        double at = s[0].at + k * step;
        while (i + 2 < n && s[i + 1].at <= at) i++;
        double t = fmin(fmax((at - s[i].at) / (s[i + 1].at - s[i].at), 0), 1);
        const int16_t *a = scan->v + (size_t)i * count, *b = a + count;
        int16_t *o = out + (size_t)k * count;
        for (size_t p = 0; p < count; p++) o[p] = (int16_t)floor(a[p] + t * (b[p] - a[p]) + 0.5);
    }
    free(scan->v);
    scan->v = out;
    return dm_ok;
}

dm_status dm_series_fill(const dm_slice *s, int n, double step_mm, int threads, dm_scan *scan, dm_series_report *report) {
    job j = {.s = s, .n = n, .ct = !strcmp(s[0].f->modality, "CT"), .count = (size_t)scan->nx * (size_t)scan->ny};
    double ignored = 0;
    scan->v = malloc(j.count * (size_t)n * sizeof *scan->v);
    dm_status status = dm_ok;
    if (!scan->v) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d x %d x %d", scan->nx, scan->ny, n);
        goto out;
    }
    j.v = scan->v;
    DM_TRY_OUT(choose_scale(&j, threads, scan));
    j.scale = scan->scale;
    DM_TRY_OUT(run(&j, threads, &ignored, &report->padded));
    if (step_mm > 0) status = interpolate(s, n, step_mm, j.count, scan);
out:
    if (!dm_good(status)) dm_scan_clear(scan);
    return status;
}
