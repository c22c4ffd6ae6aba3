/* How much a cell of the coarse grid looks like the middle of the spinal canal. Two cues, both on bits and lines:
 *   enclosure  bone all round, when bone seen from the cells of a line along the canal is put together, with no wall across;
 *   column     what persists along a line, closed over the cord, that ends on all sides, with bone near it.
 * CT has both, T2 MR the column. The first serves scans without contrast and a thin film of it, the second full sacs. */
#ifndef DM_EVIDENCE_H
#define DM_EVIDENCE_H
#include "dialect.h"

#define DM_EV_ANGLES 16
#define DM_EV_STEPS 10 /* radii 3, 4.5, ... 16.5 mm */
#define DM_EV_TILTS_Y 8 /* slope of the line in the sagittal plane: -1.2 ... 0.9 */
#define DM_EV_TILTS_X 3

#define DM_EV_TUBE 0.45f /* quality of a column's cross-section from which it may be a sac */

#define DM_EV_WALL 1u   /* bone or anything as bright */
#define DM_EV_STOP 2u   /* air, or outside the field of view */
#define DM_EV_BONE 8u   /* lower threshold: cancellous bone */
#define DM_EV_OUT 16u   /* outside the field of view */
#define DM_EV_FAT 32u    /* CT: darker than half way from fluid to fat */
#define DM_EV_FLUID 4u  /* a persistent column brighter than cancellous bone: no wall for what lies outside it */

typedef struct dm_ev_args {
    int nx, ny, nz, mr;
    int half_line;   /* cells on each side of a cell on a line along the canal */
    float step;      /* mm */
    float wall, air, bone; /* HU */
    float fat;       /* HU: what is darker is fat; below everything on MR */
    float bright;    /* lowest value of a bright column: HU, or multiples of the surroundings (MR) */
    float sure;      /* no bone persists as bright as this */
    float fluid;     /* columns above this are contrast rather than bone */
    float dense;     /* cancellous bone and laminae that overlap can persist up to about twice this */
    float fall;      /* edge of a column: this share of the value in its middle */
    float rise;      /* or this multiple of it */
} dm_ev_args;

DM_FN size_t dm_ev_at(const dm_ev_args *a, int x, int y, int z) {
    return ((size_t)z * (size_t)a->ny + (size_t)y) * (size_t)a->nx + (size_t)x;
}
DM_FN int dm_ev_in(const dm_ev_args *a, int x, int y, int z) {
    return x >= 0 && y >= 0 && z >= 0 && x < a->nx && y < a->ny && z < a->nz;
}
DM_FN float dm_ramp(float v, float lo, float hi) { return dm_clampf((v - lo) / (hi - lo), 0.0f, 1.0f); }
DM_FN float dm_tilt_y(int t) { return -1.2f + 0.3f * (float)(t / DM_EV_TILTS_X); }
DM_FN float dm_tilt_x(int t) { return -0.3f + 0.3f * (float)(t % DM_EV_TILTS_X); }
DM_FN int dm_shift(float slope, int k) { return (int)dm_floor(slope * (float)k + 0.5f); }

/* Smallest value at a cell and on a line of tilt t through it from k0 to k1 cells along z, or less than `best` as soon as that is
 * sure; -1 where less than half of the line lies inside the field. wide: v, or the largest value of a cell and its four neighbours
 * in the slice: coarse voxels leave so little of the sac bright that no straight line stays in it where the spine bends. (Laminae
 * that overlap in the chest make columns then.) */
DM_FN float dm_ev_lowest(DM_GLOBAL const float *DM_RESTRICT v, DM_GLOBAL const float *DM_RESTRICT wide, const dm_ev_args *a,
                         int x, int y, int z, int t, int k0, int k1, float best) {
    float low = v[dm_ev_at(a, x, y, z)], tx = dm_tilt_x(t), ty = dm_tilt_y(t);
    int n = 0;
    for (int k = k0; k <= k1 && low > best; k++) {
        int px = x + dm_shift(tx, k), py = y + dm_shift(ty, k), pz = z + k;
        if (!dm_ev_in(a, px, py, pz)) continue;
        float p = wide[dm_ev_at(a, px, py, pz)];
        if (dm_is_outside(p)) continue;
        low = dm_fmin(low, p);
        n++;
    }
    return low > best && n <= a->half_line ? -1.0f : low;
}

/* Path opening along straight lines: the largest, over the tilts and over lines that are centred on the cell (or, where
 * brighter than bone can be, end at it: the lower end of the sac), of the smallest value on the line. 0 below the floor. */
DM_FN float dm_ev_open(DM_GLOBAL const float *DM_RESTRICT v, DM_GLOBAL const float *DM_RESTRICT wide, const dm_ev_args *a,
                       int x, int y, int z) {
    float best = a->bright;
    if (v[dm_ev_at(a, x, y, z)] <= best) return 0.0f;
    int h = a->half_line;
    for (int t = 0; t < DM_EV_TILTS_Y * DM_EV_TILTS_X; t++) {
        best = dm_fmax(best, dm_ev_lowest(v, wide, a, x, y, z, t, -h, h, best));
        float sure = dm_fmax(best, a->sure);
        float end = dm_fmax(dm_ev_lowest(v, wide, a, x, y, z, t, -2 * h, 0, sure), dm_ev_lowest(v, wide, a, x, y, z, t, 0, 2 * h, sure));
        if (end > sure) best = end;
    }
    return best > a->bright ? best : 0.0f;
}

/* Grey dilation (sign 1) or erosion (sign -1) in the slice by a disc of `reach` cells (1 or 2). */
DM_FN float dm_ev_disc(DM_GLOBAL const float *DM_RESTRICT v, const dm_ev_args *a, int reach, float sign, int x, int y, int z) {
    float best = -1.0e30f;
    for (int j = -reach; j <= reach; j++)
        for (int i = -reach; i <= reach; i++) {
            if (i * i + j * j > reach * reach) continue;
            int px = dm_clampi(x + i, 0, a->nx - 1), py = dm_clampi(y + j, 0, a->ny - 1);
            best = dm_fmax(best, sign * v[dm_ev_at(a, px, py, z)]);
        }
    return sign * best;
}

/* filled: the columns closed over their holes. What is less bright than the column of contrast round it is cord or roots, which blur and
 * contrast that went into it make as bright as cancellous bone. */
DM_FN uchar dm_ev_mask(float v, float opened, float filled, const dm_ev_args *a) {
    uint m = 0;
    if (dm_is_outside(v)) return (uchar)(DM_EV_STOP | DM_EV_OUT);
    if (v < a->air) m |= DM_EV_STOP;
    if (v > a->wall) m |= DM_EV_WALL;
    if (opened > a->fluid) m |= DM_EV_FLUID;
    if (v > a->bone && !(filled > a->fluid && v < 0.8f * filled)) m |= DM_EV_BONE;
    if (v < a->fat) m |= DM_EV_FAT;
    return (uchar)m;
}

/* What a fan of rays from one cell meets. */
typedef struct dm_ev_fan {
    uint bits, known; /* angles with a hit; angles whose ray did not leave the field before a hit */
    float mean, balance, r[DM_EV_ANGLES];
} dm_ev_fan;

DM_FN float dm_ev_radius(int step) { return 3.0f + 1.5f * (float)step; }

DM_FN void dm_ev_fan_close(dm_ev_fan *f) {
    float sum = 0.0f, bal = 0.0f;
    int pairs = 0;
    for (int i = 0; i < DM_EV_ANGLES; i++)
        if (f->bits >> i & 1u) sum += f->r[i];
    for (int i = 0; i < DM_EV_ANGLES / 2; i++)
        if ((f->bits >> i & 1u) && (f->bits >> (i + 8) & 1u)) {
            bal += dm_fabs(f->r[i] - f->r[i + 8]) / (f->r[i] + f->r[i + 8]);
            pairs++;
        }
    int n = dm_popcount(f->bits);
    f->mean = n ? sum / (float)n : 0.0f;
    f->balance = pairs ? 1.0f - bal / (float)pairs : 0.0f;
}

/* First wall along each ray; air and contrast stop a ray (the fat between
 * contrast and bone is enclosed as well, but not the canal). table = angle-major (dx, dy) of every step. */
DM_FN void dm_ev_walls(DM_GLOBAL const uchar *DM_RESTRICT mask, DM_GLOBAL const int *DM_RESTRICT table,
                       const dm_ev_args *a, int x, int y, int z, uint stop, dm_ev_fan *f) {
    f->bits = 0;
    f->known = 0xffffu;
    for (int i = 0; i < DM_EV_ANGLES; i++)
        for (int k = 0; k < DM_EV_STEPS; k++) {
            int px = x + table[2 * (i * DM_EV_STEPS + k)], py = y + table[2 * (i * DM_EV_STEPS + k) + 1];
            uint m = dm_ev_in(a, px, py, z) ? mask[dm_ev_at(a, px, py, z)] : DM_EV_STOP;
            if (m & stop) break;
            if (m & DM_EV_WALL) {
                f->bits |= 1u << i;
                f->r[i] = dm_ev_radius(k);
                break;
            }
        }
    dm_ev_fan_close(f);
}

/* Edge of the filled column along each ray, 3 to 13.5 mm: where what persists falls, or where bone brighter than the column
 * begins (faint contrast that touches bone), or on CT where the ray has seen contrast and comes to what is half as bright: closing the column
 * over the cord closes it over the fat before a lamina too, and dense laminae persist as sacs do. near: angles where bone
 * stands within 9 mm beyond the edge. */
DM_FN uint dm_ev_column(DM_GLOBAL const float *DM_RESTRICT v, DM_GLOBAL const float *DM_RESTRICT filled,
                        DM_GLOBAL const uchar *DM_RESTRICT mask, DM_GLOBAL const int *DM_RESTRICT table,
                        const dm_ev_args *a, int x, int y, int z, dm_ev_fan *f) {
    float here = filled[dm_ev_at(a, x, y, z)], edge = a->fall * here, rise = a->rise * dm_fmax(here, a->wall);
    uint near = 0;
    f->bits = 0;
    f->known = 0;
    for (int i = 0; i < DM_EV_ANGLES; i++) {
        int hit = -1, lost = 0, lit = 0;
        for (int k = 0; k < DM_EV_STEPS && k <= (hit < 0 ? 7 : hit + 6); k++) {
            int px = x + table[2 * (i * DM_EV_STEPS + k)], py = y + table[2 * (i * DM_EV_STEPS + k) + 1];
            uint m = dm_ev_in(a, px, py, z) ? mask[dm_ev_at(a, px, py, z)] : DM_EV_OUT;
            if (m & DM_EV_OUT) {
                lost = 1;
                break;
            }
            if (hit < 0) {
                size_t p = dm_ev_at(a, px, py, z);
                if (filled[p] < edge || v[p] > rise || (lit && v[p] < 0.5f * here)) hit = k;
                lit = lit || (!a->mr && v[p] > edge);
            }
            if (hit >= 0 && (m & DM_EV_WALL)) near |= 1u << i;
        }
        if (hit >= 0) {
            f->bits |= 1u << i;
            f->r[i] = dm_ev_radius(hit);
        }
        if (hit >= 0 || !lost) f->known |= 1u << i;
    }
    dm_ev_fan_close(f);
    return near;
}

/* 0 for what is too narrow or too wide for a canal; the mean ray ends up to a step beyond the edge. */
DM_FN float dm_ev_width(const dm_ev_fan *f) {
    return dm_fmin(dm_ramp(f->mean, 3.0f, 4.0f), 1.0f - dm_ramp(f->mean, 11.0f, 15.0f));
}

/* Quality of the fan in its own slice, 0.35 .. 1: hits, balance, and a mean radius that a canal can have. */
DM_FN float dm_ev_shape(const dm_ev_fan *f) {
    float radius = dm_fmin(dm_ramp(f->mean, 3.5f, 5.5f), 1.0f - dm_ramp(f->mean, 11.0f, 15.0f));
    return 0.35f + 0.2f * (float)dm_popcount(f->bits) / 16.0f + 0.3f * f->balance + 0.15f * radius;
}

/* What one cell hands to the lines: bits = angles with a wall | angles with bone near the column << 16; the quality of the
 * fan of walls; the quality of the column. */
typedef struct dm_ev_cell {
    uint bits;
    float shape, tube;
} dm_ev_cell;

DM_FN void dm_ev_rays(DM_GLOBAL const float *DM_RESTRICT v, DM_GLOBAL const float *DM_RESTRICT filled,
                      DM_GLOBAL const uchar *DM_RESTRICT mask, DM_GLOBAL const int *DM_RESTRICT table,
                      const dm_ev_args *a, int x, int y, int z, dm_ev_cell *c) {
    size_t at = dm_ev_at(a, x, y, z);
    int inside = filled[at] > a->bright;
    dm_ev_fan f;
    c->bits = 0, c->shape = 0.0f, c->tube = 0.0f;
    if (!a->mr && !(mask[at] & (DM_EV_BONE | DM_EV_STOP))) {
        dm_ev_walls(mask, table, a, x, y, z, inside ? DM_EV_STOP : DM_EV_STOP | DM_EV_FLUID, &f);
        c->bits = f.bits;
        c->shape = dm_ev_shape(&f);
    }
    if (!inside || (!a->mr && v[at] > a->rise * filled[at])) return;
    c->bits |= dm_ev_column(v, filled, mask, table, a, x, y, z, &f) << 16;
    int known = dm_popcount(f.known);
    if (known < 8) return;
    c->tube = dm_ramp((float)dm_popcount(f.bits) / (float)known, 0.4f, 1.0f) * (0.5f + 0.5f * f.balance) *
              dm_ev_width(&f);
}

/* 1 where a cell bars a line along the canal: bone, air, the end of the field. Contrast does not: below the cord it fills the canal. */
DM_FN int dm_ev_bars(uint m) { return (m & DM_EV_STOP) || ((m & DM_EV_BONE) && !(m & DM_EV_FLUID)); }

/* Raises *enc to what one tilt line gives; a line that is blocked over a quarter of its length gives nothing. */
DM_FN void dm_ev_wall_line(DM_GLOBAL const uint *DM_RESTRICT bits, DM_GLOBAL const uchar *DM_RESTRICT mask,
                           const dm_ev_args *a, int x, int y, int z, int t, float shape, float *enc) {
    uint all = 0;
    int n = 0, blocked = 0, most = (2 * a->half_line + 1) / 4 + 1;
    float tx = dm_tilt_x(t), ty = dm_tilt_y(t);
    for (int k = -a->half_line; k <= a->half_line && blocked <= most; k++) {
        int px = x + dm_shift(tx, k), py = y + dm_shift(ty, k), pz = z + k;
        if (!dm_ev_in(a, px, py, pz)) continue;
        size_t at = dm_ev_at(a, px, py, pz);
        uint m = mask[at];
        if (m & DM_EV_OUT) continue;
        n++;
        all |= bits[at];
        blocked += dm_ev_bars(m);
    }
    if (n <= a->half_line || blocked > most) return;
    float open = dm_clampf(1.0f - 4.0f * (float)blocked / (float)n, 0.0f, 1.0f);
    *enc = dm_fmax(*enc, dm_ramp((float)dm_popcount(all & 0xffffu) / 16.0f, 0.4f, 1.0f) * open * shape);
}

/* Raises *enc and *column to what one tilt line gives. */
DM_FN void dm_ev_line(DM_GLOBAL const uint *DM_RESTRICT bits, DM_GLOBAL const float *DM_RESTRICT shapes,
                      DM_GLOBAL const uchar *DM_RESTRICT mask, const dm_ev_args *a, int x, int y, int z, int t,
                      float *enc, float *column) {
    uint all = 0;
    int n = 0, blocked = 0;
    float sum = 0.0f, tx = dm_tilt_x(t), ty = dm_tilt_y(t);
    for (int k = -a->half_line; k <= a->half_line; k++) {
        int px = x + dm_shift(tx, k), py = y + dm_shift(ty, k), pz = z + k;
        if (!dm_ev_in(a, px, py, pz)) continue;
        size_t at = dm_ev_at(a, px, py, pz);
        uint m = mask[at];
        if (m & DM_EV_OUT) continue;
        n++;
        all |= bits[at];
        sum += shapes[2 * at + 1];
        blocked += dm_ev_bars(m);
    }
    if (n <= a->half_line) return;
    size_t here = 2 * dm_ev_at(a, x, y, z);
    float open = dm_clampf(1.0f - 4.0f * (float)blocked / (float)n, 0.0f, 1.0f);
    *enc = dm_fmax(*enc, dm_ramp((float)dm_popcount(all & 0xffffu) / 16.0f, 0.4f, 1.0f) * open * shapes[here]);
    /* pockets between the trabeculae of a vertebra look like columns, but not in every slice of a line */
    *column = dm_fmax(*column, dm_ramp(dm_fmin(shapes[here + 1], sum / (float)n), 0.45f, 0.9f) *
                                   dm_ramp((float)dm_popcount(all >> 16) / 16.0f, 0.4f, 0.9f));
}

/* Cells from a cell to point k (12, 15, ... mm) of ray i (-2..2, 15 degrees apart) ventral of it; (c, s) = cosine and sine of
 * the roll. */
DM_FN void dm_ev_ahead(const dm_ev_args *a, int i, int k, float c, float s, int *dx, int *dy) {
    float r = (12.0f + 3.0f * (float)k) / a->step, u = 0.26f * r * (float)i, v = -r * (1.0f - 0.034f * (float)(i * i));
    *dx = (int)dm_floor(c * u - s * v + 0.5f), *dy = (int)dm_floor(s * u + c * v + 0.5f);
}

/* 1 where a cell holds contrast: a bright column that ends on all sides as a sac does. A young sacrum is fused and as dense as
 * faint contrast, but wide. */
DM_FN int dm_ev_contrast(DM_GLOBAL const float *DM_RESTRICT shapes, DM_GLOBAL const uchar *DM_RESTRICT mask, size_t at) {
    return (mask[at] & DM_EV_FLUID) && shapes[2 * at + 1] > DM_EV_TUBE;
}

/* Share of 45 points ventral of the cell (+-30 degrees, 12 to 36 mm, its own slice) that hold contrast: in front of the canal
 * lies the body, in front of the spinous processes, which overlap and persist like a column, lies the canal. */
DM_FN float dm_ev_fluid_front(DM_GLOBAL const float *DM_RESTRICT shapes, DM_GLOBAL const uchar *DM_RESTRICT mask,
                              const dm_ev_args *a, int x, int y, int z, float c, float s) {
    int seen = 0;
    for (int i = -2; i <= 2; i++)
        for (int k = 0; k < 9; k++) {
            int px, py;
            dm_ev_ahead(a, i, k, c, s, &px, &py);
            px += x, py += y;
            if (dm_ev_in(a, px, py, z)) seen += dm_ev_contrast(shapes, mask, dm_ev_at(a, px, py, z));
        }
    return (float)seen / 45.0f;
}

/* Share of 25 points ventral of the cell (+-30 degrees, 12 to 24 mm) with bone (no contrast) within +-10 mm along z:
 * the vertebral body. Keeps long bones out, whose marrow is enclosed as well. (c, s) = cosine and sine of the angle by
 * which the patient is rolled about the body axis. */
DM_FN float dm_ev_front(DM_GLOBAL const float *DM_RESTRICT shapes, DM_GLOBAL const uchar *DM_RESTRICT mask, const dm_ev_args *a,
                        int x, int y, int z, float c, float s) {
    int n = 0, seen = 0, reach = (int)(10.0f / a->step + 0.5f);
    for (int i = -2; i <= 2; i++)
        for (int k = 0; k < 5; k++) {
            int px, py;
            dm_ev_ahead(a, i, k, c, s, &px, &py);
            px += x, py += y;
            int found = 0, inside = 0;
            for (int d = -reach; d <= reach && !found; d++) {
                if (!dm_ev_in(a, px, py, z + d)) continue;
                size_t at = dm_ev_at(a, px, py, z + d);
                if (mask[at] & DM_EV_OUT) continue;
                inside = 1;
                found = (mask[at] & DM_EV_BONE) && !dm_ev_contrast(shapes, mask, at);
            }
            n += inside;
            seen += found;
        }
    return n >= 6 ? dm_ramp((float)seen / (float)n, 0.35f, 0.7f) : 1.0f;
}

/* Agreement (Jaccard) of the bone (MR: bright) mask with its mirror image in the patient's midplane through the cell:
 * 4 to 28 mm to each side, 28 mm ventral to 20 mm dorsal, every 4 mm. -1 where there is too little. */
DM_FN float dm_ev_mirror(DM_GLOBAL const uchar *DM_RESTRICT mask, const dm_ev_args *a, int x, int y, int z, float c,
                         float s) {
    int both = 0, any = 0;
    float cell = 4.0f / a->step;
    for (int j = -7; j <= 5; j++)
        for (int i = 1; i <= 7; i++) {
            float u = (float)i * cell, v = (float)j * cell;
            int lx = x + (int)dm_floor(-c * u - s * v + 0.5f), ly = y + (int)dm_floor(-s * u + c * v + 0.5f);
            int rx = x + (int)dm_floor(c * u - s * v + 0.5f), ry = y + (int)dm_floor(s * u + c * v + 0.5f);
            if (!dm_ev_in(a, lx, ly, z) || !dm_ev_in(a, rx, ry, z)) continue;
            uint l = mask[dm_ev_at(a, lx, ly, z)], r = mask[dm_ev_at(a, rx, ry, z)];
            if ((l | r) & DM_EV_OUT) continue;
            both += (l & r & DM_EV_BONE) != 0;
            any += ((l | r) & DM_EV_BONE) != 0;
        }
    return any >= 4 ? (float)both / (float)any : -1.0f;
}

/* Cosine and sine of 0, 15, 30 and 45 degrees: a vertebra turned by scoliosis, a patient half on the side. */
DM_FN float dm_roll_cos(int i) { return i == 0 ? 1.0f : i == 1 ? 0.96592583f : i == 2 ? 0.86602540f : 0.70710678f; }
DM_FN float dm_roll_sin(int i) { return i == 0 ? 0.0f : i == 1 ? 0.25881905f : i == 2 ? 0.5f : 0.70710678f; }

/* How well the surroundings fit a vertebra round this canal: body in front and mirror symmetry, for the best roll; larger
 * rolls are believed a little less. Hips and long bones have no mirror plane of their own, laminae lie beside theirs. */
DM_FN float dm_ev_around(DM_GLOBAL const float *DM_RESTRICT shapes, DM_GLOBAL const uchar *DM_RESTRICT mask,
                         const dm_ev_args *a, int x, int y, int z) {
    float best = 0.0f;
    for (int i = 0; i < 7; i++) {
        int size = (i + 1) / 2;
        float c = dm_roll_cos(size), s = i & 1 ? dm_roll_sin(size) : -dm_roll_sin(size);
        float f = (1.0f - 0.08f * (float)size) * (a->mr ? 1.0f : dm_ev_front(shapes, mask, a, x, y, z, c, s));
        if (!a->mr && f > best) f *= 1.0f - 0.8f * dm_ramp(dm_ev_fluid_front(shapes, mask, a, x, y, z, c, s), 0.04f, 0.12f);
        if (f <= best) continue;
        float m = dm_ev_mirror(mask, a, x, y, z, c, s);
        f *= m < 0.0f ? 0.75f : 0.4f + 0.6f * (a->mr ? dm_ramp(m, 0.15f, 0.45f) : dm_ramp(m, 0.3f, 0.65f));
        best = dm_fmax(best, f);
    }
    return best;
}

/* Enclosure and column of one cell over all tilts. A cell that sees next to no wall itself is not worth the lines. */
DM_FN void dm_ev_cues(DM_GLOBAL const uint *DM_RESTRICT bits, DM_GLOBAL const float *DM_RESTRICT shapes,
                      DM_GLOBAL const uchar *DM_RESTRICT mask, const dm_ev_args *a, int x, int y, int z, float *enc,
                      float *column) {
    size_t at = dm_ev_at(a, x, y, z);
    float tube = shapes[2 * at + 1];
    *enc = 0.0f;
    *column = a->mr ? tube : 0.0f;
    if (a->mr || (dm_popcount(bits[at] & 0xffffu) < 3 && tube < 0.1f)) return;
    for (int t = 0; t < DM_EV_TILTS_Y * DM_EV_TILTS_X; t++)
        if (tube > DM_EV_TUBE) /* less is no column on any line */
            dm_ev_line(bits, shapes, mask, a, x, y, z, t, enc, column);
        else
            dm_ev_wall_line(bits, mask, a, x, y, z, t, shapes[2 * at], enc);
}

/* 1 where something that persists along the canal brighter than bone lies up to 10 mm in front (5 cells of 2 mm, 2 to either
 * side), in the slice. */
DM_FN int dm_ev_behind_fluid(DM_GLOBAL const uchar *DM_RESTRICT mask, const dm_ev_args *a, int x, int y, int z) {
    for (int j = -5; j < 0; j++)
        for (int i = -2; i <= 2; i++)
            if (dm_ev_in(a, x + i, y + j, z) && (mask[dm_ev_at(a, x + i, y + j, z)] & DM_EV_FLUID)) return 1;
    return 0;
}

/* Evidence: the better cue. A column no brighter than cancellous bone counts less: dense laminae that overlap look alike, but are no
 * ring round soft tissue. Fat behind contrast counts half: the middle of the canal is cord, fluid or contrast there, while the fat
 * behind a sac whose thin rim of contrast passes for bone is enclosed as well as it. Below the sac's end the canal holds fat. */
DM_FN float dm_ev_join(float enc, float column, float filled, DM_GLOBAL const float *DM_RESTRICT shapes,
                       DM_GLOBAL const uchar *DM_RESTRICT mask, const dm_ev_args *a, int x, int y, int z) {
    uint m = mask[dm_ev_at(a, x, y, z)];
    int soft = !(m & (DM_EV_BONE | DM_EV_FAT | DM_EV_STOP));
    float trust = a->mr || soft ? 1.0f : 0.7f + 0.3f * dm_ramp(filled, 1.25f * a->dense, 2.25f * a->dense);
    int fat = (m & DM_EV_FAT) && dm_ev_behind_fluid(mask, a, x, y, z);
    float best = dm_fmax(enc, column * trust) * (fat ? 0.5f : 1.0f);
    /* Weak cells pay no toll anyway (kernels/path.h): they are not worth a look round. 0.4 = the least that it leaves. */
    return best * (best > 0.25f ? dm_ev_around(shapes, mask, a, x, y, z) : 0.4f);
}

/* Mean over +-reach cells along one axis (0, 1, 2), cells outside the field left out; DM_OUTSIDE where none is inside. */
DM_FN float dm_ev_box(DM_GLOBAL const float *DM_RESTRICT v, const dm_ev_args *a, int x, int y, int z, int axis,
                      int reach) {
    int n = axis == 0 ? a->nx : axis == 1 ? a->ny : a->nz, c = axis == 0 ? x : axis == 1 ? y : z;
    size_t stride = axis == 0 ? 1 : axis == 1 ? (size_t)a->nx : (size_t)a->nx * (size_t)a->ny;
    size_t line = dm_ev_at(a, x, y, z) - (size_t)c * stride;
    float sum = 0.0f;
    int count = 0, to = dm_min(c + reach, n - 1);
    for (int i = dm_max(c - reach, 0); i <= to; i++) {
        float p = v[line + (size_t)i * stride];
        if (dm_is_outside(p)) continue;
        sum += p;
        count++;
    }
    return count ? sum / (float)count : DM_OUTSIDE;
}

/* T2 signal relative to its wide surroundings; 0 where there is next to no signal. */
DM_FN float dm_ev_relative(float v, float around, float global_mean, float low) {
    if (dm_is_outside(v)) return DM_OUTSIDE;
    if (v < low || dm_is_outside(around)) return 0.0f;
    return v / (around + 0.3f * global_mean + 1.0e-6f);
}

#endif
