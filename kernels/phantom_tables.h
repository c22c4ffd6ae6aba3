/* Digital reference objects: the tables that describe one anatomy and the functions that look things up in
 * them.
 *
 * Everything is placed in the anatomy's own LPS-like frame (x left, y posterior, z head, mm); the volume's
 * affine carries the patient's position in the scanner. Along the spine: s = mm from the line's first node,
 * (a, l) = mm ventral and left of it, (r, theta) the polar form, column = theta / 5 degrees. */
#ifndef DM_PHANTOM_KERNEL_H
#define DM_PHANTOM_KERNEL_H
#include "dialect.h"
#include "kmath.h"

/* Rows of the tables; each is flat floats, so that host and device agree on the layout. */
enum {
    PH_NT = 72,
    /* node: one per mm of the line */
    PH_P = 0,
    PH_T = 3,
    PH_V = 6,
    PH_L = 9,
    PH_K = 12,
    PH_SAC = 15,
    PH_LAYER,
    PH_CORD_AP,
    PH_CORD_TR,
    PH_CORD_A,
    PH_VERT,
    PH_CAUDA,
    PH_SETTLED_A, /* unit vector (a, l) in which the settled roots lie, */
    PH_SETTLED_L,
    PH_SETTLED_TOP,   /* mm along it where they begin, in the middle, */
    PH_SETTLED_CURVE, /* 1/mm by which they climb the walls, */
    PH_SETTLED_PART,  /* and the share that they take of the room there; 0 = none */
    PH_NODE = 28,
    /* vertebra */
    PH_S_FROM = 0,
    PH_S_TO,
    PH_TYPE,
    PH_DISC_TOP,
    PH_DISC_BOT,
    PH_DEPTH,
    PH_HALF_W,
    PH_FRONT,
    PH_CANC,
    PH_LAM_TOP,
    PH_LAM_BOT,
    PH_LAM_THICK,
    PH_LAM_SLOPE,
    PH_SP_S,
    PH_SP_LEN,
    PH_SP_TAN,
    PH_SP_H,
    PH_SP_W,
    PH_BACK,
    PH_CANAL_W,
    PH_ALA,
    PH_LIP,
    PH_DISC_VALUE,
    PH_NUCLEUS,
    PH_WAIST,
    PH_FUSED,
    PH_VROW = 28,
    /* one row per 2 mm of z */
    PH_Z_S = 0,
    PH_Z_X,
    PH_Z_Y,
    PH_Z_CX,
    PH_Z_CY,
    PH_Z_HW,
    PH_Z_HAP,
    PH_Z_FAT,
    PH_Z_CAGE_Y,
    PH_Z_CAGE_W,
    PH_Z_CAGE_AP,
    PH_Z_LUNG,
    PH_Z_ABDOMEN,
    PH_Z_AIRWAY,
    PH_Z_WIDE,
    PH_Z_SKULL,
    PH_ZROW = 16,
    /* primitive: a tapered capsule, scaled along s; MID and REACH2: beyond that circle in (a, l) it shows
       nothing */
    PH_A0 = 0,
    PH_L0,
    PH_S0,
    PH_A1,
    PH_L1,
    PH_S1,
    PH_R0,
    PH_R1,
    PH_SCALE,
    PH_LAYER_NO,
    PH_VALUE,
    PH_MIX,
    PH_MID_A,
    PH_MID_L,
    PH_REACH2,
    PH_PROW = 16,
    /* rib: one per side */
    PH_R_Z = 0,
    PH_R_SIDE,
    PH_R_LEN,
    PH_R_DROP,
    PH_R_HALF,
    PH_R_FROM,
    PH_RROW = 8,
    /* organ: an ellipsoid in x, y, z with a value */
    PH_O_X = 0,
    PH_O_Y,
    PH_O_Z,
    PH_O_RX,
    PH_O_RY,
    PH_O_RZ,
    PH_O_VALUE,
    PH_O_TEX,
    PH_OROW = 8,
    /* wall tables, one row of PH_NT per node and table */
    PH_RB = 0,
    PH_RD,
    PH_PI,
    PH_PO,
    PH_PV,
    PH_FLESH,
    PH_WALLS = 6
};

/* Values of materials, HU or signal. */
enum {
    PH_M_AIR,
    PH_M_FAT,
    PH_M_MUSCLE,
    PH_M_SKIN,
    PH_M_CORTEX,
    PH_M_ENDPLATE,
    PH_M_EPI,
    PH_M_CORD,
    PH_M_ROOT,
    PH_M_LUNG,
    PH_M_ORGAN,
    PH_M_VESSEL,
    PH_M_FLAVUM,
    PH_M_VEIN,
    PH_M_ARCH,
    PH_M_BRAIN,
    PH_M_TEXTURE,
    PH_M_BOWEL,
    PH_M_DENSE, /* within laminae and pedicles: more cortex than marrow */
    PH_M_FLOW, /* no value: depth of flow voids in fluid, 0..1 */
    PH_M_COUNT = 20
};

/* Layers of primitives: what they are drawn over. */
enum { PH_BONE, PH_SOFT, PH_OVER };

typedef struct dm_ph_args {
    int nx, ny, nz, k0; /* whole volume; first slice of this launch */
    int n_nodes, n_z, n_verts, n_ribs, n_organs, n_buckets, modality;
    float m[12];    /* voxel index -> anatomy frame, mm */
    float z_low, w; /* z of the first z row; width of an edge, mm (scanner's blur and voxel together) */
    uint seed;
    float noise, soft; /* noise: s.d. in HU or signal; soft: blur of the noise in pixels */
    float bias[6];     /* MR: slopes and curvatures of the gain over the volume, +-1 */
    float mat[PH_M_COUNT];
    float skull[4]; /* centre x, y, z and radius of the skull; radius 0 = none */
    /* MR: where the canal enters the skull (x, y, z), the way up from there (unit), the cord's size there (1
     * = 8 by 11.5 mm) and the fluid's signal; signal 0 = no brain stem. */
    float stem[8];
} dm_ph_args;

#define PH_TABLES                                                                                            \
    DM_GLOBAL const float *DM_RESTRICT nodes, DM_GLOBAL const float *DM_RESTRICT walls,                      \
        DM_GLOBAL const float *DM_RESTRICT verts, DM_GLOBAL const float *DM_RESTRICT zrows,                  \
        DM_GLOBAL const float *DM_RESTRICT prims, DM_GLOBAL const int *DM_RESTRICT buckets,                  \
        DM_GLOBAL const float *DM_RESTRICT ribs, DM_GLOBAL const float *DM_RESTRICT organs
#define PH_TABLE_NAMES nodes, walls, verts, zrows, prims, buckets, ribs, organs

/* Counter-based random bits (lowbias32 of E. Wellons, two rounds). */
DM_FN uint dm_ph_mix(uint x) {
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    x ^= x >> 16;
    return x;
}
DM_FN uint dm_ph_hash3(uint seed, int x, int y, int z) {
    return dm_ph_mix((uint)x * 0x9e3779b1u ^
                     dm_ph_mix((uint)y * 0x85ebca77u ^ dm_ph_mix((uint)z * 0xc2b2ae3du ^ seed)));
}

/* Fraction of a blurred voxel that lies inside, for a signed distance (inside negative) and an edge width. */
DM_FN float dm_ph_cover(float d, float w) {
    float u = dm_clampf(0.5f - d / w, 0.0f, 1.0f);
    return u * u * (3.0f - 2.0f * u);
}
DM_FN float dm_ph_mixf(float a, float b, float t) {
    return a + t * (b - a);
}

/* atan2 in units of 5-degree columns, 0..72, theta from ventral (a) towards left (l). Minimax arctangent of 7
 * terms, error below 1e-5 radian. */
DM_FN float dm_ph_column(float a, float l) {
    float x = dm_fabs(a), y = dm_fabs(l);
    float hi = dm_fmax(x, y), q = hi > 1e-6f ? dm_fmin(x, y) / hi : 0.0f, s = q * q;
    float t =
        q *
        (0.99997726f +
         s * (-0.33262347f + s * (0.19354346f + s * (-0.11643287f + s * (0.05265332f - s * 0.01172120f)))));
    if (y > x) t = 1.57079633f - t;
    if (a < 0.0f) t = 3.14159265f - t;
    if (l < 0.0f) t = 6.28318531f - t;
    return t * 11.4591559f;
}

/* Smooth noise -1..1 on a lattice of the given cell, mm. */
DM_FN float dm_ph_lattice(uint seed, float cell, float x, float y, float z) {
    x = x / cell + 4096.0f;
    y = y / cell + 4096.0f;
    z = z / cell + 4096.0f;
    int i = (int)x, j = (int)y, k = (int)z;
    float f = x - (float)i, g = y - (float)j, h = z - (float)k;
    f = f * f * (3.0f - 2.0f * f);
    g = g * g * (3.0f - 2.0f * g);
    h = h * h * (3.0f - 2.0f * h);
    float v[2];
    for (int c = 0; c < 2; c++) {
        float p = (float)(dm_ph_hash3(seed, i, j, k + c) >> 8),
              q = (float)(dm_ph_hash3(seed, i + 1, j, k + c) >> 8);
        float r = (float)(dm_ph_hash3(seed, i, j + 1, k + c) >> 8),
              t = (float)(dm_ph_hash3(seed, i + 1, j + 1, k + c) >> 8);
        v[c] = dm_ph_mixf(dm_ph_mixf(p, q, f), dm_ph_mixf(r, t, f), g);
    }
    return dm_ph_mixf(v[0], v[1], h) * (1.0f / 8388608.0f) - 1.0f;
}

/* A point in the spine's coordinates. */
typedef struct dm_ph_point {
    float s, a, l, r, column;
    int node, vert;
} dm_ph_point;

/* The nearest point of the line: Newton steps on (p - line(s)) . tangent = 0 from a first s taken from the
 * slice. */
DM_FN dm_ph_point dm_ph_locate(const dm_ph_args *g, DM_GLOBAL const float *DM_RESTRICT nodes, float s,
                               float x, float y, float z) {
    dm_ph_point q;
    float last = (float)(g->n_nodes - 1) - 0.001f;
    float d0 = 0.0f, d1 = 0.0f, d2 = 0.0f;
    s = dm_clampf(s, 0.0f, last);
    for (int it = 0; it < 5; it++) {
        int i = (int)s;
        float f = s - (float)i;
        DM_GLOBAL const float *n = nodes + (size_t)i * PH_NODE;
        d0 = x - (n[PH_P] + f * n[PH_T]);
        d1 = y - (n[PH_P + 1] + f * n[PH_T + 1]);
        d2 = z - (n[PH_P + 2] + f * n[PH_T + 2]);
        float along = d0 * n[PH_T] + d1 * n[PH_T + 1] + d2 * n[PH_T + 2];
        float bend = d0 * n[PH_K] + d1 * n[PH_K + 1] + d2 * n[PH_K + 2];
        if (it == 4) break;
        s = dm_clampf(s + along / dm_clampf(1.0f - bend, 0.45f, 2.5f), 0.0f, last);
    }
    q.s = s;
    q.node = (int)s;
    DM_GLOBAL const float *n = nodes + (size_t)q.node * PH_NODE;
    q.vert = (int)n[PH_VERT];
    float f = s - (float)q.node;
    DM_GLOBAL const float *o = n + PH_NODE;
    float v0 = dm_ph_mixf(n[PH_V], o[PH_V], f), v1 = dm_ph_mixf(n[PH_V + 1], o[PH_V + 1], f),
          v2 = dm_ph_mixf(n[PH_V + 2], o[PH_V + 2], f);
    float l0 = dm_ph_mixf(n[PH_L], o[PH_L], f), l1 = dm_ph_mixf(n[PH_L + 1], o[PH_L + 1], f),
          l2 = dm_ph_mixf(n[PH_L + 2], o[PH_L + 2], f);
    q.a = d0 * v0 + d1 * v1 + d2 * v2;
    q.l = d0 * l0 + d1 * l1 + d2 * l2;
    q.r = dm_sqrt(q.a * q.a + q.l * q.l);
    q.column = 0.0f;
    return q;
}

/* A wall table at the point: linear in s and theta. */
DM_FN float dm_ph_wall(DM_GLOBAL const float *DM_RESTRICT walls, int n_nodes, int table,
                       const dm_ph_point *q) {
    int c = (int)q->column;
    float fc = q->column - (float)c, fs = q->s - (float)q->node;
    c = c >= PH_NT ? c - PH_NT : c;
    int c1 = c + 1 == PH_NT ? 0 : c + 1;
    DM_GLOBAL const float *t = walls + ((size_t)table * (size_t)n_nodes + (size_t)q->node) * PH_NT;
    float top = dm_ph_mixf(t[c], t[c1], fc), low = dm_ph_mixf(t[PH_NT + c], t[PH_NT + c1], fc);
    return dm_ph_mixf(top, low, fs);
}

/* Signed distance to a tapered capsule whose s is scaled (scale < 1: longer along the spine). */
DM_FN float dm_ph_capsule(DM_GLOBAL const float *DM_RESTRICT p, const dm_ph_point *q) {
    float k = p[PH_SCALE];
    float bx = p[PH_A1] - p[PH_A0], by = p[PH_L1] - p[PH_L0], bz = (p[PH_S1] - p[PH_S0]) * k;
    float x = q->a - p[PH_A0], y = q->l - p[PH_L0], z = (q->s - p[PH_S0]) * k;
    float bb = bx * bx + by * by + bz * bz;
    float t = bb > 1e-6f ? dm_clampf((x * bx + y * by + z * bz) / bb, 0.0f, 1.0f) : 0.0f;
    x -= t * bx;
    y -= t * by;
    z -= t * bz;
    float d = x * x + y * y + z * z;
    float slope = dm_sqrt((x * x + y * y + k * k * z * z + 1e-9f) / (d + 1e-9f));
    return (dm_sqrt(d) - dm_ph_mixf(p[PH_R0], p[PH_R1], t)) / slope;
}

/* Signed distance to a box of half sizes (bx, by) with rounded corners. */
DM_FN float dm_ph_box(float x, float y, float bx, float by, float round) {
    float qx = dm_fabs(x) - bx + round, qy = dm_fabs(y) - by + round;
    float ox = dm_fmax(qx, 0.0f), oy = dm_fmax(qy, 0.0f);
    return dm_sqrt(ox * ox + oy * oy) + dm_fmin(dm_fmax(qx, qy), 0.0f) - round;
}

#endif
