#include "study.h"

#include <stdlib.h>
#include <string.h>

#include "frame.h"

static const char *pick(const char *const *names, unsigned count, unsigned i) {
    return i < count ? names[i] : "";
}

const dm_volume *dm_crop_best(const dm_crop *crop) {
    return crop->clean.v ? &crop->clean : &crop->raw;
}

const char *dm_class_name(dm_class c) {
    static const char *const names[] = {"none",   "ventral_tear",       "lateral_tear", "dorsal_tear", "diverticulum_leak",
                                        "csf_venous_fistula", "sacral", "indeterminate"};
    return pick(names, sizeof names / sizeof *names, (unsigned)c);
}

const char *dm_false_sign_name(dm_false_sign f) {
    static const char *const names[] = {"",      "c1c2",  "puncture", "spur", "renal", "calcification", "epidural_injection", "iv_contrast",
                                        "metal", "motion", "bowel"};
    return pick(names, sizeof names / sizeof *names, (unsigned)f);
}

const char *dm_side_name(dm_side s) {
    static const char *const names[] = {"", "ventral", "dorsal", "left", "right"};
    return pick(names, sizeof names / sizeof *names, (unsigned)s);
}

const char *dm_answer_name(dm_answer_kind a) {
    static const char *const names[] = {"no_leak", "leak", "indeterminate"};
    return pick(names, sizeof names / sizeof *names, (unsigned)a);
}

static const char *find_flag(const char *flags, const char *flag) {
    size_t n = strlen(flag);
    for (const char *p = flags; (p = strstr(p, flag)); p += n)
        if ((p == flags || p[-1] == ';') && (p[n] == ';' || !p[n])) return p;
    return NULL;
}

void dm_study_flag(dm_study *study, const char *flag) {
    size_t used = strlen(study->qc), need = strlen(flag) + 2;
    if (find_flag(study->qc, flag) || used + need > sizeof study->qc) return;
    if (used) study->qc[used++] = ';';
    memcpy(study->qc + used, flag, need - 1);
}

void dm_study_unflag(dm_study *study, const char *flag) {
    const char *at = find_flag(study->qc, flag);
    if (!at) return;
    size_t from = (size_t)(at - study->qc), to = from + strlen(flag);
    if (study->qc[to] == ';') to++;
    else if (from) from--;
    memmove(study->qc + from, study->qc + to, strlen(study->qc + to) + 1);
}

void dm_study_drop_scans(dm_study *study) {
    for (int i = 0; i < study->n_passes; i++) dm_scan_clear(&study->pass[i].scan);
}

void dm_map_clear(dm_map *m) {
    for (int i = 0; i < m->n_phases; i++) free(m->phase[i].e), free(m->phase[i].shell);
    free(m->e), free(m->d), free(m->valley), free(m->thickness), free(m->assessed), free(m->sac), free(m->tissue), free(m->beside), free(m->first), free(m->early_late);
    *m = (dm_map){0};
}

void dm_study_clear(dm_study *study) {
    dm_study_drop_scans(study);
    free(study->crop.coarse.v);
    free(study->crop.evidence.v);
    free(study->crop.path);
    dm_volume_clear(&study->crop.raw);
    dm_volume_clear(&study->crop.clean);
    dm_spine_clear(&study->spine);
    free(study->votes);
    dm_canal *c = &study->canal;
    free(c->r_dura), free(c->r_bone), free(c->q_dura), free(c->q_bone), free(c->no_bone), free(c->filled), free(c->sac), free(c->roots), free(c->parted);
    dm_map_clear(&study->map);
    *study = (dm_study){0};
}
