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
    size_t count;          /* pixels of a slice */
    int16_t *v;            /* n slices; NULL: they go to the store */
    const dm_store *store;
    uint64_t at;           /* of the first slice in the store */
    float scale;
    int measure; /* 1 = only the largest value is wanted */
} job;

/* What one thread does: every threads-th object, so that frames of one object stay in one thread. */
typedef struct worker {
    const job *j;
    int part, parts, padded;
    double largest;
    dm_status status;
    int32_t *pixels; /* of a slice, or of a piece of one */
    int16_t *slice;  /* on its way to the store */
} worker;

/* 1 when every stored value and every HU made of it fits 16 bits: a vector then holds twice as many. */
static int is_narrow(const dm_instance *f, int32_t shift) {
    const int32_t low = f->is_signed ? -(1 << (f->bits_stored - 1)) : 0, high = low + (1 << f->bits_stored) - 1;
    return low + shift >= INT16_MIN && high + shift <= INT16_MAX;
}

/* HU in whole numbers, as nearly every CT has them: the same result in integers, several times as fast. `masked`: no value has
 * more bits than the header says. */
static int convert_whole(const job *j, const dm_instance *f, int masked, const int32_t *pixels, size_t n, int16_t *out) {
    enum { MOST = 32000 };
    if (!j->ct || f->slope != 1 || f->intercept != rint(f->intercept) || fabs(f->intercept) > 30000) return 0;
    const int32_t shift = (int32_t)f->intercept;
    if (masked && is_narrow(f, shift)) {
        for (size_t k = 0; k < n; k++) {
            int16_t v = (int16_t)(pixels[k] + shift);
            v = v < AIR ? AIR : v;
            out[k] = v > MOST ? MOST : v;
        }
        return 1;
    }
    for (size_t k = 0; k < n; k++) {
        int32_t v = pixels[k] + shift;
        v = v < AIR ? AIR : v;
        out[k] = (int16_t)(v > MOST ? MOST : v);
    }
    return 1;
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

static void convert(const dm_slice *s, const int32_t *pixels, size_t n, int16_t *out, worker *w) {
    const job *j = w->j;
    const dm_instance *f = s->f;
    if (!convert_whole(j, f, dm_dicom_is_plain(s->image->dicom), pixels, n, out))
        for (size_t k = 0; k < n; k++) {
            double v = (pixels[k] * f->slope + f->intercept) / (double)j->scale;
            out[k] = (int16_t)floor(fmin(fmax(v, j->ct ? AIR : -32000), 32000) + 0.5);
        }
    w->padded += clear_padding(f, pixels, n, j->ct ? AIR : 0, out);
}

static void measure(const dm_instance *f, const int32_t *pixels, size_t n, worker *w) {
    for (size_t k = 0; k < n; k++) {
        int padding = f->has_padding && pixels[k] >= f->padding && pixels[k] <= f->padding_limit;
        if (!padding) w->largest = fmax(w->largest, fabs(pixels[k] * f->slope + f->intercept));
    }
}

/* Plain pixels are taken piece by piece: what stays in the nearest cache costs next to nothing. */
static dm_status take_slice(const dm_slice *s, int16_t *out, worker *w) {
    enum { PIECE = 8192 };
    const job *j = w->j;
    const size_t piece = dm_dicom_is_plain(s->image->dicom) ? PIECE : j->count;
    for (size_t from = 0; from < j->count; from += piece) {
        size_t n = j->count - from < piece ? j->count - from : piece;
        DM_TRY(n == j->count ? dm_dicom_pixels(s->image->dicom, s->image->frame, w->pixels)
                             : dm_dicom_some_pixels(s->image->dicom, s->image->frame, from, n, w->pixels));
        if (j->measure) measure(s->f, w->pixels, n, w);
        else convert(s, w->pixels, n, out + from, w);
    }
    return dm_ok;
}

static dm_status do_slice(int i, worker *w) {
    const job *j = w->j;
    if (j->v || j->measure) return take_slice(&j->s[i], j->v ? j->v + (size_t)i * j->count : NULL, w);
    DM_TRY(take_slice(&j->s[i], w->slice, w));
    const size_t bytes = j->count * sizeof *w->slice;
    if (dm_store_put(j->store, j->at + (uint64_t)i * bytes, w->slice, bytes)) return dm_ok;
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d images", j->n);
}

/* Frames of one object are one thread's: an object serves one at a time. */
static int mine(const job *j, int i, const worker *w) {
    return (j->s[i].f->frames > 1 ? 0 : i % w->parts) == w->part;
}

static void *work(void *user) {
    worker *w = user;
    const job *j = w->j;
    w->pixels = malloc(j->count * sizeof *w->pixels);
    const int to_store = !j->v && !j->measure;
    w->slice = to_store ? malloc(j->count * sizeof *w->slice) : NULL;
    if (!w->pixels || (to_store && !w->slice)) w->status = dm_fail(DM_STUDY, "out_of_memory", "no memory for an image of %zu pixels", j->count);
    for (int i = 0; i < j->n && dm_good(w->status); i++)
        if (mine(j, i, w)) w->status = do_slice(i, w);
    free(w->pixels);
    free(w->slice);
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

/* Into memory; where slices are still to be put between the others, that is done here. */
static dm_status fill_memory(job *j, double step_mm, int threads, dm_scan *scan, dm_series_report *report) {
    double ignored = 0;
    j->v = scan->v = malloc(j->count * (size_t)j->n * sizeof *scan->v);
    if (!scan->v)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d x %d x %d", scan->nx, scan->ny, j->n);
    DM_TRY(run(j, threads, &ignored, &report->padded));
    return step_mm > 0 ? interpolate(j->s, j->n, step_mm, j->count, scan) : dm_ok;
}

/* Into the store, a slice when it is made. */
static dm_status fill_store(job *j, double step_mm, const dm_series_means *means, dm_scan *scan, dm_series_report *report) {
    double ignored = 0;
    const uint64_t bytes = (uint64_t)j->count * (uint64_t)scan->nz * sizeof *scan->v;
    if (step_mm > 0) DM_TRY(fill_memory(j, step_mm, means->threads, scan, report));
    DM_TRY(dm_store_take(means->store, bytes, &scan->stored));
    j->store = means->store;
    j->at = scan->stored;
    if (!scan->v) return run(j, means->threads, &ignored, &report->padded);
    int whole = dm_store_put(means->store, scan->stored, scan->v, bytes);
    dm_scan_drop(scan);
    return whole ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d slices", scan->nz);
}

dm_status dm_series_fill(const dm_slice *s, int n, double step_mm, const dm_series_means *means, dm_scan *scan,
                         dm_series_report *report) {
    job j = {.s = s, .n = n, .ct = !strcmp(s[0].f->modality, "CT"), .count = (size_t)scan->nx * (size_t)scan->ny};
    dm_status status = choose_scale(&j, means->threads, scan);
    j.scale = scan->scale;
    if (dm_good(status))
        status = means->store ? fill_store(&j, step_mm, means, scan, report)
                              : fill_memory(&j, step_mm, means->threads, scan, report);
    if (dm_good(status)) return status;
    if (scan->stored) dm_store_drop(means->store, scan->stored);
    dm_scan_clear(scan);
    return status;
}
