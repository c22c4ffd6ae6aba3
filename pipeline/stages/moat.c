#include "moat.h"

#include <math.h>
#include <string.h>

#include "grid.h"
#include "ranks.h"

enum { DIRECTIONS = 13, ROUND = 8, OUT = 4, ALONG = 3 };
static const double out_step = 0.9, along_step = 0.7; /* mm */

/* Linear between samples; the border's value beyond it. */
static double sample(const dm_samples *s, const double mm[3]) {
    int low[3];
    double f[3], sum = 0;
    for (int c = 0; c < 3; c++) {
        double q = mm[c] / s->step[c];
        q = fmin(fmax(q, 0), s->n[c] - 1.001);
        low[c] = (int)q, f[c] = q - low[c];
    }
    for (int k = 0; k < 8; k++) {
        const int d[3] = {k & 1, k >> 1 & 1, k >> 2};
        double weight = 1;
        for (int c = 0; c < 3; c++) weight *= d[c] ? f[c] : 1 - f[c];
        sum +=
            weight *
            fmax((double)s->v[dm_at(low[0] + d[0], low[1] + d[1], low[2] + d[2], s->n[0], s->n[1])], -1000);
    }
    return sum;
}

/* Mean over samples along d round a point, `reach` to each side. */
static double along(const dm_samples *s, const double p[3], const double d[3], int reach) {
    double sum = 0;
    for (int k = -reach; k <= reach; k++) {
        const double q[3] = {p[0] + k * along_step * d[0], p[1] + k * along_step * d[1],
                             p[2] + k * along_step * d[2]};
        sum += sample(s, q);
    }
    return sum / (2 * reach + 1);
}

/* Half of the 26 neighbours, of unit length. */
static void direction(int k, double d[3]) {
    static const int way[DIRECTIONS][3] = {{1, 0, 0},  {0, 1, 0},  {0, 0, 1}, {1, 1, 0},  {1, -1, 0},
                                           {1, 0, 1},  {1, 0, -1}, {0, 1, 1}, {0, 1, -1}, {1, 1, 1},
                                           {1, 1, -1}, {1, -1, 1}, {-1, 1, 1}};
    double n = sqrt(way[k][0] * way[k][0] + way[k][1] * way[k][1] + way[k][2] * way[k][2]);
    for (int c = 0; c < 3; c++) d[c] = way[k][c] / n;
}

/* Two unit vectors across d. */
static void across(const double d[3], double u[3], double v[3]) {
    int least =
        fabs(d[0]) < fabs(d[1]) ? (fabs(d[0]) < fabs(d[2]) ? 0 : 2) : (fabs(d[1]) < fabs(d[2]) ? 1 : 2);
    double n = 0;
    for (int c = 0; c < 3; c++) u[c] = (c == least) - d[least] * d[c], n += u[c] * u[c];
    for (int c = 0; c < 3; c++) u[c] /= sqrt(n);
    for (int c = 0; c < 3; c++) v[c] = d[(c + 1) % 3] * u[(c + 2) % 3] - d[(c + 2) % 3] * u[(c + 1) % 3];
}

/* Mean of the dimmer of the two halves of a tube through p: a way that ends in something bright is none. */
static double dimmer_half(const dm_samples *s, const double p[3], const double d[3]) {
    double half[2] = {0, 0};
    for (int k = 1; k <= ALONG; k++)
        for (int side = 0; side < 2; side++) {
            double t = (side ? k : -k) * along_step;
            half[side] += sample(s, (double[]){p[0] + t * d[0], p[1] + t * d[1], p[2] + t * d[2]}) / ALONG;
        }
    return fmin(half[0], half[1]);
}

dm_moat dm_moat_at(const dm_samples *s, int x, int y, int z, double fall, double rise) {
    const double p[3] = {x * s->step[0], y * s->step[1], z * s->step[2]};
    dm_moat m = {0};
    double best = -INFINITY, d[3] = {0}, u[3], v[3];
    for (int k = 0; k < DIRECTIONS; k++) {
        double way[3];
        direction(k, way);
        double both = dimmer_half(s, p, way);
        if (both > best) best = both, memcpy(d, way, sizeof d);
    }
    m.value = along(s, p, d, ALONG);
    across(d, u, v);
    float low[ROUND];
    for (int k = 0; k < ROUND; k++) {
        double c = cos(k * 0.78539816339744831), si = sin(k * 0.78539816339744831), least = m.value;
        int fell = 0, rose = 0;
        for (int j = 1; j <= OUT; j++) {
            double r = j * out_step, q[3];
            for (int i = 0; i < 3; i++) q[i] = p[i] + r * (c * u[i] + si * v[i]);
            double value = along(s, q, d, ALONG - 1);
            least = fmin(least, value);
            rose |= value > m.value + rise && !fell;
            fell |= value < m.value - fall && !rose;
        }
        low[k] = (float)least;
        m.closed += fell;
    }
    m.floor = (double)dm_rank(low, ROUND, 0.5);
    return m;
}
