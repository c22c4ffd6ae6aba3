/* bench_sacs: what its parts share. */
#ifndef DM_BENCH_SACS_H
#define DM_BENCH_SACS_H

#include <stdio.h>

#include "anatomy.h"
#include "gpu.h"
#include "host.h"
#include "scanner.h"
#include "study.h"

enum { MOST_MARKS = 8192, SIGNS = 6 };

typedef struct mark {
    double score;
    int hit; /* number of the true vein + 1, 0 = false */
} mark;

typedef struct totals {
    int studies, with_leak;
    int blebs, blebs_found, bleb_rows, bleb_false, arms;
    double size[MOST_MARKS], relative[MOST_MARKS];
    int n_size;
    int shown_blebs, shown_blebs_found; /* of 5 mm, half of whose volume the scan shows */
    int shown[MOST_MARKS], shown_veins; /* fair veins of which the scan shows 5 mm */
    int veins, fair_veins, n_marks;     /* fair: see is_fair */
    mark marks[MOST_MARKS];
    int fair[MOST_MARKS];
    int signs[SIGNS], flagged[SIGNS], taken[SIGNS]; /* true ones in view; of these */
    int clean[SIGNS], false_flags[SIGNS];           /* studies without one; of these flagged */
} totals;

/* What the scan shows of each: share of a diverticulum's volume to which it adds a tenth of the sac or more;
 * mm over which a vein adds twice a voxel's noise or more on the mean of seven (most of the rest runs through
 * bone as bright). */
typedef struct shown {
    double bleb[PH_MAX_TRUTH], vein_mm[PH_MAX_TRUTH];
} shown;

typedef struct bench {
    const dm_anatomy *a;
    const dm_ph_scanner *sc;
    const dm_study *st;
    totals *t;
    int each;
    const shown *shown; /* NULL: not asked for */
    FILE *readings, *balls; /* NULL: not asked for */
} bench;

/* Between two LPS points, mm. */
double distance(const double p[3], const double q[3]);
/* An LPS point in the study's own coordinates, in words. */
void place_of(const dm_study *st, const double lps[3], char out[64]);

/* 1 for the goal's veins: 1.5 mm wide, at CNR 4 to what lies round them over the shortest length of a vein.
 */
int is_fair(const dm_ph_scanner *sc, const dm_ph_vein *vein);

/* make.c: a case's study up to the stage map, kept in the folder `cache` unless that is NULL. 0 = failed. */
int make_study(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, const char *cache, const char *set,
               dm_study *st);

/* score.c: adds a study's diverticula and veins to the totals, says each when asked; prints the totals. */
void score_blebs(const bench *b);
void score_veins(const bench *b);
void say_pools(const bench *b); /* every pool that is listed, a line each */
void report(totals *t);

/* fit.c: coefficients of the score of veins, and of diverticula, from files of readings, named with commas
 * between; near: the coefficients change little. 0 = done. */
int fit_veins(int near, char *paths);
int fit_balls(int near, char *paths);

/* seen.c: renders the study twice. Returns 0 when it cannot. */
int look_without(dm_gpu *gpu, const bench *b, shown *out);

/* signs.c: the same for what misleads. */
void score_signs(const bench *b);
void report_signs(const totals *t);

/* kept.c: a study as the stage levels leaves it; files to be deleted when that or an earlier stage changes. Reading gives 0 when there is
 * no whole one. */
void keep_study(const char *path, const dm_study *study);
int kept_study(const char *path, dm_study *study);

#endif
