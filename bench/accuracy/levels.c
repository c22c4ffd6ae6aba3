/* Labels of vertebrae, with and without an anchor, and whether the posterior means what it says. */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "accuracy.h"
#include "level.h"

static const double posterior_edge[BINS - 1] = {0.5, 0.7, 0.9, 0.95};

int level_rank(const cJSON *truth, const char *name) {
    int level = strcmp(name, "C8") == 0 ? DM_T1 : dm_level_parse(name);
    int chest = (int)number_of(truth, "n_thoracic"), loin = (int)number_of(truth, "n_lumbar");
    if (level == DM_LEVEL_NONE) return 0;
    if (level < DM_L1) return level;
    if (level < DM_S1) return DM_C7 + chest + 1 + level - DM_L1;
    return DM_C7 + chest + loin + 1 + level - DM_S1;
}

/* Name of the row nearest to a point, NULL when none lies within 15 mm (less than a vertebra's height below
 * the neck). */
static const char *nearest_level(const cJSON *record, const double p[3]) {
    const cJSON *row;
    const char *name = NULL;
    double best = 15.0, q[3];
    cJSON_ArrayForEach(row, rows_of(record, "levels")) {
        if (!place_found(row, q) || distance(p, q) >= best) continue;
        best = distance(p, q);
        name = text_of(row, "level");
    }
    return name;
}

static void calibrate(double posterior, int right, tally *t) {
    int b = 0;
    if (isnan(posterior)) return;
    while (b < BINS - 1 && posterior >= posterior_edge[b]) b++;
    t->bin_n[b]++;
    t->bin_right[b] += right;
    t->bin_sum[b] += posterior;
}

/* What shows the count: an end of the column, or the first or last rib (C7 and T1, or the last thoracic and the first lumbar vertebra). */
static count_id landmark_of(const pair *p, const uint8_t seen[DM_S5 + 1]) {
    int last = DM_C7 + (int)number_of(p->truth, "n_thoracic");
    if (seen[DM_C2] || seen[DM_S1]) return N_NEAR_ENDS;
    return (seen[DM_C7] && seen[DM_T1]) || (seen[last] && seen[DM_L1]) ? N_NEAR_RIBS : N_NEAR_NOTHING;
}

void score_levels(const pair *p, tally *t) {
    const cJSON *v, *study = study_row(p->record);
    uint8_t seen[DM_S5 + 1] = {0};
    int near = 0, right = 0, anchored = strcmp(text_of(study, "count_method"), "unanchored") != 0;
    cJSON_ArrayForEach(v, cJSON_GetObjectItem(p->truth, "vertebrae")) {
        double q[3];
        t->count[N_VERTEBRAE]++;
        const char *name = place_true(v, q) ? nearest_level(p->record, q) : NULL;
        if (!name) continue;
        near++;
        int level = dm_level_parse(text_of(v, "level"));
        if (level != DM_LEVEL_NONE) seen[level] = 1;
        right += strcmp(name, text_of(v, "level")) == 0;
    }
    t->count[anchored ? N_NEAR_ANCHORED : N_NEAR_UNANCHORED] += near;
    t->count[anchored ? N_RIGHT_ANCHORED : N_RIGHT_UNANCHORED] += right;
    count_id landmark = landmark_of(p, seen);
    t->count[landmark] += near;
    t->count[landmark + 1] += right;
    /* One shift, one verdict: a labelling is right when nearly all of its vertebrae are. */
    if (near) calibrate(number_of(study, "level_posterior"), right >= 0.9 * near, t);
}
