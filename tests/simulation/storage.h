#ifndef VX_SIMULATION_STORAGE_H
#define VX_SIMULATION_STORAGE_H
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "process.h"

/*
 * The disk of the server's host, disk.h under /disk, with the time that it takes and the faults of
 * the scenario; every other path is the machine's own. A program that waits for the disk is not
 * resumed meanwhile, and may be killed there. Without a program current, calls take no time.
 */
#define SIM_RUN_DIR "/disk/run"

void sim_storage_begin(void);
void sim_storage_end_of(const sim_process *process); /* closes what it has open */
unsigned sim_storage_handles(const sim_process *process);
/* What vx_files has no call for: SQLite writes anywhere. */
ssize_t sim_storage_write_at(int handle, const void *at, size_t size, uint64_t offset);
void sim_storage_crash(void); /* the power of its host goes */

void sim_storage_slow(uint64_t sync_ns_max); /* 0: as fast as ever */
void sim_storage_full(bool full);
void sim_storage_fail_once(void); /* some operation, some of the next, with EIO */
void sim_storage_heal(void);

/* The run directory. */
void sim_run_dir_lose_newest(void); /* checkpoint, and the ledger; for a planted fault */
/* NULL, or the name of what ARCHITECTURE.md does not list. */
const char *sim_run_dir_litter(void);
#endif
