#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vx_base/alloc.h>

#include "tool_private.h"

static const struct {
    const char *name;
    vx_status (*run)(const vx_tool_options *options, vx_error *err);
} tools[] = {
    { "gradient", vx_tool_gradient },   { "evaluate", vx_tool_evaluate },
    { "gradcheck", vx_tool_gradcheck }, { "likelihoods", vx_tool_likelihoods },
    { "model", vx_tool_model },         { "reference", vx_tool_reference },
};

#define TOOLS_COUNT (sizeof(tools) / sizeof(tools[0]))

static size_t find(const char *word)
{
    size_t i = 0;

    while (i < TOOLS_COUNT && strcmp(tools[i].name, word) != 0)
        i++;
    return i;
}

bool vx_tool_is(const char *word)
{
    return find(word) < TOOLS_COUNT;
}

int vx_tool_main(int argc, char **argv)
{
    size_t tool = find(argv[0]);
    vx_tool_options options = { 0 };
    vx_error err = { 0 };
    vx_status status = VX_OK;

    if (tool == TOOLS_COUNT)
        return vx_status_exit_code(VX_ERR_USAGE);
    json_set_alloc_funcs(vx_malloc, vx_free);
    vx_tool_options_parse(argc, argv, &options);
    status = tools[tool].run(&options, &err);
    if (fflush(stdout) != 0 && status == VX_OK)
        status = vx_fail(&err, VX_ERR_IO, "standard output: %s", strerror(errno));
    if (status != VX_OK)
        (void)fprintf(stderr, "%s%s\n",
                      tools[tool].run == vx_tool_model ? "# The model is not known: " : "vexil: ",
                      err.message[0] != '\0' ? err.message : vx_status_text(status));
    return vx_status_exit_code(status);
}

vx_status vx_tool_print_json(json_t *root, vx_error *err)
{
    vx_status status = VX_OK;

    if (root == NULL)
        return vx_fail(err, VX_ERR_NOMEM, "out of memory");
    if (json_dumpf(root, stdout, JSON_COMPACT) != 0 || puts("") == EOF)
        status = vx_fail(err, VX_ERR_IO, "standard output: %s", strerror(errno));
    json_decref(root);
    return status;
}

json_t *vx_tool_real(double value)
{
    json_t *real = json_real(value); /* NULL when it is not finite */

    return real != NULL ? real : json_null();
}
