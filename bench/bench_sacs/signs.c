/* What misleads, against the truth: signs of a place, and what the whole study shows. */
#include <stdio.h>
#include <string.h>

#include "sacs.h"
#include "truth.h"

typedef struct kind {
    const char *name;
    dm_false_sign sign;
    double reach; /* mm from its place at which a finding is it; 0: of the whole study */
} kind;
static const kind kinds[SIGNS] = {
    {"c1c2", DM_SIGN_C1C2, 30},  {"puncture", DM_SIGN_PUNCTURE, 30}, {"spur", DM_SIGN_SPUR, 10},
    {"renal", DM_SIGN_RENAL, 0}, {"iv_contrast", DM_SIGN_IV, 0},     {"metal", DM_SIGN_METAL, 0},
};
enum { C1C2, PUNCTURE, SPUR, RENAL, BLOOD, METAL };

static int flagged(const dm_findings *f, dm_false_sign sign) {
    int seen = f->signs >> sign & 1;
    for (int k = 0; k < f->n; k++) seen |= f->f[k].false_sign == sign;
    return seen;
}

/* Contrast in a renal pelvis in view. */
static int renal_true(const bench *b) {
    int seen = 0;
    for (int k = 0; k < b->a->n_organs; k++) {
        const float *o = b->a->organs + (size_t)k * PH_OROW;
        const double p[3] = {(double)o[0], (double)o[1], (double)o[2]};
        seen |= o[3] < 8 && o[6] > 200 && dm_ph_in_view(b->sc, p);
    }
    return seen;
}

/* A vertebra between two levels whose `front` mm before the canal are in view. */
static int in_view(const bench *b, int from, int to, double front) {
    for (int i = 0; i < b->a->n_verts; i++) {
        double p[3];
        if (b->a->vert[i].level < from || b->a->vert[i].level > to) continue;
        dm_ph_point_at(b->a, 0.5 * (b->a->vert[i].s_from + b->a->vert[i].s_to), front, 0, p);
        if (dm_ph_in_view(b->sc, p)) return 1;
    }
    return 0;
}

static int study_true(const bench *b, int which) {
    const dm_anatomy *a = b->a;
    if (a->protocol == PH_MRM) return 0;
    if (which == RENAL) return renal_true(b);
    if (which == METAL) return a->metal && in_view(b, DM_L1 + 2, DM_L1 + 4, 0);
    /* the aorta over a third of what is seen can be judged */
    return a->mat[PH_M_VESSEL] > 100 && in_view(b, DM_T1 + 5, DM_L1 + 2, 45);
}

static void score_places(const bench *b, int here[SIGNS]) {
    const dm_findings *f = &b->st->findings;
    for (int i = 0; i < b->a->n_signs; i++) {
        double p[3];
        int which = 0, near = 0, taken = 0;
        if (!dm_ph_in_view(b->sc, b->a->sign[i].p)) continue;
        while (which < SPUR && strcmp(b->a->sign[i].sign, kinds[which].name) != 0) which++;
        dm_ph_to_patient(b->sc, b->a->sign[i].p, p);
        for (int k = 0; k < f->n; k++) {
            if (distance(p, f->f[k].lps) > kinds[which].reach) continue;
            near |= f->f[k].false_sign != DM_NO_SIGN, taken |= f->f[k].accepted;
        }
        if (which != SPUR) near |= (int)(f->signs >> kinds[which].sign & 1);
        here[which] = 1;
        b->t->signs[which]++, b->t->flagged[which] += near, b->t->taken[which] += taken;
        if (b->each && which < SPUR) {
            char where[64];
            place_of(b->st, p, where);
            printf("  sign %s of %.1f mm, ratio %.2f at %s: %s%s\n", kinds[which].name,
                   b->a->sign[i].thickness, b->a->sign[i].ratio, where, near ? "flagged" : "NOT FLAGGED",
                   taken ? ", TAKEN" : "");
        }
    }
}

void score_signs(const bench *b) {
    const dm_findings *f = &b->st->findings;
    int here[SIGNS] = {0};
    score_places(b, here);
    for (int k = 0; k < SIGNS; k++) {
        int seen = flagged(f, kinds[k].sign);
        if (kinds[k].reach <= 0) {
            here[k] = study_true(b, k);
            b->t->signs[k] += here[k], b->t->flagged[k] += here[k] && seen;
            if (b->each && seen != here[k])
                printf("  sign %s: %s\n", kinds[k].name, seen ? "FALSE FLAG" : "NOT FLAGGED");
        }
        b->t->clean[k] += !here[k], b->t->false_flags[k] += !here[k] && seen;
    }
}

void report_signs(const totals *t) {
    printf("signs: true, flagged, taken for a leak; studies without, flagged all the same\n");
    for (int k = 0; k < SIGNS; k++)
        printf("  %-12s %2d %2d %2d; %2d %2d\n", kinds[k].name, t->signs[k], t->flagged[k], t->taken[k],
               t->clean[k], t->false_flags[k]);
}
