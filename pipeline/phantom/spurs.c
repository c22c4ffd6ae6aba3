/* Bone spurs: irregular, of any hardness, with a leak or without. */
#include "leak_parts.h"

/* A base on the rim of the body and one to three teeth that lean away from each other, 300 to 1200 HU. */
void dm_ph_spur_add(dm_anatomy *a, dm_ph_rng *r, double s, double left) {
    double f = dm_ph_wall_at(a, PH_RB, s, 0.0), hu = dm_ph_uniform(r, 300, 1200);
    int teeth = 1 + dm_ph_pick(r, 3);
    if (a->protocol == PH_MRM) hu = 10;
    for (int k = 0; k < teeth; k++) {
        double reach = dm_ph_uniform(r, 1.0, k ? 2.4 : 3.6), l = left + (k ? dm_ph_normal(r, 0, 2.2) : 0.0),
               at = s + dm_ph_normal(r, 0, k ? 2.0 : 0.8), wide = dm_ph_uniform(r, 1.1, 2.6),
               lean = dm_ph_normal(r, 0, 1.2), rise = dm_ph_normal(r, 0, 1.2),
               tip = dm_ph_uniform(r, 0.4, 0.9);
        dm_ph_capsule_add(a, (double[]){f + 1.5, l + lean, at}, (double[]){f - reach, l, at + rise}, wide,
                          tip, 1.0, PH_OVER, hu, 1);
    }
}

void dm_ph_wrong_spurs_add(dm_anatomy *a, dm_ph_rng *r) {
    int n = dm_ph_pick(r, 1 + (int)(a->age / 20));
    for (int k = 0; k < n; k++) {
        int i = dm_ph_pick(r, a->n_verts);
        if (!dm_ph_whole(a, i) || a->vert[i].level <= DM_C2 || a->vert[i].level >= DM_L1 + 4) continue;
        double s = a->vert[i].s_to + dm_ph_normal(r, 0, 3);
        dm_ph_spur_add(a, r, s, dm_ph_normal(r, 0, 3));
        dm_ph_sign_add(a, "spur", s, 0, dm_ph_wall_at(a, PH_RB, s, 0));
    }
}
