#include "job_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <vx_base/alloc.h>
#include <vx_base/file.h>

#define PAGE_MAX (256u * 1024u)
#define ENTRY_START                                                                                \
    "\n*" /* a key of the page stands at the begin of a line: *key*: kind; default x */

static char *read_text(const char *name)
{
    char *path = vx_format("%s/%s", VX_DEPLOY_FOLDER, name);
    vx_bytes text = { NULL, 0 };
    vx_error err = { 0 };

    vx_assert_ok(vx_file_read(path, PAGE_MAX, &text, &err), &err);
    vx_free(path);
    return (char *)text.at;
}

typedef struct page_check {
    char *page;
    json_t *defaults; /* of a job with the required keys only, one fault and one augmentation */
    size_t keys;
} page_check;

/* The value at "a.b.c"; a[] is the first element of a. */
static json_t *value_of(json_t *root, const char *key)
{
    char *copy = vx_strdup(key);
    char *rest = NULL;
    json_t *value = root;

    for (char *name = strtok_r(copy, ".", &rest); name != NULL; name = strtok_r(NULL, ".", &rest)) {
        char *list = strstr(name, "[]");

        if (list != NULL)
            *list = '\0';
        value = json_object_get(value, name);
        if (list != NULL)
            value = json_array_get(value, 0);
    }
    vx_free(copy);
    return value;
}

static void expect_default(const char *key, const char *stated, json_t *value)
{
    char *text = NULL;

    assert_non_null(value);
    if (json_is_number(value)) {
        vx_assert_close(strtod(stated, NULL), json_number_value(value), 1e-15, 0);
        return;
    }
    text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (json_is_string(value))
        assert_string_equal(strcmp(stated, "\"\"") == 0 ? "" : stated, json_string_value(value));
    else if (strcmp(stated, text) != 0)
        fail_msg("%s: the page says %s, the schema %s", key, stated, text);
    free(text);
}

static void expect_entry(const char *key, void *context)
{
    page_check *check = context;
    char *start = vx_format(ENTRY_START "%s*: ", key);
    const char *entry = strstr(check->page, start);
    const char *stated = NULL;
    char line[512];

    check->keys++;
    if (entry == NULL) {
        fail_msg("vexil-job(5) does not have %s", key);
        return;
    }
    (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(entry + 1, "\n"), entry + 1);
    stated = strstr(line, "; default ");
    if (stated == NULL)
        assert_non_null(strstr(line, "; required"));
    else if (strcmp(stated, "; default depends") != 0)
        expect_default(key, stated + strlen("; default "), value_of(check->defaults, key));
    vx_free(start);
}

static json_t *resolve_defaults(void)
{
    static const char text[] =
        JOB_HEAD "  augment: [{kind: flip}]\n" JOB_MODEL JOB_WORKERS JOB_OPTIMISER
                 "allow_fault_injection: true\n"
                 "faults: [{slots: [0], kind: zero}]\n";
    vx_job *job = NULL;
    vx_bytes json = { NULL, 0 };
    json_t *root = NULL;

    vx_assert_ok(parse_job(text, &job, NULL), NULL);
    vx_assert_ok(vx_job_print_json(job, false, &json), NULL);
    root = json_loadb((const char *)json.at, json.size, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_object_set_new(root, "allow_fault_injection", json_false()), 0);
    vx_free(json.at);
    vx_job_destroy(job);
    return root;
}

static void the_page_has_each_key_with_its_default_and_no_other(void **state)
{
    page_check check = { read_text("man/vexil-job.5.scd"), resolve_defaults(), 0 };
    size_t entries = 0;
    (void)state;

    vx_job_keys(expect_entry, &check);
    for (const char *at = check.page; (at = strstr(at, ENTRY_START)) != NULL; at++) {
        const char *end = strstr(at + 2, "*: ");

        entries += end != NULL && end < strchr(at + 1, '\n');
    }
    assert_int_equal(entries, check.keys);
    assert_true(check.keys >= 130);
    json_decref(check.defaults);
    vx_free(check.page);
}

static void expect_job(const char *text)
{
    vx_job *job = NULL;
    vx_error err = { 0 };

    vx_assert_ok(parse_job(text, &job, &err), &err);
    assert_int_equal(job->workers.count, 8);
    assert_int_equal(job->faults_count, 1);
    vx_assert_close(job->workers.momentum, 0.9, 0, 0);
    vx_job_destroy(job);
}

static void the_example_of_the_page_is_a_job(void **state)
{
    char *page = read_text("man/vexil-job.5.scd");
    char *start = strstr(page, "```\nname: ");
    char *end = start != NULL ? strstr(start + 4, "```") : NULL;
    (void)state;

    assert_non_null(end);
    if (end != NULL) {
        *end = '\0';
        expect_job(start + 4);
    }
    vx_free(page);
}

static void the_example_file_is_a_job(void **state)
{
    char *text = read_text("examples/fashion-mnist.yaml");
    (void)state;

    expect_job(text);
    vx_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_has_each_key_with_its_default_and_no_other),
        cmocka_unit_test(the_example_of_the_page_is_a_job),
        cmocka_unit_test(the_example_file_is_a_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
