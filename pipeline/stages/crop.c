/* From the whole pass to a box round the spine: coarse grid, evidence for the canal, a rough path, the box. */
#include <math.h>
#include <stdlib.h>

#include "crop_parts.h"
#include "frame.h"
#include "stage.h"

typedef struct params {
    double step, wall_hu, bone_hu, column_hu, column_ratio, line_mm, coarse_mm, keep, min_length, lateral, ventral, dorsal, edge, below_sac;
} params;

static const dm_param TABLE[] = {
    DM_PARAM_FLOAT(params, step, "mm", 1.0, 3.0, 2.0, "Cell of the coarse grid; laminae of 3 mm must stay visible."),
    DM_PARAM_FLOAT(params, wall_hu, "HU", 120, 500, 200,
                   "Bone that bounds the canal: above muscle, discs and enhanced vessels, below cortical bone averaged over a cell."),
    DM_PARAM_FLOAT(params, bone_hu, "HU", 80, 400, 130, "Cancellous bone of a vertebral body, osteoporosis included."),
    DM_PARAM_FLOAT(params, column_hu, "HU", 60, 500, 100, "Faintest contrast that counts as a bright column in the canal."),
    DM_PARAM_FLOAT(params, column_ratio, "1", 0.8, 3, 1.1, "MR: faintest fluid, as a multiple of its surroundings."),
    DM_PARAM_FLOAT(params, line_mm, "mm", 8, 24, 14,
                   "Half the length of the lines along the canal: longer than a disc or a gap between laminae, shorter than a vertebra."),
    DM_PARAM_FLOAT(params, coarse_mm, "mm", 0, 10, 1.5, "A scan whose voxels are wider than this in the slice leaves a column that bends with the spine too thin for straight lines."),
    DM_PARAM_FLOAT(params, keep, "1", 0.2, 0.8, 0.5, "The canal ends where its evidence, averaged over 30 mm, is below this."),
    DM_PARAM_FLOAT(params, min_length, "mm", 20, 200, 40, "Shorter pieces of canal (two vertebrae) are no spine study."),
    DM_PARAM_FLOAT(params, lateral, "mm", 30, 120, 66, "Box to each side of the canal: foramina, paraspinal veins, rib heads."),
    DM_PARAM_FLOAT(params, ventral, "mm", 30, 120, 66, "Box ventral of the canal: vertebral bodies and the front of the discs."),
    DM_PARAM_FLOAT(params, dorsal, "mm", 30, 120, 52, "Box dorsal of the canal: laminae and spinous processes."),
    DM_PARAM_FLOAT(params, below_sac, "mm", 0, 120, 60, "MR: box below the lower end of the fluid: two segments of the sacrum, by which the levels are counted."),
    DM_PARAM_FLOAT(params, edge, "mm", 0.1, 1.0, 0.35, "Voxels are averaged in blocks while a block's edge stays below this."),
};

static size_t cells_of(const dm_scan *s, double step) {
    double h[3], volume;
    dm_affine_spacing(&s->to_lps, h);
    volume = h[0] * h[1] * h[2] * s->nx * s->ny * s->nz;
    return (size_t)(2.0 * volume / (step * step * step)); /* 2: an oblique scan in its upright box */
}

static uint64_t device_bytes(const dm_study *study, const void *p) {
    const dm_scan *s = &study->pass[0].scan;
    uint64_t slab = (uint64_t)s->nx * (uint64_t)s->ny * (uint64_t)s->nz * 2, cells = cells_of(s, ((const params *)p)->step);
    uint64_t resample = (slab < ((uint64_t)256 << 20) ? slab : (uint64_t)256 << 20) + cells * 4;
    uint64_t evidence = dm_evidence_bytes(cells);
    return resample > evidence ? resample : evidence;
}

static dm_status make_line(const dm_path *path, double step, dm_spine *line) {
    DM_TRY(dm_spine_make(line, path->n, step));
    for (int i = 0; i < path->n; i++)
        for (int c = 0; c < 3; c++) line->p[i][c] = path->p[i][c];
    return dm_frame_build(line);
}

/* Widens lo..hi (voxels) by one LPS point. */
static void reach(const dm_affine *to_index, const double p[3], double lo[3], double hi[3]) {
    double q[3];
    dm_affine_apply(to_index, p, q);
    for (int i = 0; i < 3; i++) {
        if (q[i] < lo[i]) lo[i] = q[i];
        if (q[i] > hi[i]) hi[i] = q[i];
    }
}

static void reach_round(const dm_affine *to_index, const dm_spine *line, int at, const params *q, double lo[3],
                        double hi[3]) {
    for (int corner = 0; corner < 4; corner++) {
        double a = corner & 1 ? q->ventral : -q->dorsal, l = corner & 2 ? q->lateral : -q->lateral, p[3];
        for (int i = 0; i < 3; i++) p[i] = line->p[at][i] + a * line->ventral[at][i] + l * line->left[at][i];
        reach(to_index, p, lo, hi);
    }
}

/* The path may gain or lose a little at its ends when it is made precise: 12 mm more of the canal at both at least. */
static void reach_beyond(const dm_affine *to_index, const dm_spine *line, int at, double mm, double lo[3], double hi[3]) {
    double p[3];
    for (int i = 0; i < 3; i++) p[i] = line->p[at][i] + mm * line->tangent[at][i];
    reach(to_index, p, lo, hi);
}

static dm_status box_round(const dm_scan *scan, const dm_path *path, const params *q, double below, int lo[3], int hi[3]) {
    int size[3] = {scan->nx, scan->ny, scan->nz};
    double from[3] = {1e9, 1e9, 1e9}, to[3] = {-1e9, -1e9, -1e9};
    dm_affine to_index;
    dm_spine line = {0};
    dm_status status = dm_affine_invert(&scan->to_lps, &to_index);
    if (dm_good(status)) status = make_line(path, q->step, &line);
    if (dm_good(status)) {
        for (int i = 0; i < line.n; i++) reach_round(&to_index, &line, i, q, from, to);
        reach_beyond(&to_index, &line, 0, -12.0, from, to);
        reach_beyond(&to_index, &line, line.n - 1, fmax(below, 12.0), from, to);
        for (int i = 0; i < 3; i++) {
            lo[i] = from[i] > 0 ? (int)floor(from[i]) : 0;
            hi[i] = to[i] < size[i] - 1 ? (int)ceil(to[i]) + 1 : size[i];
            if (hi[i] <= lo[i]) status = dm_fail(DM_STUDY, "no_spine", "The canal found lies outside the scan.");
        }
    }
    dm_spine_clear(&line);
    return status;
}

/* MR goes twice: the first way tells how bright the fluid is. */
static dm_status find_way(dm_gpu *gpu, const params *q, dm_study *study, dm_path *way) {
    const dm_path_params along = {q->keep, q->min_length};
    DM_TRY(dm_path_find(gpu, &study->crop.evidence, &along, way));
    if (study->modality != DM_MR) return dm_ok;
    dm_status status = dm_fluid_weigh(&study->crop.coarse, way, &study->crop.evidence);
    dm_path_clear(way);
    return dm_good(status) ? dm_path_find(gpu, &study->crop.evidence, &along, way) : status;
}

/* The middle one of the three edges of a voxel, mm: the slice may be thick, the other two are not. */
static double middle_edge(const dm_affine *to_lps) {
    double e[3];
    dm_affine_spacing(to_lps, e);
    return fmax(fmin(e[0], e[1]), fmin(fmax(e[0], e[1]), e[2]));
}

static dm_status run(dm_gpu *gpu, const void *p, dm_study *study) {
    const params *q = p;
    const dm_scan *scan = &study->pass[0].scan;
    const dm_evidence_params evidence = {q->wall_hu, q->bone_hu, q->column_hu, q->column_ratio, q->line_mm,
                                         middle_edge(&scan->to_lps) > q->coarse_mm};
    dm_path path = {0};
    int lo[3], hi[3];
    DM_TRY(dm_resample_coarse(gpu, scan, q->step, &study->crop.coarse));
    DM_TRY(dm_evidence_run(gpu, &study->crop.coarse, study->modality, &evidence, &study->crop.evidence));
    DM_TRY(find_way(gpu, q, study, &path));
    dm_status status = box_round(scan, &path, q, study->modality == DM_MR ? q->below_sac : 0, lo, hi);
    if (dm_good(status)) status = dm_resample_box(gpu, scan, lo, hi, q->edge, &study->crop.raw);
    free(study->crop.path);
    study->crop.path = path.p;
    study->crop.n_path = path.n;
    path.p = NULL;
    dm_path_clear(&path);
    return status;
}

#define SAME "same operations in the same order on both sides; tolerance for a device that fuses or rounds division its own way"
static const dm_kernel_check CHECKS[] = {
    {"resample_coarse", 0.02, SAME, dm_check_resample_coarse},
    {"resample_block", 0.01, SAME, dm_check_resample_block},
    {"evidence_open", 0, "only comparisons", dm_check_evidence_open},
    {"evidence_disc", 0, "only comparisons", dm_check_evidence_disc},
    {"evidence_join", 1e-4, SAME, dm_check_evidence_value},
    {"evidence_relative", 1e-4, SAME, dm_check_evidence_relative},
    {"path_step", 1e-4, SAME, dm_check_path_step},
};

const dm_stage dm_stage_crop = {.name = "crop",
                                .reads = "modality, pass[0].scan",
                                .fills = "crop.coarse, crop.evidence, crop.path, crop.raw",
                                .params = TABLE,
                                .n_params = sizeof TABLE / sizeof *TABLE,
                                .params_size = sizeof(params),
                                .device_bytes = device_bytes,
                                .run = run,
                                .checks = CHECKS,
                                .n_checks = sizeof CHECKS / sizeof *CHECKS};
