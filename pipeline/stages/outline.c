#include <math.h>
#include <stdlib.h>

#include "map_parts.h"
#include "ranks.h"

#define PI 3.14159265358979323846

static double median_round(const float *row, int t, int half) {
    float window[11];
    for (int d = -half; d <= half; d++) window[d + half] = row[(t + d + DM_NT) % DM_NT];
    return (double)dm_rank(window, 2 * (size_t)half + 1, 0.5);
}

/* Radius of the convex hull of an outline: the nearest of its supporting lines in each direction. */
static void hull(const double r[DM_NT], double out[DM_NT]) {
    double support[DM_NT], turn[DM_NT];
    for (int d = 0; d < DM_NT; d++) turn[d] = cos(2 * PI * d / DM_NT);
    for (int p = 0; p < DM_NT; p++) {
        support[p] = 0;
        for (int t = 0; t < DM_NT; t++) support[p] = fmax(support[p], r[t] * turn[(t - p + DM_NT) % DM_NT]);
    }
    for (int t = 0; t < DM_NT; t++) {
        out[t] = INFINITY;
        for (int p = 0; p < DM_NT; p++) {
            double c = turn[(t - p + DM_NT) % DM_NT];
            if (c > 0.1) out[t] = fmin(out[t], support[p] / c);
        }
    }
}

/* Where the outline leaves its hull, the arc between the two points at which it leaves: r runs straight from one to the
 * other in the angle. (The hull's own chord would cut off up to 1 mm of a round sac.) */
static void arc(const float *row, const double r[DM_NT], const double round_[DM_NT], double out[DM_NT]) {
    const double touch = 0.3; /* mm: nearer than this lies on the hull */
    double shoulder[DM_NT];
    /* The median has cut the dent's shoulders off; what the outline itself has there counts, but no lone spike. */
    for (int t = 0; t < DM_NT; t++) shoulder[t] = fmin(fmax(r[t], (double)row[t]), round_[t] + touch);
    for (int t = 0; t < DM_NT; t++) {
        int a = 0, b = 0;
        while (a < DM_NT && r[(t - a + DM_NT) % DM_NT] < round_[(t - a + DM_NT) % DM_NT] - touch) a++;
        while (b < DM_NT && r[(t + b) % DM_NT] < round_[(t + b) % DM_NT] - touch) b++;
        double from = shoulder[(t - a + 2 * DM_NT) % DM_NT], to = shoulder[(t + b) % DM_NT];
        out[t] = a + b > 0 ? (from * b + to * a) / (a + b) : r[t];
    }
}

void dm_outline(const float *r, int n, double dent, float *out) {
    for (int i = 0; i < n; i++) {
        const float *row = r + (size_t)i * DM_NT;
        double calm[DM_NT], round_[DM_NT], whole[DM_NT];
        for (int t = 0; t < DM_NT; t++) calm[t] = median_round(row, t, 2);
        hull(calm, round_);
        arc(row, calm, round_, whole);
        for (int t = 0; t < DM_NT; t++) {
            int front = t <= 10 || t >= DM_NT - 10;
            double free = front ? median_round(row, t, 5) : whole[t];
            /* What dents deeper stands on a root: nothing of it says where the dura is, the outline does. */
            out[(size_t)i * DM_NT + (size_t)t] = (double)row[t] < free - dent ? (float)free : row[t];
        }
    }
}

dm_status dm_canal_reach(const float *r, int n, double ds, double half, double dent, float *out) {
    float *column = malloc(2 * (size_t)n * sizeof *column);
    if (!column) return dm_fail(DM_STUDY, "out_of_memory", "no memory for the canal's reach at %d positions", n);
    float *middle = column + n;
    for (int t = 0; t < DM_NT; t++) {
        for (int i = 0; i < n; i++) column[i] = r[(size_t)i * DM_NT + (size_t)t];
        dm_median_line(column, n, (int)lround(half / ds), middle);
        for (int i = 0; i < n; i++)
            out[(size_t)i * DM_NT + (size_t)t] = (double)(middle[i] - column[i]) > dent ? middle[i] : column[i];
    }
    free(column);
    return dm_ok;
}
