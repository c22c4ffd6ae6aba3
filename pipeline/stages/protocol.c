#include "protocol.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config.h"
#include "embedded.h"
#include "pseudonym.h"

/* The [protocol] section; int fields, so that one table serves all. */
typedef struct kind {
    int modality, contrast;
} kind;

static const dm_param kind_table[] = {
    DM_PARAM_CHOICE(kind, modality, "ct|mr", 0, "What made the pictures."),
    DM_PARAM_CHOICE(kind, contrast, "none|iodine|fluid|gadolinium", 0,
                    "What shines in the sac; none = nothing is promised, fluid = the CSF itself (T2)."),
};

static const dm_param match_table[] = {
    DM_PARAM_FLOAT(dm_match, kvp_low, "kV", 20, 200, NAN, "Lowest tube voltage; not given = any."),
    DM_PARAM_FLOAT(dm_match, kvp_high, "kV", 20, 200, NAN, "Highest tube voltage; not given = any."),
    DM_PARAM_FLOAT(dm_match, slice_high_mm, "mm", 0.1, 20, NAN,
                   "Thickest slice: a leak of a few millimetres is lost in thicker ones; not given = any."),
    DM_PARAM_INT(dm_match, min_slices, "1", 1, 100000, 1, "Fewest slices: leaves out scouts and single pictures."),
    DM_PARAM_INT(dm_match, priority, "1", -1000, 1000, 0, "The highest wins when several protocols match; then the name."),
};

static const dm_param series_table[] = {
    DM_PARAM_CHOICE(dm_series_choice, orientation, "any|axial|sagittal|coronal", 0, "Plane of the slices."),
    DM_PARAM_FLOAT(dm_series_choice, min_coverage_mm, "mm", 0, 2000, 0, "Shortest extent along the patient's axis."),
    DM_PARAM_INT(dm_series_choice, passes, "1", 1, DM_MAX_PASSES, 4, "Volumes of a study kept at most; the first is measured."),
    DM_PARAM_CHOICE(dm_series_choice, gaps, "refuse|fill", 0,
                    "Slices missing in an even row: refuse the series, or interpolate and count them."),
    DM_PARAM_CHOICE(dm_series_choice, uneven, "refuse|resample", 0,
                    "Unevenly spaced slices: refuse the series, or interpolate it to its median step."),
};

const char *const dm_role_names[DM_ROLES] = {"pre_contrast", "early", "late", "left", "right"};
static const char *const role_presets[DM_ROLES] = {"pre|native|without|unenhanced|plain", "early|1st|phase 1|arterial",
                                                   "late|delay|2nd|phase 2|spaet", "left|llat|lt|links", "right|rlat|rt|rechts"};

enum {
    N_KIND = sizeof kind_table / sizeof *kind_table,
    N_MATCH = sizeof match_table / sizeof *match_table,
    N_SERIES = sizeof series_table / sizeof *series_table
};

static int stage_index(const char *name) {
    for (int i = 0; i < dm_stage_count; i++)
        if (strcmp(dm_stages[i]->name, name) == 0) return i;
    return -1;
}

const void *dm_protocol_params(const dm_protocol *p, const char *stage) {
    int i = stage_index(stage);
    return i < 0 ? NULL : p->params[i];
}

static dm_status preset(dm_protocol *p, const char *name) {
    *p = (dm_protocol){0};
    snprintf(p->name, sizeof p->name, "%s", name);
    dm_params_preset(match_table, N_MATCH, &p->match);
    dm_params_preset(series_table, N_SERIES, &p->series);
    for (int i = 0; i < DM_ROLES; i++) snprintf(p->role_words[i], sizeof p->role_words[i], "%s", role_presets[i]);
    if (dm_stage_count > DM_MAX_STAGES) return dm_fail(DM_FATAL, "config", "more stages than DM_MAX_STAGES");
    for (int i = 0; i < dm_stage_count; i++) {
        p->params[i] = calloc(1, dm_stages[i]->params_size + 1);
        if (!p->params[i]) return dm_fail(DM_FATAL, "out_of_memory", "no memory for the protocol %s", p->name);
        dm_params_preset(dm_stages[i]->params, dm_stages[i]->n_params, p->params[i]);
    }
    return dm_ok;
}

typedef struct reading {
    dm_protocol *p;
    int seen_modality, seen_contrast;
} reading;

static dm_status set_words(char *out, size_t size, const char *where, const char *key, const char *value) {
    if (strlen(value) < size) {
        snprintf(out, size, "%s", value);
        return dm_ok;
    }
    return dm_fail(DM_FATAL, "config", "%s: %s is longer than %d characters", where, key, (int)size - 1);
}

static dm_status set_kind(reading *r, const char *where, const char *key, const char *value) {
    kind k = {(int)r->p->modality, (int)r->p->contrast};
    DM_TRY(dm_params_set(kind_table, N_KIND, &k, where, key, value));
    r->p->modality = (dm_modality)k.modality;
    r->p->contrast = (dm_contrast)k.contrast;
    r->seen_modality |= strcmp(key, "modality") == 0;
    r->seen_contrast |= strcmp(key, "contrast") == 0;
    return dm_ok;
}

static dm_status set_series(dm_series_choice *c, const char *where, const char *key, const char *value) {
    if (strcmp(key, "kernel") == 0) return set_words(c->kernel, sizeof c->kernel, where, key, value);
    if (strcmp(key, "prefer") == 0) return set_words(c->prefer, sizeof c->prefer, where, key, value);
    return dm_params_set(series_table, N_SERIES, c, where, key, value);
}

static dm_status set_role(dm_protocol *p, const char *where, const char *key, const char *value) {
    for (int i = 0; i < DM_ROLES; i++)
        if (strcmp(key, dm_role_names[i]) == 0)
            return set_words(p->role_words[i], sizeof p->role_words[i], where, key, value);
    return dm_fail(DM_FATAL, "config", "%s: unknown role '%.40s'; allowed are pre_contrast, early, late, left and right", where,
                   key);
}

static dm_status visit(void *user, const char *where, const char *section, const char *key, const char *value) {
    reading *r = user;
    dm_match *m = &r->p->match;
    if (strcmp(section, "protocol") == 0) return set_kind(r, where, key, value);
    if (strcmp(section, "match") == 0) {
        if (strcmp(key, "description") == 0) return set_words(m->description, sizeof m->description, where, key, value);
        if (strcmp(key, "exclude") == 0) return set_words(m->exclude, sizeof m->exclude, where, key, value);
        return dm_params_set(match_table, N_MATCH, m, where, key, value);
    }
    if (strcmp(section, "series") == 0) return set_series(&r->p->series, where, key, value);
    if (strcmp(section, "roles") == 0) return set_role(r->p, where, key, value);
    int i = stage_index(section);
    if (i < 0)
        return dm_fail(DM_FATAL, "config",
                       "%s: unknown section [%.40s]; allowed are protocol, match, series, roles and the stages",
                       where, section);
    return dm_params_set(dm_stages[i]->params, dm_stages[i]->n_params, r->p->params[i], where, key, value);
}

static void digest_table(FILE *f, const char *section, const dm_param *table, int count, const void *params) {
    for (int i = 0; i < count; i++) {
        const char *at = (const char *)params + table[i].offset;
        double value = 0;
        int whole = 0;
        if (table[i].type == DM_FLOAT)
            memcpy(&value, at, sizeof value);
        else
            memcpy(&whole, at, sizeof whole), value = whole;
        if (isnan(value))
            fprintf(f, "%s.%s=\n", section, table[i].name);
        else
            fprintf(f, "%s.%s=%.17g\n", section, table[i].name, value);
    }
}

static dm_status digest(dm_protocol *p) {
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);
    if (!f) return dm_fail(DM_FATAL, "out_of_memory", "no memory for the digest of a protocol");
    kind k = {(int)p->modality, (int)p->contrast};
    fprintf(f, "name=%s\ndescription=%s\nexclude=%s\n", p->name, p->match.description, p->match.exclude);
    digest_table(f, "protocol", kind_table, N_KIND, &k);
    digest_table(f, "match", match_table, N_MATCH, &p->match);
    digest_table(f, "series", series_table, N_SERIES, &p->series);
    fprintf(f, "series.kernel=%s\nseries.prefer=%s\n", p->series.kernel, p->series.prefer);
    for (int i = 0; i < DM_ROLES; i++) fprintf(f, "roles.%s=%s\n", dm_role_names[i], p->role_words[i]);
    for (int i = 0; i < dm_stage_count; i++)
        digest_table(f, dm_stages[i]->name, dm_stages[i]->params, dm_stages[i]->n_params, p->params[i]);
    int wrong = fclose(f) != 0;
    if (!wrong) dm_digest(text, n, p->digest);
    free(text);
    return wrong ? dm_fail(DM_FATAL, "out_of_memory", "no memory for the digest of a protocol") : dm_ok;
}

/* One more protocol; `text` NULL = read the file `path`. */
static dm_status add(dm_protocols *all, const char *path, const char *text) {
    dm_protocol *grown = realloc(all->p, (size_t)(all->n + 1) * sizeof *grown);
    if (!grown) return dm_fail(DM_FATAL, "out_of_memory", "no memory for the protocols");
    all->p = grown;
    const char *slash = strrchr(path, '/');
    char name[40];
    snprintf(name, sizeof name, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot) *dot = 0;
    reading r = {.p = &all->p[all->n++]};
    DM_TRY(preset(r.p, name));
    DM_TRY(text ? dm_config_text(path, text, visit, &r) : dm_config_file(path, visit, &r));
    if (!r.seen_modality || !r.seen_contrast)
        return dm_fail(DM_FATAL, "config", "%s: [protocol] must say modality and contrast", path);
    return digest(r.p);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const dm_protocol *)a)->name, ((const dm_protocol *)b)->name);
}

static dm_status finish(dm_protocols *all) {
    if (all->n) qsort(all->p, (size_t)all->n, sizeof *all->p, by_name);
    char *text = calloc((size_t)all->n + 1, 65);
    if (!text) return dm_fail(DM_FATAL, "out_of_memory", "no memory for the protocols");
    for (int i = 0; i < all->n; i++) memcpy(text + (size_t)i * 64, all->p[i].digest, 64);
    dm_digest(text, (size_t)all->n * 64, all->digest);
    free(text);
    return dm_ok;
}

static int is_ini(const char *name) {
    size_t n = strlen(name);
    return n > 4 && name[0] != '.' && strcmp(name + n - 4, ".ini") == 0;
}

static dm_status add_folder(dm_protocols *all, const char *path) {
    DIR *d = opendir(path);
    if (!d) return dm_fail(DM_FATAL, "config", "%s: %s", path, strerror(errno));
    dm_status status = dm_ok;
    for (struct dirent *e; dm_good(status) && (e = readdir(d));) {
        char file[4096];
        if (!is_ini(e->d_name)) continue;
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        status = add(all, file, NULL);
    }
    closedir(d);
    if (dm_good(status) && !all->n) status = dm_fail(DM_FATAL, "config", "%s: holds no .ini file", path);
    return status;
}

static dm_status load(const char *path, dm_protocols *all) {
    struct stat st;
    if (!path) {
        for (int i = 0; i < dm_protocol_count; i++) DM_TRY(add(all, dm_protocol_files[i].name, dm_protocol_files[i].text));
    } else {
        if (stat(path, &st) != 0) return dm_fail(DM_FATAL, "config", "%s: %s", path, strerror(errno));
        DM_TRY(S_ISDIR(st.st_mode) ? add_folder(all, path) : add(all, path, NULL));
    }
    return finish(all);
}

dm_status dm_protocols_load(const char *path, dm_protocols *out) {
    *out = (dm_protocols){0};
    dm_status status = load(path, out);
    if (!dm_good(status)) dm_protocols_clear(out);
    return status;
}

void dm_protocols_clear(dm_protocols *protocols) {
    for (int i = 0; i < protocols->n; i++)
        for (int k = 0; k < DM_MAX_STAGES; k++) free(protocols->p[i].params[k]);
    free(protocols->p);
    *protocols = (dm_protocols){0};
}

static void write_table(FILE *out, const char *section, const dm_param *table, int count) {
    fprintf(out, "\n[%s]\n", section);
    for (int i = 0; i < count; i++) {
        const dm_param *p = &table[i];
        fprintf(out, "# %s\n", p->help);
        if (p->type == DM_CHOICE) {
            const char *at = p->choices;
            for (int k = 0; k < (int)p->preset; k++) at = strchr(at, '|') + 1;
            fprintf(out, "# one of %s\n%s = %.*s\n", p->choices, p->name, (int)strcspn(at, "|"), at);
        } else {
            fprintf(out, "# %s, %.10g to %.10g\n", p->unit, p->low, p->high);
            if (isnan(p->preset))
                fprintf(out, "# %s =\n", p->name);
            else
                fprintf(out, "%s = %.10g\n", p->name, p->preset);
        }
    }
}

void dm_protocol_write_reference(FILE *out) {
    fputs("# Every section and key of a protocol file with its default, unit and range.\n"
          "# Written by `duramap check --reference`; a protocol file holds only what differs.\n",
          out);
    write_table(out, "protocol", kind_table, N_KIND);
    fputs("\n# Which series the protocol takes: every rule that is given must hold.\n", out);
    write_table(out, "match", match_table, N_MATCH);
    fputs("# Words separated by '|', any case: one of them in SeriesDescription, ProtocolName or StudyDescription.\n"
          "# description =\n# None of these words.\n# exclude =\n",
          out);
    fputs("\n# Which of the series that match is measured: the most of the spine (by a fifth), original before derived, the\n"
          "# thinnest, the preferred kernel, the preferred description.\n",
          out);
    write_table(out, "series", series_table, N_SERIES);
    fputs("# Words separated by '|', any case, looked for in the reconstruction kernel.\n# kernel =\n"
          "# The same, looked for in the descriptions; breaks ties only.\n# prefer =\n"
          "\n# Words in the descriptions that say what a pass is; decubitus positions say left and right by themselves.\n[roles]\n",
          out);
    for (int i = 0; i < DM_ROLES; i++) fprintf(out, "%s = %s\n", dm_role_names[i], role_presets[i]);
    for (int i = 0; i < dm_stage_count; i++)
        write_table(out, dm_stages[i]->name, dm_stages[i]->params, dm_stages[i]->n_params);
}
