/* One picture in DICOM's RLE (PS3.5 annex G). DCMTK 3.6.7's own decoder trusts the lengths in the picture and reads past its end. */
#ifndef DM_RLE_H
#define DM_RLE_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One sample a pixel of 1 or 2 bytes: one segment for each byte, the higher first. out: pixels * bytes_per_pixel bytes, little
 * endian. Returns 0 when the picture is damaged or gives fewer pixels. */
int dm_rle_decode(const void *bytes, size_t size, size_t pixels, int bytes_per_pixel, unsigned char *out);

#ifdef __cplusplus
}
#endif

#endif
