/* What the files of this layer share; nobody outside it includes this, but its own tests. */
#ifndef DM_GPU_INTERNAL_H
#define DM_GPU_INTERNAL_H

#include <CL/cl.h>

#include "embedded.h"
#include "gpu.h"

enum {
    DM_MAX_DEVICES = 64,
    DM_MAX_EVENTS = 256 /* profiling events held before they are waited for and summed */
};

/* A built program: one (file, defines) pair with its kernels. */
typedef struct dm_program {
    struct dm_program *next;
    char *file, *defines;
    cl_program program;
    struct dm_kernel *kernels;
} dm_program;

typedef struct dm_kernel {
    struct dm_kernel *next;
    char name[64];
    cl_kernel kernel;
    size_t max_group; /* items per group that this kernel can have on the device */
} dm_kernel;

struct dm_gpu {
    dm_gpu_info info;
    cl_device_id device;
    cl_context context;
    cl_command_queue queue;
    int vector_width;
    int own_cache;   /* 1 = keep binaries on disk: never for PoCL, which aborts on a damaged binary and has its own */
    int strict_math; /* 1 = divide and sqrt can be built correctly rounded */
    int is_cpu_tool; /* 1 = PoCL or oclgrind: warnings in kernels are errors */
    uint64_t budget, used, peak;
    dm_program *programs;
    cl_event events[DM_MAX_EVENTS];
    int n_events;
    double seconds;
    dm_status late; /* first failure that an event told of after its launch */
};

struct dm_buf {
    dm_gpu *gpu;
    cl_mem mem;
    size_t bytes;
    char what[48];
};

/* "CL_OUT_OF_RESOURCES"; the number as text is left to the caller for codes that have no name ("unknown OpenCL code"). */
const char *dm_cl_name(cl_int code);
/* STUDY "device_error" (device_memory for codes that tell of memory): "WHAT: CALL gave NAME (code) on DEVICE". */
dm_status dm_cl_fail(const dm_gpu *gpu, cl_int code, const char *call, const char *what);

/* Index of the wanted device in a list, -1 when none fits; dm_gpu_open tells the rules. */
int dm_gpu_choose(const dm_gpu_info *list, int n, const char *want);

/* The text of a kernel file: DURAMAP_KERNELS/NAME when that exists, else the embedded one. Allocated, the caller frees;
 * NULL when there is no such file. */
char *dm_kernel_text(const char *name);
/* The file with every quoted include put in once, each piece under a #line of its own. Allocated, the caller frees.
 * FATAL "kernel_source" when an included file is missing. */
dm_status dm_flatten(const char *name, char **text);
/* The kernel, built at first use. */
dm_status dm_gpu_kernel(dm_gpu *gpu, const char *file, const char *defines, const char *name, dm_kernel **kernel);
void dm_programs_free(dm_gpu *gpu);

/* Binary cache on disk. key = SHA-256 over everything that the binary depends on, as 64 hex digits. */
void dm_cache_key(const dm_gpu *gpu, const char *text, const char *options, char key[65]);
/* Reads a binary whose checksum is right; NULL otherwise, and a damaged file is removed. The caller frees. */
unsigned char *dm_cache_read(const char *key, size_t *bytes);
/* Writes a binary under a temporary name and renames it. A cache that cannot be written is no error. */
void dm_cache_write(const char *key, const unsigned char *binary, size_t bytes);

/* Local size for the global size: the table by device class. */
void dm_local_size(const dm_gpu *gpu, const size_t global[3], size_t max_group, size_t local[3]);
/* Waits for the held events, adds their seconds, releases them. */
void dm_events_drain(dm_gpu *gpu);

#endif
