#include "ball_search.h"

#include <stdlib.h>
#include <string.h>

dm_status dm_ball_args(const dm_volume *v, int n, double step, dm_hough_args *g) {
    dm_affine inverse;
    DM_TRY(dm_affine_invert(&v->to_lps, &inverse));
    *g = (dm_hough_args){.grid = {.nx = v->nx, .ny = v->ny, .nz = v->nz},
                         .n = n,
                         .n_directions = DM_DIRECTIONS,
                         .step = (float)step};
    for (int i = 0; i < 12; i++) g->grid.m[i] = (float)inverse.m[i / 4][i % 4];
    return dm_ok;
}

void dm_search_close(dm_search *s) {
    dm_buf_free(s->volume), dm_buf_free(s->directions), dm_buf_free(s->centres), dm_buf_free(s->out);
    free(s->host_centres), free(s->host_out);
}

dm_status dm_search_open(dm_gpu *gpu, const dm_volume *v, int most, dm_search *s) {
    *s = (dm_search){.gpu = gpu};
    s->host_centres = malloc((size_t)most * DM_HOUGH_CENTRE * sizeof(float));
    s->host_out = malloc((size_t)most * DM_HOUGH_OUT * sizeof(float));
    if (!s->host_centres || !s->host_out)
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d sphere centres", most);
    dm_directions(s->spread);
    DM_TRY(dm_buf_from(gpu, v->v, dm_volume_count(v) * sizeof(float), "volume", &s->volume));
    DM_TRY(dm_buf_from(gpu, s->spread, sizeof s->spread, "directions", &s->directions));
    DM_TRY(dm_buf_new(gpu, (size_t)most * DM_HOUGH_CENTRE * sizeof(float), "sphere centres", &s->centres));
    return dm_buf_new(gpu, (size_t)most * DM_HOUGH_OUT * sizeof(float), "sphere scores", &s->out);
}

dm_status dm_search_run(dm_search *s, dm_hough_args g) {
    if (g.n == 0) return dm_ok;
    const dm_arg args[] = {DM_ARG_VAL(g), DM_ARG_BUF(s->volume), DM_ARG_BUF(s->centres),
                           DM_ARG_BUF(s->directions), DM_ARG_BUF(s->out)};
    const size_t global[3] = {(size_t)g.n, 1, 1}, local[3] = {16, 1, 1};
    DM_TRY(dm_buf_write(s->centres, 0, s->host_centres, (size_t)g.n * DM_HOUGH_CENTRE * sizeof(float)));
    DM_TRY(dm_gpu_run(s->gpu, "hough.cl", NULL, "hough_spheres", global, local, args, 5));
    return dm_buf_read(s->out, 0, s->host_out, (size_t)g.n * DM_HOUGH_OUT * sizeof(float));
}

/* ---- the kernel against its reference ---- */

static dm_status made_up(int edge, uint64_t seed, dm_volume *v, float *centres, int n) {
    const dm_affine to_lps = {{{0.8, 0, 0, 0}, {0, 0.8, 0, 0}, {0, 0, 1.0, 0}}};
    DM_TRY(dm_volume_make(v, edge, edge, edge, &to_lps));
    uint64_t state = seed * 6364136223846793005ull + 1442695040888963407ull;
    for (size_t i = 0; i < dm_volume_count(v); i++) {
        int x = (int)(i % (size_t)edge), y = (int)(i / (size_t)edge % (size_t)edge),
            z = (int)(i / (size_t)(edge * edge));
        double d = hypot(hypot(0.8 * (x - edge / 2), 0.8 * (y - edge / 2)), z - edge / 2);
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        v->v[i] = (float)((d < 3 ? 500 : -80) + (double)(state >> 56) / 8);
    }
    for (int i = 0; i < n; i++) {
        float *c = centres + (size_t)i * DM_HOUGH_CENTRE;
        for (int k = 0; k < 3; k++)
            c[k] = (float)(edge / 2) * (k == 2 ? 1.0f : 0.8f) + 0.3f * (float)((i * (k + 3)) % 7 - 3);
        c[3] = 600, c[4] = -90, c[5] = 1, c[6] = c[7] = 0, c[8] = 0.05f;
    }
    return dm_ok;
}

dm_status dm_hough_compare(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *r) {
    dm_volume v = {0};
    dm_search s = {0};
    dm_hough_args g;
    int n = 4 * edge;
    dm_status status = dm_ok;
    float *want = malloc((size_t)n * DM_HOUGH_OUT * sizeof *want),
          *centres = malloc((size_t)n * DM_HOUGH_CENTRE * sizeof *centres);
    if (!want || !centres) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for %d sphere centres", n);
        goto out;
    }
    DM_TRY_OUT(made_up(edge, seed, &v, centres, n));
    DM_TRY_OUT(dm_search_open(gpu, &v, n, &s));
    memcpy(s.host_centres, centres, (size_t)n * DM_HOUGH_CENTRE * sizeof *centres);
    DM_TRY_OUT(dm_ball_args(&v, n, 0.25, &g));
    dm_gpu_reset_times(gpu);
    for (g.crossed = 0; g.crossed <= 1; g.crossed++) {
        DM_TRY_OUT(dm_search_run(&s, g));
        for (int i = 0; with_reference && i < n; i++) dm_hough_centre(&g, v.v, centres, s.spread, want, i);
        for (int i = 0; with_reference && i < n * DM_HOUGH_OUT; i++) {
            double error = fabs((double)(want[i] - s.host_out[i]));
            if (!(error <= r->error)) r->error = error;
        }
    }
    r->seconds = dm_gpu_seconds(gpu);
    r->items = 2 * n;
    r->bytes = 2 * ((double)n * 4 * (DM_HOUGH_CENTRE + DM_HOUGH_OUT) + 4 * (double)dm_volume_count(&v));
out:
    dm_search_close(&s);
    dm_volume_clear(&v);
    free(want), free(centres);
    return status;
}
