/* The score's coefficients from the candidates of all studies. Dense studies, where leaks are many times as frequent, get a base of their
 * own, which is no part of the score: without it the score would expect as many everywhere. */
#include "../fields.h"
#include "../logistic.h"
#include "../presets.h"
#include "leaks.h"

/* 1 = the name stands in the list, names with commas between. */
static int named(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
        if ((at == list || at[-1] == ',') && (at[n] == 0 || at[n] == ',')) return 1;
    return 0;
}

static void fit(const bench_sample *s, int n, fit_start start) {
    static const double held = 1e-4;
    static const char *const name[TERMS] = {"base",   "size", "hard",  "fat",   "over",
                                            "sacral", "dim",  "usual", "alike", "corner",
                                            "pair",   "behind", "edge", "narrow", "roots",
                                            "ct",     "discs", "fall", "dent", "end", "unusual", "spill", "touch"};
    double w[TERMS + 1], now[TERMS + 1], width[TERMS + 1];
    if (start.near) {
        bench_presets("odds", name, TERMS, now);
        now[TERMS] = 0;
        bench_near(now, TERMS + 1, width);
        for (int i = 0; i < TERMS && *start.only; i++)
            if (!named(start.only, name[i])) width[i] = held;
        bench_logistic_near(s, n, TERMS + 1, now, width, w);
    } else {
        bench_logistic(s, n, TERMS + 1, 3, w);
    }
    printf("fitted to %d candidates:", n);
    for (int i = 0; i < TERMS; i++) printf(" findings.odds_%s=%.2f", name[i], w[i]);
    printf("; dense studies %.2f\n", w[TERMS]);
}

void tally_fit(const tally *t, fit_start start) {
    bench_sample *s = bench_calloc((size_t)t->n_marks, sizeof *s);
    int n = 0;
    for (int m = 0; m < t->n_marks; m++)
        if (!t->marks[m].sign) s[n++] = (bench_sample){t->marks[m].x, t->marks[m].leak >= 0};
    fit(s, n, start);
    free(s);
}

enum { DENSE = 5, LABEL = 6 };

/* The row's label (tally_csv_head), -1 where it is not fitted to; its last TERMS columns into x, and after them
 * whether the study is dense. */
static int parse(char *line, double x[TERMS + 1]) {
    enum { MOST_FIELDS = 200 };
    char *field[MOST_FIELDS], *rest;
    int n = bench_fields(line, field, MOST_FIELDS, &rest);
    if (n < LABEL + 1 + TERMS) return -1;
    for (int i = 0; i < TERMS; i++) x[i] = atof(field[n - TERMS + i]);
    x[TERMS] = atof(field[DENSE]);
    return strcmp(field[LABEL], "1") == 0 ? 1 : strcmp(field[LABEL], "0") == 0 ? 0 : -1;
}

int tally_fit_files(char *paths, fit_start start) {
    double(*x)[TERMS + 1] = bench_calloc(MOST, sizeof *x);
    bench_sample *s = bench_calloc(MOST, sizeof *s);
    char line[4000];
    int n = 0, rc = 0;
    for (char *save = NULL, *path = strtok_r(paths, ",", &save); path; path = strtok_r(NULL, ",", &save)) {
        FILE *f = fopen(path, "r");
        if (!f) {
            fprintf(stderr, "%s cannot be read\n", path);
            rc = 1;
            break;
        }
        while (n < MOST && fgets(line, sizeof line, f)) {
            int label = parse(line, x[n]);
            if (label < 0) continue;
            s[n] = (bench_sample){x[n], label};
            n++;
        }
        fclose(f);
    }
    if (rc == 0) fit(s, n, start);
    free(s), free(x);
    return rc;
}
