/* Sizes of the vertebrae, with their spread between patients. */
#include "anatomy.h"

/* Means in mm: pitch, half disc below, body depth, body width, canal AP, TR, sac AP, TR, cord AP, TR, pedicle
 * width. Pitch, discs, canal, sac and cord: the project's medical notes 5.3, 5.4 (kang12, parihar, cook21,
 * frostell16 and Panjabi-type means), smoothed along C2-C5; bodies and pedicles: Panjabi-type means. */
typedef struct level_size {
    double pitch, disc, depth, width, canal_ap, canal_tr, sac_ap, sac_tr, cord_ap, cord_tr, pedicle;
} level_size;

static const level_size sizes[DM_S5 + 1] = {
    [1] = {12.2, 0.8, 0, 0, 19.0, 27, 14.5, 21, 8.0, 11.5, 8.0},
    [2] = {20.8, 4.5, 15.0, 17, 16.5, 23, 13, 19, 8.0, 12.0, 7.0},
    [3] = {18.0, 4.5, 15.2, 19, 14.6, 22, 12, 19, 7.8, 12.6, 5.2},
    [4] = {16.0, 4.5, 15.4, 20, 14.2, 22, 11.7, 19, 7.6, 13.1, 5.2},
    [5] = {15.2, 4.5, 15.8, 21, 14.5, 23, 11.7, 19.5, 7.4, 13.3, 5.4},
    [6] = {15.3, 4.5, 16.4, 23, 14.7, 24, 12, 20, 7.2, 12.8, 5.8},
    [7] = {15.8, 4.5, 17.2, 25, 15.4, 24, 12.5, 19, 7.0, 11.5, 6.6},
    [8] = {18.2, 4.0, 17.8, 28, 16.1, 21.8, 13, 18, 6.8, 10.2, 8.0},
    [9] = {18.7, 3.5, 18.8, 27, 15.9, 19.5, 12.5, 16, 6.6, 9.4, 7.0},
    [10] = {18.7, 3.2, 20.4, 26, 15.7, 18.0, 12.5, 15, 6.5, 9.0, 5.6},
    [11] = {19.8, 2.7, 22.3, 26, 15.5, 17.2, 12.5, 14.5, 6.4, 8.7, 4.8},
    [12] = {20.7, 3.0, 24.2, 27, 15.3, 17.2, 12.5, 14.5, 6.4, 8.5, 4.8},
    [13] = {21.7, 3.3, 26.0, 28, 15.0, 17.3, 12.5, 14.5, 6.3, 8.4, 5.1},
    [14] = {22.3, 3.7, 27.4, 29, 14.8, 17.3, 12.5, 14.5, 6.3, 8.3, 5.5},
    [15] = {23.8, 4.2, 28.6, 30.5, 14.6, 17.8, 12.5, 15, 6.3, 8.3, 5.9},
    [16] = {24.2, 4.8, 29.6, 32, 15.0, 17.9, 12.7, 15, 6.4, 8.4, 6.5},
    [17] = {26.0, 5.3, 30.4, 34, 15.5, 18.2, 13.2, 15.5, 6.6, 8.7, 7.3},
    [18] = {28.7, 6.0, 31.0, 37, 16.1, 19.4, 14, 16.5, 6.9, 9.2, 8.6},
    [19] = {30.5, 7.0, 31.6, 40, 16.7, 22.2, 14.5, 18, 6.8, 9.2, 8.2},
    [20] = {31.5, 7.5, 32.0, 41, 16.7, 22.4, 14.5, 18, 6.6, 9.0, 8.2},
    [21] = {33.5, 9.0, 32.8, 42, 16.7, 22.6, 14.5, 17.5, 5.0, 6.0, 8.4},
    [22] = {33.0, 10.0, 34.0, 44, 16.2, 23.0, 14, 17, 0, 0, 8.8},
    [23] = {31.8, 11.0, 34.8, 46, 15.7, 24.0, 13.8, 16.5, 0, 0, 10.0},
    [24] = {33.0, 12.0, 35.2, 48, 15.7, 25.5, 13.3, 16, 0, 0, 12.6},
    [25] = {33.0, 11.5, 35.0, 51, 16.2, 28.0, 12.5, 15.5, 0, 0, 16.0},
    [26] = {33.0, 11.0, 34.6, 51, 16.4, 28.5, 12.2, 15, 0, 0, 16.5},
    [27] = {31.0, 2.4, 31.0, 48, 17.0, 30, 11, 13, 0, 0, 18.0},
    [28] = {27.0, 1.4, 21.0, 36, 13.0, 25, 8, 9.5, 0, 0, 15.0},
    [29] = {23.0, 1.0, 15.0, 28, 10.0, 20, 0, 0, 0, 0, 12.0},
    [30] = {19.0, 1.0, 11.0, 22, 7.5, 15, 0, 0, 0, 0, 9.0},
    [31] = {17.0, 1.0, 8.0, 16, 5.0, 10, 0, 0, 0, 0, 6.0},
};

/* The names of this spine's vertebrae from head to feet; numbers of ribs and lumbar vertebrae vary. */
static int list_levels(const dm_anatomy *a, int *level) {
    int n = 0;
    for (int l = DM_C1; l <= DM_C7; l++) level[n++] = l;
    for (int i = 0; i < a->n_thoracic; i++) level[n++] = DM_T1 + i;
    for (int i = 0; i < a->n_lumbar; i++) level[n++] = DM_L1 + i;
    for (int l = DM_S1; l <= DM_S5; l++) level[n++] = l;
    return n;
}

void dm_ph_size_vertebra(const dm_anatomy *a, dm_ph_rng *r, dm_ph_vert *v, double disc_wear) {
    const level_size *z = &sizes[v->level];
    double own = dm_ph_normal(r, 1.0, 0.025), g = a->girth * dm_ph_normal(r, 1.0, 0.02);
    double sc = a->scale * own;
    v->depth = z->depth * sc;
    v->width = z->width * sc;
    v->canal_ap = z->canal_ap * g;
    v->canal_tr = z->canal_tr * g * dm_ph_normal(r, 1.0, 0.02);
    v->sac_ap = z->sac_ap * g;
    v->sac_tr = z->sac_tr * g;
    v->cord_ap = z->cord_ap * (0.5 + 0.5 * a->scale);
    v->cord_tr = z->cord_tr * (0.5 + 0.5 * a->scale);
    v->disc_low = 0.5 * z->disc * a->scale * disc_wear;
    v->ped_w = z->pedicle * a->scale * dm_ph_normal(r, 1.0, 0.08);
    v->s_to = v->s_from + z->pitch * sc - (z->disc * a->scale) * (1.0 - disc_wear);
}

/* Pedicles stand on the upper half of the body in the chest and below, mid-high in the neck. */
static void place_pedicles(dm_ph_vert *v) {
    double height = v->body_low - v->body_top;
    double where = v->level <= DM_C7 ? 0.42 : (v->level < DM_L1 ? 0.30 : 0.32);
    double half = v->level <= DM_C7 ? 0.27 : (v->level < DM_L1 ? 0.33 : 0.31);
    v->ped_s = v->body_top + where * height;
    v->ped_h = half * height;
}

/* One wear for the spine's discs, and now and then a disc that has lost more than half its height. */
static double disc_wear(const dm_anatomy *a, dm_ph_rng *r, int level) {
    double wear = dm_ph_normal(r, 1.03 - 0.002 * a->age, 0.08);
    double worn = level >= DM_L1 - 1 && level < DM_S1 ? 0.003 * a->age
                                                      : (level <= DM_C7 ? 0.002 * a->age : 0.0006 * a->age);
    return dm_ph_chance(r, worn) ? 0.5 * wear : wear;
}

void dm_ph_make_levels(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "levels");
    int level[PH_MAX_VERTS];
    a->n_verts = list_levels(a, level);
    double s = 14.0; /* the line begins above the atlas */
    for (int i = 0; i < a->n_verts; i++) {
        dm_ph_vert *v = &a->vert[i];
        *v = (dm_ph_vert){.level = level[i], .s_from = s};
        v->disc_top = i > 0 ? a->vert[i - 1].disc_low : 0.5;
        dm_ph_size_vertebra(a, &r, v, level[i] >= DM_S1 ? 1.0 : disc_wear(a, &r, level[i]));
        v->body_top = v->s_from + v->disc_top;
        v->body_low = v->s_to - v->disc_low;
        place_pedicles(v);
        s = v->s_to;
    }
    a->n_nodes = (int)s + 8;
    int l1 = dm_ph_find(a, DM_L1);
    a->conus_s = a->vert[l1].s_from + dm_ph_normal(&r, 14.0, 16.0); /* conus: L1 in half, T12 to L2-3 */
    int s2 = dm_ph_find(a, DM_S1 + 1);
    a->sac_end_s = 0.5 * (a->vert[s2].s_from + a->vert[s2].s_to) + dm_ph_normal(&r, 0.0, 9.0);
}
