/* Programs and kernels: built once per (file, defines) and kept. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static void options_for(const dm_gpu *gpu, const char *defines, char *out, size_t size) {
    /* Warnings stop the build only on the devices that the tests run on: a vendor's new warning must not cost a night.
     * Never a fast-math option: results are a promise. */
    snprintf(out, size, "-cl-std=CL1.2%s%s%s%s", gpu->is_cpu_tool ? " -Werror" : "",
             gpu->strict_math ? " -cl-fp32-correctly-rounded-divide-sqrt" : "", defines && *defines ? " " : "",
             defines ? defines : "");
}

/* The first line of a build log that tells of an error, else its first line. */
static void first_error(const char *log, char *out, size_t size) {
    const char *at = strstr(log, "error:");
    if (!at) {
        at = log;
        while (*at == '\n' || *at == ' ') at++;
    } else {
        while (at > log && at[-1] != '\n') at--;
    }
    size_t n = strcspn(at, "\n");
    snprintf(out, size, "%.*s", (int)(n < size ? n : size - 1), at);
}

static dm_status build_failed(dm_gpu *gpu, cl_program program, cl_int code, const char *file, const char *options) {
    size_t bytes = 0;
    clGetProgramBuildInfo(program, gpu->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    char *log = calloc(1, bytes + 1);
    if (log && bytes) clGetProgramBuildInfo(program, gpu->device, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    char line[240] = "";
    if (log) first_error(log, line, sizeof line);
    free(log);
    return dm_fail(DM_FATAL, "kernel_build", "%s does not build on %s (%s, options %.80s): %s", file, gpu->info.name,
                   dm_cl_name(code), options, line);
}

static dm_status build_from_source(dm_gpu *gpu, const char *file, const char *text, const char *options,
                                   cl_program *out) {
    cl_int code;
    cl_program program = clCreateProgramWithSource(gpu->context, 1, &text, NULL, &code);
    if (code != CL_SUCCESS) return dm_cl_fail(gpu, code, "clCreateProgramWithSource", file);
    code = clBuildProgram(program, 1, &gpu->device, options, NULL, NULL);
    if (code != CL_SUCCESS) {
        dm_status status = build_failed(gpu, program, code, file, options);
        clReleaseProgram(program);
        return status;
    }
    *out = program;
    return dm_ok;
}

static cl_program build_from_binary(dm_gpu *gpu, const char *key, const char *options) {
    size_t bytes;
    unsigned char *binary = dm_cache_read(key, &bytes);
    if (!binary) return NULL;
    cl_int code, state = CL_SUCCESS;
    const unsigned char *given = binary;
    cl_program program = clCreateProgramWithBinary(gpu->context, 1, &gpu->device, &bytes, &given, &state, &code);
    free(binary);
    if (code != CL_SUCCESS) return NULL;
    if (state == CL_SUCCESS && clBuildProgram(program, 1, &gpu->device, options, NULL, NULL) == CL_SUCCESS)
        return program;
    clReleaseProgram(program);
    return NULL;
}

static void keep_binary(cl_program program, const char *key) {
    size_t bytes = 0;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof bytes, &bytes, NULL) != CL_SUCCESS || bytes == 0) return;
    unsigned char *binary = malloc(bytes);
    if (!binary) return;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS)
        dm_cache_write(key, binary, bytes);
    free(binary);
}

static dm_status build(dm_gpu *gpu, const char *file, const char *defines, cl_program *out) {
    char *text, options[512], key[65];
    DM_TRY(dm_flatten(file, &text));
    options_for(gpu, defines, options, sizeof options);
    if (gpu->own_cache) {
        dm_cache_key(gpu, text, options, key);
        *out = build_from_binary(gpu, key, options);
    }
    dm_status status = dm_ok;
    if (!*out) {
        status = build_from_source(gpu, file, text, options, out);
        if (dm_good(status) && gpu->own_cache) keep_binary(*out, key);
    }
    free(text);
    return status;
}

static dm_program *find_program(dm_gpu *gpu, const char *file, const char *defines) {
    for (dm_program *p = gpu->programs; p; p = p->next)
        if (strcmp(p->file, file) == 0 && strcmp(p->defines, defines) == 0) return p;
    return NULL;
}

static void program_free(dm_program *p) {
    while (p->kernels) {
        dm_kernel *k = p->kernels;
        p->kernels = k->next;
        clReleaseKernel(k->kernel);
        free(k);
    }
    if (p->program) clReleaseProgram(p->program);
    free(p->file);
    free(p->defines);
    free(p);
}

static dm_status add_program(dm_gpu *gpu, const char *file, const char *defines, dm_program **out) {
    dm_program *p = calloc(1, sizeof *p);
    if (!p) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the program %s", file);
    p->file = strdup(file);
    p->defines = strdup(defines);
    dm_status status = p->file && p->defines ? build(gpu, file, defines, &p->program)
                                             : dm_fail(DM_STUDY, "out_of_memory", "no memory for the program %s", file);
    if (!dm_good(status)) {
        program_free(p);
        return status;
    }
    p->next = gpu->programs;
    gpu->programs = p;
    *out = p;
    return dm_ok;
}

static dm_status add_kernel(dm_gpu *gpu, dm_program *p, const char *name, dm_kernel **out) {
    cl_int code;
    cl_kernel kernel = clCreateKernel(p->program, name, &code);
    if (code != CL_SUCCESS)
        return dm_fail(DM_FATAL, "kernel_build", "kernel %s of %s: clCreateKernel gave %s (%d)", name, p->file,
                       dm_cl_name(code), (int)code);
    dm_kernel *k = calloc(1, sizeof *k);
    if (!k) {
        clReleaseKernel(kernel);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the kernel %s", name);
    }
    snprintf(k->name, sizeof k->name, "%s", name);
    k->kernel = kernel;
    if (clGetKernelWorkGroupInfo(kernel, gpu->device, CL_KERNEL_WORK_GROUP_SIZE, sizeof k->max_group, &k->max_group,
                                 NULL) != CL_SUCCESS)
        k->max_group = gpu->info.max_group;
    k->next = p->kernels;
    p->kernels = k;
    *out = k;
    return dm_ok;
}

dm_status dm_gpu_kernel(dm_gpu *gpu, const char *file, const char *defines, const char *name, dm_kernel **kernel) {
    if (!defines) defines = "";
    dm_program *p = find_program(gpu, file, defines);
    if (!p) DM_TRY(add_program(gpu, file, defines, &p));
    for (dm_kernel *k = p->kernels; k; k = k->next)
        if (strcmp(k->name, name) == 0) {
            *kernel = k;
            return dm_ok;
        }
    return add_kernel(gpu, p, name, kernel);
}

void dm_programs_free(dm_gpu *gpu) {
    while (gpu->programs) {
        dm_program *p = gpu->programs;
        gpu->programs = p->next;
        program_free(p);
    }
}
