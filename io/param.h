/* Parameter tables: one table per stage is the parser, the range check, the reference.ini and the documentation. */
#ifndef DM_PARAM_H
#define DM_PARAM_H

#include <stddef.h>

#include "status.h"

typedef enum dm_param_type { DM_FLOAT, DM_INT, DM_CHOICE } dm_param_type;

typedef struct dm_param {
    const char *name; /* lower_snake_case key in the .ini */
    const char *unit; /* "mm", "HU", "deg", "1", ... */
    dm_param_type type;
    size_t offset;       /* of a double (FLOAT) or an int (INT, CHOICE) in the stage's parameter struct */
    double low, high;    /* both allowed */
    double preset;       /* the default; for CHOICE the index */
    const char *choices; /* CHOICE: "none|iodine|fluid" */
    const char *help;    /* one sentence */
} dm_param;

#define DM_PARAM_FLOAT(type, field, unit, low, high, preset, help) \
    {#field, unit, DM_FLOAT, offsetof(type, field), low, high, preset, NULL, help}
#define DM_PARAM_INT(type, field, unit, low, high, preset, help) \
    {#field, unit, DM_INT, offsetof(type, field), low, high, preset, NULL, help}
#define DM_PARAM_CHOICE(type, field, choices, preset, help) \
    {#field, "1", DM_CHOICE, offsetof(type, field), 0, 99, preset, choices, help}

/* Fills a parameter struct with the defaults. */
void dm_params_preset(const dm_param *table, int count, void *params);
/* Sets one value from text; FATAL "config" with `where` ("file.ini:12") when the name is unknown (the nearest name is
 * offered), the text is no number or choice, or out of range. */
dm_status dm_params_set(const dm_param *table, int count, void *params, const char *where, const char *name,
                        const char *text);

#endif
