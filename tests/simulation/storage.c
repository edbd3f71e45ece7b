#include "storage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/files.h>

#include "disk.h"
#include "world.h"
#include "wrap.h"

#define CAPACITY    (64u << 20)
#define ROOM_LEFT   3000u /* on a full disk */
#define HANDLES_MAX 64
#define MAPS_MAX    65536
#define OP_NS       (20 * SIM_US)
#define SYNC_NS     (500 * SIM_US)

/* Handles of the world: the table's own number times two, plus one for the simulated disk. */
typedef struct open_handle {
    int handle;
    const sim_process *process;
    bool of_checkpoint;
} open_handle;

static struct {
    vx_sim_disk *disk;
    const vx_files *simulated, *system;
    open_handle open[HANDLES_MAX];
    unsigned open_count;
    uint64_t sync_ns_max;
    const void *maps[MAPS_MAX]; /* of the machine's files */
    size_t maps_count;
} storage;

static void take_time(uint64_t mean_ns)
{
    if (sim_process_current() != NULL && mean_ns > 0)
        sim_fiber_sleep(sim_exponential(SIM_DICE_DISK, mean_ns));
}

/* The table behind a call, once its time has passed. What the disk keeps is no program's memory. */
static const vx_files *begin(bool simulated, uint64_t mean_ns)
{
    take_time(mean_ns);
    sim_wrap_count(false);
    return simulated ? storage.simulated : storage.system;
}

static const vx_files *begin_path(const char *path, uint64_t mean_ns)
{
    return begin(strncmp(path, "/disk", 5) == 0 || strcmp(path, "/") == 0, mean_ns);
}

static const vx_files *begin_handle(int handle, uint64_t mean_ns)
{
    return begin(handle % 2 == 1, mean_ns);
}

static bool is_of_checkpoint(const char *path)
{
    return strstr(path, "/checkpoint-") != NULL;
}

/* Whoever gets an error may end by it. */
static void note_error(ssize_t result)
{
    sim_process *process = sim_process_current();

    if (result != -EIO && result != -ENOSPC)
        return;
    sim_note("the disk fails errno=%llu", (uint64_t)-result, 0, 0);
    if (process != NULL && result == -EIO)
        process->disk_errors++;
    if (process != NULL && result == -ENOSPC)
        process->disk_full++;
}

static int end(ssize_t result)
{
    sim_wrap_count(true);
    note_error(result);
    return (int)result;
}

static ssize_t end_read(ssize_t result, bool of_checkpoint)
{
    sim_process *process = sim_process_current();

    sim_wrap_count(true);
    note_error(result);
    if (result == -EIO && of_checkpoint && process != NULL)
        process->checkpoint_errors++;
    return result;
}

static open_handle *find_open(int handle)
{
    for (unsigned i = 0; i < storage.open_count; i++)
        if (storage.open[i].handle == handle)
            return &storage.open[i];
    return NULL;
}

static bool is_handle_of_checkpoint(int handle)
{
    const open_handle *entry = find_open(handle);

    return entry != NULL && entry->of_checkpoint;
}

static int open_file(void *context, const char *path, int flags, mode_t mode)
{
    const vx_files *files = begin_path(path, OP_NS);
    bool of_checkpoint = is_of_checkpoint(path);
    int handle = (int)end_read(files->open(files->context, path, flags, mode), of_checkpoint);

    (void)context;
    if (handle < 0)
        return handle;
    handle = 2 * handle + (files == storage.simulated ? 1 : 0);
    VX_ASSERT(storage.open_count < HANDLES_MAX);
    storage.open[storage.open_count++] =
        (open_handle){ handle, sim_process_current(), of_checkpoint };
    return handle;
}

static int close_file(void *context, int handle)
{
    const vx_files *files = begin_handle(handle, 0);
    open_handle *entry = find_open(handle);

    (void)context;
    if (entry != NULL)
        *entry = storage.open[--storage.open_count];
    return end(files->close(files->context, handle / 2));
}

static ssize_t read_file(void *context, int handle, void *at, size_t size)
{
    const vx_files *files = begin_handle(handle, 0);

    (void)context;
    return end_read(files->read(files->context, handle / 2, at, size),
                    is_handle_of_checkpoint(handle));
}

static ssize_t read_file_at(void *context, int handle, void *at, size_t size, uint64_t offset)
{
    const vx_files *files = begin_handle(handle, 0);

    (void)context;
    return end_read(files->read_at(files->context, handle / 2, at, size, offset),
                    is_handle_of_checkpoint(handle));
}

static ssize_t write_file(void *context, int handle, const void *at, size_t size)
{
    const vx_files *files = begin_handle(handle, OP_NS);

    (void)context;
    return end(files->write(files->context, handle / 2, at, size));
}

ssize_t sim_storage_write_at(int handle, const void *at, size_t size, uint64_t offset)
{
    VX_ASSERT(begin_handle(handle, OP_NS) == storage.simulated);
    return end(vx_sim_disk_write_at(storage.disk, handle / 2, at, size, offset));
}

static int truncate_file(void *context, int handle, uint64_t size)
{
    const vx_files *files = begin_handle(handle, OP_NS);

    (void)context;
    return end(files->truncate(files->context, handle / 2, size));
}

/* The program may die before the disk has done it, and before it knows that it has. */
static int sync_file(void *context, int handle)
{
    const vx_files *files = NULL;
    int result = 0;

    (void)context;
    if (storage.sync_ns_max > 0)
        sim_fiber_sleep(sim_below(SIM_DICE_DISK, storage.sync_ns_max));
    files = begin_handle(handle, SYNC_NS);
    result = end(files->sync(files->context, handle / 2));
    take_time(OP_NS);
    return result;
}

static int set_mode(void *context, int handle, mode_t mode)
{
    const vx_files *files = begin_handle(handle, 0);

    (void)context;
    return end(files->set_mode(files->context, handle / 2, mode));
}

static int lock_file(void *context, int handle)
{
    const vx_files *files = begin_handle(handle, 0);

    (void)context;
    return end(files->lock(files->context, handle / 2));
}

static int info_of_handle(void *context, int handle, vx_file_info *ret_info)
{
    const vx_files *files = begin_handle(handle, 0);

    (void)context;
    return (int)end_read(files->info(files->context, handle / 2, ret_info),
                         is_handle_of_checkpoint(handle));
}

static int info_of_path(void *context, const char *path, vx_file_info *ret_info)
{
    const vx_files *files = begin_path(path, 0);

    (void)context;
    return (int)end_read(files->info_of(files->context, path, ret_info), is_of_checkpoint(path));
}

static int rename_file(void *context, const char *from, const char *to)
{
    const vx_files *files = begin_path(from, OP_NS);
    int result = end(files->rename(files->context, from, to));

    (void)context;
    take_time(OP_NS);
    return result;
}

static int exchange_files(void *context, const char *path, const char *other)
{
    const vx_files *files = begin_path(path, OP_NS);

    (void)context;
    return end(files->exchange(files->context, path, other));
}

static int remove_file(void *context, const char *path)
{
    const vx_files *files = begin_path(path, OP_NS);

    (void)context;
    return end(files->remove(files->context, path));
}

static int make_folder(void *context, const char *path, mode_t mode)
{
    const vx_files *files = begin_path(path, OP_NS);

    (void)context;
    return end(files->make_folder(files->context, path, mode));
}

static int remove_folder(void *context, const char *path)
{
    const vx_files *files = begin_path(path, OP_NS);

    (void)context;
    return end(files->remove_folder(files->context, path));
}

typedef struct visit {
    vx_files_visit visit;
    void *visitor;
} visit;

static int visit_counted(void *visitor, const char *name)
{
    const visit *self = visitor;
    int result = 0;

    sim_wrap_count(true);
    result = self->visit(self->visitor, name);
    sim_wrap_count(false);
    return result;
}

static int list_folder(void *context, const char *path, vx_files_visit visitor_call, void *visitor)
{
    const vx_files *files = begin_path(path, OP_NS);
    visit self = { visitor_call, visitor };

    (void)context;
    return (int)end_read(files->list(files->context, path, visit_counted, &self),
                         is_of_checkpoint(path));
}

/* Data files are the machine's, checkpoints the simulated disk's: who has mapped it takes it back.
 * A program that is killed leaves its mappings to the end of the seed. */
static int map_file(void *context, int handle, size_t size, const void **ret_at)
{
    const vx_files *files = begin_handle(handle, 0);
    int result = files->map(files->context, handle / 2, size, ret_at);

    (void)context;
    if (result == 0 && files == storage.system) {
        VX_ASSERT(storage.maps_count < MAPS_MAX);
        storage.maps[storage.maps_count++] = *ret_at;
    }
    return (int)end_read(result, is_handle_of_checkpoint(handle));
}

static bool take_map(const void *at)
{
    for (size_t i = 0; i < storage.maps_count; i++)
        if (storage.maps[i] == at) {
            storage.maps[i] = storage.maps[--storage.maps_count];
            return true;
        }
    return false;
}

static void unmap_file(void *context, const void *at, size_t size)
{
    const vx_files *files = begin(!take_map(at), 0);

    (void)context;
    files->unmap(files->context, at, size);
    sim_wrap_count(true);
}

void sim_storage_begin(void)
{
    static const vx_files table = {
        .open = open_file,
        .close = close_file,
        .read = read_file,
        .read_at = read_file_at,
        .write = write_file,
        .truncate = truncate_file,
        .sync = sync_file,
        .set_mode = set_mode,
        .lock = lock_file,
        .info = info_of_handle,
        .info_of = info_of_path,
        .rename = rename_file,
        .exchange = exchange_files,
        .remove = remove_file,
        .make_folder = make_folder,
        .remove_folder = remove_folder,
        .list = list_folder,
        .map = map_file,
        .unmap = unmap_file,
    };

    storage.system = vx_files_system();
    storage.disk = vx_sim_disk_create(sim_seed(), CAPACITY);
    storage.simulated = vx_sim_disk_files(storage.disk);
    vx_files_install(&table);
}

unsigned sim_storage_handles(const sim_process *process)
{
    unsigned count = 0;

    for (unsigned i = 0; i < storage.open_count; i++)
        count += storage.open[i].process == process;
    return count;
}

void sim_storage_end_of(const sim_process *process)
{
    for (unsigned i = storage.open_count; i-- > 0;)
        if (storage.open[i].process == process)
            (void)close_file(NULL, storage.open[i].handle);
}

void sim_storage_crash(void)
{
    sim_note("power of the disk", 0, 0, 0);
    vx_sim_disk_crash(storage.disk);
}

void sim_storage_slow(uint64_t sync_ns_max)
{
    storage.sync_ns_max = sync_ns_max;
}

void sim_storage_full(bool full)
{
    vx_sim_disk_set_capacity(storage.disk, full ? vx_sim_disk_used(storage.disk) +
                                                      sim_below(SIM_DICE_DISK, ROOM_LEFT)
                                                : CAPACITY);
}

void sim_storage_fail_once(void)
{
    static const vx_sim_op ops[] = { VX_SIM_OP_OPEN,   VX_SIM_OP_READ,  VX_SIM_OP_WRITE,
                                     VX_SIM_OP_SYNC,   VX_SIM_OP_SYNC,  VX_SIM_OP_RENAME,
                                     VX_SIM_OP_REMOVE, VX_SIM_OP_CLOSE, VX_SIM_OP_ANY };
    uint64_t k = 1 + sim_below(SIM_DICE_DISK, 10);
    uint64_t op = sim_below(SIM_DICE_DISK, sizeof(ops) / sizeof(ops[0]));

    vx_sim_disk_fail(storage.disk, ops[op], k, EIO);
}

void sim_storage_heal(void)
{
    sim_storage_slow(0);
    sim_storage_full(false);
    for (int op = 0; op < VX_SIM_OP_MAX; op++)
        vx_sim_disk_fail(storage.disk, (vx_sim_op)op, 0, 0);
}
