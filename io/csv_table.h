/* CSV files that people hand over, by libcsv: a header, then rows, all of one width. */
#ifndef DM_CSV_TABLE_H
#define DM_CSV_TABLE_H

#include "status.h"

typedef struct dm_csv_table {
    char *name; /* the file's path, for messages; owned */
    int n_columns, n_rows;
    char **cell; /* (n_rows + 1) * n_columns texts, the header first; owned */
    int *line;   /* n_rows + 1: the line in the file where a row begins, from 1; owned */
    char *pool;  /* owned */
    /* How the file was saved, where that is worth a word to its owner: "", or a sentence with the cure. */
    char remark[200];
} dm_csv_table;

/* Reads a whole file. A byte order mark, CR LF line ends and blank lines are read over (the first two leave a
 * remark). FATAL "bad_csv" with file, line and cure: no file, empty, no header, another separator than the
 * comma, a quote without its partner, a row wider or narrower than the header, a column named twice, bytes
 * that are not UTF-8 or NUL. */
dm_status dm_csv_table_read(const char *path, dm_csv_table *table);
void dm_csv_table_free(dm_csv_table *table); /* accepts a zeroed one */

/* Number of a column, -1 when there is none. */
int dm_csv_column(const dm_csv_table *table, const char *name);
/* A cell of data row 0 .. n_rows - 1; "" for column -1. */
const char *dm_csv_at(const dm_csv_table *table, int row, int column);
/* The same by the column's name. */
const char *dm_csv_text(const dm_csv_table *table, int row, const char *column);
/* FATAL "bad_csv" when one of the columns needed ("a|b") is missing or one stands there that is neither
 * needed nor in `allowed` (NULL: any). A column whose name begins with "note" is always allowed. */
dm_status dm_csv_check_header(const dm_csv_table *table, const char *needed, const char *allowed);
/* A cell as a number from low to high; NaN when it is empty or there is no such column. FATAL "bad_csv" for
 * anything else; a decimal comma is named. */
dm_status dm_csv_number(const dm_csv_table *table, int row, const char *column, double low, double high,
                        double *value);
/* FATAL "bad_csv" naming both lines when two rows have the same cells in these columns ("a|b"; NULL: in all
 * but notes). */
dm_status dm_csv_check_unique(const dm_csv_table *table, const char *columns);
/* FATAL "bad_csv" at a row's place: "FILE:LINE: text". */
dm_status dm_csv_fail(const dm_csv_table *table, int row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
