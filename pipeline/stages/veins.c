#include "veins.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "basivertebral.h"
#include "blood.h"
#include "frame.h"
#include "level.h"
#include "odds.h"
#include "places.h"
#include "vein_odds.h"

#define PI 3.14159265358979323846
static const double A0 = DM_VEIN_A0, L0 = DM_VEIN_L0, STEP = DM_VEIN_STEP, DS = DM_VEIN_DS;
/* Samples of a root's tube of 3 by 8 mm. */
static const double ROOT_VOXELS = 110;
/* Enhanced blood is mixed after a minute; veins differ from the aorta by no more than this, HU. */
static const double BLOOD_SPREAD = 30;
enum { NA = DM_VEIN_NA, NL = DM_VEIN_NL };

typedef dm_vein_piece piece;

typedef struct work {
    const dm_veins_params *p;
    const dm_vein_box *b;
    dm_study *st;
    dm_vein_pieces pieces;
    dm_finding *found; /* all candidates, as probable as each is by itself */
    int n;
} work;

double dm_iodine_at(double kvp) {
    /* one iodine sample in HU (medical notes 2.2, mono12) */
    static const double at[3] = {100, 120, 140}, hu[3] = {682, 506, 329};
    if (!(kvp > 0)) return 1;
    int i = kvp < at[1] ? 0 : 1;
    double k = fmin(fmax(kvp, 70), 150);
    return (hu[i] + (hu[i + 1] - hu[i]) * (k - at[i]) / (at[i + 1] - at[i])) / hu[1];
}

double dm_vein_least(const dm_veins_params *p, const dm_study *st) {
    double kvp = st->n_passes ? st->pass[0].facts.kvp : NAN;
    return p->blood_hu + (p->least_hu - p->blood_hu) * dm_iodine_at(kvp);
}

/* What leaves the scan is cut; what begins elsewhere drains no root. */
static int is_vein(const work *w, const piece *q) {
    const dm_veins_params *p = w->p;
    double length = dm_vein_piece_length(q);
    if (!q->voxels || q->near > p->near_mm || q->low[0] < p->end_mm ||
        q->high[0] > (w->b->nz - 1) * DS - p->end_mm)
        return 0;
    return length <= p->most_mm && length >= p->least_mm;
}

/* The study's own: values of all pieces that could be veins or roots, put into `value`, room for all pieces.
 */
static dm_blood own_blood(const work *w, float *value) {
    const double least = dm_vein_least(w->p, w->st);
    size_t n = 0;
    for (int i = 0; i < w->pieces.n; i++) {
        const piece *q = &w->pieces.v[i];
        /* thin bright ones are rims of bone, of all places: no root is as thin */
        int thin = (double)q->voxels < ROOT_VOXELS;
        if (is_vein(w, q) && !(thin && q->value > 1.5 * least * q->weight))
            value[n++] = (float)(q->value / q->weight);
    }
    return dm_blood_of(value, n, least, fmax(w->st->crop.noise_sd / 4, 5));
}

/* Gas within 8 mm of the piece's box, below the lungs: bowel, whose contents and wall may shine. */
static int by_bowel(const work *w, const piece *q) {
    if (w->st->levels.v[q->foramen].level < DM_L1) return 0;
    int x0 = (int)((q->low[2] - 8 - L0) / STEP), x1 = (int)((q->high[2] + 8 - L0) / STEP);
    int y0 = (int)((q->low[1] - 8 - A0) / STEP), y1 = (int)((q->high[1] + 8 - A0) / STEP);
    for (int z = (int)q->low[0]; z <= (int)q->high[0]; z++)
        for (int y = dm_clampi(y0, 0, NA - 1); y <= dm_clampi(y1, 0, NA - 1); y++)
            for (int x = dm_clampi(x0, 0, NL - 1); x <= dm_clampi(x1, 0, NL - 1); x++) {
                float v = w->b->box[dm_at(x, y, z, NL, NA)];
                if (v < -300 && !dm_is_outside(v)) return 1;
            }
    return 0;
}

/* What besides a fistula may shine here. */
static dm_false_sign sign_of(const work *w, const dm_blood *b, const piece *q, double value) {
    const dm_findings *f = &w->st->findings;
    if (f->signs >> DM_SIGN_IV & 1 && value < f->aorta_hu + fmin(b->spread, BLOOD_SPREAD)) return DM_SIGN_IV;
    return by_bowel(w, q) ? DM_SIGN_BOWEL : DM_NO_SIGN;
}

static double share_of_sac(const work *w, double s, double value) {
    int row = (int)lround(s / w->st->spine.ds);
    double sac = (double)w->st->map.sac[row >= w->st->map.n ? w->st->map.n - 1 : row];
    return sac > 0 ? value / sac : 0;
}

static void take_piece(work *w, const dm_blood *b, const piece *q) {
    double value = dm_vein_piece_value(q);
    if (!is_vein(w, q) || value < b->least) return;
    dm_finding *g = &w->found[w->n++];
    *g = (dm_finding){.class_ = DM_FISTULA,
                      .false_sign = sign_of(w, b, q, value),
                      .side = q->near_l > 0 ? DM_LEFT : DM_RIGHT,
                      .s = q->near_s,
                      .s_from = q->low[0],
                      .s_to = q->high[0],
                      .site_from = q->near_s - 5,
                      .site_to = q->near_s + 5,
                      .theta = atan2(q->near_l, q->near_a) * 180 / PI,
                      .r = sqrt(q->near_l * q->near_l + q->near_a * q->near_a),
                      .volume_mm3 = (double)q->voxels * STEP * STEP * DS,
                      .peak_value = q->peak,
                      .peak_ratio = share_of_sac(w, q->near_s, value),
                      .length_mm = dm_vein_piece_length(q),
                      .thickness_mm = dm_vein_width(q)};
    dm_vein_terms(w->b, b, q, g->vein);
    g->score = dm_probability(w->p->odds, g->vein, DM_VEIN_TERMS);
}

static void take_body_way(work *w, const dm_body_way *way) {
    const dm_veins_params *p = w->p;
    const dm_vertebra *v = &w->st->levels.v[way->level];
    const double odds[2] = {p->body_base, p->body_over},
                 terms[2] = {1, (way->tube - way->usual) / fmax(way->spread, p->body_spread)};
    w->found[w->n++] = (dm_finding){.class_ = DM_FISTULA,
                                    .in_body = 1,
                                    .volume_mm3 = NAN, /* marrow hides its edge */
                                    .score = dm_probability(odds, terms, 2),
                                    .side = way->l > 0 ? DM_LEFT : DM_RIGHT,
                                    .s = way->s,
                                    .s_from = v->s_from,
                                    .s_to = v->s_to,
                                    .site_from = v->s_from,
                                    .site_to = v->s_to,
                                    .theta = atan2(way->l, way->a) * 180 / PI,
                                    .r = sqrt(way->l * way->l + way->a * way->a),
                                    .peak_value = way->value,
                                    .peak_ratio = share_of_sac(w, way->s, way->value),
                                    .length_mm = DM_BODY_WAY_MM};
}

/* Pieces beside the spine, and veins inside the bodies, whatever the marrow: each against the other bodies.
 */
static dm_status take_all(work *w) {
    dm_body_way way[DM_MAX_VERTEBRAE];
    size_t most = (size_t)w->pieces.n + DM_MAX_VERTEBRAE;
    float *value = malloc(most * sizeof *value);
    double *odds = malloc(most * sizeof *odds);
    w->found = malloc(most * sizeof *w->found);
    dm_status status = dm_ok;
    if (!value || !odds || !w->found) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for %zu candidates of veins", most);
        goto out;
    }
    const dm_blood b = own_blood(w, value);
    for (int i = 0; i < w->pieces.n; i++) take_piece(w, &b, &w->pieces.v[i]);
    DM_TRY_OUT(dm_basivertebral_ways(w->b, way));
    for (int k = 0; k < w->st->levels.n; k++)
        if (way[k].level >= 0) take_body_way(w, &way[k]);
    dm_vein_alone(w->found, w->n, odds);
out:
    free(value), free(odds);
    return status;
}

/* Into the study's list; once it is full, in place of the weakest vein. */
static void list(dm_findings *f, const dm_finding *q) {
    dm_finding *weakest = NULL;
    if (f->n < DM_MAX_FINDINGS) {
        f->f[f->n++] = *q;
        return;
    }
    for (int i = 0; i < f->n; i++)
        if (f->f[i].class_ == DM_FISTULA && f->f[i].score < (weakest ? weakest : q)->score)
            weakest = &f->f[i];
    if (weakest) *weakest = *q;
}

dm_status dm_veins_find(dm_gpu *gpu, const dm_veins_params *p, dm_study *st) {
    dm_vein_box box;
    work w = {.p = p, .st = st, .b = &box};
    dm_status status = dm_ok;
    int filled = 0;
    for (int i = 0; i < st->canal.n; i++) filled += st->canal.filled[i];
    if (st->modality != DM_CT || filled == 0 || st->levels.n < 2) return dm_ok;
    st->findings.veins_sought = 1;
    DM_TRY_OUT(dm_vein_box_make(gpu, p, st, &box));
    DM_TRY_OUT(dm_vein_pieces_find(&box, &w.pieces));
    DM_TRY_OUT(take_all(&w));
    for (int i = 0; i < w.n; i++)
        if (w.found[i].score >= p->list_score) list(&st->findings, &w.found[i]);
out:
    dm_vein_box_free(&box);
    dm_vein_pieces_free(&w.pieces);
    free(w.found);
    return status;
}
