/* What leaves the dura without a tear: outpouchings of the sleeves, fistula veins, and the veins of every
 * spine. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "leak_parts.h"

static const double rad = 0.017453292519943295;
static const double blood_hu = 45.0;

/* One ball, its lower (dorsal) part brighter where contrast has settled. */
static void ball(dm_anatomy *a, const double centre[3], double radius, double scale, double fill,
                 double settled) {
    dm_ph_capsule_add(a, centre, centre, radius, radius, scale, PH_OVER, fill, 2);
    if (settled <= fill) return;
    const double low[3] = {centre[0] - 0.35 * radius, centre[1], centre[2]};
    dm_ph_capsule_add(a, low, low, 0.62 * radius, 0.62 * radius, scale, PH_OVER, settled, 2);
}

/* Lobes on a ball: none to two, each 0.5 to 0.8 of its size, out of it to any side but the canal's. */
static void lobes(dm_anatomy *a, dm_ph_rng *r, const double centre[3], double radius, int side, double fill) {
    int n = dm_ph_chance(r, 0.45) ? 1 + dm_ph_pick(r, 2) : 0;
    for (int k = 0; k < n; k++) {
        double size = radius * dm_ph_uniform(r, 0.5, 0.8), up = dm_ph_uniform(r, -1, 1),
               out = dm_ph_uniform(r, 0.1, 0.8), front = dm_ph_uniform(r, -0.7, 0.7);
        const double lobe[3] = {centre[0] + front * radius, centre[1] + side * out * radius,
                                centre[2] + 0.8 * up * radius};
        dm_ph_capsule_add(a, lobe, lobe, size, size, 1.0, PH_OVER, fill, 2);
    }
}

dm_ph_bleb *dm_ph_bleb_add(dm_anatomy *a, dm_ph_rng *r, int vertebra, int side, double radius) {
    double spread = a->painted ? 1.5 : 4.0; /* a real foramen's bone hides what lies further off */
    double s = dm_ph_foramen(a, vertebra) + dm_ph_uniform(r, -spread, spread),
           deg = side * dm_ph_uniform(r, 70, 110);
    double c = cos(deg * rad), si = sin(deg * rad), rb = dm_ph_wall_at(a, PH_RB, s, deg),
           rd = dm_ph_wall_at(a, PH_RD, s - 5, deg), at = rb + radius + dm_ph_uniform(r, -1.5, 2.5);
    int part = dm_ph_chance(r, 0.3), layered = dm_ph_chance(r, 0.3) && a->protocol == PH_CTM;
    double fill = part ? dm_ph_uniform(r, 0.2, 0.6) : dm_ph_uniform(r, 0.7, 1.0);
    const double centre[3] = {at * c, at * si, s};
    int first = a->n_prims;
    dm_ph_capsule_add(a, (double[]){(rd - 1) * c, (rd - 1) * si, s - 5}, centre, 1.6, 1.6, 1.0, PH_OVER,
                      fmax(fill, 0.7), 2);
    ball(a, centre, radius, dm_ph_uniform(r, 0.8, 1.0), fill, layered ? fmin(1.6 * fill, 1.1) : 0.0);
    lobes(a, r, centre, radius, side, fill);
    if (a->n_blebs >= PH_MAX_TRUTH) return NULL;
    dm_ph_bleb *b = &a->bleb[a->n_blebs++];
    *b = (dm_ph_bleb){.diameter = 2 * radius,
                      .volume = 4.18879 * radius * radius * radius,
                      .first_prim = first,
                      .n_prims = a->n_prims - first};
    dm_ph_root_name(a, dm_ph_foramen(a, vertebra), b->level_root);
    snprintf(b->side, sizeof b->side, "%s", side > 0 ? "left" : "right");
    dm_ph_point_at(a, centre[2], centre[0], centre[1], b->p);
    return b;
}

/* A root may carry two; they are then one row's length apart, or they are one thing. */
static int place_taken(const dm_anatomy *a, int vertebra, int side) {
    char name[8];
    int n = 0;
    dm_ph_root_name(a, dm_ph_foramen(a, vertebra), name);
    for (int j = 0; j < a->n_blebs; j++)
        n += strcmp(a->bleb[j].level_root, name) == 0 && (a->bleb[j].side[0] == 'l') == (side > 0);
    return n;
}

void dm_ph_blebs_add(dm_anatomy *a, dm_ph_rng *r, int n) {
    for (int k = 0; k < n; k++) {
        int i = dm_ph_draw_vertebra(a, r, PH_AT_LATERAL), side = dm_ph_chance(r, 0.5) ? 1 : -1;
        double radius = dm_ph_uniform(r, 2.6, 5.2);
        if (place_taken(a, i, side)) continue;
        const dm_ph_bleb *b = dm_ph_bleb_add(a, r, i, side, radius);
        /* Several at one root: a small one on the same sleeve's other side of the ganglion. */
        if (b && dm_ph_chance(r, 0.15)) dm_ph_bleb_add(a, r, i, -side, dm_ph_uniform(r, 2.2, 3.2));
    }
}

/* Where a fistula's vein runs (kranz17): beside the vertebrae 45 %, in the epidural plexus 32 %, outwards 23
 * %. */
typedef enum course { PARAVERTEBRAL, EPIDURAL, OUTWARDS } course;

static course draw_course(dm_ph_rng *r) {
    double u = dm_ph_uniform(r, 0, 1);
    return u < 0.45 ? PARAVERTEBRAL : (u < 0.77 ? EPIDURAL : OUTWARDS);
}

/* Step of a course: unit vector of (ventral, left, s); turn wanders. */
static void step_of(course way, int side, double turn, double up, double out[3]) {
    static const double front[3] = {0.9, 0.25, 0.2}, left[3] = {0.45, -0.15, 0.95},
                        along[3] = {0.3, 0.95, 0.35};
    out[0] = front[way] * cos(turn) - 0.3 * sin(turn);
    out[1] = side * (left[way] * cos(turn) + 0.3 * sin(turn));
    out[2] = along[way] * (up < 0 ? -1.0 : 1.0) + 0.4 * up;
    double n = sqrt(out[0] * out[0] + out[1] * out[1] + out[2] * out[2]);
    for (int c = 0; c < 3; c++) out[c] /= n;
}

/* A vein in bent pieces, fading by `fade` of its height over blood; HU (MR: signal, blood is 45 of it).
 * Returns its length. */
static double vein(dm_anatomy *a, dm_ph_rng *r, const double start[3], int side, course way, double length,
                   double radius, double hu, double fade) {
    double p[3] = {start[0], start[1], start[2]}, turn = dm_ph_normal(r, 0, 0.5),
           up = dm_ph_normal(r, 0, 0.6), done = 0.0;
    while (done < length) {
        double step = fmin(4.0, length - done) + 0.01, d[3], left = 1.0 - fade * done / length;
        step_of(way, side, turn, up, d);
        double q[3] = {p[0] + step * d[0], p[1] + step * d[1], p[2] + step * d[2]};
        dm_ph_capsule_add(a, p, q, radius, radius, 1.0, PH_OVER, blood_hu + (hu - blood_hu) * left, 1);
        memcpy(p, q, sizeof q);
        turn += dm_ph_normal(r, 0.0, 0.3);
        done += step;
    }
    return done;
}

/* Start of a vein: from the outpouching or the sleeve, or at the ventrolateral wall for the epidural plexus.
 */
static void start_of(const dm_anatomy *a, course way, int side, double f, double out, double start[3]) {
    double deg = side * 60.0, rb = dm_ph_wall_at(a, PH_RB, f, deg);
    if (way == EPIDURAL) {
        start[0] = (rb - 0.8) * cos(deg * rad);
        start[1] = (rb - 0.8) * sin(deg * rad);
    } else {
        start[0] = way == PARAVERTEBRAL ? 4.0 : 0.0;
        start[1] = side * out;
    }
    start[2] = f;
}

static void keep_vein(dm_anatomy *a, int side, const double start[3], double length, double radius, double hu,
                      int first) {
    if (a->n_veins >= PH_MAX_TRUTH) return;
    dm_ph_vein *v = &a->vein[a->n_veins++];
    *v = (dm_ph_vein){.length = length,
                      .diameter = 2 * radius,
                      .hu = hu,
                      .first_prim = first,
                      .n_prims = a->n_prims - first};
    dm_ph_root_name(a, start[2], v->level_root);
    snprintf(v->side, sizeof v->side, "%s", side > 0 ? "left" : "right");
    dm_ph_point_at(a, start[2], start[0], start[1], v->p);
}

void dm_ph_fistula_add(dm_anatomy *a, dm_ph_rng *r) {
    int i = dm_ph_draw_vertebra(a, r, PH_AT_FISTULA), side = dm_ph_chance(r, 0.72) ? -1 : 1,
        at_bleb = dm_ph_chance(r, 0.82);
    double f = dm_ph_foramen(a, i), rb = dm_ph_wall_at(a, PH_RB, f, side * 90.0),
           radius = dm_ph_uniform(r, 0.5, 1.5), out = rb + 4.0, hu = dm_ph_uniform(r, 110, 330), start[3];
    if (a->protocol == PH_MRM) hu = 0.5 * a->sac_level;
    if (at_bleb) {
        dm_ph_bleb *b = dm_ph_bleb_add(a, r, i, side, dm_ph_uniform(r, 2.4, 4.4));
        if (b) {
            b->leaking = 1;
            out = rb + b->diameter * 0.9;
        }
    }
    course way = draw_course(r);
    start_of(a, way, side, f, out, start);
    int first = a->n_prims;
    double reach = dm_ph_uniform(r, 5, 30), fade = dm_ph_uniform(r, 0.2, 0.7),
           length = vein(a, r, start, side, way, reach, radius, hu, fade);
    dm_ph_leak *k = dm_ph_leak_add(a, "csf_venous_fistula", f, side * 90.0, out);
    if (k) {
        dm_ph_root_name(a, f, k->level_root);
        k->ratio = hu / a->sac_level;
        k->thickness = 2 * radius;
        k->volume = 3.14159 * radius * radius * length;
    }
    keep_vein(a, side, start, length, radius, hu, first);
}

/* Ordinary segmental veins, 60-110 HU in a CT with a trace of contrast in the blood, each its own course. */
void dm_ph_plain_veins_add(dm_anatomy *a, dm_ph_rng *r) {
    for (int k = 0; k < 30; k++) {
        int i = dm_ph_pick(r, a->n_verts), side = dm_ph_chance(r, 0.5) ? 1 : -1;
        if (!dm_ph_whole(a, i) || a->vert[i].level <= DM_T1 || a->vert[i].level > DM_L1 + 1) continue;
        double f = dm_ph_foramen(a, i) + dm_ph_normal(r, 0, 4), rb = dm_ph_wall_at(a, PH_RB, f, 90.0 * side),
               front = dm_ph_uniform(r, -2, 8), out = rb + dm_ph_uniform(r, 4, 10),
               start[3] = {front, side * out, f}, hu = dm_ph_uniform(r, 60, 110);
        if (a->protocol == PH_MRM) hu = (double)a->mat[PH_M_VEIN];
        course way = dm_ph_chance(r, 0.6) ? PARAVERTEBRAL : OUTWARDS;
        double length = dm_ph_uniform(r, 8, 30), radius = dm_ph_uniform(r, 0.6, 1.5);
        vein(a, r, start, side, way, length, radius, hu, 0.2);
    }
}
