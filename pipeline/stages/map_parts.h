/* Parts of the stage map. */
#ifndef DM_MAP_PARTS_H
#define DM_MAP_PARTS_H

#include "check.h"
#include "dura_map.h"
#include "places.h"
#include "study.h"

typedef struct dm_map_params {
    double radius, step;              /* mm */
    double end_margin, reach_half, reach_dent;
    double envelope_share, envelope_half, layering_limit;
    double rim_half, rim_angle, rim_least, rim_front;
    double tissue_share, tissue_half, tissue_high_hu, tissue_high_share;
    double null_share, valley_gain, least_excess_hu;
    double gap_least, model_error, shift_sd, fit_beyond, dark_bone, edge_least, body_beyond, body_angle, cortex, cortex_most, cortex_hu, ridge, band, band_gap, height_least, gain_least, bone_least, dent, fat_share, fat_behind, fat_rank;
    double phase_least;
    double membrane, membrane_from, membrane_full, membrane_share;
} dm_map_params;

/* The dura as an outline without dents: nerve roots lie dark against the sac's wall, and a surface may stand on them. r and
 * out: n * DM_NT, mm. Where r lies more than `dent` mm inside its slice's convex outline (behind and at the sides) or inside the
 * median of 55 degrees (in front, where discs and collections do push the sac in), it is replaced by that. */
void dm_outline(const float *r, int n, double dent, float *out);

/* How far the canal reaches: r where it is not more than `dent` mm inside the median of its angle within `half` mm along the line,
 * that median elsewhere. Contrast that touches bone of its own brightness draws the bone's surface inwards. out: n * DM_NT. */
dm_status dm_canal_reach(const float *r, int n, double ds, double half, double dent, float *out);

/* References of one study, made by the functions below in this order. Arrays of cells: s index * DM_NT + column. */
typedef struct dm_references {
    float *base; /* n: sac's upper envelope, DM_OUTSIDE where not filled */
    int fat_bright;  /* 1 = MR without fat suppression: fat is the tissue that a pool must exceed */
    double sac_middle; /* median of base */
    double layering; /* slope k: sac(s, theta) = base (1 + k cos theta) */
    float tissue[DM_NT];
    float *sac_cell, *tissue_cell; /* n * DM_NT */
    float *rim_cell; /* n * DM_NT: fluid just inside the dura, share of sac_cell over tissue_cell, at most 1 */
} dm_references;

/* `beyond`: value of every cell 4 mm beyond the bone's edge, DM_OUTSIDE where unknown. */
dm_status dm_references_make(const dm_map_params *p, const dm_study *study, const float *cells, const float *beyond,
                             const uint8_t *use, dm_references *out);
void dm_references_free(dm_references *r);

/* gap: mm between the surfaces per cell. V' of every used cell: valley (`dark` = one of the DM_CELL_DARK_*) over the sac, less what healthy cells of the same
 * gap and the same outer brightness show in this study. 0 elsewhere. */
dm_status dm_valley(const dm_map_params *p, const dm_study *study, const float *gap, const float *cells, int dark, const dm_references *ref,
                    const uint8_t *use, double width, float *out);

/* The profiles on the device and the fit of all cells. */
typedef struct dm_profiles {
    dm_gpu *gpu;
    dm_map_args args;
    dm_buf *polar, *r_dura, *r_bone, *r_seen, *q_bone, *tissue, *sac, *rim, *cortex, *use, *cells, *fit;
} dm_profiles;

/* Smooths `polar` (n * DM_NT * nr) and computes the figures of every cell into `cells` (n * DM_NT * DM_CELL_N). */
dm_status dm_profiles_open(dm_gpu *gpu, const dm_map_params *p, const dm_study *study, const float *r_dura,
                           const float *r_bone, const float *polar, int nr, dm_profiles *out, float *cells);
/* cortex: dm_walls.cortex of every row. */
dm_status dm_profiles_set(dm_profiles *pr, const dm_references *ref, const float *cortex);
/* Fits the cells with use != 0; fit: n * DM_NT * DM_FIT_N, 0 where unused. */
dm_status dm_profiles_fit(dm_profiles *pr, const dm_fit_args *f, const uint8_t *use, float *fit);
void dm_profiles_close(dm_profiles *pr);

/* MR: raises the map where a dark line runs inside the edge that r_dura follows (kernels/dura_map.h has the method): the
 * evidence of cells within 9 mm and 25 degrees is averaged. use: where to look. After dm_profiles_set. */
dm_status dm_membrane_apply(dm_profiles *pr, const dm_map_params *p, const dm_references *ref, const uint8_t *use, dm_study *study);

/* The map of study->crop.raw on the study's surfaces into study->map; empty where nothing fills the sac. */
dm_status dm_map_measure(dm_gpu *gpu, const dm_map_params *p, dm_study *study);

extern const dm_kernel_check dm_profile_checks[];
extern const int dm_profile_check_count;
/* The fit of lines on the device against the same function on the host; as dm_kernel_check wants it. */
dm_status dm_membrane_compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result);

#endif
