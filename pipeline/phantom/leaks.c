/* Sleeves, tears and signs that mislead, by the project's medical notes 1.2 and 1.3. */
#include <math.h>
#include <string.h>

#include "leak_parts.h"

static const double rad = 0.017453292519943295;
static const double nerve_hu = 50.0;

static void sleeve(dm_anatomy *a, dm_ph_rng *r, double s, int side, double wide, double drop) {
    double deg = side * dm_ph_uniform(r, 70, 110), c = cos(deg * rad), si = sin(deg * rad);
    double rd = dm_ph_wall_at(a, PH_RD, s - 8, deg), rb = dm_ph_wall_at(a, PH_RB, s, deg),
           root = (double)a->mat[PH_M_ROOT],
           nerve = a->protocol == PH_MRM ? root : nerve_hu; /* the space round a root ends at its ganglion */
    double end = rb + dm_ph_uniform(r, 1.0, 6.0), w = wide * dm_ph_normal(r, 1.0, 0.12),
           fill = dm_ph_uniform(r, 0.7, 1.0);
    if (s > a->sac_end_s - 6 || rd < 2) return;
    dm_ph_capsule_add(a, (double[]){rb * c, rb * si, s}, (double[]){(end + 3) * c, (end + 3) * si, s + 1.5},
                      1.6, 2.8, 1.0, PH_SOFT, root, 1);
    dm_ph_capsule_add(a, (double[]){(end + 3) * c, (end + 3) * si, s + 1.5},
                      (double[]){(end + 16) * c + 5, (end + 16) * si, s + 9}, 2.8, 1.6, 1.0, PH_SOFT, nerve,
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
    return a->protocol == PH_MRM ? 0.5 + 0.5 * share : 0.1 + 0.9 * share;
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

/* The neck's first two levels are left to the sign of C1-2, where there is one: it is a pool of its own. */
static void limit_pool(const dm_anatomy *a, double site, dm_ph_pool *p) {
    double top = 8.0, low = fmin(a->sac_end_s - 12.0, a->n_nodes - 10.0);
    int trap = strcmp(a->kind, "c1c2") == 0 || (strcmp(a->kind, "dorsal_trap") == 0 && site < 180.0);
    if (trap && site > a->vert[2].s_to) top = a->vert[2].s_to + 6.0;
    if (trap && site <= a->vert[2].s_to) low = a->vert[2].s_to;
    p->from = fmax(p->from, top);
    p->to = fmin(p->to, low);
}

/* Thickness 0.6 to 5 mm on dura, on bone or filling; ratio 0.1 to 1 (MR 0.5 to 1); a third flat, as on late
 * scans. */
static dm_ph_pool draw_pool(const dm_anatomy *a, dm_ph_rng *r, double site, double theta, double half,
                            double shortest, double longest) {
    double length = dm_ph_uniform(r, shortest, longest), part = dm_ph_uniform(r, 0.15, 0.85);
    dm_ph_pool p = {
        .from = site - part * length, .to = site + (1 - part) * length, .theta = theta, .half = half};
    limit_pool(a, site, &p);
    double thin = dm_ph_uniform(r, 0, 1);
    p.thickness = thin < 0.35 ? dm_ph_uniform(r, 0.6, 1.6) : dm_ph_uniform(r, 1.6, 5.0);
    p.ratio = draw_ratio(a, r);
    p.peak = site + dm_ph_apart(r, 5.0);
    int flat = dm_ph_chance(r, 0.35);
    double reach = dm_ph_uniform(r, 15, 70);
    p.reach = flat || a->protocol == PH_MRM ? 0.0 : reach;
    p.taper = dm_ph_uniform(r, 6, 30);
    p.phase = dm_ph_uniform(r, 0, 6.28);
    p.ragged = dm_ph_uniform(r, 0.0, 0.5);
    p.lies = dm_ph_pick(r, 3);
    return p;
}

/* A tear seen twice: in the first pass the front has run 5 to 25 mm to either side, densest at the tear; in
 * the second contrast fills the collection evenly. The fluid itself was there before the contrast: the dura lies
 * alike in both. */
static void two_phase(const dm_anatomy *a, dm_ph_rng *r, double site, dm_ph_pool *p, dm_ph_leak *k) {
    double up = dm_ph_uniform(r, 5, 25), down = dm_ph_uniform(r, 5, 25), full = p->to, top = p->from;
    p->reach = 0.0;
    k->early_from = fmax(site - up, top);
    k->early_to = fmin(site + down, full);
    if (!a->early) return;
    p->front_from = k->early_from;
    p->front_to = k->early_to;
    p->peak = site;
    p->reach = 12.0;
}

static void ventral(dm_anatomy *a, dm_ph_rng *r) {
    int i = dm_ph_draw_vertebra(a, r, PH_AT_VENTRAL);
    double site = a->vert[i].s_to + dm_ph_normal(r, 0, 2.5), theta = dm_ph_normal(r, 0, 14);
    dm_ph_pool p = draw_pool(a, r, site, 0.0, dm_ph_uniform(r, 35, 60), 45, 200);
    p.septum = dm_ph_chance(r, 0.6);
    dm_ph_leak *k = dm_ph_leak_add(a, "ventral_tear", site, theta, dm_ph_wall_at(a, PH_RD, site, theta));
    if (k && strcmp(a->kind, "two_phase") == 0) two_phase(a, r, site, &p, k);
    add_leak_pool(a, &p, k);
    if (!dm_ph_chance(r, 0.7)) return;
    double at = site + dm_ph_apart(r, 4.0), left = dm_ph_normal(r, 0, 2.5);
    dm_ph_spur_add(a, r, at, left);
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
    double more = dm_ph_chance(r, 0.75) ? arm(a, r, f + dm_ph_apart(r, 3.0), side, p.ratio) : 0.0;
    if (k) k->volume += more;
}

static void dorsal(dm_anatomy *a, dm_ph_rng *r, int vertebra) {
    const dm_ph_vert *v = &a->vert[vertebra];
    double site = dm_ph_uniform(r, v->s_from, v->s_to), theta = 180 + dm_ph_normal(r, 0, 15);
    dm_ph_pool p = draw_pool(a, r, site, 180.0, dm_ph_uniform(r, 30, 55), 35, 140);
    add_leak_pool(a, &p, dm_ph_leak_add(a, "dorsal_tear", site, theta, dm_ph_wall_at(a, PH_RD, site, theta)));
}

static void sign_pool(dm_anatomy *a, dm_ph_rng *r, const char *name, double s, double longest) {
    dm_ph_pool p = draw_pool(a, r, s, 180.0, dm_ph_uniform(r, 35, 60), 0.6 * longest, longest);
    double thick, volume;
    p.thickness = dm_ph_uniform(r, 1.5, 3.5);
    dm_ph_pool_add(a, &p, &thick, &volume);
    int n = a->n_signs;
    dm_ph_sign_add(a, name, s, 180, dm_ph_wall_at(a, PH_RD, s, 180));
    if (a->n_signs > n) a->sign[n].thickness = thick, a->sign[n].ratio = p.ratio;
}

static void c1c2(dm_anatomy *a, dm_ph_rng *r) {
    sign_pool(a, r, "c1c2", a->vert[1].s_from + dm_ph_uniform(r, 0, 8), 32);
}

/* The needle's pool at a disc of the loins, and its track between the spinous processes. */
static void puncture(dm_anatomy *a, dm_ph_rng *r, int first) {
    int i = dm_ph_find(a, first + dm_ph_pick(r, DM_L1 + 4 - first));
    for (int level = DM_L1 + 1; (i < 0 || !dm_ph_whole(a, i)) && level <= DM_L1 + 2; level++)
        i = dm_ph_find(a, level);
    double s = a->vert[i].s_to;
    sign_pool(a, r, "puncture", s, 42);
    double rb = dm_ph_wall_at(a, PH_RB, s, 180);
    dm_ph_capsule_add(a, (double[]){-rb + 1, 0, s}, (double[]){-rb - dm_ph_uniform(r, 6, 20), 0, s + 3}, 0.9,
                      0.6, 1.0, PH_OVER, 0.35, 2);
}

/* A true dorsal tear near where dorsal contrast is mostly a trap: in the neck below C1-2 fluid, or above a
 * puncture. */
static void dorsal_trap(dm_anatomy *a, dm_ph_rng *r) {
    if (dm_ph_chance(r, 0.5)) {
        c1c2(a, r);
        dorsal(a, r, dm_ph_find(a, DM_C2 + 2 + dm_ph_pick(r, 3)));
    } else {
        puncture(a, r, DM_L1 + 3);
        dorsal(a, r, dm_ph_find(a, DM_L1 + dm_ph_pick(r, 2)));
    }
}

/* Last, so that no vein runs through what was drawn before it. */
static dm_status add_veins(dm_anatomy *a, dm_ph_rng *r, dm_ph_rng *more, const dm_ph_fistula *fistula) {
    dm_ph_around around;
    DM_TRY(dm_ph_look_around(a, &around));
    dm_ph_plain_veins_add(a, more, &around);
    if (fistula->radius <= 0) return dm_ok;
    DM_TRY(dm_ph_look_around(a, &around));
    dm_ph_fistula_vein(a, r, &around, fistula, a->n_leaks ? &a->leak[a->n_leaks - 1] : NULL);
    return dm_ok;
}

dm_status dm_ph_make_leaks(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "leaks"),
              more = dm_ph_stream(a->seed, a->number, "extras");
    const char *k = a->kind;
    dm_ph_fistula fistula = {0};
    if (strcmp(k, "ventral") == 0 || strcmp(k, "two_phase") == 0)
        ventral(a, &r);
    else if (strcmp(k, "lateral_left") == 0)
        lateral(a, &r, 1, "lateral_tear", dm_ph_draw_vertebra(a, &r, PH_AT_LATERAL));
    else if (strcmp(k, "lateral_right") == 0)
        lateral(a, &r, -1, "lateral_tear", dm_ph_draw_vertebra(a, &r, PH_AT_LATERAL));
    else if (strcmp(k, "dorsal") == 0)
        dorsal(a, &r, dm_ph_draw_vertebra(a, &r, PH_AT_DORSAL));
    else if (strcmp(k, "dorsal_trap") == 0)
        dorsal_trap(a, &r);
    else if (strcmp(k, "diverticula") == 0)
        dm_ph_blebs_add(a, &r, 2 + dm_ph_pick(&r, 3));
    else if (strcmp(k, "diverticulum_leak") == 0) {
        int i = dm_ph_draw_vertebra(a, &r, PH_AT_LATERAL), side = dm_ph_chance(&r, 0.5) ? 1 : -1;
        dm_ph_bleb *b = dm_ph_bleb_add(a, &r, i, side, dm_ph_uniform(&r, 2.8, 5.0));
        if (b) b->leaking = 1;
        lateral(a, &r, side, "diverticulum_leak", i);
    } else if (strcmp(k, "fistula") == 0)
        dm_ph_fistula_add(a, &r, &fistula);
    else if (strcmp(k, "c1c2") == 0) {
        c1c2(a, &r);
        ventral(a, &r);
    } else if (strcmp(k, "puncture") == 0)
        puncture(a, &r, DM_L1);
    else if (strcmp(k, "none") != 0 && strcmp(k, "no_contrast") != 0)
        return dm_fail(DM_FATAL, "phantom_kind", "no kind of phantom is called '%s'", k);
    dm_ph_wrong_spurs_add(a, &more);
    if (a->n_blebs == 0 && dm_ph_chance(&more, 0.35)) dm_ph_blebs_add(a, &more, 1 + dm_ph_pick(&more, 2));
    return add_veins(a, &r, &more, &fistula);
}
