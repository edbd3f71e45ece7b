#include <vx_test/check.h>

#include <stdlib.h>
#include <string.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#include "worker_log.h"

/* What is printed of a log that holds text. */
static char *explain(const char *text, uint64_t from)
{
    char *folder = vx_test_folder_create();
    char *path = vx_path_join(folder, "workers.log");
    char *printed = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);

    vx_assert_ok(
        vx_file_replace(path, (vx_cbytes){ (const uint8_t *)text, strlen(text) }, 0644, NULL),
        NULL);
    vx_ctl_worker_log_print(out, path, from);
    (void)fclose(out);
    vx_free(path);
    vx_test_folder_remove(folder);
    return printed;
}

static void the_workers_own_lines_come_each_once(void **state)
{
    char *text = explain("noise\nvexil-worker: slot 2: /a: no such file\n-----\n"
                         "vexil-worker: slot 2: /a: no such file\nvexil-worker: slot 3: x\n",
                         0);

    (void)state;
    assert_string_equal(text, "vexil-worker: slot 2: /a: no such file\nvexil-worker: slot 3: x\n");
    free(text);
}

static void at_most_ten_lines_come(void **state)
{
    char log[1024] = "";
    size_t used = 0, lines = 0;
    char *text = NULL;

    (void)state;
    for (int i = 0; i < 30; i++)
        used += (size_t)snprintf(log + used, sizeof(log) - used, "vexil-worker: slot %d\n", i);
    text = explain(log, 0);
    for (const char *c = text; *c != '\0'; c++)
        lines += *c == '\n';
    assert_int_equal(lines, VX_CTL_WORKER_LINES_MAX);
    assert_non_null(strstr(text, "vexil-worker: slot 0\n"));
    free(text);
}

static void without_such_lines_the_last_ones_come(void **state)
{
    char *text = explain("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n\n10\n11\nlast without end", 0);

    (void)state;
    assert_string_equal(text, "3\n4\n5\n6\n7\n8\n9\n10\n11\nlast without end\n");
    free(text);
}

static void what_an_earlier_run_wrote_is_skipped(void **state)
{
    char *text = explain("vexil-worker: old\nvexil-worker: new\n", 18);

    (void)state;
    assert_string_equal(text, "vexil-worker: new\n");
    free(text);
}

static void long_lines_are_cut_and_control_characters_blanked(void **state)
{
    char log[3000];
    char *text = NULL;

    (void)state;
    memset(log, 'x', sizeof(log));
    memcpy(log, "vexil-worker: \033[2J", 18);
    memcpy(log + sizeof(log) - 25, "\nvexil-worker: the next\n", 25);
    text = explain(log, 0);
    assert_memory_equal(text, "vexil-worker:  [2J", 18);
    assert_string_equal(strchr(text, '\n'), "\nvexil-worker: the next\n");
    assert_int_equal(strcspn(text, "\n"), VX_CTL_WORKER_LINE_SIZE - 1);
    free(text);
}

static void no_log_is_no_text(void **state)
{
    (void)state;
    vx_ctl_worker_log_print(stderr, "/nonexistent/workers.log", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_workers_own_lines_come_each_once),
        cmocka_unit_test(at_most_ten_lines_come),
        cmocka_unit_test(without_such_lines_the_last_ones_come),
        cmocka_unit_test(what_an_earlier_run_wrote_is_skipped),
        cmocka_unit_test(long_lines_are_cut_and_control_characters_blanked),
        cmocka_unit_test(no_log_is_no_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
