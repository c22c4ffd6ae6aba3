/* One JPEG 2000 or HTJ2K picture by OpenJPEG: DCMTK decodes neither. */
#ifndef DM_JPEG2000_H
#define DM_JPEG2000_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Decodes a codestream (or one in a JP2 file) of exactly rows x columns and one component. `out`: rows*columns values as the
 * codestream says (its sign, its precision). Returns 0 when it is damaged or of another size. */
int dm_jpeg2000_decode(const void *bytes, size_t size, int rows, int columns, int32_t *out, int *precision, int *is_signed);

#ifdef __cplusplus
}
#endif

#endif
