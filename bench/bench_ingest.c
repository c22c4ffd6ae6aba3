/* bench_ingest [SLICES] [FOLDER]
 * Makes an archived CT study of SLICES x 512 x 512 (default 200) in several containers in FOLDER (default: a temporary one), and
 * reads it by this program's reader and by the tools that people use for it, all in one run: processor seconds of all processes,
 * the least of five rounds, and ratios. A tool that is not there is said to be missing. See README.md. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "archive.h"
#include "dicom.h"
#include "options.h"
#include "reader.h"

enum { EDGE = 512, ROUNDS = 5 };

typedef struct cost {
    double cpu, wall, peak_mb; /* NaN = did not run */
} cost;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the study: a body with smooth tissue and noise that neighbours share, air with noise round it ---- */

static uint32_t dice(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 40);
}

static void draw(int k, int16_t *pixels) {
    uint64_t state = 77u + (unsigned)k;
    double before = 0;
    for (int j = 0; j < EDGE; j++)
        for (int i = 0; i < EDGE; i++) {
            double x = (i - 256) / 200.0, y = (j - 256) / 140.0, r = x * x + y * y;
            double noise = ((double)(dice(&state) % 2001) + (double)(dice(&state) % 2001) - 2000) / 40;
            before = 0.6 * before + 0.8 * noise;
            double v = r > 1 ? -1000 : r > 0.9 ? -100 : 40 + 30 * sin(x * 9 + k * 0.05) * cos(y * 7);
            if (fabs(x) < 0.12 && fabs(y - 0.5) < 0.15) v = 600;
            pixels[j * EDGE + i] = (int16_t)fmax(v + before * (r > 1 ? 0.3 : 1), -1024);
        }
}

static dm_status write_study(const char *path, int slices, dm_dicom_coding coding) {
    static int16_t pixels[EDGE * EDGE];
    dm_archive_writer *w;
    DM_TRY(dm_archive_create(path, &w));
    dm_status s = dm_ok;
    for (int k = 0; k < slices && dm_good(s); k++) {
        char sop[40], name[40];
        unsigned char *bytes = NULL;
        size_t size = 0;
        draw(k, pixels);
        snprintf(sop, sizeof sop, "2.25.76.%d", k + 1);
        snprintf(name, sizeof name, "study/IM%04d.dcm", k + 1);
        const dm_dicom_image m = {.modality = "CT", .study_uid = "2.25.75", .series_uid = "2.25.76", .frame_uid = "2.25.78",
                                  .sop_uid = sop, .patient_name = "BENCH", .patient_id = "BENCH", .patient_sex = "O",
                                  .patient_age = "050Y", .study_description = "SPINE", .series_description = "CT MYELO",
                                  .protocol_name = "P", .date = "20240131", .time = "101530", .patient_position = "HFS",
                                  .kernel = "B30s", .image_type = "ORIGINAL\\PRIMARY\\AXIAL", .series_number = 1,
                                  .instance_number = k + 1, .rows = EDGE, .columns = EDGE, .position = {-100, -100, -k * 0.6},
                                  .orientation = {1, 0, 0, 0, 1, 0}, .spacing = {0.4, 0.4}, .slice_thickness = 0.6, .kvp = 120,
                                  .slope = 1, .pixels = pixels, .coding = coding};
        s = dm_dicom_write(&m, &bytes, &size);
        if (dm_good(s)) s = dm_archive_add(w, name, bytes, size);
        free(bytes);
    }
    return dm_worse(s, dm_archive_finish(w));
}

/* ---- what one way of reading costs ---- */

static double seconds_of(struct timeval t) {
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

/* Runs `work` in a child; its processes and theirs are counted. Keeps the least; NaN when it does not end well. */
static void measure(int (*work)(const char *what, const char *path), const char *what, const char *path, cost *least) {
    double from = now();
    struct rusage u;
    int status = 1;
    fflush(stdout);
    pid_t id = fork();
    if (id == 0) _exit(work(what, path));
    if (id < 0 || wait4(id, &status, 0, &u) != id || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return;
    double cpu = seconds_of(u.ru_utime) + seconds_of(u.ru_stime), wall = now() - from;
    if (!(least->cpu <= cpu)) *least = (cost){cpu, wall, (double)u.ru_maxrss / 1024};
}

static int by_shell(const char *command, const char *path) {
    return execl("/bin/sh", "sh", "-c", command, "sh", path, (char *)NULL);
}

static const char *program; /* of the reader */

/* The reader as a run uses it: a process, a sandbox, volumes in shared memory. */
static int by_reader(const char *what, const char *path) {
    const dm_key key = {{1}};
    dm_protocols protocols;
    dm_ingested in;
    dm_reader *r;
    (void)what;
    if (!dm_good(dm_protocols_load(NULL, &protocols))) return 1;
    const dm_reader_options o = {.program = program, .protocols = &protocols, .key = &key, .limits = dm_archive_defaults,
                                 .threads = 2, .memory = 8ull << 30};
    dm_status s = dm_reader_start(&o, path, "", &r);
    if (dm_good(s)) s = dm_reader_finish(r, &in);
    int good = dm_good(s) && in.n == 1 && in.study[0].study.n_passes == 1;
    if (!good) fprintf(stderr, "bench_ingest: %s: %s\n", s.code, s.text);
    return !good;
}

static const struct {
    const char *item, *command, *file;
} peers[] = {
    {"unzip_dcm2niix", "d=$(mktemp -d) && unzip -q \"$1\" -d $d && dcm2niix -z n -o $d $d/study >/dev/null; e=$?; rm -rf $d; exit $e", "zip"},
    {"unzip_p", "unzip -p \"$1\" >/dev/null", "zip"},
    {"bsdtar_zip", "bsdtar -xOf \"$1\" >/dev/null", "zip"},
    {"pydicom_zip",
     "python3 -c 'import sys,io,zipfile,pydicom\nz=zipfile.ZipFile(sys.argv[1])\nfor n in z.namelist(): "
     "pydicom.dcmread(io.BytesIO(z.read(n))).pixel_array' \"$1\"",
     "zip"},
    {"zstd_dc", "zstd -dqc \"$1\" | cat >/dev/null", "tar.zst"},
    {"gzip_dc", "gzip -dc \"$1\" >/dev/null", "tar.gz"},
};
static const char *const files[] = {"zip", "tar", "tar.gz", "tar.zst", "ls.zip", "rle.zip"};
enum { FILES = sizeof files / sizeof *files, PEERS = sizeof peers / sizeof *peers };

static void print(const char *item, const char *file, cost c) {
    if (isnan(c.cpu)) {
        printf("%s,%s,,,,missing or failed\n", item, file);
        return;
    }
    printf("%s,%s,%.3f,%.3f,%.0f,\n", item, file, c.cpu, c.wall, c.peak_mb);
}

static void ratio(const char *name, double ours, double theirs, double reach) {
    if (isnan(ours / theirs)) printf("ratio,%s,,,,not known\n", name);
    else printf("ratio,%s,%.3f,,,reach %.2f: %s\n", name, ours / theirs, reach, ours / theirs <= reach ? "met" : "missed");
}

static int make_files(const char *folder, int slices) {
    char path[1200];
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/bench.%s", folder, files[i]);
        dm_status s = write_study(path, slices, i == 4 ? DM_DICOM_JPEG_LS : i == 5 ? DM_DICOM_RLE : DM_DICOM_PLAIN);
        if (dm_good(s)) continue;
        fprintf(stderr, "bench_ingest: %s\n", s.text);
        return 0;
    }
    return 1;
}

/* Round by round, so that other work on the machine meets all of them alike. */
static void measure_all(const char *folder, cost ours[FILES], cost theirs[PEERS]) {
    char path[1200];
    for (int i = 0; i < FILES; i++) ours[i] = (cost){NAN, NAN, NAN};
    for (int i = 0; i < PEERS; i++) theirs[i] = (cost){NAN, NAN, NAN};
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < FILES; i++) {
            snprintf(path, sizeof path, "%s/bench.%s", folder, files[i]);
            measure(by_reader, "", path, &ours[i]);
        }
        for (int i = 0; i < PEERS; i++) {
            snprintf(path, sizeof path, "%s/bench.%s", folder, peers[i].file);
            measure(by_shell, peers[i].command, path, &theirs[i]);
        }
    }
}

static int bench(const char *folder, int slices) {
    cost ours[FILES], theirs[PEERS];
    char path[1200];
    if (!make_files(folder, slices)) return 1;
    measure_all(folder, ours, theirs);
    printf("item,file,cpu_seconds,wall_seconds,peak_mb,note\n");
    for (int i = 0; i < FILES; i++) print("duramap", files[i], ours[i]);
    for (int i = 0; i < PEERS; i++) print(peers[i].item, peers[i].file, theirs[i]);
    ratio("zip against unzip + dcm2niix", ours[0].cpu, theirs[0].cpu, 0.45);
    ratio("zip against bsdtar -xO", ours[0].cpu, theirs[2].cpu, 1.5);
    ratio("zip against pydicom", ours[0].cpu, theirs[3].cpu, 1);
    ratio("tar.zst against zstd -dc | cat", ours[3].cpu, theirs[4].cpu, 1.5);
    ratio("tar.gz against gzip -dc", ours[2].cpu, theirs[5].cpu, 1);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/bench.%s", folder, files[i]);
        unlink(path);
    }
    return 0;
}

static const char help[] =
    "usage: bench_ingest [SLICES] [FOLDER]\n"
    "An archived CT study of SLICES x 512 x 512 (200) in several containers, read by this program and by the tools that people use.\n"
    "\n"
    "example:\n"
    "  bench_ingest 200 /tmp/ingest\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    static char self[1000], temporary[] = "/tmp/duramap-bench-XXXXXX";
    int slices = argc > 1 ? atoi(argv[1]) : 200;
    if (slices < 3 || slices > 5000) {
        fputs(help, stderr);
        return 1;
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 20);
    char *slash = n > 0 ? strrchr(self, '/') : NULL;
    if (!slash) return 1;
    snprintf(slash + 1, sizeof self - (size_t)(slash + 1 - self), "duramap");
    program = self;
    const char *folder = argc > 2 ? argv[2] : mkdtemp(temporary);
    if (!folder || (mkdir(folder, 0755) != 0 && errno != EEXIST)) return 1;
    int code = bench(folder, slices);
    if (argc < 3) rmdir(folder);
    return code;
}
