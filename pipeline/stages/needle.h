/* The needle's way behind the loins: a thin bright line in the midline between two spinous processes. */
#ifndef DM_NEEDLE_H
#define DM_NEEDLE_H

#include "study.h"

/* Length in mm of the longest line that runs backwards from the canal's wall in the midline below an s,
 * brighter by `least` (HU) than what lies 4 mm to its left and right and 5 mm above and below it: a spinous
 * process is wider, a ligament longer along the spine. *at is the s where it leaves the wall. Needs canal and
 * crop.raw. */
double dm_needle_length(const dm_study *study, double from, double least, double *at);

#endif
