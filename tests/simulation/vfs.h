#ifndef VX_SIMULATION_VFS_H
#define VX_SIMULATION_VFS_H
/*
 * SQLite's files on the simulated disk, as the default VFS. It behaves as SQLite's own on Linux:
 * sectors of 4096 bytes that do not spill, the folder synced with the first sync of a new journal.
 * Without shared memory: who opens a database holds it alone.
 */
void sim_vfs_install(void); /* in the parent, once */
void sim_vfs_begin(void);   /* in each world: SQLite's chance follows the seed */
#endif
