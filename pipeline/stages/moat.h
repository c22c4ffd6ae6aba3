/* Is a bright point part of a tube that darker tissue encloses? */
#ifndef DM_MOAT_H
#define DM_MOAT_H

/* A volume of samples: x fastest; step in mm. */
typedef struct dm_samples {
    const float *v;
    int n[3];
    double step[3];
} dm_samples;

typedef struct dm_moat {
    double value; /* mean over 4.2 mm along the tube */
    double floor; /* median over 8 directions of the darkest within 3.6 mm */
    int closed; /* of the 8, those in which it falls before it rises: where something brighter follows first,
                   the tube is that thing's edge */
} dm_moat;

/* Of 13 directions through the sample (x, y, z) that with the brightest dimmer half is taken for the tube's.
 * `fall` and `rise`: HU below and above the tube's value that count. */
dm_moat dm_moat_at(const dm_samples *s, int x, int y, int z, double fall, double rise);

#endif
