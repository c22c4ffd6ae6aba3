/* The contract of a stage. A stage is one basename in three places (kernels/x.h + x.cl, pipeline/stages/x.c,
 * tests/stages/test_x.c) and one line in stages.def. */
#ifndef DM_STAGE_H
#define DM_STAGE_H

#include "check.h"
#include "gpu.h"
#include "param.h"
#include "study.h"

typedef struct dm_stage {
    const char *name;
    const char *reads, *fills; /* for people: fields of dm_study */
    const dm_param *params;    /* the table of its parameter struct */
    int n_params;
    size_t params_size;
    /* Largest number of device bytes held at once for this study; NULL = next to none. */
    uint64_t (*device_bytes)(const dm_study *study, const void *params);
    /* Does the work. STUDY with a reason when the study cannot be measured. */
    dm_status (*run)(dm_gpu *gpu, const void *params, dm_study *study);
    const dm_kernel_check *checks; /* its kernels against their references */
    int n_checks;
} dm_stage;

/* All stages in the order of their work; made from stages.def. */
extern const dm_stage *const dm_stages[];
extern const int dm_stage_count;
/* NULL = there is none of that name. */
const dm_stage *dm_stage_named(const char *name);

#endif
