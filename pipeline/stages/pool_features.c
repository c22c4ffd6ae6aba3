/* What is measured of a pool, and how far that speaks for a leak. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "blurred.h"
#include "dialect.h"
#include "findings_parts.h"
#include "frame.h"
#include "odds.h"
#include "phases.h"
#include "places.h"
#include "ranks.h"
#include "spill.h"

#define PI 3.14159265358979323846

/* What runs out of a foramen may read brighter than the pool by this factor: the pool is a layer that the blur dims. */
static const double brighter = 1.3;
/* And it does so within a vertebra of the pool's middle: a chain of sleeves has many foramina, one of which always looks unusual. */
static const double vertebra_mm = 25;

/* Lists of one figure per cell of the pool; their ranks become the features. */
enum { E, LOW, HARD, THICK, DARK, MIRROR, USUAL, GAP, EDGE, NOISE, UNUSUAL, LISTS };

typedef struct cells {
    float *list[LISTS];
    size_t n;
    double area, volume, peak, open, roots;
    int from, to, rows;
    uint8_t column[DM_NT]; /* 1 = the pool has a cell at this angle */
} cells;

/* Share of the sac by which a cell stands above soft tissue: epidural veins, muscle and ligament are no
 * contrast, however weak the sac is beside them. */
static double above_soft_tissue(const dm_findings_params *p, const dm_study *st, double value, int i,
                                double e) {
    double sac = (double)st->map.sac[i];
    if (st->modality != DM_CT) return e;
    return sac > p->soft_tissue_hu + 1 ? fmax(0, (value - p->soft_tissue_hu) / (sac - p->soft_tissue_hu)) : 0;
}

/* The rows that lie alike in other vertebrae (dm_rows_alike). */
typedef struct rows_alike {
    int row[DM_ALIKE], n;
} rows_alike;

/* Vertebrae that the rows `own` reach are left out, so a collection along all of the spine is compared with nothing. */
static rows_alike alike_of(const dm_study *st, dm_rows own, int i) {
    rows_alike a;
    a.n = dm_rows_alike(&st->levels, st->spine.ds, st->map.n, i, own, a.row);
    return a;
}

/* What lies at this angle of other vertebrae, on either side or on its own, in a map v: the larger median, `none` where
 * fewer than four can be compared. Root sleeves, laminae that touch the sac, ligaments and the epidural plexus come with every
 * vertebra; a tear does not. */
static double usual_at(const dm_study *st, const float *v, const rows_alike *a, int t, double none) {
    const dm_map *m = &st->map;
    float value[2 * DM_ALIKE], own_side[DM_ALIKE];
    size_t n = 0, n_own = 0;
    for (int k = 0; k < a->n; k++) {
        size_t row = (size_t)a->row[k] * DM_NT, same = row + (size_t)t, other = row + (size_t)dm_column_mirrored(t);
        if (m->assessed[same]) value[n++] = own_side[n_own++] = v[same];
        if (m->assessed[other]) value[n++] = v[other];
    }
    double both = n >= 4 ? (double)dm_rank(value, n, 0.5) : none;
    return n_own >= 4 ? fmax((double)dm_rank(own_side, n_own, 0.5), both) : both;
}

/* By how much a cell's valley is brighter than elsewhere: at other vertebrae and, where it faces a side, on the other, unless the pool
 * is there too. In front a collection lies on both sides of the dura's tie to the ligament, which may part it. A lamina that touches the
 * sac hides what lies between, as a pool does; but it does so at every level and on both sides. Elsewhere counts as no darker than
 * healthy cells of its gap are. Negative where nothing can be compared. */
static double unusual_at(const dm_findings_params *p, const dm_study *st, const dm_pool_cells *in, int which, const rows_alike *a, int i,
                         int t) {
    size_t row = (size_t)i * DM_NT, c = row + (size_t)t, mirrored = row + (size_t)dm_column_mirrored(t);
    const double middle = 25; /* degrees from straight behind within which the other side is the same */
    double turn = dm_column_turn(t), usual = usual_at(st, st->map.valley, a, t, (double)NAN);
    if (turn > p->ventral_angle && turn < 180 - middle && st->map.assessed[mirrored] && in->label[mirrored] != which)
        usual = fmax(usual, (double)st->map.valley[mirrored]);
    return isnan(usual) ? -1 : fmax((double)st->map.valley[c] - fmax(usual, 0), 0);
}

/* 1 where roots have settled before the dura at this angle within 15 mm along the line. */
static int near_roots(const dm_study *st, int i, int t) {
    int reach = (int)lround(15 / st->spine.ds);
    for (int j = i > reach ? i - reach : 0; st->canal.roots && j <= i + reach && j < st->canal.n; j++)
        if (st->canal.roots[j * DM_NT + t]) return 1;
    return 0;
}

static void add_cell(const dm_findings_params *p, const dm_study *st, const dm_pool_cells *in, int which, dm_rows own, int i, int t,
                     cells *o) {
    const dm_map *m = &st->map;
    size_t row = (size_t)i * DM_NT, c = row + (size_t)t, mirrored = row + (size_t)dm_column_mirrored(t), n = o->n++;
    double tissue = (double)m->beside[c], height = (double)m->sac[i] - tissue, e = (double)m->e[c];
    double arc = 2 * PI / DM_NT, rd = (double)st->canal.r_dura[c], th = (double)m->thickness[c];
    double low = (double)in->low[c];
    rows_alike others = alike_of(st, own, i);
    o->list[E][n] = m->e[c];
    o->list[LOW][n] = (float)low;
    o->list[HARD][n] = (float)above_soft_tissue(p, st, tissue + low * height, i, low);
    o->list[THICK][n] = m->thickness[c];
    o->list[DARK][n] = m->d[c];
    o->list[MIRROR][n] = m->e[c] - (m->assessed[mirrored] ? m->e[mirrored] : 0);
    o->list[USUAL][n] = (float)usual_at(st, m->e, &others, t, 0);
    o->list[GAP][n] = st->canal.r_bone[c] - st->canal.r_dura[c];
    o->list[EDGE][n] = st->canal.q_dura[c];
    o->list[NOISE][n] = (float)(st->crop.noise_sd / fmax(height, 1));
    if (in->whole.to >= in->whole.from) others = alike_of(st, in->whole, i);
    o->list[UNUSUAL][n] = (float)unusual_at(p, st, in, which, &others, i, t);
    o->area += st->spine.ds * rd * arc;
    o->volume += st->spine.ds * (rd + th / 2) * arc * th;
    o->peak = fmax(o->peak, tissue + e * height);
    o->open += st->canal.no_bone[c];
    o->roots += near_roots(st, i, t);
    o->column[t] = 1;
}

/* The rows that count as the pool's own when it is compared with other vertebrae. In front all that it spans:
 * the dura's ties cut a ventral collection into pieces at every level. Behind and at the sides the piece
 * alone: laminae and sleeves that were joined stand in a row. */
static dm_rows own_rows(const dm_pool_cells *in, dm_side side, size_t c, const cells *o) {
    return side == DM_VENTRAL || !in->piece[c] ? (dm_rows){o->from, o->to} : in->extent[in->piece[c]];
}

static void gather(const dm_findings_params *p, const dm_study *st, const dm_pool_cells *in, int which,
                   dm_side side, cells *o) {
    o->from = st->map.n, o->to = -1, o->peak = -1e9;
    for (int i = 0; i < st->map.n; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            if (in->label[c] != which || !st->map.assessed[c]) continue;
            if (i < o->from) o->from = i;
            o->to = i;
        }
    for (int i = o->from; i <= o->to; i++) {
        size_t before = o->n;
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            if (in->label[c] == which && st->map.assessed[c])
                add_cell(p, st, in, which, own_rows(in, side, c, o), i, t, o);
        }
        o->rows += o->n - before >= 2;
    }
}

/* Median E at the pool's angles 5 to 25 mm beyond its ends: what lies there all along is anatomy or a
 * surface's error. */
static double around(const dm_study *st, const cells *o, float *work) {
    size_t n = 0;
    int near = (int)lround(5 / st->spine.ds), far = (int)lround(25 / st->spine.ds);
    for (int i = o->from - far; i <= o->to + far; i++) {
        if (i < 0 || i >= st->map.n || (i > o->from - near && i < o->to + near)) continue;
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            if (o->column[t] && st->map.assessed[c]) work[n++] = st->map.e[c];
        }
    }
    return n ? (double)dm_rank(work, n, 0.5) : 0;
}

/* `size` saturates where nothing else is that large: 40 mm long, 200 mm2. Beside size and the brightness
 * above soft tissue only what anatomy says: whether fat is as bright as fluid, that on CT what is brighter
 * than the sac itself is bone, or sac beside a lost surface, that below S1 the sac tapers, surfaces fail and
 * leaks are rare, that on MR a pool is fluid and not blood in the plexus, which comes in pairs, that neither
 * other vertebrae nor the other side show the same, that on CT the corner where body and pedicle meet is bright in a narrow gap: a ventral
 * collection lies across the middle, that laminae come nearest to the dura between side and back, where settled roots dent it too, that
 * a pool lies outside of a dura that is seen, but (CT) no more clearly than its own brightness beyond it allows, that a gap of about the blur's full
 * width (CT) reads as its walls make it, that discs have neither cortex nor marrow: before and behind the sac bone is bright at bodies
 * and laminae alone, that on CT a dura makes no step: where it seems to, what lies outside of it are roots inside the true one, and that near an end of the
 * line the surfaces are held from one side only; that neither other vertebrae nor the other side lack the dark line before the bone, too, that on CT contrast beside the sac runs out
 * through the foramen, and that a pool which fills a narrow gap leaves no sharp dura: one that is seen there stands before bone. */
void dm_pool_terms(const dm_findings_params *p, const dm_study *st, const dm_finding *f, double x[DM_ODDS]) {
    const dm_pool_features *q = &f->pool;
    double size = q->fill * sqrt(fmin(f->length_mm, 40) / 20 * fmin(q->area_mm2, 200) / 60);
    int lateral = f->side == DM_LEFT || f->side == DM_RIGHT, mr = st->modality == DM_MR;
    double narrow = mr ? 0 : fmin(fmax((1.3 - q->gap_mm / (DM_FULL_WIDTH * st->map.blur)) / 0.5, 0), 1.5);
    double middle = (f->s_from + f->s_to) / 2, end_mm = fmin(middle, (st->spine.n - 1) * st->spine.ds - middle);
    double alike = lateral ? 1 - fmax(q->mirror, 0) / fmax(q->p90, fmax(q->mirror, 0.05)) : 0;
    const double terms[DM_ODDS] = {1,
                                   log(fmax(size, 0.03)),
                                   log(fmax(q->hard, 0.005)),
                                   st->map.fat_bright,
                                   st->modality == DM_CT ? fmin(fmax((q->p90 - 1) / 0.1, 0), 1) : 0,
                                   f->class_ == DM_SACRAL,
                                   mr ? fmin(fmax((p->fluid_share - q->low) / 0.1, 0), 2) : 0,
                                   q->usual,
                                   mr ? 0 : alike,
                                   st->modality == DM_CT && f->side == DM_VENTRAL ? fmin(fmax((fabs(f->theta) - 15) / 25, 0), 1) : 0,
                                   mr ? fmin(fmax((alike - 0.6) / 0.3, 0), 1) : 0,
                                   fmax(1 - fabs(fabs(f->theta) - 125) / 30, 0),
                                   q->edges,
                                   narrow,
                                   q->roots,
                                   !mr,
                                   mr || lateral || isnan(q->discs) ? 0 : fmin(fmax((0.6 - q->discs) / 0.6, 0), 1),
                                   mr ? 0 : q->edges - fmin(fmax((1 - q->p90) / 0.5, 0), 1),
                                   mr ? 0 : fmin(fmax(q->dent - 1.1, 0), 1.5),
                                   fmin(fmax((20 - end_mm) / 12, 0), 1),
                                   isnan(q->unusual) ? 0 : log(fmax(q->unusual, 0.02) / 0.1),
                                   lateral ? fmin(q->spill / fmax(q->p90, 0.2), 1) : 0,
                                   narrow * q->edges};
    memcpy(x, terms, sizeof terms);
}

/* Probability that the pool is contrast outside the dura, by logistic regression on phantoms (README, "How
 * sure"). */
static double probability(const dm_findings_params *p, const dm_study *st, const dm_finding *f) {
    const double odds[DM_ODDS] = {p->odds_base,   p->odds_size, p->odds_hard,  p->odds_fat,   p->odds_over,
                                  p->odds_sacral, p->odds_dim,  p->odds_usual, p->odds_alike, p->odds_corner,
                                  p->odds_pair,   p->odds_behind, p->odds_edge, p->odds_narrow, p->odds_roots,
                                  p->odds_ct,     p->odds_discs, p->odds_fall,  p->odds_dent,   p->odds_end,   p->odds_unusual,
                                  p->odds_spill,  p->odds_touch};
    double x[DM_ODDS];
    dm_pool_terms(p, st, f, x);
    return dm_probability(odds, x, DM_ODDS);
}

static dm_class class_of(const dm_study *st, const dm_finding *f, dm_side side) {
    double sacrum;
    if (dm_level_top(&st->levels, DM_S1, &sacrum) && f->s > sacrum) return DM_SACRAL;
    if (side == DM_VENTRAL) return DM_VENTRAL_TEAR;
    return side == DM_DORSAL ? DM_DORSAL_TEAR : DM_LATERAL_TEAR;
}

static double rank(cells *o, int which, double share) {
    return (double)dm_rank(o->list[which], o->n, share);
}

/* Distance of s from the next disc, share of its vertebra's height; 1 where no vertebra is known. */
static double from_disc(const dm_levels *l, double s) {
    for (int k = 0; k < l->n; k++)
        if (s >= l->v[k].s_from && s < l->v[k].s_to) return fmin(s - l->v[k].s_from, l->v[k].s_to - s) / (l->v[k].s_to - l->v[k].s_from);
    return 1;
}

/* How bright the pool is behind discs, as a share of what it is behind bodies: medians of E at its angles over the rows within a sixth of a
 * vertebra of a disc, and over the others. Discs have no cortex and no marrow: what is bright behind bodies alone is bone. NAN where its
 * extent holds no disc, or no body. */
static double behind_discs(const dm_study *st, const cells *o, float *work) {
    double middle[2];
    for (int disc = 0; disc < 2; disc++) {
        size_t n = 0;
        for (int i = o->from; i <= o->to; i++) {
            if ((from_disc(&st->levels, i * st->spine.ds) < 1.0 / 6) != disc) continue;
            for (int t = 0; t < DM_NT; t++) {
                size_t c = (size_t)i * DM_NT + (size_t)t;
                if (o->column[t] && st->map.assessed[c]) work[n++] = st->map.e[c];
            }
        }
        middle[disc] = n >= 20 ? (double)dm_rank(work, n, 0.5) : (double)NAN;
    }
    return middle[1] / fmax(middle[0], 0.02);
}

/* Radii of the dura at one of the pool's angles: over its rows (beyond 0), or over those from 2 to 10 mm beyond its ends; how many. */
static size_t radii_at(const dm_study *st, const cells *o, int t, int beyond, float *out) {
    int near = (int)lround(2 / st->spine.ds), far = beyond ? (int)lround(10 / st->spine.ds) : 0;
    size_t n = 0;
    for (int i = dm_max(o->from - far, 0); i <= dm_min(o->to + far, st->canal.n - 1); i++)
        if (!beyond || i <= o->from - near || i >= o->to + near) out[n++] = st->canal.r_dura[i * DM_NT + t];
    return n;
}

/* 1 = the dura beside the pool at this angle is mostly seen as a line between two layers of fluid: a step it is not. */
static int mostly_parted(const dm_study *st, const cells *o, int t) {
    int n = 0;
    for (int i = o->from; st->canal.parted && i <= o->to; i++) n += st->canal.parted[i * DM_NT + t];
    return 2 * n > o->to - o->from + 1;
}

/* Median over the pool's angles of what the dura's median radius beyond its ends exceeds that beside it by, mm; 0 at angles where a line
 * shows that it is pushed in. */
static double dent_of(const dm_study *st, const cells *o, float *work) {
    float deeper[DM_NT];
    size_t n = 0;
    for (int t = 0; t < DM_NT; t++) {
        if (!o->column[t]) continue;
        size_t m = radii_at(st, o, t, 1, work);
        if (m == 0) continue;
        float beyond = dm_rank(work, m, 0.5);
        deeper[n++] = mostly_parted(st, o, t) ? 0.0f : beyond - dm_rank(work, radii_at(st, o, t, 0, work), 0.5);
    }
    return n ? (double)dm_rank(deeper, n, 0.5) : 0;
}

/* Median of UNUSUAL over the pool's brighter part, whose low rank exceeds half of its highest: dim margins tell nothing, and a core and
 * its whole are alike in it. NAN where nothing can be compared. Call before LOW is ranked, which sorts it. */
static double unusual_of(const cells *o, float *work) {
    float top = 0;
    size_t n = 0;
    for (size_t k = 0; k < o->n; k++) top = fmaxf(top, o->list[LOW][k]);
    for (size_t k = 0; k < o->n; k++)
        if (o->list[UNUSUAL][k] >= 0 && o->list[LOW][k] >= 0.5f * top) work[n++] = o->list[UNUSUAL][k];
    return n ? (double)dm_rank(work, n, 0.5) : (double)NAN;
}

static void summarise(const dm_study *st, cells *o, float *work, dm_finding *f) {
    double ds = st->spine.ds, n = (double)o->n, unusual = unusual_of(o, work);
    f->s_from = ds * o->from, f->s_to = ds * o->to, f->s = (f->s_from + f->s_to) / 2;
    f->length_mm = ds * (o->to - o->from + 1);
    f->volume_mm3 = o->volume;
    f->peak_value = o->peak;
    f->peak_ratio = rank(o, E, 0.9);
    f->thickness_mm = rank(o, THICK, 0.5);
    f->pool = (dm_pool_features){.area_mm2 = o->area,
                                 .fill = (double)o->rows / (o->to - o->from + 1),
                                 .p90 = f->peak_ratio,
                                 .low = rank(o, LOW, 0.9),
                                 .hard = rank(o, HARD, 0.9),
                                 .dark_gap = rank(o, DARK, 0.5),
                                 .mirror = rank(o, MIRROR, 0.5),
                                 .beyond = f->peak_ratio - around(st, o, work),
                                 .usual = fmin(rank(o, USUAL, 0.5) / fmax(rank(o, E, 0.5), 1e-3), 1),
                                 .gap_mm = rank(o, GAP, 0.5),
                                 .unusual = unusual,
                                 .roots = o->roots / n,
                                 .edges = rank(o, EDGE, 0.5),
                                 .open_bone = o->open / n,
                                 .noise = rank(o, NOISE, 0.5),
                                 .dent = dent_of(st, o, work),
                                 .discs = behind_discs(st, o, work)};
    if (f->side == DM_LEFT || f->side == DM_RIGHT)
        f->pool.spill = dm_spill(st, f->side == DM_LEFT ? 1 : -1, fmax(f->s_from, f->s - vertebra_mm), fmin(f->s_to, f->s + vertebra_mm),
                                 brighter * f->peak_ratio);
}

/* In which pass the pool is first seen, and how bright against the last: 90th percentiles over its cells. */
static void phases_of(const dm_findings_params *p, const dm_study *st, const int *label, int which,
                      float *work, dm_finding *f) {
    const dm_map *m = &st->map;
    int first = dm_phase_first(st, label, which, p->hysteresis_high);
    double bright[2];
    f->first_pass = first >= 0 ? m->phase[first].pass : 0;
    f->early_late = NAN;
    if (m->n_phases < 2) return;
    for (int k = 0; k < 2; k++) {
        size_t n = 0;
        const float *e = m->phase[k ? m->n_phases - 1 : 0].e;
        for (size_t c = 0; c < (size_t)m->n * DM_NT; c++)
            if (label[c] == which && e[c] >= 0) work[n++] = e[c];
        bright[k] = n ? (double)dm_rank(work, n, 0.9) : (double)NAN;
    }
    f->early_late = bright[1] > 0.05 ? bright[0] / bright[1] : (double)NAN;
}

dm_status dm_pool_measure(const dm_findings_params *p, const dm_study *st, const dm_pool_cells *in, int which,
                          dm_finding *f) {
    size_t n = (size_t)st->map.n * DM_NT;
    float *room = malloc((LISTS + 1) * n * sizeof *room);
    cells o = {0};
    if (!room) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the features of a pool");
    for (int k = 0; k < LISTS; k++) o.list[k] = room + (size_t)k * n;
    f->side = dm_side_of(p, f->theta);
    gather(p, st, in, which, f->side, &o);
    f->length_mm = 0;
    if (o.n) {
        summarise(st, &o, room + LISTS * n, f);
        f->class_ = class_of(st, f, f->side);
        f->score = probability(p, st, f);
        phases_of(p, st, in->label, which, room, f);
    }
    free(room);
    return dm_ok;
}
