/* What surrounds the spine in a digital reference object: skin, fat, muscle, chest, abdomen, skull, ribs. */
#ifndef DM_PHANTOM_SOFT_H
#define DM_PHANTOM_SOFT_H
#include "phantom_tables.h"

/* Distance-like measure to an ellipse in the plane (first-order: exact on the axes' scale, cheap elsewhere).
 */
DM_FN float dm_ph_ellipse(float x, float y, float rx, float ry) {
    float u = x / rx, v = y / ry, q = dm_sqrt(u * u + v * v + 1e-9f);
    float gx = u / (rx * q), gy = v / (ry * q);
    return (q - 1.0f) / dm_sqrt(gx * gx + gy * gy + 1e-12f);
}

DM_FN float dm_ph_ellipsoid(DM_GLOBAL const float *DM_RESTRICT o, float x, float y, float z) {
    float u = (x - o[PH_O_X]) / o[PH_O_RX], v = (y - o[PH_O_Y]) / o[PH_O_RY],
          t = (z - o[PH_O_Z]) / o[PH_O_RZ];
    float q = dm_sqrt(u * u + v * v + t * t + 1e-9f);
    float gx = u / (o[PH_O_RX] * q), gy = v / (o[PH_O_RY] * q), gz = t / (o[PH_O_RZ] * q);
    return (q - 1.0f) / dm_sqrt(gx * gx + gy * gy + gz * gz + 1e-12f);
}

/* The shafts of the ribs: tubes on the wall of the chest that fall from the spine to the front. */
DM_FN float dm_ph_ribs(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT ribs,
                       DM_GLOBAL const float *DM_RESTRICT row, float x, float z, float dy, float wall,
                       float value) {
    float dx = x - row[PH_Z_X];
    float column = dm_ph_column(dy / row[PH_Z_CAGE_AP], dm_fabs(dx) / row[PH_Z_CAGE_W]);
    float arc = column * 0.0872664626f * 0.5f * (row[PH_Z_CAGE_AP] + row[PH_Z_CAGE_W]);
    float side = dx < 0.0f ? -1.0f : 1.0f, best = 99.0f;
    for (int i = 0; i < g->n_ribs; i++) {
        DM_GLOBAL const float *b = ribs + (size_t)i * PH_RROW;
        if (b[PH_R_SIDE] * side < 0.0f || arc > b[PH_R_LEN] || arc < b[PH_R_FROM]) continue;
        float fall = dm_fmin(arc, 190.0f);
        float zr = b[PH_R_Z] - b[PH_R_DROP] * (fall - fall * fall * 0.0012f);
        float t = (z - zr) / b[PH_R_HALF], u = wall / 3.6f;
        float d = (dm_sqrt(t * t + u * u) - 1.0f) * 3.6f;
        best = dm_fmin(best, d);
    }
    if (best > g->w) return value;
    float in =
        dm_ph_mixf(g->mat[PH_M_CORTEX] * 0.85f, g->mat[PH_M_ARCH] * 0.7f, dm_ph_cover(best + 1.3f, g->w));
    return dm_ph_mixf(value, in, dm_ph_cover(best, g->w));
}

/* Inside the chest wall: lung with vessels, mediastinum, airway; below the diaphragm: fat, bowel. */
DM_FN float dm_ph_trunk(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT row, float x, float y,
                        float z, float wall, float value) {
    float dx = x - row[PH_Z_X], front = row[PH_Z_Y] - y; /* mm ventral of the canal */
    float lung = row[PH_Z_LUNG], belly = row[PH_Z_ABDOMEN];
    float in = dm_ph_cover(wall + 7.0f, g->w);
    if (in <= 0.0f) return value;
    if (lung > 0.0f) {
        /* The mediastinum widens ventrally (heart, to the left); near the spine only a thin layer stays. */
        float wide = 16.0f + dm_clampf(front - 25.0f, 0.0f, 60.0f) * 0.45f;
        float centre = dm_clampf(front - 40.0f, 0.0f, 60.0f) * 0.3f;
        float d = wide - dm_fabs(dx - centre);
        float body = 30.0f - front - dm_fabs(dx) * 0.6f; /* soft tissue beside the vertebrae */
        d = dm_fmax(d, body);
        float vessel = dm_ph_lattice(g->seed ^ 0x51u, 9.0f, x, y, z);
        float v =
            g->mat[PH_M_LUNG] +
            (vessel > 0.45f ? (vessel - 0.45f) * 1.6f * (g->mat[PH_M_VESSEL] - g->mat[PH_M_LUNG]) : 0.0f);
        float c = in * dm_ph_cover(d, g->w * 2.0f) * lung;
        float fatty = dm_ph_mixf(g->mat[PH_M_MUSCLE], g->mat[PH_M_FAT],
                                 0.5f + 0.5f * dm_ph_lattice(g->seed ^ 0x52u, 14.0f, x, y, z));
        value = dm_ph_mixf(value, front > 20.0f ? fatty : value, in * lung);
        value = dm_ph_mixf(value, v, c);
    }
    if (belly > 0.0f && front > 12.0f) {
        float n = dm_ph_lattice(g->seed ^ 0x53u, 24.0f, x, y, z);
        float v = n > 0.05f ? g->mat[PH_M_BOWEL] : g->mat[PH_M_FAT];
        if (n > 0.5f) v = g->mat[PH_M_AIR];
        float psoas = dm_ph_ellipse(dm_fabs(dx) - 36.0f, front - 16.0f, 17.0f, 21.0f);
        float keep = dm_ph_cover(26.0f - front, 12.0f) * dm_ph_cover(-psoas, g->w * 2.0f);
        float retro = front < 48.0f + dm_fabs(dx) * 0.1f ? g->mat[PH_M_FAT] : v;
        value = dm_ph_mixf(value, retro, in * belly * keep);
    }
    return value;
}

/* 0 below `from`, 1 above `to`, smooth between. */
DM_FN float dm_ph_ease(float v, float from, float to) {
    float u = dm_clampf((v - from) / (to - from), 0.0f, 1.0f);
    return u * u * (3.0f - 2.0f * u);
}

/* The brain stem and the cisterns round it, from the foramen magnum up; h = mm above the line's upper end,
 * which lies 14 mm above the atlas. Sagittal diameters: medulla 13.0 (0.9), pons 22.7 (1.3) mm
 * (10.3126/jgmcn, 103 adults); the medulla's length of 27 mm, the widths of 17 and 34 mm and the cisterns'
 * depths are general knowledge. In front of it the clivus rises forwards. */
DM_FN float dm_ph_stem(const dm_ph_args *g, float x, float y, float z, float value) {
    float px = x - g->stem[0], py = y - g->stem[1], pz = z - g->stem[2], size = g->stem[6];
    float h = px * g->stem[3] + py * g->stem[4] + pz * g->stem[5];
    if (g->stem[7] <= 0.0f || h < -8.0f || h > 62.0f) return value;
    float l = px - h * g->stem[3], a = -(py - h * g->stem[4]);
    float pons = dm_ph_ease(h, 21.0f, 27.0f) - dm_ph_ease(h, 49.0f, 55.0f),
          bulb = dm_ph_ease(h, -6.0f, 12.0f);
    float ap = size * (4.0f + 2.5f * bulb + 4.85f * pons), tr = size * (5.75f + 2.75f * bulb + 8.5f * pons);
    float middle = ap - 4.0f * size; /* its back is straight, it grows forwards */
    float behind = 8.0f * (1.0f - dm_ph_ease(h, 6.0f, 26.0f)) * dm_ph_ease(h, -8.0f, 2.0f) + 1.5f,
          before = 4.5f;
    float clivus = (a - 17.0f - 0.75f * dm_fmax(h, 0.0f)) * 0.8f;
    if (h > -4.0f && clivus > -g->w && clivus < 14.0f && l > -24.0f && l < 24.0f) {
        float marrow =
            dm_ph_mixf(g->mat[PH_M_CORTEX], 0.55f * g->mat[PH_M_ARCH], dm_ph_cover(2.0f - clivus, g->w));
        value = dm_ph_mixf(value, marrow, dm_ph_cover(-clivus, g->w) * dm_ph_ease(h, -4.0f, 2.0f));
    }
    float cistern =
        dm_ph_ellipse(a - middle - 0.5f * (before - behind), l, ap + 0.5f * (before + behind), tr + 3.5f);
    value = dm_ph_mixf(value, g->stem[7], dm_ph_cover(dm_fmax(cistern, dm_fmax(-6.0f - h, h - 60.0f)), g->w));
    float nerve = dm_ph_ellipse(a - middle, l, ap, tr);
    return dm_ph_mixf(value, g->mat[PH_M_CORD], dm_ph_cover(nerve, g->w));
}

/* Skull, brain and the way of the canal into it. */
DM_FN float dm_ph_head(const dm_ph_args *g, float x, float y, float z, float value) {
    float r = g->skull[3];
    if (r <= 0.0f) return value;
    float u = (x - g->skull[0]) / 0.78f, v = (y - g->skull[1]) / 1.02f, t = (z - g->skull[2]) / 0.86f;
    float d = dm_sqrt(u * u + v * v + t * t) - r;
    if (d > 12.0f) return value;
    value = dm_ph_mixf(value, g->mat[PH_M_CORTEX], dm_ph_cover(d, g->w));
    value = dm_ph_mixf(value, g->mat[PH_M_BRAIN], dm_ph_cover(d + 7.0f, g->w));
    return dm_ph_stem(g, x, y, z, value);
}

/* Everything but the spine at a point; `row` = the row of its z. DM_OUTSIDE when it is air round the body. */
DM_FN float dm_ph_surround(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT row,
                           DM_GLOBAL const float *DM_RESTRICT ribs, DM_GLOBAL const float *DM_RESTRICT organs,
                           float x, float y, float z) {
    float bx = x - row[PH_Z_CX], by = y - row[PH_Z_CY];
    float skin = dm_ph_ellipse(bx, by, row[PH_Z_HW], row[PH_Z_HAP]);
    /* A torso is flatter behind than an ellipse. */
    skin = dm_fmax(skin, by - row[PH_Z_HAP] * 0.86f);
    float head = row[PH_Z_SKULL];
    if (skin > g->w && head <= 0.0f) return DM_OUTSIDE;
    float value = dm_ph_mixf(g->mat[PH_M_AIR], g->mat[PH_M_SKIN], dm_ph_cover(skin, g->w));
    value = dm_ph_mixf(value, g->mat[PH_M_FAT], dm_ph_cover(skin + 2.0f, g->w));
    float depth = skin + row[PH_Z_FAT];
    if (depth < g->w) {
        float dx = x - row[PH_Z_X], back = y - row[PH_Z_Y];
        float flesh = g->mat[PH_M_MUSCLE];
        float streak = dm_ph_lattice(g->seed ^ 0x54u, 7.0f, x, y, z * 0.3f);
        if (streak > 0.45f)
            flesh = dm_ph_mixf(flesh, g->mat[PH_M_FAT], dm_fmin((streak - 0.45f) * 1.6f, 0.7f));
        /* fat between the back muscles in the midline */
        if (back > 18.0f && dm_fabs(dx) < 2.0f) flesh = dm_ph_mixf(flesh, g->mat[PH_M_FAT], 0.5f);
        value = dm_ph_mixf(value, flesh, dm_ph_cover(depth, g->w));
    }
    if (head > 0.0f) value = dm_ph_head(g, x, y, z, value);
    float wy = y - row[PH_Z_CAGE_Y];
    float wall = row[PH_Z_CAGE_W] > 1.0f
                     ? dm_ph_ellipse(x - row[PH_Z_X], wy, row[PH_Z_CAGE_W], row[PH_Z_CAGE_AP])
                     : 99.0f;
    if (wall < 0.0f) value = dm_ph_trunk(g, row, x, y, z, wall, value);
    float air = row[PH_Z_AIRWAY];
    if (air > 0.0f) {
        float front = row[PH_Z_Y] - y;
        float d = dm_ph_ellipse(x - row[PH_Z_X], front - 48.0f, air, air * 0.85f);
        value = dm_ph_mixf(value, g->mat[PH_M_AIR], dm_ph_cover(d, g->w));
    }
    for (int i = 0; i < g->n_organs; i++) {
        DM_GLOBAL const float *o = organs + (size_t)i * PH_OROW;
        if (dm_fabs(z - o[PH_O_Z]) > o[PH_O_RZ] + 2.0f || dm_fabs(x - o[PH_O_X]) > o[PH_O_RX] + 2.0f ||
            dm_fabs(y - o[PH_O_Y]) > o[PH_O_RY] + 2.0f)
            continue;
        float d = dm_ph_ellipsoid(o, x, y, z);
        value = dm_ph_mixf(value, o[PH_O_VALUE], dm_ph_cover(d, g->w));
    }
    if (wall > -8.0f && wall < 8.0f) value = dm_ph_ribs(g, ribs, row, x, z, wy, wall, value);
    return value;
}

#endif
