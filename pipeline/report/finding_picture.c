#include "finding_picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "frame.h"
#include "places.h"

static const double rad = 0.017453292519943295;

enum {
    CUT = 400,
    TOP = 64,
    BELOW = 56,
    GAP = 12,
    PLANE_X = CUT + GAP,
    PLANE_W = 330,
    MAP_X = PLANE_X + PLANE_W + 58,
    MAP_W = 216,
    HIGH = 2 * CUT + GAP,
    WIDE = MAP_X + MAP_W + 40
};
static const double cut_scale =
    10; /* pixels per mm: a field of 40 mm holds the widest canal and both foramina */

/* What the panels of one picture share. Along the spine `scale` pixels are 1 mm from s0 downwards. */
typedef struct sheet {
    const dm_study *st;
    const dm_sampler *sampler;
    const dm_finding *f;
    dm_window window;
    double scale, s0;
    cairo_t *c;
} sheet;

static double y_of(const sheet *h, double s) {
    return TOP + (s - h->s0) * h->scale;
}

/* ---- the cut normal to the line: ventral up, the patient's left on the right ---- */

static dm_status cut_image(const sheet *h, int y) {
    double at[3], front[3], left[3];
    float *v = malloc((size_t)CUT * CUT * sizeof *v);
    if (!v) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a picture");
    dm_frame_at(&h->st->spine, h->f->s, at, NULL, front, left);
    for (int j = 0; j < CUT; j++)
        for (int i = 0; i < CUT; i++) {
            double l = (i - CUT / 2.0) / cut_scale, a = (CUT / 2.0 - j) / cut_scale, lps[3];
            for (int k = 0; k < 3; k++) lps[k] = at[k] + a * front[k] + l * left[k];
            v[(size_t)j * CUT + (size_t)i] = dm_sampler_at(h->sampler, lps);
        }
    dm_canvas_grey(h->c, 0, y, CUT, CUT, v, h->window);
    free(v);
    return dm_ok;
}

static void cut_point(int y, double theta, double r, double xy[2]) {
    xy[0] = CUT / 2.0 + cut_scale * r * sin(theta * rad);
    xy[1] = y + CUT / 2.0 - cut_scale * r * cos(theta * rad);
}

static void cut_surface(const sheet *h, int y, const float *r, dm_colour colour) {
    int row = (int)fmin(fmax(h->f->s / h->st->spine.ds, 0), h->st->canal.n - 1);
    for (int t = 0; r && t < DM_NT; t++) {
        double a[2], b[2];
        cut_point(y, 5.0 * t, (double)r[(size_t)row * DM_NT + (size_t)t], a);
        cut_point(y, 5.0 * t + 5, (double)r[(size_t)row * DM_NT + (size_t)((t + 1) % DM_NT)], b);
        dm_canvas_line(h->c, a[0], a[1], b[0], b[1], colour, 1);
    }
}

static dm_status cuts(const sheet *h) {
    double site[2];
    for (int k = 0; k < 2; k++) {
        int y = TOP + k * (CUT + GAP);
        DM_TRY(cut_image(h, y));
        dm_canvas_text(h->c, CUT / 2.0 - 22, y + 14, dm_white, 12, "ventral");
        dm_canvas_text(h->c, 4, y + CUT / 2.0, dm_white, 12, "right");
        dm_canvas_text(h->c, CUT - 30, y + CUT / 2.0, dm_white, 12, "left");
        dm_canvas_scale(h->c, 10, y + CUT - 10, cut_scale, 10);
    }
    int y = TOP + CUT + GAP;
    cut_surface(h, y, h->st->canal.r_bone, dm_cyan);
    cut_surface(h, y, h->st->canal.r_dura, dm_yellow);
    cut_point(y, h->f->theta, h->f->r, site);
    dm_canvas_ring(h->c, site[0], site[1], 18, dm_orange);
    dm_canvas_text(h->c, CUT - 92, y + CUT - 8, dm_yellow, 12, "dura");
    dm_canvas_text(h->c, CUT - 52, y + CUT - 8, dm_cyan, 12, "bone");
    return dm_ok;
}

static double in_sheet(double y) {
    return fmin(fmax(y, TOP), TOP + HIGH);
}

/* The finding at x: a ring at its site, or its extent where that cannot be placed. */
static void mark(const sheet *h, double x) {
    if (h->f->unplaced)
        dm_canvas_extent(h->c, x, in_sheet(y_of(h, h->f->s_from)), in_sheet(y_of(h, h->f->s_to)), dm_orange);
    else
        dm_canvas_ring(h->c, x, y_of(h, h->f->s), 10, dm_orange);
}

/* ---- the plane through the line at the finding's angle: the finding's side on the right ---- */

static void plane_surface(const sheet *h, const float *r, int column, double sign, dm_colour colour) {
    const dm_spine *sp = &h->st->spine;
    double middle = PLANE_X + PLANE_W / 2.0;
    for (int i = 0; r && i + 1 < sp->n; i++) {
        double y = y_of(h, i * sp->ds), next = y_of(h, (i + 1) * sp->ds);
        if (y < TOP || next > TOP + HIGH) continue;
        dm_canvas_line(h->c, middle + sign * (double)r[(size_t)i * DM_NT + (size_t)column] * h->scale, y,
                       middle + sign * (double)r[(size_t)(i + 1) * DM_NT + (size_t)column] * h->scale, next,
                       colour, 0.8);
    }
}

static dm_status plane(const sheet *h) {
    float *v = malloc((size_t)PLANE_W * HIGH * sizeof *v);
    double theta = h->f->theta * rad, middle = PLANE_X + PLANE_W / 2.0;
    if (!v) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a picture");
    for (int j = 0; j < HIGH; j++) {
        double at[3], front[3], left[3];
        dm_frame_at(&h->st->spine, h->s0 + j / h->scale, at, NULL, front, left);
        for (int i = 0; i < PLANE_W; i++) {
            double d = (i - PLANE_W / 2.0) / h->scale, lps[3];
            for (int k = 0; k < 3; k++) lps[k] = at[k] + d * (cos(theta) * front[k] + sin(theta) * left[k]);
            v[(size_t)j * PLANE_W + (size_t)i] = dm_sampler_at(h->sampler, lps);
        }
    }
    dm_canvas_grey(h->c, PLANE_X, TOP, PLANE_W, HIGH, v, h->window);
    free(v);
    int column = dm_column_of(h->f->theta);
    for (int side = 0; side < 2; side++) {
        int t = (column + side * DM_NT / 2) % DM_NT;
        plane_surface(h, h->st->canal.r_bone, t, side ? -1 : 1, dm_cyan);
        plane_surface(h, h->st->canal.r_dura, t, side ? -1 : 1, dm_yellow);
    }
    dm_canvas_text(h->c, PLANE_X + PLANE_W - 70, TOP + 14, dm_orange, 12, "%s >", dm_side_name(h->f->side));
    mark(h, middle + h->f->r * h->scale);
    dm_canvas_scale(h->c, PLANE_X + 10, TOP + HIGH - 10, h->scale, h->scale > 3 ? 10 : 50);
    return dm_ok;
}

/* ---- levels, extent and interval between plane and map; the map ---- */

static void bar(const sheet *h, double x, double from, double to, dm_colour colour, double width) {
    dm_canvas_line(h->c, x, in_sheet(y_of(h, from)), x, in_sheet(y_of(h, to)), colour, width);
}

static void rulers(const sheet *h) {
    double x = PLANE_X + PLANE_W;
    bar(h, x + 5, h->f->s_from, h->f->s_to, dm_orange, 2);
    if (!h->f->false_sign) bar(h, x + 10, h->f->site_from, h->f->site_to, dm_white, 4);
    for (int i = 0; i < h->st->levels.n; i++) {
        const dm_vertebra *v = &h->st->levels.v[i];
        double mid = y_of(h, v->s_mid), low = y_of(h, v->s_to);
        if (mid > TOP + 8 && mid < TOP + HIGH)
            dm_canvas_text(h->c, x + 18, mid + 5, v->inferred ? dm_grey : dm_cyan, 13, "%s",
                           dm_level_name(v->level));
        if (low > TOP && low < TOP + HIGH) dm_canvas_line(h->c, x + 16, low, x + 50, low, dm_cyan, 0.8);
    }
}

static void map_piece(const sheet *h) {
    const dm_map *m = &h->st->map;
    for (int j = 0; j < HIGH; j++) {
        int row = (int)floor((h->s0 + j / h->scale) / h->st->spine.ds);
        for (int t = 0; t < DM_NT && row >= 0 && row < m->n; t++) {
            size_t at = (size_t)row * DM_NT + (size_t)((t + DM_NT / 2) % DM_NT);
            uint32_t rgb = m->assessed[at] ? dm_map_colour((double)m->e[at]) : 0x5a5a5au;
            cairo_set_source_rgb(h->c, (rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0);
            cairo_rectangle(h->c, MAP_X + t * (double)MAP_W / DM_NT, TOP + j, (double)MAP_W / DM_NT, 1);
            cairo_fill(h->c);
        }
    }
    static const char *const side[] = {"dorsal", "right", "ventral", "left"};
    for (int k = 0; k < 4; k++)
        dm_canvas_text(h->c, MAP_X + k * MAP_W / 4.0 - 18, TOP - 5, dm_white, 11, "%s", side[k]);
    double x = MAP_X + (remainder(h->f->theta, 360.0) + 180.0) / 360.0 * MAP_W;
    mark(h, x);
}

/* Where it is: disc and root, or the discs between which it may be anywhere. */
static void where(const sheet *h, char *out, size_t size) {
    const dm_finding *f = h->f;
    char disc[2][16];
    int upper, lower;
    if (!f->unplaced) {
        dm_disc_name(f->upper, f->lower, disc[0], sizeof disc[0]);
        snprintf(out, size, "disc %s, root %s", disc[0], dm_level_name(f->root));
        return;
    }
    for (int k = 0; k < 2; k++) {
        dm_nearest_disc(&h->st->levels, k ? f->site_to : f->site_from, &upper, &lower);
        dm_disc_name(upper, lower, disc[k], sizeof disc[k]);
    }
    snprintf(out, size, "not placed: anywhere from %s to %s", disc[0], disc[1]);
}

static void words(const sheet *h) {
    const dm_finding *f = h->f;
    char place[80];
    where(h, place, sizeof place);
    dm_canvas_text(h->c, 8, 20, dm_orange, 16, "%s, %s, %s, clock %.0f: %s %.2f%s%s",
                   dm_class_name(f->class_), dm_side_name(f->side), place, f->clock < 0.5 ? 12.0 : f->clock,
                   f->class_ == DM_FISTULA ? "score" : "probability", f->score,
                   f->accepted ? "" : ", not accepted", f->false_sign ? ", misleading: " : "");
    if (f->false_sign) dm_canvas_text(h->c, 8, 38, dm_magenta, 13, "%s", dm_false_sign_name(f->false_sign));
    dm_canvas_text(h->c, f->false_sign ? 90 : 8, 38, dm_white, 12,
                   "%.1f mm thick, %.0f mm long, brightness %.2f of the sac; %s s %.1f mm (%.0f to %.0f)",
                   f->thickness_mm, f->length_mm, f->peak_ratio, f->false_sign ? "its middle" : f->unplaced ? "shown here:" : "site", f->s, f->site_from, f->site_to);
    int y = TOP + HIGH;
    dm_canvas_text(h->c, 8, y + 20, dm_grey, 12, "%s  %s  window %.0f / %.0f %s", h->st->study_id,
                   h->st->protocol, h->window.centre, h->window.width, h->window.unit);
    dm_canvas_text(h->c, 8, y + 38, dm_grey, 11, "duramap: research use, not for diagnosis");
    dm_canvas_text(h->c, PLANE_X, y + 20, dm_orange, 12, "thin bar: extent");
    dm_canvas_text(h->c, PLANE_X + 110, y + 20, dm_white, 12, "thick bar: site, 90 %%");
    dm_canvas_text(h->c, MAP_X, y + 20, dm_grey, 11, "black 0, white = sac, grey unknown");
}

dm_status dm_finding_picture(const dm_study *study, const dm_sampler *sampler, dm_window window,
                             const dm_finding *f, const char *path) {
    double length = f->s_to - f->s_from + 40;
    sheet h = {.st = study, .sampler = sampler, .f = f, .window = window, .scale = fmin(HIGH / length, 7)};
    h.s0 = (f->s_from + f->s_to) / 2 - HIGH / h.scale / 2;
    h.c = dm_canvas_new(WIDE, TOP + HIGH + BELOW);
    if (!h.c) return dm_fail(DM_STUDY, "out_of_memory", "no memory for a picture");
    dm_status status = cuts(&h);
    if (dm_good(status)) status = plane(&h);
    if (!dm_good(status)) {
        cairo_destroy(h.c);
        return status;
    }
    rulers(&h);
    map_piece(&h);
    words(&h);
    return dm_canvas_save(h.c, path);
}
