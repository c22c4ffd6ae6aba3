/* A sac that stands out of its own shape in front. */
#ifndef DM_FRONT_BULGE_H
#define DM_FRONT_BULGE_H

#include "study.h"

/* *mm: the greatest length along the line over which the dura found in front (60 degrees to each side) lies more than `least` mm, in the mean,
 * outside of the ellipse through the rest of its ring: the surface has gone round a collection that no line parts from the sac. A
 * running median over 10 mm; the outer 15 mm of the line and what is unsure of it do not count. */
dm_status dm_front_bulge(const dm_spine *spine, const dm_canal *canal, double least, double *mm);

#endif
