#include "overview.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ledger.h"
#include "share.h"

static void count_reason(dm_overview *s, const char *code) {
    int i = 0;
    while (i < s->n_reasons && strcmp(s->reason[i].code, code)) i++;
    if (i == DM_MOST_REASONS) return;
    if (i == s->n_reasons) snprintf(s->reason[s->n_reasons++].code, sizeof s->reason[0].code, "%s", code);
    s->reason[i].n++;
}

static int count_record(void *user, const cJSON *record) {
    dm_overview *s = user;
    s->studies++;
    if (strcmp(dm_record_text(record, "status"), "failed")) {
        s->done++;
    } else {
        s->failed++;
        count_reason(s, dm_record_text(record, "error_code"));
    }
    return 1;
}

static void count_plan(dm_overview *s, const dm_plan *plan, const char *out) {
    for (int i = 0; i < plan->n; i++) {
        char code[32];
        int studies;
        dm_planned_state state = dm_plan_state(plan, out, i, code, &studies);
        s->studies += studies;
        s->done += state == DM_PLAN_DONE;
        s->failed += state == DM_PLAN_FAILED;
        s->open += state == DM_PLAN_OPEN;
        if (state == DM_PLAN_FAILED) count_reason(s, code);
    }
}

static int most_first(const void *a, const void *b) {
    const dm_reason *x = a, *y = b;
    return x->n != y->n ? y->n - x->n : strcmp(x->code, y->code);
}

dm_status dm_overview_take(const dm_plan *plan, const char *out, dm_overview *s) {
    *s = (dm_overview){0};
    if (plan) {
        count_plan(s, plan, out);
    } else {
        s->open = -1;
        DM_TRY(dm_each_record(out, count_record, s));
    }
    qsort(s->reason, (size_t)s->n_reasons, sizeof *s->reason, most_first);
    DM_TRY(dm_running_read(out, (double)time(NULL), &s->running, &s->n_running));
    for (int i = 0; i < s->n_running; i++) {
        const dm_running *r = &s->running[i];
        if (r->age <= DM_BEAT_OLD && r->seconds > 0) s->per_hour += 3600 * (r->done + r->failed) / r->seconds;
    }
    return dm_ok;
}

void dm_overview_clear(dm_overview *s) {
    free(s->running);
    s->running = NULL;
}

static void print_time(FILE *to, double seconds) {
    long m = (long)(seconds / 60 + 0.5);
    fprintf(to, "%ld:%02ld h", m / 60, m % 60);
}

static void print_running(const dm_running *r, FILE *to) {
    fprintf(to, "  %-24s ", r->name);
    if (*r->shard) fprintf(to, "share %s, ", r->shard);
    fprintf(to, "%d done, %d failed, %d left, ", r->done, r->failed, r->left);
    if (r->age > DM_BEAT_OLD)
        fprintf(to, "STOPPED: no sign of life for %.0f s; what it had in hand is open\n", r->age);
    else
        fprintf(to, "%.0f s in the present study\n", r->study_seconds + r->age);
}

void dm_overview_print(const dm_overview *s, FILE *to) {
    int alive = 0;
    for (int i = 0; i < s->n_running; i++) alive += s->running[i].age <= DM_BEAT_OLD;
    fprintf(to, "done    %d\nfailed  %d\n", s->done, s->failed);
    for (int i = 0; i < s->n_reasons; i++) fprintf(to, "  %-24s %d\n", s->reason[i].code, s->reason[i].n);
    if (s->open >= 0)
        fprintf(to, "open    %d\nstudies %d, with a record each\n", s->open, s->studies);
    else
        fputs("open    not known: there is no plan (duramap plan makes one)\n", to);
    fprintf(to, "running %d\n", alive);
    for (int i = 0; i < s->n_running; i++) print_running(&s->running[i], to);
    if (s->per_hour <= 0) return;
    fprintf(to, "rate    %.0f an hour\n", s->per_hour);
    if (s->open <= 0) return;
    fputs("left    ", to);
    print_time(to, 3600 * s->open / s->per_hour);
    fputc('\n', to);
}

int dm_overview_list(const dm_plan *plan, const char *out, dm_planned_state state, FILE *to) {
    int n = 0;
    for (int i = 0; i < plan->n; i++) {
        char code[32];
        if (dm_plan_state(plan, out, i, code, NULL) != state) continue;
        fprintf(to, "%s\n", plan->source[i].path);
        n++;
    }
    return n;
}
