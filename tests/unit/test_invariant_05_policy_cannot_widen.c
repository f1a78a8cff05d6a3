/* SPDX-License-Identifier: ISC */
/*
 * Invariant 5: the policy file cannot widen a scope.  Random policies, against two things they could
 * do: let a mount find or open what is not its bundle's, and let a section about one scope say
 * something about another's secrets.  The mount itself is put to it in tests/e2e.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "policy.h"
#include "value.h"

#define SCOPES 9
#define NAMES 4

static const char *const scopes[SCOPES][2] = {
	{"", ""},
	{"", "development"},
	{"alpha", ""},
	{"alpha", "development"},
	{"", "production"},
	{"beta", ""},
	{"beta", "production"},
	{"alpha", "production"},
	{"beta", "development"},
};
static const char *const names[NAMES] = {"token", "Other", "group/key", "elsewhere"};

/* --- random policies -------------------------------------------------------------------------------- */

static unsigned below(unsigned n)
{
	return randombytes_uniform(n);
}

struct section {
	char text[512];
	int scope; /* index it is about; -1: any */
};

#define SECTIONS 24
#define TEXT_MAX (SECTIONS * 512 + 128)
static const char declared[] = "[project alpha]\n[project beta]\n"
			       "[domain development]\n[domain production]\n";

static void scope_words(int scope, char *out, size_t cap)
{
	if (scope < 0)
		out[0] = '\0';
	else if (scope == 0)
		snprintf(out, cap, " organization");
	else
		snprintf(out, cap, "%s%s%s%s", scopes[scope][0][0] ? " project=" : "",
			 scopes[scope][0], scopes[scope][1][0] ? " domain=" : "", scopes[scope][1]);
}

static void random_section(struct section *s, int scope, const char *name)
{
	static const char *const lines[][4] = {
		{"mode = 0444\n", "mode = 0400\n", "mode = 0440\n", ""},
		{"owner = 0\n", "owner = 1000\n", "", ""},
		{"group = 7\n", "group = 0\n", "", ""},
		{"allow = *\n", "allow = uid:1000\n", "allow = gid:7, uid:2\n", ""},
		{"deny = uid:2\n", "deny = gid:7\n", "", ""},
	};
	char words[128];
	size_t n;

	s->scope = scope;
	scope_words(scope, words, sizeof(words));
	if (name)
		n = (size_t)snprintf(s->text, sizeof(s->text), "[secret %s%s]\n", name, words);
	else if (scope < 0)
		n = (size_t)snprintf(s->text, sizeof(s->text), "[default]\n");
	else
		n = (size_t)snprintf(s->text, sizeof(s->text), "[scope%s]\n", words);
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		n += (size_t)snprintf(s->text + n, sizeof(s->text) - n, "%s", lines[i][below(4)]);
}

static size_t random_sections(struct section *out)
{
	size_t n = 0;

	for (int scope = -1; scope < SCOPES; scope++) {
		if (below(3))
			random_section(&out[n++], scope, NULL);
		if (below(2))
			random_section(&out[n++], scope, names[below(NAMES)]);
	}
	return n;
}

static struct policy *parse_sections(const struct section *s, size_t n, int only)
{
	char text[TEXT_MAX];
	struct policy_error e = {0};
	struct policy *p = NULL;
	size_t len = (size_t)snprintf(text, sizeof(text), "%s", declared);

	for (size_t i = 0; i < n; i++)
		if (only == -2 || s[i].scope == -1 || s[i].scope == only)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", s[i].text);
	if (policy_parse(text, len, &p, &e) < 0) {
		print_error("line %u: %s\n%s", e.line, e.text, text);
		fail();
	}
	return p;
}

/* --- one scope's sections and another's secrets ---------------------------------------------------------- */

static void a_scope_is_judged_by_its_own_sections(void **state)
{
	const struct policy_mount mount = {.path = "/m", .bundle = ""};
	struct section sections[SECTIONS];

	(void)state;
	for (int round = 0; round < 300; round++) {
		size_t n = random_sections(sections);
		struct policy *all = parse_sections(sections, n, -2);

		for (int i = 0; i < SCOPES; i++) {
			struct scope scope = fixture_scope(scopes[i][0], scopes[i][1]);
			struct policy *own = parse_sections(sections, n, i);

			for (int j = 0; j < NAMES; j++) {
				struct policy_access a, b;

				policy_access(all, &scope, names[j], &mount, &a);
				policy_access(own, &scope, names[j], &mount, &b);
				assert_int_equal(a.mode, b.mode);
				assert_int_equal(a.owner, b.owner);
				assert_int_equal(a.group, b.group);
				for (uid_t uid = 0; uid < 1001; uid += uid == 2 ? 998 : 1) {
					gid_t group = 7;

					for (size_t g = 0; g < 2; g++)
						assert_int_equal(
							policy_decide(&a, uid, 5, &group, g).answer,
							policy_decide(&b, uid, 5, &group, g)
								.answer);
				}
			}
			policy_free(own);
		}
		policy_free(all);
	}
}

/* --- a mount's own view ------------------------------------------------------------------------------------ */

/* What a mount shows is made before any policy is read; what it opens, by the bundle's keys alone. */
static void a_view_holds_the_bundles_scopes_only(void **state)
{
	struct fixture *f = *state;
	BUNDLE_CLEANUP struct bundle *b = NULL;
	VIEW_CLEANUP struct view *view = NULL;
	struct load_error e = {0};
	struct load *load;
	char name[32], path[NAME_SIZE];
	uint32_t files = 0;

	for (int i = 0; i < SCOPES; i++) {
		fixture_put(f, scopes[i][0], scopes[i][1], "token", i < 4 ? "ours" : "theirs");
		snprintf(name, sizeof(name), "only/in-%d", i);
		fixture_put(f, scopes[i][0], scopes[i][1], name, i < 4 ? "ours" : "theirs");
	}
	b = fixture_reader(f, "alpha", "development", NULL);
	ok(load_open(f->b, b, NULL, NULL, &load));
	ok(load_view(load, &view, &e));
	assert_int_equal(view_secrets(view), 5);
	for (int i = 0; i < SCOPES; i++) {
		snprintf(name, sizeof(name), "only/in-%d", i);
		assert_int_equal(view_find(view, name) != NULL, i < 4);
	}
	for (uint32_t i = 0; i < view_count(view); i++) {
		const struct view_entry *entry = view_at(view, i);
		SECRET_CLEANUP struct secret *s = NULL;
		const struct view_file *file;
		struct version v = {0};

		if (entry->kind != VIEW_FILE)
			continue;
		file = view_file_of(view, entry);
		memcpy(v.id, file->id, sizeof(v.id));
		v.gen = file->gen;
		v.len = file->len;
		v.set_epoch = file->set_epoch;
		ok(value_get(f->b, b->rings[entry->level], &v, view_path(view, entry, path), &s));
		assert_int_equal(s->len, 4);
		assert_memory_equal(s->data, "ours", 4);
		files++;
	}
	assert_int_equal(files, 5);
	load_close(load);
}

/* --- nonsense ------------------------------------------------------------------------------------------------- */

/* Bytes changed at will: it parses or it does not, and says where. */
static void spoilt(void **state)
{
	struct section sections[SECTIONS];
	size_t taken = 0, refusals = 0;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		char text[TEXT_MAX];
		size_t n = random_sections(sections);
		size_t len = (size_t)snprintf(text, sizeof(text), "%s", declared);
		struct policy_error e = {0};
		struct policy *p = NULL;
		int r;

		for (size_t i = 0; i < n; i++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
						sections[i].text);
		for (unsigned i = below(3); i > 0 && len; i--)
			text[below((unsigned)len)] = "[]=;#\n \t/*\0a"[below(12)];
		r = policy_parse(text, len, &p, &e);
		if (r == 0) {
			taken++;
			policy_free(p);
			continue;
		}
		fails(ERR_FORMAT, r);
		assert_true(e.text[0] != '\0');
		refusals++;
	}
	assert_true(taken > 300 && refusals > 300);
}

#define in_memory(test) cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scope_is_judged_by_its_own_sections),
		in_memory(a_view_holds_the_bundles_scopes_only),
		cmocka_unit_test(spoilt),
	};

	return cmocka_run_group_tests_name("the policy cannot widen a scope", tests, NULL, NULL);
}
