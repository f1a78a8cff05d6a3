/* SPDX-License-Identifier: ISC */
#include "json.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "heap.h"
#include "json_yaml.h"
#include "ui.h"
#include "timefmt.h"

static bool as_yaml;

void json_as_yaml(void)
{
	as_yaml = true;
}

void json_init(void)
{
	json_set_alloc_funcs(heap_alloc, heap_free);
}

static int dump(const char *buffer, size_t size, void *data)
{
	struct secret *out = data;

	if (size > out->cap - out->len) {
		if (ui_write(STDOUT_FILENO, out->data, out->len))
			return -1;
		out->len = 0;
	}
	if (size > out->cap)
		return ui_write(STDOUT_FILENO, buffer, size) ? -1 : 0;
	memcpy(out->data + out->len, buffer, size);
	out->len += size;
	return 0;
}

static int dump_json(const json_t *j, struct secret *out)
{
	if (json_dump_callback(j, dump, out, JSON_INDENT(2) | JSON_ENCODE_ANY))
		return -1;
	return dump("\n", 1, out);
}

int json_print(json_t *j)
{
	SECRET_CLEANUP struct secret *out = NULL;
	int r = j ? secret_alloc(4000, &out) : ERR_NOMEM;

	if (!r)
		r = as_yaml ? json_yaml_dump(j, dump, out) : dump_json(j, out);
	if (!r)
		r = ui_write(STDOUT_FILENO, out->data, out->len);
	json_decref(j);
	if (!r)
		return STATUS_DONE;
	ui_error("the output cannot be written");
	return STATUS_FAILED;
}

static json_t *part(const char *s)
{
	return *s ? json_string(s) : json_null();
}

void json_put_scope(json_t *obj, const struct scope *s)
{
	json_object_set_new(obj, "project", part(s->project));
	json_object_set_new(obj, "domain", part(s->domain));
}

json_t *json_time(uint64_t seconds)
{
	char text[TIMEFMT_SIZE];

	return seconds ? json_string(timefmt_utc(seconds, text)) : json_null();
}

int json_put_value(json_t *obj, const struct secret *value)
{
	SECRET_CLEANUP struct secret *base64 = NULL;
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	json_t *text = json_stringn((const char *)value->data, value->len); /* NULL: not UTF-8 */
	int r = secret_alloc(sodium_base64_encoded_len(value->len, variant), &base64);

	if (r) {
		json_decref(text);
		return r;
	}
	sodium_bin2base64((char *)base64->data, base64->cap, value->data, value->len, variant);
	json_object_set_new(obj, "value", text ? text : json_null());
	r = json_object_set_new(obj, "value_base64", json_string((const char *)base64->data));
	return r ? ERR_NOMEM : 0;
}

/* jansson's own message quotes the text near the place, so only its code is used. */
static const char *reason_of(enum json_error_code code)
{
	switch (code) {
	case json_error_premature_end_of_input:
		return "it ends too early";
	case json_error_end_of_input_expected:
		return "something follows after its end";
	case json_error_invalid_utf8:
		return "it is not UTF-8";
	case json_error_duplicate_key:
		return "a key is there twice";
	case json_error_numeric_overflow:
		return "a number is too large";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "it holds a NUL";
	case json_error_stack_overflow:
		return "it is nested too deeply";
	default:
		return "this is not JSON";
	}
}

int json_check(const struct secret *text, int *line, int *column, const char **reason)
{
	json_error_t e;
	json_t *j = json_loadb((const char *)text->data, text->len,
			       JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);

	if (j) {
		json_decref(j);
		return 0;
	}
	*line = e.line;
	*column = e.column;
	*reason = reason_of(json_error_code(&e));
	sodium_memzero(&e, sizeof(e));
	return ERR_FORMAT;
}
