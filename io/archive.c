#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* Caps on bytes really produced, against bombs (figures: a 64 GiB study does not fit a node; a CT slice is
 * megabytes). */
static const uint64_t most_bytes = 64ull << 30, most_entry = 4ull << 30;
static const long most_entries = 200000;
/* Real images shrink to a tenth at best; zeros shrink a thousandfold. */
static const uint64_t ratio_from = 1ull << 30, most_ratio = 1000;

struct dm_archive {
    struct archive *reader; /* NULL for a folder */
    gzFile gzip;            /* the stream below the reader, for .gz only */
    unsigned char *block;   /* what was read of it last */
    uint64_t file_size;     /* 0 for a folder */
    char **files;           /* folder: paths in order */
    size_t n_files, next;
    char shown[160]; /* the archive's own name for messages */
    char name[256];
    unsigned char *buffer;
    size_t room;
    uint64_t produced;
    long entries;
};

static void show_name(const char *path, char *out, size_t size) {
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%s", slash && slash[1] ? slash + 1 : path);
}

static void sanitise(const char *name, char *out, size_t size) {
    size_t n = 0;
    for (; name && *name && n + 1 < size; name++) out[n++] = (*name >= 0x20 && *name < 0x7f) ? *name : '?';
    out[n] = 0;
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_dots(const struct dirent *d) {
    return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static dm_status push_file(dm_archive *a, const char *path) {
    char **grown = realloc(a->files, (a->n_files + 1) * sizeof *grown);
    if (!grown) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for the list of files", a->shown);
    a->files = grown;
    a->files[a->n_files] = strdup(path);
    if (!a->files[a->n_files])
        return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for a name", a->shown);
    a->n_files++;
    return dm_ok;
}

/* Regular files below a folder in the order of names; symbolic links are not followed. */
static dm_status walk(dm_archive *a, const char *folder, int depth) {
    if (depth > 32) return dm_fail(DM_STUDY, "archive_limit", "%s: folders nested deeper than 32", a->shown);
    struct dirent **list;
    int n = scandir(folder, &list, not_dots, by_name);
    if (n < 0)
        return dm_fail(DM_STUDY, "unreadable", "%s: cannot list the folder: %s", a->shown, strerror(errno));
    dm_status status = dm_ok;
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct stat st;
        int fits = snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name) < (int)sizeof path;
        if (dm_good(status) && fits && lstat(path, &st) == 0) {
            if (S_ISDIR(st.st_mode)) status = walk(a, path, depth + 1);
            if (S_ISREG(st.st_mode)) status = push_file(a, path);
        }
        free(list[i]);
    }
    free(list);
    return status;
}

static int is_lone_dicom(const char *path) {
    char head[132] = {0};
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f) fclose(f);
    return n == sizeof head && !memcmp(head + 128, "DICM", 4);
}

enum { BLOCK = 1 << 18 };

static int is_gzip(const char *path) {
    unsigned char head[2] = {0};
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(head, 1, sizeof head, f) : 0;
    if (f) fclose(f);
    return n == 2 && head[0] == 0x1f && head[1] == 0x8b;
}

/* libarchive inflates gzip without looking at its checksum: a flipped byte would pass. So zlib reads it. */
static la_ssize_t read_gzip(struct archive *reader, void *data, const void **block) {
    dm_archive *a = data;
    *block = a->block;
    int got = gzread(a->gzip, a->block, BLOCK), code = Z_OK;
    if (got > 0) return got;
    const char *why = gzerror(a->gzip, &code);
    if (got == 0 && code == Z_OK) return 0;
    archive_set_error(reader, code == Z_ERRNO ? errno : EIO, "gzip: %s",
                      code == Z_BUF_ERROR ? "ends too early" : why);
    return ARCHIVE_FATAL;
}

static int open_stream(dm_archive *a, const char *path) {
    if (!is_gzip(path)) return archive_read_open_filename(a->reader, path, 1 << 20);
    a->block = malloc(BLOCK);
    a->gzip = a->block ? gzopen(path, "rb") : NULL;
    if (!a->gzip) {
        archive_set_error(a->reader, errno, "%s", strerror(errno));
        return ARCHIVE_FATAL;
    }
    gzbuffer(a->gzip, BLOCK);
    return archive_read_open(a->reader, a, NULL, read_gzip, NULL);
}

/* libarchive hides names that do not fit the locale. Once: the locale belongs to the whole process. */
static void set_locale(void) {
    setlocale(LC_CTYPE, "C.UTF-8");
}

static dm_status damaged(dm_archive *a, const char *what) {
    char text[200];
    snprintf(text, sizeof text, "%s",
             archive_error_string(a->reader) ? archive_error_string(a->reader) : what);
    return dm_fail(DM_STUDY, "damaged_archive",
                   "%s is damaged or cut short after %ld entries (%s); fetch it again", a->shown, a->entries,
                   text);
}

static dm_status open_reader(dm_archive *a, const char *path) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, set_locale);
    a->reader = archive_read_new();
    if (!a->reader)
        return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for an archive reader", a->shown);
    archive_read_support_filter_bzip2(a->reader);
    archive_read_support_filter_xz(a->reader);
    archive_read_support_filter_zstd(a->reader);
    archive_read_support_format_zip(a->reader);
    archive_read_support_format_tar(a->reader);
    archive_read_set_options(a->reader, "read_concatenated_archives");
    if (open_stream(a, path) == ARCHIVE_OK) return dm_ok;
    int code = Z_OK;
    if (a->gzip) gzerror(a->gzip, &code);
    const char *why = archive_error_string(a->reader);
    if (code != Z_OK || (why && strstr(why, "runcated"))) return damaged(a, "gzip");
    return dm_fail(DM_STUDY, "not_an_archive",
                   "%s is no archive that can be read (%s); zip, tar, tar.gz, tar.bz2, tar.xz, tar.zst, a "
                   "folder, a DICOM "
                   "file or a NIfTI file is expected",
                   a->shown,
                   archive_error_string(a->reader) ? archive_error_string(a->reader) : "no reason given");
}

dm_status dm_archive_open(const char *path, dm_archive **archive) {
    struct stat st;
    *archive = NULL;
    char shown[160];
    show_name(path, shown, sizeof shown);
    if (stat(path, &st) != 0)
        return dm_fail(DM_STUDY, "missing_file", "%s: %s; check the path", shown, strerror(errno));
    if (S_ISREG(st.st_mode) && st.st_size == 0)
        return dm_fail(DM_STUDY, "empty_archive", "%s is an empty file; fetch it again from the archive",
                       shown);
    dm_archive *a = calloc(1, sizeof *a);
    if (!a) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for an archive", shown);
    memcpy(a->shown, shown, sizeof shown);
    a->file_size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
    dm_status status = S_ISDIR(st.st_mode)   ? walk(a, path, 0)
                       : is_lone_dicom(path) ? push_file(a, path)
                                             : open_reader(a, path);
    if (!dm_good(status)) {
        dm_archive_close(a);
        return status;
    }
    *archive = a;
    return dm_ok;
}

static dm_status make_room(dm_archive *a, size_t need) {
    if (need <= a->room) return dm_ok;
    size_t room = a->room ? a->room : 1 << 16;
    while (room < need) room *= 2;
    unsigned char *grown = realloc(a->buffer, room);
    if (!grown)
        return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for an entry of %zu bytes", a->shown, need);
    a->buffer = grown;
    a->room = room;
    return dm_ok;
}

/* Counts bytes really produced, not those promised; `used` of them belong to the present entry already. */
static dm_status count_bytes(dm_archive *a, size_t used, size_t more) {
    a->produced += more;
    if (a->produced > most_bytes || used + more > most_entry)
        return dm_fail(DM_STUDY, "archive_limit",
                       "%s expands beyond the limit (64 GiB in all, 4 GiB an entry); split it into one "
                       "archive per study",
                       a->shown);
    if (a->reader && a->produced > ratio_from && a->produced / most_ratio > a->file_size)
        return dm_fail(
            DM_STUDY, "archive_limit",
            "%s expands more than a thousandfold, as no image does; fetch it again from the archive",
            a->shown);
    return dm_ok;
}

static dm_status next_file(dm_archive *a, dm_entry *e, int *more) {
    *more = a->next < a->n_files;
    if (!*more) return dm_ok;
    const char *path = a->files[a->next++];
    FILE *f = fopen(path, "rb");
    size_t used = 0;
    e->damaged = !f;
    while (f) {
        dm_status s = make_room(a, used + (1 << 18));
        size_t got = dm_good(s) ? fread(a->buffer + used, 1, 1 << 18, f) : 0;
        if (dm_good(s)) s = count_bytes(a, used, got);
        used += got;
        if (!dm_good(s) || got == 0) {
            e->damaged = ferror(f) != 0;
            fclose(f);
            f = NULL;
            if (!dm_good(s)) return s;
        }
    }
    sanitise(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, a->name, sizeof a->name);
    e->name = a->name;
    e->bytes = a->buffer;
    e->size = used;
    return dm_ok;
}

/* Reads until 0: only then does a stored zip entry's checksum speak. */
static dm_status read_entry(dm_archive *a, dm_entry *e) {
    size_t used = 0;
    for (;;) {
        DM_TRY(make_room(a, used + (1 << 18)));
        la_ssize_t got = archive_read_data(a->reader, a->buffer + used, 1 << 18);
        if (got == 0) break;
        if (got == ARCHIVE_FATAL) return damaged(a, "data ends too early");
        if (got < 0) {
            e->damaged = 1;
            break;
        }
        DM_TRY(count_bytes(a, used, (size_t)got));
        used += (size_t)got;
    }
    e->bytes = a->buffer;
    e->size = used;
    return dm_ok;
}

/* The archive may end before its stream: read on to the stream's checksum. */
static dm_status check_end(dm_archive *a) {
    if (!a->gzip) return dm_ok;
    int got = 1, code = Z_OK;
    for (uint64_t rest = 0; got > 0 && rest < ratio_from; rest += (uint64_t)got)
        got = gzread(a->gzip, a->block, BLOCK);
    const char *why = gzerror(a->gzip, &code);
    if (code == Z_OK) return dm_ok;
    archive_set_error(a->reader, EIO, "gzip: %s", code == Z_BUF_ERROR ? "ends too early" : why);
    return damaged(a, why);
}

dm_status dm_archive_next(dm_archive *a, dm_entry *e, int *more) {
    *e = (dm_entry){0};
    *more = 0;
    if (!a->reader) return next_file(a, e, more);
    for (;;) {
        struct archive_entry *entry;
        int code = archive_read_next_header(a->reader, &entry);
        if (code == ARCHIVE_EOF) return check_end(a);
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return damaged(a, "no entry could be read");
        if (++a->entries > most_entries)
            return dm_fail(DM_STUDY, "archive_limit", "%s holds more than %ld entries", a->shown,
                           most_entries);
        if (archive_entry_filetype(entry) != AE_IFREG) continue;
        sanitise(archive_entry_pathname(entry), a->name, sizeof a->name);
        e->name = a->name;
        *more = 1;
        return read_entry(a, e);
    }
}

uint64_t dm_archive_bytes(const dm_archive *a) {
    return a->produced;
}

void dm_archive_close(dm_archive *a) {
    if (!a) return;
    if (a->reader) archive_read_free(a->reader);
    if (a->gzip) gzclose_r(a->gzip);
    free(a->block);
    for (size_t i = 0; i < a->n_files; i++) free(a->files[i]);
    free(a->files);
    free(a->buffer);
    free(a);
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
