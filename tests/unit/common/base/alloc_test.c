#include <vx_base/alloc.h>
#include <vx_test/check.h>

#include <string.h>

static size_t huge = SIZE_MAX; /* not a constant: the compiler would refuse the calls */

static bool refuse(void *calls)
{
    ++*(int *)calls;
    return true;
}

static void zero_bytes_are_memory_too(void **state)
{
    void *grown = NULL;
    void *memory = vx_malloc(0);

    (void)state;
    assert_non_null(memory);
    grown = vx_realloc(memory, 0); /* realloc itself would free and return NULL */
    assert_non_null(grown);
    vx_free(grown);
    memory = vx_calloc(0, 8);
    assert_non_null(memory);
    vx_free(memory);
    vx_free(NULL);
}

static void a_size_that_overflows_is_refused(void **state)
{
    (void)state;
    assert_null(vx_calloc(huge, 2));
    assert_null(vx_aligned_calloc(huge, 2));
    assert_null(vx_aligned_calloc(huge - 8, 1));
    assert_null(vx_aligned_calloc((size_t)1 << 33, (size_t)1 << 33));
}

static void aligned_memory_is_zero_and_starts_a_cache_line(void **state)
{
    (void)state;
    for (size_t size = 0; size < 300; size++) {
        uint8_t *memory = vx_aligned_calloc(size, 1);

        assert_non_null(memory);
        assert_int_equal((uintptr_t)memory % 64, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(memory[i], 0);
        memset(memory, 0xff, size); /* the next one may get this memory again */
        vx_free(memory);
    }
}

static void strings_are_copied(void **state)
{
    char *whole = vx_strdup("parameters");
    char *cut = vx_strndup("parameters", 5);
    char *not_terminated = vx_strndup((const char[]){ 'a', 'b' }, 2);

    (void)state;
    assert_string_equal(whole, "parameters");
    assert_string_equal(cut, "param");
    assert_string_equal(not_terminated, "ab");
    vx_free(whole);
    vx_free(cut);
    vx_free(not_terminated);
}

static void format_makes_room_for_any_length(void **state)
{
    char *text = vx_format("%0500d/%s", 7, "end");

    (void)state;
    assert_non_null(text);
    assert_int_equal(strlen(text), 504);
    assert_string_equal(text + 499, "7/end");
    vx_free(text);
}

static void the_hook_refuses_every_door(void **state)
{
    int calls = 0;
    char *kept = vx_strdup("kept");

    (void)state;
    vx_alloc_set_hook(refuse, &calls);
    assert_null(vx_malloc(1));
    assert_null(vx_calloc(1, 1));
    assert_null(vx_realloc(kept, 100));
    assert_null(vx_strdup("x"));
    assert_null(vx_strndup("x", 1));
    assert_null(vx_aligned_calloc(1, 1));
    assert_null(vx_format("%d", 1));
    vx_alloc_set_hook(NULL, NULL);
    assert_int_equal(calls, 7);
    assert_string_equal(kept, "kept"); /* a refused realloc leaves the old memory */
    vx_free(kept);
}

static void the_count_grows_by_one_an_allocation(void **state)
{
    int left = 0;
    uint64_t before = vx_alloc_count();
    void *memory = vx_malloc(8);

    (void)state;
    assert_int_equal(vx_alloc_count() - before, 1);
    memory = vx_realloc(memory, 16);
    assert_int_equal(vx_alloc_count() - before, 2);
    vx_free(memory);
    memory = vx_aligned_calloc(1, 1);
    vx_free(memory);
    assert_int_equal(vx_alloc_count() - before, 3);
    vx_alloc_set_hook(vx_test_fail_at_zero, &left);
    assert_null(vx_malloc(8));
    vx_alloc_set_hook(NULL, NULL);
    assert_int_equal(vx_alloc_count() - before, 3); /* a refused one does not count */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_bytes_are_memory_too),
        cmocka_unit_test(a_size_that_overflows_is_refused),
        cmocka_unit_test(aligned_memory_is_zero_and_starts_a_cache_line),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(format_makes_room_for_any_length),
        cmocka_unit_test(the_hook_refuses_every_door),
        cmocka_unit_test(the_count_grows_by_one_an_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
