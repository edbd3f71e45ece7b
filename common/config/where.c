#include "where.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#define SHOWN_MAX 100 /* bytes of a file name or an override in a message */

/* The end of a long name tells more than its begin. */
static void describe(vx_where where, char *place, size_t size)
{
    size_t length = where.file != NULL ? strlen(where.file) : 0;
    const char *file = length > SHOWN_MAX ? where.file + (length - SHOWN_MAX) : where.file;
    const char *cut = length > SHOWN_MAX ? "..." : "";

    if (where.override != NULL)
        (void)snprintf(place, size, "--set %.*s%s", SHOWN_MAX, where.override,
                       strlen(where.override) > SHOWN_MAX ? "..." : "");
    else if (where.line > 0)
        (void)snprintf(place, size, "%s%s:%zu", cut, file, where.line);
    else
        (void)snprintf(place, size, "%s%s", cut, file);
}

vx_status vx_config_fail(vx_where where, vx_error *err, const char *format, ...)
{
    char place[SHOWN_MAX + 32];
    char detail[sizeof(err->message)];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    describe(where, place, sizeof(place));
    return vx_fail(err, VX_ERR_CONFIG, "%s: %s%s%s", place, where.key,
                   where.key[0] != '\0' ? ": " : "", detail);
}

vx_status vx_config_origin_create(const char *file, const char *const *overrides,
                                  size_t overrides_count, vx_job_origin **ret_origin)
{
    vx_status status = VX_ERR_NOMEM;
    vx_job_origin *origin = vx_calloc(1, sizeof(*origin));

    if (origin == NULL)
        goto out;
    origin->file = vx_strdup(file);
    origin->overrides = vx_calloc(overrides_count + 1, sizeof(*origin->overrides));
    if (origin->file == NULL || origin->overrides == NULL)
        goto out;
    origin->overrides_count = overrides_count;
    for (size_t i = 0; i < overrides_count; i++) {
        origin->overrides[i] = vx_strdup(overrides[i]);
        if (origin->overrides[i] == NULL)
            goto out;
    }
    *ret_origin = origin;
    origin = NULL;
    status = VX_OK;
out:
    vx_config_origin_destroy(origin);
    return status;
}

vx_job_origin *vx_config_origin_destroy(vx_job_origin *origin)
{
    if (origin == NULL)
        return NULL;
    for (size_t i = 0; origin->overrides != NULL && i < origin->overrides_count; i++)
        vx_free(origin->overrides[i]);
    for (size_t i = 0; i < origin->marks_count; i++)
        vx_free(origin->marks[i].key);
    vx_free(origin->overrides);
    vx_free(origin->marks);
    vx_free(origin->file);
    vx_free(origin);
    return NULL;
}

vx_status vx_config_origin_add(vx_job_origin *origin, const char *key, size_t line, size_t override)
{
    char *copy = NULL;

    if (origin->marks_count == origin->marks_capacity) {
        size_t capacity = origin->marks_capacity > 0 ? 2 * origin->marks_capacity : 32;
        vx_job_mark *grown = vx_realloc(origin->marks, capacity * sizeof(*grown));

        if (grown == NULL)
            return VX_ERR_NOMEM;
        origin->marks = grown;
        origin->marks_capacity = capacity;
    }
    copy = vx_strdup(key);
    if (copy == NULL)
        return VX_ERR_NOMEM;
    origin->marks[origin->marks_count++] = (vx_job_mark){ copy, line, override };
    return VX_OK;
}

const vx_job_mark *vx_config_origin_find(const vx_job_origin *origin, const char *key)
{
    for (size_t i = 0; origin != NULL && i < origin->marks_count; i++)
        if (strcmp(origin->marks[i].key, key) == 0)
            return &origin->marks[i];
    return NULL;
}

/* "faults[2].kind" -> "faults[2]" -> "faults" -> "" */
static void drop_last(char *key)
{
    size_t end = strlen(key);

    while (end > 0 && key[end - 1] != '.' && key[end - 1] != '[')
        end--;
    key[end > 0 ? end - 1 : 0] = '\0';
}

/* The key itself, or the nearest section around it that the user gave. */
static vx_where locate(const vx_job_origin *origin, const char *key)
{
    vx_where where = { .file = origin != NULL ? origin->file : "job", .key = key };
    const vx_job_mark *mark = NULL;
    char around[256];

    (void)snprintf(around, sizeof(around), "%s", key);
    mark = vx_config_origin_find(origin, around);
    while (mark == NULL && around[0] != '\0') {
        drop_last(around);
        mark = vx_config_origin_find(origin, around);
    }
    if (mark != NULL && origin != NULL && mark->override != SIZE_MAX)
        where.override = origin->overrides[mark->override];
    else if (mark != NULL)
        where.line = mark->line;
    return where;
}

vx_status vx_job_fail(const vx_job *job, const char *key, vx_error *err, const char *format, ...)
{
    char detail[sizeof(err->message)];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(detail, sizeof(detail), format, args);
    va_end(args);
    return vx_config_fail(locate(job->origin, key), err, "%s", detail);
}
