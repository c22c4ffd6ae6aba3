/* One group of studies, as text and as CSV. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"

typedef struct page {
    const char *group, *value;
    FILE *text, *csv; /* either may be NULL */
} page;

/* A figure; n = the number of things it stands on, -1 where that says nothing. */
static void put(const page *p, const char *what, double v, int n, const char *unit) {
    if (isnan(v)) return;
    if (p->text && n >= 0)
        fprintf(p->text, "  %-54s %9.3f %-4s n %d\n", what, v, unit, n);
    else if (p->text)
        fprintf(p->text, "  %-54s %9.3f %s\n", what, v, unit);
    if (!p->csv) return;
    fprintf(p->csv, "%s,%s,\"%s\",%.4f,%s,", p->group, p->value, what, v, unit);
    if (n >= 0) fprintf(p->csv, "%d", n);
    fputc('\n', p->csv);
}

static void share(const page *p, const char *what, int part, int of) {
    if (of > 0) put(p, what, (double)part / of, of, "");
}

static void quantiles(const page *p, const char *what, sample *s, const char *unit) {
    static const struct {
        const char *name;
        double q;
    } cut[3] = {{"median", 0.5}, {"95 %", 0.95}, {"worst", 1.0}};
    char name[120];
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s: %s", what, cut[i].name);
        put(p, name, sample_quantile(s, cut[i].q), s->n, unit);
    }
}

static void put_line(const page *p, tally *t) {
    quantiles(p, "line to truth, not marked", &t->list[S_LINE_SURE], "mm");
    quantiles(p, "line to truth, marked unsure", &t->list[S_LINE_MARKED], "mm");
    share(p, "share of the found line marked unsure", t->count[N_LINE_MARKED], t->count[N_LINE_POINTS]);
    share(p, "share of the true line covered and not marked", t->count[N_TRUE_COVERED],
          t->count[N_TRUE_POINTS]);
    put(p, "truth to line: 95 %", sample_quantile(&t->list[S_MISSED], 0.95), t->list[S_MISSED].n, "mm");
}

static void put_surfaces(const page *p, tally *t) {
    put(p, "sac Dice: median", sample_quantile(&t->list[S_SAC_DICE], 0.5), t->list[S_SAC_DICE].n, "");
    put(p, "sac Dice: worst", sample_quantile(&t->list[S_SAC_DICE], 0.0), t->list[S_SAC_DICE].n, "");
    put(p, "sac Dice where labelled: median", sample_quantile(&t->list[S_SAC_DICE_SEEN], 0.5),
        t->list[S_SAC_DICE_SEEN].n, "");
    put(p, "sac mean surface distance where labelled", sample_mean(&t->list[S_SAC_GAP]), -1, "mm");
    share(p, "share of the true sac's length labelled", t->count[N_RAYS_SAC_SEEN], t->count[N_RAYS_SAC]);
    put(p, "canal Dice: median", sample_quantile(&t->list[S_CANAL_DICE], 0.5), t->list[S_CANAL_DICE].n, "");
    put(p, "canal Dice: worst", sample_quantile(&t->list[S_CANAL_DICE], 0.0), t->list[S_CANAL_DICE].n, "");
    put(p, "canal Dice where labelled: median", sample_quantile(&t->list[S_CANAL_DICE_SEEN], 0.5),
        t->list[S_CANAL_DICE_SEEN].n, "");
    put(p, "canal mean surface distance where labelled", sample_mean(&t->list[S_CANAL_GAP]), -1, "mm");
    share(p, "share of the true canal's length labelled", t->count[N_RAYS_CANAL_SEEN],
          t->count[N_RAYS_CANAL]);
}

static void put_walls(const page *p, const tally *t) {
    static const char *const wall[WALLS] = {"dura", "bone"};
    char name[120];
    for (int w = 0; w < WALLS; w++)
        for (int r = 0; r < REGIONS; r++)
            for (int k = 0; k < SECTORS; k++) {
                const wall_error *e = &t->wall[w][r][k];
                if (!e->n) continue;
                snprintf(name, sizeof name, "%s, %s, %s: found less true", wall[w], region_names[r],
                         sector_names[k]);
                put(p, name, e->sum / e->n, e->n, "mm");
                snprintf(name, sizeof name, "%s, %s, %s: absolute", wall[w], region_names[r],
                         sector_names[k]);
                put(p, name, e->absolute / e->n, e->n, "mm");
            }
}

static void put_levels(const page *p, const tally *t) {
    int near = t->count[N_NEAR_ANCHORED] + t->count[N_NEAR_UNANCHORED];
    share(p, "vertebrae with a row within 15 mm", near, t->count[N_VERTEBRAE]);
    share(p, "of these labelled right, anchored studies", t->count[N_RIGHT_ANCHORED],
          t->count[N_NEAR_ANCHORED]);
    share(p, "of these labelled right, unanchored studies", t->count[N_RIGHT_UNANCHORED],
          t->count[N_NEAR_UNANCHORED]);
    share(p, "vertebrae right with C2 or the sacrum in view", t->count[N_RIGHT_ENDS], t->count[N_NEAR_ENDS]);
    share(p, "with the place of the first or last rib alone", t->count[N_RIGHT_RIBS], t->count[N_NEAR_RIBS]);
    share(p, "with neither in view", t->count[N_RIGHT_NOTHING], t->count[N_NEAR_NOTHING]);
}

static int descending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

/* Free-response operating characteristic: share of true things whose best candidate scores above all but
 * `rate` false candidates per study. */
static void put_froc(const page *p, const char *what, const sample *best, sample *wrong, int studies) {
    static const double rate[5] = {0.125, 0.25, 0.5, 1.0, 2.0};
    if (best->n == 0 || studies == 0) return;
    if (wrong->n) qsort(wrong->v, (size_t)wrong->n, sizeof *wrong->v, descending);
    for (int i = 0; i < 5; i++) {
        int allowed = (int)(rate[i] * studies), hit = 0;
        double limit = allowed < wrong->n ? wrong->v[allowed] : -0.5; /* -1 stands for "not listed" */
        for (int k = 0; k < best->n; k++) hit += best->v[k] > limit;
        char name[120];
        snprintf(name, sizeof name, "%s: sensitivity at %.3g false a study", what, rate[i]);
        share(p, name, hit, best->n);
    }
}

static void put_leaks(const page *p, tally *t) {
    const int *c = t->count;
    share(p, "pools found", c[N_POOLS_FOUND], c[N_POOLS]);
    share(p, "pools listed as candidates", c[N_POOLS_LISTED], c[N_POOLS]);
    share(p, "pools of 1 mm and ratio .2 on: found", c[N_GOAL_FOUND], c[N_GOAL]);
    put_froc(p, "pools", &t->list[S_POOL_BEST], &t->list[S_POOL_FALSE], c[N_RECORDS]);
    put_froc(p, "pools of 1 mm and ratio .2 on", &t->list[S_GOAL_BEST], &t->list[S_POOL_FALSE], c[N_RECORDS]);
    share(p, "fistula veins found", c[N_VEINS_FOUND], c[N_VEINS]);
    share(p, "fistula veins listed as candidates", c[N_VEINS_LISTED], c[N_VEINS]);
    share(p, "fistula veins of 1.5 mm and CNR 4 on: found", c[N_VEINS_GOAL_FOUND], c[N_VEINS_GOAL]);
    put_froc(p, "fistula veins", &t->list[S_VEIN_BEST], &t->list[S_VEIN_FALSE], c[N_RECORDS]);
    put_froc(p, "fistula veins of 1.5 mm and CNR 4 on", &t->list[S_VEIN_GOAL_BEST], &t->list[S_VEIN_FALSE],
             c[N_RECORDS]);
    share(p, "false marks per study (accepted)", c[N_MARKS_FALSE], c[N_RECORDS]);
    quantiles(p, "site error, pools", &t->list[S_SITE], "mm");
    put(p, "site error, pools of 1 mm and ratio .2 on: median", sample_quantile(&t->list[S_SITE_GOAL], 0.5),
        t->list[S_SITE_GOAL].n, "mm");
    share(p, "interval holds the site", c[N_INTERVALS_HOLD], c[N_INTERVALS]);
    put(p, "interval length: median", sample_quantile(&t->list[S_INTERVAL], 0.5), t->list[S_INTERVAL].n,
        "mm");
    share(p, "class right, of leaks with an accepted finding", c[N_CLASS_RIGHT], c[N_PLACED]);
    share(p, "side right", c[N_SIDE_RIGHT], c[N_PLACED]);
    share(p, "level right", c[N_LEVEL_RIGHT], c[N_PLACED]);
    share(p, "level right or one beside", c[N_LEVEL_NEAR], c[N_PLACED]);
    share(p, "sites said to be placed: level right or one beside", c[N_KNOWN_NEAR], c[N_KNOWN]);
    quantiles(p, "site error where it is said to be placed", &t->list[S_SITE_KNOWN], "mm");
}

static void put_rest(const page *p, tally *t) {
    const int *c = t->count;
    share(p, "misleading pools flagged", c[N_SIGNS_FLAGGED], c[N_SIGNS]);
    put(p, "misleading signs and spurs taken for leaks", c[N_SIGNS_TAKEN], -1, "");
    share(p, "diverticula of 5 mm on: found", c[N_BLEBS_FOUND], c[N_BLEBS]);
    share(p, "diverticula rows without truth, per study", c[N_BLEB_FALSE], c[N_RECORDS]);
    if (c[N_BLEBS])
        put(p, "diverticula of 5 mm on: F1",
            2.0 * c[N_BLEBS_FOUND] / (c[N_BLEBS] + c[N_BLEBS_FOUND] + c[N_BLEB_FALSE]), c[N_BLEBS], "");
    put(p, "diverticula: size error median", sample_quantile(&t->list[S_BLEB_SIZE], 0.5),
        t->list[S_BLEB_SIZE].n, "mm");
    put(p, "diverticula: size error 90 %", sample_quantile(&t->list[S_BLEB_SIZE], 0.9),
        t->list[S_BLEB_SIZE].n, "mm");
    put(p, "diverticula: size bias", sample_mean(&t->list[S_BLEB_SIGNED]), t->list[S_BLEB_SIGNED].n, "mm");
    share(p, "leak answered leak", c[N_LEAK_YES], c[N_LEAK_STUDIES]);
    share(p, "leak answered no_leak", c[N_LEAK_NO], c[N_LEAK_STUDIES]);
    share(p, "leak answered indeterminate or failed", c[N_LEAK_UNSURE], c[N_LEAK_STUDIES]);
    share(p, "none answered leak", c[N_HEALTHY_YES], c[N_HEALTHY]);
    share(p, "none answered no_leak", c[N_HEALTHY_NO], c[N_HEALTHY]);
    share(p, "none answered indeterminate or failed", c[N_HEALTHY_UNSURE], c[N_HEALTHY]);
    put(p, "seconds per study: median", sample_quantile(&t->list[S_SECONDS], 0.5), t->list[S_SECONDS].n, "s");
    put(p, "seconds per study: worst", sample_quantile(&t->list[S_SECONDS], 1.0), t->list[S_SECONDS].n, "s");
    put(p, "peak memory: worst", sample_quantile(&t->list[S_PEAK], 1.0) / 1048576.0, -1, "MiB");
}

static void put_calibration(const page *p, const tally *t) {
    static const char *const bin[BINS] = {"below .5", ".5 to .7", ".7 to .9", ".9 to .95", ".95 on"};
    char name[120];
    for (int i = 0; i < BINS; i++) {
        if (!t->bin_n[i]) continue;
        snprintf(name, sizeof name, "level_posterior %s: mean", bin[i]);
        put(p, name, t->bin_sum[i] / t->bin_n[i], t->bin_n[i], "");
        snprintf(name, sizeof name, "level_posterior %s: studies right", bin[i]);
        share(p, name, t->bin_right[i], t->bin_n[i]);
    }
}

static void put_cells(const page *p, const tally *t) {
    static const char *const thick[THICK] = {"under 1", "1 to 2", "2 to 3", "3 mm on"},
                             *const ratio[RATIOS] = {"under .2", ".2 to .4", ".4 to .7", ".7 on"};
    char name[120];
    for (int i = 0; i < THICK; i++)
        for (int j = 0; j < RATIOS; j++) {
            snprintf(name, sizeof name, "pools %s thick, ratio %s: found", thick[i], ratio[j]);
            share(p, name, t->cell_found[i][j], t->cell_n[i][j]);
        }
}

static void put_confusion(const page *p, const tally *t) {
    char name[120];
    for (int i = 0; i < CLASSES; i++)
        for (int j = 0; j <= CLASSES; j++) {
            if (!t->class_[i][j]) continue;
            snprintf(name, sizeof name, "class %s found as %s", class_names[i],
                     j < CLASSES ? class_names[j] : "nothing");
            put(p, name, t->class_[i][j], -1, "");
        }
    for (int i = 0; i < SIDES; i++)
        for (int j = 0; j <= SIDES; j++) {
            if (!t->side[i][j]) continue;
            snprintf(name, sizeof name, "side %s found as %s", side_names[i],
                     j < SIDES ? side_names[j] : "nothing");
            put(p, name, t->side[i][j], -1, "");
        }
}

void report_group(const char *group, const char *value, tally *t, int whole, FILE *text, FILE *csv) {
    page p = {group, value, text, csv};
    if (text) fprintf(text, "%s %s\n", group, value);
    put(&p, "cases in the truth", t->count[N_TRUTH], -1, "");
    put(&p, "records", t->count[N_RECORDS], -1, "");
    put(&p, "studies with an answer", t->count[N_ANSWERED], -1, "");
    put_line(&p, t);
    put_surfaces(&p, t);
    if (whole || strcmp(group, "modality") == 0) put_walls(&p, t);
    put_levels(&p, t);
    put_leaks(&p, t);
    put_rest(&p, t);
    if (!whole) return;
    put_calibration(&p, t);
    put_cells(&p, t);
    put_confusion(&p, t);
}
