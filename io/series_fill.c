/* The pixels of a volume: decoded by several threads, interpolated where slices lack. */
#include "series_parts.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_THREADS = 16 };

typedef struct job {
    const dm_slice *s;
    int n;
    size_t count; /* pixels of a slice */
    dm_rescale rescale;
    const dm_store *store;
    int16_t *v;            /* n slices; NULL: they go to the store */
    const uint64_t *place; /* of each slice in the store */
    int measure;           /* 1 = only the largest value is wanted */
} job;

/* What one thread does: every threads-th object, so that frames of one object stay in one thread. */
typedef struct worker {
    const job *j;
    int part, parts, padded;
    double largest;
    dm_status status;
    int32_t *pixels; /* of a slice */
    int16_t *slice;  /* on its way to the store */
} worker;

static dm_status do_slice(int i, worker *w) {
    const job *j = w->j;
    const dm_image *image = j->s[i].image;
    const size_t bytes = j->count * sizeof *w->slice;
    if (j->measure) return dm_image_largest(image, w->pixels, &w->largest);
    if (j->v) return dm_image_voxels(image, &j->rescale, j->store, w->pixels, j->v + (size_t)i * j->count, &w->padded);
    if (image->settled) {
        w->padded += image->padded;
        return dm_ok;
    }
    DM_TRY(dm_image_voxels(image, &j->rescale, j->store, w->pixels, w->slice, &w->padded));
    if (dm_store_put(j->store, j->place[i], w->slice, bytes)) return dm_ok;
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d images", j->n);
}

/* Frames of one object are one thread's: an object serves one at a time. */
static int mine(const job *j, int i, const worker *w) {
    return (j->s[i].f->frames > 1 ? 0 : i % w->parts) == w->part;
}

static void *work(void *user) {
    worker *w = user;
    const job *j = w->j;
    const int to_store = !j->v && !j->measure;
    w->pixels = malloc(j->count * sizeof *w->pixels);
    w->slice = to_store ? malloc(j->count * sizeof *w->slice) : NULL;
    if (!w->pixels || (to_store && !w->slice))
        w->status = dm_fail(DM_STUDY, "out_of_memory", "no memory for an image of %zu pixels", j->count);
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
    if (j->rescale.ct) return dm_ok;
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
    if (step_mm > 0) DM_TRY(interpolate(j->s, j->n, step_mm, j->count, scan));
    j->v = scan->v;
    return dm_ok;
}

/* A place of its own for each slice that has none yet. Theirs lie in one piece, which is mapped whole. */
static dm_status find_places(const job *j, dm_store *store, int nz, uint64_t *place) {
    const uint64_t bytes = (uint64_t)j->count * sizeof *j->v;
    uint64_t at = 0;
    int missing = nz;
    for (int i = 0; i < j->n && !j->v; i++) missing -= j->s[i].image->settled != 0;
    if (missing) DM_TRY(dm_store_take(store, bytes * (uint64_t)missing, &at));
    for (int k = 0; k < nz; k++) {
        uint64_t settled = j->v ? 0 : j->s[k].image->settled;
        place[k] = settled ? settled : at;
        if (!settled) at += bytes;
    }
    return dm_ok;
}

/* Into the store, a slice when it is made; or all of them, where some had to be put between the others. */
static dm_status fill_store(job *j, double step_mm, const dm_series_means *means, dm_scan *scan, dm_series_report *report) {
    double ignored = 0;
    if (step_mm > 0) DM_TRY(fill_memory(j, step_mm, means->threads, scan, report));
    uint64_t *place = calloc((size_t)scan->nz, sizeof *place);
    if (!place) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d slices", scan->nz);
    dm_status s = find_places(j, means->store, scan->nz, place);
    j->place = place;
    if (dm_good(s) && !j->v) s = run(j, means->threads, &ignored, &report->padded);
    if (dm_good(s) && j->v && !dm_store_put(means->store, place[0], scan->v, j->count * (size_t)scan->nz * sizeof *scan->v))
        s = dm_fail(DM_STUDY, "out_of_memory", "no memory for a volume of %d slices", scan->nz);
    for (int k = 0; k < scan->nz; k++) {
        uint64_t *settled = j->v ? NULL : &j->s[k].image->settled;
        if (dm_good(s) && settled) *settled = 0; /* the scan's now */
        else if (!dm_good(s) && place[k] && !(settled && *settled)) dm_store_free(means->store, place[k], j->count * sizeof *scan->v);
    }
    if (!dm_good(s)) {
        free(place);
        return s;
    }
    dm_scan_drop(scan);
    scan->stored = place;
    return dm_ok;
}

dm_status dm_series_fill(const dm_slice *s, int n, double step_mm, const dm_series_means *means, dm_scan *scan,
                         dm_series_report *report) {
    job j = {.s = s, .n = n, .count = (size_t)scan->nx * (size_t)scan->ny, .store = means->store};
    j.rescale.ct = !strcmp(s[0].f->modality, "CT");
    dm_status status = choose_scale(&j, means->threads, scan);
    j.rescale.scale = scan->scale;
    if (dm_good(status))
        status = means->store ? fill_store(&j, step_mm, means, scan, report)
                              : fill_memory(&j, step_mm, means->threads, scan, report);
    if (!dm_good(status)) dm_scan_clear(scan);
    return status;
}
