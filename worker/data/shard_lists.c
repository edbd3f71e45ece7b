#include "shard_lists.h"

#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>
#include <vx_base/log.h>

#include "store.h"

#define NUMBER_TEXT   12u               /* bytes of a number and its end of line, at most */
#define REMARKS_BYTES ((size_t)1 << 20) /* of a list besides its numbers */
#define QUOTED_MAX    32u               /* bytes of a line that a message shows */

/* A list that is being read. */
typedef struct list {
    const vx_shard_spec *spec;
    char name[VX_STORE_NAME_SIZE];
    size_t count;     /* observations */
    uint32_t slot;    /* whose list it is */
    uint32_t *owners; /* (count): 1 + slot that has it, 0: none */
    uint32_t *order;  /* where its numbers go, or NULL */
    size_t kept;
} list;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* A line without its end, its remark and blanks around it. */
static vx_cbytes trimmed(const char *at, size_t size)
{
    const char *remark = memchr(at, '#', size);

    if (remark != NULL)
        size = (size_t)(remark - at);
    for (; size > 0 && is_blank(at[0]); size--)
        at++;
    while (size > 0 && is_blank(at[size - 1]))
        size--;
    return (vx_cbytes){ (const uint8_t *)at, size };
}

/* Digits alone, at most 2^32 - 1. */
static bool parse_number(vx_cbytes text, uint64_t *ret_number)
{
    uint64_t number = 0;

    for (size_t i = 0; i < text.size; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        number = 10 * number + (uint64_t)(text.at[i] - '0');
        if (number > UINT32_MAX)
            return false;
    }
    *ret_number = number;
    return text.size > 0;
}

static vx_status refuse_text(const list *l, size_t line, vx_cbytes text, vx_error *err)
{
    char shown[QUOTED_MAX + 1] = { 0 }, quoted[VX_LOG_QUOTE_SIZE];

    memcpy(shown, text.at, text.size < QUOTED_MAX ? text.size : QUOTED_MAX);
    return vx_fail(err, VX_ERR_DATA, "%s:%zu: expected the number of an observation, found %s",
                   l->name, line, vx_log_quote(shown, quoted));
}

static vx_status take_line(list *l, size_t line, vx_cbytes text, vx_error *err)
{
    uint64_t number = 0;

    if (text.size == 0)
        return VX_OK;
    if (!parse_number(text, &number))
        return refuse_text(l, line, text, err);
    if (number >= l->count)
        return vx_fail(err, VX_ERR_DATA, "%s:%zu: observation %llu: expected 0 to %zu", l->name,
                       line, (unsigned long long)number, l->count - 1);
    if (l->owners[number] != 0)
        return vx_fail(err, VX_ERR_DATA,
                       "%s:%zu: observation %llu is in the list of slot %u already; expected "
                       "each at most once over all slots",
                       l->name, line, (unsigned long long)number, l->owners[number] - 1);
    l->owners[number] = l->slot + 1;
    if (l->order != NULL)
        l->order[l->kept++] = (uint32_t)number;
    return VX_OK;
}

static vx_status read_list(list *l, const char *path, vx_error *err)
{
    vx_bytes content = { 0 };
    const char *at = NULL, *end = NULL;
    size_t line = 0;
    vx_status status = vx_file_read(path, NUMBER_TEXT * l->count + REMARKS_BYTES, &content, err);

    if (status != VX_OK)
        return status;
    (void)vx_store_name(path, l->name);
    at = (const char *)content.at;
    end = at + content.size;
    while (status == VX_OK && at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        size_t size = (size_t)((stop != NULL ? stop : end) - at);

        status = take_line(l, ++line, trimmed(at, size), err);
        at += size + 1;
    }
    vx_free(content.at);
    return status;
}

vx_status vx_shard_lists(const vx_shard_spec *spec, size_t count, const uint32_t *wanted,
                         size_t wanted_count, uint32_t *ret_order, uint32_t *owners,
                         size_t *ret_kept, vx_error *err)
{
    size_t found = 0; /* of the wanted */
    vx_status status = VX_OK;

    *ret_kept = 0;
    memset(owners, 0, count * sizeof(owners[0]));
    for (uint32_t i = 0; status == VX_OK && i < spec->slots; i++) {
        list l = { .spec = spec, .count = count, .slot = i, .owners = owners };

        if (found < wanted_count && wanted[found] == i) {
            l.order = ret_order + *ret_kept;
            found++;
        }
        status = read_list(&l, spec->files[i], err);
        *ret_kept += l.kept;
    }
    return status;
}
