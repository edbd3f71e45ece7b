#include <vx_config/job.h>

#include <inttypes.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>

#include "schema.h"
#include "text.h"

/*
 * The struct is walked along the table, so that the order of keys and the list of keys have one
 * source. A writer turns the events of the walk into text.
 */
typedef enum text_form { FORM_YAML, FORM_JSON, FORM_JSON_INDENTED } text_form;

typedef struct level { /* a section or list that is being printed */
    const vx_key *key;
    const unsigned char *at; /* its struct, or its elements */
    size_t next, count;      /* child; count of a list */
    bool flow;               /* YAML in brackets */
} level;

typedef struct printer {
    text_form form;
    vx_text text;
    level stack[VX_KEY_DEPTH_MAX];
    size_t depth;
} printer;

static uint64_t load_number(const unsigned char *at, size_t size)
{
    uint64_t value = 0;

    VX_ASSERT(size <= sizeof(value));
    memcpy(&value, at, size);
    return value;
}

static void print_enum(vx_text *text, const vx_key *key, uint64_t value)
{
    for (size_t i = 0; i < key->high; i++)
        if ((uint64_t)key->names[i].val == value) {
            vx_config_text_add(text, key->names[i].str, strlen(key->names[i].str));
            return;
        }
    VX_ASSERT(false && "a job holds a value that its enum does not have");
}

static void print_string(vx_text *text, const unsigned char *at)
{
    const char *string = NULL;

    memcpy(&string, at, sizeof(string));
    vx_config_text_quote(text, string != NULL ? string : "");
}

static void print_scalar(printer *p, const vx_key *key, const unsigned char *at)
{
    const char *quote = p->form == FORM_YAML ? "" : "\"";
    double real = 0;
    bool truth = false;

    switch (key->kind) {
    case VX_KEY_NAME:
    case VX_KEY_PATH:
    case VX_KEY_TEXT:
        print_string(&p->text, at);
        break;
    case VX_KEY_COUNT:
        vx_config_text_format(&p->text, "%" PRIu64, load_number(at, key->size));
        break;
    case VX_KEY_REAL:
        memcpy(&real, at, sizeof(real));
        vx_config_text_real(&p->text, real);
        break;
    case VX_KEY_ENUM:
        vx_config_text_add(&p->text, quote, strlen(quote));
        print_enum(&p->text, key, load_number(at, key->size));
        vx_config_text_add(&p->text, quote, strlen(quote));
        break;
    case VX_KEY_BOOL:
        memcpy(&truth, at, sizeof(truth));
        vx_config_text_format(&p->text, "%s", truth ? "true" : "false");
        break;
    case VX_KEY_SECTION:
    case VX_KEY_LIST:
        break;
    }
}

static void new_line(printer *p, size_t indent)
{
    if (p->form == FORM_JSON)
        return;
    vx_config_text_add(&p->text, "\n", 1);
    vx_config_text_repeat(&p->text, ' ', indent);
}

/* What stands before child number `index` of level l: separator, line, dash, key. */
static void print_lead(printer *p, const level *l, size_t index, const char *name)
{
    bool json = p->form != FORM_YAML;
    bool in_list = l->key->kind == VX_KEY_LIST;
    bool after_dash = !json && !in_list && index == 0 && p->depth > 1 &&
                      p->stack[p->depth - 2].key->kind == VX_KEY_LIST;

    if (index > 0 && (json || l->flow))
        vx_config_text_add(&p->text, ",", 1);
    if (l->flow && (index > 0) && p->form != FORM_JSON)
        vx_config_text_add(&p->text, " ", 1);
    if (!l->flow && !after_dash && (json || p->text.size > 0))
        new_line(p, 2 * (json ? p->depth : p->depth - 1));
    if (in_list && !json && !l->flow)
        vx_config_text_add(&p->text, "- ", 2);
    if (!in_list && json)
        vx_config_text_format(&p->text, "\"%s\":%s", name, p->form == FORM_JSON ? "" : " ");
    if (!in_list && !json)
        vx_config_text_format(&p->text, "%s:", name);
}

static void open_level(printer *p, const vx_key *key, const unsigned char *at, size_t count)
{
    bool list = key->kind == VX_KEY_LIST;
    bool flow = list && (count == 0 || key->keys->kind != VX_KEY_SECTION);
    bool bracket = flow || p->form != FORM_YAML;

    VX_ASSERT(p->depth < VX_KEY_DEPTH_MAX);
    if (bracket)
        vx_config_text_add(&p->text, list ? "[" : "{", 1);
    p->stack[p->depth++] = (level){ key, at, 0, count, flow };
}

static void close_level(printer *p)
{
    const level *l = &p->stack[--p->depth];
    bool list = l->key->kind == VX_KEY_LIST;

    if (!l->flow && p->form != FORM_YAML)
        new_line(p, 2 * p->depth);
    if (l->flow || p->form != FORM_YAML)
        vx_config_text_add(&p->text, list ? "]" : "}", 1);
}

/* The child that the walk has reached; a list's elements are told apart by their place. */
static const vx_key *next_child(const level *l, const unsigned char **ret_at)
{
    const vx_key *key = NULL;

    if (l->key->kind == VX_KEY_LIST) {
        *ret_at = l->next < l->count ? l->at + l->next * l->key->size : NULL;
        return l->next < l->count ? l->key->keys : NULL;
    }
    key = &l->key->keys[l->next];
    *ret_at = key->name != NULL ? l->at + key->offset : NULL;
    return key->name != NULL ? key : NULL;
}

static void print_child(printer *p, level *l, const vx_key *key, const unsigned char *at)
{
    const unsigned char *elements = NULL;
    unsigned count = 0;
    bool block = key->kind == VX_KEY_SECTION;

    VX_ASSERT(at != NULL);
    if (key->kind == VX_KEY_LIST) {
        memcpy(&count, l->at + key->count_offset, sizeof(count));
        memcpy(&elements, at, sizeof(elements));
        block = count > 0 && key->keys->kind == VX_KEY_SECTION;
    }
    print_lead(p, l, l->next++, key->name);
    if (p->form == FORM_YAML && l->key->kind == VX_KEY_SECTION && !block)
        vx_config_text_add(&p->text, " ", 1);
    if (key->kind == VX_KEY_SECTION)
        open_level(p, key, at, 0);
    else if (key->kind == VX_KEY_LIST)
        open_level(p, key, elements, count);
    else
        print_scalar(p, key, at);
}

static vx_status print(const vx_job *job, text_form form, vx_bytes *ret_text)
{
    printer p = { .form = form };

    open_level(&p, &vx_config_root, (const unsigned char *)job, 0);
    while (p.depth > 0 && !p.text.failed) {
        const unsigned char *at = NULL;
        level *l = &p.stack[p.depth - 1];
        const vx_key *key = next_child(l, &at);

        if (key == NULL)
            close_level(&p);
        else
            print_child(&p, l, key, at);
    }
    if (form != FORM_JSON)
        vx_config_text_add(&p.text, "\n", 1);
    if (p.text.failed) {
        vx_free(p.text.at);
        return VX_ERR_NOMEM;
    }
    *ret_text = (vx_bytes){ (uint8_t *)p.text.at, p.text.size };
    return VX_OK;
}

vx_status vx_job_print_yaml(const vx_job *job, vx_bytes *ret_text)
{
    return print(job, FORM_YAML, ret_text);
}

vx_status vx_job_print_json(const vx_job *job, bool indented, vx_bytes *ret_text)
{
    return print(job, indented ? FORM_JSON_INDENTED : FORM_JSON, ret_text);
}

vx_job vx_config_deciding(const vx_job *job)
{
    vx_job deciding = *job;

    deciding.workers.ranks = 1;
    return deciding;
}

vx_status vx_job_digest(const vx_job *job, vx_digest *ret_digest)
{
    vx_job deciding = vx_config_deciding(job);
    vx_bytes text = { NULL, 0 };
    vx_status status = print(&deciding, FORM_JSON, &text);

    if (status == VX_OK)
        *ret_digest = vx_digest_of(text.at, text.size);
    vx_free(text.at);
    return status;
}
