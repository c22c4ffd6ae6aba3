/* Values of materials and the trunk round the spine. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "anatomy.h"

/* CT numbers at 120 kVp: the project's medical notes 2.2 (jang19 for trabecular bone by age, mono12 for fat).
 */
static void ct_values(dm_anatomy *a, dm_ph_rng *r) {
    static const float hu[PH_M_COUNT] = {
        [PH_M_AIR] = -1000,  [PH_M_FAT] = -100,     [PH_M_MUSCLE] = 55, [PH_M_SKIN] = 20,
        [PH_M_CORTEX] = 850, [PH_M_ENDPLATE] = 600, [PH_M_EPI] = -95,   [PH_M_CORD] = 42,
        [PH_M_ROOT] = 50,    [PH_M_LUNG] = -840,    [PH_M_ORGAN] = 50,  [PH_M_VESSEL] = 45,
        [PH_M_FLAVUM] = 70,  [PH_M_VEIN] = 60,      [PH_M_BRAIN] = 36,  [PH_M_BOWEL] = 25};
    memcpy(a->mat, hu, sizeof hu);
    double trabecular = fmax(226.0 - 2.5 * (a->age - 25.0) + dm_ph_normal(r, 0, 38), 60.0);
    a->mat[PH_M_ARCH] = (float)(1.8 * trabecular);
    a->mat[PH_M_CORTEX] = (float)dm_ph_normal(r, 850, 90);
    a->mat[PH_M_DENSE] = a->mat[PH_M_CORTEX] * (float)dm_ph_uniform(r, 0.45, 0.9);
    a->mat[PH_M_TEXTURE] = (float)(22.0 + 0.12 * trabecular);
    a->sac_level = 8.0;
    if (a->protocol != PH_CTM) return;
    a->sac_level = dm_ph_uniform(r, 300, 1500);
    if (strcmp(a->kind, "no_contrast") == 0) a->sac_level = 10.0;
    a->mat[PH_M_CORD] = (float)(42.0 + 0.06 * a->sac_level);
    a->mat[PH_M_ROOT] = (float)(50.0 + 0.25 * a->sac_level);
    a->mat[PH_M_VEIN] = (float)dm_ph_uniform(r, 60, 120);
    a->mat[PH_M_VESSEL] = dm_ph_chance(r, 0.15) ? (float)dm_ph_uniform(r, 120, 260) : 45.0f;
}

/* T2: signal relative to fluid = 1. Suppressed fat (heavily weighted) or bright fat (plain fast spin echo).
 */
static void mr_values(dm_anatomy *a, dm_ph_rng *r) {
    int fat = dm_ph_chance(r, 0.3), heavy = !fat;
    float v[PH_M_COUNT] = {
        [PH_M_AIR] = 4,          [PH_M_FAT] = 0.06f,      [PH_M_MUSCLE] = 0.07f, [PH_M_SKIN] = 0.08f,
        [PH_M_CORTEX] = 0.015f,  [PH_M_ENDPLATE] = 0.02f, [PH_M_EPI] = 0.06f,    [PH_M_CORD] = 0.16f,
        [PH_M_ROOT] = 0.22f,     [PH_M_LUNG] = 0.02f,     [PH_M_ORGAN] = 0.12f,  [PH_M_VESSEL] = 0.02f,
        [PH_M_FLAVUM] = 0.04f,   [PH_M_VEIN] = 0.14f,     [PH_M_ARCH] = 0.10f,   [PH_M_BRAIN] = 0.20f,
        [PH_M_TEXTURE] = 0.012f, [PH_M_BOWEL] = 0.25f,  [PH_M_DENSE] = 0.10f};
    if (fat) {
        v[PH_M_FAT] = v[PH_M_EPI] = (float)dm_ph_uniform(r, 0.45, 0.7);
        v[PH_M_ARCH] = v[PH_M_DENSE] = 0.42f; /* the body takes 0.55 of it: fatty marrow */
        v[PH_M_MUSCLE] = 0.13f;
        v[PH_M_CORD] = 0.33f;
        v[PH_M_BRAIN] = 0.36f;
        v[PH_M_VEIN] = 0.35f;
    }
    if (heavy) v[PH_M_VEIN] = (float)dm_ph_uniform(r, 0.1, 0.35); /* slow epidural veins stay bright */
    a->sac_level = dm_ph_uniform(r, 700, 1400) * (heavy ? 1.0 : 0.8);
    for (int i = 0; i < PH_M_COUNT; i++) a->mat[i] = (float)a->sac_level * v[i];
    a->mat[PH_M_AIR] = 0.0f;
    a->mat[PH_M_FLOW] = dm_ph_chance(r, 0.5) ? (float)dm_ph_uniform(r, 0.2, 0.7) : 0.0f;
}

void dm_ph_make_materials(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "materials");
    if (a->protocol == PH_MRM)
        mr_values(a, &r);
    else
        ct_values(a, &r);
}

static double ease(double x) { /* 0 below 0, 1 above 1 */
    x = fmin(fmax(x, 0.0), 1.0);
    return x * x * (3.0 - 2.0 * x);
}

typedef struct trunk {
    double z_c4, z_t1, z_t3, z_dome, z_s1, top; /* heights of landmarks, mm */
    double half_w, half_ap, neck, fat, back;
} trunk;

static trunk draw_trunk(const dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "trunk");
    double p[3];
    trunk t;
    dm_ph_point_at(a, a->vert[3].s_from, 0, 0, p);
    t.z_c4 = p[2];
    dm_ph_point_at(a, a->vert[dm_ph_find(a, DM_T1)].s_from, 0, 0, p);
    t.z_t1 = p[2];
    dm_ph_point_at(a, a->vert[dm_ph_find(a, DM_T1 + 3)].s_from, 0, 0, p);
    t.z_t3 = p[2];
    dm_ph_point_at(a, a->vert[dm_ph_find(a, DM_T1 + 10)].s_from + dm_ph_normal(&r, 0, 12), 0, 0, p);
    t.z_dome = p[2];
    dm_ph_point_at(a, a->vert[dm_ph_find(a, DM_S1)].s_from, 0, 0, p);
    t.z_s1 = p[2];
    t.top = (double)a->nodes[PH_P + 2];
    t.half_w = dm_ph_normal(&r, 162, 15) * a->scale;
    t.half_ap = dm_ph_normal(&r, 112, 11) * a->scale;
    t.neck = dm_ph_normal(&r, 62, 5) * a->scale;
    t.fat = dm_ph_uniform(&r, 7, 26);
    t.back = dm_ph_normal(&r, 52, 6) + 0.6 * t.fat;
    return t;
}

/* Index of the node nearest in height; the line falls all the way, so a walk from the last answer is enough.
 */
static int node_at_z(const dm_anatomy *a, double z, int from) {
    while (from + 1 < a->n_nodes && (double)a->nodes[(size_t)(from + 1) * PH_NODE + PH_P + 2] > z) from++;
    return from;
}

static void mean_line(const dm_anatomy *a, int i, int half, double *x, double *y) {
    int n = 0;
    *x = *y = 0.0;
    for (int j = i - half; j <= i + half; j += 4) {
        int k = j < 0 ? 0 : (j >= a->n_nodes ? a->n_nodes - 1 : j);
        *x += (double)a->nodes[(size_t)k * PH_NODE + PH_P];
        *y += (double)a->nodes[(size_t)k * PH_NODE + PH_P + 1];
        n++;
    }
    *x /= n;
    *y /= n;
}

static void fill_row(const dm_anatomy *a, const trunk *t, float *row, double z, int i) {
    const float *n = a->nodes + (size_t)i * PH_NODE;
    int above = z > t->top + 2.0;
    double f = fmin(fmax((double)n[PH_P + 2] - z, 0.0), 1.0), x, y, cx, cy;
    mean_line(a, i, 40, &x, &y);
    mean_line(a, i, 120, &cx, &cy);
    double low = ease((t->z_c4 - 12.0 - z) / (t->z_c4 - t->z_t3 + 12.0)); /* 0 neck, 1 trunk */
    double hw = t->neck + (t->half_w - t->neck) * low, hap = t->neck + (t->half_ap - t->neck) * low;
    double back = 34.0 + (t->back - 34.0) * low, fat = 5.0 + (t->fat - 5.0) * low;
    double apex = 0.30 + 0.70 * ease((t->z_t1 + 12.0 - z) / 110.0);
    int cage = z < t->z_t1 + 12.0;
    double ap = (t->half_ap - 0.5 * t->fat - 18.0) * apex, wide = (t->half_w - t->fat - 12.0) * apex;
    row[PH_Z_S] = above ? -1.0f : (float)(i + f);
    row[PH_Z_X] = n[PH_P];
    row[PH_Z_Y] = n[PH_P + 1];
    row[PH_Z_CX] = (float)cx;
    row[PH_Z_CY] = (float)(cy + back - 0.86 * hap);
    row[PH_Z_HW] = (float)hw;
    row[PH_Z_HAP] = (float)hap;
    row[PH_Z_FAT] = (float)fat;
    row[PH_Z_CAGE_Y] = (float)((double)n[PH_P + 1] + 13.0 - ap);
    row[PH_Z_CAGE_W] = cage ? (float)wide : 0.0f;
    row[PH_Z_CAGE_AP] = (float)ap;
    row[PH_Z_LUNG] = (float)ease((z - t->z_dome) / 8.0) * (z < t->z_t1 - 8.0 ? 1.0f : 0.0f);
    row[PH_Z_ABDOMEN] = (float)(1.0 - ease((z - t->z_dome) / 8.0));
    row[PH_Z_AIRWAY] = z > t->z_t3 - 45.0 ? 8.5f : 0.0f;
    row[PH_Z_WIDE] = above ? 0.0f : (z < t->z_s1 + 45.0 ? 125.0f : 58.0f);
    row[PH_Z_SKULL] = z > t->top - 20.0 ? 1.0f : 0.0f;
}

static void organ(dm_anatomy *a, double x, double y, double z, double rx, double ry, double rz, float value) {
    if (a->n_organs >= PH_MAX_ORGANS) return;
    const float row[PH_OROW] = {(float)x, (float)y, (float)z, (float)rx, (float)ry, (float)rz, value, 0};
    memcpy(a->organs + (size_t)a->n_organs++ * PH_OROW, row, sizeof row);
}

/* Liver, spleen, kidneys (with or without contrast in their pelvis). */
static void organs(dm_anatomy *a, const trunk *t) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "organs");
    double p[3];
    float liver = a->mat[PH_M_ORGAN] * 1.1f;
    int renal = a->protocol == PH_CTM && dm_ph_chance(&r, 0.5),
        bright = dm_ph_chance(&r, 0.2) && a->protocol != PH_MRM;
    int t12 = dm_ph_find(a, DM_L1) - 1;
    dm_ph_point_at(a, a->vert[t12].s_from, 0, 0, p);
    organ(a, p[0] - 0.50 * t->half_w, p[1] - 70, t->z_dome - 45, 0.40 * t->half_w, 66, 72, liver);
    organ(a, p[0] + 0.62 * t->half_w, p[1] - 28, t->z_dome - 38, 30, 36, 50, liver);
    for (int side = -1; side <= 1; side += 2) {
        int at = t12 + (side < 0 ? 1 : 0);
        dm_ph_point_at(a, a->vert[at].s_to, 0, 0, p);
        double x = p[0] + side * dm_ph_normal(&r, 60, 4), y = p[1] - dm_ph_normal(&r, 16, 5);
        organ(a, x, y, p[2], 27, 23, 54, a->mat[PH_M_ORGAN] * (bright ? 3.4f : 0.75f));
        float pelvis = renal ? (float)dm_ph_uniform(&r, 250, 800) : a->mat[PH_M_FAT];
        organ(a, x - side * 12, y - 6, p[2], 7, 7, 15, pelvis);
        if (renal) organ(a, x - side * 4, y, p[2] + 26, 6, 6, 6, pelvis);
    }
}

/* Aorta left of the midline, its wall calcified in places; sizes at both ends of a vertebra. */
static void aorta(dm_anatomy *a, dm_ph_rng *r, const dm_ph_vert *v, double wide, int calcified) {
    const dm_ph_vert *end[2] = {v, v + 1};
    double p[2][3];
    for (int k = 0; k < 2; k++) {
        double down = end[k]->level - DM_T1, chest = end[k]->level < DM_L1;
        p[k][0] = 0.5 * end[k]->canal_ap + end[k]->depth + wide - 1.0 -
                  (chest ? 1.2 * fmax(12.0 - down, 0.0) : 0.0);
        p[k][1] = chest ? 0.5 * end[k]->width + wide - 1.5 * down : 6.0;
        p[k][2] = end[k]->s_from;
    }
    dm_ph_capsule_add(a, p[0], p[1], wide, wide, 1.0, PH_SOFT, (double)a->mat[PH_M_VESSEL], 1);
    if (!calcified || !dm_ph_chance(r, 0.5)) return;
    dm_ph_capsule_add(a, (double[]){p[0][0] - wide, p[0][1], p[0][2] + 4},
                      (double[]){p[0][0] - wide + 2, p[0][1] + 6, p[0][2] + 9}, 1.4, 1.0, 1.0, PH_OVER, 620,
                      1);
}

/* Azygos before the bodies on the right, hemiazygos left behind the aorta, cava in the belly. */
static void veins(dm_anatomy *a, const dm_ph_vert *v, double hemi) {
    const dm_ph_vert *w = v + 1;
    double value = (double)a->mat[PH_M_VESSEL], f = 0.5 * v->canal_ap + v->depth,
           g = 0.5 * w->canal_ap + w->depth;
    if (v->level >= DM_L1) {
        dm_ph_capsule_add(a, (double[]){f + 9, -20, v->s_from}, (double[]){g + 9, -20, w->s_from}, 10, 11,
                          1.0, PH_SOFT, value, 1);
        return;
    }
    dm_ph_capsule_add(a, (double[]){f + 3, -5, v->s_from}, (double[]){g + 3, -5, w->s_from}, 3.2, 3.2, 1.0,
                      PH_SOFT, value, 1);
    if (v->level < DM_T1 + 7) return;
    double l = 0.5 * v->width + 3.0, m = 0.5 * w->width + 3.0;
    dm_ph_capsule_add(a, (double[]){0.55 * f, l, v->s_from}, (double[]){0.55 * g, m, w->s_from}, hemi, hemi,
                      1.0, PH_SOFT, value, 1);
}

static void vessels(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "vessels");
    double wide = dm_ph_uniform(&r, 10, 13), hemi = dm_ph_uniform(&r, 1.4, 2.6);
    int calcified = a->protocol != PH_MRM && dm_ph_chance(&r, (a->age - 40) / 50);
    for (int i = dm_ph_find(a, DM_T1 + 3); i + 1 < a->n_verts && a->vert[i].level < DM_L1 + 4; i++) {
        aorta(a, &r, &a->vert[i], wide, calcified);
        veins(a, &a->vert[i], hemi);
    }
}

/* The brain stem goes on from the line's upper end, at p, as the cord comes; only MR shows it (in CT its
 * cisterns stay dark). */
static void enter_skull(dm_anatomy *a, const double p[3]) {
    double below[3], up[3], norm = 0;
    dm_ph_point_at(a, 12, 0, 0, below);
    for (int c = 0; c < 3; c++) up[c] = p[c] - below[c], norm += up[c] * up[c];
    for (int c = 0; c < 3; c++) a->stem[c] = (float)p[c], a->stem[3 + c] = (float)(up[c] / sqrt(norm));
    a->stem[6] = (float)(0.5 * (1 + a->scale)); /* as the cord */
    a->stem[7] = (float)a->sac_level;
}

dm_status dm_ph_make_body(dm_anatomy *a) {
    trunk t = draw_trunk(a);
    double low = (double)a->nodes[(size_t)(a->n_nodes - 1) * PH_NODE + PH_P + 2] - 60.0, high = t.top + 190.0;
    a->n_z = (int)((high - low) / 2.0) + 1;
    a->z_low = (float)low;
    a->zrows = calloc((size_t)a->n_z * PH_ZROW, sizeof *a->zrows);
    if (!a->zrows)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a phantom's trunk of %d rows", a->n_z);
    int node = 0;
    for (int k = a->n_z - 1; k >= 0; k--) {
        double z = low + 2.0 * k;
        node = node_at_z(a, z, node);
        fill_row(a, &t, a->zrows + (size_t)k * PH_ZROW, z, node);
    }
    double p[3];
    dm_ph_point_at(a, 0, 0, 0, p);
    if (a->protocol == PH_MRM) enter_skull(a, p);
    a->skull[0] = (float)p[0];
    a->skull[1] = (float)(p[1] - 22.0);
    a->skull[2] = (float)(p[2] + 74.0);
    a->skull[3] = 88.0f;
    organs(a, &t);
    vessels(a);
    return dm_ok;
}
