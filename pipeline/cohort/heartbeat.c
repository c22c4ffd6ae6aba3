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

/* Files NAME<host>-<pid><end> of a folder, where no process of that number is left. */
static void clear_away(const char *folder, const char *host, const char *end) {
    DIR *d = opendir(folder);
    char mark[80];
    snprintf(mark, sizeof mark, "%s-", host);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[4400], *rest;
        const char *at = strstr(e->d_name, mark);
        if (!at) continue;
        long id = strtol(at + strlen(mark), &rest, 10);
        if (id <= 0 || strcmp(rest, end) != 0 || kill((pid_t)id, 0) == 0 || errno != ESRCH) continue;
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
    clear_away(folder, host, ".json");
    static const char *const written[] = {"records", "tables", "private", "private/mapping", "running"};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        snprintf(folder, sizeof folder, "%s/%s", out, written[i]);
        clear_away(folder, host, ".tmp"); /* dm_file_replace */
    }
    snprintf(h->path, sizeof h->path, "%.3900s/running/%.63s-%ld.json", out, host, (long)getpid());
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
