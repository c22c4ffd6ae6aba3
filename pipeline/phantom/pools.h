#ifndef DM_POOLS_H
#define DM_POOLS_H
#include "anatomy.h"

enum { PH_ON_DURA, PH_ON_BONE, PH_FILLS };

/* A pool round the dura: stretch of s (mm), middle angle and half width (degrees), thickest (mm), density as
 * a share of the sac's with its peak at s = peak and its reach (mm; 0 = flat), and what it lies on. */
typedef struct dm_ph_pool {
    double from, to, theta, half, thickness, ratio, peak, reach, taper, phase;
    double ragged; /* 0 = smooth; share of the thickness that comes and goes over 7 mm */
    int lies, septum;
    double front_from, front_to; /* an early pass: contrast has run from .. to; fluid without it fills the rest. 0, 0 = all of it */
} dm_ph_pool;

/* Draws it into the wall tables; gives the greatest thickness reached (mm) and the volume (mm3). */
void dm_ph_pool_add(dm_anatomy *a, const dm_ph_pool *p, double *thickest, double *volume);
/* A leak at (s, theta in degrees, r): class, names of level and side, clock, place. NULL when the list is
 * full. */
dm_ph_leak *dm_ph_leak_add(dm_anatomy *a, const char *class_, double s, double theta, double r);
void dm_ph_sign_add(dm_anatomy *a, const char *name, double s, double theta, double r);
void dm_ph_root_name(const dm_anatomy *a, double s, char out[8]);
const char *dm_ph_side_of(double theta);

#endif
