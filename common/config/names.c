#include "schema.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>
#include <vx_base/log.h>
#include <vx_config/job.h>

#define COMPARED_MAX 32 /* longest key name that is compared for a suggestion */
#define SHOWN_MAX    40 /* bytes of a key in a message */

typedef struct bounds {
    double low, high;
    bool low_in, high_in;
    const char *text;
} bounds;

static const bounds ranges[VX_RANGE_MAX] = {
    [VX_RANGE_ANY] = { -1.7976931348623157e308, 1.7976931348623157e308, true, true, "a number" },
    [VX_RANGE_POSITIVE] = { 0, 1.7976931348623157e308, false, true, "a number above 0" },
    [VX_RANGE_NOT_NEGATIVE] = { 0, 1.7976931348623157e308, true, true, "a number of at least 0" },
    [VX_RANGE_BELOW_ONE] = { 0, 1, true, false, "a number of at least 0 and below 1" },
    [VX_RANGE_BETWEEN] = { 0, 1, false, false, "a number between 0 and 1" },
    [VX_RANGE_AT_LEAST_ONE] = { 1, 1.7976931348623157e308, true, true, "a number of at least 1" },
    [VX_RANGE_SECONDS] = { 0, 1e9, false, true, "seconds above 0 and at most 1e9" },
    [VX_RANGE_PATIENCE] = { 0, 1e9, true, true, "seconds from 0 to 1e9" },
    [VX_RANGE_CONCENTRATION] = { 0, 1e9, false, true, "a number above 0 and at most 1e9" },
    [VX_RANGE_SOME] = { 0, 1, false, true, "a number above 0 and at most 1" },
    [VX_RANGE_PART] = { 0, 1, true, true, "a number from 0 to 1" },
    [VX_RANGE_SHARE] = { 0, 1e18, false, true, "a number above 0 and at most 1e18" },
    [VX_RANGE_BETA_ALPHA] = { 1, 1e6, true, true, "a number from 1 to 1e6" },
    [VX_RANGE_BETA_BETA] = { 0, 0.999, true, true, "a number from 0 to 0.999" },
    [VX_RANGE_FOCUS] = { 0, 100, true, true, "a number from 0 to 100" },
    [VX_RANGE_EXPONENT] = { 0, 100, false, true, "a number above 0 and at most 100" },
    [VX_RANGE_TEMPERATURE] = { 0.001, 1e6, true, true, "a number from 0.001 to 1e6" },
    [VX_RANGE_VARIANCE] = { 1e-30, 1e30, true, true, "a number from 1e-30 to 1e30" },
    [VX_RANGE_DEVIATION] = { 1e-18, 1e18, true, true, "a number from 1e-18 to 1e18" },
    [VX_RANGE_DISPERSION] = { 1e-6, 1e6, true, true, "a number from 1e-6 to 1e6" },
    [VX_RANGE_PENALTY] = { 0, 1e6, true, true, "a number from 0 to 1e6" },
};

bool vx_config_range_holds(vx_range range, double value)
{
    const bounds *b = &ranges[range];

    VX_ASSERT(range < VX_RANGE_MAX);
    return (b->low_in ? value >= b->low : value > b->low) &&
           (b->high_in ? value <= b->high : value < b->high);
}

static void expected_count(const vx_key *key, char *buffer, size_t size)
{
    if (key->high == UINT64_MAX)
        (void)snprintf(buffer, size, "a whole number");
    else
        (void)snprintf(buffer, size, "a whole number from %llu to %llu",
                       (unsigned long long)key->low, (unsigned long long)key->high);
}

static void expected_text(const vx_key *key, char *buffer, size_t size)
{
    if (key->low == key->high)
        (void)snprintf(buffer, size, "a text of %llu byte%s", (unsigned long long)key->low,
                       key->low == 1 ? "" : "s");
    else
        (void)snprintf(buffer, size, "a text of %llu to %llu bytes", (unsigned long long)key->low,
                       (unsigned long long)key->high);
}

static void expected_enum(const vx_key *key, char *buffer, size_t size)
{
    size_t used = 0;

    buffer[0] = '\0';
    for (size_t i = 0; i < key->high && used < size; i++)
        used +=
            (size_t)snprintf(buffer + used, size - used, "%s%s",
                             i > 0 ? ", " : (key->high > 1 ? "one of " : ""), key->names[i].str);
}

static void expected_list(const vx_key *key, char *buffer, size_t size)
{
    if (key->low > 0)
        (void)snprintf(buffer, size, "a list of %llu to %llu", (unsigned long long)key->low,
                       (unsigned long long)key->high);
    else
        (void)snprintf(buffer, size, "a list of at most %llu", (unsigned long long)key->high);
}

char *vx_config_expected(const vx_key *key, char buffer[VX_EXPECTED_SIZE])
{
    const char *text = NULL;

    switch (key->kind) {
    case VX_KEY_SECTION:
        text = "a mapping";
        break;
    case VX_KEY_NAME:
        text = "1 to 63 of a-z, 0-9 and -";
        break;
    case VX_KEY_PATH:
        text = "the path of a file";
        break;
    case VX_KEY_BOOL:
        text = "true or false";
        break;
    case VX_KEY_REAL:
        text = ranges[key->range].text;
        break;
    case VX_KEY_LIST:
        expected_list(key, buffer, VX_EXPECTED_SIZE);
        return buffer;
    case VX_KEY_TEXT:
        expected_text(key, buffer, VX_EXPECTED_SIZE);
        return buffer;
    case VX_KEY_COUNT:
        expected_count(key, buffer, VX_EXPECTED_SIZE);
        return buffer;
    case VX_KEY_ENUM:
        expected_enum(key, buffer, VX_EXPECTED_SIZE);
        return buffer;
    }
    (void)snprintf(buffer, VX_EXPECTED_SIZE, "%s", text);
    return buffer;
}

/* Levenshtein distance; SIZE_MAX when a name is too long to be a slip of a key. */
static size_t distance(const char *a, const char *b)
{
    size_t row[COMPARED_MAX + 1];
    size_t b_size = strlen(b);

    if (strlen(a) > COMPARED_MAX || b_size > COMPARED_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t swapped = diagonal + (a[i - 1] != b[j - 1]);
            size_t least = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = least < swapped ? least : swapped;
        }
    }
    return row[b_size];
}

typedef struct search {
    const char *name;
    size_t best;
    char *suggestion;
} search;

static void look_at(const char *path, void *context)
{
    search *s = context;
    const char *dot = strrchr(path, '.');
    size_t far = distance(s->name, dot != NULL ? dot + 1 : path);

    if (far < s->best && strstr(path, "[]") == NULL) {
        s->best = far;
        (void)snprintf(s->suggestion, VX_KEY_PATH_MAX, "%s", path);
    }
}

/* The path of the known key nearest to name in section (whose path is given), or of one that is
 * spelled so elsewhere. False: nothing is near. */
static bool suggest(const vx_key *section, const char *path, const char *name,
                    char suggestion[VX_KEY_PATH_MAX])
{
    size_t best = strlen(name) / 3 + 2; /* a slip changes less than this */
    search everywhere = { name, 2, suggestion };
    bool found = false;

    for (const vx_key *key = section->keys; key->name != NULL; key++) {
        size_t far = distance(name, key->name);

        if (far >= best)
            continue;
        best = far;
        found = true;
        (void)snprintf(suggestion, VX_KEY_PATH_MAX, "%.100s%s%.40s", path,
                       path[0] != '\0' ? "." : "", key->name);
    }
    if (found)
        return true;
    vx_job_keys(look_at, &everywhere);
    return everywhere.best < 2;
}

vx_status vx_config_fail_unknown(vx_where where, vx_error *err, const vx_key *section,
                                 const char *name)
{
    char suggestion[VX_KEY_PATH_MAX];
    char quoted[VX_LOG_QUOTE_SIZE];
    bool near = suggest(section, where.key, name, suggestion);

    (void)vx_log_quote(name, quoted);
    return vx_config_fail(where, err, "expected a known key, found %.*s%s%s%s", SHOWN_MAX, quoted,
                          strlen(quoted) > SHOWN_MAX ? "...\"" : "", near ? "; did you mean " : "",
                          near ? suggestion : "");
}

/* The keys of a section are visited in order, a subsection in its place. */
void vx_job_keys(vx_job_key_visit visit, void *context)
{
    struct {
        const vx_key *next;
        size_t path_size;
    } stack[VX_KEY_DEPTH_MAX] = { { vx_config_root.keys, 0 } };
    char path[VX_KEY_PATH_MAX] = "";
    size_t depth = 1;

    while (depth > 0) {
        size_t size = stack[depth - 1].path_size;
        const vx_key *key = stack[depth - 1].next++;
        bool list =
            key->name != NULL && key->kind == VX_KEY_LIST && key->keys->kind == VX_KEY_SECTION;

        if (key->name == NULL) {
            depth--;
            continue;
        }
        (void)snprintf(path + size, sizeof(path) - size, "%s%s%s", size > 0 ? "." : "", key->name,
                       list ? "[]" : "");
        if (key->kind != VX_KEY_SECTION && !list) {
            visit(path, context);
            continue;
        }
        VX_ASSERT(depth < VX_KEY_DEPTH_MAX);
        stack[depth].next = list ? key->keys->keys : key->keys;
        stack[depth++].path_size = strlen(path);
    }
}

/* The name of a value of the enum at section.key; "?" for a value that is none. */
static const char *name_of(const char *section, const char *name, int value)
{
    const vx_key *key = vx_config_key_find(&vx_config_root, section);

    VX_ASSERT(key != NULL);
    if (key->kind == VX_KEY_LIST)
        key = key->keys;
    key = vx_config_key_find(key, name);
    VX_ASSERT(key != NULL);
    if (key->kind == VX_KEY_LIST)
        key = key->keys;
    for (size_t i = 0; i < key->high; i++)
        if (key->names[i].val == value)
            return key->names[i].str;
    return "?";
}

const char *vx_job_rule_name(vx_job_rule rule)
{
    return name_of("aggregation", "rule", (int)rule);
}

const char *vx_job_pre_name(vx_job_pre pre)
{
    return name_of("aggregation", "pre", (int)pre);
}

const char *vx_job_family_name(vx_job_family family)
{
    return name_of("model", "family", (int)family);
}

const char *vx_job_likelihood_name(vx_job_likelihood likelihood)
{
    return name_of("model", "likelihood", (int)likelihood);
}

const char *vx_job_format_name(vx_job_format format)
{
    return name_of("data", "format", (int)format);
}

const char *vx_job_fault_kind_name(vx_job_fault_kind kind)
{
    return name_of("faults", "kind", (int)kind);
}
