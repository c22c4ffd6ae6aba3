/* How far the sites are from the tears. */
#include "../sorted.h"
#include "leaks.h"

typedef struct group {
    const char *name;
    int mr, several;      /* -1 = either */
    double least, most;   /* length of the true pool, mm */
    int accepted;         /* 1 = accepted pools only */
} group;

static const group groups[] = {
    {"all", -1, -1, 0, 1e9, 0},          {"accepted", -1, -1, 0, 1e9, 1},     {"below 60 mm", -1, -1, 0, 60, 0},
    {"60 mm on", -1, -1, 60, 1e9, 0},    {"  CT, one pass", 0, 0, 60, 1e9, 0}, {"  CT, two passes", 0, 1, 60, 1e9, 0},
    {"  MR", 1, -1, 60, 1e9, 0},
};

static int belongs(const group *g, const lesion *l, double least) {
    return l->site.score > least && (g->mr < 0 || l->mr == g->mr) && (g->several < 0 || (l->passes > 1) == g->several) &&
           l->length >= g->least && l->length < g->most && (!g->accepted || l->site.accepted);
}

/* One line: of all, and of those that say where. */
static void line(const tally *t, const group *g, double least, int placed) {
    double *error = bench_calloc((size_t)t->n_lesions, sizeof *error), *width = bench_calloc((size_t)t->n_lesions, sizeof *width);
    int n = 0, held = 0, beside = 0, same = 0, side = 0;
    for (int i = 0; i < t->n_lesions; i++) {
        const lesion *l = &t->lesions[i];
        if (!belongs(g, l, least) || (placed && l->site.unplaced)) continue;
        error[n] = fabs(l->site.error), width[n++] = l->site.high - l->site.low;
        held += l->site.low <= 0 && l->site.high >= 0;
        same += l->site.levels_off == 0, beside += l->site.levels_off <= 1, side += l->site.side_right;
    }
    bench_sort(error, n), bench_sort(width, n);
    if (n)
        printf("%-16s %-6s %3d  %5.1f %5.1f %5.1f  %3d  %4.0f %4.0f  %3d %3d  %3d\n", g->name, placed ? "placed" : "", n, error[n / 2],
               error[n - 1 - n / 10], error[n - 1], held, width[n / 2], width[n - 1 - n / 10], same, beside, side);
    free(error), free(width);
}

void tally_sites(const tally *t) {
    double least = tally_score_at(t, 0.25);
    printf("site, pools above %.2f (.25 false marks a study); error: median, 90 %%, worst; held by the interval; its length: median, "
           "90 %%\n                          n  error, mm          held  length    level: same, +-1; side right\n",
           least);
    for (size_t k = 0; k < sizeof groups / sizeof *groups; k++)
        for (int placed = 0; placed < 2; placed++) line(t, &groups[k], least, placed);
}
