#include "container.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    dm_container kind;
    size_t at, size;
    const char *magic;
} marks[] = {
    {DM_LONE_DICOM, 128, 4, "DICM"}, /* first: a preamble may hold anything */
    {DM_ZIP, 0, 4, "PK\003\004"},
    {DM_ZIP, 0, 4, "PK\005\006"}, /* empty */
    {DM_ZIP, 0, 8, "PK00PK\003\004"}, /* spanned, in one piece */
    {DM_SEVEN_ZIP, 0, 6, "7z\274\257\047\034"},
    {DM_RAR, 0, 4, "Rar!"},
    {DM_GZIP, 0, 3, "\037\213\010"},
    {DM_BZIP2, 0, 3, "BZh"},
    {DM_XZ, 0, 6, "\3757zXZ\0"},
    {DM_ZSTD, 0, 4, "\050\265\057\375"},
    {DM_TAR, 257, 5, "ustar"},
    {DM_ISO, 32769, 5, "CD001"},
};

enum { FURTHEST = 32769 + 5 };

dm_container dm_container_of(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (size >= marks[i].at + marks[i].size && !memcmp(bytes + marks[i].at, marks[i].magic, marks[i].size))
            return marks[i].kind;
    return DM_NO_CONTAINER;
}

dm_container dm_container_of_file(const char *path) {
    FILE *f = fopen(path, "rb");
    unsigned char *head = f ? malloc(FURTHEST) : NULL;
    size_t n = head ? fread(head, 1, FURTHEST, f) : 0;
    dm_container kind = head ? dm_container_of(head, n) : DM_NO_CONTAINER;
    free(head);
    if (f) fclose(f);
    return kind;
}

int dm_container_is_stream(dm_container kind) {
    return kind == DM_GZIP || kind == DM_BZIP2 || kind == DM_XZ || kind == DM_ZSTD;
}
