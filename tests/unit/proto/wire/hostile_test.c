#include "samples.h"

#include <vx_base/alloc.h>
#include <vx_base/rng.h>
#include <vx_test/check.h>

#include <stdlib.h>
#include <string.h>

static uint8_t sample_at[VX_MESSAGE_BYTES_MAX];
static uint8_t mutant_at[VX_MESSAGE_BYTES_MAX];

/* Decodes a copy of exactly that size, so that a sanitizer sees a read past its end. */
static vx_status decode_copy(const vx_test_wire_kind *kind, const uint8_t *at, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    vx_status status;

    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, at, size);
    status = kind->check((vx_cbytes){ copy, size }, NULL);
    free(copy);
    if (status != VX_OK && status != VX_ERR_PROTOCOL)
        fail_msg("%s: %s", kind->name, vx_status_name(status));
    return status;
}

static size_t take_sample(const vx_test_wire_kind *kind)
{
    size_t size = 0;

    vx_assert_ok(kind->sample((vx_bytes){ sample_at, sizeof(sample_at) }, &size), NULL);
    memcpy(mutant_at, sample_at, size);
    return size;
}

static void every_value_of_every_byte_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t k = 0; k < VX_TEST_WIRE_KINDS; k++) {
        size_t size = take_sample(&vx_test_wire_kinds[k]);

        for (size_t i = 0; i < size; i++) {
            for (unsigned value = 0; value < 256; value++) {
                mutant_at[i] = (uint8_t)value;
                (void)decode_copy(&vx_test_wire_kinds[k], mutant_at, size);
            }
            mutant_at[i] = sample_at[i];
        }
    }
}

static void every_truncation_is_read_or_refused(void **state)
{
    (void)state;
    for (size_t k = 0; k < VX_TEST_WIRE_KINDS; k++) {
        size_t size = take_sample(&vx_test_wire_kinds[k]);

        for (size_t cut = 0; cut < size; cut++)
            (void)decode_copy(&vx_test_wire_kinds[k], mutant_at, cut);
        vx_assert_ok(decode_copy(&vx_test_wire_kinds[k], mutant_at, size), NULL);
    }
}

static void nothing_at_all_is_a_message_only_where_every_field_may_be_missing(void **state)
{
    (void)state;
    for (size_t k = 0; k < VX_TEST_WIRE_KINDS; k++) {
        const char *name = vx_test_wire_kinds[k].name;
        bool may = strcmp(name, "gradient") == 0 || strcmp(name, "evaluation") == 0 ||
                   strcmp(name, "leave") == 0;

        vx_assert_status(vx_test_wire_kinds[k].check((vx_cbytes){ NULL, 0 }, NULL),
                         may ? VX_OK : VX_ERR_PROTOCOL, NULL);
    }
}

static void random_bytes_are_read_or_refused(void **state)
{
    vx_rng rng = vx_rng_stream(1, VX_RNG_TEST, 0, 0);

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t size = vx_rng_below(&rng, 200);

        for (size_t i = 0; i < size; i++)
            mutant_at[i] = (uint8_t)vx_rng_u32(&rng);
        (void)decode_copy(&vx_test_wire_kinds[round % VX_TEST_WIRE_KINDS], mutant_at, size);
    }
}

static void random_splices_are_read_or_refused(void **state)
{
    vx_rng rng = vx_rng_stream(2, VX_RNG_TEST, 0, 0);

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        const vx_test_wire_kind *kind = &vx_test_wire_kinds[round % VX_TEST_WIRE_KINDS];
        size_t size = take_sample(kind);
        size_t from = vx_rng_below(&rng, size);
        size_t to = vx_rng_below(&rng, size);
        size_t count = vx_rng_below(&rng, size - from + 1);

        memmove(mutant_at + to, sample_at + from, count);
        (void)decode_copy(kind, mutant_at, to + count > size ? to + count : size);
    }
}

static bool count_request(void *context)
{
    (*(unsigned *)context)++;
    return false;
}

/* Fills a message with copies of unit; it is refused, after at most one block from the heap. */
static void flood(const char *kind_name, const char *unit, size_t unit_size)
{
    const vx_test_wire_kind *kind = vx_test_wire_kinds;
    unsigned requests = 0;
    size_t size = 0;

    while (strcmp(kind->name, kind_name) != 0)
        kind++;
    for (; size + unit_size <= sizeof(mutant_at); size += unit_size)
        memcpy(mutant_at + size, unit, unit_size);
    vx_alloc_set_hook(count_request, &requests);
    vx_assert_status(kind->check((vx_cbytes){ mutant_at, size }, NULL), VX_ERR_PROTOCOL, NULL);
    vx_alloc_set_hook(NULL, NULL);
    assert_in_range(requests, 0, 1);
}

static void floods_of_fields_are_refused_within_the_budget(void **state)
{
    (void)state;
    flood("model", "\x12\x00", 2);         /* 32768 empty tensors */
    flood("model", "\x12\x02\x0a\x00", 4); /* with empty names */
    flood("model", "\x12\x02\x10\x01", 4); /* with one axis */
    flood("model", "\x1a\x00", 2);         /* unknown fields */
    flood("gradient", "\xf8\x01\x00", 3);  /* unknown numbers */
    flood("verdict", "\x18\x00", 2);       /* unknown numbers again */
    flood("hello", "\x1a\x01x", 3);        /* the same bytes field again and again */
    flood("welcome",
          "\x52\x10"
          "0123456789abcdef",
          18);
    flood("request", "\x08\x01\x7a\x00", 4);
}

/* One tensor that holds everything: packed axes, 1 byte on the wire and 8 in memory. */
static void a_tensor_of_sixty_thousand_axes_is_refused_within_the_budget(void **state)
{
    static const uint8_t head[] = { 0x12, 0xe4, 0xd4, 0x03, 0x12, 0xe0, 0xd4, 0x03 };
    const vx_test_wire_kind *kind = &vx_test_wire_kinds[3];
    unsigned requests = 0;

    (void)state;
    memset(mutant_at, 1, sizeof(mutant_at));
    memcpy(mutant_at, head, sizeof(head)); /* 60004 bytes, 60000 of them the axes */
    vx_alloc_set_hook(count_request, &requests);
    vx_assert_status(kind->check((vx_cbytes){ mutant_at, 60008 }, NULL), VX_ERR_PROTOCOL, NULL);
    vx_alloc_set_hook(NULL, NULL);
    assert_in_range(requests, 0, 1);
}

static void a_hundred_thousand_fields_are_refused_for_their_size(void **state)
{
    enum { FIELDS = 100000 };
    uint8_t *bytes = malloc(2 * FIELDS);
    unsigned requests = 0;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < FIELDS; i++) {
        bytes[2 * i] = 0x12;
        bytes[2 * i + 1] = 0;
    }
    vx_alloc_set_hook(count_request, &requests);
    for (size_t k = 0; k < VX_TEST_WIRE_KINDS; k++)
        vx_assert_status(vx_test_wire_kinds[k].check((vx_cbytes){ bytes, 2 * FIELDS }, NULL),
                         VX_ERR_PROTOCOL, NULL);
    vx_alloc_set_hook(NULL, NULL);
    assert_int_equal(requests, 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_every_byte_is_read_or_refused),
        cmocka_unit_test(every_truncation_is_read_or_refused),
        cmocka_unit_test(nothing_at_all_is_a_message_only_where_every_field_may_be_missing),
        cmocka_unit_test(random_bytes_are_read_or_refused),
        cmocka_unit_test(random_splices_are_read_or_refused),
        cmocka_unit_test(floods_of_fields_are_refused_within_the_budget),
        cmocka_unit_test(a_tensor_of_sixty_thousand_axes_is_refused_within_the_budget),
        cmocka_unit_test(a_hundred_thousand_fields_are_refused_for_their_size),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
