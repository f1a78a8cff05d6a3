/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"
#include "policy_model.h"

#define ID_MAX 4294967294u /* the last one means "no one" to the kernel */
#define LOOKUP_MAX (1024u * 1024u)

static int fail(const char **why, int r, const char *text)
{
	*why = text;
	return r;
}

/* Digits up to end or to stop; no sign, no leading zero. */
static bool take_id(const char **p, const char *end, uint32_t *out)
{
	const char *s = *p;
	uint64_t v = 0;

	while (*p < end && **p >= '0' && **p <= '9') {
		v = v * 10 + (uint64_t)(**p - '0');
		if (v > ID_MAX)
			return false;
		(*p)++;
	}
	if (*p == s || (*s == '0' && *p - s > 1))
		return false;
	*out = (uint32_t)v;
	return true;
}

static int parse_range(const char *p, const char *end, struct policy_entity *out, const char **why)
{
	uint32_t lo, hi;

	if (!take_id(&p, end, &lo))
		return fail(why, ERR_FORMAT, "not a user or group number");
	hi = lo;
	if (p < end && *p == '-') {
		p++;
		if (!take_id(&p, end, &hi))
			return fail(why, ERR_FORMAT, "not a range of numbers");
	}
	if (p != end || hi < lo)
		return fail(why, ERR_FORMAT, "not a number or an ascending range");
	out->lo = lo;
	out->hi = hi;
	return 0;
}

/* As getpwnam_r and getgrnam_r are, for a caller that wants the number only. */
static int look_up_user(const char *name, char *buf, size_t cap, bool *found, uint32_t *id)
{
	struct passwd pw, *res = NULL;
	int r = getpwnam_r(name, &pw, buf, cap, &res);

	*found = r == 0 && res;
	if (*found)
		*id = pw.pw_uid;
	return r;
}

static int look_up_group(const char *name, char *buf, size_t cap, bool *found, uint32_t *id)
{
	struct group gr, *res = NULL;
	int r = getgrnam_r(name, &gr, buf, cap, &res);

	*found = r == 0 && res;
	if (*found)
		*id = gr.gr_gid;
	return r;
}

int policy_account_find(void *arg, bool group, const char *name, uint32_t *out)
{
	uint32_t id = 0;
	bool found = false;
	int r = ERANGE;

	(void)arg;
	for (size_t cap = 4096; r == ERANGE && cap <= LOOKUP_MAX; cap *= 4) {
		char *buf = malloc(cap);

		if (!buf)
			return ERR_NOMEM;
		r = group ? look_up_group(name, buf, cap, &found, &id)
			  : look_up_user(name, buf, cap, &found, &id);
		free(buf);
	}
	if (found) {
		*out = id;
		return 0;
	}
	/* POSIX wants 0 for "no such name"; these are what systems answer as well. */
	if (r == 0 || r == ENOENT || r == ESRCH)
		return ERR_NOENT;
	errno = r;
	return ERR_IO;
}

static int look_up(const struct policy_accounts *accounts, const char *s, size_t len,
		   enum policy_entity_kind kind, uint32_t *out, const char **why)
{
	char name[POLICY_ACCOUNT_SIZE];
	uint32_t id = 0;
	int r;

	if (len == 0 || len >= sizeof(name) || s[0] == '-' || s[0] == '+' || memchr(s, ':', len))
		return fail(why, ERR_FORMAT, "not a valid user or group name");
	memcpy(name, s, len);
	name[len] = '\0';
	r = accounts ? accounts->find(accounts->arg, kind == POLICY_GID, name, &id)
		     : policy_account_find(NULL, kind == POLICY_GID, name, &id);
	if (r == ERR_NOENT)
		return fail(why, r, kind == POLICY_UID ? "no such user" : "no such group");
	if (r == ERR_NOMEM)
		return fail(why, r, "out of memory");
	if (r)
		return fail(why, ERR_IO, "the user database does not answer");
	if (id > ID_MAX)
		return fail(why, ERR_FORMAT, "its number is reserved");
	*out = id;
	return 0;
}

static bool starts_with(const char **p, const char *end, const char *prefix)
{
	size_t n = strlen(prefix);

	if ((size_t)(end - *p) < n || memcmp(*p, prefix, n) != 0)
		return false;
	*p += n;
	return true;
}

static int look_up_entity(const struct policy_accounts *accounts, const char *p, const char *end,
			  enum policy_entity_kind kind, struct policy_entity *out, const char **why)
{
	uint32_t id;
	int r = look_up(accounts, p, (size_t)(end - p), kind, &id, why);

	if (r)
		return r;
	out->lo = out->hi = id;
	return 0;
}

int policy_entity_parse(const struct policy_accounts *accounts, const char *item, size_t len,
			struct policy_entity *out, const char **why)
{
	struct policy_entity e = {.kind = POLICY_UID};
	const char *p = item, *end = item + len;
	int r;

	if (len == 1 && *p == '*') {
		e = (struct policy_entity){.kind = POLICY_ALL, .hi = ID_MAX};
		r = 0;
	} else if (starts_with(&p, end, "user:")) {
		r = look_up_entity(accounts, p, end, POLICY_UID, &e, why);
	} else if (starts_with(&p, end, "group:")) {
		e.kind = POLICY_GID;
		r = look_up_entity(accounts, p, end, POLICY_GID, &e, why);
	} else if (starts_with(&p, end, "gid:")) {
		e.kind = POLICY_GID;
		r = parse_range(p, end, &e, why);
	} else if (starts_with(&p, end, "uid:") || (len > 0 && *p >= '0' && *p <= '9')) {
		r = parse_range(p, end, &e, why);
	} else {
		r = fail(why, ERR_FORMAT,
			 "not one of uid:N, gid:N, user:NAME, group:NAME, a range N-M, or *");
	}
	if (!r)
		*out = e;
	return r;
}

int policy_entity_parse_id(const struct policy_accounts *accounts, const char *value,
			   enum policy_entity_kind kind, uint32_t *out, const char **why)
{
	const char *p = value, *end = value + strlen(value);
	struct policy_entity e;
	int r;

	if (starts_with(&p, end, kind == POLICY_UID ? "user:" : "group:") ||
	    (!starts_with(&p, end, kind == POLICY_UID ? "uid:" : "gid:") && *p &&
	     !(*p >= '0' && *p <= '9')))
		return look_up(accounts, p, (size_t)(end - p), kind, out, why);
	r = parse_range(p, end, &e, why);
	if (r)
		return r;
	if (e.lo != e.hi)
		return fail(why, ERR_FORMAT, "one number, not a range");
	*out = e.lo;
	return 0;
}

bool policy_entity_overlap(const struct policy_entity *a, const struct policy_entity *b)
{
	if (a->kind == POLICY_ALL || b->kind == POLICY_ALL)
		return true;
	return a->kind == b->kind && a->lo <= b->hi && b->lo <= a->hi;
}

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

int policy_entity_next(const char **p, const char *end, const char **item, size_t *len)
{
	const char *s = *p, *e;

	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	if (s < end && *s == ',')
		return ERR_FORMAT;
	if (s == end) {
		*p = end;
		return 0;
	}
	e = s;
	while (e < end && !is_separator(*e))
		e++;
	*item = s;
	*len = (size_t)(e - s);
	while (e < end && (*e == ' ' || *e == '\t'))
		e++;
	if (e < end && *e == ',')
		e++;
	*p = e;
	return 1;
}

int policy_list_add(struct policy_list *l, const struct policy_entity *e)
{
	struct policy_ranges *r;

	if (e->kind == POLICY_ALL) {
		l->all = true;
		return 0;
	}
	r = &l->ids[e->kind];
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 4;
		struct policy_range *v = reallocarray(r->v, cap, sizeof(*v));

		if (!v)
			return ERR_NOMEM;
		r->v = v;
		r->cap = cap;
	}
	r->v[r->n++] = (struct policy_range){.lo = e->lo, .hi = e->hi};
	return 0;
}

static int range_cmp(const void *a, const void *b)
{
	const struct policy_range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

void policy_list_close(struct policy_list *l)
{
	for (size_t k = 0; k < 2; k++) {
		struct policy_ranges *r = &l->ids[k];
		size_t n = 0;

		if (r->n < 2)
			continue;
		qsort(r->v, r->n, sizeof(*r->v), range_cmp);
		for (size_t i = 1; i < r->n; i++) {
			if (r->v[i].lo > r->v[n].hi)
				r->v[++n] = r->v[i];
			else if (r->v[i].hi > r->v[n].hi)
				r->v[n].hi = r->v[i].hi;
		}
		r->n = n + 1;
	}
}

void policy_list_free(struct policy_list *l)
{
	if (!l)
		return;
	free(l->ids[0].v);
	free(l->ids[1].v);
	free(l);
}

bool policy_list_has(const struct policy_list *l, enum policy_entity_kind kind, uint32_t id)
{
	const struct policy_ranges *r = &l->ids[kind];
	size_t lo = 0, hi = r->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->v[mid].hi < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->n && r->v[lo].lo <= id;
}
