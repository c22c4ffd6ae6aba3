/* Launches: arguments, local sizes, events. */
#include "internal.h"

/* Along x a group covers as much of a row as wastes little: a row of 300 is cut into 5 x 64, not 2 x 256. */
static size_t row_group(size_t x, size_t most, size_t least) {
    for (size_t size = most; size > least; size /= 2) {
        size_t padded = (x + size - 1) / size * size;
        if (padded - x <= x / 8) return size;
    }
    size_t size = least;
    while (size > 1 && size / 2 >= x) size /= 2;
    return size;
}

/* The table: CPU devices vectorise along x and thread over groups, so one row per group; GPUs take 32 x 4 where rows
 * come in fours (kernels need not test y), else 64 or 128 along x. */
void dm_local_size(const dm_gpu *gpu, const size_t global[3], size_t max_group, size_t local[3]) {
    local[0] = local[1] = local[2] = 1;
    if (gpu->info.is_gpu && global[1] % 4 == 0 && global[0] >= 32) {
        local[0] = 32;
        local[1] = 4;
    } else {
        local[0] = row_group(global[0], gpu->info.is_gpu ? 128 : 256, 64);
    }
    size_t limit = max_group && max_group < gpu->info.max_group ? max_group : gpu->info.max_group;
    while (local[1] > 1 && local[0] * local[1] > limit) local[1] /= 2;
    while (local[0] > 1 && local[0] * local[1] > limit) local[0] /= 2;
}

static dm_status set_arguments(cl_kernel kernel, const char *name, const dm_arg *args, int count) {
    for (int i = 0; i < count; i++) {
        const dm_arg *a = &args[i];
        cl_int code = a->buf ? clSetKernelArg(kernel, (cl_uint)i, sizeof a->buf->mem, &a->buf->mem)
                             : clSetKernelArg(kernel, (cl_uint)i, a->size, a->value);
        if (code != CL_SUCCESS)
            return dm_fail(DM_STUDY, "device_error", "kernel %s, argument %d of %d (%zu bytes): clSetKernelArg gave %s (%d)",
                           name, i, count, a->buf ? sizeof a->buf->mem : a->size, dm_cl_name(code), (int)code);
    }
    return dm_ok;
}

static dm_status launch_failed(const dm_gpu *gpu, cl_int code, const char *name, const size_t global[3],
                               const size_t local[3]) {
    char what[160];
    snprintf(what, sizeof what, "kernel %s over %zu x %zu x %zu in groups of %zu x %zu x %zu", name, global[0], global[1],
             global[2], local[0], local[1], local[2]);
    return dm_cl_fail(gpu, code, "clEnqueueNDRangeKernel", what);
}

static void add_seconds(dm_gpu *gpu, cl_event event) {
    cl_ulong start = 0, end = 0;
    cl_int state = CL_COMPLETE;
    clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
    if (state < 0 && dm_good(gpu->late)) gpu->late = dm_cl_fail(gpu, state, "a launched kernel", "execution");
    if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) == CL_SUCCESS &&
        clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) == CL_SUCCESS && end > start)
        gpu->seconds += 1e-9 * (double)(end - start);
}

void dm_events_drain(dm_gpu *gpu) {
    if (gpu->n_events == 0) return;
    cl_int code = clWaitForEvents((cl_uint)gpu->n_events, gpu->events);
    if (code != CL_SUCCESS && dm_good(gpu->late)) gpu->late = dm_cl_fail(gpu, code, "clWaitForEvents", "execution");
    for (int i = 0; i < gpu->n_events; i++) {
        add_seconds(gpu, gpu->events[i]);
        clReleaseEvent(gpu->events[i]);
    }
    gpu->n_events = 0;
}

static dm_status take_late(dm_gpu *gpu) {
    dm_status late = gpu->late;
    gpu->late = dm_ok;
    return late;
}

dm_status dm_gpu_run(dm_gpu *gpu, const char *file, const char *defines, const char *kernel, const size_t global[3],
                     const size_t *local, const dm_arg *args, int count) {
    if (!global[0] || !global[1] || !global[2])
        return dm_fail(DM_STUDY, "device_error", "kernel %s: nothing to do in %zu x %zu x %zu items", kernel, global[0],
                       global[1], global[2]);
    dm_kernel *k;
    DM_TRY(dm_gpu_kernel(gpu, file, defines, kernel, &k));
    DM_TRY(set_arguments(k->kernel, kernel, args, count));
    size_t group[3], items[3];
    dm_local_size(gpu, global, k->max_group, group);
    for (int i = 0; i < 3; i++) {
        if (local) group[i] = local[i];
        items[i] = (global[i] + group[i] - 1) / group[i] * group[i];
    }
    if (gpu->n_events == DM_MAX_EVENTS) dm_events_drain(gpu);
    cl_event event = NULL;
    cl_int code = clEnqueueNDRangeKernel(gpu->queue, k->kernel, 3, NULL, items, group, 0, NULL, &event);
    if (code != CL_SUCCESS) return launch_failed(gpu, code, kernel, items, group);
    gpu->events[gpu->n_events++] = event;
    clFlush(gpu->queue);
    return dm_ok;
}

dm_status dm_gpu_finish(dm_gpu *gpu) {
    cl_int code = clFinish(gpu->queue);
    dm_events_drain(gpu);
    dm_status late = take_late(gpu);
    if (!dm_good(late)) return late;
    return code == CL_SUCCESS ? dm_ok : dm_cl_fail(gpu, code, "clFinish", "execution");
}

double dm_gpu_seconds(dm_gpu *gpu) {
    dm_events_drain(gpu);
    return gpu->seconds;
}

void dm_gpu_reset_times(dm_gpu *gpu) {
    dm_events_drain(gpu);
    gpu->seconds = 0;
}
