/* The middle of the canal from its walls: rays in planes normal to a line that is already roughly right. */
#include "eliminate.h"
#include "spine_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "frame.h"
#include "ranks.h"

/* Rays: 0 to 20 mm by 0.5 mm, every 1 mm along the line. A canal's half width is 6 to 15 mm. */
enum { NR = 41, OPEN = 14, GATHER = 7 };
static const double DR = 0.5;
static const double RIM_FAR = 9, RIM_THICK = 5; /* mm from the sac's middle to its rim; of rim, with its blur */
static const double CORD_FAR = 7; /* mm: half of the widest cord */
static const int CORD = 12; /* mm2: a third of the thinnest cord, for the blur of its rim; no sac is narrower */
static const double OBLONG = 2.2; /* length by width: the cord is at most twice as wide as deep */
static const float FAT = -20; /* HU: darker than this, as a mean, is fat */

/* A view of the gathered samples. */
typedef struct rays {
    int ns, mr;
    float bone, column;
    const float *v; /* (s * DM_NT + theta) * NR + r */
    float *opened;
    float *hit;     /* s * DM_NT + theta: mm, negative = none */
    float *level;   /* per s: value of the bright column, 0 = none */
} rays;

static float at(const float *v, int s, int t, int k) {
    return v[((size_t)s * DM_NT + (size_t)t) * NR + (size_t)k];
}

/* One binomial step [1 2 1] / 4 along s and along r, in place of the raw samples: the opening below takes extremes of 29
 * samples, which noise would drive. Samples outside the field stay outside. */
static void calm(const float *from, int n, size_t stride, float *to) {
    for (int i = 0; i < n; i++) {
        float here = from[(size_t)i * stride], a = i ? from[(size_t)(i - 1) * stride] : here;
        float b = i + 1 < n ? from[(size_t)(i + 1) * stride] : here;
        int out = dm_is_outside(here) || dm_is_outside(a) || dm_is_outside(b);
        to[(size_t)i * stride] = out ? here : 0.5f * here + 0.25f * (a + b);
    }
}

static void smooth(const rays *r, float *v, float *spare) {
    size_t ring = (size_t)DM_NT * NR;
    for (size_t c = 0; c < ring; c++) calm(v + c, r->ns, ring, spare + c);
    for (size_t c = 0; c < (size_t)r->ns * DM_NT; c++) calm(spare + c * NR, NR, 1, v + c * NR);
}

/* Smallest (sign 1) or largest (sign -1) value within +-OPEN mm along the line; what lies outside the field is left out. */
static void extreme_along(const rays *r, const float *v, float sign, float *out) {
    size_t ring = (size_t)DM_NT * NR;
    for (int s = 0; s < r->ns; s++) {
        int k0 = s > OPEN ? s - OPEN : 0, k1 = s + OPEN < r->ns ? s + OPEN : r->ns - 1;
        for (size_t c = 0; c < ring; c++) {
            float low = sign * v[(size_t)s * ring + c];
            for (int k = k0; k <= k1; k++) {
                float p = v[(size_t)k * ring + c];
                if (!dm_is_outside(p)) low = dm_fmin(low, sign * p);
            }
            out[(size_t)s * ring + c] = sign * low;
        }
    }
}

/* Opening along the line over 28 mm: fluid persists, bone falls to its discs and gaps. */
static void open_along(const rays *r, float *spare) {
    extreme_along(r, r->v, 1.0f, spare);
    extreme_along(r, spare, -1.0f, r->opened);
}

static float median(float *v, int n) {
    if (!n) return 0.0f;
    dm_sort(v, (size_t)n);
    return v[n / 2];
}

/* Level of a bright column: median over the angles of the brightest persistent value within 8 mm. CT: only where more
 * than half of the angles are bright within 5.5 mm; overlapping laminae lie further out. */
static float column_level(const rays *r, int s) {
    float top[DM_NT];
    int near = 0;
    for (int t = 0; t < DM_NT; t++) {
        float best = 0.0f;
        for (int k = 0; k <= (int)(8.0 / DR); k++) {
            float o = at(r->opened, s, t, k);
            if (k == (int)(5.5 / DR)) near += best > r->column;
            if (o > best) best = o;
        }
        top[t] = best;
    }
    float level = median(top, DM_NT) / 0.85f;
    return near > DM_NT / 2 && level > r->column ? level : 0.0f;
}

/* Wall along one ray: bone; in a bright column its edge, or the bone that ends it. Not the bone beyond the fat: where 5 mm of it lie behind
 * the sac (real chests, T4 to T7) the middle of the bony canal lies in the sac's wall, and no dura is found from there. */
static float wall(const rays *r, int s, int t) {
    float c = r->level[s];
    int seen = 0;
    for (int k = 0; k < NR; k++) {
        float v = at(r->v, s, t, k);
        if (dm_is_outside(v)) return -1.0f;
        if (c <= 0.0f) {
            if (!r->mr && k >= 4 && v > r->bone) return (float)(k * DR);
            continue;
        }
        if (v > 0.6f * c) seen = 1;
        if (!r->mr && k >= 4 && v > r->bone && at(r->opened, s, t, k) < 0.6f * dm_fmin(v, c)) return (float)(k * DR);
        if (seen && k >= 4 && v < 0.5f * c) return (float)(k * DR);
    }
    return -1.0f;
}

static void find_walls(rays *r) {
    for (int s = 0; s < r->ns; s++) r->level[s] = column_level(r, s);
    for (int s = 0; s < r->ns; s++)
        for (int t = 0; t < DM_NT; t++) r->hit[s * DM_NT + t] = wall(r, s, t);
}

/* Median of the hits of one angle within +-GATHER mm; -1 where fewer than a quarter of the rays hit. */
static float gathered(const rays *r, int s, int t) {
    float some[2 * GATHER + 1];
    int n = 0, all = 0;
    for (int k = s - GATHER; k <= s + GATHER; k++) {
        if (k < 0 || k >= r->ns) continue;
        all++;
        if (r->hit[k * DM_NT + t] > 0) some[n++] = r->hit[k * DM_NT + t];
    }
    return 4 * n >= all ? median(some, n) : -1.0f;
}

static void basis(int t, double b[5]) {
    double angle = t * 2.0 * 3.14159265358979 / DM_NT;
    b[0] = 1, b[1] = cos(angle), b[2] = sin(angle), b[3] = cos(2 * angle), b[4] = sin(2 * angle);
}

/* Circle, shift and oval (harmonics 0, 1, 2) through the walls; weights fall for walls off the fit (foramina, gaps). */
static void fit(const float *r, double c[5]) {
    double b[5];
    c[0] = 8, c[1] = c[2] = c[3] = c[4] = 0;
    for (int round = 0; round < 5; round++) {
        double m[5][6] = {{0}};
        for (int t = 0; t < DM_NT; t++) {
            if (r[t] <= 0) continue;
            basis(t, b);
            double off = r[t] - (b[0] * c[0] + b[1] * c[1] + b[2] * c[2] + b[3] * c[3] + b[4] * c[4]);
            double w = round ? 1.0 / (1.0 + off * off / 4.0) : 1.0;
            for (int i = 0; i < 5; i++) {
                for (int j = 0; j < 5; j++) m[i][j] += w * b[i] * b[j];
                m[i][5] += w * b[i] * r[t];
            }
        }
        for (int i = 0; i < 5; i++) m[i][i] += i ? 2.0 : 1e-3;
        dm_eliminate(5, m[0], c);
    }
}

/* Share of the angles whose wall lies within 2.5 mm of the fit: 1 = a closed canal. */
static float agreement(const float *r, const double c[5]) {
    double b[5];
    int n = 0;
    for (int t = 0; t < DM_NT; t++) {
        if (r[t] <= 0) continue;
        basis(t, b);
        n += fabs(r[t] - (b[0] * c[0] + b[1] * c[1] + b[2] * c[2] + b[3] * c[3] + b[4] * c[4])) < 2.5;
    }
    return (float)n / DM_NT;
}

/* What the line itself lies in: the mean over 1 mm round it and GATHER mm along it, HU. */
static double own_value(const rays *r, int s) {
    double sum = 0;
    int n = 0;
    for (int k = s - GATHER; k <= s + GATHER; k++)
        for (int t = 0; t < DM_NT && k >= 0 && k < r->ns; t++)
            for (int j = 0; j <= 2; j++) {
                float v = at(r->v, k, t, j);
                if (!dm_is_outside(v)) sum += (double)v, n++;
            }
    return n ? sum / n : 0;
}

/* Value of row s at a mm ventral and l mm left of the line. */
static float value_at(const rays *r, int s, double a, double l) {
    int k = (int)(hypot(a, l) / DR + 0.5);
    return k < NR ? at(r->v, s, dm_column_of(atan2(l, a) * 180 / 3.14159265358979), k) : DM_OUTSIDE;
}

/* 1 where the way from (a, l) in a direction meets a rim of contrast, with no fat before it and something darker behind. */
static int meets_rim(const rays *r, int s, double a, double l, double angle) {
    float top = 0.0f;
    double reach = RIM_FAR;
    for (double q = 0; q <= reach; q += DR) {
        float v = value_at(r, s, a + q * cos(angle), l + q * sin(angle));
        if (dm_is_outside(v) || (top <= 0.0f && v < FAT)) return 0;
        if (top <= 0.0f && v > r->column) reach = q + RIM_THICK;
        if (v > r->column) top = dm_fmax(top, v);
        if (v < 0.5f * top) return 1;
    }
    return 0;
}

/* 1 where the way from (a, l) meets contrast twice as bright as there, before fat and within a cord's half width: a thin cord is blurred by
 * its rim. What lies behind may be as bright: a collection. */
static int meets_contrast(const rays *r, int s, double a, double l, double angle) {
    float least = dm_fmax(r->column, 2.0f * value_at(r, s, a, l));
    for (double q = 0; q <= CORD_FAR; q += DR) {
        float v = value_at(r, s, a + q * cos(angle), l + q * sin(angle));
        if (dm_is_outside(v) || v < FAT) return 0;
        if (v > least) return 1;
    }
    return 0;
}

/* Places up to SEARCH mm from the line, every mm. */
enum { DIRECTIONS = 24, SEARCH = 8, WIDTH = 2 * SEARCH + 1, PLACES = WIDTH * WIDTH };

/* 1 where a rim of contrast is met in `least` directions from (a, l). dark: twice as bright as there, whatever lies behind it. Directions far
 * from each other are asked in turn: most places fail by the first few. */
static int is_within(const rays *r, int s, double a, double l, int dark, int least) {
    int met = 0;
    for (int d = 0; d < DIRECTIONS && met + DIRECTIONS - d >= least; d++) {
        double angle = 7 * d % DIRECTIONS * 2.0 * 3.14159265358979 / DIRECTIONS;
        met += dark ? meets_contrast(r, s, a, l, angle) : meets_rim(r, s, a, l, angle);
    }
    return met >= least;
}

/* The same for all places. */
static void find_within(const rays *r, int s, int dark, int least, uint8_t within[PLACES]) {
    for (int i = 0; i < PLACES; i++) {
        int x = i % WIDTH - SEARCH, y = i / WIDTH - SEARCH;
        within[i] = x * x + y * y <= SEARCH * SEARCH && is_within(r, s, x, y, dark, least);
    }
}

/* Places joined to each other: how many (mm2), their middle, and how much longer than wide they are. */
typedef struct region {
    int n;
    double a, l, oblong;
} region;

static region region_of(int n, double x, double y, double xx, double yy, double xy) {
    double a = x / n, l = y / n, half = 0.5 * (xx + yy - (a * x + l * y)) / n;
    double turn = hypot(0.5 * (xx - a * x - yy + l * y), xy - a * y) / n, third = 1.0 / 12; /* of a place's own width */
    return (region){n, a, l, sqrt((half + turn + third) / (half - turn + third))};
}

/* Takes the places joined to `seed` out of `within`. */
static region take_region(uint8_t within[PLACES], int seed) {
    int stack[PLACES], depth = 0, n = 0;
    double x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    stack[depth++] = seed, within[seed] = 0;
    while (depth) {
        int at = stack[--depth], step[4] = {1, -1, WIDTH, -WIDTH}, px = at % WIDTH - SEARCH, py = at / WIDTH - SEARCH;
        n++, x += px, y += py, xx += px * px, yy += py * py, xy += px * py;
        for (int k = 0; k < 4; k++) { /* a row's end is not joined to the next one's beginning: the places are a disc within the square */
            int next = at + step[k];
            if (next < 0 || next >= PLACES || !within[next]) continue;
            within[next] = 0, stack[depth++] = next;
        }
    }
    return region_of(n, x, y, xx, yy, xy);
}

/* The largest region of places that a rim of contrast goes round and that is as round as a sac or a cord; n = 0: none. A lamina's marrow in
 * its cortex is oblong. dark: the cord in its rim, not what is bright itself. */
static region inside_rim(const rays *r, int s, int dark) {
    uint8_t within[PLACES];
    region most = {0, 0, 0, 0};
    int least = dark ? 21 : 15; /* of DIRECTIONS: a sac's rim has gaps at sleeves and where it is thin, a cord's all but none */
    find_within(r, s, dark, least, within);
    for (int i = 0; i < PLACES; i++) {
        if (!within[i]) continue;
        region o = take_region(within, i);
        if (o.n > most.n && o.oblong < OBLONG) most = o;
    }
    return most;
}

/* 1 where fat lies between the line and (a, l): behind it lies a lamina. */
static int behind_fat(const rays *r, int s, double a, double l) {
    double far = hypot(a, l);
    for (double q = 0; q < far; q += DR)
        if (value_at(r, s, q * a / far, q * l / far) < FAT) return 1;
    return 0;
}

/* 1 where a bright column is seen round the line within half a vertebra: without contrast there is no rim, but cortex. */
static int by_column(const rays *r, int s) {
    for (int k = s - OPEN; k <= s + OPEN; k++)
        if (k >= 0 && k < r->ns && r->level[k] > 0.0f) return 1;
    return 0;
}

/* Where a line that went astray sees the sac: from the fat behind it, 6 mm deep where the sac hugs the bodies (real chests, T4 to T7), or from
 * a disc before it, it sees the rim from outside, and from a collection in front of it, it sees the cord in its rim. CT with contrast; else
 * a and l stay. */
static void back_into_sac(const rays *r, int s, double *a, double *l) {
    if (r->mr || !by_column(r, s)) return;
    double own = own_value(r, s);
    int in_contrast = own > (double)r->column, in_fat = own < (double)FAT;
    if (!in_contrast && !in_fat && is_within(r, s, 0, 0, 0, DIRECTIONS / 2)) return; /* the cord, its rim all round */
    region o = inside_rim(r, s, in_contrast);
    if (o.n >= CORD && (!in_contrast || !behind_fat(r, s, o.a, o.l))) *a = o.a, *l = o.l;
}

static void shift_at(const rays *r, int s, double *a, double *l, float *quality) {
    float ring[DM_NT];
    double c[5];
    for (int t = 0; t < DM_NT; t++) ring[t] = gathered(r, s, t);
    fit(ring, c);
    *quality = agreement(ring, c);
    back_into_sac(r, s, &c[1], &c[2]);
    double far = sqrt(c[1] * c[1] + c[2] * c[2]), most = 6.0, w = far > most ? most / far : 1.0;
    w *= dm_clampf((*quality - 0.3f) / 0.3f, 0.0f, 1.0f);
    *a = c[1] * w;
    *l = c[2] * w;
    /* a middle that stays away from the line is no middle of a ring: the line has left the canal */
    *quality *= dm_clampf((float)((5.0 - far) / 3.0), 0.0f, 1.0f);
}

dm_status dm_centre_walls(dm_gpu *gpu, const dm_volume *volume, const dm_spine *line, dm_modality modality, double bone,
                          double column, dm_walls *out) {
    rays r = {.ns = (int)((line->n - 1) * line->ds) + 1, .mr = modality == DM_MR, .bone = (float)bone,
              .column = modality == DM_MR ? 0.0f : (float)column};
    size_t cells = (size_t)r.ns * DM_NT;
    float *gather = NULL, *spare = malloc(cells * NR * sizeof(float));
    dm_status status = dm_fail(DM_STUDY, "out_of_memory", "No memory for the walls of the canal.");
    *out = (dm_walls){.n = r.ns};
    out->a = calloc((size_t)r.ns, sizeof *out->a);
    out->l = calloc((size_t)r.ns, sizeof *out->l);
    out->quality = calloc((size_t)r.ns, sizeof *out->quality);
    r.opened = malloc(cells * NR * sizeof(float));
    r.hit = malloc(cells * sizeof(float));
    r.level = malloc((size_t)r.ns * sizeof(float));
    if (!out->a || !out->l || !out->quality || !r.opened || !r.hit || !r.level || !spare) goto out;
    DM_TRY_OUT(dm_curved_polar(gpu, volume, line, 0.0, 1.0, r.ns, 0.0, DR, NR, &gather));
    smooth(&r, gather, spare);
    r.v = gather;
    open_along(&r, spare);
    find_walls(&r);
    for (int s = 0; s < r.ns; s++) shift_at(&r, s, &out->a[s], &out->l[s], &out->quality[s]);
out:
    free(gather), free(spare), free(r.opened), free(r.hit), free(r.level);
    if (!dm_good(status)) dm_walls_clear(out);
    return status;
}

void dm_walls_clear(dm_walls *w) {
    if (!w) return;
    free(w->a), free(w->l), free(w->quality);
    *w = (dm_walls){0};
}
