/*
 * Not a test: bin/transport_bench [vectors] [rounds] prints GB/s over loopback of vectors of 4 MiB
 * in frames of 1 MiB, through vx_conn (checksums on both sides) and through blocking sockets
 * (none), interleaved, medians, and their ratio. Source and destination are 64 MiB, walked in full.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vx_base/assert.h>
#include <vx_base/bytes.h>
#include <vx_transport/conn.h>

#define CHUNK         (1u << 20)
#define VECTOR_CHUNKS 4u
#define AREA_CHUNKS   64u
#define WINDOW        8u /* sends that wait at a time */
#define ROUNDS_MAX    101u

static uint8_t
    *area; /* AREA_CHUNKS chunks: the source in the child, the destination in the parent */

typedef struct sink {
    uv_loop_t loop;
    vx_listener *listener;
    uint64_t chunks, chunks_due;
    uint64_t begin_ns, end_ns;
} sink;

typedef struct source {
    uv_loop_t loop;
    vx_conn *conn;
    uint64_t chunks, chunks_due, sent;
} source;

static uint8_t *chunk_at(uint64_t chunk)
{
    return area + (size_t)(chunk % AREA_CHUNKS) * CHUNK;
}

static vx_status on_header(void *owner, vx_conn *conn, const vx_frame_header *header,
                           uint8_t **ret_payload, vx_error *err)
{
    sink *self = owner;

    (void)conn;
    (void)header;
    (void)err;
    if (self->begin_ns == 0)
        self->begin_ns = uv_hrtime();
    *ret_payload = chunk_at(self->chunks);
    return VX_OK;
}

static vx_status on_frame(void *owner, vx_conn *conn, const vx_frame_header *header,
                          vx_cbytes message, vx_bytes payload, vx_error *err)
{
    sink *self = owner;

    (void)header;
    (void)message;
    (void)payload;
    (void)err;
    if (++self->chunks == self->chunks_due) {
        self->end_ns = uv_hrtime();
        vx_conn_close(conn, VX_OK, "all here");
    }
    return VX_OK;
}

static void on_sink_close(void *owner, vx_conn *conn, const vx_error *why)
{
    sink *self = owner;

    (void)conn;
    (void)why;
    vx_listener_close(self->listener);
}

static void on_accept(void *owner, vx_conn *conn)
{
    static const vx_conn_events events = { on_header, on_frame, NULL, on_sink_close };

    vx_conn_start(conn, &events, owner);
}

static void send_more(source *self)
{
    while (self->chunks < self->chunks_due && vx_conn_sends_waiting(self->conn) < WINDOW) {
        vx_frame frame = { .header = { .offset = self->chunks % VECTOR_CHUNKS * CHUNK },
                           .payload = { chunk_at(self->chunks), CHUNK },
                           .cookie = self };

        if (vx_conn_send(self->conn, &frame) != VX_OK)
            return;
        self->chunks++;
    }
}

static void on_sent(void *owner, vx_conn *conn, void *cookie)
{
    (void)conn;
    (void)cookie;
    send_more(owner);
}

static void on_source_close(void *owner, vx_conn *conn, const vx_error *why)
{
    (void)owner;
    (void)conn;
    (void)why;
}

static void on_dialed(void *owner, vx_conn *conn, const vx_error *err)
{
    static const vx_conn_events events = { on_header, on_frame, on_sent, on_source_close };
    source *self = owner;

    VX_ASSERT(err == NULL);
    self->conn = conn;
    vx_conn_start(conn, &events, self);
    send_more(self);
}

static void run_source(const vx_endpoint *endpoint, uint64_t chunks)
{
    source self = { .chunks_due = chunks };
    vx_dialer *dialer = NULL;
    int result = uv_loop_init(&self.loop);
    vx_status status;

    VX_ASSERT(result == 0);
    status = vx_dial(&self.loop, endpoint, 5000, on_dialed, &self, &dialer, NULL);
    VX_ASSERT(status == VX_OK);
    uv_run(&self.loop, UV_RUN_DEFAULT);
    uv_loop_close(&self.loop);
}

/* GB/s */
static double measure_conn(uint64_t chunks)
{
    const vx_endpoint any = { .host = "127.0.0.1" };
    sink self = { .chunks_due = chunks };
    vx_endpoint endpoint;
    vx_status status;
    pid_t child;
    int result = uv_loop_init(&self.loop);

    VX_ASSERT(result == 0);
    status = vx_listener_create(&self.loop, &any, on_accept, &self, &self.listener, NULL);
    VX_ASSERT(status == VX_OK);
    endpoint = vx_listener_endpoint(self.listener);
    child = fork();
    VX_ASSERT(child >= 0);
    if (child == 0) {
        run_source(&endpoint, chunks);
        _exit(0);
    }
    uv_run(&self.loop, UV_RUN_DEFAULT);
    waitpid(child, NULL, 0);
    uv_loop_close(&self.loop);
    return (double)(chunks * CHUNK) / (double)(self.end_ns - self.begin_ns);
}

static volatile uint32_t crc_seen; /* so that no CRC is optimised away */

static void run_probe(const struct sockaddr_in *address, uint64_t chunks, bool crc)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int result = connect(fd, (const struct sockaddr *)address, sizeof(*address));

    VX_ASSERT(result == 0);
    for (uint64_t i = 0; i < chunks; i++) {
        size_t sent = 0;

        if (crc)
            crc_seen = vx_crc32c(0, chunk_at(i), CHUNK);
        while (sent < CHUNK) {
            ssize_t count = send(fd, chunk_at(i) + sent, CHUNK - sent, MSG_NOSIGNAL);

            VX_ASSERT(count > 0);
            sent += (size_t)count;
        }
    }
    close(fd);
}

static double receive_probe(int fd, uint64_t chunks, bool crc)
{
    uint64_t begin_ns = 0;

    for (uint64_t i = 0; i < chunks; i++) {
        size_t have = 0;

        while (have < CHUNK) {
            ssize_t count = recv(fd, chunk_at(i) + have, CHUNK - have, 0);

            VX_ASSERT(count > 0);
            if (begin_ns == 0)
                begin_ns = uv_hrtime();
            have += (size_t)count;
        }
        if (crc)
            crc_seen = vx_crc32c(0, chunk_at(i), CHUNK);
    }
    return (double)(chunks * CHUNK) / (double)(uv_hrtime() - begin_ns);
}

static double measure_probe(uint64_t chunks, bool crc)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    int result = bind(listener, (const struct sockaddr *)&address, size);
    double rate;
    pid_t child;
    int fd;

    VX_ASSERT(result == 0);
    result = listen(listener, 1);
    VX_ASSERT(result == 0);
    result = getsockname(listener, (struct sockaddr *)&address, &size);
    VX_ASSERT(result == 0);
    child = fork();
    VX_ASSERT(child >= 0);
    if (child == 0) {
        run_probe(&address, chunks, crc);
        _exit(0);
    }
    fd = accept(listener, NULL, NULL);
    rate = receive_probe(fd, chunks, crc);
    waitpid(child, NULL, 0);
    close(fd);
    close(listener);
    return rate;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *rates, size_t count, const char *what)
{
    qsort(rates, count, sizeof(rates[0]), compare);
    printf("%-24s %6.2f GB/s (%.2f to %.2f, %zu rounds)\n", what, rates[count / 2], rates[0],
           rates[count - 1], count);
    return rates[count / 2];
}

int main(int argc, char **argv)
{
    static double conn[ROUNDS_MAX];
    static double probe[ROUNDS_MAX];
    static double probe_crc[ROUNDS_MAX];
    unsigned long vectors = argc > 1 ? strtoul(argv[1], NULL, 10) : 128;
    unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 11;
    double conn_rate;

    if (vectors < 1 || vectors > 4096 || rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "usage: %s [vectors 1..4096] [rounds 1..%u]\n", argv[0], ROUNDS_MAX);
        return 2;
    }
    area = malloc((size_t)AREA_CHUNKS * CHUNK);
    VX_ASSERT(area != NULL);
    memset(area, 0x5a, (size_t)AREA_CHUNKS * CHUNK);
    for (size_t i = 0; i < rounds; i++) {
        conn[i] = measure_conn(vectors * VECTOR_CHUNKS);
        probe[i] = measure_probe(vectors * VECTOR_CHUNKS, false);
        probe_crc[i] = measure_probe(vectors * VECTOR_CHUNKS, true);
    }
    conn_rate = median(conn, rounds, "vx_conn");
    printf("ratio %.2f\n", conn_rate / median(probe, rounds, "blocking sockets"));
    printf("ratio %.2f\n", conn_rate / median(probe_crc, rounds, "blocking sockets + CRC"));
    free(area);
    return 0;
}
