#include "golden.h"

#include <vx_test/check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

golden golden_load(const char *path)
{
    vx_bytes content = { NULL, 0 };
    vx_error err;

    vx_assert_ok(vx_file_read(path, 16u << 20, &content, &err), &err);
    return (golden){ (char *)content.at };
}

void golden_free(golden *file)
{
    vx_free(file->text);
    file->text = NULL;
}

/* What stands behind "name " at the begin of a line, or NULL. */
static char *after(const golden *file, const char *name)
{
    size_t size = strlen(name);

    for (char *line = file->text; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n' ? 1 : 0;
        if (strncmp(line, name, size) == 0 && line[size] == ' ')
            return line + size;
    }
    return NULL;
}

bool golden_has(const golden *file, const char *name)
{
    return after(file, name) != NULL;
}

double golden_number(const golden *file, const char *name)
{
    char *at = after(file, name);

    assert_non_null(at);
    return strtod(at, NULL);
}

vx_mat golden_block(const golden *file, const char *name)
{
    char *at = after(file, name);
    vx_mat block;

    assert_non_null(at);
    block.rows = strtoul(at, &at, 10);
    block.cols = strtoul(at, &at, 10);
    block.ld = block.cols;
    block.at = vx_calloc(block.rows * block.cols, sizeof(double));
    assert_non_null(block.at);
    for (size_t i = 0; i < block.rows * block.cols; i++) {
        char *end = at;

        block.at[i] = strtod(at, &end);
        assert_ptr_not_equal(end, at);
        at = end;
    }
    return block;
}

double golden_agreement(const golden *file, const char *name)
{
    char key[64];
    const char *at;

    snprintf(key, sizeof(key), "# expect %s:", name);
    at = strstr(file->text, key);
    assert_non_null(at);
    at = strstr(at, "agrees to ");
    assert_non_null(at);
    return strtod(at + strlen("agrees to "), NULL);
}
