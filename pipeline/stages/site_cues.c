/* What a scan shows of a tear: density along the collection, spurs, contrast that leaves by a foramen. */
#include <math.h>
#include <stdlib.h>

#include "places.h"
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

/* One pass: its density is even, or it has a peak, some millimetres from the tear. */
static void one_pass(const dm_site_search *w, const float *line, double *like) {
    int n = w->to - w->from + 1;
    double ds = w->st->spine.ds;
    dm_site_cusp(w->p, line + w->from, n, ds, like);
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

/* Where a later pass shows the collection and an earlier one shows no contrast yet, the front had not come: the tear is elsewhere. */
static void not_yet(const dm_site_search *w, const float *early) {
    for (int i = w->from; i <= w->to; i++) {
        double room = (double)w->line[i] - w->usual, come = ((double)early[i] - w->usual) / room;
        if (isnan(come) || room < w->p->line_room) continue;
        w->weight[i] *= w->p->before_front + (1 - w->p->before_front) * fmin(fmax(2 * come, 0), 1);
    }
}

/* 1 = phase k was taken before the measured pass. */
static int is_earlier(const dm_map *m, int k) {
    for (int j = 0; j < k; j++)
        if (m->phase[j].pass == 0) return 0;
    return m->phase[k].pass != 0;
}

dm_status dm_site_density(const dm_site_search *w) {
    const dm_map *m = &w->st->map;
    float *line = malloc((size_t)m->n * sizeof *line);
    double *like = malloc((size_t)(w->to - w->from + 1) * sizeof *like);
    int good = line && like;
    if (good) one_pass(w, w->line, like);
    for (int k = 0; k < m->n_phases && good; k++) {
        if (!m->phase[k].shell) continue;
        good = dm_site_line(w, m->phase[k].shell, line);
        for (int i = 0; i < m->n && good; i++)
            if (isnan(w->line[i])) line[i] = NAN;
        if (good) one_pass(w, line, like);
        if (good && is_earlier(m, k)) not_yet(w, line);
    }
    free(line), free(like);
    return good ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for the density of a pool");
}

/* ---- spurs ---- */

/* A spur was seen at 10 of 14 operated ventral tears [beck16], within 5 mm here; others have one too. How many times more often a
 * z is seen at spurs than at other discs, fitted on phantoms (bench_leaks, seed 7101): on MR a disc's own bulge is as dark. */
void dm_site_spurs(const dm_site_search *w) {
    static const struct {
        double even, slope; /* s.d.; 1 / s.d. */
    } fit[] = {[DM_CT] = {3.5, 0.7}, [DM_MR] = {4.5, 0.3}};
    double even = fit[w->st->modality].even, slope = fit[w->st->modality].slope;
    for (int i = 0; i < w->st->map.n; i++) {
        int middle = (int)lround(i * w->st->spine.ds);
        double z = 0;
        for (int j = middle > 5 ? middle - 5 : 0; j <= middle + 5 && j < w->seen->n; j++) z = fmax(z, (double)w->seen->spur[j]);
        double odds = fmin(fmax(exp(slope * (z - even)), 0.3), w->p->spur_most);
        w->weight[i] *= 1 - w->p->spur_share + w->p->spur_share * odds;
    }
}

/* ---- foramina ---- */

/* A lateral tear's fluid leaves by its foramen, which is then brighter than the one of the other side. */
void dm_site_foramina(const dm_site_search *w) {
    const dm_levels *l = &w->st->levels;
    for (int v = 0; v + 1 < l->n; v++) {
        double z = w->f->side == DM_LEFT ? w->seen->left[v] : -w->seen->left[v];
        if (isnan(z)) continue;
        double gain = w->p->foramen_weight * fmin(fmax(z - 1, 0), 3);
        for (int i = 0; i < w->st->map.n; i++) {
            double d = i * w->st->spine.ds - dm_foramen_s(l, v);
            w->weight[i] *= 1 + gain * exp(-d * d / (2 * w->p->foramen_sd * w->p->foramen_sd));
        }
    }
}
