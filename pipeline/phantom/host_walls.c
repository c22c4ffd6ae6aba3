#include "host_walls.h"

#include <math.h>
#include <stdlib.h>

/* HU: fluid, cord and ligament; half way from them to fat; and what blurred bone has at its crest at least: a
 * thin cortex or an endplate cut obliquely has little more. */
static const double soft = 40.0, fat_edge = -40.0, bone_least = 250.0;
/* mm: a sample; by how much bone may lie outside the found one, and its crest behind its edge; the yellow
 * ligament between fat and bone is no thicker; no sac is narrower, and what is darker within it is noise. */
static const double step = 0.25, beyond = 2.0, ligament = 4.0, innermost = 2.5;

double dm_ph_host_value(const dm_ph_host *h, int i, int c, double r) {
    double t = c * 0.0872664626, p[3];
    for (int k = 0; k < 3; k++) p[k] = h->p[i][k] + r * (cos(t) * h->ventral[i][k] + sin(t) * h->left[i][k]);
    return (double)dm_volume_sample(h->clean, p);
}

/* The bone that was found, smoothed with Gaussians of 3 mm and 6 degrees: its single cells are the detector's
 * own noise. */
static double found_bone(const dm_ph_host *h, int i, int c) {
    double sum = 0.0, norm = 0.0;
    for (int along = -6; along <= 6; along++)
        for (int dc = -2; dc <= 2; dc++) {
            int k = i + (int)lround(along / h->ds);
            double w = exp(-along * along / 18.0 - dc * dc * 25.0 / 72.0);
            if (k < 0 || k >= h->n) continue;
            sum += w * (double)h->r_bone[(size_t)k * PH_NT + (size_t)((c + dc + PH_NT) % PH_NT)];
            norm += w;
        }
    return sum / norm;
}

static double crest_from(const dm_ph_host *h, int i, int c, double r) {
    double crest = -INFINITY;
    for (double q = r; q <= r + beyond; q += step) crest = fmax(crest, dm_ph_host_value(h, i, c, q));
    return crest;
}

/* Where the first bone outwards rises to half of its crest, which is where a blurred edge stands. */
static double bone_edge(const dm_ph_host *h, int i, int c, double found) {
    double last = dm_ph_host_value(h, i, c, innermost);
    for (double r = innermost + step; r <= found + beyond; r += step) {
        double v = dm_ph_host_value(h, i, c, r),
               crest = v > 0.5 * (soft + bone_least) ? crest_from(h, i, c, r) : 0.0,
               half = 0.5 * (soft + crest);
        if (crest >= bone_least && v >= half) return r - (last < half ? step * (v - half) / (v - last) : 0.0);
        last = v;
    }
    return found;
}

static int is_fat(const dm_ph_host *h, int i, int c, double r) {
    double v = dm_ph_host_value(h, i, c, r);
    return v <= fat_edge && v > -1200.0; /* less lies outside the host */
}

/* Inner edge of the fat nearest to the bone, from the bone inwards; INFINITY where that is further than a
 * ligament. */
static double fat_begins(const dm_ph_host *h, int i, int c, double bone) {
    double r = bone;
    while (r > fmax(bone - ligament, innermost) && !is_fat(h, i, c, r)) r -= step;
    if (!is_fat(h, i, c, r)) return INFINITY;
    while (r > innermost && is_fat(h, i, c, r)) r -= step;
    return r;
}

/* Median of the cells within 2 mm and 10 degrees: what few cells alone show is noise, of which shoulders make
 * streaks. */
static float middle_of(const dm_ph_host *h, const float *v, int i, int c) {
    int half = (int)fmin(2.0 / h->ds + 0.5, 10.0), n = 0;
    double some[5 * 21];
    for (int di = -half; di <= half; di++)
        for (int dc = -2; dc <= 2; dc++)
            if (i + di >= 0 && i + di < h->n) some[n++] = (double)v[(i + di) * PH_NT + (c + dc + PH_NT) % PH_NT];
    qsort(some, (size_t)n, sizeof *some, dm_ph_ascending);
    return (float)some[n / 2];
}

void dm_ph_host_walls_free(dm_ph_host_walls *w) {
    free(w->bone), free(w->fat);
    *w = (dm_ph_host_walls){NULL, NULL};
}

dm_status dm_ph_host_walls_make(const dm_ph_host *h, dm_ph_host_walls *out) {
    size_t cells = (size_t)h->n * PH_NT;
    float *seen = malloc(cells * sizeof *seen);
    *out = (dm_ph_host_walls){malloc(cells * sizeof(float)), malloc(cells * sizeof(float))};
    if (!seen || !out->bone || !out->fat) {
        free(seen);
        dm_ph_host_walls_free(out);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the walls of a host of %d positions", h->n);
    }
    for (int i = 0; i < h->n; i++)
        for (int c = 0; c < PH_NT; c++) {
            size_t at = (size_t)i * PH_NT + (size_t)c;
            out->bone[at] = (float)bone_edge(h, i, c, found_bone(h, i, c));
            seen[at] = (float)fat_begins(h, i, c, (double)out->bone[at]);
        }
    for (int i = 0; i < h->n; i++)
        for (int c = 0; c < PH_NT; c++) out->fat[(size_t)i * PH_NT + (size_t)c] = middle_of(h, seen, i, c);
    free(seen);
    return dm_ok;
}
