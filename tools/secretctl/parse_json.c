/* SPDX-License-Identifier: ISC */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "heap.h"
#include "json.h"
#include "parse.h"
#include "ui.h"

#define YAML_DEPTH 32

static int refuse(const struct parse *p, size_t line, const char *what)
{
	if (line)
		ui_error("%s:%zu: %s; nothing was done", p->path, line, what);
	else
		ui_error("%s: %s; nothing was done", p->path, what);
	return STATUS_FAILED;
}

/* --- a plain object --------------------------------------------------------------------------- */

static int add_member(const struct parse *p, const char *name, json_t *v)
{
	struct batch_item *item;
	char *text;
	int status;

	if (json_is_string(v))
		return parse_add(p, name, (const uint8_t *)json_string_value(v),
				 json_string_length(v), 0, &item);
	text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY);
	if (!text)
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, ERR_NOMEM);
	status = parse_add(p, name, (const uint8_t *)text, strlen(text), 0, &item);
	heap_free(text);
	if (!status) {
		item->type = RECORD_JSON;
		item->set |= CHANGE_SET_TYPE;
	}
	return status;
}

int parse_json(const struct parse *p, const struct secret *text)
{
	json_error_t e;
	json_t *doc = json_loadb((const char *)text->data, text->len,
				 JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &e);
	int status = 0;

	/* jansson's text would quote what stands there, so the place must do. */
	if (!doc && heap_failed())
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, ERR_MLOCK);
	if (!doc)
		return refuse(p, (size_t)(e.line > 0 ? e.line : 0),
			      json_error_code(&e) == json_error_duplicate_key
				      ? "the same name stands there twice"
				      : "this is not JSON");
	if (kubernetes_is(doc)) {
		status = kubernetes_add(p, &doc, 1);
	} else if (!json_is_object(doc)) {
		status = refuse(p, 0, "expected a JSON object of names and values");
	} else {
		const char *name;
		json_t *v;

		json_object_foreach(doc, name, v)
		{
			status = add_member(p, name, v);
			if (status)
				break;
		}
	}
	json_decref(doc);
	return status;
}

/* --- YAML, as far as JSON goes ----------------------------------------------------------------- */

struct loader {
	yaml_parser_t parser;
	const struct parse *p;
};

static int next(struct loader *l, yaml_event_t *e)
{
	if (yaml_parser_parse(&l->parser, e))
		return 0;
	if (l->parser.error == YAML_MEMORY_ERROR)
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = l->p->path},
				   ERR_MLOCK);
	return refuse(l->p, l->parser.problem_mark.line + 1, "this is not YAML");
}

static int load_node(struct loader *l, yaml_event_t *e, unsigned depth, json_t **out);

static int load_sequence(struct loader *l, unsigned depth, json_t **out)
{
	json_t *list = json_array(), *v = NULL;
	int status = 0;

	while (!status) {
		yaml_event_t e;

		status = next(l, &e);
		if (status || e.type == YAML_SEQUENCE_END_EVENT) {
			if (!status)
				yaml_event_delete(&e);
			break;
		}
		status = load_node(l, &e, depth, &v);
		if (!status)
			json_array_append_new(list, v);
	}
	if (status)
		json_decref(list);
	else
		*out = list;
	return status;
}

static int load_member(struct loader *l, yaml_event_t *key, unsigned depth, json_t *map)
{
	size_t line = key->start_mark.line + 1;
	yaml_event_t e;
	char *name;
	json_t *v = NULL;
	int status;

	if (key->type != YAML_SCALAR_EVENT) {
		yaml_event_delete(key);
		return refuse(l->p, line, "a key must be plain text");
	}
	if (memchr(key->data.scalar.value, 0, key->data.scalar.length)) {
		yaml_event_delete(key);
		return refuse(l->p, line, "a key holds a NUL");
	}
	name = strdup((const char *)key->data.scalar.value);
	yaml_event_delete(key);
	if (!name)
		return errmsg_fail(&(struct errmsg){.doing = "read"}, ERR_NOMEM);
	if (json_object_get(map, name)) {
		free(name);
		return refuse(l->p, line, "the same name stands there twice");
	}
	status = next(l, &e);
	if (!status)
		status = load_node(l, &e, depth, &v);
	if (!status)
		json_object_set_new(map, name, v);
	free(name);
	return status;
}

static int load_mapping(struct loader *l, unsigned depth, json_t **out)
{
	json_t *map = json_object();
	int status = 0;

	while (!status) {
		yaml_event_t e;

		status = next(l, &e);
		if (status || e.type == YAML_MAPPING_END_EVENT) {
			if (!status)
				yaml_event_delete(&e);
			break;
		}
		status = load_member(l, &e, depth, map);
	}
	if (status)
		json_decref(map);
	else
		*out = map;
	return status;
}

/* Takes e. Aliases are refused: no Secret needs them, and they can be made to grow without end. */
static int load_node(struct loader *l, yaml_event_t *e, unsigned depth, json_t **out)
{
	yaml_event_type_t type = e->type;
	size_t line = e->start_mark.line + 1;
	int status = 0;

	if (type == YAML_SCALAR_EVENT) {
		*out = json_stringn((const char *)e->data.scalar.value, e->data.scalar.length);
		if (!*out && heap_failed())
			status = errmsg_fail(&(struct errmsg){.doing = "read", .path = l->p->path},
					     ERR_MLOCK);
		else if (!*out)
			status = refuse(l->p, line, "this is not UTF-8 text");
		sodium_memzero(e->data.scalar.value, e->data.scalar.length);
	}
	yaml_event_delete(e);
	if (type == YAML_SCALAR_EVENT)
		return status;
	if (type == YAML_ALIAS_EVENT || depth >= YAML_DEPTH)
		return refuse(l->p, line, "aliases and deep nesting are not read");
	return type == YAML_MAPPING_START_EVENT ? load_mapping(l, depth + 1, out)
						: load_sequence(l, depth + 1, out);
}

struct documents {
	json_t **list;
	size_t n;
};

static int load_documents(struct loader *l, struct documents *d)
{
	bool more = true;
	int status = 0;

	while (!status && more) {
		yaml_event_t e;
		json_t *doc = NULL;

		status = next(l, &e);
		if (status)
			break;
		if (e.type == YAML_STREAM_END_EVENT)
			more = false;
		if (e.type == YAML_MAPPING_START_EVENT || e.type == YAML_SEQUENCE_START_EVENT ||
		    e.type == YAML_SCALAR_EVENT) {
			void *list = reallocarray(d->list, d->n + 1, sizeof(json_t *));

			if (list)
				d->list = list;
			status = list ? load_node(l, &e, 0, &doc)
				      : errmsg_fail(&(struct errmsg){.doing = "read"}, ERR_NOMEM);
			if (!status && json_is_object(doc))
				d->list[d->n++] = doc;
			else
				json_decref(doc); /* an empty document is a null */
		} else {
			yaml_event_delete(&e);
		}
	}
	return status;
}

int parse_yaml(const struct parse *p, const struct secret *text)
{
	struct loader l = {.p = p};
	struct documents d = {0};
	int status;

	if (!yaml_parser_initialize(&l.parser))
		return errmsg_fail(&(struct errmsg){.doing = "read", .path = p->path}, ERR_NOMEM);
	yaml_parser_set_input_string(&l.parser, text->data, text->len);
	status = load_documents(&l, &d);
	for (size_t i = 0; !status && i < d.n; i++)
		if (!kubernetes_is(d.list[i]))
			status = refuse(p, 0,
					"YAML is read as Kubernetes Secrets, and this is none");
	if (!status && d.n == 0)
		status = refuse(p, 0, "there is no Secret in it");
	if (!status)
		status = kubernetes_add(p, d.list, d.n);
	for (size_t i = 0; i < d.n; i++)
		json_decref(d.list[i]);
	free(d.list);
	yaml_parser_delete(&l.parser);
	return status;
}
