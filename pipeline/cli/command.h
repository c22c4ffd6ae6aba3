/* Programs of others, started without a shell. */
#ifndef DM_COMMAND_H
#define DM_COMMAND_H

#include <stddef.h>
#include <stdio.h>

#include "status.h"

/* Runs argv[0] (sought in PATH) and waits. out: what it prints, cut to size - 1 bytes; its errors go where ours go. FATAL
 * "command" when it cannot be started or does not end with 0. */
dm_status dm_command_run(const char *const argv[], char *out, size_t size);
/* Prints the words as a shell would take them. */
void dm_command_print(const char *const argv[], FILE *to);
/* One word in single quotes, as a shell takes it. */
void dm_command_quote(const char *word, FILE *to);

#endif
