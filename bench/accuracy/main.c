/* accuracy OUT truth.json [--csv FILE] [--each] [--groups] [--worst N]
 * OUT is the folder of `duramap run [--labels]`; studies are matched by the archive's name in
 * OUT/private/mapping.csv.
 * --each adds a line per study, --groups repeats the figures by modality, protocol, field of view, contrast,
 * noise and kind (the CSV always has them), --worst names the N worst lines, misses and false marks with
 * their pictures.
 * accuracy RECORD.json --label LABELS.nii[.gz] N: the line of one record against label N of a real scan. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "accuracy.h"

enum { MAX_GROUPS = 96 };

typedef struct group {
    const char *name;
    char value[48];
    tally sum;
} group;

/* Something to look at: how bad, and what it is. */
typedef struct bad {
    double measure;
    char text[256];
} bad;

typedef struct bads {
    bad *v;
    int n, room;
} bads;

typedef struct bench {
    const char *out;
    int each, groups, worst, n_groups;
    group group[MAX_GROUPS];
    bads lines, misses, marks;
} bench;

static void note(bads *b, double measure, const char *text) {
    if (b->n == b->room) {
        b->room = b->room ? 2 * b->room : 64;
        bad *more = realloc(b->v, (size_t)b->room * sizeof *more);
        if (!more) abort();
        b->v = more;
    }
    b->v[b->n].measure = measure;
    snprintf(b->v[b->n++].text, sizeof b->v->text, "%s", text);
}

static int worse_first(const void *a, const void *b) {
    double x = ((const bad *)a)->measure, y = ((const bad *)b)->measure;
    return (x < y) - (x > y);
}

static void print_worst(const char *title, bads *b, int n) {
    printf("worst: %s\n", title);
    if (b->n) qsort(b->v, (size_t)b->n, sizeof *b->v, worse_first);
    for (int i = 0; i < b->n && i < n; i++) printf("  %8.2f  %s\n", b->v[i].measure, b->v[i].text);
}

static const char *contrast_band(const cJSON *truth) {
    double sac = number_of(truth, "sac_value");
    if (strcmp(text_of(truth, "modality"), "MR") == 0) return "fluid";
    return sac < 100 ? "none" : (sac < 500 ? "to 500 HU" : (sac < 900 ? "500 to 900 HU" : "900 HU on"));
}

static const char *noise_band(const cJSON *truth) {
    double noise = number_of(truth, "noise_sd"), sac = number_of(truth, "sac_value");
    if (strcmp(text_of(truth, "modality"), "MR") == 0)
        return sac / noise < 22 ? "fluid to noise below 22" : "fluid to noise 22 on";
    return noise < 20 ? "below 20 HU" : (noise < 35 ? "20 to 35 HU" : "35 HU on");
}

static void add_to_group(bench *b, const char *name, const char *value, const tally *t) {
    int i = 0;
    while (i < b->n_groups && (strcmp(b->group[i].name, name) != 0 || strcmp(b->group[i].value, value) != 0))
        i++;
    if (i == MAX_GROUPS) return;
    if (i == b->n_groups) {
        b->group[b->n_groups++].name = name;
        snprintf(b->group[i].value, sizeof b->group[i].value, "%s", value);
    }
    tally_add(&b->group[i].sum, t);
}

static void print_each(const pair *p, tally *t) {
    const cJSON *s = study_row(p->record),
                *leak = cJSON_GetArrayItem(cJSON_GetObjectItem(p->truth, "leaks"), 0);
    const int *c = t->count;
    printf("%-6s %-17s %-8s %-15s line %5.1f %5.1f  sac %.3f canal %.3f  levels %2d/%2d %-12s  %-10s found "
           "%d/%d (%.1f mm x "
           "%.2f)  marks %d  answer %s (%.2f) %s\n",
           text_of(p->truth, "case"), text_of(p->truth, "kind"), text_of(p->truth, "protocol"),
           text_of(p->truth, "field"), sample_quantile(&t->list[S_LINE_SURE], 0.5),
           sample_quantile(&t->list[S_LINE_SURE], 0.95), sample_quantile(&t->list[S_SAC_DICE], 0.5),
           sample_quantile(&t->list[S_CANAL_DICE], 0.5), c[N_RIGHT_ANCHORED] + c[N_RIGHT_UNANCHORED],
           c[N_NEAR_ANCHORED] + c[N_NEAR_UNANCHORED], text_of(s, "count_method"),
           leak ? text_of(leak, "level_disc") : "-", c[N_POOLS_FOUND] + c[N_VEINS_FOUND],
           c[N_POOLS] + c[N_VEINS], leak ? number_of(leak, "thickness_mm") : 0.0,
           leak ? number_of(leak, "ratio") : 0.0, c[N_MARKS_FALSE], text_of(s, "answer"),
           number_of(s, "score"), text_of(s, "qc"));
}

static void note_findings(bench *b, const pair *p, const char *where) {
    const cJSON *leak, *f;
    char text[256];
    double error;
    cJSON_ArrayForEach(leak, cJSON_GetObjectItem(p->truth, "leaks")) {
        int found = 0;
        cJSON_ArrayForEach(f, rows_of(p->record, "findings")) found |=
            finding_accepted(f) && leak_matches(p, leak, f, &error);
        if (found) continue;
        snprintf(text, sizeof text, "%s %s at %s, %.1f mm, ratio %.2f", where, text_of(leak, "class"),
                 text_of(leak, "level_disc"), number_of(leak, "thickness_mm"), number_of(leak, "ratio"));
        note(&b->misses, number_of(leak, "thickness_mm") * number_of(leak, "ratio"), text);
    }
    cJSON_ArrayForEach(f, rows_of(p->record, "findings")) {
        int hit = !finding_accepted(f);
        cJSON_ArrayForEach(leak, cJSON_GetObjectItem(p->truth, "leaks")) hit |=
            leak_matches(p, leak, f, &error);
        if (hit) continue;
        snprintf(text, sizeof text, "%s %s at %s, s %.0f", where, text_of(f, "class"),
                 text_of(f, "level_disc"), number_of(f, "s_mm"));
        note(&b->marks, number_of(f, "score"), text);
    }
}

static void note_worst(bench *b, const pair *p, const char *study, tally *t) {
    char where[192];
    snprintf(where, sizeof where, "%s %s %s/pictures/%s:", text_of(p->truth, "case"),
             text_of(p->truth, "kind"), b->out, study);
    if (t->list[S_LINE_SURE].n) note(&b->lines, sample_quantile(&t->list[S_LINE_SURE], 1.0), where);
    note_findings(b, p, where);
}

static void read_costs(const cJSON *record, tally *t) {
    const cJSON *run = cJSON_GetArrayItem(rows_of(record, "run"), 0);
    double seconds = number_of(run, "seconds"), peak = number_of(run, "peak_bytes");
    if (!isnan(seconds)) sample_keep(&t->list[S_SECONDS], seconds);
    if (!isnan(peak)) sample_keep(&t->list[S_PEAK], peak);
}

static void score_study(bench *b, const cJSON *truth, const cJSON *record, const char *study, tally *t) {
    pair p = {truth, record, line_of_truth(truth), line_of_record(record), ""};
    snprintf(p.labels, sizeof p.labels, "%s/labels/%s.nii.gz", b->out, study);
    t->count[N_RECORDS]++;
    score_line(&p, t);
    score_levels(&p, t);
    score_surfaces(&p, t);
    score_leaks(&p, t);
    score_signs(&p, t);
    score_diverticula(&p, t);
    score_answer(&p, t);
    read_costs(record, t);
    if (b->each) print_each(&p, t);
    if (b->worst) note_worst(b, &p, study, t);
    line_clear(&p.line);
    line_clear(&p.found);
}

static void one_case(bench *b, const cJSON *truth) {
    char study[FIELD];
    tally t = {0};
    cJSON *record = record_of_archive(b->out, text_of(truth, "archive"), study);
    t.count[N_TRUTH]++;
    if (record)
        score_study(b, truth, record, study, &t);
    else if (b->each)
        printf("%-6s %-17s no record\n", text_of(truth, "case"), text_of(truth, "kind"));
    cJSON_Delete(record);
    add_to_group(b, "all", "", &t);
    add_to_group(b, "modality", text_of(truth, "modality"), &t);
    add_to_group(b, "protocol", text_of(truth, "protocol"), &t);
    add_to_group(b, "field", text_of(truth, "field"), &t);
    add_to_group(b, "contrast", contrast_band(truth), &t);
    add_to_group(b, "noise", noise_band(truth), &t);
    add_to_group(b, "kind", text_of(truth, "kind"), &t);
    add_to_group(b, "origin", text_of(truth, "origin"), &t);
    tally_clear(&t);
}

static int by_name(const void *a, const void *b) {
    const group *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value, y->value);
}

static void report(bench *b, FILE *csv) {
    qsort(b->group, (size_t)b->n_groups, sizeof *b->group, by_name);
    if (csv) fputs("group,value,measure,figure,unit,n\n", csv);
    for (int i = 0; i < b->n_groups; i++) {
        int whole = strcmp(b->group[i].name, "all") == 0;
        report_group(b->group[i].name, b->group[i].value, &b->group[i].sum, whole,
                     whole || b->groups ? stdout : NULL, csv);
    }
    if (!b->worst) return;
    print_worst("centre line, mm where it is not marked", &b->lines, b->worst);
    print_worst("leaks missed, mm times ratio", &b->misses, b->worst);
    print_worst("false marks, score", &b->marks, b->worst);
}

static int usage(void) {
    fputs("usage: accuracy OUT truth.json [--csv FILE] [--each] [--groups] [--worst N]\n"
          "       accuracy RECORD.json --label LABELS.nii[.gz] N\n", stderr);
    return 1;
}

int main(int argc, char **argv) {
    const char *csv_path = NULL;
    if (argc == 5 && strcmp(argv[2], "--label") == 0) return line_against_label(argv[1], argv[3], atoi(argv[4]));
    if (argc < 3) return usage();
    bench *b = calloc(1, sizeof *b);
    if (!b) return 4;
    b->out = argv[1];
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--each") == 0)
            b->each = 1;
        else if (strcmp(argv[i], "--groups") == 0)
            b->groups = 1;
        else if (strcmp(argv[i], "--worst") == 0 && i + 1 < argc)
            b->worst = atoi(argv[++i]);
        else if (strcmp(argv[i], "--csv") == 0 && i + 1 < argc)
            csv_path = argv[++i];
        else {
            free(b);
            return usage();
        }
    }
    cJSON *truth = NULL;
    dm_status s = dm_json_read(argv[2], &truth);
    FILE *csv = csv_path ? fopen(csv_path, "w") : NULL;
    if (!dm_good(s) || (csv_path && !csv)) {
        fprintf(stderr, "%s\n", dm_good(s) ? "the CSV cannot be written" : s.text);
        cJSON_Delete(truth);
        free(b);
        return 4;
    }
    const cJSON *c;
    cJSON_ArrayForEach(c, cJSON_GetObjectItem(truth, "cases")) one_case(b, c);
    report(b, csv);
    if (csv) fclose(csv);
    for (int i = 0; i < b->n_groups; i++) tally_clear(&b->group[i].sum);
    free(b->lines.v);
    free(b->misses.v);
    free(b->marks.v);
    free(b);
    cJSON_Delete(truth);
    return 0;
}
