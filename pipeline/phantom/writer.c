/* A cohort of digital reference objects as archived DICOM, with the truth beside it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive.h"
#include "dicom.h"
#include "host.h"
#include "phantom.h"
#include "record.h"
#include "truth.h"

const char *const dm_phantom_kinds[] = {"none",        "ventral",           "no_contrast", "lateral_left",
                                        "diverticula", "lateral_right",     "dorsal",      "fistula",
                                        "c1c2",        "diverticulum_leak", "puncture",    "dorsal_trap",
                                        NULL};

static const char two_phase[] = "two_phase"; /* two series a study: only where it is asked for */

int dm_phantom_knows(const char *kind) {
    for (int i = 0; dm_phantom_kinds[i]; i++)
        if (strcmp(dm_phantom_kinds[i], kind) == 0) return 1;
    return strcmp(kind, two_phase) == 0;
}

/* What is written for one case. */
typedef struct job {
    int late;                   /* 1 = the second pass of a study */
    int number, patient, round; /* the same patient comes back for a second round now and then */
    const char *kind, *ending;
    dm_ph_protocol protocol;
    char name[16], archive[32], patient_id[24], patient_name[32], study_uid[72], series_uid[72], late_uid[72],
        frame_uid[72];
} job;

/* Every sixth case is a second round of the case before it, by the other protocol. */
static int patient_of(int number) {
    return number - (number + 1) / 6;
}

static int count_kinds(void) {
    int n = 0;
    while (dm_phantom_kinds[n]) n++;
    return n;
}

static dm_status choose_protocol(const dm_phantom_options *o, job *j) {
    if (o->host) { /* iodine is all that is painted */
        j->protocol = PH_CTM;
        return dm_ok;
    }
    int kinds = count_kinds(), mr = (j->patient + j->patient / kinds + j->round) % 2;
    if (o->protocol) {
        if (strcmp(o->protocol, "ctm") == 0)
            j->protocol = PH_CTM;
        else if (strcmp(o->protocol, "mrm") == 0)
            j->protocol = PH_MRM;
        else if (strcmp(o->protocol, "ct_plain") == 0)
            j->protocol = PH_PLAIN;
        else
            return dm_fail(DM_FATAL, "phantom_protocol",
                           "no phantom protocol is called '%s': ctm, mrm or ct_plain", o->protocol);
        return dm_ok;
    }
    j->protocol = mr ? PH_MRM : PH_CTM;
    if (strcmp(j->kind, "fistula") == 0 || strcmp(j->kind, two_phase) == 0)
        j->protocol = PH_CTM; /* a vein full of contrast is nothing that T2 shows */
    if (strcmp(j->kind, "no_contrast") == 0) j->protocol = j->round ? PH_CTM : PH_PLAIN;
    return dm_ok;
}

static void make_uid(dm_ph_rng *r, char out[72]) { /* 2.25.<number>: ISO/IEC 9834-8, here of 60 random bits */
    unsigned long long n = (unsigned long long)dm_ph_uniform(r, 0, 1152921504606846976.0);
    snprintf(out, 72, "2.25.%llu", n);
}

/* The kinds in turn; of a host those that its levels allow. */
static const char *turn_of(const dm_phantom_options *o, int patient) {
    int kinds = count_kinds(), allowed = 0;
    for (int i = 0; i < kinds; i++) allowed += !o->host || dm_ph_host_allows(o->host, dm_phantom_kinds[i]);
    int left = patient % allowed; /* "none" is always allowed */
    for (int i = 0; i < kinds; i++)
        if ((!o->host || dm_ph_host_allows(o->host, dm_phantom_kinds[i])) && left-- == 0)
            return dm_phantom_kinds[i];
    return dm_phantom_kinds[0];
}

/* A host is one patient a case: the same contrast is not painted twice. */
static void choose_patient(const dm_phantom_options *o, job *j) {
    j->patient = o->host ? j->number : patient_of(j->number);
    j->round = !o->host && j->number > 0 && patient_of(j->number - 1) == j->patient;
}

static dm_status plan_job(const dm_phantom_options *o, int number, job *j) {
    static const char *const endings[4] = {"zip", "tar", "tar.gz", "tar.zst"};
    memset(j, 0, sizeof *j);
    j->number = number;
    choose_patient(o, j);
    j->kind = o->kind ? o->kind : turn_of(o, j->patient);
    j->ending = endings[number % 4];
    DM_TRY(choose_protocol(o, j));
    snprintf(j->name, sizeof j->name, "c%04d", number);
    snprintf(j->archive, sizeof j->archive, "%s.%s", j->name, j->ending);
    snprintf(j->patient_id, sizeof j->patient_id, "PHANTOM%04d", j->patient);
    snprintf(j->patient_name, sizeof j->patient_name, "DOE^PHANTOM%04d", j->patient);
    dm_ph_rng r = dm_ph_stream(o->seed, number, "uids");
    make_uid(&r, j->study_uid);
    make_uid(&r, j->series_uid);
    make_uid(&r, j->frame_uid);
    make_uid(&r, j->late_uid);
    return dm_ok;
}

static const char *describe(const dm_anatomy *a) {
    dm_ph_protocol p = a->protocol;
    if (a->painted) return "CT MYELO SYNTHETIC PAINTED";
    return p == PH_MRM ? "T2 MYELO 3D" : (p == PH_PLAIN ? "CT SPINE PLAIN" : "CT MYELO");
}

typedef struct texts {
    char age[16], date[32], time[24], position[8], sop[96];
} texts;

static void fill_image(const job *j, const dm_anatomy *a, const dm_ph_scanner *sc, texts *t,
                       dm_dicom_image *im) {
    int mr = a->protocol == PH_MRM;
    snprintf(t->age, sizeof t->age, "%03dY", (int)a->age);
    snprintf(t->date, sizeof t->date, "2020%02d%02d", 1 + j->patient % 12, 3 + j->round * 14);
    snprintf(t->time, sizeof t->time, "%02d15%02d", 8 + j->number % 10, 40 * j->late);
    snprintf(t->position, sizeof t->position, "%s%s", sc->feet_first ? "FF" : "HF", sc->prone ? "P" : "S");
    *im = (dm_dicom_image){.modality = mr ? "MR" : "CT",
                           .study_uid = j->study_uid,
                           .series_uid = j->series_uid,
                           .frame_uid = j->frame_uid,
                           .sop_uid = t->sop,
                           .patient_name = j->patient_name,
                           .patient_id = j->patient_id,
                           .patient_sex = a->female ? "F" : "M",
                           .patient_age = t->age,
                           .study_description =
                               a->painted ? "SYNTHETIC CONTRAST IN A REAL CT" : "DIGITAL PHANTOM SPINE",
                           .series_description = describe(a),
                           .protocol_name = describe(a),
                           .date = t->date,
                           .time = t->time,
                           .patient_position = t->position,
                           .kernel = mr || a->painted ? "" : (sc->sharp ? "B60s" : "B30s"),
                           .image_type = a->painted ? "DERIVED\\SECONDARY\\AXIAL"
                                         : mr       ? "ORIGINAL\\PRIMARY\\M"
                                                    : "ORIGINAL\\PRIMARY\\AXIAL",
                           .series_number = 2 + j->late,
                           .rows = sc->args.ny,
                           .columns = sc->args.nx,
                           .slice_thickness = sc->slice,
                           .kvp = mr || isnan(sc->kvp) ? 0.0 : sc->kvp,
                           .slope = 1.0};
    for (int c = 0; c < 3; c++) {
        double step[3];
        dm_affine_spacing(&sc->to_lps, step);
        im->orientation[c] = sc->to_lps.m[c][0] / step[0];
        im->orientation[3 + c] = sc->to_lps.m[c][1] / step[1];
        im->spacing[0] = step[1];
        im->spacing[1] = step[0];
    }
    im->coding = j->number % 7 == 4 ? DM_DICOM_RLE : (j->number % 7 == 6 ? DM_DICOM_JPEG_LS : DM_DICOM_PLAIN);
}

/* CT is stored with an intercept of -1024 in every other case, as many scanners do. */
static void store_offset(dm_dicom_image *im, int16_t *plane, size_t n) {
    if (im->intercept == 0.0) return;
    for (size_t i = 0; i < n; i++) plane[i] = (int16_t)(plane[i] - (int)im->intercept);
}

static dm_status write_slices(const job *j, const dm_anatomy *a, const dm_ph_scanner *sc, int16_t *v,
                              dm_archive_writer *w) {
    texts t;
    dm_dicom_image im;
    size_t plane = (size_t)sc->args.nx * (size_t)sc->args.ny;
    fill_image(j, a, sc, &t, &im);
    if (a->protocol != PH_MRM && j->number % 2) im.intercept = -1024.0;
    for (int i = 0; i < sc->args.nz; i++) {
        int k = j->number % 3 == 1 ? sc->args.nz - 1 - i
                                   : i; /* files do not always come in the order of slices */
        char name[48];
        unsigned char *bytes = NULL;
        size_t size = 0;
        const double at[3] = {0, 0, k};
        dm_affine_apply(&sc->to_lps, at, im.position);
        snprintf(t.sop, sizeof t.sop, "%s.%d", j->series_uid, k + 1);
        snprintf(name, sizeof name, "%s/%s%04d.dcm", j->name, j->late ? "LATE" : "IM", i + 1);
        im.instance_number = k + 1;
        im.pixels = v + plane * (size_t)k;
        store_offset(&im, v + plane * (size_t)k, plane);
        DM_TRY(dm_dicom_write(&im, &bytes, &size));
        dm_status s = dm_archive_add(w, name, bytes, size);
        free(bytes);
        DM_TRY(s);
    }
    return dm_ok;
}

static void write_reference(FILE *f, const job *j, const dm_anatomy *a, const dm_ph_scanner *sc) {
    const char *source = a->painted ? "synthetic_painted" : "phantom";
    if (!a->n_leaks) fprintf(f, "%s,%s,%s,none,,,,,\n", j->archive, j->patient_id, source);
    for (int i = 0; i < a->n_leaks; i++) {
        const dm_ph_leak *k = &a->leak[i];
        double p[3];
        dm_ph_to_patient(sc, k->p, p);
        int by_root = k->side[0] == 'l' || k->side[0] == 'r';
        fprintf(f, "%s,%s,%s,%s,%s,%s,%.2f,%.2f,%.2f\n", j->archive, j->patient_id, source, k->class_,
                by_root ? k->level_root : k->level_disc, k->side, p[0], p[1], p[2]);
    }
}

static dm_status make_case(const dm_phantom_options *o, const job *j, int early, dm_anatomy *a,
                           dm_ph_scanner *sc) {
    if (o->host) {
        DM_TRY(dm_ph_host_anatomy(o->host, o->seed, j->number, j->kind, a));
        dm_ph_host_scanner(o->host, a, sc);
        return dm_ok;
    }
    if (early)
        DM_TRY(dm_anatomy_make_early(o->seed, j->patient, j->kind, j->protocol, a));
    else
        DM_TRY(dm_anatomy_make(o->seed, j->patient, j->kind, j->protocol, a));
    a->scan = j->number;
    dm_ph_make_scanner(a, o->full, sc);
    return dm_ok;
}

/* Renders (or paints) one series into an open archive. */
static dm_status one_series(dm_gpu *gpu, const dm_phantom_options *o, const job *j, const dm_anatomy *a,
                            const dm_ph_scanner *sc, dm_archive_writer *w) {
    size_t n = (size_t)sc->args.nx * (size_t)sc->args.ny * (size_t)sc->args.nz;
    int16_t *v = malloc(n * sizeof *v);
    if (!v) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a phantom of %zu voxels", n);
    dm_status s = o->host ? dm_ph_paint(o->host, sc, a, v) : dm_ph_render(gpu, sc, a, v);
    if (dm_good(s)) s = write_slices(j, a, sc, v, w);
    free(v);
    return s;
}

/* The first pass of a study with two; the case itself is then its second. */
static dm_status first_pass(dm_gpu *gpu, const dm_phantom_options *o, job *j, dm_anatomy *a,
                            dm_archive_writer *w) {
    dm_ph_scanner sc;
    dm_status s = make_case(o, j, 1, a, &sc);
    if (dm_good(s)) s = one_series(gpu, o, j, a, &sc, w);
    dm_anatomy_clear(a);
    j->late = 1;
    snprintf(j->series_uid, sizeof j->series_uid, "%s", j->late_uid);
    return s;
}

/* Writes one case; adds it to the open truth and reference. */
static dm_status one_case(dm_gpu *gpu, const dm_phantom_options *o, job *j, dm_anatomy *a, FILE *truth,
                          FILE *reference) {
    char path[1200];
    dm_ph_scanner sc;
    dm_archive_writer *w = NULL;
    snprintf(path, sizeof path, "%s/%s", o->out, j->archive);
    DM_TRY(dm_archive_create(path, &w));
    dm_status s = strcmp(j->kind, two_phase) == 0 ? first_pass(gpu, o, j, a, w) : dm_ok;
    if (dm_good(s)) s = make_case(o, j, 0, a, &sc);
    if (dm_good(s)) s = one_series(gpu, o, j, a, &sc, w);
    s = dm_worse(s, dm_archive_finish(w));
    if (!dm_good(s)) return s;
    fputs(j->number ? ",\n" : "", truth);
    dm_ph_write_truth(truth, a, &sc, j->name, j->archive, j->patient_id);
    write_reference(reference, j, a, &sc);
    return dm_ok;
}

static dm_status all_cases(dm_gpu *gpu, const dm_phantom_options *o, FILE *truth, FILE *reference) {
    dm_anatomy *a = calloc(1, sizeof *a);
    if (!a) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a phantom");
    dm_status s = dm_ok;
    for (int i = 0; i < o->cases && dm_good(s); i++) {
        job j;
        s = plan_job(o, i, &j);
        if (dm_good(s)) s = one_case(gpu, o, &j, a, truth, reference);
        dm_anatomy_clear(a);
    }
    free(a);
    return s;
}

static const char drawn_note[] = "SYNTHETIC: digital reference objects, drawn by duramap phantom. No patient "
                                 "was scanned. The archives hold what a\n"
                                 "scanner would give, truth.json what was drawn, reference.csv the leaks as "
                                 "a reference for duramap compare.\n";
static const char painted_note[] =
    "SYNTHETIC: contrast, leaks, outpouchings and veins were painted by duramap phantom --host into a real "
    "CT without\n"
    "contrast. Bone, soft tissue, noise and blur are the scan's; everything bright in the canal, and every "
    "finding, is\n"
    "painted. truth.json holds what was painted; its line and names of levels are those of the program's own "
    "frame of\n"
    "the scan without contrast, its bone the edge in the scan's voxels: no reader's. The archives hold voxels of a patient: what may be done "
    "with the host\n"
    "may be done with them, and no more. No diagnosis and no study of patients may be built on them.\n";

static dm_status keep(const dm_phantom_options *o, const char *name, const char *text, size_t size) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", o->out, name);
    return dm_file_replace(path, text, size, 0666);
}

dm_status dm_phantom_make(dm_gpu *gpu, const dm_phantom_options *o) {
    char *text[2] = {NULL, NULL};
    size_t size[2] = {0, 0};
    DM_TRY(dm_folder_make(o->out, 0777));
    dm_dicom_start();
    FILE *truth = open_memstream(&text[0], &size[0]), *reference = open_memstream(&text[1], &size[1]);
    dm_status s = dm_fail(DM_FATAL, "out_of_memory", "no memory for the phantoms' truth");
    if (truth && reference) {
        fputs("{\"cases\":[\n", truth);
        fputs("archive,patient_id,source,class,level,side,x_mm,y_mm,z_mm\n", reference);
        s = all_cases(gpu, o, truth, reference);
        fputs("\n]}\n", truth);
    }
    if (truth) fclose(truth);
    if (reference) fclose(reference);
    if (dm_good(s)) s = keep(o, "truth.json", text[0], size[0]);
    if (dm_good(s)) s = keep(o, "reference.csv", text[1], size[1]);
    const char *note = o->host ? painted_note : drawn_note;
    if (dm_good(s)) s = keep(o, "README.txt", note, strlen(note));
    free(text[0]);
    free(text[1]);
    return s;
}
