/* Signs that mislead, and outpouchings. */
#include <math.h>
#include <string.h>

#include "accuracy.h"

static const double sign_near = 25.0, bleb_near = 8.0, bleb_least = 5.0; /* mm */

/* An accepted finding within reach of the sign that belongs to no true leak. */
static int sign_taken(const pair *p, const double at[3]) {
    const cJSON *f, *leak;
    cJSON_ArrayForEach(f, rows_of(p->record, "findings")) {
        double q[3], error;
        int hit = 0;
        if (!finding_accepted(f) || !place_found(f, q) || distance(at, q) > sign_near) continue;
        cJSON_ArrayForEach(leak, cJSON_GetObjectItem(p->truth, "leaks")) hit |=
            leak_matches(p, leak, f, &error);
        if (!hit) return 1;
    }
    return 0;
}

/* In the study's row: what a finding shows and what the whole study shows, separated by ';'. */
static int sign_flagged(const pair *p, const char *sign) {
    char seen[FIELD];
    snprintf(seen, sizeof seen, "%s", text_of(study_row(p->record), "false_signs"));
    for (char *save = NULL, *word = strtok_r(seen, ";", &save); word; word = strtok_r(NULL, ";", &save))
        if (strcmp(word, sign) == 0) return 1;
    return 0;
}

/* Spurs are in most spines and need no flag; like the others they must not be taken for a leak. */
void score_signs(const pair *p, tally *t) {
    const cJSON *sign;
    cJSON_ArrayForEach(sign, cJSON_GetObjectItem(p->truth, "signs")) {
        double at[3];
        const char *name = text_of(sign, "sign");
        int spur = strcmp(name, "spur") == 0;
        if (!place_true(sign, at)) continue;
        if (!spur) {
            t->count[N_SIGNS]++;
            t->count[N_SIGNS_FLAGGED] += sign_flagged(p, name);
        }
        t->count[N_SIGNS_TAKEN] += sign_taken(p, at);
    }
}

/* Row nearest to a true outpouching, NULL when none lies within 8 mm (half the distance between two roots of
 * the neck). */
static const cJSON *nearest_row(const cJSON *record, const double p[3]) {
    const cJSON *row, *best = NULL;
    double least = bleb_near, q[3];
    cJSON_ArrayForEach(row, rows_of(record, "diverticula")) {
        if (!place_found(row, q) || distance(p, q) >= least) continue;
        least = distance(p, q);
        best = row;
    }
    return best;
}

void score_diverticula(const pair *p, tally *t) {
    const cJSON *d, *row, *all = cJSON_GetObjectItem(p->truth, "diverticula");
    double at[3], q[3];
    cJSON_ArrayForEach(d, all) {
        if (number_of(d, "diameter_mm") < bleb_least || !place_true(d, at)) continue;
        t->count[N_BLEBS]++;
        row = nearest_row(p->record, at);
        if (!row) continue;
        double error = number_of(row, "diameter_mm") - number_of(d, "diameter_mm");
        t->count[N_BLEBS_FOUND]++;
        sample_keep(&t->list[S_BLEB_SIGNED], error);
        sample_keep(&t->list[S_BLEB_SIZE], fabs(error));
    }
    cJSON_ArrayForEach(row, rows_of(p->record, "diverticula")) {
        int hit = 0;
        t->count[N_BLEB_ROWS]++;
        if (!place_found(row, q)) continue;
        cJSON_ArrayForEach(d, all) hit |= place_true(d, at) && distance(at, q) < bleb_near;
        t->count[N_BLEB_FALSE] += !hit;
    }
}
