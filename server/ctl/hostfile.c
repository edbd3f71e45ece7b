#include "hostfile.h"

#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#define SLOTS_MAX 1000000
#define BLANKS    " \t\r"
#define FORM      "expected 'HOST [slots=N] [max_slots=N]'"
#define SHOWN     80 /* bytes of a wrong line in a message */

typedef struct reader {
    const char *name;
    unsigned line;
    const char *whole; /* the line, for messages */
    vx_ctl_hostfile *hosts;
    vx_error *err;
} reader;

static vx_status fail_line(const reader *in)
{
    return vx_fail(in->err, VX_ERR_CONFIG, "%s:%u: " FORM ", found '%.*s'", in->name, in->line,
                   SHOWN, in->whole);
}

static bool is_any_of(const char *word, size_t length, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strlen(*list) == length && strncmp(word, *list, length) == 0)
            return true;
    return false;
}

static vx_status read_slots(const reader *in, const char *text, size_t length, bool *counted)
{
    char *end = NULL;
    unsigned long slots = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || end != text + length || slots == 0 || slots > SLOTS_MAX)
        return vx_fail(in->err, VX_ERR_CONFIG,
                       "%s:%u: slots: expected a number from 1 to %d, found '%.*s'", in->name,
                       in->line, SLOTS_MAX, (int)(length < SHOWN ? length : SHOWN), text);
    in->hosts->slots += slots;
    *counted = true;
    return VX_OK;
}

/* The words "key = value" behind a host's name. */
static vx_status read_values(const reader *in, const char *at)
{
    static const char *const counts[] = { "slots", "count", "cpu", "cpus", NULL };
    static const char *const others[] = { "max_slots", "max-slots", "slots_max", "slots-max",
                                          "max_cpus",  "max-cpus",  "cpus_max",  "cpus-max",
                                          "username",  "user_name", "user-name", "port",
                                          NULL };
    bool counted = false;
    vx_status status = VX_OK;

    for (at += strspn(at, BLANKS); *at != '\0' && status == VX_OK; at += strspn(at, BLANKS)) {
        const char *key = at;
        size_t key_length = strcspn(at, BLANKS "="), length = 0;

        at += key_length;
        at += strspn(at, BLANKS);
        if (*at != '=')
            return fail_line(in);
        at += 1 + strspn(at + 1, BLANKS);
        length = strcspn(at, BLANKS);
        if (length == 0)
            return fail_line(in);
        if (is_any_of(key, key_length, counts))
            status = read_slots(in, at, length, &counted);
        else if (!is_any_of(key, key_length, others))
            return fail_line(in);
        at += length;
    }
    in->hosts->counted = in->hosts->counted && counted;
    return status;
}

static bool is_name(const char *word, size_t length)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-.@%:";

    return length > 0 && length < VX_CTL_HOST_SIZE && strspn(word, plain) >= length &&
           word[0] != '-' && word[0] != '@' && word[length - 1] != '@';
}

/* "node7:4" is how MPICH writes slots; an IPv6 address has more than one colon. */
static bool is_of_mpich(const char *word, size_t length)
{
    const char *colon = memchr(word, ':', length);

    return colon != NULL && memchr(colon + 1, ':', length - (size_t)(colon + 1 - word)) == NULL;
}

static vx_status add_host(const reader *in, const char *word, size_t length)
{
    vx_ctl_hostfile *hosts = in->hosts;

    for (size_t i = 0; i < hosts->count; i++)
        if (strlen(hosts->at[i].name) == length && strncmp(hosts->at[i].name, word, length) == 0)
            return VX_OK;
    if (hosts->count == VX_CTL_HOSTS_MAX)
        return vx_fail(in->err, VX_ERR_LIMIT, "%s:%u: more than %d hosts", in->name, in->line,
                       VX_CTL_HOSTS_MAX);
    memcpy(hosts->at[hosts->count].name, word, length);
    hosts->at[hosts->count].name[length] = '\0';
    hosts->at[hosts->count++].line = in->line;
    return VX_OK;
}

static vx_status read_line(const reader *in)
{
    const char *word = in->whole + strspn(in->whole, BLANKS);
    size_t length = strcspn(word, BLANKS);
    vx_status status = VX_OK;

    if (length == 0)
        return VX_OK;
    if (!is_name(word, length))
        return fail_line(in);
    if (is_of_mpich(word, length))
        return vx_fail(in->err, VX_ERR_CONFIG,
                       "%s:%u: '%.*s': HOST:N is the form of MPICH; for mpirun of Open MPI write "
                       "'HOST slots=N'",
                       in->name, in->line, (int)(length < SHOWN ? length : SHOWN), word);
    status = add_host(in, word, length);
    return status == VX_OK ? read_values(in, word + length) : status;
}

static vx_status read_lines(reader *in, char *text)
{
    vx_status status = VX_OK;

    for (char *next = text; next != NULL && status == VX_OK;) {
        char *line = next;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        line[strcspn(line, "#")] = '\0';
        in->line++;
        in->whole = line;
        status = read_line(in);
    }
    if (status == VX_OK && in->hosts->count == 0)
        return vx_fail(in->err, VX_ERR_CONFIG, "%s: there is no host in it; " FORM " a line",
                       in->name);
    return status;
}

vx_status vx_ctl_hostfile_parse(vx_cbytes text, const char *name, vx_ctl_hostfile *ret_hosts,
                                vx_error *err)
{
    vx_ctl_hostfile hosts = { .counted = true };
    reader in = { .name = name, .hosts = &hosts, .err = err };
    char *copy = NULL;
    vx_status status = VX_OK;

    if (text.size > VX_CTL_HOSTFILE_BYTES)
        return vx_fail(err, VX_ERR_LIMIT, "%s: more than %u bytes", name, VX_CTL_HOSTFILE_BYTES);
    if (text.size > 0 && memchr(text.at, '\0', text.size) != NULL)
        return vx_fail(err, VX_ERR_CONFIG, "%s: this is no text", name);
    copy = vx_malloc(text.size + 1);
    hosts.at = vx_calloc(VX_CTL_HOSTS_MAX, sizeof(*hosts.at));
    if (copy == NULL || hosts.at == NULL) {
        status = vx_fail(err, VX_ERR_NOMEM, "no memory for a host file");
        goto out;
    }
    if (text.size > 0)
        memcpy(copy, text.at, text.size);
    copy[text.size] = '\0';
    status = read_lines(&in, copy);
out:
    vx_free(copy);
    if (status == VX_OK)
        *ret_hosts = hosts;
    else
        vx_ctl_hostfile_clear(&hosts);
    return status;
}

vx_status vx_ctl_hostfile_load(const char *path, vx_ctl_hostfile *ret_hosts, vx_error *err)
{
    vx_bytes text = { NULL, 0 };
    vx_status status = vx_file_read(path, VX_CTL_HOSTFILE_BYTES, &text, err);

    if (status == VX_OK)
        status = vx_ctl_hostfile_parse((vx_cbytes){ text.at, text.size }, path, ret_hosts, err);
    vx_free(text.at);
    return status;
}

void vx_ctl_hostfile_clear(vx_ctl_hostfile *hosts)
{
    vx_free(hosts->at);
    *hosts = (vx_ctl_hostfile){ 0 };
}

const char *vx_ctl_host_bare(const vx_ctl_host *host)
{
    const char *at = strchr(host->name, '@');

    return at != NULL ? at + 1 : host->name;
}
