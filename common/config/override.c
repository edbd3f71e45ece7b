#include "override.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>

#include "check.h"
#include "schema.h"

/* The way from the root to what an override names. */
typedef struct route {
    vx_tree *tree;
    vx_where where;
    vx_error *err;
    const char *at; /* the rest of the path, up to the '=' */
    const char *end;
    const vx_key *key; /* of the node reached */
    int node;          /* 0: not there yet */
    char path[VX_KEY_PATH_MAX];
} route;

/* Places are by number: pairs and items move when nodes are added. */
typedef struct slot {
    int parent; /* section or list */
    const char *name;
    size_t item;
} slot;

static vx_status fail_path(route *r, const char *expected)
{
    return vx_config_fail(r->where, r->err, "expected %s", expected);
}

static vx_status take_name(route *r, slot *ret_slot)
{
    size_t size = 0;
    size_t path_size = strlen(r->path);
    char name[VX_KEY_PATH_MAX];
    const vx_key *key = NULL;
    yaml_node_pair_t *pair = NULL;

    while (r->at + size < r->end && strchr(".[", r->at[size]) == NULL)
        size++;
    (void)snprintf(name, sizeof(name), "%.*s", (int)(size < sizeof(name) ? size : sizeof(name) - 1),
                   r->at);
    if (r->key->kind != VX_KEY_SECTION)
        return fail_path(r, "no key below this one");
    key = vx_config_key_find(r->key, name);
    if (key == NULL)
        return vx_config_fail_unknown(r->where, r->err, r->key, name);
    r->at += size;
    *ret_slot = (slot){ .parent = r->node, .name = key->name };
    pair = vx_config_tree_pair(r->tree, r->node, key->name);
    r->node = pair != NULL ? pair->value : 0;
    r->key = key;
    (void)snprintf(r->path + path_size, sizeof(r->path) - path_size, "%s%s",
                   path_size > 0 ? "." : "", key->name);
    return VX_OK;
}

static vx_status take_index(route *r, slot *ret_slot)
{
    const yaml_node_t *list = vx_config_tree_node(r->tree, r->node);
    size_t count = (size_t)(list->data.sequence.items.top - list->data.sequence.items.start);
    size_t digits = strspn(r->at + 1, "0123456789");
    size_t path_size = strlen(r->path);
    char number[8];
    size_t item = 0;

    if (digits == 0 || digits >= sizeof(number) || r->at[digits + 1] != ']')
        return fail_path(r, "the number of an element in [ ]");
    (void)snprintf(number, sizeof(number), "%.*s", (int)digits, r->at + 1);
    item = strtoul(number, NULL, 10);
    if (item > count || item >= r->key->high)
        return vx_config_fail(r->where, r->err, "expected an element up to [%zu], found [%s]",
                              count < r->key->high ? count : r->key->high - 1, number);
    r->at += digits + 2;
    *ret_slot = (slot){ .parent = r->node, .item = item };
    r->node = item < count ? list->data.sequence.items.start[item] : 0;
    r->key = r->key->keys;
    (void)snprintf(r->path + path_size, sizeof(r->path) - path_size, "[%zu]", item);
    return VX_OK;
}

/* Puts node where slot says, in the place of what stands there. */
static vx_status put(vx_tree *tree, slot place, int node)
{
    yaml_node_t *parent = vx_config_tree_node(tree, place.parent);
    yaml_node_pair_t *pair = NULL;

    if (place.name == NULL) {
        size_t count =
            (size_t)(parent->data.sequence.items.top - parent->data.sequence.items.start);

        if (place.item < count)
            parent->data.sequence.items.start[place.item] = node;
        else if (!yaml_document_append_sequence_item(&tree->document, place.parent, node))
            return VX_ERR_NOMEM;
        return VX_OK;
    }
    pair = vx_config_tree_pair(tree, place.parent, place.name);
    if (pair == NULL)
        return vx_config_tree_add_pair(tree, place.parent, place.name, node);
    pair->value = node;
    return VX_OK;
}

/* Makes the section or list that the path goes on into, when it is not there. */
static vx_status enter(route *r, slot place)
{
    if (r->node != 0)
        return VX_OK;
    if (r->key->kind == VX_KEY_SECTION)
        r->node = vx_config_tree_add_section(r->tree);
    else if (r->key->kind == VX_KEY_LIST)
        r->node = vx_config_tree_add_list(r->tree);
    else
        return fail_path(r, "no key below this one");
    return r->node != 0 ? put(r->tree, place, r->node) : VX_ERR_NOMEM;
}

static vx_status follow(route *r, slot *ret_slot)
{
    vx_status status = take_name(r, ret_slot);

    while (status == VX_OK && r->at < r->end) {
        bool index = r->at[0] == '[';

        status = enter(r, *ret_slot);
        if (status != VX_OK)
            break;
        if (index != (r->key->kind == VX_KEY_LIST))
            return fail_path(r, index ? "no index: this is not a list" : "an index, like [0]");
        if (!index && (r->at[0] != '.' || r->at + 1 == r->end))
            return fail_path(r, "section.key=value");
        r->at += !index;
        status = index ? take_index(r, ret_slot) : take_name(r, ret_slot);
    }
    return status;
}

static vx_status apply(route *r, const char *value)
{
    vx_tree *parsed = NULL;
    slot place = { 0 };
    int node = 0;
    vx_status status = follow(r, &place);

    if (status != VX_OK)
        goto out;
    status = vx_config_tree_create_value(r->where.override, value, &parsed, r->err);
    if (status != VX_OK)
        goto out;
    status = vx_config_check(parsed, r->key, 1, 0, r->path, r->err);
    if (status != VX_OK)
        goto out;
    status = vx_config_tree_graft(r->tree, parsed, &node);
    if (status != VX_OK)
        goto out;
    status = put(r->tree, place, node);
out:
    vx_config_tree_destroy(parsed);
    return status;
}

vx_status vx_config_override(vx_tree *tree, size_t index, vx_error *err)
{
    const char *text = tree->overrides[index];
    const char *equals = strchr(text, '=');
    route r = { .tree = tree,
                .where = { .override = text, .key = "" },
                .err = err,
                .at = text,
                .end = equals,
                .key = &vx_config_root,
                .node = 1 };
    vx_status status = VX_OK;

    r.where.key = r.path;
    if (equals == NULL || equals == text)
        return fail_path(&r, "section.key=value");
    status = apply(&r, equals + 1);
    if (status == VX_OK)
        vx_config_tree_seal(tree, index);
    return status;
}
