/* One bright ball beside the sac, measured on raw values: radius and place by half maximum, its face, the way
 * to the sac, volume. */
#ifndef DM_BALL_H
#define DM_BALL_H

#include "hough.h"
#include "study.h"

enum { DM_DIRECTIONS = 64 };

typedef struct dm_ball {
    double r_bare;            /* mm; of the ball without lobes and what else lengthens some of its rays */
    double c[3], r, v;        /* LPS; mm; value inside as a share of the sac above soft tissue */
    double score, falls, rim; /* of the Hough transform (hough.h) */
    float sac, soft;          /* HU or signal */
    double noise;             /* share of the sac above soft tissue */
    double towards[3];        /* unit vector to the sac */
} dm_ball;

/* Directions spread evenly over the sphere (golden spiral), 3 floats each. */
void dm_directions(float out[3 * DM_DIRECTIONS]);

/* Moves the centre and sets the radius by five rounds of a least-squares sphere through the places where
 * each ray falls half way from the ball's value to the darkest of what follows. 0 when fewer than a quarter
 * of the rays fall. */
int dm_ball_fit(const dm_volume *volume, const dm_hough_args *g, const float *directions, dm_ball *b);

/* What the rays show that leave a fitted ball, those to the sac (45 degrees) left out. A ray is free where
 * the profile falls half way to the darkest of the 2 mm beyond the edge, with nothing brighter before; the
 * rest of a ball may lie against bone, which then tells nothing of the ball. */
typedef struct dm_ball_face {
    double mean, uneven; /* out to 0.7 of the radius along free rays: share of the sac above soft tissue; s.d.
                          * as a share of the ball's value, the scan's noise taken off; where a root may run through
                          * (args.crossed) median and quartiles, from half of the radius on */
    double round;  /* median distance of the free rays' ends from their own median, share of the radius */
    double joined; /* share of the rays that go on as bright: neither fall nor meet anything brighter */
    double bony;   /* share of the rays that meet a quarter more than the mean, from 1 mm inside the edge to 3 mm
                    * outside it */
} dm_ball_face;

/* noise: s.d. of a sample between voxels, share of the sac above soft tissue. 0 when fewer than an eighth
 * of the rays are free. */
int dm_ball_look(const dm_volume *volume, const dm_hough_args *g, const float *directions, const dm_ball *b,
                 double noise, dm_ball_face *face);

/* What lies on the straight way from the ball (args.crossed: from 0.7 of its radius on) to the sac: the darkest as a
 * share of the ball's value, the brightest as a share of the sac, both above soft tissue. */
typedef struct dm_ball_way {
    double least, most;
} dm_ball_way;

dm_ball_way dm_ball_way_to(const dm_volume *volume, const dm_hough_args *g, const dm_ball *b,
                           const double sac[3]);

/* Volume in mm3 of what is joined to the centre above half of the ball's value, within 1.7 radii, lobes
 * included; what lies towards the sac beyond the ball, and what is as bright as bone, is left out. Half a
 * millimetre lattice. */
double dm_ball_volume(const dm_volume *volume, const dm_hough_args *g, const dm_ball *b);

#endif
