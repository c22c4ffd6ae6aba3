/* Contrast that has run out through the foramina beside a lateral pool. */
#ifndef DM_SPILL_H
#define DM_SPILL_H

#include "study.h"

/* How bright the way out of the foramina of one side (> 0 left, else right) is from s_from to s_to, 4 mm beyond both included, less what
 * is usual at the same place of other foramina: the brightest straight way from 2 to 6.5 mm outside the bony wall, its mean, share of the sac
 * above soft tissue. What is brighter than `most` (the same share) or as uneven as bone does not count. 0 where there is none. CT only:
 * on MR fat and the plexus of a foramen are as bright. */
double dm_spill(const dm_study *study, int side, double s_from, double s_to, double most);

#endif
