/* Stage canal: state of contrast, the dura's and the bone's surface round the line, the line moved to the canal's middle.
 * Rays r(s, theta) of the straightened volume are solved by semi-global matching, dura and bone in turn, each bounding the
 * other; what the levels above and below agree on guards against pools that hide the dura, and the line that is left of
 * it (divide.c). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"
#include "spine_parts.h"
#include "stage.h"

typedef struct params {
    double floor_hu, faint_hu, share, radius, mr_share, step, reach, persist;
    double min_radius, dura_drop, bone_rise, wall_hu, gap, usual_gap, ventral_gap, dura_dent, dura_dent_most, neighbourhood, dura_dead, bone_dead;
    double along, round_dura, round_bone, line_seed, line_grow, line_outward, line_ends, line_roots, root_layer, root_hu, move_smooth, move_most, rest, edge_least, fat_most, outshone;
    int rounds;
} params;

static const dm_param TABLE[] = {
    DM_PARAM_FLOAT(params, floor_hu, "HU", 70, 500, 110, "Faintest contrast that counts: above cord, roots and discs by more than noise."),
    DM_PARAM_FLOAT(params, faint_hu, "HU", 70, 600, 320, "Contrast fainter than this is no brighter than marrow and blurred cortex: the bone is found before the dura."),
    DM_PARAM_FLOAT(params, share, "1", 0.1, 1, 0.4, "Share of the angles that must show contrast; the cord may hide the others."),
    DM_PARAM_FLOAT(params, radius, "mm", 3, 8, 5.5, "Contrast is looked for this near the line: laminae that overlap in the chest lie further out."),
    DM_PARAM_FLOAT(params, mr_share, "1", 0.1, 0.9, 0.4, "MR: fluid is at least this share of its usual signal along the line."),
    DM_PARAM_FLOAT(params, step, "mm", 0.5, 2, 1, "Step along the line in which the surfaces are solved; the slices are rarely finer."),
    DM_PARAM_FLOAT(params, reach, "mm", 16, 30, 22, "Largest radius; the widest canal (L5) has a half width of 17 mm."),
    DM_PARAM_FLOAT(params, persist, "mm", 15, 50, 28, "What stays bright this far along the line is fluid: longer than a lamina or a body between two discs."),
    DM_PARAM_FLOAT(params, min_radius, "mm", 1, 5, 2.5, "No surface is nearer to the line: half of the narrowest sac."),
    DM_PARAM_FLOAT(params, dura_drop, "1", 0.1, 1, 0.5, "Fall from sac to tissue, share of the sac, that makes a full edge of the dura."),
    DM_PARAM_FLOAT(params, bone_rise, "HU", 80, 800, 250, "Rise within 1 mm that makes a full edge of bone: thin cortex blurred by 3 mm slices."),
    DM_PARAM_FLOAT(params, wall_hu, "HU", 120, 400, 180, "Value that counts as bone."),
    DM_PARAM_FLOAT(params, gap, "mm", 0, 2, 0.3, "Least distance of bone from dura."),
    DM_PARAM_FLOAT(params, usual_gap, "mm", 0, 5, 1.5, "Distance of bone from dura where the canal fits the sac (the chest); in the loins it grows to 8 mm at the sides. Where nothing shows one of the two surfaces it is put there by the other."),
    DM_PARAM_FLOAT(params, ventral_gap, "mm", 0, 5, 0.8, "The same straight ahead, where the dura lies on the ligament and the ligament on the bodies."),
    DM_PARAM_FLOAT(params, neighbourhood, "mm", 10, 80, 30, "The surfaces' median within this distance along the line guides the last solution: one level to either side."),
    DM_PARAM_FLOAT(params, dura_dead, "mm", 0, 4, 1, "Deviation of the dura that costs nothing, from that median with its dents spanned."),
    DM_PARAM_FLOAT(params, dura_dent, "1/mm", 0, 2, 0.6, "Cost of a dura further inside than that: fluid keeps the sac round; a disc or a pool flattens it."),
    DM_PARAM_FLOAT(params, dura_dent_most, "1", 0, 2, 1, "Most that a dent costs; a full edge is worth 1."),
    DM_PARAM_FLOAT(params, bone_dead, "mm", 0, 5, 1.5, "The same for bone: discs bulge and laminae slope."),
    DM_PARAM_FLOAT(params, outshone, "s.d.", 0, 1e6, 3, "CT: what outshines the study's bone, in its own direction and the mirrored one, by so many s.d. and by a tenth is contrast."),
    DM_PARAM_FLOAT(params, along, "1", 0.01, 2, 0.15, "Cost of a step of 0.25 mm between neighbours along the line, per square."),
    DM_PARAM_FLOAT(params, round_dura, "1", 0.01, 2, 0.12, "The same between neighbours round the line for the dura, which is round."),
    DM_PARAM_FLOAT(params, round_bone, "1", 0.01, 2, 0.04, "The same for bone, which has corners."),
    DM_PARAM_FLOAT(params, line_seed, "1", 0, 2, 0.5, "A pool that the dura went round is divided off where a line's mean strength, over 9 mm and 35 degrees, reaches this; 1 = a fall by 0.3 of the sac (CT: a valley of 0.15). 2 = nowhere."),
    DM_PARAM_FLOAT(params, line_grow, "1", 0, 2, 0.1, "And is followed as far as it exceeds this."),
    DM_PARAM_FLOAT(params, line_outward, "mm", 0, 5, 0.3, "Such a pool stands out from the ellipse of the rest of the sac by this; fluid dimmed by pulsation does not."),
    DM_PARAM_FLOAT(params, line_ends, "mm", 0, 60, 25, "No such line within this distance of the line's upper end: the cisterns are no tube."),
    DM_PARAM_FLOAT(params, line_roots, "vertebrae", -1, 9, 1.5, "Nor further down than this below the middle of T11, the lower end of T12: roots leave the cord there and make lines of their own."),
    DM_PARAM_FLOAT(params, root_layer, "mm", 0.5, 30, 2, "Below the cord a dim layer of this thickness under a level surface of bright fluid is settled roots, inside the dura. 30 = never."),
    DM_PARAM_FLOAT(params, root_hu, "HU", 0, 1000, 200, "CT: and in fluid brighter than this: roots take up a quarter of its contrast, so that a layer of them is darker by more than noise."),
    DM_PARAM_FLOAT(params, move_smooth, "mm", 1, 15, 4, "Gaussian over the moves of the line."),
    DM_PARAM_FLOAT(params, move_most, "mm", 0, 8, 4, "Largest move of the line in one round."),
    DM_PARAM_FLOAT(params, edge_least, "1", 0, 1, 0.2, "Where the surfaces stand on less of an edge than this, as a mean round the line, it is not in a canal and marked as unsure."),
    DM_PARAM_FLOAT(params, fat_most, "1", 0, 1, 0.05, "CT: more fat than this, share of what lies inside the dura found, and it is no dura: the line is marked as unsure there."),
    DM_PARAM_FLOAT(params, rest, "mm", 0, 4, 1, "The line rests when no part of it moves by more than this."),
    DM_PARAM_INT(params, rounds, "1", 0, 8, 2, "How often the line is moved to the middle of the surfaces, at most."),
};

/* What one geometry is solved with; per ray index i*DM_NT + t. */
typedef struct work {
    dm_unrolled u;
    dm_edge_args edge;
    int n;                        /* positions */
    float *level, *bone_level;    /* n */
    float *place;                 /* n: dm_sac_places */
    uint8_t *filled;              /* n */
    uint8_t *roots;               /* n * DM_NT: roots hide the dura */
    uint8_t *parted;              /* n * DM_NT: the dura lies on the line before a pool */
    uint8_t *sharp;               /* n * DM_NT, CT: the bone stands on a rise of its own */
    uint8_t *bone_leads;          /* n: 1 = bone is surer than the dura: nothing fills the sac, or faintly */
    float *rd, *rb, *qd, *qb;     /* n * DM_NT */
    float *md, *mb;               /* medians of the neighbourhood, 0 = none */
    float *guide;                 /* n * DM_NT * 4 */
} work;

static void work_clear(work *w) {
    dm_unrolled_clear(&w->u);
    free(w->level), free(w->bone_level), free(w->place), free(w->filled), free(w->roots), free(w->parted), free(w->sharp), free(w->bone_leads), free(w->rd), free(w->rb), free(w->qd), free(w->qb);
    free(w->md), free(w->mb), free(w->guide);
    *w = (work){0};
}

static dm_edge_args edges(const params *p, dm_modality modality) {
    return (dm_edge_args){.mr = modality == DM_MR,
                          .tissue = modality == DM_MR ? 0.0f : 30.0f,
                          .min_r = (float)p->min_radius,
                          .dura_drop = (float)p->dura_drop,
                          .passed = 0.5f,
                          .dark = 1.5f,
                          .cord = 3.0f,
                          .cord_from = 5.0f,
                          .fat = modality == DM_MR ? -30000.0f : -20.0f,
                          .bone_rise = (float)p->bone_rise,
                          .bone_low = 100.0f,
                          .wall = (float)p->wall_hu,
                          .faint = (float)p->faint_hu,
                          .wall_depth = 2.0f,
                          .ligament = 70.0f,
                          .behind_blur = 1};
}

/* MR's bone edge needs a scale everywhere: the nearest filled position's. 1 when there is none. */
static void spread_level(const float *level, int n, float *out) {
    for (int i = 0; i < n; i++) {
        out[i] = 1.0f;
        for (int d = 0; d < n; d++) {
            int j = i - d >= 0 && !dm_is_outside(level[i - d]) ? i - d : i + d;
            if (j < n && !dm_is_outside(level[j])) {
                out[i] = level[j];
                break;
            }
        }
    }
}

/* Contrast fainter than bone marrow cannot be told from it; there, and without contrast, the bone is found first and what
 * lasts along the line is no sign of fluid. */
static void who_leads(const params *p, dm_modality modality, work *w) {
    if (modality == DM_MR) spread_level(w->level, w->n, w->bone_level);
    for (int i = 0; i < w->n; i++) {
        w->bone_leads[i] = !w->filled[i] || (modality == DM_CT && w->level[i] < (float)p->faint_hu);
        if (modality == DM_CT) w->bone_level[i] = w->level[i];
    }
}

static dm_status work_make(dm_gpu *gpu, const params *p, const dm_study *study, work *w) {
    const dm_volume *volume = dm_crop_best(&study->crop);
    DM_TRY(dm_unroll(gpu, volume, &study->spine, p->step, p->reach, p->persist, &w->u));
    w->edge = edges(p, study->modality);
    w->n = w->u.a.ns;
    size_t n = (size_t)w->n, rays = n * DM_NT;
    w->level = malloc(n * sizeof(float));
    w->bone_level = malloc(n * sizeof(float));
    w->place = calloc(n, sizeof(float));
    w->filled = calloc(n, 1);
    w->bone_leads = calloc(n, 1);
    w->roots = calloc(rays, 1);
    w->parted = calloc(rays, 1);
    w->sharp = calloc(rays, 1);
    float **per_ray[] = {&w->rd, &w->rb, &w->qd, &w->qb, &w->md, &w->mb};
    int bad = !w->level || !w->bone_level || !w->place || !w->filled || !w->bone_leads || !w->roots || !w->parted || !w->sharp;
    for (int i = 0; i < 6; i++) bad |= !(*per_ray[i] = calloc(rays, sizeof(float)));
    w->guide = malloc(rays * 4 * sizeof(float));
    if (bad || !w->guide) return dm_fail(DM_STUDY, "out_of_memory", "no memory for surfaces of %d positions", w->n);
    for (int i = 0; i < w->n; i++) w->level[i] = DM_OUTSIDE;
    const dm_contrast_params c = {p->floor_hu, p->share, p->radius, p->mr_share};
    DM_TRY(dm_contrast_state(&w->u, study->modality, &c, w->level, w->filled));
    who_leads(p, study->modality, w);
    return dm_ok;
}

static float usual_gap(const params *p, const work *w, int i, int t) {
    return dm_expected_gap(w->place[i], t, (float)p->usual_gap, (float)p->ventral_gap);
}

/* The dura: inside the bone where that is known; where nothing fills the sac it hangs on the bone alone. */
static dm_status solve_dura(const params *p, work *w, int with_bone) {
    const dm_cost_args cost = {.step = 0.5f, .slope = 1.0f, .one = {0.1f, 0.1f, 0.0f, 1.0f}, .two = {(float)p->dura_dent, 0.15f, (float)p->dura_dead, (float)p->dura_dent_most}};
    /* Half a millimetre from one angle to the next: at a radius of 6 mm a slope of 45 degrees, steeper than a round sac has
     * even about a line that is 3 mm beside its middle. */
    const dm_solver solver = {(float)p->along, (float)p->round_dura, 2, 0, with_bone ? 0.15f : 0.0f, 4.0f};
    float far = (float)p->reach;
    for (int i = 0; i < w->n; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t ray = (size_t)i * DM_NT + (size_t)t;
            float *g = w->guide + 4 * ray, rb = w->rb[ray];
            g[0] = (float)p->min_radius;
            g[1] = with_bone || (w->bone_leads[i] && rb > 0.0f) ? rb - (float)p->gap : far;
            g[2] = with_bone && !w->filled[i] ? fmaxf(rb - usual_gap(p, w, i, t), g[0]) : 0.0f;
            g[3] = with_bone && w->filled[i] ? w->md[ray] : 0.0f;
        }
    return dm_solve_surface(&w->u, &w->edge, &cost, &solver, w->level, NULL, w->guide, w->rd, w->qd);
}

/* Half of the deepest canal straight ahead and behind, of the widest to the sides, mm: bone found without a dura is pulled no
 * further in. */
static float widest(int t) {
    float side = (float)sin(2 * 3.14159265358979323846 * t / DM_NT);
    return 8.5f + 4.0f * side * side;
}

/* The sac is held round by the pressure of its fluid: raises r to the chords between its points that are up to 120 degrees
 * apart. A line of roots sunk in the cauda, or the axilla of one root, makes a dent that a chord spans. */
static void span_dents(const float *r, float *out) {
    enum { SPAN = DM_NT / 3 };
    float sine[SPAN + 1];
    for (int d = 0; d <= SPAN; d++) sine[d] = (float)sin(2 * 3.14159265358979323846 * d / DM_NT);
    memcpy(out, r, DM_NT * sizeof *out);
    for (int a = 0; a < DM_NT; a++)
        for (int span = 2; span <= SPAN; span++) {
            float ra = r[a], rb = r[(a + span) % DM_NT], both = ra * rb * sine[span];
            for (int d = 1; d < span; d++) {
                float *o = out + (a + d) % DM_NT;
                float under = ra * sine[d] + rb * sine[span - d];
                if (under > 0.0f) *o = fmaxf(*o, both / under);
            }
        }
}

/* The bone: outside the dura where that was seen, near it unless an edge says otherwise. */
static dm_status solve_bone(const params *p, work *w, int last) {
    const dm_cost_args cost = {.step = 0.5f, .slope = 1.0f, .one = {w->edge.mr ? 0.2f : 0.05f, 0.1f, 0.0f, 0.5f}, .two = {0.15f, 0.1f, (float)p->bone_dead, 0.6f}};
    const dm_solver solver = {(float)p->along, (float)p->round_bone, 3, 1, last ? 0.15f : 0.0f, 4.0f};
    float ring[DM_NT], far = (float)p->reach, *seen = calloc((size_t)w->n * DM_NT, sizeof *seen);
    if (!seen) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the bone of %d positions", w->n);
    for (int i = 0; i < w->n; i++) {
        span_dents(w->rd + (size_t)i * DM_NT, ring);
        for (int t = 0; t < DM_NT; t++) {
            size_t ray = (size_t)i * DM_NT + (size_t)t;
            float *g = w->guide + 4 * ray;
            int sure = !w->bone_leads[i] && w->qd[ray] > 0.15f;
            seen[ray] = sure ? w->rd[ray] : 0.0f;
            g[0] = sure ? w->rd[ray] + (float)p->gap : (float)p->min_radius + 1.0f;
            g[1] = far;
            /* Nowhere a dura yet (0), or none that says more than the bone itself: until the last solution, where contrast is faint. */
            int unknown = w->rd[ray] <= 0.0f || (last ? !w->filled[i] : w->bone_leads[i]);
            g[2] = unknown ? widest(t) : ring[t] + usual_gap(p, w, i, t);
            g[3] = last ? w->mb[ray] : 0.0f;
        }
    }
    dm_status status = dm_solve_surface(&w->u, &w->edge, &cost, &solver, w->bone_level, seen, w->guide, w->rb, w->qb);
    free(seen);
    return status;
}

/* Median along the line, per angle, of the radii that stand on an edge; 0 where fewer than a third do. */
static void neighbours(const float *r, const float *q, int n, int half, float *out) {
    float v[256];
    for (int t = 0; t < DM_NT; t++)
        for (int i = 0; i < n; i++) {
            int m = 0, all = 0;
            for (int j = i - half; j <= i + half; j++) {
                if (j < 0 || j >= n) continue;
                all++;
                if (q[j * DM_NT + t] > 0.3f) v[m++] = r[j * DM_NT + t];
            }
            out[i * DM_NT + t] = 3 * m >= all ? dm_median(v, m) : 0.0f;
        }
}

/* The neighbourhood's dura becomes this position's guide: this ring without its spikes into sleeves and without its dents. */
static void round_guide(const work *w) {
    float ring[DM_NT];
    for (int i = 0; i < w->n; i++) {
        float *md = w->md + (size_t)i * DM_NT;
        const float *r = w->rd + (size_t)i * DM_NT;
        int known = 0;
        for (int t = 0; t < DM_NT; t++) {
            ring[t] = md[t] > 0.0f ? fminf(r[t], md[t] + 0.5f) : r[t];
            known += md[t] > 0.0f;
        }
        if (3 * known >= 2 * DM_NT) span_dents(ring, md);
    }
}

/* The dura between two layers of fluid. */
static dm_status divide(const params *p, work *w) {
    const dm_divide_params line = {p->line_seed, p->line_grow,  p->line_outward, p->line_ends,  p->line_roots,
                                   p->along,     p->round_dura, p->min_radius, w->edge.mr};
    return dm_divide_pools(&w->u, &line, w->level, w->place, w->rd, w->qd, w->parted);
}

/* Where the sac ends and how wide it is was read from the wrong dura then, too. */
static dm_status settle(const params *p, work *w, int last) {
    const dm_settled_params roots = {p->root_layer, w->edge.tissue, w->edge.mr ? 0.0f : (float)p->root_hu, last};
    DM_TRY(dm_settled_roots(&w->u, &roots, w->level, w->rd, w->qd, w->roots));
    if (last && memchr(w->roots, 1, (size_t)w->n * DM_NT)) dm_sac_places(&w->u, w->level, w->rd, w->edge.tissue, w->place);
    return dm_ok;
}

static dm_status solve(const params *p, work *w, int last) {
    int half = (int)(p->neighbourhood / p->step);
    if (half > 127) half = 127;
    if (memchr(w->bone_leads, 1, (size_t)w->n)) DM_TRY(solve_bone(p, w, 0));
    DM_TRY(solve_dura(p, w, 0));
    if (!last) DM_TRY(settle(p, w, last)); /* the line moves to the middle of the sac, not of what is bright in it */
    /* Only the surfaces that are kept: more room behind than in front would move the line, which has no need of it. */
    if (last) dm_sac_places(&w->u, w->level, w->rd, w->edge.tissue, w->place);
    DM_TRY(solve_bone(p, w, 0));
    if (!last) return dm_ok;
    neighbours(w->rd, w->qd, w->n, half, w->md);
    neighbours(w->rb, w->qb, w->n, half, w->mb);
    round_guide(w);
    DM_TRY(solve_dura(p, w, 1));
    DM_TRY(divide(p, w));
    DM_TRY(settle(p, w, last));
    DM_TRY(solve_bone(p, w, 1));
    const dm_walls_found walls = {w->rd, w->rb, w->qb, w->qd, w->sharp};
    if (w->edge.mr) return dm_place_fluid_edge(&w->u, (float)p->gap, &walls);
    DM_TRY(dm_bone_brightness(&w->u, &walls, p->outshone));
    DM_TRY(solve_bone(p, w, 1));
    DM_TRY(dm_sharpen_bone(&w->u, &w->edge, (float)p->gap, &walls));
    DM_TRY(dm_unbias_walls(&w->u, &w->edge, w->level, &walls));
    return dm_bone_from_behind(&w->u, w->filled, &walls);
}

/* A ring of radii about the line: the least half width of its oval, and its middle, ventral and to the left, as its harmonics tell. */
typedef struct ring {
    double least, a, l;
} ring;

static ring ring_of(const float *r) {
    ring o = {0, 0, 0};
    double mean = 0, c2 = 0, s2 = 0;
    for (int t = 0; t < DM_NT; t++) {
        double angle = 2 * 3.14159265358979323846 * t / DM_NT, v = (double)r[t] / DM_NT;
        mean += v;
        o.a += 2 * v * cos(angle), o.l += 2 * v * sin(angle);
        c2 += 2 * v * cos(2 * angle), s2 += 2 * v * sin(2 * angle);
    }
    o.least = mean - hypot(c2, s2);
    return o;
}

/* Where the line belongs: the middle of the canal, mostly the bony one, which no pool pushes aside; but inside the sac, at least
 * `room` mm from its wall, for no dura is found from there: behind the sac of a real chest lie up to 6 mm of fat. */
static void middle_of(const float *rd, const float *rb, int filled, double room, double *a, double *l) {
    ring bone = ring_of(rb), dura = ring_of(rd);
    *a = bone.a, *l = bone.l;
    if (!filled) return;
    double da = 0.8 * (bone.a - dura.a), dl = 0.8 * (bone.l - dura.l), far = hypot(da, dl), most = fmax(dura.least - room, 0);
    double f = far > most ? most / far : 1;
    *a = dura.a + f * da, *l = dura.l + f * dl;
}

/* Weight of a move: how much of the ring stands on edges. */
static dm_status recentre(const params *p, const work *w, dm_spine *spine, double *moved) {
    double *move = calloc(3 * (size_t)w->n, sizeof *move);
    if (!move) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the line's moves");
    double *a = move, *l = move + w->n, *weight = move + 2 * w->n;
    for (int i = 0; i < w->n; i++) {
        size_t ray = (size_t)i * DM_NT;
        /* MR shows fluid as wide as it is: no thin rim is lost beside the line. */
        middle_of(w->rd + ray, w->rb + ray, w->filled[i], w->edge.mr ? 0 : p->min_radius + 1, &a[i], &l[i]);
        for (int t = 0; t < DM_NT; t++, ray++) weight[i] += fmin(w->qb[ray] + (w->filled[i] ? w->qd[ray] : 0.0f), 1.0) / DM_NT;
    }
    dm_status status = dm_recentre(spine, p->step, w->n, a, l, weight, p->move_smooth, p->move_most, moved);
    free(move);
    return status;
}

/* 1 where nothing within 3 mm outside the surface is bone (CT: bright; MR: the dark line is missing). */
static int open_wall(const work *w, const params *p, int i, int t) {
    size_t ray = dm_ray_of(w->u.a, i, t);
    float r = w->rb[(size_t)i * DM_NT + (size_t)t], dr = w->u.a.dr, most = -30000.0f, least = 30000.0f;
    int seen = 0;
    for (int k = dm_mm(fmaxf(r - 0.5f, 0.0f), dr); k < w->u.a.nr && (float)k * dr <= r + 3.0f; k++) {
        float v = w->u.s[ray + (size_t)k];
        if (dm_is_outside(v)) return 1;
        most = fmaxf(most, v);
        least = fminf(least, v);
        seen = 1;
    }
    if (!seen) return 1;
    return w->edge.mr ? least > 0.4f * w->bone_level[i] : most < (float)p->wall_hu;
}

static float mixed(const float *v, size_t i, size_t j, float f) {
    return v[i] + f * (v[j] - v[i]);
}

static dm_status canal_make(int n, dm_canal *c) {
    size_t rays = (size_t)n * DM_NT;
    *c = (dm_canal){.n = n,
                    .r_dura = malloc(rays * sizeof(float)),
                    .r_bone = malloc(rays * sizeof(float)),
                    .q_dura = malloc(rays * sizeof(float)),
                    .q_bone = malloc(rays * sizeof(float)),
                    .no_bone = malloc(rays),
                    .filled = malloc((size_t)n),
                    .roots = malloc(rays),
                    .parted = malloc(rays),
                    .sac = malloc((size_t)n * sizeof(float))};
    if (c->r_dura && c->r_bone && c->q_dura && c->q_bone && c->no_bone && c->filled && c->roots && c->parted && c->sac) return dm_ok;
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for the canal over %d samples", n);
}

/* The solution at the line's own samples. */
static dm_status write_canal(const params *p, const work *w, dm_study *study) {
    dm_canal *c = &study->canal;
    DM_TRY(canal_make(study->spine.n, c));
    for (int x = 0; x < c->n; x++) {
        double at = fmin(x * study->spine.ds / p->step, w->n - 1.0);
        int i = (int)at, j = i + 1 < w->n ? i + 1 : i, near = at - i < 0.5 ? i : j;
        float f = (float)(at - i);
        c->filled[x] = w->filled[near];
        c->sac[x] = w->filled[near] ? w->level[near] : DM_OUTSIDE;
        for (int t = 0; t < DM_NT; t++) {
            size_t o = (size_t)x * DM_NT + (size_t)t, r0 = (size_t)i * DM_NT + (size_t)t, r1 = (size_t)j * DM_NT + (size_t)t;
            c->r_bone[o] = mixed(w->rb, r0, r1, f);
            c->r_dura[o] = fminf(mixed(w->rd, r0, r1, f), c->r_bone[o] - (float)p->gap);
            c->q_bone[o] = mixed(w->qb, r0, r1, f);
            /* What is not filled is guessed from the bone, and says so. */
            c->q_dura[o] = c->filled[x] ? mixed(w->qd, r0, r1, f) : fminf(mixed(w->qd, r0, r1, f), 0.29f);
            c->no_bone[o] = (uint8_t)open_wall(w, p, near, t);
            c->roots[o] = w->roots[near * DM_NT + t];
            c->parted[o] = w->parted[near * DM_NT + t];
        }
    }
    return dm_ok;
}

/* First sample of the line in the sacrum, as the ends of cord and sac tell it. */
static int sacrum_from(const params *p, const work *w, const dm_spine *spine) {
    static const float lumbosacral_disc = 6.5f; /* vertebrae below the middle of T11 */
    int i = 0;
    while (i < spine->n && w->place[(int)fmin(i * spine->ds / p->step, w->n - 1.0)] < lumbosacral_disc) i++;
    return i;
}

static dm_status run(dm_gpu *gpu, const void *params_, dm_study *study) {
    const params *p = params_;
    work w = {0};
    dm_status status;
    if (study->spine.n < 2) return dm_fail(DM_STUDY, "no_spine", "the canal needs a centre line");
    double moved = INFINITY;
    for (int round = 0, last = 0; !last; round++) {
        last = round == p->rounds || moved < p->rest;
        work_clear(&w);
        DM_TRY_OUT(work_make(gpu, p, study, &w));
        /* The line is moved by the bone as it is most likely; the surfaces that are kept must not take a pool for bone. */
        w.edge.behind_blur = !last;
        DM_TRY_OUT(solve(p, &w, last));
        if (!last) DM_TRY_OUT(recentre(p, &w, &study->spine, &moved));
    }
    dm_doubt_bends(&study->spine);
    DM_TRY_OUT(write_canal(p, &w, study));
    DM_TRY_OUT(dm_doubt_edges(&study->canal, study->modality, p->edge_least, &study->spine));
    if (study->modality == DM_CT)
        DM_TRY_OUT(dm_doubt_fat(dm_crop_best(&study->crop), &study->canal,
                                sacrum_from(p, &w, &study->spine), p->fat_most, &study->spine));
out:
    work_clear(&w);
    return status;
}

static uint64_t device_bytes(const dm_study *study, const void *params_) {
    const params *p = params_;
    const dm_volume *v = dm_crop_best(&study->crop);
    double length = study->spine.n > 1 ? (study->spine.n - 1) * study->spine.ds : 800.0;
    return dm_unrolled_bytes(length, p->step, p->reach) + (uint64_t)dm_volume_count(v) * sizeof(float) + (64u << 20);
}

const dm_stage dm_stage_canal = {.name = "canal",
                                 .reads = "modality, contrast, crop, spine",
                                 .fills = "canal; moves spine",
                                 .params = TABLE,
                                 .n_params = sizeof TABLE / sizeof *TABLE,
                                 .params_size = sizeof(params),
                                 .device_bytes = device_bytes,
                                 .run = run,
                                 .checks = dm_canal_checks,
                                 .n_checks = 8};
