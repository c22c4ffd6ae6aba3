/* The chain of discs: dynamic programming over (disc of the chain, s) with a prior on spacing and one scale
 * per patient. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "levels_parts.h"

/* Pitch = mean of the disc-to-disc distances of the Spinal Cord Toolbox's table and of body height + disc
 * height (Panjabi-type cadaver means; discs: PMC11225399, 10.1007/s00586-015-3925-y, lumbar Iranian and
 * Nepalese MR series). C1, C2 from the same table; sacral segments from a sacrum of about 110 mm. */
static const double PITCH[DM_S5 + 1] = {0,    12.2, 20.8, 17,   16,   15.6, 15.5, 16.5, 18.1, 18.9, 18.8,
                                        19.4, 20,   21.2, 22.1, 23.4, 24.2, 25.8, 28,   30.1, 31,   33,
                                        33.8, 33.3, 34.5, 34,   34,   31,   26,   21,   17,   14};
static const double DISC[DM_S5 + 1] = {0,    3,    4.5, 4.5, 4.5, 4.5, 4.5, 4.5, 4, 3.5, 3.2,
                                       3,    3,    3.3, 3.7, 4.2, 4.8, 5.3, 6,   7, 7.5, 9,
                                       10.5, 11.5, 12,  12,  12,  3,   3,   3,   3, 3};

double dm_level_pitch(int level) {
    return PITCH[dm_clampi(level, DM_C1, DM_S5)];
}

double dm_level_disc_height(int level) {
    return DISC[dm_clampi(level, DM_C1, DM_S5)];
}

/* Depth of canal half and body grow from head to feet; between these discs linear. */
double dm_level_front(int level) {
    static const double knots[][2] = {{DM_C2, 25},  {DM_C7, 26}, {11, 29.5}, {15, 35},
                                      {DM_T12, 39}, {23, 43},    {DM_L6, 43}};
    enum { N = sizeof knots / sizeof *knots };
    if (level <= DM_C2) return knots[0][1];
    for (int i = 1; i < N; i++)
        if (level <= (int)knots[i][0])
            return knots[i - 1][1] + (level - knots[i - 1][0]) / (knots[i][0] - knots[i - 1][0]) *
                                         (knots[i][1] - knots[i - 1][1]);
    return knots[N - 1][1];
}

/* Shares of spines with other numbers: 11 thoracic 5.8 %, 13 thoracic (ribs on the first lumbar vertebra
 * counted so) 3 %; 4 lumbar 2.7 %, 6 lumbar 5.5 % (10.1186/s13018-018-0835-9, PMC3948909). Taken as
 * independent. */
void dm_chain_make(int number, dm_chain *chain) {
    static const double p_thoracic[3] = {0.912, 0.058, 0.030}, p_lumbar[3] = {0.918, 0.027, 0.055};
    static const int thoracic[3] = {12, 11, 13}, lumbar[3] = {5, 4, 6};
    int t = number / 3, l = number % 3;
    *chain = (dm_chain){
        .thoracic = thoracic[t], .lumbar = lumbar[l], .log_prior = log(p_thoracic[t] * p_lumbar[l])};
    for (int v = DM_C1; v <= DM_C7; v++) chain->level[chain->n++] = v;
    for (int i = 0; i < chain->thoracic; i++) chain->level[chain->n++] = DM_T1 + i;
    for (int i = 0; i < chain->lumbar; i++) chain->level[chain->n++] = DM_L1 + i;
    chain->level[chain->n++] = DM_S1;
}

enum { SCALES = 17 };
static double scale_of(int number) {
    return 0.78 + 0.03 * number;
}

static double disc_at(const dm_column *c, int upper, int i) {
    int w = dm_clampi((int)lround(dm_level_disc_height(upper)) - DM_WIDTH_LOW, 0, DM_WIDTHS - 1);
    return isnan(c->d[w][i]) ? 0 : (double)c->d[w][i];
}

double dm_fused_beyond(const dm_column *c, int upper, int lower, int i) {
    int top = c->modality == DM_MR ? DM_SEAM - 1 : 16;
    if (upper == DM_C2) return -0.7 * fmax(0, dm_profile_max(c->d[4 - DM_WIDTH_LOW], c->n, i - top, i - 10));
    if (lower != DM_S1) return 0;
    double next = -0.7 * dm_profile_max(c->d[10 - DM_WIDTH_LOW], c->n, i + 17, i + 36);
    double most = c->modality == DM_MR && i + 36 <= c->last ? 1.5 : 0;
    return isnan(next) ? 0 : fmin(most, next);
}

/* What a rib (+) or its absence (-) of so many nats speaks against the name of a vertebra: never for it, or a
 * chain with more vertebrae would gain by each. The last ribs may both be stubs that end beside the
 * processes: in 1 %, general knowledge; whole missing pairs are the chains with 11. */
static double rib_fits(const dm_chain *chain, int level, double rib) {
    const double stub = 0.01;
    int chest = level >= DM_T1 && level <= DM_T13;
    if (!chest) return -rib - fabs(rib);
    if (level < DM_T1 + chain->thoracic - 1) return rib - fabs(rib);
    return log((1 - stub) * exp(rib) + stub * exp(-rib)) - fabs(rib);
}

/* What one disc of the chain gains at index i, spacing and ends apart. There is no disc between atlas and
 * axis, but the joints and the seam of the dens may look like one: its label takes such a false disc, for
 * little. */
static void add_disc(const dm_column *c, const dm_anchors *a, const dm_levels_params *p,
                     const dm_chain *chain, int k, int i, double cue[DM_CUES]) {
    int upper = chain->level[k], lower = chain->level[k + 1];
    double d = disc_at(c, upper, i), f = ((double)c->front[i] - dm_level_front(upper)) / 6;
    cue[DM_CUE_DISC] += upper == DM_C1 ? fmin(fmax(0.75 * d, -0.5), 2) : d;
    if (upper == DM_C1) return;
    f = isnan(f) ? 0 : fmin(fmax(f, -2.5), 2.5);
    cue[DM_CUE_FRONT] -= p->front_weight * f * f;
    cue[DM_CUE_RIB] += rib_fits(chain, lower, (double)a->rib[i]);
    if (lower == DM_T1) cue[DM_CUE_FIRST] += (double)a->first[i];
    if (upper == DM_C2) cue[DM_CUE_DENS] += (double)a->dens[i], cue[DM_CUE_SKULL] += (double)a->skull[i];
    if (a->s_skull >= 0 && i < a->s_skull + 8) cue[DM_CUE_SKULL] -= 3; /* no disc in the skull */
    if (a->s_dens >= 0 && i > a->s_dens && i < a->s_dens + 26)
        cue[DM_CUE_DENS] -= 6; /* no disc in the axis */
    if (lower == DM_S1) cue[DM_CUE_SACRUM] += (double)a->sacrum[i];
    if (upper == DM_L1) cue[DM_CUE_CONUS] += dm_conus_at(a, p, i);
    cue[DM_CUE_FUSED] += dm_fused_beyond(c, upper, lower, i);
}

static double evidence_at(const dm_column *c, const dm_anchors *a, const dm_levels_params *p,
                          const dm_chain *chain, int k, int i) {
    double cue[DM_CUES] = {0}, sum = 0;
    add_disc(c, a, p, chain, k, i, cue);
    for (int j = 0; j < DM_CUES; j++) sum += cue[j];
    return sum;
}

/* Cost of leaving `room` mm beyond the first or last disc of the path empty. Whole vertebrae that would fit
 * cost; the chain closes at the dens and at the sacrum, which take 75 and 150 mm. */
static double end_cost(const dm_levels_params *p, const dm_chain *chain, int k, int at_top, double room,
                       double scale) {
    int last = chain->n - 2;
    if (at_top && k <= 1) return 1.5 * floor(fmax(room - (k == 0 ? 55 : 75), 0) / 18);
    if (!at_top && k == last) return 1.5 * floor(fmax(room - 150, 0) / 18);
    double whole = scale * dm_level_pitch(chain->level[at_top ? k : k + 1]) + 6;
    return p->whole_penalty * floor(fmax(room, 0) / whole);
}

double dm_chain_top_rib(const dm_chain *chain, const dm_column *c, const dm_anchors *a, int k, int i,
                        double scale) {
    int j = i - (int)lround(scale * dm_level_pitch(chain->level[k]));
    return j < 0 || j > c->first + 3 ? 0 : (double)a->rib[j];
}

/* What the rib of the vertebra above the first disc speaks against its name. */
static double top_rib_fits(const dm_chain_fit *f, const dm_column *c, int k, int i, double scale) {
    return rib_fits(&f->chain, f->chain.level[k], dm_chain_top_rib(&f->chain, c, f->anchors, k, i, scale));
}

/* What the end of the cord says of a path whose first or last disc is k at i and which leaves L1/2 beyond it:
 * by where that disc would lie. Said nowhere else, or a cord that ends high would speak for every name that
 * has L1/2 in view and against none that has not. */
static double conus_beyond(const dm_chain_fit *f, const dm_levels_params *p, int k, int i, int at_top,
                           double scale) {
    int l1 = 0;
    double room = 0;
    while (f->chain.level[l1] != DM_L1) l1++;
    if (at_top ? k <= l1 : k >= l1) return 0;
    for (int j = at_top ? l1 + 1 : k + 1; j <= (at_top ? k : l1); j++)
        room += scale * dm_level_pitch(f->chain.level[j]);
    return dm_conus_at(f->anchors, p, at_top ? i - room : i + room);
}

/* mm left beyond the first or last disc at i: to the view's end, or to the skull, which holds no vertebra. */
static double room_beyond(const dm_chain_fit *f, const dm_column *c, int i, int at_top) {
    int skull = f->anchors->s_skull;
    return at_top ? i - (skull > c->first ? skull : c->first) : c->last - i;
}

/* What an end of the path is worth: the room left beyond it, the cord's end, the rib above it. */
static double end_worth(const dm_chain_fit *f, const dm_column *c, const dm_levels_params *p, int k, int i,
                        int at_top, double scale) {
    double room = room_beyond(f, c, i, at_top);
    double rib = at_top ? top_rib_fits(f, c, k, i, scale) : 0;
    return rib + conus_beyond(f, p, k, i, at_top, scale) - end_cost(p, &f->chain, k, at_top, room, scale);
}

/* `level` is the vertebra between the two discs. The false disc above the axis is the seam of the dens (16 to
 * 22 mm above C2/3) or the joint with the atlas. */
static double spacing_cost(const dm_levels_params *p, int level, double mu, int h) {
    double sd2 = p->pitch_sd * p->pitch_sd * mu * mu + p->pitch_floor * p->pitch_floor, d = h - mu;
    if (level == DM_C2) sd2 += 2.5 * 2.5;
    return d * d / (2 * sd2);
}

/* One pass at one scale. Forward: best path whose lowest disc is (k, i); backward: whose highest is. `e` of
 * that disc counted in both. */
static void pass(const dm_chain_fit *f, const dm_column *c, const dm_levels_params *p, double scale, int down,
                 float *best) {
    int discs = f->chain.n - 1, n = f->n;
    for (int step = 0; step < discs; step++) {
        int k = down ? step : discs - 1 - step;
        double mu = scale * dm_level_pitch(f->chain.level[down ? k : k + 1]);
        int near = (int)ceil(0.75 * mu), far = (int)floor(1.3 * mu);
        float cost[64];
        for (int h = near; h <= far; h++)
            cost[h - near] = (float)spacing_cost(p, f->chain.level[down ? k : k + 1], mu, h);
        const float *other = best + (size_t)(down ? k - 1 : k + 1) * (size_t)n;
        for (int i = c->first; i <= c->last; i++) {
            float v = (float)end_worth(f, c, p, k, i, down, scale);
            for (int h = near; step > 0 && h <= far; h++) {
                int j = down ? i - h : i + h;
                if (j >= c->first && j <= c->last) v = fmaxf(v, other[j] - cost[h - near]);
            }
            best[(size_t)k * (size_t)n + (size_t)i] = v + f->e[(size_t)k * (size_t)n + (size_t)i];
        }
    }
}

static double scale_prior(const dm_levels_params *p, double scale) {
    double z = (scale - 1) / p->scale_sd;
    return -0.5 * z * z;
}

static dm_status all_scales(dm_chain_fit *f, const dm_column *c, const dm_levels_params *p) {
    size_t count = (size_t)(f->chain.n - 1) * (size_t)f->n;
    float *down = malloc(2 * count * sizeof *down);
    if (!down) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the chain of discs");
    float *up = down + count;
    for (int g = 0; g < SCALES; g++) {
        pass(f, c, p, scale_of(g), 1, down);
        pass(f, c, p, scale_of(g), 0, up);
        float prior = (float)scale_prior(p, scale_of(g));
        for (int k = 0; k < f->chain.n - 1; k++)
            for (int i = c->first; i <= c->last; i++) {
                size_t at = (size_t)k * (size_t)f->n + (size_t)i;
                float m = down[at] + up[at] - f->e[at] + prior;
                if (m > f->m[at]) f->m[at] = m, f->scale[at] = (uint8_t)g;
            }
    }
    free(down);
    return dm_ok;
}

void dm_chain_fit_clear(dm_chain_fit *f) {
    free(f->e), free(f->m), free(f->scale);
    *f = (dm_chain_fit){0};
}

dm_status dm_chain_fit_make(const dm_column *c, const dm_anchors *a, const dm_levels_params *p, int number,
                            dm_chain_fit *f) {
    *f = (dm_chain_fit){.n = c->n, .anchors = a};
    dm_chain_make(number, &f->chain);
    size_t count = (size_t)(f->chain.n - 1) * (size_t)c->n;
    f->e = calloc(count, sizeof *f->e), f->m = malloc(count * sizeof *f->m), f->scale = calloc(count, 1);
    if (!f->e || !f->m || !f->scale)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the chain of discs");
    for (size_t i = 0; i < count; i++) f->m[i] = -FLT_MAX;
    for (int k = 0; k < f->chain.n - 1; k++)
        for (int i = c->first; i <= c->last; i++)
            f->e[(size_t)k * (size_t)c->n + (size_t)i] = (float)evidence_at(c, a, p, &f->chain, k, i);
    return all_scales(f, c, p);
}

/* Follows one pass back from (k, i); appends the indices. */
static int follow(const dm_chain_fit *f, const dm_column *c, const dm_levels_params *p, double scale,
                  int down, const float *best, int k, int i, int *at) {
    int count = 0, n = f->n;
    for (;; count++) {
        double mu = scale * dm_level_pitch(f->chain.level[down ? k : k + 1]);
        int next = down ? k - 1 : k + 1, to = -1;
        if (next < 0 || next > f->chain.n - 2) return count;
        float v = (float)end_worth(f, c, p, k, i, down, scale);
        for (int h = (int)ceil(0.75 * mu); h <= (int)floor(1.3 * mu); h++) {
            int j = down ? i - h : i + h;
            if (j < c->first || j > c->last) continue;
            float w = best[(size_t)next * (size_t)n + (size_t)j] -
                      (float)spacing_cost(p, f->chain.level[down ? k : k + 1], mu, h);
            if (w > v) v = w, to = j;
        }
        if (to < 0) return count;
        at[count] = to;
        k = next, i = to;
    }
}

dm_status dm_chain_fit_path(const dm_chain_fit *f, const dm_column *c, const dm_levels_params *p, int k,
                            int i, dm_disc_path *path) {
    size_t count = (size_t)(f->chain.n - 1) * (size_t)f->n, at = (size_t)k * (size_t)f->n + (size_t)i;
    float *best = malloc(count * sizeof *best);
    int up[DM_MAX_CHAIN], down[DM_MAX_CHAIN], n_up, n_down;
    if (!best) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the chain of discs");
    double scale = scale_of(f->scale[at]);
    pass(f, c, p, scale, 1, best);
    n_up = follow(f, c, p, scale, 1, best, k, i, up);
    pass(f, c, p, scale, 0, best);
    n_down = follow(f, c, p, scale, 0, best, k, i, down);
    free(best);
    *path =
        (dm_disc_path){.from = k - n_up, .n = n_up + 1 + n_down, .scale = scale, .score = (double)f->m[at]};
    for (int j = 0; j < n_up; j++) path->at[j] = up[n_up - 1 - j];
    path->at[n_up] = i;
    for (int j = 0; j < n_down; j++) path->at[n_up + 1 + j] = down[j];
    return dm_ok;
}

void dm_chain_cues(const dm_chain_fit *f, const dm_column *c, const dm_levels_params *p,
                   const dm_disc_path *q, double cue[DM_CUES]) {
    int last = q->n - 1;
    memset(cue, 0, DM_CUES * sizeof *cue);
    for (int j = 0; j <= last; j++) {
        int k = q->from + j;
        add_disc(c, f->anchors, p, &f->chain, k, q->at[j], cue);
        if (j == 0) continue;
        double mu = q->scale * dm_level_pitch(f->chain.level[k]);
        cue[DM_CUE_SPACING] -= spacing_cost(p, f->chain.level[k], mu, q->at[j] - q->at[j - 1]);
    }
    cue[DM_CUE_ENDS] -= end_cost(p, &f->chain, q->from, 1, room_beyond(f, c, q->at[0], 1), q->scale);
    cue[DM_CUE_ENDS] -=
        end_cost(p, &f->chain, q->from + last, 0, room_beyond(f, c, q->at[last], 0), q->scale);
    cue[DM_CUE_RIB] += top_rib_fits(f, c, q->from, q->at[0], q->scale);
    cue[DM_CUE_CONUS] += conus_beyond(f, p, q->from, q->at[0], 1, q->scale);
    cue[DM_CUE_CONUS] += conus_beyond(f, p, q->from + last, q->at[last], 0, q->scale);
    cue[DM_CUE_SIZE] += scale_prior(p, q->scale);
}
