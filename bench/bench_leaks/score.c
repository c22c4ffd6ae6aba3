/* What a study's candidates are against its truth. */
#include "../lost_pool.h"
#include "leaks.h"
#include "places.h"

/* s of a position of the anatomy's line on the study's line. */
static double line_s(const bench_case *b, double s_truth) {
    double p[3], s, theta, r;
    dm_ph_point_at(b->a, s_truth, 0, 0, p);
    dm_ph_to_patient(b->sc, p, p);
    dm_frame_from_lps(&b->st->spine, p, &s, &theta, &r);
    return s;
}

static int is_pool(const dm_ph_leak *k) {
    return strcmp(k->class_, "csf_venous_fistula") != 0;
}

/* Same side, and the site within the leak's extent and 10 mm. */
static int hits(const bench_case *b, const dm_finding *f, const dm_ph_leak *k) {
    return strcmp(k->side, dm_side_name(f->side)) == 0 && f->s > line_s(b, k->s_from) - 10 &&
           f->s < line_s(b, k->s_to) + 10;
}

/* Dorsal and within 25 mm of a misleading pool's middle. */
static int in_sign(const bench_case *b, const dm_finding *f) {
    for (int i = 0; i < b->a->n_signs; i++) {
        double p[3], s, theta, r;
        if (strcmp(b->a->sign[i].sign, "spur") == 0) continue;
        dm_ph_to_patient(b->sc, b->a->sign[i].p, p);
        dm_frame_from_lps(&b->st->spine, p, &s, &theta, &r);
        if (f->side == DM_DORSAL && fabs(f->s - s) < 25) return 1;
    }
    return 0;
}

/* Discs between two positions; of a tear at the side, foramina. */
static int levels_between(const dm_study *st, const dm_ph_leak *k, double s0, double s1) {
    if (strcmp(k->side, "left") == 0 || strcmp(k->side, "right") == 0)
        return abs(dm_foramen_at(&st->levels, s1) - dm_foramen_at(&st->levels, s0));
    int upper[2], lower;
    dm_nearest_disc(&st->levels, s0, &upper[0], &lower);
    dm_nearest_disc(&st->levels, s1, &upper[1], &lower);
    return abs(upper[1] - upper[0]);
}

/* The surest pool beside the leak, whichever its side, against the tear. */
static void place_site(const bench_case *b, const dm_ph_leak *k, lesion *l) {
    double s = line_s(b, k->s);
    for (int i = 0; i < b->st->findings.n; i++) {
        const dm_finding *f = &b->st->findings.f[i];
        int beside = f->s_to > line_s(b, k->s_from) && f->s_from < line_s(b, k->s_to);
        if (f->class_ == DM_FISTULA || f->false_sign || !beside || f->score <= l->site.score) continue;
        l->site = (placing){.score = f->score,
                         .error = f->s - s,
                         .low = f->site_from - s,
                         .high = f->site_to - s,
                         .side_right = strcmp(k->side, dm_side_name(f->side)) == 0,
                         .levels_off = levels_between(b->st, k, s, f->s),
                         .accepted = f->accepted,
                         .unplaced = f->unplaced};
    }
}

static void csv_row(tally *t, const bench_case *b, const dm_finding *f, const mark *m) {
    const dm_pool_features *q = &f->pool;
    const lesion *l = m->leak >= 0 ? &t->lesions[m->leak] : NULL;
    fprintf(t->csv, "%llu,%d,%s,%s,%d,%d,%d,%d,%.4f,%s,%s,%.1f,%.1f,%.1f,%.2f,%.1f,%.3f,%.3f",
            (unsigned long long)b->a->seed, b->a->number, b->a->kind, b->st->modality == DM_MR ? "mr" : "ct",
            b->st->map.fat_bright, b->dense, m->sign ? -1 : l != NULL, (int)m->flag, f->score,
            dm_class_name(f->class_), dm_side_name(f->side), f->s, f->length_mm, f->volume_mm3,
            f->thickness_mm, f->theta, l ? l->thickness : 0, l ? l->ratio : 0);
    fprintf(t->csv, ",%.1f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%.3f,%d,%.3f", q->area_mm2,
            q->fill, q->p90, q->hard, q->dark_gap, q->mirror, q->beyond, q->gap_mm, q->edges, q->open_bone,
            q->noise, q->low, q->usual, q->roots, b->st->map.blur, b->a->host != NULL, q->discs);
    for (int i = 0; i < TERMS; i++) fprintf(t->csv, ",%.6g", m->x[i]);
    fputs("\n", t->csv);
}

static const char head[] =
    "seed,case,kind,modality,fat,dense,label,flag,score,class,side,s,length,"
    "volume,thickness,theta,true_thickness,true_ratio,"
    "area,fill,p90,hard,dark_gap,mirror,beyond,gap,edges,open_bone,noise,low,usual,roots,blur,painted,discs";

void tally_csv_head(FILE *f) {
    fputs(head, f);
    for (int i = 0; i < TERMS; i++) fprintf(f, ",x%d", i);
    fputs("\n", f);
}

static void score_mark(tally *t, const bench_case *b, const dm_finding *f, int first) {
    /* Where fat is as bright as fluid, nothing dorsal or sacral counts for the answer: neither hit nor false
     * mark. */
    int fat = b->st->map.fat_bright && (f->class_ == DM_DORSAL_TEAR || f->class_ == DM_SACRAL);
    if (t->n_marks >= MOST || f->class_ == DM_FISTULA || fat) return;
    mark *m = &t->marks[t->n_marks++];
    *m = (mark){.study = t->studies,
                .finding = (int)(f - b->st->findings.f),
                .leak = -1,
                .sign = in_sign(b, f),
                .score = f->score,
                .flag = f->false_sign,
                .accepted = f->accepted};
    dm_pool_terms(t->params, b->st, f, m->x);
    m->x[TERMS] = b->dense;
    for (int i = 0, k = first; i < b->a->n_leaks; i++) {
        const dm_ph_leak *q = &b->a->leak[i];
        if (!is_pool(q)) continue;
        lesion *l = &t->lesions[k];
        if (hits(b, f, q)) m->leak = k, m->sign = 0, l->accepted |= f->accepted;
        if (hits(b, f, q) && f->score > l->best) {
            l->best = f->score;
            l->class_right = strcmp(q->class_, dm_class_name(f->class_)) == 0 ||
                             (strcmp(q->class_, "diverticulum_leak") == 0 && f->class_ == DM_LATERAL_TEAR);
        }
        k++;
    }
    if (t->csv) csv_row(t, b, f, m);
}

static void show(const bench_case *b) {
    const dm_study *st = b->st;
    for (int i = 0; i < b->a->n_leaks; i++) {
        const dm_ph_leak *k = &b->a->leak[i];
        printf("  TRUE leak %s %s %s clock %.1f s %.0f (%.0f..%.0f) thick %.1f ratio %.2f vol %.0f\n",
               k->class_, k->level_disc, k->side, k->clock, line_s(b, k->s), line_s(b, k->s_from),
               line_s(b, k->s_to), k->thickness, k->ratio, k->volume);
    }
    for (int i = 0; i < b->a->n_signs; i++) {
        double p[3], s, theta, r;
        if (!dm_ph_in_view(b->sc, b->a->sign[i].p)) continue;
        dm_ph_to_patient(b->sc, b->a->sign[i].p, p);
        dm_frame_from_lps(&st->spine, p, &s, &theta, &r);
        printf("  TRUE sign %s s %.0f\n", b->a->sign[i].sign, s);
    }
    for (int i = 0; i < st->findings.n; i++) {
        const dm_finding *f = &st->findings.f[i];
        printf("  found %s %s clock %.1f s %.0f (%.0f..%.0f, site %.0f..%.0f) thick %.1f ratio %.2f vol %.0f "
               "score %.3f%s %s\n",
               dm_class_name(f->class_), dm_side_name(f->side), f->clock, f->s, f->s_from, f->s_to,
               f->site_from, f->site_to, f->thickness_mm, f->peak_ratio, f->volume_mm3, f->score,
               f->accepted ? " ACCEPTED" : "", dm_false_sign_name(f->false_sign));
    }
    printf("  answer %s score %.2f qc %s\n", dm_answer_name(st->answer.kind), st->answer.score, st->qc);
}

void tally_study(tally *t, const bench_case *b) {
    const dm_study *st = b->st;
    int first = t->n_lesions, leaks = b->a->n_leaks > 0;
    for (int i = 0; i < b->a->n_leaks && t->n_lesions < MOST; i++) {
        const dm_ph_leak *k = &b->a->leak[i];
        if (!is_pool(k)) continue;
        lesion *l = &t->lesions[t->n_lesions++];
        *l = (lesion){.study = t->studies,
                      .leak = i,
                      .mr = st->modality == DM_MR,
                      .thickness = k->thickness,
                      .ratio = k->ratio,
                      .length = k->s_to - k->s_from,
                      .passes = st->map.n_phases > 1 ? st->map.n_phases : 1,
                      .best = -1,
                      .lost = lost_where(b, k, t->params->hysteresis_high, t->each)};
        place_site(b, k, l);
    }
    for (int i = 0; i < st->findings.n; i++) score_mark(t, b, &st->findings.f[i], first);
    t->answer[leaks][st->answer.kind]++;
    t->studies++;
    t->ct += st->modality == DM_CT;
    t->leak_free += !leaks;
    if (t->each) show(b);
}
