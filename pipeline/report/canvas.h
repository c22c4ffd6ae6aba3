/* Drawing for the study pictures, on cairo: grey images with a stated window, lines and text in millimetres.
 */
#ifndef DM_CANVAS_H
#define DM_CANVAS_H

#include <cairo.h>

#include "study.h"

typedef struct dm_window {
    double centre, width;
    const char *unit; /* "HU" or "signal" */
} dm_window;

typedef struct dm_colour {
    double r, g, b;
} dm_colour;

extern const dm_colour dm_white, dm_yellow, dm_cyan, dm_orange, dm_magenta, dm_grey;

/* A picture of w x h pixels on black. NULL when out of memory. Free with cairo_destroy. */
cairo_t *dm_canvas_new(int w, int h);
/* Writes the picture to a PNG file and destroys the canvas. STUDY "picture" with the path when it cannot. */
dm_status dm_canvas_save(cairo_t *canvas, const char *path);

void dm_canvas_text(cairo_t *canvas, double x, double y, dm_colour colour, double size, const char *format,
                    ...) __attribute__((format(printf, 6, 7)));
/* Grey w x h values (row after row) at (x, y); DM_OUTSIDE is dark blue, so that "not seen" is never "black
 * tissue". */
void dm_canvas_grey(cairo_t *canvas, int x, int y, int w, int h, const float *values, dm_window window);
void dm_canvas_line(cairo_t *canvas, double x0, double y0, double x1, double y1, dm_colour colour,
                    double width);
void dm_canvas_ring(cairo_t *canvas, double x, double y, double radius, dm_colour colour);
/* What cannot be placed along the spine: an upright bar from y0 to y1 with feet, in place of a ring at one height. */
void dm_canvas_extent(cairo_t *canvas, double x, double y0, double y1, dm_colour colour);
/* A bar of `mm` millimetres with its length written beside it. */
void dm_canvas_scale(cairo_t *canvas, double x, double y, double pixels_per_mm, double mm);

/* Colour of the map at E, 0xRRGGBB: black, blue, orange, white over 0..1, readable in print and for the colour blind. */
uint32_t dm_map_colour(double e);

/* A window that shows what matters in this study: the sac's contrast where it is filled, else soft tissue and
 * bone; for MR up to 1.2 of the fluid, or the 1st to 99th percentile of the box where none is known. */
dm_window dm_window_for(const dm_study *study);

/* The raw box at LPS points, with the inverse affine made once. */
typedef struct dm_sampler {
    const dm_volume *volume;
    dm_affine inverse;
} dm_sampler;
dm_status dm_sampler_make(const dm_volume *volume, dm_sampler *sampler);
float dm_sampler_at(const dm_sampler *sampler, const double lps[3]);

#endif
