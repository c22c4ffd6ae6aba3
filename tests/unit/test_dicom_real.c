/* One real CT image in many transfer syntaxes: lossless ones must give the same stored values, lossy ones keep a bound, syntaxes
 * that are not read must be refused by their UID. Skipped without DURAMAP_SHARED. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "cases.h"
#include "dicom.h"

static char zoo[600];

typedef struct object {
    char syntax[68];
    dm_status status;
    int32_t *pixels; /* NULL when not decoded */
    int rows, columns, lossy;
    double slope, intercept;
} object;

enum { MOST = 32 };
static object found[MOST];
static int n_found;

static object read_object(const dm_entry *e) {
    object o = {.pixels = NULL};
    const char *uid = strstr(e->name, "TransferSyntax_") + strlen("TransferSyntax_");
    size_t n = strspn(uid, "0123456789.");
    snprintf(o.syntax, sizeof o.syntax, "%.*s", (int)(uid[n - 1] == '.' ? n - 1 : n), uid);
    dm_dicom *d = NULL;
    o.status = dm_dicom_parse(e->bytes, e->size, &d);
    if (dm_good(o.status)) {
        const dm_instance *f = dm_dicom_facts(d);
        o.rows = f->rows;
        o.columns = f->columns;
        o.lossy = f->lossy;
        o.slope = f->slope;
        o.intercept = f->intercept;
        o.pixels = malloc((size_t)f->rows * (size_t)f->columns * sizeof *o.pixels);
        ck_assert_ptr_nonnull(o.pixels);
        o.status = dm_dicom_pixels(d, 0, o.pixels);
    }
    dm_dicom_free(d);
    return o;
}

/* The cornerstone set stands in one folder of a larger archive. */
static void read_zoo(void) {
    dm_archive *a;
    dm_entry e;
    int more = 1;
    n_found = 0;
    ck_assert(dm_good(dm_archive_open(zoo, NULL, &a)));
    while (n_found < MOST) {
        ck_assert(dm_good(dm_archive_next(a, &e, &more)));
        if (!more) break;
        if (strstr(e.name, "cornerstone/CTImage.dcm_") && strstr(e.name, "TransferSyntax_"))
            found[n_found++] = read_object(&e);
    }
    dm_archive_close(a);
    ck_assert_int_eq(n_found, 15);
}

static void drop(void) {
    for (int i = 0; i < n_found; i++) free(found[i].pixels);
}

static const object *with_syntax(const char *uid) {
    for (int i = 0; i < n_found; i++)
        if (!strcmp(found[i].syntax, uid)) return &found[i];
    ck_abort_msg("no object with transfer syntax %s", uid);
    return NULL;
}

/* Largest difference to the uncompressed twin, in HU (codings with fewer bits have a rescale of their own); -1 when it was not
 * decoded. */
static double largest_difference(const char *uid) {
    const object *plain = with_syntax("1.2.840.10008.1.2.1"), *o = with_syntax(uid);
    ck_assert(dm_good(plain->status));
    if (!dm_good(o->status) || o->rows != plain->rows || o->columns != plain->columns) return -1;
    double most = 0;
    for (size_t i = 0; i < (size_t)o->rows * (size_t)o->columns; i++)
        most = fmax(most, fabs(o->pixels[i] * o->slope + o->intercept - plain->pixels[i] * plain->slope - plain->intercept));
    return most;
}

START_TEST(lossless_syntaxes_are_exact) {
    static const char *const exact[] = {"1.2.840.10008.1.2",      "1.2.840.10008.1.2.2",    "1.2.840.10008.1.2.1.99",
                                        "1.2.840.10008.1.2.5",    "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70",
                                        "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"};
    for (unsigned i = 0; i < sizeof exact / sizeof *exact; i++) {
        double d = largest_difference(exact[i]);
        ck_assert_msg(d == 0, "%s differs by %g", exact[i], d);
        ck_assert_int_eq(with_syntax(exact[i])->lossy, 0);
    }
}
END_TEST

/* What these files were measured to lose: one grey level of near-lossless JPEG-LS, five of JPEG 2000, 18 of 12-bit JPEG (2 HU
 * each), two of 8-bit JPEG (32 HU each). More would be the decoder's fault. */
START_TEST(lossy_syntaxes_keep_their_bound) {
    static const struct {
        const char *uid;
        double hu;
    } bound[] = {{"1.2.840.10008.1.2.4.81", 1}, {"1.2.840.10008.1.2.4.91", 5}, {"1.2.840.10008.1.2.4.51", 36},
                 {"1.2.840.10008.1.2.4.50", 65}};
    for (unsigned i = 0; i < sizeof bound / sizeof *bound; i++) {
        double d = largest_difference(bound[i].uid);
        ck_assert_msg(d > 0 && d <= bound[i].hu, "%s differs by %g", bound[i].uid, d);
        ck_assert_int_eq(with_syntax(bound[i].uid)->lossy, 1);
    }
}
END_TEST

START_TEST(other_syntaxes_are_refused_by_name) {
    static const char *const refused[] = {"1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55"};
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) {
        const object *o = with_syntax(refused[i]);
        ck_assert_str_eq(o->status.code, "transfer_syntax");
        ck_assert_ptr_nonnull(strstr(o->status.text, refused[i]));
    }
}
END_TEST

int main(void) {
    const char *shared = getenv("DURAMAP_SHARED");
    snprintf(zoo, sizeof zoo, "%s/dicom-zoo.tar.zst", shared ? shared : "");
    if (!shared || access(zoo, R_OK) != 0) {
        printf("SKIPPED: DURAMAP_SHARED names no folder with dicom-zoo.tar.zst\n");
        return 77;
    }
    TCase *t = tcase_create("dicom_real");
    tcase_set_timeout(t, 120);
    tcase_add_unchecked_fixture(t, read_zoo, drop);
    tcase_add_test(t, lossless_syntaxes_are_exact);
    tcase_add_test(t, lossy_syntaxes_keep_their_bound);
    tcase_add_test(t, other_syntaxes_are_refused_by_name);
    return cases_failed("dicom_real", t) != 0;
}
