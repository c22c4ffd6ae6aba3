/* The kernel sources that the binary carries (see embed.cmake). */
#ifndef DM_EMBEDDED_H
#define DM_EMBEDDED_H
#include <stddef.h>

typedef struct dm_embedded {
    const char *name; /* file name without folder: "nlm.cl", "grid.h" */
    const char *text; /* whole text, NUL after the last byte */
    size_t length;    /* bytes without that NUL */
} dm_embedded;

extern const dm_embedded dm_embedded_files[];
extern const int dm_embedded_count;
/* The protocols of configs/protocols (linked into the layer of the stages). */
extern const dm_embedded dm_protocol_files[];
extern const int dm_protocol_count;
extern const dm_embedded dm_cluster_files[]; /* the one script of configs/cluster */
extern const int dm_cluster_count;

#endif
