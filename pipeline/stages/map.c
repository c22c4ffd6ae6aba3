/* The dura map: how bright is what lies between dura and bone, as a share of the sac beside it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curved.h"
#include "map_parts.h"
#include "phases.h"
#include "places.h"
#include "ranks.h"
#include "stage.h"

static const dm_param table[] = {
    DM_PARAM_FLOAT(dm_map_params, radius, "mm", 14, 30, 18, "Profiles reach this far from the centre line: the widest lumbar canal (half of 28 mm) and its wall."),
    DM_PARAM_FLOAT(dm_map_params, step, "mm", 0.25, 0.25, 0.25, "Sampling of a profile; the fit moves its edges by whole samples."),
    DM_PARAM_FLOAT(dm_map_params, envelope_share, "1", 0.5, 0.95, 0.75, "Rank of the sac's brightness round the dura: above the half that the cord darkens by partial volume."),
    DM_PARAM_FLOAT(dm_map_params, envelope_half, "mm", 2, 20, 6, "Half length along the spine over which the sac's brightness is ranked: half a thoracic vertebra."),
    DM_PARAM_FLOAT(dm_map_params, layering_limit, "1", 0, 0.5, 0.25, "Largest slope of the sac's brightness from back to front that layering is believed to make."),
    DM_PARAM_FLOAT(dm_map_params, rim_half, "mm", 0, 20, 3, "Half length along the spine of the window whose median is the fluid's brightness just inside the dura: a thin rim beside the cord reads less than the sac."),
    DM_PARAM_FLOAT(dm_map_params, rim_angle, "deg", 0, 60, 10, "Half width of that window round the dura."),
    DM_PARAM_FLOAT(dm_map_params, rim_least, "1", 0.1, 1, 0.4, "MR: that fluid is taken to be at least this share of the sac; 1 = as bright as the sac everywhere."),
    DM_PARAM_FLOAT(dm_map_params, rim_front, "1", 0.1, 1, 0.75, "CT: the same in front, where the cord leans towards the bodies: a blur of 0.6 mm leaves this of a layer of 1.4 mm; healthy fluid is rarely thinner, beside a pool that pushes the sac it is."),
    DM_PARAM_FLOAT(dm_map_params, tissue_share, "1", 0.1, 0.5, 0.35, "Rank of the darkest shell value at one angle that counts as tissue: below the half that a long collection may fill."),
    DM_PARAM_FLOAT(dm_map_params, tissue_half, "mm", 30, 1000, 75, "CT: half length along the spine over which that rank is taken, four vertebrae: veins, ligament and muscle fill the epidural space of the neck, fat that of the loins."),
    DM_PARAM_FLOAT(dm_map_params, tissue_high_hu, "HU", 40, 200, 110, "Tissue is at most this bright on CT: ligament and enhanced muscle."),
    DM_PARAM_FLOAT(dm_map_params, tissue_high_share, "1", 0.05, 0.5, 0.25, "Tissue is at most this share of the sac on T2 MR."),
    DM_PARAM_FLOAT(dm_map_params, fat_share, "1", 0.1, 0.6, 0.25, "MR: fat is not suppressed when a fifth of what lies 4 mm beyond the bone's edge is brighter than this share of the sac."),
    DM_PARAM_FLOAT(dm_map_params, fat_behind, "1", 0, 1, 0.04, "MR: or when more than this share of the back, 25 to 60 mm behind the line, is: of 29 scans none of 21 with suppressed fat shows any, the 8 without 0.10 and more."),
    DM_PARAM_FLOAT(dm_map_params, fat_rank, "1", 0.3, 0.95, 0.8, "Rank of the shell's darkest value that counts as tissue where fat is bright: a pool must exceed the fat."),
    DM_PARAM_FLOAT(dm_map_params, null_share, "1", 0.2, 0.5, 0.35, "Rank of the valley among cells of the same gap that counts as usual: below the half that a long collection may fill."),
    DM_PARAM_FLOAT(dm_map_params, valley_gain, "1", 1, 10, 5, "Factor on the valley before it is compared with the fit: the blur halves the floor of a thin pool."),
    DM_PARAM_FLOAT(dm_map_params, least_excess_hu, "HU", 0, 200, 50, "Less above tissue than this is muscle, vein or noise on CT, not contrast."),
    DM_PARAM_FLOAT(dm_map_params, dent, "mm", 0.2, 5, 1.0, "The dura lies at most this far inside the convex outline of its slice (in front: inside the median of 55 degrees): what dents deeper is a nerve root."),
    DM_PARAM_FLOAT(dm_map_params, end_margin, "mm", 0, 30, 8, "Nearer to the line's ends nothing is assessed: the surfaces have neighbours on one side only, and the scan may be cut obliquely."),
    DM_PARAM_FLOAT(dm_map_params, reach_half, "mm", 5, 32, 30, "The canal's wall is compared with its median within this distance along the line: one level to either side."),
    DM_PARAM_FLOAT(dm_map_params, reach_dent, "mm", 0.2, 20, 0.5, "Bone further inside than this median is taken for it: contrast that touches bone of its own brightness hides the edge. Where bone was seen still counts against a pool."),
    DM_PARAM_FLOAT(dm_map_params, gap_least, "mm", 0.4, 2, 0.8, "Narrower gaps between dura and bone cannot be told from their edges at 0.6 mm blur."),
    DM_PARAM_FLOAT(dm_map_params, height_least, "1", 0.05, 1, 0.5, "A pool that the blur lets stand lower than this share of its value in its gap is counted less in proportion: it is a guess there."),
    DM_PARAM_FLOAT(dm_map_params, gain_least, "1", 0, 200, 6, "Fall of chi-square (priors included) that a pool must bring to count in full: 2.5 s.d."),
    DM_PARAM_FLOAT(dm_map_params, model_error, "1", 0.01, 0.3, 0.06, "Share of the sac by which the model of a profile may be wrong: texture, roots, noise."),
    DM_PARAM_FLOAT(dm_map_params, shift_sd, "mm", 0.1, 1.5, 0.6, "Expected error of the two surfaces beside a pool, which draws them to its own edges; over healthy dura the dura's is half of this."),
    DM_PARAM_FLOAT(dm_map_params, fit_beyond, "mm", 0.5, 4, 2, "The profile is explained this far beyond the bone's edge: a pool ends there, while bone that touches the dura goes on."),
    DM_PARAM_FLOAT(dm_map_params, body_beyond, "mm", 0.5, 4, 3, "CT: the same in front, where the bone is a body and its marrow lies behind a thin cortex."),
    DM_PARAM_FLOAT(dm_map_params, dark_bone, "mm", 0, 1.5, 1, "MR: nearer to bone than this its dark rim shows through the blur, and a pool need not be bright."),
    DM_PARAM_FLOAT(dm_map_params, edge_least, "1", 0.05, 1, 0.15, "CT: the bone's edge is trusted at least this far; where it is weaker than 1 the bone may reach in towards the dura, its expected error divided by its strength."),
    DM_PARAM_FLOAT(dm_map_params, body_angle, "deg", 0, 90, 60, "CT: bodies lie within this angle of straight ahead; pedicles and laminae further back are thick cortex."),
    DM_PARAM_FLOAT(dm_map_params, cortex, "mm", 0, 2, 0.75, "CT: thickness of the cortex of a body's back wall; brighter than its marrow, it looks like a pool when blurred. 0 = bodies are even."),
    DM_PARAM_FLOAT(dm_map_params, cortex_most, "1", 0, 20, 3, "CT: it is brighter than the marrow behind it by at most so many times the marrow (above tissue); what has no marrow behind it is no body."),
    DM_PARAM_FLOAT(dm_map_params, cortex_hu, "HU", 0, 2000, 900, "CT: and in the middle of a body by at most this, however fatty its marrow: cortex has 600 to 1500 HU. Between bodies lie discs, which have none."),
    DM_PARAM_FLOAT(dm_map_params, ridge, "1", 0.1, 2, 0.5, "Pools are expected below this share of the sac until the profile shows more."),
    DM_PARAM_FLOAT(dm_map_params, band, "mm", 1, 4, 2, "Thickness of a pool that lies on the dura or on the bone and leaves the rest of the gap dark."),
    DM_PARAM_FLOAT(dm_map_params, band_gap, "mm", 1.5, 6, 3.2, "Gaps wider than this may hold such a pool."),
    DM_PARAM_FLOAT(dm_map_params, phase_least, "1", 0.02, 0.9, 0.15, "Several passes: a cell shows contrast in a pass above this ratio; a fiftieth of healthy cells reads more."),
    DM_PARAM_FLOAT(dm_map_params, membrane, "mm", 0.2, 1, 0.45, "MR: dura and arachnoid between two layers of fluid, a dark line."),
    DM_PARAM_FLOAT(dm_map_params, membrane_from, "1", -10, 30, 2, "MR: mean fall of chi-square by such a line, within 9 mm and 25 degrees, from which it counts; healthy fluid stays below 0."),
    DM_PARAM_FLOAT(dm_map_params, membrane_full, "1", -9, 60, 10, "MR: and at which it counts in full."),
    DM_PARAM_FLOAT(dm_map_params, membrane_share, "1", 0, 1, 0.3, "MR: least share of a patch with a line that shows it also against fluid that dims outwards, as pulsation makes it (at .05 such fluid was once a leak)."),
    DM_PARAM_FLOAT(dm_map_params, bone_least, "1", 0, 1, 0.5, "Least strength of the bone's edge at which a pool may be sought on the bone alone."),
};

static dm_status make_maps(int n, dm_map *m) {
    size_t count = (size_t)n * DM_NT;
    dm_map_clear(m);
    *m = (dm_map){.n = n,
                  .e = calloc(count, sizeof(float)),
                  .valley = calloc(count, sizeof(float)),
                  .d = calloc(count, sizeof(float)),
                  .thickness = calloc(count, sizeof(float)),
                  .assessed = calloc(count, 1),
                  .sac = malloc((size_t)n * sizeof(float)),
                  .tissue = calloc(DM_NT, sizeof(float)),
                  .beside = calloc(count, sizeof(float))};
    if (!m->e || !m->valley || !m->d || !m->thickness || !m->assessed || !m->sac || !m->tissue || !m->beside) {
        dm_map_clear(m);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the dura map of %d positions", n);
    }
    for (int i = 0; i < n; i++) m->sac[i] = DM_OUTSIDE;
    return dm_ok;
}

/* 1 = this cell can be measured: contrast beside it, a gap that the scanner resolves, inside the scan, a frame to trust. */
static void usable(const dm_map_params *p, const dm_study *st, const float *gap, const float *cells, uint8_t *use) {
    for (int i = 0; i < st->spine.n; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            const float *v = cells + c * DM_CELL_N;
            use[c] = st->canal.filled[i] && !st->spine.unsure[i] && fmin(i, st->spine.n - 1 - i) * st->spine.ds >= p->end_margin &&
                     (double)gap[c] >= p->gap_least &&
                     !dm_is_outside(v[DM_CELL_DARK]) && !dm_is_outside(v[DM_CELL_OUTER]);
        }
}

/* What the stage holds while it works. */
typedef struct work {
    const dm_map_params *p;
    dm_study *st;
    size_t n; /* cells */
    float *polar, *cells, *fit, *valley, *r_dura, *r_bone, *gap; /* gap: mm between the two */
    float *cortex; /* of every row, dm_walls.cortex */
    uint8_t *use, *some;
    dm_references ref;
    dm_profiles pr;
    double width;
} work;

static void work_free(work *w) {
    free(w->polar), free(w->cells), free(w->fit), free(w->valley), free(w->r_dura), free(w->r_bone), free(w->gap), free(w->cortex), free(w->use), free(w->some);
    dm_references_free(&w->ref);
    dm_profiles_close(&w->pr);
}

static dm_fit_args fit_args(const work *w, double width, int shape) {
    return (dm_fit_args){.width = (float)width,
                         .model_error = (float)w->p->model_error,
                         .shift_sd = (float)w->p->shift_sd,
                         .ridge = (float)w->p->ridge,
                         .band = (float)w->p->band,
                         .shape = shape,
                         .beyond = (float)w->p->fit_beyond,
                         .edge_least = w->st->modality == DM_CT ? (float)w->p->edge_least : 0,
                         .body_beyond = (float)w->p->body_beyond,
                         .body_angle = w->st->modality == DM_CT ? (float)w->p->body_angle : -1,
                         .cortex = (float)w->p->cortex,
                         .cortex_most = (float)w->p->cortex_most};
}

/* Where a parabola through three costs is least, x from x[0] to x[2]; x[1] where they are no valley. */
static double valley_of(const double x[3], const double y[3]) {
    double a = (x[1] - x[0]) * (y[1] - y[2]), b = (x[1] - x[2]) * (y[1] - y[0]), det = 2 * (a - b);
    return fabs(det) > 1e-12 ? x[1] - ((x[1] - x[0]) * a - (x[1] - x[2]) * b) / det : x[1];
}

/* The scanner's blur: the width that explains a sample of rows best, between the steps tried. */
static dm_status find_width(work *w) {
    enum { WIDTHS = 8 };
    static const double width[WIDTHS] = {0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.45};
    double middle[WIDTHS];
    int best = 0;
    for (size_t c = 0; c < w->n; c++) w->some[c] = w->use[c] && (c / DM_NT) % 8 == 3;
    float *cost = w->valley; /* free until the valley is made */
    for (int k = 0; k < WIDTHS; k++) {
        dm_fit_args f = fit_args(w, width[k], 0);
        size_t count = 0;
        DM_TRY(dm_profiles_fit(&w->pr, &f, w->some, w->fit));
        for (size_t c = 0; c < w->n; c++)
            if (w->some[c] && w->fit[c * DM_FIT_N + DM_FIT_COST] >= 0)
                cost[count++] = w->fit[c * DM_FIT_N + DM_FIT_COST];
        middle[k] = count ? (double)dm_rank(cost, count, 0.5) : 1e29;
        if (middle[k] < middle[best]) best = k;
    }
    w->width = best > 0 && best < WIDTHS - 1 ? valley_of(width + best - 1, middle + best - 1) : width[best];
    return dm_ok;
}

/* How bright a pool the fit of one cell sees, counted less where it is a guess. */
static float fitted(const dm_map_params *p, const float *fit) {
    float sure = fminf(1, fit[DM_FIT_HEIGHT] / (float)p->height_least);
    return fit[DM_FIT_P] * sure * fmaxf(0, fminf(1, fit[DM_FIT_GAIN] / (float)p->gain_least));
}

/* One shape of pool: E = min(fit, gain * valley), kept where it beats what other shapes gave. */
static dm_status one_shape(work *w, int shape, int dark) {
    dm_map *m = &w->st->map;
    dm_fit_args f = fit_args(w, w->width, shape);
    for (size_t c = 0; c < w->n; c++) {
        /* A pool on the bone is told from the bone only where that is known to be there. */
        int bone = !w->st->canal.no_bone[c] && w->st->canal.q_bone[c] >= (float)w->p->bone_least;
        w->some[c] = w->use[c] && (shape == 0 || (double)w->gap[c] >= w->p->band_gap) && (shape != 2 || bone);
    }
    DM_TRY(dm_profiles_fit(&w->pr, &f, w->some, w->fit));
    DM_TRY(dm_valley(w->p, w->st, w->gap, w->cells, dark, &w->ref, w->some, w->width, w->valley));
    for (size_t c = 0; c < w->n; c++) {
        const float *fit = w->fit + c * DM_FIT_N;
        if (!w->some[c] || fit[DM_FIT_COST] < 0) continue;
        float e = fminf(fitted(w->p, fit), (float)w->p->valley_gain * w->valley[c]);
        float above = e * (w->ref.sac_cell[c] - w->ref.tissue_cell[c]);
        if (w->st->modality == DM_CT && above < (float)w->p->least_excess_hu) continue;
        if (e > m->e[c]) m->e[c] = e, m->thickness[c] = fit[DM_FIT_THICK];
    }
    return dm_ok;
}

static void finish(work *w) {
    dm_map *m = &w->st->map;
    memcpy(m->assessed, w->use, w->n);
    memcpy(m->sac, w->ref.base, (size_t)m->n * sizeof(float));
    memcpy(m->tissue, w->ref.tissue, sizeof w->ref.tissue);
    memcpy(m->beside, w->ref.tissue_cell, w->n * sizeof(float));
    for (size_t c = 0; c < w->n; c++)
        if (w->use[c])
            m->d[c] = w->cells[c * DM_CELL_N + DM_CELL_RISE] / (w->ref.sac_cell[c] - w->ref.tissue_cell[c]);
}

/* Upper end of the cauda equina: its roots run as dark lines inside the sac. The cord ends above the middle of L1 in most,
 * at T12 in few; a vertebra is added where the count is not anchored. Without levels it may be anywhere. */
static double cauda_from(const dm_levels *levels) {
    double s = -1e9;
    for (int i = levels->n - 1; i >= 0 && levels->v[i].level >= (levels->anchored ? DM_L1 : DM_T12); i--) s = levels->v[i].s_from;
    return levels->n && s < -1e8 ? 1e9 : s;
}

/* 1 where a cord is in view: a quarter of what lies 1.5 to 4.5 mm from the line is darker than half of the sac. The cord is 6 mm
 * thick and more, wherever it lies; roots are thin. */
static int has_cord(const work *w, size_t i, size_t nr) {
    size_t from = (size_t)(1.5 / w->p->step), to = (size_t)(4.5 / w->p->step), dark = 0, all = 0;
    for (size_t t = 0; t < DM_NT; t++)
        for (size_t k = from; k <= to; k++, all++)
            dark += w->polar[(i * DM_NT + t) * nr + k] < 0.5f * w->ref.base[i];
    return 4 * dark > all;
}

/* Where the cord ends: above the lowest 15 mm that show one. Roots lie along it from 20 mm above on. The line's end where it has
 * a cord all along. */
static double roots_from(const work *w, size_t nr) {
    double ds = w->st->spine.ds;
    int run = (int)lround(15 / ds), seen = 0;
    for (int i = w->st->spine.n - 1; i >= 0; i--) {
        if (!w->st->canal.filled[i] || dm_is_outside(w->ref.base[i])) continue;
        seen = has_cord(w, (size_t)i, nr) ? seen + 1 : 0;
        if (seen >= run) return i + run >= w->st->spine.n - run ? 1e9 : (i + run) * ds - 20;
    }
    return 0;
}

/* The dura's line is sought in narrow gaps too: the bone's place does not matter to it. Beside the cauda only in front, where
 * a patient on the back has no roots; not above C3 or within 10 mm of the line's upper end, where the sac widens into the
 * cistern. */
static void line_sought(work *w) {
    double cauda = fmin(cauda_from(&w->st->levels), w->st->map.roots_from), neck = 10, c3;
    if (dm_level_top(&w->st->levels, 3, &c3)) neck = fmax(neck, c3);
    for (size_t c = 0; c < w->n; c++) {
        size_t i = c / DM_NT, t = c % DM_NT;
        int front = t <= 8 || t >= DM_NT - 8;
        w->some[c] = w->st->canal.filled[i] && !w->st->spine.unsure[i] && !dm_is_outside(w->ref.sac_cell[c]) &&
                     (double)i * w->st->spine.ds > neck && (front || (double)i * w->st->spine.ds < cauda);
    }
}

static void beyond_bone(work *w, int nr) {
    for (size_t c = 0; c < w->n; c++) {
        int k = (int)(((double)w->r_bone[c] + 4) / w->p->step);
        w->valley[c] = k < nr ? w->polar[c * (size_t)nr + (size_t)k] : DM_OUTSIDE;
    }
}

/* The standard deviation of what one voxel averages along its longest edge, mm: thick slices mix the gap with the bone above and
 * below it, which a profile within the slice does not show. Where two edges are long the gap is mixed with what lies beside it in every
 * view of it, and half as much counts as much. */
static double across_slices(const dm_study *st) {
    double edge[3];
    dm_affine_spacing(&st->crop.raw.to_lps, edge);
    double longest = fmax(edge[0], fmax(edge[1], edge[2])), shortest = fmin(edge[0], fmin(edge[1], edge[2]));
    double middle = edge[0] + edge[1] + edge[2] - longest - shortest;
    return fmax(longest, 2 * middle) / sqrt(12);
}

/* Rows in the middle 70 % between two discs have a body in front, as have all where no disc is known. */
static void cortex_of_rows(work *w) {
    const dm_levels *l = &w->st->levels;
    double ds = w->st->spine.ds;
    for (int i = 0; i < w->st->spine.n; i++) w->cortex[i] = (float)w->p->cortex_hu;
    for (int k = 0; k + 1 < l->n; k++) {
        int from = (int)ceil((l->v[k].s_to - 0.15 * (l->v[k].s_to - l->v[k].s_from)) / ds),
            to = (int)((l->v[k + 1].s_from + 0.15 * (l->v[k + 1].s_to - l->v[k + 1].s_from)) / ds);
        for (int i = from > 0 ? from : 0; i <= to && i < w->st->spine.n; i++) w->cortex[i] = 0;
    }
}

static dm_status measure(dm_gpu *gpu, work *w) {
    int nr = (int)lround(w->p->radius / w->p->step) + 1;
    const dm_spine *sp = &w->st->spine;
    w->cells = malloc(w->n * DM_CELL_N * sizeof(float));
    w->fit = malloc(w->n * DM_FIT_N * sizeof(float));
    w->valley = malloc(w->n * sizeof(float));
    w->r_dura = malloc(w->n * sizeof(float));
    w->r_bone = malloc(w->n * sizeof(float));
    w->gap = malloc(w->n * sizeof(float));
    w->cortex = malloc((size_t)w->st->spine.n * sizeof(float));
    w->use = malloc(w->n), w->some = malloc(w->n);
    if (!w->cells || !w->fit || !w->valley || !w->r_dura || !w->r_bone || !w->gap || !w->cortex || !w->use || !w->some)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for %zu cells of the dura map", w->n);
    DM_TRY(dm_curved_polar(gpu, &w->st->crop.raw, sp, 0, sp->ds, sp->n, 0, w->p->step, nr, &w->polar));
    dm_outline(w->st->canal.r_dura, sp->n, w->p->dent, w->r_dura);
    DM_TRY(dm_canal_reach(w->st->canal.r_bone, sp->n, sp->ds, w->p->reach_half, w->p->reach_dent, w->r_bone));
    for (size_t c = 0; c < w->n; c++) w->gap[c] = w->r_bone[c] - w->r_dura[c];
    DM_TRY(dm_profiles_open(gpu, w->p, w->st, w->r_dura, w->r_bone, w->polar, nr, &w->pr, w->cells));
    usable(w->p, w->st, w->gap, w->cells, w->use);
    beyond_bone(w, nr); /* into valley, which is free until the references are known */
    DM_TRY(dm_references_make(w->p, w->st, w->cells, w->valley, w->use, &w->ref));
    w->st->map.fat_bright = w->ref.fat_bright;
    if (w->ref.fat_bright) dm_study_flag(w->st, "fat_bright");
    /* Where the sac is hardly brighter than tissue, a share of it means nothing. */
    for (size_t c = 0; c < w->n; c++)
        if (dm_is_outside(w->ref.sac_cell[c]) ||
            w->ref.sac_cell[c] - w->ref.tissue_cell[c] < (w->st->modality == DM_CT ? 60.0f : 1.0f))
            w->use[c] = 0;
    cortex_of_rows(w);
    DM_TRY(dm_profiles_set(&w->pr, &w->ref, w->cortex));
    DM_TRY(find_width(w));
    w->st->map.blur = fmax(w->width, across_slices(w->st));
    DM_TRY(one_shape(w, 0, DM_CELL_DARK));
    memcpy(w->st->map.valley, w->valley, w->n * sizeof(float));
    DM_TRY(one_shape(w, 1, DM_CELL_DARK_IN));
    DM_TRY(one_shape(w, 2, DM_CELL_DARK_OUT));
    finish(w);
    if (w->st->modality != DM_MR) return dm_ok;
    w->st->map.roots_from = roots_from(w, (size_t)nr);
    if (w->ref.fat_bright) return dm_ok; /* bright fat has the dura's dark line all along */
    line_sought(w);
    return dm_membrane_apply(&w->pr, w->p, &w->ref, w->some, w->st);
}

dm_status dm_map_measure(dm_gpu *gpu, const dm_map_params *p, dm_study *st) {
    DM_TRY(make_maps(st->spine.n, &st->map));
    int filled = 0;
    for (int i = 0; i < st->spine.n; i++) filled += st->canal.filled[i];
    if (filled == 0) return dm_ok; /* nothing shines in the sac: nothing can be assessed */
    work w = {.p = p, .st = st, .n = (size_t)st->spine.n * DM_NT};
    dm_status status = measure(gpu, &w);
    work_free(&w);
    return status;
}

static dm_status run(dm_gpu *gpu, const void *params, dm_study *st) {
    if (st->spine.n < 2 || st->canal.n != st->spine.n)
        return dm_fail(DM_STUDY, "no_canal", "the map needs the canal's surfaces along the whole centre line");
    DM_TRY(dm_map_measure(gpu, params, st));
    return dm_phases_measure(gpu, params, st);
}

static uint64_t device_bytes(const dm_study *st, const void *params) {
    const dm_map_params *p = params;
    uint64_t cells = (uint64_t)st->spine.n * DM_NT, nr = (uint64_t)(p->radius / p->step) + 1;
    return (uint64_t)dm_volume_count(&st->crop.raw) * 4 + cells * (nr * 8 + 64);
}

const dm_stage dm_stage_map = {
    .name = "map",
    .reads = "crop.raw, spine, canal",
    .fills = "map",
    .params = table,
    .n_params = sizeof table / sizeof *table,
    .params_size = sizeof(dm_map_params),
    .device_bytes = device_bytes,
    .run = run,
    .checks = dm_profile_checks,
    .n_checks = 4,
};
