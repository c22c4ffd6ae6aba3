#include "pictures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "canvas.h"
#include "finding_picture.h"
#include "frame.h"
#include "grid.h"
#include "record.h"

static const char *const notice = "duramap: research use, not for diagnosis";

/* One panel of a picture: width and height in pixels at a scale, and a function that gives the LPS point of a
 * pixel. */
typedef struct panel {
    int x, y, w, h;
    double scale; /* pixels per mm */
} panel;

static float *values_of(const panel *p) {
    return malloc((size_t)p->w * (size_t)p->h * sizeof(float));
}

static dm_status no_memory(void) {
    return dm_fail(DM_STUDY, "out_of_memory", "no memory for a picture");
}

static void caption(cairo_t *c, const dm_study *s, dm_window w, double y) {
    dm_canvas_text(c, 8, y, dm_grey, 12, "%s  %s  window %.0f / %.0f %s", s->study_id, s->protocol, w.centre,
                   w.width, w.unit);
    dm_canvas_text(c, 8, y + 16, dm_grey, 11, "%s", notice);
}

/* ---- mid-sagittal: rows along z, columns along y, each row in the sagittal plane of the line there ---- */

typedef struct sagittal {
    panel p;
    double y0, z0; /* LPS of the left upper pixel */
} sagittal;

static double line_x(const dm_spine *s, double z) {
    double best = INFINITY, x = s->p[0][0];
    for (int i = 0; i < s->n; i++)
        if (fabs(s->p[i][2] - z) < best) best = fabs(s->p[i][2] - z), x = s->p[i][0];
    return x;
}

static sagittal sagittal_layout(const dm_spine *s) {
    double y[2] = {INFINITY, -INFINITY}, z[2] = {INFINITY, -INFINITY};
    for (int i = 0; i < s->n; i++) {
        y[0] = fmin(y[0], s->p[i][1]), y[1] = fmax(y[1], s->p[i][1]);
        z[0] = fmin(z[0], s->p[i][2]), z[1] = fmax(z[1], s->p[i][2]);
    }
    double height = z[1] - z[0] + 30, width = y[1] - y[0] + 110;
    double scale = fmin(fmax(900 / height, 1.2), 4);
    return (sagittal){{0, 0, (int)(width * scale), (int)(height * scale), scale}, y[0] - 65, z[1] + 15};
}

static void sagittal_point(const sagittal *g, const double lps[3], double *x, double *y) {
    *x = (lps[1] - g->y0) * g->p.scale;
    *y = (g->z0 - lps[2]) * g->p.scale;
}

/* A ring at the site; along the extent of what cannot be placed a line at its angle. */
static void sagittal_finding(cairo_t *c, const dm_spine *s, const sagittal *g, const dm_finding *f) {
    double x, y, before[2] = {0, 0};
    if (!f->unplaced) {
        sagittal_point(g, f->lps, &x, &y);
        dm_canvas_ring(c, x, y, 9, dm_orange);
        return;
    }
    for (int k = 0; k <= 20; k++) {
        double p[3];
        dm_frame_to_lps(s, f->s_from + k * (f->s_to - f->s_from) / 20, f->theta, f->r, p);
        sagittal_point(g, p, &x, &y);
        if (k) dm_canvas_line(c, before[0], before[1], x, y, dm_orange, 3);
        before[0] = x, before[1] = y;
    }
}

static void sagittal_marks(cairo_t *c, const dm_study *study, const sagittal *g) {
    const dm_spine *s = &study->spine;
    for (int i = 0; i + 4 < s->n; i += 4) {
        double x0, y0, x1, y1;
        sagittal_point(g, s->p[i], &x0, &y0);
        sagittal_point(g, s->p[i + 4], &x1, &y1);
        dm_canvas_line(c, x0, y0, x1, y1, s->unsure[i] ? dm_magenta : dm_yellow, 1.5);
    }
    for (int i = 0; i < study->levels.n; i++) {
        const dm_vertebra *v = &study->levels.v[i];
        double p[3], x, y;
        dm_frame_to_lps(s, v->s_mid, 0, 22, p);
        sagittal_point(g, p, &x, &y);
        dm_canvas_text(c, x - 10, y + 5, v->inferred ? dm_grey : dm_cyan, 14, "%s", dm_level_name(v->level));
        double a[3], b[3], xa, ya, xb, yb;
        dm_frame_to_lps(s, v->s_to, 0, 10, a);
        dm_frame_to_lps(s, v->s_to, 0, 34, b);
        sagittal_point(g, a, &xa, &ya);
        sagittal_point(g, b, &xb, &yb);
        dm_canvas_line(c, xa, ya, xb, yb, dm_cyan, 0.8);
    }
    for (int i = 0; i < study->findings.n; i++)
        if (study->findings.f[i].accepted) sagittal_finding(c, s, g, &study->findings.f[i]);
}

static dm_status midsagittal(const dm_study *study, const dm_sampler *sampler, dm_window window,
                             const char *path) {
    sagittal g = sagittal_layout(&study->spine);
    float *v = values_of(&g.p);
    cairo_t *c = dm_canvas_new(g.p.w, g.p.h + 40);
    if (!v || !c) {
        free(v);
        return no_memory();
    }
    for (int j = 0; j < g.p.h; j++) {
        double z = g.z0 - j / g.p.scale, x = line_x(&study->spine, z);
        for (int i = 0; i < g.p.w; i++) {
            const double lps[3] = {x, g.y0 + i / g.p.scale, z};
            v[(size_t)j * (size_t)g.p.w + (size_t)i] = dm_sampler_at(sampler, lps);
        }
    }
    dm_canvas_grey(c, 0, 0, g.p.w, g.p.h, v, window);
    free(v);
    sagittal_marks(c, study, &g);
    dm_canvas_text(c, 6, 18, dm_white, 14, "anterior");
    dm_canvas_scale(c, g.p.w - 50 * g.p.scale - 10, g.p.h - 12, g.p.scale, 50);
    caption(c, study, window, g.p.h + 16);
    return dm_canvas_save(c, path);
}

/* ---- straightened: the canal as a straight tube, sagittal (dorsal to the right) and coronal beside it ----
 */

static void straight_surface(cairo_t *c, const dm_study *study, const panel *p, const float *r, int column,
                             double sign, dm_colour colour) {
    const dm_spine *s = &study->spine;
    for (int i = 0; i + 2 < s->n; i += 2) {
        double x0 = p->x + p->w / 2.0 + sign * (double)r[(size_t)i * DM_NT + (size_t)column] * p->scale;
        double x1 = p->x + p->w / 2.0 + sign * (double)r[(size_t)(i + 2) * DM_NT + (size_t)column] * p->scale;
        dm_canvas_line(c, x0, p->y + i * s->ds * p->scale, x1, p->y + (i + 2) * s->ds * p->scale, colour, 1);
    }
}

static void straight_values(const dm_study *study, const dm_sampler *sampler, const panel *p, int coronal,
                            float *v) {
    for (int j = 0; j < p->h; j++) {
        double at[3], front[3], left[3];
        dm_frame_at(&study->spine, j / p->scale, at, NULL, front, left);
        for (int i = 0; i < p->w; i++) {
            double d = (i - p->w / 2.0) / p->scale, lps[3];
            for (int k = 0; k < 3; k++) lps[k] = at[k] + (coronal ? d * left[k] : -d * front[k]);
            v[(size_t)j * (size_t)p->w + (size_t)i] = dm_sampler_at(sampler, lps);
        }
    }
}

static void level_names(cairo_t *c, const dm_study *study, double x, double y, double scale) {
    for (int i = 0; i < study->levels.n; i++) {
        const dm_vertebra *v = &study->levels.v[i];
        dm_canvas_text(c, x, y + v->s_mid * scale + 5, v->inferred ? dm_grey : dm_cyan, 13, "%s",
                       dm_level_name(v->level));
        dm_canvas_line(c, x - 6, y + v->s_to * scale, x + 30, y + v->s_to * scale, dm_cyan, 0.7);
    }
}

static void findings_beside(cairo_t *c, const dm_study *study, double x, double y, double scale) {
    for (int i = 0; i < study->findings.n; i++) {
        const dm_finding *f = &study->findings.f[i];
        if (!f->accepted) continue;
        dm_canvas_line(c, x, y + f->s_from * scale, x, y + f->s_to * scale, dm_orange, 3);
        if (!f->unplaced) dm_canvas_ring(c, x, y + f->s * scale, 6, dm_orange);
    }
}

static dm_status straightened(const dm_study *study, const dm_sampler *sampler, dm_window window,
                              const char *path) {
    double length = (study->spine.n - 1) * study->spine.ds, scale = fmin(fmax(900 / length, 1.2), 4);
    int h = (int)(length * scale), w = (int)(70 * scale), gap = 70;
    panel side[2] = {{0, 24, w, h, scale}, {w + gap, 24, w, h, scale}};
    cairo_t *c = dm_canvas_new(2 * w + gap, h + 70);
    float *v = values_of(&side[0]);
    if (!v || !c) {
        free(v);
        return no_memory();
    }
    for (int k = 0; k < 2; k++) {
        straight_values(study, sampler, &side[k], k, v);
        dm_canvas_grey(c, side[k].x, side[k].y, w, h, v, window);
        for (int end = 0; study->canal.r_dura && end < 2; end++) {
            int column = (k ? 18 : 0) + (end ? DM_NT / 2 : 0); /* 0 and 180, or 90 (left) and 270 */
            double sign = (k ? 1 : -1) * (end ? -1 : 1);
            straight_surface(c, study, &side[k], study->canal.r_bone, column, sign, dm_cyan);
            straight_surface(c, study, &side[k], study->canal.r_dura, column, sign, dm_yellow);
        }
    }
    free(v);
    level_names(c, study, w + 18, 24, scale);
    findings_beside(c, study, w + 8, 24, scale);
    dm_canvas_text(c, 4, 16, dm_white, 12, "ventral   sagittal   dorsal");
    dm_canvas_text(c, w + gap + 4, 16, dm_white, 12, "right   coronal   left");
    dm_canvas_scale(c, 10, h + 18, scale, 20);
    dm_canvas_text(c, w, h + 20, dm_yellow, 12, "dura");
    dm_canvas_text(c, w + 40, h + 20, dm_cyan, 12, "bone");
    caption(c, study, window, h + 46);
    return dm_canvas_save(c, path);
}

/* ---- the unrolled map ---- */

enum { MAP_W = 432, MAP_X = 60, MAP_Y = 40 };

/* theta = -180 at the left edge, 0 (ventral) in the middle. */
static double map_x(double theta) {
    return MAP_X + (remainder(theta, 360.0) + 180.0) / 360.0 * MAP_W;
}

static void map_cells(cairo_t *c, const dm_study *study, double scale, int h) {
    cairo_surface_t *target = cairo_get_target(c);
    cairo_surface_flush(target);
    unsigned char *data = cairo_image_surface_get_data(target);
    int stride = cairo_image_surface_get_stride(target);
    for (int j = 0; j < h; j++) {
        int s = (int)(j / scale / study->spine.ds);
        if (s >= study->map.n) break;
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)(MAP_Y + j) * (size_t)stride);
        for (int i = 0; i < MAP_W; i++) {
            double theta = i * 360.0 / MAP_W - 180.0;
            int t = (int)floor((theta < 0 ? theta + 360 : theta) / 5.0 + 0.5) % DM_NT;
            size_t at = (size_t)s * DM_NT + (size_t)t;
            row[MAP_X + i] = study->map.assessed[at] ? dm_map_colour((double)study->map.e[at]) : 0x5a5a5au;
        }
    }
    cairo_surface_mark_dirty(target);
}

static void map_marks(cairo_t *c, const dm_study *study, double scale) {
    for (int i = 0; i < study->findings.n; i++) {
        const dm_finding *f = &study->findings.f[i];
        double x = map_x(f->theta), y = MAP_Y + f->s * scale;
        dm_colour colour = f->accepted ? dm_orange : f->false_sign ? dm_magenta : dm_grey;
        if (f->unplaced) dm_canvas_extent(c, x, MAP_Y + f->s_from * scale, MAP_Y + f->s_to * scale, colour);
        else dm_canvas_ring(c, x, y, f->accepted ? 9 : 5, colour);
        if (f->accepted || f->false_sign)
            dm_canvas_text(c, x + 11, y + 4, colour, 12, "%s %.2f",
                           f->false_sign ? dm_false_sign_name(f->false_sign) : dm_class_name(f->class_),
                           f->score);
    }
    for (int i = 0; i < study->findings.n_diverticula; i++) {
        const dm_diverticulum *d = &study->findings.d[i];
        double x = map_x(d->side == DM_LEFT ? 90 : -90), y = MAP_Y + d->s * scale;
        cairo_rectangle(c, x - 4, y - 4, 8, 8);
        cairo_set_source_rgb(c, dm_cyan.r, dm_cyan.g, dm_cyan.b);
        cairo_set_line_width(c, 1.5);
        cairo_stroke(c);
    }
}

static dm_status unrolled(const dm_study *study, const char *path) {
    static const struct {
        double theta;
        const char *name;
    } axis[] = {{-178, "dorsal"}, {-90, "right"}, {0, "ventral"}, {90, "left"}};
    double length = (study->map.n - 1) * study->spine.ds, scale = fmin(fmax(900 / length, 1.2), 4);
    int h = (int)(length * scale);
    cairo_t *c = dm_canvas_new(MAP_X + MAP_W + 170, h + MAP_Y + 60);
    if (!c) return no_memory();
    map_cells(c, study, scale, h);
    for (int k = 0; k < 4; k++) {
        double x = map_x(axis[k].theta);
        dm_canvas_text(c, x - (k ? 22 : 0), MAP_Y - 8, dm_white, 13, "%s", axis[k].name);
        dm_canvas_line(c, x, MAP_Y, x, MAP_Y + h, dm_grey, 0.4);
    }
    level_names(c, study, 12, MAP_Y, scale);
    map_marks(c, study, scale);
    double bar = MAP_X + MAP_W + 100;
    for (int k = 0; k < 100; k++) {
        uint32_t rgb = dm_map_colour(k / 100.0);
        dm_canvas_line(c, bar, MAP_Y + 200 - 2 * k, bar + 14, MAP_Y + 200 - 2 * k,
                       (dm_colour){(rgb >> 16) / 255.0, (rgb >> 8 & 255) / 255.0, (rgb & 255) / 255.0}, 2.2);
    }
    dm_canvas_text(c, bar + 18, MAP_Y + 204, dm_white, 12, "0");
    dm_canvas_text(c, bar + 18, MAP_Y + 8, dm_white, 12, "1");
    const double legend = MAP_X + MAP_W + 20; /* its longest line ends inside the picture */
    dm_canvas_text(c, legend, MAP_Y + 222, dm_white, 11, "E = outside/sac");
    dm_canvas_text(c, legend, MAP_Y + 238, dm_grey, 11, "grey: not assessed");
    dm_canvas_text(c, legend, MAP_Y + 254, dm_cyan, 11, "box: diverticulum");
    dm_canvas_line(c, MAP_X + MAP_W + 8, MAP_Y + h - 50 * scale, MAP_X + MAP_W + 8, MAP_Y + h, dm_white, 3);
    dm_canvas_text(c, MAP_X + MAP_W + 14, MAP_Y + h - 4, dm_white, 12, "50 mm");
    dm_canvas_text(c, 8, h + MAP_Y + 24, dm_grey, 12, "%s  %s  answer: %s", study->study_id, study->protocol,
                   dm_answer_name(study->answer.kind));
    dm_canvas_text(c, 8, h + MAP_Y + 42, dm_grey, 11, "%s", notice);
    return dm_canvas_save(c, path);
}

/* The best, in the order of their scores; a study with more is no longer read picture by picture. */
enum { MOST_FINDINGS = 12 };

dm_status dm_pictures_write(const dm_study *study, const char *folder) {
    char path[1024];
    dm_sampler sampler;
    if (study->spine.n < 2 || !study->spine.left || !study->crop.raw.v)
        return dm_fail(DM_WARN, "no_pictures", "no pictures: the study has no centre line");
    DM_TRY(dm_folder_make(folder, 0777));
    DM_TRY(dm_sampler_make(&study->crop.raw, &sampler));
    dm_window window = dm_window_for(study);
    snprintf(path, sizeof path, "%s/midsagittal.png", folder);
    DM_TRY(midsagittal(study, &sampler, window, path));
    snprintf(path, sizeof path, "%s/straightened.png", folder);
    DM_TRY(straightened(study, &sampler, window, path));
    if (!study->map.e) return dm_fail(DM_WARN, "no_pictures", "no map picture: the study has no dura map");
    snprintf(path, sizeof path, "%s/map.png", folder);
    DM_TRY(unrolled(study, path));
    for (int i = 0, k = 0; i < study->findings.n && k < MOST_FINDINGS; i++) {
        const dm_finding *f = &study->findings.f[i];
        if (!f->accepted && i != study->answer.best && !f->false_sign) continue;
        snprintf(path, sizeof path, "%s/finding_%d.png", folder, i + 1); /* the number it has in findings.csv */
        DM_TRY(dm_finding_picture(study, &sampler, window, f, path));
        k++;
    }
    return dm_ok;
}
