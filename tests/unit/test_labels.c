/* Labels lie on the scan's own grid, where the surfaces say: upright, oblique and sheared (gantry tilt)
 * grids. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "cases.h"
#include "frame.h"
#include "grid.h"
#include "labels.h"
#include "nifti.h"
#include "record.h"

enum { NX = 44, NY = 40, NZ = 36, SAMPLES = 60, FROM_UNSURE = 50, FROM_DRY = 40 };

/* Columns are the steps of i, j, k in LPS mm: upright; turned 10 degrees about z, then 20 about x; tilted
 * by 18.5 degrees (slices along z, rows leaning). The middle voxel lies at (3, -40, 250) in each. */
static const double steps[3][3][3] = {
    {{0.9, 0, 0}, {0, 0.9, 0}, {0, 0, 1.5}},
    {{0.886327, -0.156283, 0}, {0.146858, 0.832875, -0.513030}, {0.053452, 0.303142, 1.409540}},
    {{0.9, 0, 0}, {0, 0.8535, 0}, {0, -0.2856, 1.5}}};

static dm_affine grid_of(int which) {
    dm_affine a;
    const double middle[3] = {3, -40, 250}, half[3] = {NX / 2, NY / 2, NZ / 2};
    for (int r = 0; r < 3; r++) {
        a.m[r][3] = middle[r];
        for (int c = 0; c < 3; c++) {
            a.m[r][c] = steps[which][r][c];
            a.m[r][3] -= steps[which][r][c] * half[c];
        }
    }
    return a;
}

/* A straight canal along z through the middle, sac 6 mm, bone 9 mm, with a pool, an outpouching and a vein.
 */
static dm_study *make_study(int which) {
    dm_study *st = calloc(1, sizeof *st);
    size_t cells = (size_t)SAMPLES * DM_NT;
    st->n_passes = 1;
    st->pass[0].scan = (dm_scan){.nx = NX, .ny = NY, .nz = NZ, .to_lps = grid_of(which), .scale = 1};
    ck_assert(dm_good(dm_spine_make(&st->spine, SAMPLES, 1.0)));
    for (int i = 0; i < SAMPLES; i++) {
        const double p[3] = {3, -40, 280 - i};
        memcpy(st->spine.p[i], p, sizeof p);
        st->spine.unsure[i] = i >= FROM_UNSURE;
    }
    ck_assert(dm_good(dm_frame_build(&st->spine)));
    st->canal = (dm_canal){.n = SAMPLES,
                           .r_dura = malloc(cells * 4),
                           .r_bone = malloc(cells * 4),
                           .filled = malloc(SAMPLES),
                           .sac = malloc(SAMPLES * 4)};
    st->map = (dm_map){.n = SAMPLES,
                       .e = calloc(cells, 4),
                       .assessed = malloc(cells),
                       .sac = malloc(SAMPLES * 4),
                       .beside = calloc(cells, 4)};
    memset(st->map.assessed, 1, cells);
    for (size_t i = 0; i < cells; i++) st->canal.r_dura[i] = 6, st->canal.r_bone[i] = 9;
    for (int i = 0; i < SAMPLES; i++) {
        st->canal.filled[i] = i < FROM_DRY;
        st->map.sac[i] = 500;
    }
    return st;
}

static void drop(dm_study *st) {
    dm_study_clear(st);
    free(st);
}

/* Contrast of 400 in the left half of the shell over s 10..20 (E = 0.8), a bright vein to the right at s
 * = 30. */
static void add_findings(dm_study *st) {
    const dm_affine a = {{{0.5, 0, 0, -27}, {0, 0.5, 0, -60}, {0, 0, 0.5, 225}}};
    ck_assert(dm_good(dm_volume_make(&st->crop.clean, 120, 80, 120, &a)));
    for (int k = 0; k < 120; k++)
        for (int j = 0; j < 80; j++)
            for (int i = 0; i < 120; i++) {
                double x = -27 + 0.5 * i - 3, y = -60 + 0.5 * j + 40, s = 280 - (225 + 0.5 * k),
                       r = hypot(x, y);
                int pool = r > 6 && r < 9 && x > 0 && s > 9 && s < 21,
                    vein = x < -12 && hypot(y, s - 30) < 1.6;
                st->crop.clean.v[dm_at(i, j, k, 120, 80)] = pool ? 400.0f : (vein ? 200.0f : 0.0f);
            }
    for (int i = 10; i <= 20; i++)
        for (int t = 1; t < DM_NT / 2; t++) st->map.e[i * DM_NT + t] = 0.8f;
    st->findings.n = 2;
    st->findings.f[0] = (dm_finding){.class_ = DM_LATERAL_TEAR, .accepted = 1, .s_from = 10, .s_to = 20};
    st->findings.f[1] = (dm_finding){.class_ = DM_FISTULA,
                                     .accepted = 1,
                                     .s_from = 28,
                                     .s_to = 32,
                                     .peak_value = 200,
                                     .length_mm = 12,
                                     .volume_mm3 = 60,
                                     .lps = {-10, -40, 250}};
    st->findings.n_diverticula = 1;
    st->findings.d[0] = (dm_diverticulum){.diameter_mm = 7, .lps = {15, -40, 255}};
}

static char folder[64];

static const char *path_of(const char *name) {
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static dm_scan labels_of(const dm_study *st, const char *name) {
    dm_scan back;
    dm_status s = dm_labels_write(st, path_of(name));
    ck_assert_msg(dm_good(s), "%s", s.text);
    s = dm_nifti_read(path_of(name), &back);
    ck_assert_msg(dm_good(s), "%s", s.text);
    return back;
}

static int label_at(const dm_scan *l, int i, int j, int k) {
    return l->v[dm_at(i, j, k, l->nx, l->ny)];
}

/* What the cylinder says at an LPS point; -1 where the point lies too near to a border to tell. */
static int expected(const double q[3]) {
    double r = hypot(q[0] - 3, q[1] + 40), s = 280 - q[2];
    if (s < 0.6 || fabs(s - FROM_UNSURE + 0.5) < 0.6 || fabs(s - FROM_DRY + 0.5) < 0.6 ||
        fabs(r - 6) < 0.02 || fabs(r - 9) < 0.02)
        return -1;
    if (s > FROM_UNSURE - 0.5 || r > 9) return 0;
    return r < 6 && s < FROM_DRY - 0.5 ? DM_LABEL_SAC : DM_LABEL_CANAL;
}

START_TEST(every_voxel_is_where_the_surfaces_say) {
    dm_study *st = make_study(_i);
    dm_scan l = labels_of(st, "cylinder.nii.gz");
    int seen[3] = {0, 0, 0};
    for (int k = 0; k < NZ; k++)
        for (int j = 0; j < NY; j++)
            for (int i = 0; i < NX; i++) {
                const double index[3] = {i, j, k};
                double q[3];
                dm_affine_apply(&st->pass[0].scan.to_lps, index, q);
                int want = expected(q), got = label_at(&l, i, j, k);
                if (want < 0) continue;
                ck_assert_msg(want == got, "voxel %d %d %d at %.1f %.1f %.1f: %d, not %d", i, j, k, q[0],
                              q[1], q[2], got, want);
                seen[want]++;
            }
    ck_assert(seen[0] > 1000 && seen[1] > 1000 && seen[2] > 1000);
    dm_scan_clear(&l);
    drop(st);
}
END_TEST

static float float_at(const unsigned char *bytes, int at) {
    float v;
    memcpy(&v, bytes + at, sizeof v);
    return v;
}

static int short_at(const unsigned char *bytes, int at) {
    int16_t v;
    memcpy(&v, bytes + at, sizeof v);
    return v;
}

/* Read without the library, by the offsets of the NIfTI-1 standard: sizes at 40, type at 70, first voxel at
 * 108, sform at 254 and 280, in RAS. nibabel 5 gives the same affines for these three files, and the same
 * voxels. */
START_TEST(header_by_the_standard) {
    unsigned char h[352];
    dm_study *st = make_study(_i);
    dm_scan l = labels_of(st, "header.nii.gz");
    gzFile f = gzopen(path_of("header.nii.gz"), "rb");
    ck_assert_int_eq(gzread(f, h, sizeof h), (int)sizeof h);
    ck_assert(short_at(h, 42) == NX && short_at(h, 44) == NY && short_at(h, 46) == NZ &&
              short_at(h, 70) == 2);
    ck_assert(memcmp(h + 344, "n+1", 4) == 0 && short_at(h, 254) == 1 && (int)float_at(h, 108) == 352);
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++) {
            double want = (r < 2 ? -1 : 1) * st->pass[0].scan.to_lps.m[r][c];
            ck_assert_double_eq_tol((double)float_at(h, 280 + 16 * r + 4 * c), want, 1e-4);
        }
    ck_assert_int_eq(short_at(h, 252) > 0, _i < 2); /* no quaternion can say a shear */
    unsigned char voxel;
    long at = 352 + (long)dm_at(NX / 2, NY / 2, NZ / 2, NX, NY);
    ck_assert(gzseek(f, at, SEEK_SET) == at && gzread(f, &voxel, 1) == 1);
    ck_assert_int_eq(voxel, DM_LABEL_SAC);
    gzclose(f);
    dm_scan_clear(&l);
    drop(st);
}
END_TEST

/* Volumes of the painted things, and where they lie, on any grid. */
START_TEST(pool_diverticulum_and_vein) {
    dm_study *st = make_study(_i);
    add_findings(st);
    dm_scan l = labels_of(st, "findings.nii.gz");
    double n[6] = {0}, mean[6][3] = {{0}}, voxel = _i == 2 ? 0.9 * 0.8535 * 1.5 : 0.9 * 0.9 * 1.5;
    for (int k = 0; k < NZ; k++)
        for (int j = 0; j < NY; j++)
            for (int i = 0; i < NX; i++) {
                const double index[3] = {i, j, k};
                double q[3];
                int v = label_at(&l, i, j, k);
                dm_affine_apply(&st->pass[0].scan.to_lps, index, q);
                n[v] += voxel;
                for (int c = 0; c < 3; c++) mean[v][c] += voxel * q[c];
            }
    for (int v = 0; v < 6; v++)
        for (int c = 0; c < 3; c++) mean[v][c] /= fmax(n[v], 1e-9);
    double pool = 0.5 * 3.14159 * (81 - 36) * 11, ball = 4.18879 * 3.5 * 3.5 * 3.5;
    ck_assert_msg(fabs(n[3] - pool) < 0.15 * pool, "pool %.0f mm3, painted %.0f", n[3], pool);
    ck_assert_msg(fabs(n[4] - ball) < 0.15 * ball, "diverticulum %.0f mm3, not %.0f", n[4], ball);
    ck_assert_msg(n[5] > 30 && n[5] < 62, "vein %.0f mm3 of at most 60", n[5]);
    ck_assert(mean[3][0] > 5 && fabs(mean[3][2] - 265) < 1);
    ck_assert(fabs(mean[4][0] - 15) < 0.5 && fabs(mean[4][2] - 255) < 0.5);
    ck_assert(mean[5][0] < -9 && fabs(mean[5][2] - 250) < 1.5);
    dm_scan_clear(&l);
    drop(st);
}
END_TEST

START_TEST(same_bytes_again) {
    char *text[2];
    size_t size[2];
    dm_study *st = make_study(1);
    add_findings(st);
    for (int i = 0; i < 2; i++) {
        dm_scan l = labels_of(st, i ? "b.nii.gz" : "a.nii.gz");
        dm_scan_clear(&l);
        ck_assert(dm_good(dm_file_read(path_of(i ? "b.nii.gz" : "a.nii.gz"), &text[i], &size[i])));
    }
    ck_assert_uint_eq(size[0], size[1]);
    ck_assert_mem_eq(text[0], text[1], size[0]);
    free(text[0]);
    free(text[1]);
    drop(st);
}
END_TEST

START_TEST(what_cannot_be_drawn_is_said) {
    dm_study *st = make_study(0);
    dm_status s = dm_labels_write(st, "/no/such/folder/x.nii.gz");
    ck_assert_str_eq(s.code, "output");
    st->canal.n = 0;
    s = dm_labels_write(st, path_of("none.nii.gz"));
    ck_assert(s.severity == DM_WARN && strcmp(s.code, "no_labels") == 0);
    ck_assert_int_ne(access(path_of("none.nii.gz"), F_OK), 0);
    drop(st);
}
END_TEST

int main(void) {
    char command[120];
    snprintf(folder, sizeof folder, "/tmp/duramap-labels-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    TCase *t = tcase_create("labels");
    tcase_add_loop_test(t, every_voxel_is_where_the_surfaces_say, 0, 3);
    tcase_add_loop_test(t, header_by_the_standard, 0, 3);
    tcase_add_loop_test(t, pool_diverticulum_and_vein, 0, 3);
    tcase_add_test(t, same_bytes_again);
    tcase_add_test(t, what_cannot_be_drawn_is_said);
    int failed = cases_failed("labels", t);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed ? 1 : 0;
}
