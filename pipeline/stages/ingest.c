#include "ingest_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "exam.h"
#include "sop_class.h"

const char *dm_shown(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* Nothing of the source is an image: the gravest reason is told. */
static dm_status nothing_in_it(const char *path, const dm_heap *h) {
    static const char *const first[] = {"encrypted", "unsupported_compression", "out_of_memory", "archive_limit"};
    if (h->entries == 0)
        return dm_fail(DM_STUDY, "empty_archive", "%.160s holds no files; fetch it again from the archive", dm_shown(path));
    for (unsigned k = 0; k < sizeof first / sizeof *first; k++)
        for (int i = 0; i < h->n_troubles; i++)
            if (!strcmp(h->trouble[i].code, first[k]))
                return dm_fail(DM_STUDY, first[k], "%.120s: none of %ld files could be read: %s", dm_shown(path), h->entries,
                               h->trouble[i].text);
    if (h->n_troubles)
        return dm_fail(DM_STUDY, h->trouble[0].code, "%.120s: none of %ld files could be read: %s", dm_shown(path), h->entries,
                       h->trouble[0].text);
    return dm_fail(DM_STUDY, "no_dicom", "%.160s holds %ld files but neither a DICOM image nor a NIfTI volume; is it the right archive?", dm_shown(path),
                   h->entries);
}

/* ---- one study ---- */

/* Without a StudyInstanceUID the source's own digest stands in: two such studies must not share a name. */
static void name_study(const dm_key *key, const dm_instance *f, const char *digest, dm_ingested_study *s) {
    char id[17];
    dm_pseudonym(key, "study", f->study_uid[0] ? f->study_uid : digest, id);
    snprintf(s->study.study_id, sizeof s->study.study_id, "%s", id);
    dm_pseudonym(key, "patient", f->patient_id[0] ? f->patient_id : f->study_uid[0] ? f->study_uid : digest, id);
    snprintf(s->study.patient_id, sizeof s->study.patient_id, "%s", id);
    snprintf(s->raw_patient, sizeof s->raw_patient, "%s", f->patient_id);
    snprintf(s->raw_study_uid, sizeof s->raw_study_uid, "%s", f->study_uid);
}

/* What was wrong with files of the source: of which study they were cannot be known, so each tells it. */
static dm_status tell_troubles(const dm_heap *h, dm_ingested_study *s) {
    for (int i = 0; i < h->n_troubles; i++)
        DM_TRY(dm_ingest_exclude(s, "", "%s: %d files of the source: %.130s", h->trouble[i].code, h->trouble[i].n,
                                 h->trouble[i].text));
    if (h->not_dicom) DM_TRY(dm_ingest_exclude(s, "", "not_dicom: %d files of the source are neither DICOM nor NIfTI", h->not_dicom));
    if (h->directories)
        DM_TRY(dm_ingest_exclude(s, "", "dicomdir: %d indexes; every file was read without them", h->directories));
    if (h->repeated)
        DM_TRY(dm_ingest_exclude(s, "", "repeated: %d files of the source hold an object that was read before", h->repeated));
    if (h->links) DM_TRY(dm_ingest_exclude(s, "", "links: %ld links of the source were not followed", h->links));
    return dm_ok;
}

static int is_broken(const dm_heap *h, int container) {
    for (int k = 0; k < h->n_broken; k++)
        if (container == h->broken[k]) return 1;
    return 0;
}

/* broken: something of the study came out of an archive inside the source that ends too early. */
static dm_status judge(const dm_heap *h, int broken, dm_ingested_study *s) {
    int unreadable = 0;
    for (int i = 0; i < h->n_troubles; i++) unreadable += h->trouble[i].n;
    if (broken)
        return dm_fail(DM_STUDY, "damaged_archive", "an archive inside the source, which holds images of this study, is damaged or "
                                                    "cut short; fetch it again");
    if (!unreadable) return dm_ok;
    dm_study_flag(&s->study, "damaged_files");
    return dm_fail(DM_WARN, "damaged_files", "%d files of the source could not be read; see exclusions.csv", unreadable);
}

static int is_measured(const dm_instance *f) {
    const char *name;
    dm_sop_kind kind = dm_sop_class(f->sop_class, f->modality, &name);
    return f->rows > 0 && (kind == DM_SOP_CT || kind == DM_SOP_MR);
}

/* Two patients under one StudyInstanceUID: whose images are whose cannot be told. Images that name nobody belong to all; reports and
 * captures often bear the number of another house. */
static dm_status check_patient(dm_image *const *images, int n) {
    const char *first = "";
    for (int i = 0; i < n; i++) {
        const char *id = images[i]->facts.patient_id;
        if (!is_measured(&images[i]->facts)) continue;
        if (id[0] && first[0] && strcmp(id, first) != 0)
            return dm_fail(DM_STUDY, "mixed_patients", "images of one study name different patients; part them before archiving");
        if (!first[0]) first = id;
    }
    return dm_ok;
}

static void ingest_study(const char *path, const dm_ingest_options *o, dm_heap *h, dm_image **images, int n,
                         const char *digest, dm_ingested_study *s) {
    int broken = 0;
    for (int i = 0; i < n; i++) broken |= is_broken(h, images[i]->container);
    name_study(o->key, &images[0]->facts, digest, s);
    dm_exam_of(o->key, &images[0]->facts, &s->study.exam);
    dm_status told = tell_troubles(h, s), judged = dm_worse(judge(h, broken, s), check_patient(images, n));
    s->status = dm_good(judged) ? dm_ingest_series(path, o, h, images, n, s) : judged;
    s->status = dm_worse(s->status, dm_worse(judged, told));
}

static void ingest_loose(const dm_ingest_options *o, dm_heap *h, dm_loose_volume *v, dm_ingested_study *s) {
    dm_status taken = dm_ingest_volume("a NIfTI file of the source", o, v->digest, &v->scan, s);
    dm_status told = tell_troubles(h, s), judged = judge(h, is_broken(h, v->container), s);
    s->status = dm_worse(dm_worse(judged, taken), told);
    if (dm_good(s->status)) return;
    dm_study_drop_scans(&s->study);
    s->study.n_passes = 0;
}

static dm_status sort_out(const char *path, const dm_ingest_options *o, dm_heap *h, dm_ingested *out) {
    int studies = h->n_volumes + (h->n > 0);
    for (int i = 1; i < h->n; i++) studies += strcmp(h->image[i]->facts.study_uid, h->image[i - 1]->facts.study_uid) != 0;
    out->study = calloc((size_t)studies, sizeof *out->study);
    if (!out->study) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d studies", studies);
    for (int from = 0; from < h->n;) {
        int n = 1;
        while (from + n < h->n && !strcmp(h->image[from + n]->facts.study_uid, h->image[from]->facts.study_uid)) n++;
        ingest_study(path, o, h, h->image + from, n, out->input_digest, &out->study[out->n++]);
        from += n;
    }
    for (int i = 0; i < h->n_volumes; i++) ingest_loose(o, h, &h->volume[i], &out->study[out->n++]);
    return dm_ok;
}

static dm_status ingest_files(const char *path, const dm_ingest_options *o, dm_ingested *out) {
    dm_heap h = {0};
    dm_status s = dm_heap_read(path, o, &h, out);
    if (dm_good(s)) s = h.n || h.n_volumes ? sort_out(path, o, &h, out) : nothing_in_it(path, &h);
    dm_heap_clear(&h);
    return s;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

dm_status dm_ingest(const char *path, const dm_ingest_options *o, dm_ingested *out) {
    double from = now();
    *out = (dm_ingested){0};
    if (o->digest) snprintf(out->input_digest, sizeof out->input_digest, "%s", o->digest);
    dm_status status = dm_is_nifti(path) ? dm_ingest_nifti(path, o, out) : ingest_files(path, o, out);
    out->seconds = now() - from;
    if (dm_good(status)) return status;
    char digest[65];
    memcpy(digest, out->input_digest, sizeof digest);
    dm_ingested_clear(out);
    memcpy(out->input_digest, digest, sizeof digest);
    return status;
}

void dm_ingested_clear(dm_ingested *in) {
    for (int i = 0; i < in->n; i++) {
        dm_study_clear(&in->study[i].study);
        free(in->study[i].exclusions);
    }
    free(in->study);
    *in = (dm_ingested){0};
}
