/* What a process in the sandbox can no longer do, tried out in children. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cases.h"
#include "sandbox.h"

static char folder[] = "/tmp/duramap-sandbox-XXXXXX", file[80];

enum { FORBIDDEN = 0, ALLOWED = 1, NO_FILTER = 77 };

static int no_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0) >= 0;
}
static int no_local_socket(void) {
    return socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
}
static int no_new_file(void) {
    char path[100];
    snprintf(path, sizeof path, "%s/new", folder);
    return open(path, O_WRONLY | O_CREAT, 0600) >= 0;
}
static int no_writing(void) {
    return open(file, O_RDWR) >= 0;
}
static int no_append(void) {
    return fopen(file, "a") != NULL;
}
static int no_removing(void) {
    return unlink(file) == 0;
}
static int no_renaming(void) {
    char path[100];
    snprintf(path, sizeof path, "%s/other", folder);
    return rename(file, path) == 0;
}
static int no_folder(void) {
    char path[100];
    snprintf(path, sizeof path, "%s/below", folder);
    return mkdir(path, 0700) == 0;
}
static int no_child(void) {
    pid_t id = fork();
    if (id == 0) _exit(0);
    return id > 0;
}
static int no_program(void) {
    execl("/bin/true", "true", (char *)NULL);
    return 0;
}
static int no_signal(void) {
    return kill(getppid(), 0) == 0;
}
static int no_memory(void) {
    char *p = malloc((size_t)600 << 20);
    int got = p != NULL;
    free(p);
    return got;
}

static int (*const forbidden[])(void) = {no_socket,   no_local_socket, no_new_file, no_writing, no_append, no_removing,
                                         no_renaming, no_folder,       no_child,    no_program, no_signal, no_memory};
static const char *const names[] = {"a socket", "a local socket", "a new file", "writing",   "appending", "removing",
                                    "renaming", "a folder",       "a child",    "a program", "a signal",  "600 MiB"};
enum { N = sizeof forbidden / sizeof *forbidden };

static void *thread(void *user) {
    *(int *)user = 1;
    return NULL;
}

static int can_read(void) {
    char text[8] = "";
    FILE *f = fopen(file, "r");
    int good = f && fgets(text, sizeof text, f) && !strcmp(text, "words");
    if (f) fclose(f);
    return good;
}
static int can_start_threads(void) {
    pthread_t id;
    int ran = 0;
    return pthread_create(&id, NULL, thread, &ran) == 0 && pthread_join(id, NULL) == 0 && ran;
}

/* The exit code of `act` in a child within the sandbox; -1 when a signal ended it. */
static int within(int (*act)(void)) {
    pid_t id = fork();
    if (id == 0) {
        const dm_sandbox_limits limits = {.memory = (uint64_t)512 << 20, .seconds = 2};
        if (!dm_sandbox_enter(&limits)) _exit(NO_FILTER);
        _exit(act() ? ALLOWED : FORBIDDEN);
    }
    int status = 0;
    if (waitpid(id, &status, 0) != id || !WIFEXITED(status)) return -1;
    return WEXITSTATUS(status);
}

START_TEST(what_is_forbidden) {
    int got = within(forbidden[_i]);
    ck_assert_msg(got == FORBIDDEN, "%s: %d", names[_i], got);
}
END_TEST

START_TEST(what_reading_needs) {
    ck_assert_int_eq(within(can_read), ALLOWED);
    ck_assert_int_eq(within(can_start_threads), ALLOWED);
}
END_TEST

/* A loop without end is ended by its processor time. */
START_TEST(time_is_limited) {
    pid_t id = fork();
    if (id == 0) {
        const dm_sandbox_limits limits = {.seconds = 0.1};
        (void)dm_sandbox_enter(&limits);
        for (volatile unsigned i = 0;; i++) {}
    }
    int status = 0;
    ck_assert_int_eq(waitpid(id, &status, 0), id);
    ck_assert(WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL));
}
END_TEST

/* abort() must end the process, not hang in it. */
START_TEST(abort_still_ends) {
    pid_t id = fork();
    if (id == 0) {
        const dm_sandbox_limits limits = {.seconds = 2};
        (void)dm_sandbox_enter(&limits);
        abort();
    }
    int status = 0;
    ck_assert_int_eq(waitpid(id, &status, 0), id);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

static int nothing(void) {
    return 0;
}

int main(void) {
    if (!mkdtemp(folder)) return 1;
    snprintf(file, sizeof file, "%s/file", folder);
    FILE *f = fopen(file, "w");
    if (!f || fputs("words", f) < 0 || fclose(f) != 0) return 1;
    TCase *t = tcase_create("sandbox");
    tcase_set_timeout(t, 60); /* a second of processor time may be many on a busy machine */
    int filter = within(nothing) != NO_FILTER;
    if (!filter) printf("SKIPPED in part: this kernel gives no filter of system calls\n");
#ifdef __SANITIZE_ADDRESS__
    tcase_add_loop_test(t, what_is_forbidden, 0, filter ? N - 1 : 0); /* memory is not limited under the sanitizer */
#else
    tcase_add_loop_test(t, what_is_forbidden, filter ? 0 : N - 1, N);
#endif
    if (filter) tcase_add_test(t, what_reading_needs);
    tcase_add_test(t, time_is_limited);
    tcase_add_test(t, abort_still_ends);
    int failed = cases_failed("sandbox", t);
    unlink(file);
    rmdir(folder);
    return failed != 0;
}
