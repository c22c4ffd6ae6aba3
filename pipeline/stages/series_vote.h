/* Other series of a study help to name its vertebrae. */
#ifndef DM_SERIES_VOTE_H
#define DM_SERIES_VOTE_H

#include "gpu.h"
#include "protocol.h"
#include "study.h"

/* After stage levels: brings further passes of the study as far as their own levels, matches their discs to
 * those of pass[0] (in the scanner's coordinates, moved by at most 8 mm along the canal), and names the
 * vertebrae again with what all of them show. Passes that were kept for this (role "levels") are always
 * asked, others only where the study is not anchored. A pass that shows no spine, lies otherwise or whose
 * discs do not match is not heard. Returns what stage levels returns; device_error of a further pass. */
dm_status dm_series_vote(dm_gpu *gpu, const dm_protocol *protocol, dm_study *study);

/* The views of other studies of the same patient in the same coordinates, each measured as far as its levels,
 * for study->votes. What matches is brought to the study's line; evidence on the same mm of spine counts
 * once, however many see it. */
void dm_votes_collect(const dm_study *study, dm_study *const *others, int n, dm_level_votes *votes);

/* Offset in mm along the line at which n discs of another series lie on m of the study's own (both mm on the
 * study's line, in order); NaN with fewer than two discs, or where less than three of five match within about
 * 2 mm. 8 mm is half of the least distance between discs: a match one vertebra off cannot be. */
double dm_match_discs(const double *other, int n, const double *own, int m);

#endif
