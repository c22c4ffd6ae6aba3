/* Digital reference objects: what they say about themselves is true of what they show, and the same seed
 * gives the same bytes on one thread and on two. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive.h"
#include "cases.h"
#include "dicom.h"
#include "phantom.h"
#include "record.h"
#include "scanner.h"
#include "truth.h"

static dm_anatomy *make(uint64_t seed, int number, const char *kind, dm_ph_protocol protocol) {
    dm_anatomy *a = calloc(1, sizeof *a);
    ck_assert_ptr_nonnull(a);
    dm_status s = dm_anatomy_make(seed, number, kind, protocol, a);
    ck_assert_msg(dm_good(s), "%s", s.text);
    return a;
}

static void drop(dm_anatomy *a) {
    dm_anatomy_clear(a);
    free(a);
}

/* The noise-free value at (s, theta, r), with edges of 0.3 mm. */
static double value_at(const dm_anatomy *a, const dm_ph_scanner *base, double s, double theta, double r) {
    dm_ph_scanner sc = *base;
    double p[3], t = theta * 0.017453292519943295;
    dm_ph_point_at(a, s, r * cos(t), r * sin(t), p);
    sc.args.nx = sc.args.ny = sc.args.nz = 1;
    sc.args.noise = 0.0f;
    sc.args.w = 0.3f;
    sc.args.mat[PH_M_FLOW] = 0.0f; /* flow voids are no part of the walls' truth */
    memset(sc.args.bias, 0, sizeof sc.args.bias);
    memset(sc.args.m, 0, sizeof sc.args.m);
    for (int c = 0; c < 3; c++) sc.args.m[4 * c + 3] = (float)p[c];
    int16_t v;
    dm_ph_render_reference(&sc, a, 0, 1, &v);
    return v;
}

/* The line runs in cord or sac from the second cervical vertebra to the end of the sac. */
static void check_line(const dm_anatomy *a, const dm_ph_scanner *sc) {
    for (double s = a->vert[1].s_from; s < a->sac_end_s - 16.0; s += 5.3) {
        double v = value_at(a, sc, s, 0.0, 0.0), sac = (double)a->nodes[(size_t)s * PH_NODE + PH_SAC];
        double low = fmin((double)a->mat[PH_M_CORD], (double)a->mat[PH_M_ROOT]), high = fmax(sac * 1.26, low);
        ck_assert_msg(v > fmin(low, sac) - 3 && v < high + 3,
                      "line at s %.0f shows %.0f, sac %.0f, cord %.0f", s, v, sac, low);
    }
}

/* The surfaces are where the truth says: fluid, or settled roots with fluid between them, just inside the dura, none just outside
 * where there is no pool. */
static void check_dura(const dm_anatomy *a, const dm_ph_scanner *sc) {
    int cells = 0, inside = 0, outside = 0;
    double hide = 0.6 * (double)a->mat[PH_M_CORD];
    for (double s = a->vert[2].s_from; s < a->sac_end_s - 16.0; s += 7.7)
        for (int theta = 0; theta < 360; theta += 30) {
            double rd = dm_ph_wall_at(a, PH_RD, s, theta), rb = dm_ph_wall_at(a, PH_RB, s, theta),
                   sac = (double)a->nodes[(size_t)s * PH_NODE + PH_SAC];
            if (rb - rd < 1.2 || dm_ph_wall_at(a, PH_PO, s, theta) > dm_ph_wall_at(a, PH_PI, s, theta) + 0.01)
                continue;
            cells++;
            double least = a->nodes[(size_t)s * PH_NODE + PH_SETTLED_PART] > 0 ? 0.15 : 0.55;
            inside += value_at(a, sc, s, theta, rd - 0.4) > least * sac;
            outside += value_at(a, sc, s, theta, rd + 0.5) < 0.45 * sac + hide;
        }
    ck_assert_int_gt(cells, 100);
    ck_assert_msg(inside > 0.85 * cells && outside > 0.85 * cells,
                  "%d cells, %d bright inside, %d dark outside", cells, inside, outside);
}

/* The pool of a leak is as bright as it claims, somewhere within its extent, and as thick. */
static void check_pool(const dm_anatomy *a, const dm_ph_scanner *sc, const dm_ph_leak *k) {
    double best = 0.0, thick = 0.0;
    memset(a->buckets, 0, ((size_t)a->n_buckets + 1) * sizeof *a->buckets); /* no spurs, sleeves, bones */
    for (int s = (int)k->s_from; s < (int)k->s_to; s++)
        for (int c = 0; c < PH_NT; c++) {
            double in = (double)dm_ph_wall_row(a, PH_PI, s)[c], out = (double)dm_ph_wall_row(a, PH_PO, s)[c];
            thick = fmax(thick, out - in);
            if (out - in < 0.5) continue;
            double sac = (double)a->nodes[(size_t)s * PH_NODE + PH_SAC];
            best = fmax(best, value_at(a, sc, s, c * 5.0, 0.5 * (in + out)) / sac);
        }
    ck_assert_msg(fabs(thick - k->thickness) < 0.01, "%s: thickest %.2f, claimed %.2f", a->kind, thick,
                  k->thickness);
    if (k->thickness > 0.6)
        ck_assert_msg(best > 0.7 * k->ratio && best < 1.5 * k->ratio + 0.3, "%s: ratio %.2f, claimed %.2f",
                      a->kind, best, k->ratio);
}

START_TEST(truth_of_every_kind) {
    const char *kind = dm_phantom_kinds[_i / 2];
    dm_ph_protocol protocol = _i % 2 ? PH_MRM : PH_CTM;
    dm_anatomy *a = make(11, _i, kind, protocol);
    dm_ph_scanner sc;
    dm_ph_make_scanner(a, 0, &sc);
    check_line(a, &sc);
    if (a->sac_level > 100) check_dura(a, &sc);
    int leaks = strcmp(kind, "none") && strcmp(kind, "no_contrast") && strcmp(kind, "diverticula") &&
                strcmp(kind, "puncture");
    ck_assert_int_eq(a->n_leaks, leaks ? 1 : 0);
    for (int i = 0; i < a->n_leaks; i++) {
        ck_assert(dm_ph_in_view(&sc, a->leak[i].p));
        if (a->leak[i].s_to > a->leak[i].s_from) check_pool(a, &sc, &a->leak[i]);
    }
    if (strcmp(kind, "c1c2") == 0 || strcmp(kind, "puncture") == 0) ck_assert_str_eq(a->sign[0].sign, kind);
    if (strcmp(kind, "dorsal_trap") == 0) ck_assert(a->sign[0].sign[0] == 'c' || a->sign[0].sign[0] == 'p');
    if (strncmp(kind, "divert", 6) == 0) ck_assert_int_ge(a->n_blebs, 1);
    ck_assert((strcmp(kind, "fistula") == 0) == (a->n_veins > 0));
    size_t n = (size_t)sc.args.nx * (size_t)sc.args.ny * (size_t)sc.args.nz;
    ck_assert(n > 1000000 && n < 20000000);
    drop(a);
}
END_TEST

/* Over many patients the pools are as hard as the medical notes ask: on the dura, on the bone or filling, 0.6
 * to 5 mm, from a tenth of the sac on, site and density peak apart; each vein course and true dorsal leaks
 * beside traps occur. */
START_TEST(spread_of_leaks) {
    int n = 120, thin = 0, thick = 0, faint = 0, on_dura = 0, on_bone = 0;
    for (int i = 0; i < n; i++) {
        dm_anatomy *a = make(21, i, i % 2 ? "ventral" : "dorsal", PH_CTM);
        const dm_ph_leak *k = &a->leak[0];
        int s = (int)(0.5 * (k->s_from + k->s_to)), c = i % 2 ? 3 : 36;
        double in = (double)dm_ph_wall_row(a, PH_PI, s)[c], out = (double)dm_ph_wall_row(a, PH_PO, s)[c];
        double below = in - (double)dm_ph_wall_row(a, PH_RD, s)[c],
               above = (double)dm_ph_wall_row(a, PH_RB, s)[c] - out;
        thin += k->thickness < 1.6;
        thick += k->thickness > 3.0;
        faint += k->ratio < 0.25;
        on_dura += out > in && below < 0.6 && above > 0.8;
        on_bone += out > in && above < 0.1 && below > 0.8;
        ck_assert(k->thickness < 10.0 && k->ratio >= 0.1 && k->ratio <= 1.0);
        drop(a);
    }
    ck_assert_msg(thin > n / 6 && thick > n / 10 && faint > n / 20, "%d thin, %d thick, %d faint", thin,
                  thick, faint);
    ck_assert_msg(on_dura > n / 20 && on_bone > n / 20, "%d on the dura, %d on the bone", on_dura, on_bone);
}
END_TEST

START_TEST(spread_of_veins_and_outpouchings) {
    int n = 80, right = 0, epidural = 0, small = 0, two = 0;
    for (int i = 0; i < n; i++) {
        dm_anatomy *a = make(22, i, "fistula", PH_CTM);
        double s = a->leak[0].s, p[3], far = 0.0;
        dm_ph_point_at(a, s, 0, 0, p);
        for (int c = 0; c < 3; c++) far += (a->vein[0].p[c] - p[c]) * (a->vein[0].p[c] - p[c]);
        epidural += sqrt(far) < dm_ph_wall_at(a, PH_RB, s, a->vein[0].side[0] == 'l' ? 60 : -60);
        right += a->vein[0].side[0] == 'r';
        small += a->vein[0].diameter < 1.5;
        ck_assert(a->vein[0].length > 4.9 && a->vein[0].length < 34.1);
        drop(a);
        a = make(23, i, "diverticula", PH_CTM);
        for (int j = 0; j < a->n_blebs; j++)
            for (int k = 0; k < j; k++) two += strcmp(a->bleb[j].level_root, a->bleb[k].level_root) == 0;
        drop(a);
    }
    ck_assert_msg(right > 0.55 * n && right < 0.88 * n, "%d of %d on the right", right, n);
    ck_assert_msg(epidural > 0.18 * n && epidural < 0.48 * n, "%d of %d epidural", epidural, n);
    ck_assert(small > n / 5 && two > 2);
}
END_TEST

/* Contrast may reach an outpouching in part; on MR its fluid is fluid. */
START_TEST(outpouchings_hold_fluid) {
    int dim[2] = {0, 0};
    for (int i = 0; i < 40; i++)
        for (int mr = 0; mr < 2; mr++) {
            dm_anatomy *a = make(23, i, "diverticula", mr ? PH_MRM : PH_CTM);
            for (int j = 0; j < a->n_blebs; j++) dim[mr] += a->bleb[j].fill < 0.7;
            drop(a);
        }
    ck_assert_msg(dim[0] > 10 && dim[1] == 0, "%d on CT, %d on MR are dim", dim[0], dim[1]);
}
END_TEST

/* Share of a ball's radius by which it reaches into the nearest pedicle, seen from the side. */
static double into_pedicle(const dm_anatomy *a, const dm_ph_bleb *b) {
    const float *ball = a->prims + (size_t)(b->first_prim + 1) * PH_PROW; /* after its neck */
    double s = (double)ball[PH_S0], r = (double)ball[PH_R0], most = -INFINITY;
    for (int i = 0; i < a->n_verts; i++)
        most = fmax(most, r + a->vert[i].ped_h - fabs(s - a->vert[i].ped_s));
    return most / r;
}

/* Outpouchings lie between pedicles; only one that is larger than its foramen hollows more than a little of them. */
START_TEST(outpouchings_lie_in_foramina) {
    int n = 0, deep = 0;
    for (int i = 0; i < 12; i++) {
        dm_anatomy *a = make(23, i, "diverticula", PH_CTM);
        for (int j = 0; j < a->n_blebs; j++, n++) deep += into_pedicle(a, &a->bleb[j]) > 0.31;
        drop(a);
    }
    ck_assert_msg(n > 24 && deep <= n / 20, "%d of %d lie in a pedicle", deep, n);
}
END_TEST

/* Where a vein's piece lies, as s, theta, r. */
static void middle_of(const float *prim, double at[3]) {
    double a = 0.5 * (double)(prim[PH_A0] + prim[PH_A1]), l = 0.5 * (double)(prim[PH_L0] + prim[PH_L1]);
    at[0] = 0.5 * (double)(prim[PH_S0] + prim[PH_S1]);
    at[1] = atan2(l, a) * 57.29577951308232;
    at[2] = sqrt(a * a + l * l);
}

/* Veins outside the canal show what the truth says and replace soft tissue, never bone; those that it calls
 * shown stand out, and there are enough of them to measure by. */
START_TEST(veins_run_in_soft_tissue) {
    int shown = 0, pieces = 0, across_bone = 0, dim = 0;
    for (int i = 0; i < 40; i++) {
        dm_anatomy *a = make(24, i, "fistula", PH_CTM);
        const dm_ph_vein *v = &a->vein[0];
        dm_ph_scanner sc;
        dm_ph_make_scanner(a, 0, &sc);
        shown += v->diameter >= 1.5 && dm_ph_vein_shown(v, sc.noise) >= 5.0;
        int outside = v->course[0] == 'p' || v->course[0] == 'l';
        ck_assert(outside || v->course[0] == 'e' || v->course[0] == 'b');
        for (int k = 0; outside && v->n_prims > 1 && k < v->n_prims; k++) {
            float *prim = a->prims + (size_t)(v->first_prim + k) * PH_PROW;
            double at[3], value = (double)prim[PH_VALUE];
            middle_of(prim, at);
            dim += value_at(a, &sc, at[0], at[1], at[2]) <
                   0.65 * value;                 /* the next piece, which has faded, covers its end */
            for (int j = 0; j < v->n_prims; j++) /* without it */
                prim[(j - k) * PH_PROW + PH_R0] = prim[(j - k) * PH_PROW + PH_R1] = -20.0f;
            across_bone += value_at(a, &sc, at[0], at[1], at[2]) > 220.0;
            for (int j = 0; j < v->n_prims; j++)
                prim[(j - k) * PH_PROW + PH_R0] = prim[(j - k) * PH_PROW + PH_R1] =
                    (float)(0.5 * v->diameter);
            pieces++;
        }
        drop(a);
    }
    ck_assert_int_gt(pieces, 100);
    ck_assert_msg(across_bone == 0 && dim == 0, "of %d pieces %d run through bone, %d do not show", pieces,
                  across_bone, dim);
    ck_assert_msg(shown >= 4, "%d of 40 shown", shown);
}
END_TEST

/* A true dorsal tear beside a trap: both are in the truth, apart from each other. */
START_TEST(dorsal_leak_beside_a_trap) {
    int neck = 0, n = 24;
    for (int i = 0; i < n; i++) {
        dm_anatomy *a = make(24, i, "dorsal_trap", PH_CTM);
        double p[3];
        ck_assert_int_eq(a->n_leaks, 1);
        ck_assert_str_eq(a->leak[0].side, "dorsal");
        dm_ph_point_at(a, a->leak[0].s, 0, 0, p);
        double apart = 0.0;
        for (int c = 0; c < 3; c++) apart += (a->sign[0].p[c] - p[c]) * (a->sign[0].p[c] - p[c]);
        ck_assert_msg(sqrt(apart) > 15.0, "sign and leak are %.0f mm apart", sqrt(apart));
        neck += strcmp(a->sign[0].sign, "c1c2") == 0;
        drop(a);
    }
    ck_assert(neck > 4 && neck < n - 4);
}
END_TEST

/* Two passes of one patient: all but the contrast in the collection is the same, dura and fluid too, and the
 * first holds the site between its fronts. */
START_TEST(early_pass_has_a_front) {
    for (int i = 0; i < 6; i++) {
        dm_anatomy *late = make(25, i, "two_phase", PH_CTM), *early = calloc(1, sizeof *early);
        ck_assert(dm_good(dm_anatomy_make_early(25, i, "two_phase", PH_CTM, early)));
        const dm_ph_leak *k = &late->leak[0], *e = &early->leak[0];
        ck_assert_double_eq(k->s, e->s);
        ck_assert(k->early_from <= k->s && k->s <= k->early_to);
        ck_assert(k->s_from <= k->early_from && k->s_to >= k->early_to && e->s_from == k->s_from);
        for (int s = (int)k->s_from + 2; s < (int)k->s_to; s++) {
            float before = dm_ph_wall_row(early, PH_PV, s)[0], after = dm_ph_wall_row(late, PH_PV, s)[0];
            ck_assert_float_eq(dm_ph_wall_row(early, PH_RD, s)[0], dm_ph_wall_row(late, PH_RD, s)[0]);
            if (s < k->early_from || s > k->early_to) ck_assert_float_le(before, 15);
            else ck_assert_float_le(before, after * 1.01f);
        }
        ck_assert_int_eq(late->n_prims, early->n_prims);
        ck_assert_mem_eq(late->nodes, early->nodes, (size_t)late->n_nodes * PH_NODE * sizeof *late->nodes);
        ck_assert_mem_eq(late->prims, early->prims, (size_t)late->n_prims * PH_PROW * sizeof *late->prims);
        drop(late);
        drop(early);
    }
}
END_TEST

/* Bone closes the canal at the pedicles and leaves it open at the foramina. */
START_TEST(ring_of_bone) {
    dm_anatomy *a = make(12, _i, "no_contrast", PH_PLAIN);
    dm_ph_scanner sc;
    dm_ph_make_scanner(a, 0, &sc);
    int closed = 0, open = 0, n = 0;
    for (int i = dm_ph_find(a, DM_T1); a->vert[i].level < DM_S1; i++)
        for (int side = -1; side <= 1; side += 2) {
            double s = a->vert[i].ped_s, f = dm_ph_foramen(a, i), bone = 0.0, hole = 1e4;
            for (double r = 0.4; r < 5.0; r += 0.4) {
                bone =
                    fmax(bone, value_at(a, &sc, s, 90.0 * side, dm_ph_wall_at(a, PH_RB, s, 90.0 * side) + r));
                hole =
                    fmin(hole, value_at(a, &sc, f, 80.0 * side, dm_ph_wall_at(a, PH_RB, f, 80.0 * side) + r));
            }
            n++;
            closed += bone > 300;
            open += hole < 150;
        }
    ck_assert_msg(closed == n && open > 0.9 * n, "%d pedicles, %d closed, %d foramina open", n, closed, open);
    drop(a);
}
END_TEST

START_TEST(spread_of_patients) {
    int t11 = 0, t13 = 0, l6 = 0, l4 = 0, n = 400;
    double sum = 0.0, squares = 0.0;
    for (int i = 0; i < n; i++) {
        dm_anatomy *a = make(13, i, "none", PH_PLAIN);
        t11 += a->n_thoracic == 11;
        t13 += a->n_thoracic == 13;
        l6 += a->n_lumbar == 6;
        l4 += a->n_lumbar == 4;
        sum += a->scale;
        squares += a->scale * a->scale;
        drop(a);
    }
    double cv = sqrt(squares / n - (sum / n) * (sum / n)) / (sum / n);
    ck_assert_msg(t11 > 8 && t11 < 45 && l6 > 8 && l6 < 45 && t13 > 0 && l4 > 1, "%d %d %d %d", t11, t13, l6,
                  l4);
    ck_assert_msg(cv > 0.04 && cv < 0.09, "variation of size %.3f", cv);
}
END_TEST

/* On one thread and on two the device gives the reference's bits, hence the same. */
START_TEST(same_on_any_threads) {
    dm_gpu *gpu;
    setenv("POCL_MAX_PTHREAD_COUNT", _i ? "2" : "1", 1);
    if (!dm_good(dm_gpu_open("cpu", 0, &gpu))) exit(77);
    for (uint64_t seed = 1; seed <= 2; seed++) {
        dm_check_result r = {0};
        dm_status s = dm_phantom_checks[0].compare(gpu, 40, seed, 1, &r);
        ck_assert_msg(dm_good(s), "%s", s.text);
        ck_assert_double_le(r.error, dm_phantom_checks[0].tolerance);
    }
    dm_gpu_close(gpu);
}
END_TEST

static void count_slices(const char *path, int *slices, int *wide) {
    dm_archive *archive;
    ck_assert(dm_good(dm_archive_open(path, NULL, &archive)));
    dm_entry e;
    int more = 1;
    *slices = 0;
    while (dm_good(dm_archive_next(archive, &e, &more)) && more) {
        dm_dicom *d;
        dm_status s = dm_dicom_parse(e.bytes, e.size, &d);
        ck_assert_msg(dm_good(s), "%s", s.text);
        ck_assert_ptr_nonnull(strstr(dm_dicom_facts(d)->description, "T2 MYELO"));
        *wide = dm_dicom_facts(d)->columns;
        dm_dicom_free(d);
        ++*slices;
    }
    dm_archive_close(archive);
}

/* A case written twice: the same bytes, readable, with as many slices as the truth's grid. */
START_TEST(written_twice) {
    char folder[64] = "/tmp/duramap-phantom-XXXXXX", path[2][160], command[120];
    char *text[2];
    size_t size[2];
    dm_gpu *gpu;
    if (!dm_good(dm_gpu_open("cpu", 0, &gpu))) exit(77);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (int i = 0; i < 2; i++) {
        char out[80];
        snprintf(out, sizeof out, "%s/%d", folder, i);
        dm_phantom_options o = {.out = out, .cases = 1, .seed = 5, .protocol = "mrm", .kind = "lateral_left"};
        dm_status s = dm_phantom_make(gpu, &o);
        ck_assert_msg(dm_good(s), "%s", s.text);
        snprintf(path[i], sizeof path[i], "%s/c0000.zip", out);
        ck_assert(dm_good(dm_file_read(path[i], &text[i], &size[i])));
    }
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(text[0], text[1], size[0]);
    int slices, wide;
    count_slices(path[0], &slices, &wide);
    dm_anatomy *a = make(5, 0, "lateral_left", PH_MRM);
    dm_ph_scanner sc;
    dm_ph_make_scanner(a, 0, &sc);
    ck_assert_int_eq(slices, sc.args.nz);
    ck_assert_int_eq(wide, sc.args.nx);
    drop(a);
    free(text[0]);
    free(text[1]);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    dm_gpu_close(gpu);
}
END_TEST

int main(void) {
    int kinds = 0;
    while (dm_phantom_kinds[kinds]) kinds++;
    TCase *t = tcase_create("phantom");
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, truth_of_every_kind, 0, 2 * kinds);
    tcase_add_test(t, spread_of_leaks);
    tcase_add_test(t, spread_of_veins_and_outpouchings);
    tcase_add_test(t, outpouchings_hold_fluid);
    tcase_add_test(t, outpouchings_lie_in_foramina);
    tcase_add_test(t, veins_run_in_soft_tissue);
    tcase_add_test(t, dorsal_leak_beside_a_trap);
    tcase_add_test(t, early_pass_has_a_front);
    tcase_add_loop_test(t, ring_of_bone, 0, 3);
    tcase_add_test(t, spread_of_patients);
    tcase_add_loop_test(t, same_on_any_threads, 0, 2);
    tcase_add_test(t, written_twice);
    int failed = cases_failed("phantom", t);
    return failed ? 1 : 0;
}
