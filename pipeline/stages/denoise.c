/* Stage denoise: the crop's noise, and the crop without most of it. */
#include "denoise.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

typedef struct params {
    int radius;
    double strength, noisy, reach_mm;
} params;

static const dm_param TABLE[] = {
    DM_PARAM_INT(params, radius, "voxel", 1, 7, 3,
                 "Search radius along the finest axis; fewer voxels along coarser axes, the same length in mm."),
    DM_PARAM_FLOAT(params, strength, "1", 0.1, 3, 0.6,
                   "Width h of the weights as a multiple of the noise; larger is smoother and costs faint edges."),
    DM_PARAM_FLOAT(params, noisy, "HU", 10, 500, 100,
                   "CT: above this noise a study is flagged as noisy; readers' myelograms stand at 15-80 HU."),
    DM_PARAM_FLOAT(params, reach_mm, "mm", 20, 200, 30,
                   "Filtered this far round the rough path of the canal; the surfaces read 22 mm round a line that moves a few mm."),
};

/* The same reach in millimetres along every axis, at least one voxel where there is more than one slice. */
static dm_nlm_settings settings_for(const dm_volume *v, const params *p, dm_modality modality) {
    dm_nlm_settings s = {.strength = p->strength, .magnitude = modality == DM_MR};
    double h[3];
    dm_affine_spacing(&v->to_lps, h);
    double finest = fmin(h[0], fmin(h[1], h[2]));
    const int n[3] = {v->nx, v->ny, v->nz};
    for (int i = 0; i < 3; i++) {
        int r = (int)floor(p->radius * finest / h[i] + 0.5);
        s.radius[i] = dm_min(dm_max(r, 1), dm_min(p->radius, n[i] - 1));
    }
    return s;
}

static uint64_t device_bytes(const dm_study *study, const void *params_) {
    const dm_volume *v = &study->crop.raw;
    if (!v->v) return 0;
    dm_nlm_settings s = settings_for(v, params_, study->modality);
    return dm_nlm_bytes(v->nx, v->ny, v->nz, &s);
}

/* Only what the surfaces read is filtered; the rest is the crop as it is. */
static dm_status filter_near_path(dm_gpu *gpu, double reach_mm, const dm_noise *noise, dm_nlm_settings *s, dm_study *study) {
    const dm_volume *raw = &study->crop.raw;
    const dm_crop *c = &study->crop;
    int(*span)[2] = malloc((size_t)raw->ny * (size_t)raw->nz * sizeof *span);
    if (!span) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the rows near the canal");
    memcpy(study->crop.clean.v, raw->v, dm_volume_count(raw) * sizeof *raw->v);
    dm_status status = dm_nlm_reach(raw, (const double(*)[3])c->path, c->n_path, reach_mm, span);
    s->span = (const int(*)[2])span;
    if (dm_good(status)) status = dm_nlm_run(gpu, raw, noise, s, study->crop.clean.v);
    s->span = NULL;
    free(span);
    return status;
}

static dm_status filter(dm_gpu *gpu, const params *p, const dm_noise *noise, dm_study *study) {
    const dm_volume *raw = &study->crop.raw;
    dm_volume *clean = &study->crop.clean;
    if (!(noise->sd > 0)) {
        memcpy(clean->v, raw->v, dm_volume_count(raw) * sizeof *raw->v);
        return dm_ok;
    }
    dm_nlm_settings s = settings_for(raw, p, study->modality);
    if (study->crop.n_path > 0) return filter_near_path(gpu, p->reach_mm, noise, &s, study);
    return dm_nlm_run(gpu, raw, noise, &s, clean->v);
}

static dm_status run(dm_gpu *gpu, const void *params_, dm_study *study) {
    const params *p = params_;
    const dm_volume *raw = &study->crop.raw;
    if (!raw->v) return dm_fail(DM_STUDY, "no_crop", "there is no volume round the spine to denoise");
    dm_noise noise;
    DM_TRY(dm_noise_measure(raw, study->modality, &noise));
    study->crop.noise_sd = noise.sd;
    study->crop.noise_corr = noise.corr;
    if (study->modality == DM_CT && noise.sd > p->noisy) dm_study_flag(study, "noisy");
    dm_volume_clear(&study->crop.clean);
    dm_status status = dm_volume_make(&study->crop.clean, raw->nx, raw->ny, raw->nz, &raw->to_lps);
    if (dm_good(status)) status = filter(gpu, p, &noise, study);
    dm_noise_clear(&noise);
    return status;
}

static dm_status check_nlm(dm_gpu *gpu, int edge, uint64_t seed, int with_reference, dm_check_result *result) {
    const dm_affine unit = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};
    dm_volume in = {0}, out = {0}, expected = {0};
    dm_noise noise = {.sd = 20, .corr = 0.4};
    dm_status status;
    DM_TRY_OUT(dm_volume_make(&in, edge, edge, edge, &unit));
    DM_TRY_OUT(dm_volume_make(&out, edge, edge, edge, &unit));
    DM_TRY_OUT(dm_volume_make(&expected, edge, edge, edge, &unit));
    noise.slice = malloc((size_t)edge * sizeof *noise.slice);
    if (!noise.slice) DM_TRY_OUT(dm_fail(DM_STUDY, "out_of_memory", "no memory for a check"));
    for (int z = 0; z < edge; z++) noise.slice[z] = 20.0f + 0.1f * (float)z;
    size_t count = dm_volume_count(&in);
    uint64_t state = seed * 2654435761u + 88172645463325252u;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        in.v[i] = (i % (size_t)edge > (size_t)edge / 2 ? 300.0f : 40.0f) + (float)(int)(state % 81) - 40.0f;
    }
    dm_nlm_settings s = {.radius = {2, 2, 1}, .strength = 0.6};
    dm_gpu_reset_times(gpu);
    DM_TRY_OUT(dm_nlm_run(gpu, &in, &noise, &s, out.v));
    result->seconds = dm_gpu_seconds(gpu);
    result->items = (double)count;
    result->bytes = 8.0 * (double)count;
    result->error = 0;
    if (with_reference) {
        dm_nlm_reference(&in, &noise, &s, expected.v);
        for (size_t i = 0; i < count; i++) {
            double e = fabs((double)out.v[i] - (double)expected.v[i]);
            if (!(e <= result->error)) result->error = e;
        }
    }
out:
    dm_volume_clear(&in), dm_volume_clear(&out), dm_volume_clear(&expected);
    dm_noise_clear(&noise);
    return status;
}

const dm_kernel_check dm_denoise_checks[] = {
    {"nlm", 0.0, "the same order of sums, no contraction", check_nlm}};
const int dm_denoise_check_count = sizeof dm_denoise_checks / sizeof *dm_denoise_checks;

const dm_stage dm_stage_denoise = {
    .name = "denoise",
    .reads = "crop.raw, crop.path",
    .fills = "crop.clean, crop.noise_sd, crop.noise_corr",
    .params = TABLE,
    .n_params = sizeof TABLE / sizeof *TABLE,
    .params_size = sizeof(params),
    .device_bytes = device_bytes,
    .run = run,
    .checks = dm_denoise_checks,
    .n_checks = sizeof dm_denoise_checks / sizeof *dm_denoise_checks,
};
