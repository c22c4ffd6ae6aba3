#include "nifti.h"

#include <math.h>
#include <nifti2_io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* The source's own name without its folders: enough for a person to find it. */
static const char *base_name(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

static double one_value(const void *data, int type, size_t i) {
    switch (type) {
    case DT_UINT8:
        return ((const uint8_t *)data)[i];
    case DT_INT8:
        return ((const int8_t *)data)[i];
    case DT_INT16:
        return ((const int16_t *)data)[i];
    case DT_UINT16:
        return ((const uint16_t *)data)[i];
    case DT_INT32:
        return ((const int32_t *)data)[i];
    case DT_UINT32:
        return ((const uint32_t *)data)[i];
    case DT_FLOAT32:
        return (double)((const float *)data)[i];
    default:
        return ((const double *)data)[i];
    }
}

static int known_type(int type) {
    return type == DT_UINT8 || type == DT_INT8 || type == DT_INT16 || type == DT_UINT16 || type == DT_INT32 ||
           type == DT_UINT32 || type == DT_FLOAT32 || type == DT_FLOAT64;
}

/* Range of the finite values; returns 1 when all of them are whole numbers. */
static int value_range(const void *data, int type, size_t n, double *low, double *high) {
    int whole = 1;
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        double x = one_value(data, type, i);
        if (!isfinite(x)) continue;
        if (x < *low) *low = x;
        if (x > *high) *high = x;
        whole = whole && x == rint(x);
    }
    return whole;
}

/* Keeps whole numbers that fit as they are; spreads everything else over 65 000 steps. Values that are no number become
 * the lowest one: outside the body. */
static void to_16_bits(const nifti_image *image, size_t n, dm_scan *scan) {
    double low, high, slope = image->scl_slope == 0 || !isfinite(image->scl_slope) ? 1 : image->scl_slope;
    double shift = image->scl_slope == 0 || !isfinite(image->scl_inter) ? 0 : image->scl_inter;
    int whole = value_range(image->data, image->datatype, n, &low, &high);
    if (!(low <= high)) low = high = 0;
    double step = 1, middle = 0;
    if (whole && high - low <= 65535 && (low < -32768 || high > 32767))
        middle = rint((low + high) / 2);
    else if (!whole || low < -32768 || high > 32767) {
        step = high > low ? (high - low) / 65000 : 1;
        middle = (low + high) / 2;
    }
    for (size_t i = 0; i < n; i++) {
        double x = one_value(image->data, image->datatype, i);
        x = rint(((isfinite(x) ? x : low) - middle) / step);
        scan->v[i] = (int16_t)fmin(fmax(x, -32768), 32767);
    }
    scan->scale = (float)(slope * step);
    scan->offset = (float)(slope * middle + shift);
}

static dm_status check_header(const char *name, const nifti_image *image) {
    const int64_t *d = image->dim;
    if (d[0] < 3 || d[0] > 7) return dm_fail(DM_STUDY, "nifti_not_3d", "%s: not a 3-D volume; give one volume per file", name);
    for (int64_t a = 4; a <= d[0]; a++)
        if (d[a] > 1)
            return dm_fail(DM_STUDY, "nifti_not_3d", "%s: holds more than one volume; split it into one volume per file",
                           name);
    for (int a = 1; a <= 3; a++)
        if (d[a] < 1 || d[a] > 8192)
            return dm_fail(DM_STUDY, "nifti_size", "%s: %lld x %lld x %lld voxels is no size of a scan; write the file again",
                           name, (long long)d[1], (long long)d[2], (long long)d[3]);
    if (!known_type(image->datatype))
        return dm_fail(DM_STUDY, "nifti_type", "%s: voxels of type %s are not read; convert to int16 or float32", name,
                       nifti_datatype_string(image->datatype));
    return dm_ok;
}

static dm_status read_affine(const char *name, const nifti_image *image, dm_affine *to_lps) {
    if (image->sform_code <= 0 && image->qform_code <= 0)
        return dm_fail(DM_STUDY, "nifti_no_orientation",
                       "%s: neither sform nor qform is set, so left and right are unknown; convert again from DICOM", name);
    const nifti_dmat44 *m = image->sform_code > 0 ? &image->sto_xyz : &image->qto_xyz;
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++) to_lps->m[r][c] = (r < 2 ? -1.0 : 1.0) * m->m[r][c];
    dm_affine inverse;
    if (!dm_good(dm_affine_invert(to_lps, &inverse)))
        return dm_fail(DM_STUDY, "nifti_no_orientation",
                       "%s: its voxel-to-patient matrix has no inverse; convert again from DICOM", name);
    return dm_ok;
}

static void swap_voxels(nifti_image *image, size_t bytes) {
    if (image->swapsize > 1 && image->byteorder != nifti_short_order())
        nifti_swap_Nbytes((int64_t)(bytes / (size_t)image->swapsize), image->swapsize, image->data);
}

/* Reads the voxels to their end and, for .gz, on to the checksum. The library's own reader fills what a truncated file lacks
 * with zeros and calls that good. */
static int load_voxels(nifti_image *image, size_t bytes) {
    gzFile f = gzopen(image->iname, "rb"); /* reads plain files as well */
    if (!f) return 0;
    int whole = gzseek(f, (z_off_t)image->iname_offset, SEEK_SET) == (z_off_t)image->iname_offset;
    char *data = whole ? malloc(bytes) : NULL;
    for (size_t done = 0; data && whole && done < bytes;) {
        size_t left = bytes - done;
        int got = gzread(f, data + done, left < (1u << 24) ? (unsigned)left : 1u << 24);
        if (got <= 0) whole = 0;
        else done += (size_t)got;
    }
    char rest[4096];
    int more = 1;
    while (data && whole && more > 0) more = gzread(f, rest, sizeof rest);
    if (gzclose_r(f) != Z_OK || more < 0 || !data) whole = 0;
    image->data = data;
    if (whole) swap_voxels(image, bytes);
    return whole;
}

static size_t voxels_of(const nifti_image *image) {
    return (size_t)image->dim[1] * (size_t)image->dim[2] * (size_t)image->dim[3];
}

static dm_status make_scan(const nifti_image *image, const char *name, dm_scan *scan) {
    const size_t n = voxels_of(image);
    scan->nx = (int)image->dim[1];
    scan->ny = (int)image->dim[2];
    scan->nz = (int)image->dim[3];
    scan->v = malloc(n * sizeof *scan->v);
    if (!scan->v) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for %zu voxels; give the run more memory", name, n);
    to_16_bits(image, n, scan);
    return dm_ok;
}

/* From a header whose voxels `load` brings into image->data. Frees the image, which may be NULL. */
static dm_status read_image(nifti_image *image, const char *name, int (*load)(nifti_image *image, size_t bytes, const void *user),
                            const void *user, dm_scan *scan) {
    if (!image) return dm_fail(DM_STUDY, "nifti_header", "%s: no NIfTI header; give a .nii or .nii.gz file", name);
    dm_status status = check_header(name, image);
    if (dm_good(status)) status = read_affine(name, image, &scan->to_lps);
    if (dm_good(status) && !load(image, voxels_of(image) * (size_t)image->nbyper, user))
        status = dm_fail(DM_STUDY, "nifti_truncated", "%s: its voxels cannot be read whole; copy the file again", name);
    if (dm_good(status)) status = make_scan(image, name, scan);
    nifti_image_free(image);
    if (!dm_good(status)) dm_scan_clear(scan);
    return status;
}

enum { LARGEST_HEADER = sizeof(nifti_2_header) };

/* The first of the sizes: how many dimensions there are. */
static int has_sane_rank(const unsigned char *b, int version, int big) {
    unsigned char first[8] = {0}; /* little endian */
    const size_t at = version == 1 ? 40 : 16, n = version == 1 ? 2 : 8;
    for (size_t i = 0; i < n; i++) first[i] = b[at + (big ? n - 1 - i : i)];
    for (size_t i = 1; i < n; i++)
        if (first[i]) return 0;
    return first[0] >= 1 && first[0] <= 7;
}

/* NIfTI-1 or -2 with its voxels in the same file, in either byte order; 0 = neither, or one with so many dimensions that the
 * library would write past the end of its header. */
static int version_of(const unsigned char *b, size_t size) {
    static const unsigned char sizes[2][2][4] = {{{92, 1, 0, 0}, {0, 0, 1, 92}}, {{28, 2, 0, 0}, {0, 0, 2, 28}}};
    static const struct {
        size_t header, at;
        const char *magic;
    } kinds[2] = {{348, 344, "n+1"}, {540, 4, "n+2"}};
    for (int i = 0; i < 2; i++)
        for (int big = 0; big < 2; big++)
            if (size >= kinds[i].header && !memcmp(b + kinds[i].at, kinds[i].magic, 4) && !memcmp(b, sizes[i][big], 4))
                return has_sane_rank(b, i + 1, big) ? i + 1 : 0;
    return 0;
}

/* The library is given no header that it would not survive. */
static int is_sane_file(const char *path) {
    unsigned char head[LARGEST_HEADER];
    gzFile f = gzopen(path, "rb");
    int n = f ? gzread(f, head, sizeof head) : 0;
    if (f) gzclose_r(f);
    return n > 0 && version_of(head, (size_t)n);
}

static int load_file(nifti_image *image, size_t bytes, const void *ignored) {
    (void)ignored;
    return load_voxels(image, bytes);
}

dm_status dm_nifti_read(const char *path, dm_scan *scan) {
    *scan = (dm_scan){0};
    struct stat info;
    if (stat(path, &info) != 0)
        return dm_fail(DM_STUDY, "file_missing", "%s: cannot be opened; check the path and the rights", base_name(path));
    nifti_set_debug_level(0); /* the library's own messages go to stderr and quote the header */
    return read_image(is_sane_file(path) ? nifti_image_read(path, 0) : NULL, base_name(path), load_file, NULL, scan);
}

/* ---- from bytes ---- */

typedef struct span {
    const unsigned char *bytes;
    size_t size;
} span;

int dm_nifti_is(const void *bytes, size_t size) {
    return version_of(bytes, size) > 0;
}

static int load_span(nifti_image *image, size_t bytes, const void *user) {
    const span *from = user;
    if (image->iname_offset < 0 || (uint64_t)image->iname_offset > from->size || bytes > from->size - (size_t)image->iname_offset)
        return 0;
    image->data = malloc(bytes);
    if (!image->data) return 0;
    memcpy(image->data, from->bytes + image->iname_offset, bytes);
    swap_voxels(image, bytes);
    return 1;
}

dm_status dm_nifti_parse(const void *bytes, size_t size, const char *name, dm_scan *scan) {
    const span from = {bytes, size};
    nifti_image *image = NULL;
    nifti_1_header one;
    nifti_2_header two;
    *scan = (dm_scan){0};
    nifti_set_debug_level(0);
    switch (version_of(bytes, size)) {
    case 1:
        memcpy(&one, bytes, sizeof one);
        image = nifti_convert_n1hdr2nim(one, NULL);
        break;
    case 2:
        memcpy(&two, bytes, sizeof two);
        image = nifti_convert_n2hdr2nim(two, NULL);
        break;
    default:
        break;
    }
    return read_image(image, name, load_span, &from, scan);
}

static int is_rigid(const dm_affine *a, const double spacing[3]) {
    for (int i = 0; i < 3; i++)
        for (int j = i + 1; j < 3; j++) {
            double dot = 0;
            for (int r = 0; r < 3; r++) dot += a->m[r][i] * a->m[r][j];
            if (fabs(dot) > 1e-4 * spacing[i] * spacing[j]) return 0;
        }
    return 1;
}

static void fill_header(nifti_image *image, const dm_scan *scan) {
    double spacing[3];
    dm_affine_spacing(&scan->to_lps, spacing);
    nifti_dmat44 ras = {{{0}}};
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 4; c++) ras.m[r][c] = (r < 2 ? -1.0 : 1.0) * scan->to_lps.m[r][c];
    ras.m[3][3] = 1;
    for (int a = 0; a < 3; a++) image->pixdim[a + 1] = spacing[a];
    image->dx = spacing[0];
    image->dy = spacing[1];
    image->dz = spacing[2];
    image->xyz_units = NIFTI_UNITS_MM;
    image->scl_slope = scan->scale;
    image->scl_inter = scan->offset;
    image->sform_code = NIFTI_XFORM_SCANNER_ANAT;
    image->sto_xyz = ras;
    image->qform_code = NIFTI_XFORM_UNKNOWN;
    if (!is_rigid(&scan->to_lps, spacing)) return;
    image->qform_code = NIFTI_XFORM_SCANNER_ANAT;
    nifti_dmat44_to_quatern(ras, &image->quatern_b, &image->quatern_c, &image->quatern_d, &image->qoffset_x,
                           &image->qoffset_y, &image->qoffset_z, NULL, NULL, NULL, &image->qfac);
}

/* The library's writer says nothing when the disk is full: read the file's length back. */
static int written_whole(const char *path, size_t voxels) {
    nifti_image *back = nifti_image_read(path, 0);
    if (!back) return 0;
    int whole = 1;
    struct stat info;
    if (!nifti_is_gzfile(path))
        whole = stat(path, &info) == 0 && (size_t)info.st_size == (size_t)back->iname_offset + voxels * 2;
    else
        whole = load_voxels(back, voxels * 2);
    nifti_image_free(back);
    return whole;
}

dm_status dm_nifti_write(const char *path, const dm_scan *scan) {
    const char *name = base_name(path);
    const int64_t dims[8] = {3, scan->nx, scan->ny, scan->nz, 1, 1, 1, 1};
    size_t n = (size_t)scan->nx * (size_t)scan->ny * (size_t)scan->nz;
    nifti_set_debug_level(0);
    nifti_image *image = scan->v ? nifti_make_new_nim(dims, DT_INT16, 0) : NULL;
    if (!image) return dm_fail(DM_STUDY, "nifti_write", "%s: nothing to write or no memory", name);
    fill_header(image, scan);
    dm_status status = dm_ok;
    if (nifti_set_filenames(image, path, 0, image->byteorder) != 0)
        status = dm_fail(DM_STUDY, "nifti_write", "%s: no name of a NIfTI file; use .nii or .nii.gz", name);
    else {
        image->data = scan->v;
        FILE *probe = fopen(path, "wb"); /* empties an earlier run's file, which could otherwise pass for this one */
        if (probe && fclose(probe) == 0) nifti_image_write(image);
        image->data = NULL;
        if (!probe || !written_whole(path, n))
            status = dm_fail(DM_STUDY, "nifti_write", "%s: not written whole; check the disk's space and the folder's rights",
                             name);
    }
    nifti_image_free(image);
    return status;
}

static int write_header(gzFile f, nifti_image *image) {
    image->nifti_type = NIFTI_FTYPE_NIFTI1_1;
    image->iname_offset = sizeof(nifti_1_header) + 4;
    nifti_1_header header;
    const char no_extension[4] = {0, 0, 0, 0};
    if (nifti_convert_nim2n1hdr(image, &header) != 0) return 0;
    return gzwrite(f, &header, sizeof header) == (int)sizeof header && gzwrite(f, no_extension, 4) == 4;
}

static dm_status write_slices(gzFile f, const char *name, const dm_scan *like, dm_label_slice fill, void *user) {
    size_t plane = (size_t)like->nx * (size_t)like->ny;
    uint8_t *slice = malloc(plane);
    dm_status status = dm_ok;
    if (!slice) return dm_fail(DM_STUDY, "out_of_memory", "%s: no memory for a slice of %zu labels", name, plane);
    for (int k = 0; k < like->nz && dm_good(status); k++) {
        memset(slice, 0, plane);
        status = fill(user, k, slice);
        if (dm_good(status) && gzwrite(f, slice, (unsigned)plane) != (int)plane)
            status = dm_fail(DM_FATAL, "output", "%s: not written whole; check the disk's space", name);
    }
    free(slice);
    return status;
}

dm_status dm_nifti_write_labels(const char *path, const dm_scan *like, dm_label_slice fill, void *user) {
    const char *name = base_name(path);
    char part[4096];
    const int64_t dims[8] = {3, like->nx, like->ny, like->nz, 1, 1, 1, 1};
    int length = snprintf(part, sizeof part, "%s.part", path);
    dm_scan grid = {.nx = like->nx, .ny = like->ny, .nz = like->nz, .to_lps = like->to_lps, .scale = 1};
    nifti_image *image = nifti_make_new_nim(dims, DT_UINT8, 0);
    size_t tail = strlen(path);
    int packed = tail > 3 && strcmp(path + tail - 3, ".gz") == 0;
    gzFile f = image && length < (int)sizeof part ? gzopen(part, packed ? "wb6" : "wbT") : NULL;
    dm_status status = dm_fail(DM_FATAL, "output", "%s: cannot be written; check the folder's rights and the disk's space", name);
    if (f) {
        fill_header(image, &grid);
        if (write_header(f, image)) status = write_slices(f, name, like, fill, user);
        int closed = gzclose(f) == Z_OK;
        if (dm_good(status) && (!closed || rename(part, path) != 0))
            status = dm_fail(DM_FATAL, "output", "%s: not written whole; check the disk's space", name);
        if (!dm_good(status)) remove(part);
    }
    nifti_image_free(image);
    return status;
}
