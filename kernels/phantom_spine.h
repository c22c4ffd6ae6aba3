/* Vertebrae, discs, canal, sac and what lies in and round them, and one voxel of a digital reference object.
 */
#ifndef DM_PHANTOM_SPINE_H
#define DM_PHANTOM_SPINE_H
#include "phantom_soft.h"

DM_FN float dm_ph_cancellous(const dm_ph_args *g, float base, float x, float y, float z) {
    float t =
        dm_ph_lattice(g->seed ^ 0x61u, 2.1f, x, y, z) + 0.7f * dm_ph_lattice(g->seed ^ 0x62u, 5.0f, x, y, z);
    return base + g->mat[PH_M_TEXTURE] * t;
}

/* Cortex on the bone that walls the canal in, where it is whole: what stands there but for it is drawn without one. */
typedef struct dm_ph_lining {
    float thick; /* mm; 0 = none */
    float part;  /* 0..1, how much of the wall is bone here */
    float value;
} dm_ph_lining;

/* The column of bodies and discs: two measures, across (d2) and along (dz), of the vertebra whose stretch
 * this is. Its back wall is left for `lining`. */
DM_FN float dm_ph_bodies(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT v, const dm_ph_point *q,
                         float x, float y, float z, dm_ph_lining *lining, float value) {
    float depth = v[PH_DEPTH], hw = v[PH_HALF_W];
    if (depth < 1.0f) return value;
    float ca = v[PH_FRONT] + 0.5f * depth - 2.0f, ba = 0.5f * depth + 2.0f;
    float pa = q->a - ca;
    if (dm_fabs(pa) > ba + 6.0f || dm_fabs(q->l) > hw + 6.0f) return value;
    float e = dm_fmin((pa * pa) / (ba * ba) + (q->l * q->l) / (hw * hw), 1.0f);
    float hollow = (1.0f - v[PH_FUSED]) * 0.35f * (1.0f - e);
    float top = q->s - v[PH_S_FROM] - v[PH_DISC_TOP] * (1.0f + hollow);
    float low = v[PH_S_TO] - v[PH_DISC_BOT] * (1.0f + hollow) - q->s;
    float dz = dm_fmax(-top, -low);
    float pos = dm_clampf(top / dm_fmax(top + low, 1.0f), 0.0f, 1.0f);
    float d2 = dm_ph_box(pa, q->l, ba, hw, 0.72f * dm_fmin(ba, hw));
    d2 += v[PH_WAIST] * 4.0f * pos * (1.0f - pos);
    d2 -= v[PH_LIP] * dm_clampf(1.0f - dm_fmin(top, low) / 5.0f, 0.0f, 1.0f);
    float disc = dm_ph_mixf(v[PH_DISC_VALUE], v[PH_NUCLEUS], dm_ph_cover(d2 + 7.0f, 5.0f));
    value = dm_ph_mixf(value, disc, dm_ph_cover(d2 + v[PH_LIP] - 0.6f, g->w));
    float d = dm_fmax(d2, dz);
    if (d > g->w) return value;
    float core = v[PH_CANC];
    if (dm_fmax(d2 + 0.9f, dz + 1.0f) < g->w) core = dm_ph_cancellous(g, core, x, y, z);
    /* Basivertebral vein: a cleft from the canal into the middle of the body. */
    float cleft = dm_ph_ellipse(q->l, (pos - 0.5f) * (v[PH_S_TO] - v[PH_S_FROM]), 4.5f, 1.6f);
    float open = pa < 0.0f ? 0.6f * dm_ph_cover(cleft, g->w * 1.5f) : 0.0f;
    core = dm_ph_mixf(core, g->mat[PH_M_VEIN], open);
    lining->part = dm_ph_cover(d, g->w) * (1.0f - open);
    lining->thick = 0.7f;
    lining->value = g->mat[PH_M_CORTEX];
    float rim = dz > d2 ? g->mat[PH_M_ENDPLATE] : g->mat[PH_M_CORTEX] * 0.8f;
    rim = v[PH_FUSED] > 0.5f && dz > d2 ? dm_ph_mixf(rim, core, 0.4f) : rim;
    float bone = dm_ph_mixf(rim, core, dm_ph_cover(dm_fmax(d2 + 0.8f, dz + 1.0f), g->w));
    return dm_ph_mixf(value, bone, dm_ph_cover(d, g->w));
}

/* Lamina and spinous process of one vertebra; rel = mm outside the canal's wall. */
DM_FN float dm_ph_arch(DM_GLOBAL const float *DM_RESTRICT v, const dm_ph_point *q, float rel) {
    float best = 99.0f, back = -q->a;
    if (v[PH_LAM_THICK] > 0.0f && q->a < 6.0f) {
        float off = dm_fmax(v[PH_LAM_SLOPE] * (q->s - v[PH_LAM_TOP]), 0.0f);
        float d = dm_fmax(off - rel, rel - off - v[PH_LAM_THICK]);
        d = dm_fmax(d, dm_fmax(v[PH_LAM_TOP] - q->s, q->s - v[PH_LAM_BOT]));
        best = dm_fmax(d, q->a - 0.1f * v[PH_CANAL_W]);
    }
    if (v[PH_SP_LEN] > 0.0f && back > v[PH_BACK] - 2.0f) {
        float out = back - v[PH_BACK], tip = dm_clampf(out / v[PH_SP_LEN], 0.0f, 1.0f);
        float ds = q->s - (v[PH_SP_S] + v[PH_SP_TAN] * out);
        float h = v[PH_SP_H] * (1.0f - 0.25f * tip), wide = v[PH_SP_W] * (0.8f + 0.6f * tip * tip);
        float cosine = 1.0f / dm_sqrt(1.0f + v[PH_SP_TAN] * v[PH_SP_TAN]);
        float d = dm_ph_box(ds * cosine, q->l, h, wide, dm_fmin(h, wide) * 0.8f);
        best = dm_fmin(best, dm_fmax(d, out - v[PH_SP_LEN]));
    }
    return best;
}

/* The wings of the sacrum; width read between this vertebra and the next. */
DM_FN float dm_ph_ala(DM_GLOBAL const float *DM_RESTRICT v, const dm_ph_point *q, int last) {
    float pos = dm_clampf((q->s - v[PH_S_FROM]) / dm_fmax(v[PH_S_TO] - v[PH_S_FROM], 1.0f), 0.0f, 1.0f);
    float wide = dm_ph_mixf(v[PH_ALA], last ? v[PH_ALA] * 0.6f : v[PH_VROW + PH_ALA], pos);
    float out = dm_fabs(q->l);
    float centre = v[PH_FRONT] + 0.35f * v[PH_DEPTH] - 0.38f * out;
    float half_t = dm_fmax(0.55f * v[PH_DEPTH] - 0.07f * out, 4.0f);
    float d = dm_ph_box(q->a - centre, out, half_t, wide, 4.0f);
    return d;
}

/* All of a vertebra's neighbourhood that is bone and no body: signed distance of the union. */
DM_FN float dm_ph_posterior(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT verts,
                            const dm_ph_point *q, float rel) {
    float best = 99.0f;
    for (int j = dm_max(q->vert - 2, 0); j <= dm_min(q->vert + 1, g->n_verts - 1); j++)
        best = dm_fmin(best, dm_ph_arch(verts + (size_t)j * PH_VROW, q, rel));
    DM_GLOBAL const float *v = verts + (size_t)q->vert * PH_VROW;
    if (v[PH_ALA] > 0.0f) {
        int last = q->vert == g->n_verts - 1;
        float d = dm_ph_ala(v, q, last);
        /* The first wing slopes down to the side from the first endplate. */
        int first = q->vert == 0 || v[PH_ALA - PH_VROW] <= 0.0f;
        if (first) d = dm_fmax(d, v[PH_S_FROM] + v[PH_DISC_TOP] + 0.22f * dm_fabs(q->l) - q->s);
        best = dm_fmin(best, d);
    }
    return best;
}

/* Roots of the cauda equina: thin strands that sink dorsally, as they do in a patient on the back. */
DM_FN float dm_ph_cauda(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT n, const dm_ph_point *q,
                        float rd, float value) {
    float have = n[PH_CAUDA];
    if (have <= 0.01f) return value;
    for (int i = 0; i < 14; i++) {
        uint h = dm_ph_mix(g->seed ^ (uint)(i * 7919 + 17));
        float side = (i & 1) ? 1.0f : -1.0f;
        float ph = (float)(h & 1023u) * 0.00614f;
        float along = q->s * (0.008f + 0.00001f * (float)(h & 511u));
        float rr = rd * (0.35f + 0.45f * (float)((h >> 10) & 255u) / 255.0f);
        float th = 1.5f + 0.11f * (float)(i / 2) + 0.25f * dm_sin(along + ph);
        float ra = rr * dm_cos(th), rl = side * rr * dm_sin(th);
        float da = q->a - ra, dl = q->l - rl;
        float d = dm_sqrt(da * da + dl * dl) - 0.6f;
        if (d < g->w) value = dm_ph_mixf(value, g->mat[PH_M_ROOT], 0.8f * have * dm_ph_cover(d, g->w));
    }
    return value;
}

/* Roots that lie against each other on the low side of the sac, as a scan of a patient at rest shows them: strands of a
 * millimetre and a half that run along, the fluid between them seen in part. */
DM_FN float dm_ph_settled(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT n, const dm_ph_point *q, float value) {
    float down = q->a * n[PH_SETTLED_A] + q->l * n[PH_SETTLED_L], aside = q->l * n[PH_SETTLED_A] - q->a * n[PH_SETTLED_L];
    float top = n[PH_SETTLED_TOP] - n[PH_SETTLED_CURVE] * aside * aside;
    if (n[PH_SETTLED_PART] <= 0.0f || down < top - g->w) return value;
    float strands = dm_ph_lattice(g->seed ^ 0x74u, 1.5f, q->a, q->l, q->s * 0.08f);
    float part = dm_clampf(n[PH_SETTLED_PART] + 0.6f * strands, 0.0f, 1.0f);
    return dm_ph_mixf(value, g->mat[PH_M_ROOT], part * dm_ph_cover(top - down, g->w));
}

/* Fat of the epidural space with its plexus. */
DM_FN float dm_ph_epidural(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT walls,
                           const dm_ph_point *q, float x, float y, float z) {
    float flesh = dm_ph_wall(walls, g->n_nodes, PH_FLESH, q);
    float vein = dm_ph_lattice(g->seed ^ 0x71u, 5.0f, x, y, z * 0.4f);
    return dm_ph_mixf(g->mat[PH_M_EPI], g->mat[PH_M_VEIN],
                      dm_clampf(flesh + 0.5f * vein * (flesh > 0.15f ? 1.0f : 0.0f), 0.0f, 1.0f));
}

/* Loss of signal where fluid pulses: patches behind the cord, T2 only; 1 = none. */
DM_FN float dm_ph_flow(const dm_ph_args *g, const dm_ph_point *q, float x, float y, float z) {
    float depth = g->mat[PH_M_FLOW];
    if (depth <= 0.0f) return 1.0f;
    float patch = dm_clampf(2.5f * (dm_ph_lattice(g->seed ^ 0x73u, 9.0f, x, y, z * 0.5f) - 0.2f), 0.0f, 1.0f);
    return 1.0f - depth * patch * dm_clampf(0.4f - 0.15f * q->a, 0.0f, 1.0f);
}

/* The canal and its wall's lining: epidural space (of value epi), pool, sac, cord; exact sum over nested blurred
 * shells. value: what stands outside. */
DM_FN float dm_ph_canal(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT nodes,
                        DM_GLOBAL const float *DM_RESTRICT walls, const dm_ph_point *q, float rb, dm_ph_lining lining,
                        float epi, float x, float y, float z, float value) {
    DM_GLOBAL const float *n = nodes + (size_t)q->node * PH_NODE;
    float f = q->s - (float)q->node;
    float rd = dm_ph_wall(walls, g->n_nodes, PH_RD, q), w = g->w;
    float in = dm_ph_wall(walls, g->n_nodes, PH_PI, q), out = dm_ph_wall(walls, g->n_nodes, PH_PO, q);
    float sac = dm_ph_mixf(n[PH_SAC], n[PH_NODE + PH_SAC], f);
    sac *= 1.0f + n[PH_LAYER] * (q->r > 0.5f ? q->a / q->r : 0.0f) * dm_fmin(q->r * 0.15f, 1.0f);
    float cover_b = dm_ph_cover(q->r - rb, w), cover_d = rd > 0.2f ? dm_ph_cover(q->r - rd, w) : 0.0f;
    float cover_o = dm_fmin(dm_ph_cover(q->r - out, w), cover_b);
    float cover_i = dm_fmin(dm_ph_cover(q->r - in, w), cover_o);
    cover_d = dm_fmin(cover_d, cover_i);
    float pool = dm_ph_wall(walls, g->n_nodes, PH_PV, q);
    if (cover_o > cover_i) pool *= 1.0f + 0.18f * dm_ph_lattice(g->seed ^ 0x72u, 4.0f, x, y, z);
    float inside = sac * dm_ph_flow(g, q, x, y, z);
    if (cover_d > 0.0f) {
        float ap = dm_ph_mixf(n[PH_CORD_AP], n[PH_NODE + PH_CORD_AP], f),
              tr = dm_ph_mixf(n[PH_CORD_TR], n[PH_NODE + PH_CORD_TR], f);
        if (ap > 0.3f) {
            float d = dm_ph_ellipse(q->a - n[PH_CORD_A], q->l, ap, tr);
            inside = dm_ph_mixf(inside, g->mat[PH_M_CORD], dm_ph_cover(d, w));
        }
        inside = dm_ph_settled(g, n, q, dm_ph_cauda(g, n, q, rd, inside));
    }
    float cortex = lining.part * (dm_ph_cover(q->r - rb - lining.thick, w) - cover_b);
    return value * (1.0f - cover_b - cortex) + lining.value * cortex + epi * (cover_b - cover_o + cover_i - cover_d) +
           pool * (cover_o - cover_i) + inside * cover_d;
}

/* Draws the primitives of one layer from place i of the bucket on; returns the place after them. Bone without
 * a value of its own joins the union *bone. */
DM_FN int dm_ph_layer(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT prims,
                      DM_GLOBAL const int *DM_RESTRICT list, int i, int end, int layer, const dm_ph_point *q,
                      float sac, float *bone, float *value) {
    for (; i < end; i++) {
        DM_GLOBAL const float *p = prims + (size_t)list[i] * PH_PROW;
        if ((int)p[PH_LAYER_NO] != layer) break;
        float ma = q->a - p[PH_MID_A], ml = q->l - p[PH_MID_L];
        if (ma * ma + ml * ml > p[PH_REACH2]) continue;
        float d = dm_ph_capsule(p, q);
        if (p[PH_MIX] < 0.5f)
            *bone = dm_fmin(*bone, d);
        else if (d < g->w) {
            float v = p[PH_MIX] > 1.5f ? p[PH_VALUE] * sac : p[PH_VALUE];
            *value = dm_ph_mixf(*value, v, dm_ph_cover(d, g->w));
        }
    }
    return i;
}

/* The spine at a point, drawn over what surrounds it. */
DM_FN float dm_ph_spine(const dm_ph_args *g, PH_TABLES, float s, float x, float y, float z, float value) {
    dm_ph_point q = dm_ph_locate(g, nodes, s, x, y, z);
    if (q.s <= 0.0f || q.s >= (float)(g->n_nodes - 1) - 0.01f) return value;
    (void)zrows;
    (void)ribs;
    (void)organs;
    q.column = dm_ph_column(q.a, q.l);
    float rb = dm_ph_wall(walls, g->n_nodes, PH_RB, &q), rel = q.r - rb, bone = 99.0f;
    DM_GLOBAL const float *v = verts + (size_t)q.vert * PH_VROW;
    int bucket = dm_clampi((int)(q.s * 0.125f), 0, g->n_buckets - 1);
    int i = buckets[bucket], end = buckets[bucket + 1];
    DM_GLOBAL const int *list = buckets + g->n_buckets + 1;
    float sac = nodes[(size_t)q.node * PH_NODE + PH_SAC];
    dm_ph_point inner = q;
    dm_ph_lining lining = {0.0f, 0.0f, 0.0f};
    float inner_rel = rel;
    if (rel < g->w && q.r > 0.5f) {
        /* The wall is blurred once, by the canal that is drawn over it: what lies outside is taken where it is whole. */
        float out = (rb + g->w) / q.r;
        q.a *= out, q.l *= out, q.r = rb + g->w;
        rel = g->w;
    }
    if (inner_rel > -2.0f) {
        if (rel < 9.0f) value = dm_ph_mixf(value, g->mat[PH_M_FAT], dm_ph_cover(rel - 6.0f, 4.0f));
        if (rel < 5.0f && q.a < -2.0f)
            value = dm_ph_mixf(value, g->mat[PH_M_FLAVUM], dm_ph_cover(rel - 3.0f, g->w));
        value = dm_ph_bodies(g, v, &q, x, y, z, &lining, value);
        if (rel < 60.0f) bone = dm_ph_posterior(g, verts, &q, rel);
        i = dm_ph_layer(g, prims, list, i, end, PH_BONE, &q, sac, &bone, &value);
        if (bone < g->w) {
            float core = dm_ph_cancellous(g, g->mat[v[PH_ALA] > 0.0f ? PH_M_ARCH : PH_M_DENSE], x, y, z);
            float b = dm_ph_mixf(g->mat[PH_M_CORTEX], core, dm_ph_cover(bone + 1.3f, g->w));
            float part = dm_ph_cover(bone, g->w);
            value = dm_ph_mixf(value, b, part);
            if (part > lining.part) lining = (dm_ph_lining){1.3f, part, g->mat[PH_M_CORTEX] * (g->modality ? 1.0f : 1.3f)};
        }
    } else {
        while (i < end && (int)prims[(size_t)list[i] * PH_PROW + PH_LAYER_NO] == PH_BONE) i++;
    }
    q = inner;
    i = dm_ph_layer(g, prims, list, i, end, PH_SOFT, &q, sac, &bone, &value);
    if (inner_rel < g->w + lining.thick)
        value = dm_ph_canal(g, nodes, walls, &q, rb, lining, dm_ph_epidural(g, walls, &q, x, y, z), x, y, z, value);
    dm_ph_layer(g, prims, list, i, end, PH_OVER, &q, sac, &bone, &value);
    return value;
}

/* Noise of unit s.d. at a voxel, blurred in the slice with a Gaussian of `soft` pixels. */
DM_FN float dm_ph_noise(uint seed, float soft, int i, int j, int k) {
    uint base = dm_ph_mix((uint)k * 0xc2b2ae3du ^ seed);
    float wt[3];
    wt[0] = 1.0f;
    wt[1] = soft > 0.25f ? dm_exp(-0.5f / (soft * soft)) : 0.0f;
    wt[2] = soft > 0.25f ? dm_exp(-2.0f / (soft * soft)) : 0.0f;
    float sum = 0.0f, norm = 0.0f;
    int reach = soft > 0.25f ? 2 : 0;
    for (int dj = -reach; dj <= reach; dj++) {
        uint row = dm_ph_mix((uint)(j + dj) * 0x85ebca77u ^ base);
        float wj = wt[dj < 0 ? -dj : dj];
        for (int di = -reach; di <= reach; di++) {
            uint h = dm_ph_mix((uint)(i + di) * 0x9e3779b1u ^ row);
            float b = (float)((h & 255u) + ((h >> 8) & 255u) + ((h >> 16) & 255u) + (h >> 24)) - 510.0f;
            float wi = wj * wt[di < 0 ? -di : di];
            sum += wi * b;
            norm += wi * wi;
        }
    }
    return sum / (147.8f * dm_sqrt(norm));
}

/* What the scanner would give without noise. */
DM_FN float dm_ph_truth(const dm_ph_args *g, PH_TABLES, float x, float y, float z) {
    int k = dm_clampi((int)((z - g->z_low) * 0.5f + 0.5f), 0, g->n_z - 1);
    DM_GLOBAL const float *row = zrows + (size_t)k * PH_ZROW;
    float value = dm_ph_surround(g, row, ribs, organs, x, y, z);
    if (dm_is_outside(value)) return g->mat[PH_M_AIR];
    float dx = dm_fabs(x - row[PH_Z_X]), dy = y - row[PH_Z_Y];
    if (dx < row[PH_Z_WIDE] && dy > -85.0f && dy < 95.0f)
        value = dm_ph_spine(g, PH_TABLE_NAMES, row[PH_Z_S], x, y, z, value);
    return value;
}

/* One voxel as stored: CT in HU, MR as signal. */
DM_FN short dm_ph_voxel(const dm_ph_args *g, PH_TABLES, int i, int j, int k) {
    float fi = (float)i, fj = (float)j, fk = (float)k;
    float x = g->m[0] * fi + g->m[1] * fj + g->m[2] * fk + g->m[3];
    float y = g->m[4] * fi + g->m[5] * fj + g->m[6] * fk + g->m[7];
    float z = g->m[8] * fi + g->m[9] * fj + g->m[10] * fk + g->m[11];
    float v = dm_ph_truth(g, PH_TABLE_NAMES, x, y, z);
    if (g->modality == 0) {
        v += g->noise * (v < -700.0f ? 0.6f : 1.0f) * dm_ph_noise(g->seed ^ 0x81u, g->soft, i, j, k);
        return (short)dm_clampf(dm_floor(v + 0.5f), -1024.0f, 3071.0f);
    }
    float u = 2.0f * fi / (float)g->nx - 1.0f, t = 2.0f * fj / (float)g->ny - 1.0f,
          h = 2.0f * fk / (float)g->nz - 1.0f;
    float gain = 1.0f + g->bias[0] * u + g->bias[1] * t + g->bias[2] * h - g->bias[3] * u * u -
                 g->bias[4] * t * t - g->bias[5] * h * h;
    float re = v * dm_fmax(gain, 0.1f) + g->noise * dm_ph_noise(g->seed ^ 0x82u, g->soft, i, j, k);
    float im = g->noise * dm_ph_noise(g->seed ^ 0x83u, g->soft, i, j, k);
    return (short)dm_clampf(dm_floor(dm_sqrt(re * re + im * im) + 0.5f), 0.0f, 4095.0f);
}

#endif
