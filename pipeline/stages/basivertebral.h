/* A fistula's vein inside a vertebral body, seen as a tube from the canal forwards that no other body shows.
 */
#ifndef DM_BASIVERTEBRAL_H
#define DM_BASIVERTEBRAL_H

#include "vein_box.h"

#define DM_BODY_WAY_MM 10.5 /* length of the way: a third of a body's depth */

/* The brightest way from behind forwards through one body. */
typedef struct dm_body_way {
    int level;            /* index of the vertebra; -1 = the way is not inside the scan */
    double tube;          /* mean tube response along it, HU */
    double s, a, l;       /* where it begins, mm along, ventral and left of the line */
    double value;         /* median HU along it */
    double usual, spread; /* the same response in up to ten other bodies: median, 1.48 MAD; HU */
} dm_body_way;

/* Ways of all vertebrae (study->levels.n of them); `ways` has room for DM_MAX_VERTEBRAE. Method: dynamic
 * programming over the tube response, one step forwards at most one sample aside. */
dm_status dm_basivertebral_ways(const dm_vein_box *box, dm_body_way *ways);

#endif
