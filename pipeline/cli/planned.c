#include "planned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_shard(const char *text, int *shard, int *shards) {
    char *end;
    long i = strtol(text, &end, 10), n;
    if (end == text || *end != '/') return 0;
    const char *second = end + 1;
    n = strtol(second, &end, 10);
    if (end == second || *end || i < 1 || n < i || n > 1 << 24) return 0;
    *shard = (int)i;
    *shards = (int)n;
    return 1;
}

dm_status dm_planned_open(const char *plan, const char *shard, const char *out, int retry_failed, dm_planned_run *run) {
    *run = (dm_planned_run){.shard = 1, .shards = 1, .noted = dm_ok};
    if (shard && !read_shard(shard, &run->shard, &run->shards))
        return dm_fail(DM_FATAL, "config", "--shard %.40s: expected i/n with i from 1 to n, as in --shard 3/100", shard);
    snprintf(run->shard_text, sizeof run->shard_text, "%d/%d", run->shard, run->shards);
    DM_TRY(dm_plan_read(plan, &run->plan));
    return dm_share_open(&run->plan, out, run->shard, run->shards, retry_failed, &run->share);
}

void dm_planned_clear(dm_planned_run *run) {
    dm_share_clear(&run->share);
    dm_plan_clear(&run->plan);
}

const char *dm_planned_protocols(const dm_planned_run *run) {
    return run->plan.protocols && *run->plan.protocols ? run->plan.protocols : NULL;
}

dm_status dm_planned_check(const dm_planned_run *run, const char *version, const dm_protocols *protocols) {
    if (strcmp(run->plan.version, version) != 0)
        return dm_fail(DM_FATAL, "config", "the plan was made by duramap %s, this is %s; make a new one with duramap plan --renew",
                       run->plan.version, version);
    if (strcmp(run->plan.config_digest, protocols->digest) != 0)
        return dm_fail(DM_FATAL, "config",
                       "the protocol files are not those that the plan was made for (digest %.12s, now %.12s): put them back, or "
                       "make a new plan with duramap plan --renew",
                       run->plan.config_digest, protocols->digest);
    return dm_ok;
}

void dm_planned_fill(const dm_planned_run *run, dm_run_options *o) {
    o->sources = run->share.source;
    o->n_sources = run->share.n;
    if (!o->protocols_path) o->protocols_path = dm_planned_protocols(run);
    o->known_open = 1;
    o->no_tables = run->shards > 1;
    o->shard = run->shard_text;
}

void dm_planned_note(dm_planned_run *run, const dm_progress *p) {
    if (p->study_id[0]) run->noted = dm_worse(run->noted, dm_share_note(&run->share, p->path, p->study_id));
}

void dm_planned_close(const dm_planned_run *run, dm_run_result *result) {
    const dm_share *s = &run->share;
    result->skipped += s->done + s->failed;
    fprintf(stderr, "share %s of the plan: %d sources, %d of them settled before\n", run->shard_text, s->n + s->done + s->failed,
            s->done + s->failed);
    if (s->changed)
        fprintf(stderr, "%d sources were changed since they were measured; their rows are of the earlier files: duramap plan "
                        "--renew takes the new ones\n", s->changed);
}
