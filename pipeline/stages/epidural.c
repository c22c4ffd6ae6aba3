/* How far bone is expected from dura where no edge tells: the gap grows from the loins down, while the sac
 * tapers in a canal that does not. Where along the spine a place lies is read off the sac itself, from the
 * end of the cord and of the sac. */
#include <math.h>

#include "canal_parts.h"
#include "frame.h"

/* Half the difference of the transverse diameters of canal and sac, mm, by vertebra from T11 to S2 (cadaver
 * and CT means, interpolated; the cord ends at L1 on the average, the sac at S2). */
static const float side_gap[] = {1.4f, 2.1f, 2.6f, 3.0f, 3.8f, 4.8f, 6.6f, 8.5f, 8.5f};
enum { GAPS = sizeof side_gap / sizeof *side_gap, L1 = 2, S2 = GAPS - 1 };
static const double conus = L1 + 0.2; /* where the cord ends, vertebrae from T11's middle */
static const double vertebra = 32.0;  /* mm from disc to disc in the loins */
static const double shortest = 110.0; /* mm from the end of the cord to the end of the sac: L3 to S1 */
static const double persist = 30.0;   /* mm: a cord is not seen for less */

/* Share of a disc of 4 mm round the line, 1.5 mm inside the dura, that is darker than 0.6 of the fluid: the
 * cord, not the roots of the cauda, which are thin and have sunk. */
static float cord_share(const dm_unrolled *u, const float *rd, int i, float level, float tissue) {
    float dark = 0.0f, all = 0.0f;
    for (int t = 0; t < DM_NT; t++) {
        float reach = fminf(4.0f, rd[i * DM_NT + t] - 1.5f);
        for (int k = 1; (float)k * u->a.dr <= reach; k++) {
            float v = u->s[dm_ray_of(u->a, i, t) + (size_t)k];
            if (dm_is_outside(v)) continue;
            all += (float)k;
            if (v - tissue < 0.6f * (level - tissue)) dark += (float)k;
        }
    }
    return all > 0.0f ? dark / all : 0.0f;
}

/* Last filled position above which a cord is seen for `persist` mm; -1 = none. The cord fades over its last
 * 30 mm and the count over half of `persist` after it: that makes up for the first half of the fading. */
static int cord_end(const dm_unrolled *u, const float *level, const float *rd, float tissue) {
    int need = (int)(persist / u->step), run = 0, last = -1;
    for (int i = 0; i < u->a.ns; i++) {
        if (dm_is_outside(level[i])) continue;
        if (cord_share(u, rd, i, level[i], tissue) > 0.3f)
            run += run < need;
        else
            run -= run > 0;
        if (2 * run > need) last = i;
    }
    return last;
}

/* Last filled position, where the line or the scan goes on below it; -1 = the sac leaves the scan, or is
 * nowhere filled. */
static int sac_end(const dm_unrolled *u, const float *level) {
    int i = u->a.ns - 1;
    while (i >= 0 && dm_is_outside(level[i])) i--;
    return u->goes_on || (u->a.ns - 1 - i) * u->step >= 10.0 ? i : -1;
}

/* 0 chest or loins, 1 neck, by the sac's shape: twice as wide as deep from C3 to C7, round below T2. */
static float neck_at(const dm_unrolled *u, const float *level, const float *rd, int i) {
    enum { WIDE = 4 }; /* angles to either side */
    int half = (int)(15.0 / u->step);
    float side = 0.0f, front = 0.0f;
    for (int j = i - half; j <= i + half; j++) {
        if (j < 0 || j >= u->a.ns || dm_is_outside(level[j])) continue;
        for (int t = -WIDE; t <= WIDE; t++)
            for (int turn = 0; turn < 2; turn++) {
                front += rd[j * DM_NT + (t + DM_NT + turn * DM_NT / 2) % DM_NT];
                side += rd[j * DM_NT + (t + DM_NT / 4 + turn * DM_NT / 2) % DM_NT];
            }
    }
    return front > 0.0f ? dm_ramp(side / front, 1.3f, 0.2f) : 0.0f;
}

/* Vertebrae from T11 of the position i by the ends of the cord and of the sac (-1 = not seen). Either differs
 * by a vertebra between people; together they err less. */
static double place_by(int cord, int end, int i, double pace) {
    double by_cord = conus + (i - cord) * pace, by_end = S2 - (end - i) * pace;
    if (cord >= 0 && end >= 0) return 0.5 * (by_cord + by_end);
    return cord >= 0 ? by_cord : by_end;
}

void dm_sac_places(const dm_unrolled *u, const float *level, const float *rd, float tissue, float *place) {
    int cord = cord_end(u, level, rd, tissue), end = sac_end(u, level), last = u->a.ns - 1;
    while (last >= 0 && dm_is_outside(level[last])) last--;
    /* A cord as far as the fluid goes, or no fluid at all: nothing tells of loins. */
    int unknown = last < 0 || (cord >= 0 && (last - cord) * u->step < 15.0);
    if (cord >= 0 && end >= 0 && (end - cord) * u->step < shortest) end = -1;
    for (int i = 0; i < u->a.ns; i++) {
        double at = L1 + 2; /* a sac without either end in a short field: the loins */
        if (unknown)
            at = 0;
        else if (cord >= 0 || end >= 0)
            at = place_by(cord, end, i, u->step / vertebra);
        place[i] = at > 0 ? (float)at : -neck_at(u, level, rd, i);
    }
}

static float mixed(float a, float b, float f) {
    return a + f * (b - a);
}

/* Expected gaps, mm, at these angles from straight ahead: the corner before the pedicle, the pedicle, the
 * lamina, the fat between the laminae. */
static const float corner[] = {0, 30, 60, 90, 135, 180};
enum { CORNERS = sizeof corner / sizeof *corner };

float dm_expected_gap(float place, int t, float usual, float ventral) {
    float turn = (float)dm_column_turn(t), neck = dm_clampf(-place, 0.0f, 1.0f);
    float at = dm_clampf(place, 0.0f, (float)(GAPS - 1) - 0.001f);
    int i = (int)at, k = 0;
    float side = dm_fmax(mixed(side_gap[i], side_gap[i + 1], at - (float)i), usual),
          lamina = dm_fmax(0.33f * side, usual - 0.2f);
    float below[CORNERS] = {ventral, mixed(ventral, side, 0.12f),         1.15f * side, side,
                            lamina,  usual + 0.5f + 0.3f * (side - usual)};
    float above[CORNERS] = {
        ventral, mixed(ventral, usual, 0.12f), 2.0f * usual, usual + 0.5f, usual - 0.5f, usual + 0.5f};
    while (k < CORNERS - 2 && turn > corner[k + 1]) k++;
    float f = (turn - corner[k]) / (corner[k + 1] - corner[k]);
    return mixed(mixed(below[k], below[k + 1], f), mixed(above[k], above[k + 1], f), neck);
}
