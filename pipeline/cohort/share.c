#include "share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pseudonym.h"
#include "record.h"

/* OUT/private/sources/ab/<16 hex digits>.json: 256 folders, so that none of them grows large. */
static void receipt_path(const char *out, const char *source, char folder[4096], char path[4200]) {
    char digest[65];
    dm_digest(source, strlen(source), digest);
    snprintf(folder, 4096, "%s/private/sources/%.2s", out, digest);
    snprintf(path, 4200, "%s/%.16s.json", folder, digest);
}

/* The source's receipt, whatever was planned then, with what it was planned as; NULL when there is none. The caller deletes. */
static cJSON *read_any_receipt(const char *out, const char *source, int *same_plan, const dm_planned *p) {
    char folder[4096], path[4200];
    cJSON *r = NULL;
    dm_planned then;
    *same_plan = 0;
    receipt_path(out, source, folder, path);
    if (!dm_good(dm_record_read(path, &r))) return NULL;
    int ours = dm_plan_take_line(r, &then) && !strcmp(then.path, source) && cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(r, "studies"));
    *same_plan = ours && dm_plan_same(&then, p);
    free(then.path);
    if (ours) return r;
    cJSON_Delete(r);
    return NULL;
}

/* The receipt of the source as it was planned; NULL when there is none. The caller deletes. */
static cJSON *read_receipt(const dm_planned *p, const char *out) {
    int same;
    cJSON *r = read_any_receipt(out, p->path, &same, p);
    if (same) return r;
    cJSON_Delete(r);
    return NULL;
}

/* What a record says of its source; *wanted = studies in the source. digest: of the bytes that the receipt is about, "" = any:
 * a copy of the study from another source may have taken the record's place. */
static dm_planned_state look_at_record(const dm_plan *plan, const char *out, const char *study_id, const char *digest, int *wanted,
                                       char code[32]) {
    char path[4096];
    cJSON *record = NULL;
    dm_planned_state state = DM_PLAN_OPEN;
    if (snprintf(path, sizeof path, "%s/records/%s.json", out, study_id) >= (int)sizeof path) return DM_PLAN_OPEN;
    if (!dm_good(dm_record_read(path, &record))) return DM_PLAN_OPEN;
    if (!strcmp(dm_record_text(record, "version"), plan->version) &&
        !strcmp(dm_record_text(record, "config_digest"), plan->config_digest) &&
        (!digest[0] || !strcmp(dm_record_text(record, "input_digest"), digest))) {
        int failed = !strcmp(dm_record_text(record, "status"), "failed");
        const cJSON *n = cJSON_GetObjectItemCaseSensitive(record, "studies_in_source");
        *wanted = cJSON_IsNumber(n) ? n->valueint : 1;
        state = failed ? DM_PLAN_FAILED : DM_PLAN_DONE;
        if (failed && !code[0]) snprintf(code, 32, "%s", dm_record_text(record, "error_code"));
    }
    cJSON_Delete(record);
    return state;
}

dm_planned_state dm_plan_state(const dm_plan *plan, const char *out, int i, char code[32], int *studies) {
    cJSON *receipt = read_receipt(&plan->source[i], out), *id;
    int there = 0, wanted = 1, failed = 0, open = !receipt;
    const char *digest = receipt ? dm_record_text(receipt, "read") : "";
    code[0] = 0;
    cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(receipt, "studies")) {
        dm_planned_state s =
            cJSON_IsString(id) ? look_at_record(plan, out, id->valuestring, digest, &wanted, code) : DM_PLAN_OPEN;
        there += s != DM_PLAN_OPEN;
        failed += s == DM_PLAN_FAILED;
        open |= s == DM_PLAN_OPEN;
    }
    cJSON_Delete(receipt);
    if (studies) *studies = there;
    if (open || there < wanted) return DM_PLAN_OPEN;
    return failed ? DM_PLAN_FAILED : DM_PLAN_DONE;
}

/* ---- a share ---- */

/* Every n-th source, so that neighbours, which are often alike in size, go to different tasks. Which of two copies is measured
 * and which is refused as one must not depend on who comes first. */
int dm_share_of(const dm_plan *plan, int k, int n) {
    int first = plan->source[k].same_as >= 0 ? plan->source[k].same_as : k;
    return first % n + 1;
}

/* `digest` of the bytes, "" = not known. The digest decides where the plan has it: a file that was copied away and back is the
 * same. */
static int is_as_planned(const dm_planned *p, const dm_planned *now, const char *digest) {
    return p->digest[0] && digest[0] ? !strcmp(p->digest, digest) : dm_plan_same(now, p);
}

/* Reads the file only where its time of change is another, and a digest can tell. */
static int is_unchanged(const dm_planned *p) {
    dm_planned now = *p;
    char digest[65] = "";
    dm_plan_look(&now);
    if (dm_plan_same(&now, p)) return 1;
    if (p->digest[0] && !dm_good(dm_digest_file(p->path, digest))) digest[0] = 0;
    return is_as_planned(p, &now, digest);
}

dm_status dm_share_open(const dm_plan *plan, const char *out, int i, int n, int retry_failed, dm_share *share) {
    *share = (dm_share){.plan = plan, .out = out};
    share->source = malloc(((size_t)plan->n + 1) * sizeof *share->source);
    share->seen = calloc((size_t)plan->n + 1, sizeof *share->seen);
    if (!share->source || !share->seen) {
        dm_share_clear(share);
        return dm_fail(DM_FATAL, "out_of_memory", "no memory for a share of %d sources", plan->n);
    }
    for (int k = 0; k < plan->n; k++) {
        char code[32];
        if (dm_share_of(plan, k, n) != i) continue;
        dm_planned_state s = dm_plan_state(plan, out, k, code, NULL);
        if (s == DM_PLAN_OPEN || (s == DM_PLAN_FAILED && retry_failed)) {
            share->source[share->n++] = plan->source[k].path;
            continue;
        }
        s == DM_PLAN_DONE ? share->done++ : share->failed++;
        share->changed += !is_unchanged(&plan->source[k]);
    }
    return dm_ok;
}

void dm_share_clear(dm_share *share) {
    free(share->source);
    free(share->seen);
    *share = (dm_share){0};
}

dm_status dm_share_admit(dm_share *share, const char *source, const char *digest) {
    int i = dm_plan_find(share->plan, source);
    if (i < 0) return dm_fail(DM_STUDY, "not_planned", "the source is not in the plan");
    const dm_planned *p = &share->plan->source[i];
    dm_planned now = *p;
    snprintf(share->seen[i].digest, sizeof share->seen[i].digest, "%s", digest);
    dm_plan_look(&now);
    /* One that is gone is no other: the reader says that it is missing. */
    return now.files == 0 || is_as_planned(p, &now, digest)
               ? dm_ok
               : dm_fail(DM_STUDY, "source_changed",
                         "the source was changed after the plan was made: %llu bytes in %ld files then, %llu in %ld now; if "
                         "that is right, make a new plan with duramap plan --renew",
                         (unsigned long long)p->bytes, p->files, (unsigned long long)now.bytes, now.files);
}

/* ---- receipts ---- */

/* A new receipt. It carries on the studies that were recorded when the source was another: they are not forgotten before it is
 * read whole. */
static cJSON *begin_receipt(const dm_share *share, int i) {
    const dm_planned *p = &share->plan->source[i];
    int same;
    cJSON *before = read_any_receipt(share->out, p->path, &same, p), *r = dm_plan_line(p);
    if (share->seen[i].digest[0]) cJSON_AddStringToObject(r, "read", share->seen[i].digest);
    cJSON_AddArrayToObject(r, "studies");
    cJSON *former = cJSON_DetachItemFromObjectCaseSensitive(before, "former"), *id;
    if (!former) former = cJSON_CreateArray();
    if (!same)
        while ((id = cJSON_DetachItemFromArray(cJSON_GetObjectItemCaseSensitive(before, "studies"), 0))) cJSON_AddItemToArray(former, id);
    cJSON_AddItemToObject(r, "former", former);
    cJSON_Delete(before);
    return r;
}

static int text_is(const char *path, const char *key, const char *wanted) {
    cJSON *j = NULL;
    int is = dm_good(dm_record_read(path, &j)) && !strcmp(dm_record_text(j, key), wanted);
    cJSON_Delete(j);
    return is;
}

/* Removes a study that was recorded from this source when its bytes were others, unless it was recorded anew. */
static void forget_former(const char *out, const char *source, const char *digest, const char *study_id) {
    char record[4096], mapping[4096];
    snprintf(record, sizeof record, "%s/records/%s.json", out, study_id);
    snprintf(mapping, sizeof mapping, "%s/private/mapping/%s.json", out, study_id);
    if (text_is(record, "input_digest", digest) || !text_is(mapping, "source", source)) return;
    unlink(record);
    unlink(mapping);
}

/* A study that was read has its patient; a source that could not be read has a record without one, and forgets nothing. */
static void settle_former(const dm_share *share, int i, const char *study_id, cJSON *receipt) {
    const char *source = share->plan->source[i].path, *digest = share->seen[i].digest;
    char path[4096];
    cJSON *id;
    snprintf(path, sizeof path, "%s/records/%s.json", share->out, study_id);
    if (!digest[0] || !cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(receipt, "former")) || text_is(path, "patient_id", "")) return;
    cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(receipt, "former"))
        if (cJSON_IsString(id)) forget_former(share->out, source, digest, id->valuestring);
    cJSON_DeleteItemFromObjectCaseSensitive(receipt, "former");
}

dm_status dm_share_note(dm_share *share, const char *source, const char *study_id) {
    char folder[4096], path[4200];
    int i = dm_plan_find(share->plan, source);
    if (i < 0) return dm_ok;
    /* What an earlier process listed may be gone: the row of a source that could not be read is dropped when it can. */
    cJSON *r = share->seen[i].noted ? read_receipt(&share->plan->source[i], share->out) : NULL;
    if (!r) r = begin_receipt(share, i);
    cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(r, "studies"), cJSON_CreateString(study_id));
    share->seen[i].noted = 1;
    settle_former(share, i, study_id, r);
    receipt_path(share->out, source, folder, path);
    dm_status s = dm_folder_make(folder, 0700);
    if (dm_good(s)) s = dm_record_write(path, r);
    cJSON_Delete(r);
    return s;
}
