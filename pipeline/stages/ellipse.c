/* The ellipse through the greater part of a ring. */
#include <math.h>

#include "canal_parts.h"
#include "eliminate.h"

enum { TERMS = 5, ROUNDS = 5 };
static const double off_fit = 0.3; /* mm from the ellipse, from which a ray loses weight: half a voxel */

/* Terms of the conic a xx + b xy + c yy + d x + e y = 1 in the direction t at radius r. */
static void terms(int t, double r, double b[TERMS]) {
    double turn = 2 * 3.14159265358979323846 * t / DM_NT, x = r * cos(turn), y = r * sin(turn);
    b[0] = x * x, b[1] = x * y, b[2] = y * y, b[3] = x, b[4] = y;
}

/* Where the conic c meets the ray t; 0 = nowhere. */
static double radius(const double c[TERMS], int t) {
    double b[TERMS];
    terms(t, 1, b);
    double square = c[0] * b[0] + c[1] * b[1] + c[2] * b[2], line = c[3] * b[3] + c[4] * b[4];
    double root = line * line + 4 * square;
    return root > 0 && fabs(square) > 1e-9 ? (sqrt(root) - line) / (2 * square) : 0;
}

void dm_fit_ellipse(const float r[DM_NT], const uint8_t left_out[DM_NT], float fit[DM_NT]) {
    double c[TERMS] = {0}, b[TERMS], weight[DM_NT];
    for (int t = 0; t < DM_NT; t++) weight[t] = left_out[t] ? 0 : 1;
    for (int round = 0; round < ROUNDS; round++) {
        double m[TERMS][TERMS + 1] = {{0}};
        for (int t = 0; t < DM_NT; t++) {
            terms(t, (double)r[t], b);
            for (int i = 0; i < TERMS; i++) {
                for (int j = 0; j < TERMS; j++) m[i][j] += weight[t] * b[i] * b[j];
                m[i][TERMS] += weight[t] * b[i];
            }
        }
        for (int i = 0; i < TERMS; i++) m[i][i] += 1e-6;
        dm_eliminate(TERMS, m[0], c);
        for (int t = 0; t < DM_NT; t++) {
            double off = fabs((double)r[t] - radius(c, t));
            fit[t] = (float)radius(c, t);
            weight[t] = left_out[t] ? 0 : off < off_fit ? 1 : off_fit * off_fit / (off * off);
        }
    }
}
