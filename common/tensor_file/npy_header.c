#include <vx_tensor_file/npy.h>

#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/bytes.h>
#include <vx_base/log.h>

#define MAGIC       "\x93NUMPY"
#define MAGIC_SIZE  (sizeof(MAGIC) - 1)
#define HEADER_MAX  65536u            /* bytes of the text */
#define SHORT_START 10u               /* where the text begins: a length of 2 bytes, version 1 */
#define LONG_START  VX_NPY_FILE_LEAST /* of 4 bytes */

/* The text of the header, a Python dictionary of three keys, as far as it is read. */
typedef struct text {
    const char *at, *end;
} text;

/* What is read, and of what. */
typedef struct reader {
    const char *name; /* of the file, for messages */
    vx_npy_kinds kinds;
    vx_npy_header header;
} reader;

static vx_status broken(const reader *r, vx_error *err, const char *what)
{
    return vx_fail(err, VX_ERR_DATA, "%s: the NPY header: %s", r->name, what);
}

static void skip_spaces(text *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t'))
        t->at++;
}

static bool take(text *t, const char *word)
{
    size_t length = strlen(word);

    skip_spaces(t);
    if ((size_t)(t->end - t->at) < length || memcmp(t->at, word, length) != 0)
        return false;
    t->at += length;
    return true;
}

/* 'word' or "word", at most size - 1 bytes. */
static bool take_quoted(text *t, char *ret_word, size_t size)
{
    char quote = '\0';
    size_t length = 0;

    skip_spaces(t);
    if (t->at == t->end || (*t->at != '\'' && *t->at != '"'))
        return false;
    quote = *t->at++;
    while (t->at < t->end && *t->at != quote && length + 1 < size)
        ret_word[length++] = *t->at++;
    ret_word[length] = '\0';
    return t->at < t->end && *t->at++ == quote;
}

static bool take_number(text *t, size_t *ret_number)
{
    size_t number = 0;
    bool any = false;

    skip_spaces(t);
    for (; t->at < t->end && *t->at >= '0' && *t->at <= '9'; t->at++, any = true)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (size_t)(*t->at - '0'), &number))
            return false;
    (void)take(t, "L"); /* Python 2 */
    *ret_number = number;
    return any;
}

static vx_status fail_kind(const reader *r, const char *kind, vx_error *err)
{
    char quoted[VX_LOG_QUOTE_SIZE];

    return vx_fail(err, VX_ERR_DATA,
                   "%s: expected numbers of kind %s, found %s%s; numpy.astype changes it", r->name,
                   r->kinds == VX_NPY_REALS
                       ? "'<f4' or '<f8'"
                       : "'|u1', '<i4', '<i8', '<f4', '<f8' or another integer",
                   vx_log_quote(kind, quoted), kind[0] == '>' ? " (big-endian)" : "");
}

static vx_status take_descr(reader *r, text *t, vx_error *err)
{
    static const char *const kinds[] = { "<f4", "<f8", "|u1", "|i1", "<u2",
                                         "<i2", "<u4", "<i4", "<u8", "<i8" };
    size_t count = r->kinds == VX_NPY_REALS ? 2 : sizeof(kinds) / sizeof(kinds[0]);
    char kind[16] = { 0 };

    if (!take_quoted(t, kind, sizeof(kind)))
        return broken(r, err, "the kind of the numbers (descr) cannot be read");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(kinds[i], kind) != 0)
            continue;
        r->header.kind = kind[1];
        r->header.width = (size_t)(kind[2] - '0');
        return VX_OK;
    }
    return fail_kind(r, kind, err);
}

static vx_status take_order(reader *r, text *t, vx_error *err)
{
    if (take(t, "False"))
        return VX_OK;
    if (take(t, "True"))
        return broken(r, err,
                      "expected C order, found Fortran order; numpy.ascontiguousarray "
                      "changes it");
    return broken(r, err, "fortran_order is neither True nor False");
}

static vx_status take_shape(reader *r, text *t, vx_error *err)
{
    vx_npy_header *h = &r->header;

    h->rank = 0;
    if (!take(t, "("))
        return broken(r, err, "the shape cannot be read");
    while (!take(t, ")")) {
        if (h->rank == VX_TENSOR_RANK_MAX)
            return vx_fail(err, VX_ERR_DATA, "%s: expected at most %d dimensions", r->name,
                           VX_TENSOR_RANK_MAX);
        if (!take_number(t, &h->shape[h->rank++]) ||
            (!take(t, ",") && (t->at == t->end || *t->at != ')')))
            return broken(r, err, "the shape cannot be read");
    }
    return VX_OK;
}

static vx_status take_key(reader *r, text *t, unsigned *seen, vx_error *err)
{
    static const struct {
        const char *name;
        vx_status (*take)(reader *r, text *t, vx_error *err);
    } keys[] = { { "descr", take_descr },
                 { "fortran_order", take_order },
                 { "shape", take_shape } };
    char name[16], quoted[VX_LOG_QUOTE_SIZE];

    if (!take_quoted(t, name, sizeof(name)) || !take(t, ":"))
        return broken(r, err, "it cannot be read");
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(keys[i].name, name) != 0)
            continue;
        if ((*seen & 1u << i) != 0)
            break;
        *seen |= 1u << i;
        return keys[i].take(r, t, err);
    }
    return vx_fail(err, VX_ERR_DATA, "%s: the NPY header: unexpected key %s", r->name,
                   vx_log_quote(name, quoted));
}

static vx_status read_text(reader *r, text t, vx_error *err)
{
    unsigned seen = 0;
    vx_status status = VX_OK;

    if (!take(&t, "{"))
        return broken(r, err, "it cannot be read");
    while (status == VX_OK && !take(&t, "}")) {
        status = take_key(r, &t, &seen, err);
        if (status == VX_OK && !take(&t, ",") && (t.at == t.end || *t.at != '}'))
            return broken(r, err, "it cannot be read");
    }
    if (status != VX_OK)
        return status;
    if (seen != 7)
        return broken(r, err, "it lacks descr, fortran_order or shape");
    skip_spaces(&t);
    return t.at == t.end ? VX_OK : broken(r, err, "something follows it");
}

static vx_status check_size(reader *r, size_t size, vx_error *err)
{
    vx_npy_header *h = &r->header;
    size_t bytes = h->width, found = size - h->start;

    VX_ASSERT(bytes > 0); /* all keys were read */
    for (size_t i = 0; i < h->rank; i++)
        if (__builtin_mul_overflow(bytes, h->shape[i], &bytes) || bytes > INT64_MAX)
            return broken(r, err, "the shape is too large");
    if (bytes != found)
        return vx_fail(err, VX_ERR_DATA,
                       "%s: its shape needs %zu bytes of values at offset %zu, there are %zu%s",
                       r->name, bytes, h->start, found, found < bytes ? " (truncated)" : "");
    if (h->kind == 'f' && h->start % h->width != 0)
        return broken(r, err, "the values behind it are not aligned");
    h->numbers = bytes / h->width;
    return VX_OK;
}

vx_status vx_npy_header_read(const char *name, vx_cbytes file, vx_npy_kinds kinds,
                             vx_npy_header *ret_header, vx_error *err)
{
    reader r = { .name = name, .kinds = kinds };
    const uint8_t *at = file.at;
    size_t start = 0, length = 0;
    vx_status status = VX_OK;

    VX_ASSERT(file.size >= VX_NPY_FILE_LEAST);
    if (memcmp(at, MAGIC, MAGIC_SIZE) != 0)
        return vx_fail(err, VX_ERR_DATA, "%s: offset 0: this is no NPY file; numpy.save writes one",
                       name);
    if (at[MAGIC_SIZE] < 1 || at[MAGIC_SIZE] > 3)
        return vx_fail(err, VX_ERR_DATA, "%s: expected version 1 to 3 of the format, found %u",
                       name, at[MAGIC_SIZE]);
    start = at[MAGIC_SIZE] == 1 ? SHORT_START : LONG_START;
    length =
        at[MAGIC_SIZE] == 1 ? vx_load_u16(at + MAGIC_SIZE + 2) : vx_load_u32(at + MAGIC_SIZE + 2);
    if (length > HEADER_MAX || length > file.size - start)
        return broken(&r, err, "it is longer than the file (truncated) or than 64 KiB");
    r.header.start = start + length;
    status =
        read_text(&r, (text){ (const char *)at + start, (const char *)at + start + length }, err);
    if (status == VX_OK)
        status = check_size(&r, file.size, err);
    if (status == VX_OK)
        *ret_header = r.header;
    return status;
}
