#include "around.h"

#include <math.h>
#include <string.h>

#include "host.h"
#include "phantom_spine.h"

static const float sharp = 0.4f; /* mm, width of an edge: finer than any scanner's */

dm_status dm_ph_look_around(dm_anatomy *a, dm_ph_around *out) {
    memset(out, 0, sizeof *out);
    DM_TRY(dm_ph_make_buckets(a));
    out->a = a;
    if (a->host) {
        dm_ph_scanner sc;
        dm_ph_host_scanner(a->host, a, &sc);
        out->args = sc.args;
        return dm_ok;
    }
    dm_ph_set_counts(a, &out->args);
    out->args.w = sharp;
    return dm_ok;
}

double dm_ph_value_at(const dm_ph_around *around, const double at[3]) {
    const dm_anatomy *a = around->a;
    const dm_ph_args *g = &around->args;
    double p[3];
    if (a->host) return dm_ph_painted_at(a->host, g, a, at);
    dm_ph_point_at(a, at[2], at[0], at[1], p);
    return (double)dm_ph_truth(g, a->nodes, a->walls, a->verts, a->zrows, a->prims, a->buckets, a->ribs,
                               a->organs, (float)p[0], (float)p[1], (float)p[2]);
}
