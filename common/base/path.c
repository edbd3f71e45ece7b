#include <vx_base/file.h>

#include <string.h>

#include <vx_base/alloc.h>

char *vx_path_join(const char *folder, const char *name)
{
    size_t length = strlen(folder);

    if (name[0] == '/' || length == 0)
        return vx_strdup(name);
    return vx_format("%s%s%s", folder, folder[length - 1] == '/' ? "" : "/", name);
}

/* The length of path without the slashes at its end; "/" keeps one. */
static size_t length_without_slashes(const char *path, size_t length)
{
    while (length > 1 && path[length - 1] == '/')
        length--;
    return length;
}

char *vx_path_folder(const char *path)
{
    size_t length = length_without_slashes(path, strlen(path));

    while (length > 0 && path[length - 1] != '/')
        length--;
    if (length == 0)
        return vx_strdup(".");
    return vx_strndup(path, length_without_slashes(path, length));
}

const char *vx_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}
