/* Names of the vertebrae: discs along the column, anchors, and how far the names are to be trusted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "levels_parts.h"
#include "places.h"
#include "spine_parts.h"
#include "stage.h"

#define FLOAT(field, unit, low, high, preset, help)                                                          \
    DM_PARAM_FLOAT(dm_levels_params, field, unit, low, high, preset, help)

static const dm_param TABLE[] = {
    FLOAT(pitch_sd, "1", 0.02, 0.2, 0.055,
          "Spread of one disc-to-disc distance round its mean for the patient's size, as a share."),
    FLOAT(pitch_floor, "mm", 0.3, 4, 1.2, "Spread of a disc's measured place, added to the former."),
    FLOAT(
        scale_sd, "1", 0.03, 0.3, 0.09,
        "Spread of the patient's size: 6 to 7 % between subjects, and how a cohort differs from the table."),
    FLOAT(whole_penalty, "nat", 0, 20, 3,
          "Cost of each whole vertebra that fits beyond the ends of the chain and is left out."),
    FLOAT(tilt_sd, "mm", 2, 30, 8, "Gaussian that smooths the tilt of the discs along the spine."),
    FLOAT(front_weight, "nat", 0, 2, 0.175, "Weight of the depth of the column's front, per squared 6 mm."),
    FLOAT(rib_weight, "1", 0, 3, 1.5,
          "Weight of ribs: at 1.5 one vertebra with its rib is worth 6 nats; odd numbers of ribs have their "
          "own prior."),
    FLOAT(first_rib_weight, "1", 0, 3, 1, "Weight of the first rib."),
    FLOAT(dens_weight, "1", 0, 3, 1, "Weight of the dens."),
    FLOAT(sacrum_weight, "1", 0, 3, 1, "Weight of the sacrum: angle, taper, alae."),
    FLOAT(bone_hu, "HU", 80, 250, 130, "Cancellous bone begins, osteoporosis included."),
    FLOAT(full_hu, "HU", 150, 500, 250, "Certainly bone."),
    FLOAT(
        temperature, "1", 0.5, 5, 1.35,
        "What a nat of the rarity of a number of vertebrae counts where the discs are first looked for: neighbouring evidence is "
        "not independent."),
    FLOAT(anchored, "1", 0.5, 1, 0.85, "Posterior from which a labelling with a named anchor is trusted."),
    FLOAT(found, "1", -1, 3, 0.5,
          "Disc evidence below which a disc is placed by the spacing alone (inferred)."),
    FLOAT(turned, "1", 0, 0.5, 0.005,
          "Share of scans whose header turns the patient, taken before the scan is looked at: a guess."),
    FLOAT(behind, "1", 0, 1, 0.2,
          "Front and back are doubted where what lies behind the canal looks so much more like a column of "
          "bodies than what lies in "
          "front of it."),
};

static uint64_t device_bytes(const dm_study *study, const void *params) {
    (void)params;
    uint64_t straight = dm_column_bytes(study->spine.n * study->spine.ds);
    uint64_t gather = (uint64_t)dm_volume_count(&study->crop.raw) * sizeof(float) + ((uint64_t)64 << 20);
    return gather > straight ? gather : straight;
}

static int disc_found(const dm_column *c, const dm_levels_params *p, int upper, int at) {
    int w = dm_clampi((int)lround(dm_level_disc_height(upper)) - DM_WIDTH_LOW, 0, DM_WIDTHS - 1);
    return (double)c->d[w][at] >= p->found;
}

/* Next level of the chain, and beyond its ends. */
static int level_beside(const dm_chain *chain, int level, int step) {
    int next = level + step;
    if (next == DM_T1 + chain->thoracic && next < DM_L1) next = DM_L1;
    if (next > DM_T1 + chain->thoracic - 1 && next < DM_L1) next = DM_T1 + chain->thoracic - 1;
    if (next > DM_L1 + chain->lumbar - 1 && next < DM_S1) next = step > 0 ? DM_S1 : DM_L1 + chain->lumbar - 1;
    return next < DM_C1 || next > DM_S5 ? DM_LEVEL_NONE : next;
}

static void place(const dm_spine *spine, dm_vertebra *v) {
    v->s_mid = 0.5 * (v->s_from + v->s_to);
    dm_frame_at(spine, v->s_mid, v->lps, NULL, NULL, NULL);
}

static int add(dm_levels *out, dm_vertebra v, int at_top) {
    if (out->n >= DM_MAX_VERTEBRAE) return 0;
    if (at_top) memmove(out->v + 1, out->v, (size_t)out->n * sizeof v);
    out->v[at_top ? 0 : out->n] = v;
    out->n++;
    return 1;
}

/* Vertebrae beyond the first and last disc, by spacing alone, as long as their middle lies on the line. */
static void continue_ends(const dm_study *study, const dm_labelling *label, dm_levels *out, double top,
                          double low) {
    double end = (study->spine.n - 1) * study->spine.ds;
    int level = label->chain.level[label->path.from];
    while (level != DM_LEVEL_NONE) {
        double h = label->path.scale * dm_level_pitch(level);
        if (top - 0.5 * h < 0 ||
            !add(out, (dm_vertebra){.level = level, .s_from = top - h, .s_to = top, .inferred = 1}, 1))
            break;
        top -= h;
        level = level_beside(&label->chain, level, -1);
    }
    level = label->chain.level[label->path.from + label->path.n];
    while (level != DM_LEVEL_NONE) {
        double h = label->path.scale * dm_level_pitch(level);
        if (low + 0.5 * h > end ||
            !add(out, (dm_vertebra){.level = level, .s_from = low, .s_to = low + h, .inferred = 1}, 0))
            break;
        low += h;
        level = level_beside(&label->chain, level, 1);
    }
}

static void write_vertebrae(const dm_study *study, const dm_column *c, const dm_levels_params *p,
                            const dm_labelling *label, dm_levels *out) {
    const dm_disc_path *q = &label->path;
    for (int j = 0; j + 1 < q->n; j++) {
        int upper = label->chain.level[q->from + j], level = label->chain.level[q->from + j + 1];
        int sure = disc_found(c, p, upper, q->at[j]) && disc_found(c, p, level, q->at[j + 1]);
        add(out,
            (dm_vertebra){
                .level = level, .s_from = c->s0 + q->at[j], .s_to = c->s0 + q->at[j + 1], .inferred = !sure},
            0);
    }
    continue_ends(study, label, out, c->s0 + q->at[0], c->s0 + q->at[q->n - 1]);
    for (int j = 0; j < out->n; j++) place(&study->spine, &out->v[j]);
}

/* Anchors that the path rests on. A rib alone is no anchor: the last one, the first one, or all of them are. */
static void name_anchors(const dm_labelling *label, char *out, size_t size) {
    const char *names[4] = {"skull", "c2", "ribs", "sacrum"};
    int ribs = label->first > 0.5 || label->rib_end || label->all_ribs;
    int on[4] = {label->skull > 1, label->dens > 0.8, ribs, label->sacrum > 1.5};
    out[0] = 0;
    for (int i = 0; i < 4; i++)
        if (on[i]) snprintf(out + strlen(out), size - strlen(out), "%s%s", out[0] ? "+" : "", names[i]);
}

static int sees(const dm_levels *l, int level) {
    for (int i = 0; i < l->n; i++)
        if (l->v[i].level == level) return 1;
    return 0;
}

/* Names an unusual number of vertebrae only where it is seen: the odd vertebra itself, or the gap in the
 * names. */
static void name_transitional(const dm_chain *chain, dm_levels *out) {
    const char *thoracic = chain->thoracic == 11 && sees(out, DM_T1 + 10) && sees(out, DM_L1) ? "t11"
                           : sees(out, DM_T13)                                                ? "t13"
                                                                                              : "";
    const char *lumbar = chain->lumbar == 4 && sees(out, DM_L1 + 3) && sees(out, DM_S1) ? "l4"
                         : sees(out, DM_L6)                                             ? "l6"
                                                                                        : "";
    snprintf(out->transitional, sizeof out->transitional, "%s%s%s", thoracic, *thoracic && *lumbar ? "+" : "",
             lumbar);
}

static int count_found(const dm_column *c, const dm_levels_params *p, const dm_labelling *label) {
    int n = 0;
    for (int j = 0; j < label->path.n; j++)
        n += disc_found(c, p, label->chain.level[label->path.from + j], label->path.at[j]);
    return n;
}

/* Anchors that other series stand on, where they say what is written here. */
static void add_series(const dm_level_votes *votes, const dm_labelling *label, const dm_column *c, char *out,
                       size_t size) {
    for (int k = 0; k < votes->n; k++)
        if (votes->view[k].anchors[0] && dm_view_agrees(&votes->view[k], label, c))
            snprintf(out + strlen(out), size - strlen(out), "%sseries:%s", out[0] ? "+" : "",
                     votes->view[k].anchors);
}

static dm_status write_levels(dm_study *study, const dm_column *c, const dm_levels_params *p,
                              const dm_labelling *label) {
    dm_levels *out = &study->levels;
    char anchors[64];
    write_vertebrae(study, c, p, label, out);
    out->view = label->view;
    name_anchors(label, out->view.anchors, sizeof out->view.anchors);
    snprintf(anchors, sizeof anchors, "%s", out->view.anchors);
    if (study->votes) add_series(study->votes, label, c, anchors, sizeof anchors);
    name_transitional(&label->chain, out);
    out->posterior = label->posterior;
    out->alt_posterior = label->alt_posterior;
    out->alt_shift = label->alt_shift;
    out->anchored = anchors[0] && label->posterior >= p->anchored && count_found(c, p, label) >= 2;
    if (!out->anchored) out->view.anchors[0] = 0;
    snprintf(out->count_method, sizeof out->count_method, "%s", out->anchored ? anchors : "unanchored");
    return dm_ok;
}

/* Nothing about the levels is trusted in a study whose header may turn the patient. */
static void doubt_pose(dm_study *study) {
    study->levels.anchored = 0;
    snprintf(study->levels.count_method, sizeof study->levels.count_method, "unanchored");
    dm_study_flag(study, "orientation");
}

/* Refuses a study that almost certainly stands on its head, and doubts one that may, or whose front may be
 * its back. */
static dm_status check_pose(dm_gpu *gpu, dm_study *study, const dm_levels_params *p,
                            const dm_labelling *label) {
    double rival, front;
    DM_TRY(dm_turned_score(gpu, study, p, &rival));
    double turned = 1 / (1 + exp(label->score - rival) * (1 - p->turned) / p->turned);
    if (turned > 0.95)
        return dm_fail(DM_STUDY, "orientation",
                       "The vertebrae read far better with head and feet exchanged: the header turns the "
                       "patient wrongly; "
                       "mend the orientation and run again.");
    if (turned > 0.05) doubt_pose(study);
    DM_TRY(dm_bodies_in_front(gpu, study, &front));
    if (front < -p->behind) doubt_pose(study);
    return dm_ok;
}

/* A mirrored volume looks like any other where no liver is seen, on MR always: the table says then that left and
 * right are the header's word alone. */
static void check_sides(dm_study *study) {
    dm_sides seen = study->modality == DM_CT
                        ? dm_sides_seen(&study->crop.coarse, &study->spine, &study->levels)
                        : DM_SIDES_UNSEEN;
    if (seen == DM_SIDES_MIRRORED) dm_study_flag(study, "mirrored");
    if (seen == DM_SIDES_UNSEEN) dm_study_flag(study, "side_from_header");
}

/* Above the foramen magnum there is no spine: the line has followed the fluid into the cisterns. */
static void end_at_skull(dm_study *study, const dm_column *c, const dm_anchors *a,
                         const dm_labelling *label) {
    if (a->s_skull < 0 || !(label->skull > 0)) return;
    for (int i = 0; i < study->spine.n && i * study->spine.ds < c->s0 + a->s_skull; i++)
        study->spine.unsure[i] = 1;
}

/* Levels that are a guess do not tell: at L5/S1 the canal turns back as a line does that leaves it. */
static void end_in_sacrum(dm_study *study) {
    double top;
    if (study->levels.anchored && dm_level_top(&study->levels, DM_S1, &top)) dm_doubt_sacrum(&study->spine, top);
}

/* Two of 336 phantoms had a line 7 and 11 mm off just above what was marked; 3 and 6 mm with these 10 mm. */
static const double before_end = 10;

static dm_status run(dm_gpu *gpu, const void *params, dm_study *study) {
    dm_column column;
    dm_anchors anchors = {0};
    dm_labelling label = {0};
    study->levels = (dm_levels){.count_method = "unanchored"};
    if (study->spine.n < 2 || !study->crop.raw.v)
        return dm_fail(DM_STUDY, "no_spine", "there is no centre line to put levels on");
    dm_status status = dm_column_measure(gpu, study, params, &column);
    if (dm_good(status) && column.first <= column.last) {
        status = dm_anchors_find(&column, params, &anchors);
        if (dm_good(status)) status = dm_label(&column, &anchors, params, study->votes, &label, NULL);
        if (dm_good(status)) status = write_levels(study, &column, params, &label);
        if (dm_good(status)) end_at_skull(study, &column, &anchors, &label);
        if (dm_good(status)) status = check_pose(gpu, study, params, &label);
        if (dm_good(status)) end_in_sacrum(study);
        if (dm_good(status)) dm_doubt_before_end(&study->spine, before_end);
        if (dm_good(status)) check_sides(study);
    }
    if (dm_good(status) && !study->levels.anchored) dm_study_flag(study, "unanchored");
    dm_anchors_clear(&anchors);
    dm_column_clear(&column);
    return status;
}

const dm_stage dm_stage_levels = {.name = "levels",
                                  .reads = "crop.raw, crop.coarse, spine",
                                  .fills = "levels; spine.unsure above the skull and behind the sacrum",
                                  .params = TABLE,
                                  .n_params = sizeof TABLE / sizeof *TABLE,
                                  .params_size = sizeof(dm_levels_params),
                                  .device_bytes = device_bytes,
                                  .run = run,
                                  .checks = dm_discs_checks,
                                  .n_checks = DM_DISCS_CHECKS};
