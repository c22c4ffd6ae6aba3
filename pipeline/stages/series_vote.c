#include "series_vote.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "stage.h"

/* ---- matching ---- */

double dm_match_discs(const double *other, int n, const double *own, int m) {
    double most = 0, at = NAN;
    for (double d = -8; d <= 8; d += 0.5) {
        double sum = 0;
        for (int i = 0; i < n; i++) {
            double nearest = 1e9;
            for (int j = 0; j < m; j++) nearest = fmin(nearest, fabs(other[i] + d - own[j]));
            sum += exp(-0.125 * nearest * nearest);
        }
        sum -= 0.001 * fabs(d); /* of equal ones the smaller */
        if (sum > most) most = sum, at = d;
    }
    return n >= 2 && most >= 0.6 * n ? at : NAN;
}

/* Discs that were seen, mm on their own line. */
static int discs_of(const dm_levels *l, double s[DM_MAX_VERTEBRAE]) {
    int n = 0;
    for (int i = 0; i + 1 < l->n; i++)
        if (!l->v[i].inferred || !l->v[i + 1].inferred) s[n++] = l->v[i].s_to;
    return n;
}

/* From a place on the line of another series to the study's own. */
static double brought(const dm_study *study, const dm_spine *from, double s) {
    double p[3], theta, r;
    dm_frame_at(from, s, p, NULL, NULL, NULL);
    dm_frame_from_lps(&study->spine, p, &s, &theta, &r);
    return s;
}

static double length_of(const dm_spine *s) {
    return (s->n - 1) * s->ds;
}

/* Offset of the other series along the study's line, from the discs that both may see; NaN = they do not
 * match. */
static double offset_of(const dm_study *study, const dm_study *other) {
    double own[DM_MAX_VERTEBRAE], theirs[DM_MAX_VERTEBRAE];
    int m = discs_of(&study->levels, own), all = discs_of(&other->levels, theirs), n = 0;
    for (int i = 0; i < all; i++) {
        double s = brought(study, &other->spine, theirs[i]);
        if (m && s > own[0] - 8 && s < own[m - 1] + 8) theirs[n++] = s;
    }
    return dm_match_discs(theirs, n, own, m);
}

/* ---- what several see counts once ---- */

/* The stretch of the study's line that a series covers. */
typedef struct stretch {
    double from, to;
} stretch;

/* Mean over the stretch of 1 / number of series that see the place: what several see counts once. */
static double stands_alone(const stretch *all, int n, int which) {
    double sum = 0;
    int count = 0;
    for (double s = all[which].from + 0.5; s < all[which].to; s += 1, count++) {
        int seen = 0;
        for (int k = 0; k < n; k++) seen += s >= all[k].from && s <= all[k].to;
        sum += 1.0 / (seen > 0 ? seen : 1);
    }
    return count ? sum / count : 1;
}

/* Adds the view of another series where its discs match. */
static void add_view(const dm_study *study, const dm_study *other, dm_level_votes *votes, stretch *where) {
    double offset = offset_of(study, other);
    if (isnan(offset)) return;
    dm_level_view *view = &votes->view[votes->n++];
    *view = other->levels.view;
    for (int k = 0; k < view->n; k++) view->s[k] = brought(study, &other->spine, view->s[k]) + offset;
    *where =
        (stretch){brought(study, &other->spine, 0), brought(study, &other->spine, length_of(&other->spine))};
}

void dm_votes_collect(const dm_study *study, dm_study *const *others, int n, dm_level_votes *votes) {
    stretch where[DM_MAX_PASSES + 1] = {{0, length_of(&study->spine)}};
    *votes = (dm_level_votes){0};
    for (int i = 0; i < n && votes->n < DM_MAX_PASSES; i++)
        add_view(study, others[i], votes, &where[votes->n + 1]);
    votes->own = stands_alone(where, votes->n + 1, 0);
    for (int k = 0; k < votes->n; k++) votes->view[k].weight = stands_alone(where, votes->n + 1, k + 1);
}

/* ---- asking ---- */

/* A study of its own from pass i, as far as its levels; 0 where it shows none. The volume stays the study's.
 */
static int measure(dm_gpu *gpu, const dm_protocol *protocol, const dm_study *study, int i, dm_study *other,
                   dm_status *status) {
    static const char *const stages[] = {"crop", "spine", "levels"};
    other->modality = study->modality, other->contrast = study->contrast;
    other->pass[0] = study->pass[i];
    other->n_passes = 1;
    *status = dm_ok;
    for (int k = 0; k < 3 && dm_good(*status); k++)
        *status = dm_stage_named(stages[k])->run(gpu, dm_protocol_params(protocol, stages[k]), other);
    other->n_passes = 0; /* the volume is not its own */
    return dm_good(*status) && !strstr(other->qc, "orientation") && other->levels.n > 0;
}

static int may_be_asked(const dm_study *study, int i) {
    const dm_pass *p = &study->pass[i];
    if (!p->scan.v || strcmp(p->facts.position, study->pass[0].facts.position) != 0) return 0;
    return strcmp(p->role, "levels") == 0 || !study->levels.anchored;
}

/* The other series that can be heard, measured; *n of them, the caller's. */
static dm_status ask_all(dm_gpu *gpu, const dm_protocol *protocol, const dm_study *study,
                         dm_study *others[DM_MAX_PASSES], int *n) {
    *n = 0;
    for (int i = 1; i < study->n_passes; i++) {
        dm_status status;
        if (!may_be_asked(study, i)) continue;
        others[*n] = calloc(1, sizeof **others);
        if (!others[*n]) return dm_fail(DM_STUDY, "out_of_memory", "no memory for another series");
        int heard = measure(gpu, protocol, study, i, others[*n], &status);
        ++*n;
        if (!heard) dm_study_clear(others[*n - 1]), free(others[--*n]);
        if (strcmp(status.code, "device_error") == 0) return status;
    }
    return dm_ok;
}

static dm_status name_again(dm_gpu *gpu, const dm_protocol *protocol, dm_study *study) {
    dm_study_unflag(study, "unanchored");
    return dm_stage_named("levels")->run(gpu, dm_protocol_params(protocol, "levels"), study);
}

dm_status dm_series_vote(dm_gpu *gpu, const dm_protocol *protocol, dm_study *study) {
    dm_study *others[DM_MAX_PASSES];
    int n = 0;
    if (study->levels.n < 1) return dm_ok;
    dm_status status = ask_all(gpu, protocol, study, others, &n);
    dm_level_votes *votes = n ? calloc(1, sizeof *votes) : NULL;
    if (votes) dm_votes_collect(study, others, n, votes);
    if (n && !votes && dm_good(status)) status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the votes of other series");
    for (int i = 0; i < n; i++) dm_study_clear(others[i]), free(others[i]);
    if (!dm_good(status) || !votes || votes->n == 0) {
        free(votes);
        return status;
    }
    free(study->votes);
    study->votes = votes;
    return name_again(gpu, protocol, study);
}
