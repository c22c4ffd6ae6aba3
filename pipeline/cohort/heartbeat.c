#include "heartbeat.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "record.h"

static double wall_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec;
}

static void clear_away(const char *folder, const char *host) {
    DIR *d = opendir(folder);
    size_t n = strlen(host);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[4400], *end;
        if (strncmp(e->d_name, host, n) != 0 || e->d_name[n] != '-') continue;
        long id = strtol(e->d_name + n + 1, &end, 10);
        if (id <= 0 || strcmp(end, ".json") != 0 || kill((pid_t)id, 0) == 0 || errno != ESRCH) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d) closedir(d);
}

void dm_heartbeat_start(dm_heartbeat *h, const char *out, const char *host, const char *shard) {
    char folder[4000];
    *h = (dm_heartbeat){.shard = shard ? shard : "", .started = wall_clock()};
    snprintf(h->host, sizeof h->host, "%s", host);
    snprintf(folder, sizeof folder, "%s/running", out);
    (void)dm_folder_make(folder, 0755);
    clear_away(folder, host);
    snprintf(h->path, sizeof h->path, "%.3900s/%.63s-%ld.json", folder, host, (long)getpid());
}

void dm_heartbeat_beat(dm_heartbeat *h, const dm_run_result *r, int left, double study_seconds) {
    cJSON *j = cJSON_CreateObject();
    h->last = dm_now();
    cJSON_AddStringToObject(j, "host", h->host);
    cJSON_AddNumberToObject(j, "pid", (double)getpid());
    cJSON_AddStringToObject(j, "shard", h->shard);
    cJSON_AddNumberToObject(j, "started", h->started);
    cJSON_AddNumberToObject(j, "beat", wall_clock());
    cJSON_AddNumberToObject(j, "done", r->done);
    cJSON_AddNumberToObject(j, "failed", r->failed);
    cJSON_AddNumberToObject(j, "skipped", r->skipped);
    cJSON_AddNumberToObject(j, "left", left);
    cJSON_AddNumberToObject(j, "study_seconds", (double)(long)study_seconds);
    char *text = cJSON_PrintUnformatted(j);
    if (text) (void)dm_file_replace(h->path, text, strlen(text), 0644);
    cJSON_free(text);
    cJSON_Delete(j);
}

int dm_heartbeat_due(const dm_heartbeat *h) {
    const double every = 10;
    return dm_now() - h->last >= every;
}

void dm_heartbeat_stop(const dm_heartbeat *h) {
    unlink(h->path);
}
