/* The density of a collection along the line. */
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

/* What lies along most of the spine is the usual brightness of a gap, edges of sac and bone in it; a collection stands out of that. Rows
 * nearer to the usual than to its own are taken out of the line. Beyond what the map shows a collection is not followed by its
 * brightness: the neck's veins and muscle are as bright as a weak collection in the chest, and sites were drawn 30 to 180 mm away. */
int dm_site_density_line(dm_site_search *w) {
    int n = w->st->map.n;
    float *work = malloc((size_t)n * sizeof *work);
    if (!work || !dm_site_line(w, w->seen->shell, w->line)) {
        free(work);
        return 0;
    }
    double own = rank_of(w->line, w->from, w->to, 0.5, work), usual = rank_of(w->line, 0, n - 1, 0.25, work);
    w->usual = usual;
    double least = usual + w->p->line_share * (own - usual);
    for (int i = 0; i < n; i++)
        if (!((double)w->line[i] >= least)) w->line[i] = NAN;
    free(work);
    return 1;
}
