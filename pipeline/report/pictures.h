/* The pictures by which a reader trusts a row. */
#ifndef DM_PICTURES_H
#define DM_PICTURES_H

#include "study.h"

/* Writes midsagittal.png, straightened.png, map.png and finding_<n>.png (n as in findings.csv) for each accepted finding, the
 * best of an indeterminate study and each false sign into `folder` (made if missing). Leaves out what the study does not hold (failed early) and says so by DM_WARN.
 * FATAL "output" when they cannot be written. */
dm_status dm_pictures_write(const dm_study *study, const char *folder);

#endif
