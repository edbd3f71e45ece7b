#include <vx_transport/conn.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

vx_status vx_endpoint_parse(const char *text, vx_endpoint *ret_endpoint, vx_error *err)
{
    static const char scheme[] = "tcp://";
    const char *host = text + sizeof(scheme) - 1;
    const char *host_end = NULL;
    const char *port = NULL;
    char *end = NULL;
    unsigned long number = 0;

    if (strncmp(text, scheme, sizeof(scheme) - 1) != 0)
        goto bad;
    if (host[0] == '[') {
        host++;
        host_end = strchr(host, ']');
        if (host_end == NULL || host_end[1] != ':')
            goto bad;
        port = host_end + 2;
    } else {
        host_end = strrchr(host, ':');
        if (host_end == NULL)
            goto bad;
        port = host_end + 1;
    }
    number = strtoul(port, &end, 10);
    if (port[0] < '0' || port[0] > '9' || *end != '\0' || number > UINT16_MAX || host_end == host ||
        (size_t)(host_end - host) >= sizeof(ret_endpoint->host))
        goto bad;
    memcpy(ret_endpoint->host, host, (size_t)(host_end - host));
    ret_endpoint->host[host_end - host] = '\0';
    ret_endpoint->port = (uint16_t)number;
    return VX_OK;
bad:
    return vx_fail(err, VX_ERR_USAGE, "expected tcp://HOST:PORT, found '%.300s'", text);
}

char *vx_endpoint_text(const vx_endpoint *endpoint, char text[VX_ENDPOINT_TEXT_SIZE])
{
    bool v6 = strchr(endpoint->host, ':') != NULL;

    snprintf(text, VX_ENDPOINT_TEXT_SIZE, "tcp://%s%s%s:%u", v6 ? "[" : "", endpoint->host,
             v6 ? "]" : "", endpoint->port);
    return text;
}
