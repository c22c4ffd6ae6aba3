/* Devices: the list, the choice, opening and closing. */
#include "internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void device_text(cl_device_id device, cl_device_info key, char *out, size_t size) {
    char text[512] = "";
    if (clGetDeviceInfo(device, key, sizeof text, text, NULL) != CL_SUCCESS) text[0] = 0;
    text[sizeof text - 1] = 0;
    const char *from = text;
    while (isspace((unsigned char)*from)) from++;
    snprintf(out, size, "%s", from);
    for (size_t n = strlen(out); n > 0 && isspace((unsigned char)out[n - 1]);) out[--n] = 0;
}

static uint64_t device_number(cl_device_id device, cl_device_info key) {
    cl_ulong v = 0;
    return clGetDeviceInfo(device, key, sizeof v, &v, NULL) == CL_SUCCESS ? v : 0;
}

static unsigned device_uint(cl_device_id device, cl_device_info key) {
    cl_uint v = 0;
    return clGetDeviceInfo(device, key, sizeof v, &v, NULL) == CL_SUCCESS ? v : 0;
}

static int usable(cl_device_id device) {
    return device_uint(device, CL_DEVICE_AVAILABLE) && device_uint(device, CL_DEVICE_COMPILER_AVAILABLE);
}

static void fill_info(cl_platform_id platform, cl_device_id device, dm_gpu_info *info) {
    memset(info, 0, sizeof *info);
    device_text(device, CL_DEVICE_NAME, info->name, sizeof info->name);
    device_text(device, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    device_text(device, CL_DEVICE_VERSION, info->version, sizeof info->version);
    if (clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform, info->platform, NULL) != CL_SUCCESS)
        info->platform[0] = 0;
    cl_device_type type = 0;
    clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    info->is_gpu = (type & CL_DEVICE_TYPE_GPU) != 0;
    info->units = (int)device_uint(device, CL_DEVICE_MAX_COMPUTE_UNITS);
    info->memory = device_number(device, CL_DEVICE_GLOBAL_MEM_SIZE);
    info->max_alloc = device_number(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    size_t group = 1;
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group, NULL);
    info->max_group = group;
}

/* Every usable device of every platform, in the loader's order. */
static int find_devices(cl_device_id *devices, dm_gpu_info *infos) {
    cl_platform_id platforms[16];
    cl_uint n_platforms = 0;
    if (clGetPlatformIDs(16, platforms, &n_platforms) != CL_SUCCESS) return 0;
    if (n_platforms > 16) n_platforms = 16;
    int n = 0;
    for (cl_uint p = 0; p < n_platforms; p++) {
        cl_device_id found[DM_MAX_DEVICES];
        cl_uint count = 0;
        if (clGetDeviceIDs(platforms[p], CL_DEVICE_TYPE_ALL, DM_MAX_DEVICES, found, &count) != CL_SUCCESS) continue;
        for (cl_uint d = 0; d < count && d < DM_MAX_DEVICES && n < DM_MAX_DEVICES; d++) {
            if (!usable(found[d])) continue;
            devices[n] = found[d];
            fill_info(platforms[p], found[d], &infos[n]);
            infos[n].index = n;
            n++;
        }
    }
    return n;
}

static dm_status no_device(void) {
    return dm_fail(DM_FATAL, "no_device",
                   "no OpenCL device found; install a driver (for the CPU on Debian: apt install pocl-opencl-icd; for "
                   "a GPU its vendor's OpenCL package), then see `duramap devices`");
}

dm_status dm_gpu_list(FILE *out) {
    cl_device_id devices[DM_MAX_DEVICES];
    dm_gpu_info infos[DM_MAX_DEVICES];
    int n = find_devices(devices, infos);
    if (n == 0) return no_device();
    for (int i = 0; i < n; i++)
        fprintf(out, "%d  %s  %s  %.1f GiB, %.1f GiB at most in one buffer, %d units  [%s, driver %s]\n", i,
                infos[i].is_gpu ? "GPU" : "CPU", infos[i].name, (double)infos[i].memory / 1073741824.0,
                (double)infos[i].max_alloc / 1073741824.0, infos[i].units, infos[i].platform, infos[i].driver);
    return dm_ok;
}

static int contains(const char *text, const char *part) {
    size_t n = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, n) == 0) return 1;
    return 0;
}

/* The one with most memory among the GPUs or the others; -1 when there is none. */
static int largest(const dm_gpu_info *list, int n, int gpu) {
    int best = -1;
    for (int i = 0; i < n; i++)
        if (list[i].is_gpu == gpu && (best < 0 || list[i].memory > list[best].memory)) best = i;
    return best;
}

int dm_gpu_choose(const dm_gpu_info *list, int n, const char *want) {
    if (!want || !*want) {
        int gpu = largest(list, n, 1);
        return gpu >= 0 ? gpu : largest(list, n, 0);
    }
    if (strcasecmp(want, "gpu") == 0) return largest(list, n, 1);
    if (strcasecmp(want, "cpu") == 0) return largest(list, n, 0);
    char *end;
    errno = 0;
    long number = strtol(want, &end, 10);
    if (*end == 0 && errno == 0) return number >= 0 && number < n ? (int)number : -1;
    for (int i = 0; i < n; i++)
        if (contains(list[i].name, want)) return i;
    return -1;
}

static dm_status not_found(const dm_gpu_info *list, int n, const char *want) {
    char names[320] = "";
    size_t used = 0;
    for (int i = 0; i < n && used < sizeof names; i++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%d %s (%s)", i ? "; " : "", i, list[i].name,
                                 list[i].is_gpu ? "gpu" : "cpu");
    return dm_fail(DM_FATAL, "device_not_found", "no OpenCL device fits \"%.60s\"; there are: %s", want, names);
}

static int wide_vector(const dm_gpu *gpu) {
    const char *set = getenv("DURAMAP_VW");
    int width = set ? atoi(set) : 0;
    if (width == 1 || width == 4 || width == 8 || width == 16) return width;
    if (gpu->info.is_gpu) return 1;
    unsigned native = device_uint(gpu->device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT);
    return native >= 16 ? 16 : native >= 8 ? 8 : 4; /* PoCL does not build wider ones than the processor has */
}

static dm_status open_queue(dm_gpu *gpu) {
    cl_int code;
    gpu->context = clCreateContext(NULL, 1, &gpu->device, NULL, NULL, &code);
    if (code != CL_SUCCESS)
        return dm_fail(DM_FATAL, "no_device", "%s: clCreateContext gave %s (%d)", gpu->info.name, dm_cl_name(code),
                       (int)code);
    gpu->queue = clCreateCommandQueue(gpu->context, gpu->device, CL_QUEUE_PROFILING_ENABLE, &code);
    if (code != CL_SUCCESS)
        return dm_fail(DM_FATAL, "no_device", "%s: clCreateCommandQueue gave %s (%d)", gpu->info.name,
                       dm_cl_name(code), (int)code);
    return dm_ok;
}

static void look_at(dm_gpu *gpu) {
    gpu->is_cpu_tool =
        contains(gpu->info.platform, "Portable Computing Language") || contains(gpu->info.platform, "oclgrind");
    gpu->own_cache = !gpu->is_cpu_tool;
    cl_device_fp_config config = 0;
    clGetDeviceInfo(gpu->device, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL);
    gpu->strict_math = (config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT) != 0;
    gpu->vector_width = wide_vector(gpu);
}

dm_status dm_gpu_open(const char *want, uint64_t budget, dm_gpu **out) {
    *out = NULL;
    cl_device_id devices[DM_MAX_DEVICES];
    dm_gpu_info infos[DM_MAX_DEVICES];
    int n = find_devices(devices, infos);
    if (n == 0) return no_device();
    int i = dm_gpu_choose(infos, n, want);
    if (i < 0) return not_found(infos, n, want);
    dm_gpu *gpu = calloc(1, sizeof *gpu);
    if (!gpu) return dm_fail(DM_FATAL, "out_of_memory", "no memory to open a device");
    gpu->info = infos[i];
    gpu->device = devices[i];
    gpu->budget = budget ? budget : gpu->info.memory / 5 * 4;
    gpu->late = dm_ok;
    look_at(gpu);
    dm_status status = open_queue(gpu);
    if (!dm_good(status)) {
        dm_gpu_close(gpu);
        return status;
    }
    *out = gpu;
    return dm_ok;
}

void dm_gpu_share(dm_gpu *gpu, int processes) {
    if (processes > 1) gpu->budget /= (uint64_t)processes;
}

void dm_gpu_close(dm_gpu *gpu) {
    if (!gpu) return;
    if (gpu->queue) clFinish(gpu->queue);
    dm_events_drain(gpu);
    dm_programs_free(gpu);
    if (gpu->queue) clReleaseCommandQueue(gpu->queue);
    if (gpu->context) clReleaseContext(gpu->context);
    free(gpu);
}

const dm_gpu_info *dm_gpu_describe(const dm_gpu *gpu) {
    return &gpu->info;
}

int dm_gpu_vector_width(const dm_gpu *gpu) {
    return gpu->vector_width;
}
