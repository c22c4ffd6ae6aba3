/* What lies at a point of an anatomy that is still being made, without noise: so that veins keep off bone and
 * their contrast to what lies round them is known. */
#ifndef DM_AROUND_H
#define DM_AROUND_H

#include "scanner.h"

typedef struct dm_ph_around {
    const dm_anatomy *a;
    dm_ph_args args;
} dm_ph_around;

/* From the anatomy as it stands: makes its buckets anew. */
dm_status dm_ph_look_around(dm_anatomy *a, dm_ph_around *out);
/* HU or signal at (ventral, left, s) in mm; -1000 (MR: 0) outside the body or the scan that is painted. */
double dm_ph_value_at(const dm_ph_around *around, const double at[3]);

#endif
