#ifndef VX_CONFIG_TREE_H
#define VX_CONFIG_TREE_H
#include <stdbool.h>

#include <yaml.h>

#include <vx_base/span.h>

#include "where.h"

/* A YAML document that knows where each of its nodes came from. Nodes are numbered from 1, parents
 * before children. */
typedef struct vx_tree {
    yaml_document_t document;
    const char *file;             /* borrowed; NULL for the value of one override */
    const char *override;         /* borrowed; the override whose value this is, or NULL */
    const char *const *overrides; /* borrowed; those that were grafted */
    int *ends; /* ends[0]: last node of the file; ends[i + 1]: last node of override i */
    size_t ends_count;
} vx_tree;

/*
 * Parses text, which must hold one document without aliases, anchors and tags. file and overrides
 * are borrowed for the tree's life. VX_ERR_CONFIG, VX_ERR_NOMEM.
 */
VX_MUST_CHECK vx_status vx_config_tree_create(vx_cbytes text, const char *file,
                                              const char *const *overrides, size_t overrides_count,
                                              vx_tree **ret_tree, vx_error *err);
/* The same from the value of an override, "key=value". */
VX_MUST_CHECK vx_status vx_config_tree_create_value(const char *override, const char *value,
                                                    vx_tree **ret_tree, vx_error *err);
vx_tree *vx_config_tree_destroy(vx_tree *tree);

yaml_node_t *vx_config_tree_node(vx_tree *tree, int node); /* until a node is added */
int vx_config_tree_nodes(const vx_tree *tree);             /* the number of the last node */

/* New nodes; 0 when memory is out. A list or section is empty. */
int vx_config_tree_add_scalar(vx_tree *tree, const char *text);
int vx_config_tree_add_section(vx_tree *tree);
int vx_config_tree_add_list(vx_tree *tree);
VX_MUST_CHECK vx_status vx_config_tree_add_pair(vx_tree *tree, int section, const char *key,
                                                int value);

/* The pair of section with this key, or NULL; until a node or pair is added. */
yaml_node_pair_t *vx_config_tree_pair(vx_tree *tree, int section, const char *key);

/* Copies all of value's nodes into tree; the copy of the root is *ret_node. */
VX_MUST_CHECK vx_status vx_config_tree_graft(vx_tree *tree, vx_tree *value, int *ret_node);

/* Closes override number index: nodes added since the last call are its own. */
void vx_config_tree_seal(vx_tree *tree, size_t index);

/* SIZE_MAX: of the file, or a default. *ret_default: nobody wrote it. */
size_t vx_config_tree_override(const vx_tree *tree, int node, bool *ret_default);

/* What to blame for the value at node, whose key (or list item) starts at line. */
vx_where vx_config_tree_where(const vx_tree *tree, int node, size_t line, const char *key);

/* "a list", "nothing", "\"12x\"". Returns buffer. */
#define VX_FOUND_SIZE 80
char *vx_config_found(const yaml_node_t *node, char buffer[VX_FOUND_SIZE]);

/* The document as YAML text; tree is spent but must still be destroyed. */
VX_MUST_CHECK vx_status vx_config_tree_emit(vx_tree *tree, vx_bytes *ret_text);
#endif
