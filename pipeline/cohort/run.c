#include "run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flow.h"
#include "flow_parts.h"
#include "machine.h"
#include "measurer.h"
#include "record.h"
#include "tables.h"

static dm_status make_out(const char *out, int labels) {
    static const struct {
        const char *name;
        unsigned mode;
    } folder[] = {{"", 0755}, {"/records", 0755}, {"/tables", 0755}, {"/private", 0700}, {"/private/mapping", 0700},
                  {"/pictures", 0755}, {"/labels", 0755}};
    size_t n = sizeof folder / sizeof *folder - (labels ? 0 : 1);
    for (size_t i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s%s", out, folder[i].name);
        DM_TRY(dm_folder_make(path, folder[i].mode));
    }
    return dm_ok;
}

static int by_id(const void *a, const void *b) {
    return strcmp(a, b);
}

/* The pseudonyms of the sources' paths. */
static dm_status name_sources(dm_cohort *c) {
    size_t n = (size_t)c->o->n_sources;
    c->source_id = calloc(n + 1, sizeof *c->source_id);
    c->given = calloc(n + 1, sizeof *c->given);
    if (!c->source_id || !c->given) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a list of %zu sources", n);
    for (size_t i = 0; i < n; i++) {
        char text[4200];
        snprintf(text, sizeof text, "source|%s", c->o->sources[i]);
        dm_pseudonym(&c->key, "study", text, c->source_id[i]);
    }
    memcpy(c->given, c->source_id, n * sizeof *c->given);
    qsort(c->given, n, sizeof *c->given, by_id);
    return dm_ok;
}

static int at_once(const dm_run_options *o, int gpus) {
    int n = gpus ? dm_machine_cores() / 2 / gpus : 1, most = DM_MOST_WORKERS / (o->n_devices > 0 ? o->n_devices : 1);
    if (n > DM_MOST_AT_ONCE) n = DM_MOST_AT_ONCE;
    if (o->at_once > 0) n = o->at_once;
    if (n > most) n = most;
    return n > 1 ? n : 1;
}

static dm_status prepare(dm_cohort *c) {
    char path[4096];
    const dm_run_options *o = c->o;
    int gpus = 0;
    dm_status found = o->n_sources ? dm_devices_probe(o, &gpus) : dm_ok;
    if (!o->fall_back) DM_TRY(found); /* a mistake in the command is told before OUT is made */
    c->at_once = at_once(o, gpus);
    if (gethostname(c->host, sizeof c->host - 1) != 0) c->host[0] = 0;
    DM_TRY(make_out(o->out, o->label != NULL));
    snprintf(path, sizeof path, "%s/private/key", o->out);
    DM_TRY(dm_key_open(o->key ? o->key : path, &c->key));
    DM_TRY(name_sources(c));
    DM_TRY(dm_ledger_open(o->known_open ? NULL : o->out, o->version, o->protocols->digest, &c->ledger));
    dm_ledger_given(c->ledger, (const char(*)[17])c->given, o->n_sources);
    return dm_ok;
}

dm_status dm_cohort_run(const dm_run_options *o, dm_run_result *result) {
    dm_cohort c = {.o = o};
    *result = (dm_run_result){.open = o->n_sources};
    dm_status s = prepare(&c);
    if (dm_good(s)) s = dm_flow_run(&c, result);
    dm_ledger_close(c.ledger);
    free(c.source_id);
    free(c.given);
    int rows;
    return dm_good(s) && !o->no_tables ? dm_cohort_merge(o->out, &rows) : s;
}
