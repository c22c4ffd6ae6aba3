/* The centre line of the spinal canal: the best way through the evidence, then moved to the middle of the walls. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crop_parts.h"
#include "dialect.h"
#include "spine_parts.h"
#include "stage.h"

typedef struct params {
    double keep, min_length, smooth, wall_hu, column_hu, unsure;
    int rounds;
} params;

static const dm_param TABLE[] = {
    DM_PARAM_FLOAT(params, keep, "1", 0.2, 0.8, 0.5, "The line ends where its evidence, averaged over 30 mm, is below this."),
    DM_PARAM_FLOAT(params, min_length, "mm", 20, 200, 40, "Shorter lines (two vertebrae) are no spine study."),
    DM_PARAM_FLOAT(params, smooth, "mm", 2, 15, 5, "Gaussian that smooths the line: the canal does not bend within a vertebra."),
    DM_PARAM_FLOAT(params, wall_hu, "HU", 120, 500, 200, "Bone that bounds the canal."),
    DM_PARAM_FLOAT(params, column_hu, "HU", 60, 500, 130, "Faintest contrast that counts as filling the canal."),
    DM_PARAM_INT(params, rounds, "1", 0, 6, 3, "How often the line is moved to the middle of the walls."),
    DM_PARAM_FLOAT(params, unsure, "1", 0, 1, 0.35, "Below this score a stretch of the line is marked as not to be trusted."),
};

/* The line in work: points a fixed step apart, in columns so that each coordinate is smoothed by itself. */
typedef struct curve {
    int n;
    double step, *c[3];
} curve;

static void curve_clear(curve *k) {
    for (int i = 0; i < 3; i++) free(k->c[i]);
    *k = (curve){0};
}

static dm_status curve_make(curve *k, int n, double step) {
    *k = (curve){.n = n, .step = step};
    for (int i = 0; i < 3; i++) {
        k->c[i] = malloc((size_t)n * sizeof(double));
        if (!k->c[i]) return dm_fail(DM_STUDY, "out_of_memory", "No memory for the centre line.");
    }
    return dm_ok;
}

dm_status dm_smooth_line(double *v, int n, double step, double sigma) {
    int reach = (int)ceil(3 * sigma / step), lean = reach < n - 1 ? reach : n - 1;
    double *out = malloc((size_t)n * sizeof *out), norm = 0;
    double *w = malloc((size_t)(2 * reach + 1) * sizeof *w);
    if (!out || !w || n < 2) {
        free(out), free(w);
        return n < 2 ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "No memory for smoothing.");
    }
    double head = (v[lean] - v[0]) / lean, tail = (v[n - 1] - v[n - 1 - lean]) / lean;
    for (int k = -reach; k <= reach; k++) norm += w[k + reach] = exp(-0.5 * k * k * step * step / (sigma * sigma));
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int k = -reach; k <= reach; k++) {
            int j = i + k;
            double p = j < 0 ? v[0] + j * head : j >= n ? v[n - 1] + (j - n + 1) * tail : v[j];
            sum += w[k + reach] * p;
        }
        out[i] = sum / norm;
    }
    memcpy(v, out, (size_t)n * sizeof *v);
    free(out), free(w);
    return dm_ok;
}

/* The curve at equal steps of arc length. */
static dm_status resample(const curve *from, double step, curve *to) {
    double *s = calloc((size_t)from->n, sizeof *s);
    if (!s) return dm_fail(DM_STUDY, "out_of_memory", "No memory for the centre line.");
    for (int i = 1; i < from->n; i++) {
        double d = 0;
        for (int c = 0; c < 3; c++) d += (from->c[c][i] - from->c[c][i - 1]) * (from->c[c][i] - from->c[c][i - 1]);
        s[i] = s[i - 1] + sqrt(d);
    }
    dm_status status = curve_make(to, (int)(s[from->n - 1] / step) + 1, step);
    for (int i = 0, j = 0; dm_good(status) && i < to->n; i++) {
        while (j < from->n - 2 && s[j + 1] <= i * step) j++;
        double len = s[j + 1] - s[j], f = len > 0 ? (i * step - s[j]) / len : 0;
        for (int c = 0; c < 3; c++) to->c[c][i] = from->c[c][j] + f * (from->c[c][j + 1] - from->c[c][j]);
    }
    free(s);
    return status;
}

static void free_spine(dm_spine *s) {
    free(s->p), free(s->tangent), free(s->ventral), free(s->left), free(s->score), free(s->unsure);
    *s = (dm_spine){0};
}

/* Spine with frame from a curve. */
static dm_status build(const curve *k, double ds, dm_spine *spine) {
    curve even = {0};
    dm_status status = resample(k, ds, &even);
    if (dm_good(status)) status = dm_spine_make(spine, even.n, ds);
    if (dm_good(status)) {
        for (int i = 0; i < even.n; i++)
            for (int c = 0; c < 3; c++) spine->p[i][c] = even.c[c][i];
        status = dm_frame_build(spine);
    }
    curve_clear(&even);
    if (!dm_good(status)) free_spine(spine);
    return status;
}

static dm_status first_curve(const dm_path *path, double step, double sigma, curve *k) {
    DM_TRY(curve_make(k, path->n, step));
    for (int c = 0; c < 3; c++) {
        for (int i = 0; i < path->n; i++) k->c[c][i] = path->p[i][c];
        DM_TRY(dm_smooth_line(k->c[c], k->n, step, sigma));
    }
    return dm_ok;
}

static const dm_volume *best_volume(const dm_study *study) {
    return study->crop.clean.v ? &study->crop.clean : &study->crop.raw;
}

static dm_status quality_of(dm_gpu *gpu, const dm_study *study, const params *q, const dm_spine *line, dm_walls *w) {
    return dm_centre_walls(gpu, best_volume(study), line, study->modality, q->wall_hu, q->column_hu, w);
}

/* Moves the line by the walls' middle. */
static dm_status move_once(dm_gpu *gpu, const dm_study *study, const params *q, curve *k) {
    dm_spine line = {0};
    dm_walls w = {0};
    curve next = {0};
    dm_status status;
    DM_TRY_OUT(build(k, 0.5, &line));
    DM_TRY_OUT(quality_of(gpu, study, q, &line, &w));
    DM_TRY_OUT(curve_make(&next, w.n, 1.0));
    for (int i = 0; i < w.n; i++)
        for (int c = 0; c < 3; c++)
            next.c[c][i] = line.p[2 * i][c] + w.a[i] * line.ventral[2 * i][c] + w.l[i] * line.left[2 * i][c];
    for (int c = 0; c < 3; c++) DM_TRY_OUT(dm_smooth_line(next.c[c], next.n, 1.0, q->smooth));
    curve_clear(k);
    *k = next;
    next = (curve){0};
out:
    curve_clear(&next);
    dm_walls_clear(&w);
    free_spine(&line);
    return status;
}

static float evidence_at(const dm_grid *g, const double p[3]) {
    int q[3];
    float best = 0.0f;
    for (int i = 0; i < 3; i++) q[i] = (int)floor((p[i] - g->origin[i]) / g->step + 0.5);
    if (q[2] < 0 || q[2] >= g->n[2]) return 0.0f;
    for (int y = q[1] - 1; y <= q[1] + 1; y++)
        for (int x = q[0] - 1; x <= q[0] + 1; x++)
            if (x >= 0 && y >= 0 && x < g->n[0] && y < g->n[1])
                best = dm_fmax(best, g->v[((size_t)q[2] * (size_t)g->n[1] + (size_t)y) * (size_t)g->n[0] + (size_t)x]);
    return best;
}

/* Score: evidence over 30 mm (0.65 is what a clear canal has) and over 10 mm (0.5, so that an end is not carried by what
 * lies before it) times agreement of the walls over 10 mm. */
static dm_status mark(const dm_grid *evidence, const dm_walls *w, double unsure, dm_spine *s) {
    double *e = calloc((size_t)s->n, sizeof *e), *a = calloc((size_t)s->n, sizeof *a);
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "No memory for the score of the line.");
    if (!e || !a) goto out;
    for (int i = 0; i < s->n; i++) {
        int k = (int)(i * s->ds);
        e[i] = evidence_at(evidence, s->p[i]);
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
    const dm_volume *v = best_volume(study);
    const dm_grid *g = &study->crop.evidence;
    (void)p;
    return (uint64_t)dm_volume_count(v) * 4 + (uint64_t)(2.0 * g->n[2] * g->step) * DM_NT * 41 * 4;
}

static dm_status run(dm_gpu *gpu, const void *p, dm_study *study) {
    const params *q = p;
    const dm_path_params along = {q->keep, q->min_length};
    dm_path path = {0};
    dm_walls w = {0};
    curve k = {0};
    dm_status status;
    DM_TRY_OUT(dm_path_find(&study->crop.evidence, &along, &path));
    DM_TRY_OUT(first_curve(&path, study->crop.evidence.step, q->smooth, &k));
    for (int i = 0; i < q->rounds; i++) DM_TRY_OUT(move_once(gpu, study, q, &k));
    DM_TRY_OUT(build(&k, 0.5, &study->spine));
    DM_TRY_OUT(quality_of(gpu, study, q, &study->spine, &w));
    DM_TRY_OUT(mark(&study->crop.evidence, &w, q->unsure, &study->spine));
out:
    dm_walls_clear(&w);
    dm_path_clear(&path);
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
