/* The frame of a real scan as an anatomy: line, walls, levels. */
#include "host.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "walls.h"

static const double never = 1e4; /* mm beyond any spine: "not in this scan" */

static int has_level(const dm_ph_host *h, int level) {
    for (int i = 0; i < h->n_levels; i++)
        if (h->level[i].level == level && h->level[i].s_from > 4.0 &&
            h->level[i].s_to < (h->n - 1) * h->ds - 12.0)
            return 1;
    return 0;
}

int dm_ph_host_allows(const dm_ph_host *h, const char *kind) {
    if (strcmp(kind, "c1c2") == 0) return has_level(h, DM_C2) && has_level(h, DM_C2 + 1);
    if (strcmp(kind, "puncture") == 0) return has_level(h, DM_L1 + 1) || has_level(h, DM_L1 + 2);
    if (strcmp(kind, "dorsal_trap") == 0) /* half of them lie in the neck, half in the loins */
        return has_level(h, DM_C2) && has_level(h, DM_C2 + 4) && has_level(h, DM_L1) &&
               has_level(h, DM_L1 + 3);
    return strcmp(kind, "no_contrast") != 0 && strcmp(kind, "two_phase") != 0;
}

static void draw_patient(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "painted patient");
    a->age = dm_ph_uniform(&r, 22, 78);
    a->scale = 1.0;
    a->girth = 1.0;
    a->n_thoracic = 12;
    a->n_lumbar = 5;
    a->touches = dm_ph_chance(&r, 0.4);
}

/* Foramina lie where the wall beside the canal is open: the darkest place of the scan within 6 mm of a fifth
 * of the vertebra above the disc, averaged over both sides. */
static double find_foramen(const dm_ph_host *h, const dm_anatomy *a, double guess) {
    double best = guess, least = INFINITY;
    for (double s = guess - 6.0; s <= guess + 6.0; s += 1.0) {
        double sum = 0.0;
        for (int side = -1; side <= 1; side += 2)
            for (int deg = 80; deg <= 100; deg += 10)
                for (double r = 0.5; r < 8.0; r += 1.5) {
                    double p[3], out = dm_ph_wall_at(a, PH_RB, s, side * deg) + r, t = deg * 0.0174532925;
                    dm_ph_point_at(a, s, out * cos(t), side * out * sin(t), p);
                    sum += fmin(fmax((double)dm_volume_sample(h->clean, p), -150.0), 600.0);
                }
        if (sum >= least) continue;
        least = sum;
        best = s;
    }
    return best;
}

static void make_levels(const dm_ph_host *h, dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "painted levels");
    for (int i = 0; i < h->n_levels && i < PH_MAX_VERTS; i++) {
        const dm_ph_host_level *l = &h->level[i];
        dm_ph_vert *v = &a->vert[a->n_verts++];
        *v = (dm_ph_vert){.level = l->level, .s_from = l->s_from};
        dm_ph_size_vertebra(a, &r, v, 1.0);
        v->s_to = l->s_to;
        v->disc_top = v->disc_low;
        v->body_top = v->s_from + v->disc_top;
        v->body_low = v->s_to - v->disc_low;
    }
}

/* Half heights of the pedicles, chosen so that dm_ph_foramen gives the place that the scan shows. */
static void place_foramina(const dm_ph_host *h, dm_anatomy *a) {
    for (int i = 0; i < a->n_verts; i++) {
        dm_ph_vert *v = &a->vert[i];
        double f = find_foramen(h, a, v->s_to - 0.2 * (v->s_to - v->s_from));
        v->ped_s = v->s_from + 0.3 * (v->s_to - v->s_from);
        v->ped_h = f - 4.5 - v->ped_s;
    }
}

static void ends_of_cord(dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "painted ends");
    int l1 = dm_ph_find(a, DM_L1), s2 = dm_ph_find(a, DM_S1 + 1), last = a->vert[a->n_verts - 1].level;
    a->conus_s = last < DM_L1 ? never : -never;
    if (l1 >= 0) a->conus_s = a->vert[l1].s_from + dm_ph_normal(&r, 14.0, 16.0);
    a->sac_end_s = never;
    if (s2 >= 0) a->sac_end_s = 0.5 * (a->vert[s2].s_from + a->vert[s2].s_to) + dm_ph_normal(&r, 0.0, 9.0);
}

static dm_status make_line(const dm_ph_host *h, dm_anatomy *a) {
    a->n_nodes = (int)((h->n - 1) * h->ds) + 1;
    if (a->n_nodes < 60)
        return dm_fail(DM_FATAL, "host_short", "the host shows %d mm of spine; give a scan with at least 60",
                       a->n_nodes);
    a->nodes = calloc((size_t)a->n_nodes * PH_NODE, sizeof *a->nodes);
    if (!a->nodes) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a line of %d mm", a->n_nodes);
    for (int i = 0; i < a->n_nodes; i++) {
        float *n = a->nodes + (size_t)i * PH_NODE;
        double at = i / h->ds;
        int k = at < h->n - 1 ? (int)at : h->n - 2;
        double f = at - k;
        for (int c = 0; c < 3; c++) {
            n[PH_P + c] = (float)((1 - f) * h->p[k][c] + f * h->p[k + 1][c]);
            n[PH_T + c] = (float)h->tangent[k][c];
            n[PH_V + c] = (float)h->ventral[k][c];
            n[PH_L + c] = (float)h->left[k][c];
        }
        n[PH_VERT] = (float)dm_ph_vert_at(a, i + 0.5);
    }
    for (int i = 1; i + 1 < a->n_nodes; i++) {
        float *n = a->nodes + (size_t)i * PH_NODE;
        for (int c = 0; c < 3; c++) n[PH_K + c] = 0.5f * (n[PH_NODE + PH_T + c] - n[-PH_NODE + PH_T + c]);
    }
    return dm_ok;
}

/* The bone, smoothed with Gaussians of 3 mm and 6 degrees: the single cells are the detector's own noise. */
static double smooth_bone(const dm_ph_host *h, int node, int column) {
    double sum = 0.0, norm = 0.0;
    for (int i = -6; i <= 6; i++)
        for (int c = -2; c <= 2; c++) {
            int k = (int)((node + i) / h->ds + 0.5);
            double w = exp(-i * i / 18.0 - c * c * 25.0 / 72.0);
            if (k < 0 || k >= h->n) continue;
            sum += w * (double)h->r_bone[(size_t)k * PH_NT + (size_t)((column + c + PH_NT) % PH_NT)];
            norm += w;
        }
    return sum / norm;
}

typedef struct habit { /* of one painted case */
    double fat, lean, lift, slope, layer, pace, phase, depth;
    double touch_from, touch_to, touch_theta,
        touch_half; /* where the sac meets the bone; half = 180: all round */
    int cord;
    dm_ph_waves dura;
} habit;

static habit draw_habit(const dm_anatomy *a) {
    dm_ph_rng r = dm_ph_stream(a->seed, a->number, "painted walls");
    habit h;
    h.fat = dm_ph_uniform(&r, 0.4, 1.3); /* one draw a statement: their order is the stream's */
    h.lean = dm_ph_normal(&r, 0, 0.5);
    h.lift = dm_ph_normal(&r, 0.3, 0.5);
    h.slope = dm_ph_normal(&r, 0.0, 0.2);
    h.layer = dm_ph_uniform(&r, -0.25, 0.25);
    h.pace = dm_ph_uniform(&r, 0.01, 0.05);
    h.phase = dm_ph_uniform(&r, 0, 6.28);
    h.depth = dm_ph_chance(&r, 0.5) ? dm_ph_uniform(&r, 0.0, 0.35) : 0.0; /* uneven pooling */
    h.cord = dm_ph_chance(&r, 0.75);
    h.dura = dm_ph_draw_waves(&r);
    double middle = dm_ph_uniform(&r, 0.15, 0.85) * a->n_nodes, half = dm_ph_uniform(&r, 12, 70);
    h.touch_from = a->touches ? middle - half : never;
    h.touch_to = a->touches ? middle + half : never;
    h.touch_theta = dm_ph_uniform(&r, -180, 180);
    h.touch_half = dm_ph_chance(&r, 0.5) ? 180.0 : dm_ph_uniform(&r, 30, 90);
    return h;
}

/* 1 where sac and bone meet, falling to 0 over 6 mm and 20 degrees. */
static double touching(const habit *h, double s, double theta) {
    double along = fmin(s - h->touch_from, h->touch_to - s) / 6.0;
    double turn = fabs(theta - h->touch_theta - 360.0 * floor((theta - h->touch_theta + 180.0) / 360.0));
    double round = h->touch_half >= 180.0 ? 1.0 : (h->touch_half - turn) / 20.0;
    return fmin(fmax(along, 0.0), 1.0) * fmin(fmax(round, 0.0), 1.0);
}

/* Fat between sac and bone, mm: thin in front, about 1 beside, and the dorsal pad of the level. */
static double margin(const habit *h, const dm_ph_ring *g, double s, double theta) {
    double c = cos(theta * 0.0174532925);
    double pad = c < 0.0 ? g->dorsal_fat * c * c : 0.25 * g->dorsal_fat * c;
    return fmax(0.5 + h->fat * (0.4 + pad) + 1.5 * dm_ph_wave(&h->dura, s, theta * 0.0174532925), 0.3);
}

static void fill_cell(const dm_anatomy *a, const habit *h, const dm_ph_ring *g, int node, int column,
                      double rb, double shrink) {
    double theta = column * 5.0, c = cos(theta * 0.0174532925), si = sin(theta * 0.0174532925);
    double free = fmin(
        dm_ph_ellipse_radius(0.5 * g->sac_ap * shrink, 0.5 * g->sac_tr * shrink, h->lift, h->lean, c, si),
        rb - margin(h, g, node, theta));
    double touch = touching(h, node, theta > 180.0 ? theta - 360.0 : theta);
    double rd = node > a->sac_end_s ? 0.0 : fmax(free + touch * (rb - 0.05 - free), fmin(2.5, 0.8 * rb));
    dm_ph_wall_row(a, PH_RB, node)[column] = (float)rb;
    for (int table = PH_RD; table <= PH_PO; table++) dm_ph_wall_row(a, table, node)[column] = (float)rd;
}

/* The column of contrast thins out over the last 8 mm before the ends of the frame. */
static void fill_value(const dm_anatomy *a, const habit *h, int node) {
    float *n = a->nodes + (size_t)node * PH_NODE;
    double end = fmin(fmin(node, a->n_nodes - 1 - node) / 8.0, 1.0);
    n[PH_SAC] *= (float)((1.0 - h->depth * (0.5 + 0.5 * sin(h->pace * node + h->phase))) * end);
    if (!h->cord) n[PH_CORD_AP] = n[PH_CORD_TR] = 0.0f;
}

static dm_status make_walls(const dm_ph_host *host, dm_anatomy *a) {
    a->walls = calloc((size_t)PH_WALLS * (size_t)a->n_nodes * PH_NT, sizeof *a->walls);
    if (!a->walls) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a canal of %d mm", a->n_nodes);
    habit h = draw_habit(a);
    const dm_ph_settled_roots roots = dm_ph_draw_settled(a);
    for (int i = 0; i < a->n_nodes; i++) {
        dm_ph_ring g = dm_ph_ring_at(a, i);
        double left = (a->sac_end_s - i) / 14.0,
               shrink = left < 1.0 ? sqrt(fmax(left * (2.0 - left), 0.0)) : 1.0;
        for (int c = 0; c < PH_NT; c++) fill_cell(a, &h, &g, i, c, smooth_bone(host, i, c), shrink);
        dm_ph_fill_node(a, &g, i, h.slope, h.layer, shrink);
        dm_ph_settle(a, &roots, i);
        fill_value(a, &h, i);
    }
    return dm_ok;
}

/* Girth: the found canal against the table's, so that a wide canal gets a wide sac. */
static void measure_girth(const dm_ph_host *h, dm_anatomy *a) {
    double sum = 0.0, table = 0.0;
    for (int i = 5; i < a->n_nodes - 5; i++) {
        double at = smooth_bone(h, i, 0) + smooth_bone(h, i, PH_NT / 2);
        sum += at;
        table += dm_ph_ring_at(a, i).ap;
    }
    a->girth = fmin(fmax(sum / table, 0.85), 1.2);
    for (int i = 0; i < a->n_verts; i++) {
        a->vert[i].sac_ap *= a->girth;
        a->vert[i].sac_tr *= a->girth;
    }
}

dm_status dm_ph_host_anatomy(const dm_ph_host *host, uint64_t seed, int number, const char *kind,
                             dm_anatomy *a) {
    memset(a, 0, sizeof *a);
    a->seed = seed;
    a->number = a->scan = number;
    a->protocol = PH_CTM;
    a->painted = 1;
    a->host = host;
    snprintf(a->kind, sizeof a->kind, "%s", kind);
    a->prims = calloc((size_t)PH_MAX_PRIMS * PH_PROW, sizeof *a->prims);
    if (!a->prims) return dm_fail(DM_STUDY, "out_of_memory", "no memory for what is painted");
    if (host->n_levels < 3)
        return dm_fail(DM_FATAL, "host_levels",
                       "the host shows fewer than three vertebrae; give a longer scan");
    draw_patient(a);
    make_levels(host, a);
    DM_TRY(make_line(host, a));
    measure_girth(host, a);
    dm_ph_make_materials(a);
    ends_of_cord(a);
    DM_TRY(make_walls(host, a));
    place_foramina(host, a);
    dm_ph_make_sleeves(a);
    DM_TRY(dm_ph_make_leaks(a));
    return dm_ph_make_buckets(a);
}
