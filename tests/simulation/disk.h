#ifndef VX_SIMULATION_DISK_H
#define VX_SIMULATION_DISK_H
#include <stdint.h>

#include <vx_base/files.h>

/*
 * A disk in memory that loses what a real one may lose when the power goes.
 *
 * Data. What is written is seen at once and is durable after sync of the file. At a crash each
 * 512-byte sector written since then is old or new, all of them or any of them, and the size is
 * anything between the old and the new one. When a sync fails, part of the data may have arrived;
 * the rest never does, also when a later sync succeeds, although reads still show it (as Linux
 * does): only writing it again helps.
 *
 * Names. A create, rename, exchange or removal is durable after sync of a folder that it changes;
 * at a crash each other one is kept or undone, in any combination that makes sense or up to some
 * moment. A failed sync of a folder changes nothing.
 *
 * Handles and locks end with a crash; what is mapped can be read until it is unmapped. Paths have
 * neither ".." nor links, and begin at the root with and without a slash. Not thread safe. All
 * chance is a function of the seed.
 */
typedef struct vx_sim_disk vx_sim_disk;

typedef enum vx_sim_op {
    VX_SIM_OP_OPEN,
    VX_SIM_OP_CLOSE,
    VX_SIM_OP_READ, /* and read_at */
    VX_SIM_OP_WRITE,
    VX_SIM_OP_TRUNCATE,
    VX_SIM_OP_SYNC,
    VX_SIM_OP_SET_MODE,
    VX_SIM_OP_LOCK,
    VX_SIM_OP_INFO, /* and info_of */
    VX_SIM_OP_RENAME,
    VX_SIM_OP_EXCHANGE,
    VX_SIM_OP_REMOVE,
    VX_SIM_OP_MAKE_FOLDER,
    VX_SIM_OP_REMOVE_FOLDER,
    VX_SIM_OP_LIST,
    VX_SIM_OP_MAP,
    VX_SIM_OP_ANY,
    VX_SIM_OP_MAX
} vx_sim_op;

/* capacity: bytes of data, rounded up to a sector for each file, and a sector for each file and
 * folder. Beyond it writes are short, then -ENOSPC. */
vx_sim_disk *vx_sim_disk_create(uint64_t seed, uint64_t capacity);
vx_sim_disk *vx_sim_disk_destroy(vx_sim_disk *disk); /* takes NULL, returns NULL */

/* The table of it, borrowed: vx_files_install(vx_sim_disk_files(disk)). */
const vx_files *vx_sim_disk_files(vx_sim_disk *disk);

/* pwrite(2), which vx_files lacks: it is a write, and the handle's place is behind it after. */
ssize_t vx_sim_disk_write_at(vx_sim_disk *disk, int number, const void *at, size_t size,
                             uint64_t offset);

/* The k-th operation of that kind from now, k >= 1, fails with this errno; the others do not. One
 * such failure a kind; k = 0 takes it back. */
void vx_sim_disk_fail(vx_sim_disk *disk, vx_sim_op op, uint64_t k, int number);

/* The k-th operation from now and all after it do nothing and fail with EIO, until the crash. */
void vx_sim_disk_stop(vx_sim_disk *disk, uint64_t k);

/* The power goes and comes back. */
void vx_sim_disk_crash(vx_sim_disk *disk);

/* The process dies and the machine lives on: handles and locks end, nothing is lost. */
void vx_sim_disk_close_all(vx_sim_disk *disk);

void vx_sim_disk_set_capacity(vx_sim_disk *disk, uint64_t capacity);
uint64_t vx_sim_disk_count(const vx_sim_disk *disk, vx_sim_op op); /* operations, failed ones too */
uint64_t vx_sim_disk_used(const vx_sim_disk *disk);                /* bytes of the capacity */
unsigned vx_sim_disk_open_handles(const vx_sim_disk *disk);
#endif
