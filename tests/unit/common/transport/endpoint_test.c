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
        cmocka_unit_test(a_host_may_have_255_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
