/* Inputs of expected.csv that are made: every kind of archive, cut, flipped, packed into one another, and what lies in them. Each
 * function writes one input to a path. */
#ifndef DM_MADE_ARCHIVES_H
#define DM_MADE_ARCHIVES_H

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "bag.h"
#include "nifti.h"

static char folder[] = "/tmp/duramap-expected-XXXXXX", source[512];
static bag b; /* too large for a stack */

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

/* A program that unpacks itself: the directory's places count from where the zip begins. */
static void make_sfx(const char *p) {
    char part[600];
    snprintf(part, sizeof part, "%s/inside", folder);
    make_deflate(part);
    write_text(p, "MZ this is a program", 20);
    append(p, part);
    unlink(part);
}

#endif
