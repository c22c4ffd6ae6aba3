/* Small CT studies for tests of ingest: slices of 16 x 12 pixels written by the program's own writer, changed on their way. */
#ifndef DM_STUDY_MAKER_H
#define DM_STUDY_MAKER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "dicom.h"

enum { MAKER_W = 16, MAKER_H = 12 };

typedef struct maker {
    const char *study, *series, *name, *id, *date, *time, *description, *kernel, *position, *modality, *image_type;
    int first, n;      /* numbers of the slices; slice k lies at z = -k * step */
    double step, x, orientation[6];
    dm_dicom_coding coding;
    int shade;         /* added to every pixel, so that two passes differ */
    int w, h;          /* 0 = MAKER_W, MAKER_H */
    int again;         /* added to the numbers in SOP instance UIDs: the same images as other objects */
    const char *extra; /* text of an AccessionNumber, an InstitutionName and a private element; NULL = none */
} maker;

static inline maker maker_plain(void) {
    return (maker){.study = "2.25.75", .series = "2.25.76", .name = "DOE^TEST", .id = "TEST1", .date = "20240131", .time = "101530",
                   .description = "CT MYELO", .kernel = "B30s", .position = "HFS", .modality = "CT",
                   .image_type = "ORIGINAL\\PRIMARY\\AXIAL", .n = 8, .step = 1, .orientation = {1, 0, 0, 0, 1, 0}};
}

/* Explicit little endian element of short text, put where it does not belong: readers sort. */
static inline size_t maker_element(unsigned char *at, unsigned group, unsigned element, const char *vr, const char *text) {
    size_t n = strlen(text), even = n + (n & 1);
    const unsigned char head[8] = {(unsigned char)group, (unsigned char)(group >> 8), (unsigned char)element,
                                   (unsigned char)(element >> 8), (unsigned char)vr[0], (unsigned char)vr[1],
                                   (unsigned char)even, 0};
    memcpy(at, head, 8);
    memset(at + 8, ' ', even);
    memcpy(at + 8, text, n);
    return 8 + even;
}

/* The bytes of slice k; the caller frees. */
static inline unsigned char *maker_slice(const maker *m, int k, size_t *size) {
    const int w = m->w ? m->w : MAKER_W, h = m->h ? m->h : MAKER_H;
    int16_t *pixels = malloc((size_t)(w * h) * sizeof *pixels);
    char sop[100];
    if (!pixels) abort();
    for (int i = 0; i < w * h; i++) pixels[i] = (int16_t)((i * 7919 + k * 131) % 3000 - 1024 + m->shade);
    snprintf(sop, sizeof sop, "%.60s.%d", m->series, k + 1 + m->again);
    dm_dicom_image image = {.modality = m->modality, .study_uid = m->study, .series_uid = m->series, .frame_uid = "2.25.78",
                            .sop_uid = sop, .patient_name = m->name, .patient_id = m->id, .patient_sex = "F",
                            .patient_age = "047Y", .study_description = "SPINE", .series_description = m->description,
                            .protocol_name = "P", .date = m->date, .time = m->time, .patient_position = m->position,
                            .kernel = m->kernel, .image_type = m->image_type, .series_number = 1, .instance_number = k + 1,
                            .rows = h, .columns = w, .position = {m->x - 4, -3, -k * m->step},
                            .spacing = {0.5, 0.5}, .slice_thickness = m->step, .kvp = 120, .slope = 1, .pixels = pixels,
                            .coding = m->coding};
    memcpy(image.orientation, m->orientation, sizeof image.orientation);
    unsigned char *bytes = NULL;
    if (!dm_good(dm_dicom_write(&image, &bytes, size))) abort();
    free(pixels);
    if (!m->extra) return bytes;
    unsigned char *grown = realloc(bytes, *size + 4 * (strlen(m->extra) + 10));
    if (!grown) abort();
    *size += maker_element(grown + *size, 0x0008, 0x0050, "SH", m->extra);
    *size += maker_element(grown + *size, 0x0008, 0x0080, "LO", m->extra);
    *size += maker_element(grown + *size, 0x0008, 0x0070, "LO", m->extra); /* Manufacturer */
    *size += maker_element(grown + *size, 0x0009, 0x0010, "LO", m->extra);
    return grown;
}

/* Adds the slices to an archive under FOLDER/IM0001, ... */
static inline void maker_add(const maker *m, dm_archive_writer *w, const char *folder) {
    for (int i = 0; i < m->n; i++) {
        char name[200];
        size_t size;
        unsigned char *bytes = maker_slice(m, m->first + i, &size);
        snprintf(name, sizeof name, "%s/IM%04d", folder, m->first + i + 1);
        if (!dm_good(dm_archive_add(w, name, bytes, size))) abort();
        free(bytes);
    }
}

/* One study as an archive; the format is the path's ending. */
static inline void maker_archive(const maker *m, const char *path, const char *folder) {
    dm_archive_writer *w;
    if (!dm_good(dm_archive_create(path, &w))) abort();
    maker_add(m, w, folder);
    if (!dm_good(dm_archive_finish(w))) abort();
}

#endif
