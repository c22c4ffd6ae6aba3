/* Profiles along the straightened spine: v[(i*na + j)*nl + k] at s = i, a = a0 + j ventral, l = l0 + k left,
 * all in mm, 1 mm apart; DM_OUTSIDE where the scan does not reach. */
#ifndef DM_DISCS_H
#define DM_DISCS_H
#include "dialect.h"

#define DM_DISC_TILTS 11 /* slopes -0.75 .. 0.75 of a sheet against the plane normal to the canal */
#define DM_RIB_FROM 18   /* mm to the side where a rib has left its vertebra */
#define DM_RIB_TO 60     /* lumbar transverse processes end before 50 mm */

typedef struct dm_discs_args {
    int ns, na, nl;
    int mr;             /* 1: rows hold mean signal, 0: the share of bone and disc */
    int half_a, half_l; /* window of the column, mm round its middle */
    float a0, l0, a_middle;
    float soft_hu, bone_hu, full_hu; /* lowest HU of disc or bone; where bone begins, where it is certain */
} dm_discs_args;

/* A box across the canal, first and last index in a and l. */
typedef struct dm_disc_box {
    int j0, j1, k0, k1, value; /* value 1: mean value, 0: mean share of bone */
} dm_disc_box;

DM_FN float dm_disc_slope(int tilt) {
    return -0.75f + 0.15f * (float)tilt;
}
DM_FN size_t dm_discs_at(const dm_discs_args *g, int i, int j, int k) {
    return ((size_t)i * (size_t)g->na + (size_t)j) * (size_t)g->nl + (size_t)k;
}
DM_FN float dm_discs_bone(const dm_discs_args *g, float v) {
    return dm_clampf((v - g->bone_hu) / (g->full_hu - g->bone_hu), 0.0f, 1.0f);
}

/* Value between two planes; outside where either is. */
DM_FN float dm_discs_value(DM_GLOBAL const float *DM_RESTRICT v, const dm_discs_args *g, float s, int j,
                           int k) {
    int i = (int)dm_floor(s);
    float f = s - (float)i;
    if (i < 0 || i + 1 >= g->ns) return DM_OUTSIDE;
    float p = v[dm_discs_at(g, i, j, k)], q = v[dm_discs_at(g, i + 1, j, k)];
    return dm_is_outside(p) || dm_is_outside(q) ? DM_OUTSIDE : p + f * (q - p);
}

enum { DM_DISC_ROWS = 16 }; /* at most, 2 half_a + 1 */

/* The column's window on a sheet that crosses the column's middle at s = i and leans by `slope`. CT: its mean. MR: the
 * median of the means of its rows across the column: a disc fills the depth of the column, the bright vein in the middle of a body
 * (basivertebral) its back third. */
DM_FN float dm_discs_sheet(DM_GLOBAL const float *DM_RESTRICT v, const dm_discs_args *g, int i, float slope) {
    int middle = (int)(g->a_middle - g->a0 + 0.5f), side = (int)(0.5f - g->l0), known = 0, rows = 0;
    float sum = 0.0f, row[DM_DISC_ROWS];
    for (int j = middle - g->half_a; j <= middle + g->half_a && rows < DM_DISC_ROWS; j++) {
        float of_row = 0.0f;
        int in_row = 0;
        for (int k = side - g->half_l; k <= side + g->half_l; k++) {
            float p = dm_discs_value(v, g, (float)i + slope * (float)(j - middle), j, k);
            if (dm_is_outside(p)) continue;
            of_row += p;
            in_row++;
        }
        sum += of_row;
        known += in_row;
        if (in_row > g->half_l) dm_put_in_order(row, rows++, of_row / (float)in_row);
    }
    int all = (2 * g->half_a + 1) * (2 * g->half_l + 1);
    if (2 * known < all) return DM_OUTSIDE;
    if (!g->mr || rows == 0) return sum / (float)known;
    return 0.5f * (row[(rows - 1) / 2] + row[rows / 2]);
}

/* One row across the column at depth j on the sheet through s = i: mean signal (MR) or the share of disc and
 * bone (CT). */
DM_FN float dm_discs_row(DM_GLOBAL const float *DM_RESTRICT v, DM_GLOBAL const float *DM_RESTRICT slope,
                         const dm_discs_args *g, int i, int j) {
    int side = (int)(0.5f - g->l0), known = 0;
    float sum = 0.0f, s = (float)i + slope[i] * (g->a0 + (float)j - g->a_middle);
    for (int k = side - g->half_l; k <= side + g->half_l; k++) {
        float p = dm_discs_value(v, g, s, j, k);
        if (dm_is_outside(p)) continue;
        sum += g->mr ? p : (p > g->soft_hu && p < 900.0f ? 1.0f : 0.0f);
        known++;
    }
    return known > g->half_l ? sum / (float)known : DM_OUTSIDE;
}

DM_FN float dm_discs_box(DM_GLOBAL const float *DM_RESTRICT v, const dm_discs_args *g, int i,
                         const dm_disc_box *b) {
    int known = 0;
    float sum = 0.0f;
    for (int j = b->j0; j <= b->j1; j++)
        for (int k = b->k0; k <= b->k1; k++) {
            float p = v[dm_discs_at(g, i, j, k)];
            if (dm_is_outside(p)) continue;
            sum += b->value ? p : dm_discs_bone(g, p);
            known++;
        }
    int all = (b->j1 - b->j0 + 1) * (b->k1 - b->k0 + 1);
    return 2 * known >= all ? sum / (float)known : DM_OUTSIDE;
}

/* What one mm of a path through this voxel is worth to a rib: 1 in bone, -2 in soft tissue, 0.45 where nobody
 * has looked (a scan cropped at the sides must not make a last rib). A rib is thin: what is as bright 14 mm
 * in front of it is an ala, the ilium, or a kidney full of contrast. */
DM_FN float dm_rib_worth(const dm_discs_args *g, float v, float ahead) {
    if (dm_is_outside(v)) return 0.45f;
    float thick = dm_is_outside(ahead) ? 0.0f : dm_discs_bone(g, ahead);
    return 3.0f * dm_fmax(dm_discs_bone(g, v) - thick, 0.0f) - 2.0f;
}

/* One step of the best path outwards, from the far end inwards: best sum from (i, j) at distance `l` mm on
 * one side (+1 = left) to DM_RIB_TO, given `next` = the same one mm further out. A rib falls 0 to 2 mm per mm
 * and may bend. */
DM_FN float dm_rib_step(DM_GLOBAL const float *DM_RESTRICT v, DM_GLOBAL const float *DM_RESTRICT next,
                        const dm_discs_args *g, int i, int j, int l, int side) {
    int k = (int)((float)(side * l) - g->l0 + 0.5f);
    int ahead = dm_clampi(j + 14, 0, g->na - 1);
    float worth = k < 0 || k >= g->nl
                      ? dm_rib_worth(g, DM_OUTSIDE, DM_OUTSIDE)
                      : dm_rib_worth(g, v[dm_discs_at(g, i, j, k)], v[dm_discs_at(g, i, ahead, k)]);
    if (l == DM_RIB_TO) return worth;
    float best = -1.0e30f;
    for (int down = 0; down <= 2; down++)
        for (int bend = -1; bend <= 1; bend++) {
            int q = dm_clampi(j + bend, 0, g->na - 1);
            float cost = down == 0 ? 0.0f : (down == 1 ? 0.05f : 0.3f);
            /* Below the volume's end nothing is known. */
            float rest = i + down < g->ns ? next[(size_t)(i + down) * (size_t)g->na + (size_t)q]
                                          : 0.45f * (float)(DM_RIB_TO - l);
            best = dm_fmax(best, rest - cost);
        }
    return worth + best;
}

#endif
