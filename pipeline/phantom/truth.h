/* What is true about a case, as JSON. */
#ifndef DM_TRUTH_H
#define DM_TRUTH_H
#include <stdio.h>

#include "scanner.h"

/* Writes one case as a JSON object (no comma after it). All positions in the patient's LPS, mm; s from the
 * first point of the line that lies in the field of view. */
void dm_ph_write_truth(FILE *f, const dm_anatomy *a, const dm_ph_scanner *sc, const char *name,
                       const char *archive, const char *patient);
const char *dm_ph_protocol_name(dm_ph_protocol p);
/* Mean over a vein's length of its brightness above what lies a millimetre beside it, HU: bone or contrast on
 * one side of it (a quarter of the directions) does not hide it, on two sides it does. And mm of it over
 * which that reaches four times the noise of a voxel. */
double dm_ph_vein_contrast(const dm_ph_vein *vein);
double dm_ph_vein_shown(const dm_ph_vein *vein, double noise);
/* 1 when the point of the anatomy lies in the field of view. */
int dm_ph_in_view(const dm_ph_scanner *sc, const double p[3]);

#endif
