/* memfd_create and its seals are Linux's own. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handover.h"
#include "machine.h"
#include "sandbox.h"

/* Descriptors of a reader. */
enum { TASK = 3, RESULT = 4, ALIVE = 5, FREE_ABOVE = 10 };

struct dm_reader {
    const dm_reader_options *o;
    const char *path, *digest;
    pid_t id;
    int result, alive; /* what it writes; a pipe that ends when it ends */
    double start;
    struct stat before; /* of the source; all 0 when it is not there */
};

/* ---- the run's side ---- */

/* Above the numbers that a reader gets them under, or they would close each other. */
static int move_up(int fd) {
    int up = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, FREE_ABOVE) : -1;
    if (fd >= 0) close(fd);
    return up;
}

static int write_task(int fd, const dm_reader *r) {
    const dm_reader_options *o = r->o;
    dm_task *t = calloc(1, sizeof *t);
    if (!t) return 0;
    *t = (dm_task){.mark = DM_HANDOVER_MARK, .key = *o->key, .limits = o->limits, .threads = o->threads, .memory = o->memory,
                   .has_passphrase = o->passphrase != NULL, .has_protocols = o->protocols_path != NULL};
    int fits = snprintf(t->path, sizeof t->path, "%s", r->path) < (int)sizeof t->path;
    fits &= snprintf(t->protocols, sizeof t->protocols, "%s", o->protocols_path ? o->protocols_path : "") <
            (int)sizeof t->protocols;
    fits &= snprintf(t->passphrase, sizeof t->passphrase, "%s", o->passphrase ? o->passphrase : "") < (int)sizeof t->passphrase;
    snprintf(t->digest, sizeof t->digest, "%s", r->digest);
    snprintf(t->config_digest, sizeof t->config_digest, "%s", o->protocols->digest);
    int good = fits && write(fd, t, sizeof *t) == (ssize_t)sizeof *t && lseek(fd, 0, SEEK_SET) == 0;
    explicit_bzero(t, sizeof *t); /* the key */
    free(t);
    return good;
}

/* The run's environment and what a reader has beside it, unless the user sets that himself. NULL = no memory; free it. */
static char **environment(void) {
    extern char **environ;
    static const struct {
        const char *name;
        char line[48];
    } own[] = {
        /* The objects of a study are hundreds of MB that are used once: the system clears and maps huge pages 512 times less often. */
        {"GLIBC_TUNABLES", "GLIBC_TUNABLES=glibc.malloc.hugetlb=1"},
        {"DCMDICTPATH", "DCMDICTPATH=/dev/null"} /* loaded when it is needed, see dicom.cc */
    };
    enum { OWN = sizeof own / sizeof *own };
    size_t n = 0;
    while (environ[n]) n++;
    char **list = malloc((n + OWN + 1) * sizeof *list);
    if (!list) return NULL;
    memcpy(list, environ, n * sizeof *list);
    for (int i = 0; i < OWN; i++)
        if (!getenv(own[i].name)) list[n++] = (char *)(uintptr_t)own[i].line; /* posix_spawn reads only */
    list[n] = NULL;
    return list;
}

static int spawn(dm_reader *r, int task, int alive) {
    extern char **environ;
    char program[] = "duramap", verb[] = DM_READER_VERB, *const words[] = {program, verb, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    if (posix_spawn_file_actions_init(&files) != 0) return 0;
    if (posix_spawnattr_init(&how) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return 0;
    }
    char **own = environment();
    /* Libraries may print what they read: it goes nowhere. */
    int bad = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDWR, 0) ||
              posix_spawn_file_actions_adddup2(&files, 0, 1) || posix_spawn_file_actions_adddup2(&files, 0, 2) ||
              posix_spawn_file_actions_adddup2(&files, task, TASK) || posix_spawn_file_actions_adddup2(&files, r->result, RESULT) ||
              posix_spawn_file_actions_adddup2(&files, alive, ALIVE) ||
              /* A group of its own: a key pressed to stop the run must not end it. */
              posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP) || posix_spawnattr_setpgroup(&how, 0) ||
              posix_spawn(&r->id, r->o->program, &files, &how, words, own ? own : environ) != 0;
    free(own);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&how);
    return !bad;
}

static int start(dm_reader *r) {
    int pipes[2] = {-1, -1};
    int task = move_up(memfd_create("task", MFD_CLOEXEC));
    r->result = move_up(memfd_create("result", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    int good = pipe2(pipes, O_CLOEXEC) == 0;
    int alive = move_up(pipes[1]);
    r->alive = pipes[0];
    good = good && task >= 0 && alive >= 0 && r->result >= 0 && write_task(task, r) && spawn(r, task, alive);
    if (task >= 0) close(task);
    if (alive >= 0) close(alive);
    return good;
}

static void drop(dm_reader *r) {
    if (r->result >= 0) close(r->result);
    if (r->alive >= 0) close(r->alive);
    free(r);
}

dm_status dm_reader_start(const dm_reader_options *o, const char *path, const char *digest, dm_reader **reader) {
    *reader = NULL;
    dm_reader *r = calloc(1, sizeof *r);
    if (!r) return dm_fail(DM_FATAL, "out_of_memory", "no memory for a reader");
    *r = (dm_reader){.o = o, .path = path, .digest = digest, .result = -1, .alive = -1, .start = dm_now()};
    if (stat(path, &r->before) != 0) memset(&r->before, 0, sizeof r->before);
    if (!start(r)) {
        drop(r);
        return dm_fail(DM_FATAL, "reader", "a reader process cannot be started: %s", strerror(errno));
    }
    *reader = r;
    return dm_ok;
}

enum { GRACE = 30 }; /* seconds beyond the cap that the reader keeps itself */

static double time_left(const dm_reader *r) {
    return r->start + r->o->limits.seconds + GRACE - dm_now();
}

int dm_reader_watch(const dm_reader *r) {
    return r->alive;
}

int dm_reader_ended(const dm_reader *r) {
    struct pollfd p = {.fd = r->alive, .events = POLLIN};
    return poll(&p, 1, 0) > 0 || time_left(r) <= 0;
}

uint64_t dm_reader_bytes(const dm_reader *r) {
    struct stat st;
    uint64_t result = fstat(r->result, &st) == 0 ? 512 * (uint64_t)st.st_blocks : 0;
    return result + dm_process_bytes(r->id);
}

/* Waits until the reader has ended; past its time it is ended. Returns its wait status; *late = 1 when it was ended. */
static int wait_for(const dm_reader *r, int *late) {
    struct pollfd p = {.fd = r->alive, .events = POLLIN};
    int status = 0, got = 0;
    for (double left = time_left(r); got <= 0 && left > 0; left = time_left(r))
        got = poll(&p, 1, left < 1000 ? (int)(1000 * left) + 1 : 1000000);
    *late = got <= 0;
    if (*late) kill(r->id, SIGKILL);
    while (waitpid(r->id, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

static dm_status died(int status, int late, const dm_reader *r) {
    if (late)
        return dm_fail(DM_STUDY, "reader_timeout", "reading takes longer than %.0f s; split the source or raise --read-seconds",
                       r->o->limits.seconds);
    if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        return dm_fail(DM_STUDY, "reader_died",
                       "the reader was ended by the system (signal %d: out of memory or of processor time); split the source or "
                       "give more with --read-memory and --read-seconds",
                       WTERMSIG(status));
    return dm_fail(DM_STUDY, "reader_died",
                   "the reader of the source ended by itself (%s %d): the source holds bytes that a library does not survive; "
                   "fetch it again",
                   WIFSIGNALED(status) ? "signal" : "code", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* A source that is still being copied gives half a study without an error. */
static int was_changed(const dm_reader *r) {
    struct stat now;
    const struct stat *then = &r->before;
    if (stat(r->path, &now) != 0) return then->st_ino != 0;
    return now.st_ino != then->st_ino || now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
           now.st_mtim.tv_nsec != then->st_mtim.tv_nsec;
}

dm_status dm_reader_take(dm_reader *r, dm_ingested *out, int *volumes) {
    *out = (dm_ingested){0};
    *volumes = -1;
    int late, status = wait_for(r, &late);
    /* The reader has ended and nobody else has the file: it can no longer shrink under the mapping. */
    (void)fcntl(r->result, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
    dm_status s = !late && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? dm_handover_read(r->result, r->o->protocols, out)
                                                                         : died(status, late, r);
    if (dm_good(s) && was_changed(r)) {
        dm_ingested_clear(out);
        s = dm_fail(DM_STUDY, "source_changed", "the source was changed while it was read; run again when it is whole");
    }
    if (dm_good(s)) {
        *volumes = r->result;
        r->result = -1;
    }
    drop(r);
    return s;
}

dm_status dm_reader_finish(dm_reader *r, dm_ingested *out) {
    int volumes;
    dm_status s = dm_reader_take(r, out, &volumes);
    if (volumes >= 0) close(volumes);
    return s;
}

void dm_reader_cancel(dm_reader *r) {
    if (!r) return;
    kill(r->id, SIGKILL);
    while (waitpid(r->id, NULL, 0) < 0 && errno == EINTR) {}
    drop(r);
}

/* ---- the reader's side ---- */

static dm_status read_task(const dm_task *t, const dm_protocols *protocols, dm_store *store, dm_ingested *in) {
    const dm_ingest_options o = {.protocols = protocols, .key = &t->key, .limits = &t->limits,
                                 .passphrase = t->has_passphrase ? t->passphrase : NULL, .digest = t->digest,
                                 .threads = t->threads, .store = store, .hold = t->memory / 3};
    if (strcmp(protocols->digest, t->config_digest) != 0)
        return dm_fail(DM_STUDY, "reader", "the protocol files were changed during the run; start it again");
    return dm_ingest(t->path, &o, in);
}

int dm_reader_serve(void) {
    static dm_task t; /* holds the key: not on a stack that is copied about */
    dm_protocols protocols;
    dm_ingested in = {0};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)prctl(PR_SET_NAME, "duramap-read");
    /* Buffers of a slice come and go: given back to the system each time they would be cleared and mapped anew each time. */
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    (void)mallopt(M_TRIM_THRESHOLD, 256 << 20);
    (void)mallopt(M_ARENA_MAX, 1); /* the one that grows by huge pages, see environment() */
    (void)signal(SIGXFSZ, SIG_IGN); /* what is too large cannot be written, and that is said */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN); /* the run decides what becomes of this, also where every process gets the signal */
    (void)signal(SIGUSR1, SIG_IGN);
    (void)signal(SIGUSR2, SIG_IGN);
    (void)syscall(SYS_close_range, ALIVE + 1, ~0u, 0);
    if (read(TASK, &t, sizeof t) != (ssize_t)sizeof t || t.mark != DM_HANDOVER_MARK) {
        fprintf(stderr, "duramap: this verb is for duramap itself\n");
        return 1;
    }
    close(TASK);
    dm_status s = dm_protocols_load(t.has_protocols ? t.protocols : NULL, &protocols);
    dm_store store = {.fd = RESULT, .most = t.memory / 2};
    const dm_sandbox_limits limits = {.memory = t.memory, .file = store.most, .seconds = 2 * t.limits.seconds};
    (void)dm_sandbox_enter(&limits);
    if (dm_good(s)) s = read_task(&t, &protocols, &store, &in);
    /* At once: what libraries do at the end of a process needs what the sandbox forbids, and nothing of it is wanted. */
    _exit(dm_handover_write(&store, s, &in, &protocols) ? 0 : 1);
}
