/* INI files, by inih: every key is handed over with the place where it stands. */
#ifndef DM_CONFIG_H
#define DM_CONFIG_H

#include "status.h"

/* Called for each key; `where` is "file.ini:12". The first status that is not good ends the reading. */
typedef dm_status (*dm_config_visit)(void *user, const char *where, const char *section, const char *key,
                                     const char *value);

/* Reads a text; `name` stands for the file in messages. FATAL "config" with file:line for a line that is no section,
 * key or comment and for a line over 190 characters. */
dm_status dm_config_text(const char *name, const char *text, dm_config_visit visit, void *user);
/* The same for a file; FATAL "config" when it cannot be read. */
dm_status dm_config_file(const char *path, dm_config_visit visit, void *user);

#endif
