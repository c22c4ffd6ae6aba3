/* The list of stages, from stages.def. */
#include "stage.h"

#define DM_STAGE(name) extern const dm_stage dm_stage_##name;
#include "stages.def"
#undef DM_STAGE

#define DM_STAGE(name) &dm_stage_##name,
const dm_stage *const dm_stages[] = {
#include "stages.def"
};
#undef DM_STAGE

const int dm_stage_count = sizeof dm_stages / sizeof *dm_stages;
