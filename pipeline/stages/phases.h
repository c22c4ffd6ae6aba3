/* Further passes of a study in the frame of the first. */
#ifndef DM_PHASES_H
#define DM_PHASES_H

#include "map_parts.h"

/* Where `pass` lies against the study's own volume: fills shift (LPS mm; a point p of the frame is at p +
 * shift in the pass) with the translation that makes what lies outside the canal agree best, sought within 6
 * mm round the scanner's coordinates in steps down to 0.25 mm. Returns the correlation reached (-1..1); below
 * 0.5, or at the border of the search, the shift is 0. Bone does not change between passes, contrast does: so
 * the canal is left out. */
double dm_phase_shift(const dm_study *study, const dm_volume *pass, double shift[3]);

/* Maps of all further passes whose scan is there, in order of time, into study->map.phase; a pass of the role
 * "pre-contrast" is subtracted instead: what stands there without contrast is bone or calcium and leaves the
 * map. Fills first and early_late. Nothing to do with one pass. */
dm_status dm_phases_measure(dm_gpu *gpu, const dm_map_params *p, dm_study *study);

/* Index into study->map.phase of the first that shows the pool `label == which` (n * DM_NT): 40 mm2 of it, or
 * half of what it can show, brighter than `least`. -1 when none does, or with one pass. */
int dm_phase_first(const dm_study *study, const int *label, int which, double least);

#endif
