/* Diverticula and veins against the truth. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../sorted.h"
#include "frame.h"
#include "sacs.h"
#include "truth.h"

double distance(const double p[3], const double q[3]) {
    return sqrt((p[0] - q[0]) * (p[0] - q[0]) + (p[1] - q[1]) * (p[1] - q[1]) +
                (p[2] - q[2]) * (p[2] - q[2]));
}

void place_of(const dm_study *st, const double lps[3], char out[64]) {
    double s, theta, r;
    dm_frame_from_lps(&st->spine, lps, &s, &theta, &r);
    snprintf(out, 64, "s %.1f theta %.0f r %.1f", s, theta, r);
}

/* Rows that are fluid outside the dura all the same: the way of a lateral leak out through its foramen. */
static int at_lateral_leak(const bench *b, const double p[3], dm_side side) {
    for (int i = 0; i < b->a->n_leaks; i++) {
        double q[3];
        const dm_ph_leak *k = &b->a->leak[i];
        dm_ph_to_patient(b->sc, k->p, q);
        if (strcmp(k->side, dm_side_name(side)) == 0 && distance(p, q) < 25) return 1;
    }
    return 0;
}

/* A row as fit.c reads it, in the study's own coordinates. */
static void write_row(FILE *f, const bench *b, int kind, const char *root, const char *side, const char *sign,
                      double score, const double lps[3], const double *x, int terms) {
    char where[64];
    place_of(b->st, lps, where);
    fprintf(f, "%s_%d_%llu_%d,%d,%s,%s,%s,%.4f,%s", b->a->host ? "host" : "drawn", (int)b->a->protocol,
            (unsigned long long)b->a->seed, b->a->number, kind, root, side, sign, score, where);
    for (int i = 0; i < terms; i++) fprintf(f, ",%.4f", x ? x[i] : 0.0);
    fprintf(f, "\n");
    fflush(f);
}

/* Kind: 2 = a true one of the goal (its width in place of the score), 1 = a row on one, -1 = on a smaller one or
 * on the way of a leak, 0 = false. */
static void write_ball(const bench *b, int kind, const dm_diverticulum *d) {
    int cyst = d->ball[DM_BALL_ONE] <= 0; /* its score is another */
    if (b->balls && !cyst)
        write_row(b->balls, b, kind, dm_level_name(d->root), dm_side_name(d->side), "", d->score, d->lps, d->ball,
                  DM_BALL_TERMS);
}

void score_blebs(const bench *b) {
    const dm_findings *f = &b->st->findings;
    int claimed[DM_MAX_DIVERTICULA] = {0};
    char where[64];
    for (int i = 0; i < b->a->n_blebs; i++) {
        const dm_ph_bleb *q = &b->a->bleb[i];
        double p[3];
        int best = -1;
        if (!dm_ph_in_view(b->sc, q->p)) continue;
        dm_ph_to_patient(b->sc, q->p, p);
        for (int k = 0; k < f->n_diverticula; k++)
            if (!claimed[k] && distance(p, f->d[k].lps) < 8 &&
                (best < 0 || distance(p, f->d[k].lps) < distance(p, f->d[best].lps)))
                best = k;
        if (best >= 0) claimed[best] = 1, write_ball(b, q->diameter < 5 ? -1 : 1, &f->d[best]);
        if (b->balls && q->diameter >= 5)
            write_row(b->balls, b, 2, q->level_root, q->side, "", q->diameter, p, NULL, DM_BALL_TERMS);
        place_of(b->st, p, where);
        if (b->each)
            printf("  %s bleb %s %s d %.1f fill %.2f leaking %d at %s: %.1f score %.2f\n",
                   best >= 0         ? "HIT "
                   : q->diameter < 5 ? "miss"
                                     : "MISS",
                   q->level_root, q->side, q->diameter, q->fill, q->leaking, where,
                   best >= 0 ? f->d[best].diameter_mm : 0.0, best >= 0 ? f->d[best].score : 0.0);
        if (b->each && b->shown) printf("    the scan shows %.2f of it\n", b->shown->bleb[i]);
        if (q->diameter < 5) continue;
        int plain = b->shown && b->shown->bleb[i] >= 0.5;
        b->t->shown_blebs += plain, b->t->shown_blebs_found += plain && best >= 0;
        b->t->blebs++, b->t->blebs_found += best >= 0;
        if (best >= 0 && b->t->n_size < MOST_MARKS)
            b->t->size[b->t->n_size++] = f->d[best].diameter_mm - q->diameter;
    }
    for (int k = 0; k < f->n_diverticula; k++) {
        b->t->bleb_rows++;
        if (claimed[k]) continue;
        int arm = at_lateral_leak(b, f->d[k].lps, f->d[k].side);
        b->t->arms += arm, b->t->bleb_false += !arm;
        write_ball(b, arm ? -1 : 0, &f->d[k]);
        place_of(b->st, f->d[k].lps, where);
        if (b->each)
            printf("  %s bleb %s %s d %.1f score %.2f leaking %d at %s\n", arm ? "arm  " : "FALSE",
                   dm_level_name(f->d[k].root), dm_side_name(f->d[k].side), f->d[k].diameter_mm,
                   f->d[k].score, f->d[k].leaking, where);
    }
}

void say_pools(const bench *b) {
    const dm_findings *f = &b->st->findings;
    for (int k = 0; k < f->n; k++) {
        const dm_finding *q = &f->f[k];
        char where[64];
        if (q->class_ == DM_FISTULA) continue;
        place_of(b->st, q->lps, where);
        printf("  pool %s score %.3f length %.0f thick %.1f ratio %.2f sign %s at %s\n", dm_class_name(q->class_),
               q->score, q->length_mm, q->thickness_mm, q->peak_ratio, dm_false_sign_name(q->false_sign), where);
    }
}

int is_fair(const dm_ph_scanner *sc, const dm_ph_vein *v) {
    return v->diameter >= 1.5 && dm_ph_vein_shown(v, sc->noise) >= 5;
}

/* mm from an LPS point to the middle line of a true vein. */
static double off_course(const bench *b, const dm_ph_vein *v, const double lps[3]) {
    double best = INFINITY;
    for (int i = v->first_prim; i < v->first_prim + v->n_prims; i++)
        for (int k = 0; k <= 4; k++) {
            const float *c = b->a->prims + (size_t)i * PH_PROW;
            double at[3], p[3], q[3];
            for (int x = 0; x < 3; x++)
                at[x] = (double)c[PH_A0 + x] + 0.25 * k * (double)(c[PH_A1 + x] - c[PH_A0 + x]);
            dm_ph_point_at(b->a, at[2], at[0], at[1], p);
            dm_ph_to_patient(b->sc, p, q);
            best = fmin(best, distance(q, lps));
        }
    return best;
}

/* One row of the study's truth (kind 2, and its width in place of the score) or of a candidate, with all that
 * is weighed. Kind: 1 = on a vein of the goal, 0 = further than half a segment from any, -1 = between, or on
 * a vein below the goal. */
static void write_reading(const bench *b, int kind, const dm_finding *q) {
    write_row(b->readings, b, kind, dm_level_name(q->root), dm_side_name(q->side), dm_false_sign_name(q->false_sign),
              q->score, q->lps, q->vein, DM_VEIN_TERMS);
}

/* Of a candidate, see write_reading; `hit` = it counts as a mark of some vein. */
static int kind_of(const bench *b, const dm_finding *q, int hit) {
    for (int i = 0; i < b->a->n_veins; i++)
        if (off_course(b, &b->a->vein[i], q->lps) < 4) return is_fair(b->sc, &b->a->vein[i]) ? 1 : -1;
    return hit ? -1 : 0;
}

static void write_truth(const bench *b, const dm_ph_vein *v, const double lps[3]) {
    dm_finding q = {.score = v->diameter, .side = v->side[0] == 'l' ? DM_LEFT : DM_RIGHT};
    memcpy(q.lps, lps, sizeof q.lps);
    if (is_fair(b->sc, v)) write_reading(b, 2, &q);
}

void score_veins(const bench *b) {
    const dm_findings *f = &b->st->findings;
    totals *t = b->t;
    int first = t->veins;
    char where[64];
    for (int i = 0; i < b->a->n_veins; i++) {
        double p[3];
        t->fair[t->veins] = is_fair(b->sc, &b->a->vein[i]);
        t->shown[t->veins] = t->fair[t->veins] && b->shown && b->shown->vein_mm[i] >= 5;
        t->fair_veins += t->fair[t->veins], t->shown_veins += t->shown[t->veins];
        t->veins++;
        dm_ph_to_patient(b->sc, b->a->vein[i].p, p);
        place_of(b->st, p, where);
        if (b->readings) write_truth(b, &b->a->vein[i], p);
        if (b->each)
            printf("  true vein %s %s %s length %.0f d %.1f hu %.0f above round it %.0f CNR 4 over %.0f "
                   "noise %.0f at %s%s\n",
                   b->a->vein[i].level_root, b->a->vein[i].side, b->a->vein[i].course, b->a->vein[i].length,
                   b->a->vein[i].diameter, b->a->vein[i].hu, dm_ph_vein_contrast(&b->a->vein[i]),
                   dm_ph_vein_shown(&b->a->vein[i], b->sc->noise), b->sc->noise, where,
                   is_fair(b->sc, &b->a->vein[i]) ? "" : " (below the goal's limits)");
        if (b->each && b->shown) printf("    shows over %.0f mm\n", b->shown->vein_mm[i]);
    }
    for (int k = 0; k < f->n; k++) {
        const dm_finding *q = &f->f[k];
        int hit = 0;
        if (q->class_ != DM_FISTULA) continue;
        for (int i = 0; i < b->a->n_veins; i++) {
            double p[3];
            dm_ph_to_patient(b->sc, b->a->vein[i].p, p);
            /* same side, mark within 12 mm of where the vein begins: less than half a segment */
            if (strcmp(b->a->vein[i].side, dm_side_name(q->side)) == 0 &&
                distance(p, q->lps) < 12 + 0.5 * b->a->vein[i].length)
                hit = first + i + 1;
        }
        if (t->n_marks < MOST_MARKS && q->false_sign == DM_NO_SIGN)
            t->marks[t->n_marks++] = (mark){q->score, hit};
        if (b->readings && !q->in_body) write_reading(b, kind_of(b, q, hit), q);
        place_of(b->st, q->lps, where);
        if (b->each)
            printf("  %s vein %s %s score %.3f length %.0f d %.1f peak %.0f sign %s at %s\n",
                   hit ? "HIT  " : "FALSE", dm_level_name(q->root), dm_side_name(q->side), q->score,
                   q->length_mm, q->thickness_mm, q->peak_value, dm_false_sign_name(q->false_sign), where);
    }
}

static int by_score(const void *a, const void *b) {
    double x = ((const mark *)a)->score, y = ((const mark *)b)->score;
    return x > y ? -1 : x < y;
}

/* Share of those veins that count (there are `of`) found where false marks reach `rate` a study. */
static double sensitivity(const totals *t, const int *counts, int of, double rate, double *at_score) {
    int *found = calloc((size_t)t->veins + 1, sizeof *found), n = 0, wrong = 0;
    *at_score = 0;
    for (int k = 0; found && k < t->n_marks; k++) {
        if (!t->marks[k].hit && ++wrong > rate * t->studies) break;
        int v = t->marks[k].hit;
        *at_score = t->marks[k].score;
        if (v && !found[v]) found[v] = 1, n += counts[v - 1];
    }
    free(found);
    return of ? (double)n / of : NAN;
}

void report(totals *t) {
    double precision = t->bleb_rows ? 1 - (double)t->bleb_false / (t->bleb_rows - t->arms) : 0,
           recall = t->blebs ? (double)t->blebs_found / t->blebs : 0;
    printf("studies %d\ndiverticula >= 5 mm: %d found %d, rows %d false %d arms %d, precision %.2f recall "
           "%.2f F1 %.3f\n",
           t->studies, t->blebs, t->blebs_found, t->bleb_rows, t->bleb_false, t->arms, precision, recall,
           2 * precision * recall / fmax(precision + recall, 1e-9));
    if (t->shown_blebs)
        printf("of those of which the scan shows half (a tenth of the sac above what is there without): %d "
               "found "
               "%d\n",
               t->shown_blebs, t->shown_blebs_found);
    double sum = 0;
    for (int i = 0; i < t->n_size; i++) sum += t->size[i], t->relative[i] = fabs(t->size[i]);
    bench_sort(t->relative, t->n_size);
    if (t->n_size)
        printf("size error: mean %+.2f, median %.2f, 95 %% %.2f, worst %.2f mm\n", sum / t->n_size,
               t->relative[t->n_size / 2], t->relative[(int)(0.95 * (t->n_size - 1) + 0.5)],
               t->relative[t->n_size - 1]);
    qsort(t->marks, (size_t)t->n_marks, sizeof *t->marks, by_score);
    printf("veins %d, of these >= 1.5 mm at CNR >= 4: %d (the scan shows 5 mm of %d), marks %d\n", t->veins,
           t->fair_veins, t->shown_veins, t->n_marks);
    const double rate[5] = {0.125, 0.25, 0.5, 1, 2};
    for (int i = 0; i < 5; i++) {
        double score, s = sensitivity(t, t->fair, t->fair_veins, rate[i], &score);
        printf("  sensitivity %.2f at %.3f false marks a study (score %.3f)", s, rate[i], score);
        if (t->shown_veins)
            printf(", of those the scan shows %.2f",
                   sensitivity(t, t->shown, t->shown_veins, rate[i], &score));
        printf("\n");
    }
}
