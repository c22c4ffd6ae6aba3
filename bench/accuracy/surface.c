/* Sac and canal: the label volume of a run against the two true surfaces.
 *
 * The truth is drawn on the same grid (a voxel belongs to the sac when its centre lies inside r_dura(s,
 * theta) at the nearest point of the true line, to the canal inside r_bone), so that equal surfaces give Dice
 * 1 and distance 0 whatever the voxel's size. The distance is taken along the true rays, every 2 mm and 5
 * degrees: the lengths of the ray inside either mask, one taken from the other. Voxels beyond the ends of the
 * true line are not judged. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "accuracy.h"
#include "level.h"
#include "nifti.h"

const char *const region_names[REGIONS] = {"neck", "chest", "loins", "sacrum"};
const char *const sector_names[SECTORS] = {"ventral", "ventrolateral", "lateral", "dorsolateral", "dorsal"};

enum { COLUMNS = 72, NODE_STEP = 2, SAC = 1, CANAL = 2, POOL = 3 };
static const double reach = 24.0, ray_step = 0.1; /* mm; no canal is wider than 24 mm from its line */
static const double rad = 0.017453292519943295;
/* A sac without contrast is unknown, not wrong: it is judged from 100 HU (or signal) on. */
static const double least_sac = 100.0;

typedef struct frame {
    double p[3], tangent[3], ventral[3], left[3];
} frame;

typedef struct surfaces {
    const polyline *line;
    frame *at;          /* one per point of the line */
    float *dura, *bone; /* one row of COLUMNS per NODE_STEP points */
    int rows;
    dm_scan found;
    dm_affine to_index;
    unsigned char *mask; /* SAC, CANAL or 0 on the grid of found; 255 = not judged */
} surfaces;

static void unit(double v[3]) {
    double n = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    for (int c = 0; c < 3 && n > 0; c++) v[c] /= n;
}

/* theta = 0 lies along the truth's own anterior axis, made normal to the line. */
static void make_frame(const polyline *l, int i, const double anterior[3], frame *f) {
    int before = i > 0 ? i - 1 : 0, after = i + 1 < l->n ? i + 1 : i;
    double dot = 0;
    for (int c = 0; c < 3; c++) {
        f->p[c] = l->p[i][c];
        f->tangent[c] = l->p[after][c] - l->p[before][c];
    }
    unit(f->tangent);
    for (int c = 0; c < 3; c++) dot += anterior[c] * f->tangent[c];
    for (int c = 0; c < 3; c++) f->ventral[c] = anterior[c] - dot * f->tangent[c];
    unit(f->ventral);
    const double *v = f->ventral, *t = f->tangent;
    for (int c = 0; c < 3; c++)
        f->left[c] = v[(c + 1) % 3] * t[(c + 2) % 3] - v[(c + 2) % 3] * t[(c + 1) % 3];
}

static int read_walls(const cJSON *truth, const char *key, surfaces *s, float **out) {
    const cJSON *list = cJSON_GetObjectItem(truth, key), *row;
    int n = cJSON_GetArraySize(list), i = 0;
    if (n < 1 || (s->rows && n != s->rows)) return 0;
    s->rows = n;
    *out = calloc((size_t)n * COLUMNS, sizeof **out);
    if (!*out) abort();
    cJSON_ArrayForEach(row, list) {
        const cJSON *r;
        int c = 0;
        cJSON_ArrayForEach(r, row) if (c < COLUMNS)(*out)[(size_t)i * COLUMNS + (size_t)c++] =
            (float)r->valuedouble;
        i++;
    }
    return 1;
}

static double wall(const surfaces *s, const float *w, double node, double theta) {
    double row = fmin(fmax(node / NODE_STEP, 0.0), s->rows - 1.0), column = theta / 5.0;
    int i = (int)row, j = i + 1 < s->rows ? i + 1 : i, c = (int)column % COLUMNS, d = (c + 1) % COLUMNS;
    double f = row - i, g = column - floor(column);
    const float *p = w + (size_t)i * COLUMNS, *q = w + (size_t)j * COLUMNS;
    return (1 - f) * ((1 - g) * (double)p[c] + g * (double)p[d]) +
           f * ((1 - g) * (double)q[c] + g * (double)q[d]);
}

static int load(const pair *p, surfaces *s) {
    double anterior[3] = {0, -1, 0};
    const cJSON *list = cJSON_GetObjectItem(p->truth, "anterior");
    for (int c = 0; c < 3 && cJSON_GetArraySize(list) == 3; c++)
        anterior[c] = cJSON_GetArrayItem(list, c)->valuedouble;
    s->line = &p->line;
    if (p->line.n < 10 || access(p->labels, R_OK) != 0) return 0;
    if (!read_walls(p->truth, "r_dura", s, &s->dura) || !read_walls(p->truth, "r_bone", s, &s->bone))
        return 0;
    dm_status status = dm_nifti_read(p->labels, &s->found);
    if (dm_good(status)) status = dm_affine_invert(&s->found.to_lps, &s->to_index);
    if (!dm_good(status)) {
        fprintf(stderr, "%s\n", status.text);
        return 0;
    }
    s->at = calloc((size_t)p->line.n, sizeof *s->at);
    s->mask = malloc((size_t)s->found.nx * (size_t)s->found.ny * (size_t)s->found.nz);
    if (!s->at || !s->mask) abort();
    for (int i = 0; i < p->line.n; i++) make_frame(&p->line, i, anterior, &s->at[i]);
    return 1;
}

static void unload(surfaces *s) {
    free(s->at);
    free(s->dura);
    free(s->bone);
    free(s->mask);
    dm_scan_clear(&s->found);
}

static size_t voxel(const surfaces *s, int i, int j, int k) {
    return ((size_t)k * (size_t)s->found.ny + (size_t)j) * (size_t)s->found.nx + (size_t)i;
}

/* Draws one voxel if this node's plane passes nearer than that of any node before. */
static void draw_voxel(surfaces *s, float *nearest, int node, const int at[3]) {
    const double index[3] = {at[0], at[1], at[2]};
    double q[3], along = 0, a = 0, l = 0;
    const frame *f = &s->at[node];
    dm_affine_apply(&s->found.to_lps, index, q);
    for (int c = 0; c < 3; c++) {
        double d = q[c] - f->p[c];
        along += d * f->tangent[c];
        a += d * f->ventral[c];
        l += d * f->left[c];
    }
    size_t v = voxel(s, at[0], at[1], at[2]);
    double r = hypot(a, l);
    if (fabs(along) > 1.0 || r > reach || fabs(along) >= (double)nearest[v]) return;
    double theta = atan2(l, a) / rad;
    theta = theta < 0 ? theta + 360.0 : theta;
    nearest[v] = (float)fabs(along);
    s->mask[v] = r < wall(s, s->dura, node + along, theta)
                     ? SAC
                     : (r < wall(s, s->bone, node + along, theta) ? CANAL : 0);
}

/* Index box of the disc of `reach` mm round a node. */
static void box_of(const surfaces *s, const double p[3], int low[3], int high[3]) {
    const int n[3] = {s->found.nx, s->found.ny, s->found.nz};
    double index[3];
    dm_affine_apply(&s->to_index, p, index);
    for (int c = 0; c < 3; c++) {
        const double *m = s->to_index.m[c];
        double more = reach * sqrt(m[0] * m[0] + m[1] * m[1] + m[2] * m[2]);
        low[c] = (int)fmax(ceil(index[c] - more), 0.0);
        high[c] = (int)fmin(floor(index[c] + more), n[c] - 1.0);
    }
}

static void draw_truth(surfaces *s) {
    size_t n = (size_t)s->found.nx * (size_t)s->found.ny * (size_t)s->found.nz;
    float *nearest = malloc(n * sizeof *nearest);
    if (!nearest) abort();
    for (size_t i = 0; i < n; i++) nearest[i] = 9.0f;
    memset(s->mask, 255, n);
    for (int node = 0; node < s->line->n; node++) {
        int low[3], high[3], at[3];
        box_of(s, s->at[node].p, low, high);
        for (at[2] = low[2]; at[2] <= high[2]; at[2]++)
            for (at[1] = low[1]; at[1] <= high[1]; at[1]++)
                for (at[0] = low[0]; at[0] <= high[0]; at[0]++) draw_voxel(s, nearest, node, at);
    }
    free(nearest);
}

/* Membership of a voxel in the sac (which = SAC) or in the whole canal; pools lie in the canal, outpouchings
 * and veins (4, 5) lie where they lie: both masks are left alone there. */
static int in_truth(unsigned char m, int which) {
    return which == SAC ? m == SAC : m == SAC || m == CANAL;
}
static int in_found(int label, int which) {
    return which == SAC ? label == SAC : label >= SAC && label <= POOL;
}

typedef struct overlap {
    double both, truth, found;
} overlap;

static double dice(const overlap *o) {
    return o->truth + o->found > 0 ? 2.0 * o->both / (o->truth + o->found) : NAN;
}

static overlap overlap_of(const surfaces *s, int which) {
    overlap o = {0, 0, 0};
    size_t n = (size_t)s->found.nx * (size_t)s->found.ny * (size_t)s->found.nz;
    for (size_t i = 0; i < n; i++) {
        if (s->mask[i] == 255 || s->found.v[i] > POOL) continue;
        int t = in_truth(s->mask[i], which), f = in_found(s->found.v[i], which);
        o.both += t && f;
        o.truth += t;
        o.found += f;
    }
    return o;
}

/* Lengths of one true ray inside the two masks, mm. */
static void ray(const surfaces *s, int node, int column, int which, double *truth, double *found) {
    const frame *f = &s->at[node];
    double c = cos(column * 5.0 * rad), si = sin(column * 5.0 * rad);
    *truth = *found = 0.0;
    for (double r = 0.5 * ray_step; r < reach; r += ray_step) {
        double q[3], index[3];
        for (int k = 0; k < 3; k++) q[k] = f->p[k] + r * (c * f->ventral[k] + si * f->left[k]);
        dm_affine_apply(&s->to_index, q, index);
        int i = (int)floor(index[0] + 0.5), j = (int)floor(index[1] + 0.5), k = (int)floor(index[2] + 0.5);
        if (i < 0 || j < 0 || k < 0 || i >= s->found.nx || j >= s->found.ny || k >= s->found.nz) return;
        size_t v = voxel(s, i, j, k);
        if (s->mask[v] == 255) continue;
        *truth += in_truth(s->mask[v], which) ? ray_step : 0.0;
        *found += in_found(s->found.v[v], which) ? ray_step : 0.0;
    }
}

/* Region of a point of the true line; the nearest vertebra's. */
static int region_at(const cJSON *truth, int node) {
    const cJSON *v;
    double best = INFINITY;
    int level = DM_T1;
    cJSON_ArrayForEach(v, cJSON_GetObjectItem(truth, "vertebrae")) {
        double off = fmax(fmax(number_of(v, "s_from") - node, node - number_of(v, "s_to")), 0.0);
        if (!(off < best)) continue;
        best = off;
        level = dm_level_parse(text_of(v, "level"));
    }
    return level <= DM_C7 ? 0 : (level < DM_L1 ? 1 : (level < DM_S1 ? 2 : 3));
}

static void keep_error(wall_error row[SECTORS], int column, double error) {
    int turn =
        column <= COLUMNS / 2 ? column : COLUMNS - column; /* sectors of 45 degrees round their middles */
    wall_error *e = &row[(2 * turn * (SECTORS - 1) + COLUMNS / 2) / COLUMNS];
    e->sum += error, e->absolute += fabs(error), e->n++;
}

/* Rays of one mask: how many there are, how many meet the label at all, and by how much they differ there.
 * The sums of squares stand for areas: Dice over the labelled stretches alone. */
static void score_rays(const surfaces *s, const cJSON *truth_row, int which, tally *t) {
    double both = 0, sum = 0;
    for (int node = 0; node < s->line->n; node += NODE_STEP) {
        double truth[COLUMNS], found[COLUMNS];
        int have = 0, seen = 0;
        for (int c = 0; c < COLUMNS; c++) {
            ray(s, node, c, which, &truth[c], &found[c]);
            have += truth[c] > 0.0;
            seen += found[c] > 0.0;
        }
        if (2 * have < COLUMNS) continue; /* beyond the end of the sac */
        t->count[which == SAC ? N_RAYS_SAC : N_RAYS_CANAL] += COLUMNS;
        if (2 * seen < COLUMNS) continue;
        t->count[which == SAC ? N_RAYS_SAC_SEEN : N_RAYS_CANAL_SEEN] += COLUMNS;
        wall_error *row = t->wall[which == SAC ? 0 : 1][region_at(truth_row, node)];
        for (int c = 0; c < COLUMNS; c++) {
            double less = fmin(truth[c], found[c]);
            keep_error(row, c, found[c] - truth[c]);
            sample_keep(&t->list[which == SAC ? S_SAC_GAP : S_CANAL_GAP], fabs(truth[c] - found[c]));
            both += 2.0 * less * less;
            sum += truth[c] * truth[c] + found[c] * found[c];
        }
    }
    if (sum > 0) sample_keep(&t->list[which == SAC ? S_SAC_DICE_SEEN : S_CANAL_DICE_SEEN], both / sum);
}

void score_surfaces(const pair *p, tally *t) {
    surfaces s = {0};
    if (load(p, &s)) {
        draw_truth(&s);
        overlap canal = overlap_of(&s, CANAL), sac = overlap_of(&s, SAC);
        sample_keep(&t->list[S_CANAL_DICE], dice(&canal));
        score_rays(&s, p->truth, CANAL, t);
        if (number_of(p->truth, "sac_value") >= least_sac) {
            sample_keep(&t->list[S_SAC_DICE], dice(&sac));
            score_rays(&s, p->truth, SAC, t);
        }
    }
    unload(&s);
}
