#include "handover.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { MOST_STUDIES = 200000, MOST_EXCLUSIONS = 1 << 20 };

typedef struct head {
    uint32_t mark;
    int n;
    dm_status status;
    uint64_t bytes_read, studies_at; /* the studies; then the exclusions, and for every pass the places of its slices */
    double seconds;
    char input_digest[65];
} head;

typedef struct flat_pass {
    int nx, ny, nz;
    float scale, offset;
    dm_affine to_lps;
    dm_facts facts;
    char role[16];
} flat_pass;

typedef struct flat_study {
    char study_id[40], patient_id[40], qc[400], raw_patient[80], raw_study_uid[80];
    int protocol; /* number in the list, -1 = none */
    int modality, contrast, n_passes, n_exclusions;
    dm_exam exam;
    dm_status status;
    flat_pass pass[DM_MAX_PASSES];
} flat_study;

/* ---- writing ---- */

static void flatten(const dm_ingested_study *s, const dm_protocols *protocols, flat_study *out) {
    const dm_study *study = &s->study;
    memset(out, 0, sizeof *out); /* no bytes of the stack go out */
    memcpy(out->study_id, study->study_id, sizeof out->study_id);
    memcpy(out->patient_id, study->patient_id, sizeof out->patient_id);
    memcpy(out->qc, study->qc, sizeof out->qc);
    memcpy(out->raw_patient, s->raw_patient, sizeof out->raw_patient);
    memcpy(out->raw_study_uid, s->raw_study_uid, sizeof out->raw_study_uid);
    out->protocol = s->protocol ? (int)(s->protocol - protocols->p) : -1;
    out->modality = (int)study->modality;
    out->contrast = (int)study->contrast;
    out->n_passes = study->n_passes;
    out->n_exclusions = s->n_exclusions;
    out->exam = study->exam;
    out->status = s->status;
    for (int i = 0; i < study->n_passes; i++) {
        const dm_scan *v = &study->pass[i].scan;
        flat_pass *p = &out->pass[i];
        *p = (flat_pass){v->nx, v->ny, v->nz, v->scale, v->offset, v->to_lps, study->pass[i].facts, ""};
        memcpy(p->role, study->pass[i].role, sizeof p->role);
    }
}

/* A volume that is in memory still. */
static int store_volume(dm_store *store, dm_scan *v) {
    const size_t slice = (size_t)v->nx * (size_t)v->ny * sizeof *v->v, bytes = slice * (size_t)v->nz;
    uint64_t at;
    uint64_t *place = calloc((size_t)v->nz, sizeof *place);
    int good = place && dm_good(dm_store_take(store, bytes, &at)) && dm_store_put(store, at, v->v, bytes);
    if (!good) {
        free(place);
        return 0;
    }
    for (int k = 0; k < v->nz; k++) place[k] = at + (uint64_t)k * slice;
    dm_scan_drop(v);
    v->stored = place;
    return 1;
}

static int store_volumes(dm_store *store, dm_study *study) {
    int good = 1;
    for (int i = 0; good && i < study->n_passes; i++)
        if (!study->pass[i].scan.stored) good = store_volume(store, &study->pass[i].scan);
    return good;
}

static int append(dm_store *store, const void *bytes, size_t n) {
    if (!dm_store_put(store, store->end, bytes, n)) return 0;
    store->end += n;
    return 1;
}

static int write_studies(dm_store *store, const dm_ingested *in, const dm_protocols *protocols) {
    flat_study *flat = malloc(sizeof *flat);
    int good = flat != NULL;
    for (int i = 0; good && i < in->n; i++) {
        flatten(&in->study[i], protocols, flat);
        good = append(store, flat, sizeof *flat);
    }
    free(flat);
    for (int i = 0; good && i < in->n; i++)
        good = append(store, in->study[i].exclusions, (size_t)in->study[i].n_exclusions * sizeof(dm_exclusion));
    for (int i = 0; good && i < in->n; i++)
        for (int k = 0; good && k < in->study[i].study.n_passes; k++) {
            const dm_scan *v = &in->study[i].study.pass[k].scan;
            good = append(store, v->stored, (size_t)v->nz * sizeof *v->stored);
        }
    return good;
}

int dm_handover_write(dm_store *store, dm_status status, dm_ingested *in, const dm_protocols *protocols) {
    head h;
    memset(&h, 0, sizeof h);
    h = (head){.mark = DM_HANDOVER_MARK, .n = dm_good(status) ? in->n : 0, .status = status, .bytes_read = in->bytes_read,
               .seconds = in->seconds};
    memcpy(h.input_digest, in->input_digest, sizeof h.input_digest);
    for (int i = 0; i < h.n; i++)
        if (!store_volumes(store, &in->study[i].study)) return 0;
    if (store->end < sizeof h) store->end = sizeof h;
    h.studies_at = store->end;
    return (!h.n || write_studies(store, in, protocols)) && dm_store_put(store, 0, &h, sizeof h);
}

/* ---- reading what is not trusted ---- */

static int get(int fd, uint64_t *at, void *out, size_t n) {
    const dm_store from = {.fd = fd};
    if (!dm_store_get(&from, *at, out, n)) return 0;
    *at += n;
    return 1;
}

#define END(text) ((text)[sizeof(text) - 1] = 0)

static void end_status(dm_status *s) {
    END(s->code);
    END(s->text);
    if ((int)s->severity < DM_OK || (int)s->severity > DM_STUDY) s->severity = DM_STUDY; /* a reader never ends the night */
}

/* The size of a pass and what is known of it; its voxels are mapped later. */
static int take_pass(const flat_pass *p, dm_pass *out) {
    const int most = 1 << 15;
    if (p->nx < 1 || p->ny < 1 || p->nz < 1 || p->nx > most || p->ny > most || p->nz > most) return 0;
    *out = (dm_pass){.scan = {.nx = p->nx, .ny = p->ny, .nz = p->nz, .to_lps = p->to_lps, .scale = p->scale, .offset = p->offset},
                     .facts = p->facts};
    memcpy(out->role, p->role, sizeof out->role);
    END(out->role);
    END(out->facts.series_id);
    END(out->facts.kernel);
    END(out->facts.position);
    END(out->facts.transfer_syntax);
    return 1;
}

/* A file with volumes, and how many pieces of it are mapped: the system allows a process so many. */
typedef struct source {
    int fd;
    uint64_t size;
    int pieces;
} source;

/* Brings `bytes` at a place of the file to v, which is mapped memory: by mapping it there, or as a copy. */
static int bring(source *from, uint64_t at, uint64_t bytes, int aligned, unsigned char *v) {
    enum { MOST_PIECES = 16384 };
    if (at > from->size || bytes > from->size - at) return 0;
    if (aligned && at % DM_STORE_PAGE == 0 && from->pieces < MOST_PIECES) {
        from->pieces++;
        return mmap(v, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, from->fd, (off_t)at) == (void *)v;
    }
    return get(from->fd, &at, v, bytes);
}

/* Slices that follow each other in the file are one piece; those that were read in another order are one each. */
static int map_slices(source *from, const uint64_t *place, dm_scan *s) {
    const uint64_t slice = (uint64_t)s->nx * (uint64_t)s->ny * sizeof *s->v, bytes = slice * (uint64_t)s->nz;
    if (bytes > from->size) return 0;
    unsigned char *v = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (v == MAP_FAILED) return 0;
    s->v = (int16_t *)(void *)v;
    s->mapped = bytes;
    for (int k = 0, n; k < s->nz; k += n) {
        for (n = 1; k + n < s->nz && place[k + n] == place[k] + (uint64_t)n * slice;) n++;
        const uint64_t at = (uint64_t)k * slice;
        if (!bring(from, place[k], (uint64_t)n * slice, at % DM_STORE_PAGE == 0, v + at)) return 0;
    }
    return 1;
}

static int map_pass(source *from, uint64_t *at, dm_pass *p) {
    uint64_t *place = calloc((size_t)p->scan.nz, sizeof *place);
    int good = place && get(from->fd, at, place, (size_t)p->scan.nz * sizeof *place) && map_slices(from, place, &p->scan);
    free(place);
    return good;
}

static int unflatten(const flat_study *f, const dm_protocols *protocols, dm_ingested_study *s) {
    dm_study *study = &s->study;
    if (f->protocol < -1 || f->protocol >= protocols->n || f->n_passes < 0 || f->n_passes > DM_MAX_PASSES ||
        f->n_exclusions < 0 || f->n_exclusions > MOST_EXCLUSIONS)
        return 0;
    memcpy(study->study_id, f->study_id, sizeof study->study_id);
    memcpy(study->patient_id, f->patient_id, sizeof study->patient_id);
    memcpy(study->qc, f->qc, sizeof study->qc);
    memcpy(s->raw_patient, f->raw_patient, sizeof s->raw_patient);
    memcpy(s->raw_study_uid, f->raw_study_uid, sizeof s->raw_study_uid);
    END(study->study_id);
    END(study->patient_id);
    END(study->qc);
    END(s->raw_patient);
    END(s->raw_study_uid);
    if (strspn(study->study_id, "abcdefghijklmnopqrstuvwxyz234567") != 16 || study->study_id[16]) return 0; /* names files */
    s->protocol = f->protocol < 0 ? NULL : &protocols->p[f->protocol];
    study->modality = f->modality == DM_MR ? DM_MR : DM_CT;
    study->contrast = s->protocol ? s->protocol->contrast : DM_CONTRAST_NONE;
    if (s->protocol) memcpy(study->protocol, s->protocol->name, sizeof study->protocol);
    study->exam = f->exam;
    END(study->exam.sex);
    END(study->exam.age_band);
    END(study->exam.manufacturer);
    END(study->exam.model);
    s->status = f->status;
    end_status(&s->status);
    if (dm_good(s->status) && (!s->protocol || !f->n_passes)) return 0;
    for (; study->n_passes < f->n_passes; study->n_passes++)
        if (!take_pass(&f->pass[study->n_passes], &study->pass[study->n_passes])) return 0;
    s->n_exclusions = f->n_exclusions;
    return 1;
}

static int read_exclusions(int fd, uint64_t size, uint64_t *at, dm_ingested_study *s) {
    size_t n = (size_t)s->n_exclusions;
    if (!n) return 1;
    s->exclusions = n * sizeof *s->exclusions <= size ? calloc(n, sizeof *s->exclusions) : NULL;
    if (!s->exclusions || !get(fd, at, s->exclusions, n * sizeof *s->exclusions)) return 0;
    for (size_t i = 0; i < n; i++) {
        END(s->exclusions[i].series_id);
        END(s->exclusions[i].stage);
        END(s->exclusions[i].reason);
    }
    return 1;
}

static int read_studies(int fd, uint64_t size, uint64_t at, const dm_protocols *protocols, int n, dm_ingested *out) {
    flat_study *flat = malloc(sizeof *flat);
    out->study = flat ? calloc((size_t)n, sizeof *out->study) : NULL;
    int good = out->study != NULL;
    for (; good && out->n < n; out->n++)
        good = get(fd, &at, flat, sizeof *flat) && unflatten(flat, protocols, &out->study[out->n]);
    for (int i = 0; good && i < n; i++) good = read_exclusions(fd, size, &at, &out->study[i]);
    source from = {fd, size, 0};
    for (int i = 0; good && i < n; i++)
        for (int k = 0; good && k < out->study[i].study.n_passes; k++) good = map_pass(&from, &at, &out->study[i].study.pass[k]);
    free(flat);
    return good;
}

dm_status dm_handover_read(int fd, const dm_protocols *protocols, dm_ingested *out) {
    head h;
    struct stat st;
    uint64_t at = 0;
    *out = (dm_ingested){0};
    int good = fstat(fd, &st) == 0 && get(fd, &at, &h, sizeof h) && h.mark == DM_HANDOVER_MARK && h.n >= 0 &&
               h.n <= MOST_STUDIES && h.studies_at <= (uint64_t)st.st_size &&
               (uint64_t)h.n * sizeof(flat_study) <= (uint64_t)st.st_size - h.studies_at;
    if (good) {
        end_status(&h.status);
        END(h.input_digest);
        memcpy(out->input_digest, h.input_digest, sizeof out->input_digest);
        out->bytes_read = h.bytes_read;
        out->seconds = h.seconds;
        if (!dm_good(h.status)) return h.status;
        good = h.n > 0 && read_studies(fd, (uint64_t)st.st_size, h.studies_at, protocols, h.n, out);
        if (good) return dm_ok;
    }
    char digest[65];
    memcpy(digest, out->input_digest, sizeof digest);
    dm_ingested_clear(out);
    memcpy(out->input_digest, digest, sizeof digest);
    return dm_fail(DM_STUDY, "reader_died", "the reader of the source ended without a whole result; fetch the source again");
}
