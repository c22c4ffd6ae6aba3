/* Veins beside the spine: those of every spine, and the one that drains a fistula. Each runs where anatomy
 * has a vein, in fat or muscle and never through bone, or in the canal's fat, or in the marrow. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "around.h"
#include "leak_parts.h"

static const double rad = 0.017453292519943295;
static const double blood_hu = 45.0;
static const double bone_hu = 200.0, gas_hu = -300.0; /* no vein runs where it is brighter or darker */
static const double step_mm = 2.5;

/* Where a fistula's vein runs (kranz17): beside the vertebrae 45 %, in the epidural plexus 32 %, outwards 23
 * %. Of the epidural ones every fourth drains a body (one case is known; the share is a guess). */
typedef enum course { PARAVERTEBRAL, EPIDURAL, OUTWARDS, BASIVERTEBRAL } course;
static const char *const names[] = {"paravertebral", "epidural", "lateral", "basivertebral"};

static course draw_course(const dm_anatomy *a, dm_ph_rng *r) {
    double u = dm_ph_uniform(r, 0, 1);
    if (u >= 0.32) return u < 0.77 ? PARAVERTEBRAL : OUTWARDS;
    return u < 0.08 && !a->painted ? BASIVERTEBRAL : EPIDURAL; /* no vein is painted over a host's bone */
}

/* A vein before it is drawn: points (ventral, left, s) and the radius between each two. */
typedef struct way {
    int n;
    double p[PH_MAX_PIECES + 1][3], radius[PH_MAX_PIECES];
} way;

static double apart(const double p[3], const double q[3]) {
    double sum = 0;
    for (int c = 0; c < 3; c++) sum += (p[c] - q[c]) * (p[c] - q[c]);
    return sqrt(sum);
}

static double length_of(const way *w) {
    double sum = 0;
    for (int i = 0; i < w->n; i++) sum += apart(w->p[i], w->p[i + 1]);
    return sum;
}

static void normalise(double d[3]) {
    double n = sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2]);
    for (int c = 0; c < 3; c++) d[c] /= n;
}

/* Two unit vectors across d. */
static void across(const double d[3], double u[3], double v[3]) {
    double most = fabs(d[0]) < 0.7 ? 1 : 0;
    const double other[3] = {most, 1 - most, 0};
    for (int c = 0; c < 3; c++)
        u[c] = d[(c + 1) % 3] * other[(c + 2) % 3] - d[(c + 2) % 3] * other[(c + 1) % 3];
    normalise(u);
    for (int c = 0; c < 3; c++) v[c] = d[(c + 1) % 3] * u[(c + 2) % 3] - d[(c + 2) % 3] * u[(c + 1) % 3];
}

/* Values on a ring of the given radius across d, in 8 directions. */
static void ring(const dm_ph_around *o, const double at[3], const double d[3], double radius,
                 double value[8]) {
    double u[3], v[3];
    across(d, u, v);
    for (int k = 0; k < 8; k++) {
        double t = 45 * k * rad, q[3];
        for (int c = 0; c < 3; c++) q[c] = at[c] + radius * (cos(t) * u[c] + sin(t) * v[c]);
        value[k] = dm_ph_value_at(o, q);
    }
}

/* Soft tissue all round a piece from p on, with a millimetre of fat to spare. On MR bone is not told from
 * tissue. */
static int is_free(const dm_ph_around *o, const double p[3], const double d[3], double length,
                   double radius) {
    if (o->a->protocol == PH_MRM) return 1;
    for (double t = 0.5 * length; t <= length; t += 0.5 * length) {
        double value[8];
        const double q[3] = {p[0] + t * d[0], p[1] + t * d[1], p[2] + t * d[2]};
        ring(o, q, d, radius + 1.0, value);
        for (int k = 0; k < 8; k++)
            if (value[k] > bone_hu || value[k] < gas_hu) return 0;
        if (dm_ph_value_at(o, q) > bone_hu) return 0;
    }
    return 1;
}

/* The nearest direction to d that is free, up to 100 degrees off; 0 = there is none. */
static int turn_free(const dm_ph_around *o, const double p[3], double d[3], double length, double radius) {
    double u[3], v[3];
    across(d, u, v);
    for (int tilt = 0; tilt <= 100; tilt += 20)
        for (int k = 0; k < (tilt ? 8 : 1); k++) {
            double q[3], t = 45 * k * rad;
            for (int c = 0; c < 3; c++)
                q[c] = cos(tilt * rad) * d[c] + sin(tilt * rad) * (cos(t) * u[c] + sin(t) * v[c]);
            if (!is_free(o, p, q, length, radius)) continue;
            memcpy(d, q, sizeof q);
            return 1;
        }
    return 0;
}

static const double leaving_mm = 6; /* in which a vein comes out of the foramen's fat, forwards */

/* Where a course wants to go after `done` mm, unit (ventral, left, s): beside the body up or down along its
 * side; outwards along a rib. */
static void wanted(course kind, int side, double turn, double up, double done, double out[3]) {
    enum { LEAVING = 4 };
    static const double front[5] = {0.5, 0, 0.3, 0, 0.8}, left[5] = {-0.2, 0, 0.95, 0, 0.6},
                        along[5] = {0.9, 0, 0.35, 0, 0.2};
    int leg = kind == PARAVERTEBRAL && done < leaving_mm ? LEAVING : (int)kind;
    out[0] = front[leg] * cos(turn) - 0.3 * sin(turn);
    out[1] = side * (left[leg] * cos(turn) + 0.3 * sin(turn));
    out[2] = along[leg] * (up < 0 ? -1.0 : 1.0) + 0.3 * up;
    normalise(out);
}

/* A walk through soft tissue from w->p[0]; ends where nothing is free. */
static void walk(const dm_ph_around *o, dm_ph_rng *r, course kind, int side, double length, double radius,
                 way *w) {
    double turn = dm_ph_normal(r, 0, 0.5), up = dm_ph_normal(r, 0, 0.6), last[3], done = 0.0;
    wanted(kind, side, turn, up, 0, last);
    for (w->n = 0; done < length && w->n < PH_MAX_PIECES; w->n++) {
        double d[3], step = fmin(step_mm, length - done) + 0.01;
        wanted(kind, side, turn, up, done, d);
        for (int c = 0; c < 3; c++) d[c] = 0.6 * d[c] + 0.4 * last[c];
        normalise(d);
        turn += dm_ph_normal(r, 0.0, 0.3);
        if (!turn_free(o, w->p[w->n], d, step, radius)) return;
        for (int c = 0; c < 3; c++) w->p[w->n + 1][c] = w->p[w->n][c] + step * d[c];
        w->radius[w->n] = radius;
        memcpy(last, d, sizeof last);
        done += step;
    }
}

/* Draws a way, fading by `fade` of its height over blood; HU (MR: signal). Returns the first primitive. */
static int draw(dm_anatomy *a, const way *w, double hu, double fade) {
    int first = a->n_prims;
    double length = length_of(w), done = 0;
    for (int i = 0; i < w->n; i++) {
        double left = 1.0 - fade * done / fmax(length, 1.0);
        dm_ph_capsule_add(a, w->p[i], w->p[i + 1], w->radius[i], w->radius[i], 1.0, PH_OVER,
                          blood_hu + (hu - blood_hu) * left, 1);
        done += apart(w->p[i], w->p[i + 1]);
    }
    return first;
}

/* In the fat of the canal along its wall, from 60 degrees at the foramen up or down, as wide as the fat
 * there. */
static void along_canal(const dm_anatomy *a, dm_ph_rng *r, int side, double f, double length, double radius,
                        way *w) {
    double deg = dm_ph_uniform(r, 45, 70), up = dm_ph_chance(r, 0.5) ? 1.0 : -1.0, s = f;
    for (w->n = 0; w->n * step_mm < length && w->n < PH_MAX_PIECES; w->n++) {
        for (int end = 0; end < 2; end++) {
            double at = s + end * up * step_mm, rd = dm_ph_wall_at(a, PH_RD, at, side * deg),
                   rb = dm_ph_wall_at(a, PH_RB, at, side * deg), middle = 0.5 * (rd + rb);
            double *p = w->p[w->n + end];
            p[0] = middle * cos(deg * rad), p[1] = side * middle * sin(deg * rad), p[2] = at;
            w->radius[w->n] = fmin(radius, fmax(0.45 * (rb - rd), 0.3));
        }
        s += up * step_mm;
        deg = fmin(fmax(deg + dm_ph_normal(r, 0, 4), 25), 75);
    }
}

/* From the canal's front into the middle of the body above the foramen, where the cleft of its vein is. */
static void into_body(const dm_anatomy *a, dm_ph_rng *r, int vertebra, int side, double length, double radius,
                      way *w) {
    const dm_ph_vert *v = &a->vert[vertebra];
    double s = 0.5 * (v->body_top + v->body_low), rb = dm_ph_wall_at(a, PH_RB, s, 0),
           most = fmin(length, 0.6 * v->depth);
    double l = side * dm_ph_uniform(r, 0, 3), start = rb - 1;
    for (w->n = 0; w->n * step_mm < most && w->n < PH_MAX_PIECES; w->n++) {
        w->p[w->n][0] = start + w->n * step_mm, w->p[w->n][1] = l, w->p[w->n][2] = s;
        l *= dm_ph_uniform(r, 0.6, 1.2), s += dm_ph_normal(r, 0, 0.4);
        w->p[w->n + 1][0] = start + (w->n + 1) * step_mm, w->p[w->n + 1][1] = l, w->p[w->n + 1][2] = s;
        w->radius[w->n] = radius;
    }
}

/* Moves the start outwards until a piece of the vein is free; where 15 mm do not help it stays. */
static void free_start(const dm_ph_around *o, int side, double radius, double p[3]) {
    const double d[3] = {0, (double)side, 0};
    for (double out = 0; out <= 15; out += 1) {
        const double q[3] = {p[0], p[1] + side * out, p[2]};
        if (!is_free(o, q, d, 1.0, radius)) continue;
        memcpy(p, q, sizeof q);
        return;
    }
}

/* The longest of a few walks: bone stops many. */
static void longest_walk(const dm_ph_around *o, dm_ph_rng *r, course kind, int side, double length,
                         double radius, way *out) {
    way w = *out;
    free_start(o, side, radius, w.p[0]);
    for (int k = 0; k < 12 && length_of(out) < length; k++) {
        walk(o, r, kind, side, length, radius, &w);
        if (length_of(&w) > length_of(out)) *out = w;
    }
    if (out->n) return;
    /* Enclosed: a stump, whose contrast tells that nothing shows it. */
    memcpy(out->p[1], w.p[0], sizeof w.p[0]), memcpy(out->p[0], w.p[0], sizeof w.p[0]);
    out->p[1][1] += 5.0 * side, out->radius[0] = radius, out->n = 1;
}

/* A piece's value less the 75th percentile of what lies a millimetre beside it. */
static double contrast_of(const dm_ph_around *o, const way *w, int i, double value) {
    double d[3], middle[3], round[8];
    for (int c = 0; c < 3; c++)
        d[c] = w->p[i + 1][c] - w->p[i][c], middle[c] = 0.5 * (w->p[i + 1][c] + w->p[i][c]);
    normalise(d);
    ring(o, middle, d, w->radius[i] + 1.0, round);
    qsort(round, 8, sizeof *round, dm_ph_ascending);
    return value - 0.5 * (round[5] + round[6]);
}

static dm_ph_vein describe(const dm_ph_around *o, const dm_ph_fistula *k, course kind, const way *w,
                           int first) {
    const dm_anatomy *a = o->a;
    dm_ph_vein v = {.length = length_of(w), .hu = k->hu, .first_prim = first, .n_prims = a->n_prims - first};
    snprintf(v.course, sizeof v.course, "%s", names[kind]);
    snprintf(v.side, sizeof v.side, "%s", k->side > 0 ? "left" : "right");
    dm_ph_root_name(a, k->s, v.level_root);
    dm_ph_point_at(a, w->p[0][2], w->p[0][0], w->p[0][1], v.p);
    for (int i = 0; i < v.n_prims; i++) {
        double value = (double)a->prims[(size_t)(first + i) * PH_PROW + PH_VALUE];
        v.piece[i] = apart(w->p[i], w->p[i + 1]);
        v.contrast[i] = contrast_of(o, w, i, value);
        v.diameter += 2 * w->radius[i] * v.piece[i] / v.length;
    }
    return v;
}

void dm_ph_fistula_vein(dm_anatomy *a, dm_ph_rng *r, const dm_ph_around *around, const dm_ph_fistula *k,
                        dm_ph_leak *leak) {
    course kind = draw_course(a, r);
    double length = dm_ph_uniform(r, 5, 30), fade = dm_ph_uniform(r, 0.2, 0.7);
    way w = {0};
    memcpy(w.p[0], k->start, sizeof w.p[0]);
    if (kind == EPIDURAL)
        along_canal(a, r, k->side, k->s, length, k->radius, &w);
    else if (kind == BASIVERTEBRAL)
        into_body(a, r, k->vertebra, k->side, length, k->radius, &w);
    else
        longest_walk(around, r, kind, k->side, length, k->radius, &w);
    if (a->n_veins >= PH_MAX_TRUTH) return;
    int first = draw(a, &w, k->hu, fade);
    a->vein[a->n_veins++] = describe(around, k, kind, &w, first);
    if (!leak) return;
    leak->thickness = a->vein[a->n_veins - 1].diameter;
    for (int i = 0; i < w.n; i++)
        leak->volume += 3.14159 * w.radius[i] * w.radius[i] * apart(w.p[i], w.p[i + 1]);
}

/* Ordinary segmental veins, 60-110 HU in a CT with a trace of contrast in the blood, each its own course. */
void dm_ph_plain_veins_add(dm_anatomy *a, dm_ph_rng *r, const dm_ph_around *around) {
    for (int k = 0; k < 30; k++) {
        int i = dm_ph_pick(r, a->n_verts), side = dm_ph_chance(r, 0.5) ? 1 : -1;
        if (!dm_ph_whole(a, i) || a->vert[i].level <= DM_T1 || a->vert[i].level > DM_L1 + 1) continue;
        double f = dm_ph_foramen(a, i) + dm_ph_normal(r, 0, 4), rb = dm_ph_wall_at(a, PH_RB, f, 90.0 * side),
               front = dm_ph_uniform(r, -2, 8), out = rb + dm_ph_uniform(r, 4, 10),
               hu = dm_ph_uniform(r, 60, 110);
        if (a->protocol == PH_MRM) hu = (double)a->mat[PH_M_VEIN];
        course kind = dm_ph_chance(r, 0.6) ? PARAVERTEBRAL : OUTWARDS;
        double length = dm_ph_uniform(r, 8, 30), radius = dm_ph_uniform(r, 0.6, 1.5);
        way w = {.p = {{front, side * out, f}}};
        free_start(around, side, radius, w.p[0]);
        walk(around, r, kind, side, length, radius, &w);
        draw(a, &w, hu, 0.2);
    }
}
