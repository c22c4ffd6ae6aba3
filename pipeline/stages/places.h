/* Positions along the spine and their names. */
#ifndef DM_PLACES_H
#define DM_PLACES_H

#include "study.h"

/* Positions of the line, both ends among them; to < from = none. */
typedef struct dm_rows {
    int from, to;
} dm_rows;

/* s of the upper edge of a level (middle of the disc above). 0 when the level is not among the vertebrae. */
int dm_level_top(const dm_levels *levels, int level, double *s);
/* s of the upper edge of the first lumbar vertebra. 0 when the thoracolumbar junction is not in view. */
int dm_lumbar_top(const dm_levels *levels, double *s);
/* Vertebrae above and below the disc nearest to s (DM_LEVEL_NONE beyond the ends). */
void dm_nearest_disc(const dm_levels *levels, double s, int *upper, int *lower);
/* Level of the root that leaves between two neighbours: cervical roots above their vertebra, C8 (DM_C8) between C7 and
 * T1, all others below theirs. */
int dm_root_between(int upper, int lower);
/* The root of the foramen below vertebra v[i], also below the last one seen. */
int dm_root_of(const dm_levels *levels, int i);
/* s at which the root of the foramen below vertebra v[i] leaves: under the pedicle in chest and loins, 3/10 of the vertebra above the
 * disc; at the disc in the neck, 1/5 above the one below C7. */
double dm_foramen_s(const dm_levels *levels, int i);
/* Column of the map straight to a side: left where side > 0, else right. */
int dm_side_column(double side);
/* Bony wall straight to a side of the foramen below vertebra v[i], mm from the line; NAN where the line does not reach it. */
double dm_foramen_wall(const dm_study *study, int i, double side);
/* Index i of the foramen (below v[i]) nearest to s; -1 without levels. */
int dm_nearest_foramen(const dm_levels *levels, double s);
/* The same, the one below the last vertebra seen included. */
int dm_foramen_at(const dm_levels *levels, double s);
/* Rows that lie in other vertebrae where row i of n (ds mm apart) lies in its own: as far between the discs, up to four vertebrae up and
 * down. Vertebrae that the rows `left_out` reach are left out. Returns how many; 0 where row i is in no vertebra. */
enum { DM_ALIKE = 8 };
int dm_rows_alike(const dm_levels *levels, double ds, int n, int i, dm_rows left_out, int row[DM_ALIKE]);
/* Hours: 12 = dorsal, 3 = the patient's left, 6 = ventral. */
double dm_clock_of(double theta);

#endif
