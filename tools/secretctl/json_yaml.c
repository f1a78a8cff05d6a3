/* SPDX-License-Identifier: ISC */
#include "json_yaml.h"

#include <stdbool.h>
#include <string.h>

struct out {
	json_dump_callback_t dump;
	void *data;
};

static int put_text(const struct out *o, const char *s)
{
	return o->dump(s, strlen(s), o->data);
}

static int put_indent(const struct out *o, int depth)
{
	int r = 0;

	for (int i = 0; r == 0 && i < depth; i++)
		r = put_text(o, "  ");
	return r;
}

static bool is_block(const json_t *j)
{
	return json_object_size(j) || json_array_size(j);
}

static int put_scalar(const struct out *o, const json_t *j)
{
	return json_dump_callback(j, o->dump, o->data, JSON_ENCODE_ANY) || put_text(o, "\n") ? -1
											     : 0;
}

/* A word stays one; whatever else is quoted. */
static int put_key(const struct out *o, const char *key)
{
	json_t *text;
	int r;

	if (*key && strspn(key, "abcdefghijklmnopqrstuvwxyz_") == strlen(key))
		return put_text(o, key);
	text = json_string(key);
	r = text ? json_dump_callback(text, o->dump, o->data, JSON_ENCODE_ANY) : -1;
	json_decref(text);
	return r;
}

static int put_block(const struct out *o, const json_t *j, int depth, bool begun);

static int put_value(const struct out *o, const json_t *j, int depth)
{
	if (!is_block(j))
		return put_text(o, " ") || put_scalar(o, j) ? -1 : 0;
	return put_text(o, "\n") || put_block(o, j, depth, false) ? -1 : 0;
}

/* begun: its first line is, behind a dash. */
static int put_block(const struct out *o, const json_t *j, int depth, bool begun)
{
	const char *key;
	json_t *value;
	size_t i;
	int r = 0;

	json_array_foreach(j, i, value)
	{
		r = begun ? 0 : put_indent(o, depth);
		begun = false;
		if (r == 0)
			r = put_text(o, "- ");
		if (r == 0)
			r = is_block(value) ? put_block(o, value, depth + 1, true)
					    : put_scalar(o, value);
		if (r)
			return -1;
	}
	json_object_foreach((json_t *)j, key, value)
	{
		r = begun ? 0 : put_indent(o, depth);
		begun = false;
		if (r || put_key(o, key) || put_text(o, ":") || put_value(o, value, depth + 1))
			return -1;
	}
	return 0;
}

int json_yaml_dump(const json_t *j, json_dump_callback_t dump, void *data)
{
	const struct out o = {dump, data};

	return is_block(j) ? put_block(&o, j, 0, false) : put_scalar(&o, j);
}
