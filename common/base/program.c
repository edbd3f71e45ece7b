#include <vx_base/program.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/limits.h>

static char *find_in(const char *folder, const char *name)
{
    char *path = vx_path_join(folder[0] != '\0' ? folder : ".", name);

    if (path != NULL && access(path, X_OK) == 0)
        return path;
    vx_free(path);
    return NULL;
}

char *vx_program_beside(const char *name)
{
    char own[VX_PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    char *folder = NULL, *path = NULL;

    if (length <= 0)
        return NULL;
    own[length] = '\0';
    folder = vx_path_folder(own);
    path = folder != NULL ? find_in(folder, name) : NULL;
    vx_free(folder);
    return path;
}

char *vx_program_in_path(const char *name)
{
    const char *list = getenv("PATH");
    char *path = NULL;

    while (path == NULL && list != NULL) {
        const char *end = strchrnul(list, ':');
        char *folder = vx_strndup(list, (size_t)(end - list));

        path = folder != NULL ? find_in(folder, name) : NULL;
        vx_free(folder);
        list = *end == ':' ? end + 1 : NULL;
    }
    return path;
}

char *vx_program_or_name(const char *name)
{
    char *path = vx_program_beside(name);

    return path != NULL ? path : vx_strdup(name);
}
