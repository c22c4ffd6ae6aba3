/* Coefficients of the scores of veins and diverticula from files that --readings and --balls wrote, and how
 * they do on what they were not fitted to: each drawn study is left out in turn; of painted ones each root and
 * side of the host, whose bone is the same in all of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../fields.h"
#include "../logistic.h"
#include "../presets.h"
#include "sacs.h"
#include "stage.h"
#include "vein_odds.h"

enum { MOST_TERMS = BENCH_MOST_TERMS, MOST_ROWS = 16384, NAME = 40, BEFORE = 7 };

typedef struct row {
    char study[NAME], group[NAME], side[8];
    double s; /* mm along the line */
    int kind; /* as write_reading says */
    int flagged, host;
    double x[MOST_TERMS], left_out; /* terms; score when its group is left out */
} row;

/* A score: the prefix of its parameters and what follows it. */
typedef struct model {
    const char *prefix, *names[MOST_TERMS];
    int terms, alone; /* alone: candidates of a study speak against each other (dm_vein_alone) */
    unsigned held;    /* bit i: term i stays as it is: phantoms have too little of what it tells apart */
} model;

static const model of_veins = {"vein_odds",
                               {"base", "bright", "short", "long", "far", "own", "root", "calcium", "tube", "usual",
                                "wide", "front", "out", "upper", "peak", "lower"},
                               DM_VEIN_TERMS,
                               1,
                               1u << DM_VEIN_LOWER};
static const model of_balls = {"diverticulum_odds",
                               {"base", "size", "edge", "uneven", "round", "joined", "way", "cross", "behind", "lift",
                                "value", "over", "rim", "ct", "bony", "height", "out", "turn"},
                               DM_BALL_TERMS,
                               0,
                               1u << DM_BALL_WAY | 1u << DM_BALL_LIFT | 1u << DM_BALL_VALUE};

/* One line into *r; 0 = it is none of the model's. */
static int parse(const model *m, char *line, row *r) {
    char *field[BEFORE + MOST_TERMS], *rest;
    if (bench_fields(line, field, BEFORE + m->terms, &rest) != BEFORE + m->terms || rest) return 0;
    *r = (row){.kind = atoi(field[1]), .flagged = *field[4] != 0, .host = strncmp(field[0], "host", 4) == 0};
    snprintf(r->study, NAME, "%s", field[0]), snprintf(r->side, sizeof r->side, "%s", field[3]);
    if (sscanf(field[6], "s %lf", &r->s) != 1) return 0;
    if (r->host)
        snprintf(r->group, NAME, "%s %s", field[2], field[3]);
    else
        snprintf(r->group, NAME, "%s", field[0]);
    for (int i = 0; i < m->terms; i++) r->x[i] = atof(field[BEFORE + i]);
    return 1;
}

static int read_rows(const model *m, const char *path, row *rows, int n) {
    char line[1000];
    FILE *f = fopen(path, "r");
    if (!f) return -1;
    while (n < MOST_ROWS && fgets(line, sizeof line, f)) n += parse(m, line, &rows[n]);
    fclose(f);
    return n;
}

static int is_fitted(const row *r) {
    return (r->kind == 0 || r->kind == 1) && !r->flagged;
}

/* On all rows but those of `without` (NULL = all); `now`: coefficients to stay near to, or NULL: the base is then
 * expected within +-30. s: room for n. */
static void fit(const model *m, const double *now, const row *rows, int n, const char *without, bench_sample *s,
                double *w) {
    double width[MOST_TERMS];
    int used = 0;
    for (const row *r = rows; r < rows + n; r++)
        if (is_fitted(r) && (!without || strcmp(r->group, without) != 0))
            s[used++] = (bench_sample){r->x, r->kind == 1};
    if (now) bench_near(now, m->terms, width);
    for (int i = 0; now && i < m->terms; i++)
        if (m->held >> i & 1) width[i] = 1e-6;
    if (now)
        bench_logistic_near(s, used, m->terms, now, width, w);
    else
        bench_logistic(s, used, m->terms, 30, w);
}

static void leave_out(const model *m, const double *now, row *rows, int n, bench_sample *s) {
    double w[MOST_TERMS];
    for (int i = 0; i < n; i++) rows[i].left_out = -1;
    for (int i = 0; i < n; i++) {
        if (rows[i].left_out >= 0) continue;
        fit(m, now, rows, n, rows[i].group, s, w);
        for (int k = i; k < n; k++)
            if (strcmp(rows[k].group, rows[i].group) == 0)
                rows[k].left_out = dm_probability(w, rows[k].x, m->terms);
    }
}

/* The same for the scores of one study, whose rows lie together, as the stage does (dm_vein_alone). */
static void alone(row *rows, int n) {
    dm_finding *f = calloc((size_t)n, sizeof *f);
    double *odds = malloc((size_t)n * sizeof *odds);
    for (int i = 0; f && odds && i < n; i++)
        f[i] = (dm_finding){.score = rows[i].kind == 2 ? 0 : rows[i].left_out,
                            .s = rows[i].s,
                            .side = rows[i].side[0] == 'l' ? DM_LEFT : DM_RIGHT,
                            .false_sign = rows[i].flagged ? DM_SIGN_IV : DM_NO_SIGN};
    if (f && odds) dm_vein_alone(f, n, odds);
    for (int i = 0; f && odds && i < n; i++) rows[i].left_out = f[i].score;
    free(f), free(odds);
}

static void all_alone(row *rows, int n) {
    for (int i = 0, end = 0; i < n; i = end) {
        while (end < n && strcmp(rows[end].study, rows[i].study) == 0) end++;
        alone(rows + i, end - i);
    }
}

/* Best score of a candidate on what *truth says; 0 = it has none. A study has one vein; diverticula are told
 * apart by their side and by 12 mm along the line. */
static double best_of(const model *m, const row *rows, int n, const row *truth) {
    double best = 0;
    for (const row *r = rows; r < rows + n; r++)
        if (r->kind == 1 && !r->flagged && strcmp(r->study, truth->study) == 0 &&
            strcmp(r->side, truth->side) == 0 && (m->alone || fabs(r->s - truth->s) < 12))
            best = fmax(best, r->left_out);
    return best;
}

/* True ones and false marks above some scores, of the drawn (host 0) or painted studies. */
static void free_response(const model *m, const row *rows, int n, int host) {
    static const double at[] = {0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};
    for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
        int all = 0, found = 0, wrong = 0;
        for (const row *r = rows; r < rows + n; r++) {
            if (r->host != host) continue;
            all += r->kind == 2, found += r->kind == 2 && best_of(m, rows, n, r) >= at[k];
            wrong += r->kind == 0 && !r->flagged && r->left_out >= at[k];
        }
        printf("%s from %.2f: %d of %d found, %d false\n", host ? "painted" : "drawn", at[k], found, all,
               wrong);
    }
}

static void calibration(const row *rows, int n) {
    static const double edge[] = {0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 1.01};
    double likelihood = 0;
    int fitted = 0;
    for (const row *r = rows; r < rows + n; r++)
        if (is_fitted(r)) likelihood += log(r->kind == 1 ? r->left_out : 1 - r->left_out), fitted++;
    printf("mean ln likelihood %.4f\n", likelihood / fitted);
    for (size_t k = 0; k + 1 < sizeof edge / sizeof *edge; k++) {
        int count = 0, right = 0;
        double sum = 0;
        for (const row *r = rows; r < rows + n; r++) {
            if (!is_fitted(r) || r->left_out < edge[k] || r->left_out >= edge[k + 1]) continue;
            count++, right += r->kind == 1, sum += r->left_out;
        }
        if (count) printf("score %.2f: right %.2f of %d\n", sum / count, (double)right / count, count);
    }
}

static int fit_model(const model *m, int near, char *paths) {
    row *rows = calloc(MOST_ROWS, sizeof *rows);
    bench_sample *samples = calloc(MOST_ROWS, sizeof *samples);
    double w[MOST_TERMS], preset[MOST_TERMS];
    const double *now = near ? preset : NULL;
    int n = 0;
    bench_presets(m->prefix, m->names, m->terms, preset);
    for (char *save = NULL, *p = strtok_r(paths, ",", &save); rows && samples && p && n >= 0;
         p = strtok_r(NULL, ",", &save))
        if ((n = read_rows(m, p, rows, n)) < 0) fprintf(stderr, "%s: cannot be read\n", p);
    if (samples && n > 0) {
        fit(m, now, rows, n, NULL, samples, w);
        printf("fitted to %d rows:", n);
        for (int i = 0; i < m->terms; i++) printf(" findings.%s_%s=%.2f", m->prefix, m->names[i], w[i]);
        printf("\neach study (painted: each root and side) left out in turn:\n");
        leave_out(m, now, rows, n, samples);
        if (m->alone) all_alone(rows, n);
        free_response(m, rows, n, 0), free_response(m, rows, n, 1), calibration(rows, n);
    }
    free(rows), free(samples);
    return n > 0 ? 0 : 4;
}

int fit_veins(int near, char *paths) {
    return fit_model(&of_veins, near, paths);
}

int fit_balls(int near, char *paths) {
    return fit_model(&of_balls, near, paths);
}
