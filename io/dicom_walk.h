/* A look at the bytes of a DICOM object before the DICOM library sees them. The library descends by
 * recursion, so that a file of 120 kB with sequences nested 6000 deep ends the process, and it inflates
 * deflated objects without any limit. */
#ifndef DM_DICOM_WALK_H
#define DM_DICOM_WALK_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    DM_DICOM_DEEPEST = 64
}; /* real objects nest less than 10 deep; the library's later releases stop here as well */

/* Transfer syntax UID of the file meta header; "" when there is none (then the library guesses); *data = where the data set
 * begins. Returns 0 when the header contradicts itself (two transfer syntaxes). */
int dm_dicom_syntax(const unsigned char *bytes, size_t size, char uid[68], size_t *data);
/* 1 when no item can lie deeper than DM_DICOM_DEEPEST, whatever the library makes of the bytes. */
int dm_dicom_is_shallow(const unsigned char *bytes, size_t size, const char *uid);

#ifdef __cplusplus
}
#endif

#endif
