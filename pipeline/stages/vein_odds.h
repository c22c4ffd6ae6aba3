/* Is a bright tube beside the spine the vein of a fistula? What is measured of it, and the probability that
 * follows. */
#ifndef DM_VEIN_ODDS_H
#define DM_VEIN_ODDS_H

#include "blood.h"
#include "vein_pieces.h"

/* Fills x with what is weighed, in the order of dm_vein_term. */
void dm_vein_terms(const dm_vein_box *box, const dm_blood *blood, const dm_vein_piece *piece,
                   double x[DM_VEIN_TERMS]);

/* A study has one fistula at most (several are case reports): from the probabilities of n candidates, each by
 * itself, to those given that one of them is a vein or none: odds over 1 and all odds. Of pieces that may be
 * of one vein, and of enhanced blood, none speaks against the other. `odds`: room for n. */
void dm_vein_alone(dm_finding *candidates, int n, double *odds);

/* Width of a round tube of the piece's volume and length, mm. */
double dm_vein_width(const dm_vein_piece *piece);

#endif
