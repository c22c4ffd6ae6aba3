/* The two surfaces of the canal in the straightened volume v[(i*nt + t)*nr + k]: i along the line, t round it, k*dr mm from
 * it. Strength of the dura's and of the bone's edge, costs, and the messages of semi-global matching (Hirschmueller 2008)
 * that find the radius of every ray. Values are also read on the sac's scale: u = 0 tissue, 1 the sac's contrast or fluid. */
#ifndef DM_SURFACE_H
#define DM_SURFACE_H
#include "dialect.h"

typedef struct dm_surf_args {
    int ns, nt, nr;
    float dr; /* mm */
} dm_surf_args;

/* Shares are of the step from tissue to sac. */
typedef struct dm_edge_args {
    int mr;
    float tissue;     /* HU of soft tissue; 0 in MR */
    float min_r;      /* mm: no surface is nearer to the line */
    float dura_drop;  /* share: fall that makes a full edge */
    float passed;     /* mm of fluid that lie inside a dura's edge */
    float dark;       /* mm of dark outside the sac that end it */
    float cord;       /* mm of dark inside the sac that are the cord */
    float cord_from;  /* mm from the line: the cord's near side is never further out */
    float fat;        /* HU: darker than this is fat, not cord */
    float bone_rise;  /* HU that make a full edge */
    float bone_low;   /* HU: outside of an edge below this is no bone; full weight 80 HU above */
    float wall;       /* HU that count as wall */
    float faint;      /* HU: contrast below this is no brighter than marrow, bone must exceed it */
    float wall_depth; /* mm of wall behind which no edge is the canal's */
    float ligament;   /* HU of a full edge from fat to ligament */
    int behind_blur;   /* CT: 1 = a rise that the sac's blur hides counts as bone. So does contrast outside the dura: not where that is sought */
} dm_edge_args;

DM_FN size_t dm_ray_of(dm_surf_args a, int i, int t) { return ((size_t)i * (size_t)a.nt + (size_t)t) * (size_t)a.nr; }

/* Gaussian of 0.7 steps along the line and 0.5 round it; samples outside the scan are left out. */
DM_FN float dm_surf_smooth_at(DM_GLOBAL const float *v, dm_surf_args a, int i, int t, int k) {
    const float ws = 0.360448f, wt = 0.135335f;
    if (dm_is_outside(v[dm_ray_of(a, i, t) + (size_t)k])) return DM_OUTSIDE;
    float sum = 0.0f, norm = 0.0f;
    for (int di = -1; di <= 1; di++)
        for (int dt = -1; dt <= 1; dt++) {
            int ii = i + di, tt = (t + dt + a.nt) % a.nt;
            if (ii < 0 || ii >= a.ns) continue;
            float x = v[dm_ray_of(a, ii, tt) + (size_t)k];
            float w = (di ? ws : 1.0f) * (dt ? wt : 1.0f);
            if (dm_is_outside(x)) continue;
            sum += w * x;
            norm += w;
        }
    return sum / norm;
}

/* Smallest (sign = -1) or largest (sign = 1) value within `half` steps along the line; outside is skipped. */
DM_FN float dm_surf_extreme_at(DM_GLOBAL const float *v, dm_surf_args a, int half_, float sign, int i, int t,
                               int k) {
    float best = DM_OUTSIDE;
    int from = dm_max(i - half_, 0), to = dm_min(i + half_, a.ns - 1), seen = 0;
    for (int j = from; j <= to; j++) {
        float x = v[dm_ray_of(a, j, t) + (size_t)k];
        if (dm_is_outside(x)) continue;
        best = seen ? dm_fmax(best, sign * x) : sign * x;
        seen = 1;
    }
    return seen ? sign * best : DM_OUTSIDE;
}

/* Mean of the samples from..to of a ray; DM_OUTSIDE when one is missing. */
DM_FN float dm_ray_mean(DM_GLOBAL const float *p, int nr, int from, int to) {
    float sum = 0.0f;
    from = dm_max(from, 0);
    if (to >= nr) return DM_OUTSIDE;
    for (int k = from; k <= to; k++) {
        if (dm_is_outside(p[k])) return DM_OUTSIDE;
        sum += p[k];
    }
    return sum / (float)dm_max(to - from + 1, 1);
}

/* Step at k: mean of `far` samples outside less mean of `in` samples inside, `step` apart. DM_OUTSIDE where one is missing. */
DM_FN float dm_ray_step(DM_GLOBAL const float *p, int nr, int k, int in, int step, int far) {
    float inner = dm_ray_mean(p, nr, k - in, k - step), outer = dm_ray_mean(p, nr, k + step, k + far);
    return dm_is_outside(inner) || dm_is_outside(outer) ? DM_OUTSIDE : outer - inner;
}

/* 1 at the steepest place within 3 samples, less beside it: keeps the place of an edge that is stronger than full. */
DM_FN float dm_ray_steepest(DM_GLOBAL const float *p, int nr, int k, int in, int step, int far, float value) {
    float most = dm_fabs(value);
    for (int j = dm_max(k - 3, in); j <= k + 3; j++) {
        float other = dm_ray_step(p, nr, j, in, step, far);
        if (!dm_is_outside(other) && other * value > 0.0f) most = dm_fmax(most, dm_fabs(other));
    }
    return dm_fabs(value) / most;
}

DM_FN int dm_mm(float mm, float dr) { return (int)dm_floor(mm / dr + 0.5f); }
DM_FN float dm_ramp(float v, float from, float width) { return dm_clampf((v - from) / width, 0.0f, 1.0f); }

/* Where the sac can begin and must end on one ray. */
typedef struct dm_ray_sac {
    float top;         /* level of the fluid on this ray, 0.5..1.1 of the sac */
    int first;         /* first sample with enough fluid behind it; nr = none */
    int cord_end;      /* last cord sample + 1; 0 = no cord after fluid */
    int block;         /* start of what ends the sac; nr = nothing */
    int cord;          /* 1 = 1.5 mm of dark lie before the fluid: half of a cord, more than a root */
} dm_ray_sac;

/* s = smoothed profile, o = its opening along the line (what persists: fluid does, bone does not). */
DM_FN dm_ray_sac dm_sac_of_ray(DM_GLOBAL const float *s, DM_GLOBAL const float *o, dm_surf_args a,
                               dm_edge_args e, float level) {
    float scale = 1.0f / (level - e.tissue), top = 0.0f;
    dm_ray_sac r;
    for (int k = 0; k < a.nr && (float)k * a.dr < 9.0f; k++)
        if (!dm_is_outside(o[k])) top = dm_fmax(top, (o[k] - e.tissue) * scale);
    r.top = dm_clampf(top / 0.9f, 0.5f, 1.1f);
    r.first = r.block = a.nr;
    r.cord_end = 0;
    r.cord = 0;
    float passed = 0.0f, dark = 0.0f, depth = 0.0f, bright = 0.0f, low = 0.0f, inside = 0.0f;
    int start = 0;
    for (int k = 0; k < a.nr; k++) {
        if (dm_is_outside(s[k]) || dm_is_outside(o[k])) break;
        float u = (s[k] - e.tissue) * scale, persist = (o[k] - e.tissue) * scale;
        int fluid = u > 0.6f * r.top && u < 1.7f * r.top && persist > 0.35f * r.top;
        if (fluid) {
            int cord = dark >= e.cord && (float)start * a.dr < e.cord_from && depth > e.fat * dark;
            if (cord && bright < a.dr) {
                r.cord_end = k;
                r.block = a.nr;
            }
            passed += a.dr;
            if (passed >= e.passed && r.first == a.nr) {
                r.first = k;
                r.cord = inside >= 1.5f;
            }
            dark = depth = bright = 0.0f;
            low = u;
        } else if (r.first == a.nr) {
            if (u < 0.4f * r.top) inside += a.dr;
        } else {
            low = dm_fmin(low, u);
            if (u < 0.4f * r.top) {
                if (dark == 0.0f) start = k;
                dark += a.dr;
                depth += a.dr * s[k];
            }
            /* Brighter again behind a dip, and not lasting along the line: bone, or a pool. */
            if (u > 1.7f * r.top || (low < 0.75f * r.top && u > low + 0.2f)) bright += a.dr;
            if ((dark >= e.dark || bright >= 0.5f) && r.block == a.nr) r.block = dark >= e.dark ? start : k;
        }
    }
    return r;
}

/* A dip of a CT's ray behind the rim of fluid in front of the cord. No roots lie there: what is bright again is a pool or the
 * cortex of a body, and the dura lies before the dip. */
typedef struct dm_ray_dip {
    int at;      /* darkest sample; nr = none */
    float depth; /* below the lesser of rim and what follows, share of the sac */
    float low;   /* value there, share of the rim */
} dm_ray_dip;

/* 1 where a ray runs within so many degrees of straight ahead. */
DM_FN int dm_ahead(dm_surf_args a, int t, int within) {
    int turn = 360 * t / a.nt;
    return turn <= within || turn >= 360 - within;
}

/* Bodies and discs; nothing else, and deeper than rays reach. */
DM_FN int dm_in_front(dm_surf_args a, int t) { return dm_ahead(a, t, 50); }
DM_FN int dm_straight_ahead(dm_surf_args a, int t) { return dm_ahead(a, t, 35); }

/* first: sample in the rim. A dip lies within 3.5 mm, what follows it within 2.5. */
DM_FN dm_ray_dip dm_dip_of_ray(DM_GLOBAL const float *s, dm_surf_args a, dm_edge_args e, float level, int first) {
    const float least = 0.03f; /* share of the sac: three s.d. of smoothed noise */
    float scale = 1.0f / (level - e.tissue), peak = 0.0f, low = 0.0f, after = 0.0f;
    int at = first, found = 0;
    dm_ray_dip dip = {a.nr, 0.0f, 0.0f};
    for (int k = first; k < a.nr && !dm_is_outside(s[k]); k++) {
        float u = (s[k] - e.tissue) * scale;
        if (found) {
            if (k > at + dm_mm(2.5f, a.dr)) break;
            after = dm_fmax(after, u);
        } else if (u > peak || u < low) {
            if (u > peak) peak = u;
            low = u;
            at = k;
        } else if (dm_fmin(u, peak) - low > least) {
            found = 1;
            after = u;
        } else if (k > at + dm_mm(3.5f, a.dr)) {
            break;
        }
    }
    if (found) dip = (dm_ray_dip){at, dm_fmin(peak, after) - low, low / peak};
    return dip;
}

/* A dip that blur has filled has no clear fall: the dura lies a sample before it. */
DM_FN float dm_dip_edge(dm_ray_dip dip, int k) {
    float beside = (float)(k > dip.at - 1 ? k - dip.at + 1 : dip.at - 1 - k);
    return dm_ramp(dip.depth, 0.02f, 0.08f) * dm_ramp(dip.low, 0.4f, 0.2f) * dm_clampf(1.0f - beside / 3.0f, 0.0f, 1.0f);
}

/* Strength 0..1 of the dura's edge along one ray where contrast or fluid fills the sac. voxel: mm of a voxel along the ray: an
 * edge is spread over that much, and is compared over no less. front: dm_in_front. */
DM_FN void dm_dura_ray(DM_GLOBAL const float *s, DM_GLOBAL const float *o, dm_surf_args a,
                       dm_edge_args e, float level, float voxel, int front, DM_GLOBAL float *out) {
    dm_ray_sac sac = dm_sac_of_ray(s, o, a, e, level);
    dm_ray_dip dip = {a.nr, 0.0f, 0.0f};
    if (!e.mr && front && sac.cord) dip = dm_dip_of_ray(s, a, e, level, sac.first);
    sac.block = dm_min(sac.block, dip.at);
    int roots = e.mr || (sac.cord_end == 0 && !sac.cord); /* CT: no cauda runs beside a cord */
    float scale = 1.0f / (level - e.tissue);
    int in = dm_mm(dm_fmax(1.25f, voxel), a.dr), step = dm_max(dm_mm(0.25f, a.dr), 1), far = dm_mm(dm_fmax(1.0f, voxel), a.dr);
    for (int k = 0; k < a.nr; k++) {
        out[k] = 0.0f;
        if (k < sac.first || (float)k * a.dr < e.min_r) continue;
        float inner = dm_ray_mean(s, a.nr, k - in, k - step), outer = dm_ray_mean(s, a.nr, k + step, k + far);
        if (dm_is_outside(inner) || dm_is_outside(outer)) continue;
        float ui = (inner - e.tissue) * scale, uo = (outer - e.tissue) * scale;
        float fall = dm_clampf((ui - uo) / e.dura_drop, 0.0f, 1.0f);
        float rim = 0.0f, lasting = 0.0f;
        for (int j = dm_max(k - in, 0); j < k; j++) rim = dm_fmax(rim, (s[j] - e.tissue) * scale);
        for (int j = dm_max(k - dm_mm(2.0f, a.dr), 0); j < k; j++) lasting = dm_fmax(lasting, (o[j] - e.tissue) * scale);
        fall *= dm_ramp(rim, 0.5f * sac.top, 0.4f * sac.top) * dm_ramp(-ui, -1.7f * sac.top, 0.4f * sac.top);
        float rise = !e.mr && outer > e.wall && ui > 0.45f * sac.top && ui < 1.4f * sac.top
                         ? 0.4f * dm_clampf((outer - inner) / e.bone_rise, 0.0f, 1.0f) : 0.0f;
        float edge = dm_fmax(fall, rise) * (0.4f + 0.6f * dm_ramp(lasting, 0.35f * sac.top, 0.25f * sac.top));
        if (fall >= rise && ui - uo > 0.5f * e.dura_drop) edge *= dm_ray_steepest(s, a.nr, k, in, step, far, outer - inner);
        if (k < sac.cord_end) edge *= 0.3f;
        /* Dark, then nearly as bright again: a root of the cauda, not the dura. A pool outside is darker than the sac. */
        float again = 0.0f;
        for (int j = k + far; j <= dm_min(k + dm_mm(3.5f, a.dr), a.nr - 1); j++)
            if (!dm_is_outside(o[j]) && o[j] - e.tissue > 0.7f * (s[j] - e.tissue))
                again = dm_fmax(again, (s[j] - e.tissue) * scale);
        if (roots) edge *= 1.0f - 0.8f * dm_ramp(again, 0.85f * ui, 0.1f * ui) * dm_ramp(again - uo, 0.05f, 0.1f);
        if (k > sac.block + dm_mm(0.75f, a.dr)) edge *= 0.2f;
        out[k] = dm_fmax(edge, dm_dip_edge(dip, k));
    }
}

/* Without contrast: the fall from the sac's soft tissue to epidural fat. Never as strong as a seen edge. */
DM_FN void dm_dura_plain_ray(DM_GLOBAL const float *s, dm_surf_args a, dm_edge_args e,
                             DM_GLOBAL float *out) {
    int step = dm_max(dm_mm(0.25f, a.dr), 1), in = dm_mm(1.25f, a.dr), far = dm_mm(1.0f, a.dr);
    for (int k = 0; k < a.nr; k++) {
        out[k] = 0.0f;
        if (e.mr || (float)k * a.dr < e.min_r) continue;
        float inner = dm_ray_mean(s, a.nr, k - in, k - step), outer = dm_ray_mean(s, a.nr, k + step, k + far);
        if (dm_is_outside(inner) || dm_is_outside(outer) || inner > 120.0f) continue;
        out[k] = 0.5f * dm_clampf((inner - outer) / 80.0f, 0.0f, 1.0f) * dm_ramp(-outer, 0.0f, 40.0f) *
                 dm_ramp(inner, -40.0f, 30.0f);
    }
}

/* Value of a ray at k less what the blurred edge of the sac at rd leaves there: 0.8 mm of blur, as of 1 mm voxels. */
DM_FN float dm_beyond_sac(DM_GLOBAL const float *s, int k, float dr, float level, float rd) {
    float x = ((float)k * dr - rd) / 1.6f;
    float tail = x <= 0.0f ? 1.0f : x >= 1.0f ? 0.0f : 0.5f * (1.0f - x) * (1.0f - x);
    return dm_fmax(s[k] - level * tail, 0.0f);
}

/* Mean of the samples from..to without the sac's blurred edge at rd. */
DM_FN float dm_mean_beyond_sac(DM_GLOBAL const float *s, int from, int to, float dr, float level, float rd) {
    float sum = 0.0f;
    from = dm_max(from, 0);
    for (int j = from; j <= to; j++) sum += dm_beyond_sac(s, j, dr, level, rd);
    return sum / (float)dm_max(to - from + 1, 1);
}

/* CT: rise at k, the mean of 1 mm outside less that of 1 mm inside. Where bone all but touches a bright sac, the
 * sac's blur hides its near side. Four fifths of that are taken away: what is left still falls outwards, so that no rise is
 * made where there is none. DM_OUTSIDE where a sample is missing. */
DM_FN float dm_bone_rise(DM_GLOBAL const float *s, dm_surf_args a, dm_edge_args e, float level, float rd, int k) {
    int step = dm_max(dm_mm(0.25f, a.dr), 1), win = dm_mm(1.0f, a.dr);
    float inner = dm_ray_mean(s, a.nr, k - win, k - step), outer = dm_ray_mean(s, a.nr, k + step, k + win);
    if (dm_is_outside(inner) || dm_is_outside(outer)) return DM_OUTSIDE;
    if (e.behind_blur && level >= e.faint && rd > 0.0f)
        inner = dm_fmin(inner, dm_mean_beyond_sac(s, k - win, k - step, a.dr, 0.8f * (level - e.tissue), rd));
    return outer - inner;
}

/* CT, straight ahead: the last sample of fat, up to 12 mm from the dura, that lies between 2.5 mm of something dimmer than the sac (a
 * blurred cortex is thinner) and a body; 0 = none. Behind a body's back wall comes marrow, not fat: what comes before fat is a pool (or
 * the sac itself, where the dura was drawn in), however much it looks like a wall. Cortex brighter than that ends the search. */
DM_FN int dm_fat_before_body(DM_GLOBAL const float *s, dm_surf_args a, dm_edge_args e, float level, float rd) {
    float most = e.tissue + 0.8f * (level - e.tissue);
    int run = 0, found = 0, from = dm_mm(rd + 0.75f, a.dr);
    if (rd <= 0.0f || level < e.faint) return 0;
    for (int k = from; k < dm_min(from + dm_mm(12.0f, a.dr), a.nr) && !dm_is_outside(s[k]) && s[k] < most; k++) {
        run += s[k] > e.bone_low;
        if (s[k] > e.fat || run < dm_mm(2.5f, a.dr)) continue;
        for (int j = k + 1; j < dm_min(k + dm_mm(4.0f, a.dr), a.nr) && !dm_is_outside(s[j]); j++)
            if (s[j] > e.wall) found = k;
    }
    return found;
}

/* HU: nothing is known of how bright the study's bone is. */
#define DM_BONE_ANY 1e6f

/* Brightest from sample k to so many mm behind it. */
DM_FN float dm_brightest_behind(DM_GLOBAL const float *s, dm_surf_args a, int k, float mm) {
    float most = s[k];
    for (int j = k + 1; j <= dm_min(k + dm_mm(mm, a.dr), a.nr - 1) && !dm_is_outside(s[j]); j++) most = dm_fmax(most, s[j]);
    return most;
}

/* Strength of the bone's edge along one ray of a CT. rd = radius of the dura, mm (0 = none known); level = the sac's, or
 * DM_OUTSIDE where nothing fills it; ahead: dm_straight_ahead; most = HU of the study's brightest bone that way (DM_BONE_ANY = unknown):
 * what outshines it beside contrast is contrast, and where that falls to bone begins the bone. */
DM_FN void dm_bone_ray_ct(DM_GLOBAL const float *s, DM_GLOBAL const float *o, dm_surf_args a,
                          dm_edge_args e, float level, float rd, int ahead, float most, DM_GLOBAL float *out) {
    int body = ahead ? dm_fat_before_body(s, a, e, level, rd) : 0; /* no bone up to here */
    float before = 0.0f, shining = 0.0f; /* brightest beyond the dura, a millimetre before k; mm of what outshines bone */
    int step = dm_max(dm_mm(0.25f, a.dr), 1), win = dm_mm(1.0f, a.dr);
    float lasting = level < e.faint ? 30000.0f : dm_fmax(e.tissue + 0.5f * (level - e.tissue), e.wall);
    float low = level < e.faint ? dm_fmax(e.bone_low, level + 40.0f) : e.bone_low, bone = dm_fmax(e.wall, low);
    float wall = 0.0f, least = level < e.faint ? 0.0f : 0.15f; /* so much of a full rise is left of a bright sac's own blur */
    for (int k = 0; k < a.nr; k++) {
        out[k] = 0.0f;
        float r = (float)k * a.dr;
        if (r < e.min_r || r < rd - 0.5f) continue;
        float inner = dm_ray_mean(s, a.nr, k - win, k - step), outer = dm_ray_mean(s, a.nr, k + step, k + win);
        float rise = dm_bone_rise(s, a, e, level, rd, k), steepest = rise;
        if (dm_is_outside(rise)) continue;
        int pool = dm_ray_mean(o, a.nr, k + step, k + win) > lasting;
        float edge = dm_ramp(rise, least * e.bone_rise, (1.0f - least) * e.bone_rise) * dm_ramp(outer, low, 80.0f);
        if (pool || k < body) edge *= 0.3f;
        for (int j = dm_max(k - 3, win); j <= k + 3 && rise > 0.5f * e.bone_rise; j++)
            steepest = dm_fmax(steepest, dm_bone_rise(s, a, e, level, rd, j));
        if (rise > 0.0f) edge *= rise / steepest;
        if (inner < 20.0f) edge = dm_fmax(edge, 0.6f * dm_clampf((outer - inner) / e.ligament, 0.0f, 1.0f));
        /* Straight ahead a body's back wall is brighter than what lies behind it: what is outshone was a pool. */
        if (r - 2.0f >= rd) before = dm_fmax(before, s[k - win]);
        if (wall > e.wall_depth && !(ahead && rd > 0.0f && outer > 1.3f * before)) edge *= 0.3f;
        if (s[k] > bone && s[k] < most && o[k] < lasting && r > rd && k >= body) wall += a.dr;
        if (level >= e.faint && rd > 0.0f && r > rd) {
            if (dm_brightest_behind(s, a, k, 1.5f) > most) edge *= 0.3f;
            if (r > rd + 0.75f && s[k] > most) shining += a.dr; /* behind the sac's own blur */
            if (shining >= 0.5f && outer < most && outer > bone)
                edge = dm_fmax(edge, 0.8f * dm_clampf((inner - outer) / e.bone_rise, 0.0f, 1.0f)); /* not as sure as a rise */
        }
        out[k] = edge;
    }
}

/* The same in MR: fat, or a pool, falls to the dark line of ligament and cortex. Where fat is suppressed nothing shows, and
 * the sac's own fall must not stand for it. Shares are of `level`. */
DM_FN void dm_bone_ray_mr(DM_GLOBAL const float *s, dm_surf_args a, dm_edge_args e, float level, float rd,
                          DM_GLOBAL float *out) {
    int step = dm_max(dm_mm(0.25f, a.dr), 1), win = dm_mm(1.0f, a.dr);
    float behind = 0.0f;
    for (int k = 0; k < a.nr; k++) {
        out[k] = 0.0f;
        float r = (float)k * a.dr;
        if (r < e.min_r || r < rd + 0.5f) continue;
        float outer = dm_ray_mean(s, a.nr, k + step, k + win);
        if (dm_is_outside(outer) || dm_is_outside(dm_ray_mean(s, a.nr, k - win, k))) continue;
        float inner = dm_mean_beyond_sac(s, k - win, k - step, a.dr, level, rd);
        float edge = dm_ramp(inner - outer, 0.05f * level, 0.2f * level) * dm_ramp(-outer, -0.5f * level, 0.2f * level);
        if (edge > 0.5f) edge *= dm_ray_steepest(s, a.nr, k, win, step, win, outer - inner);
        if (behind > 1.0f) edge *= 0.4f;
        if (s[k] < 0.15f * level && r > rd) behind += a.dr;
        out[k] = edge;
    }
}

/* What a radius costs beside its edge: two bounds and two pulls towards a radius, per ray. */
typedef struct dm_pull {
    float in, out; /* cost per mm inside and outside */
    float dead;    /* mm that cost nothing */
    float most;    /* cap */
} dm_pull;
typedef struct dm_cost_args {
    float step, slope; /* cost of crossing a bound, and per mm beyond */
    dm_pull one, two;
} dm_cost_args;

DM_FN float dm_pull_at(dm_pull p, float r, float mid) {
    float d = r - mid, over = dm_fabs(d) - p.dead;
    if (over <= 0.0f || mid <= 0.0f) return 0.0f;
    return dm_fmin(over * (d < 0.0f ? p.in : p.out), p.most);
}

/* guide = 4 radii of the ray, mm: lower bound, upper bound, middle of pull one, of pull two (0 = no pull). */
DM_FN float dm_cost_at(float edge, dm_cost_args c, DM_GLOBAL const float *guide, float r) {
    float cost = 1.0f - edge;
    if (r < guide[0]) cost += c.step + c.slope * (guide[0] - r);
    if (r > guide[1]) cost += c.step + c.slope * (r - guide[1]);
    return cost + dm_pull_at(c.one, r, guide[2]) + dm_pull_at(c.two, r, guide[3]);
}

/* Samples by which the expected radius grows from one ray to the next. guides: 4 radii each, as dm_cost_at. */
DM_FN int dm_expected_step(DM_GLOBAL const float *before, DM_GLOBAL const float *here, float dr) {
    return (int)dm_floor((here[2] - before[2]) / dr + 0.5f);
}

/* One step of a message: cheapest way to radius k from the radii within `reach` samples of it one step before, where `step`
 * samples of growth are expected and cost nothing. */
DM_FN float dm_message_at(DM_LOCAL const float *before, float cost, float weight, int reach, int step, int k, int nr) {
    int from = dm_clampi(k - step, 0, nr - 1);
    float best = before[from];
    for (int d = 1; d <= reach; d++) {
        float w = weight * (float)(d * d);
        if (from >= d) best = dm_fmin(best, before[from - d] + w);
        if (from + d < nr) best = dm_fmin(best, before[from + d] + w);
    }
    return cost + best;
}

/* Radius (samples, parabola through the lowest three) and strength there of one ray from the sum of its messages. */
DM_FN float dm_pick_radius(DM_GLOBAL const float *sum, DM_GLOBAL const float *edge, int nr,
                           float *strength) {
    int best = 0;
    for (int k = 1; k < nr; k++)
        if (sum[k] < sum[best]) best = k;
    float at = (float)best, q = edge[best];
    if (best > 0 && best < nr - 1) {
        float l = sum[best - 1], m = sum[best], h = sum[best + 1], bend = l - 2.0f * m + h;
        if (bend > 1e-6f) at += dm_clampf(0.5f * (l - h) / bend, -0.5f, 0.5f);
        q = dm_fmax(q, dm_fmax(edge[best - 1], edge[best + 1]));
    }
    *strength = q;
    return at;
}

#endif
