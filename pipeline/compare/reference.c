#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "level_place.h"
#include "match.h"

static const char *const sources[] = {"surgery", "later_myelogram",   "consensus",
                                      "phantom", "synthetic_painted", "unstated"}; /* by rank */
enum { SOURCES = sizeof sources / sizeof *sources, MOST_LESIONS_PER_STUDY = 64 };

/* One row of reference.csv and the studies it holds for. */
typedef struct truth_row {
    int row, source, class_, side, place, slec, has_position, names_study;
    double p[3], level_mm, days;
    int *exam, n_exams;
} truth_row;

typedef struct archive {
    const char *base; /* the file's name without its folder */
    int row;          /* of mapping.csv */
} archive;

typedef struct join {
    const dm_csv_table *t;
    const dm_names *names;
    dm_material *m;
    dm_sheet *unmatched;
    int *by_patient, *first; /* exams in the order of patients; first[p] .. first[p + 1] are patient p's */
    archive *archive;        /* sorted by name */
    int n_archives;
} join;

void dm_unmatched(dm_sheet *u, const char *file, int line, const char *study_id, const char *patient_id,
                  const char *kind, const char *reason) {
    cJSON *row = dm_sheet_row(u);
    dm_put(row, "file", file);
    if (line) dm_put_number(row, "line", line);
    dm_put(row, "study_id", study_id);
    dm_put(row, "patient_id", patient_id);
    dm_put(row, "kind", kind);
    dm_put(row, "reason", reason);
}

static void left_out(const join *j, const truth_row *r, const char *kind, const char *reason) {
    const dm_examination *e = r->n_exams == 1 ? &j->m->exam[r->exam[0]] : NULL;
    dm_unmatched(j->unmatched, "reference.csv", j->t->line[r->row + 1], e ? e->study_id : "",
                 r->n_exams ? j->m->patient[j->m->exam[r->exam[0]].patient] : "", kind, reason);
}

int dm_names_patient(const dm_names *names, const dm_material *m, const char *text) {
    char id[17];
    int at = dm_patient_find(m, text);
    if (at >= 0 || !names->key || !*text) return at;
    dm_pseudonym(names->key, "patient", text, id);
    return dm_patient_find(m, id);
}

static int study_of(const join *j, const char *text) {
    char id[17];
    int at = dm_examination_find(j->m, text);
    if (at >= 0 || !j->names->key) return at;
    dm_pseudonym(j->names->key, "study", text, id);
    return dm_examination_find(j->m, id);
}

/* ---- one row's cells ---- */

static const char *cell(const join *j, int row, const char *column) {
    return dm_csv_text(j->t, row, column);
}

/* Rank of a source, "later myelogram" as good as "later_myelogram"; an empty cell is unstated. SOURCES:
 * unknown. */
static int source_of(const char *text) {
    int rank = 0;
    for (; rank < SOURCES; rank++) {
        const char *a = sources[rank], *b = *text ? text : "unstated";
        while (*b && (*a == *b || (*a == '_' && *b == ' '))) a++, b++;
        if (!*a && !*b) break;
    }
    return rank;
}

static dm_status read_words(const join *j, int row, truth_row *r) {
    const char *class_ = cell(j, row, "class"), *side = cell(j, row, "side"), *level = cell(j, row, "level");
    const char *source = cell(j, row, "source");
    r->class_ = *class_ ? dm_leak_class_of(class_) : DM_LEAK_INDETERMINATE;
    r->side = dm_way_of(side);
    r->place = dm_place_parse(level);
    r->source = source_of(source);
    if (r->class_ < 0)
        return dm_csv_fail(
            j->t, row,
            "class '%.20s' is unknown; classes are none (proven negative), ventral_tear, lateral_tear, "
            "dorsal_tear, diverticulum_leak, csf_venous_fistula, sacral, indeterminate",
            class_);
    if (r->side < 0)
        return dm_csv_fail(j->t, row,
                           "side '%.12s' is unknown; sides are ventral, dorsal, left, right (the patient's)",
                           side);
    if (*level && !r->place)
        return dm_csv_fail(
            j->t, row,
            "level '%.12s' is unknown; write a disc as T7-8 or C7-T1, a root as T10, from C1 to S5", level);
    if (r->source == SOURCES)
        return dm_csv_fail(j->t, row,
                           "source '%.20s' is unknown; sources are surgery, later_myelogram, consensus, "
                           "phantom, synthetic_painted",
                           source);
    return dm_ok;
}

static dm_status read_numbers(const join *j, int row, truth_row *r) {
    static const char *const axes[] = {"x_mm", "y_mm", "z_mm"};
    double slec;
    int given = 0;
    for (int k = 0; k < 3; k++) {
        DM_TRY(dm_csv_number(j->t, row, axes[k], -5000, 5000, &r->p[k]));
        given += !isnan(r->p[k]);
    }
    DM_TRY(dm_csv_number(j->t, row, "level_mm", -100, 100, &r->level_mm));
    DM_TRY(dm_csv_number(j->t, row, "days", -36500, 36500, &r->days));
    DM_TRY(dm_csv_number(j->t, row, "slec", 0, 1, &slec));
    r->slec = isnan(slec) ? -1 : slec > 0;
    r->has_position = given == 3;
    if (given && given < 3)
        return dm_csv_fail(j->t, row, "x_mm, y_mm and z_mm stand together; give all three or none");
    if (!isnan(r->level_mm) && !r->place)
        return dm_csv_fail(j->t, row, "level_mm is counted from a level; give the level too");
    return dm_ok;
}

static dm_status read_row(const join *j, int row, truth_row *r) {
    *r = (truth_row){.row = row};
    DM_TRY(read_words(j, row, r));
    DM_TRY(read_numbers(j, row, r));
    int site = r->place || r->side || r->has_position;
    if (r->class_ == DM_LEAK_NONE && site)
        return dm_csv_fail(
            j->t, row,
            "a proven negative (none) has no level, side or position; empty them or name the class");
    if (!*cell(j, row, "class") && !site)
        return dm_csv_fail(j->t, row,
                           "neither class nor site; write none for a proven negative, indeterminate for a "
                           "leak of unknown kind");
    r->names_study = *cell(j, row, "study_id") || *cell(j, row, "archive");
    if (!r->names_study && !*cell(j, row, "patient_id"))
        return dm_csv_fail(j->t, row,
                           "names neither a patient nor a study; fill patient_id, study_id or archive");
    return dm_ok;
}

/* ---- which studies a row speaks of ---- */

static int by_patient_then_study(const void *a, const void *b) {
    const int *x = a, *y = b; /* {patient, exam} */
    return x[0] != y[0] ? x[0] - y[0] : x[1] - y[1];
}

static dm_status index_patients(join *j) {
    int n = j->m->n_exams, *pairs = calloc((size_t)n * 2 + 2, sizeof *pairs);
    j->by_patient = calloc((size_t)n + 1, sizeof *j->by_patient);
    j->first = calloc((size_t)j->m->n_patients + 2, sizeof *j->first);
    if (pairs && j->by_patient && j->first) {
        for (int i = 0; i < n; i++) pairs[2 * i] = j->m->exam[i].patient, pairs[2 * i + 1] = i;
        qsort(pairs, (size_t)n, 2 * sizeof *pairs, by_patient_then_study);
        for (int i = 0; i < n; i++) {
            j->by_patient[i] = pairs[2 * i + 1];
            j->first[pairs[2 * i] + 1] = i + 1;
        }
    }
    int good = pairs && j->by_patient && j->first;
    free(pairs);
    return good ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for %d studies", n);
}

static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static int by_base(const void *a, const void *b) {
    const archive *x = a, *y = b;
    int d = strcmp(x->base, y->base);
    return d ? d : x->row - y->row;
}

/* Index of the first archive of this name; n_archives when there is none. */
static int first_archive(const join *j, const char *base) {
    int low = 0, high = j->n_archives;
    while (low < high) {
        int middle = (low + high) / 2;
        if (strcmp(j->archive[middle].base, base) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const char *mapped(const join *j, int row, const char *column) {
    return dm_csv_text(j->names->mapping, row, column);
}

static dm_status index_archives(join *j) {
    const dm_csv_table *map = j->names->mapping;
    if (!map) return dm_ok;
    DM_TRY(dm_csv_check_header(map, "study_id|archive", NULL));
    j->archive = calloc((size_t)map->n_rows + 1, sizeof *j->archive);
    if (!j->archive) return dm_fail(DM_FATAL, "out_of_memory", "no memory for %d archives", map->n_rows);
    j->n_archives = map->n_rows;
    for (int i = 0; i < map->n_rows; i++) j->archive[i] = (archive){base_name(mapped(j, i, "archive")), i};
    qsort(j->archive, (size_t)map->n_rows, sizeof *j->archive, by_base);
    return dm_ok;
}

/* 1 when one path ends with the other, from a folder's beginning on: a table may name less of it, or more. */
static int same_path(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b);
    const char *longer = na > nb ? a : b, *shorter = na > nb ? b : a;
    size_t over = na > nb ? na - nb : nb - na;
    return !strcmp(longer + over, shorter) && (over == 0 || longer[over - 1] == '/');
}

static dm_status keep_exam(truth_row *r, int exam) {
    int *more = exam < 0 ? r->exam : realloc(r->exam, ((size_t)r->n_exams + 1) * sizeof *more);
    if (exam < 0) return dm_ok;
    if (!more) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a row of the reference");
    r->exam = more;
    r->exam[r->n_exams++] = exam;
    return dm_ok;
}

/* The studies of an archive; *why says what stands against it. */
static dm_status keep_archive(const join *j, const char *name, truth_row *r, const char **why) {
    const char *base = base_name(name), *seen = NULL;
    for (int i = first_archive(j, base); i < j->n_archives && !strcmp(j->archive[i].base, base); i++) {
        const char *path = mapped(j, j->archive[i].row, "archive");
        if (!same_path(path, name)) continue;
        if (seen && strcmp(path, seen) != 0) {
            *why = "several archives have this name; write it with its folder";
            r->n_exams = 0;
            return dm_ok;
        }
        seen = path;
        DM_TRY(keep_exam(r, dm_examination_find(j->m, mapped(j, j->archive[i].row, "study_id"))));
    }
    if (!j->names->mapping) *why = "archive names are matched by OUT/private/mapping.csv, which is not there";
    return dm_ok;
}

/* A row that names a study and a patient must name that study's patient. */
static int another_patients(const join *j, const truth_row *r) {
    const char *name = cell(j, r->row, "patient_id");
    int patient = dm_names_patient(j->names, j->m, name);
    if (!*name || (patient < 0 && !j->names->key)) return 0; /* a raw ID without the key cannot be checked */
    for (int i = 0; i < r->n_exams; i++)
        if (j->m->exam[r->exam[i]].patient != patient) return 1;
    return 0;
}

static dm_status find_exams(const join *j, truth_row *r, const char **why) {
    const char *study = cell(j, r->row, "study_id"), *name = cell(j, r->row, "archive");
    if (*study) return keep_exam(r, study_of(j, study));
    if (*name) return keep_archive(j, name, r, why);
    int patient = dm_names_patient(j->names, j->m, cell(j, r->row, "patient_id"));
    for (int i = patient < 0 ? 0 : j->first[patient]; patient >= 0 && i < j->first[patient + 1]; i++)
        DM_TRY(keep_exam(r, j->by_patient[i]));
    return dm_ok;
}

static dm_status resolve(const join *j, truth_row *r) {
    const char *why =
        j->names->key
            ? "no study or patient of this name in OUT"
            : "no pseudonym of this name in OUT, and no key to make one of a raw ID; give it with --key";
    DM_TRY(find_exams(j, r, &why));
    if (!r->n_exams) {
        left_out(j, r, "row_without_study", why);
    } else if (another_patients(j, r)) {
        left_out(j, r, "contradiction", "the study named is another patient's");
        r->n_exams = 0;
    }
    return dm_ok;
}

/* ---- what the rows say together ---- */

/* What the rows of one study say. */
typedef struct verdict {
    int none, leaks, best_source;
} verdict;

static void weigh(const join *j, const truth_row *r, int n, verdict *v) {
    for (int i = 0; i < j->m->n_exams; i++) v[i].best_source = SOURCES;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < r[i].n_exams; k++) {
            verdict *at = &v[r[i].exam[k]];
            at->none += r[i].class_ == DM_LEAK_NONE;
            at->leaks += r[i].class_ != DM_LEAK_NONE;
            if (r[i].source < at->best_source) at->best_source = r[i].source;
        }
}

static void settle(const join *j, const verdict *v) {
    for (int i = 0; i < j->m->n_exams; i++) {
        dm_examination *e = &j->m->exam[i];
        const char *patient = j->m->patient[e->patient];
        e->truth_source = v[i].best_source < SOURCES ? sources[v[i].best_source] : "";
        e->truth = v[i].none && v[i].leaks ? DM_TRUTH_CONTRADICTED
                   : v[i].leaks            ? DM_TRUTH_LEAK
                   : v[i].none             ? DM_TRUTH_NEGATIVE
                                           : DM_TRUTH_UNKNOWN;
        if (e->truth == DM_TRUTH_CONTRADICTED)
            dm_unmatched(j->unmatched, "reference.csv", 0, e->study_id, patient, "contradiction",
                         "none and a leak for the same study: it is set aside; mend the reference");
        if (e->truth == DM_TRUTH_UNKNOWN)
            dm_unmatched(j->unmatched, "studies.csv", 0, e->study_id, patient, "study_without_reference",
                         "no row of the reference speaks of it: it is in no count of right and wrong");
    }
}

/* s of the reference's position on this study's canal; NaN when there is none. */
static double position_of(const truth_row *r, const dm_examination *e, const dm_lesion *l) {
    if (r->has_position) return dm_canal_s(e->rung, e->n_rungs, r->p);
    return (l->s_from + l->s_to) / 2 + r->level_mm; /* NaN when either is missing */
}

static dm_status add_lesion(const join *j, const truth_row *r, dm_examination *e) {
    if (e->n_lesions == MOST_LESIONS_PER_STUDY)
        return dm_csv_fail(j->t, r->row,
                           "more than %d leaks of one study; is the column of studies filled in rightly?",
                           MOST_LESIONS_PER_STUDY);
    dm_lesion *more = realloc(e->lesion, ((size_t)e->n_lesions + 1) * sizeof *more);
    if (!more) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a leak");
    e->lesion = more;
    dm_lesion *l = &e->lesion[e->n_lesions++];
    *l = (dm_lesion){r->class_, r->side, r->place, NAN, NAN, NAN};
    dm_place_interval(e->rung, e->n_rungs, r->place, &l->s_from, &l->s_to);
    l->s = position_of(r, e, l);
    return dm_ok;
}

static dm_status apply_row(const join *j, truth_row *r, const verdict *v) {
    if (r->has_position && !r->names_study && r->n_exams > 1) {
        left_out(
            j, r, "position_unused",
            "coordinates belong to one scan and the patient has several; name the study, or use level_mm");
        r->has_position = 0;
    }
    for (int k = 0; k < r->n_exams; k++) {
        dm_examination *e = &j->m->exam[r->exam[k]];
        if (e->truth == DM_TRUTH_CONTRADICTED) continue;
        if (r->source > v[r->exam[k]].best_source) {
            left_out(j, r, "outranked", "a source of higher rank speaks of the same study");
            continue;
        }
        e->truth_days = r->days;
        if (r->slec >= 0) e->truth_slec = r->slec;
        if (r->class_ == DM_LEAK_NONE) continue;
        DM_TRY(add_lesion(j, r, e));
        if (r->has_position && isnan(e->lesion[e->n_lesions - 1].s))
            left_out(j, r, "position_unused",
                     "the position is far from the canal that the study shows: of another scan? compared by "
                     "its level");
    }
    return dm_ok;
}

static dm_status join_rows(join *j, truth_row *r, verdict *v) {
    int n = j->t->n_rows;
    for (int i = 0; i < n; i++) DM_TRY(read_row(j, i, &r[i]));
    for (int i = 0; i < n; i++) DM_TRY(resolve(j, &r[i]));
    weigh(j, r, n, v);
    settle(j, v);
    for (int i = 0; i < n; i++) DM_TRY(apply_row(j, &r[i], v));
    return dm_ok;
}

dm_status dm_reference_join(const dm_csv_table *reference, const dm_names *names, dm_material *m,
                            dm_sheet *unmatched) {
    join j = {.t = reference, .names = names, .m = m, .unmatched = unmatched};
    truth_row *rows = calloc((size_t)reference->n_rows + 1, sizeof *rows);
    verdict *v = calloc((size_t)m->n_exams + 1, sizeof *v);
    dm_status status = rows && v ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for the reference");
    if (dm_good(status))
        status = dm_csv_check_header(reference, "source|class|level|side",
                                     "patient_id|study_id|archive|x_mm|y_mm|z_mm|level_mm|days|slec");
    if (dm_good(status) && !reference->n_rows)
        status = dm_fail(DM_FATAL, "bad_csv", "%s:1: there is no row under the header; fill in what is known",
                         reference->name);
    if (dm_good(status)) status = dm_csv_check_unique(reference, NULL);
    if (dm_good(status)) status = index_patients(&j);
    if (dm_good(status)) status = index_archives(&j);
    if (dm_good(status)) status = join_rows(&j, rows, v);
    for (int i = 0; rows && i < reference->n_rows; i++) free(rows[i].exam);
    free(rows);
    free(v);
    free(j.by_patient);
    free(j.first);
    free(j.archive);
    return status;
}
