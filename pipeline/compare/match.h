/* Which candidate hits which true leak.
 *
 * The rules. A candidate reaches a leak when their classes are of one group (ventral; dorsal; lateral tears
 * and leaking diverticula; fistulas; sacral; an indeterminate class goes with every group) and
 *   - the leak has a position: it lies within `reach` mm of the candidate along the canal;
 *   - it has only a level: the candidate lies in the level's interval (from mid-body to mid-body round a disc
 * or a root's foramen), whatever the reach; or names the same level where the study does not show that
 * interval. Candidates choose in the order of their scores, so that a higher threshold never changes what a
 * kept candidate hit. Each claims the nearest leak in reach that is still free. A candidate whose leaks in
 * reach are all claimed is a duplicate: neither true nor false. The others are false marks. Signs known to
 * mislead are no candidates. */
#ifndef DM_MATCH_H
#define DM_MATCH_H

#include "material.h"

enum { DM_FALSE_MARK = -1, DM_DUPLICATE = -2, DM_NO_MARK = -3 };

int dm_same_group(int class_a, int class_b);
/* s of a point (LPS, mm): its foot on the smooth curve (Catmull-Rom) through the canal's centres at mid-body,
 * which goes straight on at its ends. NaN with fewer than two vertebrae, and for a point that belongs to no
 * leak of this scan: more than 300 mm beyond the ends or 100 mm beside. */
double dm_canal_s(const dm_rung *rung, int n, const double p[3]);
/* Interval of a place: between the mid-bodies above and below. 0 when the study does not show both. */
int dm_place_interval(const dm_rung *rung, int n, int place, double *from, double *to);
/* Distance of an s from a leak along the canal, mm; 0 inside a level's interval; NaN when the leak has
 * neither. */
double dm_lesion_distance(const dm_lesion *lesion, double s);
/* Claims of the study's marks with a score of at least `threshold` (only accepted ones when accepted_only):
 * claim[i] = index of the lesion that mark i hits, or one of the numbers above. */
void dm_match(const dm_examination *exam, double reach, int accepted_only, double threshold, int *claim);

#endif
