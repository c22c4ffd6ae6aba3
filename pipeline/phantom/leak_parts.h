/* The parts of dm_ph_make_leaks: where leaks sit, outpouchings, veins, spurs. */
#ifndef DM_LEAK_PARTS_H
#define DM_LEAK_PARTS_H

#include "around.h"
#include "pools.h"

/* Distributions over the levels: the project's medical notes 1.2. */
typedef enum dm_ph_prior { PH_AT_VENTRAL, PH_AT_FISTULA, PH_AT_LATERAL, PH_AT_DORSAL } dm_ph_prior;
/* Index of a vertebra by a prior; where the spine (or the scan that is painted) has none of the level drawn,
 * again, and at last the middle one. */
int dm_ph_draw_vertebra(const dm_anatomy *a, dm_ph_rng *r, dm_ph_prior prior);
/* A displacement of the given s.d., never more than 10 mm: site, density peak, spur and arm lie apart. */
double dm_ph_apart(dm_ph_rng *r, double sd);

/* A fistula before its vein is drawn: place of its root, where the vein begins (ventral, left, s), mm and HU.
 */
typedef struct dm_ph_fistula {
    int vertebra, side;
    double s, start[3], radius, hu;
} dm_ph_fistula;

/* outlets.c: one outpouching of a sleeve (NULL when the list is full), n of them anywhere; a fistula, mostly
 * at an outpouching, without its vein. */
dm_ph_bleb *dm_ph_bleb_add(dm_anatomy *a, dm_ph_rng *r, int vertebra, int side, double radius);
void dm_ph_blebs_add(dm_anatomy *a, dm_ph_rng *r, int n);
void dm_ph_fistula_add(dm_anatomy *a, dm_ph_rng *r, dm_ph_fistula *out);

/* veins.c: the segmental veins that every spine has; a fistula's vein, after all else, so that what lies
 * round it is known. `leak` (may be NULL) gets its size. */
void dm_ph_plain_veins_add(dm_anatomy *a, dm_ph_rng *r, const dm_ph_around *around);
void dm_ph_fistula_vein(dm_anatomy *a, dm_ph_rng *r, const dm_ph_around *around, const dm_ph_fistula *fistula,
                        dm_ph_leak *leak);

/* spurs.c: an irregular spur into the canal at s, `left` mm beside the midline; spurs at levels without a
 * leak. */
void dm_ph_spur_add(dm_anatomy *a, dm_ph_rng *r, double s, double left);
void dm_ph_wrong_spurs_add(dm_anatomy *a, dm_ph_rng *r);

#endif
