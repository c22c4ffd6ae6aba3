/* What goes between a run and its readers, as bytes. A reader is not trusted: its words are looked at before they are used. */
#ifndef DM_HANDOVER_H
#define DM_HANDOVER_H

#include "reader.h"

/* The task, written whole by the run. */
typedef struct dm_task {
    uint32_t mark;
    dm_key key;
    dm_archive_limits limits;
    int threads, has_passphrase, has_protocols;
    uint64_t memory;
    char path[4096], protocols[4096], passphrase[1024], digest[65], config_digest[65];
} dm_task;

enum { DM_HANDOVER_MARK = 0x444d5231 };

/* By the reader: writes the status and, when it is good, everything that was read behind the volumes that the store holds already
 * (those in memory join them). 0 when it cannot be written. */
int dm_handover_write(dm_store *store, dm_status status, dm_ingested *in, const dm_protocols *protocols);
/* By the run, when the reader has ended. Volumes stay in the file and are mapped (dm_scan.mapped). STUDY "reader_died" when what is
 * there makes no sense. */
dm_status dm_handover_read(int fd, const dm_protocols *protocols, dm_ingested *out);

#endif
