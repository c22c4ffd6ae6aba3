/* The spine's own coordinates. */
#ifndef DM_FRAME_H
#define DM_FRAME_H

#include "study.h"

/* Fills tangent, ventral and left of a spine whose p, n and ds are set (allocates the three). The tangent is the
 * derivative of the line smoothed by a Gaussian of 4 mm; ventral is the patient's anterior (-y) made normal to it, so
 * theta = 0 is held ventral; where the line runs nearly along y (the sacrum beyond 75 degrees) the last good frame is
 * carried on without rotation. */
dm_status dm_frame_build(dm_spine *spine);
/* Point, frame at s (linear between samples, held at the ends along the tangent for the point). Any output may be NULL. */
void dm_frame_at(const dm_spine *spine, double s, double p[3], double tangent[3], double ventral[3], double left[3]);
void dm_frame_to_lps(const dm_spine *spine, double s, double theta_deg, double r, double lps[3]);
/* Nearest point of the line: s, theta in (-180, 180], r. Returns 0, or -1 when the point lies beyond an end by more than
 * 1 mm along the tangent (s is then extrapolated). */
int dm_frame_from_lps(const dm_spine *spine, const double lps[3], double *s, double *theta_deg, double *r);
/* Point of a line of n points (at least 1) every `step` mm of its length, the first point included; allocates *even. */
dm_status dm_line_even(const double (*p)[3], int n, double step, double (**even)[3], int *count);
/* Frees the arrays. */
void dm_spine_clear(dm_spine *spine);
/* Allocates the arrays of a spine of n samples (p, score, unsure; not the frame). */
dm_status dm_spine_make(dm_spine *spine, int n, double ds);
/* The sample nearest to s mm; -1 beyond the ends. */
int dm_spine_row(const dm_spine *spine, double s);
/* The column of the maps nearest to an angle of any number of turns, 0 to DM_NT - 1. */
int dm_column_of(double theta_deg);
/* The column of the same place on the other side; degrees of a column from straight ahead, 0 to 180. */
int dm_column_mirrored(int column);
double dm_column_turn(int column);
/* Marks the samples from..to-1 as unsure, with score 0. */
void dm_spine_doubt(dm_spine *spine, int from, int to);

#endif
