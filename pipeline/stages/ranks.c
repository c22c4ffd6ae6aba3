#include "ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dialect.h"

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void dm_sort(float *v, size_t n) {
    qsort(v, n, sizeof *v, by_value);
}

/* Hoare's selection with the middle element as pivot: the answer does not depend on the order of the input. */
float dm_rank(float *v, size_t n, double share) {
    if (n == 0) return NAN;
    long low = 0, high = (long)n - 1, want = lround(share * (double)(n - 1));
    while (low < high) {
        float pivot = v[low + (high - low) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i <= j) {
                float swap = v[i];
                v[i++] = v[j];
                v[j--] = swap;
            }
        }
        if (want <= j)
            high = j;
        else if (want >= i)
            low = i;
        else
            break;
    }
    return v[want];
}

void dm_smooth_samples(float *v, int n, double sd) {
    int half = (int)ceil(3 * sd);
    float *in = malloc((size_t)(n > 0 ? n : 1) * sizeof *in);
    if (!in) return;
    memcpy(in, v, (size_t)n * sizeof *in);
    for (int i = 0; i < n; i++) {
        if (dm_is_outside(in[i])) continue;
        double sum = 0, weight = 0;
        for (int k = -half; k <= half; k++) {
            int j = i + k;
            if (j < 0 || j >= n || dm_is_outside(in[j])) continue;
            double w = exp(-0.5 * k * k / (sd * sd));
            sum += w * (double)in[j];
            weight += w;
        }
        v[i] = (float)(sum / weight);
    }
    free(in);
}

void dm_median_line(const float *v, int n, int half, float *out) {
    float window[129];
    if (half > 64) half = 64;
    for (int i = 0; i < n; i++) {
        size_t count = 0;
        for (int j = i - half; j <= i + half; j++)
            if (j >= 0 && j < n) window[count++] = v[j];
        out[i] = dm_rank(window, count, 0.5);
    }
}
