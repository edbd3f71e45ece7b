#include "disk_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>

/* Counts the operation. -errno when it is to fail. */
static int begin(vx_sim_disk *disk, vx_sim_op op)
{
    const vx_sim_op kinds[] = { op, VX_SIM_OP_ANY };
    int result = 0;

    disk->counts[op]++;
    disk->counts[VX_SIM_OP_ANY]++;
    if (disk->stop_in == 1)
        return -EIO;
    if (disk->stop_in > 1)
        disk->stop_in--;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        failure *f = &disk->failures[kinds[i]];

        if (f->left > 0 && --f->left == 0)
            result = -f->number;
    }
    return result;
}

static handle *handle_find(vx_sim_disk *disk, int number)
{
    for (size_t i = 0; i < disk->handles_count; i++)
        if (disk->handles[i].number == number)
            return &disk->handles[i];
    return NULL;
}

/* The handle of an operation that may go on, or -errno. */
static int begin_with(vx_sim_disk *disk, vx_sim_op op, int number, handle **ret_handle)
{
    int result = begin(disk, op);

    *ret_handle = handle_find(disk, number);
    if (*ret_handle == NULL)
        return -EBADF;
    return result;
}

static uint64_t rounded(uint64_t size)
{
    return (size + SECTOR - 1) / SECTOR * SECTOR;
}

uint64_t vx_sim_disk_used(const vx_sim_disk *disk)
{
    uint64_t used = 0;

    for (const node *n = disk->nodes; n != NULL; n = n->next)
        if (n->names > 0 || n->handles > 0 || n == disk->root)
            used += SECTOR + rounded(n->now.size);
    return used;
}

static uint64_t room(const vx_sim_disk *disk)
{
    uint64_t used = vx_sim_disk_used(disk);

    return used < disk->capacity ? disk->capacity - used : 0;
}

static int link_new(vx_sim_disk *disk, node *folder, char *name, bool is_folder, mode_t mode,
                    node **ret_node)
{
    node *made = NULL;

    if (room(disk) < SECTOR)
        return -ENOSPC;
    made = vx_sim_node_create(disk, is_folder, mode);
    vx_sim_names_change(
        disk, (change){ .kind = CHANGE_LINK, .folder = folder, .name = name, .to = made });
    *ret_node = made;
    return 0;
}

typedef struct place { /* of a path: where it stands or would stand */
    node *folder;
    char *name; /* owned; "": the root */
    node *to;   /* NULL: there is none */
} place;

static int place_find(vx_sim_disk *disk, const char *path, place *ret_place)
{
    int result = vx_sim_path_parent(disk, path, &ret_place->folder, &ret_place->name);
    const entry *found = NULL;

    if (result < 0)
        return result;
    found = vx_sim_listing_find(&ret_place->folder->names_now, ret_place->name);
    ret_place->to = found != NULL ? found->to : NULL;
    return 0;
}

static int open_node(vx_sim_disk *disk, const char *path, int flags, mode_t mode, node **ret_node)
{
    place at = { 0 };
    int result = place_find(disk, path, &at);

    if (result < 0)
        return result;
    if (at.name[0] == '\0')
        *ret_node = disk->root;
    else if (at.to == NULL)
        result = (flags & O_CREAT) != 0 ? link_new(disk, at.folder, at.name, false, mode, ret_node)
                                        : -ENOENT;
    else if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0)
        result = -EEXIST;
    else
        *ret_node = at.to;
    free(at.name);
    return result;
}

static int disk_open(void *context, const char *path, int flags, mode_t mode)
{
    vx_sim_disk *disk = context;
    node *to = NULL;
    int result = begin(disk, VX_SIM_OP_OPEN);

    vx_sim_nodes_collect(disk);
    if (result == 0)
        result = open_node(disk, path, flags, mode, &to);
    if (result != 0 || to == NULL)
        return result;
    if ((flags & O_DIRECTORY) != 0 && !to->is_folder)
        return -ENOTDIR;
    if (to->is_folder && (flags & O_ACCMODE) != O_RDONLY)
        return -EISDIR;
    if ((flags & O_TRUNC) != 0)
        vx_sim_file_resize(to, 0);
    to->handles++;
    disk->handles =
        vx_sim_must(realloc(disk->handles, (disk->handles_count + 1) * sizeof(*disk->handles)));
    disk->handles[disk->handles_count++] =
        (handle){ .number = disk->next_number, .to = to, .flags = flags };
    return disk->next_number++;
}

static void handle_drop(vx_sim_disk *disk, handle *h)
{
    if (h->holds_lock)
        h->to->locked = false;
    h->to->handles--;
    *h = disk->handles[--disk->handles_count];
}

static int disk_close(void *context, int number)
{
    vx_sim_disk *disk = context;
    handle *h = NULL;
    int result = begin_with(disk, VX_SIM_OP_CLOSE, number, &h);

    if (h != NULL)
        handle_drop(disk, h);
    return result;
}

static ssize_t read_from(const handle *h, void *at, size_t size, uint64_t offset)
{
    uint64_t left = offset < h->to->now.size ? h->to->now.size - offset : 0;

    if (h->to->is_folder)
        return -EISDIR;
    if ((h->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (size > left)
        size = left;
    if (size > 0)
        memcpy(at, h->to->now.at + offset, size);
    return (ssize_t)size;
}

static ssize_t disk_read(void *context, int number, void *at, size_t size)
{
    handle *h = NULL;
    ssize_t count = begin_with(context, VX_SIM_OP_READ, number, &h);

    if (count == 0)
        count = read_from(h, at, size, h->offset);
    if (count > 0)
        h->offset += (uint64_t)count;
    return count;
}

static ssize_t disk_read_at(void *context, int number, void *at, size_t size, uint64_t offset)
{
    handle *h = NULL;
    int result = begin_with(context, VX_SIM_OP_READ, number, &h);

    return result == 0 ? read_from(h, at, size, offset) : result;
}

static ssize_t disk_write(void *context, int number, const void *at, size_t size)
{
    vx_sim_disk *disk = context;
    handle *h = NULL;
    uint64_t end = 0;
    uint64_t fits = 0;
    int result = begin_with(disk, VX_SIM_OP_WRITE, number, &h);

    if (result < 0)
        return result;
    if ((h->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    if ((h->flags & O_APPEND) != 0)
        h->offset = h->to->now.size;
    end = h->offset + size;
    fits = rounded(h->to->now.size) + room(disk);
    if (end > h->to->now.size && end > fits)
        size = fits > h->offset ? fits - h->offset : 0;
    if (size == 0)
        return end > h->offset ? -ENOSPC : 0;
    vx_sim_file_write(h->to, h->offset, at, size);
    h->offset += size;
    return (ssize_t)size;
}

static int disk_truncate(void *context, int number, uint64_t size)
{
    vx_sim_disk *disk = context;
    handle *h = NULL;
    int result = begin_with(disk, VX_SIM_OP_TRUNCATE, number, &h);

    if (result < 0)
        return result;
    if ((h->flags & O_ACCMODE) == O_RDONLY)
        return -EINVAL;
    if (size > h->to->now.size && rounded(size) > rounded(h->to->now.size) + room(disk))
        return -ENOSPC;
    vx_sim_file_resize(h->to, size);
    return 0;
}

static int disk_sync(void *context, int number)
{
    vx_sim_disk *disk = context;
    handle *h = NULL;
    bool stopped = disk->stop_in == 1;
    int result = begin_with(disk, VX_SIM_OP_SYNC, number, &h);

    if (h == NULL || stopped)
        return result;
    if (h->to->is_folder && result == 0)
        vx_sim_folder_sync(disk, h->to);
    else if (!h->to->is_folder && result == 0)
        vx_sim_file_sync(h->to);
    else if (!h->to->is_folder)
        vx_sim_file_sync_fail(disk, h->to);
    return result;
}

static int disk_set_mode(void *context, int number, mode_t mode)
{
    handle *h = NULL;
    int result = begin_with(context, VX_SIM_OP_SET_MODE, number, &h);

    if (result == 0)
        h->to->mode = mode;
    return result;
}

static int disk_lock(void *context, int number)
{
    handle *h = NULL;
    int result = begin_with(context, VX_SIM_OP_LOCK, number, &h);

    if (result < 0 || h->holds_lock)
        return result;
    if (h->to->locked)
        return -EWOULDBLOCK;
    h->to->locked = h->holds_lock = true;
    return 0;
}

static vx_file_info info_from(const node *n)
{
    return (vx_file_info){ .size = n->now.size,
                           .is_folder = n->is_folder,
                           .is_regular = !n->is_folder };
}

static int disk_info(void *context, int number, vx_file_info *ret_info)
{
    handle *h = NULL;
    int result = begin_with(context, VX_SIM_OP_INFO, number, &h);

    if (result == 0)
        *ret_info = info_from(h->to);
    return result;
}

static int disk_info_of(void *context, const char *path, vx_file_info *ret_info)
{
    node *found = NULL;
    int result = begin(context, VX_SIM_OP_INFO);

    if (result == 0)
        result = vx_sim_path_find(context, path, &found);
    if (result == 0)
        *ret_info = info_from(found);
    return result;
}

/* Of two names of one folder, of which the first stands. */
static int pair_find(vx_sim_disk *disk, const char *path, const char *other, place pair[2])
{
    int result = place_find(disk, path, &pair[0]);

    if (result == 0)
        result = place_find(disk, other, &pair[1]);
    if (result < 0)
        return result;
    if (pair[0].to == NULL)
        return -ENOENT;
    return pair[0].folder == pair[1].folder ? 0 : -EXDEV;
}

static int rename_check(const node *from, const place *to)
{
    if (to->name[0] == '\0')
        return -EBUSY;
    if (to->to == NULL)
        return 0;
    if (from->is_folder && !to->to->is_folder)
        return -ENOTDIR;
    if (!from->is_folder && to->to->is_folder)
        return -EISDIR;
    return to->to->names_now.count > 0 ? -ENOTEMPTY : 0;
}

/* MOVE or EXCHANGE. */
static int change_pair(vx_sim_disk *disk, change_kind kind, const char *path, const char *other)
{
    place pair[2] = { 0 };
    int result = pair_find(disk, path, other, pair);

    if (result == 0 && kind == CHANGE_MOVE)
        result = rename_check(pair[0].to, &pair[1]);
    else if (result == 0 && pair[1].to == NULL)
        result = -ENOENT;
    if (result == 0 && (kind == CHANGE_EXCHANGE || pair[0].to != pair[1].to))
        vx_sim_names_change(disk, (change){ .kind = kind,
                                            .folder = pair[0].folder,
                                            .to = pair[0].to,
                                            .other_to = kind == CHANGE_EXCHANGE ? pair[1].to : NULL,
                                            .name = pair[0].name,
                                            .other_name = pair[1].name });
    free(pair[0].name);
    free(pair[1].name);
    return result;
}

static int disk_rename(void *context, const char *from, const char *to)
{
    int result = begin(context, VX_SIM_OP_RENAME);

    return result == 0 ? change_pair(context, CHANGE_MOVE, from, to) : result;
}

static int disk_exchange(void *context, const char *path, const char *other)
{
    int result = begin(context, VX_SIM_OP_EXCHANGE);

    return result == 0 ? change_pair(context, CHANGE_EXCHANGE, path, other) : result;
}

static int unlink_it(vx_sim_disk *disk, const char *path, bool is_folder)
{
    place at = { 0 };
    int result = place_find(disk, path, &at);

    if (result < 0)
        return result;
    if (at.to == NULL)
        result = at.name[0] == '\0' ? -EBUSY : -ENOENT;
    else if (at.to->is_folder != is_folder)
        result = is_folder ? -ENOTDIR : -EISDIR;
    else if (at.to->names_now.count > 0)
        result = -ENOTEMPTY;
    else
        vx_sim_names_change(
            disk,
            (change){ .kind = CHANGE_UNLINK, .folder = at.folder, .name = at.name, .to = at.to });
    free(at.name);
    return result;
}

static int disk_remove(void *context, const char *path)
{
    int result = begin(context, VX_SIM_OP_REMOVE);

    return result == 0 ? unlink_it(context, path, false) : result;
}

static int disk_remove_folder(void *context, const char *path)
{
    int result = begin(context, VX_SIM_OP_REMOVE_FOLDER);

    return result == 0 ? unlink_it(context, path, true) : result;
}

static int disk_make_folder(void *context, const char *path, mode_t mode)
{
    vx_sim_disk *disk = context;
    node *made = NULL;
    place at = { 0 };
    int result = begin(disk, VX_SIM_OP_MAKE_FOLDER);

    if (result == 0)
        result = place_find(disk, path, &at);
    if (result != 0)
        return result;
    if (at.name[0] == '\0' || at.to != NULL)
        result = -EEXIST;
    else
        result = link_new(disk, at.folder, at.name, true, mode, &made);
    free(at.name);
    return result;
}

static int disk_list(void *context, const char *path, vx_files_visit visit, void *visitor)
{
    node *folder = NULL;
    int result = begin(context, VX_SIM_OP_LIST);

    if (result == 0)
        result = vx_sim_path_find(context, path, &folder);
    if (result == 0 && !folder->is_folder)
        result = -ENOTDIR;
    for (size_t i = 0; result == 0 && i < folder->names_now.count; i++)
        result = visit(visitor, folder->names_now.at[i].name);
    return result;
}

static int disk_map(void *context, int number, size_t size, const void **ret_at)
{
    handle *h = NULL;
    int result = begin_with(context, VX_SIM_OP_MAP, number, &h);
    ssize_t count = 0;
    void *copy = NULL;

    if (result < 0)
        return result;
    copy = vx_sim_must(calloc(1, size));
    count = read_from(h, copy, size, 0);
    if (count < 0) {
        free(copy);
        return (int)count;
    }
    *ret_at = copy;
    return 0;
}

static void disk_unmap(void *context, const void *at, size_t size)
{
    (void)context;
    (void)size;
    free((void *)(uintptr_t)at);
}

vx_sim_disk *vx_sim_disk_create(uint64_t seed, uint64_t capacity)
{
    vx_sim_disk *disk = vx_sim_must(calloc(1, sizeof(*disk)));

    *disk = (vx_sim_disk){
        .files = { disk_open,          disk_close,  disk_read,     disk_read_at, disk_write,
                   disk_truncate,      disk_sync,   disk_set_mode, disk_lock,    disk_info,
                   disk_info_of,       disk_rename, disk_exchange, disk_remove,  disk_make_folder,
                   disk_remove_folder, disk_list,   disk_map,      disk_unmap,   disk },
        .rng = vx_rng_stream(seed, VX_RNG_TEST, 0, 0),
        .capacity = capacity,
        .next_number = 1,
    };
    disk->root = vx_sim_node_create(disk, true, 0755);
    return disk;
}
