/* The rules of matching, one by one, and the curves made from it against a slow version written apart. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap.h"
#include "cases.h"
#include "clinical.h"
#include "dates.h"
#include "froc.h"
#include "level.h"
#include "level_place.h"
#include "match.h"
#include "outcome.h"

/* A straight canal: mid-bodies of C1 .. L5 every 20 mm, s = 10, 30, ... towards the feet (z falls). */
enum { RUNGS = 24 };
static dm_rung ladder[RUNGS];

static void make_ladder(void) {
    int level = DM_C1;
    for (int i = 0; i < RUNGS; i++, level++) {
        if (level == DM_T13) level++;
        ladder[i] = (dm_rung){level, {0, 0, -20.0 * i}, 10 + 20.0 * i};
    }
}

static dm_mark mark_at(double s, double score, int class_) {
    return (dm_mark){.class_ = class_, .score = score, .s = s, .accepted = 1};
}

static dm_lesion lesion_at(double s, int class_) {
    return (dm_lesion){class_, 0, 0, s, NAN, NAN};
}

START_TEST(names_on_one_scale) {
    static const struct {
        const char *a, *b;
    } same[] = {{"T7-8", "T7"}, {"T7-T8", "T7-8"}, {"C5-6", "C6"}, {"C7-T1", "C8"},
                {"C6-7", "C7"}, {"T12-L1", "T12"}, {"L5-S1", "L5"}};
    for (unsigned i = 0; i < sizeof same / sizeof *same; i++) {
        ck_assert_msg(dm_place_parse(same[i].a) > 0, "%s", same[i].a);
        ck_assert_msg(dm_place_parse(same[i].a) == dm_place_parse(same[i].b), "%s is not %s", same[i].a,
                      same[i].b);
    }
    static const char *const bad[] = {"",      "T",     "T0",     "T14",    "7-8", "T7-9",
                                      "T8-7",  "T7-",   "-T7",    "T7 -8",  "t7",  "L5-S2",
                                      "C8-T1", "T7-L1", "T7-8-9", "lumbar", "T7x", "S6"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(dm_place_parse(bad[i]) == 0, "'%s' has a place", bad[i]);
}
END_TEST

START_TEST(one_level_apart) {
    ck_assert(dm_place_near(dm_place_parse("T7-8"), dm_place_parse("T8-9"), 1));
    ck_assert(!dm_place_near(dm_place_parse("T7-8"), dm_place_parse("T8-9"), 0));
    ck_assert(!dm_place_near(dm_place_parse("T7-8"), dm_place_parse("T9-10"), 1));
    ck_assert(dm_place_near(dm_place_parse("C7-T1"), dm_place_parse("T1-2"), 1));
    ck_assert(dm_place_near(dm_place_parse("T12-L1"), dm_place_parse("L1-2"), 1));
    /* Spines with 11 or 13 thoracic, 4 or 6 lumbar vertebrae. */
    ck_assert(dm_place_near(dm_place_parse("T13-L1"), dm_place_parse("T12-13"), 1));
    ck_assert(dm_place_near(dm_place_parse("L6-S1"), dm_place_parse("L5-6"), 1));
    ck_assert(dm_place_parse("T11-L1") && dm_place_parse("L4-S1"));
    ck_assert(!dm_place_near(0, 0, 1)); /* two unknown levels are no agreement */
    for (int v = DM_C1; v <= DM_S5; v++) ck_assert_int_eq(dm_place_upper(dm_place_below(v)), v);
}
END_TEST

START_TEST(foot_on_the_canal) {
    make_ladder();
    ck_assert_double_eq_tol(dm_canal_s(ladder, RUNGS, (double[3]){0, 0, 0}), 10, 1e-9);
    ck_assert_double_eq_tol(dm_canal_s(ladder, RUNGS, (double[3]){15, -8, -47}), 57,
                            1e-9); /* beside the line */
    ck_assert_double_eq_tol(dm_canal_s(ladder, RUNGS, (double[3]){0, 0, 35}), -25, 1e-9); /* a level beyond */
    ck_assert_double_eq_tol(dm_canal_s(ladder, RUNGS, (double[3]){0, 0, 200}), -190,
                            1e-9); /* far, and said so */
    ck_assert(isnan(dm_canal_s(ladder, RUNGS, (double[3]){0, 0, 320})));
    ck_assert(
        isnan(dm_canal_s(ladder, RUNGS, (double[3]){101, 0, -40}))); /* no leak is so far from the canal */
    ck_assert(isnan(dm_canal_s(ladder, 1, (double[3]){0, 0, 0})));
}
END_TEST

/* A bent canal, 20 mm from level to level on a radius of 150 mm, tighter than spines are, and points 5 mm off
 * its line. Within it the curve is right to 0.05 mm; in the last levels, where it straightens, to 5 mm times
 * the bend of half a level. */
START_TEST(foot_on_a_bent_canal) {
    const double radius = 150;
    dm_rung bent[12];
    for (int i = 0; i < 12; i++) {
        double angle = 20.0 * i / radius;
        bent[i] = (dm_rung){DM_C1 + i, {0, radius * cos(angle), -radius * sin(angle)}, 20.0 * i};
    }
    for (double s = 0; s <= 220; s += 1.7) {
        const double p[3] = {3, (radius - 4) * cos(s / radius), -(radius - 4) * sin(s / radius)};
        ck_assert_double_eq_tol(dm_canal_s(bent, 12, p), s, s < 20 || s > 200 ? 0.33 : 0.05);
    }
}
END_TEST

START_TEST(within_reach_and_not_beyond) {
    dm_mark marks[1];
    dm_lesion lesion = lesion_at(100, DM_LEAK_VENTRAL);
    dm_examination e = {.mark = marks, .n_marks = 1, .lesion = &lesion, .n_lesions = 1};
    int claim;
    marks[0] = mark_at(110, 1, DM_LEAK_VENTRAL);
    dm_match(&e, 10, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, 0);
    dm_match(&e, 5, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, DM_FALSE_MARK);
    marks[0] = mark_at(89.9, 1, DM_LEAK_VENTRAL);
    dm_match(&e, 10, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, DM_FALSE_MARK);
    dm_match(&e, 20, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, 0);
}
END_TEST

START_TEST(classes_of_one_group) {
    ck_assert(dm_same_group(DM_LEAK_LATERAL, DM_LEAK_DIVERTICULUM));
    ck_assert(dm_same_group(DM_LEAK_INDETERMINATE, DM_LEAK_FISTULA) &&
              dm_same_group(DM_LEAK_SACRAL, DM_LEAK_INDETERMINATE));
    ck_assert(!dm_same_group(DM_LEAK_LATERAL, DM_LEAK_FISTULA) &&
              !dm_same_group(DM_LEAK_VENTRAL, DM_LEAK_DORSAL));
    dm_mark mark = mark_at(100, 1, DM_LEAK_FISTULA);
    dm_lesion lesion = lesion_at(100, DM_LEAK_VENTRAL);
    dm_examination e = {.mark = &mark, .n_marks = 1, .lesion = &lesion, .n_lesions = 1};
    int claim;
    dm_match(&e, 10, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, DM_FALSE_MARK);
}
END_TEST

START_TEST(one_claims_one_and_a_second_is_a_duplicate) {
    dm_mark marks[4] = {mark_at(103, 0.9, DM_LEAK_VENTRAL), mark_at(100, 0.8, DM_LEAK_VENTRAL),
                        mark_at(111, 0.7, DM_LEAK_VENTRAL), mark_at(300, 0.6, DM_LEAK_VENTRAL)};
    dm_lesion lesions[2] = {lesion_at(100, DM_LEAK_VENTRAL), lesion_at(110, DM_LEAK_VENTRAL)};
    dm_examination e = {.mark = marks, .n_marks = 4, .lesion = lesions, .n_lesions = 2};
    int claim[4];
    dm_match(&e, 10, 1, -INFINITY, claim);
    ck_assert_int_eq(claim[0], 0);            /* the nearer of two */
    ck_assert_int_eq(claim[1], 1);            /* its nearest is taken, the other is in reach */
    ck_assert_int_eq(claim[2], DM_DUPLICATE); /* both in reach are taken */
    ck_assert_int_eq(claim[3], DM_FALSE_MARK);
    dm_match(&e, 10, 1, 0.85, claim); /* a threshold changes nothing for what stays */
    ck_assert_int_eq(claim[0], 0);
    ck_assert_int_eq(claim[1], DM_NO_MARK);
}
END_TEST

START_TEST(scores_choose_not_the_order_in_the_table) {
    dm_mark marks[3] = {mark_at(100, 0.2, DM_LEAK_VENTRAL), mark_at(104, 0.9, DM_LEAK_VENTRAL),
                        mark_at(96, 0.2, DM_LEAK_VENTRAL)};
    dm_lesion lesion = lesion_at(100, DM_LEAK_VENTRAL);
    dm_examination e = {.mark = marks, .n_marks = 3, .lesion = &lesion, .n_lesions = 1};
    int claim[3];
    dm_match(&e, 10, 1, -INFINITY, claim);
    ck_assert_int_eq(claim[1], 0);
    ck_assert_int_eq(claim[0], DM_DUPLICATE);
    ck_assert_int_eq(claim[2], DM_DUPLICATE);
}
END_TEST

START_TEST(signs_and_rejected_candidates_are_no_marks) {
    dm_mark marks[2] = {mark_at(100, 0.9, DM_LEAK_VENTRAL), mark_at(100, 0.5, DM_LEAK_VENTRAL)};
    dm_lesion lesion = lesion_at(100, DM_LEAK_VENTRAL);
    dm_examination e = {.mark = marks, .n_marks = 2, .lesion = &lesion, .n_lesions = 1};
    int claim[2];
    marks[0].is_sign = 1;
    marks[1].accepted = 0;
    dm_match(&e, 10, 1, -INFINITY, claim);
    ck_assert(claim[0] == DM_NO_MARK && claim[1] == DM_NO_MARK);
    dm_match(&e, 10, 0, -INFINITY, claim);
    ck_assert(claim[0] == DM_NO_MARK && claim[1] == 0);
}
END_TEST

/* A reference that knows only "T7-8": the interval from mid-body T7 to mid-body T8, whatever the reach. */
START_TEST(a_level_is_its_interval) {
    make_ladder();
    dm_lesion l = {DM_LEAK_VENTRAL, DM_WAY_VENTRAL, dm_place_parse("T7-8"), NAN, NAN, NAN};
    ck_assert(dm_place_interval(ladder, RUNGS, l.place, &l.s_from, &l.s_to));
    ck_assert_double_eq_tol(l.s_from, 10 + 20 * 13, 1e-9); /* T7 is the 14th rung */
    ck_assert_double_eq_tol(l.s_to, 10 + 20 * 14, 1e-9);
    dm_mark mark = mark_at(l.s_to, 1, DM_LEAK_VENTRAL);
    dm_examination e = {.mark = &mark, .n_marks = 1, .lesion = &l, .n_lesions = 1};
    int claim;
    dm_match(&e, 5, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, 0);
    mark.s = l.s_to + 0.1;
    dm_match(&e, 20, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, DM_FALSE_MARK);
    /* A study that does not show the level: names are compared. */
    l.s_from = l.s_to = NAN;
    mark.place = dm_place_parse("T7");
    dm_match(&e, 5, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, 0);
    mark.place = dm_place_parse("T8-9");
    dm_match(&e, 20, 1, -INFINITY, &claim);
    ck_assert_int_eq(claim, DM_FALSE_MARK);
}
END_TEST

START_TEST(outcome_of_a_site) {
    dm_mark mark = mark_at(112, 1, DM_LEAK_VENTRAL);
    dm_lesion lesions[2] = {lesion_at(300, DM_LEAK_VENTRAL), lesion_at(100, DM_LEAK_VENTRAL)};
    lesions[0].place = dm_place_parse("T11-12");
    lesions[1].place = dm_place_parse("C5-6");
    lesions[1].side = DM_WAY_VENTRAL;
    dm_examination e = {.mark = &mark,
                        .n_marks = 1,
                        .lesion = lesions,
                        .n_lesions = 2,
                        .truth = DM_TRUTH_LEAK,
                        .said = DM_SAID_LEAK,
                        .s = 112,
                        .place = dm_place_parse("C6-7"),
                        .side = DM_WAY_LEFT,
                        .class_ = DM_LEAK_VENTRAL};
    dm_outcome o = dm_outcome_of(&e);
    ck_assert(o.usable && !o.hit[0] && !o.hit[1] && o.hit[2]);
    ck_assert_double_eq_tol(o.mm, 12, 1e-9);
    ck_assert(o.has_level && !o.level_exact && o.level_within_1 && o.has_side && !o.side_right);
    e.said = DM_SAID_NO_LEAK; /* a site that the study does not report counts for nothing */
    o = dm_outcome_of(&e);
    ck_assert(!o.hit[2] && !o.has_level && isnan(o.mm));
}
END_TEST

START_TEST(both_ways_of_counting_what_cannot_be_told) {
    dm_examination e[6] = {{.truth = DM_TRUTH_LEAK, .said = DM_SAID_LEAK},
                           {.truth = DM_TRUTH_LEAK, .said = DM_SAID_CANNOT_TELL},
                           {.truth = DM_TRUTH_LEAK, .said = DM_SAID_NOTHING},
                           {.truth = DM_TRUTH_NEGATIVE, .said = DM_SAID_CANNOT_TELL},
                           {.truth = DM_TRUTH_NEGATIVE, .said = DM_SAID_NO_LEAK},
                           {.truth = DM_TRUTH_UNKNOWN, .said = DM_SAID_LEAK}};
    dm_outcome o[6];
    int index[6];
    for (int i = 0; i < 6; i++) o[i] = dm_outcome_of(&e[i]), index[i] = i;
    dm_tally t = dm_tally_of(e, o, index, 6, DM_LEFT_OUT);
    ck_assert(t.n == 2 && t.tp == 1 && t.fn == 0 && t.tn == 1 && t.fp == 0 && t.indeterminate == 2 &&
              t.failed == 1);
    t = dm_tally_of(e, o, index, 6, DM_AS_WRONG);
    ck_assert(t.n == 5 && t.tp == 1 && t.fn == 2 && t.tn == 1 && t.fp == 1 && t.indeterminate == 2 &&
              t.failed == 1);
}
END_TEST

/* ---- curves ---- */

enum { EXAMS = 60, MARKS = 5, LESIONS = 2 };
static dm_examination exams[EXAMS];
static dm_mark pool[EXAMS][MARKS];
static dm_lesion truths[EXAMS][LESIONS];

static uint32_t dice(uint32_t i, uint32_t sides) {
    uint32_t out[4];
    dm_philox((uint32_t[4]){i, 0, 0, 77}, (uint32_t[2]){5, 6}, out);
    return out[0] % sides;
}

/* Random studies, two per patient, with coarse scores so that ties are common. */
static void make_exams(int with_negatives) {
    uint32_t i = 1;
    for (int e = 0; e < EXAMS; e++) {
        exams[e] = (dm_examination){.patient = e / 2, .mark = pool[e], .lesion = truths[e]};
        exams[e].n_lesions = (int)dice(i++, 3);
        if (!with_negatives && !exams[e].n_lesions) exams[e].n_lesions = 1;
        exams[e].n_marks = (int)dice(i++, MARKS + 1);
        for (int k = 0; k < LESIONS; k++) truths[e][k] = lesion_at(100 + 100 * k, DM_LEAK_VENTRAL);
        for (int k = 0; k < exams[e].n_marks; k++) {
            pool[e][k] =
                mark_at(100 * (1 + dice(i, 4)) + dice(i + 1, 12), dice(i + 2, 6) / 8.0, DM_LEAK_VENTRAL);
            pool[e][k].accepted = pool[e][k].score > 0.4;
            i += 3;
        }
        exams[e].truth = exams[e].n_lesions ? DM_TRUTH_LEAK : DM_TRUTH_NEGATIVE;
    }
}

/* Hits and false marks with a score of at least z, over studies counted weight[patient] times. */
static void count_at(double z, const unsigned *weight, double *hits, double *falses, double *studies,
                     double *leaks) {
    *hits = *falses = *studies = *leaks = 0;
    for (int e = 0; e < EXAMS; e++) {
        int claim[MARKS];
        double w = weight[exams[e].patient];
        dm_match(&exams[e], 10, 0, z, claim);
        for (int k = 0; k < exams[e].n_marks; k++)
            *hits += w * (claim[k] >= 0), *falses += w * (claim[k] == DM_FALSE_MARK);
        *studies += w;
        *leaks += w * exams[e].n_lesions;
    }
}

static double slow_sensitivity(double rate, const unsigned *weight) {
    double best = 0, hits, falses, studies, leaks;
    for (int z = -1; z <= 8; z++) {
        count_at(z / 8.0, weight, &hits, &falses, &studies, &leaks);
        if (falses <= rate * studies && hits / leaks > best) best = hits / leaks;
    }
    return best;
}

/* Every leak against every study, straight from the definition. */
static double slow_area(const unsigned *weight, int all_studies) {
    double sum = 0, sick = 0, others = 0;
    for (int a = 0; a < EXAMS; a++) sick += exams[a].n_lesions ? weight[exams[a].patient] : 0;
    for (int b = 0; b < EXAMS; b++) {
        int claim[MARKS];
        double highest = -INFINITY, w = weight[exams[b].patient];
        if (exams[b].n_lesions && !all_studies) continue;
        dm_match(&exams[b], 10, 0, -INFINITY, claim);
        for (int k = 0; k < exams[b].n_marks; k++)
            if (claim[k] == DM_FALSE_MARK) highest = fmax(highest, pool[b][k].score);
        others += w;
        for (int a = 0; a < EXAMS; a++) {
            int of_a[MARKS];
            dm_match(&exams[a], 10, 0, -INFINITY, of_a);
            for (int l = 0; l < exams[a].n_lesions; l++) {
                double z = -INFINITY;
                for (int k = 0; k < exams[a].n_marks; k++)
                    if (of_a[k] == l) z = pool[a][k].score;
                sum += w * weight[exams[a].patient] / exams[a].n_lesions *
                       (z > highest   ? 1
                        : z < highest ? 0
                                      : 0.5);
            }
        }
    }
    return sum / (sick * others);
}

static void compare_curves(int with_negatives) {
    int index[EXAMS];
    unsigned weight[EXAMS / 2];
    dm_froc f;
    make_exams(with_negatives);
    for (int i = 0; i < EXAMS; i++) index[i] = i;
    ck_assert(dm_good(dm_froc_make(exams, index, EXAMS, 10, &f)));
    ck_assert_int_eq(f.n_patients, EXAMS / 2);
    ck_assert_int_eq(f.without_negatives, !with_negatives);
    for (int draw = 0; draw < 6; draw++) {
        double sensitivity[DM_FROC_RATES];
        dm_draw_patients(2, 3, draw, EXAMS / 2, weight);
        for (int i = 0; draw == 0 && i < EXAMS / 2; i++) weight[i] = 1;
        dm_froc_sensitivity(&f, weight, sensitivity, NULL);
        for (int r = 0; r < DM_FROC_RATES; r++)
            ck_assert_double_eq_tol(sensitivity[r], slow_sensitivity(dm_froc_rates[r], weight), 1e-12);
        ck_assert_double_eq_tol(dm_wafroc(&f, weight), slow_area(weight, !with_negatives), 1e-12);
    }
    dm_froc_free(&f);
}

START_TEST(curves_with_negatives) {
    compare_curves(1);
}
END_TEST

START_TEST(curves_without_negatives) {
    compare_curves(0);
}
END_TEST

START_TEST(nothing_marked_is_an_area_of_one_half) {
    dm_lesion lesion = lesion_at(100, DM_LEAK_VENTRAL);
    dm_examination two[2] = {{.patient = 0, .lesion = &lesion, .n_lesions = 1}, {.patient = 1}};
    const int index[2] = {0, 1};
    const unsigned ones[2] = {1, 1};
    double sensitivity, falses;
    dm_froc f;
    ck_assert(dm_good(dm_froc_make(two, index, 2, 10, &f)));
    ck_assert_double_eq_tol(dm_wafroc(&f, ones), 0.5, 1e-12);
    dm_froc_operating(&f, ones, &sensitivity, &falses);
    ck_assert(sensitivity <= 0 && falses <= 0);
    dm_froc_free(&f);
    ck_assert(dm_good(dm_froc_make(two, index + 1, 1, 10, &f))); /* no leak: nothing exists */
    ck_assert(isnan(dm_wafroc(&f, ones)));
    dm_froc_free(&f);
}
END_TEST

/* ---- tests besides the scans ---- */

START_TEST(clinical_cut_offs) {
    const dm_bern all = {1, 1, 1, 4.0, 5.0, 6.5}, none = {0, 0, 0, 4.1, 5.1, 6.6};
    dm_bern part = all;
    ck_assert_double_eq_tol(dm_bern_score(&all), 9, 1e-12);
    ck_assert_double_eq_tol(dm_bern_score(&none), 0, 1e-12);
    part.sinus = NAN;
    ck_assert(isnan(dm_bern_score(&part)));
    ck_assert_str_eq(dm_bern_band(2), "low");
    ck_assert_str_eq(dm_bern_band(3), "intermediate");
    ck_assert_str_eq(dm_bern_band(5), "high");
    ck_assert_double_eq_tol(dm_r_out(8, 23, 3), 5, 1e-12);
    ck_assert(isnan(dm_r_out(8, 23, 0)));
    dm_tests t = {1, 5.0, NAN, 30, NAN, DM_EVIDENCE_NONE};
    ck_assert_int_eq(dm_evidence_of(&t, NAN), DM_EVIDENCE_LEAK);
    t.r_out = 5.1;
    ck_assert_int_eq(dm_evidence_of(&t, NAN), DM_EVIDENCE_NO_LEAK);
    t.bern = 7;
    ck_assert_int_eq(dm_evidence_of(&t, NAN), DM_EVIDENCE_MIXED);
    t = (dm_tests){1, NAN, -0.6, 5, 3, DM_EVIDENCE_NONE};
    ck_assert_int_eq(dm_evidence_of(&t, NAN),
                     DM_EVIDENCE_UNCLEAR); /* no cut-off given: the sheath says nothing */
    ck_assert_int_eq(dm_evidence_of(&t, -0.5), DM_EVIDENCE_LEAK);
    t.bern = NAN;
    ck_assert_int_eq(dm_evidence_of(&t, NAN), DM_EVIDENCE_NONE); /* opening pressure alone is no evidence */
}
END_TEST

START_TEST(dates) {
    ck_assert_double_eq_tol(dm_date_parse("1970-01-01"), 0, 1e-12);
    ck_assert_double_eq_tol(dm_date_parse("2024-03-01") - dm_date_parse("2024-02-28"), 2, 1e-12);
    ck_assert_double_eq_tol(dm_date_parse("20240301"), 19783, 1e-12);
    ck_assert_double_eq_tol(dm_time_parse("1970-01-02T01:02"), 86400 + 3600 + 120, 1e-12);
    ck_assert(isnan(dm_time_parse("1970-01-02")) && isnan(dm_time_parse("1970-01-02T24:00")));
    static const char *const bad[] = {"",           "2024",     "2024-13-01", "2024-00-10", "01.02.2024",
                                      "2024-02-32", "2024-2-1", "2024-0a-01", "+0240301",   "2023-02-29"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(isnan(dm_date_parse(bad[i])), "%s", bad[i]);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("all");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, names_on_one_scale);
    tcase_add_test(t, one_level_apart);
    tcase_add_test(t, foot_on_the_canal);
    tcase_add_test(t, foot_on_a_bent_canal);
    tcase_add_test(t, within_reach_and_not_beyond);
    tcase_add_test(t, classes_of_one_group);
    tcase_add_test(t, one_claims_one_and_a_second_is_a_duplicate);
    tcase_add_test(t, scores_choose_not_the_order_in_the_table);
    tcase_add_test(t, signs_and_rejected_candidates_are_no_marks);
    tcase_add_test(t, a_level_is_its_interval);
    tcase_add_test(t, outcome_of_a_site);
    tcase_add_test(t, both_ways_of_counting_what_cannot_be_told);
    tcase_add_test(t, curves_with_negatives);
    tcase_add_test(t, curves_without_negatives);
    tcase_add_test(t, nothing_marked_is_an_area_of_one_half);
    tcase_add_test(t, clinical_cut_offs);
    tcase_add_test(t, dates);
    return cases_failed("match", t) != 0;
}
