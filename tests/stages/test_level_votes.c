/* What names a column beside its own discs: the skull on MR, other series of the study; and whether it lies
 * as its header says. */
#include "cases.h"
#include "column_model.h"

#include "series_vote.h"

START_TEST(on_mr_the_skull_names_a_neck) {
    model m = make_model(DM_C1, DM_T1 + 4, 12, 1);
    m.from[0] = m.from[1] = m.from[2] - 39; /* one column from the tip of the dens to C2/3 */
    double low = m.from[m.n] - 4;
    for (int skull = 0; skull < 2; skull++) {
        m.skull = skull;
        dm_study *study = make_study(&m, -30, low, 1.5);
        into_mr(study, &m, 1e9, 1e9);
        run_levels(study);
        ck_assert_int_eq(strstr(study->levels.count_method, "skull") != NULL, skull);
        if (skull)
            for (int i = 2; i + 1 < m.n; i++)
                ck_assert_int_eq(name_at(study, 0.5 * (m.from[i] + m.from[i + 1]) + 30), m.level[i]);
        free_study(study);
    }
}
END_TEST

/* Above the skull's rim the line may leave the brain stem for a cistern, and is marked unsure: the column is
 * measured straight on. */
START_TEST(a_line_that_follows_the_cistern_costs_no_anchor) {
    model m = make_model(DM_C1, DM_T1 + 4, 12, 1);
    m.from[0] = m.from[1] = m.from[2] - 39;
    m.skull = 1;
    dm_study *study = make_study(&m, -30, m.from[m.n] - 4, 1.5);
    into_mr(study, &m, 1e9, 1e9);
    dm_spine *spine = &study->spine;
    double leaves = m.from[2] - 46 + 14 + 30; /* mm of the line: 14 mm below the rim */
    for (int i = 0; i * spine->ds < leaves; i++) {
        spine->p[i][1] -= fmin(leaves - i * spine->ds, 16);
        spine->unsure[i] = 1;
    }
    ck_assert(dm_good(dm_frame_build(spine)));
    run_levels(study);
    ck_assert_ptr_nonnull(strstr(study->levels.count_method, "skull"));
    for (int i = 2; i + 1 < m.n; i++)
        ck_assert_int_eq(name_at(study, 0.5 * (m.from[i] + m.from[i + 1]) + 30), m.level[i]);
    free_study(study);
}
END_TEST

START_TEST(the_column_goes_straight_on_from_the_trusted_line) {
    dm_spine spine, line;
    ck_assert(dm_good(dm_spine_make(&spine, 200, 0.5)));
    for (int i = 0; i < 200; i++) {
        spine.p[i][0] = i < 60 ? 0.3 * (60 - i) : 0;
        spine.p[i][1] = 0.1 * i;
        spine.p[i][2] = -0.5 * i;
        spine.unsure[i] = i < 60;
    }
    ck_assert(dm_good(dm_frame_build(&spine)));
    ck_assert(dm_good(dm_column_line(&spine, &line)));
    for (int i = 0; i < 200; i++) ck_assert_double_eq_tol(line.p[i][0], 0, 1e-9);
    for (int i = 68; i < 200; i++) ck_assert_double_eq(line.p[i][1], spine.p[i][1]);
    ck_assert_double_eq_tol(line.p[0][1] / line.p[0][2], line.p[100][1] / line.p[100][2], 1e-6);
    dm_spine_clear(&spine), dm_spine_clear(&line);
}
END_TEST

/* A piece of chest without a landmark, and a series that shows the neck and the first ribs or the chest only.
 */
static dm_study *chest_with(const model *m, double top, double low, double shift) {
    dm_study *chest = make_study(m, 190, 330, 2), *other = make_study(m, top, low, 2);
    run_levels(chest);
    ck_assert_int_eq(chest->levels.anchored, 0);
    for (int i = 0; i < other->spine.n; i++) other->spine.p[i][2] += shift;
    other->crop.raw.to_lps.m[2][3] += shift;
    run_levels(other);
    chest->votes = calloc(1, sizeof *chest->votes);
    dm_votes_collect(chest, &other, 1, chest->votes);
    free_study(other);
    dm_study_unflag(chest, "unanchored");
    run_levels(chest);
    return chest;
}

START_TEST(a_series_that_shows_the_first_rib_names_a_chest) {
    model m = make_model(DM_C1 + 3, DM_L1, 12, 1);
    dm_study *chest = chest_with(&m, 30, 300, 3);
    ck_assert_int_eq(chest->votes->n, 1);
    names_are_right(&m, chest, 190, 330, 4);
    ck_assert_str_eq(chest->levels.count_method, "series:ribs");
    ck_assert_ptr_null(strstr(chest->qc, "unanchored"));
    free_study(chest);
}
END_TEST

START_TEST(a_series_that_shows_no_landmark_proves_nothing) {
    model m = make_model(DM_C1 + 3, DM_L1, 12, 1);
    dm_study *chest = chest_with(&m, 180, 340, 0);
    ck_assert_int_eq(chest->votes->n, 1);
    ck_assert_double_le(chest->votes->own, 0.55);
    ck_assert_str_eq(chest->levels.count_method, "unanchored");
    ck_assert_ptr_nonnull(strstr(chest->qc, "unanchored"));
    free_study(chest);
}
END_TEST

/* Discs of another patient, or of another place, do not match. */
START_TEST(discs_match_within_a_small_move) {
    const double own[6] = {0, 20, 41, 63, 86, 110};
    double moved[4] = {17, 38, 60, 83}, wrong[4] = {10, 28, 49, 72};
    ck_assert_double_eq_tol(dm_match_discs(moved, 4, own, 6), 3, 0.51);
    ck_assert_double_nan(dm_match_discs(moved, 1, own, 6));
    for (int i = 0; i < 4; i++) wrong[i] = 15.0 * i + 9;
    ck_assert_double_nan(dm_match_discs(wrong, 4, own, 6));
}
END_TEST

START_TEST(a_patient_seen_from_behind_is_doubted) {
    model m = make_model(DM_T1 + 3, DM_L1 + 2, 12, 1);
    for (int mr = 0; mr < 2; mr++) {
        dm_study *study = make_study(&m, 10, m.from[m.n] - 4, 2);
        if (mr) into_mr(study, &m, 300, 1e9);
        double front;
        ck_assert(dm_good(dm_bodies_in_front(gpu, study, &front)));
        ck_assert_double_gt(front, 0.4);
        reverse(study, 1);
        ck_assert(dm_good(dm_bodies_in_front(gpu, study, &front)));
        ck_assert_double_lt(front, -0.4);
        void *params = calloc(1, dm_stage_levels.params_size);
        dm_params_preset(dm_stage_levels.params, dm_stage_levels.n_params, params);
        dm_status status = dm_stage_levels.run(gpu, params, study);
        ck_assert_msg(!strcmp(status.code, "orientation") || strstr(study->qc, "orientation"), "%s",
                      study->qc);
        ck_assert_int_eq(study->levels.anchored, 0);
        free(params);
        free_study(study);
    }
}
END_TEST

START_TEST(flags_come_and_go) {
    dm_study *study = calloc(1, sizeof *study);
    dm_study_flag(study, "a"), dm_study_flag(study, "ab"), dm_study_flag(study, "c");
    dm_study_unflag(study, "a");
    ck_assert_str_eq(study->qc, "ab;c");
    dm_study_unflag(study, "c"), dm_study_unflag(study, "b");
    ck_assert_str_eq(study->qc, "ab");
    dm_study_unflag(study, "ab");
    ck_assert_str_eq(study->qc, "");
    free_study(study);
}
END_TEST

int main(void) {
    TCase *tests = tcase_create("level votes");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_gpu, close_gpu);
    tcase_add_test(tests, on_mr_the_skull_names_a_neck);
    tcase_add_test(tests, a_line_that_follows_the_cistern_costs_no_anchor);
    tcase_add_test(tests, the_column_goes_straight_on_from_the_trusted_line);
    tcase_add_test(tests, a_series_that_shows_the_first_rib_names_a_chest);
    tcase_add_test(tests, a_series_that_shows_no_landmark_proves_nothing);
    tcase_add_test(tests, discs_match_within_a_small_move);
    tcase_add_test(tests, a_patient_seen_from_behind_is_doubted);
    tcase_add_test(tests, flags_come_and_go);
    int failed = cases_failed("level votes", tests);
    return failed ? 1 : 0;
}
