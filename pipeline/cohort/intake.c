/* close_range and pipe2 are Linux's own. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include "intake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"

/* Decoding is the limit of a reader, the device's host threads want cores as well: half of them, four at most. */
static int reader_threads(int cores) {
    return cores < 3 ? 2 : cores > 8 ? 4 : cores / 2;
}

void dm_intake_open(dm_intake *in, const dm_cohort *c, uint64_t memory) {
    const dm_run_options *o = c->o;
    int cores = dm_machine_cores(), threads = reader_threads(cores);
    uint64_t most = o->read_memory ? o->read_memory : 8ull << 30, own = memory > 1ull << 30 ? memory : 1ull << 30;
    *in = (dm_intake){.c = c, .readers = o->readers ? o->readers : cores > threads ? cores / threads : 1};
    in->reading = (dm_reader_options){.program = o->reader, .protocols_path = o->protocols_path, .protocols = o->protocols,
                                      .key = &c->key, .limits = o->limits ? *o->limits : dm_archive_defaults,
                                      .passphrase = o->passphrase, .threads = threads, .memory = most < own ? most : own};
}

const dm_source *dm_intake_see(const dm_intake *in, int index) {
    return index >= in->first && index < in->begun ? &in->ring[index % DM_AHEAD] : NULL;
}

dm_source *dm_intake_at(dm_intake *in, int index) {
    return dm_intake_see(in, index) ? &in->ring[index % DM_AHEAD] : NULL;
}

static int is_file(const char *path, uint64_t *bytes) {
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
    *bytes = (uint64_t)st.st_size;
    return 1;
}

/* ---- looking up ---- */

/* In a process of its own: archives are large, and the run must stay at hand. */
static void hash_and_end(const char *path, int to) {
    char digest[65];
    (void)prctl(PR_SET_NAME, "duramap-hash");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dm_good(dm_digest_file(path, digest)) && write(to, digest, 64) == 64) _exit(0);
    _exit(1);
}

static int start_hasher(const dm_intake *in, dm_source *s) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return 0;
    s->hasher = fork();
    if (s->hasher == 0) hash_and_end(in->c->o->sources[s->index], ends[1]);
    close(ends[1]);
    s->hash = ends[0];
    if (s->hasher > 0) return 1;
    close(ends[0]);
    return 0;
}

static void end_hasher(dm_source *s) {
    close(s->hash);
    while (waitpid(s->hasher, NULL, 0) < 0 && errno == EINTR) {}
    s->hasher = 0;
}

static void take_hash(dm_intake *in, dm_source *s) {
    const dm_cohort *c = in->c;
    if (read(s->hash, s->digest, 64) != 64) s->digest[0] = 0; /* the reader will say what is wrong with it */
    s->digest[64] = 0;
    end_hasher(s);
    s->done = dm_ledger_done(c->ledger, s->digest, c->source_id[s->index], c->o->retry_failed);
    s->state = s->done ? DM_SOURCE_READY : DM_SOURCE_WAITS;
}

/* ---- reading ---- */

static void take_read(const dm_intake *in, dm_source *s) {
    struct stat st;
    const char *path = in->c->o->sources[s->index];
    uint64_t size;
    s->status = dm_reader_take(s->reader, &s->in, &s->volumes);
    s->reader = NULL;
    s->state = DM_SOURCE_READY;
    s->since = dm_now();
    s->bytes = s->volumes >= 0 && fstat(s->volumes, &st) == 0 ? 512 * (uint64_t)st.st_blocks : 0;
    if (!dm_good(s->status) && !s->in.input_digest[0] && is_file(path, &size)) (void)dm_digest_file(path, s->in.input_digest);
}

/* What reading may take: objects and volumes of a source that was packed to half. Folders and unpacked ones: a guess. */
static uint64_t need_of(const dm_intake *in, int index) {
    const uint64_t least = 64ull << 20, guess = 512ull << 20;
    uint64_t bytes, most = in->reading.memory, need = guess;
    if (is_file(in->c->o->sources[index], &bytes)) need = 4 * bytes;
    return need > most ? most : need < least ? least : need;
}

static dm_status start_source(dm_intake *in, dm_source *s) {
    uint64_t bytes;
    /* The digest says what is done; where nothing is, the reader makes it. */
    int unknown = !s->digest[0] && !dm_ledger_is_empty(in->c->ledger) && is_file(in->c->o->sources[s->index], &bytes);
    if (unknown && start_hasher(in, s)) {
        s->state = DM_SOURCE_HASHED;
        return dm_ok;
    }
    s->state = DM_SOURCE_READ;
    in->read++;
    return dm_reader_start(&in->reading, in->c->o->sources[s->index], s->digest, &s->reader);
}

/* Sources that take a processor, and those that are ready and wait for the device. */
static void count(const dm_intake *in, int *working, int *ready) {
    *working = *ready = 0;
    for (int i = in->first; i < in->begun; i++) {
        const dm_source *s = &in->ring[i % DM_AHEAD];
        *working += s->state == DM_SOURCE_HASHED || s->state == DM_SOURCE_READ;
        *ready += s->state == DM_SOURCE_READY && !s->done && s->next < s->in.n;
    }
}

static dm_source *begin_next(dm_intake *in) {
    if (in->begun >= in->c->o->n_sources || in->begun - in->first >= DM_AHEAD) return NULL;
    dm_source *s = &in->ring[in->begun % DM_AHEAD];
    *s = (dm_source){.index = in->begun++, .volumes = -1};
    return s;
}

/* The first that waits, else the next of the list. */
static dm_source *next_waiting(dm_intake *in) {
    for (int i = in->first; i < in->begun; i++)
        if (in->ring[i % DM_AHEAD].state == DM_SOURCE_WAITS) return &in->ring[i % DM_AHEAD];
    return begin_next(in);
}

dm_status dm_intake_start(dm_intake *in, uint64_t room, int most) {
    if (most > in->readers) most = in->readers;
    for (;;) {
        int working, ready;
        count(in, &working, &ready);
        dm_source *s = working < most ? next_waiting(in) : NULL;
        if (!s) return dm_ok;
        uint64_t need = need_of(in, s->index);
        if (need > room && working + ready > 0) return dm_ok;
        DM_TRY(start_source(in, s));
        room = room > need ? room - need : 0;
    }
}

void dm_intake_advance(dm_intake *in) {
    for (int i = in->first; i < in->begun; i++) {
        dm_source *s = &in->ring[i % DM_AHEAD];
        struct pollfd p = {.fd = s->hash, .events = POLLIN};
        if (s->state == DM_SOURCE_HASHED && poll(&p, 1, 0) > 0) take_hash(in, s);
        else if (s->state == DM_SOURCE_READ && dm_reader_ended(s->reader)) take_read(in, s);
    }
}

/* ---- letting go ---- */

static void give_back(dm_source *s) {
    if (s->hasher) {
        kill(s->hasher, SIGKILL);
        end_hasher(s);
    }
    dm_reader_cancel(s->reader);
    s->reader = NULL;
    dm_ingested_clear(&s->in);
    if (s->volumes >= 0) close(s->volumes);
    s->volumes = -1;
    s->bytes = 0;
}

void dm_intake_finish(dm_intake *in, dm_source *s) {
    give_back(s);
    s->state = DM_SOURCE_FINISHED;
    while (in->first < in->begun && in->ring[in->first % DM_AHEAD].state == DM_SOURCE_FINISHED) in->first++;
}

int dm_intake_shed(dm_intake *in, int keep) {
    for (int i = in->begun - 1; i > keep && i >= in->first; i--) {
        dm_source *s = &in->ring[i % DM_AHEAD];
        int holds = s->state == DM_SOURCE_READ || (s->state == DM_SOURCE_READY && s->volumes >= 0 && !s->opened);
        if (!holds) continue;
        give_back(s);
        s->state = DM_SOURCE_WAITS;
        return 1;
    }
    return 0;
}

void dm_intake_refuse(dm_source *s, dm_status why) {
    give_back(s);
    s->status = why;
    s->state = DM_SOURCE_READY;
}

int dm_intake_watch(const dm_intake *in, struct pollfd *fds) {
    int n = 0;
    for (int i = in->first; i < in->begun; i++) {
        const dm_source *s = &in->ring[i % DM_AHEAD];
        if (s->state == DM_SOURCE_HASHED) fds[n++] = (struct pollfd){.fd = s->hash, .events = POLLIN};
        if (s->state == DM_SOURCE_READ) fds[n++] = (struct pollfd){.fd = dm_reader_watch(s->reader), .events = POLLIN};
    }
    return n;
}

uint64_t dm_intake_bytes(const dm_intake *in) {
    uint64_t bytes = 0;
    for (int i = in->first; i < in->begun; i++) {
        const dm_source *s = &in->ring[i % DM_AHEAD];
        bytes += s->reader ? dm_reader_bytes(s->reader) : s->bytes;
    }
    return bytes;
}

void dm_intake_close(dm_intake *in) {
    for (int i = in->first; i < in->begun; i++) give_back(&in->ring[i % DM_AHEAD]);
    in->begun = in->first;
}

void dm_intake_let_go(dm_intake *in) {
    for (int i = in->first; i < in->begun; i++) dm_ingested_clear(&in->ring[i % DM_AHEAD].in);
}
