/* What leaves the dura without a tear: outpouchings of the sleeves. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "host.h"
#include "leak_parts.h"

static const double rad = 0.017453292519943295;

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

/* Share of a ball that is bone in the scan that is painted into. */
static double bone_share(const dm_anatomy *a, const double centre[3], double radius) {
    int bone = 0, all = 0;
    for (double x = -1; x <= 1; x += 0.25)
        for (double y = -1; y <= 1; y += 0.25)
            for (double z = -1; z <= 1; z += 0.25) {
                double p[3];
                if (x * x + y * y + z * z > 1) continue;
                dm_ph_point_at(a, centre[2] + z * radius, centre[0] + x * radius, centre[1] + y * radius, p);
                bone += dm_volume_sample(a->host->clean, p) > (float)DM_PH_HOST_BONE;
                all++;
            }
    return (double)bone / all;
}

/* An outpouching grows where the foramen is open: moves the centre of one to be painted, by at most 3 mm up, down, to the front or
 * the back and 4 mm outwards, to where it holds least bone, and no further than that is worth. */
static void give_way(const dm_anatomy *a, double radius, double centre[3]) {
    static const double worth = 0.01; /* share of the ball for a mm */
    const double at[3] = {centre[0], centre[1], centre[2]};
    double least = INFINITY;
    for (double front = -3; front <= 3; front += 1.5)
        for (double out = 0; out <= 4; out += 1)
            for (double down = -3; down <= 3; down += 1.5) {
                const double c[3] = {at[0] + front, at[1] + copysign(out, at[1]), at[2] + down};
                double cost = bone_share(a, c, radius) + worth * sqrt(front * front + out * out + down * down);
                if (cost < least) least = cost, memcpy(centre, c, sizeof c);
            }
}

/* Of a ball, the share of its radius that may reach into bone: what a large one hollows out of it. */
static const double hollowed = 0.3;

/* A ball at a drawn foramen lies between the pedicles above and below it. */
static double between_pedicles(const dm_anatomy *a, int vertebra, double radius, double s) {
    int upper = a->vert[vertebra].level <= DM_C7 ? vertebra - 1 : vertebra; /* cervical roots leave above their vertebra */
    double reach = (1 - hollowed) * radius, from = -INFINITY, to = INFINITY;
    if (upper >= 0) from = a->vert[upper].ped_s + a->vert[upper].ped_h + reach;
    if (upper + 1 < a->n_verts) to = a->vert[upper + 1].ped_s - a->vert[upper + 1].ped_h - reach;
    return from > to ? 0.5 * (from + to) : fmin(fmax(s, from), to);
}

dm_ph_bleb *dm_ph_bleb_add(dm_anatomy *a, dm_ph_rng *r, int vertebra, int side, double radius) {
    double spread = a->painted ? 1.5 : 4.0;
    double s = dm_ph_foramen(a, vertebra) + dm_ph_uniform(r, -spread, spread),
           deg = side * dm_ph_uniform(r, 70, 110);
    if (!a->painted) s = between_pedicles(a, vertebra, radius, s);
    double c = cos(deg * rad), si = sin(deg * rad), rb = dm_ph_wall_at(a, PH_RB, s, deg),
           rd = dm_ph_wall_at(a, PH_RD, s - 5, deg), at = rb + radius + dm_ph_uniform(r, -1.5, 2.5);
    int part = dm_ph_chance(r, 0.3), layered = dm_ph_chance(r, 0.3) && a->protocol == PH_CTM;
    double fill = part ? dm_ph_uniform(r, 0.2, 0.6) : dm_ph_uniform(r, 0.7, 1.0);
    /* Contrast may reach it in part only; MR shows its fluid whether or not anything reached it. */
    if (part && a->protocol == PH_MRM) fill = 0.7 + 0.75 * (fill - 0.2);
    /* Behind a foramen stand the lamina and the articular process of the vertebra below, their front a tenth of
     * the canal's width before its middle (phantom_spine.h): fluid lies before bone, not in it. */
    double bone = a->painted ? -INFINITY : 0.1 * a->vert[vertebra].canal_tr + (1 - hollowed) * radius;
    double centre[3] = {fmax(at * c, bone), at * si, s};
    if (a->painted) give_way(a, radius, centre);
    int first = a->n_prims;
    dm_ph_capsule_add(a, (double[]){(rd - 1) * c, (rd - 1) * si, s - 5}, centre, 1.6, 1.6, 1.0, PH_OVER,
                      fmax(fill, 0.7), 2);
    ball(a, centre, radius, dm_ph_uniform(r, 0.8, 1.0), fill, layered ? fmin(1.6 * fill, 1.1) : 0.0);
    lobes(a, r, centre, radius, side, fill);
    if (a->n_blebs >= PH_MAX_TRUTH) return NULL;
    dm_ph_bleb *b = &a->bleb[a->n_blebs++];
    *b = (dm_ph_bleb){.diameter = 2 * radius,
                      .fill = fill,
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

void dm_ph_fistula_add(dm_anatomy *a, dm_ph_rng *r, dm_ph_fistula *out) {
    int i = dm_ph_draw_vertebra(a, r, PH_AT_FISTULA), side = dm_ph_chance(r, 0.72) ? -1 : 1,
        at_bleb = dm_ph_chance(r, 0.82);
    double f = dm_ph_foramen(a, i), rb = dm_ph_wall_at(a, PH_RB, f, side * 90.0);
    *out = (dm_ph_fistula){.vertebra = i, .side = side, .s = f, .start = {1.0, side * (rb + 4.0), f}};
    /* Draining veins of 1 to 3 mm; hyperdense from 70 HU on, seldom far above 140 (medical notes 1.3, 2.2).
     */
    out->radius = dm_ph_uniform(r, 0.5, 1.5), out->hu = dm_ph_uniform(r, 70, 330);
    if (a->protocol == PH_MRM) out->hu = 0.5 * a->sac_level;
    if (at_bleb) {
        double radius = dm_ph_uniform(r, 2.4, 4.4);
        dm_ph_bleb *b = dm_ph_bleb_add(a, r, i, side, radius);
        if (b) {
            const float *ball = a->prims + (size_t)(b->first_prim + 1) * PH_PROW; /* the first is its neck */
            b->leaking = 1;
            for (int c = 0; c < 3; c++) out->start[c] = (double)ball[PH_A0 + c];
            out->start[1] += side * 0.9 * radius; /* free_start goes on from its edge */
        }
    }
    dm_ph_leak *k = dm_ph_leak_add(a, "csf_venous_fistula", f, side * 90.0, fabs(out->start[1]));
    if (!k) return;
    dm_ph_root_name(a, f, k->level_root);
    k->ratio = out->hu / a->sac_level;
}
