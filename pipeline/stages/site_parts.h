/* Parts of dm_site_find. */
#ifndef DM_SITE_PARTS_H
#define DM_SITE_PARTS_H

#include "site.h"

/* A pool whose site is sought, and the pieces of the same collection. */
typedef struct dm_site_search {
    const dm_site_params *p;
    const dm_study *st;
    const dm_site_seen *seen;
    float *line; /* CT: density of the collection at each row of the line, NaN elsewhere */
    double usual; /* CT: brightness between the surfaces along most of the spine at its angle */
    const dm_finding *f;
    int lateral;
    int n_pieces;
    const dm_finding *piece[DM_MAX_FINDINGS];
    int from, to;   /* rows from the first of the pieces to the last */
    double *weight; /* probability of each row of the line, not normed; what follows multiplies it */
} dm_site_search;

/* Degrees between the map's column t and theta. */
double dm_site_turn(int t, double theta);

/* site_line.c. Brightness of a pass between the surfaces at each row of the line, near the pool's angle, NaN where there is none; and
 * that of the measured pass into w->line, NaN where it is none of the collection's. 0 = no memory. */
int dm_site_line(const dm_site_search *w, const float *shell, float *out);
int dm_site_density_line(dm_site_search *w);

/* site_cues.c */
dm_status dm_site_density(const dm_site_search *w);
void dm_site_spurs(const dm_site_search *w);
void dm_site_foramina(const dm_site_search *w);

#endif
