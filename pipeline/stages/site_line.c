/* The density of a collection along the line, and how far by that it reaches beyond what the map shows of it. */
#include <math.h>
#include <stdlib.h>

#include "ranks.h"
#include "site_parts.h"

/* Running median over 5 mm of what was measured. */
static void smooth(const float *line, int n, double ds, float *out) {
    int half = (int)lround(2 / ds);
    for (int i = 0; i < n; i++) {
        float window[64];
        size_t count = 0;
        for (int j = i > half ? i - half : 0; j <= i + half && j < n && count < 64; j++)
            if (!isnan(line[j])) window[count++] = line[j];
        out[i] = isnan(line[i]) ? NAN : dm_rank(window, count, 0.5);
    }
}

/* A high rank over the angles: ties and thin places leave a collection at some of them. */
int dm_site_line(const dm_site_search *w, const float *shell, float *out) {
    int n = w->st->map.n;
    float *raw = malloc((size_t)n * sizeof *raw);
    for (int i = 0; i < n && raw; i++) {
        float window[DM_NT];
        size_t count = 0;
        for (int t = 0; t < DM_NT; t++)
            if (dm_site_turn(t, w->f->theta) <= w->p->window_angle && shell[i * DM_NT + t] > -20000) window[count++] = shell[i * DM_NT + t];
        raw[i] = count >= 3 ? dm_rank(window, count, 0.75) : NAN;
    }
    if (raw) smooth(raw, n, w->st->spine.ds, out);
    free(raw);
    return raw != NULL;
}

/* Rank of the line over rows from..to. */
static double rank_of(const float *line, int from, int to, double share, float *work) {
    size_t count = 0;
    for (int i = from; i <= to; i++)
        if (!isnan(line[i])) work[count++] = line[i];
    return count ? (double)dm_rank(work, count, share) : (double)NAN;
}

/* The last row from `row` on in steps of `step` that is above `least`; gaps of `hole` rows are crossed. */
static int reach(const float *line, int n, int row, int step, double least, int hole) {
    int last = row;
    for (int i = row + step, missed = 0; i >= 0 && i < n && missed < hole; i += step) {
        missed++;
        if (!isnan(line[i]) && (double)line[i] > least) last = i, missed = 0;
    }
    return last;
}

/* What lies along most of the spine is the usual brightness of a gap, edges of sac and bone in it; a collection stands out of that. It
 * goes on as far as the line stays nearer to its own than to the usual, and rows that do not belong to it are taken out of the line. */
int dm_site_grow(dm_site_search *w) {
    int n = w->st->map.n, hole = (int)lround(w->p->line_hole / w->st->spine.ds);
    float *work = malloc((size_t)n * sizeof *work);
    if (!work || !dm_site_line(w, w->seen->shell, w->line)) {
        free(work);
        return 0;
    }
    double own = rank_of(w->line, w->from, w->to, 0.5, work), usual = rank_of(w->line, 0, n - 1, 0.25, work);
    w->usual = usual;
    double least = usual + w->p->line_share * (own - usual);
    if (own - usual >= w->p->line_room && !w->lateral) {
        w->from = reach(w->line, n, w->from, -1, least, hole);
        w->to = reach(w->line, n, w->to, 1, least, hole);
    }
    for (int i = 0; i < n; i++)
        if (!((double)w->line[i] >= least)) w->line[i] = NAN;
    free(work);
    return 1;
}
