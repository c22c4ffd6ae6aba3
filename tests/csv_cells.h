/* A CSV text as cells, read by libcsv: what any other program would see. */
#ifndef DM_CSV_CELLS_H
#define DM_CSV_CELLS_H

#include <csv.h>
#include <stdlib.h>
#include <string.h>

enum { CELLS_ROWS = 32, CELLS_COLUMNS = 64 };

typedef struct cells {
    int rows, columns[CELLS_ROWS]; /* the header is row 0 */
    int column;                    /* of the cell to come */
    char *at[CELLS_ROWS][CELLS_COLUMNS];
} cells;

static inline void cells_take(void *text, size_t n, void *user) {
    cells *c = user;
    if (c->rows >= CELLS_ROWS || c->column >= CELLS_COLUMNS) abort();
    char *copy = calloc(1, n + 1);
    if (!copy) abort();
    if (n) memcpy(copy, text, n);
    c->at[c->rows][c->column++] = copy;
}

static inline void cells_end(int end, void *user) {
    cells *c = user;
    (void)end;
    c->columns[c->rows++] = c->column;
    c->column = 0;
}

/* Returns 0 when the text is no CSV by the strict rules. */
static inline int cells_read(cells *c, const char *text, size_t n) {
    struct csv_parser p;
    memset(c, 0, sizeof *c);
    if (csv_init(&p, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) != 0) return 0;
    int good = csv_parse(&p, text, n, cells_take, cells_end, c) == n && csv_fini(&p, cells_take, cells_end, c) == 0;
    csv_free(&p);
    return good;
}

static inline void cells_clear(cells *c) {
    for (int r = 0; r < CELLS_ROWS; r++)
        for (int k = 0; k < CELLS_COLUMNS; k++) free(c->at[r][k]);
    memset(c, 0, sizeof *c);
}

/* The cell of a row under a column's name; NULL when there is none. */
static inline const char *cells_get(const cells *c, int row, const char *column) {
    for (int k = 0; row < c->rows && k < c->columns[0]; k++)
        if (!strcmp(c->at[0][k], column)) return c->at[row][k];
    return NULL;
}

#endif
