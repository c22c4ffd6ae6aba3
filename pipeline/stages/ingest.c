#include "ingest.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive.h"
#include "dicom.h"
#include "nifti.h"
#include "series.h"

/* Every parsed instance of a source, in the order of reading. */
typedef struct heap {
    dm_dicom **item;
    int n, room, entries, not_dicom, damaged;
    char why[160]; /* the first reason why an instance was not read */
} heap;

static void heap_clear(heap *h) {
    for (int i = 0; i < h->n; i++) dm_dicom_free(h->item[i]);
    free(h->item);
    *h = (heap){0};
}

static dm_status heap_push(heap *h, dm_dicom *d) {
    if (h->n == h->room) {
        int room = h->room ? 2 * h->room : 256;
        dm_dicom **grown = realloc(h->item, (size_t)room * sizeof *grown);
        if (!grown) {
            dm_dicom_free(d);
            return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d images", room);
        }
        h->item = grown;
        h->room = room;
    }
    h->item[h->n++] = d;
    return dm_ok;
}

static const char *shown(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static dm_status take_entry(heap *h, const dm_entry *e) {
    dm_dicom *d = NULL;
    h->entries++;
    dm_status s = e->damaged ? dm_fail(DM_STUDY, "damaged_entry", "an entry's checksum is wrong")
                             : dm_dicom_parse(e->bytes, e->size, &d);
    if (dm_good(s)) return heap_push(h, d);
    if (!strcmp(s.code, "not_dicom")) {
        h->not_dicom++;
    } else {
        h->damaged++;
        if (!h->why[0]) snprintf(h->why, sizeof h->why, "%.159s", s.text);
    }
    return dm_ok;
}

/* A folder has no bytes of its own: its digest is that of its entries' digests. */
static void add_digest(char total[65], const dm_entry *e) {
    char both[130] = "";
    memcpy(both, total, 64);
    dm_digest(e->bytes, e->size, both + (total[0] ? 64 : 0));
    dm_digest(both, strlen(both), total);
}

static dm_status read_all(const char *path, heap *h, dm_ingested *out) {
    dm_archive *a;
    struct stat st;
    int more = 1, folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    DM_TRY(dm_archive_open(path, &a));
    dm_status status = dm_ok;
    while (dm_good(status)) {
        dm_entry e;
        status = dm_archive_next(a, &e, &more);
        if (!dm_good(status) || !more) break;
        if (folder) add_digest(out->input_digest, &e);
        status = take_entry(h, &e);
    }
    out->bytes_read = dm_archive_bytes(a);
    dm_archive_close(a);
    if (dm_good(status) && !folder) status = dm_digest_file(path, out->input_digest);
    if (!dm_good(status)) return status;
    if (h->entries == 0)
        return dm_fail(DM_STUDY, "empty_archive", "%s holds no files; fetch it again from the archive", shown(path));
    if (h->n == 0 && h->damaged)
        return dm_fail(DM_STUDY, "damaged_dicom", "%s: none of %d files could be read: %s", shown(path), h->entries, h->why);
    if (h->n == 0)
        return dm_fail(DM_STUDY, "no_dicom", "%s holds %d files but no DICOM image; is it the right archive?", shown(path),
                       h->entries);
    return dm_ok;
}

/* ---- groups: instances of one study, and in it of one volume ---- */

static int by_group(const void *a, const void *b) {
    const dm_instance *x = dm_dicom_facts(*(dm_dicom *const *)a), *y = dm_dicom_facts(*(dm_dicom *const *)b);
    int c = strcmp(x->study_uid, y->study_uid);
    if (!c) c = strcmp(x->series_uid, y->series_uid);
    if (!c) c = strcmp(x->frame_uid, y->frame_uid);
    return c ? c : strcmp(x->sop_uid, y->sop_uid);
}

/* One possible volume: items[from .. from + n). */
typedef struct group {
    dm_dicom **items;
    int n;
    const dm_protocol *protocol;
    double coverage_mm, thickness_mm;
} group;

/* A run of one series, split by geometry: what fits the first left comes to the front. */
static int gather_fitting(dm_dicom **items, int n) {
    int m = 1;
    for (int i = 1; i < n; i++)
        if (dm_series_fits(dm_dicom_facts(items[0]), dm_dicom_facts(items[i]))) {
            dm_dicom *t = items[m];
            items[m++] = items[i];
            items[i] = t;
        }
    return m;
}

static dm_status exclude(dm_ingested_study *s, const char *series, const char *stage, const char *reason) {
    dm_exclusion *grown = realloc(s->exclusions, (size_t)(s->n_exclusions + 1) * sizeof *grown);
    if (!grown) return dm_fail(DM_STUDY, "out_of_memory", "no memory for an exclusion");
    s->exclusions = grown;
    dm_exclusion *e = &grown[s->n_exclusions++];
    snprintf(e->series_id, sizeof e->series_id, "%s", series);
    snprintf(e->stage, sizeof e->stage, "%s", stage);
    snprintf(e->reason, sizeof e->reason, "%s", reason);
    return dm_ok;
}

static int is_letter(char c) {
    return isalnum((unsigned char)c) != 0;
}

/* Words of up to three letters must stand alone ("t1" is not in "T12"); longer ones may be part of a word ("myelo"). */
static int stands_in(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *p = text; n && (p = strstr(p, word)); p++)
        if (n > 3 || ((p == text || !is_letter(p[-1])) && !is_letter(p[n]))) return 1;
    return 0;
}

static void lower_case(const char *text, size_t count, char *out, size_t size) {
    size_t n = 0;
    for (; n < count && text[n] && n + 1 < size; n++) out[n] = (char)tolower((unsigned char)text[n]);
    out[n] = 0;
}

static int has_word(const char *text, const char *words) {
    char low[400], word[64];
    lower_case(text, sizeof low, low, sizeof low);
    while (*words) {
        size_t k = strcspn(words, "|");
        lower_case(words, k, word, sizeof word);
        if (stands_in(low, word)) return 1;
        words += k + (words[k] == '|');
    }
    return 0;
}

static int within(double v, double low, double high) {
    return (isnan(low) || v >= low) && (isnan(high) || v <= high);
}

/* NaN limits allow anything; a missing header value fails a limit that is given. */
static int matches(const dm_protocol *p, dm_modality modality, const dm_instance *f, int slices, double slice_mm) {
    const dm_match *m = &p->match;
    if (p->modality != modality || slices < m->min_slices) return 0;
    if (m->description[0] && !has_word(f->description, m->description)) return 0;
    if (m->exclude[0] && has_word(f->description, m->exclude)) return 0;
    return within(f->kvp, m->kvp_low, m->kvp_high) && within(slice_mm, NAN, m->slice_high_mm);
}

static const dm_protocol *choose_protocol(const dm_protocols *all, dm_modality modality, const dm_instance *f, int slices,
                                          double slice_mm) {
    const dm_protocol *best = NULL;
    for (int i = 0; i < all->n; i++)
        if (matches(&all->p[i], modality, f, slices, slice_mm) &&
            (!best || all->p[i].match.priority > best->match.priority))
            best = &all->p[i];
    return best;
}

/* Extent along the slice normal and the mean step, from positions alone. */
static void measure_group(group *g) {
    double low = INFINITY, high = -INFINITY;
    for (int i = 0; i < g->n; i++) {
        const dm_instance *f = dm_dicom_facts(g->items[i]);
        const double *r = f->orientation, *c = f->orientation + 3;
        double d = f->position[0] * (r[1] * c[2] - r[2] * c[1]) + f->position[1] * (r[2] * c[0] - r[0] * c[2]) +
                   f->position[2] * (r[0] * c[1] - r[1] * c[0]);
        low = fmin(low, d), high = fmax(high, d);
    }
    const dm_instance *f = dm_dicom_facts(g->items[0]);
    g->thickness_mm = g->n > 1 ? (high - low) / (g->n - 1) : 0;
    /* Coverage of the spine runs along the patient's z: of slices (axial) or of the columns (sagittal, coronal). */
    double along_rows = fabs(f->orientation[5]) * f->rows * f->spacing[0];
    g->coverage_mm = fmax(high - low, along_rows);
}

static const char *why_not(const group *g, const dm_instance *f) {
    if (strcmp(f->modality, "CT") && strcmp(f->modality, "MR")) return "ignored_modality: neither CT nor MR";
    if (dm_series_is_localizer(f)) return "localizer";
    if (!f->rows) return "no_pixels: not an image";
    if (f->monochrome1) return "monochrome1: inverted grey scale is not measured";
    if (g->n < 3 && f->frames < 2) return "few_slices: fewer than 3";
    if (!g->protocol) return "no_protocol: matches no protocol's [match] rules";
    return NULL;
}

/* Better = higher priority, then more of the spine (by a fifth at least), then thinner, then the series' UID. */
static int better(const group *a, const group *b) {
    if (a->protocol->match.priority != b->protocol->match.priority)
        return a->protocol->match.priority > b->protocol->match.priority;
    if (fabs(a->coverage_mm - b->coverage_mm) > 0.2 * fmax(a->coverage_mm, b->coverage_mm))
        return a->coverage_mm > b->coverage_mm;
    if (fabs(a->thickness_mm - b->thickness_mm) > 0.01) return a->thickness_mm < b->thickness_mm;
    return strcmp(dm_dicom_facts(a->items[0])->series_uid, dm_dicom_facts(b->items[0])->series_uid) < 0;
}

static void series_pseudonym(const dm_key *key, const dm_instance *f, char out[17]) {
    dm_pseudonym(key, "series", f->series_uid, out);
}

static dm_status load_pass(const dm_key *key, const group *g, dm_ingested_study *s) {
    dm_pass *pass = &s->study.pass[0];
    dm_series_report report;
    DM_TRY(dm_series_volume(g->items, g->n, &pass->scan, &report));
    const dm_instance *f = dm_dicom_facts(g->items[0]);
    double spacing[3];
    char id[17];
    dm_affine_spacing(&pass->scan.to_lps, spacing);
    series_pseudonym(key, f, id);
    pass->facts = (dm_facts){.kvp = f->kvp,
                             .slice_mm = report.slice_mm,
                             .pixel_mm = spacing[0],
                             .tilt_deg = report.tilt_deg,
                             .seconds_after_first = 0,
                             .lossy = f->lossy};
    snprintf(pass->facts.series_id, sizeof pass->facts.series_id, "%s", id);
    snprintf(pass->facts.kernel, sizeof pass->facts.kernel, "%.19s", f->kernel);
    snprintf(pass->facts.position, sizeof pass->facts.position, "%.7s", f->patient_position);
    snprintf(pass->facts.transfer_syntax, sizeof pass->facts.transfer_syntax, "%.67s", f->transfer_syntax);
    snprintf(pass->role, sizeof pass->role, "main");
    s->study.n_passes = 1;
    s->study.modality = g->protocol->modality;
    s->study.contrast = g->protocol->contrast;
    s->protocol = g->protocol;
    snprintf(s->study.protocol, sizeof s->study.protocol, "%s", g->protocol->name);
    if (report.duplicates) {
        char text[80];
        snprintf(text, sizeof text, "duplicates: %d identical images dropped", report.duplicates);
        DM_TRY(exclude(s, id, "ingest", text));
    }
    return dm_ok;
}

/* The best group that can be put together is measured; what was better but broken, and the rest, is said. */
static dm_status select_pass(const dm_key *key, group *g, int n, dm_ingested_study *s) {
    char id[17], reason[200];
    dm_status last = dm_fail(DM_STUDY, "no_series", "no series of the study can be measured; see exclusions.csv");
    for (;;) {
        group *best = NULL;
        for (int i = 0; i < n; i++)
            if (g[i].items && (!best || better(&g[i], best))) best = &g[i];
        if (!best) return last;
        const dm_instance *f = dm_dicom_facts(best->items[0]);
        series_pseudonym(key, f, id);
        if (s->study.n_passes == 0) {
            dm_status status = load_pass(key, best, s);
            if (dm_good(status)) last = dm_ok;
            else {
                last = status;
                snprintf(reason, sizeof reason, "%s: %.160s", status.code, status.text);
                DM_TRY(exclude(s, id, "ingest", reason));
            }
        } else {
            snprintf(reason, sizeof reason, "not_selected: %d slices, %.0f mm, step %.2f mm; another series serves better",
                     best->n, best->coverage_mm, best->thickness_mm);
            DM_TRY(exclude(s, id, "ingest", reason));
        }
        best->items = NULL;
    }
}

/* Splits a study's instances into groups; those that cannot be measured are said at once. */
static dm_status groups_of(const dm_protocols *protocols, const dm_key *key, dm_dicom **items, int n, group **groups,
                           int *count, dm_ingested_study *s) {
    *count = 0;
    *groups = calloc((size_t)n, sizeof **groups);
    if (!*groups) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d groups", n);
    for (int from = 0; from < n;) {
        const dm_instance *f = dm_dicom_facts(items[from]);
        int run = 1;
        while (from + run < n && !strcmp(dm_dicom_facts(items[from + run])->series_uid, f->series_uid)) run++;
        group g = {.items = items + from, .n = gather_fitting(items + from, run)};
        if (f->has_position && f->has_orientation && f->has_spacing) measure_group(&g);
        g.protocol = choose_protocol(protocols, !strcmp(f->modality, "MR") ? DM_MR : DM_CT, f, g.n, g.thickness_mm);
        const char *why = why_not(&g, f);
        if (why) {
            char id[17];
            series_pseudonym(key, f, id);
            DM_TRY(exclude(s, id, "ingest", why));
        } else {
            (*groups)[(*count)++] = g;
        }
        from += g.n;
    }
    return dm_ok;
}

static void name_study(const dm_key *key, const dm_instance *f, dm_ingested_study *s) {
    char id[17];
    dm_pseudonym(key, "study", f->study_uid, id);
    snprintf(s->study.study_id, sizeof s->study.study_id, "%s", id);
    dm_pseudonym(key, "patient", f->patient_id[0] ? f->patient_id : f->study_uid, id);
    snprintf(s->study.patient_id, sizeof s->study.patient_id, "%s", id);
    snprintf(s->raw_patient, sizeof s->raw_patient, "%s", f->patient_id);
    snprintf(s->raw_study_uid, sizeof s->raw_study_uid, "%s", f->study_uid);
}

static void ingest_study(const dm_protocols *protocols, const dm_key *key, dm_dicom **items, int n, int damaged,
                         dm_ingested_study *s) {
    group *groups = NULL;
    int count = 0;
    name_study(key, dm_dicom_facts(items[0]), s);
    s->status = groups_of(protocols, key, items, n, &groups, &count, s);
    if (dm_good(s->status)) s->status = select_pass(key, groups, count, s);
    if (damaged) {
        char text[100];
        snprintf(text, sizeof text, "damaged: %d files of the archive could not be read", damaged);
        dm_status told = exclude(s, "", "ingest", text);
        if (dm_good(s->status) && !dm_good(told)) s->status = told;
        dm_study_flag(&s->study, "damaged_files");
    }
    free(groups);
}

static dm_status sort_out(heap *h, const dm_protocols *protocols, const dm_key *key, dm_ingested *out) {
    qsort(h->item, (size_t)h->n, sizeof *h->item, by_group);
    int studies = 1;
    for (int i = 1; i < h->n; i++)
        studies += strcmp(dm_dicom_facts(h->item[i])->study_uid, dm_dicom_facts(h->item[i - 1])->study_uid) != 0;
    out->study = calloc((size_t)studies, sizeof *out->study);
    if (!out->study) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d studies", studies);
    for (int from = 0; from < h->n;) {
        int n = 1;
        while (from + n < h->n &&
               !strcmp(dm_dicom_facts(h->item[from + n])->study_uid, dm_dicom_facts(h->item[from])->study_uid))
            n++;
        ingest_study(protocols, key, h->item + from, n, h->damaged, &out->study[out->n++]);
        from += n;
    }
    return dm_ok;
}

/* ---- NIfTI ---- */

static int is_nifti(const char *path) {
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

static dm_status ingest_nifti(const char *path, const dm_protocols *protocols, const dm_key *key, dm_ingested *out) {
    struct stat st;
    if (stat(path, &st) != 0)
        return dm_fail(DM_STUDY, "missing_file", "%s does not exist or cannot be read; check the path", shown(path));
    DM_TRY(dm_digest_file(path, out->input_digest));
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
    char id[17];
    dm_affine_spacing(&scan.to_lps, spacing);
    dm_pseudonym(key, "study", out->input_digest, id);
    snprintf(study->study_id, sizeof study->study_id, "%s", id);
    dm_pseudonym(key, "patient", out->input_digest, id);
    snprintf(study->patient_id, sizeof study->patient_id, "%s", id);
    study->modality = modality_of(&scan);
    study->n_passes = 1;
    study->pass[0].scan = scan;
    study->pass[0].facts =
        (dm_facts){.kvp = NAN, .slice_mm = spacing[2], .pixel_mm = spacing[0], .tilt_deg = NAN, .seconds_after_first = NAN};
    snprintf(study->pass[0].role, sizeof study->pass[0].role, "main");
    dm_instance f = {.kvp = NAN};
    s->protocol = choose_protocol(protocols, study->modality, &f, scan.nz, spacing[2]);
    /* Without a header no description can match: the modality's protocol of the highest priority stands in. */
    for (int i = 0; !s->protocol && i < protocols->n; i++)
        if (protocols->p[i].modality == study->modality) s->protocol = &protocols->p[i];
    if (!s->protocol) {
        s->status = dm_fail(DM_STUDY, "no_protocol", "%s matches no protocol", shown(path));
        return dm_ok;
    }
    study->contrast = s->protocol->contrast;
    snprintf(study->protocol, sizeof study->protocol, "%s", s->protocol->name);
    return dm_ok;
}

dm_status dm_ingest(const char *path, const dm_protocols *protocols, const dm_key *key, dm_ingested *out) {
    heap h = {0};
    *out = (dm_ingested){0};
    dm_status status = dm_ok;
    if (is_nifti(path))
        status = ingest_nifti(path, protocols, key, out);
    else
        status = read_all(path, &h, out);
    if (dm_good(status) && h.n) status = sort_out(&h, protocols, key, out);
    heap_clear(&h);
    if (!dm_good(status)) {
        char digest[65];
        memcpy(digest, out->input_digest, sizeof digest);
        dm_ingested_clear(out);
        memcpy(out->input_digest, digest, sizeof digest);
    }
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
