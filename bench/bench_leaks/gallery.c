/* Pictures of the worst: they tell why, figures only how often. */
#include "leaks.h"
#include "../lost_pool.h"
#include "finding_picture.h"

enum { SHOWN = MOST_EXHIBITS / 2 };

const char gallery_csv_head[] =
    "picture,what,seed,case,kind,protocol,noise_sd,sac,side,thickness_mm,ratio,score,lost\n";

static int worse(const void *a, const void *b) {
    const exhibit *p = a, *q = b;
    if (p->worth < q->worth) return 1;
    return p->worth > q->worth ? -1 : p->index - q->index;
}

/* The first ten of n, which are freed. */
static int worst(exhibit *all, int n, exhibit *out) {
    int kept = n < SHOWN ? n : SHOWN;
    qsort(all, (size_t)n, sizeof *all, worse);
    memcpy(out, all, (size_t)kept * sizeof *out);
    for (int k = 0; k < kept; k++) out[k].number = k + 1;
    free(all);
    return kept;
}

int gallery_pick(const tally *t, exhibit out[MOST_EXHIBITS]) {
    double least = tally_score_at(t, 0.25);
    exhibit *missed = bench_calloc((size_t)t->n_lesions, sizeof *missed),
            *wrong = bench_calloc((size_t)t->n_marks, sizeof *wrong);
    int n_missed = 0, n_wrong = 0;
    for (int i = 0; i < t->n_lesions; i++) {
        const lesion *l = &t->lesions[i];
        if (tally_is_goal(l) && l->best <= least)
            missed[n_missed++] =
                (exhibit){.study = l->study, .missed = 1, .index = i, .worth = l->thickness * l->ratio};
    }
    for (int i = 0; i < t->n_marks; i++)
        if (tally_is_false(&t->marks[i]))
            wrong[n_wrong++] = (exhibit){.study = t->marks[i].study, .index = i, .worth = t->marks[i].score};
    int n = worst(missed, n_missed, out);
    return n + worst(wrong, n_wrong, out + n);
}

/* The true site, as if it had been found there. */
static dm_finding true_site(const bench_case *b, const dm_ph_leak *k) {
    dm_finding f = {.score = 0};
    double p[3];
    dm_ph_to_patient(b->sc, k->p, p);
    dm_frame_from_lps(&b->st->spine, p, &f.s, &f.theta, &f.r);
    f.site_from = f.s_from = f.s, f.site_to = f.s_to = f.s;
    return f;
}

static int draw(const bench_case *b, const dm_finding *f, const char *path) {
    dm_sampler sampler;
    dm_status s = dm_sampler_make(&b->st->crop.raw, &sampler);
    if (dm_good(s)) s = dm_finding_picture(b->st, &sampler, dm_window_for(b->st), f, path);
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    return dm_good(s);
}

static void tell_case(const bench_case *b, const char *name, const char *what, FILE *csv) {
    fprintf(csv, "%s,%s,%llu,%d,%s,%s,%.0f,%.0f", name, what, (unsigned long long)b->a->seed, b->a->number,
            b->a->kind, dm_ph_protocol_name(b->a->protocol), b->sc->noise, b->a->sac_level);
}

int gallery_draw(const tally *t, const bench_case *b, const exhibit *e, const char *folder, const char *name,
                 FILE *csv) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (e->missed) {
        const lesion *l = &t->lesions[e->index];
        const dm_ph_leak *k = &b->a->leak[l->leak];
        dm_finding site = true_site(b, k);
        tell_case(b, name, "missed", csv);
        fprintf(csv, ",%s,%.1f,%.2f,%.3f,%s\n", k->side, l->thickness, l->ratio, l->best, lost_name[l->lost]);
        return draw(b, &site, path);
    }
    const mark *m = &t->marks[e->index];
    if (m->finding >= b->st->findings.n) return 0; /* made again, the study is the same */
    const dm_finding *f = &b->st->findings.f[m->finding];
    tell_case(b, name, "false", csv);
    fprintf(csv, ",%s,%.1f,%.2f,%.3f,\n", dm_side_name(f->side), f->thickness_mm, f->peak_ratio, m->score);
    return draw(b, f, path);
}
