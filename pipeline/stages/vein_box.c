#include "vein_box.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "curved.h"
#include "frame.h"
#include "level.h"
#include "moat.h"
#include "places.h"
#include "ranks.h"
#include "tubes.h"

#define PI 3.14159265358979323846
static const double A0 = DM_VEIN_A0, L0 = DM_VEIN_L0, STEP = DM_VEIN_STEP, DS = DM_VEIN_DS;
/* Roots and ribs of two levels lie this far apart once their foramina are laid on each other, mm. */
static const double REACH = 3;
enum { NA = DM_VEIN_NA, NL = DM_VEIN_NL };

typedef dm_vein_box work;

void dm_vein_box_free(dm_vein_box *w) {
    free(w->box), free(w->smooth), free(w->tube), free(w->excess), free(w->less), free(w->around),
        free(w->mask), free(w->solid), free(w->stack);
}

static int in_diverticulum(const work *w, double s, double a, double l) {
    const dm_findings *f = &w->st->findings;
    for (int k = 0; k < f->n_diverticula; k++) {
        double ds, theta, r, reach = f->d[k].diameter_mm / 2 + 2.5;
        dm_frame_from_lps(&w->st->spine, f->d[k].lps, &ds, &theta, &r);
        double da = r * cos(theta * PI / 180) - a, dl = r * sin(theta * PI / 180) - l;
        if ((ds - s) * (ds - s) + da * da + dl * dl < reach * reach) return 1;
    }
    return 0;
}

/* In how many of 8 directions in the plane a ray of 24 mm meets something solid: marrow is enclosed, a vein
 * beside bone is not. */
static int enclosed(const work *w, int x, int y, int z) {
    static const int dx[8] = {1, 1, 0, -1, -1, -1, 0, 1}, dy[8] = {0, 1, 1, 1, 0, -1, -1, -1};
    int hits = 0;
    for (int d = 0; d < 8; d++) {
        int most = (int)(24 / (STEP * (dx[d] && dy[d] ? 1.41421356 : 1)));
        for (int k = 0; k <= most; k++) {
            int i = x + k * dx[d], j = y + k * dy[d];
            if (i < 0 || j < 0 || i >= NL || j >= NA) break;
            if (w->solid[dm_at(i, j, z, NL, NA)] != 2) continue;
            hits++;
            break;
        }
    }
    return hits;
}

/* Running maximum along one axis, `reach` samples to each side. */
static void widen(const float *in, float *out, int nz, int axis, int reach) {
    const int size[3] = {NL, NA, nz};
    for (int z = 0; z < nz; z++)
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++) {
                int q[3] = {x, y, z}, at = q[axis];
                float best = 0;
                for (int d = -reach; d <= reach; d++) {
                    q[axis] = at + d;
                    if (q[axis] < 0 || q[axis] >= size[axis]) continue;
                    best = fmaxf(best, in[dm_at(q[0], q[1], q[2], NL, NA)]);
                }
                out[dm_at(x, y, z, NL, NA)] = best;
            }
}

/* Of what is bright enough for a vein: noise and the edges of muscle, of which each place has some, are not
 * usual tubes. */
static void look_around(work *w) {
    float least = (float)dm_vein_least(w->p, w->st);
    for (size_t at = 0; at < (size_t)NL * NA * (size_t)w->nz; at++)
        w->around[at] = w->smooth[at] > least ? w->excess[at] : 0;
    widen(w->around, w->less, w->nz, 0, (int)(REACH / STEP));
    memcpy(w->around, w->less, (size_t)NL * NA * (size_t)w->nz * sizeof *w->less);
    widen(w->around, w->less, w->nz, 1, (int)(REACH / STEP));
    widen(w->less, w->around, w->nz, 2, (int)(REACH / DS));
}

/* What is usual at a place: over both sides of this foramen and of the three above and below, a rank of
 * the largest responses within REACH of the same place relative to the foramen. Roots, ribs and segmental
 * veins are usual; a fistula is not. The mirror image alone is taken where fewer than three foramina are
 * seen. */
static float usual(const work *w, double s, double a, double l) {
    const dm_study *st = w->st;
    int here = dm_nearest_foramen(&st->levels, s), n = 0;
    float seen[16];
    double wall = here < 0 ? NAN : dm_foramen_wall(st, here, l);
    for (int v = here - 3; !isnan(wall) && v <= here + 3; v++)
        for (int side = -1; side <= 1; side += 2) {
            if (v < 0 || v >= st->levels.n || (v == here && side * l > 0)) continue;
            double there = dm_foramen_wall(st, v, side), out = fabs(l) + there - wall;
            if (isnan(there)) continue;
            int z = (int)lround((s + dm_foramen_s(&st->levels, v) - dm_foramen_s(&st->levels, here)) / DS);
            int x = (int)lround((side * out - L0) / STEP), y = (int)lround((a - A0) / STEP);
            if (z < 0 || z >= w->nz || x < 0 || x >= NL) continue;
            seen[n++] = w->around[dm_at(x, y, z, NL, NA)];
        }
    if (n < 5) {
        int x = (int)lround((-l - L0) / STEP), z = (int)lround(s / DS);
        return w->around[dm_at(dm_clampi(x, 0, NL - 1), (int)lround((a - A0) / STEP),
                               dm_clampi(z, 0, w->nz - 1), NL, NA)];
    }
    return dm_rank(seen, (size_t)n, w->p->rank);
}

/* 1 = the scan ends within 3 mm in the plane or along the line: what it cuts off looks like a tube's edge. */
static int near_end(const work *w, int x, int y, int z) {
    enum { IN_PLANE = 4, ASKEW = 3, ALONG = 3 }; /* samples */
    static const int dx[10] = {IN_PLANE, -IN_PLANE, 0, 0, ASKEW, ASKEW, -ASKEW, -ASKEW, 0, 0},
                     dy[10] = {0, 0, IN_PLANE, -IN_PLANE, ASKEW, -ASKEW, ASKEW, -ASKEW, 0, 0},
                     dz[10] = {0, 0, 0, 0, 0, 0, 0, 0, ALONG, -ALONG};
    for (int k = 0; k < 10; k++) {
        int i = dm_clampi(x + dx[k], 0, NL - 1), j = dm_clampi(y + dy[k], 0, NA - 1), h = z + dz[k];
        if (h < 0 || h >= w->nz || dm_is_outside(w->box[dm_at(i, j, h, NL, NA)])) return 1;
    }
    return 0;
}

/* HU that no vein has: cortex, and contrast undiluted. */
static const float BONE = 500;

/* 1 and 2: brighter than solid_hu after the first blur, or as scanned than any vein, which is how the cortex of a
 * rib is, thinner than that blur; 2: joined to such. */
static void find_solid(work *w) {
    size_t n = (size_t)NL * NA * (size_t)w->nz;
    for (size_t at = 0; at < n; at++) w->solid[at] = w->smooth[at] > (float)w->p->solid_hu || w->box[at] > BONE;
    for (size_t seed = 0; seed < n; seed++) {
        if (w->solid[seed] != 1 || w->box[seed] < BONE) continue;
        size_t depth = 0;
        w->solid[seed] = 2, w->stack[depth++] = (int)seed;
        while (depth) {
            int at = w->stack[--depth], q[3] = {at % NL, at / NL % NA, at / (NL * NA)};
            for (int k = 0; k < 6; k++) {
                int m[3] = {q[0], q[1], q[2]};
                m[k / 2] += k % 2 ? 1 : -1;
                if (m[0] < 0 || m[1] < 0 || m[2] < 0 || m[0] >= NL || m[1] >= NA || m[2] >= w->nz) continue;
                size_t next = dm_at(m[0], m[1], m[2], NL, NA);
                if (w->solid[next] != 1) continue;
                w->solid[next] = 2, w->stack[depth++] = (int)next;
            }
        }
    }
}

/* 1 where something solid lies within a sample of (x, y) in plane z. */
static int by_solid(const work *w, int x, int y, int z) {
    for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) {
            int xx = dm_clampi(x + i, 0, NL - 1), yy = dm_clampi(y + j, 0, NA - 1);
            if (w->solid[dm_at(xx, yy, z, NL, NA)] == 2) return 1;
        }
    return 0;
}

/* 1 where it lies so up to 2 mm above or below, as far as a scan of 1 mm slices blurs: the edge of a rib's head or of a joint that begins
 * there, cut along it. */
static int on_solid(const work *w, int x, int y, int z) {
    enum { REACH_Z = 2 }; /* samples of DS */
    for (int k = -REACH_Z; k <= REACH_Z; k++)
        if (z + k >= 0 && z + k < w->nz && by_solid(w, x, y, z + k)) return 1;
    return 0;
}

/* How well darker tissue closes round a place: it must fall by a third of what is above blood, and not rise
 * by as much before. */
static int closed(const work *w, int x, int y, int z) {
    const dm_samples s = {.v = w->box, .n = {NL, NA, w->nz}, .step = {STEP, STEP, DS}};
    double over = fmax((double)w->smooth[dm_at(x, y, z, NL, NA)] - w->p->blood_hu, 0);
    return dm_moat_at(&s, x, y, z, fmax(25, 0.35 * over), fmax(30, 0.3 * over)).closed;
}

/* Where a vein may be: outside the canal and its sleeves, beside the spine, not bone, not marrow, not a
 * diverticulum. */
static int may_be_vein(const work *w, int row, int x, int y, int z) {
    const dm_study *st = w->st;
    double a = dm_vein_a(y), l = dm_vein_l(x), r = sqrt(a * a + l * l);
    size_t at = dm_at(x, y, z, NL, NA);
    if (w->excess[at] <= (float)w->p->low || w->smooth[at] <= 0 || a <= -8) return 0;
    int t = dm_column_of(atan2(l, a) * 180 / PI);
    if (r <= (double)st->canal.r_bone[(size_t)row * DM_NT + (size_t)t] + w->p->wall_gap) return 0;
    if (by_solid(w, x, y, z) || near_end(w, x, y, z) || in_diverticulum(w, z * DS, a, l)) return 0;
    return closed(w, x, y, z) >= w->p->closed && enclosed(w, x, y, z) < 7;
}

static int row_at(const work *w, int z) {
    int row = (int)lround(z * DS / w->st->spine.ds);
    return row >= w->st->canal.n ? w->st->canal.n - 1 : row;
}

/* Marks where a vein may be, and there takes what is usual off the response. What lies on bone counts as usual, or edges of bone that
 * lie on none here would stand out, but is no vein itself. */
static void make_mask(work *w) {
    for (int z = 0; z < w->nz; z++)
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++) {
                size_t at = dm_at(x, y, z, NL, NA);
                int row = row_at(w, z);
                w->mask[at] = (uint8_t)(!w->st->spine.unsure[row] && may_be_vein(w, row, x, y, z));
            }
    for (size_t at = 0; at < (size_t)NL * NA * (size_t)w->nz; at++)
        if (!w->mask[at]) w->excess[at] = 0;
    look_around(w);
    for (int z = 0; z < w->nz; z++)
        for (int y = 0; y < NA; y++)
            for (int x = 0; x < NL; x++) {
                size_t at = dm_at(x, y, z, NL, NA);
                if (!w->mask[at]) continue;
                w->excess[at] -= (float)w->p->usual * usual(w, z * DS, dm_vein_a(y), dm_vein_l(x));
                if (!(w->excess[at] > (float)w->p->low) || on_solid(w, x, y, z)) w->mask[at] = 0;
            }
}

static int allocate(work *w) {
    size_t n = (size_t)NL * NA * (size_t)w->nz;
    w->smooth = malloc(n * sizeof(float)), w->excess = malloc(n * sizeof(float));
    w->tube = malloc(n * sizeof(float)), w->less = malloc(n * sizeof(float)),
    w->around = malloc(n * sizeof(float));
    w->mask = malloc(n), w->solid = calloc(n, 1);
    w->stack = malloc(n * sizeof(int));
    return w->smooth && w->tube && w->excess && w->less && w->around && w->mask && w->solid && w->stack;
}

dm_status dm_vein_box_make(dm_gpu *gpu, const dm_veins_params *p, const dm_study *st, dm_vein_box *w) {
    *w = (dm_vein_box){.p = p, .st = st, .nz = (int)((st->spine.n - 1) * st->spine.ds / DS) + 1};
    if (!allocate(w))
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a straightened box of %d x %d x %d", NL, NA,
                       w->nz);
    DM_TRY(
        dm_curved_plane(gpu, &st->crop.raw, &st->spine, 0, DS, w->nz, A0, STEP, NA, L0, STEP, NL, &w->box));
    const dm_tube_args a = {.nx = NL,
                            .ny = NA,
                            .nz = w->nz,
                            .step = {(float)STEP, (float)STEP, (float)DS},
                            .low = -120,
                            .high = 350};
    DM_TRY(dm_tubes_filter(gpu, w->box, a, w->smooth, w->tube));
    memcpy(w->excess, w->tube, (size_t)NL * NA * (size_t)w->nz * sizeof *w->tube);
    find_solid(w);
    make_mask(w);
    return dm_ok;
}
