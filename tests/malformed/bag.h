/* Archives of every kind for tests, packed by libarchive itself: entries are collected in a bag and written in one go. */
#ifndef DM_BAG_H
#define DM_BAG_H

#include <archive.h>
#include <archive_entry.h>

#include "study_maker.h"

enum { BAG_MOST = 256 };

typedef struct bag {
    int n;
    struct {
        char name[200], link[80]; /* link: target of a symbolic link; with '=' in front of a hard one */
        unsigned char *bytes;
        size_t size;
    } entry[BAG_MOST];
} bag;

static inline void bag_clear(bag *b) {
    for (int i = 0; i < b->n; i++) free(b->entry[i].bytes);
    b->n = 0;
}

/* Takes the bytes. */
static inline void bag_put(bag *b, const char *name, unsigned char *bytes, size_t size) {
    if (b->n == BAG_MOST) abort();
    b->entry[b->n].link[0] = 0;
    snprintf(b->entry[b->n].name, sizeof b->entry[0].name, "%s", name);
    b->entry[b->n].bytes = bytes;
    b->entry[b->n++].size = size;
}

static inline void bag_link(bag *b, const char *name, const char *target) {
    bag_put(b, name, NULL, 0);
    snprintf(b->entry[b->n - 1].link, sizeof b->entry[0].link, "%s", target);
}

static inline void bag_study(bag *b, const maker *m, const char *folder) {
    for (int i = 0; i < m->n; i++) {
        char name[200];
        size_t size;
        unsigned char *bytes = maker_slice(m, m->first + i, &size);
        snprintf(name, sizeof name, "%s/IM%04d", folder, m->first + i + 1);
        bag_put(b, name, bytes, size);
    }
}

/* A whole file as an entry. */
static inline void bag_file(bag *b, const char *name, const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) abort();
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    unsigned char *bytes = malloc(size + 1);
    if (!bytes || fread(bytes, 1, size, f) != size) abort();
    fclose(f);
    bag_put(b, name, bytes, size);
}

static inline void bag_format(struct archive *a, const char *kind) {
    if (!strncmp(kind, "zip", 3)) archive_write_set_format_zip(a);
    else if (!strcmp(kind, "7z")) archive_write_set_format_7zip(a);
    else if (!strcmp(kind, "iso")) archive_write_set_format_iso9660(a);
    else archive_write_set_format_pax_restricted(a);
    if (strstr(kind, ".gz")) archive_write_add_filter_gzip(a);
    if (strstr(kind, ".bz2")) archive_write_add_filter_bzip2(a);
    if (strstr(kind, ".xz")) archive_write_add_filter_xz(a);
    if (strstr(kind, ".zst")) {
        archive_write_add_filter_zstd(a);
    }
    if (!strcmp(kind, "zip:store")) archive_write_set_options(a, "zip:compression=store");
    if (!strcmp(kind, "zip:aes")) archive_write_set_options(a, "zip:encryption=aes256");
    if (!strcmp(kind, "zip:aes")) archive_write_set_passphrase(a, "secret");
}

static inline void bag_write(struct archive *a, const bag *b) {
    for (int i = 0; i < b->n; i++) {
        const char *link = b->entry[i].link;
        struct archive_entry *e = archive_entry_new();
        archive_entry_set_pathname(e, b->entry[i].name);
        archive_entry_set_perm(e, 0644);
        archive_entry_set_filetype(e, link[0] && link[0] != '=' ? AE_IFLNK : AE_IFREG);
        if (link[0] == '=') archive_entry_set_hardlink(e, link + 1);
        else if (link[0]) archive_entry_set_symlink(e, link);
        archive_entry_set_size(e, (la_int64_t)b->entry[i].size);
        if (archive_write_header(a, e) < ARCHIVE_WARN) abort();
        if (b->entry[i].size && archive_write_data(a, b->entry[i].bytes, b->entry[i].size) < 0) abort();
        archive_entry_free(e);
    }
}

/* kind: "zip", "zip:store", "zip:aes" (passphrase "secret"), "7z", "iso", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst". The bag
 * is emptied. */
static inline void bag_pack(bag *b, const char *kind, const char *path) {
    struct archive *a = archive_write_new();
    if (!a) abort();
    bag_format(a, kind);
    if (archive_write_open_filename(a, path) != ARCHIVE_OK) abort();
    bag_write(a, b);
    if (archive_write_close(a) != ARCHIVE_OK) abort();
    archive_write_free(a);
    bag_clear(b);
}

#endif
