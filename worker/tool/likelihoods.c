#include <stdio.h>

#include <vx_likelihood/catalogue.h>

#include "tool_private.h"

static const char *const kinds[] = {
    [VX_CATALOGUE_FAMILY] = "model.family",
    [VX_CATALOGUE_LIKELIHOOD] = "model.likelihood",
    [VX_CATALOGUE_LOSS] = "model.loss.kind",
};

static vx_status print_json(vx_error *err)
{
    json_t *list = json_array();

    for (size_t i = 0; i < vx_catalogue_count(); i++) {
        const vx_catalogue_row *row = vx_catalogue_at(i);

        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "key",
                                                    kinds[row->kind], "name", row->name, "what",
                                                    row->what, "keys", row->keys, "formula",
                                                    row->formula, "source", row->source));
    }
    return vx_tool_print_json(json_pack("{s:i, s:o}", "format", 1, "rows", list), err);
}

vx_status vx_tool_likelihoods(const vx_tool_options *options, vx_error *err)
{
    if (options->json)
        return print_json(err);
    for (size_t i = 0; i < vx_catalogue_count(); i++) {
        const vx_catalogue_row *row = vx_catalogue_at(i);

        if (i == 0 || vx_catalogue_at(i - 1)->kind != row->kind)
            (void)printf("%s%s\n", i > 0 ? "\n" : "", kinds[row->kind]);
        (void)printf("  %-18s %s\n", row->name, row->what);
        (void)printf("  %-18s %s%s%s%s\n", "", row->formula, row->source[0] != '\0' ? "  (" : "",
                     row->source, row->source[0] != '\0' ? ")" : "");
        if (row->keys[0] != '\0')
            (void)printf("  %-18s keys: %s\n", "", row->keys);
    }
    return VX_OK;
}
