/* The line that the column is measured along: the study's, but where its upper end is not to be trusted. */
#include <math.h>
#include <string.h>

#include "frame.h"
#include "levels_parts.h"

/* mm of the trusted line that say where it is bound: the canal's own bend over so much is under 10 degrees,
 * and the line is found to 1 mm. The first `SETTLE` mm may already bend towards what misled it. Beyond
 * `LONGEST` mm of doubt a lordotic neck would be left behind: then the line as it is is the better guess. */
enum { SETTLE = 4, BOUND = 24, LONGEST = 90 };

int dm_column_doubt(const dm_spine *s) {
    int sure = 0;
    while (sure < s->n && s->unsure[sure]) sure++;
    return sure < s->n ? sure : 0;
}

dm_status dm_column_line(const dm_spine *s, dm_spine *out) {
    int sure = dm_column_doubt(s), settle = (int)(SETTLE / s->ds), bound = (int)(BOUND / s->ds);
    DM_TRY(dm_spine_make(out, s->n, s->ds));
    memcpy(out->p, s->p, (size_t)s->n * sizeof *s->p);
    if (sure > 0 && sure * s->ds <= LONGEST && sure + settle + bound < s->n) {
        int from = sure + settle;
        double up[3], norm = 0;
        for (int c = 0; c < 3; c++) up[c] = s->p[from][c] - s->p[from + bound][c], norm += up[c] * up[c];
        for (int i = 0; i < from; i++)
            for (int c = 0; c < 3; c++)
                out->p[i][c] = s->p[from][c] + (from - i) * s->ds * up[c] / sqrt(norm);
    }
    return dm_frame_build(out);
}

void dm_column_lean(const dm_spine *spine, dm_column *c) {
    for (int i = 0; i < c->n; i++) {
        double t[3], s = c->s0 + i;
        if (s < 0 || s > (spine->n - 1) * spine->ds) continue;
        dm_frame_at(spine, s, NULL, t, NULL, NULL);
        c->lean[i] = (float)(atan2(t[1], -t[2]) * 57.29577951308232);
    }
}
