/* Names of vertebrae and discs. A level is a small integer that grows towards the feet: C1 = 1 .. C7 = 7,
 * T1 = 8 .. T13 = 20, L1 = 21 .. L6 = 26, S1 = 27 .. S5 = 31. T13 and L6 exist only where a spine has them. */
#ifndef DM_LEVEL_H
#define DM_LEVEL_H

enum {
    DM_LEVEL_NONE = 0,
    DM_C1 = 1,
    DM_C2 = 2,
    DM_C7 = 7,
    DM_T1 = 8,
    DM_T12 = 19,
    DM_T13 = 20,
    DM_L1 = 21,
    DM_L5 = 25,
    DM_L6 = 26,
    DM_S1 = 27,
    DM_S5 = 31,
    DM_C8 = 32 /* a root only, between C7 and T1; no vertebra */
};

/* "T7"; "" for DM_LEVEL_NONE or a number out of range. The text is static. */
const char *dm_level_name(int level);
/* Name of the disc between two neighbouring vertebrae: "T7-8", "C7-T1", "T12-L1". Writes into out, at most size bytes. */
void dm_disc_name(int upper, int lower, char *out, unsigned size);
/* Level of "T7", DM_LEVEL_NONE when the text is no vertebra. For a disc ("T7-8") the upper vertebra. */
int dm_level_parse(const char *text);

#endif
