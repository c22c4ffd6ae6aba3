/* Is a ball at a root a meningeal diverticulum? What is measured of it, and the probability that follows. */
#ifndef DM_BALL_ODDS_H
#define DM_BALL_ODDS_H

#include "ball.h"

/* What is weighed, in the order of the parameters odds_* (DM_BALL_TERMS of them). */
enum {
    DM_BALL_ONE,  /* 1 */
    DM_BALL_SIZE, /* ln(diameter / 6 mm), from 8 mm on alike: sleeves are 3 to 5 mm wide */
    DM_BALL_EDGE, /* ln(score of the Hough transform): share of its edge that is seen, times how even it is */
    DM_BALL_UNEVEN, /* s.d. inside along free rays, share of its value: marrow, cortex */
    DM_BALL_ROUND,  /* how far the free rays' ends lie from one radius, share of it: knobs of bone are no
                       spheres */
    DM_BALL_JOINED, /* share of the rays that go on as bright: bone goes on as bone */
    DM_BALL_WAY,    /* ln(darkest of the way to the sac, share of its value): fat or joint between them */
    DM_BALL_CROSS,  /* CT: by how much the brightest of that way exceeds the sac: cortex between them */
    DM_BALL_BEHIND, /* CT: 1 = bone behind it, 0 = muscle: the articular processes bound a foramen from
                     * behind, and have nothing but muscle behind themselves */
    DM_BALL_LIFT,   /* ln(brighter than the same place at other foramina, share of the sac) */
    DM_BALL_VALUE,  /* ln(its brightness, share of the sac): ganglia are dim */
    DM_BALL_OVER,   /* CT: by how much it is itself brighter than the sac */
    DM_BALL_RIM,    /* what its rim is brighter than its middle: bone under its cortex; contrast is blurred */
    DM_BALL_CT,     /* 1 on CT */
    DM_BALL_TERMS
};

/* at: the ball's centre in the spine's coordinates, s, theta, r. Returns 0 when hardly a ray leaves the ball.
 */
int dm_ball_terms(const dm_study *study, const dm_hough_args *g, const float *directions, const dm_ball *b,
                  const double at[3], double x[DM_BALL_TERMS]);

#endif
