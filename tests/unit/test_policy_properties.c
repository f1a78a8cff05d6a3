/* SPDX-License-Identifier: ISC */
/*
 * What allow and deny promise, on random policies: to deny lets in nobody, to allow X lets in X and
 * nobody else and takes nothing from those whom a list let in; and both are about one secret of one
 * scope.  Judged by what policy_decide says of every caller there is in a small world.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy.h"
#include "scratch.h"

#define ROUNDS 4000

/* --- the world ---------------------------------------------------------------------------------- */

static const char *const scope_texts[] = {"organization", "project=p", "domain=d",
					  "project=p domain=d"};
static const char *const names[] = {"k", "g/k"};
static const char *const mounts[] = {"", "/m", "/n"};
static const uid_t uids[] = {0, 1, 2, 3, 7};
static const gid_t gids[] = {0, 1, 9};
static const gid_t more[] = {2, 3}; /* supplementary groups, in every combination */

#define N(a) (sizeof(a) / sizeof(*(a)))
#define CALLERS (N(uids) * N(gids) * 4)
#define WORLD (N(scope_texts) * N(names) * N(mounts) * CALLERS)

static unsigned seed;

static unsigned below(unsigned n)
{
	return (unsigned)rand_r(&seed) % n;
}

static const char *one(const char *const *of, size_t n)
{
	return of[below((unsigned)n)];
}

static struct scope scope_at_index(size_t i)
{
	struct scope s;

	assert_int_equal(scope_set(&s, i & 1 ? "p" : NULL, i & 2 ? "d" : NULL), 0);
	return s;
}

struct caller {
	uid_t uid;
	gid_t gid;
	gid_t groups[2];
	size_t ngroups;
};

static struct caller caller_at(size_t i)
{
	struct caller c = {.uid = uids[i % N(uids)], .gid = gids[i / N(uids) % N(gids)]};
	size_t set = i / N(uids) / N(gids);

	for (size_t g = 0; g < N(more); g++)
		if (set & (size_t)1 << g)
			c.groups[c.ngroups++] = more[g];
	return c;
}

/* Who may open what: a bit for each of the world. */
static void judge(const char *text, bool out[static WORLD])
{
	struct policy *p POLICY_CLEANUP = NULL;
	struct policy_error e = {0};
	size_t at = 0;

	if (policy_parse(text, strlen(text), &p, &e))
		fail_msg("line %u: %s\n%s", e.line, e.text, text);
	for (size_t s = 0; s < N(scope_texts); s++)
		for (size_t n = 0; n < N(names); n++)
			for (size_t m = 0; m < N(mounts); m++) {
				const struct scope scope = scope_at_index(s);
				const struct policy_mount mount = policy_mount_for(p, mounts[m], 7);
				struct policy_access a;

				policy_access(p, &scope, names[n], &mount, &a);
				for (size_t i = 0; i < CALLERS; i++) {
					const struct caller c = caller_at(i);

					out[at++] =
						policy_decide(&a, c.uid, c.gid, c.groups, c.ngroups)
							.answer == POLICY_ALLOW;
				}
			}
}

/* --- random policies ------------------------------------------------------------------------------ */

static const char *const items[] = {"uid:0",   "uid:1",	  "2",	   "uid:1-2",	"uid:3",  "uid:7",
				    "gid:0",   "gid:2",	  "gid:3", "gid:1-2",	"gid:9",  "*",
				    "uid:0-3", "gid:0-9", "uid:5", "user:root", "uid:2-2"};
/* What may be edited in or out is one user, one group, or everybody. */
static const char *const subjects[] = {"uid:0", "uid:1", "uid:2", "uid:3",     "uid:7", "gid:0",
				       "gid:2", "gid:3", "gid:9", "user:root", "*"};

static size_t put_list(char *out, size_t cap, const char *key)
{
	static const char *const between[] = {" ", ", ", ",", "\n\t", ",\n\t"};
	size_t len = (size_t)snprintf(out, cap, "%s =", key);

	for (unsigned i = below(4); i > 0; i--)
		len += (size_t)snprintf(out + len, cap - len, "%s%s",
					out[len - 1] == '=' ? " " : one(between, N(between)),
					one(items, N(items)));
	return len + (size_t)snprintf(out + len, cap - len, "\n");
}

static size_t put_section(char *out, size_t cap, const char *head, bool lists)
{
	size_t len = (size_t)snprintf(out, cap, "[%s]\n", head);

	if (below(3) == 0)
		len += (size_t)snprintf(out + len, cap - len, "mode = 0%u%u%u\n", 4 * below(2),
					4 * below(2), 4 * below(2));
	if (below(3) == 0)
		len += (size_t)snprintf(out + len, cap - len, "owner = %u\n", uids[below(5)]);
	if (lists && below(3) == 0)
		len += (size_t)snprintf(out + len, cap - len, "group = %u\n", below(4));
	if (lists && below(2))
		len += put_list(out + len, cap - len, "allow");
	if (lists && below(2))
		len += put_list(out + len, cap - len, "deny");
	return len;
}

static void random_policy(char *out, size_t cap)
{
	size_t len = (size_t)snprintf(out, cap, "[project p]\n[domain d]\n");
	char head[64];

	if (below(2))
		len += put_section(out + len, cap - len, "default", true);
	if (below(2))
		len += put_section(out + len, cap - len, "mount /m", false);
	for (size_t s = 0; s < N(scope_texts); s++) {
		if (below(2))
			continue;
		snprintf(head, sizeof(head), "scope %s", scope_texts[s]);
		len += put_section(out + len, cap - len, head, true);
	}
	for (size_t n = 0; n < N(names); n++) {
		if (below(2))
			len += put_section(out + len, cap - len, n ? "secret g/K" : "secret k",
					   true);
		for (size_t s = 0; s < N(scope_texts); s++) {
			if (below(3))
				continue;
			snprintf(head, sizeof(head), "secret %s %s", names[n], scope_texts[s]);
			len += put_section(out + len, cap - len, head, true);
		}
	}
	assert_true(len < cap);
}

/* --- one edit ---------------------------------------------------------------------------------------- */

enum verb { DENY, ALLOW, DISALLOW };

struct edit {
	size_t scope, name;
	const char *subject;
	enum verb verb;
	int r;
	bool had_list; /* an allow list stood for the secret before */
};

static bool is_subject(const char *subject, const struct caller *c)
{
	unsigned id =
		(unsigned)strtoul(strchr(subject, ':') ? strchr(subject, ':') + 1 : "0", NULL, 10);

	if (strcmp(subject, "*") == 0)
		return true;
	if (strcmp(subject, "user:root") == 0)
		return c->uid == 0;
	if (subject[0] == 'u')
		return c->uid == id;
	for (size_t i = 0; i < c->ngroups; i++)
		if (c->groups[i] == id)
			return true;
	return c->gid == id;
}

static void apply(const char *path, const char *before, struct edit *e, char *after, size_t cap)
{
	struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
	struct policy *p POLICY_CLEANUP = NULL;
	const struct scope scope = scope_at_index(e->scope);
	struct policy_access a;
	struct policy_error err = {0};
	char section[64];
	unsigned line = 0;
	FILE *f;
	size_t len;

	(void)remove(path); /* truncated, some file systems would write it out at once */
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(before, f) >= 0 && fclose(f) == 0);
	assert_int_equal(policy_edit_open(path, &ed, &err), 0);
	assert_int_equal(policy_parse(before, strlen(before), &p, &err), 0);
	policy_access(p, &scope, names[e->name], NULL, &a);
	e->had_list = a.allow != NULL;
	snprintf(section, sizeof(section), "secret %s %s", names[e->name], scope_texts[e->scope]);
	if (e->verb == DENY)
		e->r = policy_edit_list(ed, section, "deny", e->subject, true);
	else if (e->verb == ALLOW)
		e->r = policy_edit_allow(ed, section, e->subject, &line);
	else
		e->r = policy_edit_disallow(ed, section, e->subject);
	assert_true(e->r == 0 || (e->verb != DENY && e->r == ERR_EXIST) ||
		    (e->verb == ALLOW && e->r == ERR_DENIED && line > 0));
	snprintf(after, cap, "%s", policy_edit_text(ed, &len));
	if (e->r)
		assert_string_equal(before, after);
}

static void check(const struct edit *e, const bool was[static WORLD], const bool is[static WORLD],
		  const char *before, const char *after)
{
	const char *wrong = NULL;
	size_t at = 0;

	for (size_t s = 0; s < N(scope_texts); s++)
		for (size_t n = 0; n < N(names) * N(mounts); n++)
			for (size_t i = 0; i < CALLERS; i++, at++) {
				const struct caller c = caller_at(i);
				bool mine = s == e->scope && n / N(mounts) == e->name;
				bool subject = is_subject(e->subject, &c);

				if (!mine && was[at] != is[at])
					wrong = "another secret";
				if (is[at] && !was[at] && !(e->verb == ALLOW && subject))
					wrong = "somebody else was let in";
				if (mine && e->verb == DENY && subject && is[at])
					wrong = "denied, and let in";
				if (mine && e->verb == DENY && !subject && was[at] != is[at])
					wrong = "denied with the one who was meant";
				if (e->verb == ALLOW && e->had_list && was[at] && !is[at])
					wrong = "one whom a list let in was lost";
				if (wrong)
					fail_msg(
						"%s: %s, verb %d, secret %s %s, uid %u gid %u\n%s\n"
						"---- after\n%s",
						wrong, e->subject, e->verb, names[e->name],
						scope_texts[e->scope], c.uid, c.gid, before, after);
			}
}

static void test_edits_keep_their_word(void **state)
{
	static bool was[WORLD], is[WORLD];
	static char before[16384], after[20000];
	size_t done[3] = {0}, refused = 0;

	(void)state;
	for (seed = 1; seed <= ROUNDS;) {
		unsigned round = seed;
		struct edit e;

		random_policy(before, sizeof(before));
		e = (struct edit){below(N(scope_texts)),
				  below(N(names)),
				  one(subjects, N(subjects)),
				  (enum verb)below(3),
				  0,
				  false};
		apply("policy.ini", before, &e, after, sizeof(after));
		judge(before, was);
		judge(after, is);
		check(&e, was, is, before, after);
		done[e.verb] += e.r == 0;
		refused += e.r != 0;
		seed = round + 1;
	}
	assert_true(done[DENY] > ROUNDS / 5 && done[ALLOW] > ROUNDS / 10 &&
		    done[DISALLOW] > ROUNDS / 10 && refused > ROUNDS / 50);
	print_message("# %zu denials, %zu permissions, %zu taken back, %zu refused\n", done[DENY],
		      done[ALLOW], done[DISALLOW], refused);
}

/* After allow X, X gets in, unless a deny list names X otherwise: by another of its ids. */
static void test_who_is_allowed_gets_in(void **state)
{
	static bool is[WORLD];
	static char before[16384], after[20000];

	(void)state;
	for (seed = 1; seed <= ROUNDS;) {
		unsigned round = seed;
		struct edit e = {below(N(scope_texts)),
				 below(N(names)),
				 one(subjects, N(subjects)),
				 ALLOW,
				 0,
				 false};
		struct policy *p POLICY_CLEANUP = NULL;
		const struct scope scope = scope_at_index(e.scope);
		struct policy_access a;
		unsigned id;

		random_policy(before, sizeof(before));
		apply("policy.ini", before, &e, after, sizeof(after));
		seed = round + 1;
		if (e.r)
			continue;
		judge(after, is);
		assert_int_equal(policy_parse(after, strlen(after), &p, NULL), 0);
		policy_access(p, &scope, names[e.name], NULL, &a);
		/* one who is nothing but X; where a deny list names X itself, allow must refuse */
		id = (unsigned)strtoul(e.subject + strcspn(e.subject, "0123456789"), NULL, 10);
		if (policy_decide(&a, e.subject[0] == 'u' ? id : 99, e.subject[0] == 'g' ? id : 99,
				  gids, 0)
			    .answer != POLICY_ALLOW)
			fail_msg("%s is not in\n%s\n---- after\n%s", e.subject, before, after);
		a.allow = NULL;
		a.mode = 0444; /* what is left to keep anybody out is deny */
		for (size_t i = 0; i < CALLERS; i++) {
			const struct caller c = caller_at(i);
			size_t at = (e.scope * N(names) + e.name) * N(mounts) * CALLERS + i;
			bool denied = policy_decide(&a, c.uid, c.gid, c.groups, c.ngroups).answer ==
				      POLICY_DENY;

			if (is_subject(e.subject, &c) && is[at] == denied)
				fail_msg("%s is %s\n%s\n---- after\n%s", e.subject,
					 denied ? "in though denied" : "not in", before, after);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits_keep_their_word),
		cmocka_unit_test(test_who_is_allowed_gets_in),
	};

	int r;

	scratch_enter();
	r = cmocka_run_group_tests_name("policy_properties", tests, NULL, NULL);
	scratch_leave();
	return r;
}
