/* The score's coefficients from the candidates of all studies. */
#include "../logistic.h"
#include "leaks.h"

void tally_fit(const tally *t) {
    static const char *const name[TERMS] = {"base",   "size", "hard",  "fat",   "over",
                                            "sacral", "dim",  "usual", "alike", "corner", "pair"};
    bench_sample *s = bench_calloc((size_t)t->n_marks, sizeof *s);
    double w[TERMS];
    int n = 0;
    for (int m = 0; m < t->n_marks; m++)
        if (!t->marks[m].sign) s[n++] = (bench_sample){t->marks[m].x, t->marks[m].leak >= 0};
    bench_logistic(s, n, TERMS, 3, w);
    printf("fitted:");
    for (int i = 0; i < TERMS; i++) printf(" findings.odds_%s=%.2f", name[i], w[i]);
    printf("\n");
    free(s);
}
