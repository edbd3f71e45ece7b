#include <vx_transport/conn.h>

#include <stdio.h>
#include <string.h>

#define SCHEME     "tcp://"
#define SCHEME_LEN (sizeof(SCHEME) - 1)

static bool is_host_char(char c, bool bracketed)
{
    bool letter_or_digit =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

    return letter_or_digit || strchr(bracketed ? ":.%-_" : ".-_", c) != NULL;
}

static bool take_host(const char *host, size_t length, vx_endpoint *endpoint)
{
    bool bracketed = length >= 2 && host[0] == '[' && host[length - 1] == ']';

    if (bracketed) {
        host++;
        length -= 2;
        if (memchr(host, ':', length) == NULL)
            return false;
    }
    if (length == 0 || length >= sizeof(endpoint->host))
        return false;
    for (size_t i = 0; i < length; i++)
        if (host[i] == '\0' || !is_host_char(host[i], bracketed))
            return false;
    memcpy(endpoint->host, host, length);
    endpoint->host[length] = '\0';
    return true;
}

static bool take_port(const char *text, uint16_t *ret_port)
{
    size_t digits = strspn(text, "0123456789");
    unsigned port = 0;

    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    if (port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

vx_status vx_endpoint_parse(const char *text, vx_endpoint *ret_endpoint, vx_error *err)
{
    vx_endpoint endpoint = { 0 };
    const char *host;
    const char *colon;

    if (strncmp(text, SCHEME, SCHEME_LEN) != 0)
        return vx_fail(err, VX_ERR_CONFIG, "'%s' does not begin with " SCHEME, text);
    host = text + SCHEME_LEN;
    colon = strrchr(host, ':');
    if (colon == NULL || !take_port(colon + 1, &endpoint.port))
        return vx_fail(err, VX_ERR_CONFIG, "'%s' does not end with a port, :0 to :65535", text);
    if (!take_host(host, (size_t)(colon - host), &endpoint))
        return vx_fail(err, VX_ERR_CONFIG,
                       "'%s' has no valid host: a name, an IPv4 address or [an IPv6 address]",
                       text);
    *ret_endpoint = endpoint;
    return VX_OK;
}

vx_status vx_endpoint_parse_address(const char *text, vx_endpoint *ret_endpoint, vx_error *err)
{
    vx_endpoint endpoint = { 0 };
    const char *host = strncmp(text, SCHEME, SCHEME_LEN) == 0 ? text + SCHEME_LEN : text;
    const char *colon = strrchr(host, ':');
    const char *end = host + strlen(host);
    bool bare = host[0] != '[' && colon != NULL && memchr(host, ':', (size_t)(colon - host));

    if (bare) { /* an IPv6 address alone */
        bool fits = strlen(host) < sizeof(endpoint.host);

        for (const char *at = host; *at != '\0'; at++)
            fits = fits && is_host_char(*at, true);
        if (!fits)
            return vx_fail(err, VX_ERR_CONFIG, "'%s' is neither ADDRESS nor ADDRESS:PORT", text);
        (void)snprintf(endpoint.host, sizeof(endpoint.host), "%s", host);
        *ret_endpoint = endpoint;
        return VX_OK;
    }
    if (colon != NULL && end[-1] != ']') {
        if (!take_port(colon + 1, &endpoint.port))
            return vx_fail(err, VX_ERR_CONFIG, "'%s' does not end with a port, :0 to :65535", text);
        end = colon;
    }
    if (end > host && !take_host(host, (size_t)(end - host), &endpoint))
        return vx_fail(err, VX_ERR_CONFIG,
                       "'%s' has no valid host: a name, an IPv4 address or [an IPv6 address]",
                       text);
    if (end == host && colon == NULL)
        return vx_fail(err, VX_ERR_CONFIG, "'%s': expected ADDRESS[:PORT]", text);
    *ret_endpoint = endpoint;
    return VX_OK;
}

vx_status vx_endpoints_parse(const char *text, vx_endpoint *ret_endpoints, size_t max,
                             size_t *ret_count, vx_error *err)
{
    size_t count = 0;
    const char *at = text;

    for (;;) {
        const char *end = strchrnul(at, ',');
        char one[VX_ENDPOINT_TEXT_SIZE];
        vx_status status = VX_OK;

        if (count == max)
            return vx_fail(err, VX_ERR_CONFIG, "more than %zu endpoints", max);
        if ((size_t)(end - at) >= sizeof(one))
            return vx_fail(err, VX_ERR_CONFIG, "'%.40s...' is too long", at);
        (void)snprintf(one, sizeof(one), "%.*s", (int)(end - at), at);
        status = vx_endpoint_parse(one, &ret_endpoints[count], err);
        if (status != VX_OK)
            return status;
        count++;
        if (*end == '\0')
            break;
        at = end + 1;
    }
    *ret_count = count;
    return VX_OK;
}

char *vx_endpoint_text(const vx_endpoint *endpoint, char text[VX_ENDPOINT_TEXT_SIZE])
{
    bool bracketed = strchr(endpoint->host, ':') != NULL;

    snprintf(text, VX_ENDPOINT_TEXT_SIZE, SCHEME "%s%s%s:%u", bracketed ? "[" : "", endpoint->host,
             bracketed ? "]" : "", endpoint->port);
    return text;
}
