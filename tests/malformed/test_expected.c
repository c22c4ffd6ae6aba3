/* The golden table expected.csv: what becomes of every kind of archive, and of every way in which one is broken. An input is a
 * file in inputs/, or is made here under its name. "NAME+WORD" reads NAME with the passphrase WORD. */
#include <check.h>

#include "cases.h"
#include "ingest.h"
#include "made_objects.h"

static dm_protocols protocols;
static const dm_key key = {{7}};

static const struct {
    const char *name;
    void (*make)(const char *path);
} made[] = {{"stored.zip", make_stored},
            {"deflate.zip", make_deflate},
            {"aes.zip", make_aes},
            {"lzma.7z", make_7z},
            {"cd.iso", make_iso},
            {"plain.tar", make_tar},
            {"plain.tar.gz", make_gz},
            {"plain.tar.bz2", make_bz2},
            {"plain.tar.xz", make_xz},
            {"plain.tar.zst", make_zst},
            {"two.tar", make_two_tar},
            {"two.tar.gz", make_two_gz},
            {"two.tar.zst", make_two_zst},
            {"cut.zip", make_cut_zip},
            {"cut.tar", make_cut_tar},
            {"cut.tar.gz", make_cut_gz},
            {"cut.tar.xz", make_cut_xz},
            {"cut.tar.zst", make_cut_zst},
            {"cut.tar.bz2", make_cut_bz2},
            {"cut.7z", make_cut_7z},
            {"cut.iso", make_cut_iso},
            {"flip.zip", make_flip_zip},
            {"flip-last.zip", make_flip_last},
            {"flip.tar.gz", make_flip_gz},
            {"flip-crc.tar.gz", make_flip_crc},
            {"flip.tar.xz", make_flip_xz},
            {"flip.tar.bz2", make_flip_bz2},
            {"flip.7z", make_flip_7z},
            {"flip.tar", make_flip_tar},
            {"nothing.zip", make_nothing},
            {"letter.zip", make_letter},
            {"old.rar", make_rar},
            {"empty.zip", make_empty_zip},
            {"empty.tar.gz", make_empty_tar},
            {"letters.tar.zst", make_letters},
            {"lone.dcm", make_lone},
            {"lone.dcm.gz", make_lone_gz},
            {"zip-in.tar", make_zip_in_tar},
            {"targz-in.zip", make_gz_in_zip},
            {"7z-in.tar.gz", make_7z_in_gz},
            {"iso-in.zip", make_iso_in_zip},
            {"two-deep.zip", make_two_deep},
            {"cut-inside.zip", make_cut_inside},
            {"letter-inside.tar", make_letter_inside},
            {"two-studies.zip", make_two_studies},
            {"same-twice.tar.gz", make_same_twice},
            {"parts", make_parts},
            {"nii-in.zip", make_nii},
            {"niigz-in.tar.gz", make_nii_gz},
            {"two-nii.zip", make_two_nii},
            {"nii-beside.zip", make_nii_beside},
            {"labels-beside.zip", make_labels},
            {"nifti2-dimensions.zip", make_dimensions},
            {"cut-nii.zip", make_cut_nii},
            {"cut-niigz.tar", make_cut_nii_gz},
            {"links.tar", make_links},
            {"names.tar", make_names},
            {"nesting-bomb.zip", make_nesting},
            {"claimed-4gb.zip", make_claimed},
            {"cut-pixels.zip", make_cut_pixels},
            {"deflated-bomb.dcm", make_deflated_bomb},
            {"missing-slices.zip", make_missing},
            {"localizer.zip", make_localizer},
            {"mosaic.zip", make_mosaic},
            {"phase.zip", make_phase},
            {"two-at-one-place.zip", make_two_at_one_place},
            {"decimal-comma.zip", make_comma},
            {"bad-rescale.zip", make_bad_rescale},
            {"float-pixels.zip", make_float_pixels},
            {"electron-density.zip", make_other_unit},
            {"no-rescale.zip", make_no_rescale},
            {"unsigned-no-rescale.zip", make_unsigned_no_rescale},
            {"two-patients.zip", make_two_patients},
            {"one-uid-for-all.zip", make_one_uid},
            {"secondary-capture.zip", make_capture},
            {"inverted.zip", make_inverted},
            {"cd-clutter.iso", make_clutter},
            {"no-preamble.zip", make_no_preamble},
            {"no-meta.zip", make_no_meta},
            {"self-extracting.exe", make_sfx}};

/* ---- the walk ---- */

typedef struct row {
    char input[64], studies[8], outcome[32], code[32], message[120];
} row;

static void field(char **line, char *out, size_t size) {
    size_t n = strcspn(*line, ",\n");
    snprintf(out, size, "%.*s", (int)n, *line);
    *line += n + ((*line)[n] == ',');
}

/* The input's path; made on the way where it is no file of inputs/. */
static void find_input(const char *name, char path[600]) {
    snprintf(path, 600, "%s/tests/malformed/inputs/%s", source, name);
    if (access(path, R_OK) == 0) return;
    snprintf(path, 600, "%s/%s", folder, name);
    for (unsigned i = 0; access(path, R_OK) != 0 && i < sizeof made / sizeof *made; i++)
        if (!strcmp(made[i].name, name)) made[i].make(path);
}

static int says(const dm_ingested_study *s, const char *words) {
    if (strstr(s->status.text, words)) return 1;
    for (int i = 0; i < s->n_exclusions; i++)
        if (strstr(s->exclusions[i].reason, words)) return 1;
    return 0;
}

/* One of the studies must be as the row says, and there must be as many as it says. */
static int as_expected(const row *r, dm_status s, const dm_ingested *in) {
    if (!strcmp(r->outcome, "source_failed"))
        return s.severity == DM_STUDY && !strcmp(s.code, r->code) && strstr(s.text, r->message) && in->n == 0;
    if (!dm_good(s) || in->n != atoi(r->studies)) return 0;
    for (int i = 0; i < in->n; i++) {
        const dm_ingested_study *d = &in->study[i];
        int measured = dm_good(d->status) && d->study.n_passes > 0;
        if (measured == !strcmp(r->outcome, "measured") && !strcmp(d->status.code, r->code) && says(d, r->message)) return 1;
    }
    return 0;
}

static void tell(const row *r, dm_status s, const dm_ingested *in) {
    printf("%s: expected %s %s '%s', got source %s: %s\n", r->input, r->outcome, r->code, r->message, s.code, s.text);
    for (int i = 0; i < in->n; i++) {
        printf("    study %s: %s, %d passes\n", in->study[i].status.code, in->study[i].status.text, in->study[i].study.n_passes);
        for (int k = 0; k < in->study[i].n_exclusions; k++) printf("    - %s\n", in->study[i].exclusions[k].reason);
    }
}

/* However a source is read, its digest is that of its bytes: later runs know it again by it. */
static int has_true_digest(const char *path, const dm_ingested *in) {
    struct stat st;
    char digest[65];
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return 1;
    return dm_good(dm_digest_file(path, digest)) && !strcmp(digest, in->input_digest);
}

static int judge(const row *r) {
    char name[64], path[600];
    dm_ingested in;
    snprintf(name, sizeof name, "%s", r->input);
    char *plus = strchr(name, '+');
    if (plus) *plus = 0;
    find_input(name, path);
    int good = 1;
    for (int threads = 1; threads <= 3; threads += 2) { /* the number of handles changes nothing */
        const dm_ingest_options o = {.protocols = &protocols, .key = &key, .passphrase = plus ? plus + 1 : NULL,
                                     .threads = threads, .hold = threads == 1 ? 1u << 30 : 4000}; /* 4000: everything is read twice */
        dm_status s = dm_ingest(path, &o, &in);
        if (good && !as_expected(r, s, &in)) {
            good = 0;
            tell(r, s, &in);
            fflush(stdout); /* the test process may be ended */
        }
        if (dm_good(s) && !has_true_digest(path, &in)) {
            good = 0;
            printf("%s: a wrong digest\n", r->input);
        }
        dm_ingested_clear(&in);
    }
    return good;
}

START_TEST(every_row_as_expected) {
    char path[600], line[600];
    int rows = 0, wrong = 0;
    snprintf(path, sizeof path, "%s/tests/malformed/expected.csv", source);
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_ptr_nonnull(fgets(line, sizeof line, f));
    for (; fgets(line, sizeof line, f); rows++) {
        row r;
        char *at = line;
        field(&at, r.input, sizeof r.input);
        field(&at, r.studies, sizeof r.studies);
        field(&at, r.outcome, sizeof r.outcome);
        field(&at, r.code, sizeof r.code);
        field(&at, r.message, sizeof r.message);
        wrong += !judge(&r);
    }
    fclose(f);
    printf("expected.csv: %d rows, %d wrong\n", rows, wrong);
    ck_assert_int_gt(rows, 60);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

static int load_protocols(void) {
    char path[600];
    static const char ct[] = "[protocol]\nmodality = ct\ncontrast = iodine\n[match]\nmin_slices = 3\n",
                      mr[] = "[protocol]\nmodality = mr\ncontrast = fluid\n[match]\nmin_slices = 3\n";
    snprintf(path, sizeof path, "%s/protocols", folder);
    if (mkdir(path, 0755) != 0) return 0;
    snprintf(path, sizeof path, "%s/protocols/ct.ini", folder);
    write_text(path, ct, sizeof ct - 1);
    snprintf(path, sizeof path, "%s/protocols/mr.ini", folder);
    write_text(path, mr, sizeof mr - 1);
    snprintf(path, sizeof path, "%s/protocols", folder);
    return dm_good(dm_protocols_load(path, &protocols));
}

int main(void) {
    const char *where = getenv("DURAMAP_SOURCE");
    snprintf(source, sizeof source, "%s", where ? where : ".");
    if (!mkdtemp(folder) || !load_protocols()) return 1;
    TCase *t = tcase_create("expected");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_row_as_expected);
    int failed = cases_failed("expected", t);
    dm_protocols_clear(&protocols);
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed != 0;
}
