/* From candidates to the answer: site, class, side, clock, level, millimetres; leak, no leak, or cannot tell. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"
#include "frame.h"
#include "front_bulge.h"
#include "level.h"
#include "places.h"
#include "site.h"
#include "stage.h"

typedef struct dm_localise_params {
    dm_site_params site;
    double leak_score, doubt_score, vein_leak_score, vein_doubt_score;
    double filled_least, filled_length_least, unsure_most, assessed_least, front_least, bulge_least, bulge_length, blur_most;
    double slec_segments, slec_thickness, placed_segments;
} dm_localise_params;

#define SITE(field, unit, low, high, preset, help)                                                             \
    {#field, unit, DM_FLOAT, offsetof(dm_localise_params, site.field), low, high, preset, NULL, help}

static const dm_param table[] = {
    SITE(window_angle, "deg", 5, 90, 40, "Half width round a collection's angle in which its density is followed along the spine."),
    SITE(line_share, "1", 0.1, 0.9, 0.6, "CT: rows count for the density of a collection while they stay this near to its own, 0 = what is usual at that angle."),
    SITE(line_room, "1", 0, 1, 0.1, "An earlier pass shows no contrast yet only where the later one stands out of the usual by this share of the sac."),
    SITE(end_margin, "mm", 0, 20, 5, "Density is not asked nearer to the ends of a collection: it thins out there."),
    SITE(alike, "mm", 1, 60, 4, "Densities of neighbours this near say the same thing: that many millimetres count as one sample."),
    SITE(density_error, "1", 0.001, 0.3, 0.02, "Share of the sac by which the density of a row may be wrong, beside the noise that the line itself shows."),
    SITE(peak_share, "1", 0, 1, 0.65, "Share of passes on CT whose density falls away from the tear; in the others the collection is full and even."),
    SITE(peak_apart, "mm", 0.5, 20, 5, "The densest place lies this far (s.d.) from the tear."),
    SITE(before_front, "1", 0.001, 1, 0.1, "Several passes: how likely a tear is where an earlier one shows no contrast yet, against where it shows half of the later density or more."),
    SITE(piece_score, "1", 0, 1, 0.25, "Pools of this score and more may be pieces of one collection, ventral or dorsal."),
    SITE(piece_gap, "mm", 0, 100, 45, "Such pieces lie nearer to each other than this: two thoracic levels, where the dura's ties or a narrow gap hide what joins them."),
    SITE(piece_angle, "deg", 10, 180, 50, "And their angles differ by less."),
    SITE(typical, "mm", 10, 400, 150, "Length of a ventral or dorsal collection: 7 levels on CT myelography (medical notes 1.3). Of a shorter one the map has missed a part."),
    SITE(typical_mr, "mm", 10, 600, 268, "The same on MR, which shows the fluid and not the dye in it: 12 levels."),
    SITE(typical_lateral, "mm", 5, 200, 40, "The same of fluid along root sleeves: 1.5 to 2.2 levels."),
    SITE(ends, "1", 0, 1, 0.3, "How likely a tear is at the end of its collection, against its middle: fluid runs both ways."),
    SITE(beyond, "mm", 1, 50, 10, "A tear beyond what is seen of its collection grows less likely over this distance, ..."),
    SITE(beyond_short, "1", 0, 1, 0.03, "... and this share of what the collection is shorter than typical."),
    SITE(disc_share, "1", 0, 1, 0.7, "Share of ventral tears at a disc: a spur of its rim was seen at 10 of 14 operated ones (medical notes 1.3)."),
    SITE(disc_sd, "mm", 1, 15, 3.5, "And how far from its middle (s.d.), the error of the disc's own place included."),
    SITE(foramen_share, "1", 0, 1, 0.9, "Share of lateral tears at the sleeve of a root: axilla 68 %, shoulder 24 % of 53 (medical notes 1.2)."),
    SITE(foramen_sd, "mm", 1, 15, 4.5, "And how far from the middle of its foramen (s.d.)."),
    SITE(level_trust, "1", 0, 1, 0.5, "How far the shares of levels in the series of patients are believed (medical notes 1.2); levels without an anchor: not at all."),
    SITE(spur_share, "1", 0, 1, 0.71, "Share of ventral tears with a spur: 10 of 14."),
    SITE(spur_most, "1", 1, 20, 4, "However clear a spur, it makes a site at most this many times as likely: spurs lie at other discs too."),
    SITE(foramen_weight, "1", 0, 20, 1, "How much each s.d. by which a foramen is brighter than its other side, from the second to the fourth, draws a lateral site."),
    SITE(interval_extra, "mm", 0, 10, 1.5, "Added to both ends of the interval: half the least tear length."),
    DM_PARAM_FLOAT(dm_localise_params, leak_score, "1", 0, 1, 0.45, "Answer leak from this score of a pool: of studies left out of the fit 8 of 104 CT and 2 of 48 MR have a false one, 22 and 18 a true one."),
    DM_PARAM_FLOAT(dm_localise_params, doubt_score, "1", 0, 1, 0.08, "Between this (of CT fitted to, 4 of 68 that leak, 10 of 26 that do not have nothing so sure) and leak_score the answer is indeterminate."),
    DM_PARAM_FLOAT(dm_localise_params, vein_leak_score, "1", 0, 1, 0.85, "The same for veins: of scans painted into a real thorax, by three painters, false ones reach 0.84, true ones 0.37 to 0.93."),
    DM_PARAM_FLOAT(dm_localise_params, vein_doubt_score, "1", 0, 1, 0.35, "And for doubtful veins: of 22 fistulas, drawn or painted, 9 had a score of 0.37 and more and the others none on them; ribs and roots pass it in 5 and 6 of 24 scans."),
    DM_PARAM_FLOAT(dm_localise_params, filled_least, "1", 0, 1, 0.5, "No leak is answered only when the sac is filled over this share of the spine seen, what is unsure of it left out."),
    DM_PARAM_FLOAT(dm_localise_params, filled_length_least, "mm", 0, 500, 60, "And over this length: three thoracic segments."),
    DM_PARAM_FLOAT(dm_localise_params, unsure_most, "1", 0, 1, 0.4, "More of the centre line unsure than this: indeterminate."),
    DM_PARAM_FLOAT(dm_localise_params, assessed_least, "1", 0, 1, 0.3, "Less of the dura's surface assessable than this beside a filled sac: indeterminate."),
    DM_PARAM_FLOAT(dm_localise_params, front_least, "1", 0, 1, 0.5, "Or less than this in front of it, where most tears are: the dura lies on bone there, or its surface goes round a pool."),
    DM_PARAM_FLOAT(dm_localise_params, bulge_least, "mm", 0.3, 5, 0.9, "A sac that stands further out of its ellipse than this in front (60 degrees to each side, in the mean), ..."),
    DM_PARAM_FLOAT(dm_localise_params, bulge_length, "mm", 3, 100, 12, "... over more than this length, may hold a collection: indeterminate (CT). Of what nothing else keeps from no leak it stops 8 of 22 that leak, 3 of 15 that do not."),
    DM_PARAM_FLOAT(dm_localise_params, blur_most, "mm", 0.5, 3, 1.15, "A blur of more than this (s.d.), as measured or of slices of 4 mm or voxels with two edges of 2 mm, hides the gap round the dura and makes facets look like pools: indeterminate."),
    DM_PARAM_FLOAT(dm_localise_params, slec_segments, "1", 1, 10, 2, "A collection over this many vertebral segments is a long extradural collection; behind the lumbar sac it is longer than a needle's track."),
    DM_PARAM_FLOAT(dm_localise_params, slec_thickness, "mm", 0, 5, 1, "And at least this thick."),
    DM_PARAM_FLOAT(dm_localise_params, placed_segments, "1", 0.5, 20, 3, "A site whose interval covers more vertebral segments than this cannot be placed: not even the level beside it is sure."),
};

static void place(const dm_study *st, dm_finding *f) {
    int row = (int)lround(f->s / st->spine.ds), column = dm_column_of(f->theta);
    row = row < 0 ? 0 : row >= st->canal.n ? st->canal.n - 1 : row;
    size_t c = (size_t)row * DM_NT + (size_t)column;
    if (f->r <= 0) f->r = (double)st->canal.r_dura[c];
    f->clock = dm_clock_of(f->theta);
    dm_frame_to_lps(&st->spine, f->s, f->theta, f->r, f->lps);
    dm_nearest_disc(&st->levels, f->s, &f->upper, &f->lower);
    int foramen = dm_nearest_foramen(&st->levels, f->s);
    if (foramen >= 0)
        f->root = dm_root_between(st->levels.v[foramen].level, st->levels.v[foramen + 1].level);
}

/* How much of the spine seen can be judged at all. */
typedef struct coverage {
    double filled; /* share of what is sure of the line */
    double filled_mm, unsure, assessed;
    double front; /* share assessed in front of the sac, within 45 degrees, where most tears are */
} coverage;

static coverage cover(const dm_study *st) {
    int n = st->spine.n, filled = 0, unsure = 0;
    size_t cells = 0, assessed = 0, front = 0, front_assessed = 0;
    for (int i = 0; i < n; i++) {
        filled += st->canal.filled[i] && !st->spine.unsure[i]; /* a line that has left the canal sees bone */
        unsure += st->spine.unsure[i] != 0;
        for (int t = 0; t < DM_NT && st->canal.filled[i]; t++) {
            size_t here = st->map.assessed[(size_t)i * DM_NT + (size_t)t] != 0, ahead = t <= 9 || t >= DM_NT - 9;
            cells++, assessed += here;
            front += ahead, front_assessed += ahead && here;
        }
    }
    return (coverage){.filled = (double)filled / dm_max(n - unsure, 1),
                      .filled_mm = filled * st->spine.ds,
                      .unsure = (double)unsure / n,
                      .assessed = cells ? (double)assessed / (double)cells : 0,
                      .front = front ? (double)front_assessed / (double)front : 0};
}

static int level_at(const dm_levels *levels, double s) {
    for (int i = 0; i < levels->n; i++)
        if (s >= levels->v[i].s_from && s <= levels->v[i].s_to) return levels->v[i].level;
    return DM_LEVEL_NONE;
}

static double segments_of(const dm_levels *levels, double from, double to) {
    double sum = 0;
    for (int i = 0; i < levels->n; i++) {
        const dm_vertebra *v = &levels->v[i];
        double in = fmin(to, v->s_to) - fmax(from, v->s_from);
        if (in > 0) sum += in / (v->s_to - v->s_from);
    }
    return levels->n ? sum : (to - from) / 22; /* 22 mm: mean thoracic segment */
}

static void long_collection(const dm_localise_params *p, dm_study *st) {
    dm_answer *a = &st->answer;
    double longest = 0;
    for (int i = 0; i < st->findings.n; i++) {
        const dm_finding *f = &st->findings.f[i];
        if (!f->accepted || f->class_ == DM_FISTULA || f->thickness_mm < p->slec_thickness) continue;
        if (segments_of(&st->levels, f->s_from, f->s_to) < p->slec_segments || f->length_mm <= longest) continue;
        longest = f->length_mm;
        a->slec = 1;
        a->slec_from = level_at(&st->levels, f->s_from);
        a->slec_to = level_at(&st->levels, f->s_to);
    }
}

/* A false sign keeps its score in the list but is never the site, and alone never a leak. Nor is what lies where fat lies
 * (behind the sac, in the sacrum) when fat is as bright as fluid, nor anything where the blur hides the gap. */
static int can_be_leak(const dm_localise_params *p, const dm_study *st, const dm_finding *f) {
    if (st->map.blur > p->blur_most) return 0;
    int fat = st->map.fat_bright && (f->class_ == DM_DORSAL_TEAR || f->class_ == DM_SACRAL);
    return f->false_sign == DM_NO_SIGN && !fat;
}

static double leak_from(const dm_localise_params *p, const dm_finding *f) {
    return f->class_ == DM_FISTULA ? p->vein_leak_score : p->leak_score;
}

static double doubt_from(const dm_localise_params *p, const dm_finding *f) {
    return f->class_ == DM_FISTULA ? p->vein_doubt_score : p->doubt_score;
}

/* 0 where a pool may be something else, however the sac compares: no brighter than muscle and epidural veins, or where roots have
 * settled before the dura: it may be a part of them. On MR they settle behind, the patient on the back, hardly dimmer than the fluid
 * among them, and the dura is drawn in front of them. */
static int stands_alone(const dm_study *st, const dm_finding *f) {
    int among_roots = st->modality == DM_MR && f->side == DM_DORSAL && f->s > st->map.roots_from;
    return f->pool.hard > 0 && f->pool.roots < 0.5 && !among_roots;
}

/* How far a finding exceeds its own threshold: a leak from 1. */
static double over_leak(const dm_localise_params *p, const dm_study *st, const dm_finding *f) {
    double over = f->score / leak_from(p, f);
    return f->class_ == DM_FISTULA || stands_alone(st, f) ? over : fmin(over, 0.999);
}

/* What was seen that cannot be a leak although it is bright enough. */
typedef struct aside {
    int c1c2, spur, needle, guess, long_track; /* guess: a needle by a place that is a guess; long_track: longer than a needle's track */
} aside;

/* 1 = a finding is a vein and the way out of a collection. A fistula has none beside it (medical notes 1.1); where a pool of the vein's side at its
 * foramen is as sure as a leak must be, and hardly brighter than the vein (a tube's blur costs a quarter), its fluid runs out there. */
static int leads_out(const dm_localise_params *p, const dm_study *st, const dm_finding *vein) {
    static const double beside_mm = 10, as_bright = 0.75;
    if (vein->class_ != DM_FISTULA) return 0;
    for (int i = 0; i < st->findings.n; i++) {
        const dm_finding *f = &st->findings.f[i];
        int lateral = f->class_ == DM_LATERAL_TEAR || f->class_ == DM_DIVERTICULUM_LEAK;
        if (lateral && f->side == vein->side && can_be_leak(p, st, f) && over_leak(p, st, f) >= 1 && vein->s > f->s_from - beside_mm &&
            vein->s < f->s_to + beside_mm && vein->peak_ratio >= as_bright * f->peak_ratio)
            return 1;
    }
    return 0;
}

/* Accepts findings and picks the best: the one that exceeds its own threshold most. */
static aside accept(const dm_localise_params *p, dm_study *st) {
    dm_answer *a = &st->answer;
    aside seen = {0, 0, 0, 0, 0};
    double best = 0;
    for (int i = 0; i < st->findings.n; i++) {
        dm_finding *f = &st->findings.f[i];
        if (!can_be_leak(p, st, f)) {
            int bright = f->score >= leak_from(p, f);
            seen.c1c2 |= f->false_sign == DM_SIGN_C1C2 && bright;
            seen.spur |= f->false_sign == DM_SIGN_SPUR && bright; /* a short pool beside the spur looks the same */
            int needle = f->false_sign == DM_SIGN_PUNCTURE && !st->map.fat_bright && bright;
            seen.guess |= needle && !st->levels.anchored, seen.needle |= needle;
            seen.long_track |= needle && segments_of(&st->levels, f->s_from, f->s_to) >= p->slec_segments;
            continue;
        }
        double over = leads_out(p, st, f) ? 0 : over_leak(p, st, f);
        f->accepted = over >= 1;
        if (over > best) best = over, a->score = f->score, a->best = i;
    }
    return seen;
}

static int accepted_pool(const dm_finding *f) {
    return f->accepted && f->class_ != DM_FISTULA;
}

/* Seconds after the first pass at which a pool is first seen. */
static double seen_at(const dm_study *st, const dm_finding *f) {
    return st->pass[f->first_pass].facts.seconds_after_first;
}

/* Two accepted pools of one side are taken for pieces of one collection whatever lies between, for fluid thins out over many levels: the tear
 * lies at any of them, but at none that an earlier pass does not show yet. The interval of each holds theirs. */
static void join_pieces(const dm_localise_params *p, dm_study *st) {
    for (int i = 0; i < st->findings.n; i++) {
        dm_finding *a = &st->findings.f[i];
        if (!accepted_pool(a)) continue;
        for (int j = 0; j < st->findings.n; j++) {
            const dm_finding *b = &st->findings.f[j];
            if (!accepted_pool(b) || b->side != a->side || seen_at(st, b) > seen_at(st, a)) continue;
            a->site_from = fmin(a->site_from, b->site_from), a->site_to = fmax(a->site_to, b->site_to);
        }
        a->unplaced |= segments_of(&st->levels, a->site_from, a->site_to) > p->placed_segments;
    }
}

/* Why a study without an accepted finding cannot be called free of a leak; NULL when it can. */
static const char *reason(const dm_localise_params *p, const dm_study *st, aside seen, int doubtful, double bulge_mm) {
    coverage c = cover(st);
    if (c.filled_mm <= 0) return "no_contrast";
    if (c.filled < p->filled_least || c.filled_mm < p->filled_length_least) return "contrast_short";
    if (c.unsure > p->unsure_most) return "line_unsure";
    if (st->map.blur > p->blur_most) return "resolution_low";
    if (c.assessed < p->assessed_least || c.front < p->front_least) return "gap_narrow";
    if (doubtful) return "doubtful";
    if (st->modality == DM_CT && bulge_mm > p->bulge_length) return "sac_bulges";
    if (seen.c1c2) return "c1c2_alone";
    if (seen.spur) return "spur_alone";
    if (seen.guess) return "puncture_unanchored";
    if (seen.needle && st->modality == DM_MR) return "puncture_alone"; /* no needle need have been there before it */
    if (seen.long_track) return "puncture_long";
    return st->map.fat_bright ? "fat_or_fluid" : NULL; /* what lies behind the sac is not judged at all */
}

/* bulge_mm: dm_front_bulge. */
static void answer(const dm_localise_params *p, double bulge_mm, dm_study *st) {
    dm_answer *a = &st->answer;
    *a = (dm_answer){.kind = DM_NO_LEAK, .best = -1};
    aside seen = accept(p, st);
    join_pieces(p, st);
    const dm_finding *best = a->best >= 0 ? &st->findings.f[a->best] : NULL;
    int doubtful = best && best->score >= doubt_from(p, best);
    if (best && best->accepted) {
        a->kind = DM_LEAK;
    } else {
        const char *flag = reason(p, st, seen, doubtful, bulge_mm);
        if (flag) a->kind = DM_CANNOT_TELL, dm_study_flag(st, flag);
    }
    if (!doubtful) a->best = -1;
    if (a->best >= 0) a->interval_mm = best->site_to - best->site_from;
    if (a->best >= 0 && best->unplaced) dm_study_flag(st, "site_unplaced");
    long_collection(p, st);
}

static dm_status find_sites(dm_gpu *gpu, const dm_localise_params *p, dm_study *st) {
    dm_site_seen seen = {0};
    dm_status status = dm_ok;
    int pools = 0;
    for (int i = 0; i < st->findings.n; i++) pools += st->findings.f[i].class_ != DM_FISTULA;
    if (pools) DM_TRY_OUT(dm_site_look(gpu, st, &seen));
    for (int i = 0; i < st->findings.n; i++) {
        dm_finding *f = &st->findings.f[i];
        if (f->class_ == DM_FISTULA) continue;
        if (f->false_sign != DM_NO_SIGN) { /* never the site: it is shown where it lies itself */
            f->site_from = f->s_from, f->site_to = f->s_to;
            continue;
        }
        DM_TRY_OUT(dm_site_find(&p->site, st, &seen, f));
        f->unplaced = segments_of(&st->levels, f->site_from, f->site_to) > p->placed_segments;
    }
out:
    dm_site_seen_free(&seen);
    return status;
}

static dm_status run(dm_gpu *gpu, const void *params, dm_study *st) {
    const dm_localise_params *p = params;
    if (st->map.n != st->spine.n || st->map.n == 0 || st->canal.n != st->spine.n)
        return dm_fail(DM_STUDY, "no_map", "an answer needs the dura map of the whole centre line");
    double bulge_mm;
    DM_TRY(dm_front_bulge(&st->spine, &st->canal, p->bulge_least, &bulge_mm));
    DM_TRY(find_sites(gpu, p, st));
    for (int i = 0; i < st->findings.n; i++) place(st, &st->findings.f[i]);
    answer(p, bulge_mm, st);
    return dm_ok;
}

const dm_stage dm_stage_localise = {
    .name = "localise",
    .reads = "findings, map, canal, spine, levels, crop.raw",
    .fills = "findings (site, place), answer",
    .params = table,
    .n_params = sizeof table / sizeof *table,
    .params_size = sizeof(dm_localise_params),
    .run = run,
};
