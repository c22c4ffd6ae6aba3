#include "flow.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "flow_parts.h"
#include "machine.h"

/* ---- what is finished ---- */

static void report(const dm_flow *f, int source, const char *id, const char *answer, dm_status s) {
    const dm_run_options *o = f->c->o;
    const dm_progress p = {.sources = o->n_sources,
                           .source = f->finished,
                           .done = f->result->done,
                           .failed = f->result->failed,
                           .skipped = f->result->skipped,
                           .seconds = dm_now() - f->start,
                           .study_id = id,
                           .path = o->sources[source],
                           .answer = answer,
                           .code = s.code,
                           .text = s.text};
    if (o->progress) o->progress(o->user, &p);
}

static void finish_source(dm_flow *f, dm_source *s) {
    if (s->in.n > 0) dm_forget_former(f->c, s->index, &s->in);
    dm_intake_finish(&f->intake, s);
    f->finished++;
}

static void finish_study(dm_flow *f, dm_source *s, int study, dm_status status, const char *answer) {
    dm_good(status) ? f->result->done++ : f->result->failed++;
    report(f, s->index, s->in.study[study].study.study_id, answer, status);
    if (--s->open == 0) finish_source(f, s);
}

void dm_flow_fail_study(dm_flow *f, int source, int study, dm_status why, const dm_gpu_info *device) {
    dm_source *s = dm_intake_at(&f->intake, source);
    dm_account a = dm_account_of(f->c, source, &s->in, device);
    a.status = why;
    dm_status written = dm_settle(f->c, source, &s->in.study[study], &a);
    if (dm_good(written)) finish_study(f, s, study, a.status, "failed");
    else f->fatal = dm_worse(f->fatal, written);
}

/* ---- the next study ---- */

/* For the rows of studies that are settled without one; NULL while none is ready. */
static const dm_gpu_info *any_device(const dm_flow *f) {
    for (int i = 0; i < f->n; i++)
        if (f->worker[i].info.name[0]) return &f->worker[i].info;
    return NULL;
}

/* The first look at a source that is ready. */
static void open_source(dm_flow *f, dm_source *s) {
    const dm_run_options *o = f->c->o;
    s->opened = 1;
    s->open = s->in.n;
    if (!s->done && o->admit) {
        dm_status admitted = o->admit(o->user, o->sources[s->index], s->in.input_digest);
        if (!dm_good(admitted) && s->status.severity != DM_FATAL) s->status = admitted;
    }
    if (!s->done && !dm_good(s->status)) {
        dm_status why = s->status, written = dm_fail_source(f->c, s->index, &s->in, any_device(f), &why);
        f->fatal = dm_worse(f->fatal, s->status.severity == DM_FATAL ? s->status : written);
        if (!dm_good(f->fatal)) return;
        f->result->failed++;
        report(f, s->index, f->c->source_id[s->index], "failed", why);
        finish_source(f, s);
        return;
    }
    /* A folder's digest is known only now. */
    s->done = s->done || dm_ledger_done(f->c->ledger, s->in.input_digest, f->c->source_id[s->index], f->c->o->retry_failed);
    if (!s->done) {
        dm_forget_failure(f->c, s->index);
        return;
    }
    f->result->skipped++;
    report(f, s->index, "", "skipped", dm_ok);
    finish_source(f, s);
}

static int holds(const dm_flow *f, const dm_hand *h, const char *id) {
    const dm_source *s = h->source >= 0 ? dm_intake_see(&f->intake, h->source) : NULL;
    return s && !strcmp(s->in.study[h->study].study.study_id, id);
}

/* A study that is being measured from another source: what is to become of this one is known when its record stands. */
static int in_flight(const dm_flow *f, const char *id) {
    for (int i = 0; i < f->n; i++)
        if (holds(f, &f->worker[i].device, id) || holds(f, &f->worker[i].writing, id)) return 1;
    for (int i = 0; i < f->n_again; i++)
        if (holds(f, &f->again[i], id)) return 1;
    return 0;
}

/* The source's next study; 1 = to be measured, 0 = settled without a device, -1 = it must wait. */
static int look_at_study(dm_flow *f, dm_source *s) {
    dm_ingested_study *study = &s->in.study[s->next];
    const char *id = study->study.study_id;
    if (in_flight(f, id)) return -1;
    int k = s->next++;
    dm_standing standing = dm_standing_of(f->c, s->index, id, s->in.input_digest);
    if (standing == DM_STANDS) {
        f->result->skipped += s->in.n == 1; /* counted in sources */
        report(f, s->index, id, "skipped", dm_ok);
        if (--s->open == 0) finish_source(f, s);
        return 0;
    }
    if (standing == DM_SECOND) dm_refuse_second(f->c, s->index, study);
    if (dm_good(study->status)) return 1;
    dm_flow_fail_study(f, s->index, k, study->status, any_device(f));
    return 0;
}

/* The source whose studies are to be measured next; those without any are settled on the way. NULL when it is not read yet. */
static dm_source *source_in_turn(dm_flow *f) {
    if (f->next < f->intake.first) f->next = f->intake.first; /* settled since: a study can fail before anyone looks again */
    for (dm_source *s; dm_good(f->fatal) && (s = dm_intake_at(&f->intake, f->next)) &&
                       (s->state == DM_SOURCE_READY || s->state == DM_SOURCE_FINISHED); f->next++) {
        if (s->state == DM_SOURCE_FINISHED) continue;
        if (!s->opened) open_source(f, s);
        if (dm_good(f->fatal) && s->state == DM_SOURCE_READY && s->next < s->in.n) return s;
    }
    return NULL;
}

/* 0 when none can be measured now. */
static int next_study(dm_flow *f, dm_hand *h) {
    for (dm_source *s; (s = source_in_turn(f));) {
        int what = look_at_study(f, s);
        if (what < 0) return 0;
        if (what == 0) continue;
        *h = (dm_hand){.source = s->index, .study = s->next - 1};
        return 1;
    }
    return 0;
}

static int is_idle(const dm_worker *w) {
    return w->device.source < 0 && w->writing.source < 0;
}

int dm_flow_busy(const dm_flow *f) {
    int n = 0;
    for (int i = 0; i < f->n; i++) n += !is_idle(&f->worker[i]);
    return n;
}

static void give(dm_flow *f, dm_worker *w, dm_hand h) {
    const dm_source *s = dm_intake_at(&f->intake, h.source);
    const dm_order order = {.source = h.source, .study = h.study, .wait_device = dm_now() - s->since};
    h.since = dm_now();
    w->device = h;
    /* One that has ended is noticed by the end of its line. */
    (void)dm_measurer_order(&w->m, &order, s->volumes);
    dm_flow_beat(f);
}

/* What took a process down goes alone, so that it is known which study did. */
static void hand_out(dm_flow *f) {
    for (int i = 0; i < f->n && dm_good(f->fatal); i++) {
        dm_worker *w = &f->worker[i];
        dm_hand h;
        if (w->state != DM_WORKER_READY || !dm_good(w->why) || w->device.source >= 0) continue;
        if (f->single && dm_flow_busy(f) > !is_idle(w)) continue;
        if (f->n_again) {
            if (!is_idle(w)) continue;
            h = f->again[--f->n_again];
        } else if (!next_study(f, &h)) {
            continue;
        }
        give(f, w, h);
    }
}

/* ---- reports ---- */

static void take_written(dm_flow *f, dm_worker *w, const dm_report *r) {
    dm_hand *h = w->writing.source == r->source && w->writing.study == r->study ? &w->writing : &w->device;
    h->source = -1;
    if (r->status.severity == DM_FATAL) {
        f->fatal = dm_worse(f->fatal, r->status);
        return;
    }
    f->result->busy += r->busy;
    f->result->wait_input += r->wait_input;
    f->result->wait_output += r->wait_output;
    finish_study(f, dm_intake_at(&f->intake, r->source), r->study, r->status,
                 dm_good(r->status) ? dm_answer_name(r->answer) : "failed");
}

static void take_report(dm_flow *f, dm_worker *w, const dm_report *r) {
    switch (r->kind) {
    case DM_READY:
        if (dm_good(r->status)) {
            w->info = r->device;
            w->state = DM_WORKER_READY;
            if (f->c->o->opened && !w->extra) f->c->o->opened(f->c->o->user, &w->info);
        } else {
            w->why = r->status;
        }
        break;
    case DM_FREE:
        if (w->device.source >= 0) w->writing = w->device; /* unless its record stands already */
        w->device.source = -1;
        break;
    case DM_WRITTEN: take_written(f, w, r); break;
    case DM_SICK_DEVICE: w->device.last = r->status; break;
    }
}

static void hear(dm_flow *f, dm_worker *w) {
    dm_report r;
    int got;
    while (w->m.id && (got = dm_measurer_hear(&w->m, &r)) != 0) {
        if (got > 0) take_report(f, w, &r);
        else dm_worker_ended(f, w);
    }
}

/* ---- the loop ---- */

void dm_flow_beat(dm_flow *f) {
    double since = dm_now(), now = since;
    for (int i = 0; i < f->n; i++)
        if (f->worker[i].device.source >= 0 && f->worker[i].device.since < since) since = f->worker[i].device.since;
    dm_heartbeat_beat(&f->heart, f->result, f->c->o->n_sources - f->finished, now - since);
}

static void wait_for_news(const dm_flow *f) {
    enum { TICK = 200 }; /* milliseconds between two looks at memory and clocks */
    struct pollfd fds[DM_AHEAD + DM_MOST_WORKERS];
    int n = dm_intake_watch(&f->intake, fds);
    for (int i = 0; i < f->n; i++)
        if (f->worker[i].m.id) fds[n++] = (struct pollfd){.fd = f->worker[i].m.line, .events = POLLIN};
    (void)poll(fds, (nfds_t)n, TICK);
}

/* 0 when nothing more is to be done. */
static int look_for_stop(dm_flow *f) {
    const dm_run_options *o = f->c->o;
    int asked = o->stop ? *o->stop : 0;
    if (!asked) return 1;
    if (!f->stopping) {
        f->stopping = 1;
        f->stop_since = dm_now();
        while (dm_intake_shed(&f->intake, -1)) {}
    }
    int late = o->grace_seconds > 0 && dm_now() - f->stop_since > o->grace_seconds;
    return dm_flow_busy(f) && asked < 2 && !late;
}

static void start_crew(dm_flow *f) {
    const dm_run_options *o = f->c->o;
    f->crewed = 1;
    int devices = o->n_devices > 0 ? o->n_devices : 1;
    f->n = devices * f->c->at_once;
    for (int i = 0; i < f->n; i++) {
        f->worker[i].device_name = o->n_devices > 0 ? o->devices[i % devices] : "";
        f->worker[i].extra = i >= devices;
        dm_worker_start(f, &f->worker[i]);
    }
}

static dm_status go_on(dm_flow *f) {
    if (!f->stopping) DM_TRY(dm_intake_start(&f->intake, dm_flow_room(f), dm_flow_readers(f)));
    dm_intake_advance(&f->intake);
    if (!f->stopping && !f->crewed && f->intake.read) start_crew(f); /* where all is done no device is opened */
    if (!f->stopping) {
        (void)source_in_turn(f); /* settles what needs no device, whether or not there is one */
        hand_out(f);
    }
    wait_for_news(f);
    for (int i = 0; i < f->n; i++) hear(f, &f->worker[i]);
    dm_flow_guard(f);
    if (dm_heartbeat_due(&f->heart)) dm_flow_beat(f);
    return f->fatal;
}

static void end(dm_flow *f) {
    int kill_them = !dm_good(f->fatal) || f->finished < f->c->o->n_sources;
    for (int i = 0; i < f->n; i++) dm_measurer_end(&f->worker[i].m, kill_them || f->worker[i].state == DM_WORKER_STARTING);
    dm_intake_close(&f->intake);
    dm_heartbeat_stop(&f->heart);
    f->result->open = f->c->o->n_sources - f->finished;
    f->result->seconds = dm_now() - f->start;
}

dm_status dm_flow_run(const dm_cohort *c, dm_run_result *result) {
    dm_flow *f = calloc(1, sizeof *f);
    if (!f) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a run");
    *f = (dm_flow){.c = c, .result = result, .start = dm_now(), .memory = c->o->memory ? c->o->memory : dm_machine_memory(),
                   .fatal = dm_ok};
    result->memory = f->memory;
    dm_intake_open(&f->intake, c, f->memory);
    dm_heartbeat_start(&f->heart, c->o->out, c->host, c->o->shard);
    dm_flow_beat(f);
    while (dm_good(f->fatal) && f->finished < c->o->n_sources && look_for_stop(f)) f->fatal = dm_worse(f->fatal, go_on(f));
    end(f);
    dm_status s = f->fatal;
    free(f);
    return s;
}
