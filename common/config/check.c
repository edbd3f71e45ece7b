#include "check.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>

#include "text.h"

typedef struct frame { /* a section or list that is being walked */
    const vx_key *key;
    int node;
    size_t next; /* child */
    size_t path_size;
    size_t line;
} frame;

typedef struct walk {
    vx_tree *tree;
    vx_job_origin *origin; /* NULL: only check */
    vx_error *err;
    frame stack[VX_KEY_DEPTH_MAX];
    size_t depth;
    char path[VX_KEY_PATH_MAX];
} walk;

static vx_status fail_value(walk *w, const vx_key *key, int node, size_t line)
{
    char expected[VX_EXPECTED_SIZE];
    char found[VX_FOUND_SIZE];

    return vx_config_fail(vx_config_tree_where(w->tree, node, line, w->path), w->err,
                          "expected %s, found %s", vx_config_expected(key, expected),
                          vx_config_found(vx_config_tree_node(w->tree, node), found));
}

static bool is_name(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

    return size > 0 && size < VX_NAME_MAX && text[size] == '\0';
}

/* Digits only: no sign, no leading zero that somebody might take for octal. */
static bool is_count(const char *text, uint64_t low, uint64_t high)
{
    size_t size = strspn(text, "0123456789");
    unsigned long long value = 0;

    if (size == 0 || text[size] != '\0' || (size > 1 && text[0] == '0'))
        return false;
    errno = 0;
    value = strtoull(text, NULL, 10);
    return errno == 0 && value >= low && value <= high;
}

/* Decimal only: strtod would take "nan", "inf" and hexadecimal. */
static bool is_real(const char *text, vx_range range)
{
    char *end = NULL;
    double value = 0;

    if (text[0] == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
        return false;
    errno = 0;
    value = strtod(text, &end);
    return errno == 0 && *end == '\0' && isfinite(value) && vx_config_range_holds(range, value);
}

static bool is_enum(const char *text, const vx_key *key)
{
    for (size_t i = 0; i < key->high; i++)
        if (strcmp(text, key->names[i].str) == 0)
            return true;
    return false;
}

static bool may_be_empty(const vx_key *key)
{
    return key->fallback != NULL && key->fallback[0] == '\0';
}

static bool scalar_fits(const vx_key *key, const yaml_node_t *node)
{
    const char *text = (const char *)node->data.scalar.value;
    bool quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE &&
                  node->data.scalar.style != YAML_ANY_SCALAR_STYLE;

    switch (key->kind) {
    case VX_KEY_NAME:
        return is_name(text);
    case VX_KEY_PATH:
        return (text[0] != '\0' || may_be_empty(key)) && strlen(text) < VX_PATH_MAX;
    case VX_KEY_TEXT:
        return strlen(text) >= key->low && strlen(text) <= key->high &&
               vx_config_text_is_plain(text);
    case VX_KEY_COUNT:
        return !quoted && is_count(text, key->low, key->high);
    case VX_KEY_REAL:
        return !quoted && is_real(text, key->range);
    case VX_KEY_ENUM:
        return is_enum(text, key);
    case VX_KEY_BOOL:
        return !quoted && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0);
    case VX_KEY_SECTION:
    case VX_KEY_LIST:
        break;
    }
    return false;
}

static bool list_fits(const vx_key *key, const yaml_node_t *node)
{
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);

    return count >= key->low && count <= key->high;
}

static vx_status push(walk *w, const vx_key *key, int node, size_t line)
{
    VX_ASSERT(w->depth < VX_KEY_DEPTH_MAX);
    w->stack[w->depth++] = (frame){ key, node, 0, strlen(w->path), line };
    return VX_OK;
}

static int add_default(vx_tree *tree, const vx_key *key)
{
    if (key->kind == VX_KEY_SECTION)
        return vx_config_tree_add_section(tree);
    if (key->kind == VX_KEY_LIST)
        return vx_config_tree_add_list(tree);
    return vx_config_tree_add_scalar(tree, key->fallback);
}

static vx_status fail_missing(walk *w, const vx_key *key, int section, size_t line)
{
    char expected[VX_EXPECTED_SIZE];
    bool is_default = false;

    (void)vx_config_tree_override(w->tree, section, &is_default);
    (void)snprintf(w->path + strlen(w->path), sizeof(w->path) - strlen(w->path), "%s%s",
                   w->path[0] != '\0' ? "." : "", key->name);
    return vx_config_fail(vx_config_tree_where(w->tree, is_default ? 1 : section, line, w->path),
                          w->err, "expected %s, found no such key",
                          vx_config_expected(key, expected));
}

static vx_status add_missing(walk *w, const vx_key *section, int node, size_t line)
{
    for (const vx_key *key = section->keys; key->name != NULL; key++) {
        vx_status status = VX_OK;

        if (vx_config_tree_pair(w->tree, node, key->name) != NULL)
            continue;
        if (key->fallback == NULL)
            return fail_missing(w, key, node, line);
        status = vx_config_tree_add_pair(w->tree, node, key->name, add_default(w->tree, key));
        if (status != VX_OK)
            return status;
    }
    return VX_OK;
}

static vx_status mark(walk *w, int node, size_t line)
{
    bool is_default = false;
    size_t override = vx_config_tree_override(w->tree, node, &is_default);

    return is_default ? VX_OK : vx_config_origin_add(w->origin, w->path, line, override);
}

/* One value; what it holds is walked later. */
static vx_status visit(walk *w, const vx_key *key, int node, size_t line)
{
    const yaml_node_t *value = vx_config_tree_node(w->tree, node);
    vx_status status = VX_OK;

    if (value == NULL)
        return fail_value(w, key, node, line);
    if (w->origin != NULL)
        status = mark(w, node, line);
    if (status != VX_OK)
        return status;
    if (value->type == YAML_SCALAR_NODE)
        return scalar_fits(key, value) ? VX_OK : fail_value(w, key, node, line);
    if (value->type == YAML_SEQUENCE_NODE && key->kind == VX_KEY_LIST && list_fits(key, value))
        return push(w, key, node, line);
    if (value->type != YAML_MAPPING_NODE || key->kind != VX_KEY_SECTION)
        return fail_value(w, key, node, line);
    if (w->origin != NULL)
        status = add_missing(w, key, node, line);
    return status == VX_OK ? push(w, key, node, line) : status;
}

static vx_status fail_unknown(walk *w, const frame *f, const char *name, int node, size_t line)
{
    return vx_config_fail_unknown(vx_config_tree_where(w->tree, node, line, w->path), w->err,
                                  f->key, name);
}

static vx_status step_section(walk *w, frame *f)
{
    const yaml_node_t *section = vx_config_tree_node(w->tree, f->node);
    const yaml_node_pair_t *pair = section->data.mapping.pairs.start + f->next;
    const yaml_node_t *name = NULL;
    const char *text = NULL;
    const vx_key *key = NULL;
    char found[VX_FOUND_SIZE];
    size_t line = 0;

    if (pair == section->data.mapping.pairs.top) {
        w->depth--;
        return VX_OK;
    }
    f->next++;
    name = vx_config_tree_node(w->tree, pair->key);
    line = name->start_mark.line + 1;
    if (name->type != YAML_SCALAR_NODE)
        return vx_config_fail(vx_config_tree_where(w->tree, pair->key, line, w->path), w->err,
                              "expected a key, found %s", vx_config_found(name, found));
    text = (const char *)name->data.scalar.value;
    key = vx_config_key_find(f->key, text);
    if (key == NULL)
        return fail_unknown(w, f, text, pair->key, line);
    (void)snprintf(w->path + f->path_size, sizeof(w->path) - f->path_size, "%s%s",
                   f->path_size > 0 ? "." : "", text);
    if (vx_config_tree_pair(w->tree, f->node, text) != pair)
        return vx_config_fail(vx_config_tree_where(w->tree, pair->key, line, w->path), w->err,
                              "expected this key once, found it again");
    return visit(w, key, pair->value, line);
}

static vx_status step_list(walk *w, frame *f)
{
    const yaml_node_t *list = vx_config_tree_node(w->tree, f->node);
    const yaml_node_item_t *item = list->data.sequence.items.start + f->next;

    if (item == list->data.sequence.items.top) {
        w->depth--;
        return VX_OK;
    }
    (void)snprintf(w->path + f->path_size, sizeof(w->path) - f->path_size, "[%zu]", f->next);
    f->next++;
    return visit(w, f->key->keys, *item, vx_config_tree_node(w->tree, *item)->start_mark.line + 1);
}

static vx_status run(walk *w, const vx_key *key, int node, size_t line, const char *path)
{
    vx_status status = VX_OK;

    (void)snprintf(w->path, sizeof(w->path), "%s", path);
    status = visit(w, key, node, line);
    while (status == VX_OK && w->depth > 0) {
        frame *f = &w->stack[w->depth - 1];

        w->path[f->path_size] = '\0';
        status = f->key->kind == VX_KEY_SECTION ? step_section(w, f) : step_list(w, f);
    }
    return status;
}

vx_status vx_config_check(vx_tree *tree, const vx_key *key, int node, size_t line, const char *path,
                          vx_error *err)
{
    walk w = { .tree = tree, .err = err };

    return run(&w, key, node, line, path);
}

vx_status vx_config_complete(vx_tree *tree, vx_job_origin *origin, vx_error *err)
{
    walk w = { .tree = tree, .origin = origin, .err = err };

    return run(&w, &vx_config_root, 1, 1, "");
}
