/* Memory and time of a flow. Memory is sampled: what is private to each process, and the volumes between them. When it is over the
 * bound, reading goes back first (it is done again later), then a second device, and only a study that is too large alone fails. */
#include <stdio.h>
#include <unistd.h>

#include "flow_parts.h"
#include "machine.h"

static const double guard_every = 0.2;      /* seconds */
static const double start_seconds = 1800;   /* a device is opened, its kernels built and tested */
static const double usual_seconds = 3600;   /* of a study, where nothing else is asked for: 60 times the slowest known */

/* What measuring a source's study may take beside its volumes: the driver with its compiler, and four times the volumes. 512 x 512 x
 * 600 voxels take 1.24 GiB with them (CHANGELOG.md). */
static uint64_t need_to_measure(uint64_t bytes) {
    return (256ull << 20) + 4 * bytes;
}

static uint64_t bytes_of(const dm_flow *f, const dm_hand *h) {
    const dm_source *s = h->source >= 0 ? dm_intake_see(&f->intake, h->source) : NULL;
    return s ? s->bytes : 0;
}

uint64_t dm_flow_room(const dm_flow *f) {
    uint64_t taken = dm_process_bytes(getpid()) + dm_intake_bytes(&f->intake);
    for (int i = 0; i < f->n; i++) {
        const dm_worker *w = &f->worker[i];
        uint64_t now = w->m.id ? dm_process_bytes(w->m.id) : 0, need = need_to_measure(bytes_of(f, &w->device));
        taken += now > need ? now : need;
    }
    return f->memory > taken ? f->memory - taken : 0;
}

int dm_flow_readers(const dm_flow *f) {
    if (f->cramped == 0) return DM_AHEAD;
    return f->cramped == 1 || !dm_flow_busy(f) ? 1 : 0;
}

static dm_worker *last_started(dm_flow *f) {
    dm_worker *last = NULL;
    for (int i = 0; i < f->n; i++) {
        dm_worker *w = &f->worker[i];
        if (w->device.source >= 0 && (!last || w->device.since > last->device.since)) last = w;
    }
    return last;
}

static dm_status too_large(const dm_flow *f, const char *what) {
    return dm_fail(DM_STUDY, "memory", "%s it takes more than the %.0f MB of --memory; give it more, and use --retry-failed", what,
                   (double)f->memory / 1048576.0);
}

/* Reading goes on where nothing else does: then the source is too large. */
static void refuse_reading(dm_flow *f) {
    dm_source *s = dm_intake_at(&f->intake, f->next);
    if (s && s->state == DM_SOURCE_READ) dm_intake_refuse(s, too_large(f, "reading"));
}

static void make_room(dm_flow *f) {
    if (f->cramped < 2) f->cramped++;
    if (dm_intake_shed(&f->intake, dm_flow_busy(f) ? f->next - 1 : f->next)) return;
    dm_worker *w = last_started(f);
    if (!dm_flow_busy(f)) refuse_reading(f);
    if (!w || !dm_good(w->why)) return; /* nothing is measured, or its process is about to end */
    int alone = dm_flow_busy(f) == 1 && w->writing.source < 0;
    f->single = 1;
    dm_worker_kill(w, alone ? &w->device : NULL, too_large(f, "measuring"));
}

static void guard_memory(dm_flow *f) {
    uint64_t taken = dm_process_bytes(getpid()) + dm_intake_bytes(&f->intake);
    for (int i = 0; i < f->n; i++)
        if (f->worker[i].m.id) taken += dm_process_bytes(f->worker[i].m.id);
    if (taken > f->result->peak_bytes) f->result->peak_bytes = taken;
    if (taken > f->memory) make_room(f);
    else if (f->cramped && taken < f->memory / 2 && f->finished > f->eased) {
        f->cramped--;
        f->eased = f->finished;
    }
}

static void guard_hand(dm_flow *f, dm_worker *w, const dm_hand *h) {
    double most = f->c->o->study_seconds > 0 ? f->c->o->study_seconds : usual_seconds;
    if (h->source < 0 || !dm_good(w->why) || dm_now() - h->since < most) return;
    dm_worker_kill(w, h,
                   dm_fail(DM_STUDY, "study_timeout", "measuring it takes longer than %.0f s; raise --study-seconds and use --retry-failed",
                           most));
}

static void guard_time(dm_flow *f, dm_worker *w) {
    if (!w->m.id) return;
    guard_hand(f, w, &w->writing);
    guard_hand(f, w, &w->device);
    if (w->state == DM_WORKER_STARTING && dm_good(w->why) && dm_now() - w->started > start_seconds)
        dm_worker_kill(w, NULL, dm_fail(DM_FATAL, "device_lost", "opening and testing the device takes longer than %.0f s", start_seconds));
}

void dm_flow_guard(dm_flow *f) {
    if (dm_now() - f->guarded < guard_every) return;
    f->guarded = dm_now();
    guard_memory(f);
    for (int i = 0; i < f->n; i++) guard_time(f, &f->worker[i]);
}
