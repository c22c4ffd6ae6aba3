/* Leaks, diverticula, fistulas and signs that mislead, by the priors of the project's medical notes 1.2
 * and 1.3. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "pools.h"

static const double rad = 0.017453292519943295;

typedef struct band {
    int from, to; /* levels */
    double weight;
} band;
static const band ventral_prior[] = {{5, 7, .14},   {8, 9, .36},   {10, 11, .18}, {12, 13, .13},
                                     {14, 16, .11}, {17, 19, .07}, {21, 22, .01}};
static const band fistula_prior[] = {{8, 10, .06},  {11, 13, .20}, {14, 15, .20},
                                     {16, 17, .22}, {18, 19, .24}, {21, 22, .08}};
static const band lateral_prior[] = {{8, 13, .15}, {14, 16, .30}, {17, 19, .40}, {21, 23, .15}};
static const band dorsal_prior[] = {{6, 9, .2}, {10, 16, .4}, {17, 19, .25}, {22, 24, .15}};
#define PRIOR(p) p, (int)(sizeof p / sizeof *p)

/* A vertebra by the prior; where the spine (or the scan that is painted) has none of the level drawn, again,
 * and at last any. */
static int draw_vertebra(const dm_anatomy *a, dm_ph_rng *r, const band *b, int n) {
    for (int again = 0; again < 40; again++) {
        double u = dm_ph_uniform(r, 0, 1);
        int k = 0;
        while (k + 1 < n && u >= b[k].weight) u -= b[k++].weight;
        int i = dm_ph_find(a, b[k].from + dm_ph_pick(r, b[k].to - b[k].from + 1));
        if (i >= 0 && dm_ph_whole(a, i)) return i;
    }
    int i = a->n_verts / 2;
    return i;
}

static void sleeve(dm_anatomy *a, dm_ph_rng *r, double s, int side, double wide, double drop) {
    double deg = side * dm_ph_uniform(r, 70, 110), c = cos(deg * rad), si = sin(deg * rad);
    double rd = dm_ph_wall_at(a, PH_RD, s - 8, deg), rb = dm_ph_wall_at(a, PH_RB, s, deg),
           root = (double)a->mat[PH_M_ROOT];
    double end = rb + dm_ph_uniform(r, 1.0, 6.0), w = wide * dm_ph_normal(r, 1.0, 0.12),
           fill = dm_ph_uniform(r, 0.7, 1.0);
    if (s > a->sac_end_s - 6 || rd < 2) return;
    dm_ph_capsule_add(a, (double[]){rb * c, rb * si, s}, (double[]){(end + 3) * c, (end + 3) * si, s + 1.5},
                      1.6, 2.8, 1.0, PH_SOFT, root, 1);
    dm_ph_capsule_add(a, (double[]){(end + 3) * c, (end + 3) * si, s + 1.5},
                      (double[]){(end + 16) * c + 5, (end + 16) * si, s + 9}, 2.8, 1.6, 1.0, PH_SOFT, root,
                      1);
    dm_ph_capsule_add(a, (double[]){(rd - 1.2) * c, (rd - 1.2) * si, s - drop},
                      (double[]){end * c, end * si, s}, w, 0.75 * w, 1.0, PH_OVER, fill, 2);
}

/* Root sleeves: they leave the sac at 70 to 110 degrees, run down and out, and end in the ganglion. */
void dm_ph_make_sleeves(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "sleeves");
    int t1 = dm_ph_find(a, DM_T1);
    for (int side = -1; side <= 1; side += 2) {
        if (t1 >= 0) sleeve(a, &r, a->vert[t1].s_from + 1.0, side, 1.8, 5); /* C8 */
        for (int i = 0; i < a->n_verts && a->vert[i].level < DM_S1; i++) {
            int level = a->vert[i].level;
            if (level <= DM_C2) continue;
            double wide = level <= DM_C7 ? 1.8 : (level < DM_L1 - 1 ? 1.5 : 2.1);
            sleeve(a, &r, dm_ph_foramen(a, i) + dm_ph_normal(&r, 0, 0.8), side, wide, level <= DM_C7 ? 4 : 9);
        }
    }
}

static double draw_ratio(const dm_anatomy *a, dm_ph_rng *r) {
    double share =
        dm_ph_uniform(r, 0, 1); /* one draw for both, so that a patient's leak is the same in either scan */
    return a->protocol == PH_MRM ? 0.5 + 0.5 * share : 0.18 + 0.72 * share;
}

static void add_leak_pool(dm_anatomy *a, dm_ph_pool *p, dm_ph_leak *k) {
    double thick, volume;
    dm_ph_pool_add(a, p, &thick, &volume);
    if (!k) return;
    k->s_from = p->from;
    k->s_to = p->to;
    k->thickness = thick;
    k->ratio = p->ratio;
    k->volume += volume;
}

static dm_ph_pool draw_pool(const dm_anatomy *a, dm_ph_rng *r, double site, double theta, double half,
                            double shortest, double longest) {
    double length = dm_ph_uniform(r, shortest, longest), part = dm_ph_uniform(r, 0.2, 0.8);
    /* The neck's first two levels are left to the sign of C1-2, which is a pool of its own. */
    double top = strcmp(a->kind, "c1c2") == 0 && site > a->vert[2].s_to ? a->vert[2].s_to + 6.0 : 8.0;
    dm_ph_pool p = {.from = fmax(site - part * length, top),
                    .to = site + (1 - part) * length,
                    .theta = theta,
                    .half = half};
    p.to = fmin(p.to, strcmp(a->kind, "c1c2") == 0 && site <= a->vert[2].s_to ? a->vert[2].s_to
                                                                              : a->sac_end_s - 12.0);
    double thin = dm_ph_uniform(r, 0, 1);
    p.thickness = thin < 0.25 ? dm_ph_uniform(r, 0.6, 1.6) : dm_ph_uniform(r, 1.6, 4.5);
    p.ratio = draw_ratio(a, r);
    p.peak = site + dm_ph_normal(r, 0, 4);
    int flat = dm_ph_chance(r, 0.35);
    double reach = dm_ph_uniform(r, 15, 70);
    p.reach = flat || a->protocol == PH_MRM ? 0.0 : reach;
    p.taper = dm_ph_uniform(r, 6, 26);
    p.phase = dm_ph_uniform(r, 0, 6.28);
    p.lies = p.thickness > 2.5 ? PH_FILLS : dm_ph_pick(r, 3);
    return p;
}

/* A bone spur at the edge of a disc, into the canal. */
static void spur(dm_anatomy *a, dm_ph_rng *r, double s, double left) {
    double f = dm_ph_wall_at(a, PH_RB, s, 0.0), reach = dm_ph_uniform(r, 1.2, 3.4),
           hu = dm_ph_uniform(r, 350, 1200);
    if (a->protocol == PH_MRM) hu = 10;
    dm_ph_capsule_add(a, (double[]){f + 1.5, left + 1, s},
                      (double[]){f - reach, left, s + dm_ph_normal(r, 0, 1)}, dm_ph_uniform(r, 1.4, 2.6), 0.6,
                      1.0, PH_OVER, hu, 1);
}

static void wrong_spurs(dm_anatomy *a, dm_ph_rng *r) {
    int n = dm_ph_pick(r, 1 + (int)(a->age / 25));
    for (int k = 0; k < n; k++) {
        int i = dm_ph_pick(r, a->n_verts);
        if (!dm_ph_whole(a, i) || a->vert[i].level <= DM_C2 || a->vert[i].level >= DM_L1 + 4) continue;
        double s = a->vert[i].s_to + dm_ph_normal(r, 0, 3);
        spur(a, r, s, dm_ph_normal(r, 0, 3));
        dm_ph_sign_add(a, "spur", s, 0, dm_ph_wall_at(a, PH_RB, s, 0));
    }
}

static void ventral(dm_anatomy *a, dm_ph_rng *r) {
    int i = draw_vertebra(a, r, PRIOR(ventral_prior));
    double site = a->vert[i].s_to + dm_ph_normal(r, 0, 2.5), theta = dm_ph_normal(r, 0, 14);
    dm_ph_pool p = draw_pool(a, r, site, 0.0, dm_ph_uniform(r, 35, 60), 45, 200);
    p.septum = dm_ph_chance(r, 0.6);
    dm_ph_leak *k = dm_ph_leak_add(a, "ventral_tear", site, theta, dm_ph_wall_at(a, PH_RD, site, theta));
    add_leak_pool(a, &p, k);
    if (dm_ph_chance(r, 0.7)) spur(a, r, site + dm_ph_normal(r, 0, 3), dm_ph_normal(r, 0, 2));
}

/* The way of the fluid out through the foramen. */
static double arm(dm_anatomy *a, dm_ph_rng *r, double s, int side, double ratio) {
    double deg = side * dm_ph_uniform(r, 75, 105), c = cos(deg * rad), si = sin(deg * rad),
           rb = dm_ph_wall_at(a, PH_RB, s, deg);
    double out = dm_ph_uniform(r, 5, 14), w = dm_ph_uniform(r, 1.2, 2.4);
    dm_ph_capsule_add(a, (double[]){(rb - 1.5) * c, (rb - 1.5) * si, s},
                      (double[]){(rb + out) * c, (rb + out) * si, s + dm_ph_normal(r, 3, 2)}, w, 1.4 * w, 1.0,
                      PH_OVER, ratio, 2);
    return 3.14159 * w * w * out;
}

static void lateral(dm_anatomy *a, dm_ph_rng *r, int side, const char *class_, int vertebra) {
    double f = dm_ph_foramen(a, vertebra), site = f + dm_ph_normal(r, -2, 3),
           theta = side * dm_ph_uniform(r, 75, 110);
    dm_ph_pool p = draw_pool(a, r, site, theta, dm_ph_uniform(r, 30, 50), 18, 60);
    dm_ph_leak *k = dm_ph_leak_add(a, class_, site, theta, dm_ph_wall_at(a, PH_RD, site, theta));
    if (k) dm_ph_root_name(a, f, k->level_root);
    add_leak_pool(a, &p, k);
    double more = dm_ph_chance(r, 0.75) ? arm(a, r, f + dm_ph_normal(r, 0, 1.5), side, p.ratio) : 0.0;
    if (k) k->volume += more;
}

static void dorsal(dm_anatomy *a, dm_ph_rng *r) {
    int i = draw_vertebra(a, r, PRIOR(dorsal_prior));
    double site = dm_ph_uniform(r, a->vert[i].s_from, a->vert[i].s_to), theta = 180 + dm_ph_normal(r, 0, 15);
    dm_ph_pool p = draw_pool(a, r, site, 180.0, dm_ph_uniform(r, 30, 55), 35, 140);
    add_leak_pool(a, &p, dm_ph_leak_add(a, "dorsal_tear", site, theta, dm_ph_wall_at(a, PH_RD, site, theta)));
}

/* One outpouching of a sleeve, sometimes of two lobes, filled in part. */
static dm_ph_bleb *bleb(dm_anatomy *a, dm_ph_rng *r, int vertebra, int side, double radius) {
    double s = dm_ph_foramen(a, vertebra) + dm_ph_uniform(r, -2, 3), deg = side * dm_ph_uniform(r, 75, 105);
    double c = cos(deg * rad), si = sin(deg * rad), rb = dm_ph_wall_at(a, PH_RB, s, deg),
           rd = dm_ph_wall_at(a, PH_RD, s - 5, deg);
    double at = rb + radius + dm_ph_uniform(r, -1.5, 2.5),
           fill = dm_ph_chance(r, 0.7) ? dm_ph_uniform(r, 0.75, 1.0) : dm_ph_uniform(r, 0.25, 0.75);
    double centre[3] = {at * c, at * si, s};
    dm_ph_capsule_add(a, (double[]){(rd - 1) * c, (rd - 1) * si, s - 5}, centre, 1.6, 1.6, 1.0, PH_OVER,
                      fmax(fill, 0.7), 2);
    dm_ph_capsule_add(a, centre, centre, radius, radius, dm_ph_uniform(r, 0.8, 1.0), PH_OVER, fill, 2);
    if (dm_ph_chance(r, 0.35)) {
        double lobe[3] = {centre[0] - 0.5 * radius, centre[1] + side * 0.6 * radius, s + 0.7 * radius};
        dm_ph_capsule_add(a, lobe, lobe, 0.7 * radius, 0.7 * radius, 1.0, PH_OVER, fill, 2);
    }
    if (a->n_blebs >= PH_MAX_TRUTH) return NULL;
    dm_ph_bleb *b = &a->bleb[a->n_blebs++];
    dm_ph_root_name(a, dm_ph_foramen(a, vertebra), b->level_root);
    snprintf(b->side, sizeof b->side, "%s", side > 0 ? "left" : "right");
    dm_ph_point_at(a, centre[2], centre[0], centre[1], b->p);
    b->diameter = 2 * radius;
    b->volume = 4.18879 * radius * radius * radius;
    return b;
}

static void blebs(dm_anatomy *a, dm_ph_rng *r, int n) {
    for (int k = 0; k < n; k++) {
        int i = draw_vertebra(a, r, PRIOR(lateral_prior)), side = dm_ph_chance(r, 0.5) ? 1 : -1, taken = 0;
        char name[8];
        dm_ph_root_name(a, dm_ph_foramen(a, i), name);
        for (int j = 0; j < a->n_blebs; j++)
            taken |= strcmp(a->bleb[j].level_root, name) == 0 && (a->bleb[j].side[0] == 'l') == (side > 0);
        if (!taken) bleb(a, r, i, side, dm_ph_uniform(r, 2.6, 5.2));
    }
}

/* A vein from a foramen outwards in bent pieces, fading; value in HU (or a share of the signal). */
static double vein(dm_anatomy *a, dm_ph_rng *r, double start[3], int side, double length, double radius,
                   double hu) {
    double p[3] = {start[0], start[1], start[2]}, dir = dm_ph_uniform(r, 0.2, 1.2), done = 0.0;
    double up = dm_ph_normal(r, 0, 0.35);
    while (done < length) {
        double step = fmin(4.0, length - done) + 0.01, fade = 1.0 - 0.35 * done / length;
        double q[3] = {p[0] + step * sin(dir) * 0.8, p[1] + side * step * cos(dir), p[2] + step * up};
        dm_ph_capsule_add(a, p, q, radius, radius, 1.0, PH_OVER, 45.0 + (hu - 45.0) * fade, 1);
        memcpy(p, q, sizeof q);
        dir += dm_ph_normal(r, 0.0, 0.25);
        done += step;
    }
    return done;
}

static void fistula(dm_anatomy *a, dm_ph_rng *r) {
    int i = draw_vertebra(a, r, PRIOR(fistula_prior)), side = dm_ph_chance(r, 0.72) ? -1 : 1,
        at_bleb = dm_ph_chance(r, 0.8);
    double f = dm_ph_foramen(a, i), deg = side * 90.0, rb = dm_ph_wall_at(a, PH_RB, f, deg),
           radius = dm_ph_uniform(r, 0.7, 1.5);
    double out = rb + 4.0, hu = dm_ph_uniform(r, 130, 330);
    if (a->protocol == PH_MRM) hu = 0.5 * a->sac_level;
    if (at_bleb) {
        dm_ph_bleb *b = bleb(a, r, i, side, dm_ph_uniform(r, 2.4, 4.4));
        if (b) {
            b->leaking = 1;
            out = rb + b->diameter * 0.9;
        }
    }
    double start[3] = {1.0, side * out, f}, length = dm_ph_uniform(r, 8, 30);
    double done = vein(a, r, start, side, length, radius, hu);
    dm_ph_leak *k = dm_ph_leak_add(a, "csf_venous_fistula", f, deg, out);
    if (k) {
        dm_ph_root_name(a, f, k->level_root);
        k->ratio = hu / a->sac_level;
        k->thickness = 2 * radius;
        k->volume = 3.14159 * radius * radius * done;
    }
    if (a->n_veins >= PH_MAX_TRUTH) return;
    dm_ph_vein *v = &a->vein[a->n_veins++];
    dm_ph_root_name(a, f, v->level_root);
    snprintf(v->side, sizeof v->side, "%s", side > 0 ? "left" : "right");
    dm_ph_point_at(a, f, start[0], start[1], v->p);
    v->length = done;
    v->diameter = 2 * radius;
    v->hu = hu;
}

/* Ordinary segmental veins, 50-110 HU in a CT with a trace of contrast in the blood. */
static void plain_veins(dm_anatomy *a, dm_ph_rng *r) {
    for (int k = 0; k < 30; k++) {
        int i = dm_ph_pick(r, a->n_verts), side = dm_ph_chance(r, 0.5) ? 1 : -1;
        if (!dm_ph_whole(a, i) || a->vert[i].level <= DM_T1 || a->vert[i].level > DM_L1 + 1) continue;
        double f = dm_ph_foramen(a, i), rb = dm_ph_wall_at(a, PH_RB, f, 90.0 * side),
               start[3] = {2.0, side * (rb + 6), f};
        double hu = dm_ph_uniform(r, 50, 110);
        if (a->protocol == PH_MRM) hu = (double)a->mat[PH_M_VEIN];
        vein(a, r, start, side, dm_ph_uniform(r, 8, 25), dm_ph_uniform(r, 0.7, 1.4), hu);
    }
}

static void sign_pool(dm_anatomy *a, dm_ph_rng *r, const char *name, double s, double longest) {
    dm_ph_pool p = draw_pool(a, r, s, 180.0, dm_ph_uniform(r, 35, 60), 0.6 * longest, longest);
    double thick, volume;
    p.thickness = dm_ph_uniform(r, 1.5, 3.5);
    dm_ph_pool_add(a, &p, &thick, &volume);
    dm_ph_sign_add(a, name, s, 180, dm_ph_wall_at(a, PH_RD, s, 180));
}

static void c1c2(dm_anatomy *a, dm_ph_rng *r) {
    sign_pool(a, r, "c1c2", a->vert[1].s_from + dm_ph_uniform(r, 0, 8), 32);
    ventral(a, r);
}

static void puncture(dm_anatomy *a, dm_ph_rng *r) {
    int i = dm_ph_find(a, DM_L1 + dm_ph_pick(r, 4));
    if (i < 0 || !dm_ph_whole(a, i)) i = dm_ph_find(a, DM_L1 + 1);
    if (i < 0 || !dm_ph_whole(a, i)) i = dm_ph_find(a, DM_L1 + 2);
    double s = a->vert[i].s_to;
    sign_pool(a, r, "puncture", s, 42);
    double rb = dm_ph_wall_at(a, PH_RB, s, 180); /* the needle's track between the spinous processes */
    dm_ph_capsule_add(a, (double[]){-rb + 1, 0, s}, (double[]){-rb - dm_ph_uniform(r, 6, 20), 0, s + 3}, 0.9,
                      0.6, 1.0, PH_OVER, 0.35, 2);
}

dm_status dm_ph_make_leaks(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "leaks"),
              more = dm_ph_stream(a->seed, a->number, "extras");
    const char *k = a->kind;
    if (strcmp(k, "ventral") == 0)
        ventral(a, &r);
    else if (strcmp(k, "lateral_left") == 0)
        lateral(a, &r, 1, "lateral_tear", draw_vertebra(a, &r, PRIOR(lateral_prior)));
    else if (strcmp(k, "lateral_right") == 0)
        lateral(a, &r, -1, "lateral_tear", draw_vertebra(a, &r, PRIOR(lateral_prior)));
    else if (strcmp(k, "dorsal") == 0)
        dorsal(a, &r);
    else if (strcmp(k, "diverticula") == 0)
        blebs(a, &r, 2 + dm_ph_pick(&r, 3));
    else if (strcmp(k, "diverticulum_leak") == 0) {
        int i = draw_vertebra(a, &r, PRIOR(lateral_prior)), side = dm_ph_chance(&r, 0.5) ? 1 : -1;
        dm_ph_bleb *b = bleb(a, &r, i, side, dm_ph_uniform(&r, 2.8, 5.0));
        if (b) b->leaking = 1;
        lateral(a, &r, side, "diverticulum_leak", i);
    } else if (strcmp(k, "fistula") == 0)
        fistula(a, &r);
    else if (strcmp(k, "c1c2") == 0)
        c1c2(a, &r);
    else if (strcmp(k, "puncture") == 0)
        puncture(a, &r);
    else if (strcmp(k, "none") != 0 && strcmp(k, "no_contrast") != 0)
        return dm_fail(DM_FATAL, "phantom_kind", "no kind of phantom is called '%s'", k);
    wrong_spurs(a, &more);
    if (a->n_blebs == 0 && dm_ph_chance(&more, 0.35)) blebs(a, &more, 1 + dm_ph_pick(&more, 2));
    plain_veins(a, &more);
    return dm_ok;
}
