#include "running.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

static int is_heartbeat(const struct dirent *d) {
    size_t n = strlen(d->d_name);
    return n > 5 && d->d_name[0] != '.' && !strcmp(d->d_name + n - 5, ".json");
}

static double number_of(const cJSON *beat, const char *key) {
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(beat, key);
    return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

static void take(const cJSON *beat, const char *file, double now, dm_running *r) {
    double at = number_of(beat, "beat"), age = now - at;
    *r = (dm_running){.age = age > 0 ? age : 0, /* clocks of nodes differ by a little */
                      .seconds = at - number_of(beat, "started"),
                      .study_seconds = number_of(beat, "study_seconds"),
                      .done = (int)number_of(beat, "done"),
                      .failed = (int)number_of(beat, "failed"),
                      .skipped = (int)number_of(beat, "skipped"),
                      .left = (int)number_of(beat, "left")};
    snprintf(r->name, sizeof r->name, "%.*s", (int)(strlen(file) - 5), file);
    snprintf(r->shard, sizeof r->shard, "%s", dm_record_text(beat, "shard"));
}

dm_status dm_running_read(const char *out, double now, dm_running **list, int *n) {
    char path[4096];
    struct dirent **names;
    *list = NULL;
    *n = 0;
    snprintf(path, sizeof path, "%s/running", out);
    int found = scandir(path, &names, is_heartbeat, alphasort);
    if (found < 0) return dm_ok;
    *list = calloc((size_t)found + 1, sizeof **list);
    for (int i = 0; i < found; i++) {
        cJSON *beat = NULL;
        snprintf(path, sizeof path, "%s/running/%s", out, names[i]->d_name);
        /* One that has just ended is gone: no error. */
        if (*list && dm_good(dm_record_read(path, &beat))) take(beat, names[i]->d_name, now, &(*list)[(*n)++]);
        cJSON_Delete(beat);
        free(names[i]);
    }
    free(names);
    return *list ? dm_ok : dm_fail(DM_FATAL, "out_of_memory", "no memory for %d heartbeats", found);
}
