/* Binaries on disk. A file is: 8 bytes magic, SHA-256 of the binary, the binary. Drivers may crash on a damaged binary, so
 * the checksum is tested before a driver sees one. */
#include "internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = {'d', 'm', 'c', 'l', 'b', 'i', 'n', '1'};
enum { HEAD = sizeof magic + SHA256_DIGEST_LENGTH, MAX_BINARY = 1 << 28 };

static void hex(const unsigned char *digest, char out[65]) {
    for (int i = 0; i < SHA256_DIGEST_LENGTH; i++) snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

void dm_cache_key(const dm_gpu *gpu, const char *text, const char *options, char key[65]) {
    const char *parts[] = {text,           options,          gpu->info.platform,
                           gpu->info.name, gpu->info.driver, gpu->info.version};
    unsigned char digest[SHA256_DIGEST_LENGTH] = {0};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL)) {
        /* With its NUL each, so that two parts never run into one. */
        for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
            EVP_DigestUpdate(context, parts[i], strlen(parts[i]) + 1);
        EVP_DigestFinal_ex(context, digest, NULL);
    }
    EVP_MD_CTX_free(context);
    hex(digest, key);
}

/* $XDG_CACHE_HOME/duramap, else ~/.cache/duramap; 0 when neither is known. */
static int cache_folder(char *out, size_t size) {
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    int n = base && *base == '/'   ? snprintf(out, size, "%s/duramap", base)
            : home && *home == '/' ? snprintf(out, size, "%s/.cache/duramap", home)
                                   : 0;
    return n > 0 && (size_t)n < size;
}

static int make_folders(const char *path) {
    char part[1024];
    snprintf(part, sizeof part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        if (mkdir(part, 0777) != 0 && errno != EEXIST) return 0;
        *slash = '/';
    }
    return mkdir(part, 0777) == 0 || errno == EEXIST;
}

static unsigned char *read_checked(FILE *f, size_t *bytes) {
    unsigned char head[HEAD], digest[SHA256_DIGEST_LENGTH];
    if (fread(head, 1, HEAD, f) != HEAD || memcmp(head, magic, sizeof magic) != 0) return NULL;
    if (fseek(f, 0, SEEK_END) != 0) return NULL;
    long end = ftell(f);
    if (end <= HEAD || end > MAX_BINARY || fseek(f, HEAD, SEEK_SET) != 0) return NULL;
    *bytes = (size_t)(end - HEAD);
    unsigned char *binary = malloc(*bytes);
    if (!binary) return NULL;
    if (fread(binary, 1, *bytes, f) == *bytes && SHA256(binary, *bytes, digest) &&
        memcmp(digest, head + sizeof magic, sizeof digest) == 0)
        return binary;
    free(binary);
    return NULL;
}

unsigned char *dm_cache_read(const char *key, size_t *bytes) {
    char folder[900], path[1024];
    if (!cache_folder(folder, sizeof folder)) return NULL;
    snprintf(path, sizeof path, "%s/%s.bin", folder, key);
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    unsigned char *binary = read_checked(f, bytes);
    fclose(f);
    if (!binary) unlink(path);
    return binary;
}

static int write_all(int file, const unsigned char *binary, size_t bytes) {
    unsigned char head[HEAD];
    memcpy(head, magic, sizeof magic);
    if (!SHA256(binary, bytes, head + sizeof magic)) return 0;
    FILE *f = fdopen(file, "wb");
    if (!f) {
        close(file);
        return 0;
    }
    int good = fwrite(head, 1, HEAD, f) == HEAD && fwrite(binary, 1, bytes, f) == bytes;
    return fclose(f) == 0 && good;
}

void dm_cache_write(const char *key, const unsigned char *binary, size_t bytes) {
    char folder[900], path[1024], temporary[1024];
    if (bytes > MAX_BINARY - HEAD || !cache_folder(folder, sizeof folder) || !make_folders(folder)) return;
    snprintf(path, sizeof path, "%s/%s.bin", folder, key);
    snprintf(temporary, sizeof temporary, "%s/%.16s.XXXXXX", folder, key);
    int file = mkstemp(temporary);
    if (file < 0) return;
    if (!write_all(file, binary, bytes) || rename(temporary, path) != 0) unlink(temporary);
}
