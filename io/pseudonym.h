/* Keyed pseudonyms: HMAC-SHA-256(key, domain | text), the first 16 characters in base32. Plain digests for files and
 * configurations. */
#ifndef DM_PSEUDONYM_H
#define DM_PSEUDONYM_H

#include <stddef.h>

#include "status.h"

typedef struct dm_key {
    unsigned char bytes[32];
} dm_key;

/* Reads the key file, or makes it (mode 0600, in a folder made with mode 0700) when it does not exist. */
dm_status dm_key_open(const char *path, dm_key *key);
/* domain: "patient", "study", "series". out: at least 17 bytes. */
void dm_pseudonym(const dm_key *key, const char *domain, const char *text, char out[17]);
/* Seconds by which the times of a patient (raw PatientID) are moved back: 120 years, so that no moved date can be taken for a
 * true one, and up to one year more, the patient's own secret. Intervals between a patient's exams stay true. */
double dm_date_shift(const dm_key *key, const char *patient);
/* SHA-256 as 64 hex digits + NUL. */
void dm_digest(const void *bytes, size_t count, char out[65]);
dm_status dm_digest_file(const char *path, char out[65]);
/* The same of bytes that come one after another. */
typedef struct dm_hasher dm_hasher;
dm_hasher *dm_hasher_new(void); /* NULL = no memory */
void dm_hasher_add(dm_hasher *hasher, const void *bytes, size_t count);
/* Frees it; accepts NULL. out NULL = nobody wants the digest. 0 when there is none. */
int dm_hasher_end(dm_hasher *hasher, char out[65]);

#endif
