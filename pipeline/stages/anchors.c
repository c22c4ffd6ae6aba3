/* Named landmarks that tell one vertebra from its neighbours: ribs, dens, sacrum. Each gives a log-likelihood
 * ratio per mm. */
#include <math.h>
#include <stdlib.h>

#include "levels_parts.h"

void dm_anchors_clear(dm_anchors *a) {
    free(a->rib), free(a->first), free(a->dens), free(a->sacrum), free(a->skull);
    *a = (dm_anchors){0};
}

/* Highest 8 mm mean of v within from..to; NaN where nothing is known. */
static double densest(const float *v, int n, int from, int to) {
    double most = (double)NAN;
    for (int i = from; i + 7 <= to; i++) {
        double m = dm_profile_mean(v, n, i, i + 7);
        if (!isnan(m) && !(m <= most)) most = m;
    }
    return most;
}

/* Where the pelvis begins: bone beside the column's front, where else muscle or lung is (alae; processes of
 * L5 come near), and the sheet of the ilium, which has no gaps as ribs have, further out. -1 = not in view.
 */
static int find_pelvis(const dm_column *c) {
    for (int i = 0; i + 30 < c->n; i++) {
        double least = 1;
        if (!(densest(c->wing, c->n, i, i + 14) > 0.4)) continue;
        for (int k = 0; k < 30; k += 10)
            least = fmin(least, dm_profile_mean(c->iliac, c->n, i + k, i + k + 9));
        if (least > 0.06 && dm_profile_mean(c->iliac, c->n, i, i + 29) > 0.1) return i;
    }
    return -1;
}

/* A rib begins at the upper half of its vertebra. Lumbar transverse processes end at 40 to 45 mm and score at
 * most 0.45, ribs 0.75 and more. What looks like ribs at the last two lumbar vertebrae is the crest of the
 * ilium. */
static double rib_at(const dm_column *c, int pelvis, int i) {
    double m = dm_profile_mean(c->rib, c->n, i + 2, i + 9), v = dm_clip(6 * (m - 0.6), -2, 2);
    int crest = pelvis >= 0 && i > pelvis - 70;
    return isnan(m) || (v > 0 && crest) ? 0 : v;
}

/* A rib of both sides within 6 mm of a disc is that vertebra's: a reading that puts its disc there does not
 * get past the rib by standing beside it. One side alone (0.65 of a rib, 0.3 here) stays where it is. */
static void find_ribs(const dm_column *c, double weight, int pelvis, float *llr) {
    enum { NEAR = 6 };
    for (int i = 0; i < c->n; i++) {
        double most = rib_at(c, pelvis, i);
        for (int k = i - NEAR; k <= i + NEAR; k++) {
            double v = k < 0 || k >= c->n ? 0 : rib_at(c, pelvis, k);
            if (v >= 0.5) most = fmax(most, v);
        }
        llr[i] = (float)(weight * most);
    }
}

/* Below the first rib others follow: bone of a rib in each of the next three lengths of a vertebra, as far as
 * they are in view. */
static int ribs_follow(const dm_column *c, int i) {
    for (int k = 0; k < 3; k++) {
        double most = dm_profile_max(c->rib, c->n, i + 24 * k, i + 24 * k + 23);
        if (isnan(most)) return k > 1; /* one bone at the end of the scan may be the crest of the ilium */
        if (most < 0.7) return 0;
    }
    return 1;
}

/* Longest stretch without bone below i: the gap between two ribs. */
static int rib_gap(const dm_column *c, const float *high, int i) {
    int longest = 0, run = 0;
    for (int k = i; k < i + 72 && k <= c->last; k++) {
        run = high[k] < 0.3f ? run + 1 : 0;
        if (run > longest) longest = run;
    }
    return longest;
}

/* The column above i is as shallow as a neck's: 25 to 26 mm from the canal, where the loins have 39 to 43
 * (each times the patient's size, 0.78 to 1.26). What reaches out above a neck is the skull. */
static int is_neck(const dm_column *c, int i) {
    return dm_profile_mean(c->front, c->n, i - 45, i - 5) < 33;
}

/* How sure it is, 0..1, that a rib after so many bare mm is the first: the ribs below lie up to `gap` apart,
 * and a vertebra of the neck, 16 mm, is bare above it. */
static double first_of(int bare, int gap) {
    return dm_clip((bare - 8) / 8.0, 0, 1) * dm_clip((bare - 1.1 * gap) / (0.5 * gap + 1), 0, 1);
}

/* The first rib of a side, and how sure it is: bone after a stretch without that is longer than the gaps
 * between the ribs that follow. The processes of the atlas reach as far out, but no ribs follow them. A scan
 * that begins on a rib, between two ribs or in the shoulder gives -1. */
static int first_rib_of(const dm_column *c, const float *high, double *sure) {
    int bare = 0;
    *sure = 0;
    for (int i = 0; i <= c->last; i++) {
        if (high[i] < 0.3f) bare++;
        if (!(high[i] > 0.5f)) continue;
        if (!ribs_follow(c, i)) {
            bare = 0;
            continue;
        }
        if (densest(c->wing, c->n, i, i + 30) > 0.4) return -1; /* processes of L5, the pelvis */
        if (!is_neck(c, i) && dm_profile_max(c->rib, c->n, 0, i - 40) > 0.6)
            return -1; /* ribs above: the loins lie between */
        *sure = first_of(bare, rib_gap(c, high, i));
        return *sure > 0 ? i : -1;
    }
    return -1;
}

/* Both sides agree, or the upper one counts half: first ribs may be stubs, and shoulders lie askew. */
static void find_first_rib(const dm_column *c, double weight, dm_anchors *a) {
    double sure[2];
    int left = first_rib_of(c, c->high[0], &sure[0]), right = first_rib_of(c, c->high[1], &sure[1]);
    int alone = left < 0 || right < 0, upper = left < right;
    int use_left = alone ? left >= 0 : upper;
    a->s_first = use_left ? left : right;
    if (a->s_first < 0) return;
    int together = !alone && abs(left - right) <= 8;
    a->first_sure = together ? fmax(sure[0], sure[1]) : 0.5 * sure[use_left ? 0 : 1];
    for (int i = 0; i < c->n; i++) {
        double z = (i - (a->s_first - 1)) / 5.5;
        a->first[i] = (float)(a->first_sure * weight * dm_clip(2.5 - 0.5 * z * z, -2, 2.5));
    }
}

/* No rib begins above the first: what reaches out there slides down to it along the neck's processes. Its own
 * disc lies 1 (s.d. 5.5) mm above where it is seen, the next one 17 mm higher. */
static void clear_neck(dm_anchors *a, double weight) {
    for (int i = 0; i < a->s_first - 13; i++) a->rib[i] = (float)(-2 * weight * a->first_sure);
    for (int i = a->s_first - 13; i < a->s_first - 4; i++)
        if (i >= 0) a->rib[i] = 0;
}

/* The path of a rib may fall by a vertebra of the neck on its way outwards, so ribs seem to begin too high:
 * where they do so below a stretch without, and no first rib is known, the uppermost vertebra with one may be
 * the one above it. */
static void doubt_upper_ribs(dm_anchors *a) {
    enum { BARE = 24, FALL = 18 };
    int bare = 0;
    for (int i = 0; i < a->n; i++) {
        if (bare >= BARE && a->rib[i] > 0) {
            for (int k = i; k < i + FALL && k < a->n; k++) a->rib[k] = fminf(a->rib[k], 0);
            bare = 0;
        }
        bare = a->rib[i] < 0 ? bare + 1 : 0;
    }
}

/* Least of the 5 mm means from..to. */
static double leanest(const float *v, int n, int from, int to) {
    double least = 1e30;
    for (int i = from; i + 4 <= to; i++) {
        double m = dm_profile_mean(v, n, i, i + 4);
        if (m < least) least = m;
    }
    return least;
}

/* The dens: bone begins below a gap (the tip lies 4 to 12 mm under the skull's base) and goes on without a
 * disc for longer than any cervical body, in a column as shallow as the neck's, without ribs. */
static int dens_at(const dm_column *c, int i) {
    double gap = dm_profile_mean(c->occupied, c->n, i - 5, i - 2),
           solid = leanest(c->occupied, c->n, i + 2, i + 27);
    double below = dm_profile_mean(c->hu, c->n, i, i + 27),
           above = dm_profile_mean(c->hu, c->n, i - 5, i - 2);
    double rib = dm_profile_max(c->rib, c->n, i, i + 60),
           front = dm_profile_mean(c->front, c->n, i + 5, i + 45);
    if (isnan(gap) || isnan(below) || !(c->occupied[i] > 0.45f)) return 0;
    return gap < 0.25 && solid > 0.4 && above < 0.6 * below && rib < 0.7 && front < 31;
}

static int find_dens(const dm_column *c) {
    for (int i = 8; i + 28 <= c->last; i++)
        if (dens_at(c, i)) return i;
    return -1;
}

/* The canal leans back behind the promontory, and turns to do so (the chest leans too, but it does not turn
 * like that). */
static double sacral_lean(const dm_column *c, int i) {
    double at = dm_profile_mean(c->lean, c->n, i + 15, i + 26);
    double above = dm_profile_mean(c->lean, c->n, i - 50, i - 40);
    if (isnan(at)) return 0;
    double v = dm_clip((at - 22) / 8, -1, 1.5);
    if (isnan(above)) return fmin(v, 0);
    return at - above > 8 ? v : fmin(v, -0.5);
}

/* Bodies thin out behind the promontory. */
static double sacral_taper(const dm_column *c, int i) {
    double above = dm_profile_mean(c->front, c->n, i - 23, i - 17),
           below = dm_profile_mean(c->front, c->n, i + 34, i + 42);
    return isnan(above) || isnan(below) ? 0 : 1.4 * dm_clip(8 * (1 - below / above - 0.2), -1, 1.5);
}

/* Alae of the sacrum, beside the column's front, and wings of the ilium beside the next 30 mm; porous alae
 * are hardly brighter than muscle. */
static double sacral_alae(const dm_column *c, int i) {
    double ala = densest(c->wing, c->n, i + 1, i + 16),
           ilium = dm_profile_mean(c->iliac, c->n, i + 5, i + 30);
    if (isnan(ala) || isnan(ilium)) return 0;
    return dm_clip(5 * (ala - 0.4), -1, 1) + dm_clip(8 * (ilium - 0.1), -1, 1);
}

static dm_status find_sacrum(const dm_column *c, double weight, float *llr) {
    float *body = malloc(((size_t)c->n + 1) * sizeof *body);
    if (!body) return dm_fail(DM_STUDY, "out_of_memory", "no memory for anchors");
    dm_status status = dm_profile_rank(c->t, c->n, 40, 0.5, body);
    for (int i = 0; i < c->n; i++) {
        double alae = c->modality == DM_MR ? dm_marrow_alae(c, body, i) : sacral_alae(c, i);
        llr[i] = (float)(weight * (sacral_lean(c, i) + sacral_taper(c, i) + alae));
    }
    free(body);
    return status;
}

static float *blank(int n) {
    return calloc((size_t)n + 1, sizeof(float));
}

dm_status dm_anchors_find(const dm_column *c, const dm_levels_params *p, dm_anchors *a) {
    *a = (dm_anchors){.n = c->n, .s_first = -1, .s_dens = -1, .s_conus = -1, .s_skull = -1};
    a->rib = blank(c->n), a->first = blank(c->n), a->dens = blank(c->n), a->sacrum = blank(c->n);
    a->skull = blank(c->n);
    if (!a->rib || !a->first || !a->dens || !a->sacrum || !a->skull)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for anchors");
    DM_TRY(find_sacrum(c, p->sacrum_weight, a->sacrum));
    if (c->modality == DM_MR) {
        dm_anchors_of_mr(c, p, a);
        return dm_ok;
    }
    find_ribs(c, p->rib_weight, find_pelvis(c), a->rib);
    find_first_rib(c, p->first_rib_weight, a);
    if (a->s_first >= 0)
        clear_neck(a, p->rib_weight);
    else
        doubt_upper_ribs(a);
    a->s_dens = find_dens(c);
    for (int i = 0; i < c->n; i++) {
        double dens = (i - (a->s_dens + 36)) / 5.0;
        if (a->s_dens >= 0) a->dens[i] = (float)(p->dens_weight * dm_clip(4 - 0.5 * dens * dens, -6, 4));
    }
    return dm_ok;
}
