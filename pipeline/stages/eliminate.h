/* Small systems of linear equations. */
#ifndef DM_ELIMINATE_H
#define DM_ELIMINATE_H

/* Solves n normal equations: m holds n rows of n + 1, the last column is the right side; x[i] = m[i][n] /
 * m[i][i] afterwards. No pivots are sought: the equations are symmetric, positive and carry a ridge. */
static inline void dm_eliminate(int n, double *m, double *x) {
    int row = n + 1;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            if (j == i) continue;
            double f = m[j * row + i] / m[i * row + i];
            for (int k = i; k < row; k++) m[j * row + k] -= f * m[i * row + k];
        }
    for (int i = 0; i < n; i++) x[i] = m[i * row + n] / m[i * row + i];
}

#endif
