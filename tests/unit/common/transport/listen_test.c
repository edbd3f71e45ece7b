#include "net.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int begin(void **state)
{
    *state = net_create();
    return 0;
}

static int end(void **state)
{
    net_destroy(*state);
    return 0;
}

static void refuse_all(void *owner, vx_conn *conn)
{
    unsigned *count = owner;

    (*count)++;
    vx_conn_close(conn, VX_OK, "not today");
}

static void a_port_in_use_is_named(void **state)
{
    vx_test_net *net = *state;
    vx_listener *second = NULL;
    vx_error err = { 0 };
    unsigned count = 0;
    char expected[64];

    vx_assert_status(
        vx_listener_create(&net->loop, &net->endpoint, refuse_all, &count, &second, &err),
        VX_ERR_BUSY, &err);
    assert_null(second);
    snprintf(expected, sizeof(expected), "port %u of 127.0.0.1 is in use", net->endpoint.port);
    assert_string_equal(err.message, expected);
}

static void a_closed_listener_frees_its_port_at_once(void **state)
{
    vx_test_net *net = *state;
    vx_error err = { 0 };
    unsigned count = 0;
    vx_listener *second = NULL;

    vx_listener_close(net->listener);
    vx_assert_ok(vx_listener_create(&net->loop, &net->endpoint, refuse_all, &count, &second, &err),
                 &err);
    net->listener = second;
}

static void an_address_that_is_not_ours_is_refused(void **state)
{
    static const char *const hosts[] = { "192.0.2.1", "2001:db8::1" }; /* for documentation only */
    vx_test_net *net = *state;

    for (size_t i = 0; i < 2; i++) {
        vx_endpoint endpoint = { .port = 0 };
        vx_listener *listener = NULL;
        vx_error err = { 0 };
        unsigned count = 0;

        memcpy(endpoint.host, hosts[i], strlen(hosts[i]));
        vx_assert_status(
            vx_listener_create(&net->loop, &endpoint, refuse_all, &count, &listener, &err),
            VX_ERR_UNAVAILABLE, &err);
        assert_non_null(strstr(err.message, hosts[i]));
        if (strstr(err.message, "lo 127.0.0.1") == NULL && /* those that there are */
            strstr(err.message, "no interface of this machine has an IPv6") == NULL)
            fail_msg("%s", err.message);
    }
}

/* Where the kernel has no IPv6 there is nothing to try. */
static bool listen_on(vx_test_net *net, const char *host)
{
    vx_error err = { 0 };

    vx_listener_close(net->listener);
    net->listener = NULL;
    net->endpoint = (vx_endpoint){ .port = 0 };
    snprintf(net->endpoint.host, sizeof(net->endpoint.host), "%s", host);
    if (vx_listener_create(&net->loop, &net->endpoint, net_on_accept, net, &net->listener, &err) ==
        VX_OK) {
        net->endpoint = vx_listener_endpoint(net->listener);
        return true;
    }
    assert_non_null(strstr(err.message, "IPv6"));
    return false;
}

static void peers_over_ipv6_are_named_with_brackets(void **state)
{
    vx_test_net *net = *state;

    if (!listen_on(net, "::1"))
        skip();
    net_dial(net);
    assert_int_equal(strncmp(vx_conn_peer(net->server.conn), "[::1]:", 6), 0);
    assert_int_equal(strncmp(vx_conn_peer(net->client.conn), "[::1]:", 6), 0);
}

static void every_address_is_also_every_ipv4_address(void **state)
{
    vx_test_net *net = *state;

    if (!listen_on(net, "::"))
        skip();
    memcpy(net->endpoint.host, "127.0.0.1", sizeof("127.0.0.1"));
    net_dial(net);
    assert_int_equal(strncmp(vx_conn_peer(net->server.conn), "127.0.0.1:", 10), 0);
    assert_int_equal(strncmp(vx_conn_peer(net->client.conn), "127.0.0.1:", 10), 0);
}

static void a_name_nobody_knows_is_refused(void **state)
{
    vx_test_net *net = *state;
    vx_endpoint endpoint = { .port = 0 };
    vx_listener *listener = NULL;
    vx_error err = { 0 };
    unsigned count = 0;

    memset(endpoint.host, 'x', 70); /* a label too long for DNS: no question leaves the machine */
    vx_assert_status(vx_listener_create(&net->loop, &endpoint, refuse_all, &count, &listener, &err),
                     VX_ERR_UNAVAILABLE, &err);
    assert_non_null(strstr(err.message, "does not resolve"));
}

typedef struct closer {
    vx_listener *listener;
    unsigned accepts;
} closer;

static void close_the_listener(void *owner, vx_conn *conn)
{
    closer *self = owner;

    self->accepts++;
    vx_listener_close(self->listener);
    vx_listener_close(self->listener);
    vx_conn_close(conn, VX_OK, "closed with its listener");
}

static void a_listener_can_be_closed_by_its_own_callback(void **state)
{
    vx_test_net *net = *state;
    vx_endpoint endpoint = net->endpoint;
    closer self = { 0 };
    vx_error err = { 0 };

    vx_listener_close(net->listener);
    net->listener = NULL;
    vx_assert_ok(
        vx_listener_create(&net->loop, &endpoint, close_the_listener, &self, &self.listener, &err),
        &err);
    for (size_t i = 0; i < 3; i++) {
        vx_dialer *dialer = NULL;

        vx_assert_ok(vx_dial(&net->loop, &endpoint, 1000, net_on_dialed, net, &dialer, &err), &err);
        net_until(net, net->dones == i + 1);
        if (net->client.conn != NULL)
            vx_conn_close(net->client.conn, VX_OK, "next");
        net_until(net, net->client.conn == NULL);
    }
    assert_int_equal(self.accepts, 1);
}

static unsigned strains, reliefs;
static int strain_error;

static void note_strain(void *owner, int error)
{
    (void)owner;
    strains += error != 0;
    reliefs += error == 0;
    strain_error = error != 0 ? error : strain_error;
}

static void without_file_descriptors_peers_wait_until_there_are_some(void **state)
{
    vx_test_net *net = *state;
    struct rlimit old;
    struct rlimit low;
    int spare[64];
    size_t count = 0;
    int fd = net_raw(net);
    int late = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage address;
    socklen_t size = sizeof(address);

    assert_int_equal(getpeername(fd, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 60;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (count < 64 && (spare[count] = open("/dev/null", O_RDONLY)) >= 0)
        count++;
    assert_in_range(count, 1, 63);
    vx_listener_on_strained(net->listener, note_strain);
    (void)connect(late, (const struct sockaddr *)&address, size);
    net_run_for(net, 250);
    assert_int_equal(net->accepts, 1);
    assert_in_range(strains, 2, 4); /* tried again each 100 ms */
    assert_int_equal(strain_error, EMFILE);
    assert_int_equal(reliefs, 0);
    for (size_t i = 0; i < count; i++)
        close(spare[i]);
    vx_conn_close(net->server.conn, VX_OK, "make room for one");
    net_until(net, net->accepts == 2);
    net_until(net, reliefs == 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    close(fd);
    close(late);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_port_in_use_is_named, begin, end),
        cmocka_unit_test_setup_teardown(a_closed_listener_frees_its_port_at_once, begin, end),
        cmocka_unit_test_setup_teardown(an_address_that_is_not_ours_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(peers_over_ipv6_are_named_with_brackets, begin, end),
        cmocka_unit_test_setup_teardown(every_address_is_also_every_ipv4_address, begin, end),
        cmocka_unit_test_setup_teardown(a_name_nobody_knows_is_refused, begin, end),
        cmocka_unit_test_setup_teardown(a_listener_can_be_closed_by_its_own_callback, begin, end),
        cmocka_unit_test_setup_teardown(without_file_descriptors_peers_wait_until_there_are_some,
                                        begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
