#include "document_text.h"

#include <string.h>

#include "document.h"

const char status_text[] =
    "{\"format\":1,\"job\":\"fashion-mnist\",\"state\":\"training\",\"epoch\":1,\"round\":412,"
    "\"rounds\":1000,\"percent\":41.2,\"loss\":0.431,\"rate\":118.3,\"eta_s\":4.97,\"live\":8,"
    "\"workers\":8,\"missing\":[],\"since_s\":0.1,\"message\":\"\","
    "\"test\":{\"round\":400,\"nll\":0.41234,\"accuracy\":0.861,\"count\":10000},"
    "\"slots\":["
    "{\"slot\":0,\"state\":\"live\",\"incarnation\":2,\"host\":\"node1\",\"pid\":4711,"
    "\"received\":420,\"accepted\":412,\"duplicate\":1,\"stale\":2,\"malformed\":0,"
    "\"over_quota\":0,\"late\":4,\"nonfinite\":1,\"reconstruction\":0.91234,\"weight\":0.125,"
    "\"norm\":1.23456,\"nll\":0.9,\"injected\":false},"
    "{\"slot\":1,\"state\":\"absent\",\"incarnation\":0,\"host\":\"\",\"pid\":0,\"received\":0,"
    "\"accepted\":0,\"duplicate\":0,\"stale\":0,\"malformed\":0,\"over_quota\":0,\"late\":0,"
    "\"nonfinite\":0,\"reconstruction\":null,\"weight\":null,\"norm\":null,\"nll\":null,"
    "\"injected\":true}]}";

json_t *parse_document(const char *text)
{
    json_t *root = NULL;
    vx_error err = { 0 };

    vx_assert_ok(vx_ctl_document_parse((vx_cbytes){ (const uint8_t *)text, strlen(text) }, "status",
                                       &root, &err),
                 &err);
    return root;
}
