/* Where a level's name lies on one scale for discs and roots: a root belongs to the disc of its foramen. */
#ifndef DM_LEVEL_PLACE_H
#define DM_LEVEL_PLACE_H

/* Place of "T7-8", "T7-T8", "C7-T1", "T7" (the root: thoracic, lumbar and sacral roots leave below their
 * vertebra, cervical ones above, C8 between C7 and T1) in half steps: neighbouring discs are 2 apart; T13 and
 * L6, which few spines have, lie half way between their neighbours. 0 for a text that names no level or a
 * disc between vertebrae that do not touch. */
int dm_place_parse(const char *text);
/* Place of the disc below a vertebra; 0 for DM_LEVEL_NONE and C8. */
int dm_place_below(int vertebra);
/* Vertebra (io/level.h) above the disc of a place; DM_LEVEL_NONE above C1. */
int dm_place_upper(int place);
/* 1 when the places are equal, or (with `within_one`) at most one level apart. */
int dm_place_near(int a, int b, int within_one);

#endif
