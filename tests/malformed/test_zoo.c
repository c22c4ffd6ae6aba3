/* The zoo of real and deliberately bad DICOM files, file by file, against zoo.csv: what each file is was decided by reading it
 * (and by pydicom with codecs of its own, whose pixels gave crc32), not by what this program does. Skipped without
 * DURAMAP_SHARED. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "archive.h"
#include "cases.h"
#include "dicom.h"
#include "sop_class.h"

static char zoo[600], table[600];

enum { MOST = 1024 };

typedef struct row {
    char file[160], kind[16], outcome[32], crc[16];
    int seen;
} row;

static row rows[MOST];
static int n_rows;

/* Fields hold neither quotes nor commas. */
static void field(char **line, char *out, size_t size) {
    size_t n = strcspn(*line, ",\n");
    snprintf(out, size, "%.*s", (int)n, *line);
    *line += n + ((*line)[n] == ',');
}

static void read_table(void) {
    char text[512];
    FILE *f = fopen(table, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, f)); /* the header */
    while (n_rows < MOST && fgets(text, sizeof text, f)) {
        row *r = &rows[n_rows++];
        char *at = text;
        field(&at, r->file, sizeof r->file);
        field(&at, r->kind, sizeof r->kind);
        field(&at, r->outcome, sizeof r->outcome);
        field(&at, r->crc, sizeof r->crc);
    }
    fclose(f);
}

static row *row_of(const char *name) {
    if (!strncmp(name, "./", 2)) name += 2;
    for (int i = 0; i < n_rows; i++)
        if (!strcmp(rows[i].file, name)) return &rows[i];
    return NULL;
}

static const char *kind_of(const dm_dicom *d) {
    static const char *const names[] = {"ct", "mr", "xray", "directory", "ignored", "unknown"};
    const char *ignored;
    const dm_instance *f = dm_dicom_facts(d);
    return names[dm_sop_class(f->sop_class, f->modality, &ignored)];
}

/* Every frame's values as one row of 32-bit numbers. */
static dm_status checksum(const dm_dicom *d, char crc[16]) {
    const dm_instance *f = dm_dicom_facts(d);
    size_t n = (size_t)f->rows * (size_t)f->columns;
    int32_t *pixels = malloc(n * sizeof *pixels);
    uLong sum = crc32(0, NULL, 0);
    dm_status s = dm_ok;
    ck_assert_ptr_nonnull(pixels);
    for (int k = 0; k < f->frames && dm_good(s); k++) {
        s = dm_dicom_pixels(d, k, pixels);
        if (dm_good(s)) sum = crc32(sum, (const Bytef *)pixels, (uInt)(n * sizeof *pixels));
    }
    snprintf(crc, 16, "%08lx", sum);
    free(pixels);
    return s;
}

/* Returns 1 when the outcome is the expected one; counts pixels that were compared. */
static int judge(const dm_entry *e, const row *r, int *exact) {
    dm_dicom *d = NULL;
    char crc[16] = "", kind[16] = "", outcome[32];
    dm_status s = e->damaged ? e->trouble : dm_dicom_parse(e->bytes, e->size, &d);
    if (d) snprintf(kind, sizeof kind, "%s", kind_of(d));
    int pixels = d && dm_dicom_facts(d)->rows > 0;
    if (pixels) s = checksum(d, crc);
    dm_dicom_free(d);
    snprintf(outcome, sizeof outcome, "%s", !dm_good(s) ? s.code : pixels ? "decoded" : "no_pixels");
    int good = !strcmp(outcome, r->outcome) && (!r->kind[0] || !strcmp(kind, r->kind));
    if (!good) printf("%s: %s %s, not %s %s (%s)\n", r->file, kind, outcome, r->kind, r->outcome, s.text);
    if (!r->crc[0] || strcmp(outcome, "decoded") != 0) return good;
    if (strcmp(crc, r->crc) != 0) printf("%s: pixels %s, not %s\n", r->file, crc, r->crc);
    *exact += !strcmp(crc, r->crc);
    return good && !strcmp(crc, r->crc);
}

START_TEST(every_file_as_expected) {
    dm_archive_limits limits = dm_archive_defaults;
    limits.depth = 0; /* the files themselves */
    const dm_archive_options o = {.limits = &limits};
    dm_archive *a;
    int more = 1, wrong = 0, seen = 0, exact = 0, wanted = 0;
    read_table();
    for (int i = 0; i < n_rows; i++) wanted += rows[i].crc[0] != 0;
    ck_assert(dm_good(dm_archive_open(zoo, &o, &a)));
    while (more) {
        dm_entry e;
        ck_assert(dm_good(dm_archive_next(a, &e, &more)));
        if (!more) break;
        row *r = row_of(e.name);
        if (!r) printf("%s: not in zoo.csv\n", e.name);
        wrong += !r || !judge(&e, r, &exact);
        if (r) r->seen = 1;
        seen++;
    }
    dm_archive_close(a);
    for (int i = 0; i < n_rows; i++)
        if (!rows[i].seen) printf("%s: not in the zoo\n", rows[i].file), wrong++;
    printf("zoo: %d files, %d of %d pixel-exact, %d wrong\n", seen, exact, wanted, wrong);
    ck_assert_int_eq(wrong, 0);
    ck_assert_int_eq(exact, wanted);
}
END_TEST

int main(void) {
    const char *shared = getenv("DURAMAP_SHARED"), *source = getenv("DURAMAP_SOURCE");
    snprintf(zoo, sizeof zoo, "%s/dicom-zoo.tar.zst", shared ? shared : "");
    snprintf(table, sizeof table, "%s/tests/malformed/zoo.csv", source ? source : ".");
    if (!shared || access(zoo, R_OK) != 0) {
        printf("SKIPPED: DURAMAP_SHARED names no folder with dicom-zoo.tar.zst\n");
        return 77;
    }
    TCase *t = tcase_create("zoo");
    tcase_set_timeout(t, 300);
    tcase_add_test(t, every_file_as_expected);
    return cases_failed("zoo", t) != 0;
}
