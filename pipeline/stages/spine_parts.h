/* The part of stage spine that moves a rough line to the middle of the canal. */
#ifndef DM_SPINE_PARTS_H
#define DM_SPINE_PARTS_H

#include "curved.h"
#include "frame.h"
#include "study.h"

/* Per mm of the line: how far the middle of the walls lies ventral (a) and left (l) of it, mm, at most 6; quality = share
 * of the angles whose wall agrees with one closed ring. Owned. */
typedef struct dm_walls {
    int n;
    double *a, *l;
    float *quality;
} dm_walls;

/* bone = HU of the wall (CT); column = HU of the faintest contrast that fills the canal (CT;
 * in MR any column does, for its brightness has no unit). */
dm_status dm_centre_walls(dm_gpu *gpu, const dm_volume *volume, const dm_spine *line, dm_modality modality, double bone,
                          double column, dm_walls *out);
void dm_walls_clear(dm_walls *w);

/* CT: 1 where the vertebral bodies stand behind the canal instead of before it (upright.c): the header turns the patient
 * wrongly. dense = HU that marrow and discs have and muscle has not. 0 also where too little is in view to tell. */
int dm_front_is_behind(const dm_grid *coarse, const dm_spine *spine, double dense);

/* 1 where a line of n points `step` mm apart bends at point i as no canal does (bends.c). Kink: by more than a lumbosacral
 * turn between the 16 mm above and the 16 mm below. Step: one way and back within 16 mm, to what runs beside the canal; for
 * smooth lines. */
int dm_bend_kink(const double (*p)[3], int n, int i, double step);
int dm_bend_step(const double (*p)[3], int n, int i, double step);

/* Where the line bends as no canal does, by a step aside, by a turn sideways of more than 18 degrees between 30 mm on the inner
 * and 15 mm on the outer side (a scoliosis of 60 degrees takes 11, a line that slips out at the sacrum more than 20) or by a
 * turn of 40 degrees to any side that begins within 25 mm of the line's end, it has left the canal, and nothing tells on which
 * side of the bend. Marks as unsure, with score 0, all but the longest chain of pieces that go on one as the other left off. */
void dm_doubt_bends(dm_spine *spine);

/* A sacrum is hollow in front: from 20 mm below its upper edge on (`top`, mm along the line) its canal turns forwards. Marks as unsure,
 * to its lower end, a line that there leans back by 12 degrees more than over the 14 mm above (60 phantoms: 6 at most where it is right, 21 on where it is 9 mm off).
 * It has left the canal for what lies behind. */
void dm_doubt_sacrum(dm_spine *spine, double top);

/* A line that ends unsure left the canal slowly, and is seen to have left it late: marks the `before` mm above that end's stretch, too. */
void dm_doubt_before_end(dm_spine *spine, double before);

/* Gaussian smoothing (sigma mm) of n points `step` mm apart, in place; the line is continued straight beyond its ends. */
dm_status dm_smooth_points(double (*p)[3], int n, double step, double sigma);

#endif
