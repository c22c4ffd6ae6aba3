#include "site.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curved.h"
#include "places.h"
#include "ranks.h"

#define PI 3.14159265358979323846
enum { MOST = 1200 }; /* samples of a collection: longer ones are cut, no spine is */

static double turn_to(int t, double theta) {
    double d = fabs(fmod(5.0 * t - theta + 900, 360) - 180);
    return d;
}

/* Least squares of v = a + c g, then three rounds in which far samples lose weight: the capped residual of the result. */
static double line_cost(const float *v, const double *g, int n) {
    double w[MOST], a = 0, c = 0;
    for (int i = 0; i < n; i++) w[i] = 1;
    for (int round = 0; round < 4; round++) {
        double s = 0, sg = 0, sgg = 0, sv = 0, svg = 0;
        for (int i = 0; i < n; i++) {
            s += w[i], sg += w[i] * g[i], sgg += w[i] * g[i] * g[i];
            sv += w[i] * (double)v[i], svg += w[i] * (double)v[i] * g[i];
        }
        double det = s * sgg - sg * sg;
        c = det > 1e-9 ? (s * svg - sg * sv) / det : 0;
        if (c < 0) c = 0; /* a site is brighter than the rest, never darker */
        a = (sv - c * sg) / s;
        for (int i = 0; i < n; i++) {
            double r = fabs((double)v[i] - a - c * g[i]);
            w[i] = r > 0.25 ? 1e-3 : 1 / fmax(r, 0.02);
        }
    }
    double sum = 0;
    for (int i = 0; i < n; i++) sum += fmin(fabs((double)v[i] - a - c * g[i]), 0.25);
    return sum;
}

double dm_cusp_fit(const float *v, int n, double ds, double margin, double *cost) {
    static const double decay[] = {15, 22, 32, 45, 65, 95};
    double g[MOST] = {0}, best = INFINITY;
    if (n > MOST) n = MOST;

    double constant = line_cost(v, g, n);
    int off = (int)lround(margin / ds);
    if (2 * off >= n) off = n / 4;
    for (int i = 0; i < n; i++) {
        cost[i] = INFINITY;
        if (i < off || i >= n - off) continue;
        for (size_t k = 0; k < sizeof decay / sizeof *decay; k++) {
            for (int j = 0; j < n; j++) g[j] = exp(-fabs((double)(j - i)) * ds / decay[k]);
            cost[i] = fmin(cost[i], line_cost(v, g, n));
        }
        best = fmin(best, cost[i]);
    }
    return constant - best;
}

/* The map in which the collection is measured: the first phase that shows it. Contrast is nearest to the tear there. */
static const float *first_map(const dm_study *st, const dm_finding *f) {
    for (int k = 0; k < st->map.n_phases; k++)
        if (st->map.phase[k].pass == f->first_pass) return st->map.phase[k].e;
    return st->map.e;
}

/* Its extent there: of the rows from..to those between the first and the last that hold two cells near its angle brighter
 * than a third of its peak. */
static void extent_in(const dm_site_params *p, const dm_finding *f, const float *e, int *from, int *to) {
    int first = -1, last = -1;
    for (int i = *from; i <= *to; i++) {
        int cells = 0;
        for (int t = 0; t < DM_NT; t++)
            cells += turn_to(t, f->theta) <= 2 * p->window_angle && (double)e[(size_t)i * DM_NT + (size_t)t] > f->peak_ratio / 3;
        if (cells < 2) continue;
        if (first < 0) first = i;
        last = i;
    }
    if (last - first >= 4) *from = first, *to = last;
}

/* Brightness of the collection along s: median of the map near its angle, then a running median of 5. */
static void brightness(const dm_study *st, const float *e, const dm_site_params *p, double theta, int from, int n, float *out) {
    float raw[MOST];
    for (int i = 0; i < n; i++) {
        float window[DM_NT];
        size_t count = 0;
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)(from + i) * DM_NT + (size_t)t;
            if (turn_to(t, theta) <= p->window_angle && e[c] >= 0 && st->map.assessed[c]) window[count++] = e[c];
        }
        raw[i] = count ? dm_rank(window, count, 0.5) : 0;
    }
    dm_median_line(raw, n, 2, out);
}

/* Brightest of the ventral shell (dura to a little beyond the bone's edge) at every row and angle: a spur stands out of its
 * own 17 mm surroundings, bone's edge does not. weight[i] is multiplied by 1 + what the spurs near it say. */
static dm_status spurs(dm_gpu *gpu, const dm_site_params *p, const dm_study *st, int from, int n, double *weight) {
    enum { HALF = 10 }; /* columns: +-50 degrees */
    double ds = st->spine.ds;
    int nr = 73, half = (int)lround(8.5 / ds), longest = (int)lround(10 / ds);
    float *polar = NULL, line[MOST], smooth[MOST], strength[MOST] = {0};
    DM_TRY(dm_curved_polar(gpu, &st->crop.raw, &st->spine, from * ds, ds, n, 0, 0.25, nr, &polar));
    double least = fmax(90, 1.3 * st->crop.noise_sd);
    for (int t = -HALF; t <= HALF; t++) {
        int column = (t + DM_NT) % DM_NT;
        for (int i = 0; i < n; i++) {
            size_t c = (size_t)(from + i) * DM_NT + (size_t)column;
            const float *v = polar + ((size_t)i * DM_NT + (size_t)column) * (size_t)nr;
            int k0 = (int)(st->canal.r_dura[c] * 4), k1 = (int)(st->canal.r_bone[c] * 4) + 1;
            line[i] = -1000;
            for (int k = k0 < 0 ? 0 : k0; k <= k1 && k < nr; k++)
                if (v[k] > line[i]) line[i] = v[k];
        }
        dm_median_line(line, n, half, smooth);
        for (int i = 0; i < n; i++) {
            int j = i;
            while (j < n && (double)(line[j] - smooth[j]) > least) j++;
            if (j - i > 0 && j - i <= longest)
                for (int k = i; k < j; k++) strength[k] += line[k] - smooth[k];
            if (j > i) i = j;
        }
    }
    free(polar);
    for (int k = 0; k < n; k++) {
        double s = (double)strength[k] * ds; /* HU summed over the row's cells and, below, over the spur's rows */
        double around = 0;
        for (int j = k - 3; j <= k + 3; j++)
            if (j >= 0 && j < n) around += (double)strength[j] * ds;
        double power = sqrt(fmax(around, 0) * fmax(s, 0));
        if (power < p->spur_strength) continue;
        double w = p->spur_weight * fmin(power / 700, 3);
        for (int i = 0; i < n; i++) {
            double d = (i - k) * ds, gain = 1 + w * exp(-d * d / 18);
            if (gain > weight[i]) weight[i] = gain;
        }
    }
    return dm_ok;
}

/* A lateral tear fills its foramen: mean brightness beyond the bony wall at each foramen against the least of the span. */
static dm_status foramina(dm_gpu *gpu, const dm_site_params *p, const dm_study *st, const dm_finding *f, int from,
                          int n, double *weight) {
    double ds = st->spine.ds, excess[DM_MAX_VERTEBRAE], least = INFINITY;
    int nr = 100;
    float *polar = NULL;
    DM_TRY(dm_curved_polar(gpu, &st->crop.raw, &st->spine, from * ds, ds, n, 0, 0.25, nr, &polar));
    for (int v = 0; v + 1 < st->levels.n; v++) {
        int at = (int)lround(dm_foramen_s(&st->levels, v) / ds) - from;
        double sum = 0, count = 0;
        excess[v] = NAN;
        if (at < 0 || at >= n) continue;
        for (int i = at - 2; i <= at + 2; i++)
            for (int t = 0; t < DM_NT && i >= 0 && i < n; t++) {
                size_t c = (size_t)(from + i) * DM_NT + (size_t)t;
                if (turn_to(t, f->theta) > p->window_angle || st->map.sac[from + i] < -20000) continue;
                double tissue = (double)st->map.tissue[t], sac = (double)st->map.sac[from + i] - tissue;
                for (int k = (int)((st->canal.r_bone[c] + 1) * 4); k <= (int)((st->canal.r_bone[c] + 5) * 4) && k < nr; k++) {
                    float value = polar[((size_t)i * DM_NT + (size_t)t) * (size_t)nr + (size_t)k];
                    if (value < -20000) continue;
                    sum += fmax(0, fmin(1.2, ((double)value - tissue) / sac)), count++;
                }
            }
        if (count > 0) excess[v] = sum / count, least = fmin(least, excess[v]);
    }
    free(polar);
    for (int v = 0; v + 1 < st->levels.n; v++) {
        if (isnan(excess[v])) continue;
        double w = p->foramen_weight * (excess[v] - least) / 0.1;
        for (int i = 0; i < n; i++) {
            double d = (from + i) * ds - dm_foramen_s(&st->levels, v), gain = 1 + w * exp(-d * d / 18);
            if (gain > weight[i]) weight[i] = gain;
        }
    }
    return dm_ok;
}

static void posterior(const dm_site_params *p, const dm_study *st, const float *e, int n, double *prob) {
    double cost[MOST], ds = st->spine.ds, least = INFINITY;
    double gain = dm_cusp_fit(e, n, ds, p->end_margin, cost);
    for (int i = 0; i < n; i++) least = fmin(least, cost[i]);
    double unit = fmax(least / n, 0.01) * p->alike / ds, power = st->modality == DM_MR ? 0 : gain > p->cusp_gain ? 1 : 0.3;
    for (int i = 0; i < n; i++) {
        double u = (i + 0.5) / n, like = isinf(cost[i]) ? 1e-3 : exp(-(cost[i] - least) / unit);
        prob[i] = (power > 0 ? pow(like, power) : 1) * (u * (1 - u));
    }
}

static void summarise(const dm_site_params *p, dm_finding *f, const double *prob, int from, int n, double ds) {
    double sum = 0, run = 0;
    int peak = 0, low = -1, high = -1;
    for (int i = 0; i < n; i++) {
        sum += prob[i];
        if (prob[i] > prob[peak]) peak = i;
    }
    for (int i = 0; i < n; i++) {
        run += prob[i];
        if (low < 0 && run >= 0.05 * sum) low = i;
        if (high < 0 && run >= 0.95 * sum) high = i;
    }
    f->s = (from + peak) * ds;
    f->site_from = fmin((from + low) * ds, f->s) - p->interval_extra;
    f->site_to = fmax((from + high) * ds, f->s) + p->interval_extra;
}

dm_status dm_site_find(dm_gpu *gpu, const dm_site_params *p, const dm_study *st, dm_finding *f) {
    double ds = st->spine.ds, prob[MOST], weight[MOST];
    float e[MOST];
    int from = (int)lround(f->s_from / ds), to = (int)lround(f->s_to / ds), n = to - from + 1;
    if (from < 0 || to >= st->map.n || n < 1) return dm_fail(DM_STUDY, "bad_extent", "a pool beyond the centre line");
    const float *map = first_map(st, f);
    if (st->map.n_phases > 1) extent_in(p, f, map, &from, &to);
    n = to - from + 1;
    if (n > MOST) n = MOST;
    for (int i = 0; i < n; i++) weight[i] = 1;
    brightness(st, map, p, f->theta, from, n, e);
    posterior(p, st, e, n, prob);
    if (f->class_ == DM_VENTRAL_TEAR && st->modality == DM_CT) DM_TRY(spurs(gpu, p, st, from, n, weight));
    if (f->class_ == DM_LATERAL_TEAR) DM_TRY(foramina(gpu, p, st, f, from, n, weight));
    for (int i = 0; i < n; i++) prob[i] *= weight[i];
    summarise(p, f, prob, from, n, ds);
    return dm_ok;
}
