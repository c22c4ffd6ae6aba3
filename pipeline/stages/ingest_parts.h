/* What the ingest*.c files share. */
#ifndef DM_INGEST_PARTS_H
#define DM_INGEST_PARTS_H

#include "archive.h"
#include "ingest.h"
#include "series.h"

/* Files of a source that could not be read, counted by the code of the reason. */
typedef struct dm_trouble {
    char code[32];
    int n;
    char text[200]; /* the first one's */
} dm_trouble;

enum { DM_MAX_TROUBLES = 16 };

/* A NIfTI file among the files of a source: a study of its own. */
typedef struct dm_loose_volume {
    dm_scan scan;    /* owned */
    char digest[65]; /* of the file, expanded */
    uint64_t number; /* where it stands in the source */
    int container;
} dm_loose_volume;

/* Everything that a source holds. */
typedef struct dm_heap {
    dm_image **image; /* n, owned; by study, series, object, frame once it is sorted */
    int n, room;
    dm_dicom **object; /* n_objects, owned: what the images borrow */
    int n_objects, object_room;
    dm_loose_volume *volume; /* n_volumes, owned; in the source's order once all is read */
    int n_volumes, volume_room;
    dm_store *store; /* holds what has settled; NULL = nothing has */
    uint64_t held;   /* bytes of the objects and of what has settled; beyond the limit only headers are kept */
    long entries;  /* files seen */
    int not_dicom, repeated; /* neither DICOM nor NIfTI; the same object (SOPInstanceUID) or volume again */
    int directories;         /* DICOMDIR: an index that is not followed, every file is read */
    long links;              /* not followed */
    dm_trouble trouble[DM_MAX_TROUBLES];
    int n_troubles;
    int *broken; /* n_broken archives inside the source that end too early; owned */
    int n_broken;
} dm_heap;

/* ingest.c: the last part of a path, for messages. */
const char *dm_shown(const char *path);

/* ingest_read.c: reads a source to its end. out: bytes_read and, where the source is a file, input_digest are filled. */
dm_status dm_heap_read(const char *path, const dm_ingest_options *o, dm_heap *h, dm_ingested *out);
/* Reads again what was dropped of these images; afterwards each has its object, or has settled. */
dm_status dm_heap_reload(const char *path, const dm_ingest_options *o, dm_heap *h, dm_image **images, int n);
void dm_heap_clear(dm_heap *h);

/* ingest_series.c: fills the passes of a study from its images (all of one study, sorted by series). */
dm_status dm_ingest_series(const char *path, const dm_ingest_options *o, dm_heap *h, dm_image **images, int n,
                           dm_ingested_study *s);
dm_status dm_ingest_exclude(dm_ingested_study *s, const char *series, const char *reason, ...)
    __attribute__((format(printf, 3, 4)));

/* ingest_match.c: the protocol whose rules a series keeps, NULL = none; f: its header facts. */
const dm_protocol *dm_match_protocol(const dm_protocols *all, dm_modality modality, const dm_instance *f, int slices,
                                     double slice_mm);
/* 1 when one of the words ('|' between them, any case) stands in the text. Words of up to three letters must stand alone. */
int dm_has_word(const char *text, const char *words);

/* ingest_nifti.c */
int dm_is_nifti(const char *path);
dm_status dm_ingest_nifti(const char *path, const dm_ingest_options *o, dm_ingested *out);
/* Makes a study of a volume, which it takes; shown: its name for messages; digest: of its file. STUDY "no_protocol", "label_map". */
dm_status dm_ingest_volume(const char *shown, const dm_ingest_options *o, const char *digest, dm_scan *scan, dm_ingested_study *s);

#endif
