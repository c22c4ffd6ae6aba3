/* What leaves ingest of patient and exam: an allow-list, coarse, with dates shifted. */
#ifndef DM_EXAM_H
#define DM_EXAM_H

#include "dicom.h"
#include "pseudonym.h"
#include "study.h"

/* Sex, age in bands of five years (90+ above), maker of the scanner from a closed list, model in plain letters, and the exam's
 * time shifted by 120 years and up to one more: one secret amount for each patient (HMAC of the key), so that intervals and the
 * order of a patient's exams stay true. */
void dm_exam_of(const dm_key *key, const dm_instance *f, dm_exam *exam);
/* "1906-03-14T08:15" of shifted seconds; "" for 0 (not known). */
void dm_exam_time(double shifted_seconds, char out[20]);

#endif
