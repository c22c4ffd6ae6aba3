#include "sheet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dm_sheet_start(dm_sheet *s, const dm_table *table) {
    *s = (dm_sheet){.table = table, .rows = cJSON_CreateArray()};
    s->no_memory = !s->rows;
}

void dm_sheet_free(dm_sheet *s) {
    cJSON_Delete(s->rows);
    *s = (dm_sheet){0};
}

cJSON *dm_sheet_row(dm_sheet *s) {
    cJSON *row = cJSON_CreateObject();
    if (row && cJSON_AddItemToArray(s->rows, row))
        s->n++;
    else
        s->no_memory = 1;
    return row;
}

dm_status dm_sheet_text(const dm_sheet *s, char **text, size_t *size) {
    *text = NULL;
    FILE *f = s->no_memory ? NULL : open_memstream(text, size);
    if (!f) return dm_fail(DM_FATAL, "out_of_memory", "no memory for the table %s", s->table->name);
    const cJSON *row;
    dm_csv_header(f, s->table);
    cJSON_ArrayForEach(row, s->rows) dm_csv_row(f, s->table, row);
    return fclose(f) == 0 ? dm_ok
                          : dm_fail(DM_FATAL, "out_of_memory", "no memory for the table %s", s->table->name);
}

void dm_put(cJSON *row, const char *column, const char *text) {
    if (text && *text) cJSON_AddStringToObject(row, column, text);
}

void dm_put_number(cJSON *row, const char *column, double value) {
    if (isfinite(value)) cJSON_AddNumberToObject(row, column, value);
}

void dm_put_p(cJSON *row, const char *column, double p) {
    char text[32];
    if (!(p < 1e-4)) {
        dm_put_number(row, column, p);
        return;
    }
    snprintf(text, sizeof text, "%.2e", p);
    dm_put(row, column, text);
}

void dm_put_value(cJSON *row, const char *name, dm_interval i) {
    dm_put_number(row, name, i.value);
}

void dm_put_limits(cJSON *row, const char *name, const char *kind, double low, double high) {
    char column[64];
    snprintf(column, sizeof column, "%s%s%s_low", name, *kind ? "_" : "", kind);
    dm_put_number(row, column, low);
    snprintf(column, sizeof column, "%s%s%s_high", name, *kind ? "_" : "", kind);
    dm_put_number(row, column, high);
}

void dm_put_share(cJSON *row, const char *name, int k, int n) {
    dm_interval i = dm_wilson(k, n);
    dm_put_value(row, name, i);
    dm_put_limits(row, name, "wilson", i.low, i.high);
}

void dm_put_note(cJSON *row, const char *sentence) {
    const cJSON *old = cJSON_GetObjectItemCaseSensitive(row, "note");
    char text[500];
    if (!sentence || !*sentence) return;
    snprintf(text, sizeof text, "%s%s%s", old ? old->valuestring : "", old ? "; " : "", sentence);
    cJSON_DeleteItemFromObjectCaseSensitive(row, "note");
    dm_put(row, "note", text);
}

int dm_sheet_column(const dm_sheet *s, const char *column) {
    for (int i = 0; i < s->table->n_columns; i++)
        if (!strcmp(s->table->columns[i].name, column)) return i + 1;
    return 0;
}

void dm_sheet_cell(const dm_sheet *s, int row, const char *column, char out[64]) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(s->rows, row), column);
    int at = dm_sheet_column(s, column);
    char number[32] = "";
    if (cJSON_IsNumber(v) && at) dm_number_text(v->valuedouble, s->table->columns[at - 1].decimals, number);
    snprintf(out, 64, "%s", cJSON_IsString(v) ? v->valuestring : number);
}
