/* How bright tubes beside the spine usually are in one study: roots with contrast, and veins. */
#ifndef DM_BLOOD_H
#define DM_BLOOD_H

#include <stddef.h>

typedef struct dm_blood {
    double least;             /* HU; below this no vein is hyperdense */
    double root, root_spread; /* HU; 0, 0: the roots do not show */
    double middle, spread;    /* HU; of all tubes but the roots: one fistula among them moves a median little */
} dm_blood;

/* From the values (HU) of the tubes found, which are put in order. Tubes at three places or more that are
 * half as bright again as the least hyperdense vein and agree within a quarter are the study's roots: a
 * fistula drains at one place. Spreads are 1.48 median absolute deviations, `noise` at least. */
dm_blood dm_blood_of(float *value, size_t n, double least, double noise);

/* Within 3.5 spreads or 15 % of the roots, whichever is more: part of a root's tube may be muscle. */
int dm_blood_is_root(const dm_blood *b, double value);

#endif
