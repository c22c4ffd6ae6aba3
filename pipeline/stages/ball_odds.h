/* Is a ball at a root a meningeal diverticulum? What is measured of it, and the probability that follows. */
#ifndef DM_BALL_ODDS_H
#define DM_BALL_ODDS_H

#include "ball.h"

/* The terms (study.h). at: the ball's centre in the spine's coordinates, s, theta, r; odds: what they weigh, which tells the best way to
 * the sac. Returns 0 when hardly a ray leaves the ball. */
int dm_ball_terms(const dm_study *study, const dm_hough_args *g, const float *directions, const dm_ball *b,
                  const double odds[DM_BALL_TERMS], const double at[3], double x[DM_BALL_TERMS]);

#endif
