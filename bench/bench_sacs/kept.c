/* Studies on disk: the stages after levels then cost a second a study. */
#include <stdio.h>
#include <stdlib.h>

#include "sacs.h"

/* One array, written or read; allocated when read. Returns 0 when the file ends early. */
static int array(FILE *f, int write, void *at, size_t bytes) {
    void **p = at;
    if (write) return fwrite(*p, 1, bytes, f) == bytes;
    *p = malloc(bytes + 1);
    return *p && fread(*p, 1, bytes, f) == bytes;
}

static int arrays(FILE *f, int write, dm_study *st) {
    size_t n = (size_t)st->spine.n, cells = n * DM_NT, three = 3 * n * sizeof(double);
    const dm_grid *g = &st->crop.coarse;
    size_t coarse = (size_t)g->n[0] * (size_t)g->n[1] * (size_t)g->n[2] * sizeof(float);
    dm_spine *s = &st->spine;
    dm_canal *c = &st->canal;
    return array(f, write, &st->crop.raw.v, dm_volume_count(&st->crop.raw) * sizeof(float)) &&
           array(f, write, &st->crop.clean.v, dm_volume_count(&st->crop.raw) * sizeof(float)) &&
           array(f, write, &st->crop.coarse.v, coarse) && array(f, write, &s->p, three) &&
           array(f, write, &s->tangent, three) && array(f, write, &s->ventral, three) &&
           array(f, write, &s->left, three) && array(f, write, &s->score, n * sizeof(float)) &&
           array(f, write, &s->unsure, n) && array(f, write, &c->r_dura, cells * sizeof(float)) &&
           array(f, write, &c->r_bone, cells * sizeof(float)) &&
           array(f, write, &c->q_dura, cells * sizeof(float)) &&
           array(f, write, &c->q_bone, cells * sizeof(float)) && array(f, write, &c->no_bone, cells) &&
           array(f, write, &c->filled, n) && array(f, write, &c->sac, n * sizeof(float)) &&
           array(f, write, &c->parted, cells) && array(f, write, &c->roots, cells);
}

static void forget(dm_study *st) {
    st->crop.evidence.v = NULL, st->crop.path = NULL, st->crop.n_path = 0;
    st->map = (dm_map){0};
    for (int i = 0; i < DM_MAX_PASSES; i++) st->pass[i].scan = (dm_scan){0};
}

/* Of another program's study this is most likely another number: its file is made anew. */
static const size_t size = sizeof(dm_study);

void keep_study(const char *path, const dm_study *st) {
    FILE *f = fopen(path, "wb");
    dm_study copy = *st;
    if (!f) return;
    forget(&copy);
    int good = fwrite(&size, sizeof size, 1, f) == 1 && fwrite(&copy, sizeof copy, 1, f) == 1 && arrays(f, 1, &copy);
    fclose(f);
    if (!good) remove(path);
}

int kept_study(const char *path, dm_study *st) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t found = 0;
    int good = fread(&found, sizeof found, 1, f) == 1 && found == size && fread(st, sizeof *st, 1, f) == 1;
    if (good) {
        st->crop.raw.v = st->crop.clean.v = st->crop.coarse.v = NULL;
        st->spine.p = st->spine.tangent = st->spine.ventral = st->spine.left = NULL;
        st->canal = (dm_canal){.n = st->canal.n};
        st->spine.score = NULL, st->spine.unsure = NULL;
        good = arrays(f, 0, st);
    }
    fclose(f);
    if (!good) dm_study_clear(st);
    return good;
}
