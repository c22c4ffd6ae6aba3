#include "host_frame.h"

#include <string.h>

/* More of the canal filled than this is no scan without contrast. */
static const double filled_most = 0.1;

static dm_ingested_study *first_good(dm_ingested *in) {
    for (int i = 0; i < in->n; i++)
        if (dm_good(in->study[i].status)) return &in->study[i];
    return NULL;
}

static dm_status run_stages(dm_gpu *gpu, dm_ingested_study *s) {
    for (int i = 0; i < dm_stage_count; i++) {
        DM_TRY(dm_stages[i]->run(gpu, dm_protocol_params(s->protocol, dm_stages[i]->name), &s->study));
        if (strcmp(dm_stages[i]->name, "levels") == 0) break;
    }
    return dm_ok;
}

static dm_status check_host(const dm_study *st) {
    int filled = 0;
    for (int i = 0; i < st->canal.n; i++) filled += st->canal.filled[i];
    if (filled > filled_most * st->canal.n)
        return dm_fail(DM_FATAL, "host_contrast",
                       "the host has contrast in its sac already; give a CT without");
    return dm_ok;
}

/* The longest stretch of the line that the program trusts. */
static void trusted(const dm_spine *s, int *from, int *count) {
    *from = *count = 0;
    for (int i = 0, run = 0; i < s->n; i++) {
        run = s->unsure[i] ? 0 : run + 1;
        if (run <= *count) continue;
        *count = run;
        *from = i + 1 - run;
    }
}

static void borrow(const dm_study *st, dm_host_frame *h) {
    const dm_spine *s = &st->spine;
    int from, count;
    trusted(s, &from, &count);
    for (int i = 0; i < st->levels.n; i++)
        h->level[i] = (dm_ph_host_level){st->levels.v[i].level, st->levels.v[i].s_from - from * s->ds,
                                         st->levels.v[i].s_to - from * s->ds};
    h->host = (dm_ph_host){.scan = &st->pass[0].scan,
                           .clean = &st->crop.clean,
                           .n = count,
                           .ds = s->ds,
                           .p = (const double(*)[3])(s->p + from),
                           .tangent = (const double(*)[3])(s->tangent + from),
                           .ventral = (const double(*)[3])(s->ventral + from),
                           .left = (const double(*)[3])(s->left + from),
                           .r_bone = st->canal.r_bone + (size_t)from * DM_NT,
                           .level = h->level,
                           .n_levels = st->levels.n,
                           .noise = st->crop.noise_sd,
                           .kvp = st->pass[0].facts.kvp,
                           .position = st->pass[0].facts.position};
}

dm_status dm_host_open(dm_gpu *gpu, const char *path, dm_host_frame *out) {
    const dm_key key = {{0}}; /* pseudonyms of the host are written nowhere */
    memset(out, 0, sizeof *out);
    dm_status s = dm_protocols_load(NULL, &out->protocols);
    const dm_ingest_options o = {.protocols = &out->protocols, .key = &key, .threads = 2, .hold = 2ull << 30};
    if (dm_good(s)) s = dm_ingest(path, &o, &out->in);
    dm_ingested_study *study = dm_good(s) ? first_good(&out->in) : NULL;
    if (dm_good(s) && !study) s = out->in.study[0].status;
    if (dm_good(s) && study->study.modality != DM_CT)
        s = dm_fail(DM_FATAL, "host_modality", "the host is no CT; iodine is painted into CT alone");
    if (dm_good(s)) s = run_stages(gpu, study);
    if (dm_good(s)) s = check_host(&study->study);
    if (!dm_good(s)) s.severity = DM_FATAL;
    if (dm_good(s)) borrow(&study->study, out);
    return s;
}

void dm_host_clear(dm_host_frame *h) {
    dm_ingested_clear(&h->in);
    dm_protocols_clear(&h->protocols);
    memset(h, 0, sizeof *h);
}
