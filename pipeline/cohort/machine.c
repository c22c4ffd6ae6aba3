/* sched_getaffinity is Linux's own. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include "machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double dm_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int dm_machine_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more than 1024 of them */
    return n > 0 ? (int)n : 1;
}

/* The number after "key" in a file of lines "key number ..."; 0 when there is none. */
static uint64_t number_after(const char *path, const char *key) {
    char line[256];
    uint64_t number = 0;
    size_t n = strlen(key);
    FILE *f = fopen(path, "r");
    while (f && !number && fgets(line, sizeof line, f))
        if (!strncmp(line, key, n)) number = strtoull(line + n, NULL, 10);
    if (f) fclose(f);
    return number;
}

uint64_t dm_process_bytes(pid_t process) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/status", (long)process);
    return number_after(path, "RssAnon:") << 10;
}

/* The number in a file; UINT64_MAX when there is none ("max"). */
static uint64_t number_in(const char *folder, const char *name) {
    char path[4200], text[32] = "", *end;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (f && !fgets(text, sizeof text, f)) text[0] = 0;
    if (f) fclose(f);
    uint64_t n = strtoull(text, &end, 10);
    return end == text ? UINT64_MAX : n;
}

/* Names of one version of control groups. */
typedef struct group_names {
    const char *root, *limit, *used, *cache; /* cache: pages of files that are given back when memory is short */
} group_names;

static uint64_t left_in(const char *folder, const group_names *n) {
    char path[4200];
    uint64_t most = number_in(folder, n->limit), used = number_in(folder, n->used);
    if (most == UINT64_MAX || used == UINT64_MAX) return UINT64_MAX;
    snprintf(path, sizeof path, "%s/memory.stat", folder);
    uint64_t cache = number_after(path, n->cache);
    used = used > cache ? used - cache : 0;
    return most > used ? most - used : 0;
}

/* What the group and those above it leave. */
static uint64_t left_in_groups(const group_names *n, const char *group) {
    char folder[4096];
    uint64_t least = UINT64_MAX;
    if (snprintf(folder, sizeof folder, "%s%s", n->root, group) >= (int)sizeof folder) return least;
    while (strlen(folder) >= strlen(n->root)) {
        uint64_t left = left_in(folder, n);
        if (left < least) least = left;
        *strrchr(folder, '/') = 0;
    }
    return least;
}

/* /proc/self/cgroup: a line "number:controllers:path" for each hierarchy. */
static uint64_t left_by_groups(void) {
    static const group_names v1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "},
                             v2 = {"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "};
    char line[4096];
    uint64_t least = UINT64_MAX;
    FILE *f = fopen("/proc/self/cgroup", "r");
    while (f && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path) continue;
        *path++ = 0;
        uint64_t left = UINT64_MAX;
        if (!strcmp(controllers, ":")) left = left_in_groups(&v2, path);
        else if (strstr(controllers, "memory")) left = left_in_groups(&v1, path);
        if (left < least) least = left;
    }
    if (f) fclose(f);
    return least;
}

uint64_t dm_machine_memory(void) {
    uint64_t bytes = number_after("/proc/meminfo", "MemAvailable:") << 10, groups = left_by_groups();
    const char *job = getenv("SLURM_MEM_PER_NODE"); /* MB */
    uint64_t batch = job ? strtoull(job, NULL, 10) << 20 : 0;
    if (groups < bytes) bytes = groups;
    if (batch && batch < bytes) bytes = batch;
    return bytes / 5 * 4;
}
