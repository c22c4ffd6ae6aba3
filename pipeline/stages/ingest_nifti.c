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

/* Labels drawn on a scan often lie beside it as a volume of the same kind. A scanner's values have noise: neighbours above the
 * background are equal in 2 to 7 % of two real scans, and in 99 % of a label volume. Values under 0 are no labels. */
static int is_label_map(const dm_scan *s) {
    const size_t n = (size_t)s->nx * (size_t)s->ny * (size_t)s->nz, row = (size_t)s->nx;
    size_t pairs = 0, equal = 0;
    int16_t low = INT16_MAX;
    for (size_t i = 0; i < n; i++) low = s->v[i] < low ? s->v[i] : low;
    if ((float)low * s->scale + s->offset < 0) return 0;
    for (size_t i = 1; i < n; i++) {
        if (i % row == 0 || s->v[i] == low || s->v[i - 1] == low) continue;
        pairs++;
        equal += s->v[i] == s->v[i - 1];
    }
    return (double)equal > 0.8 * (double)pairs;
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

dm_status dm_ingest_volume(const char *shown, const dm_ingest_options *o, const char *digest, dm_scan *scan, dm_ingested_study *s) {
    dm_study *study = &s->study;
    double spacing[3];
    dm_affine_spacing(&scan->to_lps, spacing);
    name_study(o->key, digest, study);
    if (is_label_map(scan)) {
        dm_scan_clear(scan);
        return dm_fail(DM_STUDY, "label_map", "%.160s is a volume of labels, not a scan; give the scan itself", shown);
    }
    study->modality = modality_of(scan);
    study->n_passes = 1;
    study->pass[0].scan = *scan;
    *scan = (dm_scan){0};
    study->pass[0].facts =
        (dm_facts){.kvp = NAN, .slice_mm = spacing[2], .pixel_mm = spacing[0], .tilt_deg = NAN, .seconds_after_first = NAN};
    snprintf(study->pass[0].role, sizeof study->pass[0].role, "main");
    s->protocol = protocol_of(o->protocols, study, spacing[2]);
    if (!s->protocol) return dm_fail(DM_STUDY, "no_protocol", "%.160s matches no protocol", shown);
    study->contrast = s->protocol->contrast;
    snprintf(study->protocol, sizeof study->protocol, "%s", s->protocol->name);
    return dm_ok;
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
    out->study[0].status = dm_ingest_volume(dm_shown(path), o, out->input_digest, &scan, &out->study[0]);
    return dm_ok;
}
