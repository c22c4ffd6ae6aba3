/* The golden table expected.csv: what becomes of every kind of archive, and of every way in which one is broken. An input is a
 * file in inputs/, or is made here under its name. "NAME+WORD" reads NAME with the passphrase WORD. */
#include <check.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "bag.h"
#include "ingest.h"
#include "nifti.h"

static char folder[] = "/tmp/duramap-expected-XXXXXX", source[512];
static dm_protocols protocols;
static const dm_key key = {{7}};
static bag b; /* too large for a stack */

/* ---- inputs that are made ---- */

static void pack_plain(const char *kind, const char *path) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    bag_pack(&b, kind, path);
}

static maker other_study(void) {
    maker m = maker_plain();
    m.study = "2.25.85";
    m.series = "2.25.86";
    return m;
}

static void make_stored(const char *p) { pack_plain("zip:store", p); }
static void make_deflate(const char *p) { pack_plain("zip", p); }
static void make_aes(const char *p) { pack_plain("zip:aes", p); }
static void make_7z(const char *p) { pack_plain("7z", p); }
static void make_iso(const char *p) { pack_plain("iso", p); }
static void make_tar(const char *p) { pack_plain("tar", p); }
static void make_gz(const char *p) { pack_plain("tar.gz", p); }
static void make_bz2(const char *p) { pack_plain("tar.bz2", p); }
static void make_xz(const char *p) { pack_plain("tar.xz", p); }
static void make_zst(const char *p) { pack_plain("tar.zst", p); }

static size_t size_of(const char *path) {
    struct stat st;
    if (stat(path, &st) != 0) abort();
    return (size_t)st.st_size;
}

static void append(const char *to, const char *from) {
    bag one = {.n = 0};
    bag_file(&one, "", from);
    FILE *f = fopen(to, "ab");
    if (!f || fwrite(one.entry[0].bytes, 1, one.entry[0].size, f) != one.entry[0].size) abort();
    fclose(f);
    bag_clear(&one);
}

/* Two archives of four slices each, one behind the other. */
static void pack_two(const char *kind, const char *path) {
    char second[600];
    maker m = maker_plain();
    m.n = 4;
    bag_study(&b, &m, "study");
    bag_pack(&b, kind, path);
    m.first = 4;
    snprintf(second, sizeof second, "%s/second", folder);
    bag_study(&b, &m, "study");
    bag_pack(&b, kind, second);
    append(path, second);
    unlink(second);
}
static void make_two_tar(const char *p) { pack_two("tar", p); }
static void make_two_gz(const char *p) { pack_two("tar.gz", p); }
static void make_two_zst(const char *p) { pack_two("tar.zst", p); }

static void cut(const char *path) {
    if (truncate(path, (off_t)(size_of(path) / 2)) != 0) abort();
}
static void make_cut_zip(const char *p) { make_deflate(p), cut(p); }
static void make_cut_tar(const char *p) { make_tar(p), cut(p); }
static void make_cut_gz(const char *p) { make_gz(p), cut(p); }
static void make_cut_xz(const char *p) { make_xz(p), cut(p); }
static void make_cut_zst(const char *p) { make_zst(p), cut(p); }
static void make_cut_bz2(const char *p) { make_bz2(p), cut(p); }
static void make_cut_7z(const char *p) { make_7z(p), cut(p); }
/* Within the last image: half of the file would still hold them all. */
static void make_cut_iso(const char *p) {
    bag whole = {.n = 0};
    size_t at = 0;
    make_iso(p);
    bag_file(&whole, "", p);
    for (size_t i = 0; i + 4 < whole.entry[0].size; i++)
        if (!memcmp(whole.entry[0].bytes + i, "DICM", 4)) at = i;
    bag_clear(&whole);
    if (truncate(p, (off_t)at) != 0) abort();
}

static void flip(const char *path, long at, int from) {
    FILE *f = fopen(path, "r+b");
    if (!f || fseek(f, at, from) != 0) abort();
    long here = ftell(f);
    int c = fgetc(f);
    fseek(f, here, SEEK_SET);
    fputc(c ^ 0x10, f);
    fclose(f);
}
static void make_flip_zip(const char *p) { make_deflate(p), flip(p, (long)size_of(p) / 2, SEEK_SET); }
/* Seven slices whole, the last one damaged: no gap tells of it, so a warning must. */
static void make_flip_last(const char *p) { make_deflate(p), flip(p, (long)size_of(p) - 900, SEEK_SET); }
static void make_flip_gz(const char *p) { make_gz(p), flip(p, (long)size_of(p) / 2, SEEK_SET); }
static void make_flip_crc(const char *p) { make_gz(p), flip(p, -6, SEEK_END); }
static void make_flip_xz(const char *p) { make_xz(p), flip(p, (long)size_of(p) / 2, SEEK_SET); }
static void make_flip_7z(const char *p) { make_7z(p), flip(p, (long)size_of(p) / 2, SEEK_SET); }
static void make_flip_bz2(const char *p) { make_bz2(p), flip(p, (long)size_of(p) / 2, SEEK_SET); }
/* In the last pixels of the last slice (behind it: padding, two blocks of zeros and more). */
static void make_flip_tar(const char *p) {
    make_tar(p);
    flip(p, 512 * 3 - 100 + (long)(size_of(p) / 8 * 3 / 512 * 512), SEEK_SET);
}

static void write_text(const char *path, const char *text, size_t n) {
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(text, 1, n, f) != n) abort();
    fclose(f);
}
static void make_nothing(const char *p) { write_text(p, "", 0); }
static void make_letter(const char *p) { write_text(p, "dear colleague, the images follow", 33); }
static void make_rar(const char *p) { write_text(p, "Rar!\032\007\001\0 and so on", 19); }
static void make_empty_zip(const char *p) { bag_pack(&b, "zip", p); }
static void make_empty_tar(const char *p) { bag_pack(&b, "tar.gz", p); }
static void make_letters(const char *p) {
    bag_put(&b, "letter.txt", (unsigned char *)strdup("dear colleague"), 14);
    bag_pack(&b, "tar.zst", p);
}

static void make_lone(const char *path) {
    const maker m = maker_plain();
    size_t size;
    unsigned char *bytes = maker_slice(&m, 0, &size);
    write_text(path, (const char *)bytes, size);
    free(bytes);
}
static void make_lone_gz(const char *path) {
    const maker m = maker_plain();
    size_t size;
    unsigned char *bytes = maker_slice(&m, 0, &size);
    gzFile f = gzopen(path, "wb");
    if (!f || gzwrite(f, bytes, (unsigned)size) != (int)size) abort();
    gzclose(f);
    free(bytes);
}

/* ---- archives inside, several studies, copies ---- */

static void pack_inside(void (*inner)(const char *), const char *name, const char *kind, const char *path) {
    char part[600];
    snprintf(part, sizeof part, "%s/inside", folder);
    inner(part);
    bag_file(&b, name, part);
    unlink(part);
    bag_pack(&b, kind, path);
}
static void make_zip_in_tar(const char *p) { pack_inside(make_deflate, "export/study.zip", "tar", p); }
static void make_gz_in_zip(const char *p) { pack_inside(make_gz, "no name at all", "zip", p); }
static void make_7z_in_gz(const char *p) { pack_inside(make_7z, "a.7z", "tar.gz", p); }
static void make_iso_in_zip(const char *p) { pack_inside(make_iso, "cd.iso", "zip", p); }
static void make_two_deep(const char *p) { pack_inside(make_zip_in_tar, "outer.tar", "zip", p); }
/* Another study beside the archive that is cut short: it goes on. */
static void make_cut_inside(const char *p) {
    const maker m = other_study();
    char part[600];
    snprintf(part, sizeof part, "%s/inside", folder);
    make_cut_tar(part);
    bag_study(&b, &m, "whole");
    bag_file(&b, "cut.tar", part);
    unlink(part);
    bag_pack(&b, "zip", p);
}
static void make_letter_inside(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    bag_put(&b, "bad.zip", (unsigned char *)strdup("PK\003\004 is no archive, though it begins like one"), 46);
    bag_pack(&b, "tar", p);
}
static void make_two_studies(const char *p) {
    const maker one = maker_plain(), two = other_study();
    bag_study(&b, &one, "a");
    bag_study(&b, &two, "b");
    bag_pack(&b, "zip", p);
}
static void make_same_twice(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "a");
    bag_study(&b, &m, "copy of a");
    bag_pack(&b, "tar.gz", p);
}
/* One study over two archives of a folder, and the same slice in both. */
static void make_parts(const char *p) {
    char part[700];
    maker m = maker_plain();
    if (mkdir(p, 0755) != 0) abort();
    m.n = 5;
    bag_study(&b, &m, "study");
    snprintf(part, sizeof part, "%s/part1.zip", p);
    bag_pack(&b, "zip", part);
    m.first = 4;
    m.n = 4;
    bag_study(&b, &m, "study");
    snprintf(part, sizeof part, "%s/part2.tar.xz", p);
    bag_pack(&b, "tar.xz", part);
}

/* ---- NIfTI files among the files of a source ---- */

/* Adds a volume of 6 x 5 x 4 as NAME.nii or NAME.nii.gz, without its last `less` bytes; shade 0 = of labels. */
static void put_volume(const char *name, int shade, size_t less) {
    char part[700];
    int16_t v[6 * 5 * 4];
    const dm_scan scan = {.nx = 6, .ny = 5, .nz = 4, .to_lps = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 2, 0}}}, .scale = 1, .v = v};
    for (int i = 0; i < 6 * 5 * 4; i++) v[i] = (int16_t)(!shade ? i / 40 : i % 2 ? -1000 : shade + i);
    snprintf(part, sizeof part, "%s/%s", folder, name);
    if (!dm_good(dm_nifti_write(part, &scan))) abort();
    bag_file(&b, name, part);
    b.entry[b.n - 1].size -= less;
    unlink(part);
}
static void make_nii(const char *p) { put_volume("a.nii", 1, 0), bag_pack(&b, "zip", p); }
static void make_nii_gz(const char *p) { put_volume("a.nii.gz", 1, 0), bag_pack(&b, "tar.gz", p); }
static void make_two_nii(const char *p) {
    put_volume("a.nii", 1, 0), put_volume("b.nii.gz", 2, 0), put_volume("copy.nii.gz", 1, 0);
    bag_pack(&b, "zip", p);
}
static void make_nii_beside(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    put_volume("a.nii", 1, 0);
    bag_pack(&b, "zip", p);
}
static void make_labels(const char *p) { put_volume("a.nii.gz", 1, 0), put_volume("labels.nii.gz", 0, 0), bag_pack(&b, "zip", p); }
/* What the fuzzers found, in an archive. */
static void make_dimensions(const char *p) {
    char part[700];
    snprintf(part, sizeof part, "%s/tests/malformed/inputs/fuzz-nifti2-dimensions.nii", source);
    bag_file(&b, "a.nii", part);
    bag_pack(&b, "zip", p);
}
static void make_cut_nii(const char *p) { put_volume("a.nii", 1, 7), bag_pack(&b, "zip", p); }
static void make_cut_nii_gz(const char *p) { put_volume("a.nii.gz", 1, 7), bag_pack(&b, "tar", p); }

/* ---- names and links ---- */

static void make_links(const char *p) {
    const maker m = maker_plain();
    bag_link(&b, "passwd", "/etc/passwd");
    bag_study(&b, &m, "study");
    bag_link(&b, "again", "=study/IM0001");
    bag_pack(&b, "tar", p);
}
static void make_names(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "../../../../tmp/\033[31mevil\n\303\244\377");
    bag_pack(&b, "tar", p);
}

/* ---- bombs and damaged objects ---- */

/* Adds bytes behind slice 3, or takes some off. */
static void pack_changed(const char *path, const void *more, size_t n, size_t less) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    unsigned char *grown = realloc(b.entry[3].bytes, b.entry[3].size + n);
    if (!grown) abort();
    if (n) memcpy(grown + b.entry[3].size, more, n);
    b.entry[3].bytes = grown;
    b.entry[3].size += n;
    b.entry[3].size -= less;
    bag_pack(&b, "zip", path);
}
static void make_nesting(const char *path) {
    enum { DEPTH = 20000 };
    static const unsigned char level[20] = {0x40, 0,    0x75, 2,    'S', 'Q',  0,    0,    0xff, 0xff,
                                            0xff, 0xff, 0xfe, 0xff, 0,   0xe0, 0xff, 0xff, 0xff, 0xff};
    unsigned char *deep = malloc(DEPTH * sizeof level);
    if (!deep) abort();
    for (size_t i = 0; i < DEPTH; i++) memcpy(deep + i * sizeof level, level, sizeof level);
    pack_changed(path, deep, DEPTH * sizeof level, 0);
    free(deep);
}
static void make_claimed(const char *p) {
    pack_changed(p, "\011\0\020\020OB\0\0\376\377\377\377 4 GB are claimed", 12 + 17, 0);
}
static void make_cut_pixels(const char *p) { pack_changed(p, NULL, 0, 100); }

/* 70 MB of zeros, deflated within the object. */
static void make_deflated_bomb(const char *path) {
    enum { ZEROS = 70 << 20 };
    unsigned char *zeros = calloc(1, ZEROS), *out = calloc(1, 1 << 20);
    if (!zeros || !out) abort();
    memcpy(zeros, "\010\0\026\0UI\002\0001.\340\177\020\0OW\0\0\0\0\0\004", 22);
    memcpy(out + 128, "DICM\002\0\020\0UI\026\0" "1.2.840.10008.1.2.1.99", 34);
    z_stream z = {.next_in = zeros, .avail_in = ZEROS, .next_out = out + 162, .avail_out = (1 << 20) - 162};
    if (deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK || deflate(&z, Z_FINISH) != Z_STREAM_END) abort();
    write_text(path, (const char *)out, 162 + z.total_out);
    deflateEnd(&z);
    free(zeros);
    free(out);
}

/* ---- series ---- */

static void pack_maker(const maker *m, const char *path) {
    bag_study(&b, m, "study");
    bag_pack(&b, "zip", path);
}
static void make_missing(const char *p) {
    maker m = maker_plain();
    m.n = 3;
    bag_study(&b, &m, "study");
    m.first = 5;
    pack_maker(&m, p);
}
static void make_localizer(const char *p) {
    maker m = maker_plain();
    m.image_type = "ORIGINAL\\PRIMARY\\LOCALIZER";
    pack_maker(&m, p);
}
static void make_mosaic(const char *p) {
    maker m = maker_plain();
    m.modality = "MR";
    m.image_type = "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC";
    pack_maker(&m, p);
}
static void make_phase(const char *p) {
    maker m = maker_plain();
    m.modality = "MR";
    m.image_type = "ORIGINAL\\PRIMARY\\P\\ND";
    pack_maker(&m, p);
}
static void make_two_at_one_place(const char *p) {
    maker m = maker_plain();
    bag_study(&b, &m, "a");
    m.first = 100;
    m.shade = 9;
    m.step = 0; /* all of them at z = 0 */
    pack_maker(&m, p);
}

/* ---- headers that say what cannot be ---- */

/* Writes n bytes over those of the same number in every file of the bag. */
static void patch_all(const char *from, const char *to, size_t n) {
    for (int i = 0; i < b.n; i++) {
        unsigned char *at = b.entry[i].bytes, *end = at + b.entry[i].size - n;
        while (at < end && memcmp(at, from, n) != 0) at++;
        if (at == end) abort();
        memcpy(at, to, n);
    }
}
static void pack_patched(const char *path, const char *from, const char *to, size_t n) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    patch_all(from, to, n);
    bag_pack(&b, "zip", path);
}
static void make_comma(const char *p) { pack_patched(p, "0.5\\0.5", "0,5\\0,5", 7); }
static void make_bad_rescale(const char *p) { pack_patched(p, "\050\0\122\020DS\002\0" "0", "\050\0\122\020DS\002\0" "x", 9); }
static void make_float_pixels(const char *p) { pack_patched(p, "\340\177\020\0OW", "\340\177\010\0OF", 6); }
/* Electron density, as a dual-energy scanner computes it. */
static void make_other_unit(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    for (int i = 0; i < b.n; i++) {
        unsigned char *grown = realloc(b.entry[i].bytes, b.entry[i].size + 20);
        if (!grown) abort();
        b.entry[i].bytes = grown;
        b.entry[i].size += maker_element(grown + b.entry[i].size, 0x0028, 0x1054, "LO", "ED");
    }
    bag_pack(&b, "zip", p);
}
/* Slope and intercept under tags that nobody knows; unsigned in the second one. */
static void hide_rescale(void) {
    patch_all("\050\0\122\020DS", "\050\0\122\036DS", 6);
    patch_all("\050\0\123\020DS", "\050\0\123\036DS", 6);
}
static void make_no_rescale(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    hide_rescale();
    bag_pack(&b, "zip", p);
}
static void make_unsigned_no_rescale(const char *p) {
    const maker m = maker_plain();
    bag_study(&b, &m, "study");
    hide_rescale();
    patch_all("\050\0\003\001US\002\0\001", "\050\0\003\001US\002\0\0", 9);
    bag_pack(&b, "zip", p);
}
static void make_two_patients(const char *p) {
    maker m = maker_plain();
    m.n = 4;
    bag_study(&b, &m, "a");
    m.first = 4;
    m.id = "TEST2";
    bag_study(&b, &m, "b");
    bag_pack(&b, "zip", p);
}
/* As some anonymisers do; and one image as a copy. */
static void make_one_uid(const char *p) {
    maker m = maker_plain();
    m.n = 1;
    for (m.first = 0; m.first < 8; m.first++) {
        m.again = -m.first;
        bag_study(&b, &m, "study");
    }
    m.first = 3, m.again = -3;
    bag_study(&b, &m, "copy");
    bag_pack(&b, "zip", p);
}
/* A program that unpacks itself: the directory's places count from where the zip begins. */
static void make_sfx(const char *p) {
    char part[600];
    snprintf(part, sizeof part, "%s/inside", folder);
    make_deflate(part);
    write_text(p, "MZ this is a program", 20);
    append(p, part);
    unlink(part);
}

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
    Suite *s = suite_create("expected");
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    dm_protocols_clear(&protocols);
    char command[80];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed != 0;
}
