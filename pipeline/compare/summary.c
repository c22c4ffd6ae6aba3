/* summary.md: the figures a reader asks for first. Every number is a link to the cell it stands in, by the
 * fragment of RFC 7111: protocols.csv#cell=ROW,COLUMN, counted from 1 with the header as row 1. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison.h"

/* One cell as a link; a dash for an empty one. */
static void link_cell(FILE *f, const dm_sheet *s, int row, const char *column) {
    char text[64];
    dm_sheet_cell(s, row, column, text);
    if (*text)
        fprintf(f, "[%s](%s.csv#cell=%d,%d)", text, s->table->name, row + 2, dm_sheet_column(s, column));
    else
        fputs("–", f);
}

/* "value (low to high)" */
static void link_limits(FILE *f, const dm_sheet *s, int row, const char *column, const char *kind) {
    char low[64], high[64], text[64];
    snprintf(low, sizeof low, "%s%s_low", column, kind);
    snprintf(high, sizeof high, "%s%s_high", column, kind);
    link_cell(f, s, row, column);
    dm_sheet_cell(s, row, low, text);
    if (!*text) return;
    fputs(" (", f);
    link_cell(f, s, row, low);
    fputs(" to ", f);
    link_cell(f, s, row, high);
    fputs(")", f);
}

static int is(const dm_sheet *s, int row, const char *column, const char *value) {
    char text[64];
    dm_sheet_cell(s, row, column, text);
    return !strcmp(text, value);
}

static void put_word(FILE *f, const dm_sheet *s, int row, const char *column) {
    char text[64];
    dm_sheet_cell(s, row, column, text);
    fprintf(f, "%s", text);
}

/* A column of a Markdown table: a plain cell, or one with limits of some kind ("" for NAME_low). */
typedef struct shown {
    const char *title, *column, *limits; /* limits NULL: plain */
    int is_word;
} shown;

static void head(FILE *f, const shown *col, int n) {
    for (int i = 0; i < n; i++) fprintf(f, "| %s ", col[i].title);
    fputs("|\n", f);
    for (int i = 0; i < n; i++) fputs("|---", f);
    fputs("|\n", f);
}

static void line(FILE *f, const dm_sheet *s, int row, const shown *col, int n) {
    for (int i = 0; i < n; i++) {
        fputs("| ", f);
        if (col[i].is_word)
            put_word(f, s, row, col[i].column);
        else if (col[i].limits)
            link_limits(f, s, row, col[i].column, col[i].limits);
        else
            link_cell(f, s, row, col[i].column);
        fputs(" ", f);
    }
    fputs("|\n", f);
}

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static void put_protocols(FILE *f, const dm_sheet *s) {
    static const shown found[] = {{"protocol", "protocol", NULL, 1},
                                  {"cannot tell counts as", "indeterminate_as", NULL, 1},
                                  {"n", "n", NULL, 0},
                                  {"TP", "tp", NULL, 0},
                                  {"FP", "fp", NULL, 0},
                                  {"FN", "fn", NULL, 0},
                                  {"TN", "tn", NULL, 0},
                                  {"cannot tell", "indeterminate", NULL, 0},
                                  {"failed", "failed", NULL, 0},
                                  {"sensitivity", "sensitivity", "_wilson", 0},
                                  {"specificity", "specificity", "_wilson", 0},
                                  {"found within 10 mm", "located_10_mm", "_wilson", 0}};
    static const shown placed[] = {{"protocol", "protocol", NULL, 1},
                                   {"n", "n_level", NULL, 0},
                                   {"level exact", "level_exact", "_wilson", 0},
                                   {"level within one", "level_within_1", "_wilson", 0},
                                   {"n", "n_side", NULL, 0},
                                   {"side", "side_right", "_wilson", 0},
                                   {"n", "n_mm", NULL, 0},
                                   {"median, mm", "mm_median", "", 0},
                                   {"90 % within, mm", "mm_p90", "", 0}};
    fputs("\n## Is there a leak?\n\nOne study per patient and protocol. Limits: 95 %, Wilson.\n\n", f);
    head(f, found, COUNT(found));
    for (int i = 0; i < s->n; i++)
        if (is(s, i, "stratum", "all")) line(f, s, i, found, COUNT(found));
    fputs("\n![sensitivity, specificity and site](sensitivity.svg)\n\n## Where is it?\n\nTrue positives "
          "only. Limits of "
          "distances: bootstrap of patients.\n\n",
          f);
    head(f, placed, COUNT(placed));
    for (int i = 0; i < s->n; i++)
        if (is(s, i, "stratum", "all") && is(s, i, "indeterminate_as", "left_out"))
            line(f, s, i, placed, COUNT(placed));
}

static void put_pairs(FILE *f, const dm_sheet *s) {
    static const shown pair[] = {{"A", "protocol_a", NULL, 1},
                                 {"B", "protocol_b", NULL, 1},
                                 {"design", "design", NULL, 1},
                                 {"measure", "measure", NULL, 1},
                                 {"n", "n", NULL, 0},
                                 {"only A", "only_a", NULL, 0},
                                 {"only B", "only_b", NULL, 0},
                                 {"A - B", "difference", "", 0},
                                 {"McNemar mid-p", "p_midp", NULL, 0},
                                 {"Fisher p", "p_fisher", NULL, 0},
                                 {"p, Holm", "p_holm", NULL, 0}};
    static const shown levels[] = {{"A", "protocol_a", NULL, 1},
                                   {"B", "protocol_b", NULL, 1},
                                   {"patients", "n", NULL, 0},
                                   {"levels", "n_levels", NULL, 0},
                                   {"agreement", "agreement", NULL, 0},
                                   {"kappa", "kappa", "", 0},
                                   {"AC1", "ac1", "", 0}};
    fputs("\n## Protocol against protocol\n\nStudies that cannot tell are left out here; `pairs.csv` has "
          "both countings, and the rows without a patient.\n\n",
          f);
    if (!s->n) {
        fputs("There is one protocol: nothing to compare.\n", f);
        return;
    }
    head(f, pair, COUNT(pair));
    for (int i = 0; i < s->n; i++)
        if (is(s, i, "indeterminate_as", "left_out") && !is(s, i, "n", "0")) line(f, s, i, pair, COUNT(pair));
    fputs("\nLevel by level:\n\n", f);
    head(f, levels, COUNT(levels));
    for (int i = 0; i < s->n; i++)
        if (is(s, i, "measure", "levels")) line(f, s, i, levels, COUNT(levels));
}

static void put_froc(FILE *f, const dm_sheet *s) {
    static const shown curve[] = {{"protocol", "protocol", NULL, 1},
                                  {"reach, mm", "reach_mm", NULL, 0},
                                  {"figure", "figure", NULL, 1},
                                  {"false marks per study", "false_per_study", NULL, 0},
                                  {"value", "value", "", 0},
                                  {"leaks", "n_leaks", NULL, 0},
                                  {"studies without a leak", "n_negative", NULL, 0}};
    fputs("\n## Candidates: false marks against leaks found\n\noperating: the candidates that the program "
          "accepts. wafroc: area under "
          "the weighted AFROC curve over all candidates, one half when nothing is marked anywhere.\n\n",
          f);
    head(f, curve, COUNT(curve));
    for (int i = 0; i < s->n; i++)
        if (!is(s, i, "figure", "sensitivity")) line(f, s, i, curve, COUNT(curve));
    fputs("\n![FROC](froc.svg)\n", f);
}

static void put_rounds(FILE *f, const dm_sheet *yield, const dm_sheet *indirect) {
    static const shown rounds[] = {{"round", "round", NULL, 0},
                                   {"patients", "n", NULL, 0},
                                   {"without a leak so far", "n_open", NULL, 0},
                                   {"new leaks", "n_new", NULL, 0},
                                   {"yield", "yield", "_wilson", 0},
                                   {"found so far", "cumulative", "_wilson", 0},
                                   {"level within one of an earlier round", "level_within_1", "_wilson", 0}};
    static const shown cross[] = {{"direct", "direct", NULL, 1},
                                  {"indirect", "indirect", NULL, 1},
                                  {"patients", "n", NULL, 0},
                                  {"share", "share", "_wilson", 0}};
    fputs("\n## Round by round\n\nBefore any treatment.\n\n", f);
    head(f, rounds, COUNT(rounds));
    for (int i = 0; i < yield->n; i++) line(f, yield, i, rounds, COUNT(rounds));
    if (!indirect->n) return;
    fputs("\n## Direct against indirect evidence\n\n", f);
    head(f, cross, COUNT(cross));
    for (int i = 0; i < indirect->n; i++)
        if (!is(indirect, i, "n", "0")) line(f, indirect, i, cross, COUNT(cross));
}

char *dm_summary(const dm_comparison *c, const char *provenance) {
    static const shown counts[] = {{"what", "what", NULL, 1}, {"n", "n", NULL, 0}};
    const dm_sheet *participants = &c->sheet[DM_PARTICIPANTS];
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    fprintf(
        f,
        "# Comparison of protocols\n\nResearch use, not for diagnosis. Each number links to its cell (row "
        "and column, RFC 7111). "
        "What the columns mean stands in the JSON file beside each table.\n\n%s.\n\n## Who takes part\n\n",
        provenance);
    head(f, counts, COUNT(counts));
    for (int i = 0; i < participants->n; i++) line(f, participants, i, counts, COUNT(counts));
    fputs("\nEach row that fits nowhere is listed with its reason in [unmatched.csv](unmatched.csv).\n", f);
    put_protocols(f, &c->sheet[DM_PROTOCOLS]);
    put_pairs(f, &c->sheet[DM_PAIRS]);
    put_froc(f, &c->sheet[DM_FROC]);
    put_rounds(f, &c->sheet[DM_YIELD], &c->sheet[DM_INDIRECT]);
    return fclose(f) == 0 ? text : NULL;
}
