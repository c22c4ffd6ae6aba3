/* The verbs: each takes argv from its own name on and returns the exit code. */
#ifndef DM_VERBS_H
#define DM_VERBS_H

#include "gpu.h"
#include "options.h"

int dm_verb_run(int argc, char **argv);
int dm_verb_plan(int argc, char **argv);
int dm_verb_submit(int argc, char **argv);
int dm_verb_merge(int argc, char **argv);
int dm_verb_status(int argc, char **argv);
int dm_verb_compare(int argc, char **argv);
int dm_verb_phantom(int argc, char **argv);
int dm_verb_devices(int argc, char **argv);
int dm_verb_selftest(int argc, char **argv);
int dm_verb_check(int argc, char **argv);
int dm_verb_version(int argc, char **argv);

/* Prints a status that is not good and gives the exit code that goes with it. */
int dm_tell(dm_status status);

/* Every kernel against its scalar reference. Prints a table to `to` (NULL = nothing). Number of kernels that failed. */
int dm_selftest(dm_gpu *gpu, FILE *to);

/* Opens a device and prints it to stderr. */
dm_status dm_open_device(const char *want, long long memory_mb, dm_gpu **gpu);

#endif
