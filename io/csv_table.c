#include "csv_table.h"

#include <csv.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "record.h"

/* What is read so far. Cells are kept as offsets into the pool, which moves while it grows. */
typedef struct reader {
    char *pool;
    size_t used, room;
    size_t *start;
    int n_cells, room_cells;
    int *line, n_lines, room_lines;
    int width;     /* of the header; 0 before it */
    int in_row;    /* cells of the row being read */
    int row_line;  /* where it began */
    int row_ended; /* a row ended in the line just fed */
    int no_memory, bad_width, bad_line;
} reader;

/* The array with room for one more; NULL without memory, the array is then as it was. */
static void *grown(void *array, int n, int *room, size_t size) {
    if (n < *room) return array;
    int more = *room ? 2 * *room : 256;
    void *bigger = realloc(array, (size_t)more * size);
    if (bigger) *room = more;
    return bigger;
}

static int pool_add(reader *r, const char *text, size_t n) {
    if (r->used + n + 1 > r->room) {
        size_t more = 2 * r->room + n + 4096;
        char *bigger = realloc(r->pool, more);
        if (!bigger) return 0;
        r->pool = bigger;
        r->room = more;
    }
    if (n) memcpy(r->pool + r->used, text, n);
    r->pool[r->used + n] = 0;
    r->used += n + 1;
    return 1;
}

static void take_cell(void *text, size_t n, void *user) {
    reader *r = user;
    size_t at = r->used, *start = grown(r->start, r->n_cells, &r->room_cells, sizeof *r->start);
    if (start) r->start = start;
    if (!start || !pool_add(r, text, n)) {
        r->no_memory = 1;
        return;
    }
    r->start[r->n_cells++] = at;
    r->in_row++;
}

static void end_row(int end, void *user) {
    reader *r = user;
    (void)end;
    r->row_ended = 1;
    int *more = grown(r->line, r->n_lines, &r->room_lines, sizeof *r->line);
    if (!more) {
        r->no_memory = 1;
        return;
    }
    r->line = more;
    if (!r->width) r->width = r->in_row;
    if (r->in_row != r->width && !r->bad_line) {
        r->bad_width = r->in_row;
        r->bad_line = r->row_line;
    }
    r->line[r->n_lines++] = r->row_line;
    r->in_row = 0;
}

static dm_status bad(const char *name, int line, const char *text) {
    return dm_fail(DM_FATAL, "bad_csv", "%s:%d: %s", name, line, text);
}

/* Lines are fed one by one, so that every row knows where it began. */
static dm_status feed(const char *name, reader *r, struct csv_parser *p, const char *text, size_t n) {
    int open = 0, line = 0, quoted_from = 0;
    for (size_t at = 0; at < n;) {
        const char *end = memchr(text + at, '\n', n - at);
        size_t length = end ? (size_t)(end - text) - at + 1 : n - at;
        int blank = strspn(text + at, "\r\n") >= length;
        line++;
        if (!open) r->row_line = quoted_from = line;
        r->row_ended = 0;
        if (csv_parse(p, text + at, length, take_cell, end_row, r) != length)
            return bad(
                name, line,
                "a quote stands inside a cell; a cell that holds quotes is quoted whole, its quotes doubled");
        if (r->row_ended)
            open = 0;
        else if (!blank)
            open = 1;
        at += length;
    }
    if (csv_fini(p, take_cell, end_row, r) != 0)
        return bad(name, quoted_from, "a quote that opens in this row is never closed; add the missing \"");
    return r->no_memory ? dm_fail(DM_FATAL, "out_of_memory", "%s: no memory for the table", name) : dm_ok;
}

static dm_status finish(const char *name, reader *r, dm_csv_table *t) {
    if (!r->n_lines)
        return dm_fail(DM_FATAL, "bad_csv", "%s:1: the file is empty; the first line names the columns",
                       name);
    if (r->width == 1 && strpbrk(r->pool, ";\t"))
        return bad(
            name, r->line[0],
            "the cells are separated by ';' or tabs; save the table with commas, and points in numbers");
    if (r->bad_line)
        return dm_fail(DM_FATAL, "bad_csv",
                       "%s:%d: %d cells where the header has %d; quote cells that hold a comma (also decimal "
                       "commas), and end "
                       "no row early",
                       name, r->bad_line, r->bad_width, r->width);
    t->n_columns = r->width;
    t->n_rows = r->n_lines - 1;
    t->cell = calloc((size_t)r->n_cells, sizeof *t->cell);
    if (!t->cell) return dm_fail(DM_FATAL, "out_of_memory", "%s: no memory for the table", name);
    for (int i = 0; i < r->n_cells; i++) t->cell[i] = r->pool + r->start[i];
    t->pool = r->pool;
    t->line = r->line;
    r->pool = NULL;
    r->line = NULL;
    return dm_ok;
}

static dm_status parse(const char *name, const char *text, size_t n, dm_csv_table *t) {
    struct csv_parser p;
    reader r = {0};
    if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI) != 0)
        return dm_fail(DM_FATAL, "out_of_memory", "%s: no memory for the table", name);
    dm_status status = feed(name, &r, &p, text, n);
    if (dm_good(status)) status = finish(name, &r, t);
    csv_free(&p);
    free(r.pool);
    free(r.start);
    free(r.line);
    return status;
}

/* Length of one UTF-8 character (RFC 3629), 0 when the bytes are none. */
static size_t utf8_length(const unsigned char *c, size_t left) {
    size_t n = c[0] < 0x80                     ? 1
               : (c[0] >= 0xc2 && c[0] < 0xe0) ? 2
               : (c[0] & 0xf0) == 0xe0         ? 3
               : (c[0] >= 0xf0 && c[0] < 0xf5) ? 4
                                               : 0;
    if (!n || n > left || !c[0]) return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80) return 0;
    return n;
}

static dm_status check_bytes(const char *name, const char *text, size_t n) {
    int line = 1;
    for (size_t at = 0; at < n;) {
        size_t step = utf8_length((const unsigned char *)text + at, n - at);
        if (!step) return bad(name, line, "bytes that are no UTF-8 text; save the table as \"CSV UTF-8\"");
        line += text[at] == '\n';
        at += step;
    }
    return dm_ok;
}

static dm_status check_names(const dm_csv_table *t) {
    for (int i = 0; i < t->n_columns; i++)
        for (int k = 0; k < i; k++)
            if (!strcmp(t->cell[i], t->cell[k]))
                return dm_fail(DM_FATAL, "bad_csv", "%s:%d: column '%.40s' stands there twice; keep one",
                               t->name, t->line[0], t->cell[i]);
    return dm_ok;
}

dm_status dm_csv_table_read(const char *path, dm_csv_table *t) {
    char *text = NULL;
    size_t n = 0;
    *t = (dm_csv_table){0};
    dm_status status = dm_file_read(path, &text, &n);
    if (!dm_good(status)) return dm_fail(DM_FATAL, "bad_csv", "%s", status.text);
    t->name = strdup(path);
    if (!t->name) {
        free(text);
        return dm_fail(DM_FATAL, "out_of_memory", "%s: no memory for the table", path);
    }
    size_t skip = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
    const char *crlf = strstr(text, "\r\n");
    status = check_bytes(path, text + skip, n - skip);
    if (dm_good(status)) status = parse(path, text + skip, n - skip, t);
    if (dm_good(status)) status = check_names(t);
    if (skip || crlf)
        snprintf(t->remark, sizeof t->remark,
                 "%s%s%s; read all the same; save as UTF-8 with LF to be rid of this line",
                 skip ? "a byte order mark" : "", skip && crlf ? " and " : "", crlf ? "CR LF line ends" : "");
    free(text);
    if (!dm_good(status)) dm_csv_table_free(t);
    return status;
}

void dm_csv_table_free(dm_csv_table *t) {
    free(t->name);
    free(t->cell);
    free(t->line);
    free(t->pool);
    *t = (dm_csv_table){0};
}

int dm_csv_column(const dm_csv_table *t, const char *name) {
    for (int i = 0; i < t->n_columns; i++)
        if (!strcmp(t->cell[i], name)) return i;
    return -1;
}

const char *dm_csv_at(const dm_csv_table *t, int row, int column) {
    return column < 0 ? "" : t->cell[(size_t)(row + 1) * (size_t)t->n_columns + (size_t)column];
}

const char *dm_csv_text(const dm_csv_table *t, int row, const char *column) {
    return dm_csv_at(t, row, dm_csv_column(t, column));
}

/* 1 when name is one of "a|b|c". */
static int among(const char *list, const char *name) {
    size_t n = strlen(name);
    for (const char *at = list; n && *at;) {
        size_t one = strcspn(at, "|");
        if (one == n && !strncmp(at, name, n)) return 1;
        at += one + (at[one] != 0);
    }
    return 0;
}

dm_status dm_csv_check_header(const dm_csv_table *t, const char *needed, const char *allowed) {
    for (const char *at = needed; *at;) {
        char one[64];
        size_t n = strcspn(at, "|");
        snprintf(one, sizeof one, "%.*s", (int)n, at);
        if (dm_csv_column(t, one) < 0)
            return dm_fail(DM_FATAL, "bad_csv", "%s:%d: there is no column '%s'; name it in the first line",
                           t->name, t->line[0], one);
        at += n + (at[n] != 0);
    }
    for (int i = 0; allowed && i < t->n_columns; i++)
        if (!among(needed, t->cell[i]) && !among(allowed, t->cell[i]) && strncmp(t->cell[i], "note", 4) != 0)
            return dm_fail(
                DM_FATAL, "bad_csv",
                "%s:%d: column '%.40s' is unknown; columns are %s%s%s, and any whose name begins with note",
                t->name, t->line[0], t->cell[i], needed, *needed && *allowed ? "|" : "", allowed);
    return dm_ok;
}

typedef struct keyed_row {
    char *key;
    int row;
} keyed_row;

static int by_key(const void *a, const void *b) {
    const keyed_row *x = a, *y = b;
    int d = strcmp(x->key, y->key);
    return d ? d : x->row - y->row;
}

/* The cells that make a row's key, one after the other; NULL without memory. The caller frees. */
static char *key_of(const dm_csv_table *t, int row, const char *columns) {
    char *key = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&key, &size);
    if (!f) return NULL;
    for (int i = 0; i < t->n_columns; i++)
        if (columns ? among(columns, t->cell[i]) : strncmp(t->cell[i], "note", 4) != 0)
            fprintf(f, "%s\x1f", dm_csv_at(t, row, i));
    return fclose(f) == 0 ? key : NULL;
}

dm_status dm_csv_check_unique(const dm_csv_table *t, const char *columns) {
    dm_status status = dm_ok;
    keyed_row *all = calloc((size_t)t->n_rows + 1, sizeof *all);
    for (int i = 0; all && i < t->n_rows; i++) {
        all[i] = (keyed_row){key_of(t, i, columns), i};
        if (!all[i].key) status = dm_fail(DM_FATAL, "out_of_memory", "%s: no memory for its keys", t->name);
    }
    if (!all) return dm_fail(DM_FATAL, "out_of_memory", "%s: no memory for its keys", t->name);
    if (dm_good(status)) qsort(all, (size_t)t->n_rows, sizeof *all, by_key);
    for (int i = 1; dm_good(status) && i < t->n_rows; i++)
        if (!strcmp(all[i].key, all[i - 1].key))
            status = dm_csv_fail(t, all[i].row, "the same %s as in line %d; keep one of the two",
                                 columns ? columns : "row", t->line[all[i - 1].row + 1]);
    for (int i = 0; i < t->n_rows; i++) free(all[i].key);
    free(all);
    return status;
}

dm_status dm_csv_number(const dm_csv_table *t, int row, const char *column, double low, double high,
                        double *value) {
    const char *text = dm_csv_text(t, row, column);
    char *end;
    *value = NAN;
    if (!*text) return dm_ok;
    double v = strtod(text, &end);
    if (*end == ',' && end != text)
        return dm_csv_fail(t, row, "a decimal comma in column '%s'; write numbers with a point", column);
    if (end == text || *end || !isfinite(v) || strpbrk(text, "xXnN"))
        return dm_csv_fail(t, row, "column '%s' holds no number; leave the cell empty when it is not known",
                           column);
    if (v < low || v > high)
        return dm_csv_fail(t, row, "column '%s' holds %g, which is not between %g and %g", column, v, low,
                           high);
    *value = v;
    return dm_ok;
}

dm_status dm_csv_fail(const dm_csv_table *t, int row, const char *format, ...) {
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return bad(t->name, t->line[row + 1], text);
}
