#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>

#define NAME_PREFIX "checkpoint-"

char *vx_checkpoint_path(const char *run_dir, uint64_t rounds)
{
    return vx_format("%s/" NAME_PREFIX "%010" PRIu64, run_dir, rounds);
}

/* Only a name that vx_checkpoint_path makes. */
static bool parse_name(const char *name, uint64_t *ret_rounds)
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

static vx_status fail_errno(const char *what, const char *path, vx_error *err)
{
    return vx_fail(err, errno == ENOENT || errno == ENOTDIR ? VX_ERR_NOT_FOUND : VX_ERR_IO,
                   "cannot %s %s: %s", what, path, strerror(errno));
}

static int newest_first(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;

    return *a > *b ? -1 : *a < *b;
}

static vx_status append(uint64_t **rounds, size_t *count, size_t *capacity, uint64_t value)
{
    if (*count == *capacity) {
        size_t larger = *capacity > 0 ? 2 * *capacity : 16;
        uint64_t *grown = vx_realloc(*rounds, larger * sizeof(*grown));

        if (grown == NULL)
            return VX_ERR_NOMEM;
        *rounds = grown;
        *capacity = larger;
    }
    (*rounds)[(*count)++] = value;
    return VX_OK;
}

vx_status vx_checkpoint_list(const char *run_dir, uint64_t **ret_rounds, size_t *ret_count,
                             vx_error *err)
{
    vx_status status = VX_OK;
    uint64_t *rounds = NULL;
    size_t count = 0;
    size_t capacity = 0;
    const struct dirent *item = NULL;
    DIR *folder = opendir(run_dir);

    if (folder == NULL)
        return fail_errno("open folder", run_dir, err);
    errno = 0;
    while (status == VX_OK && (item = readdir(folder)) != NULL) {
        uint64_t value = 0;

        if (parse_name(item->d_name, &value))
            status = append(&rounds, &count, &capacity, value);
        errno = 0;
    }
    if (status != VX_OK)
        status = vx_fail(err, status, "%s: no memory for its list", run_dir);
    else if (errno != 0)
        status = fail_errno("read folder", run_dir, err);
    (void)closedir(folder);
    if (status != VX_OK) {
        vx_free(rounds);
        return status;
    }
    if (count > 0)
        qsort(rounds, count, sizeof(*rounds), newest_first);
    *ret_rounds = rounds;
    *ret_count = count;
    return VX_OK;
}

vx_status vx_checkpoint_remove_folder(const char *path, vx_error *err)
{
    const struct dirent *item = NULL;
    DIR *folder = opendir(path);

    if (folder == NULL)
        return errno == ENOENT ? VX_OK : fail_errno("open folder", path, err);
    while ((item = readdir(folder)) != NULL)
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
            (void)unlinkat(dirfd(folder), item->d_name, 0); /* rmdir tells of what stays */
    (void)closedir(folder);
    return rmdir(path) == 0 ? VX_OK : fail_errno("remove", path, err);
}

vx_status vx_checkpoint_sweep(const char *run_dir, vx_error *err)
{
    vx_status status = VX_OK;
    const struct dirent *item = NULL;
    DIR *folder = opendir(run_dir);

    if (folder == NULL)
        return fail_errno("open folder", run_dir, err);
    while (status == VX_OK && (item = readdir(folder)) != NULL) {
        char *path = NULL;

        if (strncmp(item->d_name, VX_CHECKPOINT_TEMP, strlen(VX_CHECKPOINT_TEMP)) != 0)
            continue;
        path = vx_path_join(run_dir, item->d_name);
        status = path != NULL ? vx_checkpoint_remove_folder(path, err) : VX_ERR_NOMEM;
        vx_free(path);
    }
    (void)closedir(folder);
    return status;
}
