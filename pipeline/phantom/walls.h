/* What drawn and painted canals share: sizes along the spine, irregularity, what fills the sac. */
#ifndef DM_WALLS_H
#define DM_WALLS_H

#include "anatomy.h"

typedef struct dm_ph_ring {
    double ap, tr, sac_ap, sac_tr, cord_ap, cord_tr;   /* diameters, mm */
    double triangle, recess, dorsal_fat, bulge, flesh; /* 0..1; mm; mm; mm; 0..1 */
} dm_ph_ring;
/* Sizes at s, linear between the middles of the vertebrae. */
dm_ph_ring dm_ph_ring_at(const dm_anatomy *a, double s);

/* Slow irregularity of a wall, mm: three waves round the canal that change along it. */
typedef struct dm_ph_waves {
    double phase[6], pace[6];
} dm_ph_waves;
dm_ph_waves dm_ph_draw_waves(dm_ph_rng *r);
double dm_ph_wave(const dm_ph_waves *w, double s, double theta);

/* Distance from the line to an ellipse of half axes (ha, hl) whose centre lies at (ea, el), in direction (c,
 * si). */
double dm_ph_ellipse_radius(double ha, double hl, double ea, double el, double c, double si);

/* How the roots below the cord lie in a patient. */
typedef struct dm_ph_settled_roots {
    double depth; /* share of the sac's depth that they fill where the cord ends; 0 = they float apart */
    double part;  /* share of the room that they take there */
    double angle; /* direction of the low side, radians from ventral to the left */
    double curve; /* 1/mm: they climb the walls by this times the square of the distance from the middle */
} dm_ph_settled_roots;
dm_ph_settled_roots dm_ph_draw_settled(const dm_anatomy *a);
/* Lays them into a node whose walls are there. */
void dm_ph_settle(const dm_anatomy *a, const dm_ph_settled_roots *roots, int node);

/* Sac's value, layering, cord and cauda of one node; shrink = 1 above the end of the sac, falling to 0. */
void dm_ph_fill_node(const dm_anatomy *a, const dm_ph_ring *g, int node, double slope, double k,
                     double shrink);

#endif
