#include "archive_parts.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

const dm_archive_limits dm_archive_defaults = {.bytes = 64ull << 30,
                                               .entry_bytes = 4ull << 30,
                                               .ratio = 1000,
                                               .ratio_from = 1ull << 30,
                                               .entries = 200000,
                                               .depth = 1,
                                               .seconds = 3600};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const char *last_part(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* ---- opening ---- */

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
    return dm_level_open(a, &a->level[0], path, NULL, 0, kind);
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
static dm_status read_entry(dm_archive *a, dm_level *l, struct archive_entry *entry, dm_entry *e) {
    size_t used = 0, step = DM_ARCHIVE_BLOCK;
    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0 && archive_entry_size(entry) < (la_int64_t)1 << 24)
        step = (size_t)archive_entry_size(entry) + 1; /* one more: the end is seen without growing */
    for (;;) {
        if (used == a->room || !a->buffer) DM_TRY(make_room(a, used + step));
        la_ssize_t got = archive_read_data(l->reader, a->buffer + used, a->room - used < DM_ARCHIVE_BLOCK ? a->room - used : DM_ARCHIVE_BLOCK);
        if (got == 0) break;
        if (got == ARCHIVE_FATAL) return dm_level_damaged(a, l, "data ends too early");
        if (got < 0) {
            e->damaged = 1;
            e->trouble = dm_level_bad_entry(l);
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
static dm_status check_end(dm_archive *a, dm_level *l) {
    const char *why = "";
    long got = 1;
    if (!l->gzip) return dm_ok;
    for (uint64_t rest = 0; got > 0 && rest < a->limits.ratio_from; rest += (uint64_t)got)
        got = dm_gunzip_read(l->gzip, l->block, DM_ARCHIVE_BLOCK, &why);
    if (got >= 0) return dm_ok;
    archive_set_error(l->reader, EIO, "gzip: %s", why);
    return dm_level_damaged(a, l, why);
}

static uint64_t number_of(const dm_archive *a) {
    return a->top << 24 | a->inner; /* the cap on entries is below 2^24 */
}

/* Counts an entry. *skip = 1 when it is no regular file, or another handle's. */
static dm_status count_entry(dm_archive *a, dm_level *l, int is_file, int is_link, int *skip) {
    long number = l->entries++;
    if (l->container) a->inner++;
    else a->top = (uint64_t)l->entries, a->inner = 0;
    if (++a->count.entries > a->limits.entries)
        return dm_fail(DM_STUDY, "archive_limit", "%s holds more than %ld entries", a->shown, a->limits.entries);
    a->count.links += is_link;
    *skip = !is_file || is_link || (!l->container && a->options.parts > 1 && number % a->options.parts != a->options.part);
    return dm_ok;
}

static void begin_entry(dm_archive *a, const dm_level *l, const char *name, dm_entry *e) {
    dm_sanitise(name, a->name, sizeof a->name);
    e->name = a->name;
    e->container = l->container;
    e->number = number_of(a);
}

/* The next regular file of a level that this handle has a part in; *more = 0 at its end. */
static dm_status next_of_library(dm_archive *a, dm_level *l, dm_entry *e, int *more) {
    for (int skip = 1;;) {
        struct archive_entry *entry;
        int code = archive_read_next_header(l->reader, &entry);
        *more = code != ARCHIVE_EOF;
        if (!*more) return check_end(a, l);
        /* RETRY as well: it comes back for ever. */
        if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return dm_level_damaged(a, l, "no entry could be read");
        int link = archive_entry_filetype(entry) == AE_IFLNK || archive_entry_hardlink(entry);
        DM_TRY(count_entry(a, l, archive_entry_filetype(entry) == AE_IFREG, link, &skip));
        if (skip) continue;
        begin_entry(a, l, archive_entry_pathname(entry), e);
        return read_entry(a, l, entry, e);
    }
}

/* The same for a common zip. Its sizes are claims, but none that deflate could not keep; they count before memory is taken. */
static dm_status next_of_zip(dm_archive *a, dm_level *l, dm_entry *e, int *more) {
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
        if (e->damaged) e->trouble = dm_level_bad_entry(l);
        e->bytes = a->buffer;
        e->size = (size_t)z.size;
        *more = 1;
        return dm_ok;
    }
    *more = 0;
    return dm_ok;
}

static dm_status next_of_level(dm_archive *a, dm_level *l, dm_entry *e, int *more) {
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
    dm_level *l = &a->level[a->levels];
    size_t size = e->size;
    a->count.nested++;
    *l = (dm_level){.bytes = dm_archive_take(a), .container = (int)a->top};
    dm_status s = dm_level_open(a, l, NULL, l->bytes, size, kind);
    if (dm_good(s)) {
        a->levels++;
        return 1;
    }
    int container = l->container;
    dm_level_close(l);
    *e = (dm_entry){.name = a->name, .damaged = 1, .trouble = s, .number = number_of(a), .container = container, .container_ends = 1};
    return 0;
}

/* An archive inside that fails is one bad entry: the rest of the source goes on. Not so when a cap is reached. */
static dm_status end_level(dm_archive *a, dm_status why, dm_entry *e) {
    dm_level *l = &a->level[a->levels - 1];
    if (!l->container || !strcmp(why.code, "archive_limit") || !strcmp(why.code, "out_of_memory")) return why;
    *e = (dm_entry){.name = a->name,
                    .damaged = 1,
                    .trouble = why,
                    .number = number_of(a),
                    .container = l->container,
                    .container_ends = 1};
    dm_level_close(l);
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
        s = make_room(a, used + DM_ARCHIVE_BLOCK);
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
    dm_sanitise(last_part(path), a->name, sizeof a->name);
    a->count.entries++;
    dm_container kind = dm_container_of_file(path);
    if (kind == DM_NO_CONTAINER || kind == DM_LONE_DICOM || kind == DM_RAR) return read_file(a, path, e);
    struct stat st;
    if (stat(path, &st) == 0) a->file_size += (uint64_t)st.st_size;
    dm_level *l = &a->level[0];
    a->count.nested++;
    *l = (dm_level){.container = (int)a->top};
    a->levels = 1;
    dm_status s = dm_level_open(a, l, path, NULL, 0, kind);
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
        dm_level *l = &a->level[a->levels - 1];
        dm_status s = next_of_level(a, l, e, more);
        if (!dm_good(s)) return end_level(a, s, e);
        if (!*more) {
            if (a->options.digest && !a->is_folder && a->levels == 1 && !dm_level_digest(l, a->digest)) a->digest[0] = 0;
            dm_level_close(l);
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

const char *dm_archive_digest(const dm_archive *a) {
    return a->digest;
}

const dm_archive_counts *dm_archive_count(const dm_archive *a) {
    return &a->count;
}

void dm_archive_close(dm_archive *a) {
    if (!a) return;
    for (int i = 0; i < a->levels; i++) dm_level_close(&a->level[i]);
    dm_folder_clear(&a->folder);
    free(a->buffer);
    free(a);
}
