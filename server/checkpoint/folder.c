#include "folder.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>

#define NAME_PREFIX "checkpoint-"
#define ASIDE_MAX   1000

char *vx_checkpoint_path(const char *run_dir, uint64_t rounds)
{
    return vx_format("%s/" NAME_PREFIX "%010" PRIu64, run_dir, rounds);
}

bool vx_checkpoint_name_parse(const char *name, uint64_t *ret_rounds)
{
    char canonical[sizeof(NAME_PREFIX) + 24];
    size_t prefix = sizeof(NAME_PREFIX) - 1;
    unsigned long long rounds = 0;

    if (strncmp(name, NAME_PREFIX, prefix) != 0 || strlen(name) >= sizeof(canonical))
        return false;
    rounds = strtoull(name + prefix, NULL, 10);
    (void)snprintf(canonical, sizeof(canonical), NAME_PREFIX "%010llu", rounds);
    *ret_rounds = rounds;
    return rounds <= VX_ROUNDS_MAX && strcmp(name, canonical) == 0;
}

static int newest_first(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;

    return *a > *b ? -1 : *a < *b;
}

vx_status vx_checkpoint_rounds(const char *run_dir, uint64_t **ret_rounds, size_t *ret_count,
                               vx_error *err)
{
    vx_names names = { 0 };
    uint64_t *rounds = NULL;
    size_t count = 0;
    vx_status status = vx_file_list(run_dir, &names, err);

    if (status != VX_OK)
        return status;
    rounds = vx_calloc(names.count + 1, sizeof(*rounds));
    for (size_t i = 0; rounds != NULL && i < names.count; i++)
        count += vx_checkpoint_name_parse(names.at[i], &rounds[count]);
    vx_names_clear(&names);
    if (rounds == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "%s: no memory for its list", run_dir);
    qsort(rounds, count, sizeof(*rounds), newest_first);
    *ret_rounds = rounds;
    *ret_count = count;
    return VX_OK;
}

vx_status vx_checkpoint_oldest_kept(const char *run_dir, uint64_t rounds, uint64_t keep,
                                    uint64_t *ret_rounds, vx_error *err)
{
    uint64_t *all = NULL;
    size_t count = 0;
    uint64_t seen = 0;
    vx_status status = vx_checkpoint_rounds(run_dir, &all, &count, err);

    VX_ASSERT(keep >= 1);
    if (status != VX_OK)
        return status;
    *ret_rounds = 0;
    for (size_t i = 0; i < count && seen < keep; i++)
        if (all[i] <= rounds && ++seen == keep)
            *ret_rounds = all[i];
    vx_free(all);
    return VX_OK;
}

static vx_status remove_file(const char *folder, const char *name, vx_error *err)
{
    const vx_files *files = vx_files_current();
    char *path = vx_path_join(folder, name);
    int result = path != NULL ? files->remove(files->context, path) : 0;
    vx_status status = VX_OK;

    if (path == NULL)
        status = vx_fail(err, VX_ERR_NOMEM, "%s: no memory to remove it", folder);
    else if (result < 0)
        status = vx_file_fail(err, result, "remove", path);
    vx_free(path);
    return status;
}

/* A folder of plain files, or a file. VX_OK when it is not there. */
static vx_status remove_whole(const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    vx_file_info info = { 0 };
    vx_names names = { 0 };
    vx_status status = VX_OK;
    int result = files->info_of(files->context, path, &info);

    if (result == 0 && !info.is_folder) {
        result = files->remove(files->context, path);
        return result < 0 ? vx_file_fail(err, result, "remove", path) : VX_OK;
    }
    status = vx_file_list(path, &names, err);
    if (status != VX_OK)
        return status == VX_ERR_NOT_FOUND ? VX_OK : status;
    for (size_t i = 0; status == VX_OK && i < names.count; i++)
        status = remove_file(path, names.at[i], err);
    vx_names_clear(&names);
    if (status == VX_OK)
        result = files->remove_folder(files->context, path);
    return result < 0 ? vx_file_fail(err, result, "remove", path) : status;
}

bool vx_checkpoint_is_taken(int result)
{
    return result == -ENOTEMPTY || result == -EEXIST || result == -ENOTDIR || result == -EISDIR;
}

vx_status vx_checkpoint_put_aside(const char *run_dir, const char *path, vx_error *err)
{
    const vx_files *files = vx_files_current();
    int result = -EEXIST;

    for (unsigned n = 0; n < ASIDE_MAX && result < 0; n++) {
        char *temp = vx_format("%s/" VX_CHECKPOINT_TEMP "old-%u", run_dir, n);

        if (temp == NULL)
            return vx_fail(err, VX_ERR_NOMEM, "%s: no memory to remove it", path);
        result = files->rename(files->context, path, temp);
        vx_free(temp);
        if (!vx_checkpoint_is_taken(result))
            break;
    }
    return result < 0 ? vx_file_fail(err, result, "remove", path) : VX_OK;
}

bool vx_checkpoint_stays(uint64_t rounds, uint64_t newer, uint64_t keep, uint64_t keep_every)
{
    return newer < keep || (keep_every > 0 && rounds % keep_every == 0);
}

static bool is_temp(const char *name)
{
    return strncmp(name, VX_CHECKPOINT_TEMP, strlen(VX_CHECKPOINT_TEMP)) == 0;
}

vx_status vx_checkpoint_sweep(const char *run_dir, vx_error *err)
{
    vx_names names = { 0 };
    bool synced = false;
    vx_status status = vx_file_list(run_dir, &names, err);

    for (size_t i = 0; status == VX_OK && i < names.count; i++) {
        char *path = NULL;

        if (!is_temp(names.at[i]))
            continue;
        if (!synced)
            status = vx_file_sync_folder(run_dir, err);
        synced = true;
        if (status != VX_OK)
            break;
        path = vx_path_join(run_dir, names.at[i]);
        status = path != NULL ? remove_whole(path, err)
                              : vx_fail(err, VX_ERR_NOMEM, "%s: no memory to sweep it", run_dir);
        vx_free(path);
    }
    vx_names_clear(&names);
    return status;
}
