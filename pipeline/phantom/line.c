/* The centre line of the canal: sagittal curves and scoliosis integrated from the angle of the tangent. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "anatomy.h"

static const double rad = 0.017453292519943295;

typedef struct bend_key {
    double s, angle;
} bend_key;

/* Supine or prone spine: angle of the line to the vertical in the sagittal plane, degrees, + = running
 * backwards. */
static int sagittal_keys(const dm_anatomy *a, dm_ph_rng *r, bend_key *k) {
    const dm_ph_vert *v = a->vert;
    int t1 = dm_ph_find(a, DM_T1), l1 = dm_ph_find(a, DM_L1), s1 = dm_ph_find(a, DM_S1);
    double neck = dm_ph_normal(r, -2, 5), inlet = dm_ph_normal(r, 17, 4), low = dm_ph_normal(r, -13, 4);
    double pelvis = dm_ph_normal(r, 33, 6), tail = dm_ph_normal(r, -22, 6);
    int n = 0;
    k[n++] = (bend_key){0, neck};
    k[n++] = (bend_key){v[2].s_from, neck};
    k[n++] = (bend_key){v[t1].s_from + 10, inlet};
    k[n++] = (bend_key){v[t1 + 4].s_from, 0.55 * inlet};
    k[n++] = (bend_key){v[l1].s_from - 15, low};
    k[n++] = (bend_key){v[l1 + 2].s_from, 0.3 * low};
    k[n++] = (bend_key){v[s1].s_from + 10, pelvis};
    k[n++] = (bend_key){v[s1 + 2].s_to, 0.2 * pelvis};
    k[n++] = (bend_key){v[s1 + 4].s_to, tail};
    k[n++] = (bend_key){a->n_nodes, tail};
    return n;
}

static double key_angle(const bend_key *k, int n, double s) {
    for (int i = 0; i + 1 < n; i++)
        if (s <= k[i + 1].s)
            return k[i].angle + (k[i + 1].angle - k[i].angle) * (s - k[i].s) / fmax(k[i + 1].s - k[i].s, 1.0);
    return k[n - 1].angle;
}

static void smooth(double *v, int n, int half, double *work) {
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n; i++) {
            double sum = 0.0;
            for (int j = -half; j <= half; j++) sum += v[i + j < 0 ? 0 : (i + j >= n ? n - 1 : i + j)];
            work[i] = sum / (2 * half + 1);
        }
        memcpy(v, work, (size_t)n * sizeof *v);
    }
}

/* Sideways slope of the line: a long arch and a counter-curve; a quarter of the patients has a visible
 * scoliosis. */
static void coronal(const dm_anatomy *a, dm_ph_rng *r, double *slope) {
    int strong = dm_ph_chance(r, 0.25);
    double side = dm_ph_chance(r, 0.5) ? 1.0 : -1.0, peak = dm_ph_uniform(r, 150, 420),
           tilt = dm_ph_normal(r, 0.0, 1.2 * rad);
    double amplitude = strong ? dm_ph_uniform(r, 6, 16) : dm_ph_uniform(r, 0, 3),
           wave = dm_ph_uniform(r, 260, 400);
    for (int i = 0; i < a->n_nodes; i++) {
        double x = (i - peak) / wave;
        slope[i] = tilt - side * amplitude * (6.2832 / wave) * sin(6.2832 * x) * exp(-1.2 * x * x);
    }
}

static void normalise(double v[3]) {
    double n = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int c = 0; c < 3; c++) v[c] /= n;
}

static void frame(float *node, const double t[3]) {
    double v[3] = {0.0, -1.0, 0.0}, dot = -t[1];
    for (int c = 0; c < 3; c++) v[c] -= dot * t[c];
    normalise(v);
    double l[3] = {v[1] * t[2] - v[2] * t[1], v[2] * t[0] - v[0] * t[2], v[0] * t[1] - v[1] * t[0]};
    for (int c = 0; c < 3; c++) {
        node[PH_T + c] = (float)t[c];
        node[PH_V + c] = (float)v[c];
        node[PH_L + c] = (float)l[c];
    }
}

static void integrate(dm_anatomy *a, const double *lean, const double *slope) {
    double p[3] = {0.0, 0.0, 0.0};
    for (int i = 0; i < a->n_nodes; i++) {
        float *node = a->nodes + (size_t)i * PH_NODE;
        double t[3] = {tan(slope[i]), tan(lean[i] * rad), -1.0};
        normalise(t);
        for (int c = 0; c < 3; c++) node[PH_P + c] = (float)p[c];
        frame(node, t);
        for (int c = 0; c < 3; c++) p[c] += t[c];
    }
    for (int i = 1; i + 1 < a->n_nodes; i++) {
        float *node = a->nodes + (size_t)i * PH_NODE;
        for (int c = 0; c < 3; c++)
            node[PH_K + c] = 0.5f * (node[PH_NODE + PH_T + c] - node[-PH_NODE + PH_T + c]);
    }
}

/* The middle of the thoracic spine becomes the frame's origin, so that positions stay small. */
static void centre(dm_anatomy *a) {
    const float *mid = a->nodes + (size_t)(int)a->vert[dm_ph_find(a, DM_T1 + 6)].s_from * PH_NODE;
    float x = mid[0], y = mid[1], z = mid[2];
    for (int i = 0; i < a->n_nodes; i++) {
        float *node = a->nodes + (size_t)i * PH_NODE;
        node[0] -= x;
        node[1] -= y;
        node[2] -= z;
    }
}

static void name_nodes(dm_anatomy *a) {
    for (int i = 0; i < a->n_nodes; i++)
        a->nodes[(size_t)i * PH_NODE + PH_VERT] = (float)dm_ph_vert_at(a, i + 0.5);
}

dm_status dm_ph_make_line(dm_anatomy *a) {
    size_t n = (size_t)a->n_nodes;
    double *lean = calloc(3 * n, sizeof *lean);
    a->nodes = calloc(n * PH_NODE, sizeof *a->nodes);
    if (!lean || !a->nodes) {
        free(lean);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a phantom's centre line of %zu points", n);
    }
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "line");
    bend_key keys[12];
    int n_keys = sagittal_keys(a, &r, keys);
    for (int i = 0; i < a->n_nodes; i++) lean[i] = key_angle(keys, n_keys, i);
    smooth(lean, a->n_nodes, 14, lean + 2 * n);
    coronal(a, &r, lean + n);
    integrate(a, lean, lean + n);
    centre(a);
    name_nodes(a);
    free(lean);
    return dm_ok;
}
