/* Runs the stages on one NIfTI volume and prints what each did: for people who work on a stage.
 * usage: probe FILE.nii[.gz] ct|mr none|iodine|fluid [last stage] [picture folder] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nifti.h"
#include "pictures.h"
#include "stage.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static dm_status run_stage(dm_gpu *gpu, const dm_stage *stage, dm_study *study) {
    void *params = calloc(1, stage->params_size + 1);
    if (!params) return dm_fail(DM_FATAL, "out_of_memory", "no memory for parameters");
    dm_params_preset(stage->params, stage->n_params, params);
    double from = now();
    dm_status s = stage->run(gpu, params, study);
    printf("%-9s %6.2f s  %s %s\n", stage->name, now() - from, s.code, s.text);
    free(params);
    return s;
}

static void show(const dm_study *s) {
    printf("noise %.1f  line %d points, %.0f mm  qc '%s'\n", s->crop.noise_sd, s->spine.n,
           s->spine.n * s->spine.ds, s->qc);
    for (int i = 0; s->spine.p && i < s->spine.n; i += 40)
        printf("  s %6.1f  %7.1f %7.1f %7.1f  score %.2f%s\n", i * s->spine.ds, s->spine.p[i][0],
               s->spine.p[i][1], s->spine.p[i][2], (double)s->spine.score[i],
               s->spine.unsure[i] ? " unsure" : "");
    printf("levels: %s, posterior %.2f\n", s->levels.count_method, s->levels.posterior);
    for (int i = 0; i < s->levels.n; i++)
        printf("  %-4s s %6.1f .. %6.1f%s\n", dm_level_name(s->levels.v[i].level), s->levels.v[i].s_from,
               s->levels.v[i].s_to, s->levels.v[i].inferred ? " inferred" : "");
    for (int i = 0; i < s->findings.n; i++) {
        const dm_finding *f = &s->findings.f[i];
        printf("  finding %-18s %-8s score %.2f%s sign '%s' s %.1f (%.1f..%.1f) theta %.0f ratio %.2f volume "
               "%.0f\n",
               dm_class_name(f->class_), dm_side_name(f->side), f->score, f->accepted ? " accepted" : "",
               dm_false_sign_name(f->false_sign), f->s, f->s_from, f->s_to, f->theta, f->peak_ratio,
               f->volume_mm3);
    }
    for (int i = 0; i < s->findings.n_diverticula; i++)
        printf("  diverticulum %s %s %.1f mm score %.2f at %.1f %.1f %.1f\n", dm_level_name(s->findings.d[i].root),
               dm_side_name(s->findings.d[i].side), s->findings.d[i].diameter_mm, s->findings.d[i].score,
               s->findings.d[i].lps[0], s->findings.d[i].lps[1], s->findings.d[i].lps[2]);
    printf("answer %s score %.2f\n", dm_answer_name(s->answer.kind), s->answer.score);
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: probe FILE.nii ct|mr none|iodine|fluid [last stage] [picture folder]\n");
        return 1;
    }
    dm_study *study = calloc(1, sizeof *study);
    dm_gpu *gpu = NULL;
    if (!study) return 4;
    study->modality = strcmp(argv[2], "mr") ? DM_CT : DM_MR;
    study->contrast = !strcmp(argv[3], "iodine")  ? DM_IODINE
                      : !strcmp(argv[3], "fluid") ? DM_FLUID
                                                  : DM_CONTRAST_NONE;
    study->n_passes = 1;
    snprintf(study->study_id, sizeof study->study_id, "probe");
    dm_status s = dm_nifti_read(argv[1], &study->pass[0].scan);
    if (dm_good(s)) s = dm_gpu_open(NULL, 0, &gpu);
    for (int i = 0; dm_good(s) && i < dm_stage_count; i++) {
        s = run_stage(gpu, dm_stages[i], study);
        if (argc > 4 && !strcmp(argv[4], dm_stages[i]->name)) break;
    }
    show(study);
    if (argc > 5) {
        dm_status p = dm_pictures_write(study, argv[5]);
        printf("pictures: %s\n", p.text);
    }
    if (!dm_good(s)) printf("stopped: %s: %s\n", s.code, s.text);
    dm_gpu_close(gpu);
    dm_study_clear(study);
    free(study);
    return dm_good(s) ? 0 : 3;
}
