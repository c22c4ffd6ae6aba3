#include "scanner.h"

#include <math.h>
#include <string.h>

typedef struct field {
    const char *name;
    int from, to; /* levels at its ends */
    double weight;
} field;

static const field fields[] = {{"whole", DM_C1, DM_S1 + 1, 0.25},
                               {"cervicothoracic", DM_C1, DM_T1 + 8, 0.17},
                               {"thoracic", DM_C7, DM_L1, 0.2},
                               {"thoracolumbar", DM_T1 + 6, DM_S1 + 1, 0.2},
                               {"lumbar", DM_T1 + 9, DM_S1 + 2, 0.18}};
enum { FIELDS = sizeof fields / sizeof *fields };

static void field_ends(const dm_anatomy *a, const field *f, double *s0, double *s1) {
    int i = dm_ph_find(a, f->from), j = dm_ph_find(a, f->to);
    *s0 = f->from == DM_C1 ? -18.0 : a->vert[i].s_from - 4.0;
    *s1 = a->vert[j].s_to - 2.0;
}

/* mm of the head that a sagittal MR of the neck shows above what a CT would: up to the middle of the pons. */
static double head_in_view(const dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->scan, "head in view");
    return dm_ph_uniform(&r, 0, 30);
}

static int holds_all(const dm_anatomy *a, double s0, double s1) {
    double p[3], q[3];
    dm_ph_point_at(a, s0 + 15, 0, 0, p);
    dm_ph_point_at(a, s1 - 15, 0, 0, q);
    for (int i = 0; i < a->n_leaks; i++)
        if (a->leak[i].s < s0 + 15 || a->leak[i].s > s1 - 15) return 0;
    int want = strcmp(a->kind, "diverticula") == 0 ? a->n_blebs : 0;
    for (int i = 0; i < want; i++)
        if (a->bleb[i].p[2] > p[2] || a->bleb[i].p[2] < q[2]) return 0;
    for (int i = 0; i < a->n_signs; i++) /* spurs are everywhere: only the pools have to be seen */
        if (a->sign[i].sign[0] != 's' && (a->sign[i].p[2] > p[2] || a->sign[i].p[2] < q[2])) return 0;
    return 1;
}

static const field *choose_field(const dm_anatomy *a, dm_ph_rng *r) {
    double weight[FIELDS], sum = 0.0;
    for (int i = 0; i < FIELDS; i++) {
        double s0, s1;
        field_ends(a, &fields[i], &s0, &s1);
        weight[i] = holds_all(a, s0, s1) ? fields[i].weight : 0.0;
        sum += weight[i];
    }
    double u = dm_ph_uniform(r, 0, sum);
    for (int i = 0; i < FIELDS && sum > 0.0; i++) {
        if (u < weight[i]) return &fields[i];
        u -= weight[i];
    }
    return &fields[0];
}

/* Small turns of the patient on the table, radians. */
static void turn_matrix(double rx, double ry, double rz, double m[3][3]) {
    double a = cos(rx), b = sin(rx), c = cos(ry), d = sin(ry), e = cos(rz), f = sin(rz);
    const double t[3][3] = {{c * e, b * d * e - a * f, a * d * e + b * f},
                            {c * f, b * d * f + a * e, a * d * f - b * e},
                            {-d, b * c, a * c}};
    memcpy(m, t, sizeof t);
}

void dm_ph_to_patient(const dm_ph_scanner *sc, const double p[3], double lps[3]) {
    double q[3];
    for (int i = 0; i < 3; i++)
        q[i] = sc->turn[i][0] * p[0] + sc->turn[i][1] * p[1] + sc->turn[i][2] * p[2] + sc->shift[i];
    memcpy(lps, q, sizeof q);
}

/* Box in LPS round the stretch of spine. */
static void bounds(const dm_anatomy *a, const dm_ph_scanner *sc, double s0, double s1, double low[3],
                   double high[3]) {
    for (int c = 0; c < 3; c++) {
        low[c] = 1e9;
        high[c] = -1e9;
    }
    for (double s = s0; s <= s1; s += 2.0) {
        double p[3];
        dm_ph_point_at(a, s, 0, 0, p);
        dm_ph_to_patient(sc, p, p);
        for (int c = 0; c < 3; c++) {
            low[c] = fmin(low[c], p[c]);
            high[c] = fmax(high[c], p[c]);
        }
    }
}

/* Voxel grid from a box of half sizes round a centre: axes are LPS axes with signs, step in mm. */
static void set_grid(dm_ph_scanner *sc, const double centre[3], const int axis[3], const double sign[3],
                     const double step[3], const int n[3]) {
    memset(&sc->to_lps, 0, sizeof sc->to_lps);
    for (int c = 0; c < 3; c++) sc->to_lps.m[c][3] = centre[c];
    for (int i = 0; i < 3; i++) {
        sc->to_lps.m[axis[i]][i] = sign[i] * step[i];
        sc->to_lps.m[axis[i]][3] -= sign[i] * step[i] * 0.5 * (n[i] - 1);
    }
    sc->args.nx = n[0];
    sc->args.ny = n[1];
    sc->args.nz = n[2];
}

static void ct_grid(dm_ph_scanner *sc, dm_ph_rng *r, int full, const double low[3], const double high[3]) {
    double tall = high[2] - low[2], need = fmax(high[0] - low[0] + 120.0, high[1] - low[1] + 115.0);
    double step = full ? fmax(dm_ph_uniform(r, 170, 260), need) / 512.0 : dm_ph_uniform(r, 0.7, 1.0);
    int px =
        full ? 512 : (int)fmin(fmax(dm_ph_uniform(r, 160, 215), need) / step, tall > 400 ? 200.0 : 256.0);
    if (!full) step = fmax(step, fmax(need, 165.0) / px);
    double slice = full ? fmax(tall / 600.0, 0.5) : fmax(dm_ph_uniform(r, 1.0, 1.5), tall * px * px / 15e6);
    const double centre[3] = {0.5 * (low[0] + high[0]) + dm_ph_normal(r, 0, 4),
                              0.5 * (low[1] + high[1]) - dm_ph_uniform(r, 0, 22), 0.5 * (low[2] + high[2])};
    double turn = sc->prone ? -1.0 : 1.0;
    set_grid(sc, centre, (int[]){0, 1, 2}, (double[]){turn, turn, sc->feet_first ? -1.0 : 1.0},
             (double[]){step, step, slice}, (int[]){px, px, (int)(tall / slice)});
    sc->pixel = step;
    sc->slice = slice;
}

static void mr_grid(dm_ph_scanner *sc, dm_ph_rng *r, int full, const double low[3], const double high[3]) {
    double step = full ? dm_ph_uniform(r, 0.6, 0.8) : dm_ph_uniform(r, 0.85, 1.1),
           slice = step * dm_ph_uniform(r, 1.0, 1.25);
    double tall = high[2] - low[2], wide = fmax(dm_ph_uniform(r, 75, 110), high[0] - low[0] + 62.0);
    double deep = fmax(dm_ph_uniform(r, 140, 190), high[1] - low[1] + 105.0);
    const double centre[3] = {0.5 * (low[0] + high[0]) + dm_ph_normal(r, 0, 3),
                              0.5 * (low[1] + high[1]) - dm_ph_uniform(r, -4, 14), 0.5 * (low[2] + high[2])};
    sc->sagittal = dm_ph_chance(r, 0.75);
    if (sc->sagittal)
        set_grid(sc, centre, (int[]){1, 2, 0}, (double[]){1, -1, dm_ph_chance(r, 0.5) ? 1.0 : -1.0},
                 (double[]){step, step, slice},
                 (int[]){(int)(deep / step), (int)(tall / step), (int)(wide / slice)});
    else
        set_grid(sc, centre, (int[]){0, 1, 2}, (double[]){1, 1, 1}, (double[]){step, step, slice},
                 (int[]){(int)(wide * 1.4 / step), (int)(deep / step), (int)(tall / slice)});
    sc->pixel = step;
    sc->slice = slice;
}

/* Voxel index to anatomy: inverse of turn and shift after to_lps. */
static void compose(dm_ph_scanner *sc) {
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 4; j++) {
            double sum = 0.0;
            for (int c = 0; c < 3; c++)
                sum += sc->turn[c][i] * (sc->to_lps.m[c][j] - (j == 3 ? sc->shift[c] : 0.0));
            sc->args.m[4 * i + j] = (float)sum;
        }
}

/* Blur: scanner's point spread (s.d., mm) and the voxel's box; an edge of width w has a slope of s.d. 0.2236
 * w. */
static void set_physics(const dm_anatomy *a, dm_ph_rng *r, int full, dm_ph_scanner *sc) {
    dm_ph_args *g = &sc->args;
    double voxel = (2.0 * sc->pixel * sc->pixel + sc->slice * sc->slice) / 36.0, psf;
    if (a->protocol == PH_MRM) {
        psf = 0.30 * sc->pixel;
        sc->noise = a->sac_level / dm_ph_uniform(r, 14, 40);
        g->soft = 0.0f;
        for (int i = 0; i < 3; i++) g->bias[i] = (float)dm_ph_normal(r, 0, 0.10);
        for (int i = 3; i < 6; i++) g->bias[i] = (float)dm_ph_uniform(r, 0.0, 0.18);
    } else {
        static const double kvp[4] = {120, 120, 100, 140};
        sc->kvp = kvp[dm_ph_pick(r, 4)];
        psf = sc->sharp ? 0.32 : 0.52;
        sc->noise = sc->sharp ? dm_ph_uniform(r, 32, 60) : dm_ph_uniform(r, 15, 38);
        if (!full) sc->noise *= 0.85;
        g->soft = sc->sharp ? 0.45f : (float)fmin(0.5 / sc->pixel + 0.25, 1.1);
    }
    g->noise = (float)sc->noise;
    g->w = (float)(sqrt(psf * psf + voxel) / 0.2236);
}

void dm_ph_set_counts(const dm_anatomy *a, dm_ph_args *g) {
    g->n_nodes = a->n_nodes;
    g->n_z = a->n_z;
    g->n_verts = a->n_verts;
    g->n_ribs = a->n_ribs;
    g->n_organs = a->n_organs;
    g->n_buckets = a->n_buckets;
    g->modality = a->protocol == PH_MRM;
    g->z_low = a->z_low;
    memcpy(g->mat, a->mat, sizeof g->mat);
    memcpy(g->skull, a->skull, sizeof g->skull);
    memcpy(g->stem, a->stem, sizeof g->stem);
}

void dm_ph_make_scanner(const dm_anatomy *a, int full, dm_ph_scanner *sc) {
    memset(sc, 0, sizeof *sc);
    dm_ph_rng r = dm_ph_stream(a->seed, a->scan, "scanner");
    double s0, s1, low[3], high[3], deg = 0.017453292519943295;
    const field *f = choose_field(a, &r);
    sc->field = f->name;
    field_ends(a, f, &s0, &s1);
    if (a->protocol == PH_MRM && f->from == DM_C1) s0 -= head_in_view(a);
    turn_matrix(dm_ph_normal(&r, 0, 2.5) * deg, dm_ph_normal(&r, 0, 2.0) * deg,
                dm_ph_normal(&r, 0, 3.5) * deg, sc->turn);
    const double shift[3] = {dm_ph_normal(&r, 0, 12), dm_ph_normal(&r, 0, 60), dm_ph_normal(&r, -300, 300)};
    memcpy(sc->shift, shift, sizeof shift);
    sc->sharp = dm_ph_chance(&r, 0.35);
    sc->prone = a->protocol == PH_CTM && dm_ph_chance(&r, 0.3);
    sc->feet_first = dm_ph_chance(&r, 0.3);
    bounds(a, sc, s0, s1, low, high);
    if (a->protocol == PH_MRM)
        mr_grid(sc, &r, full, low, high);
    else
        ct_grid(sc, &r, full, low, high);
    set_physics(a, &r, full, sc);
    compose(sc);
    dm_ph_set_counts(a, &sc->args);
    sc->args.seed = (uint)dm_ph_uniform(&r, 0, 4294967295.0);
}
