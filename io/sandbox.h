/* What a process that reads untrusted bytes may no longer do. */
#ifndef DM_SANDBOX_H
#define DM_SANDBOX_H

#include <stdint.h>

typedef struct dm_sandbox_limits {
    uint64_t memory; /* bytes of address space, 0 = as it is */
    uint64_t file;   /* bytes of a file that is written, 0 = as it is: files in memory are memory */
    double seconds;  /* of processor time, all threads together, 0 = as it is */
} dm_sandbox_limits;

/* For the rest of this process: no new privileges, no core file, the limits, and by a filter of system calls no network, no
 * other program or process, no signal to another process, no file opened for writing, made, renamed or removed. Files may be
 * opened for reading; descriptors that are open keep working; threads may be started. Returns 0 when the filter is not to be had (an old
 * kernel, or a container that forbids it): everything else holds all the same. */
int dm_sandbox_enter(const dm_sandbox_limits *limits);

#endif
