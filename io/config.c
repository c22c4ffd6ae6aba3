#include "config.h"

#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_LIMIT = 190 }; /* inih's own buffer holds 200 */

typedef struct reading {
    const char *name, *rest;
    int line;
    dm_config_visit visit;
    void *user;
    dm_status status;
} reading;

/* inih tells its handler no line numbers: they are counted here, where the lines are dealt out. */
static char *next_line(char *out, int size, void *stream) {
    reading *r = stream;
    if (!*r->rest || !dm_good(r->status)) return NULL;
    size_t n = strcspn(r->rest, "\n");
    size_t whole = n + (r->rest[n] == '\n');
    r->line++;
    if (n > LINE_LIMIT || (int)whole + 1 > size) {
        r->status = dm_fail(DM_FATAL, "config", "%s:%d: the line is longer than %d characters", r->name, r->line,
                            (int)LINE_LIMIT);
        return NULL;
    }
    memcpy(out, r->rest, whole);
    out[whole] = 0;
    /* A leading blank would make inih take the line for more of the value before it. */
    size_t blanks = strspn(out, " \t");
    memmove(out, out + blanks, whole - blanks + 1);
    r->rest += whole;
    return out;
}

static int handle(void *user, const char *section, const char *key, const char *value) {
    reading *r = user;
    if (!dm_good(r->status)) return 1;
    char where[300];
    snprintf(where, sizeof where, "%s:%d", r->name, r->line);
    r->status = r->visit(r->user, where, section, key, value);
    return 1;
}

dm_status dm_config_text(const char *name, const char *text, dm_config_visit visit, void *user) {
    reading r = {.name = name, .rest = text, .visit = visit, .user = user, .status = dm_ok};
    int bad = ini_parse_stream(next_line, &r, handle, &r);
    if (bad > 0 && (dm_good(r.status) || bad < r.line))
        return dm_fail(DM_FATAL, "config", "%s:%d: neither [section], key = value nor # comment", name, bad);
    if (bad < 0) return dm_fail(DM_FATAL, "config", "%s: cannot be read", name);
    return r.status;
}

dm_status dm_config_file(const char *path, dm_config_visit visit, void *user) {
    enum { LIMIT = 1 << 20 };
    FILE *f = fopen(path, "rb");
    if (!f) return dm_fail(DM_FATAL, "config", "%s: %s", path, strerror(errno));
    char *text = calloc(1, LIMIT + 1);
    size_t n = text ? fread(text, 1, LIMIT, f) : 0;
    dm_status status = dm_ok;
    if (!text || ferror(f) || n == LIMIT)
        status = dm_fail(DM_FATAL, "config", "%s: cannot be read as a configuration (over 1 MiB, or an error)", path);
    else if (memchr(text, 0, n))
        status = dm_fail(DM_FATAL, "config", "%s: is no text file", path);
    else
        status = dm_config_text(path, text, visit, user);
    fclose(f);
    free(text);
    return status;
}
