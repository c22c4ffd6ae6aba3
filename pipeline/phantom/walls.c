/* The two surfaces round the canal, r(s, theta), and what lies inside the sac. */
#include <math.h>
#include <stdlib.h>

#include "walls.h"

typedef dm_ph_ring ring;
typedef dm_ph_waves waves;

/* Linear between the middles of vertebrae. */
static double between(const dm_anatomy *a, double s, double (*get)(const dm_ph_vert *)) {
    int i = dm_ph_vert_at(a, s), j;
    double mid = 0.5 * (a->vert[i].s_from + a->vert[i].s_to);
    j = s < mid ? i - 1 : i + 1;
    if (j < 0 || j >= a->n_verts) return get(&a->vert[i]);
    double other = 0.5 * (a->vert[j].s_from + a->vert[j].s_to);
    double f = (s - mid) / (other - mid);
    return get(&a->vert[i]) * (1.0 - f) + get(&a->vert[j]) * f;
}
static double get_ap(const dm_ph_vert *v) {
    return v->canal_ap;
}
static double get_tr(const dm_ph_vert *v) {
    return v->canal_tr;
}
static double get_sac_ap(const dm_ph_vert *v) {
    return v->sac_ap;
}
static double get_sac_tr(const dm_ph_vert *v) {
    return v->sac_tr;
}
static double get_cord_ap(const dm_ph_vert *v) {
    return v->cord_ap;
}
static double get_cord_tr(const dm_ph_vert *v) {
    return v->cord_tr;
}
static double get_triangle(const dm_ph_vert *v) {
    return v->level <= DM_C7 ? 0.55 : (v->level < DM_L1 - 1 ? 0.25 : 0.75);
}
static double get_recess(const dm_ph_vert *v) {
    return v->level >= DM_L1 + 2 ? 2.0 : (v->level >= DM_L1 ? 1.0 : 0.2);
}
static double get_fat(const dm_ph_vert *v) { /* dorsal fat: 0-1 mm neck, 2-4 T4-T9, 3-6 L2-L5 */
    if (v->level <= DM_C7) return 0.4;
    if (v->level < DM_L1) return v->level < DM_T1 + 3 ? 1.2 : 2.4;
    return v->level < DM_S1 ? 3.8 : 3.0;
}
static double get_flesh(const dm_ph_vert *v) {
    return v->level <= DM_C7 ? 0.75 : (v->level < DM_T1 + 2 ? 0.45 : 0.12);
}

dm_ph_ring dm_ph_ring_at(const dm_anatomy *a, double s) {
    return (ring){between(a, s, get_ap),       between(a, s, get_tr),
                  between(a, s, get_sac_ap),   between(a, s, get_sac_tr),
                  between(a, s, get_cord_ap),  between(a, s, get_cord_tr),
                  between(a, s, get_triangle), between(a, s, get_recess),
                  between(a, s, get_fat),      0.0,
                  between(a, s, get_flesh)};
}

/* 1 at the middle of a disc, falling over its half thickness and 3 mm. */
static double at_disc(const dm_anatomy *a, double s) {
    int i = dm_ph_vert_at(a, s);
    const dm_ph_vert *v = &a->vert[i];
    double d = fmin(s - v->s_from - v->disc_top, v->s_to - v->disc_low - s);
    return fmin(fmax(1.0 - (d + 1.0) / 4.0, 0.0), 1.0);
}

/* The canal's wall in a direction: an ellipse, or the plane of the bodies and the two planes of the laminae.
 */
static double wall_radius(const ring *g, double c, double si) {
    double ha = 0.5 * g->ap, hl = 0.5 * g->tr, side = fabs(si);
    double ellipse = 1.0 / sqrt(c * c / (ha * ha) + si * si / (hl * hl));
    double sum = pow(side / hl, 8.0) + pow(fmax(c, 0.0) / ha, 8.0);
    double na = -0.6 * g->tr, nl = 1.09 * ha, len = sqrt(na * na + nl * nl),
           off = 0.6 * g->tr * 1.09 * ha / len;
    sum += pow(fmax((na * c + nl * side) / len, 0.0) / off, 8.0);
    double planes = pow(sum, -0.125);
    return ellipse + g->triangle * (planes - ellipse);
}

double dm_ph_ellipse_radius(double ha, double hl, double ea, double el, double c, double si) {
    double qa = c * c / (ha * ha) + si * si / (hl * hl), qb = -(c * ea / (ha * ha) + si * el / (hl * hl));
    double qc = ea * ea / (ha * ha) + el * el / (hl * hl) - 1.0, disc = qb * qb - qa * qc;
    return disc <= 0.0 ? 0.0 : (-qb + sqrt(disc)) / qa;
}

dm_ph_waves dm_ph_draw_waves(dm_ph_rng *r) {
    waves w;
    for (int i = 0; i < 6; i++) {
        w.phase[i] = dm_ph_uniform(r, 0, 6.2832);
        w.pace[i] = dm_ph_uniform(r, 0.05, 0.25);
    }
    return w;
}
double dm_ph_wave(const dm_ph_waves *w, double s, double theta) {
    double sum = 0.0;
    for (int i = 0; i < 6; i++) sum += sin((i % 3 + 2) * theta + w->phase[i] + w->pace[i] * s);
    return 0.09 * sum;
}

typedef struct habit { /* of the whole canal */
    double bulge[PH_MAX_VERTS], off_l[PH_MAX_VERTS], fat, lean;
    waves bone, dura;
} habit;

static habit draw_habit(const dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "walls");
    habit h;
    h.fat = dm_ph_uniform(&r, 0.5, 1.3); /* one draw a statement: their order is the stream's */
    h.lean = dm_ph_normal(&r, 0, 0.4);
    for (int i = 0; i < PH_MAX_VERTS; i++) {
        h.bulge[i] = fmax(dm_ph_normal(&r, 0.2 + 0.006 * a->age, 0.5), 0.0);
        h.off_l[i] = dm_ph_normal(&r, h.lean, 0.7); /* the sac is seldom in the middle */
    }
    h.bone = dm_ph_draw_waves(&r);
    h.dura = dm_ph_draw_waves(&r);
    return h;
}

static void fill_cell(const dm_anatomy *a, const habit *h, const ring *g, int node, int column, double shrink,
                      double off_l) {
    double theta = column * 0.087266462599716474, c = cos(theta), si = sin(theta), s = node;
    int i = dm_ph_vert_at(a, s);
    double disc = at_disc(a, s), rb = wall_radius(g, c, si);
    int near_low = s > 0.5 * (a->vert[i].s_from + a->vert[i].s_to);
    double bulge = h->bulge[near_low ? i : (i > 0 ? i - 1 : 0)];
    double u = fabs(atan2(si, c)) - 1.0; /* the recess lies about 57 degrees from ventral */
    rb += g->recess * exp(-u * u / 0.045) * (1.0 - 0.5 * disc) - bulge * disc * fmax(c, 0.0) +
          dm_ph_wave(&h->bone, s, theta);
    /* Between the laminae the fat stands in a triangle; at the foramina the canal opens to the side. */
    rb += (c < -0.75 ? 1.0 : 0.0) * h->fat * 0.6 * g->dorsal_fat * disc * (fabs(c) - 0.75) / 0.25;
    double past = (s - dm_ph_foramen(a, i)) / 4.0;
    rb += 1.4 * exp(-past * past) * fmax(fabs(si) - 0.7, 0.0) / 0.3;
    double gap = g->ap - g->sac_ap;
    double ventral = fmin(0.30 * h->fat * g->dorsal_fat, 0.42 * gap);
    double rd =
        dm_ph_ellipse_radius(0.5 * g->sac_ap * shrink, 0.5 * g->sac_tr * shrink, ventral, off_l, c, si);
    rd = fmin(rd + dm_ph_wave(&h->dura, s, theta) * 0.8, rb - 0.7);
    if (s > a->sac_end_s) rd = 0.0;
    dm_ph_wall_row(a, PH_RB, node)[column] = (float)fmax(rb, 2.0);
    dm_ph_wall_row(a, PH_RD, node)[column] = (float)fmax(rd, 0.0);
    dm_ph_wall_row(a, PH_PI, node)[column] = (float)fmax(rd, 0.0);
    dm_ph_wall_row(a, PH_PO, node)[column] = (float)fmax(rd, 0.0);
    double side = exp(-u * u / 0.2); /* the plexus lies ventrolaterally */
    dm_ph_wall_row(a, PH_FLESH, node)[column] = (float)fmin(g->flesh + 0.5 * side * (c > 0 ? 1.0 : 0.2), 0.9);
}

void dm_ph_fill_node(const dm_anatomy *a, const dm_ph_ring *g, int node, double slope, double k,
                     double shrink) {
    float *n = a->nodes + (size_t)node * PH_NODE;
    double along = (node - 0.5 * a->n_nodes) / (0.5 * a->n_nodes);
    n[PH_SAC] = (float)(a->sac_level * (1.0 + slope * along));
    n[PH_LAYER] = (float)k;
    double to_conus = a->conus_s - node, taper = fmin(fmax(to_conus / 32.0, 0.0), 1.0);
    double part = taper > 0.0 ? pow(taper, 0.6) : 0.0;
    double room = fmin(0.46 * g->sac_ap, 0.5 * g->cord_ap);
    n[PH_CORD_AP] = (float)((g->cord_ap > 0 ? fmax(room, 2.5) : 2.5) * part);
    n[PH_CORD_TR] = (float)((g->cord_tr > 0 ? fmax(0.5 * g->cord_tr, 3.0) : 3.0) * part);
    n[PH_CORD_A] = (float)(a->protocol == PH_MRM ? 0.3 : 0.6);
    n[PH_CAUDA] = (float)(fmin(fmax(1.0 - to_conus / 20.0, 0.0), 1.0) * shrink);
}

/* On the back, on which MR and most CT are taken, they lie dorsally; prone and on the side elsewhere. In T2 images of healthy
 * people at rest they fill a third to a half of the sac below the cord and thin out as they leave it; where they do not lie
 * down (a narrow sac) or are few, nothing is seen of that. Shares: from the one real lumbar scan at hand, widened. */
dm_ph_settled_roots dm_ph_draw_settled(const dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "settled");
    double lie = dm_ph_chance(&r, 0.75), turned = dm_ph_uniform(&r, 0.0, 1.0), tilt = dm_ph_normal(&r, 0.0, 0.15);
    dm_ph_settled_roots s = {.depth = lie * dm_ph_uniform(&r, 0.25, 0.55),
                             .part = dm_ph_uniform(&r, 0.45, 0.8),
                             .curve = dm_ph_uniform(&r, 0.0, 0.05)};
    double low = a->protocol != PH_CTM || turned < 0.7 ? M_PI : turned < 0.9 ? 0.0 : 0.5 * M_PI;
    s.angle = low + tilt;
    return s;
}

void dm_ph_settle(const dm_anatomy *a, const dm_ph_settled_roots *roots, int node) {
    float *n = a->nodes + (size_t)node * PH_NODE;
    const float *rd = dm_ph_wall_row(a, PH_RD, node);
    int low = ((int)lround(roots->angle / (2.0 * M_PI) * PH_NT) + PH_NT) % PH_NT, high = (low + PH_NT / 2) % PH_NT;
    double below = (node - a->conus_s) / fmax(a->sac_end_s - a->conus_s, 1.0), left = fmin(fmax(1.0 - below, 0.0), 1.0);
    n[PH_SETTLED_A] = (float)cos(roots->angle);
    n[PH_SETTLED_L] = (float)sin(roots->angle);
    n[PH_SETTLED_TOP] = (float)(rd[low] - roots->depth * pow(left, 0.7) * (rd[low] + rd[high]));
    n[PH_SETTLED_CURVE] = (float)roots->curve;
    n[PH_SETTLED_PART] = (float)(roots->depth > 0.0 ? roots->part * fmin(fmax((node - a->conus_s + 15.0) / 20.0, 0.0), 1.0) : 0.0);
}

dm_status dm_ph_make_walls(dm_anatomy *a) {
    a->walls = calloc((size_t)PH_WALLS * (size_t)a->n_nodes * PH_NT, sizeof *a->walls);
    if (!a->walls)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a phantom's canal of %d mm", a->n_nodes);
    habit h = draw_habit(a);
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "sac");
    double slope = dm_ph_normal(&r, 0.0, a->protocol == PH_CTM ? 0.2 : 0.05);
    double k = a->protocol == PH_CTM ? dm_ph_uniform(&r, -0.22, 0.22) : 0.0;
    const dm_ph_settled_roots roots = dm_ph_draw_settled(a);
    for (int i = 0; i < a->n_nodes; i++) {
        ring g = dm_ph_ring_at(a, i);
        double left = (a->sac_end_s - i) / 14.0,
               shrink = left < 1.0 ? sqrt(fmax(left * (2.0 - left), 0.0)) : 1.0;
        int v = dm_ph_vert_at(a, i);
        double f = (i - a->vert[v].s_from) / (a->vert[v].s_to - a->vert[v].s_from);
        f = fmin(fmax(f, 0.0), 1.0);
        double off_l = h.off_l[v] * (1 - f) + h.off_l[v + 1 < PH_MAX_VERTS ? v + 1 : v] * f;
        for (int c = 0; c < PH_NT; c++) fill_cell(a, &h, &g, i, c, shrink, off_l);
        dm_ph_fill_node(a, &g, i, slope, k, shrink);
        dm_ph_settle(a, &roots, i);
    }
    return dm_ok;
}
