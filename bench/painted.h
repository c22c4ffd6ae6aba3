/* Anatomy, scanner and scan of a bench's case: drawn, or painted into a real CT without contrast. */
#ifndef DM_BENCH_PAINTED_H
#define DM_BENCH_PAINTED_H

#include <string.h>

#include "host.h"
#include "phantom.h"
#include "scanner.h"

/* host: NULL = drawn. 0 = could not be made. */
static inline int bench_subject(const dm_ph_host *host, uint64_t seed, int number, const char *kind, dm_ph_protocol protocol,
                                dm_anatomy *a, dm_ph_scanner *sc) {
    dm_status s = host ? dm_ph_host_anatomy(host, seed, number, kind, a) : dm_anatomy_make(seed, number, kind, protocol, a);
    if (!dm_good(s)) return 0;
    if (host)
        dm_ph_host_scanner(host, a, sc);
    else
        dm_ph_make_scanner(a, 0, sc);
    return 1;
}

/* out: room for nx * ny * nz values. */
static inline dm_status bench_draw(dm_gpu *gpu, const dm_ph_scanner *sc, const dm_anatomy *a, int16_t *out) {
    return a->host ? dm_ph_paint(a->host, sc, a, out) : dm_ph_render(gpu, sc, a, out);
}

/* The kinds named in the comma-separated `words` that the host allows, at most `most`; `words` is cut up. */
static inline int bench_kinds_of(char *words, const dm_ph_host *host, char **kind, int most) {
    int n = 0;
    for (char *save = NULL, *w = strtok_r(words, ",", &save); w && n < most; w = strtok_r(NULL, ",", &save))
        if (!host || dm_ph_host_allows(host, w)) kind[n++] = w;
    return n;
}

#endif
