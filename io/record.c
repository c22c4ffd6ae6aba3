#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    char temporary[4096];
    if ((size_t)snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid()) >= sizeof temporary)
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

dm_status dm_record_write(const char *path, const cJSON *record) {
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    if (!f) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a record");
    fputs("{", f);
    int good = 1;
    for (const cJSON *c = record->child; c && good; c = c->next) {
        char *value = cJSON_PrintUnformatted(c);
        good = value != NULL;
        if (good) fprintf(f, "%s\n\"%s\": %s", c == record->child ? "" : ",", c->string, value);
        cJSON_free(value);
    }
    fputs("\n}\n", f);
    good = fclose(f) == 0 && good;
    dm_status s = good ? dm_file_replace(path, out, n, 0666)
                       : dm_fail(DM_STUDY, "out_of_memory", "no memory for a record");
    free(out);
    return s;
}

dm_status dm_record_read(const char *path, cJSON **record) {
    char *text;
    size_t n;
    DM_TRY(dm_file_read(path, &text, &n));
    *record = cJSON_ParseWithLength(text, n);
    free(text);
    if (*record && cJSON_IsObject(*record)) return dm_ok;
    cJSON_Delete(*record);
    *record = NULL;
    return dm_fail(DM_STUDY, "bad_record", "%s: is no whole JSON object; remove it and run again", path);
}

const char *dm_record_text(const cJSON *record, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(record, key);
    return cJSON_IsString(item) ? item->valuestring : "";
}
