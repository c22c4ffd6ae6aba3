/* check_pieces FOLDER N M: small CT studies as NIfTI files of their own bytes each. N pieces go through every stage: 70 mm of a
 * digital phantom's spine in a window of 90 mm, each from another height. M cubes of 24 mm hold no spine and fail early. A whole
 * phantom takes more than 3 s of two cores, a piece about 1 s, a cube a tenth. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nifti.h"
#include "scanner.h"

typedef struct shape {
    const char *name;
    double window_mm, length_mm;
} shape;

static const shape piece = {"piece", 90, 70}, cube = {"cube", 24, 24};

static void cut(const dm_scan *whole, const int from[3], dm_scan *part) {
    const double corner[3] = {from[0], from[1], from[2]};
    double lps[3];
    dm_affine_apply(&whole->to_lps, corner, lps);
    part->to_lps = whole->to_lps;
    for (int r = 0; r < 3; r++) part->to_lps.m[r][3] = lps[r];
    for (int k = 0; k < part->nz; k++)
        for (int j = 0; j < part->ny; j++)
            memcpy(part->v + ((size_t)k * (size_t)part->ny + (size_t)j) * (size_t)part->nx,
                   whole->v + ((size_t)(k + from[2]) * (size_t)whole->ny + (size_t)(j + from[1])) * (size_t)whole->nx + from[0],
                   (size_t)part->nx * sizeof *part->v);
}

static int at_most(double mm, double spacing, int n) {
    int voxels = (int)(mm / spacing);
    return voxels < n ? voxels : n;
}

static dm_status write_parts(const dm_scan *whole, const char *folder, const shape *of, int n) {
    double spacing[3];
    dm_affine_spacing(&whole->to_lps, spacing);
    dm_scan p = {.nx = at_most(of->window_mm, spacing[0], whole->nx), .ny = at_most(of->window_mm, spacing[1], whole->ny),
                 .nz = at_most(of->length_mm, spacing[2], whole->nz), .scale = whole->scale, .offset = whole->offset};
    p.v = malloc((size_t)p.nx * (size_t)p.ny * (size_t)p.nz * sizeof *p.v);
    if (!p.v) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a piece");
    dm_status s = dm_ok;
    for (int i = 0; dm_good(s) && i < n; i++) {
        char path[1000];
        const int from[3] = {(whole->nx - p.nx) / 2, (whole->ny - p.ny) / 2, (int)((double)(whole->nz - p.nz) * i / n)};
        cut(whole, from, &p);
        snprintf(path, sizeof path, "%s/%s%02d.nii", folder, of->name, i);
        s = dm_nifti_write(path, &p);
    }
    free(p.v);
    return s;
}

static dm_status make(dm_gpu *gpu, const char *folder, int pieces, int cubes) {
    dm_ph_scanner sc;
    dm_anatomy *a = malloc(sizeof *a);
    if (!a) return dm_fail(DM_FATAL, "out_of_memory", "no memory for an anatomy");
    dm_status s = dm_anatomy_make(7, 0, "ventral", PH_CTM, a);
    if (!dm_good(s)) {
        free(a);
        return s;
    }
    dm_ph_make_scanner(a, 0, &sc);
    dm_scan whole = {.nx = sc.args.nx, .ny = sc.args.ny, .nz = sc.args.nz, .to_lps = sc.to_lps, .scale = 1};
    whole.v = malloc((size_t)whole.nx * (size_t)whole.ny * (size_t)whole.nz * sizeof *whole.v);
    s = whole.v ? dm_ph_render(gpu, &sc, a, whole.v) : dm_fail(DM_FATAL, "out_of_memory", "no memory for a phantom");
    if (dm_good(s)) s = write_parts(&whole, folder, &piece, pieces);
    if (dm_good(s)) s = write_parts(&whole, folder, &cube, cubes);
    free(whole.v);
    dm_anatomy_clear(a);
    free(a);
    return s;
}

int main(int argc, char **argv) {
    int pieces = argc == 4 ? atoi(argv[2]) : 0, cubes = argc == 4 ? atoi(argv[3]) : 0; /* NOLINT(cert-err34-c): 0 is refused */
    if (pieces < 1 || cubes < 1) {
        fprintf(stderr, "usage: check_pieces FOLDER PIECES CUBES\n");
        return 1;
    }
    dm_gpu *gpu = NULL;
    dm_status s = dm_gpu_open("cpu", 0, &gpu);
    if (dm_good(s)) s = make(gpu, argv[1], pieces, cubes);
    dm_gpu_close(gpu);
    if (!dm_good(s)) fprintf(stderr, "%s: %s\n", s.code, s.text);
    return !dm_good(s);
}
