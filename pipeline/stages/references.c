/* What bright and dark mean in this study: the sac along the spine, tissue round it, the valley of healthy cells. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <string.h>

#include "frame.h"
#include "map_parts.h"
#include "ranks.h"

static float cosine_of(int t) {
    return (float)cos(2 * 3.14159265358979323846 * t / DM_NT);
}

static const float *cell(const float *cells, int i, int t) {
    return cells + ((size_t)i * DM_NT + (size_t)t) * DM_CELL_N;
}

/* Upper envelope: a ring next to a cord that is near the dura reads too low by partial volume, the slice's brighter part
 * does not. */
static void envelope(const dm_map_params *p, const dm_study *st, const float *cells, float *pool, float *base) {
    int n = st->spine.n, half = (int)lround(p->envelope_half / st->spine.ds);
    half = half < 1 ? 1 : half > 60 ? 60 : half;
    for (int i = 0; i < n; i++) {
        size_t count = 0;
        base[i] = DM_OUTSIDE;
        if (!st->canal.filled[i]) continue;
        for (int j = i - half; j <= i + half; j++) {
            if (j < 0 || j >= n || !st->canal.filled[j]) continue;
            for (int t = 0; t < DM_NT; t++) {
                float v = cell(cells, j, t)[DM_CELL_INNER];
                if (!dm_is_outside(v)) pool[count++] = v;
            }
        }
        if (count > DM_NT) base[i] = dm_rank(pool, count, p->envelope_share);
    }
    dm_smooth_samples(base, n, 3.0 / st->spine.ds);
}

/* Contrast is heavier than CSF: brighter on the lower side. One slope a study, from the two faces of the sac. */
static double layering(const dm_map_params *p, int n, const float *cells, const float *base, float *pool) {
    double face[2];
    for (int f = 0; f < 2; f++) {
        size_t count = 0;
        for (int t = 0; t < DM_NT; t++) {
            if ((f == 0 ? 1 : -1) * cosine_of(t) < 0.85f) continue;
            for (int i = 0; i < n; i++) {
                float v = cell(cells, i, t)[DM_CELL_INNER];
                if (!dm_is_outside(base[i]) && !dm_is_outside(v)) pool[count++] = v / base[i];
            }
        }
        if (count == 0) return 0;
        face[f] = (double)dm_rank(pool, count, 0.6);
    }
    double slope = (face[0] - face[1]) / (face[0] + face[1]) / 0.95; /* 0.95: mean |cos| of a face */
    return fmax(-p->layering_limit, fmin(p->layering_limit, slope));
}

/* Tissue by angle in `rows`, both ends among them: behind fat stands the ligamentum flavum, beside it muscle; a leak must stand out from
 * what is usual at its own angle. pool: room for their cells. out stays as it is where too few are known. */
static void tissue_by_angle(const dm_map_params *p, const dm_study *st, const float *cells, const uint8_t *use,
                            double sac, int fat_bright, dm_rows rows, float *pool, float out[DM_NT]) {
    float raw[DM_NT], low[DM_NT];
    size_t all = 0;
    for (int i = rows.from; i <= rows.to; i++)
        for (int t = 0; t < DM_NT; t++)
            if (use[i * DM_NT + t]) pool[all++] = cell(cells, i, t)[DM_CELL_DARK];
    if (all < DM_NT) return;
    float whole = dm_rank(pool, all, 0.2);
    double rank = fat_bright ? p->fat_rank : p->tissue_share;
    float high = (float)(st->modality == DM_CT ? p->tissue_high_hu : (fat_bright ? 0.75 : p->tissue_high_share) * sac);
    if (high < whole) high = whole;
    for (int t = 0; t < DM_NT; t++) {
        size_t count = 0;
        for (int i = rows.from; i <= rows.to; i++)
            if (use[i * DM_NT + t]) pool[count++] = cell(cells, i, t)[DM_CELL_DARK];
        raw[t] = count > 20 ? dm_rank(pool, count, rank) : whole;
    }
    for (int t = 0; t < DM_NT; t++) {
        low[t] = raw[t];
        for (int d = -2; d <= 2 && !fat_bright; d++) low[t] = fminf(low[t], raw[(t + d + DM_NT) % DM_NT]);
    }
    for (int t = 0; t < DM_NT; t++) {
        float mean = (low[(t + DM_NT - 1) % DM_NT] + low[t] + low[(t + 1) % DM_NT]) / 3;
        out[t] = dm_clampf(mean, whole, high);
    }
}

/* On CT tissue is that of the region; on MR, where it is dark beside fluid everywhere, that of the whole study. Made every centimetre. */
static void tissue_by_cell(const dm_map_params *p, const dm_study *st, const float *cells, const uint8_t *use, double sac, float *pool,
                           dm_references *out) {
    int n = st->spine.n, half = (int)lround(p->tissue_half / st->spine.ds), step = (int)fmax(10 / st->spine.ds, 1);
    for (int i = 0; i < n; i += step) {
        float here[DM_NT];
        memcpy(here, out->tissue, sizeof here);
        const dm_rows rows = {dm_clampi(i + step / 2 - half, 0, n - 1), dm_clampi(i + step / 2 + half, 0, n - 1)};
        if (st->modality == DM_CT) tissue_by_angle(p, st, cells, use, sac, out->fat_bright, rows, pool, here);
        for (int j = i; j < i + step && j < n; j++) memcpy(out->tissue_cell + (size_t)j * DM_NT, here, sizeof here);
    }
}

static double middle_of(const float *base, int n, float *pool) {
    size_t count = 0;
    for (int i = 0; i < n; i++)
        if (!dm_is_outside(base[i])) pool[count++] = base[i];
    return count ? (double)dm_rank(pool, count, 0.5) : 0;
}

/* Marrow, fat and muscle 4 mm beyond the bone's edge are dark on T2 with fat suppression (a tenth of the fluid) and bright
 * without it (two fifths). */
static int bright_beyond_bone(const dm_map_params *p, size_t n, const float *beyond, double sac, float *pool) {
    size_t count = 0;
    for (size_t c = 0; c < n; c++)
        if (!dm_is_outside(beyond[c])) pool[count++] = beyond[c];
    return count > DM_NT && (double)dm_rank(pool, count, 0.8) > p->fat_share * sac;
}

/* Fat under the skin and between the muscles of the back tells as well, however dark the marrow: share of what lies 25 to 60 mm from the
 * line, behind it, that is brighter than fat_share of the sac; -1 where less than 20 rows' worth is inside the scan. In front lie bladder and bowel,
 * whose fluid is bright whatever becomes of fat. */
static double bright_behind(const dm_map_params *p, const dm_study *st, double sac) {
    const dm_spine *sp = &st->spine;
    int step = dm_max((int)lround(3 / sp->ds), 1), least = 20 * 8 * 15, seen = 0, bright = 0;
    for (int i = 0; i < sp->n; i += step)
        for (double theta = 110; theta <= 250; theta += 20)
            for (double r = 25; r <= 60; r += 2.5) {
                double at[3];
                dm_frame_to_lps(sp, i * sp->ds, theta, r, at);
                float v = dm_volume_sample(&st->crop.raw, at);
                if (dm_is_outside(v)) continue;
                seen++;
                bright += (double)v > p->fat_share * sac;
            }
    return seen >= least ? (double)bright / seen : -1;
}

/* Fluid just inside the dura at one cell, share of the sac, at least `least`: the median round it. Where the cord lies on the
 * dura the rim between them is thinner than the blur, and reads less than the sac without any line or pool. */
static float rim_at(const dm_map_params *p, const dm_study *st, const float *cells, const dm_references *r, double least, int i, int t) {
    enum { ALONG = 20, ROUND = 12 };
    float share[(2 * ALONG + 1) * (2 * ROUND + 1)];
    int along = (int)fmin(p->rim_half / st->spine.ds, ALONG), about = (int)(p->rim_angle * DM_NT / 360);
    size_t n = 0;
    for (int j = i - along; j <= i + along; j++)
        for (int d = -about; d <= about; d++) {
            if (j < 0 || j >= st->spine.n) continue;
            int u = (t + d + DM_NT) % DM_NT;
            size_t c = (size_t)j * DM_NT + (size_t)u;
            float v = cell(cells, j, u)[DM_CELL_INNER], height = r->sac_cell[c] - r->tissue_cell[c];
            if (!dm_is_outside(r->sac_cell[c]) && !dm_is_outside(v) && height > 0) share[n++] = (v - r->tissue_cell[c]) / height;
        }
    return n ? dm_clampf(dm_rank(share, n, 0.5), (float)least, 1.0f) : 1.0f;
}

/* On CT the rim is dimmer than the sac in front alone, where the cord leans towards the bodies. */
static double least_rim(const dm_map_params *p, dm_modality modality, int t) {
    if (modality == DM_MR) return p->rim_least;
    return dm_faces_body((dm_map_args){.nt = DM_NT}, t, (float)p->body_angle) ? p->rim_front : 1;
}

dm_status dm_references_make(const dm_map_params *p, const dm_study *st, const float *cells, const float *beyond,
                             const uint8_t *use, dm_references *out) {
    int n = st->spine.n;
    size_t count = (size_t)n * DM_NT;
    float *pool = malloc((count + 121 * DM_NT) * sizeof *pool);
    *out = (dm_references){.base = malloc((size_t)n * sizeof(float)),
                           .sac_cell = malloc(count * sizeof(float)),
                           .tissue_cell = malloc(count * sizeof(float)),
                           .rim_cell = malloc(count * sizeof(float))};
    if (!pool || !out->base || !out->sac_cell || !out->tissue_cell || !out->rim_cell) {
        free(pool);
        dm_references_free(out);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the references of %d positions", n);
    }
    envelope(p, st, cells, pool, out->base);
    out->layering = layering(p, n, cells, out->base, pool);
    double sac = middle_of(out->base, n, pool);
    out->sac_middle = sac;
    out->fat_bright = st->modality == DM_MR && (bright_beyond_bone(p, count, beyond, sac, pool) || bright_behind(p, st, sac) > p->fat_behind);
    tissue_by_angle(p, st, cells, use, sac, out->fat_bright, (dm_rows){0, n - 1}, pool, out->tissue);
    tissue_by_cell(p, st, cells, use, sac, pool, out);
    for (int i = 0; i < n; i++)
        for (int t = 0; t < DM_NT; t++) {
            size_t c = (size_t)i * DM_NT + (size_t)t;
            out->sac_cell[c] = dm_is_outside(out->base[i])
                                   ? DM_OUTSIDE
                                   : out->base[i] * (1 + (float)out->layering * cosine_of(t));
        }
    for (int t = 0; t < DM_NT; t++) {
        double least = least_rim(p, st->modality, t);
        for (int i = 0; i < n; i++)
            out->rim_cell[i * DM_NT + t] = least < 1 ? rim_at(p, st, cells, out, least, i, t) : 1.0f;
    }
    free(pool);
    return dm_ok;
}

void dm_references_free(dm_references *r) {
    free(r->base), free(r->sac_cell), free(r->tissue_cell), free(r->rim_cell);
    *r = (dm_references){0};
}

/* Bins of the null: gap between the surfaces (mm) and brightness beyond the bone's edge (share of the sac). */
enum { GAPS = 8, OUTERS = 4, LEAST_CELLS = 40 };
static const double gap_edge[GAPS] = {0.8, 1.1, 1.4, 1.7, 2.0, 2.4, 2.9, 3.5};
static const double outer_edge[OUTERS - 1] = {0.3, 0.8, 1.6};

static int bin_of(double gap, double outer) {
    int g = 0, o = 0;
    while (g < GAPS - 1 && gap >= gap_edge[g + 1]) g++;
    while (o < OUTERS - 1 && outer >= outer_edge[o]) o++;
    return g * OUTERS + o;
}

/* Floor between two blurred edges: what the scanner alone leaves in a gap. */
static double blurred_valley(double gap, double outer, double width) {
    return (1 + fmax(outer, 0)) * (double)dm_normal_cdf((float)(-0.5 * gap / width));
}

static void null_of_bins(const dm_map_params *p, const float *v, const uint8_t *bin, size_t n, float *pool,
                         double expected[GAPS * OUTERS]) {
    for (int b = 0; b < GAPS * OUTERS; b++) {
        size_t count = 0;
        for (size_t c = 0; c < n; c++)
            if (bin[c] == b) pool[count++] = v[c];
        expected[b] = count >= LEAST_CELLS ? (double)dm_rank(pool, count, p->null_share) : 1e9;
    }
}

dm_status dm_valley(const dm_map_params *p, const dm_study *st, const float *gap, const float *cells, int dark, const dm_references *ref,
                    const uint8_t *use, double width, float *out) {
    size_t n = (size_t)st->spine.n * DM_NT;
    float *pool = malloc(n * sizeof *pool);
    uint8_t *bin = malloc(n);
    if (!pool || !bin) {
        free(pool), free(bin);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the null of %zu cells", n);
    }
    for (size_t c = 0; c < n; c++) {
        out[c] = 0, bin[c] = 255;
        if (!use[c]) continue;
        float s = ref->sac_cell[c] - ref->tissue_cell[c];
        out[c] = (cells[c * DM_CELL_N + (size_t)dark] - ref->tissue_cell[c]) / s;
        bin[c] = (uint8_t)bin_of((double)gap[c],
                                 (double)((cells[c * DM_CELL_N + DM_CELL_OUTER] - ref->tissue_cell[c]) / s));
    }
    double expected[GAPS * OUTERS];
    null_of_bins(p, out, bin, n, pool, expected);
    for (size_t c = 0; c < n; c++) {
        if (!use[c]) continue;
        float s = ref->sac_cell[c] - ref->tissue_cell[c];
        double outer = (double)((cells[c * DM_CELL_N + DM_CELL_OUTER] - ref->tissue_cell[c]) / s);
        /* 0.08: so far may a pool that fills most cells of a bin move the bin's own null (prototype, section 6) */
        double usual = fmin(expected[bin[c]], blurred_valley((double)gap[c], fmin(outer, 2), width) + 0.08);
        out[c] -= (float)fmax(usual, 0);
    }
    free(pool), free(bin);
    return dm_ok;
}
