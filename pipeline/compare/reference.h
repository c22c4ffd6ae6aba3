/* What is known about the patients: reference.csv, joined to the studies. */
#ifndef DM_REFERENCE_H
#define DM_REFERENCE_H

#include "material.h"
#include "pseudonym.h"
#include "sheet.h"

/* How names in a table of the group's are brought to the pseudonyms of OUT. */
typedef struct dm_names {
    const dm_key *key;           /* NULL: raw IDs cannot be matched */
    const dm_csv_table *mapping; /* OUT/private/mapping.csv; NULL: archive names cannot be matched */
} dm_names;

/* Patient of a cell that holds a pseudonym or a raw PatientID; -1 when OUT has no such patient. */
int dm_names_patient(const dm_names *names, const dm_material *material, const char *text);

/* Reads reference.csv and fills truth and lesions of the exams.
 *
 * A row that names a study (study_id, archive) holds for that study; one that names only a patient holds for
 * all studies of that patient. class none = proven negative. x_mm, y_mm, z_mm are coordinates of the study
 * named, level_mm is the distance along the canal from the middle of the level, downwards. Several rows are
 * several leaks; where sources of different rank speak of one study (surgery, later_myelogram, consensus,
 * phantom, synthetic_painted, unstated), the highest is taken. none beside a leak is a contradiction: the
 * study is set aside.
 *
 * Rows without a study, rows outranked, contradictions and studies without a reference are rows of
 * `unmatched`. FATAL "bad_csv" with file, line and cure. */
dm_status dm_reference_join(const dm_csv_table *reference, const dm_names *names, dm_material *material,
                            dm_sheet *unmatched);

/* A row of unmatched.csv; line 0 and NULL texts leave the cells empty. */
void dm_unmatched(dm_sheet *unmatched, const char *file, int line, const char *study_id,
                  const char *patient_id, const char *kind, const char *reason);

#endif
