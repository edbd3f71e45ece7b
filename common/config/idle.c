#include "idle.h"

#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>

#include "schema.h"

/* Where the value of a key stands, and its row of the table. */
typedef struct place {
    const vx_key *key;
    const unsigned char *section; /* the struct that holds it */
} place;

static place find(const vx_job *job, const char *path)
{
    place p = { &vx_config_root, (const unsigned char *)job };

    for (size_t size = 0; path[0] != '\0'; path += size + (path[size] == '.')) {
        char name[VX_KEY_PATH_MAX] = { 0 };

        size = strcspn(path, ".");
        VX_ASSERT(size < sizeof(name));
        memcpy(name, path, size);
        if (p.key != &vx_config_root)
            p.section += p.key->offset;
        p.key = vx_config_key_find(p.key, name);
        VX_ASSERT(p.key != NULL);
    }
    return p;
}

static bool enum_is(const vx_key *key, const unsigned char *at)
{
    uint64_t value = 0;

    memcpy(&value, at, key->size);
    for (size_t i = 0; i < key->high; i++)
        if ((uint64_t)key->names[i].val == value)
            return strcmp(key->names[i].str, key->fallback) == 0;
    return false;
}

static bool text_is(const vx_key *key, const unsigned char *at)
{
    const char *text = NULL;

    memcpy(&text, at, sizeof(text));
    return strcmp(text, key->fallback) == 0;
}

static bool real_is(const vx_key *key, const unsigned char *at)
{
    double value = 0;
    double fallback = strtod(key->fallback, NULL);

    memcpy(&value, at, sizeof(value));
    return value >= fallback && value <= fallback;
}

bool vx_config_is_default(const vx_job *job, const char *path)
{
    place p = find(job, path);
    const unsigned char *at = p.section + p.key->offset;
    uint64_t count = 0;
    unsigned elements = 0;
    bool truth = false;

    switch (p.key->kind) {
    case VX_KEY_NAME:
    case VX_KEY_PATH:
    case VX_KEY_TEXT:
        return text_is(p.key, at);
    case VX_KEY_COUNT:
        memcpy(&count, at, sizeof(count));
        return count == strtoull(p.key->fallback, NULL, 10);
    case VX_KEY_REAL:
        return real_is(p.key, at);
    case VX_KEY_ENUM:
        return enum_is(p.key, at);
    case VX_KEY_BOOL:
        memcpy(&truth, at, sizeof(truth));
        return truth == (strcmp(p.key->fallback, "true") == 0);
    case VX_KEY_LIST:
        memcpy(&elements, p.section + p.key->count_offset, sizeof(elements));
        return elements == 0;
    case VX_KEY_SECTION:
        break;
    }
    VX_ASSERT(false && "a section has no default of its own");
    return false;
}

vx_status vx_config_refuse_idle(const vx_job *job, const vx_idle_key *keys, size_t count,
                                const char *found, vx_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (!keys[i].applies && !vx_config_is_default(job, keys[i].key))
            return vx_job_fail(job, keys[i].key, err, "expected %s beside it, found %s",
                               keys[i].beside, found);
    return VX_OK;
}
