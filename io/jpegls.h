/* What a JPEG-LS codestream leaves to its decoder. */
#ifndef DM_JPEGLS_H
#define DM_JPEGLS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { DM_JPEGLS_MORE = 15 };

/* The decoder of DCMTK 3.6.7 takes wrong default thresholds for pictures of less than eight bits. Where such a codestream of one
 * component leaves them to the defaults, writes a copy that spells them out (ITU-T T.87 C.2.4.1.1) into out, which has room for
 * size + DM_JPEGLS_MORE bytes. Returns the copy's size; 0 = nothing to spell out. */
size_t dm_jpegls_spell_out(const unsigned char *bytes, size_t size, unsigned char *out);

#ifdef __cplusplus
}
#endif

#endif
