/* SPDX-License-Identifier: ISC */
/*
 * Loading a policy.
 *
 * Rules:
 * 1. All or nothing: one thing not understood, and there is no policy.
 * 2. Nothing is guessed: every doubt is an error with its line.
 * 3. A file that others may write is not a policy.
 */
#include <stdlib.h>
#include <string.h>

#include "policy_ini.h"
#include "policy.h"
#include "policy_model.h"

#define ACCESS_KINDS (POLICY_DEFAULT | POLICY_SCOPE | POLICY_SECRET)
#define WRITER_KEY_HEX 64 /* an Ed25519 public key */

struct loader {
	struct policy *p;
	const struct policy_accounts *accounts;
	struct policy_error *e;
	unsigned line;
	bool more;
};

static int fail_memory(struct policy_error *e)
{
	return policy_fail(e, ERR_NOMEM, 0, "out of memory");
}

/* The table */

static size_t slot_of(const struct policy *p, const struct policy_id *id)
{
	size_t mask = p->table_size - 1, i = policy_section_hash(id) & mask;

	while (p->table[i] && !policy_section_eq(&p->sections[p->table[i] - 1].id, id))
		i = (i + 1) & mask;
	return i;
}

const struct policy_section *policy_find(const struct policy *p, const struct policy_id *id)
{
	size_t i;

	if (!p->table_size)
		return NULL;
	i = slot_of(p, id);
	return p->table[i] ? &p->sections[p->table[i] - 1] : NULL;
}

/* Room for one more, the table at most half full. */
static int grow(struct policy *p)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		struct policy_section *v = reallocarray(p->sections, cap, sizeof(*v));

		if (!v)
			return ERR_NOMEM;
		p->sections = v;
		p->cap = cap;
	}
	if ((p->n + 1) * 2 > p->table_size) {
		size_t size = p->table_size ? p->table_size * 2 : 32;
		uint32_t *table = calloc(size, sizeof(*table));

		if (!table)
			return ERR_NOMEM;
		free(p->table);
		p->table = table;
		p->table_size = size;
		for (size_t i = 0; i < p->n; i++)
			table[slot_of(p, &p->sections[i].id)] = (uint32_t)(i + 1);
	}
	return 0;
}

static int add_section(void *arg, unsigned line, const char *text)
{
	struct loader *l = arg;
	const struct policy_section *twin;
	struct policy_section *s;
	struct policy_id id;
	char name[NAME_SIZE];
	const char *why;
	int r = policy_section_parse(text, name, &id, &why);

	if (r)
		return policy_fail(l->e, r, line, "[%s]: %s", text, why);
	twin = policy_find(l->p, &id);
	if (twin)
		return policy_fail(l->e, ERR_FORMAT, line,
				   "[%s]: the same section stands at line %u", text, twin->line);
	if (grow(l->p))
		return fail_memory(l->e);
	s = &l->p->sections[l->p->n];
	*s = (struct policy_section){.id = id, .line = line};
	s->name = strdup(name);
	/* text is "writer NAME" */
	s->written = id.kind == POLICY_WRITER ? strdup(text + strlen("writer ")) : NULL;
	if (!s->name || (id.kind == POLICY_WRITER && !s->written)) {
		free(s->name);
		free(s->written);
		return fail_memory(l->e);
	}
	s->id.name = s->name;
	l->p->n++;
	l->p->table[slot_of(l->p, &s->id)] = (uint32_t)l->p->n;
	return 0;
}

/* The keys */

static int fail_value(struct loader *l, int r, const char *key, const char *value, const char *why)
{
	return policy_fail(l->e, r, l->line, "%s = %s: %s", key, value, why);
}

/* A name that nobody has is an error of the file's. */
static int fail_entity(struct loader *l, int r, const char *key, const char *item, size_t len,
		       const char *why)
{
	const char *colon = memchr(item, ':', len), *name = colon ? colon + 1 : item;

	if (r == ERR_NOENT)
		return policy_fail(l->e, ERR_FORMAT, l->line, "%s: %s: %.*s", key, why,
				   (int)(len - (size_t)(name - item)), name);
	return policy_fail(l->e, r, l->line, "%s: %.*s: %s", key, (int)len, item, why);
}

static int set_project(struct loader *l, struct policy_section *s, const char *value)
{
	if (!*value || scope_set(&s->target, value, s->target.domain))
		return fail_value(l, ERR_FORMAT, "project", value, "not a valid project name");
	s->project_line = l->line;
	return 0;
}

static int set_domain(struct loader *l, struct policy_section *s, const char *value)
{
	if (!*value || scope_set(&s->target, s->target.project, value))
		return fail_value(l, ERR_FORMAT, "domain", value, "not a valid domain name");
	s->domain_line = l->line;
	return 0;
}

static int set_key(struct loader *l, struct policy_section *s, const char *value)
{
	if (strlen(value) != WRITER_KEY_HEX || strspn(value, "0123456789abcdef") != WRITER_KEY_HEX)
		return fail_value(l, ERR_FORMAT, "key", value,
				  "not a public key, 64 lower-case hex digits");
	s->key = strdup(value);
	return s->key ? 0 : fail_memory(l->e);
}

static int set_bundle(struct loader *l, struct policy_section *s, const char *value)
{
	if (value[0] != '/')
		return fail_value(l, ERR_FORMAT, "bundle", value, "not an absolute path");
	s->bundle = strdup(value);
	return s->bundle ? 0 : fail_memory(l->e);
}

static int set_owner(struct loader *l, struct policy_section *s, const char *value)
{
	const char *why;
	int r = policy_entity_parse_id(l->accounts, value, POLICY_UID, &s->owner, &why);

	return r ? fail_entity(l, r, "owner", value, strlen(value), why) : 0;
}

static int set_group(struct loader *l, struct policy_section *s, const char *value)
{
	const char *why;
	int r = policy_entity_parse_id(l->accounts, value, POLICY_GID, &s->group, &why);

	return r ? fail_entity(l, r, "group", value, strlen(value), why) : 0;
}

static int set_mode(struct loader *l, struct policy_section *s, const char *value)
{
	size_t len = strlen(value);
	mode_t mode = 0;

	if (len < 3 || len > 4 || strspn(value, "01234567") != len)
		return fail_value(l, ERR_FORMAT, "mode", value, "not an octal mode such as 0440");
	for (const char *c = value; *c; c++)
		mode = mode * 8 + (mode_t)(*c - '0');
	if (mode & 07000)
		return fail_value(l, ERR_FORMAT, "mode", value, "more than 0777");
	if (mode & 0222)
		return fail_value(l, ERR_FORMAT, "mode", value,
				  "write bits: secrets are read-only files");
	if (mode & 0111)
		return fail_value(l, ERR_FORMAT, "mode", value,
				  "execute bits: secrets are not programs");
	s->mode = mode;
	return 0;
}

static int add_items(struct loader *l, struct policy_list **list, const char *key,
		     const char *value)
{
	const char *p = value, *end = value + strlen(value), *item, *why;
	size_t len;
	int r;

	if (!*list)
		*list = calloc(1, sizeof(**list));
	if (!*list)
		return fail_memory(l->e);
	while ((r = policy_entity_next(&p, end, &item, &len)) > 0) {
		struct policy_entity ent;

		r = policy_entity_parse(l->accounts, item, len, &ent, &why);
		if (r)
			return fail_entity(l, r, key, item, len, why);
		if (policy_list_add(*list, &ent))
			return fail_memory(l->e);
	}
	return r ? fail_value(l, r, key, value, "a comma without an item before it") : 0;
}

static int add_allow(struct loader *l, struct policy_section *s, const char *value)
{
	return add_items(l, &s->allow, "allow", value);
}

static int add_deny(struct loader *l, struct policy_section *s, const char *value)
{
	return add_items(l, &s->deny, "deny", value);
}

static const struct key {
	const char *name;
	unsigned bit;
	unsigned kinds; /* of sections that take it */
	bool list;
	int (*set)(struct loader *l, struct policy_section *s, const char *value);
} keys[] = {
	{"project", POLICY_KEY_PROJECT, POLICY_WRITER | POLICY_MOUNT, false, set_project},
	{"domain", POLICY_KEY_DOMAIN, POLICY_WRITER | POLICY_MOUNT, false, set_domain},
	{"key", POLICY_KEY_KEY, POLICY_WRITER, false, set_key},
	{"bundle", POLICY_KEY_BUNDLE, POLICY_MOUNT, false, set_bundle},
	{"owner", POLICY_KEY_OWNER, ACCESS_KINDS | POLICY_MOUNT, false, set_owner},
	{"group", POLICY_KEY_GROUP, ACCESS_KINDS, false, set_group},
	{"mode", POLICY_KEY_MODE, ACCESS_KINDS | POLICY_MOUNT, false, set_mode},
	{"allow", POLICY_KEY_ALLOW, ACCESS_KINDS, true, add_allow},
	{"deny", POLICY_KEY_DENY, ACCESS_KINDS, true, add_deny},
};

static const struct key *find_key(const char *name)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

bool policy_key_is_list(const char *key)
{
	const struct key *k = find_key(key);

	return k && k->list;
}

static int add_pair(void *arg, unsigned line, const char *name, const char *value, bool more)
{
	struct loader *l = arg;
	struct policy_section *s = &l->p->sections[l->p->n - 1];
	const struct key *k = find_key(name);

	if (!k)
		return policy_fail(l->e, ERR_FORMAT, line, "unknown key: %s", name);
	if (!(k->kinds & s->id.kind))
		return policy_fail(l->e, ERR_FORMAT, line, "a section of this kind has no key %s",
				   name);
	if (more && !k->list)
		return policy_fail(l->e, ERR_FORMAT, line,
				   "%s takes one line: only allow and deny go on over more", name);
	if (!more && (s->keys & k->bit))
		return policy_fail(l->e, ERR_FORMAT, line, "%s is stated twice in this section",
				   name);
	s->keys |= k->bit;
	l->line = line;
	return k->set(l, s, value);
}

/* What can be judged only when all is read */

static bool declared(const struct policy *p, enum policy_kind kind, const char *name)
{
	struct policy_id id = {.kind = kind, .name = name};

	return !*name || policy_find(p, &id);
}

static int check_scope(const struct policy *p, const struct scope *s, unsigned project_line,
		       unsigned domain_line, struct policy_error *e)
{
	if (!declared(p, POLICY_PROJECT, s->project))
		return policy_fail(e, ERR_FORMAT, project_line,
				   "project %s is not declared: add a section [project %s]",
				   s->project, s->project);
	if (!declared(p, POLICY_DOMAIN, s->domain))
		return policy_fail(e, ERR_FORMAT, domain_line,
				   "domain %s is not declared: add a section [domain %s]",
				   s->domain, s->domain);
	return 0;
}

static int check_section(const struct policy *p, struct policy_section *s, struct policy_error *e)
{
	int r = check_scope(p, &s->id.scope, s->line, s->line, e);

	if (!r)
		r = check_scope(p, &s->target, s->project_line, s->domain_line, e);
	if (!r && s->id.kind == POLICY_MOUNT && !*s->target.project != !*s->target.domain)
		r = policy_fail(e, ERR_FORMAT, s->line,
				"a mount is for a project and a domain, or, with neither, for the "
				"organization alone");
	if (s->allow)
		policy_list_close(s->allow);
	if (s->deny)
		policy_list_close(s->deny);
	return r;
}

static void list_section(struct policy *p, const struct policy_section *s)
{
	if (s->id.kind == POLICY_PROJECT)
		p->projects.v[p->projects.n++] = s->name;
	else if (s->id.kind == POLICY_DOMAIN)
		p->domains.v[p->domains.n++] = s->name;
	else if (s->id.kind == POLICY_WRITER)
		p->writers[p->nwriters++] = (struct policy_writer){
			.name = s->written, .scope = s->target, .key = s->key ? s->key : ""};
	else if (s->id.kind == POLICY_MOUNT)
		p->mounts[p->nmounts++] = (struct policy_mount){
			.path = s->name,
			.scope = s->target,
			.bundle = s->bundle ? s->bundle : "",
			.has_owner = (s->keys & POLICY_KEY_OWNER) != 0,
			.has_mode = (s->keys & POLICY_KEY_MODE) != 0,
			.owner = s->owner,
			.mode = s->mode,
			.line = s->line,
		};
}

static int finish(struct policy *p, struct policy_error *e)
{
	size_t count[POLICY_MOUNT + 1] = {0};

	for (size_t i = 0; i < p->n; i++) {
		int r = check_section(p, &p->sections[i], e);

		if (r)
			return r;
		if (p->sections[i].id.kind <= POLICY_MOUNT)
			count[p->sections[i].id.kind]++;
	}
	/* One more than there are, so that none is no special case. */
	p->projects.v = calloc(count[POLICY_PROJECT] + 1, sizeof(*p->projects.v));
	p->domains.v = calloc(count[POLICY_DOMAIN] + 1, sizeof(*p->domains.v));
	p->writers = calloc(count[POLICY_WRITER] + 1, sizeof(*p->writers));
	p->mounts = calloc(count[POLICY_MOUNT] + 1, sizeof(*p->mounts));
	if (!p->projects.v || !p->domains.v || !p->writers || !p->mounts)
		return fail_memory(e);
	for (size_t i = 0; i < p->n; i++)
		list_section(p, &p->sections[i]);
	return 0;
}

int policy_parse_with(const char *text, size_t len, const struct policy_accounts *accounts,
		      struct policy **out, struct policy_error *e)
{
	static const struct policy_ini_events events = {add_section, add_pair};
	struct policy *p POLICY_CLEANUP = calloc(1, sizeof(*p));
	struct loader l = {.p = p, .accounts = accounts, .e = e};
	int r;

	if (!p)
		return fail_memory(e);
	if (len > POLICY_FILE_MAX)
		return policy_fail(e, ERR_TOOBIG, 0, "the policy is larger than %u bytes",
				   POLICY_FILE_MAX);
	r = policy_ini_read(text, len, &events, &l, e);
	if (!r)
		r = finish(p, e);
	if (r)
		return r;
	*out = p;
	p = NULL;
	return 0;
}

int policy_parse(const char *text, size_t len, struct policy **out, struct policy_error *e)
{
	return policy_parse_with(text, len, NULL, out, e);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		struct policy_section *s = &p->sections[i];

		free(s->name);
		free(s->written);
		free(s->bundle);
		free(s->key);
		policy_list_free(s->allow);
		policy_list_free(s->deny);
	}
	free(p->sections);
	free(p->table);
	free(p->projects.v);
	free(p->domains.v);
	free(p->writers);
	free(p->mounts);
	free(p);
}

/* What it holds */

const char *policy_project(const struct policy *p, size_t i)
{
	return i < p->projects.n ? p->projects.v[i] : NULL;
}

const char *policy_domain(const struct policy *p, size_t i)
{
	return i < p->domains.n ? p->domains.v[i] : NULL;
}

static bool has(const struct policy *p, enum policy_kind kind, const char *name)
{
	struct scope folded;

	return !scope_set(&folded, name, NULL) && folded.project[0] &&
	       declared(p, kind, folded.project);
}

bool policy_has_project(const struct policy *p, const char *project)
{
	return has(p, POLICY_PROJECT, project);
}

bool policy_has_domain(const struct policy *p, const char *domain)
{
	return has(p, POLICY_DOMAIN, domain);
}

const struct policy_writer *policy_writer(const struct policy *p, size_t i)
{
	return i < p->nwriters ? &p->writers[i] : NULL;
}

const struct policy_mount *policy_mount(const struct policy *p, size_t i)
{
	return i < p->nmounts ? &p->mounts[i] : NULL;
}

const struct policy_mount *policy_mount_at(const struct policy *p, const char *path)
{
	for (size_t i = 0; i < p->nmounts; i++)
		if (strcmp(p->mounts[i].path, path) == 0)
			return &p->mounts[i];
	return NULL;
}
