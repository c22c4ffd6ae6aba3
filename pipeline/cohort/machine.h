/* What this process may take of the machine it runs on. */
#ifndef DM_MACHINE_H
#define DM_MACHINE_H

#include <stdint.h>
#include <sys/types.h>

/* Seconds of a clock that is never set: for durations and deadlines. */
double dm_now(void);
/* Processors that this process may use (its affinity mask: a batch system gives a job some of a node's). */
int dm_machine_cores(void);
/* Bytes that a run may take: 80 % of what is available now, and of what the control groups of this process (v1 and v2) and the
 * batch system (SLURM_MEM_PER_NODE) leave it. */
uint64_t dm_machine_memory(void);
/* Memory that belongs to a process alone (RssAnon); 0 when it has ended. */
uint64_t dm_process_bytes(pid_t process);

#endif
