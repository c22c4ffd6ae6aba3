/* The list of stages, from stages.def. */
#include "stage.h"

#include <string.h>

#define DM_STAGE(name) extern const dm_stage dm_stage_##name;
#include "stages.def"
#undef DM_STAGE

#define DM_STAGE(name) &dm_stage_##name,
const dm_stage *const dm_stages[] = {
#include "stages.def"
};
#undef DM_STAGE

const int dm_stage_count = sizeof dm_stages / sizeof *dm_stages;

const dm_stage *dm_stage_named(const char *name) {
    for (int i = 0; i < dm_stage_count; i++)
        if (strcmp(dm_stages[i]->name, name) == 0) return dm_stages[i];
    return NULL;
}
