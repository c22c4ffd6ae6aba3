/* A file in memory (memfd) that one process fills with volumes and another maps. Written, not mapped, by the one that fills it: a
 * page that is written whole need not be cleared and faulted in first, which halves its cost. */
#ifndef DM_STORE_H
#define DM_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { DM_STORE_PAGE = 1 << 16 }; /* volumes begin at multiples of it: of the page size of any machine */

typedef struct dm_store {
    int fd;
    uint64_t end, most; /* bytes in use, and how many there may be */
} dm_store;

/* Takes room for `bytes` at *at, never 0. STUDY "out_of_memory" beyond `most`. */
dm_status dm_store_take(dm_store *store, uint64_t bytes, uint64_t *at);
/* Gives its memory back to the system. */
void dm_store_free(const dm_store *store, uint64_t at, uint64_t bytes);
/* Writes or reads n bytes at a place; 0 when that cannot be. Several threads may, at places of their own. */
int dm_store_put(const dm_store *store, uint64_t at, const void *bytes, size_t n);
int dm_store_get(const dm_store *store, uint64_t at, void *bytes, size_t n);

#endif
