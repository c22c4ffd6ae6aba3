/* The measuring processes of a flow: started, ended, and followed by the next. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "flow_parts.h"
#include "machine.h"

/* A study that was in this many processes when they ended is to blame. The first time it may have been the neighbour in the
 * process, or the system that was short of memory. */
enum { MOST_TRIES = 2, MOST_STARTS = 3 };

static void let_go(void *flow) {
    dm_intake_let_go(&((dm_flow *)flow)->intake);
}

void dm_worker_start(dm_flow *f, dm_worker *w) {
    w->why = dm_ok;
    w->device.source = w->writing.source = w->guilty.source = -1;
    w->state = DM_WORKER_STARTING;
    w->started = dm_now();
    f->fatal = dm_worse(f->fatal, dm_measurer_start(f->c, w->device_name, let_go, f, &w->m));
}

void dm_worker_kill(dm_worker *w, const dm_hand *guilty, dm_status why) {
    if (guilty) w->guilty = *guilty;
    w->why = why;
    kill(w->m.id, SIGKILL);
}

static dm_status crashed(int status) {
    return dm_fail(DM_STUDY, "crashed",
                   "measuring it ended the process twice (%s %d); the other studies went on; if the system was short of memory "
                   "(signal 9), give less with --memory and use --retry-failed",
                   WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* A study whose process has ended. */
static void lose(dm_flow *f, const dm_worker *w, const dm_hand *h, int status) {
    dm_hand again = *h;
    if (h->source < 0) return;
    if (h->source == w->guilty.source && h->study == w->guilty.study) {
        dm_flow_fail_study(f, h->source, h->study, w->why, &w->info);
        return;
    }
    if (dm_good(w->why) && ++again.tries >= MOST_TRIES)
        dm_flow_fail_study(f, h->source, h->study, again.last.severity ? again.last : crashed(status), &w->info);
    else
        f->again[f->n_again++] = again;
}

static int any_worker(const dm_flow *f) {
    for (int i = 0; i < f->n; i++)
        if (f->worker[i].state != DM_WORKER_GONE) return 1;
    return 0;
}

/* The device cannot be used (any more): another in its place, or one process less, or the end. One that was named and never worked
 * is a mistake of the command. */
static void lose_device(dm_flow *f, dm_worker *w) {
    dm_status why = w->why;
    int worked = w->info.name[0] != 0;
    if (dm_good(why)) why = dm_fail(DM_FATAL, "device_lost", "the driver of the device ended its process");
    w->state = DM_WORKER_GONE;
    if (f->c->o->fall_back && strcmp(w->device_name, "cpu") != 0) {
        w->device_name = "cpu";
        dm_worker_start(f, w);
    } else if (!worked && !w->extra) {
        f->fatal = dm_worse(f->fatal, why);
    } else if (!any_worker(f)) {
        f->fatal = dm_fail(DM_FATAL, "device_lost",
                           "%s cannot be used any more: %.200s; what is recorded stands: run the same command again, or with "
                           "--fallback cpu",
                           w->info.name, why.text);
    }
}

void dm_worker_ended(dm_flow *f, dm_worker *w) {
    int started = w->state == DM_WORKER_READY;
    int status = dm_measurer_end(&w->m, 0);
    w->state = DM_WORKER_GONE;
    lose(f, w, &w->device, status);
    lose(f, w, &w->writing, status);
    w->device.source = w->writing.source = -1;
    if (f->stopping || !dm_good(f->fatal)) return;
    if (started) w->starts = 0;
    else w->starts++;
    if (!dm_good(w->why) ? !started : w->starts >= MOST_STARTS) {
        lose_device(f, w);
        return;
    }
    f->result->restarts++;
    dm_worker_start(f, w);
}
