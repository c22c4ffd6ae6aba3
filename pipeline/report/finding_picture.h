/* One picture for one finding: is it right? */
#ifndef DM_FINDING_PICTURE_H
#define DM_FINDING_PICTURE_H

#include "canvas.h"

/* Writes the cut through the site twice (bare, and with surfaces and site), the straightened plane through
 * the line at the finding's angle, and the piece of the unrolled map at the same scale along the spine, so
 * that a bright spot is followed from one to the other. All panels but the map share the window, which is
 * written under them with the scale. */
dm_status dm_finding_picture(const dm_study *study, const dm_sampler *sampler, dm_window window,
                             const dm_finding *f, const char *path);

#endif
