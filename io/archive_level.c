/* One archive opened, and what its library says as a status. */
#include "archive_parts.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dm_sanitise(const char *name, char *out, size_t size) {
    size_t n = 0;
    for (; name && *name && n + 1 < size; name++) out[n++] = (*name >= 0x20 && *name < 0x7f) ? *name : '?';
    out[n] = 0;
}

/* ---- what the library says, as a status ---- */

/* Copied before the reader is freed, without the newline that some messages end with; some are empty. */
static void reason(const dm_level *l, const char *otherwise, char out[160]) {
    const char *text = l->reader ? archive_error_string(l->reader) : NULL;
    dm_sanitise(text && *text ? text : otherwise, out, 160);
    for (size_t n = strlen(out); n > 0 && (out[n - 1] == '?' || out[n - 1] == ' '); n--) out[n - 1] = 0;
}

static dm_status encrypted(const char *what, const char *why) {
    const char *cure = strstr(why, "ncorrect") ? "the passphrase is wrong; give the right one with --passphrase-file"
                       : strstr(why, "not supported") ? "encrypted 7z is not read; unpack it and give the folder"
                                                      : "give the passphrase with --passphrase-file";
    return dm_fail(DM_STUDY, "encrypted", "%s is encrypted: %s", what, cure);
}

/* The source's name, which the caller takes out of what it writes down. Of what lies inside no name is ever told. */
static const char *name_of(const dm_archive *a, const dm_level *l) {
    return l->container ? "an archive inside the source" : a->shown;
}

dm_status dm_level_damaged(const dm_archive *a, const dm_level *l, const char *what) {
    char why[160];
    reason(l, what, why);
    if (strstr(why, "encrypted") || strstr(why, "assphrase")) return encrypted(name_of(a, l), why);
    return dm_fail(DM_STUDY, "damaged_archive", "%s is damaged or cut short after %ld entries (%s); fetch it again",
                   name_of(a, l), l->entries, why);
}

dm_status dm_level_bad_entry(const dm_level *l) {
    char why[160];
    reason(l, "its checksum is wrong", why);
    if (strstr(why, "encrypted") || strstr(why, "assphrase")) return encrypted("an entry", why);
    if (strstr(why, "nsupported"))
        return dm_fail(DM_STUDY, "unsupported_compression", "an entry cannot be expanded (%s); pack the archive again with deflate",
                       why);
    return dm_fail(DM_STUDY, "bad_entry", "an entry is damaged (%s); fetch the archive again", why);
}

/* ---- opening ---- */

static la_ssize_t read_gzip(struct archive *reader, void *data, const void **block) {
    dm_level *l = data;
    const char *why = "";
    *block = l->block;
    long got = dm_gunzip_read(l->gzip, l->block, DM_ARCHIVE_BLOCK, &why);
    if (got >= 0) return got;
    archive_set_error(reader, EIO, "gzip: %s", why);
    return ARCHIVE_FATAL;
}

static la_ssize_t read_stream(struct archive *reader, void *data, const void **block) {
    long got = dm_stream_read(((dm_level *)data)->stream, block);
    if (got >= 0) return got;
    archive_set_error(reader, errno, "%s", strerror(errno));
    return ARCHIVE_FATAL;
}

/* libarchive hides names that do not fit the locale. Once: the locale belongs to the whole process. */
static void set_locale(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
}

/* A named list: fewer parsers on hostile bytes. The raw format stands for one compressed file that is no archive. */
static void support(struct archive *r, int compressed) {
    archive_read_support_filter_bzip2(r);
    archive_read_support_filter_xz(r);
    archive_read_support_filter_zstd(r);
    archive_read_support_format_zip(r);
    archive_read_support_format_tar(r);
    archive_read_support_format_7zip(r);
    archive_read_support_format_iso9660(r);
    if (compressed) archive_read_support_format_raw(r);
    archive_read_set_options(r, "read_concatenated_archives");
}

static dm_status refuse(const dm_archive *a, const dm_level *l, dm_container kind) {
    char why[160];
    reason(l, "no reason given", why);
    if (kind == DM_RAR) return dm_fail(DM_STUDY, "not_an_archive", "%s: rar archives are not read; pack it as zip",
                                        name_of(a, l));
    if (kind != DM_NO_CONTAINER) return dm_level_damaged(a, l, "no entry could be read");
    return dm_fail(DM_STUDY, "not_an_archive",
                   "%s is no archive that can be read (%s); zip, 7z, tar, tar.gz, tar.bz2, tar.xz, tar.zst, an ISO image, a "
                   "folder, a DICOM file or a NIfTI file is expected",
                   name_of(a, l), why);
}

static int is_sequential(dm_container kind) {
    return dm_container_is_stream(kind) || kind == DM_TAR;
}

/* ARCHIVE_OK or not; *opened = 0 when the file could not be opened or memory is out (errno). */
static int begin(const dm_archive *a, dm_level *l, const char *path, const void *bytes, size_t size, dm_container kind, int *opened) {
    if (path && is_sequential(kind)) {
        l->stream = dm_stream_open(path, a->options.digest);
        *opened = l->stream != NULL;
    }
    if (*opened && kind == DM_GZIP) {
        l->block = malloc(DM_ARCHIVE_BLOCK);
        l->gzip = path ? dm_gunzip_stream(l->stream) : dm_gunzip_bytes(bytes, size);
        *opened = l->block && l->gzip;
    }
    if (!*opened) return ARCHIVE_FATAL;
    if (l->gzip) return archive_read_open(l->reader, l, NULL, read_gzip, NULL);
    if (l->stream) return archive_read_open(l->reader, l, NULL, read_stream, NULL);
    return path ? archive_read_open_filename(l->reader, path, 1 << 20) : archive_read_open_memory(l->reader, bytes, size);
}

dm_status dm_level_open(const dm_archive *a, dm_level *l, const char *path, const void *bytes, size_t size, dm_container kind) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int opened = 1;
    l->zip = path && kind == DM_ZIP ? dm_unzip_open(path) : NULL;
    if (l->zip) return dm_ok;
    pthread_once(&once, set_locale);
    l->reader = archive_read_new();
    if (!l->reader) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for an archive reader", a->shown);
    support(l->reader, dm_container_is_stream(kind));
    if (a->options.passphrase) archive_read_add_passphrase(l->reader, a->options.passphrase);
    int code = begin(a, l, path, bytes, size, kind, &opened);
    if (!opened) return dm_fail(DM_STUDY, "unreadable", "%s cannot be opened: %s", name_of(a, l), strerror(errno));
    return code == ARCHIVE_OK ? dm_ok : refuse(a, l, kind);
}

int dm_level_digest(dm_level *l, char out[65]) {
    if (l->zip) return dm_unzip_digest(l->zip, out), 1;
    return l->stream && dm_stream_digest(l->stream, out);
}

void dm_level_close(dm_level *l) {
    if (l->reader) archive_read_free(l->reader);
    dm_unzip_close(l->zip);
    dm_gunzip_close(l->gzip);
    dm_stream_close(l->stream);
    free(l->block);
    free(l->bytes);
    *l = (dm_level){0};
}
