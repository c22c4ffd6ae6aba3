/* bench_sacs: what its parts share. */
#ifndef DM_BENCH_SACS_H
#define DM_BENCH_SACS_H

#include "anatomy.h"
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
    int veins, fair_veins, n_marks; /* fair: at least 1.5 mm at CNR >= 4 */
    mark marks[MOST_MARKS];
    int fair[MOST_MARKS];
    int signs[SIGNS], flagged[SIGNS], taken[SIGNS]; /* true ones in view; of these */
    int clean[SIGNS], false_flags[SIGNS];           /* studies without one; of these flagged */
} totals;

typedef struct bench {
    const dm_anatomy *a;
    const dm_ph_scanner *sc;
    const dm_study *st;
    totals *t;
    int each;
} bench;

/* Between two LPS points, mm. */
double distance(const double p[3], const double q[3]);

/* score.c: adds a study's diverticula and veins to the totals, says each when asked; prints the totals. */
void score_blebs(const bench *b);
void score_veins(const bench *b);
void report(totals *t);

/* signs.c: the same for what misleads. */
void score_signs(const bench *b);
void report_signs(const totals *t);

/* kept.c: a study as the stage levels leaves it, and the map too while that stage stands still; files to be
 * deleted when an earlier stage changes. Reading gives 0 when there is no whole one. */
void keep_study(const char *path, const dm_study *study);
int kept_study(const char *path, dm_study *study);
void keep_map(const char *path, dm_study *study);
int kept_map(const char *path, dm_study *study);

#endif
