/* A real CT without contrast as the body of a reference object: contrast, leaks, outpouchings and veins are
 * painted into its voxels, so that anatomy, noise and blur are those of a scan.
 *
 * What is true of a painted scan: what was painted (sac, pools, outpouchings, veins, signs) exactly; the
 * line and the names of the levels only as far as the frame of the host is right, which is that of the
 * program's own stages on the scan without contrast; the bone as the half height of its edge in the voxels,
 * where one is seen near the bone that the program found (host_walls.h). The sac does not follow the found
 * dura: an ellipse of the level's size in the middle of what is neither bone nor fat in the scan, a thin
 * margin off the bone, and in some stretches swollen until it touches bone. Fat that the scan shows stays fat
 * but for what leaks into it.
 * Outside the canal bone is painted over by the balls of an outpouching alone, which press on it and hollow it,
 * and are put where there is little of it; an arm or a vein that runs into bone is smaller in the scan than in
 * the truth. */
#ifndef DM_HOST_H
#define DM_HOST_H

#include "scanner.h"

/* From here on, HU, a voxel of the host is taken to hold bone. */
enum { DM_PH_HOST_BONE = 180 };

typedef struct dm_ph_host_level {
    int level;
    double s_from, s_to;
} dm_ph_host_level;

/* Everything is borrowed. The arrays hold n samples every ds mm from head to feet; r_bone n * PH_NT, mm. */
typedef struct dm_ph_host {
    const dm_scan *scan;    /* the whole pass, HU */
    const dm_volume *clean; /* the denoised box round the spine, HU */
    int n;
    double ds;
    const double (*p)[3], (*tangent)[3], (*ventral)[3], (*left)[3];
    const float *r_bone;
    const dm_ph_host_level *level; /* from head to feet; may reach beyond the line's ends */
    int n_levels;
    double noise, kvp;    /* s.d. in HU; kV, NaN = not known */
    const char *position; /* patient position, "HFS" */
} dm_ph_host;

/* 1 when a leak of this kind can be painted: the levels that it needs are in the host. */
int dm_ph_host_allows(const dm_ph_host *host, const char *kind);
/* Makes the anatomy of a case on the host's frame, which becomes the patient's LPS. Free with
 * dm_anatomy_clear. */
dm_status dm_ph_host_anatomy(const dm_ph_host *host, uint64_t seed, int number, const char *kind,
                             dm_anatomy *a);
/* The host as the scanner: grid, noise, and the blur measured at its bone's edges. */
void dm_ph_host_scanner(const dm_ph_host *host, const dm_anatomy *a, dm_ph_scanner *sc);
/* Blur of a scan, s.d. in mm: of the sharpest fifth of the edges between canal and bone, a step blurred by a
 * Gaussian. */
double dm_ph_host_blur(const dm_ph_host *host);
/* What a painted scan would show at a point (ventral, left, s) of the anatomy without noise, HU; what lies
 * outside the host is as dark as air. `g` as dm_ph_host_scanner makes it. */
double dm_ph_painted_at(const dm_ph_host *host, const dm_ph_args *g, const dm_anatomy *a, const double at[3]);
/* Copies the host in HU and paints; out holds nx*ny*nz values. */
dm_status dm_ph_paint(const dm_ph_host *host, const dm_ph_scanner *sc, const dm_anatomy *a, int16_t *out);

#endif
