/* The simplest kernels: copy is the bandwidth that the benches compare others with, fill sets a constant. */
#ifndef DM_COPY_H
#define DM_COPY_H
#include "dialect.h"

typedef struct dm_copy_args {
    int n;        /* items of one row */
    int rows;
    float value;  /* for fill */
} dm_copy_args;

DM_FN float dm_copy_item(DM_GLOBAL const float *DM_RESTRICT from, size_t i) {
    return from[i];
}

#endif
