#ifndef VX_TEST_DOCUMENT_TEXT_H
#define VX_TEST_DOCUMENT_TEXT_H
#include <vx_test/check.h>

#include <jansson.h>

/* The document that text holds; fails the test when it is none. The caller's (json_decref). */
json_t *parse_document(const char *text);

/* A status document of two slots in training, at round 412 of 1000. */
extern const char status_text[];
#endif
