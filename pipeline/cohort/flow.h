/* The flow of a run: sources in, studies to the measuring processes in the order of the list, outcomes counted; what hangs, dies or
 * takes too much is ended and said. One thread, no device: it cannot be taken down by what it watches. */
#ifndef DM_FLOW_H
#define DM_FLOW_H

#include "settle.h"

/* Until every source is finished, a stop is asked for or nothing can go on. FATAL as in dm_cohort_run. */
dm_status dm_flow_run(const dm_cohort *c, dm_run_result *result);

#endif
