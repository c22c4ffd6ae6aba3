/* Vertebrae, sacrum, pelvis and ribs from the sizes of the levels. */
#include <math.h>
#include <string.h>

#include "anatomy.h"

enum { UNION = 0, VALUE = 1 };

typedef double point[3]; /* (ventral, left, s) */

static void bone(dm_anatomy *a, const point from, const point to, double r0, double r1, double scale) {
    dm_ph_capsule_add(a, from, to, r0, r1, scale, PH_BONE, 0.0, UNION);
}

/* The same on both sides. */
static void bone_pair(dm_anatomy *a, const point from, const point to, double r0, double r1, double scale) {
    for (int side = -1; side <= 1; side += 2)
        bone(a, (point){from[0], side * from[1], from[2]}, (point){to[0], side * to[1], to[2]}, r0, r1,
             scale);
}
static void soft_pair(dm_anatomy *a, const point from, const point to, double r, double value) {
    for (int side = -1; side <= 1; side += 2)
        dm_ph_capsule_add(a, (point){from[0], side * from[1], from[2]}, (point){to[0], side * to[1], to[2]},
                          r, r, 1.0, PH_SOFT, value, VALUE);
}

static double front(const dm_ph_vert *v) {
    return 0.5 * v->canal_ap;
}
static double half_tr(const dm_ph_vert *v) {
    return 0.5 * v->canal_tr;
}

/* Body, disc below, lamina and spinous process: one row of the vertebra table. */
static void vertebra_row(dm_anatomy *a, int i, dm_ph_rng *r) {
    const dm_ph_vert *v = &a->vert[i];
    float *t = a->verts + (size_t)i * PH_VROW;
    double height = v->body_low - v->body_top;
    int neck = v->level <= DM_C7, chest = v->level >= DM_T1 && v->level < DM_L1, sacral = v->level >= DM_S1;
    double into = chest ? (double)(v->level - DM_T1) / 11.0 : 0.0;
    t[PH_S_FROM] = (float)v->s_from;
    t[PH_S_TO] = (float)v->s_to;
    t[PH_DISC_TOP] = (float)v->disc_top;
    t[PH_DISC_BOT] = (float)v->disc_low;
    t[PH_DEPTH] = (float)v->depth;
    t[PH_HALF_W] = (float)(0.5 * v->width);
    t[PH_FRONT] = (float)front(v);
    t[PH_CANC] = a->mat[PH_M_ARCH] * 0.55f;
    t[PH_WAIST] = (float)(sacral ? 0.0 : 0.06 * v->width);
    t[PH_LIP] = (float)fmax(dm_ph_normal(r, 0.012 * (a->age - 25), 0.5), 0.0);
    t[PH_DISC_VALUE] = a->mat[PH_M_FLAVUM] + (a->protocol == PH_MRM ? 20.0f : 15.0f);
    t[PH_NUCLEUS] = a->protocol == PH_MRM ? a->mat[PH_M_ORGAN] * (float)dm_ph_uniform(r, 0.8, 3.2)
                                          : t[PH_DISC_VALUE] + 8.0f;
    t[PH_FUSED] = sacral ? 1.0f : 0.0f;
    t[PH_CANAL_W] = (float)v->canal_tr;
    t[PH_BACK] = (float)(0.5 * v->canal_ap + 3.0);
    /* Laminae: shingles in the chest, gaps between them in the loins and less in the neck. */
    t[PH_LAM_TOP] = (float)(v->body_top + (chest ? 0.05 : 0.30) * height);
    t[PH_LAM_BOT] =
        (float)(v->body_top + (chest ? 1.12 - 0.15 * fmax(into - 0.8, 0.0) : (neck ? 1.05 : 1.02)) * height);
    t[PH_LAM_THICK] = (float)(neck ? 3.6 : (chest ? 5.6 : 6.4));
    t[PH_LAM_SLOPE] = chest ? 0.18f : 0.06f;
    t[PH_SP_S] = (float)(v->body_top + (neck ? 0.75 : 0.70) * height);
    double drop = neck ? 0.35 : (chest ? 0.5 + 1.1 * sin(3.1 * fmin(into * 1.02, 1.0)) : 0.15);
    t[PH_SP_TAN] = (float)drop;
    t[PH_SP_LEN] = (float)(a->scale * (neck ? (v->level == DM_C7 ? 30 : 18 + v->level)
                                            : (chest ? 34.0 - 6.0 * into : 30.0)));
    t[PH_SP_H] = (float)(neck ? 4.0 : (chest ? 4.0 + 5.0 * into * into : 0.40 * height));
    t[PH_SP_W] = (float)(neck ? 2.8 : 3.0 + (chest ? 0.0 : 0.8));
    if (sacral) {
        int k = v->level - DM_S1;
        double wing[5] = {54, 46, 38, 30, 20};
        t[PH_ALA] = (float)(wing[k] * a->scale);
        t[PH_LAM_TOP] = (float)(v->s_from + (k == 0 ? 8.0 : 0.0));
        t[PH_LAM_BOT] = (float)(v->s_to + 0.5);
        t[PH_LAM_THICK] = k < 3 ? 5.0f : 3.0f;
        t[PH_SP_TAN] = 0.2f;
        t[PH_SP_LEN] = k < 3 ? 9.0f : 3.0f;
        t[PH_SP_H] = 7.0f;
    }
}

static void atlas_and_axis(dm_anatomy *a) {
    const dm_ph_vert *c1 = &a->vert[0], *c2 = &a->vert[1];
    float *t1 = a->verts, *t2 = a->verts + PH_VROW;
    double mid = 0.5 * (c1->s_from + c1->s_to), w = half_tr(c1), f = front(c1);
    t1[PH_DEPTH] = 0.0f;
    t1[PH_LAM_TOP] = (float)(mid - 4.5);
    t1[PH_LAM_BOT] = (float)(mid + 4.5);
    t1[PH_LAM_THICK] = 5.0f;
    t1[PH_SP_LEN] = 0.0f;
    t2[PH_SP_LEN] = (float)(20.0 * a->scale);
    t2[PH_SP_H] = 6.0f;
    t2[PH_SP_W] = 5.5f;
    /* Dens with a gap of 1.5 mm to the front arch; lateral masses. */
    double dens = f + 6.0;
    bone(a, (point){dens, 0, c2->s_from + 4.0}, (point){dens, 0, c1->s_from - 3.0}, 5.6, 4.4, 1.0);
    bone(a, (point){dens + 11.0, -6, mid}, (point){dens + 11.0, 6, mid}, 4.2, 4.2, 0.8);
    bone_pair(a, (point){dens + 10.0, 6, mid}, (point){f + 2, w + 6, mid}, 4.0, 5.0, 0.8);
    bone_pair(a, (point){f - 1, w + 6.5, mid - 4}, (point){f - 3, w + 6.5, mid + 5}, 7.0, 7.2, 1.0);
    bone_pair(a, (point){f - 2, w + 6, mid}, (point){-2, w + 3.2, mid}, 4.5, 3.5, 0.9);
    bone_pair(a, (point){f - 2, w + 10, mid}, (point){f - 4, w + 24, mid}, 4.6, 3.6, 1.0);
    bone_pair(a, (point){f - 1, half_tr(c2) + 7, c2->s_from + 2},
              (point){f - 4, half_tr(c2) + 6, c2->s_to - 4}, 7.0, 6.0, 1.0);
    bone_pair(a, (point){f + 3, 6, c2->s_from + 5}, (point){f - 1, half_tr(c2) + 5, c2->s_from + 4}, 5.0, 6.0,
              1.0);
}

static void pedicles(dm_anatomy *a, const dm_ph_vert *v) {
    double l = half_tr(v) + 0.5 * v->ped_w + 0.2, flat = v->ped_w / (2.0 * v->ped_h);
    bone_pair(a, (point){front(v) + 4.0, l - 0.5, v->ped_s},
              (point){-0.12 * v->canal_ap, l + 0.6, v->ped_s + 1.0}, 0.5 * v->ped_w, 0.5 * v->ped_w + 0.8,
              fmin(flat, 1.0));
}

static void neck_processes(dm_anatomy *a, const dm_ph_vert *v) {
    double w = half_tr(v), f = front(v);
    double gap = 1.0;
    bone_pair(a, (point){-3, w + 7, v->s_from + gap + 4}, (point){-5, w + 7, v->s_to - gap - 3}, 5.8, 5.8,
              1.0);
    bone_pair(a, (point){f - 1, w + 5, v->ped_s + 2}, (point){f + 1, w + 15, v->ped_s + 4}, 4.2, 3.4, 0.8);
    bone_pair(a, (point){f + 7, w + 2, v->ped_s + 2}, (point){f + 6, w + 12, v->ped_s + 4}, 2.4, 3.0, 0.8);
    if (v->level < DM_C7) /* vertebral artery in its foramen */
        soft_pair(a, (point){f + 3, w + 7, v->s_from}, (point){f + 3, w + 7, v->s_to}, 2.6,
                  (double)a->mat[PH_M_VESSEL]);
}

static void facets(dm_anatomy *a, const dm_ph_vert *v, const dm_ph_vert *below) {
    double w = half_tr(v), wb = half_tr(below), back = -0.5 * v->canal_ap,
           up = v->level >= DM_L1 - 2 ? 5.2 : 4.2;
    double lat = v->level >= DM_L1 - 1 ? 3.0 : 0.5;
    bone_pair(a, (point){-0.15 * below->canal_ap, wb + 4.5 + lat, below->ped_s},
              (point){back + 2.5, wb + 2.5 + lat, v->s_to - 5.0}, up, up - 0.6, 1.0);
    bone_pair(a, (point){back, w + 0.5, v->body_low - 6.0},
              (point){back - 4.5, w - 1.0 + 0.5 * lat, v->s_to + 7.0}, up, up - 0.8, 1.0);
    double gap = (double)a->mat[PH_M_FLAVUM] - 10.0;
    soft_pair(a, (point){back - 1.2, w + 0.6, v->s_to - 6.0},
              (point){back + 0.4, w + 4.0 + lat, v->s_to + 5.0}, 0.9, gap);
}

static void chest_processes(dm_anatomy *a, const dm_ph_vert *v, dm_ph_rng *r) {
    double w = half_tr(v), k = v->level - DM_T1, reach = (34.0 - 1.1 * k) * a->scale;
    if (v->level >= DM_T1 + 10) reach = 22.0 * a->scale; /* the last two are stubs */
    bone_pair(a, (point){-6, w + 5, v->ped_s + 1}, (point){-15, reach, v->ped_s - 1}, 5.0, 4.4, 0.9);
    int last = v->level == DM_T1 + a->n_thoracic - 1;
    double joint = v->level == DM_T1 || v->level >= DM_T1 + 10 ? v->ped_s : v->s_from + 1.0;
    double tip_a = -9.0, tip_l = 31.0 * a->scale, tip_s = v->ped_s + 1.0;
    double lengths[13] = {115, 175, 225, 245, 255, 255, 250, 240, 225, 200, 140, 85, 50};
    for (int side = -1; side <= 1; side += 2) {
        double len = lengths[v->level - DM_T1] * a->scale * dm_ph_normal(r, 1.0, last ? 0.3 : 0.04);
        if (last) len = fmax(len, 45.0);
        point head = {front(v) + 3.0, side * (0.5 * v->width + 1.5), joint},
              tip = {tip_a, side * tip_l, tip_s};
        bone(a, head, tip, 4.2, 3.4, 0.72);
        double lps[3];
        dm_ph_point_at(a, tip_s, tip_a, side * tip_l, lps);
        if (a->n_ribs >= PH_MAX_RIBS) continue;
        float *t = a->ribs + (size_t)a->n_ribs++ * PH_RROW;
        t[PH_R_SIDE] = (float)side;
        t[PH_R_LEN] = (float)len;
        t[PH_R_DROP] = (float)(v->level == DM_T1 ? 0.25 : 0.42 + 0.012 * k + dm_ph_normal(r, 0, 0.02));
        t[PH_R_FROM] = 23.0f;
        t[PH_R_Z] = (float)(lps[2] + 24.0 * (double)t[PH_R_DROP]);
        t[PH_R_HALF] = (float)(6.0 * a->scale);
    }
}

static void loin_processes(dm_anatomy *a, const dm_ph_vert *v, dm_ph_rng *r) {
    double w = half_tr(v), reach = dm_ph_normal(r, 42.0, 3.0) * a->scale;
    bone_pair(a, (point){1, w + v->ped_w * 0.7, v->ped_s + 2}, (point){-3, reach, v->ped_s + 1}, 4.2, 3.0,
              0.6);
}

static void pelvis(dm_anatomy *a) {
    int i = dm_ph_find(a, DM_S1);
    const dm_ph_vert *v = &a->vert[i];
    double s = v->s_from + 12.0, wide = 58.0 * a->scale;
    /* Holes of the sacrum for its roots, then the iliac wings beyond the joint. */
    for (int k = 0; k < 4; k++) {
        const dm_ph_vert *u = &a->vert[i + k];
        double w = half_tr(u), from = u->s_to - 4.0;
        soft_pair(a, (point){front(u) - 3, w - 2, from - 4},
                  (point){front(u) + u->depth * 0.9, w + 7, from + 5}, 3.6 - 0.4 * k,
                  (double)a->mat[PH_M_FAT]);
    }
    bone_pair(a, (point){-38, wide - 8, s + 28}, (point){6, wide + 6, s + 18}, 8.0, 8.5, 0.26);
    bone_pair(a, (point){6, wide + 6, s + 18}, (point){52, wide + 34, s + 6}, 8.0, 5.0, 0.16);
}

static void screws(dm_anatomy *a, dm_ph_rng *r) {
    int l4 = dm_ph_find(a, DM_L1 + 2) + dm_ph_pick(r, 2);
    for (int i = l4; i < l4 + 2; i++) {
        const dm_ph_vert *v = &a->vert[i];
        double l = half_tr(v) + 0.5 * v->ped_w;
        for (int side = -1; side <= 1; side += 2)
            dm_ph_capsule_add(a, (point){-0.9 * v->canal_ap, side * (l + 3), v->ped_s},
                              (point){front(v) + 24, side * (l - 6), v->ped_s}, 2.9, 2.4, 1.0, PH_SOFT,
                              a->protocol == PH_MRM ? 0.0 : 3000.0, VALUE);
    }
}

/* Osteophytes of facets and of the joints of the ribs: knobs of 1 to 3 mm on one side, more with age. */
static void osteophytes(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "osteophytes");
    for (int i = 3; i < a->n_verts && a->vert[i].level < DM_S1; i++) {
        const dm_ph_vert *v = &a->vert[i];
        for (int side = -1; side <= 1; side += 2) {
            if (!dm_ph_chance(&r, 0.004 * (a->age - 20))) continue;
            double l = side * (half_tr(v) + dm_ph_uniform(&r, 1.0, 4.0)),
                   s = v->s_to - dm_ph_uniform(&r, 3, 9), size = dm_ph_uniform(&r, 1.0, 3.0);
            point facet = {-0.5 * v->canal_ap + dm_ph_uniform(&r, 0, 3), l, s};
            bone(a, facet, (point){facet[0] + size, facet[1] + side * dm_ph_normal(&r, 0, 1.5), s + 2}, size,
                 0.6 * size, 1.0);
            if (v->level < DM_T1 || v->level >= DM_L1) continue;
            point joint = {front(v) + dm_ph_uniform(&r, 1, 6), side * (0.5 * v->width + 1),
                           v->s_from + dm_ph_normal(&r, 0, 3)};
            bone(a, joint, joint, size, size, 0.9);
        }
    }
}

void dm_ph_make_bones(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "bones");
    for (int i = 0; i < a->n_verts; i++) vertebra_row(a, i, &r);
    atlas_and_axis(a);
    for (int i = 1; i < a->n_verts; i++) {
        const dm_ph_vert *v = &a->vert[i];
        if (v->level >= DM_S1) break;
        pedicles(a, v);
        if (v->level > DM_C2 && v->level <= DM_C7) neck_processes(a, v);
        if (v->level >= DM_C7) facets(a, v, v + 1);
        if (v->level >= DM_T1 && v->level < DM_L1) chest_processes(a, v, &r);
        if (v->level >= DM_L1) loin_processes(a, v, &r);
    }
    pelvis(a);
    osteophytes(a);
    if (a->metal) screws(a, &r);
}
