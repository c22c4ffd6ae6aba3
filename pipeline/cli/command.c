#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(const char *const argv[], int to) {
    extern char **environ;
    posix_spawn_file_actions_t files;
    pid_t id = 0;
    if (posix_spawn_file_actions_init(&files) != 0) return 0;
    int bad = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) ||
              posix_spawn_file_actions_adddup2(&files, to, 1) ||
              posix_spawnp(&id, argv[0], &files, NULL, (char *const *)argv, environ) != 0;
    posix_spawn_file_actions_destroy(&files);
    return bad ? 0 : id;
}

static void read_all(int from, char *out, size_t size) {
    char rest[512];
    size_t n = 0;
    for (;;) {
        int full = n + 1 >= size;
        ssize_t got = full ? read(from, rest, sizeof rest) : read(from, out + n, size - 1 - n);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        if (!full) n += (size_t)got;
    }
    out[n] = 0;
}

dm_status dm_command_run(const char *const argv[], char *out, size_t size) {
    int ends[2], status = 0;
    out[0] = 0;
    if (pipe(ends) != 0) return dm_fail(DM_FATAL, "command", "%s cannot be started: %s", argv[0], strerror(errno));
    (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    pid_t id = start(argv, ends[1]);
    close(ends[1]);
    if (id) read_all(ends[0], out, size);
    close(ends[0]);
    if (!id) return dm_fail(DM_FATAL, "command", "%s cannot be started; is it installed here and in PATH?", argv[0]);
    while (waitpid(id, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return dm_ok;
    return dm_fail(DM_FATAL, "command", "%s ended with %s %d", argv[0], WIFEXITED(status) ? "code" : "signal",
                   WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

void dm_command_quote(const char *word, FILE *to) {
    fputc('\'', to);
    for (; *word; word++) *word == '\'' ? (void)fputs("'\\''", to) : (void)fputc(*word, to);
    fputc('\'', to);
}

void dm_command_print(const char *const argv[], FILE *to) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./%@";
    for (int i = 0; argv[i]; i++) {
        if (i) fputc(' ', to);
        if (argv[i][0] && !argv[i][strspn(argv[i], plain)]) fputs(argv[i], to);
        else dm_command_quote(argv[i], to);
    }
    fputc('\n', to);
}
