#include "truth.h"

#include <math.h>

const char *dm_ph_protocol_name(dm_ph_protocol p) {
    return p == PH_MRM ? "mrm" : (p == PH_PLAIN ? "ct_plain" : "ctm");
}

int dm_ph_in_view(const dm_ph_scanner *sc, const double p[3]) {
    double lps[3], index[3];
    dm_affine inverse;
    dm_ph_to_patient(sc, p, lps);
    if (!dm_good(dm_affine_invert(&sc->to_lps, &inverse))) return 0;
    dm_affine_apply(&inverse, lps, index);
    return index[0] >= 0 && index[1] >= 0 && index[2] >= 0 && index[0] <= sc->args.nx - 1 &&
           index[1] <= sc->args.ny - 1 && index[2] <= sc->args.nz - 1;
}

/* First and last node in view. */
static void stretch(const dm_anatomy *a, const dm_ph_scanner *sc, int *from, int *to) {
    *from = -1;
    *to = -2;
    for (int i = 0; i < a->n_nodes - 1; i++) {
        double p[3];
        dm_ph_point_at(a, i, 0, 0, p);
        if (!dm_ph_in_view(sc, p)) continue;
        if (*from < 0) *from = i;
        *to = i;
    }
}

static void put_point(FILE *f, const dm_ph_scanner *sc, const double p[3]) {
    double q[3];
    dm_ph_to_patient(sc, p, q);
    fprintf(f, "\"x\":%.2f,\"y\":%.2f,\"z\":%.2f", q[0], q[1], q[2]);
}

static void put_line(FILE *f, const dm_anatomy *a, const dm_ph_scanner *sc, int from, int to) {
    fputs("\"line\":[", f);
    for (int i = from; i <= to; i++) {
        double p[3];
        dm_ph_point_at(a, i, 0, 0, p);
        dm_ph_to_patient(sc, p, p);
        fprintf(f, "%s[%.2f,%.2f,%.2f]", i > from ? "," : "", p[0], p[1], p[2]);
    }
    fputs("]", f);
}

/* The direction of theta = 0 before it is made normal to the line: the anatomy's front, in LPS. */
static void put_anterior(FILE *f, const dm_ph_scanner *sc) {
    fprintf(f, ",\n\"anterior\":[%.5f,%.5f,%.5f]", -sc->turn[0][1], -sc->turn[1][1], -sc->turn[2][1]);
}

static void put_wall(FILE *f, const dm_anatomy *a, const char *key, int table, int from, int to) {
    fprintf(f, ",\n\"%s\":[", key);
    for (int i = from; i <= to; i += 2) {
        const float *r = dm_ph_wall_row(a, table, i);
        fprintf(f, "%s[", i > from ? ",\n" : "");
        for (int c = 0; c < PH_NT; c++) fprintf(f, "%s%.2f", c ? "," : "", (double)r[c]);
        fputs("]", f);
    }
    fputs("]", f);
}

/* A host's names are the program's own: nothing to be judged by them. */
static void put_vertebrae(FILE *f, const dm_anatomy *a, const dm_ph_scanner *sc, int from) {
    int n = 0;
    fputs(",\n\"vertebrae\":[", f);
    for (int i = 0; i < a->n_verts && !a->painted; i++) {
        const dm_ph_vert *v = &a->vert[i];
        double p[3];
        dm_ph_point_at(a, 0.5 * (v->body_top + v->body_low), 0, 0, p);
        if (!dm_ph_in_view(sc, p)) continue;
        fprintf(f, "%s{\"level\":\"%s\",", n++ ? ",\n" : "", dm_level_name(v->level));
        put_point(f, sc, p);
        fprintf(f, ",\"s_from\":%.2f,\"s_to\":%.2f}", v->s_from - from, v->s_to - from);
    }
    fputs("]", f);
}

static void put_leaks(FILE *f, const dm_anatomy *a, const dm_ph_scanner *sc, int from) {
    fputs(",\n\"leaks\":[", f);
    for (int i = 0; i < a->n_leaks; i++) {
        const dm_ph_leak *k = &a->leak[i];
        fprintf(
            f,
            "%s{\"class\":\"%s\",\"level_disc\":\"%s\",\"level_root\":\"%s\",\"side\":\"%s\",\"clock\":%.1f,",
            i ? ",\n" : "", k->class_, k->level_disc, k->level_root, k->side, k->clock);
        put_point(f, sc, k->p);
        if (k->early_to > k->early_from)
            fprintf(f, ",\"early_from\":%.2f,\"early_to\":%.2f", k->early_from - from, k->early_to - from);
        fprintf(f,
                ",\"s\":%.2f,\"s_from\":%.2f,\"s_to\":%.2f,\"theta\":%.1f,\"thickness_mm\":%.2f,\"ratio\":%."
                "3f,\"volume_mm3\":%.0f}",
                k->s - from, k->s_from - from, k->s_to - from, k->theta, k->thickness, k->ratio, k->volume);
    }
    fputs("]", f);
}

double dm_ph_vein_contrast(const dm_ph_vein *v) {
    double sum = 0.0;
    for (int i = 0; i < v->n_prims; i++) sum += v->contrast[i] * v->piece[i] / v->length;
    return sum;
}

double dm_ph_vein_shown(const dm_ph_vein *v, double noise) {
    double sum = 0.0;
    for (int i = 0; i < v->n_prims; i++) sum += v->contrast[i] >= 4.0 * noise ? v->piece[i] : 0.0;
    return sum;
}

static void put_rest(FILE *f, const dm_anatomy *a, const dm_ph_scanner *sc) {
    int n = 0;
    fputs(",\n\"diverticula\":[", f);
    for (int i = 0; i < a->n_blebs; i++) {
        const dm_ph_bleb *b = &a->bleb[i];
        if (!dm_ph_in_view(sc, b->p)) continue;
        fprintf(f, "%s{\"level_root\":\"%s\",\"side\":\"%s\",", n++ ? ",\n" : "", b->level_root, b->side);
        put_point(f, sc, b->p);
        fprintf(f, ",\"diameter_mm\":%.2f,\"volume_mm3\":%.0f,\"leaking\":%s}", b->diameter, b->volume,
                b->leaking ? "true" : "false");
    }
    fputs("],\n\"veins\":[", f);
    for (int i = 0; i < a->n_veins; i++) {
        const dm_ph_vein *v = &a->vein[i];
        fprintf(f, "%s{\"level_root\":\"%s\",\"side\":\"%s\",", i ? ",\n" : "", v->level_root, v->side);
        put_point(f, sc, v->p);
        fprintf(f, ",\"course\":\"%s\",\"length_mm\":%.1f,\"diameter_mm\":%.2f,\"hu\":%.0f", v->course,
                v->length, v->diameter, v->hu);
        fprintf(f, ",\"contrast_hu\":%.0f,\"shown_mm\":%.1f}", dm_ph_vein_contrast(v),
                dm_ph_vein_shown(v, sc->noise));
    }
    fputs("],\n\"signs\":[", f);
    n = 0;
    for (int i = 0; i < a->n_signs; i++) {
        if (!dm_ph_in_view(sc, a->sign[i].p)) continue;
        fprintf(f, "%s{\"sign\":\"%s\",", n++ ? ",\n" : "", a->sign[i].sign);
        put_point(f, sc, a->sign[i].p);
        if (a->sign[i].thickness > 0.0)
            fprintf(f, ",\"thickness_mm\":%.2f,\"ratio\":%.3f", a->sign[i].thickness, a->sign[i].ratio);
        fputs("}", f);
    }
    fputs("]", f);
}

void dm_ph_write_truth(FILE *f, const dm_anatomy *a, const dm_ph_scanner *sc, const char *name,
                       const char *archive, const char *patient) {
    int from, to;
    stretch(a, sc, &from, &to);
    fprintf(f,
            "{\"case\":\"%s\",\"archive\":\"%s\",\"patient\":\"%s\",\"kind\":\"%s\",\"modality\":\"%s\","
            "\"protocol\":\"%s\",\n",
            name, archive, patient, a->kind, a->protocol == PH_MRM ? "MR" : "CT",
            dm_ph_protocol_name(a->protocol));
    fprintf(f, "\"synthetic\":true,\"origin\":\"%s\",\"touches_bone\":%s,\n",
            a->painted ? "painted host" : "drawn", a->touches ? "true" : "false");
    fprintf(f, "\"field\":\"%s\",\"noise_sd\":%.2f,\"n_thoracic\":%d,\"n_lumbar\":%d,\"sac_value\":%.0f,\n",
            sc->field, sc->noise, a->n_thoracic, a->n_lumbar, a->sac_level);
    put_line(f, a, sc, from, to);
    put_anterior(f, sc);
    put_wall(f, a, "r_dura", PH_RD, from, to);
    put_wall(f, a, "r_bone", PH_RB, from, to);
    put_vertebrae(f, a, sc, from);
    put_leaks(f, a, sc, from);
    put_rest(f, a, sc);
    fputs("}", f);
}
