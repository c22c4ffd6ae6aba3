/* Contrast painted into a scan: what was there stays where nothing is painted, noise and blur are the scan's
 * own. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "host.h"
#include "truth.h"

enum { EDGE = 90, HIGH = 170, SAMPLES = 150, LEVELS = 7 };
static const double wall = 9.0, blur = 0.7, noise = 15.0;

/* A straight canal along z in a ring of bone, blurred, with noise; levels T3 to T9 of 22 mm. */
typedef struct model {
    dm_scan scan;
    dm_volume clean;
    double p[SAMPLES][3], tangent[SAMPLES][3], ventral[SAMPLES][3], left[SAMPLES][3];
    float r_bone[SAMPLES * PH_NT];
    dm_ph_host_level level[LEVELS];
    dm_ph_host host;
} model;

static double step(double x) {
    return 0.5 * (1.0 + erf(x / (blur * 1.41421356)));
}

static void fill_voxels(model *m) {
    dm_ph_rng r = dm_ph_stream(3, 0, "test noise");
    size_t v = 0;
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < EDGE; j++)
            for (int i = 0; i < EDGE; i++, v++) {
                double d = hypot(i - EDGE / 2, j - EDGE / 2) * 0.7;
                double value = 20.0 + 900.0 * (step(d - wall) - step(d - wall - 5.0));
                m->clean.v[v] = (float)value;
                m->scan.v[v] = (int16_t)floor(value + dm_ph_normal(&r, 0, noise) + 0.5);
            }
}

/* Makes a voxel of the host brighter or darker, its noise kept. */
static void change_voxel(model *m, size_t v, double to) {
    m->scan.v[v] = (int16_t)(m->scan.v[v] + lround(to - (double)m->clean.v[v]));
    m->clean.v[v] = (float)to;
}

static model *make_model(void) {
    const dm_affine a = {{{0.7, 0, 0, -31.5}, {0, 0.7, 0, -31.5}, {0, 0, 1, 0}}};
    model *m = calloc(1, sizeof *m);
    ck_assert_ptr_nonnull(m);
    m->scan = (dm_scan){.nx = EDGE, .ny = EDGE, .nz = HIGH, .to_lps = a, .scale = 1};
    m->scan.v = malloc((size_t)EDGE * EDGE * HIGH * sizeof *m->scan.v);
    ck_assert(dm_good(dm_volume_make(&m->clean, EDGE, EDGE, HIGH, &a)));
    fill_voxels(m);
    for (int i = 0; i < SAMPLES; i++) {
        const double p[3] = {0, 0, 160 - i}, t[3] = {0, 0, -1}, v[3] = {0, -1, 0}, l[3] = {1, 0, 0};
        memcpy(m->p[i], p, sizeof p);
        memcpy(m->tangent[i], t, sizeof t);
        memcpy(m->ventral[i], v, sizeof v);
        memcpy(m->left[i], l, sizeof l);
        for (int c = 0; c < PH_NT; c++) m->r_bone[i * PH_NT + c] = (float)wall;
    }
    for (int i = 0; i < LEVELS; i++)
        m->level[i] = (dm_ph_host_level){DM_T1 + 2 + i, 22.0 * i - 3.0, 22.0 * i + 19.0};
    m->host = (dm_ph_host){.scan = &m->scan,
                           .clean = &m->clean,
                           .n = SAMPLES,
                           .ds = 1.0,
                           .p = (const double(*)[3])m->p,
                           .tangent = (const double(*)[3])m->tangent,
                           .ventral = (const double(*)[3])m->ventral,
                           .left = (const double(*)[3])m->left,
                           .r_bone = m->r_bone,
                           .level = m->level,
                           .n_levels = LEVELS,
                           .noise = noise,
                           .kvp = 120,
                           .position = "HFS"};
    return m;
}

static void drop_model(model *m) {
    dm_scan_clear(&m->scan);
    dm_volume_clear(&m->clean);
    free(m);
}

typedef struct painted {
    dm_anatomy *a;
    dm_ph_scanner sc;
    int16_t *v;
} painted;

static painted paint(const model *m, int number, const char *kind) {
    painted p = {.a = calloc(1, sizeof *p.a), .v = malloc((size_t)EDGE * EDGE * HIGH * sizeof *p.v)};
    dm_status s = dm_ph_host_anatomy(&m->host, 7, number, kind, p.a);
    ck_assert_msg(dm_good(s), "%s", s.text);
    dm_ph_host_scanner(&m->host, p.a, &p.sc);
    ck_assert(dm_good(dm_ph_paint(&m->host, &p.sc, p.a, p.v)));
    return p;
}

static void drop(painted *p) {
    dm_anatomy_clear(p->a);
    free(p->a);
    free(p->v);
}

/* Change of a voxel against the host, and its value, by place in the spine's coordinates. */
typedef struct sums {
    double n, change, squares, worst;
} sums;

static void add(sums *s, double change) {
    s->n++;
    s->change += change;
    s->squares += change * change;
    s->worst = fmax(s->worst, fabs(change));
}

/* Ring in the sac outside the cord, fat between sac and bone, everything beyond the line's ends. */
static void survey(const model *m, const painted *p, sums ring[3]) {
    size_t v = 0;
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < EDGE; j++)
            for (int i = 0; i < EDGE; i++, v++) {
                double x = (i - EDGE / 2) * 0.7, y = (j - EDGE / 2) * 0.7, r = hypot(x, y), s = 160 - k;
                double change = p->v[v] - (double)m->scan.v[v];
                if (s < -2 || s > SAMPLES) add(&ring[2], change);
                if (s < 30 || s > 110) continue;
                double theta = atan2(x, -y) * 57.29577951, rd = dm_ph_wall_at(p->a, PH_RD, s, theta);
                double sac = (double)p->a->nodes[(size_t)s * PH_NODE + PH_SAC];
                sac *= 1.0 + (double)p->a->nodes[(size_t)s * PH_NODE + PH_LAYER] * cos(theta * 0.01745329);
                if (r > rd - 1.6 && r < rd - 1.2 && r > 4.8) add(&ring[0], p->v[v] / sac);
                if (r > rd + 1.6 && r < wall - 0.2 && fabs(theta) > 150) add(&ring[1], change);
            }
}

START_TEST(healthy_sac_with_its_margin) {
    model *m = make_model();
    for (int number = 0; number < 3; number++) {
        painted p = paint(m, number, "none");
        sums ring[3] = {{0, 0, 0, 0}};
        survey(m, &p, ring);
        ck_assert_int_eq(p.a->n_leaks, 0);
        ck_assert_msg(ring[0].n > 100 && fabs(ring[0].change / ring[0].n - 1.0) < 0.12,
                      "sac is %.2f of what is claimed", ring[0].change / ring[0].n);
        if (!p.a->touches && ring[1].n > 50)
            ck_assert_msg(fabs(ring[1].change / ring[1].n) < 0.05 * p.a->sac_level,
                          "fat behind the sac rose by %.0f", ring[1].change / ring[1].n);
        ck_assert_double_eq(ring[2].worst, 0.0);
        drop(&p);
    }
    drop_model(m);
}
END_TEST

/* Where sac and bone touch there is no dark line between them; elsewhere there is fat. */
START_TEST(contrast_touches_bone) {
    model *m = make_model();
    int touching = 0, apart = 0;
    for (int number = 0; number < 16; number++) {
        dm_anatomy *a = calloc(1, sizeof *a);
        ck_assert(dm_good(dm_ph_host_anatomy(&m->host, 7, number, "none", a)));
        int cells = 0;
        for (int s = 10; s < SAMPLES - 10; s++)
            for (int c = 0; c < PH_NT; c++)
                cells += dm_ph_wall_row(a, PH_RB, s)[c] - dm_ph_wall_row(a, PH_RD, s)[c] < 0.1f;
        ck_assert_int_eq(cells > 0, a->touches);
        touching += cells > 200;
        apart += cells == 0;
        dm_anatomy_clear(a);
        free(a);
    }
    ck_assert_msg(touching > 2 && apart > 5, "%d touch, %d do not", touching, apart);
    drop_model(m);
}
END_TEST

/* The host's noise stays: the painted scan less the noise-free painted scan is the host's noise, voxel by
 * voxel. */
START_TEST(noise_is_the_hosts) {
    model *m = make_model(), *still = make_model();
    for (size_t v = 0; v < (size_t)EDGE * EDGE * HIGH; v++)
        still->scan.v[v] = (int16_t)floor((double)m->clean.v[v] + 0.5);
    painted p = paint(m, 1, "ventral"), q = paint(still, 1, "ventral");
    double worst = 0.0;
    for (size_t v = 0; v < (size_t)EDGE * EDGE * HIGH; v++)
        worst = fmax(worst, fabs((double)(p.v[v] - q.v[v]) - (double)(m->scan.v[v] - still->scan.v[v])));
    ck_assert_double_le(worst, 1.0); /* rounding */
    drop(&p);
    drop(&q);
    drop_model(m);
    drop_model(still);
}
END_TEST

START_TEST(blur_is_measured) {
    model *m = make_model();
    double found = dm_ph_host_blur(&m->host);
    ck_assert_msg(found > 0.8 * blur && found < 1.35 * blur, "blur %.2f mm, not %.2f", found,
                  blur); /* voxels of 0.7 mm */
    drop_model(m);
}
END_TEST

START_TEST(leaks_lie_in_the_scan) {
    static const char *const kinds[5] = {"ventral", "lateral_left", "dorsal", "diverticulum_leak", "fistula"};
    model *m = make_model();
    for (int number = 0; number < 5; number++) {
        painted p = paint(m, number, kinds[number % 5]), again = paint(m, number, kinds[number % 5]);
        ck_assert_int_eq(p.a->n_leaks, 1);
        ck_assert(dm_ph_in_view(&p.sc, p.a->leak[0].p));
        ck_assert(p.a->leak[0].level_disc[0] == 'T' && p.a->leak[0].s_to < SAMPLES - 4);
        ck_assert_mem_eq(p.v, again.v, (size_t)EDGE * EDGE * HIGH * sizeof *p.v);
        drop(&p);
        drop(&again);
    }
    drop_model(m);
}
END_TEST

/* HU of a host whose bone has a ridge that the found bone passes over, and fat behind the sac. */
static const double ridge_from = 60, ridge_to = 66, ridge = 7.0, fat_from = 6.0;

static int on_ridge(double s, double theta) {
    return s > ridge_from && s < ridge_to && fabs(theta) < 60;
}

static void add_ridge_and_fat(model *m) {
    size_t v = 0;
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < EDGE; j++)
            for (int i = 0; i < EDGE; i++, v++) {
                double x = (i - EDGE / 2) * 0.7, y = (j - EDGE / 2) * 0.7, r = hypot(x, y);
                double theta = atan2(x, -y) * 57.29577951, was = (double)m->clean.v[v];
                if (on_ridge(160 - k, theta)) was = 20.0 + 900.0 * (step(r - ridge) - step(r - wall - 5.0));
                if (fabs(theta) > 130) was -= 120.0 * (step(r - fat_from) - step(r - wall));
                change_voxel(m, v, was);
            }
}

/* The sac is painted neither into bone that the scan shows nor over its fat, whether or not it touches bone.
 */
START_TEST(bone_and_fat_stay) {
    model *m = make_model();
    add_ridge_and_fat(m);
    for (int number = 0; number < 2; number++) {
        painted p = paint(m, number, "none");
        for (int s = 30; s < 110; s++)
            for (int c = 0; c < PH_NT; c++) {
                double theta = c * 5.0 > 180 ? c * 5.0 - 360 : c * 5.0,
                       rd = (double)dm_ph_wall_row(p.a, PH_RD, s)[c],
                       rb = (double)dm_ph_wall_row(p.a, PH_RB, s)[c];
                double bone =
                    on_ridge(s - 1, theta) && on_ridge(s + 1, theta) && fabs(theta) < 55 ? ridge : wall;
                ck_assert_msg(rd < bone && rb < bone + 0.4, "%d at %.0f: sac to %.2f, bone %.2f for %.1f", s,
                              theta, rd, rb, bone);
                if (fabs(theta) > 145)
                    ck_assert_msg(rd < fat_from + 0.4, "%d at %.0f: sac to %.2f in fat", s, theta, rd);
            }
        drop(&p);
    }
    drop_model(m);
}
END_TEST

/* The cord has fluid on both sides, wherever the fat leaves the sac. */
START_TEST(cord_lies_in_its_sac) {
    model *m = make_model();
    add_ridge_and_fat(m);
    for (int number = 0; number < 3; number++) {
        dm_anatomy *a = calloc(1, sizeof *a);
        ck_assert(dm_good(dm_ph_host_anatomy(&m->host, 7, number, "none", a)));
        for (int s = 30; s < 110; s++) {
            const float *n = a->nodes + (size_t)s * PH_NODE, *rd = dm_ph_wall_row(a, PH_RD, s);
            if (n[PH_CORD_AP] <= 0.0f) continue;
            ck_assert_msg(n[PH_CORD_A] + n[PH_CORD_AP] < rd[0] - 0.4f &&
                              n[PH_CORD_AP] - n[PH_CORD_A] < rd[PH_NT / 2] - 0.4f,
                          "case %d, %d: cord %.1f +- %.1f in %.1f, %.1f", number, s, (double)n[PH_CORD_A],
                          (double)n[PH_CORD_AP], (double)rd[0], (double)rd[PH_NT / 2]);
        }
        dm_anatomy_clear(a);
        free(a);
    }
    drop_model(m);
}
END_TEST

/* Nothing but bone outside the canal. */
static void close_ring(model *m) {
    size_t v = 0;
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < EDGE; j++)
            for (int i = 0; i < EDGE; i++, v++) {
                double more = 900.0 * step(hypot(i - EDGE / 2, j - EDGE / 2) * 0.7 - wall - 5.0);
                change_voxel(m, v, (double)m->clean.v[v] + more);
            }
}

/* Foramina: the ring of bone is open over 12 mm of every level, 30 degrees to both sides of its sides. */
static int is_open(double s, double theta) {
    return fabs(remainder(s - 11.0, 22.0)) < 6.0 && fabs(fabs(theta) - 90.0) < 30.0;
}

static void open_foramina(model *m) {
    size_t v = 0;
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < EDGE; j++)
            for (int i = 0; i < EDGE; i++, v++) {
                if (is_open(160 - k, atan2(i - EDGE / 2, EDGE / 2 - j) * 57.29577951)) change_voxel(m, v, 20.0);
            }
}

/* Voxels within `share` of the radius of an outpouching's centre and at least `front` of it before it (behind
 * it contrast settles): mean and s.d. of their values in `scan`, and the share that is bone in the host. */
typedef struct filling {
    double n, mean, sd, bone;
} filling;

static filling look_into(const model *m, const int16_t *scan, const dm_ph_bleb *b, double share, double front) {
    filling f = {0, 0, 0, 0};
    size_t v = 0;
    for (int k = 0; k < HIGH; k++)
        for (int j = 0; j < EDGE; j++)
            for (int i = 0; i < EDGE; i++, v++) {
                const double d[3] = {(i - EDGE / 2) * 0.7 - b->p[0], (j - EDGE / 2) * 0.7 - b->p[1], k - b->p[2]};
                const double r = b->diameter / 2, far = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
                if (-d[1] < front * r || far > share * r) continue;
                f.n++, f.mean += scan[v], f.sd += (double)scan[v] * scan[v], f.bone += m->clean.v[v] > (float)DM_PH_HOST_BONE;
            }
    f.mean /= f.n, f.bone /= f.n;
    f.sd = sqrt(fmax(f.sd / f.n - f.mean * f.mean, 0));
    return f;
}

/* Nothing of the bone shines through an outpouching: it reads what the truth says, and is even but for the
 * scan's noise. */
START_TEST(an_outpouching_hollows_bone) {
    model *m = make_model();
    close_ring(m);
    int seen = 0;
    for (int number = 0; number < 2; number++) {
        painted p = paint(m, number, "diverticula");
        for (int i = 0; i < p.a->n_blebs; i++) {
            const dm_ph_bleb *b = &p.a->bleb[i];
            double want = b->fill * (double)p.a->nodes[(size_t)(160 - b->p[2]) * PH_NODE + PH_SAC];
            filling f = look_into(m, p.v, b, 0.75, 0.45);
            if (f.bone < 0.2 || f.n < 8) continue;
            seen++;
            ck_assert_msg(fabs(f.mean - want) < 0.06 * want + noise && f.sd < 3 * noise, "%.0f +- %.0f instead of %.0f, %.2f of it bone",
                          f.mean, f.sd, want, f.bone);
        }
        drop(&p);
    }
    ck_assert_int_gt(seen, 2);
    drop_model(m);
}
END_TEST

/* Where the foramen is open an outpouching lies in it. */
START_TEST(an_outpouching_takes_the_open_place) {
    model *m = make_model();
    open_foramina(m);
    int seen = 0;
    for (int number = 0; number < 6; number++) {
        dm_anatomy *a = calloc(1, sizeof *a);
        ck_assert(dm_good(dm_ph_host_anatomy(&m->host, 7, number, "diverticula", a)));
        for (int i = 0; i < a->n_blebs; i++, seen++) {
            filling f = look_into(m, m->scan.v, &a->bleb[i], 1.0, -1.0);
            ck_assert_msg(f.bone < 0.06, "%d, %d of %.1f mm: %.2f of it is bone", number, i, a->bleb[i].diameter, f.bone);
        }
        dm_anatomy_clear(a);
        free(a);
    }
    ck_assert_int_gt(seen, 6);
    drop_model(m);
}
END_TEST

START_TEST(what_a_host_cannot_show) {
    model *m = make_model();
    ck_assert(dm_ph_host_allows(&m->host, "none") && dm_ph_host_allows(&m->host, "ventral"));
    ck_assert(!dm_ph_host_allows(&m->host, "c1c2") && !dm_ph_host_allows(&m->host, "puncture"));
    ck_assert(!dm_ph_host_allows(&m->host, "dorsal_trap") && !dm_ph_host_allows(&m->host, "no_contrast"));
    dm_anatomy *a = calloc(1, sizeof *a);
    m->host.n = 40;
    dm_status s = dm_ph_host_anatomy(&m->host, 1, 0, "none", a);
    ck_assert_str_eq(s.code, "host_short");
    dm_anatomy_clear(a);
    free(a);
    drop_model(m);
}
END_TEST

int main(void) {
    TCase *t = tcase_create("host");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, healthy_sac_with_its_margin);
    tcase_add_test(t, contrast_touches_bone);
    tcase_add_test(t, noise_is_the_hosts);
    tcase_add_test(t, blur_is_measured);
    tcase_add_test(t, leaks_lie_in_the_scan);
    tcase_add_test(t, bone_and_fat_stay);
    tcase_add_test(t, cord_lies_in_its_sac);
    tcase_add_test(t, an_outpouching_hollows_bone);
    tcase_add_test(t, an_outpouching_takes_the_open_place);
    tcase_add_test(t, what_a_host_cannot_show);
    int failed = cases_failed("host", t);
    return failed ? 1 : 0;
}
