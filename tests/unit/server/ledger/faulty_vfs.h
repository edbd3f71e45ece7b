#ifndef VX_TEST_FAULTY_VFS_H
#define VX_TEST_FAULTY_VFS_H
#include <stdbool.h>

/*
 * The default VFS of SQLite with faults: the k-th operation that changes a file fails. It offers no
 * shared memory, so a database that wanted an -shm file could not be opened.
 *
 * With images, each file has "name.durable" beside it: what its syncs have made durable, which is
 * what the loss of power leaves of it. What was written before a sync that failed is read, and no
 * later sync makes it durable, as on Linux; writing it again helps. Deleting a file without a sync
 * of the folder leaves the image.
 */
typedef enum faulty_kind {
    FAULTY_NONE,
    FAULTY_SPACE,  /* the k-th write finds no space; the next ones do */
    FAULTY_DEVICE, /* the k-th write, truncation, sync or deletion fails; the next ones do not */
    FAULTY_POWER   /* it and all after it fail and change nothing */
} faulty_kind;

void faulty_vfs_install(void);
void faulty_vfs_arm(faulty_kind kind, int k, bool database_only, bool images);
bool faulty_vfs_has_failed(void);             /* since it was armed; disarms */
void faulty_vfs_lose_power(const char *path); /* path becomes its image, or nothing */
#endif
