/* froc.svg and sensitivity.svg, drawn from the tables. Colours: Okabe and Ito's set, which colour-blind
 * readers tell apart; shapes and dashes say the same once more, for print in black. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "comparison.h"

static const char *const colours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7",
                                      "#56B4E9", "#E69F00", "#000000"};
static const char *const dashes[] = {"none", "7 3", "2 3", "9 3 2 3"};
enum { COLOURS = sizeof colours / sizeof *colours, DASHES = sizeof dashes / sizeof *dashes };

static double number(const cJSON *row, const char *column) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(row, column);
    return cJSON_IsNumber(v) ? v->valuedouble : NAN;
}

static int has(const cJSON *row, const char *column, const char *value) {
    const char *v = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, column));
    return v && !strcmp(v, value);
}

static void put_escaped(FILE *f, const char *text) {
    for (; *text; text++) {
        if (*text == '<')
            fputs("&lt;", f);
        else if (*text == '&')
            fputs("&amp;", f);
        else
            fputc(*text, f);
    }
}

static void open_figure(FILE *f, double width, double height, const char *title) {
    fprintf(
        f,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
        "font-family=\"DejaVu Sans, Helvetica, Arial, sans-serif\" font-size=\"12\">\n<title>%s</title>\n"
        "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
        width, height, width, height, title);
}

static void put_line(FILE *f, double x1, double y1, double x2, double y2, const char *colour, double width) {
    fprintf(f,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\"/>\n",
            x1, y1, x2, y2, colour, width);
}

static void put_text(FILE *f, double x, double y, const char *anchor, const char *text) {
    fprintf(f, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
    put_escaped(f, text);
    fputs("</text>\n", f);
}

/* Shape 0 disc, 1 square, 2 triangle, 3 diamond. */
static void put_shape(FILE *f, double x, double y, int shape, const char *colour) {
    const double r = 5;
    if (shape == 0)
        fprintf(f, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"", x, y, r);
    else if (shape == 1)
        fprintf(f, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"", x - r, y - r, 2 * r, 2 * r);
    else if (shape == 2)
        fprintf(f, "<path d=\"M%.1f %.1f L%.1f %.1f L%.1f %.1f Z\"", x, y - r - 1, x + r + 1, y + r,
                x - r - 1, y + r);
    else
        fprintf(f, "<path d=\"M%.1f %.1f L%.1f %.1f L%.1f %.1f L%.1f %.1f Z\"", x, y - r - 1, x + r + 1, y, x,
                y + r + 1, x - r - 1, y);
    fprintf(f, " fill=\"%s\"/>\n", colour);
}

/* ---- sensitivity.svg ---- */

static const struct {
    const char *title, *column;
} rates[] = {
    {"sensitivity", "sensitivity"}, {"specificity", "specificity"}, {"found within 10 mm", "located_10_mm"}};
enum { RATES = 3, LEFT = 290, PLOT = 340, ROW = 22, TOP = 36, GAP = 16 };

static double share_x(double share) {
    return LEFT + share * PLOT;
}

/* Number of patients behind a share. */
static double behind(const cJSON *row, int rate) {
    return rate == 1 ? number(row, "tn") + number(row, "fp") : number(row, "tp") + number(row, "fn");
}

static void put_rate(FILE *f, const cJSON *row, int rate, double y) {
    char column[60], text[80];
    double value = number(row, rates[rate].column);
    snprintf(column, sizeof column, "%s_wilson_low", rates[rate].column);
    double low = number(row, column);
    snprintf(column, sizeof column, "%s_wilson_high", rates[rate].column);
    double high = number(row, column);
    put_text(f, LEFT - 14, y + 4, "end", rates[rate].title);
    if (isnan(value)) {
        put_text(f, LEFT + PLOT + 14, y + 4, "start", "no patient");
        return;
    }
    put_line(f, share_x(low), y, share_x(high), y, colours[rate], 2);
    put_line(f, share_x(low), y - 4, share_x(low), y + 4, colours[rate], 2);
    put_line(f, share_x(high), y - 4, share_x(high), y + 4, colours[rate], 2);
    put_shape(f, share_x(value), y, rate, colours[rate]);
    snprintf(text, sizeof text, "%.2f (%.2f to %.2f), n = %.0f", value, low, high, behind(row, rate));
    put_text(f, LEFT + PLOT + 14, y + 4, "start", text);
}

static void put_share_axis(FILE *f, double bottom) {
    for (int i = 0; i <= 5; i++) {
        char text[16];
        put_line(f, share_x(i / 5.0), TOP - 8, share_x(i / 5.0), bottom, "#d0d0d0", 1);
        snprintf(text, sizeof text, "%d %%", 20 * i);
        put_text(f, share_x(i / 5.0), bottom + 18, "middle", text);
    }
    put_text(f, LEFT + PLOT / 2.0, bottom + 38, "middle",
             "share of patients with 95 % limits (Wilson); studies that cannot tell left out");
}

char *dm_sensitivity_figure(const dm_comparison *c) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    const cJSON *row;
    double y = TOP, bottom = TOP + c->m.n_protocols * (double)((RATES + 1) * ROW + GAP) - GAP;
    open_figure(f, LEFT + PLOT + 220, bottom + 52, "Sensitivity, specificity and site by protocol");
    put_share_axis(f, bottom);
    cJSON_ArrayForEach(row, c->sheet[DM_PROTOCOLS].rows) {
        if (!has(row, "stratum", "all") || !has(row, "indeterminate_as", "left_out")) continue;
        fputs("<g font-weight=\"bold\">", f);
        put_text(f, 14, y + 4, "start",
                 cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, "protocol")));
        fputs("</g>", f);
        for (int i = 0; i < RATES; i++) put_rate(f, row, i, y + (i + 1) * ROW);
        y += (RATES + 1) * ROW + GAP;
    }
    fputs("</svg>\n", f);
    return fclose(f) == 0 ? text : NULL;
}

/* ---- froc.svg: at 10 mm, the reach that design and literature use first ---- */

enum {
    FROC_LEFT = 70,
    FROC_TOP = 24,
    FROC_WIDTH = 500,
    FROC_HEIGHT = 340,
    FROC_MARGIN = 22,
    FROC_REACH_MM = 10
};
static const double FEWEST = 0.0625; /* left end of the axis; fewer false marks, none too, stand there */

static double rate_x(double per_study) {
    double octaves = log2(fmax(per_study, FEWEST) / FEWEST), all = log2(8 / FEWEST);
    return FROC_LEFT + FROC_MARGIN + (FROC_WIDTH - 2 * FROC_MARGIN) * fmin(octaves, all) / all;
}

static double share_y(double share) {
    return FROC_TOP + FROC_HEIGHT * (1 - share);
}

static void put_froc_axes(FILE *f) {
    static const struct {
        double at;
        const char *text;
    } ticks[] = {{0.0625, "≤1/16"}, {0.125, "1/8"}, {0.25, "1/4"}, {0.5, "1/2"},
                 {1, "1"},          {2, "2"},       {4, "4"},      {8, "8"}};
    for (unsigned i = 0; i < sizeof ticks / sizeof *ticks; i++) {
        put_line(f, rate_x(ticks[i].at), FROC_TOP, rate_x(ticks[i].at), share_y(0), "#d0d0d0", 1);
        put_text(f, rate_x(ticks[i].at), share_y(0) + 18, "middle", ticks[i].text);
    }
    for (int i = 0; i <= 5; i++) {
        char text[16];
        put_line(f, FROC_LEFT, share_y(i / 5.0), FROC_LEFT + FROC_WIDTH, share_y(i / 5.0), "#d0d0d0", 1);
        snprintf(text, sizeof text, "%d %%", 20 * i);
        put_text(f, FROC_LEFT - 8, share_y(i / 5.0) + 4, "end", text);
    }
    put_text(f, FROC_LEFT + FROC_WIDTH / 2.0, share_y(0) + 40, "middle", "false marks per study");
    fprintf(f,
            "<text transform=\"translate(18 %.1f) rotate(-90)\" text-anchor=\"middle\">leaks found within 10 "
            "mm</text>\n",
            share_y(0.5));
}

/* Points stand a little aside, so that protocols do not hide one another. */
static double aside(double x, int protocol, int of) {
    return x + 5 * (protocol - (of - 1) / 2.0);
}

static void put_froc_point(FILE *f, const cJSON *row, int protocol, int of) {
    const char *colour = colours[protocol % COLOURS];
    double x = aside(rate_x(number(row, "false_per_study")), protocol, of), y = share_y(number(row, "value"));
    if (!isnan(number(row, "value_low")))
        put_line(f, x, share_y(number(row, "value_low")), x, share_y(number(row, "value_high")), colour, 1.2);
    if (has(row, "figure", "operating"))
        fprintf(f,
                "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"9\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n",
                x, y, colour);
    put_shape(f, x, y, protocol % 4, colour);
}

static void put_legend(FILE *f, const char *name, const cJSON *area, int protocol) {
    char text[80] = "no leak in the reference";
    double y = FROC_TOP + 12 + 42 * protocol, x = FROC_LEFT + FROC_WIDTH + 24;
    fprintf(f,
            "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"2\" "
            "stroke-dasharray=\"%s\"/>\n",
            x, y - 4, x + 30, y - 4, colours[protocol % COLOURS], dashes[protocol % DASHES]);
    put_shape(f, x + 15, y - 4, protocol % 4, colours[protocol % COLOURS]);
    put_text(f, x + 38, y, "start", name);
    if (area)
        snprintf(text, sizeof text, "wAFROC %.2f, %.0f leaks in %.0f studies", number(area, "value"),
                 number(area, "n_leaks"), number(area, "n_studies"));
    put_text(f, x + 38, y + 16, "start", text);
}

static int belongs(const cJSON *row, const char *protocol, const char *figure) {
    return has(row, "protocol", protocol) && has(row, "figure", figure) &&
           fabs(number(row, "reach_mm") - FROC_REACH_MM) < 0.5 && !isnan(number(row, "value"));
}

static void put_curve(FILE *f, const dm_comparison *c, int protocol) {
    const cJSON *row, *area = NULL;
    const char *name = c->m.protocol[protocol];
    fprintf(f, "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"1.6\" stroke-dasharray=\"%s\" points=\"",
            colours[protocol % COLOURS], dashes[protocol % DASHES]);
    cJSON_ArrayForEach(row, c->sheet[DM_FROC].rows) if (belongs(row, name, "sensitivity"))
        fprintf(f, "%.1f,%.1f ", aside(rate_x(number(row, "false_per_study")), protocol, c->m.n_protocols),
                share_y(number(row, "value")));
    fputs("\"/>\n", f);
    cJSON_ArrayForEach(row, c->sheet[DM_FROC].rows) {
        if (belongs(row, name, "wafroc")) area = row;
        if (belongs(row, name, "sensitivity") || belongs(row, name, "operating"))
            put_froc_point(f, row, protocol, c->m.n_protocols);
    }
    put_legend(f, name, area, protocol);
}

char *dm_froc_figure(const dm_comparison *c) {
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f) return NULL;
    open_figure(f, FROC_LEFT + FROC_WIDTH + 330, FROC_TOP + FROC_HEIGHT + 84, "FROC by protocol");
    put_froc_axes(f);
    for (int p = 0; p < c->m.n_protocols; p++) put_curve(f, c, p);
    put_text(f, FROC_LEFT, FROC_TOP + FROC_HEIGHT + 66, "start",
             "Whiskers: 95 % limits, bootstrap of patients. Ring: the candidates that the program accepts.");
    fputs("</svg>\n", f);
    return fclose(f) == 0 ? text : NULL;
}
