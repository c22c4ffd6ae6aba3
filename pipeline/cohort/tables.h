/* The schema of every table: the CSV header, the sidecar and the documentation. Columns are added at the end and never
 * renamed. */
#ifndef DM_TABLES_H
#define DM_TABLES_H

#include "table.h"

extern const dm_table dm_tables[];
extern const int dm_table_count;

/* Makes OUT/tables/ (CSV) and their sidecars from OUT/records alone, and OUT/private/mapping.csv: the same bytes for any
 * order, split or restart. FATAL when OUT cannot be read or written. *rows = number of studies. */
dm_status dm_cohort_merge(const char *out, int *rows);

#endif
