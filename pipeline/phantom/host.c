/* The frame of a real scan as an anatomy: line, walls, levels. */
#include "host.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "host_walls.h"
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

/* mm between sac and bone where the scan shows no fat: ligament, veins, fat too thin to be seen. */
static double margin(const habit *h, double s, double theta) {
    return fmax(0.5 + 0.4 * h->fat + 1.5 * dm_ph_wave(&h->dura, s, theta * 0.0174532925), 0.3);
}

/* How far the sac may reach; owned, by node and column, mm from the line. */
typedef struct room {
    float *raw;    /* as single cells show it */
    float *free;   /* smoothed */
    float *most;   /* where it touches bone */
    double *a, *l; /* by node: its middle, mm ventral and left of the line */
} room;

static void room_free(room *o) {
    free(o->raw), free(o->free), free(o->most), free(o->a), free(o->l);
}

/* First cell of the row of the host that lies at a node. */
static size_t row_at(const dm_ph_host *h, int node) {
    return (size_t)fmin(node / h->ds + 0.5, h->n - 1.0) * PH_NT;
}

/* Mean within 3 mm and 5 degrees, bounded by bone and fat: the dura is a membrane and follows no voxel. */
static float smoothed(const dm_anatomy *a, const room *o, int node, int column) {
    double sum = 0.0, n = 0.0;
    for (int i = node < 3 ? 0 : node - 3; i <= node + 3 && i < a->n_nodes; i++)
        for (int c = column - 1; c <= column + 1; c++, n += 1.0)
            sum += (double)o->raw[(size_t)i * PH_NT + (size_t)((c + PH_NT) % PH_NT)];
    return fminf((float)(sum / n), o->most[(size_t)node * PH_NT + (size_t)column]);
}

/* The middle along two diameters, over a vertebra: the sac hangs straight. */
static void find_middle(const dm_anatomy *a, room *o, int node) {
    double n = 0.0;
    for (int i = node < 10 ? 0 : node - 10; i <= node + 10 && i < a->n_nodes; i++, n += 1.0) {
        const float *f = o->free + (size_t)i * PH_NT;
        o->a[node] += 0.5 * (double)(f[0] - f[PH_NT / 2]);
        o->l[node] += 0.5 * (double)(f[PH_NT / 4] - f[3 * PH_NT / 4]);
    }
    o->a[node] /= n;
    o->l[node] /= n;
}

static dm_status make_room(const dm_ph_host *host, const dm_ph_host_walls *seen, const dm_anatomy *a,
                           const habit *h, room *o) {
    size_t nodes = (size_t)a->n_nodes, cells = nodes * PH_NT;
    *o = (room){malloc(cells * sizeof(float)), malloc(cells * sizeof(float)), malloc(cells * sizeof(float)),
                calloc(nodes, sizeof(double)), calloc(nodes, sizeof(double))};
    if (!o->raw || !o->free || !o->most || !o->a || !o->l)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a canal of %d mm", a->n_nodes);
    for (size_t k = 0; k < cells; k++) {
        int node = (int)(k / PH_NT), column = (int)(k % PH_NT);
        size_t at = row_at(host, node) + (size_t)column;
        o->most[k] = fminf(seen->bone[at] - 0.05f, seen->fat[at]);
        o->raw[k] = fminf(seen->bone[at] - (float)margin(h, node, column * 5.0), seen->fat[at]);
    }
    for (size_t k = 0; k < cells; k++) o->free[k] = smoothed(a, o, (int)(k / PH_NT), (int)(k % PH_NT));
    for (int i = 0; i < a->n_nodes; i++) find_middle(a, o, i);
    return dm_ok;
}

/* A full sac that touches bone is wider by this, but stays round: it reaches into no corner. */
static const double swollen = 1.25;

static void fill_cell(const dm_anatomy *a, const habit *h, const room *o, const dm_ph_ring *g, int node,
                      int column, double rb, double shrink) {
    double theta = column * 5.0, c = cos(theta * 0.0174532925), si = sin(theta * 0.0174532925);
    size_t at = (size_t)node * PH_NT + (size_t)column;
    double ellipse = dm_ph_ellipse_radius(0.5 * g->sac_ap * shrink, 0.5 * g->sac_tr * shrink,
                                          o->a[node] + h->lift, o->l[node] + h->lean, c, si);
    double free = fmin(ellipse, (double)o->free[at]);
    double most = fmax(fmin(swollen * ellipse, (double)o->most[at]), free);
    double touch = touching(h, node, theta > 180.0 ? theta - 360.0 : theta);
    double rd = node > a->sac_end_s ? 0.0 : fmax(free + touch * (most - free), fmin(2.5, 0.8 * rb));
    dm_ph_wall_row(a, PH_RB, node)[column] = (float)rb;
    dm_ph_wall_row(a, PH_RD, node)[column] = (float)rd;
}

/* Takes corners off the dura, which is under tension: it stands out of the chord over 50 degrees by little
 * more than a circle does (1.1 times). */
static void round_off(float *rd) {
    static const double angle = 0.436332313, most = 1.15;
    float was[PH_NT];
    memcpy(was, rd, sizeof was);
    for (int c = 0; c < PH_NT; c++) {
        double p = (double)was[(c + 5) % PH_NT], q = (double)was[(c + PH_NT - 5) % PH_NT];
        rd[c] = fminf(was[c], (float)(most * 2.0 * p * q * cos(angle) / fmax(p + q, 1e-6)));
    }
}

/* The column of contrast thins out over the last 8 mm before the ends of the frame. */
static void fill_value(const dm_anatomy *a, const habit *h, int node) {
    float *n = a->nodes + (size_t)node * PH_NODE;
    double end = fmin(fmin(node, a->n_nodes - 1 - node) / 8.0, 1.0);
    n[PH_SAC] *= (float)((1.0 - h->depth * (0.5 + 0.5 * sin(h->pace * node + h->phase))) * end);
    if (!h->cord) n[PH_CORD_AP] = n[PH_CORD_TR] = 0.0f;
}

/* The cord lies a little in front of the middle of its sac, with fluid all round, and leaves as much of the
 * depth free as a neck's does, which it fills most of all: three fifths of its area. */
static void place_cord(const dm_anatomy *a, int node) {
    static const double rim = 0.7, most = 0.77; /* mm; share of the diameter */
    const float *rd = dm_ph_wall_row(a, PH_RD, node);
    float *n = a->nodes + (size_t)node * PH_NODE;
    double front = (double)rd[0], back = (double)rd[PH_NT / 2];
    double half = fmin((double)n[PH_CORD_AP], most * 0.5 * (front + back));
    double at = 0.5 * (front - back) + (double)n[PH_CORD_A];
    n[PH_CORD_A] = (float)fmax(fmin(at, front - half - rim), half + rim - back);
    n[PH_CORD_AP] = (float)half;
    n[PH_CORD_TR] =
        (float)fmin((double)n[PH_CORD_TR], most * 0.5 * (double)(rd[PH_NT / 4] + rd[3 * PH_NT / 4]));
}

static void fill_row(const dm_ph_host *host, const dm_ph_host_walls *seen, const room *o, const habit *h,
                     const dm_ph_settled_roots *roots, dm_anatomy *a, int node) {
    size_t row = row_at(host, node);
    dm_ph_ring g = dm_ph_ring_at(a, node);
    double left = (a->sac_end_s - node) / 14.0,
           shrink = left < 1.0 ? sqrt(fmax(left * (2.0 - left), 0.0)) : 1.0;
    for (size_t c = 0; c < PH_NT; c++)
        fill_cell(a, h, o, &g, node, (int)c, (double)seen->bone[row + c], shrink);
    float *rd = dm_ph_wall_row(a, PH_RD, node);
    round_off(rd), round_off(rd);
    for (int table = PH_RD + 1; table <= PH_PO; table++)
        memcpy(dm_ph_wall_row(a, table, node), rd, PH_NT * sizeof *rd);
    dm_ph_fill_node(a, &g, node, h->slope, h->layer, shrink);
    place_cord(a, node);
    dm_ph_settle(a, roots, node);
    fill_value(a, h, node);
}

static dm_status make_walls(const dm_ph_host *host, const dm_ph_host_walls *seen, dm_anatomy *a) {
    a->walls = calloc((size_t)PH_WALLS * (size_t)a->n_nodes * PH_NT, sizeof *a->walls);
    if (!a->walls) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a canal of %d mm", a->n_nodes);
    const habit h = draw_habit(a);
    const dm_ph_settled_roots roots = dm_ph_draw_settled(a);
    room o;
    dm_status status = make_room(host, seen, a, &h, &o);
    for (int i = 0; dm_good(status) && i < a->n_nodes; i++) fill_row(host, seen, &o, &h, &roots, a, i);
    room_free(&o);
    return status;
}

/* Girth: the host's canal against the table's, so that a wide canal gets a wide sac. */
static void measure_girth(const dm_ph_host *h, const dm_ph_host_walls *seen, dm_anatomy *a) {
    double sum = 0.0, table = 0.0;
    for (int i = 5; i < a->n_nodes - 5; i++) {
        size_t row = row_at(h, i);
        sum += (double)seen->bone[row] + (double)seen->bone[row + PH_NT / 2];
        table += dm_ph_ring_at(a, i).ap;
    }
    a->girth = fmin(fmax(sum / table, 0.85), 1.2);
    for (int i = 0; i < a->n_verts; i++) {
        a->vert[i].sac_ap *= a->girth;
        a->vert[i].sac_tr *= a->girth;
    }
}

static dm_status fill_in(const dm_ph_host *host, const dm_ph_host_walls *seen, dm_anatomy *a) {
    draw_patient(a);
    make_levels(host, a);
    DM_TRY(make_line(host, a));
    measure_girth(host, seen, a);
    dm_ph_make_materials(a);
    ends_of_cord(a);
    DM_TRY(make_walls(host, seen, a));
    place_foramina(host, a);
    dm_ph_make_sleeves(a);
    DM_TRY(dm_ph_make_leaks(a));
    return dm_ph_make_buckets(a);
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
    dm_ph_host_walls seen;
    DM_TRY(dm_ph_host_walls_make(host, &seen));
    dm_status status = fill_in(host, &seen, a);
    dm_ph_host_walls_free(&seen);
    return status;
}
