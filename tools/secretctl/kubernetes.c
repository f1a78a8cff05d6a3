/* SPDX-License-Identifier: ISC */
/* Kubernetes Secrets: data is base64, stringData is text and wins where both name a key. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "parse.h"
#include "ui.h"

static const char *text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static bool is_list(const json_t *doc)
{
	return (strcmp(text_of(doc, "kind"), "List") == 0 ||
		strcmp(text_of(doc, "kind"), "SecretList") == 0) &&
	       json_is_array(json_object_get(doc, "items"));
}

bool kubernetes_is(const json_t *doc)
{
	return is_list(doc) || (strcmp(text_of(doc, "kind"), "Secret") == 0 &&
				strcmp(text_of(doc, "apiVersion"), "v1") == 0);
}

struct one {
	const struct parse *p;
	const char *secret; /* its metadata.name */
	char group[NAME_SIZE];
	uint8_t type;
};

static int refuse(const struct one *o, const char *key, const char *what)
{
	ui_error("%s: Secret %s: %s: %s; nothing was done", o->p->path, o->secret, key, what);
	return STATUS_FAILED;
}

static int add(const struct one *o, const char *key, const uint8_t *data, size_t len)
{
	struct parse p = *o->p;
	struct batch_item *item;
	int status;

	p.group = o->group[0] ? o->group : p.group;
	/* What docker logs in with is kept under a name that a file can have. */
	if (strcmp(key, ".dockerconfigjson") == 0)
		key = "dockerconfigjson";
	status = parse_add(&p, key, data, len, 0, &item);
	if (!status && o->type != RECORD_REGULAR) {
		item->type = o->type;
		item->set |= CHANGE_SET_TYPE;
	}
	return status;
}

static int add_base64(const struct one *o, const char *key, const json_t *v)
{
	SECRET_CLEANUP struct secret *raw = NULL;
	const char *text = json_string_value(v);
	size_t len = json_string_length(v);
	int r = secret_alloc(len, &raw);

	if (r)
		return errmsg_fail(&(struct errmsg){.doing = "read", .name = key}, r);
	/* libsodium takes a NUL for one of the characters to ignore */
	if (memchr(text, 0, len) ||
	    sodium_base642bin(raw->data, raw->cap, text, len, " \n\r\t", &raw->len, NULL,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return refuse(o, key, "this is not base64");
	return add(o, key, raw->data, raw->len);
}

static int add_secret(struct one *o, json_t *doc)
{
	json_t *data = json_object_get(doc, "data"), *plain = json_object_get(doc, "stringData");
	const char *key;
	json_t *v;
	int status = 0;

	o->type = strcmp(text_of(doc, "type"), "kubernetes.io/dockerconfigjson") == 0
			  ? RECORD_IMAGE_PULL
			  : RECORD_REGULAR;
	json_object_foreach(data, key, v)
	{
		if (json_object_get(plain, key))
			continue;
		status = json_is_string(v) ? add_base64(o, key, v)
					   : refuse(o, key, "this is no text");
		if (status)
			return status;
	}
	json_object_foreach(plain, key, v)
	{
		status = json_is_string(v) ? add(o, key, (const uint8_t *)json_string_value(v),
						 json_string_length(v))
					   : refuse(o, key, "this is no text");
		if (status)
			return status;
	}
	return 0;
}

static size_t count(json_t *const *docs, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i < n; i++)
		found += is_list(docs[i]) ? json_array_size(json_object_get(docs[i], "items")) : 1;
	return found;
}

/* grouped: each Secret is a group of its own, since there are several. */
static int add_one(const struct parse *p, json_t *doc, bool grouped)
{
	struct one o = {.p = p, .secret = text_of(json_object_get(doc, "metadata"), "name")};

	if (!kubernetes_is(doc) || is_list(doc)) {
		ui_error("%s: a list of Secrets holds something else; nothing was done", p->path);
		return STATUS_FAILED;
	}
	if (grouped && snprintf(o.group, sizeof(o.group), "%s%s%s", p->group ? p->group : "",
				p->group ? "/" : "", o.secret) >= (int)sizeof(o.group))
		return refuse(&o, "metadata.name", "too long");
	return add_secret(&o, doc);
}

int kubernetes_add(const struct parse *p, json_t *const *docs, size_t n)
{
	bool grouped = count(docs, n) > 1;
	int status = 0;

	for (size_t i = 0; !status && i < n; i++) {
		json_t *items = json_object_get(docs[i], "items");

		if (!is_list(docs[i]))
			status = add_one(p, docs[i], grouped);
		for (size_t j = 0; !status && is_list(docs[i]) && j < json_array_size(items); j++)
			status = add_one(p, json_array_get(items, j), grouped);
	}
	return status;
}
