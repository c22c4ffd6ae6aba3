/* Buffers under the byte budget. */
#include "internal.h"

#include <stdlib.h>

static dm_status check_size(const dm_gpu *gpu, size_t bytes, const char *what) {
    const double mib = 1048576.0;
    if (bytes > gpu->info.max_alloc)
        return dm_fail(DM_STUDY, "device_memory", "%s needs %.1f MiB in one buffer, %s gives at most %.1f MiB", what,
                       (double)bytes / mib, gpu->info.name, (double)gpu->info.max_alloc / mib);
    if (bytes > gpu->budget || gpu->used > gpu->budget - bytes)
        return dm_fail(DM_STUDY, "device_memory", "%s needs %.1f MiB, %.1f MiB of %.1f MiB are held already on %s", what,
                       (double)bytes / mib, (double)gpu->used / mib, (double)gpu->budget / mib, gpu->info.name);
    return dm_ok;
}

dm_status dm_buf_new(dm_gpu *gpu, size_t bytes, const char *what, dm_buf **out) {
    *out = NULL;
    if (bytes == 0) return dm_fail(DM_STUDY, "device_memory", "%s: a buffer of no bytes was asked for", what);
    DM_TRY(check_size(gpu, bytes, what));
    dm_buf *buf = calloc(1, sizeof *buf);
    if (!buf) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the buffer of %s", what);
    cl_int code;
    buf->mem = clCreateBuffer(gpu->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    if (code != CL_SUCCESS) {
        free(buf);
        return dm_cl_fail(gpu, code, "clCreateBuffer", what);
    }
    buf->gpu = gpu;
    buf->bytes = bytes;
    snprintf(buf->what, sizeof buf->what, "%s", what);
    gpu->used += bytes;
    if (gpu->used > gpu->peak) gpu->peak = gpu->used;
    *out = buf;
    return dm_ok;
}

static dm_status check_range(const dm_buf *buf, size_t offset, size_t bytes) {
    if (offset > buf->bytes || bytes > buf->bytes - offset)
        return dm_fail(DM_STUDY, "device_error", "%s: %zu bytes at %zu reach beyond a buffer of %zu", buf->what, bytes,
                       offset, buf->bytes);
    return dm_ok;
}

dm_status dm_buf_write(dm_buf *buf, size_t offset, const void *host, size_t bytes) {
    DM_TRY(check_range(buf, offset, bytes));
    if (bytes == 0) return dm_ok;
    cl_int code = clEnqueueWriteBuffer(buf->gpu->queue, buf->mem, CL_TRUE, offset, bytes, host, 0, NULL, NULL);
    return code == CL_SUCCESS ? dm_ok : dm_cl_fail(buf->gpu, code, "clEnqueueWriteBuffer", buf->what);
}

dm_status dm_buf_from(dm_gpu *gpu, const void *host, size_t bytes, const char *what, dm_buf **buf) {
    DM_TRY(dm_buf_new(gpu, bytes, what, buf));
    dm_status status = dm_buf_write(*buf, 0, host, bytes);
    if (dm_good(status)) return dm_ok;
    dm_buf_free(*buf);
    *buf = NULL;
    return status;
}

dm_status dm_buf_read(dm_buf *buf, size_t offset, void *host, size_t bytes) {
    DM_TRY(check_range(buf, offset, bytes));
    DM_TRY(dm_gpu_finish(buf->gpu));
    if (bytes == 0) return dm_ok;
    cl_int code = clEnqueueReadBuffer(buf->gpu->queue, buf->mem, CL_TRUE, offset, bytes, host, 0, NULL, NULL);
    return code == CL_SUCCESS ? dm_ok : dm_cl_fail(buf->gpu, code, "clEnqueueReadBuffer", buf->what);
}

dm_status dm_buf_zero(dm_buf *buf) {
    unsigned char zero = 0;
    cl_int code = clEnqueueFillBuffer(buf->gpu->queue, buf->mem, &zero, 1, 0, buf->bytes, 0, NULL, NULL);
    return code == CL_SUCCESS ? dm_ok : dm_cl_fail(buf->gpu, code, "clEnqueueFillBuffer", buf->what);
}

size_t dm_buf_bytes(const dm_buf *buf) {
    return buf->bytes;
}

void dm_buf_free(dm_buf *buf) {
    if (!buf) return;
    /* Launches that still use it hold their own reference: the release takes effect after them. */
    clReleaseMemObject(buf->mem);
    buf->gpu->used -= buf->bytes;
    free(buf);
}

uint64_t dm_gpu_peak_bytes(const dm_gpu *gpu) {
    return gpu->peak;
}
