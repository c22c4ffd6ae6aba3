/* Leaks: which are found, where the marks without truth lie, class, side, level, site and interval. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"

const char *const class_names[CLASSES] = {
    "ventral_tear",       "lateral_tear", "dorsal_tear",   "diverticulum_leak",
    "csf_venous_fistula", "sacral",       "indeterminate", "none"};
const char *const side_names[SIDES] = {"ventral", "dorsal", "left", "right", ""};
static const double goal_thick = 1.0, goal_ratio = 0.2, goal_vein = 1.5, goal_shown = 5.0;

static int is_vein(const cJSON *row) {
    return strcmp(text_of(row, "class"), "csf_venous_fistula") == 0;
}

int finding_accepted(const cJSON *finding) {
    return number_of(finding, "accepted") > 0.5;
}

/* Along the canal within the truth's extent and 10 mm (a leak without extent: 15 mm). */
static int beside(const pair *p, const cJSON *leak, const cJSON *finding, double *error) {
    double q[3], s = 0, from = number_of(leak, "s_from"), to = number_of(leak, "s_to"),
                 more = to - from < 1.0 ? 15.0 : 10.0;
    if (!place_found(finding, q) || line_distance(&p->line, q, &s) > 60.0) return 0;
    *error = fabs(s - number_of(leak, "s"));
    return s >= from - more && s <= to + more;
}

int leak_matches(const pair *p, const cJSON *leak, const cJSON *finding, double *error) {
    return strcmp(text_of(leak, "side"), text_of(finding, "side")) == 0 && beside(p, leak, finding, error);
}

static int name_index(const char *const *names, int n, const char *name, int fallback) {
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0) return i;
    return fallback;
}

/* What the list of candidates holds for one leak. */
typedef struct match {
    int listed, found;    /* candidates and accepted findings of the right side */
    double best, error;   /* best score listed; mm along the line of the nearest accepted */
    const cJSON *nearest; /* accepted, of any side; NULL = none */
} match;

static match find_match(const pair *p, const cJSON *leak) {
    match m = {0, 0, -1.0, INFINITY, NULL};
    const cJSON *f;
    double near = INFINITY, error = 0;
    cJSON_ArrayForEach(f, rows_of(p->record, "findings")) {
        if (!beside(p, leak, f, &error) || is_vein(f) != is_vein(leak)) continue;
        if (finding_accepted(f) && error < near) {
            near = error;
            m.nearest = f;
        }
        if (!leak_matches(p, leak, f, &error)) continue;
        m.listed = 1;
        m.best = fmax(m.best, number_of(f, "score"));
        if (!finding_accepted(f)) continue;
        m.found = 1;
        m.error = fmin(m.error, error);
    }
    return m;
}

static void score_pool(const cJSON *leak, const match *m, tally *t) {
    double thick = number_of(leak, "thickness_mm"), ratio = number_of(leak, "ratio");
    int i = thick < 1 ? 0 : (thick < 2 ? 1 : (thick < 3 ? 2 : 3)),
        j = ratio < 0.2 ? 0 : (ratio < 0.4 ? 1 : (ratio < 0.7 ? 2 : 3));
    int goal = thick >= goal_thick && ratio >= goal_ratio;
    t->count[N_POOLS]++;
    t->count[N_POOLS_FOUND] += m->found;
    t->count[N_POOLS_LISTED] += m->listed;
    t->cell_n[i][j]++;
    t->cell_found[i][j] += m->found;
    sample_keep(&t->list[S_POOL_BEST], m->best);
    if (m->found) sample_keep(&t->list[S_SITE], m->error);
    if (!goal) return;
    t->count[N_GOAL]++;
    t->count[N_GOAL_FOUND] += m->found;
    sample_keep(&t->list[S_GOAL_BEST], m->best);
    if (m->found) sample_keep(&t->list[S_SITE_GOAL], m->error);
}

/* A study has one fistula: its vein is wide, and the scan shows the shortest vein's length of it at CNR 4. */
static int has_goal_vein(const pair *p) {
    const cJSON *v;
    int goal = 0;
    cJSON_ArrayForEach(v, cJSON_GetObjectItem(p->truth, "veins")) goal |=
        number_of(v, "diameter_mm") >= goal_vein && number_of(v, "shown_mm") >= goal_shown;
    return goal;
}

static void score_vein(const pair *p, const match *m, tally *t) {
    int goal = has_goal_vein(p);
    t->count[N_VEINS]++;
    t->count[N_VEINS_FOUND] += m->found;
    t->count[N_VEINS_LISTED] += m->listed;
    sample_keep(&t->list[S_VEIN_BEST], m->best);
    if (!goal) return;
    t->count[N_VEINS_GOAL]++;
    t->count[N_VEINS_GOAL_FOUND] += m->found;
    sample_keep(&t->list[S_VEIN_GOAL_BEST], m->best);
}

static int lateral(const cJSON *leak) {
    const char *side = text_of(leak, "side");
    return strcmp(side, "left") == 0 || strcmp(side, "right") == 0;
}

/* The interval is the finding's own where the table has it, else the study's length put round the site. */
static void score_interval(const pair *p, const cJSON *leak, const cJSON *f, tally *t) {
    double q[3], s = 0, from = number_of(f, "site_from_mm"), to = number_of(f, "site_to_mm"),
                 at = number_of(f, "s_mm");
    if (!place_found(f, q)) return;
    line_distance(&p->line, q, &s);
    if (isnan(from) || isnan(to)) {
        double half = 0.5 * number_of(study_row(p->record), "interval_mm");
        if (isnan(half)) return;
        from = at - half;
        to = at + half;
    }
    double truth = number_of(leak, "s") - s + at; /* the true site in the found line's millimetres */
    t->count[N_INTERVALS]++;
    t->count[N_INTERVALS_HOLD] += truth >= from && truth <= to;
    sample_keep(&t->list[S_INTERVAL], to - from);
}

static void score_placing(const pair *p, const cJSON *leak, const match *m, tally *t) {
    const cJSON *f = m->nearest;
    int truth = name_index(class_names, CLASSES, text_of(leak, "class"), CLASSES - 1),
        side = name_index(side_names, SIDES, text_of(leak, "side"), SIDES - 1);
    t->class_[truth][f ? name_index(class_names, CLASSES, text_of(f, "class"), CLASSES - 1) : CLASSES]++;
    t->side[side][f ? name_index(side_names, SIDES, text_of(f, "side"), SIDES - 1) : SIDES]++;
    if (!f) return;
    const char *key = lateral(leak) ? "level_root" : "level_disc";
    int there = level_rank(p->truth, text_of(leak, key)), here = level_rank(p->truth, text_of(f, key)), near = here && abs(here - there) <= 1;
    t->count[N_PLACED]++;
    t->count[N_CLASS_RIGHT] += strcmp(text_of(leak, "class"), text_of(f, "class")) == 0;
    t->count[N_SIDE_RIGHT] += strcmp(text_of(leak, "side"), text_of(f, "side")) == 0;
    t->count[N_LEVEL_RIGHT] += here && here == there;
    t->count[N_LEVEL_NEAR] += near;
    if (number_of(f, "placed") == 1) {
        t->count[N_KNOWN]++;
        t->count[N_KNOWN_NEAR] += near;
        if (m->found) sample_keep(&t->list[S_SITE_KNOWN], m->error);
    }
    score_interval(p, leak, f, t);
}

/* Candidates beside no leak: as marks (accepted) and for the curve over all scores (unflagged). */
static void score_false(const pair *p, tally *t) {
    const cJSON *leak, *f;
    cJSON_ArrayForEach(f, rows_of(p->record, "findings")) {
        double error;
        int hit = 0;
        cJSON_ArrayForEach(leak, cJSON_GetObjectItem(p->truth, "leaks")) hit |=
            leak_matches(p, leak, f, &error);
        if (hit) continue;
        t->count[N_MARKS_FALSE] += finding_accepted(f);
        if (text_of(f, "false_sign")[0] == 0)
            sample_keep(&t->list[is_vein(f) ? S_VEIN_FALSE : S_POOL_FALSE], number_of(f, "score"));
    }
}

void score_leaks(const pair *p, tally *t) {
    const cJSON *leak;
    cJSON_ArrayForEach(leak, cJSON_GetObjectItem(p->truth, "leaks")) {
        match m = find_match(p, leak);
        if (is_vein(leak))
            score_vein(p, &m, t);
        else
            score_pool(leak, &m, t);
        score_placing(p, leak, &m, t);
    }
    score_false(p, t);
}

void score_answer(const pair *p, tally *t) {
    const char *answer = text_of(study_row(p->record), "answer");
    int leak = cJSON_GetArraySize(cJSON_GetObjectItem(p->truth, "leaks")) > 0;
    int kind = strcmp(answer, "leak") == 0 ? 1 : (strcmp(answer, "no_leak") == 0 ? 2 : 3);
    t->count[N_ANSWERED] += answer[0] != 0;
    t->count[leak ? N_LEAK_STUDIES : N_HEALTHY]++;
    t->count[(leak ? N_LEAK_STUDIES : N_HEALTHY) + kind]++;
}
