/* One random patient: the spine, what lies in it and round it, and what is true about it. */
#ifndef DM_ANATOMY_H
#define DM_ANATOMY_H

#include <stdint.h>

#include "level.h"
#include "status.h"

#include "phantom_tables.h"

/* Counter-based random numbers: every (seed, case, stream) has its own sequence, so that one more draw in a
 * part of the anatomy does not move the others. */
typedef struct dm_ph_rng {
    uint64_t key, count;
} dm_ph_rng;
dm_ph_rng dm_ph_stream(uint64_t seed, int number, const char *stream);
double dm_ph_uniform(dm_ph_rng *r, double low, double high);
double dm_ph_normal(dm_ph_rng *r, double mean, double sd); /* cut at 2.5 s.d. */
int dm_ph_chance(dm_ph_rng *r, double probability);
int dm_ph_pick(dm_ph_rng *r, int n); /* 0 .. n - 1 */

/* For qsort of doubles. */
int dm_ph_ascending(const void *a, const void *b);

enum { PH_MAX_VERTS = 32, PH_MAX_PRIMS = 1600, PH_MAX_ORGANS = 24, PH_MAX_RIBS = 32, PH_MAX_TRUTH = 48 };

typedef enum dm_ph_protocol { PH_CTM, PH_MRM, PH_PLAIN } dm_ph_protocol;

/* What is true of one case, positions in the anatomy's frame (dm_ph_to_patient brings them to the scanner's
 * LPS). */
typedef struct dm_ph_leak {
    char class_[24], level_disc[12], level_root[8], side[10];
    double clock, p[3], s, s_from, s_to, theta, thickness, ratio, volume;
    double early_from, early_to; /* s of its fronts in the first of two passes; equal: there is one pass */
} dm_ph_leak;
typedef struct dm_ph_bleb {
    char level_root[8], side[10];
    double p[3], diameter, volume, fill; /* fill: share of the sac's brightness */
    int leaking;
    int first_prim, n_prims; /* its pieces among the primitives: its neck, its ball, what is on or in that */
} dm_ph_bleb;
enum { PH_MAX_PIECES = 16 };
typedef struct dm_ph_vein {
    char level_root[8], side[10], course[16];
    double p[3], length, diameter, hu; /* hu: where it begins */
    /* Of each piece: its own value less what lies round it (75th percentile of the directions), HU; and its
     * length, mm. */
    double contrast[PH_MAX_PIECES], piece[PH_MAX_PIECES];
    int first_prim, n_prims; /* its pieces among the primitives */
} dm_ph_vein;
typedef struct dm_ph_sign {
    char sign[12];
    double p[3], thickness, ratio; /* of its pool, mm and share of the sac; 0 = it has none */
} dm_ph_sign;

typedef struct dm_ph_vert {
    int level;
    double s_from, s_to, body_top, body_low; /* middle of the discs; endplates */
    double disc_top, disc_low;               /* half thickness of the discs, mm */
    double depth, width, canal_ap, canal_tr, sac_ap, sac_tr, cord_ap, cord_tr;
    double ped_s, ped_h, ped_w; /* pedicles: middle, half height, width */
} dm_ph_vert;

typedef struct dm_anatomy {
    uint64_t seed;
    int number, scan; /* of the patient; of the scan (the same unless a patient comes again) */
    dm_ph_protocol protocol;
    char kind[24];
    int female, n_thoracic, n_lumbar, metal;
    int early;                     /* 1 = the first of two passes: pools have run a little way only */
    int painted, touches;          /* contrast in a real scan; without fat between sac and bone somewhere */
    const struct dm_ph_host *host; /* that scan, borrowed; NULL = the anatomy is drawn */
    double age, scale, girth;      /* years; size of bones; of the canal */
    double slice_s0, slice_s1;     /* s of the field of view's ends */
    int n_verts, n_nodes, n_z, n_prims, n_ribs, n_organs, n_buckets;
    dm_ph_vert vert[PH_MAX_VERTS];
    double conus_s, sac_end_s;
    double sac_level; /* HU or signal of the contrast or fluid where it is mean */
    float mat[PH_M_COUNT], skull[4], stem[8], z_low;
    float *nodes, *walls, *zrows, *prims; /* owned; rows as in kernels/phantom.h */
    int *buckets, bucket_ints;            /* owned */
    float verts[PH_MAX_VERTS * PH_VROW], ribs[PH_MAX_RIBS * PH_RROW], organs[PH_MAX_ORGANS * PH_OROW];
    int n_leaks, n_blebs, n_veins, n_signs;
    dm_ph_leak leak[PH_MAX_TRUTH];
    dm_ph_bleb bleb[PH_MAX_TRUTH];
    dm_ph_vein vein[PH_MAX_TRUTH];
    dm_ph_sign sign[PH_MAX_TRUTH];
} dm_anatomy;

/* Makes the whole anatomy of a case, leaks included. A dm_anatomy is large: heap only. Free with
 * dm_anatomy_clear. */
dm_status dm_anatomy_make(uint64_t seed, int number, const char *kind, dm_ph_protocol protocol,
                          dm_anatomy *a);
/* The same patient as in the earlier of two passes (kind "two_phase"): all but the pools is the same. */
dm_status dm_anatomy_make_early(uint64_t seed, int number, const char *kind, dm_ph_protocol protocol,
                                dm_anatomy *a);
void dm_anatomy_clear(dm_anatomy *a);

/* The parts, in the order in which dm_anatomy_make calls them. */
void dm_ph_make_levels(dm_anatomy *a); /* vert[] */
/* Sizes of vert of the level v->level, and s_to from s_from; disc_wear = share of the disc's height left. */
void dm_ph_size_vertebra(const dm_anatomy *a, dm_ph_rng *r, dm_ph_vert *v, double disc_wear);
dm_status dm_ph_make_line(dm_anatomy *a);
dm_status dm_ph_make_walls(dm_anatomy *a);
void dm_ph_make_materials(dm_anatomy *a);
void dm_ph_make_bones(dm_anatomy *a);
void dm_ph_make_sleeves(dm_anatomy *a);
dm_status dm_ph_make_body(dm_anatomy *a);
dm_status dm_ph_make_leaks(dm_anatomy *a);
dm_status dm_ph_make_buckets(dm_anatomy *a); /* again after each primitive that is to show */

/* A point of the spine's coordinates in the anatomy's frame. */
void dm_ph_point_at(const dm_anatomy *a, double s, double ventral, double left, double out[3]);
float *dm_ph_wall_row(const dm_anatomy *a, int table, int node);
/* Wall radius at (s, theta in degrees). */
double dm_ph_wall_at(const dm_anatomy *a, int table, double s, double theta);
int dm_ph_vert_at(const dm_anatomy *a, double s); /* index into vert */
int dm_ph_find(const dm_anatomy *a, int level);   /* index into vert, -1 = this spine has none */
int dm_ph_whole(const dm_anatomy *a, int i);      /* 1 when vert[i] lies well within the line */
/* s where the root sleeve below (thoracic, lumbar) or above (cervical) vertebra i leaves through its foramen.
 */
double dm_ph_foramen(const dm_anatomy *a, int i);
/* Adds a tapered capsule; coordinates (a, l, s). Silently ignored when the table is full. */
void dm_ph_capsule_add(dm_anatomy *a, const double from[3], const double to[3], double r0, double r1,
                       double scale, int layer, double value, int mix);

#endif
