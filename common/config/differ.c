#include <vx_config/job.h>

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "schema.h"

/*
 * Two jobs in their full form have the same keys in the same order; only lists can be longer or
 * shorter. So the first line that differs names the first key that differs.
 */
typedef struct line {
    size_t level; /* by its indentation; a dash counts as two blanks */
    char key[VX_KEY_PATH_MAX];
    char value[50]; /* or its beginning */
    size_t size;
} line;

static line read_line(const char *text)
{
    line found = { 0 };
    size_t blanks = strspn(text, " -");
    size_t key = strcspn(text + blanks, ":\n");
    const char *value = text + blanks + key;

    value += strspn(value, ": ");
    found.size = strcspn(text, "\n");
    found.level = blanks / 2 < VX_KEY_DEPTH_MAX ? blanks / 2 : VX_KEY_DEPTH_MAX - 1;
    snprintf(found.key, sizeof(found.key), "%.*s", (int)key, text + blanks);
    snprintf(found.value, sizeof(found.value), "%.*s", (int)strcspn(value, "\n"), value);
    return found;
}

static const char *next_line(const char *text)
{
    const char *end = strchr(text, '\n');

    return end != NULL ? end + 1 : text + strlen(text);
}

/* Writes "a.b.c" of the first levels. */
static void join(char keys[VX_KEY_DEPTH_MAX][VX_KEY_PATH_MAX], size_t levels, char *path,
                 size_t size)
{
    size_t used = 0;

    path[0] = '\0';
    for (size_t i = 0; i < levels && used < size; i++)
        if (keys[i][0] != '\0')
            used +=
                (size_t)snprintf(path + used, size - used, "%s%s", used > 0 ? "." : "", keys[i]);
}

/* keys are those of the lines before. */
static void describe(char keys[VX_KEY_DEPTH_MAX][VX_KEY_PATH_MAX], const line *ours,
                     const line *theirs, char text[VX_DIFFERENCE_SIZE])
{
    const line *deeper = ours->level > theirs->level ? ours : theirs;
    bool same_key = strcmp(ours->key, theirs->key) == 0;
    char path[VX_KEY_PATH_MAX];

    /* With other keys a list has ended in one of them, and the other is still inside of it. */
    if (same_key)
        memcpy(keys[ours->level], ours->key, sizeof(ours->key));
    join(keys, same_key ? ours->level + 1 : deeper->level, path, sizeof(path));
    if (!same_key || ours->value[0] == '\0' || theirs->value[0] == '\0')
        snprintf(text, VX_DIFFERENCE_SIZE, "%s differs", path);
    else
        snprintf(text, VX_DIFFERENCE_SIZE, "%s is %s, was %s", path, ours->value, theirs->value);
}

static void compare(const char *ours, const char *theirs, char text[VX_DIFFERENCE_SIZE])
{
    char keys[VX_KEY_DEPTH_MAX][VX_KEY_PATH_MAX] = { { 0 } };

    text[0] = '\0';
    for (; *ours != '\0' || *theirs != '\0'; ours = next_line(ours), theirs = next_line(theirs)) {
        line a = read_line(ours);
        line b = read_line(theirs);

        if (a.size != b.size || memcmp(ours, theirs, a.size) != 0) {
            describe(keys, &a, &b, text);
            return;
        }
        memcpy(keys[a.level], a.key, sizeof(a.key));
        for (size_t i = a.level + 1; i < VX_KEY_DEPTH_MAX; i++)
            keys[i][0] = '\0';
    }
}

vx_status vx_job_difference(const vx_job *job, const vx_job *earlier, char text[VX_DIFFERENCE_SIZE])
{
    vx_job deciding = vx_config_deciding(job);
    vx_job earlier_deciding = vx_config_deciding(earlier);
    vx_bytes ours = { NULL, 0 };
    vx_bytes theirs = { NULL, 0 };
    vx_status status = vx_job_print_yaml(&deciding, &ours);

    if (status == VX_OK)
        status = vx_job_print_yaml(&earlier_deciding, &theirs);
    if (status == VX_OK)
        compare((const char *)ours.at, (const char *)theirs.at, text);
    vx_free(ours.at);
    vx_free(theirs.at);
    return status;
}
