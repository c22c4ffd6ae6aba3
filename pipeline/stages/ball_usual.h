/* How bright the place of a ball is at other foramina. */
#ifndef DM_BALL_USUAL_H
#define DM_BALL_USUAL_H

#include "ball.h"

/* Mean within three quarters of a ball's radius of an LPS point, share of the sac above soft tissue; NaN outside the scan, and on CT
 * where it is brighter than half of the ball's value and as uneven as bone with its cortex: that says nothing of fluid.
 * directions: dm_directions. */
double dm_share_round(const dm_study *study, const float *directions, const dm_ball *b, const double c[3]);

/* The ball's own place, as far from the middle of its foramen along the spine and from the bony wall, on the
 * other side and at both sides of the two foramina above and below: the median of the means within three
 * quarters of the radius, as a share of the sac above soft tissue. A facet, a ganglion or a sleeve is usual;
 * a diverticulum is not, nor are two at one level. On CT what is as uneven as
 * bone there is left out. s, theta, r of the ball's centre in the spine's
 * coordinates. 0 where there is nothing to compare with. */
double dm_ball_usual(const dm_study *study, const float *directions, const dm_ball *b, double s, double theta,
                     double r);

#endif
