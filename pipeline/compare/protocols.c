/* protocols.csv: what each protocol finds and how well it places it, with limits, over all and by strata. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison.h"
#include "level_place.h"

typedef const char *(*stratum_value)(const dm_examination *e);

static const char *value_all(const dm_examination *e) {
    (void)e;
    return "all";
}

static const char *value_class(const dm_examination *e) {
    for (int i = 1; i < e->n_lesions; i++)
        if (e->lesion[i].class_ != e->lesion[0].class_) return "mixed";
    return e->n_lesions ? dm_leak_class_names[e->lesion[0].class_] : "";
}

static const char *value_slec(const dm_examination *e) {
    int slec = e->truth_slec >= 0 ? e->truth_slec : e->slec;
    return slec < 0 ? "" : slec ? "1" : "0";
}

static const char *value_sex(const dm_examination *e) {
    return e->sex;
}

static const char *value_age(const dm_examination *e) {
    return e->age_band;
}

static const char *value_maker(const dm_examination *e) {
    return e->scanner_maker;
}

static const char *value_model(const dm_examination *e) {
    return e->scanner_model;
}

static const char *value_source(const dm_examination *e) {
    return e->truth_source;
}

static const struct {
    const char *name;
    stratum_value value;
    const char *absent; /* what to say when no study has a value */
} strata[] = {
    {"all", value_all, ""},
    {"class", value_class, "no study has a leak in the reference"},
    {"slec", value_slec, "neither the reference nor the studies tell whether there is a long collection"},
    {"sex", value_sex, "neither studies.csv nor clinical.csv tells the sex"},
    {"age_band", value_age, "neither studies.csv nor clinical.csv tells the age"},
    {"scanner_maker", value_maker, "studies.csv does not tell the scanner's maker"},
    {"scanner_model", value_model, "studies.csv does not tell the scanner's model"},
    {"source", value_source, "no study has a reference"},
};
enum { STRATA = sizeof strata / sizeof *strata };

static void put_both(cJSON *row, const char *name, int k, int n) {
    dm_interval exact = dm_clopper_pearson(k, n);
    dm_put_share(row, name, k, n);
    dm_put_limits(row, name, "clopper", exact.low, exact.high);
}

static void put_tally(cJSON *row, const dm_tally *t) {
    int sick = t->tp + t->fn, well = t->tn + t->fp;
    dm_put_number(row, "n", t->n);
    dm_put_number(row, "tp", t->tp);
    dm_put_number(row, "fp", t->fp);
    dm_put_number(row, "fn", t->fn);
    dm_put_number(row, "tn", t->tn);
    dm_put_number(row, "indeterminate", t->indeterminate);
    dm_put_number(row, "failed", t->failed);
    put_both(row, "sensitivity", t->tp, sick);
    put_both(row, "specificity", t->tn, well);
    /* Where one kind of patient is missing a predictive value would be 1 or 0 whatever the protocol says. */
    if (sick && well) put_both(row, "ppv", t->tp, t->tp + t->fp);
    if (sick && well) put_both(row, "npv", t->tn, t->tn + t->fn);
    put_both(row, "accuracy", t->tp + t->tn, t->n);
    dm_put_share(row, "located_5_mm", t->hit[0], sick);
    dm_put_share(row, "located_10_mm", t->hit[1], sick);
    dm_put_share(row, "located_20_mm", t->hit[2], sick);
    dm_put_number(row, "n_level", t->n_level);
    dm_put_share(row, "level_exact", t->exact, t->n_level);
    dm_put_share(row, "level_within_1", t->within_1, t->n_level);
    dm_put_number(row, "n_side", t->n_side);
    dm_put_share(row, "side_right", t->side_right, t->n_side);
}

/* Few patients make wide limits: say it where a reader may miss it. */
static void put_notes(cJSON *row, const dm_tally *t, int n_mm) {
    enum { FEW = 10 };
    char text[80];
    int sick = t->tp + t->fn, well = t->tn + t->fp;
    if (!t->n) dm_put_note(row, "no study to count");
    if (t->n && !sick)
        dm_put_note(row, "no patient with a leak: sensitivity and predictive values do not exist");
    if (t->n && !well)
        dm_put_note(row, "no patient without a leak: specificity and predictive values do not exist");
    if (sick && well && !(t->tp + t->fp)) dm_put_note(row, "no leak reported: ppv does not exist");
    if (sick && well && !(t->tn + t->fn)) dm_put_note(row, "no study called leak-free: npv does not exist");
    if (sick && !n_mm) dm_put_note(row, "no site with a known place: distances do not exist");
    if (n_mm == 1) dm_put_note(row, "one site: distances have no limits");
    if (t->n && t->n < FEW) {
        snprintf(text, sizeof text, "n = %d: read the limits, not the shares", t->n);
        dm_put_note(row, text);
    }
}

/* ---- distances ---- */

static const struct {
    const char *name;
    double p;
} quantiles[] = {{"mm_median", 0.5}, {"mm_q1", 0.25}, {"mm_q3", 0.75}, {"mm_p90", 0.9}};
enum { QUANTILES = 4 };

typedef struct distances {
    double *mm; /* ascending, one per patient */
    int n;
} distances;

static void quantiles_of(void *user, const unsigned *weight, double *out) {
    const distances *d = user;
    for (int k = 0; k < QUANTILES; k++) out[k] = dm_quantile_weighted(d->mm, weight, d->n, quantiles[k].p);
}

/* Percentile limits only: BCa's jackknife does not hold for quantiles (Efron and Tibshirani 1993, 11.6).
 * Sorts d. */
static dm_status limit_distances(const dm_comparison *c, distances *d, const char *stream,
                                 dm_limits *limits) {
    dm_sort_ascending(d->mm, d->n);
    return dm_bootstrap(&c->plan, dm_stream(stream), d->n, quantiles_of, d, QUANTILES, 0, limits);
}

static void put_distances(cJSON *row, const distances *d, const dm_limits *limits) {
    dm_put_number(row, "n_mm", d->n);
    for (int k = 0; k < QUANTILES; k++) {
        dm_put_number(row, quantiles[k].name, dm_quantile(d->mm, d->n, quantiles[k].p));
        dm_put_limits(row, quantiles[k].name, "", limits[k].low, limits[k].high);
    }
}

/* ---- rows ---- */

/* The studies of one row. */
typedef struct group {
    const char *protocol, *stratum, *value;
    const int *index;
    int n;
} group;

static cJSON *start_row(dm_comparison *c, const group *g, const char *counting) {
    cJSON *row = dm_sheet_row(&c->sheet[DM_PROTOCOLS]);
    dm_put(row, "protocol", g->protocol);
    dm_put(row, "stratum", g->stratum);
    dm_put(row, "value", g->value);
    dm_put(row, "indeterminate_as", counting);
    return row;
}

static void put_others(const dm_comparison *c, cJSON *row, int protocol) {
    int repeated = 0, unknown = 0, contradicted = 0;
    for (int i = 0; i < c->m.n_exams; i++) {
        const dm_examination *e = &c->m.exam[i];
        if (e->protocol != protocol) continue;
        unknown += e->truth == DM_TRUTH_UNKNOWN;
        contradicted += e->truth == DM_TRUTH_CONTRADICTED;
        repeated += c->outcome[i].usable && !c->is_unit[i];
    }
    dm_put_number(row, "n_repeated", repeated);
    dm_put_number(row, "n_without_reference", unknown);
    dm_put_number(row, "n_contradicted", contradicted);
}

/* The values of the group's studies that are known; their number. room: for all of them. */
static int known_values(const dm_comparison *c, const group *g, int days, double *room) {
    int n = 0;
    for (int i = 0; i < g->n; i++) {
        double v = days ? c->m.exam[g->index[i]].truth_days : c->outcome[g->index[i]].mm;
        if (!isnan(v)) room[n++] = v;
    }
    return n;
}

static void put_days(const dm_comparison *c, cJSON *row, const group *g, double *room) {
    int n = known_values(c, g, 1, room);
    dm_sort_ascending(room, n);
    dm_put_number(row, "n_days", n);
    dm_put_number(row, "days_median", dm_quantile(room, n, 0.5));
}

static dm_status add_rows(dm_comparison *c, const group *g, int protocol, distances *d, double *room) {
    static const char *const names[] = {"left_out", "wrong"};
    dm_limits limits[QUANTILES];
    char stream[200];
    snprintf(stream, sizeof stream, "mm|%s|%s|%s", g->protocol, g->stratum, g->value);
    d->n = known_values(c, g, 0, d->mm);
    DM_TRY(limit_distances(c, d, stream, limits));
    for (int counting = DM_LEFT_OUT; counting <= DM_AS_WRONG; counting++) {
        dm_tally t = dm_tally_of(c->m.exam, c->outcome, g->index, g->n, (dm_counting)counting);
        cJSON *row = start_row(c, g, names[counting]);
        put_tally(row, &t);
        put_distances(row, d, limits);
        put_days(c, row, g, room);
        put_notes(row, &t, d->n);
        if (!strcmp(g->stratum, "all")) put_others(c, row, protocol);
    }
    return dm_ok;
}

static dm_status add_group(dm_comparison *c, const group *g, int protocol) {
    distances d = {calloc((size_t)g->n + 1, sizeof *d.mm), 0};
    double *room = calloc((size_t)g->n + 1, sizeof *room);
    dm_status status = d.mm && room ? add_rows(c, g, protocol, &d, room)
                                    : dm_fail(DM_FATAL, "out_of_memory", "no memory for %d distances", g->n);
    free(d.mm);
    free(room);
    return status;
}

static void add_absent(dm_comparison *c, const char *protocol, const char *stratum, const char *why) {
    const group g = {.protocol = protocol, .stratum = stratum, .value = ""};
    cJSON *row = start_row(c, &g, "left_out");
    dm_put_number(row, "n", 0);
    dm_put_note(row, why);
}

/* One stratum of one protocol: a group for each value that occurs. unit: the protocol's n studies; room for n
 * of each. */
static dm_status add_stratum(dm_comparison *c, int protocol, int stratum, const int *unit, int n,
                             const char **value, int *chosen) {
    const char *name = c->m.protocol[protocol];
    int values = 0;
    for (int i = 0; i < n; i++) {
        value[values] = strata[stratum].value(&c->m.exam[unit[i]]);
        values += *value[values] != 0;
    }
    values = dm_sort_names(value, values);
    if (stratum && !values) add_absent(c, name, strata[stratum].name, strata[stratum].absent);
    if (!stratum && !values) value[values++] = "all"; /* a protocol without a reference has its row too */
    for (int v = 0; v < values; v++) {
        group g = {name, strata[stratum].name, value[v], chosen, 0};
        for (int i = 0; i < n; i++)
            if (!strcmp(strata[stratum].value(&c->m.exam[unit[i]]), value[v])) chosen[g.n++] = unit[i];
        DM_TRY(add_group(c, &g, protocol));
    }
    return dm_ok;
}

dm_status dm_fill_protocols(dm_comparison *c) {
    size_t room = (size_t)c->m.n_exams + 1;
    int *unit = calloc(room, sizeof *unit), *chosen = calloc(room, sizeof *chosen);
    const char **value = calloc(room, sizeof *value);
    dm_status status = unit && chosen && value
                           ? dm_ok
                           : dm_fail(DM_FATAL, "out_of_memory", "no memory for %zu studies", room);
    for (int p = 0; p < c->m.n_protocols && dm_good(status); p++) {
        int n = 0;
        for (int i = 0; i < c->m.n_exams; i++)
            if (c->m.exam[i].protocol == p && c->is_unit[i]) unit[n++] = i;
        for (int s = 0; s < STRATA && dm_good(status); s++)
            status = add_stratum(c, p, s, unit, n, value, chosen);
    }
    free(unit);
    free(chosen);
    free(value);
    return status;
}
