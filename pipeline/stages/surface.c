/* The straightened volume on the device and the solver of one surface. */
#include <math.h>
#include <stdlib.h>

#include "canal_parts.h"
#include "curved.h"
#include "frame.h"

#define STEP_R 0.25

static size_t cells(const dm_unrolled *u) {
    return (size_t)u->a.ns * (size_t)u->a.nt * (size_t)u->a.nr;
}
static size_t rays(const dm_unrolled *u) {
    return (size_t)u->a.ns * (size_t)u->a.nt;
}

void dm_unrolled_clear(dm_unrolled *u) {
    free(u->s), free(u->o);
    dm_buf_free(u->d_s), dm_buf_free(u->d_o), dm_buf_free(u->d_edge), dm_buf_free(u->d_cost), dm_buf_free(u->d_sum);
    dm_buf_free(u->d_level), dm_buf_free(u->d_voxel), dm_buf_free(u->d_dura), dm_buf_free(u->d_guide), dm_buf_free(u->d_radius);
    dm_buf_free(u->d_strength), dm_buf_free(u->d_most);
    *u = (dm_unrolled){0};
}

uint64_t dm_unrolled_bytes(double length, double step, double reach) {
    uint64_t n_rays = (uint64_t)(length / step + 1) * DM_NT, nr = (uint64_t)(reach / STEP_R + 1);
    return n_rays * (5 * nr + 9) * sizeof(float);
}

static dm_status make_buffers(dm_unrolled *u) {
    size_t bytes = cells(u) * sizeof(float), per_ray = rays(u) * sizeof(float);
    DM_TRY(dm_buf_new(u->gpu, bytes, "straightened volume", &u->d_s));
    DM_TRY(dm_buf_new(u->gpu, bytes, "opening", &u->d_o));
    DM_TRY(dm_buf_new(u->gpu, bytes, "edges", &u->d_edge));
    DM_TRY(dm_buf_new(u->gpu, bytes, "costs", &u->d_cost));
    DM_TRY(dm_buf_new(u->gpu, bytes, "messages", &u->d_sum));
    DM_TRY(dm_buf_new(u->gpu, (size_t)u->a.ns * sizeof(float), "levels", &u->d_level));
    DM_TRY(dm_buf_new(u->gpu, per_ray, "voxels", &u->d_voxel));
    DM_TRY(dm_buf_new(u->gpu, per_ray, "dura", &u->d_dura));
    DM_TRY(dm_buf_new(u->gpu, per_ray * 4, "guides", &u->d_guide));
    DM_TRY(dm_buf_new(u->gpu, per_ray, "radii", &u->d_radius));
    DM_TRY(dm_buf_new(u->gpu, DM_NT * sizeof(float), "bone's brightness", &u->d_most));
    return dm_buf_new(u->gpu, per_ray, "strengths", &u->d_strength);
}

static dm_status run_cells(dm_unrolled *u, const char *kernel, const dm_arg *args, int count) {
    const size_t global[3] = {(size_t)u->a.nr, (size_t)u->a.nt, (size_t)u->a.ns};
    return dm_gpu_run(u->gpu, "surface.cl", NULL, kernel, global, NULL, args, count);
}

static dm_status run_rays(dm_unrolled *u, const char *kernel, const dm_arg *args, int count) {
    const size_t global[3] = {(size_t)u->a.nt, (size_t)u->a.ns, 1};
    return dm_gpu_run(u->gpu, "surface.cl", NULL, kernel, global, NULL, args, count);
}

static dm_status extreme(dm_unrolled *u, int reach, float sign, const dm_buf *from, const dm_buf *to) {
    const dm_arg args[] = {DM_ARG_VAL(u->a), DM_ARG_VAL(reach), DM_ARG_VAL(sign), DM_ARG_BUF(from), DM_ARG_BUF(to)};
    return run_cells(u, "surf_extreme", args, 5);
}

/* d_s from raw values in d_edge; d_o = opening of d_s. */
static dm_status smooth_and_open(dm_unrolled *u, const float *raw, double persist) {
    int reach = (int)(0.5 * persist / u->step + 0.5);
    size_t bytes = cells(u) * sizeof(float);
    DM_TRY(dm_buf_write(u->d_edge, 0, raw, bytes));
    const dm_arg args[] = {DM_ARG_VAL(u->a), DM_ARG_BUF(u->d_edge), DM_ARG_BUF(u->d_s)};
    DM_TRY(run_cells(u, "surf_smooth", args, 3));
    DM_TRY(extreme(u, reach, -1.0f, u->d_s, u->d_cost));
    DM_TRY(extreme(u, reach, 1.0f, u->d_cost, u->d_o));
    u->s = malloc(bytes);
    u->o = malloc(bytes);
    if (!u->s || !u->o) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the straightened canal (%zu bytes)", bytes);
    DM_TRY(dm_buf_read(u->d_s, 0, u->s, bytes));
    return dm_buf_read(u->d_o, 0, u->o, bytes);
}

/* d_voxel: mm of a voxel along every ray: its three edges projected on the ray, as a length. 3 mm at most: a longer window
 * reaches the dura on the other side of the sac. */
static dm_status write_voxels(dm_unrolled *u, const dm_volume *volume, const dm_spine *spine) {
    float *voxel = malloc(rays(u) * sizeof *voxel);
    if (!voxel) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the voxels of %zu rays", rays(u));
    for (int i = 0; i < u->a.ns; i++) {
        double ventral[3], left[3];
        dm_frame_at(spine, i * u->step, NULL, NULL, ventral, left);
        for (int t = 0; t < DM_NT; t++) {
            double angle = 2 * 3.14159265358979323846 * t / DM_NT, sum = 0.0;
            for (int c = 0; c < 3; c++) {
                double along = 0.0;
                for (int k = 0; k < 3; k++)
                    along += (cos(angle) * ventral[k] + sin(angle) * left[k]) * volume->to_lps.m[k][c];
                sum += along * along;
            }
            voxel[i * DM_NT + t] = (float)fmin(sqrt(sum), 3.0);
        }
    }
    dm_status status = dm_buf_write(u->d_voxel, 0, voxel, rays(u) * sizeof *voxel);
    free(voxel);
    return status;
}

/* The crop reaches 12 mm beyond the rough line's end where the scan does. */
static int goes_on(const dm_volume *volume, const dm_spine *spine) {
    double p[3], tangent[3];
    dm_frame_at(spine, (spine->n - 1) * spine->ds, p, tangent, NULL, NULL);
    for (int c = 0; c < 3; c++) p[c] += 8.0 * tangent[c];
    return !dm_is_outside(dm_volume_sample(volume, p));
}

dm_status dm_unroll(dm_gpu *gpu, const dm_volume *volume, const dm_spine *spine, double step, double reach, double persist,
                    dm_unrolled *u) {
    float *raw = NULL;
    *u = (dm_unrolled){.gpu = gpu, .step = step, .goes_on = goes_on(volume, spine)};
    int ns = (int)((spine->n - 1) * spine->ds / step + 1e-6) + 1;
    for (int t = 0; t < DM_NT; t++) u->most[t] = DM_BONE_ANY;
    u->a = (dm_surf_args){ns, DM_NT, (int)(reach / STEP_R + 0.5) + 1, (float)STEP_R};
    DM_TRY(dm_curved_polar(gpu, volume, spine, 0.0, step, ns, 0.0, STEP_R, u->a.nr, &raw));
    dm_status status = make_buffers(u);
    if (dm_good(status)) status = smooth_and_open(u, raw, persist);
    if (dm_good(status)) status = write_voxels(u, volume, spine);
    free(raw);
    return status;
}

static dm_status strength(dm_unrolled *u, const dm_edge_args *e, const float *level, const float *rd) {
    DM_TRY(dm_buf_write(u->d_level, 0, level, (size_t)u->a.ns * sizeof *level));
    if (!rd) {
        const dm_arg args[] = {DM_ARG_VAL(u->a),       DM_ARG_VAL(*e),         DM_ARG_BUF(u->d_s),   DM_ARG_BUF(u->d_o),
                               DM_ARG_BUF(u->d_level), DM_ARG_BUF(u->d_voxel), DM_ARG_BUF(u->d_edge)};
        return run_rays(u, "surf_dura", args, 7);
    }
    DM_TRY(dm_buf_write(u->d_dura, 0, rd, rays(u) * sizeof *rd));
    DM_TRY(dm_buf_write(u->d_most, 0, u->most, sizeof u->most));
    const dm_arg args[] = {DM_ARG_VAL(u->a),       DM_ARG_VAL(*e),        DM_ARG_BUF(u->d_s),   DM_ARG_BUF(u->d_o),
                           DM_ARG_BUF(u->d_level), DM_ARG_BUF(u->d_dura), DM_ARG_BUF(u->d_most), DM_ARG_BUF(u->d_edge)};
    return run_rays(u, "surf_bone", args, 8);
}

/* Messages of one direction. Radii across the group; 32 at a time suits every device's width. */
static dm_status message(dm_unrolled *u, int along, int dir, int follow, float weight, int reach) {
    const size_t group = ((size_t)u->a.nr + 31) / 32 * 32;
    const size_t global[3] = {group, (size_t)(along ? u->a.nt : u->a.ns), 1}, local[3] = {group, 1, 1};
    const dm_arg args[] = {DM_ARG_VAL(u->a),      DM_ARG_VAL(along),      DM_ARG_VAL(dir),
                           DM_ARG_VAL(follow),    DM_ARG_VAL(weight),     DM_ARG_VAL(reach),
                           DM_ARG_BUF(u->d_guide), DM_ARG_BUF(u->d_cost), DM_ARG_BUF(u->d_sum),
                           DM_ARG_LOCAL(2 * (size_t)u->a.nr * sizeof(float))};
    return dm_gpu_run(u->gpu, "surface.cl", NULL, "surf_message", global, local, args, 10);
}

static dm_status messages(dm_unrolled *u, const dm_solver *s) {
    for (int dir = 1; dir >= -1; dir -= 2) {
        DM_TRY(message(u, 1, dir, 0, s->along, 2));
        DM_TRY(message(u, 0, dir, s->follow, s->round, s->reach));
    }
    return dm_ok;
}

static dm_status solve(dm_unrolled *u, const dm_cost_args *cost, const dm_solver *solver, const float *guide, float *r,
                       float *q) {
    DM_TRY(dm_buf_write(u->d_guide, 0, guide, rays(u) * 4 * sizeof *guide));
    const dm_arg start[] = {DM_ARG_VAL(u->a),       DM_ARG_VAL(*cost),     DM_ARG_BUF(u->d_edge),
                            DM_ARG_BUF(u->d_guide), DM_ARG_BUF(u->d_cost), DM_ARG_BUF(u->d_sum)};
    DM_TRY(run_cells(u, "surf_cost", start, 6));
    DM_TRY(messages(u, solver));
    if (solver->again > 0.0f) {
        const dm_arg again[] = {DM_ARG_VAL(u->a), DM_ARG_VAL(solver->again), DM_ARG_VAL(solver->again_most),
                                DM_ARG_BUF(u->d_cost), DM_ARG_BUF(u->d_sum)};
        DM_TRY(run_rays(u, "surf_again", again, 5));
        DM_TRY(messages(u, solver));
    }
    const dm_arg pick[] = {DM_ARG_VAL(u->a), DM_ARG_BUF(u->d_sum), DM_ARG_BUF(u->d_edge), DM_ARG_BUF(u->d_radius),
                           DM_ARG_BUF(u->d_strength)};
    DM_TRY(run_rays(u, "surf_pick", pick, 5));
    DM_TRY(dm_buf_read(u->d_radius, 0, r, rays(u) * sizeof *r));
    return dm_buf_read(u->d_strength, 0, q, rays(u) * sizeof *q);
}

dm_status dm_solve_surface(dm_unrolled *u, const dm_edge_args *edge, const dm_cost_args *cost, const dm_solver *solver,
                           const float *level, const float *rd, const float *guide, float *r, float *q) {
    DM_TRY(strength(u, edge, level, rd));
    return solve(u, cost, solver, guide, r, q);
}

dm_status dm_solve_line(dm_unrolled *u, const dm_line_scan *scan, float min_r, const dm_cost_args *cost,
                        const dm_solver *solver, const float *rim, const float *rd, const float *guide, float *r,
                        float *q) {
    DM_TRY(dm_buf_write(u->d_level, 0, rim, (size_t)u->a.ns * sizeof *rim));
    DM_TRY(dm_buf_write(u->d_dura, 0, rd, rays(u) * sizeof *rd));
    const dm_arg args[] = {DM_ARG_VAL(u->a),       DM_ARG_VAL(*scan),      DM_ARG_VAL(min_r),     DM_ARG_BUF(u->d_s),
                           DM_ARG_BUF(u->d_level), DM_ARG_BUF(u->d_dura), DM_ARG_BUF(u->d_edge)};
    DM_TRY(run_rays(u, "surf_line", args, 7));
    return solve(u, cost, solver, guide, r, q);
}
