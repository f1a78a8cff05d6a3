/* SPDX-License-Identifier: ISC */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "policy.h"

#define DECLARED "[project p]\n[project q]\n[domain d]\n[domain e]\n" /* four lines */

/* A policy that must load. */
static struct policy *parse(const char *text)
{
	struct policy_error e = {0};
	struct policy *p = NULL;
	int r = policy_parse(text, strlen(text), &p, &e);

	if (r)
		fail_msg("line %u: %s", e.line, e.text);
	return p;
}

/* strcat that knows the room there is. */
static void append(char *text, size_t cap, const char *more)
{
	size_t len = strlen(text), n = strlen(more);

	assert_true(len + n < cap);
	memcpy(text + len, more, n + 1);
}

static struct scope scope_of(const char *project, const char *domain)
{
	struct scope s;

	assert_int_equal(scope_set(&s, project, domain), 0);
	return s;
}

static void test_model(void **state)
{
	struct policy *p POLICY_CLEANUP =
		parse("# a comment\n"
		      "[project FlyteSnacks]\n"
		      "  ; an indented comment\n"
		      "[domain development]\n"
		      "\n"
		      "[  writer   CI-1 ]\n"
		      "project = flytesnacks\n"
		      "key=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n"
		      "[writer org]\n"
		      "[mount /etc/flyte/secrets]\n"
		      "project = FLYTESNACKS\n"
		      "domain\t=\tdevelopment\n"
		      "bundle = /etc/my bundles/b\n"
		      "owner = daemon\n"
		      "mode = 0440\n"
		      "[mount /srv/org]\n");
	const struct policy_mount *m;

	(void)state;
	assert_string_equal(policy_project(p, 0), "flytesnacks");
	assert_null(policy_project(p, 1));
	assert_string_equal(policy_domain(p, 0), "development");
	assert_null(policy_domain(p, 1));
	assert_true(policy_has_project(p, "FLYTEsnacks"));
	assert_false(policy_has_project(p, "development"));
	assert_false(policy_has_project(p, ""));
	assert_true(policy_has_domain(p, "Development"));
	assert_false(policy_has_domain(p, "../x"));
	assert_string_equal(policy_writer(p, 0)->name, "CI-1");
	assert_string_equal(policy_writer(p, 0)->scope.project, "flytesnacks");
	assert_string_equal(policy_writer(p, 0)->scope.domain, "");
	assert_int_equal(strlen(policy_writer(p, 0)->key), 64);
	assert_string_equal(policy_writer(p, 1)->key, "");
	assert_null(policy_writer(p, 2));
	m = policy_mount_at(p, "/etc/flyte/secrets");
	assert_ptr_equal(m, policy_mount(p, 0));
	assert_string_equal(m->scope.project, "flytesnacks");
	assert_string_equal(m->bundle, "/etc/my bundles/b");
	assert_true(m->has_owner && m->has_mode);
	assert_int_equal(m->owner, 1);
	assert_int_equal(m->mode, 0440);
	assert_int_equal(m->line, 10);
	assert_false(policy_mount(p, 1)->has_owner);
	assert_null(policy_mount_at(p, "/etc/flyte"));
	assert_null(policy_mount(p, 2));
}

static void test_empty(void **state)
{
	static const char *const texts[] = {"", "\n", "# only\n", "# no newline", "[default]"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct policy *p POLICY_CLEANUP = parse(texts[i]);

		assert_null(policy_project(p, 0));
	}
}

static void test_starter(void **state)
{
	struct policy *p POLICY_CLEANUP = parse(policy_starter);

	(void)state;
	assert_string_equal(policy_project(p, 0), "flytesnacks");
	assert_string_equal(policy_domain(p, 0), "development");
	assert_string_equal(policy_domain(p, 1), "staging");
	assert_string_equal(policy_domain(p, 2), "production");
	assert_null(policy_domain(p, 3));
}

/* What the starter shows in comments is right as well. */
static void test_starter_examples(void **state)
{
	char *text = strdup(policy_starter), *out = text;

	(void)state;
	assert_non_null(text);
	for (const char *s = policy_starter; *s;) {
		size_t n = strcspn(s, "\n") + 1;
		const char *from = s;

		if (strncmp(s, "# [", 3) == 0 ||
		    (strncmp(s, "# ", 2) == 0 && memmem(s, n, " = ", 3)))
			from = s + 2;
		else if (strncmp(s, "#\t", 2) == 0)
			from = s + 1;
		memmove(out, from, (size_t)(s + n - from));
		out += s + n - from;
		s += n;
	}
	*out = '\0';
	struct policy *p POLICY_CLEANUP = parse(text);
	assert_int_equal(policy_mount(p, 0)->owner, 1000);
	free(text);
}

#define X64 "0123456789012345678901234567890123456789012345678901234567890123"

static const struct bad {
	const char *text;
	unsigned line;
	const char *says;
} bad[] = {
	/* lines */
	{"key = v\n", 1, "before the first"},
	{"[default]\nmode\n", 2, "neither"},
	{"[default]\nmode: 0400\n", 2, "neither"},
	{"[default]\n= 0400\n", 2, "neither"},
	{"[default]\nMode = 0400\n", 2, "neither"},
	{"[default]\nmode = 0400 ; why\n", 2, "line of its own"},
	{"[default]\nmode = 0400 # why\n", 2, "line of its own"},
	{"[default]\nmode =;0400\n", 2, "not an octal"},
	{"[default]\r\n", 1, "carriage return"},
	{"# x\r\n", 1, "carriage return"},
	{"[default]\nallow = uid:1\v\n", 2, "control"},
	{"# \033[2J\n", 1, "control"},
	{"\xef\xbb\xbf[default]\n", 1, "byte order"},
	{"[default]\n\tmode = 0400\n", 2, "indented"},
	{"[default]\nallow = uid:1\n mode = 0400\n", 3, "indented"},
	{"[default]\nallow = uid:1\n\n uid:2\n", 4, "indented"},
	{"[default]\nallow = uid:1\n [secret x]\n", 3, "indented"},
	{"[default]\nmode = 0400\n uid:2\n", 3, "one line"},
	{"[default]\nallow = uid:1\n[secret k]\n uid:2\n", 4, "indented"},
	{"[default]\nallow = " X64 X64 X64 "\n", 2, "bytes"},
	{"# " X64 X64 X64 X64 "\n", 1, "bytes"},
	/* sections */
	{"[default\n", 1, "alone on its line"},
	{"[default] x\n", 1, "alone on its line"},
	{"[]\n", 1, "no text"},
	{"[ ]\n", 1, "no text"},
	{"[a]b]\n", 1, "none of"},
	{"[secret a;b]\n", 1, "none of"},
	{"[Default]\n", 1, "unknown section"},
	{"[nonsense x]\n", 1, "unknown section"},
	{"[defaults]\n", 1, "unknown section"},
	{"[default x]\n", 1, "nothing behind"},
	{"[project]\n", 1, "name"},
	{"[project a/b]\n", 1, "name"},
	{"[project .a]\n", 1, "name"},
	{"[project a b]\n", 1, "name"},
	{"[project *]\n", 1, "name"},
	{"[project " X64 "]\n", 1, "name"},
	{"[project \xc3\xa9]\n", 1, "name"},
	{"[writer a/b]\n", 1, "writer name"},
	{"[mount etc]\n", 1, "absolute"},
	{"[mount /]\n", 1, "absolute"},
	{"[mount /a/]\n", 1, "path"},
	{"[mount /a//b]\n", 1, "path"},
	{"[mount /a/../b]\n", 1, "path"},
	{"[mount /a/.]\n", 1, "path"},
	{"[mount /a b]\n", 1, "blanks"},
	{"[scope]\n", 1, "scope organization"},
	{"[scope everything]\n", 1, "a scope is"},
	{"[scope project=]\n", 1, "a scope is"},
	{DECLARED "[scope project=p project=q]\n", 5, "at most"},
	{DECLARED "[scope project=p domain=d organization]\n", 5, "a scope is"},
	{DECLARED "[scope project=p/q]\n", 5, "name"},
	{DECLARED "[scope project = p]\n", 5, "a scope is"},
	{DECLARED "[scope project=x]\n", 5, "project x is not declared"},
	{DECLARED "[scope domain=p]\n", 5, "domain p is not declared"},
	{DECLARED "[secret k project=p domain=x]\n", 5, "domain x is not declared"},
	{"[secret]\n", 1, "secret name"},
	{"[secret a/b/c/d]\n", 1, "secret name"},
	{"[secret ../x]\n", 1, "secret name"},
	{"[secret a/]\n", 1, "secret name"},
	{"[secret *]\n", 1, "secret name"},
	{"[secret k org]\n", 1, "a scope is"},
	/* twice */
	{"[project a]\n[project A]\n", 2, "line 1"},
	{"[default]\n\n[ default ]\n", 3, "line 1"},
	{"[secret a/b]\n[secret A/B]\n", 2, "line 1"},
	{DECLARED "[scope project=p domain=d]\n[scope domain=D project=P]\n", 6, "line 5"},
	{DECLARED "[secret k organization]\n[secret K organization]\n", 6, "line 5"},
	{"[mount /a]\n[mount /a]\n", 2, "line 1"},
	{"[writer a]\n[writer A]\n", 2, "line 1"},
	{"[default]\nmode = 0400\nmode = 0400\n", 3, "twice"},
	{"[default]\nallow = uid:1\ndeny = uid:2\nallow = uid:3\n", 4, "twice"},
	/* keys */
	{"[default]\nmodes = 0400\n", 2, "unknown key"},
	{"[default]\nallowallowallowallowallowallowallowallowallow = uid:1\n", 2, "that long"},
	{"[default]\nproject = p\n", 2, "no key project"},
	{"[project p]\nmode = 0400\n", 2, "no key mode"},
	{"[mount /a]\nallow = uid:1\n", 2, "no key allow"},
	{"[mount /a]\nkey = 00\n", 2, "no key key"},
	{"[writer w]\nowner = 0\n", 2, "no key owner"},
	/* values */
	{"[default]\nmode = 0644\n", 2, "write bits"},
	{"[default]\nmode = 0555\n", 2, "execute bits"},
	{"[default]\nmode = 4400\n", 2, "more than"},
	{"[default]\nmode = 0480\n", 2, "octal"},
	{"[default]\nmode = 00400\n", 2, "octal"},
	{"[default]\nmode = 0x100\n", 2, "octal"},
	{"[default]\nmode = u=r\n", 2, "octal"},
	{"[default]\nmode =\n", 2, "octal"},
	{"[default]\nowner = nosuchuser-\n", 2, "owner: no such user: nosuchuser-"},
	{"[default]\nowner = group:root\n", 2, "not a valid"},
	{"[default]\nowner = *\n", 2, "no such user"},
	{"[default]\nowner = 1-2\n", 2, "range"},
	{"[default]\nowner = -1\n", 2, "not a valid"},
	{"[default]\nowner =\n", 2, "number"},
	{"[default]\ngroup = nosuchgroup-\n", 2, "no such group"},
	{"[default]\ngroup = 4294967295\n", 2, "number"},
	{"[default]\nallow = alice\n", 2, "not one of"},
	{"[default]\nallow = user:nosuchuser-\n", 2, "no such user"},
	{"[default]\nallow = group:nosuchgroup-\n", 2, "allow: no such group: nosuchgroup-"},
	{"[default]\nallow = uid:\n", 2, "number"},
	{"[default]\nallow = uid:x\n", 2, "number"},
	{"[default]\nallow = uid:010\n", 2, "number"},
	{"[default]\nallow = uid:-1\n", 2, "number"},
	{"[default]\nallow = uid:4294967295\n", 2, "number"},
	{"[default]\nallow = uid:99999999999999999999999\n", 2, "number"},
	{"[default]\nallow = uid:5-4\n", 2, "ascending"},
	{"[default]\nallow = uid:5-\n", 2, "range"},
	{"[default]\nallow = uid:1-2-3\n", 2, "ascending"},
	{"[default]\nallow = uid:*\n", 2, "number"},
	{"[default]\nallow = **\n", 2, "not one of"},
	{"[default]\nallow = uid:1;uid:2\n", 2, "ascending"},
	{"[default]\nallow = uid:1,,uid:2\n", 2, "comma"},
	{"[default]\nallow = ,uid:1\n", 2, "comma"},
	{"[default]\nallow = uid:1,\n\tuid:2\n\tnonsense\n", 4, "not one of"},
	{"[writer w]\nkey = 00\n", 2, "public key"},
	{"[writer w]\nproject = nope\n", 2, "not declared"},
	{"[writer w]\nproject =\n", 2, "project name"},
	{"[mount /a]\nbundle = b\n", 2, "absolute"},
	{DECLARED "[mount /a]\nproject = p\n", 5, "a mount is for"},
	{DECLARED "[mount /a]\ndomain = d\n", 5, "a mount is for"},
	{DECLARED "[mount /a]\nproject = p\n# x\ndomain = x\n", 8, "domain x"},
	{DECLARED "[mount /a]\nproject = p\ndomain = d/e\n", 7, "domain name"},
};

static void test_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct policy_error e = {.line = 999};
		struct policy *p = NULL;
		int r = policy_parse(bad[i].text, strlen(bad[i].text), &p, &e);

		if (r != ERR_FORMAT || e.line != bad[i].line || !strstr(e.text, bad[i].says))
			fail_msg("%s\n-> %d, line %u: %s; not line %u: %s", bad[i].text, r, e.line,
				 e.text, bad[i].line, bad[i].says);
		assert_null(p);
		assert_int_equal(policy_parse(bad[i].text, strlen(bad[i].text), &p, NULL),
				 ERR_FORMAT);
	}
}

static void test_nul(void **state)
{
	static const char text[] = "[default]\nallow = uid:1\0\ndeny = *\n";
	struct policy_error e;
	struct policy *p;

	(void)state;
	assert_int_equal(policy_parse(text, sizeof(text) - 1, &p, &e), ERR_FORMAT);
	assert_int_equal(e.line, 2);
	assert_non_null(strstr(e.text, "NUL"));
}

/* inih takes what stands behind the 199th byte of a line for a line of its own. */
static void test_long_line_injects_nothing(void **state)
{
	char text[1024] = "[default]\ndeny = *\n# ";
	struct policy_error e;
	struct policy *p;

	(void)state;
	memset(text + strlen(text), 'x', 197);
	append(text, sizeof(text), "[secret k]\n");
	assert_int_equal(policy_parse(text, strlen(text), &p, &e), ERR_FORMAT);
	assert_int_equal(e.line, 3);
	assert_non_null(strstr(e.text, "209 bytes"));
}

/* And a section's name of more than 49 bytes is cut by inih. */
static void test_long_section(void **state)
{
	struct policy *p POLICY_CLEANUP = parse(
		DECLARED "[secret group/version/" X64 "-one project=p domain=d]\nallow = uid:1\n"
			 "[secret group/version/" X64 "-two project=p domain=d]\nallow = uid:2\n");
	struct scope s = scope_of("p", "d");
	struct policy_access a;

	(void)state;
	policy_access(p, &s, "group/version/" X64 "-one", NULL, &a);
	assert_int_equal(policy_decide(&a, 1, 1, NULL, 0).answer, POLICY_ALLOW);
	assert_int_equal(policy_decide(&a, 2, 2, NULL, 0).answer, POLICY_DENY);
	policy_access(p, &s, "GROUP/version/" X64 "-two", NULL, &a);
	assert_int_equal(policy_decide(&a, 2, 2, NULL, 0).answer, POLICY_ALLOW);
}

static void test_full_lines(void **state)
{
	char text[1024] = "[default]\nallow = uid:1,";
	size_t start = strlen("[default]\n");
	struct policy_error e;
	struct policy *p;

	(void)state;
	memset(text + strlen(text), ' ', start + 199 - strlen(text));
	text[start + 194] = '\0';
	append(text, sizeof(text), "uid:2\nmode = 0444\n");
	p = parse(text);
	policy_free(p);
	/* One byte more. */
	memmove(text + start + 1, text + start, strlen(text + start) + 1);
	assert_int_equal(policy_parse(text, strlen(text), &p, &e), ERR_FORMAT);
}

/* Specificity */

static const char specific[] = DECLARED
	"[default]\nmode = 0000\nowner = 10\ngroup = 20\nallow = uid:1\n"		   /* 5 */
	"[mount /m]\nproject = p\ndomain = d\nowner = 11\nmode = 0004\n"		   /* 10 */
	"[mount /o]\nproject = q\ndomain = d\n"						   /* 15 */
	"[scope organization]\nallow = uid:2\n"						   /* 18 */
	"[scope project=p]\nmode = 0040\n"						   /* 20 */
	"[scope domain=d]\nowner = 12\ndeny = uid:9\n"					   /* 22 */
	"[scope project=p domain=d]\nmode = 0044\nowner = 13\ngroup = 21\nallow = uid:3\n" /* 25 */
	"[secret K]\nmode = 0400\n"							   /* 30 */
	"[secret k project=p domain=d]\nmode = 0440\n"					   /* 32 */
	"[secret g/L organization]\nallow =\n"						   /* 34 */
	"[secret g/l domain=d]\ndeny = *\n"						   /* 36 */
	"[secret g/l]\nallow = uid:4\ngroup = 22\n";					   /* 38 */

static const struct specific_case {
	const char *project, *domain, *name, *mount;
	mode_t mode;
	uid_t owner;
	gid_t group;
	unsigned line, mode_line;
} cases[] = {
	{"", "", "x", NULL, 0000, 10, 20, 18, 5},
	{"", "", "x", "/m", 0004, 11, 20, 18, 10},
	{"", "", "x", "/o", 0000, 10, 20, 18, 5},
	{"p", "", "x", "/m", 0040, 11, 20, 5, 20},
	{"", "d", "x", "/m", 0004, 12, 20, 5, 10},
	{"q", "", "x", "/m", 0004, 11, 20, 5, 10},
	{"p", "e", "x", NULL, 0000, 10, 20, 5, 5},
	{"p", "d", "x", "/m", 0044, 13, 21, 25, 25},
	{"", "", "k", "/m", 0400, 11, 20, 18, 30},
	{"p", "", "k", "/m", 0400, 11, 20, 5, 30},
	{"P", "D", "k", "/m", 0440, 13, 21, 25, 32},
	{"p", "d", "K", NULL, 0440, 13, 21, 25, 32},
	{"q", "d", "k", NULL, 0400, 10, 20, 5, 30},
	{"", "", "G/L", NULL, 0000, 10, 22, 34, 5},
	{"", "d", "g/l", NULL, 0000, 12, 22, 38, 5},
	{"p", "d", "g/l", NULL, 0044, 13, 22, 38, 25},
	{"p", "d", "g", NULL, 0044, 13, 21, 25, 25},
	{"p", "d", "g/l/x", NULL, 0044, 13, 21, 25, 25},
};

static void test_specificity(void **state)
{
	struct policy *p POLICY_CLEANUP = parse(specific);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct specific_case *c = &cases[i];
		struct scope s = scope_of(c->project, c->domain);
		const struct policy_mount *m = c->mount ? policy_mount_at(p, c->mount) : NULL;
		struct policy_access a;

		policy_access(p, &s, c->name, m, &a);
		if (a.mode != c->mode || a.owner != c->owner || a.group != c->group ||
		    a.line != c->line || a.mode_line != c->mode_line)
			fail_msg("%s/%s/%s: mode %o owner %u group %u line %u mode_line %u",
				 c->project, c->domain, c->name, a.mode, a.owner, a.group, a.line,
				 a.mode_line);
	}
}

static void test_no_policy_for_it(void **state)
{
	struct policy *p POLICY_CLEANUP = parse("");
	struct scope s = scope_of(NULL, NULL);
	struct policy_access a;
	char name[400];

	(void)state;
	policy_access(p, &s, "k", NULL, &a);
	assert_int_equal(a.mode, 0400);
	assert_int_equal(a.owner, 0);
	assert_int_equal(a.group, 0);
	assert_null(a.allow);
	assert_int_equal(a.ndeny, 0);
	assert_int_equal(a.line, 0);
	/* A name that can be none is nobody's. */
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	policy_access(p, &s, name, NULL, &a);
	assert_int_equal(policy_decide(&a, 0, 0, NULL, 0).answer, POLICY_DENY);
}

/* Decisions: answers of a policy with one section [default]. */

#define ALL_GROUPS                                                                                 \
	{                                                                                          \
		30, 31, 40                                                                         \
	}
static const struct decision_case {
	const char *keys;
	uid_t uid;
	gid_t gid;
	enum policy_answer answer;  /* with the groups 30, 31 and 40 */
	enum policy_answer unknown; /* with no groups known */
	const char *reason;
} decisions[] = {
	{"", 0, 0, POLICY_ALLOW, POLICY_ALLOW, "root"},
	{"", 1, 1, POLICY_DENY, POLICY_DENY, "neither owner nor group"},
	{"owner = 1\n", 1, 1, POLICY_ALLOW, POLICY_ALLOW, "owner"},
	{"owner = 1\nmode = 0044\n", 1, 1, POLICY_DENY, POLICY_DENY, "mode refuses the owner"},
	{"mode = 0000\n", 0, 0, POLICY_ALLOW, POLICY_ALLOW, "root"},
	{"mode = 0440\ngroup = 7\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "group"},
	{"mode = 0440\ngroup = 31\n", 5, 7, POLICY_ALLOW, POLICY_ASK_GROUPS, "group"},
	{"mode = 0440\ngroup = 32\n", 5, 7, POLICY_DENY, POLICY_ASK_GROUPS,
	 "neither owner nor group"},
	{"mode = 0444\ngroup = 31\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "group"},
	{"mode = 0404\ngroup = 31\n", 5, 7, POLICY_DENY, POLICY_ASK_GROUPS,
	 "mode refuses the group"},
	{"mode = 0404\ngroup = 7\n", 5, 7, POLICY_DENY, POLICY_DENY, "mode refuses the group"},
	{"mode = 0404\ngroup = 32\n", 5, 7, POLICY_ALLOW, POLICY_ASK_GROUPS, "others"},
	{"allow = uid:5\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "allowed by uid"},
	{"allow = 5\nmode = 0000\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "allowed by uid"},
	{"allow = uid:5\n", 0, 0, POLICY_DENY, POLICY_DENY, "not in allow"},
	{"allow = uid:5\nmode = 0444\n", 6, 7, POLICY_DENY, POLICY_DENY, "not in allow"},
	{"allow = user:root\n", 0, 0, POLICY_ALLOW, POLICY_ALLOW, "allowed by uid"},
	{"allow = uid:1000-1999\n", 1999, 7, POLICY_ALLOW, POLICY_ALLOW, "allowed by uid"},
	{"allow = uid:1000-1999\n", 2000, 7, POLICY_DENY, POLICY_DENY, "not in allow"},
	{"allow = gid:7\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "allowed by gid"},
	{"allow = gid:7\n", 7, 5, POLICY_DENY, POLICY_ASK_GROUPS, "not in allow"},
	{"allow = gid:39-41\n", 5, 7, POLICY_ALLOW, POLICY_ASK_GROUPS, "allowed by gid"},
	{"allow = group:root\n", 5, 0, POLICY_ALLOW, POLICY_ALLOW, "allowed by gid"},
	{"allow = *\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "allowed to all"},
	{"allow =\nmode = 0444\n", 0, 0, POLICY_DENY, POLICY_DENY, "not in allow"},
	{"deny =\nmode = 0444\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "others"},
	{"allow = *\ndeny = uid:5\n", 5, 7, POLICY_DENY, POLICY_DENY, "denied by uid"},
	{"allow = uid:5\ndeny = uid:5\n", 5, 7, POLICY_DENY, POLICY_DENY, "denied by uid"},
	{"allow = uid:5\ndeny = gid:40\n", 5, 7, POLICY_DENY, POLICY_ASK_GROUPS, "denied by gid"},
	{"allow = uid:5\ndeny = gid:41\n", 5, 7, POLICY_ALLOW, POLICY_ASK_GROUPS, "allowed by uid"},
	{"allow = uid:6\ndeny = gid:40\n", 5, 7, POLICY_DENY, POLICY_DENY, "denied by gid"},
	{"allow = gid:30\ndeny = gid:40\n", 5, 7, POLICY_DENY, POLICY_ASK_GROUPS, "denied by gid"},
	{"deny = *\nallow = *\n", 0, 0, POLICY_DENY, POLICY_DENY, "denied to all"},
	{"deny = uid:0\n", 0, 0, POLICY_DENY, POLICY_DENY, "denied by uid"},
	{"deny = gid:7\nowner = 5\n", 5, 7, POLICY_DENY, POLICY_DENY, "denied by gid"},
	{"deny = uid:6\nowner = 5\n", 5, 7, POLICY_ALLOW, POLICY_ALLOW, "owner"},
	{"allow = uid:9 uid:1,uid:5-7\n\tuid:6-8,\n\tuid:3\n", 8, 7, POLICY_ALLOW, POLICY_ALLOW,
	 "allowed by uid"},
	{"allow = uid:9 uid:1,uid:5-7\n\tuid:6-8,\n# between\n\tuid:3\n", 4, 7, POLICY_DENY,
	 POLICY_DENY, "not in allow"},
};

static void test_decisions(void **state)
{
	static const gid_t groups[] = ALL_GROUPS;
	struct scope s = scope_of(NULL, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
		const struct decision_case *c = &decisions[i];
		struct policy_decision known, unknown;
		struct policy_access a;
		char text[256];

		assert_true((size_t)snprintf(text, sizeof(text), "[default]\n%s", c->keys) <
			    sizeof(text));
		struct policy *p POLICY_CLEANUP = parse(text);

		policy_access(p, &s, "k", NULL, &a);
		known = policy_decide(&a, c->uid, c->gid, groups, 3);
		unknown = policy_decide(&a, c->uid, c->gid, NULL, 0);
		if (known.answer != c->answer || unknown.answer != c->unknown ||
		    strcmp(known.reason, c->reason) != 0)
			fail_msg("%suid %u gid %u: %d %s, without groups %d", text, c->uid, c->gid,
				 known.answer, known.reason, unknown.answer);
	}
}

/* A list of any order, overlaps included, holds what its items say. */
static void test_lists(void **state)
{
	struct scope s = scope_of(NULL, NULL);
	unsigned seed = 7;

	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		char text[4096] = "[default]\nallow =\n";
		bool in[64] = {false};
		struct policy_access a;

		for (unsigned n = round % 12; n > 0; n--) {
			unsigned lo = (unsigned)rand_r(&seed) % 60;
			unsigned hi = lo + (unsigned)rand_r(&seed) % 4;
			char item[40];

			(void)snprintf(item, sizeof(item), "\tuid:%u-%u\n", lo, hi);
			append(text, sizeof(text), item);
			for (unsigned i = lo; i <= hi; i++)
				in[i] = true;
		}
		struct policy *p POLICY_CLEANUP = parse(text);

		policy_access(p, &s, "k", NULL, &a);
		for (unsigned i = 0; i < 64; i++)
			assert_int_equal(policy_decide(&a, i, 99, NULL, 0).answer,
					 in[i] ? POLICY_ALLOW : POLICY_DENY);
	}
}

/* 10,000 sections: as fast as a few. */
static void test_speed(void **state)
{
	const unsigned n = 10000, rounds = 200000;
	char *text = malloc(n * 64 + 200);
	struct scope s = scope_of("p", "d");
	struct timespec t0, t1;
	struct policy_access a;
	size_t len = 0;
	double us;

	(void)state;
	assert_non_null(text);
	len += (size_t)sprintf(text, DECLARED);
	for (unsigned i = 0; i < n; i++)
		len += (size_t)sprintf(text + len, "[secret g/K%u project=p domain=d]\nallow=%u\n",
				       i, i);
	struct policy *p POLICY_CLEANUP = parse(text);

	free(text);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	for (unsigned i = 0; i < rounds; i++) {
		char name[32];

		(void)snprintf(name, sizeof(name), "g/k%u", i % n);
		policy_access(p, &s, name, NULL, &a);
		if (policy_decide(&a, i % n, 1, NULL, 0).answer != POLICY_ALLOW ||
		    policy_decide(&a, i % n + 1, 1, NULL, 0).answer != POLICY_DENY)
			fail();
	}
	clock_gettime(CLOCK_MONOTONIC, &t1);
	us = ((double)(t1.tv_sec - t0.tv_sec) * 1e9 + (double)(t1.tv_nsec - t0.tv_nsec)) / 1e3 /
	     rounds;
	print_message("# policy_access and two decisions, 10,000 sections: %.2f us\n", us);
	assert_true(us < 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_starter),
		cmocka_unit_test(test_starter_examples),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_line_injects_nothing),
		cmocka_unit_test(test_long_section),
		cmocka_unit_test(test_full_lines),
		cmocka_unit_test(test_specificity),
		cmocka_unit_test(test_no_policy_for_it),
		cmocka_unit_test(test_decisions),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_speed),
	};

	return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
