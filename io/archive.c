#include "archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "container.h"
#include "folder.h"
#include "gunzip.h"
#include "unzip.h"

const dm_archive_limits dm_archive_defaults = {.bytes = 64ull << 30,
                                               .entry_bytes = 4ull << 30,
                                               .ratio = 1000,
                                               .ratio_from = 1ull << 30,
                                               .entries = 200000,
                                               .depth = 1,
                                               .seconds = 3600};

enum { BLOCK = 1 << 18 };

/* One open archive; the next level lies in an entry of it. */
typedef struct level {
    struct archive *reader; /* NULL: zip */
    dm_unzip *zip;          /* a common zip, by its directory */
    dm_gunzip *gzip;      /* the stream below the reader, for gzip only */
    unsigned char *block; /* what was read of it last */
    unsigned char *bytes; /* of an archive inside: its file, owned */
    int container;
    long entries;
} level;

struct dm_archive {
    dm_archive_limits limits;
    dm_archive_options options;
    level level[DM_ARCHIVE_DEEPEST + 1];
    int levels; /* open now */
    dm_folder folder;
    size_t next_file;
    int is_folder;
    uint64_t file_size; /* of the source; of a folder: of its files so far */
    char shown[160];    /* the source's own name for messages */
    char name[256];
    unsigned char *buffer;
    size_t room;
    double start;
    uint64_t top, inner; /* number of the source's own file, and of the entry in it where it is an archive */
    dm_archive_counts count;
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static void sanitise(const char *name, char *out, size_t size) {
    size_t n = 0;
    for (; name && *name && n + 1 < size; name++) out[n++] = (*name >= 0x20 && *name < 0x7f) ? *name : '?';
    out[n] = 0;
}

/* ---- what the library says, as a status ---- */

/* Copied before the reader is freed, without the newline that some messages end with; some are empty. */
static void reason(const level *l, const char *otherwise, char out[160]) {
    const char *text = l->reader ? archive_error_string(l->reader) : NULL;
    sanitise(text && *text ? text : otherwise, out, 160);
    for (size_t n = strlen(out); n > 0 && (out[n - 1] == '?' || out[n - 1] == ' '); n--) out[n - 1] = 0;
}

static dm_status encrypted(const char *what, const char *why) {
    const char *cure = strstr(why, "ncorrect") ? "the passphrase is wrong; give the right one with --passphrase-file"
                       : strstr(why, "not supported") ? "encrypted 7z is not read; unpack it and give the folder"
                                                      : "give the passphrase with --passphrase-file";
    return dm_fail(DM_STUDY, "encrypted", "%s is encrypted: %s", what, cure);
}

/* The source's name, which the caller takes out of what it writes down. Of what lies inside no name is ever told. */
static const char *name_of(const dm_archive *a, const level *l) {
    return l->container ? "an archive inside the source" : a->shown;
}

static dm_status damaged(const dm_archive *a, const level *l, const char *what) {
    char why[160];
    reason(l, what, why);
    if (strstr(why, "encrypted") || strstr(why, "assphrase")) return encrypted(name_of(a, l), why);
    return dm_fail(DM_STUDY, "damaged_archive", "%s is damaged or cut short after %ld entries (%s); fetch it again",
                   name_of(a, l), l->entries, why);
}

static dm_status bad_entry(const level *l) {
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
    level *l = data;
    const char *why = "";
    *block = l->block;
    long got = dm_gunzip_read(l->gzip, l->block, BLOCK, &why);
    if (got >= 0) return got;
    archive_set_error(reader, EIO, "gzip: %s", why);
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

static dm_status refuse(const dm_archive *a, const level *l, dm_container kind) {
    char why[160];
    reason(l, "no reason given", why);
    if (kind == DM_RAR) return dm_fail(DM_STUDY, "not_an_archive", "%s: rar archives are not read; pack it as zip",
                                        name_of(a, l));
    if (kind != DM_NO_CONTAINER) return damaged(a, l, "no entry could be read");
    return dm_fail(DM_STUDY, "not_an_archive",
                   "%s is no archive that can be read (%s); zip, 7z, tar, tar.gz, tar.bz2, tar.xz, tar.zst, an ISO image, a "
                   "folder, a DICOM file or a NIfTI file is expected",
                   name_of(a, l), why);
}

/* From a file (path) or from bytes. The level is in place also when it fails: close_level ends it. */
static dm_status open_level(dm_archive *a, level *l, const char *path, const void *bytes, size_t size, dm_container kind) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    l->zip = path && kind == DM_ZIP ? dm_unzip_open(path) : NULL;
    if (l->zip) return dm_ok;
    pthread_once(&once, set_locale);
    l->reader = archive_read_new();
    if (!l->reader) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for an archive reader", a->shown);
    support(l->reader, dm_container_is_stream(kind));
    if (a->options.passphrase) archive_read_add_passphrase(l->reader, a->options.passphrase);
    int code;
    if (kind == DM_GZIP) {
        l->block = malloc(BLOCK);
        l->gzip = path ? dm_gunzip_file(path) : dm_gunzip_bytes(bytes, size);
        if (!l->block || !l->gzip) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for a gzip reader", a->shown);
        code = archive_read_open(l->reader, l, NULL, read_gzip, NULL);
    } else {
        code = path ? archive_read_open_filename(l->reader, path, 1 << 20) : archive_read_open_memory(l->reader, bytes, size);
    }
    return code == ARCHIVE_OK ? dm_ok : refuse(a, l, kind);
}

static void close_level(level *l) {
    if (l->reader) archive_read_free(l->reader);
    dm_unzip_close(l->zip);
    dm_gunzip_close(l->gzip);
    free(l->block);
    free(l->bytes);
    *l = (level){0};
}

static dm_status open_source(dm_archive *a, const char *path, const struct stat *st) {
    if (S_ISDIR(st->st_mode)) {
        a->is_folder = 1;
        DM_TRY(dm_folder_list(path, a->shown, a->limits.entries, &a->folder));
        a->count.links = a->folder.links;
        return dm_ok;
    }
    if (!S_ISREG(st->st_mode))
        return dm_fail(DM_STUDY, "not_an_archive", "%s is neither a file nor a folder; check the path", a->shown);
    a->file_size = (uint64_t)st->st_size;
    if (st->st_size == 0)
        return dm_fail(DM_STUDY, "empty_archive", "%s is an empty file; fetch it again from the archive", a->shown);
    dm_container kind = dm_container_of_file(path);
    if (kind == DM_LONE_DICOM) { /* read as a folder of one */
        a->is_folder = 1;
        a->folder.file = calloc(1, sizeof *a->folder.file);
        if (a->folder.file) a->folder.file[0] = strdup(path);
        if (!a->folder.file || !a->folder.file[0]) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for a name", a->shown);
        a->folder.n = 1;
        a->file_size = 0;
        return dm_ok;
    }
    a->levels = 1;
    return open_level(a, &a->level[0], path, NULL, 0, kind);
}

dm_status dm_archive_open(const char *path, const dm_archive_options *options, dm_archive **archive) {
    struct stat st;
    *archive = NULL;
    if (stat(path, &st) != 0)
        return dm_fail(DM_STUDY, "missing_file", "%.160s: %s; check the path", last_part(path), strerror(errno));
    dm_archive *a = calloc(1, sizeof *a);
    if (!a) return dm_fail(DM_STUDY, "out_of_memory", "%.160s: no memory for an archive", last_part(path));
    snprintf(a->shown, sizeof a->shown, "%s", last_part(path));
    if (options) a->options = *options;
    a->limits = a->options.limits ? *a->options.limits : dm_archive_defaults;
    if (a->limits.depth > DM_ARCHIVE_DEEPEST) a->limits.depth = DM_ARCHIVE_DEEPEST;
    a->start = now();
    dm_status status = open_source(a, path, &st);
    if (!dm_good(status)) {
        dm_archive_close(a);
        return status;
    }
    *archive = a;
    return dm_ok;
}

/* ---- bytes under the caps ---- */

static dm_status make_room(dm_archive *a, size_t need) {
    if (need <= a->room) return dm_ok;
    size_t room = a->room && need > 2 * a->room ? need : 2 * a->room;
    if (room < need) room = need;
    unsigned char *grown = realloc(a->buffer, room);
    if (!grown) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for an entry of %zu bytes", a->shown, need);
    a->buffer = grown;
    a->room = room;
    return dm_ok;
}

/* Counts bytes really produced, not those promised; `used` of them belong to the present entry already. */
static dm_status count_bytes(dm_archive *a, size_t used, size_t more) {
    const dm_archive_limits *m = &a->limits;
    a->count.bytes += more;
    if (a->count.bytes > m->bytes || used + more > m->entry_bytes)
        return dm_fail(DM_STUDY, "archive_limit",
                       "%s expands beyond the limit (%.1f GiB in all, %.1f GiB an entry); split it into one archive per study",
                       a->shown, (double)m->bytes / (1 << 30), (double)m->entry_bytes / (1 << 30));
    if (a->levels && a->count.bytes > m->ratio_from && a->count.bytes / m->ratio > a->file_size)
        return dm_fail(DM_STUDY, "archive_limit",
                       "%s expands more than %.0f-fold, as no image does; fetch it again from the archive", a->shown,
                       (double)m->ratio);
    if (now() - a->start > m->seconds)
        return dm_fail(DM_STUDY, "archive_limit", "%s takes longer than %.0f s to read; split it into one archive per study",
                       a->shown, m->seconds);
    return dm_ok;
}

/* ---- entries of an archive ---- */

/* Reads until 0: only then does a stored zip entry's checksum speak. What cannot be read is told in e->trouble. */
static dm_status read_entry(dm_archive *a, level *l, struct archive_entry *entry, dm_entry *e) {
    size_t used = 0, step = BLOCK;
    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0 && archive_entry_size(entry) < (la_int64_t)1 << 24)
        step = (size_t)archive_entry_size(entry) + 1; /* one more: the end is seen without growing */
    for (;;) {
        if (used == a->room || !a->buffer) DM_TRY(make_room(a, used + step));
        la_ssize_t got = archive_read_data(l->reader, a->buffer + used, a->room - used < BLOCK ? a->room - used : BLOCK);
        if (got == 0) break;
        if (got == ARCHIVE_FATAL) return damaged(a, l, "data ends too early");
        if (got < 0) {
            e->damaged = 1;
            e->trouble = bad_entry(l);
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
static dm_status check_end(dm_archive *a, level *l) {
    const char *why = "";
    long got = 1;
    if (!l->gzip) return dm_ok;
    for (uint64_t rest = 0; got > 0 && rest < a->limits.ratio_from; rest += (uint64_t)got)
        got = dm_gunzip_read(l->gzip, l->block, BLOCK, &why);
    if (got >= 0) return dm_ok;
    archive_set_error(l->reader, EIO, "gzip: %s", why);
    return damaged(a, l, why);
}

static uint64_t number_of(const dm_archive *a) {
    return a->top << 24 | a->inner; /* the cap on entries is below 2^24 */
}

/* Counts an entry. *skip = 1 when it is no regular file, or another handle's. */
static dm_status count_entry(dm_archive *a, level *l, int is_file, int is_link, int *skip) {
    long number = l->entries++;
    if (l->container) a->inner++;
    else a->top = (uint64_t)l->entries, a->inner = 0;
    if (++a->count.entries > a->limits.entries)
        return dm_fail(DM_STUDY, "archive_limit", "%s holds more than %ld entries", a->shown, a->limits.entries);
    a->count.links += is_link;
    *skip = !is_file || is_link || (!l->container && a->options.parts > 1 && number % a->options.parts != a->options.part);
    return dm_ok;
}

static void begin_entry(dm_archive *a, const level *l, const char *name, dm_entry *e) {
    sanitise(name, a->name, sizeof a->name);
    e->name = a->name;
    e->container = l->container;
    e->number = number_of(a);
}

/* The next regular file of a level that this handle has a part in; *more = 0 at its end. */
static dm_status next_of_library(dm_archive *a, level *l, dm_entry *e, int *more) {
    for (int skip = 1;;) {
        struct archive_entry *entry;
        int code = archive_read_next_header(l->reader, &entry);
        *more = code != ARCHIVE_EOF;
        if (!*more) return check_end(a, l);
        /* RETRY as well: it comes back for ever. */
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return damaged(a, l, "no entry could be read");
        int link = archive_entry_filetype(entry) == AE_IFLNK || archive_entry_hardlink(entry);
        DM_TRY(count_entry(a, l, archive_entry_filetype(entry) == AE_IFREG, link, &skip));
        if (skip) continue;
        begin_entry(a, l, archive_entry_pathname(entry), e);
        return read_entry(a, l, entry, e);
    }
}

/* The same for a common zip. Its sizes are claims, but none that deflate could not keep; they count before memory is taken. */
static dm_status next_of_zip(dm_archive *a, level *l, dm_entry *e, int *more) {
    for (int skip = 1; l->entries < dm_unzip_count(l->zip);) {
        long i = l->entries;
        const dm_unzip_entry z = dm_unzip_at(l->zip, i);
        DM_TRY(count_entry(a, l, z.is_file, z.is_link, &skip));
        if (skip) continue;
        char name[sizeof a->name];
        snprintf(name, sizeof name, "%.*s", (int)(z.name_size < sizeof name ? z.name_size : sizeof name - 1), z.name);
        begin_entry(a, l, name, e);
        DM_TRY(count_bytes(a, 0, (size_t)z.size));
        DM_TRY(make_room(a, (size_t)z.size + 1));
        e->damaged = !dm_unzip_read(l->zip, i, a->buffer);
        if (e->damaged) e->trouble = bad_entry(l);
        e->bytes = a->buffer;
        e->size = (size_t)z.size;
        *more = 1;
        return dm_ok;
    }
    *more = 0;
    return dm_ok;
}

static dm_status next_of_level(dm_archive *a, level *l, dm_entry *e, int *more) {
    return l->zip ? next_of_zip(a, l, e, more) : next_of_library(a, l, e, more);
}

/* ---- archives inside ---- */

static dm_status too_deep(const dm_archive *a) {
    return dm_fail(DM_STUDY, "nested_archive", "an archive inside is not opened (depth %d); unpack it or raise --archive-depth",
                   a->limits.depth);
}

/* How many archives lie round the files of the level on top. */
static int depth_of(const dm_archive *a) {
    return a->levels - 1;
}

/* Makes the entry that was just read the next level. What is wrong with it is told by the entry, which stays. */
static int descend(dm_archive *a, dm_entry *e) {
    dm_container kind = e->damaged ? DM_NO_CONTAINER : dm_container_of(e->bytes, e->size);
    if (kind == DM_NO_CONTAINER || kind == DM_LONE_DICOM || kind == DM_RAR) return 0;
    if (depth_of(a) >= a->limits.depth) {
        e->damaged = 1;
        e->trouble = too_deep(a);
        return 0;
    }
    level *l = &a->level[a->levels];
    size_t size = e->size;
    a->count.nested++;
    *l = (level){.bytes = dm_archive_take(a), .container = (int)a->top};
    dm_status s = open_level(a, l, NULL, l->bytes, size, kind);
    if (dm_good(s)) {
        a->levels++;
        return 1;
    }
    int container = l->container;
    close_level(l);
    *e = (dm_entry){.name = a->name, .damaged = 1, .trouble = s, .number = number_of(a), .container = container, .container_ends = 1};
    return 0;
}

/* An archive inside that fails is one bad entry: the rest of the source goes on. Not so when a cap is reached. */
static dm_status end_level(dm_archive *a, dm_status why, dm_entry *e) {
    level *l = &a->level[a->levels - 1];
    if (!l->container || !strcmp(why.code, "archive_limit") || !strcmp(why.code, "out_of_memory")) return why;
    *e = (dm_entry){.name = a->name,
                    .damaged = 1,
                    .trouble = why,
                    .number = number_of(a),
                    .container = l->container,
                    .container_ends = 1};
    close_level(l);
    a->levels--;
    return dm_ok;
}

/* ---- files of a folder ---- */

static dm_status read_file(dm_archive *a, const char *path, dm_entry *e) {
    FILE *f = fopen(path, "rb");
    size_t used = 0, got = 1;
    dm_status s = dm_ok;
    e->damaged = !f;
    while (f && dm_good(s) && got > 0) {
        s = make_room(a, used + BLOCK);
        got = dm_good(s) ? fread(a->buffer + used, 1, a->room - used, f) : 0;
        if (dm_good(s)) s = count_bytes(a, used, got);
        used += got;
    }
    if (f) {
        e->damaged = ferror(f) != 0;
        fclose(f);
    }
    if (e->damaged) e->trouble = dm_fail(DM_STUDY, "bad_entry", "a file cannot be read; check its rights and the disk");
    a->file_size += used;
    e->name = a->name;
    e->number = number_of(a);
    e->bytes = a->buffer;
    e->size = used;
    return s;
}

/* A file of a folder, or the archive that it is as the first level. */
static dm_status next_file(dm_archive *a, dm_entry *e, int *more) {
    *more = a->next_file < a->folder.n;
    if (!*more) return dm_ok;
    const char *path = a->folder.file[a->next_file++];
    a->top = a->next_file;
    a->inner = 0;
    sanitise(last_part(path), a->name, sizeof a->name);
    a->count.entries++;
    dm_container kind = dm_container_of_file(path);
    if (kind == DM_NO_CONTAINER || kind == DM_LONE_DICOM || kind == DM_RAR) return read_file(a, path, e);
    struct stat st;
    if (stat(path, &st) == 0) a->file_size += (uint64_t)st.st_size;
    level *l = &a->level[0];
    a->count.nested++;
    *l = (level){.container = (int)a->top};
    a->levels = 1;
    dm_status s = open_level(a, l, path, NULL, 0, kind);
    return dm_good(s) ? dm_ok : end_level(a, s, e);
}

dm_status dm_archive_next(dm_archive *a, dm_entry *e, int *more) {
    for (;;) {
        *e = (dm_entry){0};
        *more = 1;
        if (!a->levels) {
            if (!a->is_folder) *more = 0;
            else DM_TRY(next_file(a, e, more));
            if (!*more || e->name) return dm_ok;
            continue;
        }
        level *l = &a->level[a->levels - 1];
        dm_status s = next_of_level(a, l, e, more);
        if (!dm_good(s)) return end_level(a, s, e);
        if (!*more) {
            close_level(l);
            a->levels--;
        } else if (!descend(a, e)) {
            return dm_ok;
        }
    }
}

unsigned char *dm_archive_take(dm_archive *a) {
    unsigned char *bytes = a->buffer;
    a->buffer = NULL;
    a->room = 0;
    return bytes;
}

int dm_archive_is_shareable(const dm_archive *a) {
    return a->levels == 1 && !a->is_folder && a->level[0].zip;
}

const dm_archive_counts *dm_archive_count(const dm_archive *a) {
    return &a->count;
}

void dm_archive_close(dm_archive *a) {
    if (!a) return;
    for (int i = 0; i < a->levels; i++) close_level(&a->level[i]);
    dm_folder_clear(&a->folder);
    free(a->buffer);
    free(a);
}
