/*
 * The manifest of a checkpoint. A first byte that is odd mends its digest first, without which
 * nothing would get past it.
 */
#include "fuzz.h"

#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include <vx_base/assert.h>
#include <vx_base/limits.h>

static void check_manifest(const vx_manifest *manifest)
{
    const vx_checkpoint *checkpoint = &manifest->checkpoint;

    VX_ASSERT(checkpoint->rounds <= VX_ROUNDS_MAX);
    VX_ASSERT(strlen(checkpoint->job) <= VX_MANIFEST_MAX);
    VX_ASSERT(strlen(checkpoint->blas) <= VX_MANIFEST_MAX);
    VX_ASSERT(manifest->parts.present[VX_PART_PARAMETERS]);
    for (int part = 0; part < VX_PARTS; part++)
        VX_ASSERT(!manifest->parts.present[part] ||
                  manifest->parts.measure[part].size <= INT64_MAX);
}

static void check_text(vx_cbytes text)
{
    vx_manifest manifest;
    vx_error err = { 0 };
    vx_status status = vx_manifest_parse(text, &manifest, &err);

    if (status == VX_OK) {
        check_manifest(&manifest);
        json_decref(manifest.json);
        return;
    }
    VX_ASSERT(status == VX_ERR_DATA);
    VX_ASSERT(err.code == status && err.message[0] != '\0');
}

/* The same with the digest that fits, in memory of the C library; NULL when it is no object. */
static char *mend(const uint8_t *at, size_t size)
{
    json_t *json = json_loadb((const char *)at, size, JSON_REJECT_DUPLICATES, NULL);
    char digest[VX_DIGEST_TEXT_SIZE];
    char *text = NULL;

    if (json_is_object(json)) {
        (void)json_object_del(json, "digest");
        text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
        VX_ASSERT(text != NULL);
        vx_digest_text(vx_digest_of(text, strlen(text)), digest);
        free(text);
        (void)json_object_set_new(json, "digest", json_string(digest));
        text = json_dumps(json, 0);
        VX_ASSERT(text != NULL);
    }
    json_decref(json);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *at, size_t size)
{
    char *text = NULL;

    if (size < 1)
        return 0;
    if (at[0] % 2 == 1)
        text = mend(at + 1, size - 1);
    if (text != NULL)
        check_text((vx_cbytes){ (const uint8_t *)text, strlen(text) });
    else
        check_text((vx_cbytes){ at + 1, size - 1 });
    free(text);
    return 0;
}
