/* The parts of stage levels: profiles along the column, anchors, and the chain of discs that explains them.
 */
#ifndef DM_LEVELS_PARTS_H
#define DM_LEVELS_PARTS_H

#include "check.h"
#include "discs.h"
#include "gpu.h"
#include "study.h"

typedef struct dm_levels_params {
    double pitch_sd, pitch_floor, scale_sd, whole_penalty, tilt_sd, front_weight, rib_weight,
        first_rib_weight, dens_weight, sacrum_weight, bone_hu, full_hu, temperature, anchored, found, turned,
        behind;
} dm_levels_params;

enum { DM_WIDTHS = 10, DM_WIDTH_LOW = 3 }; /* disc heights 3 .. 12 mm, one profile of disc evidence each */

/* Everything that is known about each mm of the spine; arrays of n, index i at s = s0 + i mm. NaN = not
 * known. */
typedef struct dm_column {
    int n, first, last; /* first and last index with the column in the field of view; first > last: none */
    int doubt; /* where the doubt of the line's upper end ends; -1 = it is trusted from its upper end on */
    double s0;
    dm_modality modality;
    float *t;             /* mean of the tilted sheet: HU or signal */
    float *slope;         /* of the sheet */
    float *front;         /* mm from the canal to the front of the column */
    float *d[DM_WIDTHS];  /* how much this looks like a disc */
    float *ped;           /* CT: bone in the place of the pedicles, 0..1 */
    float *rib;           /* CT: best path of a rib that begins here, 1 = all bone */
    float *high[2];       /* CT: bone where the first rib passes, left and right, 0..1 */
    float *occupied, *hu; /* CT: bone, mean HU, in the middle of the column */
    float *iliac;         /* CT: bone 44 to 62 mm to the side: wings of the ilium, ribs */
    float *flank[2];      /* CT: as iliac, left and right; NaN where the scan is too narrow for ribs */
    float
        *wing; /* bone (MR: signal) beside the front of the column: alae of the sacrum, else muscle or lung */
    float *beside[2]; /* left and right. CT: mean HU beside the column: the aorta lies there, or lung. MR:
                       * signal 22 to 36 mm to the side of the canal: muscle, above it brain */
    float *lean;      /* degrees by which the line leans backwards */
    float *behind;    /* MR: signal 11 to 15 mm behind the line: laminae, above the canal the cistern */
    float *near;  /* MR: signal 9 to 14 mm to the side, the darker one: walls of the canal, above it cisterns
                     and brain stem */
    float *core;  /* MR: signal in the middle of the sac: cord, or fluid and roots below it */
    float *fluid; /* MR: the brightest signal beside the middle */
} dm_column;

dm_status dm_column_measure(dm_gpu *gpu, const dm_study *study, const dm_levels_params *params,
                            dm_column *out);
void dm_column_clear(dm_column *column);
/* The line that the column is measured along, freed by dm_spine_clear: the study's spine, and where its upper
 * end is marked unsure (it may have left the canal for a cistern before the brain stem, or a foramen)
 * straight on from the trusted line instead, at the same s. */
dm_status dm_column_line(const dm_spine *spine, dm_spine *out);
/* Samples at the upper end of a spine that are marked unsure; 0 = none, or all. */
int dm_column_doubt(const dm_spine *spine);
/* Fills lean from the line's tangents. */
void dm_column_lean(const dm_spine *line, dm_column *column);
extern const dm_kernel_check dm_discs_checks[];
enum { DM_DISCS_CHECKS = 4 };
/* Device bytes of the straightened volume and what is made from it, without the crop. */
uint64_t dm_column_bytes(double length_mm);

/* 1-D tools on n values 1 mm apart; NaN is left out. All return dm_ok or out_of_memory. */
dm_status dm_profile_smooth(float *v, int n, double sigma);
dm_status dm_profile_rank(const float *v, int n, int half, double share, float *out); /* running percentile */
double dm_profile_mean(const float *v, int n, int from,
                       int to); /* inclusive; NaN when less than half is known */
double dm_profile_max(const float *v, int n, int from, int to);
double dm_clip(double v, double low, double high);
/* Gradient per mm as a share of the mean within sigma, at most 0.25. */
dm_status dm_profile_relative_gradient(const float *v, int n, double sigma, float *g);

/* Disc evidence from t (and slope, ped): fills d. */
dm_status dm_disc_evidence(dm_column *column);

/* What the named anchors say, ready to be added to a chain's evidence. */
typedef struct dm_anchors {
    int n;
    float *rib;        /* n: + at a disc: a rib begins below it */
    float *first;      /* n or NULL: for the disc C7/T1 */
    float *dens;       /* n or NULL: for the disc C2/3 */
    float *sacrum;     /* n: for the disc L5/S1 */
    float *skull;      /* n: for the disc C2/3, by the skull above it */
    int s_first;       /* index of the first rib (of the upper one where the sides differ), -1 = not seen */
    double first_sure; /* 0..1: how sure it is that it is the first */
    int s_dens;
    int s_conus; /* MR: index where the cord ends, -1 = not seen */
    int s_skull; /* MR: index where the canal opens into the skull, -1 = not seen */
} dm_anchors;
dm_status dm_anchors_find(const dm_column *column, const dm_levels_params *params, dm_anchors *out);
void dm_anchors_clear(dm_anchors *anchors);
/* The parts of it that MR has. */
void dm_anchors_of_mr(const dm_column *column, const dm_levels_params *params, dm_anchors *anchors);
/* What the end of the cord says of the disc L1/2 at index i, which may lie beyond the view: the cord ends at
 * the lower third of L1 (T12 to L2/3; asianspinejournal.org 1017). 0 where it is not seen. */
double dm_conus_at(const dm_anchors *anchors, const dm_levels_params *params, double i);
/* Evidence for the alae of the sacrum below the disc at i; body = running median of the column's signal. */
double dm_marrow_alae(const dm_column *column, const float *body, int i);

enum { DM_MAX_CHAIN = 28, DM_CHAINS = 9 };

/* One way in which vertebrae may be numbered: C1 .. S1 with 11 to 13 thoracic and 4 to 6 lumbar ones. */
typedef struct dm_chain {
    int n, level[DM_MAX_CHAIN]; /* disc k lies between level[k] and level[k + 1]; n - 1 discs */
    int thoracic, lumbar;
    double log_prior;
} dm_chain;
void dm_chain_make(int number, dm_chain *chain); /* 0 .. DM_CHAINS - 1; 0 = the usual one */

double dm_level_pitch(int level);       /* mm from disc to disc along the canal, mean adult */
double dm_level_disc_height(int level); /* of the disc below */
double dm_level_front(int level); /* mm from canal centre to the front of the column at the disc below */

/* MR: the seam of the dens, which looks like a disc, lies so many mm above C2/3 and higher. */
enum { DM_SEAM = 14 };

/* C2/3 and the last mobile disc have fused segments beyond them: a strong disc there speaks against the name,
 * on MR, where every disc shows, a place without one for it. The disc between `upper` and `lower` lies at i;
 * 0 for all others. */
double dm_fused_beyond(const dm_column *column, int upper, int lower, int i);

/* What one explanation stands on, each in nats as it guides the search for the path. */
typedef enum dm_cue {
    DM_CUE_DISC,  /* looks of the discs */
    DM_CUE_FRONT, /* depth of the column */
    DM_CUE_RIB,   /* ribs, and their absence */
    DM_CUE_FIRST, /* first rib */
    DM_CUE_DENS,  /* dens, axis */
    DM_CUE_SKULL, /* skull and brain stem */
    DM_CUE_SACRUM,
    DM_CUE_CONUS,
    DM_CUE_FUSED,   /* discs where C2/3 and L5/S1 have fused segments beyond them */
    DM_CUE_SPACING, /* distances between discs */
    DM_CUE_ENDS,    /* room left beyond the first and last disc */
    DM_CUE_SIZE,    /* the patient's size */
    DM_CUES
} dm_cue;

/* The discs of one explanation: disc `from` + j of the chain at index at[j]. */
typedef struct dm_disc_path {
    int from, n, at[DM_MAX_CHAIN];
    double scale, score;
} dm_disc_path;

/* Evidence and max-marginals of one chain: row k of n values per disc. */
typedef struct dm_chain_fit {
    dm_chain chain;
    const dm_anchors *anchors;
    int n;
    float *e, *m;   /* evidence; best score of any path with disc k here, prior of the scale included */
    uint8_t *scale; /* number of the scale that gives m */
} dm_chain_fit;
dm_status dm_chain_fit_make(const dm_column *column, const dm_anchors *anchors,
                            const dm_levels_params *params, int number, dm_chain_fit *fit);
void dm_chain_fit_clear(dm_chain_fit *fit);
/* The rib (+) or its absence (-) at the vertebra above the first disc of a path, disc k at index i: 0 where
 * its own upper disc would be in view, or its ribs are not. */
double dm_chain_top_rib(const dm_chain *chain, const dm_column *column, const dm_anchors *anchors, int k,
                        int i, double scale);
/* What a path of this fit is worth, cue by cue; their sum is its score. */
void dm_chain_cues(const dm_chain_fit *fit, const dm_column *column, const dm_levels_params *params,
                   const dm_disc_path *path, double cue[DM_CUES]);
/* The best path that has disc k at index i. */
dm_status dm_chain_fit_path(const dm_chain_fit *fit, const dm_column *column, const dm_levels_params *params,
                            int k, int i, dm_disc_path *path);

/* One fitted explanation of the column: its path, what speaks for it, and the names it gives to the places of
 * a ballot. */
typedef struct dm_reading {
    int chain_number;
    dm_chain chain;
    dm_disc_path path;
    double cue[DM_CUES],
        log_weight;  /* log_weight: all cues as they count in the posterior, and the chain's prior */
    int middle_disc; /* number in its chain of the disc in the middle of the view */
    int names[DM_MAX_CHAIN + 1];
} dm_reading;

/* All explanations that are not hopeless. Places are where the best one has its vertebrae, indices into the
 * column. */
typedef struct dm_ballot {
    int n_places, n;
    double place[DM_MAX_CHAIN + 1];
    dm_reading *reading; /* n, owned */
} dm_ballot;
void dm_ballot_clear(dm_ballot *ballot);

/* The labelling with the highest posterior. */
typedef struct dm_labelling {
    dm_chain chain;
    dm_disc_path path;
    double posterior, alt_posterior;
    double score; /* log weight of the best explanation, before other series vote: to be compared with the same scan turned */
    int alt_shift;
    double rib, first, dens, skull, sacrum; /* what each anchor gives on the path, nats */
    int rib_end;                            /* the last rib is seen on the path */
    int all_ribs;                           /* so are those of every thoracic vertebra */
    dm_level_view view;                     /* all readings together: its s, p and n */
} dm_labelling;
/* votes: NULL or what other series say. ballot: NULL, or takes what was chosen from, then to be cleared. */
dm_status dm_label(const dm_column *column, const dm_anchors *anchors, const dm_levels_params *params,
                   const dm_level_votes *votes, dm_labelling *out, dm_ballot *ballot);

/* Name that an explanation gives to index `at`. */
int dm_chain_name_at(const dm_chain *chain, const dm_disc_path *path, double at);
/* 1 where the names that another series finds most probable are, in 4 of 5 places that both see, those of the
 * labelling. */
int dm_view_agrees(const dm_level_view *view, const dm_labelling *label, const dm_column *column);

/* The best score (as dm_labelling.score) that the same scan reaches with head and feet exchanged; -1e30 when
 * it shows no column. */
dm_status dm_turned_score(dm_gpu *gpu, const dm_study *study, const dm_levels_params *params, double *score);

/* How much more what lies in front of the line looks like a column of bodies and discs than what lies behind
 * it does: in front less behind of the correlation, along the spine, of the midline with its sides; -2 .. 2,
 * on scans that lie as told .4 and more (pose.c). NaN where less than 60 mm of either are in view. */
dm_status dm_bodies_in_front(dm_gpu *gpu, const dm_study *study, double *score);

/* What a CT shows of left and right: the largest solid organ before T10 to L2, the liver, lies on the right as
 * the header has it; it lies on the left; neither (no belly or no liver in view, or as much on both sides). */
typedef enum dm_sides { DM_SIDES_UNSEEN, DM_SIDES_CONFIRMED, DM_SIDES_MIRRORED } dm_sides;

dm_sides dm_sides_seen(const dm_grid *coarse, const dm_spine *spine, const dm_levels *levels);

#endif
