/* A table on its way out: rows as JSON objects under the columns of a dm_table. */
#ifndef DM_SHEET_H
#define DM_SHEET_H

#include "statistics.h"
#include "table.h"

typedef struct dm_sheet {
    const dm_table *table;
    cJSON *rows; /* an array; owned */
    int n;
    int no_memory; /* 1: a row was lost; dm_sheet_text refuses */
} dm_sheet;

void dm_sheet_start(dm_sheet *sheet, const dm_table *table);
void dm_sheet_free(dm_sheet *sheet); /* accepts a zeroed one */
/* A new last row; its cells are put with the functions below, which accept NULL. */
cJSON *dm_sheet_row(dm_sheet *sheet);
/* The whole CSV; the caller frees with free. FATAL "out_of_memory". */
dm_status dm_sheet_text(const dm_sheet *sheet, char **text, size_t *size);

/* "" and NaN leave the cell empty. */
void dm_put(cJSON *row, const char *column, const char *text);
void dm_put_number(cJSON *row, const char *column, double value);
/* A p value: six decimals, and below 0.0001 three digits as 1.23e-05, so that no p reads 0. */
void dm_put_p(cJSON *row, const char *column, double p);
/* NAME, or with `kind` only the limits NAME_KIND_low and NAME_KIND_high. */
void dm_put_value(cJSON *row, const char *name, dm_interval interval);
void dm_put_limits(cJSON *row, const char *name, const char *kind, double low, double high);
/* NAME = k of n, NAME_wilson_low and NAME_wilson_high. */
void dm_put_share(cJSON *row, const char *name, int k, int n);
/* Adds a sentence to the row's note column, after "; ". */
void dm_put_note(cJSON *row, const char *sentence);

/* A cell's text as it stands in the CSV, without quotes; "" for an empty one. */
void dm_sheet_cell(const dm_sheet *sheet, int row, const char *column, char out[64]);
/* Number of a column from 1, as RFC 7111 counts; 0 for a column that is not there. */
int dm_sheet_column(const dm_sheet *sheet, const char *column);

#endif
