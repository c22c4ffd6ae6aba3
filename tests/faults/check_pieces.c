/* check_pieces VOLUME.nii FOLDER N
 * Cuts N short pieces out of a NIfTI volume, at half of its resolution: studies that are measured in a second, for the tests of a
 * run's faults. No two are alike: each begins a few slices further down. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nifti.h"

enum { SLICES = 48, HALF = 2 };

static int16_t mean_of(const dm_scan *s, int x, int y, int z) {
    int sum = 0;
    for (int j = 0; j < HALF; j++)
        for (int i = 0; i < HALF; i++)
            sum += s->v[((size_t)z * (size_t)s->ny + (size_t)(HALF * y + j)) * (size_t)s->nx + (size_t)(HALF * x + i)];
    return (int16_t)(sum / (HALF * HALF));
}

/* Slices from `first` on. */
static dm_status write_piece(const dm_scan *whole, int first, const char *path) {
    dm_scan piece = {.nx = whole->nx / HALF, .ny = whole->ny / HALF, .nz = SLICES, .to_lps = whole->to_lps, .scale = whole->scale,
                     .offset = whole->offset};
    size_t n = (size_t)piece.nx * (size_t)piece.ny * (size_t)piece.nz, at = 0;
    piece.v = malloc(n * sizeof *piece.v);
    if (!piece.v) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a piece");
    for (int z = 0; z < piece.nz; z++)
        for (int y = 0; y < piece.ny; y++)
            for (int x = 0; x < piece.nx; x++) piece.v[at++] = mean_of(whole, x, y, first + z);
    for (int row = 0; row < 3; row++) {
        double *m = piece.to_lps.m[row];
        m[3] += 0.5 * (HALF - 1) * (m[0] + m[1]) + first * m[2];
        m[0] *= HALF;
        m[1] *= HALF;
    }
    dm_status s = dm_nifti_write(path, &piece);
    dm_scan_clear(&piece);
    return s;
}

int main(int argc, char **argv) {
    dm_scan whole = {0};
    int n = argc == 4 ? atoi(argv[3]) : 0;
    if (n < 1) {
        fprintf(stderr, "usage: check_pieces VOLUME.nii FOLDER N\n");
        return 1;
    }
    dm_status s = dm_nifti_read(argv[1], &whole);
    if (dm_good(s) && whole.nz < SLICES + n) s = dm_fail(DM_FATAL, "input", "%d slices are too few for %d pieces", whole.nz, n);
    for (int i = 0; dm_good(s) && i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/p%03d.nii", argv[2], i);
        s = write_piece(&whole, (int)((long)i * (whole.nz - SLICES) / n), path);
    }
    dm_scan_clear(&whole);
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    return dm_good(s) ? 0 : 4;
}
