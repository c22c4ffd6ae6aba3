/* From the images of a study to its passes: groups, the choice among them, roles. What is left out is said. */
#include "ingest_parts.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sop_class.h"

/* One possible volume. */
typedef struct group {
    dm_image **images;
    int n;
    const dm_instance *f; /* of the first */
    const dm_protocol *protocol;
    double z_low, z_high, step_mm; /* extent along the patient's axis, step along the normal */
    double begin;                  /* earliest acquisition, NaN = not known */
    dm_orientation orientation;
    char id[17];
    int done; /* measured, kept or told */
} group;

dm_status dm_ingest_exclude(dm_ingested_study *s, const char *series, const char *reason, ...) {
    dm_exclusion *grown = realloc(s->exclusions, (size_t)(s->n_exclusions + 1) * sizeof *grown);
    if (!grown) return dm_fail(DM_STUDY, "out_of_memory", "no memory for an exclusion");
    s->exclusions = grown;
    dm_exclusion *e = &grown[s->n_exclusions++];
    *e = (dm_exclusion){.stage = "ingest"};
    snprintf(e->series_id, sizeof e->series_id, "%s", series);
    va_list arguments;
    va_start(arguments, reason);
    vsnprintf(e->reason, sizeof e->reason, reason, arguments);
    va_end(arguments);
    return dm_ok;
}

/* ---- groups ---- */

static dm_orientation orientation_of(const double normal[3]) {
    double x = fabs(normal[0]), y = fabs(normal[1]), z = fabs(normal[2]);
    return z >= x && z >= y ? DM_AXIAL : x >= y ? DM_SAGITTAL : DM_CORONAL;
}

/* Extents from the corners of every image. */
static void measure_group(group *g) {
    double normal[3], low = INFINITY, high = -INFINITY;
    g->z_low = g->z_high = 0;
    g->begin = NAN;
    for (int i = 0; i < g->n; i++) g->begin = fmin(g->begin, g->images[i]->facts.acquired_seconds);
    if (!g->f->has_position || !g->f->has_spacing || !dm_series_normal(g->f, normal)) return;
    g->orientation = orientation_of(normal);
    g->z_low = INFINITY;
    g->z_high = -INFINITY;
    for (int i = 0; i < g->n; i++) {
        const dm_instance *f = &g->images[i]->facts;
        double at = dm_series_place(f, normal), right = f->orientation[2] * f->spacing[1] * (f->columns - 1),
               down = f->orientation[5] * f->spacing[0] * (f->rows - 1), z = f->position[2];
        low = fmin(low, at), high = fmax(high, at);
        g->z_low = fmin(g->z_low, z + fmin(right, 0) + fmin(down, 0));
        g->z_high = fmax(g->z_high, z + fmax(right, 0) + fmax(down, 0));
    }
    g->step_mm = g->n > 1 ? (high - low) / (g->n - 1) : 0;
}

static double coverage(const group *g) {
    return g->z_high - g->z_low;
}

/* MR pictures of the phase, or of maps computed from it, show no fluid. */
static int is_phase(const dm_instance *f) {
    static const char *const kinds[] = {"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY", "VELOCITY", "ADC", "FA"};
    const char *third = f->image_type;
    for (int i = 0; i < 2 && third; i++) third = strchr(third + (i > 0), '\\');
    if (!third || strcmp(f->modality, "MR")) return 0;
    size_t n = strcspn(++third, "\\");
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i]) == n && !memcmp(third, kinds[i], n)) return 1;
    return 0;
}

/* Why a class is not measured; NULL when it is. */
static const char *why_not_class(const dm_instance *f, char text[120]) {
    const char *name;
    switch (dm_sop_class(f->sop_class, f->modality, &name)) {
    case DM_SOP_CT:
    case DM_SOP_MR:
        return NULL;
    case DM_SOP_XRAY:
        snprintf(text, 120, "not_measured: %s, kept for a later stage", name);
        return text;
    case DM_SOP_DIRECTORY:
        return "dicomdir: an index; the files themselves were read";
    case DM_SOP_IGNORED:
        snprintf(text, 120, "ignored_sop_class: %s", name);
        return text;
    case DM_SOP_UNKNOWN:
        break;
    }
    /* A private class may tell an institution: only the standard's own are named. */
    int standard = !strncmp(f->sop_class, "1.2.840.10008.", 14) && strspn(f->sop_class, "0123456789.") == strlen(f->sop_class);
    snprintf(text, 120, "unknown_sop_class: %s", standard ? f->sop_class : f->sop_class[0] ? "a private class" : "none is given");
    return text;
}

static const char *why_not(const group *g, char text[120]) {
    const dm_instance *f = g->f;
    const char *why = why_not_class(f, text);
    if (why) return why;
    if (strcmp(f->modality, "CT") && strcmp(f->modality, "MR")) return "ignored_modality: neither CT nor MR";
    if (dm_series_is_localizer(f)) return "localizer";
    if (f->float_pixels) return "pixel_format: pixels in floating point are not read";
    if (!f->rows || !f->columns) return "no_pixels: not an image";
    if (f->other_unit && !strcmp(f->modality, "CT")) return "not_hu: RescaleType names another unit";
    if (f->monochrome == 1) return "monochrome1: inverted grey scale is not measured";
    if (f->monochrome == 0 || f->samples != 1) return "colour: colours and palettes are not measured";
    if (f->mosaic) return "mosaic: many slices in one picture; convert the series to single slices";
    if (is_phase(f)) return "phase_image: not a magnitude";
    if (f->frames > 1 && !f->has_position) return "multi_frame: frames without a place for each; send them as single images";
    if (g->n < 3) return "few_slices: fewer than 3";
    if (!g->protocol) return "no_protocol: matches no protocol's [match] rules";
    const dm_series_choice *c = &g->protocol->series;
    if (c->orientation != DM_ANY_ORIENTATION && (int)g->orientation != c->orientation)
        return "not_selected: another plane than the protocol's";
    if (coverage(g) < c->min_coverage_mm) return "not_selected: shorter than the protocol's min_coverage_mm";
    return NULL;
}

/* Takes the next volume of a series from the front of its images; it stays in the list only when it may be measured. */
static dm_status take_group(const dm_ingest_options *o, dm_image **images, int n, group *g, int *keep, dm_ingested_study *s) {
    char text[120];
    const char *split_by;
    int m = dm_series_next(images, n, &split_by);
    *g = (group){.images = images, .n = m, .f = &images[0]->facts};
    measure_group(g);
    dm_pseudonym(o->key, "series", g->f->series_uid, g->id);
    g->protocol = dm_match_protocol(o->protocols, !strcmp(g->f->modality, "MR") ? DM_MR : DM_CT, g->f, g->n, g->step_mm);
    if (split_by)
        DM_TRY(dm_ingest_exclude(s, g->id, "split: %d images parted from the series by %s; each part is judged by itself", m,
                                 split_by));
    const char *why = why_not(g, text);
    *keep = !why;
    return why ? dm_ingest_exclude(s, g->id, "%s (%d images)", why, m) : dm_ok;
}

static dm_status groups_of(const dm_ingest_options *o, dm_image **images, int n, group **groups, int *count,
                           dm_ingested_study *s) {
    *count = 0;
    *groups = calloc((size_t)n, sizeof **groups);
    if (!*groups) return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d groups", n);
    for (int from = 0; from < n;) {
        int run = 1, keep = 0;
        while (from + run < n && !strcmp(images[from + run]->facts.series_uid, images[from]->facts.series_uid)) run++;
        for (int end = from + run; from < end;) {
            group *g = &(*groups)[*count];
            DM_TRY(take_group(o, images + from, end - from, g, &keep, s));
            from += g->n;
            *count += keep;
        }
    }
    return dm_ok;
}

/* ---- roles and the choice ---- */

static const char *role_of(const group *g) {
    const char *p = g->f->patient_position;
    if (strlen(p) == 4 && !strcmp(p + 2, "DL")) return dm_role_names[DM_LEFT_SIDE];
    if (strlen(p) == 4 && !strcmp(p + 2, "DR")) return dm_role_names[DM_RIGHT_SIDE];
    /* Where no contrast is expected, nothing comes before it. */
    for (int i = g->protocol->contrast == DM_CONTRAST_NONE ? DM_EARLY : DM_PRE_CONTRAST; i < DM_ROLES; i++)
        if (dm_has_word(g->f->description, g->protocol->role_words[i])) return dm_role_names[i];
    return "main";
}

static int is_pre(const group *g) {
    return !strcmp(role_of(g), dm_role_names[DM_PRE_CONTRAST]);
}

/* Higher is better, by rule; equal on all of them the series' UID decides. */
static int better(const group *a, const group *b) {
    const dm_protocol *p = a->protocol;
    if (p->match.priority != b->protocol->match.priority) return p->match.priority > b->protocol->match.priority;
    if (is_pre(a) != is_pre(b)) return is_pre(b);
    if (fabs(coverage(a) - coverage(b)) > 0.2 * fmax(coverage(a), coverage(b))) return coverage(a) > coverage(b);
    int original = !strncmp(a->f->image_type, "ORIGINAL", 8), other = !strncmp(b->f->image_type, "ORIGINAL", 8);
    if (original != other) return original;
    if (fabs(a->step_mm - b->step_mm) > 0.01) return a->step_mm < b->step_mm;
    int kernel = dm_has_word(a->f->kernel, p->series.kernel), kernel_b = dm_has_word(b->f->kernel, p->series.kernel);
    if (kernel != kernel_b) return kernel;
    int words = dm_has_word(a->f->description, p->series.prefer), words_b = dm_has_word(b->f->description, p->series.prefer);
    if (words != words_b) return words;
    if (a->begin < b->begin - 1 || a->begin > b->begin + 1) return a->begin < b->begin; /* never with NaN */
    int c = strcmp(a->f->series_uid, b->f->series_uid);
    return c ? c < 0 : a->images[0]->number < b->images[0]->number;
}

/* The same acquisition: reconstructed again, another echo of it, or nothing in time and position tells them apart. */
static int same_acquisition(const group *a, const group *b) {
    if (!isnan(a->begin) && !isnan(b->begin) && fabs(a->begin - b->begin) > 5) return 0;
    return !strcmp(a->f->patient_position, b->f->patient_position);
}

/* Why a group is no further pass beside those kept; NULL when it is one. */
static const char *why_no_pass(const group *g, group *const *kept, int n_kept) {
    const group *main = kept[0];
    double shared = fmin(g->z_high, main->z_high) - fmax(g->z_low, main->z_low);
    if (g->protocol != main->protocol) return "another protocol's";
    if (g->orientation != main->orientation) return "another plane";
    if (shared < 0.5 * coverage(main)) return "covers another part or less of the spine";
    if (g->step_mm > 2 * main->step_mm + 0.01) return "thicker slices";
    for (int i = 0; i < n_kept; i++)
        if (same_acquisition(g, kept[i])) return "taken at the same time as a pass that is kept";
    return n_kept < main->protocol->series.passes ? NULL : "the protocol keeps fewer passes";
}

static double width(const group *g) {
    return fmin(g->f->spacing[1] * g->f->columns, g->f->spacing[0] * g->f->rows);
}

/* A series that is measured neither first nor beside it may show where to count from: the skull, the sacrum, ribs. It has to be of the
 * same kind in the same coordinates, share three vertebrae or more, and reach 30 mm further along the spine or, from a picture that ends
 * beside the processes, 60 mm further to the sides. */
static int helps_naming(const group *g, const group *main) {
    const double share = 60, further = 30, narrow = 250, wider = 60; /* mm */
    if (strcmp(g->f->modality, main->f->modality) || !g->f->frame_uid[0] || strcmp(g->f->frame_uid, main->f->frame_uid)) return 0;
    if (strcmp(g->f->patient_position, main->f->patient_position)) return 0;
    if (fmin(g->z_high, main->z_high) - fmax(g->z_low, main->z_low) < share) return 0;
    if (g->z_high > main->z_high + further || g->z_low < main->z_low - further) return 1;
    return g->orientation == DM_AXIAL && main->orientation == DM_AXIAL && width(main) < narrow && width(g) > width(main) + wider;
}

/* ---- passes ---- */

static void copy_clean(char *out, size_t size, const char *text) {
    size_t n = 0;
    for (; *text && n + 1 < size; text++)
        if ((unsigned char)*text > ' ' && (unsigned char)*text < 0x7f) out[n++] = *text;
    out[n] = 0;
}

static void fill_facts(const group *g, const dm_series_report *r, dm_pass *pass) {
    double spacing[3];
    dm_affine_spacing(&pass->scan.to_lps, spacing);
    pass->facts = (dm_facts){.kvp = g->f->kvp,
                             .slice_mm = r->slice_mm,
                             .pixel_mm = spacing[0],
                             .tilt_deg = r->tilt_deg,
                             .seconds_after_first = g->begin,
                             .gaps = r->gaps};
    for (int i = 0; i < g->n; i++) pass->facts.lossy |= g->images[i]->facts.lossy;
    snprintf(pass->facts.series_id, sizeof pass->facts.series_id, "%s", g->id);
    copy_clean(pass->facts.kernel, sizeof pass->facts.kernel, g->f->kernel);
    copy_clean(pass->facts.position, sizeof pass->facts.position, g->f->patient_position);
    copy_clean(pass->facts.transfer_syntax, sizeof pass->facts.transfer_syntax, g->f->transfer_syntax);
    snprintf(pass->role, sizeof pass->role, "%s", role_of(g));
}

/* Repairs are rows as well: no drop, no interpolated slice is silent. */
static dm_status tell_repairs(const group *g, const dm_series_report *r, dm_ingested_study *s) {
    if (r->duplicates) DM_TRY(dm_ingest_exclude(s, g->id, "duplicates: %d identical images dropped", r->duplicates));
    if (r->gaps) {
        DM_TRY(dm_ingest_exclude(s, g->id, "gap: %d missing slices were interpolated, as the protocol allows", r->gaps));
        dm_study_flag(&s->study, "gaps_filled");
    }
    if (!r->resampled) return dm_ok;
    dm_study_flag(&s->study, "resampled");
    return dm_ingest_exclude(s, g->id, "uneven_spacing: resampled to %.3f mm, as the protocol allows", r->slice_mm);
}

static dm_status load_pass(const char *path, const dm_ingest_options *o, dm_heap *h, group *g, dm_ingested_study *s) {
    dm_pass *pass = &s->study.pass[s->study.n_passes];
    const dm_series_rules rules = {.fill_gaps = g->protocol->series.gaps, .resample_uneven = g->protocol->series.uneven};
    const dm_series_means means = {.threads = o->threads, .store = o->store};
    dm_series_report report;
    DM_TRY(dm_heap_reload(path, o, h, g->images, g->n));
    DM_TRY(dm_series_volume(g->images, g->n, &rules, &means, &pass->scan, &report));
    fill_facts(g, &report, pass);
    s->study.n_passes++;
    return tell_repairs(g, &report, s);
}

/* Role of a series that only helps to name the vertebrae. */
static const char helper[] = "levels";
enum { MOST_HELPERS = 2 };

/* Times after the first, and roles of passes that nothing but their time sets apart. */
static void settle_passes(dm_study *study) {
    double first = NAN, last = NAN;
    for (int i = 0; i < study->n_passes; i++) {
        if (!strcmp(study->pass[i].role, helper)) continue;
        first = fmin(first, study->pass[i].facts.seconds_after_first);
        last = fmax(last, study->pass[i].facts.seconds_after_first);
    }
    for (int i = 0; i < study->n_passes; i++) {
        dm_pass *p = &study->pass[i];
        double t = p->facts.seconds_after_first;
        const char *role = t == first ? "early" : t == last ? "late" : "repeat";
        if (study->n_passes > 1 && !strcmp(p->role, "main") && last > first) snprintf(p->role, sizeof p->role, "%s", role);
        p->facts.seconds_after_first -= first;
    }
}

static group *best_of(group *g, int n) {
    group *best = NULL;
    for (int i = 0; i < n; i++)
        if (!g[i].done && (!best || better(&g[i], best))) best = &g[i];
    return best;
}

/* The best group that can be put together is measured, what belongs beside it is kept; what was better but broken, and the
 * rest, is said. */
static dm_status select_passes(const char *path, const dm_ingest_options *o, dm_heap *h, group *g, int n, dm_ingested_study *s) {
    dm_status last = dm_fail(DM_STUDY, "no_series", "no series of the study can be measured; see exclusions.csv");
    group *kept[DM_MAX_PASSES] = {NULL};
    int n_kept = 0, helpers = 0;
    for (group *best; (best = best_of(g, n));) {
        best->done = 1;
        const char *why = n_kept ? why_no_pass(best, kept, n_kept) : NULL;
        int help = why && helpers < MOST_HELPERS && s->study.n_passes < DM_MAX_PASSES && helps_naming(best, kept[0]);
        if (why && !help) {
            DM_TRY(dm_ingest_exclude(s, best->id, "not_selected: %s (%d slices, %.0f mm, step %.2f mm)", why, best->n,
                                     coverage(best), best->step_mm));
            continue;
        }
        dm_status status = load_pass(path, o, h, best, s);
        if (!dm_good(status)) DM_TRY(dm_ingest_exclude(s, best->id, "%s: %.160s", status.code, status.text));
        if (!n_kept) last = status;
        if (!dm_good(status)) continue;
        if (help) snprintf(s->study.pass[s->study.n_passes - 1].role, sizeof s->study.pass->role, "%s", helper), helpers++;
        else kept[n_kept++] = best;
    }
    if (!n_kept) return last;
    s->protocol = kept[0]->protocol;
    s->study.modality = s->protocol->modality;
    s->study.contrast = s->protocol->contrast;
    snprintf(s->study.protocol, sizeof s->study.protocol, "%s", s->protocol->name);
    settle_passes(&s->study);
    return dm_ok;
}

dm_status dm_ingest_series(const char *path, const dm_ingest_options *o, dm_heap *h, dm_image **images, int n,
                           dm_ingested_study *s) {
    group *groups = NULL;
    int count = 0;
    dm_status status = groups_of(o, images, n, &groups, &count, s);
    if (dm_good(status)) status = select_passes(path, o, h, groups, count, s);
    free(groups);
    return status;
}
