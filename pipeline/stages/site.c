#include "site_parts.h"

#include <math.h>
#include <stdlib.h>

#include "level.h"
#include "places.h"

#define PI 3.14159265358979323846

double dm_site_turn(int t, double theta) {
    return fabs(fmod(5.0 * t - theta + 900, 360) - 180);
}

/* ---- the collection ---- */

static int joins(const dm_site_search *w, const dm_finding *g) {
    double turn = fabs(remainder(g->theta - w->f->theta, 360));
    if (g->class_ == DM_FISTULA || g->false_sign || g->score < w->p->piece_score || turn >= w->p->piece_angle) return 0;
    int near = 0;
    for (int k = 0; k < w->n_pieces; k++) {
        if (g == w->piece[k]) return 0;
        near |= fmax(g->s_from, w->piece[k]->s_from) - fmin(g->s_to, w->piece[k]->s_to) < w->p->piece_gap;
    }
    return near;
}

/* The dura's ties and gaps too narrow to assess cut a ventral or dorsal collection into pieces, and the tear may lie between them.
 * Beside the sac what stands in a row is sleeves. */
static void find_pieces(dm_site_search *w) {
    const dm_findings *all = &w->st->findings;
    double from = w->f->s_from, to = w->f->s_to;
    w->piece[w->n_pieces++] = w->f;
    for (int grown = !w->lateral; grown;) {
        grown = 0;
        for (int i = 0; i < all->n; i++)
            if (joins(w, &all->f[i])) w->piece[w->n_pieces++] = &all->f[i], grown = 1;
    }
    for (int k = 0; k < w->n_pieces; k++) from = fmin(from, w->piece[k]->s_from), to = fmax(to, w->piece[k]->s_to);
    w->from = (int)lround(from / w->st->spine.ds), w->to = (int)lround(to / w->st->spine.ds);
}

/* ---- what is known beforehand ---- */

/* Seldom at the ends: fluid runs both ways. Beyond them by what of the collection the map may have missed: the more, the shorter it
 * is against what such collections measure. */
static void within(const dm_site_search *w) {
    const dm_site_params *p = w->p;
    double ds = w->st->spine.ds, length = (w->to - w->from) * ds, usual = w->st->modality == DM_MR ? p->typical_mr : p->typical;
    if (w->lateral) usual = p->typical_lateral;
    double reach = p->beyond + p->beyond_short * fmax(usual - length, 0);
    for (int i = 0; i < w->st->map.n; i++) {
        double u = (i - w->from + 0.5) / (w->to - w->from + 1), out = ds * fmax(fmax(w->from - i, i - w->to), 0);
        double hump = u > 0 && u < 1 ? 4 * u * (1 - u) : 0;
        w->weight[i] = (p->ends + (1 - p->ends) * hump) * exp(-out / reach);
    }
}

static double bell(double d, double sd) {
    return exp(-d * d / (2 * sd * sd)) / (sd * sqrt(2 * PI));
}

/* Ventral tears lie at discs, lateral ones at the sleeve of a root. Each level has one of either, however long it is. */
static void at_places(const dm_site_search *w) {
    const dm_levels *l = &w->st->levels;
    double share = w->lateral ? w->p->foramen_share : w->p->disc_share, sd = w->lateral ? w->p->foramen_sd : w->p->disc_sd;
    for (int i = 0; i < w->st->map.n && l->n > 1; i++) {
        double s = i * w->st->spine.ds, sum = 0;
        for (int v = 0; v + 1 < l->n; v++)
            sum += bell(s - (w->lateral ? dm_foramen_s(l, v) : l->v[v].s_to), sd) * (l->v[v].s_to - l->v[v].s_from);
        w->weight[i] *= share * sum + 1 - share;
    }
}

/* Share of all tears of a class at one level, by the medical notes 1.2. */
typedef struct band {
    int from, to;
    double share;
} band;
static const band ventral[] = {{DM_C2 + 3, DM_C7, .14},      {DM_T1, DM_T1 + 1, .36},      {DM_T1 + 2, DM_T1 + 3, .18},
                               {DM_T1 + 4, DM_T1 + 5, .13},  {DM_T1 + 6, DM_T1 + 8, .11},  {DM_T1 + 9, DM_T12, .07}};
static const band lateral[] = {{DM_T1, DM_T1 + 5, .15}, {DM_T1 + 6, DM_T1 + 8, .30}, {DM_T1 + 9, DM_T12, .40}, {DM_L1, DM_L1 + 2, .15}};

static double share_at(const band *b, size_t n, int level) {
    for (size_t k = 0; k < n; k++)
        if (level >= b[k].from && level <= b[k].to) return b[k].share / (b[k].to - b[k].from + 1);
    return 0;
}

/* The series are of 14 to 25 patients: they are believed in part, and not where the levels are a guess. */
static void by_level(const dm_site_search *w) {
    const dm_levels *l = &w->st->levels;
    if (!l->anchored) return;
    for (int i = 0; i < w->st->map.n; i++) {
        double s = i * w->st->spine.ds, share;
        int upper, lower, foramen = dm_foramen_at(l, s);
        dm_nearest_disc(l, s, &upper, &lower);
        if (w->lateral) share = foramen < 0 ? 0 : share_at(lateral, sizeof lateral / sizeof *lateral, l->v[foramen].level);
        else share = share_at(ventral, sizeof ventral / sizeof *ventral, upper);
        w->weight[i] *= w->p->level_trust * 18 * share + 1 - w->p->level_trust; /* 18 levels, C5 to L3 */
    }
}

/* ---- the answer ---- */

/* Rows of `share` of the whole that lie closest together and hold row `site`. */
static void shortest(const double *weight, int n, int site, double share, int *from, int *to) {
    double sum = 0, held = 0;
    for (int i = 0; i < n; i++) sum += weight[i];
    *from = 0, *to = n - 1;
    for (int a = 0, b = -1; a <= site; held -= weight[a++]) {
        while (b + 1 < n && (held < share * sum || b < site)) held += weight[++b];
        if (held < share * sum) break;
        if (b - a < *to - *from) *from = a, *to = b;
    }
}

/* Where most of it lies within 10 mm (s.d.): what a site is good for. The middle of it where nothing stands out. */
static int densest(const double *weight, int n, double ds) {
    int best = 0, reach = (int)lround(30 / ds);
    double most = -1;
    for (int i = 0; i < n; i++) {
        double sum = 0;
        for (int j = i > reach ? i - reach : 0; j <= i + reach && j < n; j++) sum += weight[j] * bell((i - j) * ds, 10);
        if (sum > most) most = sum, best = i;
    }
    return best;
}

static void summarise(const dm_site_search *w, dm_finding *f) {
    double ds = w->st->spine.ds;
    int n = w->st->map.n, from, to, site = densest(w->weight, n, ds);
    shortest(w->weight, n, site, 0.9, &from, &to);
    f->s = site * ds;
    f->site_from = from * ds - w->p->interval_extra;
    f->site_to = to * ds + w->p->interval_extra;
}

dm_status dm_site_find(const dm_site_params *p, const dm_study *st, const dm_site_seen *seen, dm_finding *f) {
    dm_site_search w = {.p = p, .st = st, .seen = seen, .f = f, .lateral = f->side == DM_LEFT || f->side == DM_RIGHT};
    find_pieces(&w);
    if (w.from < 0 || w.to >= st->map.n || w.to < w.from) return dm_fail(DM_STUDY, "bad_extent", "a pool beyond the centre line");
    int ct = st->modality == DM_CT, good;
    w.weight = malloc((size_t)st->map.n * sizeof *w.weight), w.line = malloc((size_t)st->map.n * sizeof *w.line);
    good = w.weight && w.line && (!ct || dm_site_density_line(&w));
    dm_status status = good ? dm_ok : dm_fail(DM_STUDY, "out_of_memory", "no memory for the site of a pool");
    if (good) {
        within(&w);
        if (w.lateral || f->side == DM_VENTRAL) at_places(&w), by_level(&w);
        if (f->side == DM_VENTRAL) dm_site_spurs(&w);
        if (w.lateral) dm_site_foramina(&w);
        if (ct) status = dm_site_density(&w);
    }
    if (dm_good(status)) summarise(&w, f);
    free(w.weight), free(w.line);
    return status;
}
