#include "tree.h"

#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/log.h>

#include "text.h"

#define FOUND_TEXT_MAX 50
#define NESTING_MAX    16 /* the schema needs 4; libyaml's time grows with its square */

typedef struct reader { /* the one that scans the text for what is refused */
    yaml_parser_t parser;
    vx_where where;
    vx_cbytes text;
    size_t documents;
    size_t depth;
    vx_error *err;
} reader;

/* libyaml gives no line for bytes that are not UTF-8, only how far it came. */
static size_t line_of_offset(vx_cbytes text, size_t offset)
{
    size_t line = 1;

    for (size_t i = 0; i < offset && i < text.size; i++)
        line += text.at[i] == '\n';
    return line;
}

static vx_status fail_syntax(reader *r)
{
    const yaml_parser_t *parser = &r->parser;

    if (parser->error == YAML_MEMORY_ERROR)
        return VX_ERR_NOMEM;
    r->where.line = parser->error == YAML_READER_ERROR
                        ? line_of_offset(r->text, parser->problem_offset)
                        : parser->problem_mark.line + 1;
    return vx_config_fail(r->where, r->err, "expected YAML: %s%s%s",
                          parser->problem != NULL ? parser->problem : "it cannot be read",
                          parser->context != NULL ? " " : "",
                          parser->context != NULL ? parser->context : "");
}

static const char *refused(const yaml_event_t *event)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;

    if (event->type == YAML_ALIAS_EVENT)
        return "an alias (*)";
    if (event->type == YAML_SCALAR_EVENT) {
        anchor = event->data.scalar.anchor;
        tag = event->data.scalar.tag;
    } else if (event->type == YAML_SEQUENCE_START_EVENT) {
        anchor = event->data.sequence_start.anchor;
        tag = event->data.sequence_start.tag;
    } else if (event->type == YAML_MAPPING_START_EVENT) {
        anchor = event->data.mapping_start.anchor;
        tag = event->data.mapping_start.tag;
    }
    return anchor != NULL ? "an anchor (&)" : tag != NULL ? "a tag (!)" : NULL;
}

static vx_status take_event(reader *r, const yaml_event_t *event)
{
    const char *what = refused(event);

    r->where.line = event->start_mark.line + 1;
    if (what != NULL)
        return vx_config_fail(r->where, r->err, "expected plain YAML, found %s", what);
    if (event->type == YAML_SCALAR_EVENT &&
        strlen((const char *)event->data.scalar.value) != event->data.scalar.length)
        return vx_config_fail(r->where, r->err, "expected text, found a zero byte");
    if (event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT)
        r->depth++;
    if (event->type == YAML_MAPPING_END_EVENT || event->type == YAML_SEQUENCE_END_EVENT)
        r->depth--;
    if (r->depth > NESTING_MAX)
        return vx_config_fail(r->where, r->err, "expected at most %d levels, found more",
                              NESTING_MAX);
    r->documents += event->type == YAML_DOCUMENT_START_EVENT;
    if (r->documents > 1)
        return vx_config_fail(r->where, r->err, "expected one document, found another");
    return VX_OK;
}

/* Reads all events once: an alias would already be resolved in the document. */
static vx_status scan(reader *r)
{
    vx_status status = VX_OK;
    bool ended = false;

    if (!yaml_parser_initialize(&r->parser))
        return VX_ERR_NOMEM;
    yaml_parser_set_input_string(&r->parser, r->text.at, r->text.size);
    while (status == VX_OK && !ended) {
        yaml_event_t event;

        if (!yaml_parser_parse(&r->parser, &event)) {
            status = fail_syntax(r);
            break;
        }
        ended = event.type == YAML_STREAM_END_EVENT;
        status = take_event(r, &event);
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&r->parser);
    return status;
}

static vx_status load(reader *r, yaml_document_t *document)
{
    vx_status status = VX_OK;

    if (!yaml_parser_initialize(&r->parser))
        return VX_ERR_NOMEM;
    yaml_parser_set_input_string(&r->parser, r->text.at, r->text.size);
    if (!yaml_parser_load(&r->parser, document))
        status = fail_syntax(r);
    yaml_parser_delete(&r->parser);
    return status;
}

static vx_status create(reader *r, size_t overrides_count, vx_tree **ret_tree)
{
    vx_status status = scan(r);
    vx_tree *tree = NULL;

    if (status != VX_OK)
        return status;
    tree = vx_calloc(1, sizeof(*tree));
    if (tree == NULL)
        return VX_ERR_NOMEM;
    tree->ends = vx_calloc(overrides_count + 1, sizeof(*tree->ends));
    status = tree->ends != NULL ? load(r, &tree->document) : VX_ERR_NOMEM;
    if (status != VX_OK) {
        vx_config_tree_destroy(tree);
        return status;
    }
    tree->ends[0] = vx_config_tree_nodes(tree);
    tree->ends_count = 1;
    *ret_tree = tree;
    return VX_OK;
}

vx_status vx_config_tree_create(vx_cbytes text, const char *file, const char *const *overrides,
                                size_t overrides_count, vx_tree **ret_tree, vx_error *err)
{
    reader r = { .where = { .file = file, .line = 1, .key = "" }, .text = text, .err = err };
    vx_status status = create(&r, overrides_count, ret_tree);

    if (status != VX_OK)
        return status;
    (*ret_tree)->file = file;
    (*ret_tree)->overrides = overrides;
    return VX_OK;
}

vx_status vx_config_tree_create_value(const char *override, const char *value, vx_tree **ret_tree,
                                      vx_error *err)
{
    reader r = { .where = { .override = override, .key = "" },
                 .text = { (const uint8_t *)value, strlen(value) },
                 .err = err };
    vx_status status = create(&r, 0, ret_tree);

    if (status == VX_OK)
        (*ret_tree)->override = override;
    return status;
}

vx_tree *vx_config_tree_destroy(vx_tree *tree)
{
    if (tree == NULL)
        return NULL;
    yaml_document_delete(&tree->document);
    vx_free(tree->ends);
    vx_free(tree);
    return NULL;
}

yaml_node_t *vx_config_tree_node(vx_tree *tree, int node)
{
    return yaml_document_get_node(&tree->document, node);
}

int vx_config_tree_nodes(const vx_tree *tree)
{
    return (int)(tree->document.nodes.top - tree->document.nodes.start);
}

static int add_scalar(vx_tree *tree, const void *text, size_t size)
{
    return yaml_document_add_scalar(&tree->document, NULL, text, (int)size, YAML_ANY_SCALAR_STYLE);
}

int vx_config_tree_add_scalar(vx_tree *tree, const char *text)
{
    return add_scalar(tree, text, strlen(text));
}

int vx_config_tree_add_section(vx_tree *tree)
{
    return yaml_document_add_mapping(&tree->document, NULL, YAML_ANY_MAPPING_STYLE);
}

int vx_config_tree_add_list(vx_tree *tree)
{
    return yaml_document_add_sequence(&tree->document, NULL, YAML_ANY_SEQUENCE_STYLE);
}

vx_status vx_config_tree_add_pair(vx_tree *tree, int section, const char *key, int value)
{
    int name = value != 0 ? vx_config_tree_add_scalar(tree, key) : 0;

    return name != 0 && yaml_document_append_mapping_pair(&tree->document, section, name, value)
               ? VX_OK
               : VX_ERR_NOMEM;
}

yaml_node_pair_t *vx_config_tree_pair(vx_tree *tree, int section, const char *key)
{
    yaml_node_t *node = vx_config_tree_node(tree, section);

    VX_ASSERT(node != NULL && node->type == YAML_MAPPING_NODE);
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
         pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *name = vx_config_tree_node(tree, pair->key);

        if (name->type == YAML_SCALAR_NODE &&
            strcmp((const char *)name->data.scalar.value, key) == 0)
            return pair;
    }
    return NULL;
}

static int copy_node(vx_tree *tree, const yaml_node_t *node)
{
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return yaml_document_add_scalar(&tree->document, NULL, node->data.scalar.value,
                                        (int)node->data.scalar.length, node->data.scalar.style);
    case YAML_SEQUENCE_NODE:
        return vx_config_tree_add_list(tree);
    case YAML_MAPPING_NODE:
        return vx_config_tree_add_section(tree);
    case YAML_NO_NODE:
        break;
    }
    return 0;
}

static bool copy_children(vx_tree *tree, int base, int number, const yaml_node_t *node)
{
    bool done = true;

    if (node->type == YAML_SEQUENCE_NODE)
        for (const yaml_node_item_t *item = node->data.sequence.items.start;
             item < node->data.sequence.items.top; item++)
            done = done &&
                   yaml_document_append_sequence_item(&tree->document, base + number, base + *item);
    if (node->type == YAML_MAPPING_NODE)
        for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
             pair < node->data.mapping.pairs.top; pair++)
            done = done && yaml_document_append_mapping_pair(&tree->document, base + number,
                                                             base + pair->key, base + pair->value);
    return done;
}

vx_status vx_config_tree_graft(vx_tree *tree, vx_tree *value, int *ret_node)
{
    int base = vx_config_tree_nodes(tree);
    int count = vx_config_tree_nodes(value);

    for (int i = 1; i <= count; i++)
        if (copy_node(tree, vx_config_tree_node(value, i)) == 0)
            return VX_ERR_NOMEM;
    for (int i = 1; i <= count; i++)
        if (!copy_children(tree, base, i, vx_config_tree_node(value, i)))
            return VX_ERR_NOMEM;
    *ret_node = base + 1;
    return VX_OK;
}

void vx_config_tree_seal(vx_tree *tree, size_t index)
{
    VX_ASSERT(index + 1 == tree->ends_count);
    tree->ends[tree->ends_count++] = vx_config_tree_nodes(tree);
}

size_t vx_config_tree_override(const vx_tree *tree, int node, bool *ret_default)
{
    *ret_default = false;
    for (size_t i = 0; i < tree->ends_count; i++)
        if (node <= tree->ends[i])
            return i > 0 ? i - 1 : SIZE_MAX;
    *ret_default = true;
    return SIZE_MAX;
}

vx_where vx_config_tree_where(const vx_tree *tree, int node, size_t line, const char *key)
{
    vx_where where = { .file = tree->file, .line = line, .override = tree->override, .key = key };
    bool is_default = false;
    size_t override = vx_config_tree_override(tree, node, &is_default);

    if (tree->override == NULL && override != SIZE_MAX)
        where.override = tree->overrides[override];
    return where;
}

char *vx_config_found(const yaml_node_t *node, char buffer[VX_FOUND_SIZE])
{
    const char *text = "nothing";
    char quoted[VX_LOG_QUOTE_SIZE];

    if (node != NULL && node->type == YAML_SEQUENCE_NODE)
        text = node->data.sequence.items.top > node->data.sequence.items.start ? "a list"
                                                                               : "an empty list";
    if (node != NULL && node->type == YAML_MAPPING_NODE)
        text = "a mapping";
    if (node != NULL && node->type == YAML_SCALAR_NODE &&
        (node->data.scalar.length > 0 || node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE))
        text = vx_log_quote((const char *)node->data.scalar.value, quoted);
    (void)snprintf(buffer, VX_FOUND_SIZE, "%.*s%s", FOUND_TEXT_MAX, text,
                   strlen(text) > FOUND_TEXT_MAX ? "...\"" : "");
    return buffer;
}

static int on_write(void *context, unsigned char *bytes, size_t size)
{
    vx_text *text = context;

    vx_config_text_add(text, bytes, size);
    return !text->failed;
}

vx_status vx_config_tree_emit(vx_tree *tree, vx_bytes *ret_text)
{
    yaml_emitter_t emitter;
    vx_text text = { 0 };
    bool done = false;

    if (!yaml_emitter_initialize(&emitter))
        return VX_ERR_NOMEM;
    yaml_emitter_set_output(&emitter, on_write, &text);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_emitter_set_width(&emitter, -1);
    if (yaml_emitter_open(&emitter)) {
        done = yaml_emitter_dump(&emitter, &tree->document) && yaml_emitter_close(&emitter);
        memset(&tree->document, 0, sizeof(tree->document)); /* the dump has freed it */
    }
    yaml_emitter_delete(&emitter);
    if (!done || text.failed) {
        vx_free(text.at);
        return VX_ERR_NOMEM;
    }
    *ret_text = (vx_bytes){ (uint8_t *)text.at, text.size };
    return VX_OK;
}
