/* The kernels of stage canal against scalar loops over the same per-item functions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "canal_parts.h"
#include "dura_line.h"

enum { V, O, EDGE, GUIDE, LEVEL, VOXEL, DURA, MOST, OUT, BUFFERS };

/* Rays of a made-up canal (cord, fluid, fat, bone, noise, holes) and the buffers that every check needs. */
typedef struct bench {
    dm_surf_args a;
    size_t cells, rays;
    float *v, *o, *edge, *guide, *level, *voxel, *dura, *most, *want, *want2, *got, *got2;
    dm_buf *d[BUFFERS];
} bench;

static void bench_clear(bench *b) {
    free(b->v), free(b->o), free(b->edge), free(b->guide), free(b->level), free(b->voxel), free(b->dura), free(b->most), free(b->want), free(b->want2);
    free(b->got), free(b->got2);
    for (int i = 0; i < BUFFERS; i++) dm_buf_free(b->d[i]);
}

static float draw(uint64_t *state) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return (float)(*state >> 40) / 16777216.0f;
}

static void fill(bench *b, uint64_t seed) {
    uint64_t state = seed * 2654435761u + 88172645463325252ull;
    for (size_t c = 0; c < b->cells; c++) {
        float r = (float)(c % (size_t)b->a.nr) * b->a.dr, e = draw(&state);
        float tissue = r < 2.0f ? 40.0f : r < 6.0f ? 400.0f : r < 7.5f ? -80.0f : 700.0f;
        b->v[c] = draw(&state) < 0.002f ? DM_OUTSIDE : tissue + 80.0f * (e - 0.5f);
        b->o[c] = r < 6.5f ? 300.0f : 60.0f;
        b->edge[c] = draw(&state);
    }
    for (size_t i = 0; i < b->rays * 4; i++) b->guide[i] = 3.0f + 8.0f * draw(&state);
    for (size_t i = 0; i < b->rays; i++) b->dura[i] = 5.0f + 2.0f * draw(&state), b->voxel[i] = 0.3f + 2.7f * draw(&state);
    for (int t = 0; t < b->a.nt; t++) b->most[t] = t % 3 ? 690.0f + 60.0f * draw(&state) : DM_BONE_ANY; /* bone of 660 to 740: by parts */
    for (int i = 0; i < b->a.ns; i++) b->level[i] = i % 5 == 4 ? DM_OUTSIDE : 350.0f + 50.0f * draw(&state);
}

static dm_status bench_make(dm_gpu *gpu, int edge, uint64_t seed, bench *b) {
    *b = (bench){.a = {edge, DM_NT, edge < 24 ? 24 : edge, 0.25f}};
    if (edge < 24) b->a.nt = 3 * edge;
    b->rays = (size_t)b->a.ns * (size_t)b->a.nt;
    b->cells = b->rays * (size_t)b->a.nr;
    float **big[] = {&b->v, &b->o, &b->edge, &b->want, &b->want2, &b->got, &b->got2};
    for (int i = 0; i < 7; i++)
        if (!(*big[i] = calloc(b->cells, sizeof(float)))) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the check");
    b->guide = malloc(b->rays * 4 * sizeof(float));
    b->level = malloc((size_t)b->a.ns * sizeof(float));
    b->voxel = malloc(b->rays * sizeof(float));
    b->dura = malloc(b->rays * sizeof(float));
    b->most = malloc((size_t)b->a.nt * sizeof(float));
    if (!b->guide || !b->level || !b->voxel || !b->dura || !b->most) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the check");
    fill(b, seed);
    size_t cells = b->cells * sizeof(float);
    DM_TRY(dm_buf_from(gpu, b->v, cells, "values", &b->d[V]));
    DM_TRY(dm_buf_from(gpu, b->o, cells, "opening", &b->d[O]));
    DM_TRY(dm_buf_from(gpu, b->edge, cells, "edges", &b->d[EDGE]));
    DM_TRY(dm_buf_from(gpu, b->guide, b->rays * 4 * sizeof(float), "guides", &b->d[GUIDE]));
    DM_TRY(dm_buf_from(gpu, b->level, (size_t)b->a.ns * sizeof(float), "levels", &b->d[LEVEL]));
    DM_TRY(dm_buf_from(gpu, b->voxel, b->rays * sizeof(float), "voxels", &b->d[VOXEL]));
    DM_TRY(dm_buf_from(gpu, b->dura, b->rays * sizeof(float), "dura", &b->d[DURA]));
    DM_TRY(dm_buf_from(gpu, b->most, (size_t)b->a.nt * sizeof(float), "limits", &b->d[MOST]));
    return dm_buf_new(gpu, cells, "result", &b->d[OUT]);
}

static const dm_edge_args EDGES = {.mr = 0, .tissue = 30, .min_r = 1, .dura_drop = 0.5f, .passed = 0.5f, .dark = 1.5f, .cord = 3,
                                   .cord_from = 5, .fat = -20, .bone_rise = 250, .bone_low = 100, .wall = 180, .faint = 240, .behind_blur = 1, .wall_depth = 2,
                                   .ligament = 70};
static const dm_cost_args COSTS = {0.5f, 1.0f, {0.1f, 0.05f, 0.0f, 1.0f}, {0.05f, 0.15f, 1.0f, 0.6f}};

static double difference(const float *want, const float *got, size_t n) {
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)want[i] - (double)got[i]);
        if (!(d <= worst)) worst = d;
    }
    return worst;
}

static dm_status launch(dm_gpu *gpu, const bench *b, const char *kernel, int per_ray, const dm_arg *args, int count) {
    const size_t cell[3] = {(size_t)b->a.nr, (size_t)b->a.nt, (size_t)b->a.ns}, ray[3] = {cell[1], cell[2], 1};
    return dm_gpu_run(gpu, "surface.cl", NULL, kernel, per_ray ? ray : cell, NULL, args, count);
}

static dm_status finish(dm_gpu *gpu, bench *b, const float *want, dm_check_result *r, int arrays) {
    DM_TRY(dm_buf_read(b->d[OUT], 0, b->got, b->cells * sizeof(float)));
    r->seconds = dm_gpu_seconds(gpu);
    r->items = (double)b->cells;
    r->bytes = 4.0 * arrays * (double)b->cells;
    r->error = want ? difference(want, b->got, b->cells) : 0;
    return dm_ok;
}

#define EACH_CELL(b)                                   \
    for (int i = 0; i < (b)->a.ns; i++)                \
        for (int t = 0; t < (b)->a.nt; t++)            \
            for (int k = 0; k < (b)->a.nr; k++)
#define EACH_RAY(b)                     \
    for (int i = 0; i < (b)->a.ns; i++) \
        for (int t = 0; t < (b)->a.nt; t++)

static dm_status check_smooth(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    const dm_arg args[] = {DM_ARG_VAL(b->a), DM_ARG_BUF(b->d[V]), DM_ARG_BUF(b->d[OUT])};
    DM_TRY(launch(gpu, b, "surf_smooth", 0, args, 3));
    if (with_reference) EACH_CELL(b) b->want[dm_ray_of(b->a, i, t) + (size_t)k] = dm_surf_smooth_at(b->v, b->a, i, t, k);
    return finish(gpu, b, with_reference ? b->want : NULL, r, 2);
}

static dm_status check_extreme(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    const int reach = 3;
    const float sign = -1.0f;
    const dm_arg args[] = {DM_ARG_VAL(b->a), DM_ARG_VAL(reach), DM_ARG_VAL(sign), DM_ARG_BUF(b->d[V]), DM_ARG_BUF(b->d[OUT])};
    DM_TRY(launch(gpu, b, "surf_extreme", 0, args, 5));
    if (with_reference)
        EACH_CELL(b) b->want[dm_ray_of(b->a, i, t) + (size_t)k] = dm_surf_extreme_at(b->v, b->a, reach, sign, i, t, k);
    return finish(gpu, b, with_reference ? b->want : NULL, r, 2);
}

static dm_status check_dura(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    const dm_arg args[] = {DM_ARG_VAL(b->a),        DM_ARG_VAL(EDGES),        DM_ARG_BUF(b->d[V]),  DM_ARG_BUF(b->d[O]),
                           DM_ARG_BUF(b->d[LEVEL]), DM_ARG_BUF(b->d[VOXEL]), DM_ARG_BUF(b->d[OUT])};
    DM_TRY(launch(gpu, b, "surf_dura", 1, args, 7));
    if (with_reference) EACH_RAY(b) {
            size_t ray = dm_ray_of(b->a, i, t);
            if (dm_is_outside(b->level[i])) dm_dura_plain_ray(b->v + ray, b->a, EDGES, b->want + ray);
            else
                dm_dura_ray(b->v + ray, b->o + ray, b->a, EDGES, b->level[i], b->voxel[i * b->a.nt + t], dm_in_front(b->a, t),
                            b->want + ray);
        }
    return finish(gpu, b, with_reference ? b->want : NULL, r, 3);
}

static dm_status check_bone(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    const dm_arg args[] = {DM_ARG_VAL(b->a),        DM_ARG_VAL(EDGES),       DM_ARG_BUF(b->d[V]),  DM_ARG_BUF(b->d[O]),
                           DM_ARG_BUF(b->d[LEVEL]), DM_ARG_BUF(b->d[DURA]), DM_ARG_BUF(b->d[MOST]), DM_ARG_BUF(b->d[OUT])};
    DM_TRY(launch(gpu, b, "surf_bone", 1, args, 8));
    if (with_reference) EACH_RAY(b) {
            size_t ray = dm_ray_of(b->a, i, t);
            dm_bone_ray_ct(b->v + ray, b->o + ray, b->a, EDGES, b->level[i], b->dura[i * b->a.nt + t], dm_straight_ahead(b->a, t), b->most[t], b->want + ray);
        }
    return finish(gpu, b, with_reference ? b->want : NULL, r, 3);
}

static dm_status check_line(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    const float min_r = 2.5f;
    const dm_line_scan scan = {{0.5f, 0.65f, 0.8f, 0.9f, 0.95f, 1.0f, 1.0f, 1.0f}, 1};
    const dm_arg args[] = {DM_ARG_VAL(b->a),        DM_ARG_VAL(scan),        DM_ARG_VAL(min_r),     DM_ARG_BUF(b->d[V]),
                           DM_ARG_BUF(b->d[LEVEL]), DM_ARG_BUF(b->d[DURA]), DM_ARG_BUF(b->d[OUT])};
    DM_TRY(launch(gpu, b, "surf_line", 1, args, 7));
    if (with_reference) EACH_RAY(b) {
            size_t ray = dm_ray_of(b->a, i, t);
            dm_line_view w = {b->a, scan, b->level[i], dm_mm(b->dura[i * b->a.nt + t], b->a.dr)};
            dm_line_worths(b->v + ray, w, min_r, b->want + ray);
        }
    return finish(gpu, b, with_reference ? b->want : NULL, r, 2);
}

static dm_status run_cost(dm_gpu *gpu, const bench *b, const dm_buf *cost, const dm_buf *sum) {
    const dm_arg args[] = {DM_ARG_VAL(b->a),        DM_ARG_VAL(COSTS), DM_ARG_BUF(b->d[EDGE]),
                           DM_ARG_BUF(b->d[GUIDE]), DM_ARG_BUF(cost),  DM_ARG_BUF(sum)};
    return launch(gpu, b, "surf_cost", 0, args, 6);
}

static void want_cost(bench *b, float *cost, float *sum) {
    EACH_CELL(b) {
        size_t at = dm_ray_of(b->a, i, t) + (size_t)k;
        cost[at] = dm_cost_at(b->edge[at], COSTS, b->guide + 4 * (i * b->a.nt + t), (float)k * b->a.dr);
        sum[at] = -3.0f * cost[at];
    }
}

static dm_status check_cost(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    DM_TRY(run_cost(gpu, b, b->d[OUT], b->d[V]));
    if (with_reference) want_cost(b, b->want, b->want2);
    return finish(gpu, b, with_reference ? b->want : NULL, r, 3);
}

static void want_messages(const bench *b, int along, int dir, float weight, int reach, const float *cost, float *sum) {
    int n = along ? b->a.ns : b->a.nt, lines = along ? b->a.nt : b->a.ns, nr = b->a.nr;
    float here[256], before[256];
    size_t last = 0;
    for (int which = 0; which < lines; which++)
        for (int j = 0; j < (along ? n : 2 * n); j++) {
            int place = dir > 0 ? j % n : n - 1 - j % n;
            size_t ray = along ? dm_ray_of(b->a, place, which) : dm_ray_of(b->a, which, place);
            int step = along || j == 0 ? 0 : dm_expected_step(b->guide + 4 * (last / (size_t)nr), b->guide + 4 * (ray / (size_t)nr), b->a.dr);
            for (int k = 0; k < nr; k++) {
                float c = cost[ray + (size_t)k];
                here[k] = j == 0 ? c : dm_message_at(before, c, weight, reach, step, k, nr);
                if (along || j >= n) sum[ray + (size_t)k] += here[k];
            }
            memcpy(before, here, sizeof here);
            last = ray;
        }
}

static dm_status check_message(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    DM_TRY(run_cost(gpu, b, b->d[V], b->d[OUT]));
    const float weight = 0.04f;
    const int reach = 3;
    const size_t group = ((size_t)b->a.nr + 31) / 32 * 32, local[3] = {group, 1, 1};
    for (int run = 0; run < 4; run++) {
        const int along = run % 2, dir = run < 2 ? 1 : -1, follow = !along;
        const size_t global[3] = {group, (size_t)(along ? b->a.nt : b->a.ns), 1};
        const dm_arg args[] = {DM_ARG_VAL(b->a),   DM_ARG_VAL(along),    DM_ARG_VAL(dir),
                               DM_ARG_VAL(follow), DM_ARG_VAL(weight),   DM_ARG_VAL(reach),
                               DM_ARG_BUF(b->d[GUIDE]), DM_ARG_BUF(b->d[V]), DM_ARG_BUF(b->d[OUT]), DM_ARG_LOCAL(2 * (size_t)b->a.nr * sizeof(float))};
        DM_TRY(dm_gpu_run(gpu, "surface.cl", NULL, "surf_message", global, local, args, 10));
    }
    if (with_reference) {
        want_cost(b, b->want2, b->want);
        for (int run = 0; run < 4; run++) want_messages(b, run % 2, run < 2 ? 1 : -1, weight, reach, b->want2, b->want);
    }
    return finish(gpu, b, with_reference ? b->want : NULL, r, 10);
}

/* Both of the last two kernels: the second round's costs, and the radii and strengths of their sums. */
static dm_status check_pick(dm_gpu *gpu, bench *b, int with_reference, dm_check_result *r) {
    const float weight = 0.15f, most = 4.0f;
    DM_TRY(run_cost(gpu, b, b->d[V], b->d[OUT]));
    const dm_arg again[] = {DM_ARG_VAL(b->a), DM_ARG_VAL(weight), DM_ARG_VAL(most), DM_ARG_BUF(b->d[V]), DM_ARG_BUF(b->d[OUT])};
    DM_TRY(launch(gpu, b, "surf_again", 1, again, 5));
    const dm_arg pick[] = {DM_ARG_VAL(b->a), DM_ARG_BUF(b->d[V]), DM_ARG_BUF(b->d[EDGE]), DM_ARG_BUF(b->d[DURA]),
                           DM_ARG_BUF(b->d[GUIDE])};
    DM_TRY(launch(gpu, b, "surf_pick", 1, pick, 5));
    DM_TRY(dm_buf_read(b->d[DURA], 0, b->got2, b->rays * sizeof(float)));
    if (with_reference) want_cost(b, b->want, b->want2);
    double worst = 0;
    if (with_reference) EACH_RAY(b) {
            size_t ray = dm_ray_of(b->a, i, t);
            float low = b->want2[ray], q;
            for (int k = 1; k < b->a.nr; k++) low = dm_fmin(low, b->want2[ray + (size_t)k]);
            for (int k = 0; k < b->a.nr; k++) {
                size_t at = ray + (size_t)k;
                b->want[at] += weight * dm_fmin(b->want2[at] - low, most);
                b->want2[at] = -3.0f * b->want[at];
            }
            double d = fabs((double)(b->a.dr * dm_pick_radius(b->want + ray, b->edge + ray, b->a.nr, &q)) -
                            (double)b->got2[i * b->a.nt + t]);
            if (!(d <= worst)) worst = d;
        }
    DM_TRY(finish(gpu, b, with_reference ? b->want2 : NULL, r, 5));
    if (!(worst <= r->error)) r->error = worst;
    return dm_ok;
}

static dm_status with_bench(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r,
                            dm_status (*check)(dm_gpu *, bench *, int, dm_check_result *)) {
    bench b;
    dm_status status = bench_make(gpu, edge, seed, &b);
    dm_gpu_reset_times(gpu);
    if (dm_good(status)) status = check(gpu, &b, with_reference, r);
    bench_clear(&b);
    return status;
}

#define CHECK(name)                                                                                               \
    static dm_status compare_##name(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) { \
        return with_bench(gpu, edge, seed, with_reference, r, check_##name);                                     \
    }
CHECK(smooth)
CHECK(extreme)
CHECK(dura)
CHECK(bone)
CHECK(line)
CHECK(cost)
CHECK(message)
CHECK(pick)

#define SAME "same additions and products in the same order"
const dm_kernel_check dm_canal_checks[] = {
    {"surf_smooth", 0.0, SAME, compare_smooth}, {"surf_extreme", 0.0, "comparisons only", compare_extreme},
    {"surf_dura", 0.0, SAME, compare_dura},     {"surf_bone", 0.0, SAME, compare_bone},
    {"surf_line", 0.0, SAME, compare_line},     {"surf_cost", 0.0, SAME, compare_cost},
    {"surf_message", 0.0, SAME, compare_message}, {"surf_pick", 0.0, SAME, compare_pick},
};
const int dm_canal_check_count = sizeof dm_canal_checks / sizeof *dm_canal_checks;
