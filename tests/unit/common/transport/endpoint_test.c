#include <vx_test/check.h>
#include <vx_transport/conn.h>

#include <stdio.h>
#include <string.h>

static void good_endpoints_come_back_as_they_went(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        { "tcp://127.0.0.1:0", "127.0.0.1", 0 },
        { "tcp://head-node.cluster_1.example:65535", "head-node.cluster_1.example", 65535 },
        { "tcp://[::1]:5555", "::1", 5555 },
        { "tcp://[fe80::1%eth0]:5555", "fe80::1%eth0", 5555 },
    };
    char text[VX_ENDPOINT_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        vx_endpoint endpoint;
        vx_error err = { 0 };

        vx_assert_ok(vx_endpoint_parse(rows[i].text, &endpoint, &err), &err);
        assert_string_equal(endpoint.host, rows[i].host);
        assert_int_equal(endpoint.port, rows[i].port);
        assert_string_equal(vx_endpoint_text(&endpoint, text), rows[i].text);
    }
}

static void bad_endpoints_are_refused_with_their_text(void **state)
{
    static const char *const texts[] = {
        "",
        "tcp",
        "tcp:/",
        "tcp://",
        "tcp://:5",
        "tcp://host",
        "tcp://host:",
        "tcp://host:x",
        "tcp://host:-1",
        "tcp://host:+1",
        "tcp://host: 1",
        "tcp://host:1 ",
        "tcp://host:65536",
        "tcp://host:99999999999999999999",
        "tcp://host:1:2",
        "tcp://::1:5",
        "tcp://[::1:5",
        "tcp://[]:5",
        "tcp://[host]:5",
        "tcp://ho st:5",
        "tcp://host/path:5",
        "tcp://ho\nst:5",
        "udp://host:5",
        "TCP://host:5",
        "host:5",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        vx_endpoint endpoint = { .port = 77 };
        vx_error err = { 0 };

        if (vx_endpoint_parse(texts[i], &endpoint, &err) != VX_ERR_CONFIG)
            fail_msg("'%s' was taken", texts[i]);
        assert_int_equal(endpoint.port, 77);
        assert_true(strchr(err.message, '\'') != NULL);
    }
}

static void addresses_as_people_write_them_are_taken(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } rows[] = {
        { "10.0.0.5", "10.0.0.5", 0 },
        { "10.0.0.5:7421", "10.0.0.5", 7421 },
        { "head.example", "head.example", 0 },
        { "tcp://10.0.0.5:7421", "10.0.0.5", 7421 },
        { "tcp://[::1]:7421", "::1", 7421 },
        { "[::]", "::", 0 },
        { "[::]:7421", "::", 7421 },
        { "::", "::", 0 },
        { "::1", "::1", 0 },
        { "2001:db8::7421", "2001:db8::7421", 0 },
        { "fe80::1%eth0", "fe80::1%eth0", 0 },
        { "[fe80::1%eth0]:1", "fe80::1%eth0", 1 },
        { ":7421", "", 7421 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        vx_endpoint endpoint;
        vx_error err = { 0 };

        vx_assert_ok(vx_endpoint_parse_address(rows[i].text, &endpoint, &err), &err);
        assert_string_equal(endpoint.host, rows[i].host);
        assert_int_equal(endpoint.port, rows[i].port);
    }
}

static void what_is_no_address_is_refused_with_its_text(void **state)
{
    static const char *const texts[] = {
        "",      "tcp://", ":",    ":x",     "host:",  "host:65536", "[::1",   "[host]:5", "[]:5",
        "ho st", "ho/st",  "::1 ", "::1/64", "[::1]x", "[::1]:x",    "[::1]5", "a:b:c/d",
    };
    char host[600] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        vx_endpoint endpoint = { .port = 77 };
        vx_error err = { 0 };

        if (vx_endpoint_parse_address(texts[i], &endpoint, &err) != VX_ERR_CONFIG)
            fail_msg("'%s' was taken", texts[i]);
        assert_int_equal(endpoint.port, 77);
        assert_true(strchr(err.message, '\'') != NULL);
    }
    memset(host, ':', sizeof(host) - 1);
    vx_assert_status(vx_endpoint_parse_address(host, &(vx_endpoint){ 0 }, NULL), VX_ERR_CONFIG,
                     NULL);
    memset(host, 'h', sizeof(host) - 1);
    vx_assert_status(vx_endpoint_parse_address(host, &(vx_endpoint){ 0 }, NULL), VX_ERR_CONFIG,
                     NULL);
}

static void lists_of_endpoints_have_commas_and_an_end(void **state)
{
    vx_endpoint list[3];
    size_t count = 77;
    vx_error err = { 0 };

    (void)state;
    vx_assert_ok(vx_endpoints_parse("tcp://a:1", list, 3, &count, &err), &err);
    assert_int_equal(count, 1);
    vx_assert_ok(vx_endpoints_parse("tcp://a:1,tcp://[::1]:2,tcp://c:3", list, 3, &count, &err),
                 &err);
    assert_int_equal(count, 3);
    assert_string_equal(list[1].host, "::1");
    assert_int_equal(list[2].port, 3);
    vx_assert_status(
        vx_endpoints_parse("tcp://a:1,tcp://b:2,tcp://c:3,tcp://d:4", list, 3, &count, &err),
        VX_ERR_CONFIG, &err);
    assert_non_null(strstr(err.message, "more than 3"));
    vx_assert_status(vx_endpoints_parse("tcp://a:1,", list, 3, &count, &err), VX_ERR_CONFIG, &err);
    vx_assert_status(vx_endpoints_parse("", list, 3, &count, &err), VX_ERR_CONFIG, &err);
    assert_int_equal(count, 3);
}

static void a_host_may_have_255_bytes(void **state)
{
    char host[257];
    char text[300];
    char back[VX_ENDPOINT_TEXT_SIZE];
    vx_endpoint endpoint;

    (void)state;
    memset(host, 'h', sizeof(host));
    snprintf(text, sizeof(text), "tcp://%.255s:65535", host);
    vx_assert_ok(vx_endpoint_parse(text, &endpoint, NULL), NULL);
    assert_string_equal(vx_endpoint_text(&endpoint, back), text);
    snprintf(text, sizeof(text), "tcp://%.256s:65535", host);
    vx_assert_status(vx_endpoint_parse(text, &endpoint, NULL), VX_ERR_CONFIG, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_endpoints_come_back_as_they_went),
        cmocka_unit_test(bad_endpoints_are_refused_with_their_text),
        cmocka_unit_test(addresses_as_people_write_them_are_taken),
        cmocka_unit_test(what_is_no_address_is_refused_with_its_text),
        cmocka_unit_test(lists_of_endpoints_have_commas_and_an_end),
        cmocka_unit_test(a_host_may_have_255_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
