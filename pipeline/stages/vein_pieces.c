#include "vein_pieces.h"

#include <math.h>
#include <stdlib.h>

#include "level.h"
#include "places.h"

static const double STEP = DM_VEIN_STEP, DS = DM_VEIN_DS;
enum { NA = DM_VEIN_NA, NL = DM_VEIN_NL, LEAST_VOXELS = 8 };

typedef dm_vein_piece piece;

static void nearest_foramen(const dm_vein_box *w, double s, double a, double l, piece *q) {
    const dm_study *st = w->st;
    for (int v = 0; v < st->levels.n; v++) {
        /* fistulas lie between C7 and L2 (medical notes 1.2); neck and sacrum are full of other tubes */
        if (st->levels.v[v].level < DM_C7 || st->levels.v[v].level >= DM_S1) continue;
        double fs = dm_foramen_s(&st->levels, v), wall = dm_foramen_wall(st, v, l), fl = (l > 0 ? 1 : -1) * (wall + 2);
        if (isnan(wall)) continue;
        double d = sqrt((s - fs) * (s - fs) + a * a + (l - fl) * (l - fl));
        if (d >= q->near) continue;
        q->near_s = s, q->near_a = a, q->near_l = l, q->near = d, q->foramen = v;
    }
}

static void take(const dm_vein_box *w, int x, int y, int z, piece *q) {
    size_t at = dm_at(x, y, z, NL, NA);
    const double m[3] = {z * DS, dm_vein_a(y), dm_vein_l(x)}, v = (double)w->box[at];
    double ridge = (double)w->excess[at] * (double)w->excess[at];
    q->voxels++;
    q->excess += (double)w->excess[at], q->tube += (double)w->tube[at];
    q->value += ridge * v, q->weight += ridge;
    q->peak = fmax(q->peak, v);
    for (int k = 0; k < 3; k++) q->low[k] = fmin(q->low[k], m[k]), q->high[k] = fmax(q->high[k], m[k]);
    nearest_foramen(w, m[0], m[1], m[2], q);
}

/* Not the edge of muscle and lung, which is no brighter than they are. */
static int is_tube(const dm_vein_box *w, const piece *q) {
    return q->value >= w->p->blood_hu * q->weight;
}

/* The 26-connected piece of the mask that holds `seed`, taken out of it. */
static piece piece_at(dm_vein_box *w, int seed) {
    piece q = {.near = 1e9, .low = {1e9, 1e9, 1e9}, .high = {-1e9, -1e9, -1e9}, .foramen = -1, .peak = -1e9};
    size_t depth = 0;
    w->stack[depth++] = seed;
    take(w, seed % NL, seed / NL % NA, seed / (NL * NA), &q);
    w->mask[seed] = 0;
    while (depth) {
        int at = w->stack[--depth], x = at % NL, y = at / NL % NA, z = at / (NL * NA);
        for (int d = 0; d < 27; d++) {
            int xx = x + d % 3 - 1, yy = y + d / 3 % 3 - 1, zz = z + d / 9 - 1;
            if (xx < 0 || yy < 0 || zz < 0 || xx >= NL || yy >= NA || zz >= w->nz) continue;
            size_t next = dm_at(xx, yy, zz, NL, NA);
            if (!w->mask[next]) continue;
            take(w, xx, yy, zz, &q);
            w->mask[next] = 0;
            w->stack[depth++] = (int)next;
        }
    }
    return q;
}

static dm_status append_piece(dm_vein_pieces *out, const piece *q) {
    if (out->n == out->room) {
        int room = out->room ? 2 * out->room : 512;
        piece *more = realloc(out->v, (size_t)room * sizeof *more);
        if (!more) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d pieces of veins", room);
        out->v = more, out->room = room;
    }
    out->v[out->n++] = *q;
    return dm_ok;
}

static dm_status find_pieces(dm_vein_box *w, dm_vein_pieces *out) {
    size_t n = (size_t)NL * NA * (size_t)w->nz;
    for (size_t seed = 0; seed < n; seed++) {
        if (!w->mask[seed] || !(w->excess[seed] > (float)w->p->high)) continue;
        piece q = piece_at(w, (int)seed);
        if (q.voxels >= LEAST_VOXELS && q.foramen >= 0 && is_tube(w, &q)) DM_TRY(append_piece(out, &q));
    }
    return dm_ok;
}

/* Gap between the boxes of two pieces, mm. */
static double gap_of(const piece *a, const piece *b) {
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        double g = fmax(0, fmax(a->low[k] - b->high[k], b->low[k] - a->high[k]));
        sum += g * g;
    }
    return sqrt(sum);
}

/* One vein has one brightness, but for its fading: within a third. */
static int alike(const piece *a, const piece *b) {
    double x = a->value / a->weight, y = b->value / b->weight;
    return fmax(x, y) < 1.33 * fmin(x, y);
}

static void join(piece *a, const piece *b) {
    a->voxels += b->voxels, a->excess += b->excess, a->tube += b->tube;
    a->value += b->value, a->weight += b->weight, a->peak = fmax(a->peak, b->peak);
    for (int k = 0; k < 3; k++)
        a->low[k] = fmin(a->low[k], b->low[k]), a->high[k] = fmax(a->high[k], b->high[k]);
}

/* Pieces of one side that follow each other become one vein. */
static void chain_pieces(const dm_vein_box *w, piece *pieces, int n) {
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++) {
            piece *a = &pieces[i], *b = &pieces[j];
            if (!a->voxels || !b->voxels || (a->near_l > 0) != (b->near_l > 0) ||
                gap_of(a, b) >= w->p->chain || !alike(a, b))
                continue;
            /* a vein crosses a segment at most: longer chains are the edges of many bones */
            if (fmax(a->high[0], b->high[0]) - fmin(a->low[0], b->low[0]) > w->p->most_mm) continue;
            if (b->near < a->near) {
                piece swap = *a;
                *a = *b;
                *b = swap;
            }
            join(a, b);
            b->voxels = 0;
            j = i;
        }
}

dm_status dm_vein_pieces_find(dm_vein_box *w, dm_vein_pieces *out) {
    *out = (dm_vein_pieces){0};
    DM_TRY(find_pieces(w, out));
    chain_pieces(w, out->v, out->n);
    return dm_ok;
}

void dm_vein_pieces_free(dm_vein_pieces *pieces) {
    free(pieces->v);
}

double dm_vein_piece_length(const piece *q) {
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        double side = q->high[k] - q->low[k] + (k ? STEP : DS);
        sum += side * side;
    }
    return sqrt(sum);
}

double dm_vein_piece_value(const piece *q) {
    return q->value / q->weight;
}
