/* Connected pieces of a straightened box that may be veins. A part of dm_veins_find. */
#ifndef DM_VEIN_PIECES_H
#define DM_VEIN_PIECES_H

#include "vein_box.h"

typedef struct dm_vein_piece {
    size_t voxels;                       /* 0: it went into another one */
    double excess, tube;                 /* sums over the voxels: response less what is usual; response; HU */
    double value, weight;                /* on the ridge: sums of HU and of its weights, excess squared */
    double peak;                         /* largest HU */
    double low[3], high[3];              /* box: s, a, l in mm */
    double near_s, near_a, near_l, near; /* voxel nearest to a foramen, and how near, mm */
    int foramen;                         /* index of the level above it; -1 = none */
} dm_vein_piece;

typedef struct dm_vein_pieces {
    dm_vein_piece *v;
    int n, room;
} dm_vein_pieces;

/* All pieces, from head to feet; empties box->mask. Those that follow each other on one side and are alike in
 * brightness come as one. Free with dm_vein_pieces_free, also after an error. */
dm_status dm_vein_pieces_find(dm_vein_box *box, dm_vein_pieces *out);
void dm_vein_pieces_free(dm_vein_pieces *pieces);

/* Diagonal of the piece's box, mm. */
double dm_vein_piece_length(const dm_vein_piece *piece);
/* Brightness along its ridge, HU. */
double dm_vein_piece_value(const dm_vein_piece *piece);

#endif
