/* The centre line of the spinal canal: the best way through the evidence, then moved to the middle of the walls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crop_parts.h"
#include "dialect.h"
#include "spine_parts.h"
#include "stage.h"

typedef struct params {
    double smooth, wall_hu, column_hu, unsure, dense_hu;
    int rounds;
} params;

static const dm_param TABLE[] = {
    DM_PARAM_FLOAT(params, smooth, "mm", 2, 15, 5, "Gaussian that smooths the line: the canal does not bend within a vertebra."),
    DM_PARAM_FLOAT(params, wall_hu, "HU", 120, 500, 200, "Bone that bounds the canal."),
    DM_PARAM_FLOAT(params, column_hu, "HU", 60, 500, 130, "Faintest contrast that counts as filling the canal."),
    DM_PARAM_INT(params, rounds, "1", 0, 6, 3, "How often the line is moved to the middle of the walls."),
    DM_PARAM_FLOAT(params, unsure, "1", 0, 1, 0.35, "Below this score a stretch of the line is marked as not to be trusted."),
    DM_PARAM_FLOAT(params, dense_hu, "HU", 60, 200, 100, "CT: marrow and discs reach this, muscle does not: tells a patient's front from the back."),
};

/* The line in work: n points, `step` mm apart. */
typedef struct curve {
    int n;
    double step, (*p)[3];
} curve;

static void curve_clear(curve *k) {
    free(k->p);
    *k = (curve){0};
}

/* One coordinate: from[3 * i], smoothed into to[i]. The line goes on straight beyond its ends. */
static void smooth_column(const double *from, int n, const double *weight, int reach, double *to) {
    int lean = reach < n - 1 ? reach : n - 1, last = 3 * (n - 1);
    double head = (from[3 * lean] - from[0]) / lean, tail = (from[last] - from[last - 3 * lean]) / lean, norm = 0;
    for (int k = 0; k <= 2 * reach; k++) norm += weight[k];
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int k = -reach; k <= reach; k++) {
            int j = i + k;
            double p = j < 0 ? from[0] + j * head : j >= n ? from[last] + (j - n + 1) * tail : from[3 * j];
            sum += weight[k + reach] * p;
        }
        to[i] = sum / norm;
    }
}

dm_status dm_smooth_points(double (*p)[3], int n, double step, double sigma) {
    int reach = (int)ceil(3 * sigma / step);
    if (n < 2) return dm_ok;
    double *to = malloc((size_t)n * sizeof *to), *weight = malloc((size_t)(2 * reach + 1) * sizeof *weight);
    dm_status status = to && weight ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "No memory for smoothing.");
    for (int k = -reach; dm_good(status) && k <= reach; k++)
        weight[k + reach] = exp(-0.5 * k * k * step * step / (sigma * sigma));
    for (int c = 0; dm_good(status) && c < 3; c++) {
        smooth_column(&p[0][c], n, weight, reach, to);
        for (int i = 0; i < n; i++) p[i][c] = to[i];
    }
    free(to), free(weight);
    return status;
}

/* Spine with frame from a curve. */
static dm_status build(const curve *k, double ds, dm_spine *spine) {
    double(*even)[3] = NULL;
    int n = 0;
    dm_status status = dm_line_even((const double(*)[3])k->p, k->n, ds, &even, &n);
    if (dm_good(status)) status = dm_spine_make(spine, n, ds);
    if (dm_good(status)) {
        memcpy(spine->p, even, (size_t)n * sizeof *even);
        status = dm_frame_build(spine);
    }
    free(even);
    if (!dm_good(status)) dm_spine_clear(spine);
    return status;
}

static dm_status first_curve(const dm_crop *crop, double sigma, curve *k) {
    *k = (curve){.n = crop->n_path, .step = crop->coarse.step, .p = malloc((size_t)crop->n_path * sizeof *k->p)};
    if (!k->p) return dm_fail(DM_STUDY, "out_of_memory", "No memory for the centre line.");
    memcpy(k->p, crop->path, (size_t)k->n * sizeof *k->p);
    return dm_smooth_points(k->p, k->n, k->step, sigma);
}

static dm_status quality_of(dm_gpu *gpu, const dm_study *study, const params *q, const dm_spine *line, dm_walls *w) {
    return dm_centre_walls(gpu, dm_crop_best(&study->crop), line, study->modality, q->wall_hu, q->column_hu, w);
}

/* Moves the line by the walls' middle. */
static dm_status move_once(dm_gpu *gpu, const dm_study *study, const params *q, curve *k) {
    dm_spine line = {0};
    dm_walls w = {0};
    curve next = {0};
    dm_status status;
    DM_TRY_OUT(build(k, 0.5, &line));
    DM_TRY_OUT(quality_of(gpu, study, q, &line, &w));
    next = (curve){.n = w.n, .step = 1.0, .p = malloc((size_t)w.n * sizeof *next.p)};
    if (!next.p) DM_TRY_OUT(dm_fail(DM_STUDY, "out_of_memory", "No memory for the centre line."));
    for (int i = 0; i < w.n; i++)
        for (int c = 0; c < 3; c++)
            next.p[i][c] = line.p[2 * i][c] + w.a[i] * line.ventral[2 * i][c] + w.l[i] * line.left[2 * i][c];
    DM_TRY_OUT(dm_smooth_points(next.p, next.n, next.step, q->smooth));
    curve_clear(k);
    *k = next;
    next = (curve){0};
out:
    curve_clear(&next);
    dm_walls_clear(&w);
    dm_spine_clear(&line);
    return status;
}

/* Score: evidence over 30 mm (0.65 is what a clear canal has) and over 10 mm (0.5, so that an end is not carried by what
 * lies before it) times agreement of the walls over 10 mm. */
static dm_status mark(const dm_grid *evidence, const dm_walls *w, double unsure, dm_spine *s) {
    double *e = calloc((size_t)s->n, sizeof *e), *a = calloc((size_t)s->n, sizeof *a);
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "No memory for the score of the line.");
    if (!e || !a) goto out;
    for (int i = 0; i < s->n; i++) {
        int k = (int)(i * s->ds);
        e[i] = dm_evidence_at(evidence, s->p[i]);
        a[i] = w->quality[k < w->n ? k : w->n - 1];
    }
    int wide = (int)(15.0 / s->ds), narrow = (int)(5.0 / s->ds);
    for (int i = 0; i < s->n; i++) {
        double sum = 0, agree = 0, close = 0;
        int n = 0, m = 0;
        for (int k = i - wide; k <= i + wide; k++)
            if (k >= 0 && k < s->n) sum += e[k], n++;
        for (int k = i - narrow; k <= i + narrow; k++)
            if (k >= 0 && k < s->n) agree += a[k], close += e[k], m++;
        float strong = dm_clampf(dm_fmin((float)(sum / n) / 0.65f, (float)(close / m) / 0.5f), 0.0f, 1.0f);
        s->score[i] = strong * (0.3f + 0.7f * dm_clampf((float)(agree / m) / 0.8f, 0.0f, 1.0f));
        s->unsure[i] = s->score[i] < (float)unsure;
    }
    status = dm_ok;
out:
    free(e), free(a);
    return status;
}

/* The box and its gathered rays (1 mm x 72 x 41 floats; the line is hardly longer than the box is high). */
static uint64_t device_bytes(const dm_study *study, const void *p) {
    const dm_volume *v = dm_crop_best(&study->crop);
    const dm_grid *g = &study->crop.evidence;
    (void)p;
    return (uint64_t)dm_volume_count(v) * 4 + (uint64_t)(2.0 * g->n[2] * g->step) * DM_NT * 41 * 4;
}

static dm_status run(dm_gpu *gpu, const void *p, dm_study *study) {
    const params *q = p;
    dm_walls w = {0};
    curve k = {0};
    dm_status status;
    DM_TRY_OUT(first_curve(&study->crop, q->smooth, &k));
    for (int i = 0; i < q->rounds; i++) DM_TRY_OUT(move_once(gpu, study, q, &k));
    DM_TRY_OUT(build(&k, 0.5, &study->spine));
    DM_TRY_OUT(quality_of(gpu, study, q, &study->spine, &w));
    DM_TRY_OUT(mark(&study->crop.evidence, &w, q->unsure, &study->spine));
    if (study->modality == DM_CT && dm_front_is_behind(&study->crop.coarse, &study->spine, q->dense_hu))
        status = dm_fail(DM_STUDY, "orientation",
                         "The vertebral bodies lie behind the canal: the header turns the patient wrongly (prone or head first "
                         "told as something else); mend the orientation and run again.");
out:
    dm_walls_clear(&w);
    curve_clear(&k);
    return status;
}

const dm_stage dm_stage_spine = {.name = "spine",
                                 .reads = "modality, crop",
                                 .fills = "spine",
                                 .params = TABLE,
                                 .n_params = sizeof TABLE / sizeof *TABLE,
                                 .params_size = sizeof(params),
                                 .device_bytes = device_bytes,
                                 .run = run};
