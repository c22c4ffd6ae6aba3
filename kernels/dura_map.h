/* The unrolled dura, cell by cell: a cell is one angle at one position along the spine, its profile the values along r.
 * Layout of every profile array: v[(i*nt + t)*nr + k], k*dr = distance from the centre line in mm. */
#ifndef DM_DURA_MAP_H
#define DM_DURA_MAP_H
#include "dialect.h"
#include "kmath.h"

typedef struct dm_map_args {
    int ns, nt, nr;
    float dr; /* mm; 0.25: the fit shifts its edges by whole samples */
} dm_map_args;

/* What one cell's profile says before any reference is known. */
enum { DM_CELL_INNER, DM_CELL_DARK, DM_CELL_DARK_IN, DM_CELL_DARK_OUT, DM_CELL_OUTER, DM_CELL_RISE, DM_CELL_N };

/* Mean of the 3 x 3 neighbours in s and theta at one r; samples outside the scan are left out. DM_OUTSIDE where the
 * sample itself lies outside. */
DM_FN float dm_polar_mean(DM_GLOBAL const float *DM_RESTRICT v, dm_map_args a, int i, int t, int k) {
    if (dm_is_outside(v[((size_t)i * (size_t)a.nt + (size_t)t) * (size_t)a.nr + (size_t)k])) return DM_OUTSIDE;
    float sum = 0.0f, count = 0.0f;
    for (int di = -1; di <= 1; di++)
        for (int dt = -1; dt <= 1; dt++) {
            int ii = dm_clampi(i + di, 0, a.ns - 1), tt = (t + dt + a.nt) % a.nt;
            float x = v[((size_t)ii * (size_t)a.nt + (size_t)tt) * (size_t)a.nr + (size_t)k];
            if (!dm_is_outside(x)) {
                sum += x;
                count += 1.0f;
            }
        }
    return sum / count;
}

/* Extremes of a profile p over r in [from, to] mm; DM_OUTSIDE when a sample of the range is missing. */
DM_FN float dm_range_extreme(DM_GLOBAL const float *DM_RESTRICT p, dm_map_args a, float from, float to, float sign) {
    int k0 = dm_max((int)dm_floor(from / a.dr + 0.5f), 0), k1 = (int)dm_floor(to / a.dr + 0.5f);
    if (k1 >= a.nr || k0 > k1) return DM_OUTSIDE;
    float best = sign * p[k0];
    for (int k = k0; k <= k1; k++) {
        if (dm_is_outside(p[k])) return DM_OUTSIDE;
        best = dm_fmax(best, sign * p[k]);
    }
    return sign * best;
}

/* The figures of one cell (DM_CELL_N floats into out): brightest of the sac's rim; darkest between the surfaces, whole,
 * on the dura's side and on the bone's side (`band` mm of the gap each); brightest just beyond the bone's edge; rise after
 * the darkest point. The gap ends `edge` mm beyond the bone's edge (negative: before it, where bone is dark). */
DM_FN void dm_shell_cell(DM_GLOBAL const float *DM_RESTRICT p, dm_map_args a, float rd, float rb, float band,
                         float edge, DM_GLOBAL float *out) {
    float in = rd - 0.2f, far = dm_fmax(rb + edge, in);
    out[DM_CELL_INNER] = dm_range_extreme(p, a, dm_fmax(rd - 2.8f, 0.0f), dm_fmax(rd - 0.8f, 0.0f), 1.0f);
    float dark = dm_range_extreme(p, a, in, far, -1.0f);
    out[DM_CELL_DARK] = dark;
    /* A band that begins at a surface is told from that surface standing wrong only by what it reaches: 1 mm, twice the
     * error of a surface, is left out beside it. */
    out[DM_CELL_DARK_IN] = dm_range_extreme(p, a, dm_fmin(rd + 1.0f, far), dm_fmin(rd + 1.0f + band, far), -1.0f);
    out[DM_CELL_DARK_OUT] = dm_range_extreme(p, a, dm_fmax(rb - 1.0f - band, in), dm_fmax(rb - 1.0f, in), -1.0f);
    out[DM_CELL_OUTER] = dm_range_extreme(p, a, rb, rb + 1.5f, 1.0f);
    float rise = 0.0f;
    if (!dm_is_outside(dark)) {
        int k1 = (int)dm_floor((rb - 0.5f) / a.dr);
        float low = p[(int)dm_floor(dm_fmax(in, 0.0f) / a.dr + 0.5f)];
        for (int k = (int)dm_floor(dm_fmax(in, 0.0f) / a.dr + 0.5f); k <= k1; k++) {
            low = dm_fmin(low, p[k]);
            rise = dm_fmax(rise, p[k] - low);
        }
    }
    out[DM_CELL_RISE] = rise;
}

/* Model of a profile in units of the sac (0 = tissue, 1 = sac): the sac's edge at the dura, the bone's edge, and between
 * them a pool. Both edges are blurred by the scanner (Gaussian of `width` mm) and may stand up to 1.25 mm from the surface
 * that was found, at a price. Sac height is that of the fluid just inside the dura; bone and pool are solved for. */
typedef struct dm_fit_args {
    float width;       /* mm, s.d. of the blur */
    float model_error; /* share of the sac that the model may be wrong by */
    float shift_sd;    /* mm, expected error of the surfaces */
    float ridge;       /* share of the sac: pools are small until shown */
    float band;        /* mm of the gap that the pool fills */
    int shape;         /* 0 all of the gap, 1 `band` mm on the dura, 2 `band` mm on the bone */
    float beyond;      /* mm beyond the bone's edge that the models must explain: a pool ends there, bone goes on */
    float body_beyond; /* the same where that bone is a body, whose marrow is as deep */
    float edge_least;  /* a bone's edge is trusted at least this far (0..1); 0 = bone never touches the dura (MR) */
    float body_angle;  /* degrees from straight ahead within which bone is a body; negative = nowhere (MR) */
    float cortex;      /* mm, thickness of the cortex on a body; 0 = bone is even */
    float cortex_most; /* the cortex is brighter than its marrow by at most so many times the marrow */
    float cortex_more; /* and by this share of the sac; set for every cell from its walls */
} dm_fit_args;

enum { DM_FIT_P, DM_FIT_B, DM_FIT_COST, DM_FIT_THICK, DM_FIT_HEIGHT, DM_FIT_GAIN, DM_FIT_N };
enum { DM_FIT_MAX = 56, DM_FIT_PAD = 24 };

/* Normal distribution function, absolute error below 2e-4 (logistic form of Bowling et al. 2009). */
DM_FN float dm_normal_cdf(float x) {
    float z = dm_clampf(x, -5.0f, 5.0f);
    return 1.0f / (1.0f + dm_exp(-z * (1.5976f + 0.070565992f * z * z)));
}

/* Samples of a bone's cortex; 0 = bone is even. */
DM_FN int dm_cortex_samples(dm_map_args a, dm_fit_args f) {
    return dm_clampi((int)dm_floor(f.cortex / a.dr + 0.5f), 0, DM_FIT_PAD - 8);
}

/* Products of the columns of one fit, summed over the profile: z what the sac's edge leaves, b bone from its edge on, c its
 * cortex, p pool. */
typedef struct dm_fit_sums {
    float zz, zb, zc, zp, bb, bc, bp, cc, cp, pp;
} dm_fit_sums;

/* Adds one sample of the bone to the sums. */
DM_FN void dm_fit_add_bone(dm_fit_sums *s, float z, float b, float c) {
    s->zz += z * z;
    s->zb += z * b;
    s->zc += z * c;
    s->bb += b * b;
    s->bc += b * c;
    s->cc += c * c;
}

/* The sums with bone that has as much cortex as it may (more + k * bone) in place of even bone; zz stays. */
DM_FN dm_fit_sums dm_fit_full(dm_fit_sums s, float k, float more) {
    s.zb += k * (s.zc - more * s.cc) - more * s.bc;
    s.zp -= more * s.cp;
    s.bb = s.bb + 2.0f * k * s.bc + k * k * s.cc;
    s.bp += k * s.cp;
    return s;
}

/* Bone and what its cortex is brighter by, beside a pool of this brightness: least squares with 0 <= cortex <= f.cortex_more +
 * f.cortex_most * bone; what is darker than tissue has none. */
DM_FN void dm_fit_bone(dm_fit_sums s, dm_fit_args f, float pool, float *bone, float *cortex) {
    const float k = f.cortex_most, more = f.cortex_more;
    float zb = s.zb - pool * s.bp, zc = s.zc - pool * s.cp, det = s.bb * s.cc - s.bc * s.bc;
    float even = s.bb > 1e-4f ? dm_fmax(zb / s.bb, -0.5f) : 0.0f;
    *bone = even;
    *cortex = 0.0f;
    if (!(det > 1e-3f * s.bb * s.cc)) return;
    float b = (zb * s.cc - zc * s.bc) / det, c = (zc * s.bb - zb * s.bc) / det;
    if (b >= 0.0f && c > 0.0f && c <= more + k * b) {
        *bone = b;
        *cortex = c;
        return;
    }
    dm_fit_sums full = dm_fit_full(s, k, more);
    float most = dm_fmax((full.zb - pool * full.bp) / full.bb, 0.0f), shell = more + k * most;
    float gain = most * (2.0f * zb - most * s.bb) + shell * (2.0f * zc - shell * s.cc - 2.0f * most * s.bc);
    if (gain > even * (2.0f * zb - even * s.bb)) {
        *bone = most;
        *cortex = shell;
    }
}

DM_FN float dm_fit_left(dm_fit_sums s, float pool, float bone, float cortex) {
    return s.zz - 2.0f * bone * s.zb - 2.0f * pool * s.zp + bone * bone * s.bb + 2.0f * bone * pool * s.bp + pool * pool * s.pp -
           cortex * (2.0f * s.zc - 2.0f * bone * s.bc - 2.0f * pool * s.cp - cortex * s.cc);
}

/* Cost with a pool of this brightness, its prior included; its bone and cortex. */
DM_FN float dm_fit_cost(dm_fit_sums s, dm_fit_args f, float pool, float *bone, float *cortex) {
    dm_fit_bone(s, f, pool, bone, cortex);
    return dm_fit_left(s, pool, *bone, *cortex) / (f.model_error * f.model_error) + pool * pool / (f.ridge * f.ridge);
}

/* Least cost without a pool where bone may reach in as far as the dura. Beside a sac that outshines bone, a lamina that touches
 * it has no edge of its own, and r_bone stands where it is expected: the weaker the edge (q, 0..1), the further the bone may
 * be from it. Bone is marrow with a cortex on it that may be brighter, f.cortex mm thick: a body's back wall, blurred, looks
 * like a pool before marrow. `seen`: mm by which the edge that was found lies within the one of the profile's model, 0 or more.
 * Called with the scanner's own blur of the bone and with half as much again: laminae slope. y: n samples; sac and bone: the
 * unshifted edges with DM_FIT_PAD samples more at both ends. */
DM_FN float dm_contact_cost(const float *y, const float *sac, const float *bone, int n, dm_map_args a, dm_fit_args f, float rim,
                            float gap, float seen, float q) {
    const float sd = f.shift_sd / dm_fmax(q, f.edge_least);
    int most = dm_clampi((int)dm_floor(gap / a.dr), 0, DM_FIT_PAD), shell = dm_cortex_samples(a, f);
    float best = 1e30f;
    for (int m1 = -3; m1 <= 3; m1 += 2)
        for (int m2 = 0; m2 <= most; m2 += 2) {
            float in = (float)m2 * a.dr, d1 = (float)m1 * a.dr / f.shift_sd, d2 = dm_fmin(in / f.shift_sd, dm_fabs(in - seen) / sd);
            dm_fit_sums s = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
            for (int k = 0; k < n; k++) {
                int j = k + DM_FIT_PAD + m2;
                float fb = bone[j], fc = fb - bone[j - shell], z = y[k] - rim * sac[k + DM_FIT_PAD - m1];
                dm_fit_add_bone(&s, z, fb, fc);
            }
            float b, c, cost = dm_fit_cost(s, f, 0.0f, &b, &c);
            if (b < 0.0f) cost = s.zz / (f.model_error * f.model_error);
            best = dm_fmin(best, cost + d1 * d1 + d2 * d2);
        }
    return best;
}

/* The fit with both edges shifted by whole samples, m1 and m2; y, sac, bone, n as above. */
typedef struct dm_shifted_fit {
    float pool, bone, cortex, cost, none, height; /* shares of the sac; chi-square with and without a pool; reach of a pool of 1 */
    int m1, m2;
} dm_shifted_fit;

/* Least squares of the pool and even bone. */
DM_FN float dm_pool_beside(dm_fit_sums s, float prior) {
    float det = s.bb * (s.pp + prior) - s.bp * s.bp;
    return dm_clampf(det > 1e-6f ? (s.bb * s.zp - s.bp * s.zb) / det : 0.0f, 0.0f, 1.2f);
}

/* The pool that costs least: with bone that is even, that has as much cortex as it may, or anything between. */
DM_FN float dm_fit_pool(dm_fit_sums s, dm_fit_args f, float *pool, float *bone, float *cortex) {
    const float prior = f.model_error * f.model_error / (f.ridge * f.ridge);
    float try[3], det = s.bb * s.cc - s.bc * s.bc;
    int tries = 1;
    try[0] = dm_pool_beside(s, prior);
    if (det > 1e-3f * s.bb * s.cc) {
        float vb = (s.bp * s.cc - s.cp * s.bc) / det, vc = (s.cp * s.bb - s.bp * s.bc) / det, left = s.pp + prior - vb * s.bp - vc * s.cp;
        try[1] = dm_pool_beside(dm_fit_full(s, f.cortex_most, f.cortex_more), prior);
        try[2] = dm_clampf(left > 1e-6f ? (s.zp - vb * s.zb - vc * s.zc) / left : 0.0f, 0.0f, 1.2f);
        tries = 3;
    }
    float best = 1e30f;
    for (int i = 0; i < tries; i++) {
        float b, c, cost = dm_fit_cost(s, f, try[i], &b, &c);
        if (cost < best) {
            best = cost;
            *pool = try[i];
            *bone = b;
            *cortex = c;
        }
    }
    return best;
}

DM_FN dm_shifted_fit dm_fit_shifted(const float *y, const float *sac, const float *bone, int n, dm_map_args a, dm_fit_args f,
                                    float rim, int m1, int m2) {
    int band = dm_clampi((int)dm_floor(f.band / a.dr + 0.5f), 1, DM_FIT_PAD - 8);
    int shell = dm_cortex_samples(a, f);
    float d1 = (float)m1 * a.dr / f.shift_sd, d2 = (float)m2 * a.dr / f.shift_sd, top = 0.0f;
    dm_fit_sums s = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    for (int k = 0; k < n; k++) {
        int j = k + DM_FIT_PAD;
        float fs = sac[j - m1], fb = bone[j - m2], fc = fb - bone[j - m2 - shell];
        float rise = 1.0f - sac[j - m1 - 2], fall = bone[j - m2 + 1];
        if (f.shape == 1) fall = dm_fmax(fall, 1.0f - sac[j - m1 - 2 - band]);
        if (f.shape == 2) rise = dm_fmin(rise, bone[j - m2 + 1 + band]);
        float fp = dm_fmax(rise - fall, 0.0f), z = y[k] - rim * fs;
        top = dm_fmax(top, fp);
        dm_fit_add_bone(&s, z, fb, fc);
        s.zp += z * fp;
        s.bp += fb * fp;
        s.cp += fc * fp;
        s.pp += fp * fp;
    }
    dm_shifted_fit one;
    float bone0, cortex0, shifts = d1 * d1 + d2 * d2;
    one.cost = dm_fit_pool(s, f, &one.pool, &one.bone, &one.cortex) + shifts;
    one.none = dm_fit_cost(s, f, 0.0f, &bone0, &cortex0) + shifts;
    one.height = top;
    one.m1 = m1;
    one.m2 = m2;
    return one;
}

/* What is known of the walls at one cell: mm from the line. */
typedef struct dm_walls {
    float dura, bone; /* bone: how far the canal reaches here by its neighbours */
    float seen, q;    /* where the bone's edge was found and how strong it is, 0..1 */
    int body;         /* 1 = the bone is a body's back wall: thin cortex on marrow; else it is even */
    float cortex;     /* by how much a body's cortex may be brighter than its marrow whatever that is; value units, 0 at discs */
    float rim;        /* brightness of the fluid just inside the dura, share of the sac's, tissue 0 */
} dm_walls;

/* 1 where bodies lie: within `angle` degrees of straight ahead. */
DM_FN int dm_faces_body(dm_map_args a, int t, float angle) {
    float turn = 360.0f / (float)a.nt * (float)t;
    return turn <= angle || turn >= 360.0f - angle;
}

/* Least cost over the two shifts for one cell. `p` profile, s = sac - tissue at this cell. out: pool (share of the sac), bone
 * (share), cost (chi-square), thickness (mm where what is left after both edges exceeds half of the pool's height), height that
 * a pool of 1 would reach between the blurred edges: near 0 in a narrow gap, where a pool is a guess; gain = fall of the cost
 * against the best fit without a pool. A cell without a complete profile gets pool 0 and cost -1. */
DM_FN void dm_fit_cell(DM_GLOBAL const float *DM_RESTRICT p, dm_map_args a, dm_fit_args f, dm_walls w, float tissue, float s,
                       DM_GLOBAL float *out) {
    const float rd = w.dura, rb = w.bone, seen = w.seen, q = w.q;
    if (w.body) {
        f.beyond = f.body_beyond;
        f.cortex_more = s > 0.0f ? w.cortex / s : 0.0f;
    } else {
        f.cortex = 0.0f;
    }
    const int shift[7] = {-5, -3, -1, 0, 1, 3, 5};
    float y[DM_FIT_MAX], sac[DM_FIT_MAX + 2 * DM_FIT_PAD], bone[DM_FIT_MAX + 2 * DM_FIT_PAD];
    int k0 = dm_max((int)dm_floor((rd - 1.2f) / a.dr + 0.5f), 0);
    int n = dm_min((int)dm_floor((rb + f.beyond) / a.dr + 0.5f) - k0 + 1, DM_FIT_MAX);
    out[DM_FIT_P] = 0.0f;
    out[DM_FIT_B] = 0.0f;
    out[DM_FIT_COST] = -1.0f;
    out[DM_FIT_THICK] = 0.0f;
    out[DM_FIT_HEIGHT] = 0.0f;
    out[DM_FIT_GAIN] = 0.0f;
    if (n < 6 || k0 + n > a.nr || !(s > 0.0f)) return;
    for (int k = 0; k < n; k++) {
        if (dm_is_outside(p[k0 + k])) return;
        y[k] = (p[k0 + k] - tissue) / s;
    }
    for (int j = 0; j < n + 2 * DM_FIT_PAD; j++) {
        float r = (float)(k0 + j - DM_FIT_PAD) * a.dr;
        sac[j] = dm_normal_cdf((rd - r) / f.width);
        bone[j] = dm_normal_cdf((r - rb) / f.width);
    }
    dm_shifted_fit best = {0.0f, 0.0f, 0.0f, 1e30f, 1e30f, 0.0f, 0, 0};
    float none = 1e30f;
    for (int j1 = 0; j1 < 7; j1++)
        for (int j2 = 0; j2 < 7; j2++) {
            dm_shifted_fit one = dm_fit_shifted(y, sac, bone, n, a, f, w.rim, shift[j1], shift[j2]);
            none = dm_fmin(none, one.none);
            if (one.cost < best.cost) best = one;
        }
    if (f.edge_least > 0.0f) {
        float blurred[DM_FIT_MAX + 2 * DM_FIT_PAD];
        for (int j = 0; j < n + 2 * DM_FIT_PAD; j++)
            blurred[j] = dm_normal_cdf(((float)(k0 + j - DM_FIT_PAD) * a.dr - rb) / (1.5f * f.width));
        none = dm_fmin(none, dm_contact_cost(y, sac, bone, n, a, f, w.rim, rb - rd, dm_fmax(rb - seen, 0.0f), q));
        none = dm_fmin(none, dm_contact_cost(y, sac, blurred, n, a, f, w.rim, rb - rd, dm_fmax(rb - seen, 0.0f), q));
    }
    float thick = 0.0f;
    int shell = dm_cortex_samples(a, f);
    for (int k = 0; k < n; k++) {
        int j = k + DM_FIT_PAD - best.m2;
        float left = y[k] - w.rim * sac[k + DM_FIT_PAD - best.m1] - best.bone * bone[j] - best.cortex * (bone[j] - bone[j - shell]);
        if (left > 0.5f * best.pool * best.height) thick += a.dr;
    }
    out[DM_FIT_P] = best.pool;
    out[DM_FIT_B] = best.bone;
    out[DM_FIT_COST] = best.cost;
    out[DM_FIT_THICK] = best.pool > 0.05f ? thick : 0.0f;
    out[DM_FIT_HEIGHT] = best.height;
    out[DM_FIT_GAIN] = none - best.cost;
}

/* ---- MR: a pool that the dura's surface has swallowed ----
 * Where fluid lies on both sides of the dura and bone and fat are dark, the brightest edge is the pool's outer one, and the
 * surface found goes round the pool. What remains of the dura is a dark line between two bright layers, often no more than a
 * shoulder after the blur. Models of the profile by depth u inside the outer edge, in units of the sac: dark outside, fluid
 * down to rc, darker (cord, roots) below; with a line, the layer outside it may have its own brightness. All models share
 * their samples, so each is four columns and the inverse of their normal matrix, made once for a study. */
enum { DM_MEMBRANE_K = 27, DM_MEMBRANE_TERMS = 4, DM_MEMBRANE_ROW = DM_MEMBRANE_TERMS * DM_MEMBRANE_K + DM_MEMBRANE_TERMS * DM_MEMBRANE_TERMS + 1 };
enum { DM_MEMBRANE_GAIN, DM_MEMBRANE_STRICT, DM_MEMBRANE_POOL, DM_MEMBRANE_DEPTH, DM_MEMBRANE_N };

typedef struct dm_membrane_args {
    int plain, healthy, models;         /* rows of the table: first those of even fluid, then of fluid that dims outwards, then with a line */
    float iv;                           /* 1 / variance of a sample */
    float mean[DM_MEMBRANE_TERMS], prior[DM_MEMBRANE_TERMS]; /* expected terms and 1 / their variances */
    float most;                         /* gains are cut at +-this */
} dm_membrane_args;

/* Radius near rd at which the profile falls through half of its rim; rd where it does not within 1.5 mm. Beside epidural veins, a
 * third as bright as the sac, it falls half way to them: what is darkest within 2 mm outside counts from a fifth of the sac on, in
 * part from a tenth. Fat and bone are darker. */
DM_FN float dm_outer_edge(DM_GLOBAL const float *DM_RESTRICT p, dm_map_args a, float rd, float sac) {
    int k0 = dm_clampi((int)dm_floor(rd / a.dr), 6, a.nr - 9), k = k0 - 2;
    float peak = p[k0 - 6], outside = p[k0];
    for (int j = k0 - 6; j <= k0 + 1; j++) peak = dm_fmax(peak, p[j]);
    for (int j = k0; j <= k0 + 8; j++) outside = dm_fmin(outside, p[j]);
    float low = 0.5f * (peak + outside * dm_clampf(10.0f * outside / sac - 1.0f, 0.0f, 1.0f));
    while (k < k0 + 6 && !(p[k] >= low && p[k + 1] < low)) k++;
    if (k == k0 + 6) return rd;
    float r = a.dr * ((float)k + (p[k] - low) / (p[k] - p[k + 1]));
    return dm_fabs(r - rd) > 1.5f ? rd : r;
}

/* Fall of chi-square by a line against even fluid (negative: worse with one) and against fluid that may dim, brightness of the
 * layer outside it, depth of its inner edge. p = profile, sac = the sac's value here, table = args.models rows of
 * DM_MEMBRANE_ROW: columns term by term, the inverse normal matrix, the depth. A profile with a hole gets the gains -most. */
DM_FN void dm_membrane_cell(DM_GLOBAL const float *DM_RESTRICT p, dm_map_args a, dm_membrane_args f,
                            DM_GLOBAL const float *DM_RESTRICT table, float rd, float sac, DM_GLOBAL float *out) {
    float y[DM_MEMBRANE_K];
    out[DM_MEMBRANE_GAIN] = -f.most;
    out[DM_MEMBRANE_STRICT] = -f.most;
    out[DM_MEMBRANE_POOL] = 0.0f;
    out[DM_MEMBRANE_DEPTH] = 0.0f;
    int last = dm_clampi((int)dm_floor((rd + 3.5f) / a.dr), 8, a.nr - 1);
    if (!(sac > 0.0f)) return;
    for (int k = 0; k <= last; k++)
        if (dm_is_outside(p[k])) return;
    float ro = dm_outer_edge(p, a, rd, sac), yy = 0.0f;
    for (int k = 0; k < DM_MEMBRANE_K; k++) {
        float x = dm_clampf((ro + 1.5f - 0.25f * (float)k) / a.dr, 0.0f, (float)last - 0.001f);
        int i = (int)x;
        y[k] = (p[i] + (x - (float)i) * (p[i + 1] - p[i])) / sac;
        yy += y[k] * y[k];
    }
    float base = yy * f.iv, plain = 1e30f, none = 1e30f, line = 1e30f;
    for (int t = 0; t < DM_MEMBRANE_TERMS; t++) base += f.mean[t] * f.mean[t] * f.prior[t];
    for (int m = 0; m < f.models; m++) {
        DM_GLOBAL const float *row = table + (size_t)m * DM_MEMBRANE_ROW;
        DM_GLOBAL const float *inverse = row + DM_MEMBRANE_TERMS * DM_MEMBRANE_K;
        float b[DM_MEMBRANE_TERMS], cost = base, pool = 0.0f;
        for (int t = 0; t < DM_MEMBRANE_TERMS; t++) {
            float dot = 0.0f;
            for (int k = 0; k < DM_MEMBRANE_K; k++) dot += row[t * DM_MEMBRANE_K + k] * y[k];
            b[t] = dot * f.iv + f.mean[t] * f.prior[t];
        }
        for (int t = 0; t < DM_MEMBRANE_TERMS; t++) {
            float x = 0.0f;
            for (int q = 0; q < DM_MEMBRANE_TERMS; q++) x += inverse[t * DM_MEMBRANE_TERMS + q] * b[q];
            cost -= b[t] * x;
            if (t == 2) pool = x;
        }
        if (m < f.healthy) {
            none = dm_fmin(none, cost);
            if (m < f.plain) plain = none;
        } else if (cost < line) {
            line = cost;
            out[DM_MEMBRANE_POOL] = dm_clampf(pool, 0.0f, 1.2f);
            out[DM_MEMBRANE_DEPTH] = row[DM_MEMBRANE_ROW - 1];
        }
    }
    out[DM_MEMBRANE_GAIN] = dm_clampf(plain - line, -f.most, f.most);
    out[DM_MEMBRANE_STRICT] = dm_clampf(none - line, -f.most, f.most);
}

#endif
