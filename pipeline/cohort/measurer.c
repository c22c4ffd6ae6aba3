/* close_range is Linux's own. */
#define _GNU_SOURCE /* NOLINT(bugprone-reserved-identifier) */
#include "measurer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handover.h"
#include "machine.h"
#include "series_vote.h"

/* ---- the line ---- */

typedef union fd_note { /* aligned as a control message must be */
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
} fd_note;

static int send_with(int line, const void *bytes, size_t n, int fd) {
    fd_note note = {.bytes = {0}};
    struct iovec v = {(void *)bytes, n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    if (fd >= 0) {
        m.msg_control = note.bytes;
        m.msg_controllen = sizeof note.bytes;
        *CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &fd, sizeof fd);
    }
    ssize_t sent;
    do sent = sendmsg(line, &m, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)n;
}

/* Waits for an order. 0 when the run has closed the line. */
static int next_order(int line, dm_order *order, int *volumes) {
    fd_note note = {.bytes = {0}};
    struct iovec v = {order, sizeof *order};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = note.bytes, .msg_controllen = sizeof note.bytes};
    ssize_t got;
    do got = recvmsg(line, &m, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    const struct cmsghdr *head = got == (ssize_t)sizeof *order ? CMSG_FIRSTHDR(&m) : NULL;
    if (!head || head->cmsg_type != SCM_RIGHTS) return 0;
    memcpy(volumes, CMSG_DATA(head), sizeof *volumes);
    return 1;
}

/* ---- the measuring process: a thread for the device, a thread for the writing ---- */

/* A study that the device is done with. */
typedef struct measured {
    int source, study;
    dm_ingested in; /* the whole source's, without other studies' volumes */
    dm_account account;
    double busy;
} measured;

typedef struct process {
    const dm_cohort *c;
    int line;
    dm_gpu *gpu;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    measured *to_write; /* NULL = the writer is idle */
    int ended;          /* nothing more will come */
} process;

static void tell(const process *p, const dm_report *report) {
    /* Only the end of the run can cut the line, and it ends this process as well. */
    if (!send_with(p->line, report, sizeof *report, -1)) _exit(1);
}

static void let_go_of(measured *m) {
    dm_ingested_clear(&m->in);
    free(m);
}

static void write_out(const process *p, measured *m) {
    const dm_ingested_study *s = &m->in.study[m->study];
    dm_report r = {.kind = DM_WRITTEN, .source = m->source, .study = m->study, .answer = s->study.answer.kind, .busy = m->busy,
                   .wait_input = m->account.wait_input, .wait_output = m->account.wait_output};
    r.status = dm_settle(p->c, m->source, s, &m->account);
    if (dm_good(r.status)) r.status = m->account.status;
    tell(p, &r);
}

static void *write_all(void *arg) {
    process *p = arg;
    pthread_mutex_lock(&p->lock);
    for (;;) {
        while (!p->to_write && !p->ended) pthread_cond_wait(&p->changed, &p->lock);
        measured *m = p->to_write;
        if (!m) break;
        pthread_mutex_unlock(&p->lock);
        write_out(p, m);
        let_go_of(m);
        pthread_mutex_lock(&p->lock);
        p->to_write = NULL;
        pthread_cond_broadcast(&p->changed);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Waits until the writer is idle; then it has the study (NULL = no more will come). */
static void give_to_writer(process *p, measured *m) {
    double from = dm_now();
    pthread_mutex_lock(&p->lock);
    while (p->to_write) pthread_cond_wait(&p->changed, &p->lock);
    if (m) m->account.wait_output = dm_now() - from;
    p->to_write = m;
    p->ended = !m;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* Every stage in turn; the first failure ends the study. */
static dm_status run_stages(dm_gpu *gpu, dm_ingested_study *s, dm_account *a) {
    dm_status worst = dm_ok;
    for (int i = 0; i < dm_stage_count; i++) {
        double from = dm_now();
        dm_status status = dm_stages[i]->run(gpu, dm_protocol_params(s->protocol, dm_stages[i]->name), &s->study);
        if (dm_good(status) && !strcmp(dm_stages[i]->name, "levels"))
            status = dm_worse(status, dm_series_vote(gpu, s->protocol, &s->study));
        a->seconds_stage[i] = dm_now() - from;
        worst = dm_worse(worst, status);
        if (!dm_good(status)) return status;
        /* The box is made: the whole pass is the largest thing in memory and is not needed again. Its size is. */
        if (i == 0)
            for (int p = 0; p < s->study.n_passes; p++) dm_scan_drop(&s->study.pass[p].scan);
    }
    return worst;
}

/* The study of an order, mapped; NULL when the volumes cannot be had again. */
static measured *take_study(const process *p, const dm_order *o, int volumes) {
    measured *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (measured){.source = o->source, .study = o->study};
    if (!dm_good(dm_handover_read(volumes, p->c->o->protocols, &m->in)) || o->study >= m->in.n) {
        let_go_of(m);
        return NULL;
    }
    for (int i = 0; i < m->in.n; i++)
        if (i != o->study) dm_study_drop_scans(&m->in.study[i].study);
    m->account = dm_account_of(p->c, o->source, &m->in, dm_gpu_describe(p->gpu));
    m->account.wait_device = o->wait_device;
    return m;
}

static int is_sick(dm_status s) {
    return !strcmp(s.code, "device_error");
}

/* 0 when this process must end. */
static int measure(process *p, const dm_order *o, int volumes, double waited) {
    dm_report r = {.kind = DM_SICK_DEVICE, .source = o->source, .study = o->study};
    measured *m = take_study(p, o, volumes);
    close(volumes);
    if (!m) return 0;
    dm_ingested_study *s = &m->in.study[m->study];
    double from = dm_now();
    dm_gpu_reset_times(p->gpu);
    m->account.status = r.status = dm_worse(s->status, run_stages(p->gpu, s, &m->account));
    m->account.seconds_kernels = dm_gpu_seconds(p->gpu);
    m->account.seconds = m->busy = dm_now() - from;
    m->account.wait_input = waited;
    if (!is_sick(r.status)) {
        give_to_writer(p, m);
        r.kind = DM_FREE;
    }
    tell(p, &r);
    return r.kind == DM_FREE;
}

static dm_status open_device(const dm_cohort *c, const char *device, dm_gpu **gpu) {
    DM_TRY(dm_gpu_open(device, c->o->device_memory, gpu));
    dm_gpu_share(*gpu, c->at_once);
    return c->o->selftest ? c->o->selftest(*gpu) : dm_ok;
}

static int measure_all(const dm_cohort *c, const char *device, int line) {
    process p = {.c = c, .line = line, .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t writer;
    dm_order order;
    int volumes, good;
    dm_report r = {.kind = DM_READY, .status = open_device(c, device, &p.gpu)};
    if (p.gpu) r.device = *dm_gpu_describe(p.gpu);
    good = dm_good(r.status) && pthread_create(&writer, NULL, write_all, &p) == 0;
    tell(&p, &r);
    if (!good) return 1;
    double free_since = dm_now();
    while (good && next_order(line, &order, &volumes)) {
        good = measure(&p, &order, volumes, dm_now() - free_since);
        free_since = dm_now();
    }
    give_to_writer(&p, NULL);
    pthread_join(writer, NULL);
    dm_gpu_close(p.gpu);
    return good ? 0 : 1;
}

/* ---- the run's side ---- */

/* What opening the devices came to. */
typedef struct probed {
    dm_status status;
    int gpus;
} probed;

static probed open_each(const dm_run_options *o) {
    probed found = {.status = dm_ok};
    for (int i = 0; (i < o->n_devices || i == 0) && dm_good(found.status); i++) {
        dm_gpu *gpu;
        found.status = dm_gpu_open(o->n_devices ? o->devices[i] : "", o->device_memory, &gpu);
        if (gpu) found.gpus += dm_gpu_describe(gpu)->is_gpu;
        dm_gpu_close(gpu);
    }
    return found;
}

dm_status dm_devices_probe(const dm_run_options *o, int *gpus) {
    int ends[2];
    probed found = {.status = dm_ok};
    if (pipe2(ends, O_CLOEXEC) != 0) return dm_ok; /* the run will find out */
    fflush(NULL);
    pid_t id = fork();
    if (id == 0) {
        found = open_each(o);
        _exit(write(ends[1], &found, sizeof found) == (ssize_t)sizeof found ? 0 : 1);
    }
    close(ends[1]);
    int told = id > 0 && read(ends[0], &found, sizeof found) == (ssize_t)sizeof found;
    close(ends[0]);
    while (id > 0 && waitpid(id, NULL, 0) < 0 && errno == EINTR) {}
    *gpus = found.gpus;
    if (told || id < 0) return found.status;
    return dm_fail(DM_FATAL, "no_device", "the OpenCL driver ends every process that opens the device; see duramap devices");
}

/* In the new process. */
static void become_measurer(const dm_cohort *c, const char *device, int line, pid_t run) {
    enum { LINE = 3 };
    static const int signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP};
    (void)prctl(PR_SET_NAME, "duramap-measure");
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != run) _exit(1); /* it ended before that could be heard */
    (void)setpgid(0, 0);            /* a key pressed to stop the run must not end it */
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) sigaddset(&set, signals[i]);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* not ignored: drivers put handlers of their own in the place of that */
    if (line != LINE && dup2(line, LINE) < 0) _exit(1);
    (void)fcntl(LINE, F_SETFD, FD_CLOEXEC); /* a driver's compiler must not keep it open */
    (void)syscall(SYS_close_range, LINE + 1, ~0u, 0); /* volumes that the run lets go of would live on in them */
    _exit(measure_all(c, device, LINE));
}

dm_status dm_measurer_start(const dm_cohort *c, const char *device, void (*let_go)(void *user), void *user, dm_measurer *m) {
    int line[2];
    pid_t run = getpid();
    *m = (dm_measurer){0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) != 0)
        return dm_fail(DM_FATAL, "measurer", "no measuring process can be started: socketpair: %s", strerror(errno));
    fflush(NULL);
    m->id = fork();
    if (m->id == 0) {
        let_go(user);
        become_measurer(c, device, line[1], run);
    }
    close(line[1]);
    m->line = line[0];
    if (m->id > 0) return dm_ok;
    m->id = 0;
    close(line[0]);
    return dm_fail(DM_FATAL, "measurer", "no measuring process can be started: fork: %s", strerror(errno));
}

int dm_measurer_order(const dm_measurer *m, const dm_order *order, int volumes) {
    return send_with(m->line, order, sizeof *order, volumes);
}

int dm_measurer_hear(const dm_measurer *m, dm_report *report) {
    ssize_t got;
    do got = recv(m->line, report, sizeof *report, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got == (ssize_t)sizeof *report) return 1;
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
}

int dm_measurer_end(dm_measurer *m, int kill_first) {
    int status = 0;
    if (!m->id) return 0;
    if (kill_first) kill(m->id, SIGKILL);
    close(m->line);
    while (waitpid(m->id, &status, 0) < 0 && errno == EINTR) {}
    *m = (dm_measurer){0};
    return status;
}
