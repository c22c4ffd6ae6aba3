/* bench_leaks: what its parts share. */
#ifndef DM_BENCH_LEAKS_H
#define DM_BENCH_LEAKS_H

#include "../leak_study.h"
#include "findings_parts.h"

enum { MOST = 20000, TERMS = DM_ODDS };

typedef struct mark {       /* a candidate */
    int study, finding;     /* its index in the study's findings */
    int leak, sign;         /* index of the leak it hits, -1 none; 1 = lies in a pool that misleads */
    double score, x[TERMS + 1]; /* terms of the score's logistic model, 1 first; last: of a dense study */
    dm_false_sign flag;
    int accepted; /* by localise */
} mark;

typedef struct placing {       /* of the surest pool beside a leak, whichever its side; score 0 = there is none */
    double score, error;     /* mm, site less truth, positive = too low */
    double low, high;        /* ends of its interval less the truth: it holds the site when low <= 0 <= high */
    int side_right, levels_off, accepted, unplaced;
} placing;

typedef struct lesion {
    int study, leak, mr;           /* leak: its index in the truth */
    double thickness, ratio, best; /* best: highest score of a mark that hits it, -1 none */
    double length;                 /* of the true pool, mm */
    int passes, class_right, accepted;
    placing site;
    int lost; /* lost_pool.h, were it missed */
} lesion;

typedef struct tally {
    int studies, ct, leak_free, answer[2][3]; /* [leaks][no, leak, cannot tell] */
    int n_marks, n_lesions;
    mark marks[MOST];
    lesion lesions[MOST];
    FILE *csv;
    int each, all;
    dm_findings_params *params;
} tally;

/* ---- score.c ---- */

/* Column names of tally.csv; the terms of the score come last, x0 to x<TERMS - 1>. */
void tally_csv_head(FILE *f);

/* Adds a study whose stages are done. With `each` its truth and findings are printed, with `csv` a row for
 * every candidate. */
void tally_study(tally *t, const bench_case *b);

/* ---- tables.c ---- */

/* Least score at which at most `rate` false marks a study remain: candidates that hit nothing and carry no
 * false sign. */
double tally_score_at(const tally *t, double rate);
/* A candidate that hits nothing, misleading pools left aside, and carries no false sign. */
int tally_is_false(const mark *m);
/* A pool that the goal counts: 1 mm thick and a fifth of the sac's brightness. */
int tally_is_goal(const lesion *l);
void tally_report(const tally *t);

/* ---- sites.c ---- */

/* Site, interval, level and side by modality, length and number of passes. */
void tally_sites(const tally *t);

/* ---- fit.c ---- */

/* How a fit begins: afresh, or from the coefficients of now (presets.h); then `only`, names with commas between, may hold all others. */
typedef struct fit_start {
    int near;
    const char *only; /* "" = none is held */
} fit_start;

/* Prints the score's coefficients fitted on all candidates. */
void tally_fit(const tally *t, fit_start start);
/* The same from files that --csv wrote, named with commas between. An exit code. */
int tally_fit_files(char *paths, fit_start start);

/* ---- ablation.c ---- */

typedef struct ablation {
    const char *name, *set; /* what is switched off, and how: STAGE.KEY=VALUE,... */
} ablation;

/* The parts of map and findings that keep false marks away or true ones in, one switched off each; the first
 * switches nothing off; those of the map come last. Ends with a NULL name. */
extern const ablation ablations[];
enum { MOST_ABLATIONS = 40 };

/* A line for each of n tallies of the same studies. */
void ablation_report(tally *const *t, int n);

/* ---- gallery.c ---- */

enum { MOST_EXHIBITS = 20 };
typedef struct exhibit {
    int study, number; /* 1..10 of its kind */
    int missed, index; /* missed: 1 = index is a lesion's, 0 = a mark's */
    double worth;      /* the higher, the worse */
} exhibit;

/* The ten most visible missed pools (thickness * ratio) and the ten false marks of the highest score, at .25
 * false marks a study; returns how many. */
int gallery_pick(const tally *t, exhibit out[MOST_EXHIBITS]);

/* Writes FOLDER/NAME, the picture of an exhibit in its study, all of whose stages are done, and its line to
 * csv. 0 = could not be written, which is said. */
int gallery_draw(const tally *t, const bench_case *b, const exhibit *e, const char *folder, const char *name,
                 FILE *csv);
extern const char gallery_csv_head[];

#endif
