/* Kernel texts: embedded in the program, flattened so that no device needs an include path. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_FILES = 64, MAX_DEPTH = 16 };

typedef struct text {
    char *at;
    size_t length, room;
    int failed; /* 1 = out of memory */
} text;

typedef struct flattening {
    text out;
    char seen[MAX_FILES][64];
    int n_seen, depth;
    dm_status status;
} flattening;

static void append(text *t, const char *from, size_t n) {
    if (t->failed) return;
    if (t->length + n + 1 > t->room) {
        size_t room = 2 * (t->length + n + 1);
        char *grown = realloc(t->at, room);
        if (!grown) {
            t->failed = 1;
            return;
        }
        t->at = grown;
        t->room = room;
    }
    memcpy(t->at + t->length, from, n);
    t->length += n;
    t->at[t->length] = 0;
}

static void append_line_mark(text *t, int line, const char *name) {
    char mark[128];
    int n = snprintf(mark, sizeof mark, "#line %d \"%s\"\n", line, name);
    append(t, mark, (size_t)n);
}

static char *read_whole(const char *path) {
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    text t = {0};
    char block[4096];
    for (size_t n; (n = fread(block, 1, sizeof block, f)) > 0;) append(&t, block, n);
    int bad = ferror(f) || t.failed;
    fclose(f);
    if (bad) {
        free(t.at);
        return NULL;
    }
    return t.at;
}

char *dm_kernel_text(const char *name) {
    const char *folder = getenv("DURAMAP_KERNELS");
    if (folder && *folder) {
        char path[1024];
        int n = snprintf(path, sizeof path, "%s/%s", folder, name);
        char *own = n > 0 && (size_t)n < sizeof path ? read_whole(path) : NULL;
        if (own) return own;
    }
    for (int i = 0; i < dm_embedded_count; i++)
        if (strcmp(dm_embedded_files[i].name, name) == 0) return strdup(dm_embedded_files[i].text);
    return NULL;
}

/* The name in `#include "name"`, or 0 when the line is none. */
static int quoted_include(const char *line, size_t n, char name[64]) {
    size_t i = 0;
    while (i < n && (line[i] == ' ' || line[i] == '\t')) i++;
    if (n - i < 8 || strncmp(line + i, "#include", 8) != 0) return 0;
    i += 8;
    while (i < n && (line[i] == ' ' || line[i] == '\t')) i++;
    if (i >= n || line[i] != '"') return 0;
    size_t from = ++i;
    while (i < n && line[i] != '"') i++;
    if (i >= n || i - from >= 64) return 0;
    memcpy(name, line + from, i - from);
    name[i - from] = 0;
    return 1;
}

static int seen_before(flattening *f, const char *name) {
    for (int i = 0; i < f->n_seen; i++)
        if (strcmp(f->seen[i], name) == 0) return 1;
    if (f->n_seen < MAX_FILES) snprintf(f->seen[f->n_seen++], 64, "%s", name);
    return 0;
}

static void add_file(flattening *f, const char *name, const char *from);

static void add_text(flattening *f, const char *name, const char *text_of) {
    append_line_mark(&f->out, 1, name);
    int number = 1;
    for (const char *line = text_of; *line && dm_good(f->status); number++) {
        const char *end = strchr(line, '\n');
        size_t n = end ? (size_t)(end - line) : strlen(line);
        char included[64];
        if (quoted_include(line, n, included)) {
            add_file(f, included, name);
            append_line_mark(&f->out, number + 1, name);
        } else {
            append(&f->out, line, n);
            append(&f->out, "\n", 1);
        }
        line += n + (end ? 1 : 0);
    }
}

static void add_file(flattening *f, const char *name, const char *from) {
    if (seen_before(f, name)) return;
    char *own = f->depth < MAX_DEPTH ? dm_kernel_text(name) : NULL;
    if (!own) {
        f->status = dm_fail(DM_FATAL, "kernel_source", "kernel source %s%s%s is not in this program", name,
                            from ? ", included by " : "", from ? from : "");
        return;
    }
    f->depth++;
    add_text(f, name, own);
    f->depth--;
    free(own);
}

dm_status dm_flatten(const char *name, char **out) {
    *out = NULL;
    flattening f = {.status = dm_ok};
    add_file(&f, name, NULL);
    if (dm_good(f.status) && f.out.failed)
        f.status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the kernel source %s", name);
    if (!dm_good(f.status))
        free(f.out.at);
    else
        *out = f.out.at;
    return f.status;
}
