#include "canvas.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "grid.h"
#include "ranks.h"

const dm_colour dm_white = {1, 1, 1}, dm_yellow = {1, 0.9, 0.1}, dm_cyan = {0.2, 0.9, 1},
                dm_orange = {1, 0.55, 0.1}, dm_magenta = {1, 0.3, 0.8}, dm_grey = {0.6, 0.6, 0.6};

cairo_t *dm_canvas_new(int w, int h) {
    cairo_surface_t *surface = cairo_image_surface_create(CAIRO_FORMAT_RGB24, w, h);
    cairo_t *canvas = cairo_create(surface);
    cairo_surface_destroy(surface);
    if (cairo_status(canvas) != CAIRO_STATUS_SUCCESS) {
        cairo_destroy(canvas);
        return NULL;
    }
    cairo_select_font_face(canvas, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    return canvas;
}

dm_status dm_canvas_save(cairo_t *canvas, const char *path) {
    cairo_status_t s = cairo_surface_write_to_png(cairo_get_target(canvas), path);
    cairo_destroy(canvas);
    if (s != CAIRO_STATUS_SUCCESS)
        return dm_fail(s == CAIRO_STATUS_WRITE_ERROR ? DM_FATAL : DM_STUDY, s == CAIRO_STATUS_WRITE_ERROR ? "output" : "picture",
                       "cannot write the picture %s: %s", path, cairo_status_to_string(s));
    return dm_ok;
}

static void ink(cairo_t *canvas, dm_colour c) {
    cairo_set_source_rgb(canvas, c.r, c.g, c.b);
}

void dm_canvas_text(cairo_t *canvas, double x, double y, dm_colour colour, double size, const char *format,
                    ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    cairo_set_font_size(canvas, size);
    /* A dark rim keeps the letters legible on bone and contrast. */
    cairo_move_to(canvas, x, y);
    cairo_text_path(canvas, text);
    cairo_set_source_rgba(canvas, 0, 0, 0, 0.8);
    cairo_set_line_width(canvas, 3);
    cairo_stroke(canvas);
    cairo_move_to(canvas, x, y);
    ink(canvas, colour);
    cairo_show_text(canvas, text);
}

void dm_canvas_grey(cairo_t *canvas, int x, int y, int w, int h, const float *values, dm_window window) {
    cairo_surface_t *target = cairo_get_target(canvas);
    cairo_surface_flush(target);
    unsigned char *data = cairo_image_surface_get_data(target);
    int stride = cairo_image_surface_get_stride(target), cw = cairo_image_surface_get_width(target),
        ch = cairo_image_surface_get_height(target);
    for (int j = 0; j < h && y + j < ch; j++) {
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)(y + j) * (size_t)stride);
        for (int i = 0; i < w && x + i < cw; i++) {
            float v = values[(size_t)j * (size_t)w + (size_t)i];
            double g = ((double)v - window.centre) / window.width + 0.5;
            uint32_t level = (uint32_t)(255 * fmin(fmax(g, 0), 1));
            row[x + i] = dm_is_outside(v) ? 0x101838u : level << 16 | level << 8 | level;
        }
    }
    cairo_surface_mark_dirty(target);
}

void dm_canvas_line(cairo_t *canvas, double x0, double y0, double x1, double y1, dm_colour colour,
                    double width) {
    ink(canvas, colour);
    cairo_set_line_width(canvas, width);
    cairo_move_to(canvas, x0, y0);
    cairo_line_to(canvas, x1, y1);
    cairo_stroke(canvas);
}

void dm_canvas_ring(cairo_t *canvas, double x, double y, double radius, dm_colour colour) {
    ink(canvas, colour);
    cairo_set_line_width(canvas, 2);
    cairo_new_sub_path(canvas);
    cairo_arc(canvas, x, y, radius, 0, 2 * 3.14159265358979);
    cairo_stroke(canvas);
}

void dm_canvas_extent(cairo_t *canvas, double x, double y0, double y1, dm_colour colour) {
    dm_canvas_line(canvas, x, y0, x, y1, colour, 2);
    dm_canvas_line(canvas, x - 5, y0, x + 5, y0, colour, 2);
    dm_canvas_line(canvas, x - 5, y1, x + 5, y1, colour, 2);
}

void dm_canvas_scale(cairo_t *canvas, double x, double y, double pixels_per_mm, double mm) {
    dm_canvas_line(canvas, x, y, x + mm * pixels_per_mm, y, dm_white, 3);
    dm_canvas_text(canvas, x, y - 6, dm_white, 12, "%g mm", mm);
}

static dm_window mr_window(const dm_volume *v) {
    enum { SAMPLES = 20000 };
    size_t count = dm_volume_count(v), step = count / SAMPLES + 1, n = 0;
    float *sample = malloc((SAMPLES + 1) * sizeof *sample);
    dm_window w = {500, 1000, "signal"};
    for (size_t i = 0; sample && i < count && n < SAMPLES; i += step)
        if (!dm_is_outside(v->v[i])) sample[n++] = v->v[i];
    if (n > 100) {
        dm_sort(sample, n);
        double low = (double)sample[n / 100], high = (double)sample[n - 1 - n / 100];
        if (high > low) w = (dm_window){(low + high) / 2, high - low, "signal"};
    }
    free(sample);
    return w;
}

dm_window dm_window_for(const dm_study *study) {
    double sum = 0;
    int filled = 0;
    for (int i = 0; study->canal.sac && i < study->canal.n; i++)
        if (study->canal.filled[i]) sum += (double)study->canal.sac[i], filled++;
    /* Fluid just below white: a dark line inside it must show. */
    if (study->modality == DM_MR && filled) return (dm_window){0.6 * sum / filled, 1.2 * sum / filled, "signal"};
    if (study->modality == DM_MR) return mr_window(&study->crop.raw);
    double top = filled ? fmin(fmax(1.4 * sum / filled, 400), 2500) : 500;
    return (dm_window){(top - 160) / 2, top + 160, "HU"};
}

dm_status dm_sampler_make(const dm_volume *volume, dm_sampler *sampler) {
    sampler->volume = volume;
    if (!volume->v) return dm_fail(DM_WARN, "no_volume", "no picture: the study holds no volume");
    return dm_affine_invert(&volume->to_lps, &sampler->inverse);
}

float dm_sampler_at(const dm_sampler *sampler, const double lps[3]) {
    double p[3];
    dm_affine_apply(&sampler->inverse, lps, p);
    const dm_volume *v = sampler->volume;
    return dm_trilinear(v->v, v->nx, v->ny, v->nz, (float)p[0], (float)p[1], (float)p[2]);
}

uint32_t dm_map_colour(double e) {
    static const double stop[4][3] = {{20, 20, 28}, {40, 90, 190}, {250, 150, 30}, {255, 255, 240}};
    double x = fmin(fmax(e, 0), 0.999) * 3, f = x - floor(x);
    const double *a = stop[(int)x], *b = stop[(int)x + 1];
    uint32_t out = 0;
    for (int k = 0; k < 3; k++) out = out << 8 | (uint32_t)(a[k] + f * (b[k] - a[k]));
    return out;
}
