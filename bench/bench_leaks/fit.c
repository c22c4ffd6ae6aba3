/* The score's coefficients from the candidates of all studies. */
#include "leaks.h"

/* Solves a x = b in place (Gauss; the ridge keeps a regular). */
static void solve(double a[TERMS][TERMS], double b[TERMS]) {
    for (int i = 0; i < TERMS; i++)
        for (int k = 0; k < TERMS; k++) {
            double f = k == i ? 0 : a[k][i] / a[i][i];
            for (int j = i; j < TERMS; j++) a[k][j] -= f * a[i][j];
            b[k] -= f * b[i];
        }
    for (int i = 0; i < TERMS; i++) b[i] /= a[i][i];
}

/* Logistic regression by Newton's method; every coefficient is expected within +-3 of 0. */
void tally_fit(const tally *t) {
    static const char *const name[TERMS] = {"base",   "size", "hard",  "fat",   "over",
                                            "sacral", "dim",  "usual", "alike", "corner"};
    double w[TERMS] = {0};
    for (int round = 0; round < 30; round++) {
        double h[TERMS][TERMS] = {{0}}, g[TERMS];
        for (int i = 0; i < TERMS; i++) h[i][i] = 1.0 / 9, g[i] = -w[i] / 9;
        for (int m = 0; m < t->n_marks; m++) {
            const mark *q = &t->marks[m];
            double x = 0;
            if (q->sign) continue;
            for (int i = 0; i < TERMS; i++) x += w[i] * q->x[i];
            double p = 1 / (1 + exp(-x));
            for (int i = 0; i < TERMS; i++) {
                g[i] += ((q->leak >= 0) - p) * q->x[i];
                for (int j = 0; j < TERMS; j++) h[i][j] += p * (1 - p) * q->x[i] * q->x[j];
            }
        }
        solve(h, g);
        for (int i = 0; i < TERMS; i++) w[i] += g[i];
    }
    printf("fitted:");
    for (int i = 0; i < TERMS; i++) printf(" findings.odds_%s=%.2f", name[i], w[i]);
    printf("\n");
}
