/* One OpenCL 1.2 device: choice, kernels, buffers under a byte budget, launches. Errors name the OpenCL call and the
 * code's name. Not thread-safe: one dm_gpu per thread. */
#ifndef DM_GPU_H
#define DM_GPU_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "status.h"

typedef struct dm_gpu dm_gpu;
typedef struct dm_buf dm_buf;

typedef struct dm_gpu_info {
    char name[128], platform[128], driver[64], version[64];
    int is_gpu, units, index;      /* index in the list of `duramap devices` */
    uint64_t memory, max_alloc;    /* bytes that the device reports */
    size_t max_group;
} dm_gpu_info;

/* Writes a line per device ("0  GPU  name  memory ..."). STUDY never, FATAL "no_device" when there is none. */
dm_status dm_gpu_list(FILE *out);

/* Opens a device. `want`: NULL or "" = the GPU with most memory, else the CPU; a number of the list; "cpu" or "gpu"; or a
 * part of a name, any case. FATAL "no_device" (none at all, with the package to install) or "device_not_found" (with the
 * list of names). `budget` bytes at most are held in buffers at once; 0 = 80 % of the device's memory. */
dm_status dm_gpu_open(const char *want, uint64_t budget, dm_gpu **gpu);
/* So many processes use the device at once: this one keeps to its share of the budget. Call it before the first buffer. */
void dm_gpu_share(dm_gpu *gpu, int processes);
void dm_gpu_close(dm_gpu *gpu); /* accepts NULL */
const dm_gpu_info *dm_gpu_describe(const dm_gpu *gpu);
/* Vector width for kernels written with VW: 16 or 8 on a CPU, 1 on a GPU. DURAMAP_VW overrides it (tests). */
int dm_gpu_vector_width(const dm_gpu *gpu);

/* A buffer of `bytes`, contents undefined. STUDY "device_memory" with the figures when over the budget or the device's
 * largest allocation. `what` names it in errors. */
dm_status dm_buf_new(dm_gpu *gpu, size_t bytes, const char *what, dm_buf **buf);
/* The same, filled from host memory. */
dm_status dm_buf_from(dm_gpu *gpu, const void *host, size_t bytes, const char *what, dm_buf **buf);
dm_status dm_buf_write(dm_buf *buf, size_t offset, const void *host, size_t bytes);
dm_status dm_buf_read(dm_buf *buf, size_t offset, void *host, size_t bytes); /* waits for all earlier launches */
dm_status dm_buf_zero(dm_buf *buf);
size_t dm_buf_bytes(const dm_buf *buf);
void dm_buf_free(dm_buf *buf); /* accepts NULL */

/* Arguments of a kernel, in its order. */
typedef struct dm_arg {
    const dm_buf *buf;  /* a buffer, or NULL */
    const void *value;  /* a value of `size` bytes, or NULL for local memory of `size` bytes */
    size_t size;
} dm_arg;
#define DM_ARG_BUF(b) ((dm_arg){.buf = (b)})
#define DM_ARG_VAL(x) ((dm_arg){.value = &(x), .size = sizeof(x)})
#define DM_ARG_LOCAL(bytes) ((dm_arg){.size = (bytes)})

/* Enqueues one kernel over global[0] x global[1] x global[2] items (each at least 1; x rounded up to the local size: a
 * kernel must test its bounds). `file` is the .cl it stands in ("nlm.cl"), built at first use with optional `defines`
 * ("-DVW=16 -DRADIUS=3" or NULL). The local size comes from one table by device class; local = NULL for that, else 3
 * numbers. Errors: STUDY with kernel, call and code name; FATAL "kernel_build" with the log's first error. */
dm_status dm_gpu_run(dm_gpu *gpu, const char *file, const char *defines, const char *kernel, const size_t global[3],
                     const size_t *local, const dm_arg *args, int count);
dm_status dm_gpu_finish(dm_gpu *gpu);

/* Seconds that kernels ran on the device since the last call of dm_gpu_reset_times (profiling events). */
double dm_gpu_seconds(dm_gpu *gpu);
void dm_gpu_reset_times(dm_gpu *gpu);
uint64_t dm_gpu_peak_bytes(const dm_gpu *gpu);

#endif
