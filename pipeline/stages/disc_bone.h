/* Bone that grows out of a disc. */
#ifndef DM_DISC_BONE_H
#define DM_DISC_BONE_H

#include "study.h"

/* CT. How bright a disc is in front of the canal's wall beside a finding in front: HU, the median of what lies 1 to 3 mm behind where the
 * wall is above and below, within 15 degrees of the finding's angle, in the darkest row within 3 mm of the disc; of several discs beside
 * it the brightest. A disc has 60 to 120 HU, and contrast stops at its edge; calcified discs and the rims of their neighbours, which
 * spurs grow from, are bone there too. NaN where no disc lies beside it or none can be seen. */
double dm_disc_beside(const dm_study *study, const dm_finding *finding);

#endif
