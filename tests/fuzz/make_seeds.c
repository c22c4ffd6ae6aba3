/* make_seeds FOLDER: small objects in every coding that is written, and the same in every kind of archive; a NIfTI file. */
#include "../malformed/bag.h"
#include "nifti.h"

static void object(const char *folder, const maker *m, const char *name) {
    char path[600];
    size_t size;
    unsigned char *bytes = maker_slice(m, 0, &size);
    snprintf(path, sizeof path, "%s/dicom/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size) abort();
    fclose(f);
    free(bytes);
}

int main(int argc, char **argv) {
    static const char *const kinds[] = {"zip", "zip:store", "zip:aes", "7z", "iso", "tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst"};
    static bag b;
    if (argc != 2) return 1;
    maker m = maker_plain();
    m.extra = "EXTRA";
    m.n = 2;
    for (int k = 0; k < 4; k++) {
        char name[20];
        snprintf(name, sizeof name, "coding%d", k);
        m.coding = (dm_dicom_coding)k;
        object(argv[1], &m, name);
    }
    m.coding = DM_DICOM_PLAIN;
    char volume[600];
    int16_t v[4 * 3 * 3] = {0};
    const dm_scan scan = {.nx = 4, .ny = 3, .nz = 3, .to_lps = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 2, 0}}}, .scale = 1, .v = v};
    snprintf(volume, sizeof volume, "%s/dicom/volume.nii", argv[1]);
    if (!dm_good(dm_nifti_write(volume, &scan))) return 1;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[600];
        snprintf(path, sizeof path, "%s/archive/seed%u", argv[1], i);
        bag_link(&b, "link", "study");
        if (!strcmp(kinds[i], "7z") || !strncmp(kinds[i], "zip", 3)) bag_clear(&b);
        bag_study(&b, &m, "study");
        bag_pack(&b, kinds[i], path);
    }
    return 0;
}
