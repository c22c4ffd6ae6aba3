/* Protocol files: which studies a protocol takes ([match]) and every stage's parameters (one section per stage). */
#ifndef DM_PROTOCOL_H
#define DM_PROTOCOL_H

#include <stdio.h>

#include "stage.h"

enum { DM_MAX_STAGES = 16 };

/* [match]: a series is taken when every rule that is given holds. */
typedef struct dm_match {
    char description[160]; /* '|' separated words; any of them in SeriesDescription, ProtocolName or StudyDescription,
                              any case; empty = any */
    char exclude[160];     /* none of these words */
    double kvp_low, kvp_high;         /* NaN = any */
    double slice_high_mm;             /* NaN = any */
    int min_slices;
    int priority;                     /* the highest wins when several protocols match; then the name */
} dm_match;

/* [series]: which of the series that match is measured, and what may be done to it. */
typedef struct dm_series_choice {
    int orientation;        /* enum dm_orientation */
    double min_coverage_mm; /* along the patient's axis */
    int passes;             /* volumes kept at most; the first is measured */
    int gaps;               /* 0 refuse, 1 fill */
    int uneven;             /* 0 refuse, 1 resample */
    char kernel[80];        /* words: a kernel that holds one of them is preferred */
    char prefer[80];        /* words: a description that holds one of them breaks a tie */
} dm_series_choice;

typedef enum dm_orientation { DM_ANY_ORIENTATION, DM_AXIAL, DM_SAGITTAL, DM_CORONAL } dm_orientation;

/* [roles]: words in a description that say what a pass is. */
typedef enum dm_role { DM_PRE_CONTRAST, DM_EARLY, DM_LATE, DM_LEFT_SIDE, DM_RIGHT_SIDE, DM_ROLES } dm_role;
extern const char *const dm_role_names[DM_ROLES];

typedef struct dm_protocol {
    char name[40]; /* the file's name without .ini */
    dm_modality modality;
    dm_contrast contrast;
    dm_match match;
    dm_series_choice series;
    char role_words[DM_ROLES][80];
    void *params[DM_MAX_STAGES]; /* per stage in the order of stages.def; owned */
    char digest[65];             /* of every value that can change a result */
} dm_protocol;

typedef struct dm_protocols {
    int n;
    dm_protocol *p; /* owned */
    char digest[65];
} dm_protocols;

/* Every *.ini of a folder (or one file), in the order of names. NULL = the protocols built into the program (the files of
 * configs/protocols, embedded). FATAL "config" with file:line, what is wrong and what is allowed. */
dm_status dm_protocols_load(const char *path, dm_protocols *out);
void dm_protocols_clear(dm_protocols *protocols);
/* Parameters of one stage by name; never NULL for a stage of the list. */
const void *dm_protocol_params(const dm_protocol *p, const char *stage);
/* Writes reference.ini: every section and key with unit, range, default and help. */
void dm_protocol_write_reference(FILE *out);

#endif
