#include "table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void dm_number_text(double value, int decimals, char out[32]) {
    out[0] = 0;
    if (!isfinite(value)) return;
    char fixed[400];
    snprintf(fixed, sizeof fixed, "%.*f", decimals, value);
    for (char *c = fixed; *c; c++)
        if (*c == ',') *c = '.'; /* a locale's decimal comma */
    if (strchr(fixed, '.')) {
        char *end = fixed + strlen(fixed);
        while (end[-1] == '0') *--end = 0;
        if (end[-1] == '.') *--end = 0;
    }
    if (strcmp(fixed, "-0") == 0) fixed[0] = '0', fixed[1] = 0;
    if (strlen(fixed) < 32) {
        memcpy(out, fixed, strlen(fixed) + 1);
        return;
    }
    snprintf(out, 32, "%.9e", value);
    for (char *c = out; *c; c++)
        if (*c == ',') *c = '.';
}

void dm_csv_cell(FILE *out, const char *text) {
    int guard = *text && strchr("=+-@\t\r", *text) != NULL;
    if (!strpbrk(text, "\",\r\n")) {
        fprintf(out, "%s%s", guard ? "'" : "", text);
        return;
    }
    fputs(guard ? "\"'" : "\"", out);
    for (const char *c = text; *c; c++) {
        if (*c == '"') fputc('"', out);
        fputc(*c, out);
    }
    fputc('"', out);
}

void dm_csv_header(FILE *out, const dm_table *table) {
    for (int i = 0; i < table->n_columns; i++) fprintf(out, "%s%s", i ? "," : "", table->columns[i].name);
    fputc('\n', out);
}

void dm_csv_row(FILE *out, const dm_table *table, const cJSON *row) {
    for (int i = 0; i < table->n_columns; i++) {
        const dm_column *c = &table->columns[i];
        const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, c->name);
        char number[32] = "";
        if (i) fputc(',', out);
        if (cJSON_IsNumber(v)) {
            dm_number_text(v->valuedouble, c->decimals, number);
            fputs(number, out);
        } else if (cJSON_IsString(v)) {
            dm_csv_cell(out, v->valuestring);
        }
    }
    fputc('\n', out);
}

static void add_levels(cJSON *column, const char *levels) {
    cJSON *list = cJSON_AddArrayToObject(column, "Levels");
    for (const char *at = levels; at && list;) {
        char one[64];
        size_t n = strcspn(at, "|");
        snprintf(one, sizeof one, "%.*s", (int)n, at);
        cJSON_AddItemToArray(list, cJSON_CreateString(one));
        at = at[n] ? at + n + 1 : NULL;
    }
}

char *dm_table_sidecar(const dm_table *table) {
    cJSON *all = cJSON_CreateObject();
    cJSON_AddStringToObject(all, "Description", table->meaning);
    for (int i = 0; i < table->n_columns; i++) {
        const dm_column *c = &table->columns[i];
        cJSON *column = cJSON_AddObjectToObject(all, c->name);
        cJSON_AddStringToObject(column, "Description", c->meaning);
        if (*c->unit) cJSON_AddStringToObject(column, "Units", c->unit);
        if (*c->levels) add_levels(column, c->levels);
    }
    char *text = cJSON_Print(all);
    cJSON_Delete(all);
    return text;
}
