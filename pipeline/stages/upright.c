/* Is the patient's front where the header says it is? The bodies and discs are a solid column before the canal; behind it
 * stand laminae and processes with muscle between them. */
#include "crop_parts.h"
#include "dialect.h"
#include "spine_parts.h"

static float cell_at(const dm_grid *g, const double p[3]) {
    int q[3];
    if (!dm_grid_cell(g, p, q)) return DM_OUTSIDE;
    return g->v[((size_t)q[2] * (size_t)g->n[1] + (size_t)q[1]) * (size_t)g->n[0] + (size_t)q[0]];
}

/* Share of what lies a0..a0+20 mm ventral (negative: dorsal) and 4 to 12 mm to either side, every 2 mm, and is as dense as
 * marrow or disc; *n counts the samples inside the scan. Beside the midline, where no spinous process stands. */
static double dense_share(const dm_grid *coarse, const dm_spine *s, double a0, double dense, int *n) {
    int every = (int)(2.0 / s->ds + 0.5), hits = 0;
    *n = 0;
    for (int i = 0; i < s->n; i += every > 0 ? every : 1)
        for (int k = 0; k < 110; k++) {
            double a = a0 + 2.0 * (k % 11), l = (k / 11 % 5) * 2.0 + 4.0, p[3];
            l = k >= 55 ? -l : l;
            for (int c = 0; c < 3; c++) p[c] = s->p[i][c] + a * s->ventral[i][c] + l * s->left[i][c];
            float v = cell_at(coarse, p);
            if (dm_is_outside(v)) continue;
            (*n)++;
            hits += (double)v > dense;
        }
    return *n ? (double)hits / *n : 0.0;
}

int dm_front_is_behind(const dm_grid *coarse, const dm_spine *spine, double dense) {
    int n, m;
    double front = dense_share(coarse, spine, 12.0, dense, &n), back = dense_share(coarse, spine, -32.0, dense, &m);
    return n > 200 && m > 200 && back > front + 0.1;
}
