/* The pictures by which a reader trusts a row. */
#ifndef DM_PICTURES_H
#define DM_PICTURES_H

#include "study.h"

/* Writes midsagittal.png, straightened.png, map.png and axial_<n>.png for each accepted finding into `folder`
 * (made if missing). Leaves out what the study does not hold (failed early) and says so by DM_WARN. */
dm_status dm_pictures_write(const dm_study *study, const char *folder);

#endif
