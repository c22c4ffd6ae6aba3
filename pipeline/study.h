/* What one study holds on its way through the stages: the parcel. Every stage reads what earlier ones filled.
 *
 * Coordinates: the spine's own (s, theta, r). s = mm along the centre line, 0 at its upper end, growing towards the
 * feet; theta = degrees round it, 0 ventral, +90 the patient's left, 180 dorsal, -90 right; r = mm from the line.
 * (a, l) = mm ventral and mm to the left of the line in the plane normal to it. LPS = DICOM patient mm. */
#ifndef DM_STUDY_H
#define DM_STUDY_H

#include <stdint.h>

#include "level.h"
#include "status.h"
#include "volume.h"

enum {
    DM_NT = 72,           /* columns of every map round the canal: theta = column * 5 degrees, 0..355 */
    DM_MAX_VERTEBRAE = 40,
    DM_MAX_PASSES = 8,
    DM_MAX_FINDINGS = 64,
    DM_MAX_DIVERTICULA = 64
};

typedef enum dm_modality { DM_CT, DM_MR } dm_modality;
/* What shines in the sac. FLUID = the CSF itself (heavily T2). NONE = nothing expected. */
typedef enum dm_contrast { DM_CONTRAST_NONE, DM_IODINE, DM_FLUID, DM_GADOLINIUM } dm_contrast;

/* Header facts of one series: an allow-list, nothing identifying. Missing number = NaN, missing text = "". */
typedef struct dm_facts {
    char series_id[40]; /* pseudonym */
    double kvp, slice_mm, pixel_mm, tilt_deg, seconds_after_first;
    char kernel[20], position[8], transfer_syntax[68];
    int gaps, lossy;
} dm_facts;

typedef struct dm_pass {
    dm_scan scan;
    dm_facts facts;
    char role[16]; /* "main" = nothing sets it apart; "pre_contrast", "early", "late", "left", "right", "repeat"; "levels" = it
                    * only helps to name the vertebrae */
} dm_pass;

/* What may be known of patient and exam outside ingest: coarse, for comparing cohorts. Missing text = "". */
typedef struct dm_exam {
    char sex[4];           /* "F", "M", "O" */
    char age_band[8];      /* five years: "45-49", from 90 on "90+" */
    char manufacturer[24]; /* of a closed list, else "other" */
    char model[32];
    double shifted_seconds; /* since 1970: study date and time, shifted by the patient's own secret amount; 0 = not known */
} dm_exam;

/* A regular grid aligned with LPS: centre of cell (i, j, k) = origin + step * (i, j, k). i to the left, j to posterior,
 * k to the head. */
typedef struct dm_grid {
    int n[3];
    double origin[3], step;
    float *v; /* owned */
} dm_grid;

/* The box round the spine at the scanner's resolution (voxels finer than a limit are averaged in blocks). */
typedef struct dm_crop {
    dm_grid coarse;    /* the whole pass on a 2 mm LPS grid, smoothed where the source is finer; outside = DM_OUTSIDE */
    dm_grid evidence;  /* same grid: how much a cell looks like the middle of the canal, 0..1 */
    int n_path;        /* 0 = not known */
    double (*path)[3]; /* n_path: the rough way of the canal from head to feet, LPS mm, a point every step of coarse; owned */
    dm_volume raw;     /* detect on this */
    dm_volume clean;   /* denoised near the path, elsewhere as raw; same grid: for surfaces and references */
    double noise_sd;   /* HU or signal, median over the box */
    double noise_corr; /* lag-1 correlation of the noise between neighbouring voxels in the slice */
} dm_crop;

/* The centre line: n samples every ds mm. Frames are rotation minimising with `ventral` held towards the patient's
 * front; all three vectors are unit, LPS; left = ventral x tangent points to the patient's left. */
typedef struct dm_spine {
    int n;
    double ds;
    double (*p)[3], (*tangent)[3], (*ventral)[3], (*left)[3]; /* n each, owned */
    float *score;    /* n: 0..1, how sure the line is here */
    uint8_t *unsure; /* n: 1 = do not trust what is measured here */
} dm_spine;

/* The two surfaces, r(s, theta) in mm: index s_index * DM_NT + theta_index, s_index as in dm_spine. */
typedef struct dm_canal {
    int n;
    float *r_dura, *r_bone;
    float *q_dura, *q_bone; /* 0..1: strength of the edge the surface stands on; below 0.3 it is interpolation */
    uint8_t *no_bone;       /* 1 = no bone at this angle (foramen, gap between laminae) */
    uint8_t *filled;        /* n: 1 = contrast (or bright fluid) fills the sac here */
    float *sac;             /* n: value of the sac's contrast or fluid, HU or signal; DM_OUTSIDE where not filled */
    uint8_t *parted;        /* 1 = the dura lies on the dark line that parts sac and pool, inside of where its outer edge is; NULL = nowhere */
    uint8_t *roots;         /* 1 = roots that have settled hide the dura at this angle: it was sought behind them; NULL = nowhere */
} dm_canal;

typedef struct dm_vertebra {
    int level;            /* io/level.h */
    double s_from, s_to;  /* middle of the disc above and of the disc below, mm; may lie beyond the line's ends */
    double s_mid;         /* mid-body */
    double lps[3];        /* canal centre at mid-body */
    int inferred;         /* 1 = placed by the spacing prior, not by its own discs */
} dm_vertebra;

/* What one series shows of the levels, as probabilities. */
typedef struct dm_level_view {
    int n;
    double s[DM_MAX_VERTEBRAE];           /* middle of a vertebra on the study's line, mm */
    float p[DM_MAX_VERTEBRAE][DM_S5 + 1]; /* that it is the level of this number */
    double weight;                        /* share of its evidence that no other series shows as well */
    char anchors[40];                     /* what it is counted from; "" = nothing */
} dm_level_view;

/* The views of other series of the same study, brought to the study's line. */
typedef struct dm_level_votes {
    int n;
    double own; /* weight of what the study's own volume shows */
    dm_level_view view[DM_MAX_PASSES];
} dm_level_votes;

typedef struct dm_levels {
    int n;
    dm_vertebra v[DM_MAX_VERTEBRAE]; /* from head to feet, neighbours touch */
    int anchored;                    /* 0: the best guess, not to be trusted */
    char count_method[64];           /* "skull", "c2", "ribs", "sacrum", "ribs+sacrum", "sacrum+series:ribs", "unanchored" */
    dm_level_view view;              /* the same as probabilities, for other series */
    double posterior;                /* of the labelling written, 0..1 */
    int alt_shift;                   /* second best: every label moved by this many (+1 = one further down) */
    double alt_posterior;
    char transitional[24];           /* "", "t11", "t13", "l4", "l6", ... what the evidence suggests */
} dm_levels;

/* The map of one pass in the frame of the study. */
typedef struct dm_phase {
    int pass;          /* index into dm_study.pass */
    double shift[3];   /* LPS mm: what is at p in the frame lies at p + shift in the pass */
    double agreement;  /* correlation of what lies outside the canal at that shift */
    float *e;          /* as dm_map.e; negative = not assessed; owned */
    float *shell;      /* brightness between the surfaces (stages/shell.h), DM_OUTSIDE = not assessed; NULL for the measured pass; owned */
} dm_phase;

/* Maps on the unrolled dura, index s_index * DM_NT + theta_index. */
typedef struct dm_map {
    int n;
    float *e;          /* extradural / intradural ratio E, 0 = tissue, 1 = as bright as the sac; 0 where not assessable */
    float *valley;     /* V: by how much the darkest between the surfaces is brighter than in healthy cells of the same gap before bone as bright, share of the sac (below 0: darker); 0 where not assessable */
    float *d;          /* dark gap D: rise after the darkest point outside the dura, share of the sac */
    float *thickness;  /* mm of the shell at E > half the cell's E */
    uint8_t *assessed; /* 1 = E means something here */
    float *sac;        /* n: upper envelope of the sac, HU or signal, DM_OUTSIDE where not filled */
    float *tissue;     /* DM_NT: tissue reference by theta, over the whole study */
    float *beside;     /* the reference of every cell: on CT tissue is that of the same region */
    double blur;       /* mm, s.d. of the scan's own blur round the dura, or of its voxels (long slices, two long edges) where that is more; 0 where nothing was assessed */
    int fat_bright;    /* 1 = MR without fat suppression: fat behind the sac and in the sacrum looks like fluid */
    double roots_from; /* MR: mm along the line from which roots lie in the sac, 20 mm above the cord's end; 1e9 with a cord to the line's end, 0 without any */
    int n_phases;      /* 0 with one pass; else all passes with contrast in order of time, the measured one among them */
    dm_phase phase[DM_MAX_PASSES];
    uint8_t *first;    /* index into phase of the first that shows contrast in this cell, 255 = none; NULL with one pass */
    float *early_late; /* E in the first phase assessed as a share of E in the last; 0 where the last is dark; NULL with one */
} dm_map;

typedef enum dm_class {
    DM_CLASS_NONE,
    DM_VENTRAL_TEAR,
    DM_LATERAL_TEAR,
    DM_DORSAL_TEAR,
    DM_DIVERTICULUM_LEAK,
    DM_FISTULA,
    DM_SACRAL,
    DM_INDETERMINATE
} dm_class;
const char *dm_class_name(dm_class c); /* "none", "ventral_tear", ..., "csf_venous_fistula", "sacral", "indeterminate" */

typedef enum dm_false_sign {
    DM_NO_SIGN,
    DM_SIGN_C1C2,
    DM_SIGN_PUNCTURE,
    DM_SIGN_SPUR,
    DM_SIGN_RENAL,
    DM_SIGN_CALCIFICATION, /* brighter than the sac: ligament or disc rim, not contrast */
    DM_SIGN_EPIDURAL,      /* contrast injected outside the sac */
    DM_SIGN_IV,            /* contrast in the blood */
    DM_SIGN_METAL,
    DM_SIGN_MOTION,
    DM_SIGN_BOWEL,
    DM_SIGNS
} dm_false_sign;
/* "", "c1c2", "puncture", "spur", "renal", "calcification", "epidural_injection", "iv_contrast", "metal", "motion",
 * "bowel" */
const char *dm_false_sign_name(dm_false_sign f);

typedef enum dm_side { DM_SIDE_NONE, DM_VENTRAL, DM_DORSAL, DM_LEFT, DM_RIGHT } dm_side;
const char *dm_side_name(dm_side s); /* "", "ventral", "dorsal", "left", "right" */

/* What is measured of a pool, medians or ranks over its cells of the map. */
typedef struct dm_pool_features {
    double area_mm2; /* on the dura */
    double fill;     /* share of the rows of its extent that hold at least two of its cells */
    double p90;      /* 90th percentile of E */
    double low;      /* the same of the low rank of E round each cell: what no sleeve or spur can make */
    double hard;     /* the same of the part of `low` that is above soft tissue, share of the sac */
    double dark_gap; /* median rise after the darkest point outside the dura, share of the sac */
    double mirror;   /* median of E less E at the mirrored angle */
    double beyond;   /* p90 less the median E at its angles 5 to 25 mm beyond its ends */
    double usual;    /* share of its brightness that the same places of other vertebrae show too, 0..1 */
    double gap_mm;   /* between the surfaces */
    double roots;    /* share of its cells where roots have settled before the dura, there or within 15 mm along the line */
    double unusual;  /* V less V at the same places of other vertebrae and on the other side, 0 or more, median over its brighter part; NAN where nothing can be compared */
    double edges;    /* strength of the edge that the dura's surface stands on, 0..1 */
    double open_bone; /* share of its cells without bone beyond them */
    double noise;    /* s.d. of the noise, share of the sac */
    double dent;     /* mm by which the dura beside it lies nearer to the line than within 10 mm above and below */
    double discs;    /* its brightness behind discs, share of that behind bodies; NAN where it is not behind both */
    double spill;    /* CT, lateral: how bright the way out of a foramen beside it is beyond what is usual, share of the sac (dm_spill) */
} dm_pool_features;

/* What is weighed of a tube that may be a fistula's vein. */
typedef enum dm_vein_term {
    DM_VEIN_ONE,     /* 1 */
    DM_VEIN_BRIGHT,  /* ln(brightness above blood, share of that of the least hyperdense vein) */
    DM_VEIN_SHORT,   /* ln(length / 15 mm), 0 from there on */
    DM_VEIN_LONG,    /* cm beyond 22 mm */
    DM_VEIN_FAR,     /* distance of its start from the foramen beyond 8 mm, share of 12 mm */
    DM_VEIN_OWN,     /* brighter than the study's own veins, in their spreads */
    DM_VEIN_ROOT,    /* 1 = as bright as the study's roots */
    DM_VEIN_CALCIUM, /* brightness beyond that of contrast in a vein, 100 HU */
    DM_VEIN_TUBE,    /* ln(tube response, share of its brightness above blood) */
    DM_VEIN_USUAL,   /* share of the response that other foramina show too */
    DM_VEIN_WIDE,    /* ln(width / 2 mm) */
    DM_VEIN_FRONT,   /* cm in front of the line */
    DM_VEIN_OUT,     /* cm outside the bony wall */
    DM_VEIN_UPPER,   /* 1 = at the foramina of C8 and T1, beside the first rib */
    DM_VEIN_PEAK,    /* brightness of its brightest voxel beyond its own and 3 s.d. of noise, 100 HU, 3 at most */
    DM_VEIN_LOWER,   /* 1 = at the foramina of L2 and below, whose roots are long */
    DM_VEIN_TERMS
} dm_vein_term;

/* A candidate: a pool outside the dura or a vein. */
typedef struct dm_finding {
    dm_class class_;
    double score;  /* grows with belief; the protocol's thresholds are on it */
    int accepted; /* 1 = counts as a leak for the study's answer */
    dm_false_sign false_sign;
    dm_side side;
    double clock;                                /* hours, 12 = dorsal, 3 = the patient's left, 6 = ventral */
    double s, s_from, s_to, theta, r;            /* the site, the extent (mm), the angle (degrees) */
    double site_from, site_to;                   /* interval of s that should hold the site in 90 % */
    int unplaced;                                /* 1 = it covers so many levels that the site is not known */
    double lps[3];                               /* the site */
    double volume_mm3, peak_ratio, peak_value;   /* peak_value in HU or signal */
    double length_mm, thickness_mm;
    int upper, lower;                            /* vertebrae above and below the nearest disc (level_disc) */
    int root;                                    /* level of the nearest root (level_root) */
    dm_pool_features pool;                       /* 0 for a vein */
    double vein[DM_VEIN_TERMS];                  /* 0 for a pool, and in a body */
    int in_body;                                 /* 1 = a vein inside a vertebral body */
    int first_pass;                              /* index into dm_study.pass of the first pass that shows it */
    double early_late;                           /* brightness in the first pass as a share of the last's; NaN with one pass */
} dm_finding;

/* What is weighed of a ball that may be a diverticulum. */
typedef enum dm_ball_term {
    DM_BALL_ONE,  /* 1 */
    DM_BALL_SIZE, /* ln(diameter / 6 mm), from 8 mm on alike: sleeves are 3 to 5 mm wide */
    DM_BALL_EDGE, /* ln(score of the Hough transform): share of its edge that is seen, times how even it is */
    DM_BALL_UNEVEN, /* s.d. inside along free rays, share of its value: marrow, cortex */
    DM_BALL_ROUND,  /* how far the free rays' ends lie from one radius, share of it: knobs of bone are no
                       spheres */
    DM_BALL_JOINED, /* share of the rays that go on as bright: bone goes on as bone */
    DM_BALL_WAY,    /* ln(darkest of the way to the sac, share of its value): fat or joint between them */
    DM_BALL_CROSS,  /* CT: by how much the brightest of that way exceeds 1.33 times the sac: cortex between them */
    DM_BALL_BEHIND, /* CT: 1 = bone behind it, 0 = muscle: the articular processes bound a foramen from
                     * behind, and have nothing but muscle behind themselves */
    DM_BALL_LIFT,   /* ln(brighter than the same place at other foramina, share of the sac) */
    DM_BALL_VALUE,  /* ln(its brightness, share of the sac): ganglia are dim */
    DM_BALL_OVER,   /* CT: by how much it is itself brighter than 1.33 times the sac, whose thin rim the blur dims */
    DM_BALL_RIM,    /* what its rim is brighter than its middle: bone under its cortex; contrast is blurred */
    DM_BALL_CT,     /* 1 on CT */
    DM_BALL_BONY,   /* share of its rays that meet something brighter at its edge or within 3 mm of it: knobs of bone do not */
    DM_BALL_HEIGHT, /* mm along the spine beyond 3 mm from where its root leaves, 8 at most */
    DM_BALL_OUT,    /* mm by which it lies more than 2 mm outside the bony wall, 10 at most: roots end in no ball further out */
    DM_BALL_TURN,   /* tens of degrees beyond 65 to 115 from straight ahead, 4 at most: in front lie bodies, behind joints */
    DM_BALL_TERMS
} dm_ball_term;

typedef struct dm_diverticulum {
    int root; /* level of the root */
    dm_side side;
    double s, lps[3], diameter_mm, volume_mm3, score;
    double other_mm; /* width of the sleeve or diverticulum at the same root on the other side; NaN where none shows */
    int prominent, leaking;
    double ball[DM_BALL_TERMS]; /* 0 for a cyst in the sacrum */
} dm_diverticulum;

typedef struct dm_findings {
    unsigned signs;  /* bit dm_false_sign: the study as a whole shows it (the findings' own signs apart) */
    double aorta_hu; /* brightness of the blood, HU; NaN where no large vessel is seen */
    int veins_sought; /* 0 = fistula veins were not assessed */
    int n;
    dm_finding f[DM_MAX_FINDINGS]; /* best score first */
    int n_diverticula;
    dm_diverticulum d[DM_MAX_DIVERTICULA]; /* from head to feet */
} dm_findings;

typedef enum dm_answer_kind { DM_NO_LEAK, DM_LEAK, DM_CANNOT_TELL } dm_answer_kind;
const char *dm_answer_name(dm_answer_kind a); /* "no_leak", "leak", "indeterminate" */

typedef struct dm_answer {
    dm_answer_kind kind;
    double score;     /* best score of anything that could be a leak */
    int best;         /* index of the finding that gives class, level, side and site; -1 without one */
    double interval_mm;
    int slec;         /* 1 = a long extradural collection */
    int slec_from, slec_to; /* levels */
} dm_answer;

typedef struct dm_study {
    char study_id[40], patient_id[40]; /* pseudonyms */
    char protocol[40];                 /* name of the protocol file that matched */
    dm_modality modality;
    dm_contrast contrast;
    dm_exam exam;
    int n_passes;
    dm_pass pass[DM_MAX_PASSES]; /* pass[0] is measured */

    dm_crop crop;
    dm_spine spine;
    dm_canal canal;
    dm_level_votes *votes; /* owned; NULL = no other series is heard */
    dm_levels levels;
    dm_map map;
    dm_findings findings;
    dm_answer answer;

    char qc[400]; /* flags, separated by ';' : "unanchored;noisy" */
} dm_study;

/* Appends a flag to qc once. */
void dm_study_flag(dm_study *study, const char *flag);
/* The denoised volume, or where there is none the raw one. */
const dm_volume *dm_crop_best(const dm_crop *crop);
/* Takes a flag back. */
void dm_study_unflag(dm_study *study, const char *flag);
/* Frees a map's arrays and makes it empty. */
void dm_map_clear(dm_map *map);
/* Frees everything that the stages allocated and the passes; the struct may be used again. */
void dm_study_clear(dm_study *study);
/* Frees pass[i].scan of a study whose crop is made. */
void dm_study_drop_scans(dm_study *study);

#endif
