/* pairs.csv: two protocols against each other, in the same patients and in different ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison.h"
#include "level_place.h"

typedef enum measure { SENSITIVITY, SPECIFICITY, LOCATED, MEASURES } measure;
static const char *const measures[] = {"sensitivity", "specificity", "located_10_mm"};
static const char *const countings[] = {"left_out", "wrong"};
enum { TEN_MM = 1 }; /* of dm_reach_mm */

/* The two studies of a patient; -1 = none by that protocol. */
typedef struct couple {
    int a, b;
} couple;

typedef struct contest {
    dm_comparison *c;
    int a, b;   /* protocols */
    couple *of; /* one per patient */
} contest;

/* 1 when the study belongs to the measure; *told = it takes part under this counting, *right = it is right.
 */
static int belongs(const dm_comparison *c, int exam, measure m, dm_counting counting, int *told, int *right) {
    const dm_examination *e = exam < 0 ? NULL : &c->m.exam[exam];
    if (!e || !c->outcome[exam].usable || (e->truth == DM_TRUTH_LEAK) != (m != SPECIFICITY)) return 0;
    *told = dm_is_right(e, counting, right);
    if (m == LOCATED) *right = c->outcome[exam].hit[TEN_MM];
    return 1;
}

static cJSON *start_row(const contest *k, const char *design, const char *what, const char *counting) {
    cJSON *row = dm_sheet_row(&k->c->sheet[DM_PAIRS]);
    dm_put(row, "protocol_a", k->c->m.protocol[k->a]);
    dm_put(row, "protocol_b", k->c->m.protocol[k->b]);
    dm_put(row, "design", design);
    dm_put(row, "measure", what);
    dm_put(row, "indeterminate_as", counting);
    return row;
}

static void put_difference(cJSON *row, double a, double b, dm_interval d) {
    dm_put_number(row, "value_a", a);
    dm_put_number(row, "value_b", b);
    dm_put_value(row, "difference", d);
    dm_put_limits(row, "difference", "", d.low, d.high);
}

/* Both, only a, only b, neither: in the patients in whom both studies take part. */
static void add_paired(const contest *k, measure m, dm_counting counting) {
    int cell[4] = {0}, left_out = 0;
    for (int p = 0; p < k->c->m.n_patients; p++) {
        int told_a, told_b, right_a, right_b;
        if (!belongs(k->c, k->of[p].a, m, counting, &told_a, &right_a) ||
            !belongs(k->c, k->of[p].b, m, counting, &told_b, &right_b))
            continue;
        if (told_a && told_b)
            cell[2 * !right_a + !right_b]++;
        else
            left_out++;
    }
    int n = cell[0] + cell[1] + cell[2] + cell[3];
    cJSON *row = start_row(k, "paired", measures[m], countings[counting]);
    dm_put_number(row, "n", n);
    dm_put_number(row, "n_left_out", left_out);
    dm_put_number(row, "both", cell[0]);
    dm_put_number(row, "only_a", cell[1]);
    dm_put_number(row, "only_b", cell[2]);
    dm_put_number(row, "neither", cell[3]);
    if (!n) {
        dm_put_note(row, "no patient with both protocols takes part");
        return;
    }
    dm_put_number(row, "n_a", n);
    dm_put_number(row, "n_b", n);
    put_difference(row, (double)(cell[0] + cell[1]) / n, (double)(cell[0] + cell[2]) / n,
                   dm_newcombe_paired(cell[0], cell[1], cell[2], cell[3]));
    dm_put_p(row, "p_exact", dm_mcnemar_exact(cell[1], cell[2]));
    dm_put_p(row, "p_midp", dm_mcnemar_midp(cell[1], cell[2]));
    if (!(cell[1] + cell[2]))
        dm_put_note(row, "no discordant pair: the mid-p does not exist, the exact p is 1");
}

/* Independent groups: patients who have one of the protocols and not the other. */
static void add_unpaired(const contest *k, measure m, dm_counting counting) {
    int n[2] = {0}, right[2] = {0}, left_out = 0;
    for (int p = 0; p < k->c->m.n_patients; p++) {
        int told, is_right, which = k->of[p].a < 0;
        if ((k->of[p].a < 0) == (k->of[p].b < 0)) continue;
        if (!belongs(k->c, which ? k->of[p].b : k->of[p].a, m, counting, &told, &is_right)) continue;
        n[which] += told;
        right[which] += told && is_right;
        left_out += !told;
    }
    cJSON *row = start_row(k, "unpaired", measures[m], countings[counting]);
    dm_put_number(row, "n", n[0] + n[1]);
    dm_put_number(row, "n_left_out", left_out);
    dm_put_number(row, "n_a", n[0]);
    dm_put_number(row, "n_b", n[1]);
    put_difference(row, dm_wilson(right[0], n[0]).value, dm_wilson(right[1], n[1]).value,
                   dm_newcombe_independent(right[0], n[0], right[1], n[1]));
    dm_put_p(row, "p_fisher", dm_fisher(right[0], n[0], right[1], n[1]));
    if (!n[0] || !n[1])
        dm_put_note(row, "a group has no patient with this protocol alone: nothing to compare");
}

/* ---- agreement level by level ---- */

enum { MOST_PLACES = 80 };

/* 1 = the study shows this disc, 2 = and marks it. */
static void rate_levels(const dm_examination *e, unsigned char rating[MOST_PLACES]) {
    memset(rating, 0, MOST_PLACES);
    for (int i = 0; i + 1 < e->n_rungs; i++) {
        int place = dm_place_below(e->rung[i].level);
        if (place > 0 && place < MOST_PLACES) rating[place] = 1;
    }
    for (int i = 0; i < e->n_marks; i++) {
        const dm_mark *k = &e->mark[i];
        if (k->accepted && !k->is_sign && k->place < MOST_PLACES && rating[k->place]) rating[k->place] = 2;
    }
}

/* Counts of both, only a, only b, neither for each patient. */
typedef struct agreement {
    double (*cell)[4];
    int n;
} agreement;

static void agreement_of(void *user, const unsigned *weight, double *out) {
    const agreement *g = user;
    double sum[4] = {0};
    for (int i = 0; i < g->n; i++)
        for (int k = 0; k < 4; k++) sum[k] += weight[i] * g->cell[i][k];
    out[0] = dm_kappa(sum[0], sum[1], sum[2], sum[3]);
    out[1] = dm_ac1(sum[0], sum[1], sum[2], sum[3]);
}

/* A study that cannot tell marks nothing: that is no agreement on a healthy level. */
static int tells(const dm_comparison *c, int exam) {
    return exam >= 0 && (c->m.exam[exam].said == DM_SAID_LEAK || c->m.exam[exam].said == DM_SAID_NO_LEAK);
}

static void collect_levels(const contest *k, agreement *g) {
    for (int p = 0; p < k->c->m.n_patients; p++) {
        unsigned char a[MOST_PLACES], b[MOST_PLACES];
        int shared = 0;
        if (!tells(k->c, k->of[p].a) || !tells(k->c, k->of[p].b)) continue;
        rate_levels(&k->c->m.exam[k->of[p].a], a);
        rate_levels(&k->c->m.exam[k->of[p].b], b);
        for (int i = 0; i < MOST_PLACES; i++) {
            if (!a[i] || !b[i]) continue;
            g->cell[g->n][2 * (a[i] == 1) + (b[i] == 1)]++;
            shared++;
        }
        g->n += shared > 0;
    }
}

static dm_status put_agreement(const contest *k, agreement *g) {
    static const char *const names[] = {"kappa", "ac1"}, *const bca[] = {"kappa_bca", "ac1_bca"};
    double sum[4] = {0}, value[2];
    dm_limits limits[2];
    char stream[200];
    cJSON *row = start_row(k, "paired", "levels", "");
    for (int i = 0; i < g->n; i++)
        for (int c = 0; c < 4; c++) sum[c] += g->cell[i][c];
    value[0] = dm_kappa(sum[0], sum[1], sum[2], sum[3]);
    value[1] = dm_ac1(sum[0], sum[1], sum[2], sum[3]);
    snprintf(stream, sizeof stream, "levels|%s|%s", k->c->m.protocol[k->a], k->c->m.protocol[k->b]);
    DM_TRY(dm_bootstrap(&k->c->plan, dm_stream(stream), g->n, agreement_of, g, 2, 1, limits));
    double levels = sum[0] + sum[1] + sum[2] + sum[3];
    dm_put_number(row, "n", g->n);
    dm_put_number(row, "both", sum[0]);
    dm_put_number(row, "only_a", sum[1]);
    dm_put_number(row, "only_b", sum[2]);
    dm_put_number(row, "neither", sum[3]);
    dm_put_number(row, "n_levels", levels);
    if (levels > 0) dm_put_number(row, "agreement", (sum[0] + sum[3]) / levels);
    for (int i = 0; i < 2; i++) {
        dm_put_number(row, names[i], value[i]);
        dm_put_limits(row, names[i], "", limits[i].low, limits[i].high);
        dm_put_limits(row, bca[i], "", limits[i].bca_low, limits[i].bca_high);
    }
    if (!g->n) dm_put_note(row, "no patient with levels shown by both protocols");
    if (g->n == 1) dm_put_note(row, "one patient: agreement has no limits");
    if (g->n && isnan(value[0])) dm_put_note(row, "both mark the same everywhere: kappa does not exist");
    if (g->n > 1 && !isnan(value[0]) && isnan(limits[0].low))
        dm_put_note(row, "kappa does not exist in more than 1 of 20 draws: no limits");
    return dm_ok;
}

static dm_status add_levels(const contest *k) {
    agreement g = {calloc((size_t)k->c->m.n_patients + 1, sizeof *g.cell), 0};
    if (!g.cell) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d patients", k->c->m.n_patients);
    collect_levels(k, &g);
    dm_status status = put_agreement(k, &g);
    free(g.cell);
    return status;
}

/* ---- all pairs ---- */

static dm_status add_contest(const contest *k) {
    for (int p = 0; p < k->c->m.n_patients; p++) k->of[p] = (couple){-1, -1};
    for (int i = 0; i < k->c->m.n_exams; i++) {
        const dm_examination *e = &k->c->m.exam[i];
        if (!k->c->is_unit[i]) continue;
        if (e->protocol == k->a) k->of[e->patient].a = i;
        if (e->protocol == k->b) k->of[e->patient].b = i;
    }
    for (int counting = DM_LEFT_OUT; counting <= DM_AS_WRONG; counting++)
        for (int m = 0; m < MEASURES; m++) {
            add_paired(k, (measure)m, (dm_counting)counting);
            add_unpaired(k, (measure)m, (dm_counting)counting);
        }
    return add_levels(k);
}

static double p_of(const cJSON *row) {
    const cJSON *p = cJSON_GetObjectItemCaseSensitive(row, "p_midp");
    if (!p) p = cJSON_GetObjectItemCaseSensitive(row, "p_fisher");
    if (cJSON_IsString(p)) return strtod(p->valuestring, NULL); /* a p below 0.0001, written as 1.23e-05 */
    return cJSON_IsNumber(p) ? p->valuedouble : NAN;
}

static int same_family(const cJSON *a, const cJSON *b) {
    static const char *const keys[] = {"design", "measure", "indeterminate_as"};
    for (int i = 0; i < 3; i++) {
        const char *x = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(a, keys[i]));
        const char *y = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(b, keys[i]));
        if (strcmp(x ? x : "", y ? y : "") != 0) return 0;
    }
    return 1;
}

/* Adjusts each p among the rows of its design, measure and counting: one question asked of every pair of
 * protocols. */
static dm_status adjust(const dm_sheet *s) {
    double *p = calloc((size_t)s->n + 1, sizeof *p);
    cJSON *row, *other;
    if (!p) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d rows", s->n);
    cJSON_ArrayForEach(row, s->rows) {
        int n = 0, self = 0;
        cJSON_ArrayForEach(other, s->rows) {
            if (!same_family(row, other)) continue;
            if (other == row) self = n;
            p[n++] = p_of(other);
        }
        dm_holm(p, n);
        dm_put_p(row, "p_holm", p[self]);
    }
    free(p);
    return dm_ok;
}

dm_status dm_fill_pairs(dm_comparison *c) {
    contest k = {.c = c, .of = calloc((size_t)c->m.n_patients + 1, sizeof *k.of)};
    dm_status status =
        k.of ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for %d patients", c->m.n_patients);
    for (k.a = 0; k.a < c->m.n_protocols && dm_good(status); k.a++)
        for (k.b = k.a + 1; k.b < c->m.n_protocols && dm_good(status); k.b++) status = add_contest(&k);
    free(k.of);
    return dm_good(status) ? adjust(&c->sheet[DM_PAIRS]) : status;
}
