/* Time and memory of duramap compare on made-up tables:  build/bench_compare [STUDIES] [DIR]
 * Three protocols, a patient has one to three studies, six of ten have a leak. The tables have no clinical
 * meaning. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "bootstrap.h"
#include "compare.h"
#include "level.h"
#include "options.h"
#include "record.h"

enum { VERTEBRAE = 24, PROTOCOLS = 3, CANDIDATES = 8 };
static const char *const protocols[PROTOCOLS] = {"ct_plain", "ctm", "mrm_t2"};
static const double sensitivity[PROTOCOLS] = {0.45, 0.85, 0.7};

typedef struct tables {
    FILE *studies, *findings, *levels, *reference;
    uint32_t study, count;
} tables;

static double uniform(tables *t) {
    uint32_t out[4];
    dm_philox((uint32_t[4]){t->count++, t->study, 0, 0}, (uint32_t[2]){20, 26}, out);
    return ((double)out[0] + 0.5) / 4294967296.0;
}

static int vertebra(int i) {
    return DM_C1 + i + (DM_C1 + i >= DM_T13);
}

static void disc(int i, char out[16]) {
    dm_disc_name(vertebra(i), vertebra(i + 1), out, 16);
}

static void put_candidates(tables *t, const char *id, int found, int at, double s) {
    char name[16];
    int n = (int)(uniform(t) * CANDIDATES);
    if (found) {
        disc(at, name);
        fprintf(t->findings, "%s,1,ventral_tear,%.3f,1,%s,%s,ventral,%.1f,\n", id, 1 + uniform(t), name,
                dm_level_name(vertebra(at)), s);
    }
    for (int k = 0; k < n; k++) {
        int where = (int)(uniform(t) * (VERTEBRAE - 1));
        disc(where, name);
        fprintf(t->findings, "%s,%d,ventral_tear,%.3f,0,%s,%s,ventral,%.1f,\n", id, k + 2, uniform(t), name,
                dm_level_name(vertebra(where)), 20 + 20.0 * where + 10 * uniform(t));
    }
}

static void put_study(tables *t, int patient, int round, int protocol, int sick, int at) {
    char id[24], name[16] = "";
    t->count = 0;
    snprintf(id, sizeof id, "study%06u", t->study);
    double s = 20 + 20.0 * at, off = 12 * (uniform(t) - 0.5);
    int told = uniform(t) > 0.05, found = told && uniform(t) < (sick ? sensitivity[protocol] : 0.1);
    if (found) disc(at, name);
    fprintf(t->studies, "%s,p%06d,%d,%s,ok,%s,%.3f,%s,%s,%s,", id, patient, round, protocols[protocol],
            !told   ? "indeterminate"
            : found ? "leak"
                    : "no_leak",
            uniform(t), found ? "ventral_tear" : "", name, found ? "ventral" : "");
    if (found) fprintf(t->studies, "%.1f", s + off);
    fprintf(t->studies, ",%d,%d,%s,%d0-%d4,maker%d\n", 8, sick && uniform(t) < 0.5, patient % 3 ? "F" : "M",
            2 + patient % 6, 2 + patient % 6, patient % 4);
    put_candidates(t, id, found, at, s + off);
    for (int i = 0; i < VERTEBRAE; i++)
        fprintf(t->levels, "%s,%s,0,0,%d,%d\n", id, dm_level_name(vertebra(i)), -20 * i, 10 + 20 * i);
    disc(at, name);
    if (sick)
        fprintf(t->reference, "%s,surgery,ventral_tear,%s,ventral,0,0,%.1f\n", id, name, 10 - s);
    else
        fprintf(t->reference, "%s,consensus,none,,,,,\n", id);
    t->study++;
}

static FILE *open_table(const char *folder, const char *name, const char *header) {
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (f) fprintf(f, "%s\n", header);
    return f;
}

/* 1 when the tables are written. */
static int make_tables(const char *folder, unsigned studies) {
    char sub[1200];
    snprintf(sub, sizeof sub, "%s/tables", folder);
    if (!dm_good(dm_folder_make(sub, 0755))) return 0;
    tables t = {
        .studies = open_table(sub, "studies.csv",
                              "study_id,patient_id,round,protocol,status,answer,score,class,level,side,s_mm,"
                              "interval_mm,slec,sex,age_band,scanner_maker"),
        .findings =
            open_table(sub, "findings.csv",
                       "study_id,finding,class,score,accepted,level_disc,level_root,side,s_mm,false_sign"),
        .levels = open_table(sub, "levels.csv", "study_id,level,x_mm,y_mm,z_mm,s_mm"),
        .reference = open_table(folder, "reference.csv", "study_id,source,class,level,side,x_mm,y_mm,z_mm")};
    int good = t.studies && t.findings && t.levels && t.reference;
    for (int patient = 0; good && t.study < studies; patient++) {
        int rounds = 1 + (int)(uniform(&t) * 3), sick = uniform(&t) < 0.6,
            at = (int)(uniform(&t) * (VERTEBRAE - 1));
        for (int r = 0; r < rounds && t.study < studies; r++)
            put_study(&t, patient, r + 1, (patient + r) % PROTOCOLS, sick, at);
    }
    FILE *const all[] = {t.studies, t.findings, t.levels, t.reference};
    for (int i = 0; i < 4; i++)
        if (all[i]) good &= fclose(all[i]) == 0;
    return good;
}

static double seconds(clockid_t clock) {
    struct timespec at;
    clock_gettime(clock, &at);
    return (double)at.tv_sec + (double)at.tv_nsec * 1e-9;
}

static const char help[] =
    "usage: bench_compare [STUDIES] [DIR]\n"
    "Time and memory of duramap compare on made-up tables of STUDIES (10000) in DIR (bench_compare-out), which must be writable.\n"
    "\n"
    "example:\n"
    "  bench_compare 10000 /tmp/compare\n";

int main(int argc, char **argv) {
    if (bench_help(argc, argv, help)) return 0;
    int studies = argc > 1 ? atoi(argv[1]) : 10000, read = 0; /* NOLINT(cert-err34-c): 0 is refused below */
    const char *folder = argc > 2 ? argv[2] : "bench_compare-out";
    char reference[1200];
    snprintf(reference, sizeof reference, "%s/reference.csv", folder);
    if (studies < 1 || !make_tables(folder, (unsigned)studies)) {
        fputs(help, stderr);
        return 1;
    }
    const dm_compare_options o = {.out = folder,
                                  .reference = reference,
                                  .version = "bench",
                                  .sheath_cut_mm = NAN,
                                  .seed = 1,
                                  .draws = 2000};
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    dm_status s = dm_compare(&o, stderr, &read);
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    if (!dm_good(s)) {
        fprintf(stderr, "%s: %s\n", s.code, s.text);
        return 2;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("studies,draws,seconds,cpu_seconds,peak_mib\n%d,%d,%.2f,%.2f,%ld\n", read, o.draws, wall, cpu,
           usage.ru_maxrss / 1024);
    return 0;
}
