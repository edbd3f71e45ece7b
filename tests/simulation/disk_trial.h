#ifndef VX_SIMULATION_DISK_TRIAL_H
#define VX_SIMULATION_DISK_TRIAL_H
#include <simulation/disk.h>

#include <vx_base/status.h>

/* A change of files, and what must hold when the disk under it fails. For cmocka tests. */
typedef struct vx_disk_trial {
    vx_sim_disk *(*begin)(uint64_t seed); /* makes and installs a disk with what was there before */
    void (*end)(vx_sim_disk *disk);
    vx_status (*change)(vx_error *err);
    const char *path; /* every message of a failure holds it */
    /* What must hold after a change of that status; the disk works again. */
    void (*expect_failed)(vx_sim_disk *disk, vx_status status);
    void (*expect_full)(vx_status status);
} vx_disk_trial;

/* Each operation of the change fails in turn, by EIO and by ENOSPC, which are VX_ERR_IO and
 * VX_ERR_SPACE. The change must have at least operations_min of them. */
void vx_disk_trial_failures(const vx_disk_trial *trial, uint64_t operations_min);

/* The disk has room for one sector more each time, until the change succeeds. Until then it is
 * VX_ERR_SPACE, and no room is lost by it or at its success. Returns the bytes of room that were
 * tried, one sector beyond those that it needed. */
uint64_t vx_disk_trial_full(const vx_disk_trial *trial);
#endif
