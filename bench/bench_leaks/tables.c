/* The figures over all studies. */
#include "leaks.h"
#include "../lost_pool.h"
#include "../sorted.h"

int tally_is_false(const mark *m) {
    return m->leak < 0 && !m->sign && m->flag == DM_NO_SIGN;
}

int tally_is_goal(const lesion *l) {
    return l->thickness >= 1 && l->ratio >= 0.2;
}

double tally_score_at(const tally *t, double rate) {
    double *s = bench_calloc((size_t)t->n_marks, sizeof *s);
    int n = 0, most = (int)(rate * t->studies);
    for (int i = 0; i < t->n_marks; i++)
        if (tally_is_false(&t->marks[i])) s[n++] = t->marks[i].score;
    bench_sort(s, n);
    double out = most < n ? s[n - 1 - most] : 0;
    free(s);
    return out;
}

static void share(const char *name, const tally *t, double least, double t0, double t1, double r0, double r1,
                  int mr) {
    int n = 0, found = 0;
    for (int i = 0; i < t->n_lesions; i++) {
        const lesion *l = &t->lesions[i];
        if (l->thickness < t0 || l->thickness >= t1 || l->ratio < r0 || l->ratio >= r1 ||
            (mr >= 0 && l->mr != mr))
            continue;
        n++, found += l->best > least;
    }
    printf("  %s %d/%d", name, found, n);
}

static void sensitivity(const tally *t) {
    static const double rate[] = {0.125, 0.25, 0.5, 1, 2};
    printf("false marks a study | score | all | thickness >= 1 and ratio >= .2 | CT | MR\n");
    for (int k = 0; k < 5; k++) {
        double least = tally_score_at(t, rate[k]);
        printf("%5.3f %6.3f ", rate[k], least);
        share("all", t, least, 0, 99, 0, 9, -1);
        share("goal", t, least, 1, 99, 0.2, 9, -1);
        share("CT", t, least, 1, 99, 0.2, 9, 0);
        share("MR", t, least, 1, 99, 0.2, 9, 1);
        printf("\n");
    }
    static const double ratio[] = {0, 0.2, 0.3, 0.5, 9}, thick[] = {0, 1, 1.5, 2.3, 99};
    double least = tally_score_at(t, 0.25);
    printf(
        "found at .25 false marks a study, rows: ratio, columns: thickness < 1, 1-1.5, 1.5-2.3, > 2.3 mm\n");
    for (int mr = 0; mr < 2; mr++)
        for (int k = 0; k < 4; k++) {
            printf("%s %.1f..%.1f", mr ? "MR" : "CT", ratio[k], ratio[k + 1]);
            for (int j = 0; j < 4; j++)
                share("", t, least, thick[j], thick[j + 1], ratio[k], ratio[k + 1], mr);
            printf("\n");
        }
}

static void misses(const tally *t) {
    double least = tally_score_at(t, 0.25);
    printf("pools >= 1 mm and ratio >= .2 missed at .25 false marks a study:");
    for (int k = 0; k < LOST_N; k++) {
        int n[2] = {0, 0};
        for (int i = 0; i < t->n_lesions; i++) {
            const lesion *l = &t->lesions[i];
            n[l->mr] += tally_is_goal(l) && l->best <= least && l->lost == k;
        }
        printf("  %s CT %d MR %d", lost_name[k], n[0], n[1]);
    }
    printf("\n");
}

/* Does a tenth of the candidates of score 0.1 hit a leak? */
static void calibration(const tally *t) {
    static const double edge[] = {0.05, 0.2, 0.35, 0.5, 0.7, 0.85, 1.01};
    printf("candidates that hit a leak, by score:");
    for (int k = 0; k < 6; k++) {
        int n = 0, hit = 0;
        for (int i = 0; i < t->n_marks; i++)
            if (!t->marks[i].sign && t->marks[i].score >= edge[k] && t->marks[i].score < edge[k + 1])
                n++, hit += t->marks[i].leak >= 0;
        printf("  %.2f-%.2f %d/%d", edge[k], fmin(edge[k + 1], 1), hit, n);
    }
    printf("\n");
}

void tally_report(const tally *t) {
    printf("%d studies, %d CT, %d without a leak, %d pools\n", t->studies, t->ct, t->leak_free, t->n_lesions);
    sensitivity(t);
    misses(t);
    calibration(t);
    tally_sites(t);
    for (int k = 0; k < 2; k++)
        printf("%s: answered no_leak %d, leak %d, indeterminate %d\n", k ? "leaking" : "leak-free",
               t->answer[k][DM_NO_LEAK], t->answer[k][DM_LEAK], t->answer[k][DM_CANNOT_TELL]);
}
