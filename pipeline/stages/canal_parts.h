/* The parts of stage canal: the straightened volume and its two solvers, the state of contrast, the move of the line. */
#ifndef DM_CANAL_PARTS_H
#define DM_CANAL_PARTS_H

#include "check.h"
#include "dura_line.h"
#include "gpu.h"
#include "study.h"

/* ---- surface.c: on the device (kernels/surface.h has the method) ---- */

/* The straightened volume round a line, on the device and, where the host reads it, here. Layout of s and o:
 * (i*DM_NT + t)*a.nr + k. */
typedef struct dm_unrolled {
    dm_gpu *gpu;
    dm_surf_args a;
    double step; /* mm between positions along the line */
    int goes_on; /* 1 = the scan goes on below the line's end: the line ends because the canal or its filling does */
    float most[DM_NT]; /* CT: HU of the brightest bone per angle; DM_BONE_ANY = unknown */
    float *s, *o; /* smoothed values; their opening along the line: what persists for `persist` mm. Owned */
    dm_buf *d_s, *d_o, *d_edge, *d_cost, *d_sum, *d_level, *d_voxel, *d_dura, *d_guide, *d_radius, *d_strength, *d_most;
} dm_unrolled;

typedef struct dm_solver {
    float along, round; /* cost per squared sample of radius between neighbours along and round the line */
    int reach;           /* most samples of radius from one angle to the next */
    int follow;          /* 1 = round the line from the steps of pull one's middle, not from none: a wall with corners */
    float again, again_most;
} dm_solver;

/* Gathers `volume` at positions `step` mm apart over the whole line, r = 0 .. reach mm every 0.25. STUDY errors from the
 * device. Free with dm_unrolled_clear, also after an error. */
dm_status dm_unroll(dm_gpu *gpu, const dm_volume *volume, const dm_spine *spine, double step, double reach, double persist,
                    dm_unrolled *u);
void dm_unrolled_clear(dm_unrolled *u);
/* Device bytes that dm_unroll and the solvers hold for a line of `length` mm, without the volume. */
uint64_t dm_unrolled_bytes(double length, double step, double reach);

/* One surface. level: ns values, DM_OUTSIDE = nothing fills the sac there (MR bone: a level everywhere); guide: 4 radii
 * per ray (dm_cost_at); rd: radius of the dura per ray, mm, 0 = unknown, NULL = solve for the dura itself. r (mm) and q
 * (0..1), ns * DM_NT each, are filled. */
dm_status dm_solve_surface(dm_unrolled *u, const dm_edge_args *edge, const dm_cost_args *cost, const dm_solver *solver,
                           const float *level, const float *rd, const float *guide, float *r, float *q);
/* The same for the line inside the dura rd that parts a pool from the sac (dura_line.h). rim: brightness under the dura,
 * ns values; min_r: mm. */
dm_status dm_solve_line(dm_unrolled *u, const dm_line_scan *scan, float min_r, const dm_cost_args *cost,
                        const dm_solver *solver, const float *rim, const float *rd, const float *guide, float *r,
                        float *q);

extern const dm_kernel_check dm_canal_checks[];
extern const int dm_canal_check_count;

/* ---- contrast.c ---- */

typedef struct dm_contrast_params {
    double floor_hu;  /* HU: the faintest contrast that counts */
    double share;     /* of the angles that must show it */
    double radius;    /* mm round the line where it is looked for */
    double mr_share;  /* MR: fluid is at least this share of the sac's usual signal */
} dm_contrast_params;

/* Fills level (ns values: what the sac holds, HU or signal, or DM_OUTSIDE) and filled (ns). */
dm_status dm_contrast_state(const dm_unrolled *u, dm_modality modality, const dm_contrast_params *p, float *level,
                            uint8_t *filled);
/* Median (upper of the two middle ones) of n >= 1 values, which are sorted. */
float dm_median(float *v, int n);

/* ---- epidural.c ---- */

/* Fills place (u->a.ns values): how far down the spine every position lies, in vertebrae from the middle of T11, as the ends
 * of the cord and of the sac tell it. What lies above is 0 in the chest and -1 in the neck, by the sac's shape. level as
 * above; rd: the dura's radii, mm; tissue: HU or signal. */
void dm_sac_places(const dm_unrolled *u, const float *level, const float *rd, float tissue, float *place);
/* Expected distance of bone from dura, mm, at a place and at angle t of DM_NT. usual, ventral: mm, all round and straight
 * ahead where the canal fits the sac (the chest). */
float dm_expected_gap(float place, int t, float usual, float ventral);

/* ---- divide.c ---- */

typedef struct dm_divide_params {
    double seed, grow; /* strength of a line that a patch must show somewhere, and everywhere */
    double outward;    /* mm by which a patch must stand out from the ellipse of the rest of the sac; with a clear line two thirds of it */
    double ends;       /* mm below the line's upper end that are left alone */
    double roots;      /* place (dm_sac_places) from which on roots make lines of their own */
    double along, round, min_radius;
    int mr;            /* 1 = also by a step, and by a layer on the cord that is too dim; CT: dark between two layers alone */
} dm_divide_params;

/* Moves the dura inwards to the line that parts it from a pool which its surface went round (kernels/dura_line.h). level, place: as
 * above; what leads nowhere, DM_OUTSIDE, is left alone. rd, qd: the dura's radii, mm, and their strengths, ns * DM_NT, are changed;
 * parted, the same many, is set to 1 where it was moved, else left. */
dm_status dm_divide_pools(dm_unrolled *u, const dm_divide_params *p, const float *level, const float *place, float *rd, float *qd,
                          uint8_t *parted);

/* ---- settled.c ---- */

typedef struct dm_settled_params {
    double least; /* mm of the layer */
    float tissue; /* HU of soft tissue; MR 0 */
    float faint;  /* level above which the fluid must be: on CT contrast that bone does not reach */
    int also_unclear; /* 1 = also where they show less, between and beside where they are clear */
} dm_settled_params;

/* Below the cord roots settle on the low side of the sac and the dura was drawn round the bright fluid above them: moves it
 * behind them, where a layer dimmer than the fluid lies under a level surface of it, which is too shallow for a sac of its
 * width. A pool outside leaves the dura round. The edge sought there is the strongest one near the shape of a healthy sac.
 * level, rd, qd: as above. roots: per ray, is set to 1 where roots hide the dura that way, else left. */
dm_status dm_settled_roots(const dm_unrolled *u, const dm_settled_params *p, const float *level, float *rd, float *qd, uint8_t *roots);

typedef struct dm_walls_found { /* per ray; radii in mm */
    float *rd, *rb, *qb; /* qb, qd: 0..1 */
    const float *qd;
    uint8_t *sharp; /* 1 = rb stands on a rise of its own */
} dm_walls_found;

/* ---- bone_edge.c ---- */

/* CT. The steepest rise within 0.75 mm of `near` mm along one ray s, HU in 1 mm, and its radius in *r, to a part of a sample; 0 where none
 * is half of e.bone_rise high. */
float dm_steepest_rise(const float *s, dm_surf_args a, dm_edge_args e, float near, float *r);

/* CT: the solver keeps the bone smooth and near to where it is expected, and so beside its edges where they are clear. Moves rb to the
 * steepest rise nearby, where there is one (sharp is set, qb is its strength), and by what its neighbours within some 2 mm and 10 degrees moved elsewhere; not
 * nearer to rd than `gap` mm. */
dm_status dm_sharpen_bone(const dm_unrolled *u, const dm_edge_args *edge, float gap, const dm_walls_found *w);

/* How far rays near ray (i, t) moved, on the whole, mm: weights of a Gaussian of 2 mm along the line and 5 degrees round it, of those that
 * were seen to move or to stay. */
float dm_moved_round(const dm_unrolled *u, const float *moved, const uint8_t *seen, int i, int t);

/* ---- bone_bright.c ---- */

/* CT: fills u->most from the bone found: per angle and its mirror, median and spread of the brightest 2 mm behind it over the whole line;
 * spreads: s.d. (of the brighter half) above the median. Left unknown where fewer than 60 rays stand on an edge. */
dm_status dm_bone_brightness(dm_unrolled *u, const dm_walls_found *w, double spreads);

/* ---- bone_behind.c ---- */

/* CT: moves rb out, straight ahead, where no rise shows it (not sharp) and the fall to marrow or disc behind it says that it lies further
 * out; nothing where fewer than 60 rays tell how thick the wall is. filled: per position. */
dm_status dm_bone_from_behind(const dm_unrolled *u, const uint8_t *filled, const dm_walls_found *w);

/* ---- wall_bias.c ---- */

/* The scan's blur, s.d. in mm: of the dura's edges with a wide gap behind them, the median of step by slope. 0.6 where they are few. */
dm_status dm_blur_of_walls(const dm_unrolled *u, const dm_walls_found *w, double *blur);

/* CT: moves rd out by what the blur of the bone behind a narrow gap drew it in, and rb by what the blur of its thin cortex, or of the
 * sac, moved the rise it stands on (where sharp). level: HU per position, DM_OUTSIDE = not filled. */
dm_status dm_unbias_walls(const dm_unrolled *u, const dm_edge_args *edge, const float *level, const dm_walls_found *w);

/* ---- fluid_edge.c ---- */

/* MR: moves rd, by up to 0.75 mm, to where a profile of fluid, fat and bone, blurred as the scan is, fits what is seen there; not nearer
 * to rb than `gap` mm. Rays without an edge of the dura follow their neighbours. */
dm_status dm_place_fluid_edge(const dm_unrolled *u, float gap, const dm_walls_found *w);

/* ---- ellipse.c ---- */

/* Radii of the ellipse through a ring of radii r (mm, > 0, DM_NT of them), without the rays left out and with little weight
 * for those that lie off it; 0 = the ray misses it. */
void dm_fit_ellipse(const float r[DM_NT], const uint8_t left_out[DM_NT], float fit[DM_NT]);

/* ---- support.c ---- */

/* Mean of v[i - reach .. i + reach], of those of its n values that there are. */
float dm_mean_round(const float *v, int n, int i, int reach);

/* Marks as unsure, with score 0, where the surfaces round the line stand on next to no edges (mean strength over 30 mm, a
 * vertebra and its disc, below `least`), and an end of the line where they are weak beside what they are further in: outside
 * the canal, and on MR above the foramen magnum. c: of the line's own samples. */
dm_status dm_doubt_edges(const dm_canal *c, dm_modality modality, double least, dm_spine *s);

/* ---- inner_fat.c ---- */

/* CT: marks as unsure, with score 0, where more than this share of what lies inside the dura is fat (darker than half way to it, half of
 * that darker than three quarters of the way), as a mean over 8 mm of line, in rows that are filled, down to row `to`: in the sacrum the
 * sac tapers among fat. v: HU, denoised; c: of the line's own samples. */
dm_status dm_doubt_fat(const dm_volume *v, const dm_canal *c, int to, double most, dm_spine *s);

/* ---- recentre.c ---- */

/* Moves the line by (a, l) mm ventral and left per position i*step, smoothed by a Gaussian of `sigma` mm and bounded by
 * `most` mm, weights w >= 0 per position; the line is sampled anew every spine->ds and its frame rebuilt; score and unsure
 * follow. *moved = largest move, mm. */
dm_status dm_recentre(dm_spine *spine, double step, int n, const double *a, const double *l, const double *w, double sigma,
                      double most, double *moved);

#endif
