#include "outcome.h"

#include <math.h>
#include <stdlib.h>

#include "level_place.h"
#include "match.h"

const double dm_reach_mm[DM_REACHES] = {5, 10, 20};

static const dm_lesion *nearest_lesion(const dm_examination *e) {
    enum {
        LEVELS_AFTER_MM = 10000
    }; /* leaks without a position come after those with one, nearest level first */
    const dm_lesion *best = NULL;
    double least = INFINITY;
    for (int i = 0; i < e->n_lesions; i++) {
        double d = dm_lesion_distance(&e->lesion[i], e->s);
        if (isnan(d)) d = LEVELS_AFTER_MM + abs(e->lesion[i].place - e->place);
        if (d >= least) continue;
        least = d;
        best = &e->lesion[i];
    }
    return best;
}

static void judge_site(const dm_examination *e, dm_outcome *o) {
    const dm_lesion *l = nearest_lesion(e);
    if (!l) return;
    o->has_level = l->place != 0;
    o->level_exact = dm_place_near(e->place, l->place, 0);
    o->level_within_1 = dm_place_near(e->place, l->place, 1);
    o->has_side = l->side != 0;
    o->side_right = l->side && e->side == l->side;
    o->mm = fabs(e->s - l->s);
}

static void judge_hits(const dm_examination *e, dm_outcome *o) {
    int *claim = calloc((size_t)e->n_marks + 1, sizeof *claim);
    for (int r = 0; claim && r < DM_REACHES; r++) {
        dm_match(e, dm_reach_mm[r], 1, -INFINITY, claim);
        for (int i = 0; i < e->n_marks; i++) o->hit[r] |= claim[i] >= 0;
    }
    free(claim);
}

dm_outcome dm_outcome_of(const dm_examination *e) {
    dm_outcome o = {.usable = e->truth == DM_TRUTH_NEGATIVE || e->truth == DM_TRUTH_LEAK, .mm = NAN};
    if (e->truth == DM_TRUTH_LEAK && e->said == DM_SAID_LEAK) {
        judge_site(e, &o);
        judge_hits(e, &o);
    }
    return o;
}

int dm_is_right(const dm_examination *e, dm_counting counting, int *right) {
    int told = e->said == DM_SAID_LEAK || e->said == DM_SAID_NO_LEAK;
    *right = told && (e->said == DM_SAID_LEAK) == (e->truth == DM_TRUTH_LEAK);
    return told || counting == DM_AS_WRONG;
}

dm_tally dm_tally_of(const dm_examination *exam, const dm_outcome *outcome, const int *index, int n,
                     dm_counting counting) {
    dm_tally t = {0};
    for (int i = 0; i < n; i++) {
        const dm_examination *e = &exam[index[i]];
        const dm_outcome *o = &outcome[index[i]];
        int right, leak = e->truth == DM_TRUTH_LEAK;
        if (!o->usable) continue;
        t.indeterminate += e->said == DM_SAID_CANNOT_TELL;
        t.failed += e->said == DM_SAID_NOTHING;
        if (!dm_is_right(e, counting, &right)) continue;
        t.n++;
        t.tp += leak && right;
        t.fn += leak && !right;
        t.tn += !leak && right;
        t.fp += !leak && !right;
        for (int r = 0; r < DM_REACHES; r++) t.hit[r] += o->hit[r];
        t.n_level += o->has_level;
        t.exact += o->level_exact;
        t.within_1 += o->level_within_1;
        t.n_side += o->has_side;
        t.side_right += o->side_right;
    }
    return t;
}
