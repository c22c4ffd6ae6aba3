/* Digital reference objects: spines with and without leaks, as archived DICOM, with the truth beside them. */
#ifndef DM_PHANTOM_H
#define DM_PHANTOM_H

#include <stdint.h>

#include "check.h"

typedef struct dm_phantom_options {
    const char *out; /* folder, made if missing */
    int cases;
    uint64_t seed;
    const char *protocol;          /* "ctm", "mrm", NULL = in turn */
    const char *kind;              /* "none", "ventral", ... NULL = all in turn; see dm_phantom_kinds */
    int full;                      /* 0: small, 1: 512x512x600 class */
    const struct dm_ph_host *host; /* paint into this scan; NULL = draw everything. See host.h */
} dm_phantom_options;

extern const char *const dm_phantom_kinds[]; /* those made in turn; NULL at the end */
/* 1 when a kind may be asked for by name: those, and "two_phase", a ventral tear in two passes. */
int dm_phantom_knows(const char *kind);

/* Writes cases c0000 .. with truth.json, reference.csv and README.txt into options->out. Same options, same
 * bytes, on any device and for any number of threads. */
dm_status dm_phantom_make(dm_gpu *gpu, const dm_phantom_options *options);

extern const dm_kernel_check dm_phantom_checks[];
extern const int dm_phantom_check_count;

#endif
