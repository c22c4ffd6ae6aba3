/* bench_levels:
 * The stage levels alone, over random pieces of digital phantoms and of real scans: how often the
 * names are right when the stage says so and when it does not, by what is in view and by anchor, and whether
 * level_posterior is what it says. TRUTH.csv has the columns level, x_mm, y_mm, z_mm (a study's part of
 * levels.csv will do, once a person has checked it). A length of 0 is the whole study. --turned reverses
 * an axis of the patient in the header of every piece: how many are refused or flagged (without it: how many
 * are so wrongly).
 * --company gives every piece a second series that overlaps it and votes. --cache keeps phantoms in a folder.
 * --readings only writes every explanation of every piece with what each cue gives: what the weights of
 * level_vote.c are fitted to. */
#include "options.h"
#include "level_subject.h"
#include "levels_parts.h"
#include "series_vote.h"

extern const dm_stage dm_stage_levels;

enum { MAX_LENGTHS = 8, BINS = 6, GROUPS = 64 };

typedef struct counts {
    char name[96];
    int n[2][2]; /* anchored, right */
} counts;

typedef struct bin {
    int n, right;
    double sum;
} bin;

typedef struct bench {
    dm_gpu *gpu;
    void *params;
    FILE *readings; /* NULL or where every reading goes */
    int crops, each, company, n_lengths, n_pieces;
    int turned; /* axis that is reversed, -1 = none */
    double length[MAX_LENGTHS];
    uint64_t state;
    counts group[GROUPS];
    int n_groups;
    bin calibration[3][BINS]; /* CT, MR, both */
    int pose[2][4];           /* CT, MR: refused, flagged, neither and unanchored, neither and anchored */
} bench;

static double unit(bench *b) {
    b->state ^= b->state << 13, b->state ^= b->state >> 7, b->state ^= b->state << 17;
    return (double)(b->state >> 11) / 9007199254740992.0;
}

/* ---- pieces ---- */

/* First and last voxel along `axis` that the line's points i0..i1 reach. */
static void extent(const dm_study *st, int axis, int i0, int i1, int *low, int *high) {
    const dm_volume *v = &st->crop.raw;
    const int n[3] = {v->nx, v->ny, v->nz};
    dm_affine inverse;
    double least = 1e9, most = -1e9;
    if (!dm_good(dm_affine_invert(&v->to_lps, &inverse))) abort();
    for (int i = i0; i <= i1; i++) {
        double q[3];
        dm_affine_apply(&inverse, st->spine.p[i], q);
        least = fmin(least, q[axis]), most = fmax(most, q[axis]);
    }
    *low = (int)fmax(floor(least), 0), *high = (int)fmin(ceil(most), n[axis] - 1);
}

static void copy_grid(const dm_grid *from, dm_grid *to) {
    size_t n = (size_t)from->n[0] * (size_t)from->n[1] * (size_t)from->n[2];
    *to = *from;
    to->v = n ? malloc(n * sizeof(float)) : NULL;
    if (n && !to->v) abort();
    if (n) memcpy(to->v, from->v, n * sizeof(float));
}

/* The grid with one axis of the patient reversed. */
static void turn_grid(dm_grid *g, int axis) {
    dm_grid old = *g;
    if (!old.v) return;
    copy_grid(&old, g);
    g->origin[axis] = -(old.origin[axis] + old.step * (old.n[axis] - 1));
    size_t at = 0;
    for (int k = 0; k < g->n[2]; k++)
        for (int j = 0; j < g->n[1]; j++)
            for (int i = 0; i < g->n[0]; i++) {
                int q[3] = {i, j, k};
                q[axis] = g->n[axis] - 1 - q[axis];
                g->v[at++] =
                    old.v[((size_t)q[2] * (size_t)g->n[1] + (size_t)q[1]) * (size_t)g->n[0] + (size_t)q[0]];
            }
    free(old.v);
}

/* The part of a study that a scan of points i0..i1 of its line would have held. */
static dm_study *piece_of(const dm_study *whole, int i0, int i1) {
    const dm_volume *v = &whole->crop.raw;
    int axis = 0, low[3] = {0, 0, 0}, high[3] = {v->nx - 1, v->ny - 1, v->nz - 1};
    for (int k = 1; k < 3; k++)
        if (fabs(v->to_lps.m[2][k]) > fabs(v->to_lps.m[2][axis])) axis = k;
    if (i0 > 0 || i1 < whole->spine.n - 1) extent(whole, axis, i0, i1, &low[axis], &high[axis]);
    dm_study *st = calloc(1, sizeof *st);
    dm_affine to_lps = v->to_lps;
    for (int c = 0; c < 3; c++)
        for (int k = 0; k < 3; k++) to_lps.m[c][3] += v->to_lps.m[c][k] * low[k];
    int nx = high[0] - low[0] + 1, ny = high[1] - low[1] + 1, nz = high[2] - low[2] + 1, n = i1 - i0 + 1;
    if (!st || !dm_good(dm_volume_make(&st->crop.raw, nx, ny, nz, &to_lps)) ||
        !dm_good(dm_spine_make(&st->spine, n, whole->spine.ds)))
        abort();
    for (int k = 0; k < nz; k++)
        for (int j = 0; j < ny; j++)
            memcpy(st->crop.raw.v + ((size_t)k * (size_t)ny + (size_t)j) * (size_t)nx,
                   v->v + ((size_t)(k + low[2]) * (size_t)v->ny + (size_t)(j + low[1])) * (size_t)v->nx +
                       low[0],
                   (size_t)nx * sizeof(float));
    for (int i = 0; i < n; i++) {
        memcpy(st->spine.p[i], whole->spine.p[i + i0], sizeof st->spine.p[i]);
        st->spine.score[i] = whole->spine.score[i + i0], st->spine.unsure[i] = whole->spine.unsure[i + i0];
    }
    if (!dm_good(dm_frame_build(&st->spine))) abort();
    st->modality = whole->modality, st->contrast = whole->contrast;
    copy_grid(&whole->crop.coarse, &st->crop.coarse);
    return st;
}

/* Share of the true vertebrae between s0 and s1 (mm on the whole's line) that carry their name; a sacrum
 * named or not named changes nothing. */
static double share_right(const subject *o, const dm_study *piece, double s0, double s1) {
    int seen = 0, right = 0;
    for (int i = 0; i < o->n; i++) {
        double s = o->truth[i].s - s0;
        if (o->truth[i].level == DM_C1 || o->truth[i].level >= DM_S1 || s < 4 || s > s1 - s0 - 4) continue;
        seen++;
        for (int k = 0; k < piece->levels.n; k++)
            if (s >= piece->levels.v[k].s_from && s < piece->levels.v[k].s_to)
                right += piece->levels.v[k].level == o->truth[i].level;
    }
    return seen ? (double)right / seen : NAN;
}

static int in_view(const subject *o, int level, double s0, double s1) {
    for (int i = 0; i < o->n; i++)
        if (o->truth[i].level == level && o->truth[i].s > s0 && o->truth[i].s < s1) return 1;
    return 0;
}

/* The best landmark in the piece: the whole axis (the atlas is seen too), the promontory, T12 with L1 below,
 * or T1 with a whole vertebra of the neck above. */
static const char *reach_of(const subject *o, double s0, double s1) {
    if (in_view(o, DM_C1, s0, s1)) return "C2 in view";
    if (in_view(o, DM_S1, s0, s1)) return "sacrum in view";
    if (o->study->modality == DM_CT && o->last_thoracic && in_view(o, o->last_thoracic, s0, s1) &&
        in_view(o, DM_L1, s0, s1))
        return "last rib in view";
    if (o->study->modality == DM_CT && in_view(o, DM_C7 - 1, s0, s1) && in_view(o, DM_T1, s0, s1))
        return "first rib in view";
    return "no landmark in view";
}

static void count(bench *b, const char *name, int anchored, int right) {
    int i = 0;
    while (i < b->n_groups && strcmp(b->group[i].name, name) != 0) i++;
    if (i == GROUPS) return;
    if (i == b->n_groups) snprintf(b->group[b->n_groups++].name, sizeof b->group[i].name, "%s", name);
    b->group[i].n[anchored][right]++;
}

static void calibrate(bench *b, int modality, double p, int right) {
    static const double edge[BINS] = {0.5, 0.7, 0.85, 0.95, 0.99, 2};
    int k = 0;
    while (p >= edge[k]) k++;
    for (int m = modality; m <= 2; m += 2 - modality) {
        b->calibration[m][k].n++;
        b->calibration[m][k].right += right;
        b->calibration[m][k].sum += p;
    }
}

/* Share of the true vertebrae, as in share_right, that one reading of the column names rightly; origin = s of
 * the piece's first mm on the whole's line. */
static double reading_right(const subject *o, const dm_column *c, const dm_reading *r, double origin,
                            double length) {
    int seen = 0, right = 0;
    for (int i = 0; i < o->n; i++) {
        double s = o->truth[i].s - origin;
        int j = 0;
        if (o->truth[i].level == DM_C1 || o->truth[i].level >= DM_S1 || s < 4 || s > length - 4) continue;
        while (j < r->path.n && c->s0 + r->path.at[j] < s) j++;
        seen++;
        right += r->chain.level[r->path.from + j] == o->truth[i].level;
    }
    return seen ? (double)right / seen : NAN;
}

/* One row per reading of a piece: whether it is right, its chain's prior, and what each cue gives. */
static void write_readings(bench *b, const subject *o, const dm_study *piece, double origin, double length) {
    dm_column column;
    dm_anchors anchors = {0};
    dm_labelling label;
    dm_ballot ballot = {0};
    b->n_pieces++;
    if (dm_good(dm_column_measure(b->gpu, piece, b->params, &column)) && column.first <= column.last &&
        dm_good(dm_anchors_find(&column, b->params, &anchors)) &&
        dm_good(dm_label(&column, &anchors, b->params, NULL, &label, &ballot)))
        for (int i = 0; i < ballot.n; i++) {
            const dm_reading *r = &ballot.reading[i];
            fprintf(b->readings, "%d,%s,%s,%s,%.2f,%d,%.3f", b->n_pieces, o->name,
                    piece->modality == DM_MR ? "mr" : "ct", reach_of(o, origin, origin + length),
                    reading_right(o, &column, r, origin, length), r->chain_number, r->chain.log_prior);
            for (int k = 0; k < DM_CUES; k++) fprintf(b->readings, ",%.3f", r->cue[k]);
            for (int k = 0; k < ballot.n_places; k++)
                fprintf(b->readings, "%s%s", k ? " " : ",", dm_level_name(r->names[k]));
            fprintf(b->readings, "\n");
        }
    dm_ballot_clear(&ballot);
    dm_anchors_clear(&anchors);
    dm_column_clear(&column);
}

/* The piece with one axis of the patient reversed in its header: 0 left and right, 1 front and back, 2 head
 * and feet. */
static void turn(dm_study *st, int axis) {
    dm_spine turned = {0}, *old = &st->spine;
    if (!dm_good(dm_spine_make(&turned, old->n, old->ds))) abort();
    for (int k = 0; k < 4; k++) st->crop.raw.to_lps.m[axis][k] = -st->crop.raw.to_lps.m[axis][k];
    turn_grid(&st->crop.coarse, axis);
    for (int i = 0; i < old->n; i++)
        for (int c = 0; c < 3; c++)
            turned.p[i][c] = (c == axis ? -1 : 1) * old->p[axis == 2 ? old->n - 1 - i : i][c];
    if (!dm_good(dm_frame_build(&turned))) abort();
    dm_spine_clear(old);
    *old = turned;
}

/* A second series of the same patient, up to 260 mm long, that shares 60 to 130 mm with the piece i0..i1 and
 * moved 2 mm along the spine since: the piece is named again with its vote. 0 = there is no room for one. */
static int keep_company(bench *b, const subject *o, dm_study *piece, int i0, int i1) {
    double ds = o->study->spine.ds;
    int n = o->study->spine.n, shared = (int)((60 + 70 * unit(b)) / ds), longest = (int)(260 / ds);
    int above = i0 + shared, below = n - (i1 - shared),
        up = above > longest && below > longest ? unit(b) < 0.5 : above > below;
    int room = up ? above : below, length = room < longest ? room : longest;
    int from = up ? above - length : i1 - shared, to = from + length;
    if (length < 2 * shared) return 0;
    dm_study *other = piece_of(o->study, from, to - 1);
    dm_level_votes *votes = calloc(1, sizeof *votes);
    if (!votes) abort();
    for (int k = 0; k < other->spine.n; k++) other->spine.p[k][2] += 2;
    other->crop.raw.to_lps.m[2][3] += 2;
    if (dm_good(dm_stage_levels.run(b->gpu, b->params, other))) dm_votes_collect(piece, &other, 1, votes);
    dm_study_clear(other);
    free(other);
    if (votes->n == 0) {
        free(votes);
        return 1;
    }
    piece->votes = votes;
    dm_study_unflag(piece, "unanchored");
    return dm_good(dm_stage_levels.run(b->gpu, b->params, piece));
}

static void score(bench *b, const subject *o, int i0, int i1, int length) {
    dm_study *piece = piece_of(o->study, i0, i1);
    double s0 = i0 * o->study->spine.ds, s1 = i1 * o->study->spine.ds;
    if (b->turned >= 0) turn(piece, b->turned);
    if (b->readings) {
        write_readings(b, o, piece, s0, s1 - s0);
        dm_study_clear(piece);
        free(piece);
        return;
    }
    dm_status status = dm_stage_levels.run(b->gpu, b->params, piece);
    if (b->company && dm_good(status) && !keep_company(b, o, piece, i0, i1)) {
        dm_study_clear(piece);
        free(piece);
        return;
    }
    int flagged = strstr(piece->qc, "orientation") || strstr(piece->qc, "mirrored");
    b->pose[o->study->modality == DM_MR][!dm_good(status) ? 0 : flagged ? 1 : 2 + piece->levels.anchored]++;
    if (b->each && (!dm_good(status) || flagged))
        printf("%-36s %4.0f..%4.0f %s\n", o->name, s0, s1, flagged ? "orientation flagged" : status.text);
    if (dm_good(status) && b->turned < 0) {
        const dm_levels *l = &piece->levels;
        double share = share_right(o, piece, s0, s1);
        if (!isnan(share)) {
            int right = share >= 0.8;
            char name[96];
            const char *kind = o->study->modality == DM_MR ? "MR" : "CT", *reach = reach_of(o, s0, s1);
            snprintf(name, sizeof name, "%s, %s", kind, reach);
            count(b, name, l->anchored, right);
            snprintf(name, sizeof name, "%s, counted by %s", kind, l->count_method);
            count(b, name, l->anchored, right);
            snprintf(name, sizeof name, length ? "%s, %d mm" : "%s, whole", kind, length);
            count(b, name, l->anchored, right);
            calibrate(b, o->study->modality == DM_MR, l->posterior, right);
            if (b->each)
                printf("%-36s %4.0f..%4.0f %-21s share %.2f p %.3f alt %+d %.3f %-16s %s%s\n", o->name, s0,
                       s1, reach, share, l->posterior, l->alt_shift, l->alt_posterior, l->count_method,
                       l->transitional,
                       right         ? ""
                       : l->anchored ? "  ANCHORED WRONG"
                                     : "  wrong");
        }
    }
    dm_study_clear(piece);
    free(piece);
}

static void measure(bench *b, const subject *o) {
    int n = o->study->spine.n;
    for (int k = 0; k < b->n_lengths; k++) {
        int want = (int)(b->length[k] / o->study->spine.ds);
        if (want == 0) score(b, o, 0, n - 1, 0);
        for (int c = 0; want > 0 && want < n && c < b->crops; c++) {
            int i0 = (int)(unit(b) * (n - want));
            score(b, o, i0, i0 + want - 1, (int)b->length[k]);
        }
    }
    fflush(stdout);
}

static void report(const bench *b) {
    static const char *const bins[BINS] = {"under .50",  ".50 to .70", ".70 to .85",
                                           ".85 to .95", ".95 to .99", ".99 and over"};
    static const char *const kinds[3] = {"CT", "MR", "all"};
    printf("\n%-36s %15s %15s %15s %15s\n", "pieces", "anchored right", "anchored wrong", "unanchored r.",
           "unanchored w.");
    for (int i = 0; i < b->n_groups; i++)
        printf("%-36s %15d %15d %15d %15d\n", b->group[i].name, b->group[i].n[1][1], b->group[i].n[1][0],
               b->group[i].n[0][1], b->group[i].n[0][0]);
    printf("\n%-36s %15s %15s %15s %15s\n", b->turned >= 0 ? "turned pieces" : "orientation", "refused",
           "flagged", "unnoticed, un.", "unnoticed, anch.");
    for (int m = 0; m < 2; m++)
        printf("%-36s %15d %15d %15d %15d\n", m ? "MR" : "CT", b->pose[m][0], b->pose[m][1], b->pose[m][2],
               b->pose[m][3]);
    printf("\n%-4s %-14s %6s %10s %8s\n", "", "level_posterior", "n", "mean", "right");
    for (int m = 0; m < 3; m++)
        for (int k = 0; k < BINS; k++) {
            const bin *q = &b->calibration[m][k];
            if (q->n)
                printf("%-4s %-14s %6d %10.3f %8.3f\n", kinds[m], bins[k], q->n, q->sum / q->n,
                       (double)q->right / q->n);
        }
}

static dm_ph_protocol protocol_of(const char *text) {
    return strcmp(text, "mrm") == 0 ? PH_MRM : strcmp(text, "ct_plain") == 0 ? PH_PLAIN : PH_CTM;
}

static int axis_of(const char *text) {
    static const char *const axes[3] = {"sides", "front", "feet"};
    for (int k = 0; k < 3; k++)
        if (strcmp(text, axes[k]) == 0) return k;
    return -1;
}

static int set_up(bench *b, int argc, char **argv) {
    char text[400];
    b->crops = atoi(bench_option(argc, argv, "--crops", "4"));
    b->each = bench_has(argc, argv, "--each");
    b->turned = axis_of(bench_option(argc, argv, "--turned", ""));
    b->company = bench_has(argc, argv, "--company");
    b->state = 88172645463325252ull;
    const char *readings = bench_option(argc, argv, "--readings", NULL);
    if (readings && !(b->readings = fopen(readings, "w")))
        return fprintf(stderr, "%s cannot be written\n", readings), 0;
    if (b->readings)
        fputs("piece,subject,modality,reach,right,chain,log_prior,disc,front,rib,first,dens,skull,sacrum,"
              "conus,fused,spacing,ends,size,"
              "names\n",
              b->readings);
    snprintf(text, sizeof text, "%s", bench_option(argc, argv, "--length", "0,140,220,320"));
    for (char *save = NULL, *word = strtok_r(text, ",", &save); word && b->n_lengths < MAX_LENGTHS;
         word = strtok_r(NULL, ",", &save))
        b->length[b->n_lengths++] = atof(word);
    b->params = calloc(1, dm_stage_levels.params_size);
    if (!b->params || !dm_good(dm_gpu_open(NULL, 0, &b->gpu))) return 0;
    dm_params_preset(dm_stage_levels.params, dm_stage_levels.n_params, b->params);
    snprintf(text, sizeof text, "%s", bench_option(argc, argv, "--set", ""));
    for (char *save = NULL, *word = strtok_r(text, ",", &save); word; word = strtok_r(NULL, ",", &save)) {
        char *equals = strchr(word, '=');
        if (!equals) continue;
        *equals = 0;
        dm_status bad = dm_params_set(dm_stage_levels.params, dm_stage_levels.n_params, b->params, "--set",
                                      word, equals + 1);
        if (!dm_good(bad)) return fprintf(stderr, "%s\n", bad.text), 0;
    }
    return 1;
}

static void one(bench *b, int argc, char **argv, int number, char **real) {
    subject o = {.study = calloc(1, sizeof(dm_study))};
    if (!o.study) abort();
    int good = real ? real_subject(b->gpu, real[0], real[1], &o)
                    : kept_subject(b->gpu, strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10),
                                   number, protocol_of(bench_option(argc, argv, "--protocol", "ctm")),
                                   strcmp(bench_option(argc, argv, "--line", "true"), "found") == 0,
                                   bench_cache(argc, argv), &o);
    if (good) measure(b, &o);
    dm_study_clear(o.study);
    free(o.study);
}

static const char help[] =
    "usage: bench_levels [options]\n"
    "The stage levels over random pieces of digital phantoms and of real scans.\n"
    "\n"
    "  --seed S --from I --cases N --protocol ctm|mrm|ct_plain   which phantoms\n"
    "  --line true|found          the line: the truth's, or that of the stages (true)\n"
    "  --real STUDY TRUTH.csv     a real scan, any number of times; columns level, x_mm, y_mm, z_mm\n"
    "  --crops K --length MM,...  pieces of each study and their lengths, 0 = the whole (4; 0,140,220,320)\n"
    "  --turned feet|front|sides  an axis of the patient is reversed in the header: refused, flagged, or unnoticed\n"
    "  --company                  a second series that overlaps each piece votes\n"
    "  --cache DIR                keeps the phantoms\n"
    "  --set KEY=VALUE,...        parameters of the stage\n"
    "  --each                     a line per piece\n"
    "  --readings FILE            only writes every explanation of every piece, cue by cue\n"
    "  --help                     this text\n"
    "\n"
    "example:\n"
    "  bench_levels --seed 831 --cases 12 --protocol ctm --crops 2 --cache /tmp/levels\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    bench b = {0};
    int from = atoi(bench_option(argc, argv, "--from", "0")),
        cases = atoi(bench_option(argc, argv, "--cases", "0"));
    if (!set_up(&b, argc, argv)) return 4;
    for (int i = 1; i + 2 < argc; i++)
        if (strcmp(argv[i], "--real") == 0) one(&b, argc, argv, 0, argv + i + 1);
    for (int c = from; c < from + cases; c++) one(&b, argc, argv, c, NULL);
    report(&b);
    if (b.readings) fclose(b.readings);
    dm_gpu_close(b.gpu);
    free(b.params);
    return 0;
}
