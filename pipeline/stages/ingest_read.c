/* A source read to its end: every object parsed, what is no object counted. */
#include "ingest_parts.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nifti.h"
#include "sop_class.h"

enum { MOST_HANDLES = 8 };

static void *grow(void *array, int n, int *room, size_t size) {
    if (n < *room) return array;
    int more = *room ? 2 * *room : 256;
    void *grown = realloc(array, (size_t)more * size);
    if (grown) *room = more;
    return grown;
}

static dm_status no_memory(int n) {
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for %d images; give the reader more with --read-memory", n);
}

static void set_image(dm_image *m, dm_dicom *d, int frame, const dm_entry *e) {
    *m = (dm_image){.dicom = d, .frame = frame, .number = e->number, .container = e->container};
    dm_dicom_frame(d, frame, &m->facts);
}

static dm_status push_image(dm_heap *h, const dm_image *image) {
    dm_image **list = grow(h->image, h->n, &h->room, sizeof *list);
    if (!list) return no_memory(h->n);
    h->image = list;
    list[h->n] = malloc(sizeof *image);
    if (!list[h->n]) return no_memory(h->n);
    *list[h->n++] = *image;
    return dm_ok;
}

static void release(const dm_heap *h, dm_image *m) {
    if (m->settled) dm_store_free(h->store, m->settled, (uint64_t)m->facts.rows * (uint64_t)m->facts.columns * sizeof(int16_t));
    free(m);
}

/* One image for each frame; first: of frame 0. An object without pixels is one image as well: its class has its row. */
static dm_status push_frames(dm_heap *h, dm_dicom *d, const dm_image *first, const dm_entry *e) {
    DM_TRY(push_image(h, first));
    for (int k = 1; k < first->facts.frames; k++) {
        dm_image m;
        set_image(&m, d, k, e);
        DM_TRY(push_image(h, &m));
    }
    return dm_ok;
}

static dm_status push_object(dm_heap *h, dm_dicom *d, const dm_image *first, const dm_entry *e, uint64_t most) {
    int from = h->n;
    dm_status s = push_frames(h, d, first, e);
    if (dm_good(s) && !first->settled && h->held + dm_dicom_bytes(d) <= most) {
        dm_dicom **list = grow(h->object, h->n_objects, &h->object_room, sizeof *list);
        if (list) {
            h->object = list;
            list[h->n_objects++] = d;
            h->held += dm_dicom_bytes(d);
            return dm_ok;
        }
        s = no_memory(h->n);
    }
    for (int i = from; i < h->n; i++) h->image[i]->dicom = NULL;
    dm_dicom_free(d);
    return s;
}

static void count_trouble(dm_heap *h, dm_status s) {
    int i = 0;
    while (i < h->n_troubles && strcmp(h->trouble[i].code, s.code)) i++;
    if (i == DM_MAX_TROUBLES) i--; /* never: there are fewer codes */
    if (i == h->n_troubles) {
        dm_trouble *t = &h->trouble[h->n_troubles++];
        *t = (dm_trouble){.n = 0};
        memcpy(t->code, s.code, sizeof t->code);
        snprintf(t->text, sizeof t->text, "%.199s", s.text);
    }
    h->trouble[i].n++;
}

static dm_status note_broken(dm_heap *h, int container) {
    int *list = realloc(h->broken, (size_t)(h->n_broken + 1) * sizeof *list);
    if (!list) return no_memory(h->n);
    h->broken = list;
    list[h->n_broken++] = container;
    return dm_ok;
}

/* ---- one handle ---- */

typedef struct reading {
    const char *path;
    const dm_ingest_options *o;
    dm_heap *h;
    pthread_mutex_t lock;
    int parts;
    int is_folder;
    char *digest; /* 65: of the source; of a folder: of all its files */
    dm_status status[MOST_HANDLES];
    uint64_t bytes;
} reading;

/* A folder has no bytes of its own: its digest is that of its files' digests. */
static void add_digest(char total[65], const dm_entry *e) {
    char both[130] = "";
    memcpy(both, total, 64);
    dm_digest(e->bytes, e->size, both + (total[0] ? 64 : 0));
    dm_digest(both, strlen(both), total);
}

static int is_directory(const dm_dicom *d) {
    const char *name;
    const dm_instance *f = dm_dicom_facts(d);
    return dm_sop_class(f->sop_class, f->modality, &name) == DM_SOP_DIRECTORY;
}

/* A NIfTI file: its volume, or why it is none. */
static dm_status take_volume(reading *r, const dm_entry *e) {
    dm_loose_volume v = {.number = e->number, .container = e->container};
    dm_status s = dm_nifti_parse(e->bytes, e->size, "a NIfTI file of the source", &v.scan);
    dm_heap *h = r->h;
    const uint64_t bytes = (uint64_t)v.scan.nx * (uint64_t)v.scan.ny * (uint64_t)v.scan.nz * sizeof *v.scan.v;
    dm_digest(e->bytes, e->size, v.digest);
    pthread_mutex_lock(&r->lock);
    h->entries++;
    if (dm_good(s) && h->held + bytes > r->o->hold)
        s = dm_fail(DM_STUDY, "out_of_memory", "NIfTI files in it hold more than a reader keeps; give them one by one or raise "
                                               "--read-memory");
    dm_loose_volume *list = dm_good(s) ? grow(h->volume, h->n_volumes, &h->volume_room, sizeof *list) : NULL;
    dm_status pushed = dm_good(s) && !list ? no_memory(h->n) : dm_ok;
    if (list) {
        h->volume = list;
        list[h->n_volumes++] = v;
        h->held += bytes;
    } else {
        dm_scan_clear(&v.scan);
    }
    if (!dm_good(s)) count_trouble(h, s);
    pthread_mutex_unlock(&r->lock);
    return pushed;
}

/* A plain CT image goes where its volume will be mapped from: neither its bytes nor its voxels wait in memory for the rest of the
 * study. The work is done outside the lock. */
static void settle(reading *r, dm_image *m) {
    dm_heap *h = r->h;
    const uint64_t bytes = h->store ? dm_series_settles(m) : 0;
    uint64_t at;
    if (!bytes) return;
    pthread_mutex_lock(&r->lock);
    int room = h->held + bytes <= r->o->hold && dm_good(dm_store_take(h->store, bytes, &at));
    if (room) h->held += bytes;
    pthread_mutex_unlock(&r->lock);
    if (room && !dm_series_settle(m, h->store, at)) dm_store_free(h->store, at, bytes);
}

/* Parses outside the lock. */
static dm_status take_entry(reading *r, dm_archive *a, const dm_entry *e) {
    dm_dicom *d = NULL;
    dm_image first;
    dm_status s = e->trouble;
    if (r->is_folder) add_digest(r->digest, e);
    if (!e->damaged && dm_nifti_is(e->bytes, e->size)) return take_volume(r, e);
    if (!e->damaged) {
        unsigned char *bytes = dm_archive_take(a), *fitting = bytes && e->size ? realloc(bytes, e->size) : NULL;
        s = dm_dicom_take(fitting ? fitting : bytes, e->size, &d);
    }
    if (d) {
        set_image(&first, d, 0, e);
        settle(r, &first);
    }
    pthread_mutex_lock(&r->lock);
    dm_heap *h = r->h;
    h->entries++;
    dm_status pushed = dm_ok;
    if (d && is_directory(d)) {
        h->directories++;
        dm_dicom_free(d);
    } else if (d)
        pushed = push_object(h, d, &first, e, r->o->hold);
    else if (!strcmp(s.code, "not_dicom"))
        h->not_dicom++;
    else
        count_trouble(h, s);
    if (dm_good(pushed) && e->container_ends) pushed = note_broken(h, e->container);
    pthread_mutex_unlock(&r->lock);
    return pushed;
}

static dm_archive_options options_of(const dm_ingest_options *o, int part, int parts) {
    return (dm_archive_options){.limits = o->limits, .passphrase = o->passphrase, .part = part, .parts = parts};
}

/* The first handle makes the digest of a file on its way. */
static dm_archive_options options_of_part(const reading *r, int part, int parts) {
    dm_archive_options o = options_of(r->o, part, parts);
    o.digest = part == 0 && !r->is_folder && !r->digest[0];
    return o;
}

static dm_status read_part(reading *r, dm_archive *a) {
    dm_status s = dm_ok;
    for (int more = 1; dm_good(s) && more;) {
        dm_entry e;
        s = dm_archive_next(a, &e, &more);
        if (dm_good(s) && more) s = take_entry(r, a, &e);
    }
    const dm_archive_counts *c = dm_archive_count(a);
    const char *digest = dm_archive_digest(a);
    pthread_mutex_lock(&r->lock);
    if (dm_good(s) && digest[0]) memcpy(r->digest, digest, 65);
    r->bytes += c->bytes;
    if (c->links > r->h->links) r->h->links = c->links;
    pthread_mutex_unlock(&r->lock);
    return s;
}

typedef struct handle {
    reading *r;
    int part;
} handle;

static void *read_handle(void *user) {
    handle *m = user;
    reading *r = m->r;
    dm_archive *a = NULL;
    const dm_archive_options o = options_of_part(r, m->part, r->parts);
    dm_status s = dm_archive_open(r->path, &o, &a);
    if (dm_good(s)) s = read_part(r, a);
    dm_archive_close(a);
    r->status[m->part] = s;
    return NULL;
}

/* A zip by several handles, each with every parts-th entry; anything else by one. */
static dm_status read_source(reading *r) {
    dm_archive *a = NULL;
    handle m[MOST_HANDLES];
    pthread_t id[MOST_HANDLES];
    int begun[MOST_HANDLES] = {0};
    const dm_archive_options one = options_of_part(r, 0, 1);
    DM_TRY(dm_archive_open(r->path, &one, &a));
    r->parts = dm_archive_is_shareable(a) ? r->o->threads : 1;
    if (r->parts > MOST_HANDLES) r->parts = MOST_HANDLES;
    if (r->parts < 2) {
        dm_status s = read_part(r, a);
        dm_archive_close(a);
        return s;
    }
    dm_archive_close(a);
    for (int i = 0; i < r->parts; i++) m[i] = (handle){r, i};
    for (int i = 1; i < r->parts; i++) begun[i] = pthread_create(&id[i], NULL, read_handle, &m[i]) == 0;
    read_handle(&m[0]);
    dm_status s = r->status[0];
    for (int i = 1; i < r->parts; i++) {
        if (begun[i]) pthread_join(id[i], NULL);
        else read_handle(&m[i]);
        s = dm_worse(s, r->status[i]);
    }
    return s;
}

/* ---- order, and the same object twice ---- */

static int by_study(const void *a, const void *b) {
    const dm_image *x = *(dm_image *const *)a, *y = *(dm_image *const *)b;
    int c = strcmp(x->facts.study_uid, y->facts.study_uid);
    if (!c) c = strcmp(x->facts.series_uid, y->facts.series_uid);
    if (!c) c = strcmp(x->facts.sop_uid, y->facts.sop_uid);
    if (!c && x->number != y->number) c = x->number < y->number ? -1 : 1;
    return c ? c : (x->frame > y->frame) - (x->frame < y->frame);
}

/* Some anonymisers give every image one SOPInstanceUID: what lies elsewhere is another image all the same. */
static int is_elsewhere(const dm_instance *a, const dm_instance *b) {
    if (a->frames != 1 || b->frames != 1 || !a->has_position || !b->has_position) return 0;
    for (int i = 0; i < 3; i++)
        if (a->position[i] != b->position[i]) return 1;
    return 0;
}

/* Whole archives are often copied into one another: the first of equal SOPInstanceUIDs stays. */
static void drop_repeated(dm_heap *h) {
    int kept = 0;
    uint64_t last = 0;
    for (int i = 0; i < h->n; i++) {
        dm_image *m = h->image[i], *before = kept ? h->image[kept - 1] : NULL;
        if (before && m->facts.sop_uid[0] && m->number != before->number && !strcmp(m->facts.sop_uid, before->facts.sop_uid) &&
            !strcmp(m->facts.series_uid, before->facts.series_uid) && !strcmp(m->facts.study_uid, before->facts.study_uid) &&
            !is_elsewhere(&m->facts, &before->facts)) {
            h->repeated += m->number != last;
            last = m->number;
            release(h, m);
        } else {
            h->image[kept++] = m;
        }
    }
    h->n = kept;
}

static int by_place(const void *a, const void *b) {
    const dm_loose_volume *x = a, *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

/* The same file twice is one study. */
static void drop_repeated_volumes(dm_heap *h) {
    int kept = 0;
    for (int i = 0; i < h->n_volumes; i++) {
        int k = 0;
        while (k < kept && strcmp(h->volume[k].digest, h->volume[i].digest) != 0) k++;
        if (k < kept) {
            dm_scan_clear(&h->volume[i].scan);
            h->repeated++;
        } else {
            h->volume[kept++] = h->volume[i];
        }
    }
    h->n_volumes = kept;
}

dm_status dm_heap_read(const char *path, const dm_ingest_options *o, dm_heap *h, dm_ingested *out) {
    struct stat st;
    reading r = {.path = path, .o = o, .h = h, .digest = out->input_digest};
    h->store = o->store;
    r.is_folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    dm_dicom_start();
    pthread_mutex_init(&r.lock, NULL);
    dm_status s = read_source(&r);
    pthread_mutex_destroy(&r.lock);
    out->bytes_read = r.bytes;
    if (dm_good(s) && !r.is_folder && !out->input_digest[0]) s = dm_digest_file(path, out->input_digest);
    if (!dm_good(s)) return s;
    if (h->n_volumes) qsort(h->volume, (size_t)h->n_volumes, sizeof *h->volume, by_place);
    drop_repeated_volumes(h);
    if (!h->n) return s;
    qsort(h->image, (size_t)h->n, sizeof *h->image, by_study);
    drop_repeated(h);
    return dm_ok;
}

/* ---- what was dropped, read again ---- */

static int by_number(const void *a, const void *b) {
    const dm_image *x = *(dm_image *const *)a, *y = *(dm_image *const *)b;
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    return (x->frame > y->frame) - (x->frame < y->frame);
}

static dm_status reload_all(dm_archive *a, dm_heap *h, dm_image **wanted, int n) {
    int at = 0, more = 1;
    while (at < n) {
        dm_entry e;
        dm_dicom *d = NULL;
        DM_TRY(dm_archive_next(a, &e, &more));
        if (!more) return dm_fail(DM_STUDY, "damaged_archive", "the source changed while it was read; read it again");
        if (e.damaged || e.number != wanted[at]->number) continue;
        DM_TRY(dm_dicom_take(dm_archive_take(a), e.size, &d));
        dm_dicom **list = grow(h->object, h->n_objects, &h->object_room, sizeof *list);
        if (!list) {
            dm_dicom_free(d);
            return no_memory(h->n);
        }
        h->object = list;
        list[h->n_objects++] = d;
        for (; at < n && wanted[at]->number == e.number; at++) wanted[at]->dicom = d;
    }
    return dm_ok;
}

dm_status dm_heap_reload(const char *path, const dm_ingest_options *o, dm_heap *h, dm_image **images, int n) {
    dm_image **wanted = malloc((size_t)n * sizeof *wanted);
    dm_archive *a = NULL;
    int missing = 0;
    if (!wanted) return no_memory(n);
    for (int i = 0; i < n; i++)
        if (!images[i]->dicom && !images[i]->settled) wanted[missing++] = images[i];
    qsort(wanted, (size_t)missing, sizeof *wanted, by_number);
    const dm_archive_options one = options_of(o, 0, 1);
    dm_status s = missing ? dm_archive_open(path, &one, &a) : dm_ok;
    if (dm_good(s) && missing) s = reload_all(a, h, wanted, missing);
    dm_archive_close(a);
    free(wanted);
    return s;
}

void dm_heap_clear(dm_heap *h) {
    for (int i = 0; i < h->n; i++) release(h, h->image[i]);
    for (int i = 0; i < h->n_objects; i++) dm_dicom_free(h->object[i]);
    for (int i = 0; i < h->n_volumes; i++) dm_scan_clear(&h->volume[i].scan);
    free(h->volume);
    free(h->image);
    free(h->object);
    free(h->broken);
    *h = (dm_heap){0};
}
