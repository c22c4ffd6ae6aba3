/* Landmarks that MR shows: skull and brain stem, axis, end of the cord, sacrum, end of the sac. Each gives a
 * log-likelihood ratio per mm. */
#include <math.h>
#include <stdlib.h>

#include "levels_parts.h"

/* MR: beside lumbar bodies lies the psoas, beside the first sacral one the ala, which is marrow as the body
 * is and all along it: the processes of L5 are marrow for 12 mm. Says nothing where fat suppression makes
 * both alike. */
double dm_marrow_alae(const dm_column *c, const float *body, int i) {
    double psoas = dm_profile_mean(c->wing, c->n, i - 70, i - 25),
           lumbar = dm_profile_mean(body, c->n, i - 70, i - 25),
           sacral = dm_profile_mean(c->t, c->n, i + 6, i + 22), unlike = fabs(log(psoas / lumbar)), worst = 0;
    if (!(psoas > 0 && lumbar > 0 && sacral > 0) || unlike < 0.3) return 0;
    for (int k = i + 6; k + 4 <= i + 20; k++) {
        double ala = dm_profile_mean(c->wing, c->n, k, k + 4);
        if (!(ala > 0)) return 0;
        worst = fmax(worst, fabs(log(ala / sacral)));
    }
    return dm_clip(5 * (unlike - worst - 0.15), -1, 1.5);
}

/* MR: the axis is the one vertebra of the neck that is twice as tall: no disc from 8 to 31 mm above its lower
 * one, but for the seam of the dens 14 to 23 mm above, which looks like a disc in about two of three. So a
 * seam speaks for the disc below it by log(0.7 / 0.3), a column without one for neither, and any other disc
 * against. */
static void find_axis(const dm_column *c, double weight, float *llr) {
    const float *d = c->d[4 - DM_WIDTH_LOW];
    for (int i = c->first + 31; i <= c->last; i++) {
        double loud = fmax(dm_profile_max(d, c->n, i - 31, i - 24), dm_profile_max(d, c->n, i - DM_SEAM + 1, i - 8));
        double seam = dm_profile_max(d, c->n, i - 23, i - DM_SEAM);
        llr[i] = (float)(weight * (loud > 0 ? fmax(-loud, -2) : seam > 0 ? 0.85 : 0));
    }
}

/* MR: where the bright fluid ends, against the column beside it (a coil's edge darkens both); -1 when the
 * scan ends first. */
static int find_sac_end(const dm_column *c) {
    for (int i = c->last; i > c->first + 80; i--) {
        double here =
            dm_profile_mean(c->fluid, c->n, i - 3, i + 3) / dm_profile_mean(c->t, c->n, i - 20, i + 20);
        double usual =
            dm_profile_mean(c->fluid, c->n, i - 70, i - 20) / dm_profile_mean(c->t, c->n, i - 70, i - 20);
        double beyond =
            dm_profile_mean(c->fluid, c->n, i + 5, i + 14) / dm_profile_mean(c->t, c->n, i - 5, i + 14);
        if (isnan(here) || isnan(usual) || here < 0.5 * usual) continue;
        return usual > 1.5 && beyond < 0.5 * usual ? i : -1;
    }
    return -1;
}

/* MR: the lower end of the cord: dark in the middle of the fluid for 30 mm above, bright for 30 mm below; -1
 * = not seen. */
static int find_conus(const dm_column *c) {
    for (int i = c->last - 30; i > c->first + 30; i--) {
        double above =
            dm_profile_mean(c->core, c->n, i - 30, i - 5) / dm_profile_mean(c->fluid, c->n, i - 30, i - 5);
        double here =
            dm_profile_mean(c->core, c->n, i - 3, i + 3) / dm_profile_mean(c->fluid, c->n, i - 3, i + 3);
        double below =
            dm_profile_mean(c->core, c->n, i + 5, i + 30) / dm_profile_mean(c->fluid, c->n, i + 5, i + 30);
        if (above < 0.65 && below > 0.8 && here > 0.65) return i;
    }
    return -1;
}

/* MR: the sac ends at mid S2 (S1 to S3/4; 10.1155/2014/351769): wide, so weak, but independent of the discs
 * and of the cord's end. */
static void add_sac_end(const dm_column *c, const dm_levels_params *p, dm_anchors *a) {
    int tip = find_sac_end(c);
    for (int i = 0; i < c->n && tip >= 0; i++) {
        double z = (i - (tip - 45)) / 15.0;
        a->sacrum[i] += (float)(p->sacrum_weight * dm_clip(1.5 - 0.5 * z * z, -2, 1.5));
    }
}

double dm_conus_at(const dm_anchors *a, const dm_levels_params *p, double i) {
    double z = (i - (a->s_conus + 9)) / 17.0;
    return a->s_conus < 0 ? 0 : p->sacrum_weight * dm_clip(1.5 - 0.5 * z * z, -2, 1.5);
}

/* mm of the view's upper end in which the skull is looked for: a field that shows more is a head's; mm from
 * the skull's rim to C2/3. */
enum { HEAD = 70, RIM_TO_AXIS = 46 };

/* Signal of the cord: the darkest 10 mm of the middle of the canal 15 to 90 mm below i (a line may slip out
 * of the cord where it enters the skull); NaN where nothing is much darker than the fluid beside it. */
static double cord_below(const dm_column *c, int i) {
    double least = NAN, share = NAN;
    for (int k = i + 15; k < i + 90; k += 10) {
        double core = dm_profile_mean(c->core, c->n, k, k + 9),
               fluid = dm_profile_mean(c->fluid, c->n, k, k + 9);
        least = fmin(least, core), share = fmin(share, core / fluid);
    }
    return share < 0.7 ? least : NAN;
}

/* Beside the line at i lies brain: as bright as the cord, on both sides, which muscle, bone and fat are not.
 */
static int brain_beside(const dm_column *c, int i, double cord) {
    for (int side = 0; side < 2; side++) {
        double v = dm_profile_mean(c->beside[side], c->n, i - 3, i + 3) / cord;
        if (!(v > 0.72 && v < 1.5)) return 0;
    }
    return 1;
}

/* Lowest place above which brain lies beside the line for 8 mm and below which, for 30 mm, it does not; -1 =
 * none. */
static int find_brain(const dm_column *c, int top) {
    for (int i = top + HEAD; i >= top + 8; i--) {
        double cord = cord_below(c, i), low = 0;
        for (int side = 0; side < 2; side++)
            low = fmax(low, dm_profile_mean(c->beside[side], c->n, i + 8, i + 40));
        if (!(low < 0.66 * cord)) continue;
        int above = 0;
        while (above < 8 && brain_beside(c, i - above, cord)) above++;
        if (above == 8) return i;
    }
    return -1;
}

/* How much brighter than along the canal below it is behind and beside the canal at i: where laminae were
 * lies the cistern, where the walls were lie cisterns and brain stem. Geometric mean of both, 0 where either
 * is not; a line that slips into the cistern behind the stem sees fluid behind it alone. */
static double opening(const dm_column *c, int i) {
    double here = dm_profile_mean(c->behind, c->n, i - 2, i + 2),
           below = dm_profile_mean(c->behind, c->n, i + 12, i + 50);
    double fluid = dm_profile_mean(c->fluid, c->n, i + 12, i + 50), behind = here / below;
    double beside =
        dm_profile_mean(c->near, c->n, i - 12, i - 4) / dm_profile_mean(c->near, c->n, i + 12, i + 50);
    if (behind > 1.3 && beside > 1.2) return sqrt(behind * beside);
    return behind > 1.8 && here > 0.62 * fluid ? 1.41 : 0;
}

/* The lower rim of the widest opening, where half of it is gone behind the canal; -1 = none that is at least
 * `least` wide. */
static int find_opening(const dm_column *c, int top, double least) {
    double most = least;
    int at = -1;
    for (int i = top + 8; i <= top + HEAD; i++) {
        double v = opening(c, i);
        if (v > most) most = v, at = i;
    }
    if (at < 0) return -1;
    double half = 0.5 * (dm_profile_mean(c->behind, c->n, at - 2, at + 2) +
                         dm_profile_mean(c->behind, c->n, at + 12, at + 50));
    int rim = at;
    while (rim < at + 12 && (double)c->behind[rim] > half) rim++;
    return rim;
}

/* The column before the canal below i is as shallow as a neck's, where that is seen. */
static int neck_below(const dm_column *c, int i) {
    double front = NAN;
    for (int k = i + 15; k < i + 90; k += 10) front = fmin(front, dm_profile_mean(c->front, c->n, k, k + 9));
    return !isnan(cord_below(c, i)) && !(front > 33);
}

/* Two places on the way into the skull, the upper one first, that go together. */
static int agree(int upper, int lower) {
    return upper >= 0 && lower >= 0 && lower - upper > -10 && lower - upper < 40;
}

/* The skull's rim: how many nats it is worth as an anchor at most, and its spread in mm. */
typedef struct rim {
    int at; /* -1 = not seen */
    double most, sd;
} rim;

/* Three witnesses: the canal's opening into the cisterns, the pole of the cerebellum, 5 to 20 mm above the
 * rim, and the end of the doubt of the line, whose canal ends there. The last proves nothing alone, for lines
 * are doubted elsewhere; with it an opening between bright fat, a third wider than the canal, is one. */
static rim find_rim(const dm_column *c) {
    int top = 0;
    while (top < c->n - 1 && isnan(c->core[top])) top++;
    int brain = find_brain(c, top), open = find_opening(c, top, 1.4), faint = find_opening(c, top, 1.25);
    if (brain >= 0 && !neck_below(c, brain)) brain = -1;
    if (open < 0 && faint >= 0 && c->doubt >= 0 && abs(faint - c->doubt) <= 8) open = faint;
    if (open >= 0 && !neck_below(c, open)) open = -1;
    if (brain >= 0 && open >= 0 && !agree(brain, open)) return (rim){.at = -1};
    if (open >= 0) return (rim){open, brain >= 0 ? 4 : 3, 5};
    if (agree(brain, c->doubt)) return (rim){c->doubt, 3, 6};
    return (rim){brain < 0 ? -1 : brain + 16, 2, 9};
}

/* C2/3 lies 38 (s.d. 3) mm below the tip of the dens, the skull's rim up to 8.5 mm above that tip
 * (10.3174/ajnr.A0660), and is found to 3 mm. */
static void find_skull(const dm_column *c, dm_anchors *a) {
    rim r = find_rim(c);
    a->s_skull = r.at;
    for (int i = 0; i < c->n && r.at >= 0; i++) {
        double z = (i - (r.at + RIM_TO_AXIS)) / r.sd;
        a->skull[i] = (float)dm_clip(r.most - 0.5 * z * z, -r.most, r.most);
    }
}

void dm_anchors_of_mr(const dm_column *c, const dm_levels_params *p, dm_anchors *a) {
    find_axis(c, p->dens_weight, a->dens);
    add_sac_end(c, p, a);
    a->s_conus = find_conus(c);
    find_skull(c, a);
}
