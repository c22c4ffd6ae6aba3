#include "compare.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "comparison.h"
#include "record.h"

enum { PATH = 4096 };

static dm_status join_path(char out[PATH], const char *folder, const char *name) {
    if ((size_t)snprintf(out, PATH, "%s/%s", folder, name) < PATH) return dm_ok;
    return dm_fail(DM_FATAL, "output", "the path of a file is longer than %d characters", PATH - 1);
}

/* ---- what is read ---- */

typedef struct inputs {
    dm_csv_table reference, mapping;
    dm_key key;
    dm_names names;
} inputs;

static void say_remark(FILE *log, const dm_csv_table *t) {
    if (log && *t->remark) fprintf(log, "%s:1: %s\n", t->name, t->remark);
}

/* The key makes raw IDs comparable; a copy of OUT that was given away has none, and pseudonyms still match.
 */
static dm_status open_key(const dm_compare_options *o, inputs *in) {
    char path[PATH];
    DM_TRY(join_path(path, o->out, "private/key"));
    const char *from = o->key ? o->key : path;
    if (access(from, F_OK) != 0) {
        if (!o->key) return dm_ok;
        return dm_fail(DM_FATAL, "key", "%s: no such key; give the one that the run was made with", from);
    }
    DM_TRY(dm_key_open(from, &in->key));
    in->names.key = &in->key;
    return dm_ok;
}

static dm_status open_mapping(const dm_compare_options *o, inputs *in) {
    char path[PATH];
    DM_TRY(join_path(path, o->out, "private/mapping.csv"));
    if (access(path, R_OK) != 0) return dm_ok;
    DM_TRY(dm_csv_table_read(path, &in->mapping));
    in->names.mapping = &in->mapping;
    return dm_ok;
}

static dm_status read_all(const dm_compare_options *o, FILE *log, inputs *in, dm_comparison *c) {
    dm_sheet *unmatched = &c->sheet[DM_UNMATCHED];
    DM_TRY(dm_csv_table_read(o->reference, &in->reference));
    say_remark(log, &in->reference);
    DM_TRY(dm_material_read(o->out, &c->m));
    DM_TRY(open_key(o, in));
    DM_TRY(open_mapping(o, in));
    DM_TRY(dm_reference_join(&in->reference, &in->names, &c->m, unmatched));
    if (o->clinical)
        DM_TRY(dm_clinical_read(o->clinical, &in->names, &c->m, o->sheath_cut_mm, unmatched, &c->clinical));
    say_remark(log, &c->clinical.table);
    if (o->treatments)
        DM_TRY(dm_treatments_read(o->treatments, &in->names, &c->m, unmatched, &c->treatments));
    say_remark(log, &c->treatments.table);
    return dm_ok;
}

/* ---- what is counted ---- */

static void count(dm_sheet *s, const char *what, int n) {
    cJSON *row = dm_sheet_row(s);
    dm_put(row, "what", what);
    dm_put_number(row, "n", n);
}

static int count_kind(const dm_sheet *unmatched, const char *kind) {
    const cJSON *row;
    int n = 0;
    cJSON_ArrayForEach(row, unmatched->rows) {
        const char *is = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "kind"));
        n += is && !strcmp(is, kind);
    }
    return n;
}

static void count_participants(dm_comparison *c, const dm_csv_table *reference, FILE *log) {
    static const char *const kinds[] = {
        "row_without_study", "study_without_reference", "contradiction",   "outranked",
        "position_unused",   "treatment_unused",        "clinical_unused", "order_unknown"};
    dm_sheet *s = &c->sheet[DM_PARTICIPANTS];
    int failed = 0, usable = 0;
    for (int i = 0; i < c->m.n_exams; i++) {
        failed += c->m.exam[i].said == DM_SAID_NOTHING;
        usable += c->outcome[i].usable;
    }
    count(s, "patients", c->m.n_patients);
    count(s, "studies", c->m.n_exams);
    count(s, "studies_failed", failed);
    count(s, "studies_with_reference", usable);
    count(s, "protocols", c->m.n_protocols);
    count(s, "reference_rows", reference->n_rows);
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char what[64];
        int n = count_kind(&c->sheet[DM_UNMATCHED], kinds[i]);
        snprintf(what, sizeof what, "unmatched_%s", kinds[i]);
        count(s, what, n);
        if (n && log) fprintf(log, "%s: %d (listed in unmatched.csv)\n", kinds[i], n);
    }
}

/* ---- what is written ---- */

enum { MOST_FILES = 2 * DM_COMPARE_TABLES + 3 };

typedef struct product {
    char name[40];
    char *text; /* owned */
    size_t size;
} product;

static dm_status add_text(product *p, int *n, const char *name, char *text) {
    if (!text) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %s", name);
    snprintf(p[*n].name, sizeof p[*n].name, "%s", name);
    p[*n].size = strlen(text);
    p[(*n)++].text = text;
    return dm_ok;
}

static dm_status make_products(const dm_compare_options *o, const dm_comparison *c, const inputs *in,
                               product *p, int *n) {
    char name[60], digest[65], provenance[600];
    for (int i = 0; i < DM_COMPARE_TABLES; i++) {
        size_t size;
        DM_TRY(dm_sheet_text(&c->sheet[i], &p[*n].text, &size));
        snprintf(p[*n].name, sizeof p[*n].name, "%s.csv", dm_compare_schema[i].name);
        p[(*n)++].size = size;
        snprintf(name, sizeof name, "%s.json", dm_compare_schema[i].name);
        DM_TRY(add_text(p, n, name, dm_table_sidecar(&dm_compare_schema[i])));
    }
    DM_TRY(dm_digest_file(in->reference.name, digest));
    snprintf(provenance, sizeof provenance,
             "duramap %s; bootstrap of patients with %d draws, seed %llu; reference SHA-256 `%.16s`",
             o->version, o->draws, (unsigned long long)o->seed, digest);
    DM_TRY(add_text(p, n, "froc.svg", dm_froc_figure(c)));
    DM_TRY(add_text(p, n, "sensitivity.svg", dm_sensitivity_figure(c)));
    return add_text(p, n, "summary.md", dm_summary(c, provenance));
}

/* Removes what is left of an attempt that failed. */
static void remove_fresh(const char *fresh, const product *p, int n) {
    char path[PATH];
    for (int i = 0; i < n; i++)
        if (dm_good(join_path(path, fresh, p[i].name))) (void)unlink(path);
    (void)rmdir(fresh);
}

/* A folder in a file's way is found before the first file is renamed. */
static dm_status check_ways(const char *to, const product *p, int n) {
    char into[PATH];
    struct stat st;
    for (int i = 0; i < n; i++) {
        DM_TRY(join_path(into, to, p[i].name));
        if (stat(into, &st) == 0 && S_ISDIR(st.st_mode))
            return dm_fail(DM_FATAL, "output",
                           "%.300s: a folder has this name; move it away or choose another --to", into);
    }
    return dm_ok;
}

static dm_status publish(const char *to, const product *p, int n) {
    char fresh[PATH], from[PATH], into[PATH];
    dm_status status = dm_ok;
    DM_TRY(join_path(fresh, to, ".new"));
    DM_TRY(dm_folder_make(to, 0755));
    DM_TRY(check_ways(to, p, n));
    DM_TRY(dm_folder_make(fresh, 0755));
    for (int i = 0; i < n && dm_good(status); i++) {
        status = join_path(from, fresh, p[i].name);
        if (dm_good(status)) status = dm_file_replace(from, p[i].text, p[i].size, 0644);
    }
    for (int i = 0; i < n && dm_good(status); i++) {
        status = dm_worse(join_path(from, fresh, p[i].name), join_path(into, to, p[i].name));
        if (dm_good(status) && rename(from, into) != 0)
            status = dm_fail(DM_FATAL, "output", "%.300s: cannot put it in place: %s; choose another --to",
                             into, strerror(errno));
    }
    remove_fresh(fresh, p, n);
    return status;
}

static dm_status write_all(const dm_compare_options *o, const dm_comparison *c, const inputs *in) {
    product p[MOST_FILES] = {0};
    char folder[PATH];
    int n = 0;
    DM_TRY(join_path(folder, o->out, "compare"));
    dm_status status = make_products(o, c, in, p, &n);
    if (dm_good(status)) status = publish(o->to ? o->to : folder, p, n);
    for (int i = 0; i < MOST_FILES; i++) free(p[i].text);
    return status;
}

static dm_status fill_all(dm_comparison *c) {
    DM_TRY(dm_comparison_prepare(c));
    DM_TRY(dm_fill_protocols(c));
    DM_TRY(dm_fill_pairs(c));
    DM_TRY(dm_fill_froc(c));
    return dm_fill_rounds(c);
}

dm_status dm_compare(const dm_compare_options *o, FILE *log, int *studies) {
    dm_comparison c = {.plan = {o->seed, o->draws}};
    inputs in = {0};
    for (int i = 0; i < DM_COMPARE_TABLES; i++) dm_sheet_start(&c.sheet[i], &dm_compare_schema[i]);
    dm_status status = read_all(o, log, &in, &c);
    if (dm_good(status)) status = fill_all(&c);
    if (dm_good(status)) count_participants(&c, &in.reference, log);
    if (dm_good(status)) status = write_all(o, &c, &in);
    *studies = c.m.n_exams;
    dm_comparison_free(&c);
    dm_csv_table_free(&in.reference);
    dm_csv_table_free(&in.mapping);
    return status;
}
