/* The straightened box in which fistula veins are sought: where one may be, and how much brighter than usual
 * a tube is there. A part of dm_veins_find. */
#ifndef DM_VEIN_BOX_H
#define DM_VEIN_BOX_H

#include "grid.h"
#include "veins.h"

/* 16 mm behind the line to 46 mm before it, 38 mm to each side; along the line in steps of DS. */
enum { DM_VEIN_NA = 89, DM_VEIN_NL = 109 };
#define DM_VEIN_A0 (-16.0)
#define DM_VEIN_L0 (-37.8)
#define DM_VEIN_STEP 0.7
#define DM_VEIN_DS 1.0

/* Samples box[(z * NA + y) * NL + x]: x to the left, y ventral, z along the line. */
typedef struct dm_vein_box {
    const dm_veins_params *p;
    const dm_study *st;
    int nz;
    float *box, *smooth;  /* HU: as scanned; clipped and blurred by 0.9 mm */
    float *tube;          /* tube response, HU */
    float *excess;        /* the same less what is usual there; 0 where no vein may be */
    float *around, *less; /* largest response round a place; room for one step */
    uint8_t *mask;        /* 1 = a vein may be here */
    uint8_t *solid;       /* 2 = bone, sleeves, and what is joined to them */
    int *stack;           /* room for as many indices as there are samples */
} dm_vein_box;

/* Ventral and left of the line, mm, at samples y and x. */
static inline double dm_vein_a(int y) {
    return DM_VEIN_A0 + DM_VEIN_STEP * y;
}
static inline double dm_vein_l(int x) {
    return DM_VEIN_L0 + DM_VEIN_STEP * x;
}

/* HU above which a vein is hyperdense in this study: by its tube voltage. */
double dm_vein_least(const dm_veins_params *p, const dm_study *study);

/* Fills all of it; free with dm_vein_box_free, also after an error. */
dm_status dm_vein_box_make(dm_gpu *gpu, const dm_veins_params *p, const dm_study *study, dm_vein_box *out);
void dm_vein_box_free(dm_vein_box *box);

#endif
