/* Archives written: digital phantoms and tests. */
#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_name(const char *path, char *out, size_t size) {
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%s", slash && slash[1] ? slash + 1 : path);
}

struct dm_archive_writer {
    struct archive *out;
    char shown[160];
};

static int ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

dm_status dm_archive_create(const char *path, dm_archive_writer **writer) {
    *writer = calloc(1, sizeof **writer);
    struct archive *out = archive_write_new();
    if (!*writer || !out) {
        if (out) archive_write_free(out);
        free(*writer);
        *writer = NULL;
        return dm_fail(DM_FATAL, "out_of_memory", "no memory for an archive writer");
    }
    (*writer)->out = out;
    show_name(path, (*writer)->shown, sizeof(*writer)->shown);
    if (ends_with(path, ".zip")) {
        archive_write_set_format_zip(out);
    } else {
        archive_write_set_format_ustar(out);
        if (ends_with(path, ".gz")) {
            archive_write_add_filter_gzip(out);
            archive_write_set_filter_option(out, "gzip", "timestamp", NULL); /* same bytes every time */
        } else if (ends_with(path, ".zst")) {
            archive_write_add_filter_zstd(out);
        }
    }
    if (archive_write_open_filename(out, path) != ARCHIVE_OK) {
        dm_status s = dm_fail(DM_FATAL, "cannot_write", "cannot write %s: %s", (*writer)->shown,
                              archive_error_string(out));
        dm_archive_finish(*writer);
        *writer = NULL;
        return s;
    }
    return dm_ok;
}

dm_status dm_archive_add(dm_archive_writer *w, const char *name, const void *bytes, size_t size) {
    struct archive_entry *e = archive_entry_new();
    if (!e) return dm_fail(DM_FATAL, "out_of_memory", "no memory for an archive entry");
    archive_entry_set_pathname(e, name);
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0644);
    archive_entry_set_size(e, (la_int64_t)size);
    /* A zip holds local time, which would differ from place to place; without any it says 1980-01-01. */
    if (archive_format(w->out) != ARCHIVE_FORMAT_ZIP)
        archive_entry_set_mtime(e, 946684800, 0); /* 2000-01-01 */
    int good = archive_write_header(w->out, e) == ARCHIVE_OK &&
               archive_write_data(w->out, bytes, size) == (la_ssize_t)size;
    archive_entry_free(e);
    if (good) return dm_ok;
    return dm_fail(DM_FATAL, "cannot_write", "cannot write into %s: %s", w->shown,
                   archive_error_string(w->out));
}

dm_status dm_archive_finish(dm_archive_writer *w) {
    if (!w) return dm_ok;
    dm_status s = dm_ok;
    if (archive_write_close(w->out) != ARCHIVE_OK)
        s = dm_fail(DM_FATAL, "cannot_write", "cannot finish %s: %s", w->shown, archive_error_string(w->out));
    archive_write_free(w->out);
    free(w);
    return s;
}
