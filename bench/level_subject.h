/* Subjects for bench_levels: digital phantoms and real scans brought as far as the centre line, with the true
 * places of their vertebrae; phantoms may be kept in a folder so that the stage levels can be run again and
 * again. */
#ifndef DM_LEVEL_SUBJECT_H
#define DM_LEVEL_SUBJECT_H

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"
#include "ingest.h"
#include "level.h"
#include "phantom.h"
#include "stage_run.h"
#include "truth.h"

typedef struct place {
    int level;
    double s; /* of the middle of the vertebra on the study's line */
} place;

typedef struct subject {
    char name[80];
    dm_study *study;
    int n, last_thoracic;
    place truth[DM_MAX_VERTEBRAE];
} subject;

/* Vertebra `level` with its canal's centre at p; left out where the line does not pass. */
static inline void add_truth(subject *o, int level, const double p[3]) {
    double s, theta, r;
    if (level == DM_LEVEL_NONE || o->n >= DM_MAX_VERTEBRAE) return;
    if (dm_frame_from_lps(&o->study->spine, p, &s, &theta, &r) < 0 || r > 15) return;
    o->truth[o->n++] = (place){level, s};
    if (level >= DM_T1 && level <= DM_T13 && level > o->last_thoracic) o->last_thoracic = level;
}

static inline int true_line(const dm_anatomy *a, const dm_ph_scanner *sc, dm_study *st) {
    int from = a->n_nodes, to = -1;
    for (int i = 0; i < a->n_nodes - 1; i++) {
        double p[3];
        dm_ph_point_at(a, i, 0, 0, p);
        if (!dm_ph_in_view(sc, p)) continue;
        if (i < from) from = i;
        to = i;
    }
    if (to <= from || !dm_good(dm_spine_make(&st->spine, 2 * (to - from) + 1, 0.5))) return 0;
    for (int i = 0; i < st->spine.n; i++) {
        double p[3];
        dm_ph_point_at(a, from + 0.5 * i, 0, 0, p);
        dm_ph_to_patient(sc, p, st->spine.p[i]);
        st->spine.score[i] = 1, st->spine.unsure[i] = 0;
    }
    return dm_good(dm_frame_build(&st->spine));
}

/* The stages that make the line as levels gets it: moved to the middle of the surfaces, and doubted by them. */
enum { LINE_STAGES = 4 };

static inline int render(dm_gpu *gpu, const dm_anatomy *a, const dm_ph_scanner *sc, int found, dm_study *st) {
    const dm_scan *scan = &st->pass[0].scan;
    if (!bench_scan(gpu, a, sc, st)) return 0;
    if (found) return bench_run_first(gpu, LINE_STAGES, NULL, st);
    dm_volume *raw = &st->crop.raw;
    if (!dm_good(dm_volume_make(raw, scan->nx, scan->ny, scan->nz, &scan->to_lps))) return 0;
    for (size_t i = 0; i < dm_volume_count(raw); i++) raw->v[i] = (float)scan->v[i];
    return true_line(a, sc, st);
}

static inline int phantom_subject(dm_gpu *gpu, uint64_t seed, int number, dm_ph_protocol protocol, int found,
                                  subject *o) {
    dm_anatomy *a = calloc(1, sizeof *a);
    dm_ph_scanner *sc = calloc(1, sizeof *sc);
    int good = a && sc && dm_good(dm_anatomy_make(seed, number, dm_phantom_kinds[number % bench_kinds()], protocol, a));
    if (good) {
        dm_ph_make_scanner(a, 0, sc);
        good = render(gpu, a, sc, found, o->study);
    }
    for (int i = 0; good && i < a->n_verts && a->vert[i].level <= DM_S1; i++) {
        double p[3];
        dm_ph_point_at(a, 0.5 * (a->vert[i].body_top + a->vert[i].body_low), 0, 0, p);
        dm_ph_to_patient(sc, p, p);
        add_truth(o, a->vert[i].level, p);
    }
    if (good)
        snprintf(o->name, sizeof o->name, "%llu/%d %s %s T%d L%d", (unsigned long long)seed, number,
                 dm_ph_protocol_name(protocol), sc->field, a->n_thoracic, a->n_lumbar);
    if (a) dm_anatomy_clear(a);
    free(a), free(sc);
    return good;
}

static inline int read_truth(const char *path, subject *o) {
    char line[600];
    int column[4] = {-1, -1, -1, -1};
    static const char *const names[4] = {"level", "x_mm", "y_mm", "z_mm"};
    FILE *f = fopen(path, "r");
    if (!f) return 0;
    for (int row = 0; fgets(line, sizeof line, f); row++) {
        double p[3] = {NAN, NAN, NAN};
        int level = DM_LEVEL_NONE, at = 0;
        line[strcspn(line, "\r\n")] = 0;
        char *rest = line;
        for (char *word = strsep(&rest, ","); word; word = strsep(&rest, ","), at++)
            for (int k = 0; k < 4; k++) {
                if (row == 0 && strcmp(word, names[k]) == 0) column[k] = at;
                if (row == 0 || column[k] != at) continue;
                if (k == 0)
                    level = dm_level_parse(word);
                else
                    p[k - 1] = atof(word);
            }
        if (row > 0) add_truth(o, level, p);
    }
    fclose(f);
    return o->n > 0;
}

static inline int real_subject(dm_gpu *gpu, const char *path, const char *truth, subject *o) {
    dm_protocols protocols = {0};
    const dm_key key = {{0}};
    const dm_ingest_options reading = {
        .protocols = &protocols, .key = &key, .threads = 2, .hold = 2ull << 30};
    dm_ingested in = {0};
    int good = dm_good(dm_protocols_load(NULL, &protocols)) && dm_good(dm_ingest(path, &reading, &in)) &&
               dm_good(in.study[0].status);
    if (good) {
        *o->study = in.study[0].study;
        in.study[0].study = (dm_study){0};
        good = bench_run_first(gpu, LINE_STAGES, NULL, o->study) && read_truth(truth, o);
    }
    const char *slash = strrchr(path, '/');
    snprintf(o->name, sizeof o->name, "%s", slash ? slash + 1 : path);
    if (!good) fprintf(stderr, "bench_levels: %s or %s cannot be used\n", path, truth);
    dm_ingested_clear(&in);
    dm_protocols_clear(&protocols);
    return good;
}

/* ---- subjects kept in a folder ---- */

static inline int keep_block(FILE *f, int out, void *v, size_t size) {
    return (out ? fwrite(v, 1, size, f) : fread(v, 1, size, f)) == size;
}

static inline int keep_array(FILE *f, int out, void *array, size_t size) {
    void **v = array;
    if (!out) *v = malloc(size + 1);
    return size == 0 || (*v && keep_block(f, out, *v, size));
}

/* Writes a subject (out) or reads one: everything that the stage levels looks at. */
static inline int keep_subject(FILE *f, int out, subject *o) {
    dm_study *st = o->study;
    dm_volume *raw = &st->crop.raw;
    dm_grid *g = &st->crop.coarse;
    int head[9] = {(int)st->modality, (int)st->contrast, raw->nx, raw->ny,    raw->nz,
                   g->n[0],           g->n[1],           g->n[2], st->spine.n};
    int good =
        keep_block(f, out, head, sizeof head) && keep_block(f, out, &raw->to_lps, sizeof raw->to_lps) &&
        keep_block(f, out, g->origin, sizeof g->origin) && keep_block(f, out, &g->step, sizeof g->step) &&
        keep_block(f, out, &st->spine.ds, sizeof st->spine.ds) &&
        keep_block(f, out, o->name, sizeof o->name) && keep_block(f, out, &o->n, sizeof o->n) &&
        keep_block(f, out, &o->last_thoracic, sizeof o->last_thoracic) &&
        keep_block(f, out, o->truth, sizeof o->truth);
    if (!good) return 0;
    st->modality = (dm_modality)head[0], st->contrast = (dm_contrast)head[1];
    raw->nx = head[2], raw->ny = head[3], raw->nz = head[4];
    memcpy(g->n, head + 5, sizeof g->n);
    double ds = st->spine.ds;
    if (!out && !dm_good(dm_spine_make(&st->spine, head[8], ds))) return 0;
    good = keep_array(f, out, &raw->v, dm_volume_count(raw) * sizeof(float)) &&
           keep_array(f, out, &g->v, (size_t)g->n[0] * (size_t)g->n[1] * (size_t)g->n[2] * sizeof(float)) &&
           keep_block(f, out, st->spine.p, (size_t)st->spine.n * sizeof *st->spine.p) &&
           keep_block(f, out, st->spine.score, (size_t)st->spine.n * sizeof *st->spine.score) &&
           keep_block(f, out, st->spine.unsure, (size_t)st->spine.n);
    return good && (out || dm_good(dm_frame_build(&st->spine)));
}

/* As phantom_subject, from the folder `cache` when it is there, else kept in it; NULL = no folder. */
static inline int kept_subject(dm_gpu *gpu, uint64_t seed, int number, dm_ph_protocol protocol, int found,
                               const char *cache, subject *o) {
    char path[600];
    if (!cache) return phantom_subject(gpu, seed, number, protocol, found, o);
    snprintf(path, sizeof path, "%s/%s_%llu_%d_%d.subject", cache, dm_ph_protocol_name(protocol),
             (unsigned long long)seed, number, found);
    FILE *f = fopen(path, "rb");
    if (f) {
        int good = keep_subject(f, 0, o);
        fclose(f);
        return good;
    }
    if (!phantom_subject(gpu, seed, number, protocol, found, o)) return 0;
    f = fopen(path, "wb");
    if (!f || !keep_subject(f, 1, o)) fprintf(stderr, "bench_levels: %s cannot be written\n", path);
    if (f) fclose(f);
    return 1;
}

#endif
