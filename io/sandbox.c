#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Refused whatever their arguments are. Names that this machine's kernel headers lack do not exist here. */
static const unsigned refused[] = {
    SYS_socket, SYS_socketpair, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_sendto, SYS_sendmsg,
    SYS_execve, SYS_execveat, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kill, SYS_tkill,
    SYS_unlinkat, SYS_renameat2, SYS_mkdirat, SYS_linkat, SYS_symlinkat, SYS_fchmodat, SYS_fchmod, SYS_fchownat, SYS_fchown,
    SYS_truncate, SYS_mknodat, SYS_utimensat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr,
    SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot, SYS_setns, SYS_unshare, SYS_init_module, SYS_finit_module,
    SYS_delete_module, SYS_bpf, SYS_perf_event_open, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_userfaultfd,
    SYS_shmget, SYS_msgget, SYS_semget, SYS_mq_open,
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
#endif
#ifdef SYS_pidfd_send_signal
    SYS_pidfd_send_signal,
#endif
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_fork /* calls that newer architectures do without */
    SYS_fork, SYS_vfork, SYS_unlink, SYS_rmdir, SYS_rename, SYS_mkdir, SYS_link, SYS_symlink, SYS_chmod, SYS_chown,
    SYS_lchown, SYS_mknod, SYS_creat, SYS_utime, SYS_utimes,
#endif
};

/* As if the kernel had never heard of them: the C library then falls back to calls that are looked at below. */
static const unsigned unknown[] = {
#ifdef SYS_clone3
    SYS_clone3,
#endif
#ifdef SYS_openat2
    SYS_openat2,
#endif
};

#if defined(__x86_64__)
#define THIS_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif

#ifdef THIS_MACHINE
enum { MOST = 512, WRITING = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC };

typedef struct filter {
    struct sock_filter code[MOST];
    unsigned short n;
} filter;

static void add(filter *f, unsigned short code, unsigned char yes, unsigned char no, unsigned k) {
    if (f->n < MOST) f->code[f->n++] = (struct sock_filter){code, yes, no, k};
}

static void load(filter *f, size_t at) {
    add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (unsigned)at);
}

static void answer(filter *f, int error) {
    add(f, BPF_RET | BPF_K, 0, 0, error ? SECCOMP_RET_ERRNO | (unsigned)error : SECCOMP_RET_ALLOW);
}

/* The number of the call is loaded. */
static void refuse(filter *f, unsigned call, int error) {
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call);
    answer(f, error);
}

static size_t argument(int i) { /* the lower half, on machines that are little endian */
    return offsetof(struct seccomp_data, args) + 8 * (size_t)i;
}

/* Opening a file for anything but reading. The number of the call is loaded, and again at the end. */
static void refuse_writing(filter *f, unsigned call, int flags) {
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, call);
    load(f, argument(flags));
    add(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, WRITING);
    answer(f, EACCES);
    answer(f, 0);
}

/* Threads, but no processes. */
static void refuse_processes(filter *f) {
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_clone);
    load(f, argument(0));
    add(f, BPF_JMP | BPF_JSET | BPF_K, 1, 0, CLONE_THREAD);
    answer(f, EPERM);
    answer(f, 0);
}

/* abort() signals its own process. */
static void refuse_signals(filter *f) {
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, SYS_tgkill);
    load(f, argument(0));
    add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, (unsigned)getpid());
    answer(f, EPERM);
    answer(f, 0);
}

static int install(void) {
    filter f = {.n = 0};
    load(&f, offsetof(struct seccomp_data, arch));
    add(&f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, THIS_MACHINE);
    answer(&f, EPERM);
    load(&f, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
    add(&f, BPF_JMP | BPF_JGE | BPF_K, 0, 1, 0x40000000u); /* the x32 table of calls */
    answer(&f, EPERM);
#endif
    for (unsigned i = 0; i < sizeof refused / sizeof *refused; i++) refuse(&f, refused[i], EPERM);
    for (unsigned i = 0; i < sizeof unknown / sizeof *unknown; i++) refuse(&f, unknown[i], ENOSYS);
    refuse_writing(&f, SYS_openat, 2);
#ifdef SYS_open
    refuse_writing(&f, SYS_open, 1);
#endif
    refuse_processes(&f);
    refuse_signals(&f);
    answer(&f, 0);
    const struct sock_fprog program = {f.n, f.code};
    return f.n < MOST && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
#else
static int install(void) {
    return 0;
}
#endif

static void cap(int what, double most) {
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)what, &now) != 0) return;
    if (now.rlim_max == RLIM_INFINITY || (double)now.rlim_max > most) now.rlim_max = (rlim_t)most;
    now.rlim_cur = now.rlim_max;
    (void)setrlimit((__rlimit_resource_t)what, &now);
}

int dm_sandbox_enter(const dm_sandbox_limits *limits) {
    (void)prctl(PR_SET_DUMPABLE, 0); /* a core file would hold patients' pictures and the key */
    cap(RLIMIT_CORE, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* which reserve terabytes of address space */
    if (limits->memory) cap(RLIMIT_AS, (double)limits->memory);
#endif
    if (limits->file) cap(RLIMIT_FSIZE, (double)limits->file);
    if (limits->seconds > 0) cap(RLIMIT_CPU, limits->seconds + 1);
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && install();
}
