/* Candidates: pools outside the dura, and what only looks like one. */
#include <math.h>
#include <string.h>

#include "findings_parts.h"
#include "places.h"
#include "stage.h"
#include "tubes.h"

#define DIVERTICULUM(field, unit, low, high, preset, help) \
    {"diverticulum_" #field, unit, DM_FLOAT, offsetof(dm_findings_params, diverticula.field), low, high, preset, NULL, help}

#define VEIN(field, unit_, low_, high_, preset, help) \
    {"vein_" #field, unit_, DM_FLOAT, offsetof(dm_findings_params, vein.field), low_, high_, preset, NULL, help}

static const dm_param table[] = {
    DM_PARAM_FLOAT(dm_findings_params, veto_length, "mm", 3, 30, 9, "Window along the spine in which a pool must fill most cells: three times a root sleeve, twice a spur."),
    DM_PARAM_FLOAT(dm_findings_params, veto_angle, "deg", 5, 90, 25, "The same window round the dura."),
    DM_PARAM_FLOAT(dm_findings_params, veto_length_lateral, "mm", 3, 40, 13, "Window along the spine at the sides: a root sleeve leaves the sac obliquely over 8 mm."),
    DM_PARAM_FLOAT(dm_findings_params, veto_angle_lateral, "deg", 5, 90, 35, "Window round the dura at the sides: a sleeve is 20 degrees wide."),
    DM_PARAM_FLOAT(dm_findings_params, veto_share, "1", 0.1, 0.5, 0.3, "Rank taken in that window."),
    DM_PARAM_FLOAT(dm_findings_params, hysteresis_low, "1", 0.02, 0.5, 0.10, "A pool reaches as far as the ratio stays above this: the noise of the map on leak-free studies."),
    DM_PARAM_FLOAT(dm_findings_params, hysteresis_high, "1", 0.05, 0.9, 0.18, "A pool holds a cell above this ratio."),
    DM_PARAM_FLOAT(dm_findings_params, join, "mm", 0, 60, 20, "Pieces nearer than one vertebra are one collection: pedicles and the dura's ties cut it."),
    DM_PARAM_FLOAT(dm_findings_params, join_lateral, "mm", 0, 60, 6, "Lateral pieces join only this near: root sleeves stand in a row."),
    DM_PARAM_FLOAT(dm_findings_params, join_angle, "deg", 10, 180, 50, "Pieces further apart round the dura stay apart."),
    DM_PARAM_FLOAT(dm_findings_params, list_score, "1", 0, 1, 0.05, "Less probable candidates are not listed."),
    DM_PARAM_FLOAT(dm_findings_params, soft_tissue_hu, "HU", 0, 300, 130, "Scores count brightness above this CT value: epidural veins (60-120 HU), muscle and ligament are no contrast."),
    DM_PARAM_FLOAT(dm_findings_params, satellite_share, "1", 0.1, 1, 0.6, "A candidate with this share of its length beside a stronger one may be its satellite."),
    DM_PARAM_FLOAT(dm_findings_params, satellite_factor, "1", 1, 100, 2, "It is one when the other's odds are this many times higher."),
    DM_PARAM_FLOAT(dm_findings_params, odds_base, "1", -20, 20, -0.8, "Score of a pool = probability 1 / (1 + exp(-x)), x = this + ... Coefficients from phantoms by bench_leaks --fit."),
    DM_PARAM_FLOAT(dm_findings_params, odds_size, "1", 0, 10, 0.75, "... + this * ln(share of rows filled * sqrt(length / 20 mm * area / 60 mm2) * low rank of E), both sizes capped, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_hard, "1", 0, 20, 2.3, "... + this * share of that brightness which is above soft tissue, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_fat, "1", -20, 5, -0.7, "... + this on MR with bright fat, which looks like fluid, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_over, "1", -20, 5, -4, "... + this on CT where the pool reads a tenth brighter than the sac it came from (in part from 1.0): bone, or the sac beside a lost surface, ..."),
    DM_PARAM_FLOAT(dm_findings_params, odds_sacral, "1", -20, 5, -3, "... + this below the upper edge of S1, where the sac tapers and leaks are rare."),
    DM_PARAM_FLOAT(dm_findings_params, ventral_angle, "deg", 20, 80, 50, "Nearer to the front than this is ventral."),
    DM_PARAM_FLOAT(dm_findings_params, dorsal_angle, "deg", 100, 160, 130, "Further from the front than this is dorsal."),
    DM_PARAM_FLOAT(dm_findings_params, c1c2_reach, "mm", 0, 40, 10, "Dorsal fluid above this point below the upper edge of C3 is the retrospinal sign, which does not tell the site."),
    DM_PARAM_FLOAT(dm_findings_params, spur_length, "mm", 0, 30, 13, "A ventral candidate shorter than this is a spur or disc rim: a ventral tear's collection is longer."),
    DIVERTICULUM(score, "1", 0.1, 1, 0.6, "Least score of a bright ball at a root: share of its edge that is seen, times how even it is inside."),
    DIVERTICULUM(least, "mm", 3, 10, 4.5, "Smaller balls are normal root sleeves (3 to 4 mm at half maximum)."),
    DIVERTICULUM(prominent, "mm", 4, 12, 6, "Larger diverticula are prominent."),
    VEIN(low, "HU", 1, 50, 12, "A vein reaches as far as the tube response exceeds the other side's by this."),
    VEIN(high, "HU", 2, 100, 30, "And holds a voxel above this."),
    VEIN(least_hu, "HU", 40, 200, 75, "Fistula veins are above 70 HU, control veins below (medical notes 2.2)."),
    VEIN(most_hu, "HU", 150, 1000, 240, "Brighter than this after the blur is bone or the sac's own contrast."),
    VEIN(bone_hu, "HU", 150, 350, 230, "Within 1.4 mm of a voxel brighter than this after the blur is bone's edge, and rays that end there enclose marrow."),
    VEIN(least_mm, "mm", 3, 30, 8, "Shorter pieces are ends of sleeves and of facets."),
    VEIN(chain, "mm", 0, 20, 7, "Pieces of one side nearer than this are one vein."),
    VEIN(wall_gap, "mm", 0, 15, 4, "Nearer to the bony wall than this lie root sleeves."),
    VEIN(unit, "1", 0.001, 10, 0.05, "Brings the score of veins to that of pools: what is accepted there must be strong here."),
    VEIN(list_score, "1", 0, 5, 0.03, "Weaker candidates are not listed."),
};

/* Places where fluid outside the dura is no sign of a leak there (domain facts 1.4). */
static dm_false_sign sign_of(const dm_findings_params *p, const dm_study *st, const dm_finding *f, dm_side side) {
    double c3, t12;
    if (side == DM_DORSAL && dm_level_top(&st->levels, 3, &c3) && f->s < c3 + p->c1c2_reach) return DM_SIGN_C1C2;
    if (side == DM_DORSAL && dm_lumbar_top(&st->levels, &t12) && f->s > t12) return DM_SIGN_PUNCTURE;
    if (side == DM_VENTRAL && f->length_mm < p->spur_length) return DM_SIGN_SPUR;
    return DM_NO_SIGN;
}

static dm_status run(dm_gpu *gpu, const void *params, dm_study *st) {
    const dm_findings_params *p = params;
    if (st->map.n != st->spine.n || st->map.n == 0)
        return dm_fail(DM_STUDY, "no_map", "findings need the dura map of the whole centre line");
    memset(&st->findings, 0, sizeof st->findings);
    DM_TRY(dm_pools_find(p, st));
    for (int i = 0; i < st->findings.n; i++) {
        dm_finding *f = &st->findings.f[i];
        f->false_sign = sign_of(p, st, f, f->side);
    }
    DM_TRY(dm_diverticula_find(gpu, &p->diverticula, st));
    dm_diverticula_explain(st);
    DM_TRY(dm_veins_find(gpu, &p->vein, st));
    dm_findings_sort(&st->findings);
    return dm_ok;
}

static const char same_order[] = "same operations in the same order; divisions and roots rounded correctly";
static const dm_kernel_check checks[] = {
    {"hough_spheres", 0.0, same_order, dm_hough_compare},
    {"tube_blur", 0.0, same_order, dm_tube_compare_blur},
    {"tube_response", 0.0, same_order, dm_tube_compare_response},
};

const dm_stage dm_stage_findings = {
    .name = "findings",
    .reads = "map, canal, levels, crop.raw",
    .fills = "findings",
    .params = table,
    .n_params = sizeof table / sizeof *table,
    .params_size = sizeof(dm_findings_params),
    .run = run,
    .checks = checks,
    .n_checks = sizeof checks / sizeof *checks,
};
