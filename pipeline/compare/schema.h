/* The tables that a comparison writes. */
#ifndef DM_SCHEMA_H
#define DM_SCHEMA_H

#include "table.h"

enum {
    DM_PROTOCOLS,
    DM_PAIRS,
    DM_FROC,
    DM_ROUNDS,
    DM_YIELD,
    DM_PATIENTS,
    DM_INDIRECT,
    DM_UNMATCHED,
    DM_PARTICIPANTS,
    DM_COMPARE_TABLES
};

extern const dm_table dm_compare_schema[DM_COMPARE_TABLES];

#endif
