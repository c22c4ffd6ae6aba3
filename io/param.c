#include "param.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void store(const dm_param *p, void *params, double value) {
    char *at = (char *)params + p->offset;
    int whole = p->type == DM_FLOAT ? 0 : (int)value;
    if (p->type == DM_FLOAT)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &whole, sizeof whole);
}

void dm_params_preset(const dm_param *table, int count, void *params) {
    for (int i = 0; i < count; i++) store(&table[i], params, table[i].preset);
}

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Levenshtein distance of two short names (63 characters at most are compared). */
static int distance(const char *a, const char *b) {
    int row[64], na = least((int)strlen(a), 63), nb = least((int)strlen(b), 63);
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int replace = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = least(replace, 1 + least(row[j], row[j - 1]));
        }
    }
    return row[nb];
}

static dm_status unknown(const dm_param *table, int count, const char *where, const char *name) {
    int best = -1, best_distance = 0;
    for (int i = 0; i < count; i++) {
        int d = distance(name, table[i].name);
        if (best < 0 || d < best_distance) best = i, best_distance = d;
    }
    if (best < 0) return dm_fail(DM_FATAL, "config", "%s: unknown key '%.60s': this section has no keys", where, name);
    return dm_fail(DM_FATAL, "config", "%s: unknown key '%.60s'; the nearest is '%s'", where, name, table[best].name);
}

/* Index of text among "a|b|c", -1 when it is none. */
static int choice_index(const char *choices, const char *text) {
    size_t n = strlen(text);
    int i = 0;
    for (const char *c = choices; c; c = strchr(c, '|'), c = c ? c + 1 : NULL, i++)
        if (n && strncmp(c, text, n) == 0 && (c[n] == '|' || !c[n])) return i;
    return -1;
}

static dm_status set_one(const dm_param *p, void *params, const char *where, const char *text) {
    if (p->type == DM_CHOICE) {
        int i = choice_index(p->choices, text);
        if (i < 0) return dm_fail(DM_FATAL, "config", "%s: %s = '%.60s' is none of %s", where, p->name, text, p->choices);
        store(p, params, i);
        return dm_ok;
    }
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end || !isfinite(value))
        return dm_fail(DM_FATAL, "config", "%s: %s = '%.60s' is no number", where, p->name, text);
    if (p->type == DM_INT && value != floor(value))
        return dm_fail(DM_FATAL, "config", "%s: %s = '%.60s' is no whole number", where, p->name, text);
    if (value < p->low || value > p->high)
        return dm_fail(DM_FATAL, "config", "%s: %s = %.60s is out of range, allowed is %g to %g %s", where, p->name, text,
                       p->low, p->high, p->unit);
    store(p, params, value);
    return dm_ok;
}

dm_status dm_params_set(const dm_param *table, int count, void *params, const char *where, const char *name,
                        const char *text) {
    for (int i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0) return set_one(&table[i], params, where, text);
    return unknown(table, count, where, name);
}
