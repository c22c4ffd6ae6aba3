/* Which images of a series belong to one volume. */
#include "series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEWEST = 3 };

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
    if (strcmp(a->sop_class, b->sop_class) || strcmp(a->modality, b->modality)) return 0;
    if (!same_kind(a->image_type, b->image_type)) return 0;
    for (int i = 0; i < 6; i++)
        if (a->has_orientation && fabs(a->orientation[i] - b->orientation[i]) > 1e-3) return 0;
    for (int i = 0; i < 2; i++)
        if (a->has_spacing != b->has_spacing || (a->has_spacing && fabs(a->spacing[i] - b->spacing[i]) > 1e-3)) return 0;
    return 1;
}

static double dot(const double a[3], const double b[3]) {
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

int dm_series_normal(const dm_instance *f, double normal[3]) {
    const double *r = f->orientation, *c = f->orientation + 3;
    if (!f->has_orientation || fabs(dot(r, r) - 1) > 0.02 || fabs(dot(c, c) - 1) > 0.02 || fabs(dot(r, c)) > 0.02) return 0;
    normal[0] = r[1] * c[2] - r[2] * c[1];
    normal[1] = r[2] * c[0] - r[0] * c[2];
    normal[2] = r[0] * c[1] - r[1] * c[0];
    double n = sqrt(dot(normal, normal));
    for (int i = 0; i < 3; i++) normal[i] /= n;
    return 1;
}

double dm_series_place(const dm_instance *f, const double normal[3]) {
    return dot(f->position, normal);
}

static int by_double(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many images lie where another lies already; 0 also when places are not known. */
static int repeats(dm_image *const *images, int n) {
    double normal[3], *at = malloc((size_t)n * sizeof *at);
    int count = 0, known = at && dm_series_normal(&images[0]->facts, normal);
    for (int i = 0; known && i < n; i++) {
        known = images[i]->facts.has_position;
        at[i] = known ? dm_series_place(&images[i]->facts, normal) : 0;
    }
    if (known) qsort(at, (size_t)n, sizeof *at, by_double);
    for (int i = 1; known && i < n; i++) count += at[i] - at[i - 1] <= 0.01;
    free(at);
    return count;
}

static int same_number(double a, double b) {
    return (isnan(a) && isnan(b)) || fabs(a - b) < 0.01;
}

static int same_echo(const dm_instance *a, const dm_instance *b) {
    return same_number(a->echo_time, b->echo_time);
}
static int same_temporal(const dm_instance *a, const dm_instance *b) {
    return a->temporal == b->temporal;
}
static int same_b(const dm_instance *a, const dm_instance *b) {
    return same_number(a->b_value, b->b_value);
}
static int same_type(const dm_instance *a, const dm_instance *b) {
    return !strcmp(a->image_type, b->image_type);
}
static int same_trigger(const dm_instance *a, const dm_instance *b) {
    return same_number(a->trigger_time, b->trigger_time);
}
static int same_acquisition(const dm_instance *a, const dm_instance *b) {
    return a->acquisition_number == b->acquisition_number;
}

static const struct {
    const char *name;
    int (*same)(const dm_instance *a, const dm_instance *b);
} keys[] = {{"echo time", same_echo}, {"temporal position", same_temporal}, {"b-value", same_b},
            {"image type", same_type}, {"trigger time", same_trigger},      {"acquisition number", same_acquisition}};

/* What is the same as the first comes to the front; the others keep their order behind. */
static int gather(dm_image **images, int n, int (*same)(const dm_instance *a, const dm_instance *b)) {
    int m = 1;
    for (int i = 1; i < n; i++)
        if (same(&images[0]->facts, &images[i]->facts)) {
            dm_image *t = images[i];
            memmove(images + m + 1, images + m, (size_t)(i - m) * sizeof *images);
            images[m++] = t;
        }
    return m;
}

int dm_series_next(dm_image **images, int n, const char **split_by) {
    int m = gather(images, n, dm_series_fits), again = repeats(images, m);
    *split_by = NULL;
    for (unsigned k = 0; again && k < sizeof keys / sizeof *keys; k++) {
        int part = gather(images, m, keys[k].same);
        /* A key that leaves single images says how they were taken, not which volume they are of. */
        if (part == m || part < FEWEST) continue;
        int left = repeats(images, part);
        if (left >= again) continue;
        *split_by = keys[k].name;
        m = part;
        again = left;
    }
    return m;
}
