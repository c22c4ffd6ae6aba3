/* Holes in files are Linux's own. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

static uint64_t to_page(uint64_t n) {
    return (n + DM_STORE_PAGE - 1) / DM_STORE_PAGE * DM_STORE_PAGE;
}

dm_status dm_store_take(dm_store *s, uint64_t bytes, uint64_t *at) {
    uint64_t from = s->end ? to_page(s->end) : DM_STORE_PAGE;
    if (from > s->most || bytes > s->most - from)
        return dm_fail(DM_STUDY, "out_of_memory", "volumes of %.0f MB in all are more than the %.0f MB that a reader may fill; "
                                                  "give it more with --read-memory",
                       (double)(from + bytes) / 1e6, (double)s->most / 1e6);
    *at = from;
    s->end = from + bytes;
    return dm_ok;
}

void dm_store_free(const dm_store *s, uint64_t at, uint64_t bytes) {
    /* Where that cannot be done the memory is free when the file is closed. */
    (void)fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)bytes);
}

static int transfer(int fd, uint64_t at, char *p, size_t n, int writes) {
    while (n > 0) {
        ssize_t done = writes ? pwrite(fd, p, n, (off_t)at) : pread(fd, p, n, (off_t)at);
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return 0;
        p += done;
        at += (uint64_t)done;
        n -= (size_t)done;
    }
    return 1;
}

int dm_store_put(const dm_store *s, uint64_t at, const void *bytes, size_t n) {
    return transfer(s->fd, at, (char *)(uintptr_t)bytes, n, 1);
}

int dm_store_get(const dm_store *s, uint64_t at, void *bytes, size_t n) {
    return transfer(s->fd, at, bytes, n, 0);
}
