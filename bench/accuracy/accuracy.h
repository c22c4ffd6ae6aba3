/* accuracy: how far the records (and labels) of a run lie from the truth of digital phantoms and painted
 * scans.
 *
 * One study fills one tally; tallies are added up by group (all, modality, protocol, field of view, contrast,
 * noise, kind). Nothing here reads what the stages keep in memory: only what a run leaves in OUT. */
#ifndef DM_ACCURACY_H
#define DM_ACCURACY_H

#include <stdio.h>

#include "record.h"

enum { FIELD = 160 };

typedef struct sample { /* growing list of numbers */
    double *v;
    int n, room;
} sample;
void sample_keep(sample *s, double v);
/* The value below which a share q of the list lies (sorts it); NaN when empty. */
double sample_quantile(sample *s, double q);
double sample_mean(const sample *s);

/* Things that are counted. */
typedef enum count_id {
    N_TRUTH,
    N_RECORDS,
    N_ANSWERED,
    N_LINE_POINTS,
    N_LINE_MARKED,
    N_TRUE_POINTS,
    N_TRUE_COVERED,
    N_VERTEBRAE,
    N_NEAR_ANCHORED,
    N_RIGHT_ANCHORED,
    N_NEAR_UNANCHORED,
    N_RIGHT_UNANCHORED,
    N_NEAR_ENDS, /* by what is in view: C2 or the sacrum, else first or last rib, else none; each followed by those right */
    N_RIGHT_ENDS,
    N_NEAR_RIBS,
    N_RIGHT_RIBS,
    N_NEAR_NOTHING,
    N_RIGHT_NOTHING,
    N_RAYS_SAC,
    N_RAYS_SAC_SEEN,
    N_RAYS_CANAL,
    N_RAYS_CANAL_SEEN,
    N_POOLS,
    N_POOLS_FOUND,
    N_POOLS_LISTED,
    N_GOAL, /* pools of at least 1 mm and a fifth of the sac */
    N_GOAL_FOUND,
    N_VEINS,
    N_VEINS_FOUND,
    N_VEINS_LISTED,
    N_VEINS_GOAL, /* at least 1.5 mm, over 5 mm at a contrast to noise of at least 4 */
    N_VEINS_GOAL_FOUND,
    N_MARKS_FALSE,
    N_PLACED, /* leaks with an accepted finding beside them, whatever its side */
    N_CLASS_RIGHT,
    N_SIDE_RIGHT,
    N_LEVEL_RIGHT,
    N_LEVEL_NEAR,
    N_KNOWN, /* of N_PLACED those whose site the program says it can place */
    N_KNOWN_NEAR,
    N_INTERVALS,
    N_INTERVALS_HOLD,
    N_SIGNS,
    N_SIGNS_FLAGGED,
    N_SIGNS_TAKEN,
    N_BLEBS,
    N_BLEBS_FOUND,
    N_BLEB_ROWS,
    N_BLEB_FALSE,
    N_LEAK_STUDIES, /* followed by its three answers, in the order leak, no_leak, other; so is N_HEALTHY */
    N_LEAK_YES,
    N_LEAK_NO,
    N_LEAK_UNSURE,
    N_HEALTHY,
    N_HEALTHY_YES,
    N_HEALTHY_NO,
    N_HEALTHY_UNSURE,
    N_COUNTS
} count_id;

/* Lists of numbers. */
typedef enum sample_id {
    S_LINE_SURE, /* distance of the found line's points to the true line, outside and inside marked stretches
                  */
    S_LINE_MARKED,
    S_MISSED,        /* distance of the true line's points to the found line */
    S_SAC_DICE,      /* one per study, over the true line in view */
    S_SAC_DICE_SEEN, /* the same over the stretches that carry the label */
    S_CANAL_DICE,
    S_CANAL_DICE_SEEN,
    S_SAC_GAP, /* |difference| of the two masks along the true rays, mm */
    S_CANAL_GAP,
    S_SITE, /* along the true line, accepted findings of the right side */
    S_SITE_GOAL,
    S_SITE_KNOWN, /* of sites that the program says it can place */
    S_INTERVAL,
    S_POOL_BEST,  /* best score of a listed candidate per true pool; -1 = none */
    S_POOL_FALSE, /* scores of unflagged candidates without truth */
    S_GOAL_BEST,
    S_VEIN_BEST,
    S_VEIN_FALSE,
    S_VEIN_GOAL_BEST,
    S_BLEB_SIZE,   /* |error| of the diameter */
    S_BLEB_SIGNED, /* found minus true */
    S_SECONDS,
    S_PEAK,
    N_SAMPLES
} sample_id;

enum { BINS = 5, THICK = 4, RATIOS = 4, CLASSES = 8, SIDES = 5, WALLS = 2, REGIONS = 4, SECTORS = 5 };

/* Errors of a wall along the true rays, found less true, mm. */
typedef struct wall_error {
    double sum, absolute;
    int n;
} wall_error;

typedef struct tally {
    int count[N_COUNTS];
    sample list[N_SAMPLES];
    int bin_n[BINS], bin_right[BINS]; /* level_posterior against what was right */
    double bin_sum[BINS];
    int cell_n[THICK][RATIOS], cell_found[THICK][RATIOS];     /* pools by thickness and ratio */
    wall_error wall[WALLS][REGIONS][SECTORS];                 /* dura, bone; by region of the spine and direction */
    int class_[CLASSES][CLASSES + 1], side[SIDES][SIDES + 1]; /* truth, found; the last column = not found */
} tally;

void tally_add(tally *into, const tally *one);
void tally_clear(tally *t);

typedef struct polyline {
    double (*p)[3];
    unsigned char *marked; /* 1 = the program itself does not trust it here */
    int n;
} polyline;

/* One study: what is true, what was written, and where. */
typedef struct pair {
    const cJSON *truth, *record;
    polyline line, found;
    char labels[1300]; /* path of its label volume; the file may be missing */
} pair;

/* input.c: records and tables */
const char *text_of(const cJSON *row, const char *key); /* "" when missing */
double number_of(const cJSON *row, const char *key);    /* NaN when missing; true = 1 */
const cJSON *rows_of(const cJSON *record, const char *table);
const cJSON *study_row(const cJSON *record);
int place_found(const cJSON *row, double p[3]); /* x_mm, y_mm, z_mm; 0 when missing */
int place_true(const cJSON *row, double p[3]);  /* x, y, z */
double distance(const double p[3], const double q[3]);
/* The record of the study that came from this archive; study gets its pseudonym. NULL when there is none. */
cJSON *record_of_archive(const char *out, const char *archive, char study[FIELD]);

/* line.c */
polyline line_of_truth(const cJSON *truth);
polyline line_of_record(const cJSON *record);
void line_clear(polyline *l);
/* Prints how far the line of a record passes from the middle of a label in a NIfTI volume of the same scan, slice by slice.
 * Returns the exit code. */
int line_against_label(const char *record_path, const char *label_path, int label);
/* Nearest distance from p to a line, and where along it (in points). */
double line_distance(const polyline *l, const double p[3], double *where);
void score_line(const pair *p, tally *t);

void score_levels(const pair *p, tally *t);
int level_rank(const cJSON *truth, const char *name); /* place in this spine's own order; 0 = no name */
void score_surfaces(const pair *p, tally *t);
void score_leaks(const pair *p, tally *t);
/* 1 when a finding lies beside a true leak (same side) within its extent; error = mm along the true line. */
int leak_matches(const pair *p, const cJSON *leak, const cJSON *finding, double *error);
int finding_accepted(const cJSON *finding);
void score_signs(const pair *p, tally *t);
void score_diverticula(const pair *p, tally *t);
void score_answer(const pair *p, tally *t);

/* report.c: one group, as text and as rows of csv (either may be NULL). */
void report_group(const char *group, const char *value, tally *t, int whole, FILE *text, FILE *csv);
extern const char *const class_names[CLASSES];
extern const char *const side_names[SIDES];
extern const char *const region_names[REGIONS]; /* surface.c */
extern const char *const sector_names[SECTORS];

#endif
