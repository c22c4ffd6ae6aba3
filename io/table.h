/* Tables: CSV by RFC 4180 (UTF-8, LF) and a JSON sidecar that says what each column means. */
#ifndef DM_TABLE_H
#define DM_TABLE_H

#include <stdio.h>

#include "record.h"

typedef enum dm_column_kind { DM_TEXT, DM_NUMBER } dm_column_kind;

typedef struct dm_column {
    const char *name;
    dm_column_kind kind;
    int decimals;        /* NUMBER: digits after the point that are kept */
    const char *unit;    /* "mm", "HU", "1"; "" for text */
    const char *levels;  /* "a|b|c" when only these occur, else "" */
    const char *meaning; /* one sentence */
} dm_column;

typedef struct dm_table {
    const char *name;    /* the file's name without .csv */
    const char *meaning; /* what a row is */
    const dm_column *columns;
    int n_columns;
} dm_table;

/* Shortest decimal text that stands for value rounded to `decimals` digits after the point; "" for NaN and infinity;
 * never "-0"; '.' in every locale. */
void dm_number_text(double value, int decimals, char out[32]);
/* One cell, quoted where RFC 4180 asks for it. Text that a spreadsheet would run (= + - @ tab CR first) gets a leading '. */
void dm_csv_cell(FILE *out, const char *text);
void dm_csv_header(FILE *out, const dm_table *table);
/* One row of a JSON object keyed by column; a key that is missing, null or not finite is an empty cell. */
void dm_csv_row(FILE *out, const dm_table *table, const cJSON *row);
/* The sidecar, formatted; the caller frees with cJSON_free. NULL without memory. */
char *dm_table_sidecar(const dm_table *table);

#endif
