/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "grant.h"
#include "policy_model.h"

/* The next blank-separated word of *p into out; false when there is none or it does not fit. */
static bool take_word(const char **p, char *out, size_t cap)
{
	size_t n = strcspn(*p, " ");

	if (n == 0 || n >= cap)
		return false;
	memcpy(out, *p, n);
	out[n] = '\0';
	*p += n;
	if (**p == ' ')
		(*p)++;
	return true;
}

static int fail(const char **why, const char *text)
{
	*why = text;
	return ERR_FORMAT;
}

/* "organization", or "project=P", "domain=D", or both. */
static int parse_scope(const char *p, struct scope *out, const char **why)
{
	char word[SCOPE_PART_MAX + 16], project[sizeof(word)] = "", domain[sizeof(word)] = "";

	if (strcmp(p, "organization") == 0)
		return scope_set(out, NULL, NULL) ? fail(why, "not a scope") : 0;
	while (*p) {
		char *part = NULL;
		const char *value = NULL;

		if (!take_word(&p, word, sizeof(word)))
			return fail(why, "not a scope: a name is too long");
		if (strncmp(word, "project=", 8) == 0) {
			part = project;
			value = word + 8;
		} else if (strncmp(word, "domain=", 7) == 0) {
			part = domain;
			value = word + 7;
		}
		if (!part || !*value)
			return fail(why, "a scope is organization, project=P, domain=D, or "
					 "project=P domain=D");
		if (*part)
			return fail(why, "a scope has one project and one domain at most");
		memcpy(part, value, strlen(value) + 1);
	}
	if (scope_set(out, project, domain))
		return fail(why, "not a valid project or domain name");
	return 0;
}

static int parse_declared(const char *p, char name[static NAME_SIZE], const char **why)
{
	struct scope s;

	if (!*p || scope_set(&s, p, NULL))
		return fail(why, "not a valid project or domain name: letters, digits, . _ -, at "
				 "most 63 of them");
	memcpy(name, s.project, sizeof(s.project));
	return 0;
}

static int parse_path(const char *p, char name[static NAME_SIZE], const char **why)
{
	size_t len = strlen(p);

	if (p[0] != '/' || len < 2 || len >= NAME_SIZE)
		return fail(why, "a mount is named by an absolute path");
	for (const char *c = p; *c; c++) {
		if (*c == ' ')
			return fail(why, "a mount's path has no blanks in it");
		if (*c == '/' &&
		    (c[1] == '\0' || c[1] == '/' ||
		     (c[1] == '.' && (c[2] == '\0' || c[2] == '/' ||
				      (c[2] == '.' && (c[3] == '\0' || c[3] == '/'))))))
			return fail(why,
				    "a mount's path has no //, /./ or /../ and no / at its end");
	}
	memcpy(name, p, len + 1);
	return 0;
}

static int parse_secret(const char *p, char name[static NAME_SIZE], struct policy_id *id,
			const char **why)
{
	char word[NAME_SIZE];

	if (!take_word(&p, word, sizeof(word)) || name_check(word))
		return fail(why, "not a valid secret name: [secret NAME], or [secret NAME SCOPE]");
	name_fold(word, name, NAME_SIZE);
	id->anywhere = *p == '\0';
	return id->anywhere ? 0 : parse_scope(p, &id->scope, why);
}

static int parse_rest(const char *p, char name[static NAME_SIZE], struct policy_id *id,
		      const char **why)
{
	switch (id->kind) {
	case POLICY_PROJECT:
	case POLICY_DOMAIN:
		return parse_declared(p, name, why);
	case POLICY_WRITER:
		if (name_check_component(p, WRITER_NAME_MAX))
			return fail(why, "not a valid writer name: letters, digits, . _ -, at most "
					 "63 of them");
		name_fold(p, name, NAME_SIZE);
		return 0;
	case POLICY_MOUNT:
		return parse_path(p, name, why);
	case POLICY_DEFAULT:
		return *p ? fail(why, "[default] takes nothing behind it") : 0;
	case POLICY_SCOPE:
		if (!*p)
			return fail(why, "[scope organization], [scope project=P], "
					 "[scope domain=D] or [scope project=P domain=D]");
		return parse_scope(p, &id->scope, why);
	case POLICY_SECRET:
		return parse_secret(p, name, id, why);
	}
	return fail(why, "unknown section");
}

int policy_section_parse(const char *text, char name[static NAME_SIZE], struct policy_id *id,
			 const char **why)
{
	static const struct {
		const char *word;
		enum policy_kind kind;
	} kinds[] = {
		{"project", POLICY_PROJECT}, {"domain", POLICY_DOMAIN},	  {"writer", POLICY_WRITER},
		{"mount", POLICY_MOUNT},     {"default", POLICY_DEFAULT}, {"scope", POLICY_SCOPE},
		{"secret", POLICY_SECRET},
	};
	struct policy_id parsed = {0};
	char word[16];
	int r;

	if (!take_word(&text, word, sizeof(word)))
		word[0] = '\0';
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(word, kinds[i].word) == 0)
			parsed.kind = kinds[i].kind;
	if (!parsed.kind)
		return fail(why, "unknown section: there are project, domain, writer, mount, "
				 "default, scope and secret");
	name[0] = '\0';
	r = parse_rest(text, name, &parsed, why);
	if (r)
		return r;
	*id = parsed;
	id->name = name;
	return 0;
}

bool policy_section_eq(const struct policy_id *a, const struct policy_id *b)
{
	return a->kind == b->kind && a->anywhere == b->anywhere && strcmp(a->name, b->name) == 0 &&
	       scope_eq(&a->scope, &b->scope);
}

/* FNV-1a, 64 bits (Fowler, Noll, Vo), the terminating NULs included. */
static uint64_t hash_str(uint64_t h, const char *s)
{
	do {
		h = (h ^ (unsigned char)*s) * 0x100000001b3u;
	} while (*s++);
	return h;
}

uint64_t policy_section_hash(const struct policy_id *id)
{
	uint64_t h = 0xcbf29ce484222325u;

	h = (h ^ ((unsigned)id->kind * 2u + id->anywhere)) * 0x100000001b3u;
	h = hash_str(h, id->name);
	h = hash_str(h, id->scope.project);
	h = hash_str(h, id->scope.domain);
	return h ^ (h >> 32);
}
