/* NIfTI files: one volume, no header to speak of. */
#include "ingest_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nifti.h"

int dm_is_nifti(const char *path) {
    size_t n = strlen(path);
    return (n > 4 && !strcmp(path + n - 4, ".nii")) || (n > 7 && !strcmp(path + n - 7, ".nii.gz"));
}

/* A NIfTI file does not say what made it: air below -500 is HU, so CT. */
static dm_modality modality_of(const dm_scan *s) {
    size_t n = (size_t)s->nx * (size_t)s->ny * (size_t)s->nz;
    float low = 0;
    for (size_t i = 0; i < n; i++) {
        float v = (float)s->v[i] * s->scale + s->offset;
        if (v < low) low = v;
    }
    return low <= -500 ? DM_CT : DM_MR;
}

static void name_study(const dm_key *key, const char *digest, dm_study *study) {
    char id[17];
    dm_pseudonym(key, "study", digest, id);
    snprintf(study->study_id, sizeof study->study_id, "%s", id);
    dm_pseudonym(key, "patient", digest, id);
    snprintf(study->patient_id, sizeof study->patient_id, "%s", id);
}

/* Without a header no description can match: the modality's protocol of the highest priority stands in. */
static const dm_protocol *protocol_of(const dm_protocols *all, const dm_study *study, double slice_mm) {
    dm_instance f = {.kvp = NAN};
    const dm_protocol *p = dm_match_protocol(all, study->modality, &f, study->pass[0].scan.nz, slice_mm);
    for (int i = 0; i < all->n; i++)
        if (!p && all->p[i].modality == study->modality) p = &all->p[i];
    return p;
}

dm_status dm_ingest_nifti(const char *path, const dm_ingest_options *o, dm_ingested *out) {
    struct stat st;
    if (stat(path, &st) != 0)
        return dm_fail(DM_STUDY, "missing_file", "%.160s does not exist or cannot be read; check the path", dm_shown(path));
    if (!out->input_digest[0]) DM_TRY(dm_digest_file(path, out->input_digest));
    dm_scan scan = {0};
    DM_TRY(dm_nifti_read(path, &scan));
    out->bytes_read = (uint64_t)st.st_size;
    out->study = calloc(1, sizeof *out->study);
    if (!out->study) {
        dm_scan_clear(&scan);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for a study");
    }
    out->n = 1;
    dm_ingested_study *s = &out->study[0];
    dm_study *study = &s->study;
    double spacing[3];
    dm_affine_spacing(&scan.to_lps, spacing);
    name_study(o->key, out->input_digest, study);
    study->modality = modality_of(&scan);
    study->n_passes = 1;
    study->pass[0].scan = scan;
    study->pass[0].facts =
        (dm_facts){.kvp = NAN, .slice_mm = spacing[2], .pixel_mm = spacing[0], .tilt_deg = NAN, .seconds_after_first = NAN};
    snprintf(study->pass[0].role, sizeof study->pass[0].role, "main");
    s->protocol = protocol_of(o->protocols, study, spacing[2]);
    if (!s->protocol) {
        s->status = dm_fail(DM_STUDY, "no_protocol", "%.160s matches no protocol", dm_shown(path));
        return dm_ok;
    }
    study->contrast = s->protocol->contrast;
    snprintf(study->protocol, sizeof study->protocol, "%s", s->protocol->name);
    return dm_ok;
}
