/* Files that are there whole or not at all, and JSON records in them. */
#ifndef DM_RECORD_H
#define DM_RECORD_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "status.h"

/* Makes a folder and those above it. FATAL "output" with the reason. mode as in mkdir, for the last one. */
dm_status dm_folder_make(const char *path, unsigned mode);
/* Writes a temporary file beside `path`, syncs it, renames it into place and syncs the folder. FATAL "output". */
dm_status dm_file_replace(const char *path, const void *bytes, size_t count, unsigned mode);
/* Reads a whole file (NUL after the last byte; the caller frees). STUDY "unreadable". */
dm_status dm_file_read(const char *path, char **text, size_t *count);

/* JSON, one line per element of the outer object and a last one that seals it: "seal", the SHA-256 of every byte before. Written
 * by dm_file_replace. */
dm_status dm_record_write(const char *path, const cJSON *record);
/* The record without its seal. The caller frees with cJSON_Delete. STUDY "unreadable", or "bad_record" when it is cut short or a
 * byte of it was changed since. */
dm_status dm_record_read(const char *path, cJSON **record);
/* Any JSON object, sealed or not; as dm_record_read otherwise. */
dm_status dm_json_read(const char *path, cJSON **object);
/* The text under a key of the outer object; "" when it is missing or no text. */
const char *dm_record_text(const cJSON *record, const char *key);

#endif
