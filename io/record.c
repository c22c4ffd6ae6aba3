#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pseudonym.h"

static dm_status failed(const char *path, const char *what) {
    return dm_fail(DM_FATAL, "output", "%s: cannot %s: %s; choose another --out or make room", path, what,
                   strerror(errno));
}

dm_status dm_folder_make(const char *path, unsigned mode) {
    char part[4096];
    if ((size_t)snprintf(part, sizeof part, "%s", path) >= sizeof part)
        return dm_fail(DM_FATAL, "output", "the path of a folder is longer than 4095 characters");
    for (char *c = part + 1; *c; c++) {
        if (*c != '/') continue;
        *c = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) return failed(part, "make the folder");
        *c = '/';
    }
    if (mkdir(part, (mode_t)mode) != 0 && errno != EEXIST) return failed(path, "make the folder");
    struct stat st;
    if (stat(part, &st) != 0) return failed(path, "use the folder");
    errno = ENOTDIR;
    return S_ISDIR(st.st_mode) ? dm_ok : failed(path, "use it as a folder");
}

static int write_all(int fd, const char *bytes, size_t count) {
    while (count) {
        ssize_t n = write(fd, bytes, count);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return -1;
        bytes += n, count -= (size_t)n;
    }
    return 0;
}

static void sync_folder_of(const char *path) {
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = 0;
    else
        snprintf(folder, sizeof folder, ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return;
    (void)fsync(fd); /* some file systems cannot sync a folder: the rename is still whole */
    close(fd);
}

dm_status dm_file_replace(const char *path, const void *bytes, size_t count, unsigned mode) {
    char temporary[4096], host[65] = "";
    /* Nodes that share a folder may have the same process numbers. */
    if (gethostname(host, sizeof host - 1) != 0) host[0] = 0;
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.%s-%ld.tmp", path, host, (long)getpid()) >= sizeof temporary)
        return dm_fail(DM_FATAL, "output", "the path of a file is longer than 4095 characters");
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC, (mode_t)mode);
    if (fd < 0) return failed(path, "write");
    int wrong = write_all(fd, bytes, count) != 0 || fsync(fd) != 0;
    wrong |= close(fd) != 0;
    if (!wrong) wrong = rename(temporary, path) != 0;
    if (wrong) {
        dm_status s = failed(path, "write");
        unlink(temporary);
        return s;
    }
    sync_folder_of(path);
    return dm_ok;
}

dm_status dm_file_read(const char *path, char **text, size_t *count) {
    *text = NULL, *count = 0;
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        dm_status s = dm_fail(DM_STUDY, "unreadable", "%s: %s", path, strerror(errno));
        if (f) fclose(f);
        return s;
    }
    size_t size = (size_t)st.st_size;
    char *t = malloc(size + 1);
    size_t n = t ? fread(t, 1, size, f) : 0;
    fclose(f);
    if (!t || n != size) {
        free(t);
        return dm_fail(DM_STUDY, "unreadable", "%s: cannot be read to its end", path);
    }
    t[n] = 0;
    *text = t, *count = n;
    return dm_ok;
}

/* The last line of a record: SHA-256 of every byte before it. */
static const char seal_from[] = "\"seal\": \"", seal_to[] = "\"\n}\n";
enum { DIGITS = 64, SEAL = sizeof seal_from - 1 + DIGITS + sizeof seal_to - 1 };

/* 0 when a byte of the text is not as it was written. */
static int seal_holds(const char *text, size_t n) {
    char digest[DIGITS + 1];
    if (n <= SEAL) return 0;
    const char *line = text + n - SEAL, *digits = line + sizeof seal_from - 1;
    dm_digest(text, n - SEAL, digest);
    return !memcmp(line, seal_from, sizeof seal_from - 1) && !memcmp(digits, digest, DIGITS) &&
           !memcmp(digits + DIGITS, seal_to, sizeof seal_to - 1);
}

/* The record's text with its seal; allocated, NULL without memory. */
static char *sealed_text(const cJSON *record, size_t *n) {
    char *body = NULL, digest[DIGITS + 1];
    FILE *f = open_memstream(&body, n);
    if (!f) return NULL;
    fputs("{\n", f);
    int good = 1;
    for (const cJSON *c = record->child; c && good; c = c->next) {
        char *value = cJSON_PrintUnformatted(c);
        good = value != NULL;
        if (good) fprintf(f, "\"%s\": %s,\n", c->string, value);
        cJSON_free(value);
    }
    good = good && fflush(f) == 0;
    if (good) {
        dm_digest(body, *n, digest);
        fprintf(f, "%s%s%s", seal_from, digest, seal_to);
    }
    if (fclose(f) == 0 && good) return body;
    free(body);
    return NULL;
}

dm_status dm_record_write(const char *path, const cJSON *record) {
    size_t n;
    char *text = sealed_text(record, &n);
    if (!text) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a record");
    dm_status s = dm_file_replace(path, text, n, 0666);
    free(text);
    return s;
}

static dm_status parse(const char *path, const char *text, size_t n, cJSON **object) {
    *object = cJSON_ParseWithLength(text, n);
    if (*object && cJSON_IsObject(*object)) return dm_ok;
    cJSON_Delete(*object);
    *object = NULL;
    return dm_fail(DM_STUDY, "bad_record", "%s: is no whole JSON object; remove it and run again", path);
}

dm_status dm_json_read(const char *path, cJSON **object) {
    char *text;
    size_t n;
    *object = NULL;
    DM_TRY(dm_file_read(path, &text, &n));
    dm_status s = parse(path, text, n, object);
    free(text);
    return s;
}

dm_status dm_record_read(const char *path, cJSON **record) {
    char *text;
    size_t n;
    *record = NULL;
    DM_TRY(dm_file_read(path, &text, &n));
    dm_status s = seal_holds(text, n) ? parse(path, text, n, record)
                                      : dm_fail(DM_STUDY, "bad_record",
                                                "%s: is cut short or was changed after it was written; run again", path);
    free(text);
    if (dm_good(s)) cJSON_DeleteItemFromObjectCaseSensitive(*record, "seal");
    return s;
}

const char *dm_record_text(const cJSON *record, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(record, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}
