/* The plan as a file. */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pseudonym.h"
#include "record.h"

double dm_plan_seconds(uint64_t bytes) {
    /* Small CT and MR phantoms of 6 to 10 MB: 3.0 s; a CT of 512 x 512 x 600 in a zip of 163 MB: 10.8 s. */
    static const double each = 3.0, per_byte = 48e-9;
    return each + per_byte * (double)bytes;
}

void dm_plan_path(const char *out, int number, char path[4096]) {
    snprintf(path, 4096, "%s/private/plan-%d.jsonl", out, number);
}

int dm_plan_newest(const char *out) {
    char path[4096];
    int number = 0;
    do {
        dm_plan_path(out, number + 1, path);
        if (access(path, F_OK) != 0) return number;
        number++;
    } while (number < 1000000);
    return number;
}

/* Sources stand in bytewise order. */
int dm_plan_find(const dm_plan *plan, const char *path) {
    int low = 0, high = plan->n - 1;
    while (low <= high) {
        int middle = low + (high - low) / 2, order = strcmp(path, plan->source[middle].path);
        if (!order) return middle;
        if (order < 0) high = middle - 1;
        else low = middle + 1;
    }
    return -1;
}

/* ---- writing ---- */

static int put_line(FILE *f, cJSON *line) {
    char *text = line ? cJSON_PrintUnformatted(line) : NULL;
    if (text) fprintf(f, "%s\n", text);
    cJSON_free(text);
    cJSON_Delete(line);
    return text != NULL;
}

cJSON *dm_plan_line(const dm_planned *p) {
    cJSON *line = cJSON_CreateObject();
    cJSON_AddStringToObject(line, "path", p->path);
    cJSON_AddNumberToObject(line, "bytes", (double)p->bytes);
    cJSON_AddNumberToObject(line, "files", (double)p->files);
    cJSON_AddNumberToObject(line, "changed_s", (double)p->changed_s);
    cJSON_AddNumberToObject(line, "changed_ns", (double)p->changed_ns);
    if (p->is_folder) cJSON_AddTrueToObject(line, "folder");
    if (p->unreadable) cJSON_AddTrueToObject(line, "unreadable");
    if (p->digest[0]) cJSON_AddStringToObject(line, "digest", p->digest);
    if (p->same_as >= 0) cJSON_AddNumberToObject(line, "same_as", p->same_as);
    return line;
}

static cJSON *head_of(const dm_plan *plan) {
    cJSON *head = cJSON_CreateObject();
    cJSON_AddNumberToObject(head, "duramap_plan", 1);
    cJSON_AddStringToObject(head, "version", plan->version);
    cJSON_AddStringToObject(head, "config_digest", plan->config_digest);
    cJSON_AddStringToObject(head, "protocols", plan->protocols);
    cJSON_AddNumberToObject(head, "sources", plan->n);
    cJSON_AddStringToObject(head, "digest", plan->digest);
    return head;
}

/* The lines of the sources; the caller frees. */
static char *lines_of(const dm_plan *plan, size_t *size) {
    char *text = NULL;
    FILE *f = open_memstream(&text, size);
    int good = f != NULL;
    for (int i = 0; good && i < plan->n; i++) good = put_line(f, dm_plan_line(&plan->source[i]));
    if (f && fclose(f) != 0) good = 0;
    if (good) return text;
    free(text);
    return NULL;
}

dm_status dm_plan_write(const char *path, dm_plan *plan) {
    char *lines, *text = NULL;
    size_t lines_size = 0, size = 0;
    if (access(path, F_OK) == 0) return dm_fail(DM_FATAL, "output", "%s is there already; a plan is never written over", path);
    lines = lines_of(plan, &lines_size);
    FILE *f = lines ? open_memstream(&text, &size) : NULL;
    int good = f != NULL;
    if (good) {
        dm_digest(lines, lines_size, plan->digest);
        good = put_line(f, head_of(plan)) && fwrite(lines, 1, lines_size, f) == lines_size;
        good &= fclose(f) == 0;
    }
    dm_status s = good ? dm_file_replace(path, text, size, 0400) : dm_fail(DM_FATAL, "out_of_memory", "no memory for a plan");
    free(text);
    free(lines);
    return s;
}

/* ---- reading ---- */

static double number_of(const cJSON *line, const char *key, double missing) {
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(line, key);
    return cJSON_IsNumber(n) ? n->valuedouble : missing;
}

int dm_plan_take_line(const cJSON *line, dm_planned *p) {
    *p = (dm_planned){.path = strdup(dm_record_text(line, "path")),
                      .is_folder = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "folder")),
                      .unreadable = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(line, "unreadable")),
                      .files = (long)number_of(line, "files", 0),
                      .bytes = (uint64_t)number_of(line, "bytes", 0),
                      .changed_s = (int64_t)number_of(line, "changed_s", 0),
                      .changed_ns = (long)number_of(line, "changed_ns", 0),
                      .same_as = (int)number_of(line, "same_as", -1)};
    snprintf(p->digest, sizeof p->digest, "%s", dm_record_text(line, "digest"));
    return p->path != NULL;
}

/* Takes the next line of the text; NULL at its end or when it is no object. */
static cJSON *next_line(char **at) {
    char *line = *at, *end = strchr(line, '\n');
    if (!end) return NULL;
    *at = end + 1;
    cJSON *json = cJSON_ParseWithLength(line, (size_t)(end - line));
    if (cJSON_IsObject(json)) return json;
    cJSON_Delete(json);
    return NULL;
}

static int read_head(const cJSON *head, dm_plan *plan) {
    if (number_of(head, "duramap_plan", 0) != 1) return 0;
    double n = number_of(head, "sources", -1);
    if (n < 0 || n > 1 << 30) return 0;
    snprintf(plan->version, sizeof plan->version, "%s", dm_record_text(head, "version"));
    snprintf(plan->config_digest, sizeof plan->config_digest, "%s", dm_record_text(head, "config_digest"));
    snprintf(plan->digest, sizeof plan->digest, "%s", dm_record_text(head, "digest"));
    plan->protocols = strdup(dm_record_text(head, "protocols"));
    plan->source = calloc((size_t)n + 1, sizeof *plan->source);
    plan->n = plan->source ? (int)n : 0;
    return plan->protocols && plan->source;
}

/* 1 when the text is a whole plan. */
static int read_lines(char *text, size_t size, dm_plan *plan) {
    char digest[65], *at = text;
    cJSON *line = next_line(&at);
    int good = line && read_head(line, plan);
    cJSON_Delete(line);
    if (!good) return 0;
    dm_digest(at, size - (size_t)(at - text), digest);
    if (strcmp(digest, plan->digest) != 0) return 0;
    for (int i = 0; good && i < plan->n; i++) {
        line = next_line(&at);
        good = line && dm_plan_take_line(line, &plan->source[i]);
        cJSON_Delete(line);
    }
    return good;
}

dm_status dm_plan_read(const char *path, dm_plan *plan) {
    char *text;
    size_t size;
    *plan = (dm_plan){0};
    if (!dm_good(dm_file_read(path, &text, &size)))
        return dm_fail(DM_FATAL, "config", "%s: there is no plan: %s; duramap plan makes one", path, strerror(errno));
    int good = read_lines(text, size, plan);
    free(text);
    if (good) return dm_ok;
    dm_plan_clear(plan);
    return dm_fail(DM_FATAL, "config", "%s is no whole plan, or was changed since it was made; make a new one with duramap plan",
                   path);
}

/* ---- two plans ---- */

int dm_plan_same(const dm_planned *a, const dm_planned *b) {
    return a->bytes == b->bytes && a->files == b->files && a->changed_s == b->changed_s && a->changed_ns == b->changed_ns;
}

int dm_plan_differs(const dm_plan *before, const dm_plan *after, dm_plan_change *change) {
    int i = 0, k = 0;
    *change = (dm_plan_change){.configuration = strcmp(before->version, after->version) != 0 ||
                                                strcmp(before->config_digest, after->config_digest) != 0};
    while (i < before->n || k < after->n) {
        int order = i == before->n ? 1 : k == after->n ? -1 : strcmp(before->source[i].path, after->source[k].path);
        if (order < 0) change->removed++;
        else if (order > 0) change->added++;
        else if (!dm_plan_same(&before->source[i], &after->source[k])) change->changed++;
        i += order <= 0;
        k += order >= 0;
    }
    return change->added || change->removed || change->changed || change->configuration;
}
