#include "unzip.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pseudonym.h"

typedef struct item {
    uint64_t head, data, stored, size; /* head: where the local header begins; data: where the bytes do */
    const unsigned char *name;
    uint32_t crc;
    uint16_t name_size;
    unsigned char deflated, is_file, is_link;
} item;

struct dm_unzip {
    const unsigned char *file; /* mapped */
    uint64_t file_size;
    item *entry;
    long n;
    struct libdeflate_decompressor *inflater;
};

static uint32_t u16(const unsigned char *b) {
    return (uint32_t)b[0] | (uint32_t)b[1] << 8;
}

static uint32_t u32(const unsigned char *b) {
    return u16(b) | u16(b + 2) << 16;
}

static uint64_t u64(const unsigned char *b) {
    return (uint64_t)u32(b) | (uint64_t)u32(b + 4) << 32;
}

/* Where the directory lies. */
typedef struct directory {
    uint64_t at, size, entries;
} directory;

enum { END = 22, END64 = 56, LOCATOR = 20, CENTRAL = 46, LOCAL = 30, COMMENT = 65535, MOST = 1 << 24 };

static const unsigned char *find_end(const dm_unzip *z) {
    uint64_t lowest = z->file_size > END + COMMENT ? z->file_size - END - COMMENT : 0;
    for (uint64_t at = z->file_size < END ? 0 : z->file_size - END + 1; at-- > lowest;) {
        const unsigned char *b = z->file + at;
        if (u32(b) == 0x06054b50 && u16(b + 20) == z->file_size - at - END) return b;
    }
    return NULL;
}

static int find_directory(const dm_unzip *z, directory *d) {
    const unsigned char *b = z->file_size >= END ? find_end(z) : NULL;
    if (!b || u16(b + 4) || u16(b + 6) || u16(b + 8) != u16(b + 10)) return 0; /* one disk */
    *d = (directory){u32(b + 16), u32(b + 12), u16(b + 10)};
    uint64_t end = (uint64_t)(b - z->file);
    if (d->at == UINT32_MAX || d->size == UINT32_MAX || d->entries == 0xffff) { /* zip64 */
        const unsigned char *l = b - LOCATOR;
        if (end < LOCATOR + END64 || u32(l) != 0x07064b50 || u64(l + 8) > end - LOCATOR - END64) return 0;
        const unsigned char *e = z->file + u64(l + 8);
        if (u32(e) != 0x06064b50 || u32(e + 16) || u32(e + 20)) return 0;
        *d = (directory){u64(e + 48), u64(e + 40), u64(e + 32)};
    }
    return d->at <= end && d->size <= end - d->at && d->entries <= d->size / CENTRAL && d->entries < MOST;
}

/* Sizes and place of an entry beyond 4 GiB, from its extra field of kind 1; in this order, those that are all ones. */
static int take_zip64(const unsigned char *extra, size_t n, item *e) {
    uint64_t *const wide[3] = {&e->size, &e->stored, &e->head};
    while (n >= 4) {
        size_t size = u16(extra + 2);
        if (size > n - 4) return 0;
        if (u16(extra) == 1) {
            const unsigned char *at = extra + 4, *end = at + size;
            for (int i = 0; i < 3; i++) {
                if (*wide[i] != UINT32_MAX) continue;
                if (end - at < 8) return 0;
                *wide[i] = u64(at);
                at += 8;
            }
            return 1;
        }
        extra += 4 + size;
        n -= 4 + size;
    }
    return 1;
}

static int take_entry(const dm_unzip *z, const unsigned char *b, size_t left, item *e, size_t *taken) {
    if (left < CENTRAL || u32(b) != 0x02014b50) return 0;
    size_t name = u16(b + 28), extra = u16(b + 30), comment = u16(b + 32);
    unsigned flags = u16(b + 8), method = u16(b + 10), system = b[5], mode = u32(b + 38) >> 16 & 0170000;
    if (left - CENTRAL < name + extra + comment || flags & 0x2041 || (method != 0 && method != 8)) return 0;
    *e = (item){.head = u32(b + 42), .stored = u32(b + 20), .size = u32(b + 24), .crc = u32(b + 16), .name = b + CENTRAL,
                .name_size = (uint16_t)name, .deflated = method == 8};
    if (!take_zip64(b + CENTRAL + name, extra, e)) return 0;
    e->is_link = system == 3 && mode == 0120000;
    e->is_file = !e->is_link && name > 0 && b[CENTRAL + name - 1] != '/' && (system != 3 || !mode || mode == 0100000);
    if (e->head > z->file_size || z->file_size - e->head < LOCAL) return 0;
    const unsigned char *local = z->file + e->head;
    e->data = e->head + LOCAL + u16(local + 26) + u16(local + 28);
    if (u32(local) != 0x04034b50 || u16(local + 8) != method || e->data > z->file_size || e->stored > z->file_size - e->data) return 0;
    /* Deflate gives 1032 bytes for one at most: a larger claim is none that could come true. */
    if (e->deflated ? e->size / 1032 > e->stored : e->size != e->stored) return 0;
    *taken = CENTRAL + name + extra + comment;
    return 1;
}

static int by_place(const void *a, const void *b) {
    const item *const *x = a, *const *y = b;
    return ((*x)->head > (*y)->head) - ((*x)->head < (*y)->head);
}

/* Bombs let many entries share their bytes. */
static int is_disjoint(const dm_unzip *z, uint64_t directory_at) {
    const item **order = malloc(((size_t)z->n + 1) * sizeof *order);
    int good = order != NULL;
    for (long i = 0; good && i < z->n; i++) order[i] = &z->entry[i];
    if (good) qsort(order, (size_t)z->n, sizeof *order, by_place);
    for (long i = 0; good && i < z->n; i++) {
        uint64_t next = i + 1 < z->n ? order[i + 1]->head : directory_at;
        good = order[i]->data + order[i]->stored <= next;
    }
    free(order);
    return good;
}

static int read_directory(dm_unzip *z) {
    directory d;
    if (!find_directory(z, &d)) return 0;
    z->entry = calloc((size_t)d.entries + 1, sizeof *z->entry);
    const unsigned char *b = z->file + d.at;
    size_t left = (size_t)d.size, taken = 0;
    for (; z->entry && z->n < (long)d.entries; z->n++, b += taken, left -= taken)
        if (!take_entry(z, b, left, &z->entry[z->n], &taken)) return 0;
    return z->entry && is_disjoint(z, d.at);
}

static int map_file(dm_unzip *z, const char *path) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *file = MAP_FAILED;
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (fd >= 0) close(fd);
    if (file == MAP_FAILED) return 0;
    z->file = file;
    z->file_size = (uint64_t)st.st_size;
    return 1;
}

dm_unzip *dm_unzip_open(const char *path) {
    dm_unzip *z = calloc(1, sizeof *z);
    if (!z) return NULL;
    z->inflater = libdeflate_alloc_decompressor();
    if (z->inflater && map_file(z, path) && read_directory(z)) return z;
    dm_unzip_close(z);
    return NULL;
}

long dm_unzip_count(const dm_unzip *z) {
    return z->n;
}

dm_unzip_entry dm_unzip_at(const dm_unzip *z, long i) {
    const item *e = &z->entry[i];
    return (dm_unzip_entry){(const char *)e->name, e->name_size, e->stored, e->size, e->is_file, e->is_link};
}

int dm_unzip_read(dm_unzip *z, long i, void *out) {
    const item *e = &z->entry[i];
    const unsigned char *in = z->file + e->data;
    if (!e->deflated) memcpy(out, in, (size_t)e->size);
    else if (libdeflate_deflate_decompress(z->inflater, in, (size_t)e->stored, out, (size_t)e->size, NULL) != LIBDEFLATE_SUCCESS)
        return 0;
    return libdeflate_crc32(0, out, (size_t)e->size) == e->crc;
}

void dm_unzip_digest(const dm_unzip *z, char out[65]) {
    dm_digest(z->file, (size_t)z->file_size, out);
}

void dm_unzip_close(dm_unzip *z) {
    if (!z) return;
    if (z->file) munmap((void *)(uintptr_t)z->file, (size_t)z->file_size);
    if (z->inflater) libdeflate_free_decompressor(z->inflater);
    free(z->entry);
    free(z);
}
