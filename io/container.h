/* What a file is, by its first bytes: never by its name. */
#ifndef DM_CONTAINER_H
#define DM_CONTAINER_H

#include <stddef.h>

typedef enum dm_container {
    DM_NO_CONTAINER,
    DM_LONE_DICOM, /* a preamble and DICM */
    DM_ZIP,
    DM_SEVEN_ZIP,
    DM_TAR, /* with its magic; older ones are left to the archive library */
    DM_ISO,
    DM_RAR,
    DM_GZIP,
    DM_BZIP2,
    DM_XZ,
    DM_ZSTD
} dm_container;

dm_container dm_container_of(const unsigned char *bytes, size_t size);
dm_container dm_container_of_file(const char *path); /* DM_NO_CONTAINER also when it cannot be read */
/* 1 for a compressed stream, which may hold a tar or one file. */
int dm_container_is_stream(dm_container kind);

#endif
