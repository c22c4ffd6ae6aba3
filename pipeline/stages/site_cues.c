/* What a scan shows of a tear: density along the collection, contrast that leaves by a foramen. */
#include <math.h>
#include <stdlib.h>

#include "curved.h"
#include "places.h"
#include "ranks.h"
#include "shell.h"
#include "site_parts.h"

/* ---- density ---- */

enum { DECAYS = 7 };
static const double decay[DECAYS] = {10, 15, 22, 32, 45, 65, 95}; /* mm; an early pass falls fastest */

/* Sums over the samples that were measured. */
typedef struct samples {
    int n;
    double *x, *y; /* sample, value less the mean */
    double yy;
} samples;

static int gather(const float *v, int n, int off, samples *o) {
    double sum = 0;
    for (int i = off; i < n - off; i++)
        if (!isnan(v[i])) o->x[o->n] = i, o->y[o->n++] = (double)v[i], sum += (double)v[i];
    for (int i = 0; i < o->n; i++) o->y[i] -= sum / o->n, o->yy += o->y[i] * o->y[i];
    return o->n;
}

/* Mean square that is left by A + C g, C >= 0, g = what falls away from sample `at`; fall[d] = exp(-d ds / L). */
static double left_over(const samples *o, const double *fall, int at) {
    double g = 0, gg = 0, gy = 0;
    for (int i = 0; i < o->n; i++) {
        double f = fall[abs((int)o->x[i] - at)];
        g += f, gg += f * f, gy += f * o->y[i];
    }
    gg -= g * g / o->n;
    return (o->yy - (gg > 1e-9 && gy > 0 ? gy * gy / gg : 0)) / o->n;
}

void dm_site_cusp(const dm_site_params *p, const float *v, int n, double ds, double *like) {
    samples o = {.x = malloc((size_t)n * sizeof *o.x), .y = malloc((size_t)n * sizeof *o.y)};
    double *fall = malloc((size_t)n * sizeof *fall), error = p->density_error * p->density_error;
    int off = (int)lround(p->end_margin / ds);
    for (int i = 0; i < n; i++) like[i] = 1;
    if (o.x && o.y && fall && gather(v, n, off, &o) * ds >= 2 * p->alike) {
        double count = fmax(o.n * ds / p->alike, 2), even = o.yy / o.n + error;
        for (int i = 0; i < n; i++) like[i] = 0;
        for (int k = 0; k < DECAYS; k++) {
            for (int d = 0; d < n; d++) fall[d] = exp(-d * ds / decay[k]);
            for (int i = 0; i < n; i++)
                like[i] += exp(count / 2 * log(even / (fmax(left_over(&o, fall, i), 0) + error))) / sqrt(count) / DECAYS;
        }
    }
    free(o.x), free(o.y), free(fall);
}

/* The density of each row of the collection: a high rank over the cells near its angle that the map shows, or next to such. */
static void line_of(const dm_site_search *w, const float *shell, float *out) {
    const dm_map *m = &w->st->map;
    int n = w->to - w->from + 1, near = (int)lround(3 / w->st->spine.ds);
    for (int i = 0; i < n; i++) {
        float window[DM_NT];
        size_t count = 0;
        for (int t = 0; t < DM_NT; t++) {
            int row = w->from + i;
            float shown = 0, value = shell[i * DM_NT + t];
            for (int j = row > near ? row - near : 0; j <= row + near && j < m->n; j++)
                if (m->assessed[j * DM_NT + t]) shown = fmaxf(shown, m->e[j * DM_NT + t]);
            if (dm_site_turn(t, w->f->theta) <= w->p->window_angle && value > -20000 && shown > 0.1f) window[count++] = value;
        }
        out[i] = count >= 3 ? dm_rank(window, count, 0.75) : NAN;
    }
}

static int in_piece(const dm_site_search *w, double s) {
    for (int k = 0; k < w->n_pieces; k++)
        if (s >= w->piece[k]->s_from && s <= w->piece[k]->s_to) return 1;
    return 0;
}

/* Running median over 5 mm of what was measured in the pieces; between them nothing was. */
static void smooth(const dm_site_search *w, const float *line, float *out) {
    int n = w->to - w->from + 1, half = (int)lround(2 / w->st->spine.ds);
    for (int i = 0; i < n; i++) {
        float window[64];
        size_t count = 0;
        for (int j = i > half ? i - half : 0; j <= i + half && j < n && count < 64; j++)
            if (!isnan(line[j])) window[count++] = line[j];
        out[i] = isnan(line[i]) || !in_piece(w, (w->from + i) * w->st->spine.ds) ? NAN : dm_rank(window, count, 0.5);
    }
}

/* One pass: its density is even, or it has a peak, some millimetres from the tear. */
static void one_pass(const dm_site_search *w, const float *shell, float *line, double *like) {
    int n = w->to - w->from + 1;
    double ds = w->st->spine.ds;
    line_of(w, shell, line);
    smooth(w, line, line + n);
    dm_site_cusp(w->p, line + n, n, ds, like);
    int reach = (int)lround(3 * w->p->peak_apart / ds);
    for (int row = 0; row < w->st->map.n; row++) {
        int at = row < w->from ? 0 : row > w->to ? n - 1 : row - w->from;
        double sum = 0, of = 0;
        for (int d = -reach; d <= reach; d++) {
            int j = at + d < 0 ? 0 : at + d < n ? at + d : n - 1;
            double g = exp(-(d * ds) * (d * ds) / (2 * w->p->peak_apart * w->p->peak_apart));
            sum += g * like[j], of += g;
        }
        w->weight[row] *= 1 - w->p->peak_share + w->p->peak_share * sum / of;
    }
}

dm_status dm_site_density(dm_gpu *gpu, const dm_site_search *w) {
    const dm_map *m = &w->st->map;
    size_t n = (size_t)(w->to - w->from + 1);
    float *shell = malloc(n * DM_NT * sizeof *shell), *line = malloc(2 * n * sizeof *line);
    double *like = malloc(n * sizeof *like);
    dm_status status = dm_ok;
    if (!shell || !line || !like) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the density of a pool");
        goto out;
    }
    DM_TRY_OUT(dm_shell_measure(gpu, w->st, w->from, (int)n, shell));
    one_pass(w, shell, line, like);
    for (int k = 0; k < m->n_phases; k++)
        if (m->phase[k].shell) one_pass(w, m->phase[k].shell + (size_t)w->from * DM_NT, line, like);
out:
    free(shell), free(line), free(like);
    return status;
}

/* ---- foramina ---- */

/* Mean brightness 1 to 5 mm beyond the bony wall at one foramen, near angle theta; NaN outside the scan. */
static double beyond_wall(const dm_site_search *w, const float *polar, int rows, double s, double theta) {
    enum { REACH = 100 };
    const dm_study *st = w->st;
    int middle = (int)lround(s / st->spine.ds), near = (int)lround(2 / st->spine.ds);
    double sum = 0, count = 0;
    if (middle < near || middle + near >= rows) return NAN;
    for (int i = middle - near; i <= middle + near; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            double tissue = (double)st->map.tissue[t], sac = (double)st->map.sac[i], rb = (double)st->canal.r_bone[c];
            if (dm_site_turn(t, theta) > 25 || sac < tissue + 1) continue;
            for (int k = (int)((rb + 1) * 4); k <= (int)((rb + 5) * 4) && k < REACH; k++) {
                double v = (double)polar[c * REACH + (size_t)k];
                if (v > -20000) sum += fmax(0, fmin(1.2, (v - tissue) / (sac - tissue))), count++;
            }
        }
    return count > 0 ? sum / count : NAN;
}

/* A lateral tear's fluid leaves by its foramen: brighter than the other side there, against how far the two sides of the study's
 * other foramina differ. Bone is the same on both sides, nearly. */
dm_status dm_site_foramina(dm_gpu *gpu, const dm_site_search *w) {
    const dm_study *st = w->st;
    double excess[DM_MAX_VERTEBRAE];
    float spread[DM_MAX_VERTEBRAE], *polar = NULL;
    size_t n = 0;
    DM_TRY(dm_curved_polar(gpu, &st->crop.raw, &st->spine, 0, st->spine.ds, st->map.n, 0, 0.25, 100, &polar));
    for (int v = 0; v + 1 < st->levels.n; v++) {
        double s = dm_foramen_s(&st->levels, v);
        excess[v] = beyond_wall(w, polar, st->map.n, s, w->f->theta) - beyond_wall(w, polar, st->map.n, s, -w->f->theta);
        if (!isnan(excess[v])) spread[n++] = (float)fabs(excess[v]);
    }
    free(polar);
    double usual = n >= 4 ? fmax(1.4826 * (double)dm_rank(spread, n, 0.5), 0.01) : INFINITY;
    for (int v = 0; v + 1 < st->levels.n; v++) {
        if (isnan(excess[v])) continue;
        double gain = w->p->foramen_weight * fmin(fmax(excess[v] / usual - 1, 0), 3);
        for (int i = 0; i < st->map.n; i++) {
            double d = i * st->spine.ds - dm_foramen_s(&st->levels, v);
            w->weight[i] *= 1 + gain * exp(-d * d / (2 * w->p->foramen_sd * w->p->foramen_sd));
        }
    }
    return dm_ok;
}
