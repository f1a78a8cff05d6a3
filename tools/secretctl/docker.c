/* SPDX-License-Identifier: ISC */
#include "docker.h"

#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap.h"
#include "json.h"
#include "ui.h"
#include "errmsg.h"

static void json_cleanup(json_t **j)
{
	json_decref(*j);
}
#define JSON_CLEANUP __attribute__((cleanup(json_cleanup)))

static int fail(const char *doing, int r)
{
	return errmsg_fail(&(struct errmsg){.doing = doing}, r);
}

/* {"auths": auths}, in locked memory. Steals auths. Exit status. */
static int pack(json_t *auths, struct secret **out)
{
	JSON_CLEANUP json_t *whole = json_object();
	size_t len;
	int r;

	if (json_object_set_new(whole, "auths", auths))
		return fail("write the logins", ERR_NOMEM);
	len = json_dumpb(whole, NULL, 0, JSON_COMPACT);
	r = len > SECRET_MAX ? ERR_TOOBIG : secret_alloc(len, out);
	if (r)
		return fail("write the logins", r);
	(*out)->len = json_dumpb(whole, (char *)(*out)->data, len, JSON_COMPACT);
	return 0;
}

/* base64("user:password"), as docker keeps it. */
static int one_login(const char *registry, const char *user, const struct secret *password,
		     json_t **out)
{
	const int variant = sodium_base64_VARIANT_ORIGINAL;
	SECRET_CLEANUP struct secret *plain = NULL, *base64 = NULL;
	size_t len = strlen(user) + 1 + password->len;
	json_t *auth = json_object(), *auths = json_object();
	int r = secret_alloc(len, &plain);

	if (!r)
		r = secret_alloc(sodium_base64_encoded_len(len, variant), &base64);
	if (!r) {
		memcpy(plain->data, user, strlen(user));
		plain->data[strlen(user)] = ':';
		memcpy(plain->data + strlen(user) + 1, password->data, password->len);
		sodium_bin2base64((char *)base64->data, base64->cap, plain->data, len, variant);
		json_object_set_new(auth, "auth", json_string((const char *)base64->data));
	}
	if (!r && json_object_set(auths, registry, auth))
		r = ERR_NOMEM;
	json_decref(auth);
	if (r) {
		json_decref(auths);
		return fail("write the login", r);
	}
	*out = auths;
	return 0;
}

static int from_flags(const struct call *c, struct source *src)
{
	const char *registry = call_flag(c, FLAG_REGISTRY), *user = call_flag(c, FLAG_USERNAME);
	json_t *auths = NULL;
	char prompt[400];
	int status;

	if (!registry || !*registry || !user || !*user || strchr(user, ':'))
		return ui_usage(c, "give --registry and --username, or --from-docker-config");
	if (src->password) {
		ui_warn("the password stood on the command line, where other users and the shell's "
			"history see it");
	} else if (!ui_asks()) {
		return ui_usage(c, "--password is missing, and there is no terminal to ask");
	} else {
		snprintf(prompt, sizeof(prompt), "Password of %.100s at %.200s: ", user, registry);
		if (ui_prompt(prompt, &src->password) || src->password->len == 0) {
			ui_error("nothing was entered; nothing was done");
			return STATUS_FAILED;
		}
	}
	status = one_login(registry, user, src->password, &auths);
	return status ? status : pack(auths, &src->value);
}

static int read_config(const char *path, json_t **out)
{
	SECRET_CLEANUP struct secret *text = NULL;
	struct errmsg w = {.doing = "read docker's logins", .path = path};
	const char *reason;
	int line, column;
	int r = source_file(path, &text);

	if (r)
		return errmsg_fail(&w, r);
	if (json_check(text, &line, &column, &reason)) {
		ui_error("%s: line %d, column %d: %s", path, line, column, reason);
		return STATUS_FAILED;
	}
	*out = json_loadb((const char *)text->data, text->len, 0, NULL);
	if (json_is_object(json_object_get(*out, "auths")))
		return 0;
	json_decref(*out);
	*out = NULL;
	ui_error("%s holds no logins", path);
	return STATUS_FAILED;
}

/* That the login is in the file, and not in a helper the file only names. */
static int add_login(const char *path, json_t *from, const char *registry, json_t *to)
{
	json_t *login = json_object_get(from, registry);

	if (!login) {
		ui_error("%s has no login of %.200s", path, registry);
		ui_hint("log in first: docker login %.200s", registry);
		return STATUS_FAILED;
	}
	if (json_object_size(login) == 0) {
		ui_error("%s keeps the login of %.200s in a credential helper", path, registry);
		ui_hint("give --registry, --username and --password instead");
		return STATUS_FAILED;
	}
	return json_object_set(to, registry, login) ? fail("copy the login", ERR_NOMEM) : 0;
}

static int filter(const struct call *c, const char *path, json_t *from, json_t *to)
{
	const char *registry;
	json_t *login;
	int status = 0;

	if (!call_has(c, FLAG_REGISTRIES)) {
		json_object_foreach(from, registry, login)
		{
			status = add_login(path, from, registry, to);
			if (status)
				return status;
		}
		return 0;
	}
	for (size_t i = 0; !status && i < c->nvalues[FLAG_REGISTRIES]; i++) {
		char *list = strdup(c->values[FLAG_REGISTRIES][i]), *save = NULL;

		for (char *p = list ? strtok_r(list, ", ", &save) : NULL; p && !status;
		     p = strtok_r(NULL, ", ", &save))
			status = add_login(path, from, p, to);
		free(list);
	}
	return status;
}

static int from_config(const struct call *c, struct source *src)
{
	JSON_CLEANUP json_t *config = NULL;
	const char *path = call_flag(c, FLAG_DOCKER_CONFIG_PATH);
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	json_t *auths = json_object();
	char *made = NULL;
	int status;

	if (!path) {
		if (asprintf(&made, "%s%s/config.json",
			     dir    ? dir
			     : home ? home
				    : "",
			     dir ? "" : "/.docker") < 0)
			made = NULL;
		path = made;
	}
	status = path ? read_config(path, &config) : fail("read docker's logins", ERR_NOMEM);
	if (!status)
		status = filter(c, path, json_object_get(config, "auths"), auths);
	if (!status && json_object_size(auths) == 0) {
		ui_error("%s holds no logins", path);
		status = STATUS_FAILED;
	}
	if (!status)
		status = pack(json_incref(auths), &src->value);
	json_decref(auths);
	free(made);
	return status;
}

int docker_find(const struct call *c, struct source *src)
{
	const char *type = call_flag(c, FLAG_TYPE);
	bool flags = call_has(c, FLAG_REGISTRY) || call_has(c, FLAG_USERNAME) ||
		     call_has(c, FLAG_PASSWORD);
	bool config = call_has(c, FLAG_FROM_DOCKER_CONFIG) ||
		      call_has(c, FLAG_DOCKER_CONFIG_PATH) || call_has(c, FLAG_REGISTRIES);

	if (!flags && !config)
		return 0;
	if (!type || strcmp(type, "image_pull") != 0)
		return ui_usage(c, "a registry's login goes with --type image_pull");
	if (src->kind != SOURCE_NONE || (flags && config))
		return ui_usage(
			c, "give the login once: by --registry, by docker's file, or as a value");
	src->kind = SOURCE_DOCKER;
	heap_lock();
	return flags ? from_flags(c, src) : from_config(c, src);
}

int docker_check(const struct secret *value)
{
	JSON_CLEANUP json_t *j = json_loadb((const char *)value->data, value->len, 0, NULL);

	return json_is_object(json_object_get(j, "auths")) ? 0 : ERR_FORMAT;
}
