#include "phases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "crop_parts.h"
#include "frame.h"
#include "ranks.h"
#include "shell.h"

static const double search = 6;     /* mm: a patient who moves further between passes lies differently */
static const double floor_hu = 150; /* fainter contrast than this tells nothing about its neighbours */

/* ---- the shift ---- */

typedef struct landmarks {
    double (*p)[3];
    float *v; /* value in the study's own volume, clipped */
    size_t n;
    double low, high;
} landmarks;

static float clipped(const landmarks *m, float v) {
    return fminf(fmaxf(v, (float)m->low), (float)m->high);
}

/* Points 1 to 16 mm outside the bony wall, every 4 mm along the line and 15 degrees round it. */
static int landmarks_make(const dm_study *st, landmarks *m) {
    int every = (int)lround(4 / st->spine.ds);
    size_t most = ((size_t)st->spine.n / (size_t)(every > 0 ? every : 1) + 1) * 24 * 8;
    *m = (landmarks){.p = malloc(most * sizeof *m->p),
                     .v = malloc(most * sizeof *m->v),
                     .low = st->modality == DM_CT ? 100 : 0,
                     .high = st->modality == DM_CT ? 900 : 1e9};
    if (!m->p || !m->v) return 0;
    for (int i = 0; i<st->spine.n; i += every> 0 ? every : 1)
        for (int t = 0; t < DM_NT; t += 3)
            for (int k = 0; k < 8; k++) {
                double r = (double)st->canal.r_bone[(size_t)i * DM_NT + (size_t)t] + 1 + 2 * k;
                dm_frame_to_lps(&st->spine, i * st->spine.ds, 5.0 * t, r, m->p[m->n]);
                float v = dm_volume_sample(&st->crop.raw, m->p[m->n]);
                if (v > -20000) m->v[m->n++] = clipped(m, v);
            }
    return m->n > 500;
}

static double agreement(const landmarks *m, const dm_volume *pass, const double shift[3]) {
    double n = 0, a = 0, b = 0, aa = 0, bb = 0, ab = 0;
    for (size_t i = 0; i < m->n; i++) {
        double p[3] = {m->p[i][0] + shift[0], m->p[i][1] + shift[1], m->p[i][2] + shift[2]},
               x = (double)m->v[i];
        float w = dm_volume_sample(pass, p);
        if (w < -20000) continue;
        double y = (double)clipped(m, w);
        n++, a += x, b += y, aa += x * x, bb += y * y, ab += x * y;
    }
    double va = aa - a * a / n, vb = bb - b * b / n;
    return n > 0.3 * (double)m->n && va > 0 && vb > 0 ? (ab - a * b / n) / sqrt(va * vb) : -1;
}

/* Best of the 27 neighbours `step` mm away, again and again. */
static double climb(const landmarks *m, const dm_volume *pass, double step, double best, double shift[3]) {
    for (int round = 0; round < 8; round++) {
        double from[3] = {shift[0], shift[1], shift[2]}, before = best;
        for (int k = 0; k < 27; k++) {
            double at[3] = {from[0] + step * (k % 3 - 1), from[1] + step * (k / 3 % 3 - 1),
                            from[2] + step * (k / 9 - 1)};
            double q = agreement(m, pass, at);
            if (q > best) best = q, memcpy(shift, at, sizeof at);
        }
        if (best == before) break;
    }
    return best;
}

double dm_phase_shift(const dm_study *st, const dm_volume *pass, double shift[3]) {
    landmarks m;
    double best = -1;
    shift[0] = shift[1] = shift[2] = 0;
    if (landmarks_make(st, &m)) {
        best = agreement(&m, pass, shift);
        static const double steps[] = {2, 1, 0.5, 0.25};
        for (int k = 0; k < 4; k++) best = climb(&m, pass, steps[k], best, shift);
    }
    free(m.p), free(m.v);
    int far = fabs(shift[0]) > search || fabs(shift[1]) > search || fabs(shift[2]) > search;
    if (best < 0.5 || far) shift[0] = shift[1] = shift[2] = 0;
    return far ? -1 : best;
}

/* ---- one further pass ---- */

/* The part of a pass that profiles and landmarks reach. */
static dm_status box_of(dm_gpu *gpu, const dm_study *st, const dm_scan *scan, dm_volume *out) {
    const double reach = 36; /* mm: wall, landmarks and shift */
    const int n[3] = {scan->nx, scan->ny, scan->nz};
    double from[3] = {1e9, 1e9, 1e9}, to[3] = {-1e9, -1e9, -1e9};
    dm_affine to_index;
    int lo[3], hi[3];
    DM_TRY(dm_affine_invert(&scan->to_lps, &to_index));
    for (int i = 0; i < st->spine.n; i++)
        for (int k = 0; k < 8; k++) {
            double p[3], q[3];
            for (int c = 0; c < 3; c++) p[c] = st->spine.p[i][c] + ((k >> c & 1) ? reach : -reach);
            dm_affine_apply(&to_index, p, q);
            for (int c = 0; c < 3; c++) from[c] = fmin(from[c], q[c]), to[c] = fmax(to[c], q[c]);
        }
    for (int c = 0; c < 3; c++) {
        lo[c] = (int)fmax(floor(from[c]), 0), hi[c] = (int)fmin(ceil(to[c]) + 1, n[c]);
        if (hi[c] - lo[c] < 2)
            return dm_fail(DM_WARN, "pass_elsewhere", "a further pass does not cover the spine of the first");
    }
    return dm_resample_box(gpu, scan, lo, hi, 0.35, out);
}

/* Where contrast fills the sac in this pass: upper quarter of the ring 1.8 mm inside the dura. */
static void fill_of(const dm_study *st, const dm_volume *v, const double shift[3], uint8_t *filled) {
    for (int i = 0; i < st->spine.n; i++) {
        float ring[DM_NT];
        size_t n = 0;
        filled[i] = 0;
        for (int t = 0; t < DM_NT && st->canal.filled[i]; t++) {
            double p[3], r = fmax((double)st->canal.r_dura[(size_t)i * DM_NT + (size_t)t] - 1.8, 0);
            dm_frame_to_lps(&st->spine, i * st->spine.ds, 5.0 * t, r, p);
            for (int c = 0; c < 3; c++) p[c] += shift[c];
            float x = dm_volume_sample(v, p);
            if (x > -20000) ring[n++] = x;
        }
        if (n > DM_NT / 2) filled[i] = st->modality == DM_MR || (double)dm_rank(ring, n, 0.75) > floor_hu;
    }
}

/* The map of volume v on the study's surfaces moved by `shift`; e is negative where not assessed. shell may be NULL. */
static dm_status map_of(dm_gpu *gpu, const dm_map_params *p, const dm_study *st, const dm_volume *v,
                        const double shift[3], float *e, float *shell) {
    int n = st->spine.n;
    dm_study other = {
        .modality = st->modality, .contrast = st->contrast, .spine = st->spine, .canal = st->canal};
    other.crop.raw = *v, other.crop.noise_sd = st->crop.noise_sd;
    other.spine.p = malloc((size_t)n * sizeof *other.spine.p);
    other.canal.filled = malloc((size_t)n);
    dm_status status = dm_ok;
    if (!other.spine.p || !other.canal.filled) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the map of a further pass");
        goto out;
    }
    for (int i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) other.spine.p[i][c] = st->spine.p[i][c] + shift[c];
    fill_of(st, v, shift, other.canal.filled);
    DM_TRY_OUT(dm_map_measure(gpu, p, &other));
    for (size_t c = 0; c < (size_t)n * DM_NT; c++) e[c] = other.map.assessed[c] ? other.map.e[c] : -1;
    if (shell) DM_TRY_OUT(dm_shell_measure(gpu, &other, 0, n, shell));
out:
    free(other.spine.p), free(other.canal.filled);
    dm_map_clear(&other.map);
    return status;
}

/* What the pass without contrast shows too is bone or calcium: the map of the difference must agree. */
static dm_status subtract(dm_gpu *gpu, const dm_map_params *p, dm_study *st, const dm_volume *pre,
                          const double shift[3], float *e) {
    const dm_volume *raw = &st->crop.raw;
    static const double none[3] = {0, 0, 0};
    dm_volume left;
    DM_TRY(dm_volume_make(&left, raw->nx, raw->ny, raw->nz, &raw->to_lps));
    for (int k = 0; k < raw->nz; k++)
        for (int j = 0; j < raw->ny; j++)
            for (int i = 0; i < raw->nx; i++) {
                size_t at = ((size_t)k * (size_t)raw->ny + (size_t)j) * (size_t)raw->nx + (size_t)i;
                double index[3] = {i, j, k}, q[3];
                dm_affine_apply(&raw->to_lps, index, q);
                for (int c = 0; c < 3; c++) q[c] += shift[c];
                float w = dm_volume_sample(pre, q);
                left.v[at] = w < -20000 || raw->v[at] < -20000 ? DM_OUTSIDE : raw->v[at] - w;
            }
    dm_status status = map_of(gpu, p, st, &left, none, e, NULL);
    for (size_t c = 0; dm_good(status) && c < (size_t)st->spine.n * DM_NT; c++)
        if (e[c] >= 0) st->map.e[c] = fminf(st->map.e[c], e[c]);
    dm_volume_clear(&left);
    return status;
}

static int is_pre(const dm_pass *p) {
    return strncmp(p->role, "pre", 3) == 0;
}

/* Kept for the names of the vertebrae only: another field, plane or slice. */
static int is_no_phase(const dm_pass *p) {
    return !p->scan.v || strcmp(p->role, "levels") == 0;
}

static dm_status further_pass(dm_gpu *gpu, const dm_map_params *p, dm_study *st, int pass, dm_phase *out) {
    dm_volume v = {0};
    dm_status status = box_of(gpu, st, &st->pass[pass].scan, &v);
    if (!v.v) return status;
    size_t cells = (size_t)st->spine.n * DM_NT;
    *out = (dm_phase){.pass = pass, .e = malloc(cells * sizeof *out->e), .shell = malloc(cells * sizeof *out->shell)};
    if (!out->e || !out->shell) {
        status = dm_fail(DM_STUDY, "out_of_memory", "no memory for the map of a further pass");
        goto out;
    }
    out->agreement = dm_phase_shift(st, &v, out->shift);
    if (out->agreement < 0.5) dm_study_flag(st, "pass_not_aligned");
    DM_TRY_OUT(is_pre(&st->pass[pass]) ? subtract(gpu, p, st, &v, out->shift, out->e)
                                       : map_of(gpu, p, st, &v, out->shift, out->e, out->shell));
out:
    dm_volume_clear(&v);
    return status;
}

/* Time of a pass: as recorded, else what its role says. */
static double time_of(const dm_study *st, int pass) {
    int known = 1;
    for (int i = 0; i < st->n_passes; i++)
        known &= is_pre(&st->pass[i]) || is_no_phase(&st->pass[i]) || !isnan(st->pass[i].facts.seconds_after_first);
    if (known) return st->pass[pass].facts.seconds_after_first;
    return strcmp(st->pass[pass].role, "early") == 0 ? -1 : strcmp(st->pass[pass].role, "late") == 0 ? 1 : 0;
}

static void in_order_of_time(const dm_study *st, dm_phase *phase, int n) {
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && time_of(st, phase[j].pass) < time_of(st, phase[j - 1].pass); j--) {
            dm_phase swap = phase[j];
            phase[j] = phase[j - 1], phase[j - 1] = swap;
        }
}

static void appearance(const dm_map_params *p, dm_map *m) {
    for (size_t c = 0; c < (size_t)m->n * DM_NT; c++) {
        float early = -1, late = -1;
        m->first[c] = 255;
        for (int k = 0; k < m->n_phases; k++) {
            float e = m->phase[k].e[c];
            if (e < 0) continue;
            if (early < 0) early = e;
            late = e;
            if (m->first[c] == 255 && (double)e > p->phase_least) m->first[c] = (uint8_t)k;
        }
        m->early_late[c] = late > 0.05f ? early / late : 0;
    }
}

dm_status dm_phases_measure(dm_gpu *gpu, const dm_map_params *p, dm_study *st) {
    dm_map *m = &st->map;
    size_t cells = (size_t)m->n * DM_NT;
    int further = 0;
    for (int i = 1; i < st->n_passes; i++) further += !is_no_phase(&st->pass[i]);
    if (!further) return dm_ok;
    for (int i = 1; i < st->n_passes; i++) {
        dm_phase other = {0};
        if (is_no_phase(&st->pass[i]) || m->n_phases == DM_MAX_PASSES - 1) continue;
        dm_status status = further_pass(gpu, p, st, i, &other);
        if (dm_good(status) && other.e && !is_pre(&st->pass[i]) && other.agreement >= 0.5) {
            m->phase[m->n_phases++] = other;
            continue;
        }
        free(other.e), free(other.shell);
        if (status.severity > DM_WARN) return status;
    }
    if (!m->n_phases) return dm_ok;
    float *own = malloc(cells * sizeof *own);
    m->first = malloc(cells), m->early_late = malloc(cells * sizeof *m->early_late);
    if (!own || !m->first || !m->early_late) {
        free(own);
        return dm_fail(DM_STUDY, "out_of_memory", "no memory for the phases of the dura map");
    }
    for (size_t c = 0; c < cells; c++) own[c] = m->assessed[c] ? m->e[c] : -1;
    m->phase[m->n_phases++] = (dm_phase){.pass = 0, .agreement = 1, .e = own};
    in_order_of_time(st, m->phase, m->n_phases);
    appearance(p, m);
    return dm_ok;
}

/* Cells of the pool that phase k shows, mm2, of those that it can show. */
static double shown(const dm_study *st, const int *label, int which, int k, double least, double *of) {
    double area = 0;
    *of = 0;
    for (size_t c = 0; c < (size_t)st->map.n * DM_NT; c++) {
        if (label[c] != which || st->map.phase[k].e[c] < 0) continue;
        double cell = st->spine.ds * (double)st->canal.r_dura[c] * 0.08726646;
        *of += cell;
        if ((double)st->map.phase[k].e[c] > least) area += cell;
    }
    return area;
}

int dm_phase_first(const dm_study *st, const int *label, int which, double least) {
    for (int k = 0; k < st->map.n_phases; k++) {
        double of, area = shown(st, label, which, k, least, &of);
        if (area >= 40 || (of > 0 && area > 0.5 * of)) return k;
    }
    return -1;
}
