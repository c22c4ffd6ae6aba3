/* Which numbering: every chain and every shift is fitted anew, those that name the visible vertebrae alike
 * are one answer, and the answers share the posterior. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "levels_parts.h"

enum { MAX_ANSWERS = DM_CHAINS * DM_MAX_CHAIN };

/* What a nat of each cue of the search is worth in the posterior. Cues are neither independent nor all in
 * true nats: on MR a chain with more discs gains by each, whatever its names. Conditional logit over the
 * explanations of random pieces (140 to 320 mm, and whole; bench_levels --readings): 92 of 14 CT phantoms
 * (seed 5105) and 39 of three real CTs, 310 of 48 MR phantoms (seeds 5101 to 5103), drawn towards one common
 * weight; on MR, where no real scan could be held against them, distances, depths and looks then lowered by a
 * quarter: phantoms keep to a table more closely than patients do. Size: stature varies by 6 to 7 %, less
 * than the search allows. */
static const double WEIGHT[2][DM_CUES] = {[DM_CT] = {[DM_CUE_DISC] = 0.78,
                                                     [DM_CUE_FRONT] = 1.05,
                                                     [DM_CUE_RIB] = 1,
                                                     [DM_CUE_FIRST] = 1,
                                                     [DM_CUE_DENS] = 1,
                                                     [DM_CUE_SKULL] = 0,
                                                     [DM_CUE_SACRUM] = 1.1,
                                                     [DM_CUE_CONUS] = 1,
                                                     [DM_CUE_FUSED] = 1.1,
                                                     [DM_CUE_SPACING] = 0.88,
                                                     [DM_CUE_ENDS] = 0.9,
                                                     [DM_CUE_SIZE] = 1.5},
                                          [DM_MR] = {[DM_CUE_DISC] = 0.3,
                                                     [DM_CUE_FRONT] = 1,
                                                     [DM_CUE_RIB] = 0,
                                                     [DM_CUE_FIRST] = 0,
                                                     [DM_CUE_DENS] = 0.7,
                                                     [DM_CUE_SKULL] = 0.9,
                                                     [DM_CUE_SACRUM] = 0.85,
                                                     [DM_CUE_CONUS] = 1.2,
                                                     [DM_CUE_FUSED] = 0.9,
                                                     [DM_CUE_SPACING] = 0.6,
                                                     [DM_CUE_ENDS] = 0.7,
                                                     [DM_CUE_SIZE] = 1.2}};
/* Explanations whose raw score lies so many nats under the best are not looked at: their weight is less than
 * a millionth on CT, and on MR as little where all cues speak against them. */
static const double SIFT[2] = {[DM_CT] = 19, [DM_MR] = 40};

/* Least probability that another series' view may give to a level: a view may be wrong as a whole in one of
 * so many. */
static const double UNHEARD = 0.005;

typedef struct vote {
    const dm_column *c;
    const dm_anchors *a;
    const dm_levels_params *p;
    dm_chain_fit fit[DM_CHAINS];
    dm_disc_path reference; /* the best path: where the vertebrae are */
    dm_ballot b;
} vote;

/* Best of the marginals of disc k within 5 mm of i. */
static float near_best(const dm_chain_fit *f, const dm_column *c, int k, int i, int *where) {
    float best = -1e30f;
    for (int j = i - 5; j <= i + 5; j++) {
        if (j < c->first || j > c->last) continue;
        float m = f->m[(size_t)k * (size_t)f->n + (size_t)j];
        if (m > best) best = m, *where = j;
    }
    return best;
}

/* The best path of all chains. */
static dm_status find_reference(vote *v) {
    float best = -1e30f;
    int chain = 0, k = 0, i = 0;
    for (int h = 0; h < DM_CHAINS; h++) {
        const dm_chain_fit *f = &v->fit[h];
        for (int d = 0; d < f->chain.n - 1; d++)
            for (int j = v->c->first; j <= v->c->last; j++) {
                float m = f->m[(size_t)d * (size_t)f->n + (size_t)j] +
                          (float)(v->p->temperature * f->chain.log_prior);
                if (m > best) best = m, chain = h, k = d, i = j;
            }
    }
    DM_TRY(dm_chain_fit_path(&v->fit[chain], v->c, v->p, k, i, &v->reference));
    const dm_disc_path *r = &v->reference;
    v->b.place[v->b.n_places++] = r->at[0] - 8;
    for (int j = 0; j + 1 < r->n; j++) v->b.place[v->b.n_places++] = 0.5 * (r->at[j] + r->at[j + 1]);
    v->b.place[v->b.n_places++] = r->at[r->n - 1] + 8;
    return dm_ok;
}

int dm_chain_name_at(const dm_chain *chain, const dm_disc_path *path, double at) {
    int j = 0;
    while (j < path->n && path->at[j] < at) j++;
    return chain->level[path->from + j];
}

static void weigh(const vote *v, const dm_chain_fit *f, dm_reading *r) {
    dm_chain_cues(f, v->c, v->p, &r->path, r->cue);
    r->log_weight = f->chain.log_prior;
    for (int j = 0; j < DM_CUES; j++) r->log_weight += WEIGHT[v->c->modality][j] * r->cue[j];
}

/* The explanation of chain h in which its disc k is the one in the middle, if it is not hopeless. */
static dm_status add_answer(vote *v, int h, int k, double floor_score) {
    const dm_chain_fit *f = &v->fit[h];
    int middle = v->reference.n / 2, best_k = -1, best_i = 0;
    float best = -1e30f;
    for (int d = -1; d <= 1; d++) {
        int where = 0, j = middle + d, q = k + d;
        if (j < 0 || j >= v->reference.n || q < 0 || q >= f->chain.n - 1) continue;
        float m = near_best(f, v->c, q, v->reference.at[j], &where);
        if (m > best) best = m, best_k = q, best_i = where;
    }
    if (best_k < 0 || (double)best < floor_score) return dm_ok;
    dm_reading *a = &v->b.reading[v->b.n];
    *a = (dm_reading){.chain_number = h, .chain = f->chain, .middle_disc = k};
    DM_TRY(dm_chain_fit_path(f, v->c, v->p, best_k, best_i, &a->path));
    weigh(v, f, a);
    for (int j = 0; j < v->b.n_places; j++)
        a->names[j] = dm_chain_name_at(&a->chain, &a->path, v->b.place[j]);
    v->b.n++;
    return dm_ok;
}

static int same_names(const vote *v, const dm_reading *a, const dm_reading *b) {
    return memcmp(a->names, b->names, (size_t)v->b.n_places * sizeof *a->names) == 0;
}

/* Weight of reading j in units of exp(top): 0 when one of the same chain gives the same names better. */
static double weight_of(const vote *v, int j, double top) {
    const dm_reading *r = &v->b.reading[j];
    for (int i = 0; i < v->b.n; i++) {
        const dm_reading *q = &v->b.reading[i];
        int better = q->log_weight > r->log_weight || (q->log_weight == r->log_weight && i < j);
        if (better && q->chain_number == r->chain_number && same_names(v, q, r)) return 0;
    }
    return exp(r->log_weight - top);
}

/* Share of all that name the vertebrae as `a` does. */
static double share(const vote *v, const dm_reading *a, const double *weight) {
    double sum = 0, total = 0;
    for (int j = 0; j < v->b.n; j++) {
        total += weight[j];
        if (same_names(v, a, &v->b.reading[j])) sum += weight[j];
    }
    return sum / total;
}

/* How probable each level is at each place. */
static void tell(const vote *v, const double *weight, dm_level_view *out) {
    double total = 0;
    for (int j = 0; j < v->b.n; j++) total += weight[j];
    *out = (dm_level_view){.n = v->b.n_places, .weight = 1};
    for (int k = 0; k < out->n; k++) {
        out->s[k] = v->c->s0 + v->b.place[k];
        for (int j = 0; j < v->b.n; j++) out->p[k][v->b.reading[j].names[k]] += (float)(weight[j] / total);
    }
}

/* 1 where index `at` lies well within a vertebra of the path. */
static int is_within(const dm_disc_path *path, double at) {
    double nearest = 1e9;
    for (int j = 0; j < path->n; j++) nearest = fmin(nearest, fabs(path->at[j] - at));
    return nearest >= 4 && at > path->at[0] - 10 && at < path->at[path->n - 1] + 10;
}

int dm_view_agrees(const dm_level_view *view, const dm_labelling *label, const dm_column *c) {
    int n = 0, same = 0;
    for (int k = 0; k < view->n; k++) {
        double at = view->s[k] - c->s0;
        int best = 0;
        if (!is_within(&label->path, at)) continue;
        for (int level = DM_C1; level <= DM_S5; level++)
            if (view->p[k][level] > view->p[k][best]) best = level;
        n++, same += best == dm_chain_name_at(&label->chain, &label->path, at);
    }
    return n > 0 && same >= 0.8 * n;
}

/* Mean over the places of a view that lie well within a vertebra of the reading of the log-probability that
 * the view gives to the reading's names there; a reading that lies elsewhere is unheard of. */
static double agreement(const vote *v, const dm_level_view *view, const dm_reading *r) {
    double sum = 0;
    int n = 0;
    for (int k = 0; k < view->n; k++) {
        double at = view->s[k] - v->c->s0;
        if (!is_within(&r->path, at)) continue;
        sum += log(fmax((double)view->p[k][dm_chain_name_at(&r->chain, &r->path, at)], UNHEARD));
        n++;
    }
    return n ? sum / n : log(UNHEARD);
}

/* Votes of other series: evidence on the same bones, so each counts only as far as it stands alone
 * (logarithmic pooling). */
static void hear(vote *v, const dm_level_votes *votes) {
    for (int j = 0; j < v->b.n; j++) {
        dm_reading *r = &v->b.reading[j];
        r->log_weight *= votes->own;
        for (int k = 0; k < votes->n; k++)
            r->log_weight += votes->view[k].weight * agreement(v, &votes->view[k], r);
    }
}

static void anchors_on(const vote *v, const dm_reading *a, dm_labelling *out) {
    int last_rib = 0, first_bare = 0, ribs = 0, top = a->path.from;
    double above = dm_chain_top_rib(&a->chain, v->c, v->a, top, a->path.at[0], a->path.scale);
    if (a->chain.level[top] == DM_T1 + a->chain.thoracic - 1) last_rib = above > 0.5;
    for (int j = 0; j < a->path.n; j++) {
        int k = a->path.from + j, i = a->path.at[j], lower = a->chain.level[k + 1], upper = a->chain.level[k];
        double rib = (double)v->a->rib[i];
        if (lower == DM_T1) out->first = (double)v->a->first[i];
        if (upper == DM_C2) out->dens = (double)v->a->dens[i], out->skull = (double)v->a->skull[i];
        if (lower == DM_S1) out->sacrum = (double)v->a->sacrum[i] + dm_fused_beyond(v->c, upper, lower, i);
        if (lower == DM_T1 + a->chain.thoracic - 1) last_rib = rib > 0.5;
        if (lower == DM_L1) first_bare = rib < -0.5;
        if (lower >= DM_T1 && lower <= DM_T13)
            out->rib += rib, ribs += rib > 0.5;
        else
            out->rib -= rib;
    }
    out->rib_end = last_rib && first_bare;
    out->all_ribs = ribs >= a->chain.thoracic;
}

/* Log weight of the best explanation. */
static double top_weight(const vote *v) {
    double top = -1e30;
    for (int j = 0; j < v->b.n; j++) top = fmax(top, v->b.reading[j].log_weight);
    return top;
}

static dm_status decide(vote *v, dm_labelling *out) {
    double weight[MAX_ANSWERS], top = top_weight(v), best = 0;
    int chosen = 0;
    for (int j = 0; j < v->b.n; j++) weight[j] = weight_of(v, j, top);
    for (int j = 0; j < v->b.n; j++) {
        double q = share(v, &v->b.reading[j], weight);
        if (q > best * (1 + 1e-9) ||
            (q > best * (1 - 1e-9) && v->b.reading[j].log_weight > v->b.reading[chosen].log_weight))
            best = q, chosen = j;
    }
    const dm_reading *a = &v->b.reading[chosen];
    *out = (dm_labelling){.chain = a->chain,
                          .path = a->path,
                          .posterior = best};
    for (int j = 0; j < v->b.n; j++) {
        const dm_reading *b = &v->b.reading[j];
        double q = same_names(v, a, b) ? 0 : share(v, b, weight);
        if (q > out->alt_posterior) out->alt_posterior = q, out->alt_shift = b->middle_disc - a->middle_disc;
    }
    anchors_on(v, a, out);
    tell(v, weight, &out->view);
    return dm_ok;
}

static dm_status run(vote *v, const dm_level_votes *votes, dm_labelling *out) {
    for (int h = 0; h < DM_CHAINS; h++) DM_TRY(dm_chain_fit_make(v->c, v->a, v->p, h, &v->fit[h]));
    DM_TRY(find_reference(v));
    double floor_score = v->reference.score - SIFT[v->c->modality];
    for (int h = 0; h < DM_CHAINS; h++)
        for (int k = 0; k < v->fit[h].chain.n - 1; k++) DM_TRY(add_answer(v, h, k, floor_score));
    double before_votes = top_weight(v);
    if (votes) hear(v, votes);
    DM_TRY(decide(v, out));
    out->score = before_votes;
    return dm_ok;
}

void dm_ballot_clear(dm_ballot *ballot) {
    free(ballot->reading);
    *ballot = (dm_ballot){0};
}

dm_status dm_label(const dm_column *column, const dm_anchors *anchors, const dm_levels_params *params,
                   const dm_level_votes *votes, dm_labelling *out, dm_ballot *ballot) {
    vote v = {.c = column, .a = anchors, .p = params, .b.reading = calloc(MAX_ANSWERS, sizeof(dm_reading))};
    *out = (dm_labelling){0};
    dm_status status = v.b.reading ? run(&v, votes, out)
                                   : dm_fail(DM_STUDY, "out_of_memory", "no memory for the vote on levels");
    for (int h = 0; h < DM_CHAINS; h++) dm_chain_fit_clear(&v.fit[h]);
    if (ballot)
        *ballot = v.b;
    else
        dm_ballot_clear(&v.b);
    return status;
}
