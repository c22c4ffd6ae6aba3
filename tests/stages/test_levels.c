/* Levels on analytic spines whose numbers are known. */
#include "cases.h"
#include "column_model.h"
#include "spine_parts.h"

START_TEST(the_last_rib_names_a_thoracolumbar_spine) {
    model m = make_model(15, DM_L1 + 3, 12, 1.04);
    dm_study *study = named_right(&m, 10);
    ck_assert_str_eq(study->levels.transitional, "");
    ck_assert_double_gt(study->levels.posterior, 0.7);
    free_study(study);
}
END_TEST

START_TEST(a_whole_spine_is_counted_from_the_dens_and_the_ribs) {
    model m = make_model(DM_C2, DM_L1 + 3, 12, 0.95);
    dm_study *study = named_right(&m, -14);
    ck_assert_msg(study->levels.anchored, "%s, posterior %.2f", study->levels.count_method,
                  study->levels.posterior);
    ck_assert_ptr_nonnull(strstr(study->levels.count_method, "ribs"));
    ck_assert_str_eq(study->levels.transitional, "");
    ck_assert_ptr_null(strstr(study->qc, "unanchored"));
    free_study(study);
}
END_TEST

/* Samples marked of a line of 100 mm, the sacrum from 40 mm on, that turns back by `degrees` at `at` mm. */
static int doubted_in_sacrum(double degrees, double at) {
    dm_spine spine = {0};
    int marked = 0;
    ck_assert(dm_good(dm_spine_make(&spine, 201, 0.5)));
    for (int i = 0; i < spine.n; i++) {
        spine.p[i][1] = 0.3 * i + fmax(0.5 * i - at, 0) * tan(degrees * 0.017453292519943295);
        spine.p[i][2] = -0.4 * i;
    }
    ck_assert(dm_good(dm_frame_build(&spine)));
    dm_doubt_sacrum(&spine, 40);
    for (int i = 0; i < spine.n; i++) {
        ck_assert(!spine.unsure[i] || 0.5 * i > at - 14);
        marked += spine.unsure[i];
    }
    dm_spine_clear(&spine);
    return marked;
}

/* A sacrum's canal does not turn backwards; the lumbosacral turn above it may. */
START_TEST(a_line_behind_the_sacrum_is_doubted) {
    ck_assert_int_eq(doubted_in_sacrum(0, 75), 0);
    ck_assert_int_eq(doubted_in_sacrum(40, 42), 0);
    ck_assert_int_gt(doubted_in_sacrum(50, 75), 50);
}
END_TEST

START_TEST(before_an_unsure_end_less_is_believed) {
    dm_spine spine = {0};
    ck_assert(dm_good(dm_spine_make(&spine, 201, 0.5)));
    memset(spine.unsure, 0, 201);
    dm_spine_doubt(&spine, 60, 70);
    dm_doubt_before_end(&spine, 10);
    ck_assert(!spine.unsure[59] && !spine.unsure[200]); /* a doubtful stretch within, and a sure end */
    dm_spine_doubt(&spine, 190, 201);
    dm_doubt_before_end(&spine, 10);
    ck_assert(!spine.unsure[169] && spine.unsure[170] && spine.unsure[200]);
    dm_spine_doubt(&spine, 0, 201);
    dm_doubt_before_end(&spine, 10);
    ck_assert(spine.unsure[0]);
    dm_spine_clear(&spine);
}
END_TEST

START_TEST(eleven_ribs_are_not_assumed_away) {
    model m = make_model(DM_C2, DM_L1 + 3, 11, 1);
    dm_study *study = make_study(&m, -14, m.from[m.n] - 4, 2);
    run_levels(study);
    ck_assert_str_eq(study->levels.transitional, "t11");
    names_are_right(&m, study, -14, m.from[m.n] - 4, 3);
    free_study(study);
}
END_TEST

/* A rib on the first lumbar vertebra is as likely a name for it: then the answer must leave it open. */
START_TEST(thirteen_ribs_are_not_assumed_away) {
    model m = make_model(DM_C2, DM_L1 + 3, 13, 1);
    dm_study *study = make_study(&m, -14, m.from[m.n] - 4, 2);
    run_levels(study);
    const dm_levels *l = &study->levels;
    if (strcmp(l->transitional, "t13") == 0)
        names_are_right(&m, study, -14, m.from[m.n] - 4, 3);
    else
        ck_assert_msg(!l->anchored && l->alt_posterior > 0.2, "%s %.2f", l->transitional, l->alt_posterior);
    free_study(study);
}
END_TEST

START_TEST(slices_of_5_mm_keep_the_names) {
    model m = make_model(DM_T1, DM_L1 + 3, 12, 1);
    dm_study *study = make_study(&m, 6, m.from[m.n] - 4, 5);
    run_levels(study);
    names_are_right(&m, study, 6, m.from[m.n] - 4, 4);
    free_study(study);
}
END_TEST

START_TEST(the_first_rib_names_a_neck) {
    model m = make_model(DM_C1 + 3, DM_T1 + 5, 12, 1);
    dm_study *study = named_right(&m, 30);
    ck_assert_str_eq(study->levels.count_method, "ribs");
    free_study(study);
}
END_TEST

/* What the ribs say along the column of the model seen from s = top; column and anchors freed by the caller.
 */
static void find_anchors(const model *m, double top, dm_column *column, dm_anchors *anchors) {
    dm_levels_params params;
    dm_study *study = make_study(m, top, m->from[m->n] - 4, 2);
    dm_params_preset(dm_stage_levels.params, dm_stage_levels.n_params, &params);
    ck_assert(dm_good(dm_column_measure(gpu, study, &params, column)));
    ck_assert(dm_good(dm_anchors_find(column, &params, anchors)));
    free_study(study);
}

START_TEST(a_rib_speaks_for_discs_within_6_mm) {
    model m = make_model(DM_T1 + 8, DM_L1 + 3, 12, 1);
    dm_column column;
    dm_anchors anchors;
    find_anchors(&m, 10, &column, &anchors);
    int rib = (int)(from_of(&m, DM_T12) - 10 - column.s0), bare = (int)(from_of(&m, DM_L1) - 10 - column.s0);
    for (int i = rib - 6; i <= rib + 6; i++) ck_assert_float_gt(anchors.rib[i], 1);
    for (int i = bare - 4; i <= bare + 4; i++) ck_assert_float_lt(anchors.rib[i], -1);
    dm_anchors_clear(&anchors), dm_column_clear(&column);
}
END_TEST

START_TEST(the_first_rib_is_as_sure_as_what_is_bare_above_it) {
    model m = make_model(DM_C1 + 2, DM_T1 + 5, 12, 1);
    double first = from_of(&m, DM_T1), before = -1, sure[4];
    for (int k = 0; k < 4; k++) {
        dm_column column;
        dm_anchors anchors;
        find_anchors(&m, first - 6 - 5 * k, &column, &anchors);
        sure[k] = anchors.s_first < 0 ? 0 : anchors.first_sure;
        ck_assert_double_ge(sure[k], before);
        before = sure[k];
        dm_anchors_clear(&anchors), dm_column_clear(&column);
    }
    ck_assert_msg(sure[0] < 0.5 && sure[3] > 0.9, "%.2f .. %.2f", sure[0], sure[3]);
}
END_TEST

START_TEST(kidneys_full_of_contrast_are_no_ribs) {
    model m = make_model(DM_T1 + 7, DM_L1 + 3, 12, 1);
    m.kidneys = 1;
    dm_study *study = named_right(&m, 10);
    ck_assert_str_eq(study->levels.count_method, "ribs");
    free_study(study);
}
END_TEST

/* The crest of the ilium beside L5 reaches as far out as a rib. */
START_TEST(a_pelvis_has_no_ribs) {
    model m = make_model(DM_T1 + 10, DM_S1 + 1, 12, 1);
    m.pelvis = 1;
    dm_study *study = named_right(&m, 10);
    ck_assert_double_gt(study->levels.posterior, 2 * study->levels.alt_posterior);
    free_study(study);
}
END_TEST

/* A scan that ends beside the processes cannot tell a last rib. */
START_TEST(a_narrow_scan_is_not_counted_by_ribs) {
    model m = make_model(DM_T1 + 7, DM_L1 + 3, 12, 1);
    m.side = 36;
    dm_study *study = make_study(&m, 10, m.from[m.n] - 4, 2);
    run_levels(study);
    ck_assert_int_eq(study->levels.anchored, 0);
    ck_assert_str_eq(study->levels.count_method, "unanchored");
    free_study(study);
}
END_TEST

/* A chest that ends within C7 and L1 shows neither a bare neck nor bare loins, but all ribs; from T3 on, neither. */
START_TEST(twelve_ribs_name_a_chest) {
    model m = make_model(DM_C7, DM_L1, 12, 1);
    dm_levels_params p;
    dm_params_preset(dm_stage_levels.params, dm_stage_levels.n_params, &p);
    p.anchored = 0.5; /* not how probable it is, but what it stands on */
    for (int first = 1; first <= 3; first += 2) {
        dm_study *study = make_study(&m, m.from[first] - 8, m.from[m.n - 1] + 14, 2);
        ck_assert(dm_good(dm_stage_levels.run(gpu, &p, study)));
        ck_assert_str_eq(study->levels.count_method, first == 1 ? "ribs" : "unanchored");
        free_study(study);
    }
}
END_TEST

/* A seam of the dens as strong as a disc leaves two numberings of the neck: neither is promised, and the
 * right one is the best or the second. */
START_TEST(a_seam_of_the_dens_is_not_taken_for_sure) {
    model m = make_model(DM_C1, DM_T1 + 3, 12, 1);
    m.seam = 18;
    m.from[1] = m.from[0]; /* no disc between atlas and axis: one column from the tip of the dens to C2/3 */
    dm_study *study = make_study(&m, 14, m.from[m.n] - 4, 1.5);
    into_mr(study, &m, 1e9, 1e9);
    run_levels(study);
    ck_assert_int_eq(study->levels.anchored, 0);
    for (int i = 2, shift = -1; i + 2 < m.n; i++) {
        int name = name_at(study, 0.5 * (m.from[i] + m.from[i + 1]) - 14);
        if (shift < 0) shift = name == m.level[i] ? 0 : 1;
        ck_assert_int_eq(name + shift * study->levels.alt_shift, m.level[i]);
    }
    free_study(study);
}
END_TEST

/* On MR the seam of the dens lies 14 mm above C2/3 and higher, and does not speak against C2/3 there. */
START_TEST(a_low_seam_leaves_the_axis_its_name) {
    enum { N = 60, AXIS = 40 };
    float looks[DM_WIDTHS][N];
    dm_column c = {.modality = DM_MR, .n = N, .last = N - 1};
    for (int w = 0; w < DM_WIDTHS; w++) {
        c.d[w] = looks[w];
        for (int i = 0; i < N; i++) looks[w][i] = -2;
    }
    for (int above = 10; above <= 16; above++) {
        looks[1][AXIS - above] = 2;
        double mr = dm_fused_beyond(&c, DM_C2, DM_C2 + 1, AXIS);
        ck_assert_msg(above < 14 ? mr < 0 : mr >= 0, "%d mm above: %g", above, mr);
        looks[1][AXIS - above] = -2;
    }
}
END_TEST

START_TEST(sac_and_conus_place_a_lumbar_mr) {
    model m = make_model(DM_T1 + 9, DM_S1 + 1, 12, 1);
    double conus = m.from[4] - 9, sac_end = m.from[8] + 45, top = 30, low = m.from[m.n] - 6;
    ck_assert_int_eq(m.level[3], DM_L1);
    ck_assert_int_eq(m.level[8], DM_S1);
    dm_study *study = make_study(&m, top, low, 1.5);
    into_mr(study, &m, conus, sac_end);
    run_levels(study);
    names_are_right(&m, study, top, low, 4);
    ck_assert_double_gt(study->levels.posterior, 0.5);
    free_study(study);
}
END_TEST

/* The veins in the middle of the bodies (basivertebral) are brighter than worn discs, but do not fill the column. */
START_TEST(veins_of_the_bodies_are_no_discs) {
    model m = make_model(DM_T1 + 9, DM_S1 + 1, 12, 1);
    m.veins = 1;
    double top = 30, low = m.from[m.n] - 6;
    dm_study *study = make_study(&m, top, low, 1.5);
    into_mr(study, &m, m.from[4] - 9, m.from[8] + 45);
    run_levels(study);
    names_are_right(&m, study, top, low, 4);
    free_study(study);
}
END_TEST

/* An MR whose line ends with its fluid, 20 mm below the upper edge of S1; the scan goes on for `more` mm. Posterior of the numbering. */
static double posterior_with_sacrum(double more) {
    model m = make_model(DM_T1 + 9, DM_S1 + 1, 12, 1);
    double top = 30, end = m.from[8] + 20, low = end + more;
    dm_study *study = make_study(&m, top, low, 1.5);
    into_mr(study, &m, m.from[4] - 9, end);
    study->spine.n = (int)((end - top) / study->spine.ds);
    run_levels(study);
    names_are_right(&m, study, top, end, 4);
    double posterior = study->levels.posterior;
    free_study(study);
    return posterior;
}

/* That no disc follows for 36 mm tells the last one from L4/5. */
START_TEST(a_sacrum_below_the_fluid_counts) {
    double with = posterior_with_sacrum(30), without = posterior_with_sacrum(10);
    ck_assert_msg(with > 0.6 && 1 - with < 0.8 * (1 - without), "posterior with the sacrum %.2f, without %.2f", with, without);
}
END_TEST

START_TEST(without_an_anchor_nothing_is_promised) {
    model m = make_model(DM_L1, DM_L1 + 4, 12, 1);
    dm_study *study = make_study(&m, 20, m.from[m.n] - 10, 2);
    run_levels(study);
    ck_assert_int_eq(study->levels.anchored, 0);
    ck_assert_str_eq(study->levels.count_method, "unanchored");
    ck_assert_ptr_nonnull(strstr(study->qc, "unanchored"));
    ck_assert_int_ge(study->levels.n, 3);
    ck_assert_double_lt(study->levels.posterior, 0.85);
    free_study(study);
}
END_TEST

START_TEST(short_lines_are_answered) {
    model m = make_model(DM_L1, DM_L1 + 4, 12, 1);
    for (double length = 4; length < 40; length += 6) {
        dm_study *study = make_study(&m, 60, 60 + length, 2);
        run_levels(study);
        ck_assert_int_eq(study->levels.anchored, 0);
        free_study(study);
    }
}
END_TEST

START_TEST(a_scan_that_shows_nothing_is_answered) {
    model m = make_model(DM_L1, DM_L1 + 4, 12, 1);
    dm_study *study = make_study(&m, 20, 120, 2);
    for (int mr = 0; mr < 2; mr++) {
        study->modality = mr ? DM_MR : DM_CT;
        for (size_t i = 0; i < dm_volume_count(&study->crop.raw); i++)
            study->crop.raw.v[i] = mr ? 0 : DM_OUTSIDE;
        run_levels(study);
        ck_assert_int_eq(study->levels.anchored, 0);
        for (int k = 0; k < study->levels.n; k++) ck_assert_int_eq(study->levels.v[k].inferred, 1);
    }
    free_study(study);
}
END_TEST

/* What reaches out above a neck is the skull: the first rib is still the first. */
START_TEST(a_skull_is_no_rib) {
    model m = make_model(DM_C1, DM_T1 + 5, 12, 1);
    m.skull = 1;
    dm_study *study = named_right(&m, -30);
    ck_assert_ptr_nonnull(strstr(study->levels.count_method, "ribs"));
    free_study(study);
}
END_TEST

START_TEST(a_patient_on_his_head_is_not_named) {
    model m = make_model(_i ? DM_T1 + 9 : DM_T1 + 3, _i ? DM_L1 + 4 : DM_L1 + 2, 12, 1);
    dm_study *study = make_study(&m, 10, m.from[m.n] - 4, 2);
    void *params = calloc(1, dm_stage_levels.params_size);
    dm_params_preset(dm_stage_levels.params, dm_stage_levels.n_params, params);
    ck_assert(dm_good(dm_stage_levels.run(gpu, params, study)));
    ck_assert_ptr_null(strstr(study->qc, "orientation"));
    reverse(study, 2);
    dm_status status = dm_stage_levels.run(gpu, params, study);
    ck_assert_msg(!strcmp(status.code, "orientation") || strstr(study->qc, "orientation"), "%s %s",
                  status.code, study->qc);
    ck_assert(!dm_good(status) || !study->levels.anchored);
    free(params);
    free_study(study);
}
END_TEST

/* A trunk of muscle and fat with one solid organ of 90 mm on one side (+1 = left; 0 = none), a line down its
 * middle. */
static dm_sides sides_of(int side, int wide) {
    dm_study *study = calloc(1, sizeof *study);
    dm_grid g = {.n = {wide, 110, 100},
                 .origin = {-wide + 1, -180, -200},
                 .step = 2,
                 .v = calloc((size_t)wide * 11000, sizeof(float))};
    for (int k = 0; k < 100; k++)
        for (int j = 0; j < 110; j++)
            for (int i = 0; i < wide; i++) {
                double x = -wide + 1 + 2.0 * i, y = -180 + 2.0 * j, z = -200 + 2.0 * k;
                int organ = side && hypot(hypot(x - side * 90, y + 70), z + 100) < 45;
                g.v[((size_t)k * 110 + (size_t)j) * (size_t)wide + (size_t)i] = organ       ? 60
                                                                                : i / 8 % 2 ? 50
                                                                                            : -100;
            }
    ck_assert(dm_good(dm_spine_make(&study->spine, 400, 0.5)));
    for (int i = 0; i < 400; i++) study->spine.p[i][2] = -0.5 * i;
    ck_assert(dm_good(dm_frame_build(&study->spine)));
    for (int i = 0; i < 5; i++)
        study->levels.v[study->levels.n++] =
            (dm_vertebra){.level = DM_T1 + 9 + (i < 3 ? i : i + 1), .s_from = 40 * i, .s_to = 40 * i + 40};
    dm_sides answer = dm_sides_seen(&g, &study->spine, &study->levels);
    free(g.v);
    free_study(study);
    return answer;
}

START_TEST(the_liver_tells_left_from_right) {
    ck_assert_int_eq(sides_of(-1, 160), DM_SIDES_CONFIRMED);
    ck_assert_int_eq(sides_of(1, 160), DM_SIDES_MIRRORED);
    ck_assert_int_eq(sides_of(0, 160), DM_SIDES_UNSEEN);
    ck_assert_int_eq(sides_of(1, 70), DM_SIDES_UNSEEN); /* a scan as narrow as the spine shows no liver */
}
END_TEST

START_TEST(the_numberings_are_all_there) {
    int seen[14][8] = {{0}};
    double sum = 0;
    for (int h = 0; h < DM_CHAINS; h++) {
        dm_chain c;
        dm_chain_make(h, &c);
        ck_assert_int_eq(c.n, 7 + c.thoracic + c.lumbar + 1);
        ck_assert_int_eq(c.level[0], DM_C1);
        ck_assert_int_eq(c.level[c.n - 1], DM_S1);
        seen[c.thoracic][c.lumbar] = 1;
        sum += exp(c.log_prior);
    }
    for (int t = 11; t <= 13; t++)
        for (int l = 4; l <= 6; l++) ck_assert_int_eq(seen[t][l], 1);
    ck_assert_double_eq_tol(sum, 1, 1e-9);
}
END_TEST

START_TEST(kernels_agree_with_their_references) {
    for (int i = 0; i < dm_stage_levels.n_checks; i++)
        for (uint64_t seed = 1; seed <= 2; seed++) {
            const dm_kernel_check *k = &dm_stage_levels.checks[i];
            dm_check_result r;
            dm_status s = k->compare(gpu, 24, seed, 1, &r);
            ck_assert_msg(dm_good(s), "%s", s.text);
            ck_assert_msg(r.error <= k->tolerance, "%s: %g", k->kernel, r.error);
        }
}
END_TEST

int main(void) {
    TCase *tests = tcase_create("levels");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_gpu, close_gpu);
    tcase_add_test(tests, the_last_rib_names_a_thoracolumbar_spine);
    tcase_add_test(tests, a_line_behind_the_sacrum_is_doubted);
    tcase_add_test(tests, before_an_unsure_end_less_is_believed);
    tcase_add_test(tests, a_whole_spine_is_counted_from_the_dens_and_the_ribs);
    tcase_add_test(tests, eleven_ribs_are_not_assumed_away);
    tcase_add_test(tests, thirteen_ribs_are_not_assumed_away);
    tcase_add_test(tests, slices_of_5_mm_keep_the_names);
    tcase_add_test(tests, the_first_rib_names_a_neck);
    tcase_add_test(tests, a_rib_speaks_for_discs_within_6_mm);
    tcase_add_test(tests, the_first_rib_is_as_sure_as_what_is_bare_above_it);
    tcase_add_test(tests, kidneys_full_of_contrast_are_no_ribs);
    tcase_add_test(tests, a_pelvis_has_no_ribs);
    tcase_add_test(tests, a_narrow_scan_is_not_counted_by_ribs);
    tcase_add_test(tests, twelve_ribs_name_a_chest);
    tcase_add_test(tests, a_seam_of_the_dens_is_not_taken_for_sure);
    tcase_add_test(tests, a_low_seam_leaves_the_axis_its_name);
    tcase_add_test(tests, sac_and_conus_place_a_lumbar_mr);
    tcase_add_test(tests, veins_of_the_bodies_are_no_discs);
    tcase_add_test(tests, a_sacrum_below_the_fluid_counts);
    tcase_add_test(tests, without_an_anchor_nothing_is_promised);
    tcase_add_test(tests, short_lines_are_answered);
    tcase_add_test(tests, a_scan_that_shows_nothing_is_answered);
    tcase_add_test(tests, a_skull_is_no_rib);
    tcase_add_loop_test(tests, a_patient_on_his_head_is_not_named, 0, 2);
    tcase_add_test(tests, the_liver_tells_left_from_right);
    tcase_add_test(tests, the_numberings_are_all_there);
    tcase_add_test(tests, kernels_agree_with_their_references);
    int failed = cases_failed("levels", tests);
    return failed ? 1 : 0;
}
