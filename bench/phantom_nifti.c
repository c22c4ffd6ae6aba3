/* phantom_nifti --seed S --case I --kind K --protocol ctm|mrm|ct_plain --size small|full --out DIR
 * One digital reference object as DIR/<case>.nii with DIR/truth.json, without DICOM, for the development of
 * stages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "options.h"
#include "nifti.h"
#include "scanner.h"
#include "truth.h"

static int one(dm_gpu *gpu, const dm_anatomy *a, int full, const char *out) {
    dm_ph_scanner sc;
    dm_ph_make_scanner(a, full, &sc);
    size_t n = (size_t)sc.args.nx * (size_t)sc.args.ny * (size_t)sc.args.nz;
    printf("%s %d x %d x %d = %.1f Mvoxel, pixel %.2f slice %.2f mm, noise %.0f\n", sc.field, sc.args.nx,
           sc.args.ny, sc.args.nz, (double)n / 1e6, sc.pixel, sc.slice, sc.noise);
    int16_t *v = malloc(n * sizeof *v);
    if (!v) return 4;
    dm_scan scan = {
        .nx = sc.args.nx, .ny = sc.args.ny, .nz = sc.args.nz, .to_lps = sc.to_lps, .scale = 1, .v = v};
    dm_status s = dm_ph_render(gpu, &sc, a, v);
    char path[1000], name[24];
    snprintf(name, sizeof name, "c%04d", a->number);
    snprintf(path, sizeof path, "%s/%s.nii", out, name);
    if (dm_good(s)) s = dm_nifti_write(path, &scan);
    free(v);
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    int bad = !dm_good(s);
    snprintf(path, sizeof path, "%s/truth.json", out);
    FILE *f = fopen(path, "w");
    if (!f) return 3;
    fputs("{\"cases\":[\n", f);
    char archive[40];
    snprintf(archive, sizeof archive, "%s.nii", name);
    dm_ph_write_truth(f, a, &sc, name, archive, "DOE^PHANTOM");
    fputs("\n]}\n", f);
    return fclose(f) != 0 || bad ? 3 : 0;
}

static const char help[] =
    "usage: phantom_nifti --seed S --case I --kind K --protocol ctm|mrm|ct_plain --size small|full --out DIR\n"
    "One digital reference object as DIR/<case>.nii with DIR/truth.json, without DICOM.\n"
    "\n"
    "example:\n"
    "  phantom_nifti --seed 20 --case 1 --kind ventral --protocol ctm --out /tmp/phantom\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    uint64_t seed = strtoull(bench_option(argc, argv, "--seed", "1"), NULL, 10);
    int number = atoi(bench_option(argc, argv, "--case", "0"));
    const char *kind = bench_option(argc, argv, "--kind", "none"),
               *protocol = bench_option(argc, argv, "--protocol", "ctm");
    const char *out = bench_option(argc, argv, "--out", ".");
    int full = strcmp(bench_option(argc, argv, "--size", "small"), "full") == 0;
    mkdir(out, 0777);
    dm_ph_protocol pr =
        strcmp(protocol, "mrm") == 0 ? PH_MRM : (strcmp(protocol, "ct_plain") == 0 ? PH_PLAIN : PH_CTM);
    dm_anatomy *a = malloc(sizeof *a);
    if (!a) return 4;
    dm_status s = dm_anatomy_make(seed, number, kind, pr, a);
    dm_gpu *gpu = NULL;
    if (dm_good(s)) s = dm_gpu_open(bench_option(argc, argv, "--device", ""), 0, &gpu);
    if (!dm_good(s)) fprintf(stderr, "%s\n", s.text);
    int code = dm_good(s) ? one(gpu, a, full, out) : 3;
    dm_gpu_close(gpu);
    dm_anatomy_clear(a);
    free(a);
    return code;
}
