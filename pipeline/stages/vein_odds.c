#include "vein_odds.h"

#include <math.h>

#include "level.h"
#include "places.h"

static const double PI = 3.14159265358979323846;
static const double VOXEL = DM_VEIN_STEP * DM_VEIN_STEP * DM_VEIN_DS; /* mm3 */

/* Pieces of one side nearer than this along the line, one segment of the thorax, may be of one vein, mm. */
static const double SAME = 20;

static double between(double x, double low, double high) {
    return fmin(fmax(x, low), high);
}

double dm_vein_width(const dm_vein_piece *q) {
    return 2 * sqrt((double)q->voxels * VOXEL / fmax(dm_vein_piece_length(q), 1) / PI);
}

/* mm from the bony wall to the start, to the side. */
static double outside(const dm_vein_box *w, const dm_vein_piece *q) {
    const dm_study *st = w->st;
    int row = (int)lround(q->near_s / st->spine.ds), t = dm_side_column(q->near_l);
    row = row >= st->canal.n ? st->canal.n - 1 : row;
    return fabs(q->near_l) - (double)st->canal.r_bone[(size_t)row * DM_NT + (size_t)t];
}

void dm_vein_terms(const dm_vein_box *w, const dm_blood *b, const dm_vein_piece *q, double x[DM_VEIN_TERMS]) {
    const dm_veins_params *p = w->p;
    const double length = dm_vein_piece_length(q), value = dm_vein_piece_value(q), n = (double)q->voxels,
                 over = fmax(value - p->blood_hu, 1);
    x[DM_VEIN_ONE] = 1;
    x[DM_VEIN_BRIGHT] = between(log(over / (b->least - p->blood_hu)), 0, 2);
    x[DM_VEIN_SHORT] = log(between(length, 4, 15) / 15);
    x[DM_VEIN_LONG] = fmax(length - 22, 0) / 10;
    x[DM_VEIN_FAR] = fmax(q->near - 8, 0) / 12;
    x[DM_VEIN_OWN] = between((value - fmax(b->least, b->middle)) / b->spread, -2, 4);
    x[DM_VEIN_ROOT] = dm_blood_is_root(b, value);
    x[DM_VEIN_CALCIUM] = between((value - p->calcium_hu) / 100, 0, 2);
    x[DM_VEIN_TUBE] = log(between(q->tube / n / over, 0.02, 2));
    x[DM_VEIN_USUAL] = 1 - q->excess / q->tube;
    x[DM_VEIN_WIDE] = log(dm_vein_width(q) / 2);
    x[DM_VEIN_FRONT] = between(q->near_a / 10, -1, 3);
    x[DM_VEIN_OUT] = between(outside(w, q) / 10, 0, 3);
    x[DM_VEIN_UPPER] = w->st->levels.v[q->foramen].level <= DM_T1;
    x[DM_VEIN_PEAK] = between((q->peak - value - 3 * w->st->crop.noise_sd) / 100, 0, 3);
    x[DM_VEIN_LOWER] = w->st->levels.v[q->foramen].level > DM_L1;
}

static int are_one(const dm_finding *a, const dm_finding *b) {
    return a->side == b->side && fabs(a->s - b->s) < SAME;
}

void dm_vein_alone(dm_finding *f, int n, double *odds) {
    for (int i = 0; i < n; i++) odds[i] = f[i].score / fmax(1 - f[i].score, 1e-9);
    for (int i = 0; i < n; i++) {
        double others = 0;
        for (int k = 0; k < n; k++)
            if (k != i && f[k].false_sign == DM_NO_SIGN && !are_one(&f[i], &f[k])) others += odds[k];
        f[i].score = odds[i] / (1 + odds[i] + others);
    }
}
