/* rounds.csv, yield.csv, patients.csv, indirect.csv: the step-by-step protocol, patient by patient in the
 * order of the examinations. A treatment ends a sequence: what later rounds say is of another dura. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison.h"
#include "level_place.h"

enum { MOST_ROUNDS = 12 }; /* of the yield table; later rounds still have their rows */

typedef struct yield_row {
    int n, open, found_now, found, compared, exact, within_1;
} yield_row;

typedef struct walk {
    dm_comparison *c;
    yield_row yield[MOST_ROUNDS];
    int sequences;
    int cross[4][5]; /* direct answer, indirect evidence */
} walk;

/* A stretch of one patient's rounds without a treatment in between. */
typedef struct sequence {
    int patient, number, from, to; /* order[from] .. order[to - 1] */
    const char *treated_before;
} sequence;

static const dm_examination *exam_at(const dm_comparison *c, int position) {
    return &c->m.exam[c->order[position]];
}

/* The latest treatment before a study; NULL when there is none. *count = how many. */
static const dm_treatment *treatment_before(const dm_comparison *c, int position, int *count) {
    const dm_examination *e = exam_at(c, position);
    const dm_treatment *last = NULL;
    *count = 0;
    for (int i = 0; i < c->treatments.n; i++) {
        const dm_treatment *t = &c->treatments.t[i];
        if (t->patient != e->patient || !dm_treated_before(t, e, position - c->first[e->patient] + 1))
            continue;
        int later = !last || t->after_round > last->after_round || t->time > last->time || t->day > last->day;
        if (later) last = t;
        ++*count;
    }
    return last;
}

/* The next sequence of the patient from order[from] on. */
static sequence next_sequence(const dm_comparison *c, int patient, int number, int from) {
    int before, here;
    const dm_treatment *t = treatment_before(c, from, &before);
    sequence s = {patient, number, from, from + 1, t ? t->what : ""};
    for (; s.to < c->first[patient + 1]; s.to++) {
        (void)treatment_before(c, s.to, &here);
        if (here != before) break;
    }
    return s;
}

/* ---- rounds.csv ---- */

/* The latest round before `position` in the sequence that reports a leak; NULL when there is none. */
static const dm_examination *earlier_leak(const dm_comparison *c, const sequence *s, int position) {
    for (int i = position - 1; i >= s->from; i--)
        if (exam_at(c, i)->said == DM_SAID_LEAK) return exam_at(c, i);
    return NULL;
}

static const char *added_by(const dm_examination *e, const dm_examination *earlier) {
    if (e->said == DM_SAID_LEAK && !earlier) return "first_leak";
    if (e->said == DM_SAID_LEAK && e->place && earlier->place)
        return dm_place_near(e->place, earlier->place, 1) ? "confirmed" : "new_site";
    return e->said == DM_SAID_NO_LEAK && earlier ? "lost" : "nothing";
}

static const char *agreement_of(const dm_examination *e, const dm_examination *earlier) {
    if (!earlier || e->said != DM_SAID_LEAK || !e->place || !earlier->place) return "";
    if (dm_place_near(e->place, earlier->place, 0)) return "exact";
    return dm_place_near(e->place, earlier->place, 1) ? "within_1" : "different";
}

static const char *truth_name(dm_truth t) {
    static const char *const names[] = {"", "none", "leak", "contradicted"};
    return names[t];
}

static void put_site(cJSON *row, const dm_examination *e) {
    dm_put(row, "class", e->class_name);
    dm_put(row, "level", e->level);
    dm_put(row, "side", e->side_name);
    dm_put_number(row, "interval_mm", e->interval_mm);
}

static int order_known(const dm_examination *e) {
    return e->round > 0 || !isnan(e->time);
}

static void add_round(walk *w, const sequence *s, int position) {
    const dm_comparison *c = w->c;
    const dm_examination *e = exam_at(c, position), *earlier = earlier_leak(c, s, position);
    cJSON *row = dm_sheet_row(&w->c->sheet[DM_ROUNDS]);
    dm_put(row, "patient_id", c->m.patient[s->patient]);
    dm_put_number(row, "sequence", s->number);
    dm_put_number(row, "round", position - c->first[s->patient] + 1);
    dm_put(row, "study_id", e->study_id);
    dm_put(row, "protocol", c->m.protocol[e->protocol]);
    dm_put(row, "answer", dm_said_name(e->said));
    put_site(row, e);
    dm_put(row, "added", added_by(e, earlier));
    dm_put(row, "agreement", agreement_of(e, earlier));
    dm_put_number(row, "found_so_far", earlier || e->said == DM_SAID_LEAK);
    dm_put(row, "treated_before", s->treated_before);
    dm_put(row, "reference", truth_name(e->truth));
    if (c->first[s->patient + 1] - c->first[s->patient] > 1 && !order_known(e))
        dm_put_note(row, "neither round nor time is known: the order is that of the pseudonyms");
}

/* ---- yield.csv ---- */

static void count_yield(walk *w, const sequence *s) {
    int first = 0; /* round of the first leak, from 1 */
    if (s->number > 1) return;
    w->sequences++;
    for (int i = s->from; i < s->to && i - s->from < MOST_ROUNDS; i++) {
        const dm_examination *e = exam_at(w->c, i), *earlier = earlier_leak(w->c, s, i);
        yield_row *y = &w->yield[i - s->from];
        const char *same = agreement_of(e, earlier);
        y->n++;
        y->open += !earlier;
        if (!earlier && e->said == DM_SAID_LEAK) {
            y->found_now++;
            first = i - s->from + 1;
        }
        y->compared += *same != 0;
        y->exact += !strcmp(same, "exact");
        y->within_1 += *same && strcmp(same, "different") != 0;
    }
    for (int k = first; first && k <= MOST_ROUNDS; k++) w->yield[k - 1].found++;
}

static void add_yield(walk *w) {
    for (int k = 0; k < MOST_ROUNDS && w->yield[k].n; k++) {
        const yield_row *y = &w->yield[k];
        cJSON *row = dm_sheet_row(&w->c->sheet[DM_YIELD]);
        dm_put_number(row, "round", k + 1);
        dm_put_number(row, "n", y->n);
        dm_put_number(row, "n_open", y->open);
        dm_put_number(row, "n_new", y->found_now);
        dm_put_share(row, "yield", y->found_now, y->open);
        dm_put_number(row, "n_found", y->found);
        dm_put_number(row, "n_sequences", w->sequences);
        dm_put_share(row, "cumulative", y->found, w->sequences);
        dm_put_number(row, "n_compared", y->compared);
        dm_put_number(row, "n_exact", y->exact);
        dm_put_number(row, "n_within_1", y->within_1);
        dm_put_share(row, "level_within_1", y->within_1, y->compared);
        if (!y->open) dm_put_note(row, "every patient had a leak reported before: yield does not exist");
    }
}

/* ---- patients.csv ---- */

static dm_said overall(const dm_comparison *c, const sequence *s) {
    static const dm_said by_weight[] = {DM_SAID_LEAK, DM_SAID_NO_LEAK, DM_SAID_CANNOT_TELL};
    for (int k = 0; k < 3; k++)
        for (int i = s->from; i < s->to; i++)
            if (exam_at(c, i)->said == by_weight[k]) return by_weight[k];
    return DM_SAID_NOTHING;
}

/* The site with the shortest interval: intervals are in mm and mean the same in every protocol, scores do
 * not. */
static const dm_examination *best_site(const dm_comparison *c, const sequence *s) {
    const dm_examination *best = NULL;
    for (int i = s->from; i < s->to; i++) {
        const dm_examination *e = exam_at(c, i);
        if (e->said != DM_SAID_LEAK) continue;
        double width = isnan(e->interval_mm) ? INFINITY : e->interval_mm;
        double least = !best || isnan(best->interval_mm) ? INFINITY : best->interval_mm;
        if (!best || width <= least) best = e;
    }
    return best;
}

static dm_truth overall_truth(const dm_comparison *c, const sequence *s) {
    dm_truth t = DM_TRUTH_UNKNOWN;
    for (int i = s->from; i < s->to; i++)
        if (exam_at(c, i)->truth > t) t = exam_at(c, i)->truth; /* none < leak < contradicted */
    return t;
}

static void put_best(const dm_comparison *c, const sequence *s, cJSON *row, const dm_examination *best) {
    int sites = 0, agree = 0, first = 0;
    for (int i = s->from; i < s->to; i++) {
        const dm_examination *e = exam_at(c, i);
        if (e->said != DM_SAID_LEAK) continue;
        if (!first) first = i - c->first[s->patient] + 1;
        sites += e->place != 0;
        agree += best && dm_place_near(e->place, best->place, 1);
    }
    if (first) dm_put_number(row, "first_found", first);
    dm_put_number(row, "n_sites", sites);
    dm_put_number(row, "n_agree", agree);
    if (!best) return;
    dm_put(row, "best_study_id", best->study_id);
    dm_put(row, "best_protocol", c->m.protocol[best->protocol]);
    put_site(row, best);
    if (isnan(best->interval_mm))
        dm_put_note(row, "no study tells the length of canal that holds its site: the last one is taken");
}

static void put_tests(const dm_comparison *c, cJSON *row, int patient) {
    if (!c->clinical.of) return;
    const dm_tests *t = &c->clinical.of[patient];
    if (!t->known) dm_put_note(row, "no row in clinical.csv");
    dm_put_number(row, "r_out", t->r_out);
    dm_put_number(row, "sheath_change_mm", t->sheath_change_mm);
    dm_put_number(row, "opening_cmh2o", t->opening_cmh2o);
    dm_put_number(row, "bern_score", t->bern);
    dm_put(row, "bern_band", dm_bern_band(t->bern));
    dm_put(row, "indirect_evidence", dm_evidence_name(t->evidence));
}

static void add_patient(walk *w, const sequence *s) {
    const dm_comparison *c = w->c;
    cJSON *row = dm_sheet_row(&w->c->sheet[DM_PATIENTS]);
    dm_said said = overall(c, s);
    dm_put(row, "patient_id", c->m.patient[s->patient]);
    dm_put_number(row, "sequence", s->number);
    dm_put_number(row, "n_rounds", s->to - s->from);
    dm_put(row, "answer", dm_said_name(said));
    put_best(c, s, row, best_site(c, s));
    dm_put(row, "treated_before", s->treated_before);
    dm_put(row, "reference", truth_name(overall_truth(c, s)));
    put_tests(c, row, s->patient);
    if (s->number == 1 && c->clinical.of) w->cross[said][c->clinical.of[s->patient].evidence]++;
}

/* ---- indirect.csv ---- */

static void add_cross(walk *w) {
    if (!w->c->clinical.of) return;
    for (int said = DM_SAID_NO_LEAK; said <= DM_SAID_NOTHING; said++) {
        int with_tests = 0;
        for (int e = DM_EVIDENCE_LEAK; e <= DM_EVIDENCE_UNCLEAR; e++) with_tests += w->cross[said][e];
        for (int e = DM_EVIDENCE_NONE; e <= DM_EVIDENCE_UNCLEAR; e++) {
            cJSON *row = dm_sheet_row(&w->c->sheet[DM_INDIRECT]);
            dm_put(row, "direct", dm_said_name((dm_said)said));
            dm_put(row, "indirect", dm_evidence_name((dm_evidence)e));
            dm_put_number(row, "n", w->cross[said][e]);
            if (e != DM_EVIDENCE_NONE) dm_put_share(row, "share", w->cross[said][e], with_tests);
            if (e != DM_EVIDENCE_NONE && !with_tests)
                dm_put_note(row, "no patient with this answer has a test on record");
        }
    }
}

static void note_order(walk *w, int patient) {
    int from = w->c->first[patient], to = w->c->first[patient + 1], unknown = 0;
    for (int i = from; i < to; i++) unknown += !order_known(exam_at(w->c, i));
    if (to - from > 1 && unknown)
        dm_unmatched(&w->c->sheet[DM_UNMATCHED], "studies.csv", 0, "", w->c->m.patient[patient],
                     "order_unknown",
                     "studies without round and time: their rounds are in the order of the pseudonyms");
}

dm_status dm_fill_rounds(dm_comparison *c) {
    walk w = {.c = c};
    for (int p = 0; p < c->m.n_patients; p++) {
        note_order(&w, p);
        for (int from = c->first[p], number = 1; from < c->first[p + 1]; number++) {
            sequence s = next_sequence(c, p, number, from);
            for (int i = s.from; i < s.to; i++) add_round(&w, &s, i);
            count_yield(&w, &s);
            add_patient(&w, &s);
            from = s.to;
        }
    }
    add_yield(&w);
    add_cross(&w);
    return dm_ok;
}
