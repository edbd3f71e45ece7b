#include "manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/assert.h>
#include <vx_base/limits.h>

#define CRC_TEXT_SIZE 9
#define SELF          "digest" /* of the manifest without this key, compact, keys in order */

#define WORKERS "workers_round"

const char *vx_part_file(vx_part part)
{
    static const char *const names[VX_PARTS] = {
        [VX_PART_PARAMETERS] = "parameters.safetensors",
        [VX_PART_OPTIMISER] = "optimiser.safetensors",
        [VX_PART_WORKERS] = "workers.safetensors",
    };

    VX_ASSERT(part < VX_PARTS);
    return names[part];
}

vx_measure vx_measure_of(vx_cbytes content)
{
    return (vx_measure){ content.size, vx_crc32c(0, content.at, content.size),
                         vx_digest_of(content.at, content.size) };
}

static vx_status digest_of_json(const json_t *json, vx_digest *ret_digest)
{
    size_t flags = JSON_COMPACT | JSON_SORT_KEYS;
    size_t size = json_dumpb(json, NULL, 0, flags);
    char *text = size > 0 ? vx_malloc(size) : NULL;
    bool done = text != NULL && json_dumpb(json, text, size, flags) == size;

    if (done)
        *ret_digest = vx_digest_of(text, size);
    vx_free(text);
    return done ? VX_OK : VX_ERR_NOMEM;
}

static json_t *print_file(const char *name, const vx_measure *measure)
{
    char crc[CRC_TEXT_SIZE];
    char digest[VX_DIGEST_TEXT_SIZE];

    (void)snprintf(crc, sizeof(crc), "%08" PRIx32, measure->crc32c);
    return json_pack("{s:s, s:I, s:s, s:s}", "name", name, "size", (json_int_t)measure->size,
                     "crc32c", crc, "xxh3_128", vx_digest_text(measure->digest, digest));
}

static json_t *print_files(const vx_parts *parts)
{
    json_t *files = json_array();
    int failed = files == NULL;

    for (unsigned i = 0; i < VX_PARTS && failed == 0; i++)
        if (parts->present[i])
            failed = json_array_append_new(files, print_file(vx_part_file(i), &parts->measure[i]));
    if (failed == 0)
        return files;
    json_decref(files);
    return NULL;
}

static json_t *print_workers(const vx_checkpoint *c)
{
    json_t *rounds = json_object();
    int failed = rounds == NULL;

    for (size_t i = 0; i < c->workers_count && failed == 0; i++)
        failed = json_object_set_new(rounds, c->workers[i].name,
                                     json_integer((json_int_t)c->workers_round[i]));
    if (failed == 0)
        return rounds;
    json_decref(rounds);
    return NULL;
}

static json_t *make(const vx_checkpoint *c, const vx_parts *parts)
{
    char config[VX_DIGEST_TEXT_SIZE];
    char theta[VX_DIGEST_TEXT_SIZE];
    json_t *files = print_files(parts);
    json_t *workers = print_workers(c);

    if (files == NULL || workers == NULL) {
        json_decref(files);
        json_decref(workers);
        return NULL;
    }
    return json_pack("{s:i, s:s, s:s, s:I, s:I, s:s, s:s, s:o, s:o}", "format", VX_MANIFEST_FORMAT,
                     "job", c->job, "config", vx_digest_text(c->config, config), "rounds",
                     (json_int_t)c->rounds, "epoch", (json_int_t)c->epoch, "parameters",
                     vx_digest_text(c->parameters_digest, theta), "blas", c->blas, WORKERS, workers,
                     "files", files);
}

static vx_status seal(json_t *json)
{
    vx_digest digest;
    char text[VX_DIGEST_TEXT_SIZE];
    vx_status status = digest_of_json(json, &digest);

    if (status == VX_OK &&
        json_object_set_new(json, SELF, json_string(vx_digest_text(digest, text))) != 0)
        status = VX_ERR_NOMEM;
    return status;
}

static vx_status print_text(const json_t *json, vx_bytes *ret_text)
{
    size_t size = json_dumpb(json, NULL, 0, JSON_INDENT(2));
    uint8_t *text = size > 0 ? vx_malloc(size + 1) : NULL;

    if (text == NULL || json_dumpb(json, (char *)text, size, JSON_INDENT(2)) != size) {
        vx_free(text);
        return VX_ERR_NOMEM;
    }
    text[size] = '\n';
    *ret_text = (vx_bytes){ text, size + 1 };
    return VX_OK;
}

vx_status vx_manifest_print(const vx_checkpoint *checkpoint, const vx_parts *parts,
                            vx_bytes *ret_text, vx_error *err)
{
    json_t *json = make(checkpoint, parts);
    vx_status status = json != NULL ? seal(json) : VX_ERR_NOMEM;

    if (status == VX_OK)
        status = print_text(json, ret_text);
    json_decref(json);
    return status == VX_OK ? VX_OK : vx_fail(err, status, "no memory for " VX_MANIFEST_FILE);
}

static bool take_digest(const json_t *json, const char *key, vx_digest *ret_digest)
{
    const char *text = json_string_value(json_object_get(json, key));

    return text != NULL && vx_hex_decode(text, ret_digest->at, VX_DIGEST_BYTES);
}

static bool take_count(const json_t *json, const char *key, uint64_t most, uint64_t *ret_count)
{
    const json_t *value = json_object_get(json, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > most)
        return false;
    *ret_count = (uint64_t)json_integer_value(value);
    return true;
}

static bool take_measure(const json_t *file, vx_measure *ret_measure)
{
    const char *crc = json_string_value(json_object_get(file, "crc32c"));
    uint8_t bytes[4];

    if (crc == NULL || !vx_hex_decode(crc, bytes, sizeof(bytes)))
        return false;
    ret_measure->crc32c = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
                          (uint32_t)bytes[2] << 8 | (uint32_t)bytes[3];
    return take_count(file, "size", INT64_MAX, &ret_measure->size) &&
           take_digest(file, "xxh3_128", &ret_measure->digest);
}

/* Each name at most once, in the order of the parts, and the parameters among them. */
static bool take_files(const json_t *files, vx_parts *parts)
{
    size_t count = json_array_size(files);
    size_t taken = 0;

    for (unsigned part = 0; part < VX_PARTS && taken < count; part++) {
        const json_t *file = json_array_get(files, taken);
        const char *name = json_string_value(json_object_get(file, "name"));

        if (name == NULL || strcmp(name, vx_part_file(part)) != 0)
            continue;
        if (!take_measure(file, &parts->measure[part]))
            return false;
        parts->present[part] = true;
        taken++;
    }
    return taken == count && parts->present[VX_PART_PARAMETERS];
}

static vx_status take(vx_manifest *m, vx_error *err)
{
    vx_checkpoint *c = &m->checkpoint;
    uint64_t format = 0;
    uint64_t epoch = 0;

    if (!take_count(m->json, "format", INT64_MAX, &format))
        return vx_fail(err, VX_ERR_DATA, "no format");
    if (format != VX_MANIFEST_FORMAT)
        return vx_fail(err, VX_ERR_DATA, "it has format %" PRIu64 ", this program reads format %d",
                       format, VX_MANIFEST_FORMAT);
    c->job = json_string_value(json_object_get(m->json, "job"));
    c->blas = json_string_value(json_object_get(m->json, "blas"));
    if (c->job == NULL || c->blas == NULL || !take_digest(m->json, "config", &c->config) ||
        !take_digest(m->json, "parameters", &c->parameters_digest) ||
        !take_count(m->json, "rounds", VX_ROUNDS_MAX, &c->rounds) ||
        !take_count(m->json, "epoch", UINT32_MAX, &epoch) ||
        !json_is_object(json_object_get(m->json, WORKERS)) ||
        !take_files(json_object_get(m->json, "files"), &m->parts))
        return vx_fail(err, VX_ERR_DATA, "a key is missing or unlike its kind");
    c->epoch = (uint32_t)epoch;
    return VX_OK;
}

vx_status vx_manifest_workers(const vx_manifest *manifest, const vx_tensor *workers, size_t count,
                              uint64_t *ret_rounds, vx_error *err)
{
    const json_t *rounds = json_object_get(manifest->json, WORKERS);

    if (json_object_size(rounds) != count)
        return vx_fail(err, VX_ERR_DATA, "rounds of %zu tensors of workers, there are %zu",
                       json_object_size(rounds), count);
    for (size_t i = 0; i < count; i++)
        if (!take_count(rounds, workers[i].name, VX_ROUNDS_MAX, &ret_rounds[i]))
            return vx_fail(err, VX_ERR_DATA, "no round of %s", workers[i].name);
    return VX_OK;
}

/* The manifest has no checksum beside it, so it carries its own. */
static vx_status check_seal(json_t *json, vx_error *err)
{
    vx_digest written = { { 0 } };
    vx_digest digest = { { 0 } };
    char found[VX_DIGEST_TEXT_SIZE];
    char says[VX_DIGEST_TEXT_SIZE];
    vx_status status = VX_OK;

    if (!take_digest(json, SELF, &written))
        return vx_fail(err, VX_ERR_DATA, "no digest");
    (void)json_object_del(json, SELF);
    status = digest_of_json(json, &digest);
    if (status != VX_OK)
        return vx_fail(err, status, "no memory to check it");
    if (vx_digest_equal(written, digest))
        return VX_OK;
    return vx_fail(err, VX_ERR_DATA, "its digest is %s, it says %s", vx_digest_text(digest, found),
                   vx_digest_text(written, says));
}

vx_status vx_manifest_parse(vx_cbytes text, vx_manifest *ret_manifest, vx_error *err)
{
    vx_manifest m = { 0 };
    vx_status status = VX_OK;
    json_error_t where = { .text = "" }; /* which stays so when memory is out */

    m.json = json_loadb((const char *)text.at, text.size, JSON_REJECT_DUPLICATES, &where);
    if (m.json == NULL)
        return where.text[0] == '\0' ? vx_fail(err, VX_ERR_NOMEM, "no memory to read it")
                                     : vx_fail(err, VX_ERR_DATA, "not JSON at line %d", where.line);
    status = check_seal(m.json, err);
    if (status == VX_OK)
        status = take(&m, err);
    if (status != VX_OK) {
        json_decref(m.json);
        return status;
    }
    *ret_manifest = m;
    return VX_OK;
}
