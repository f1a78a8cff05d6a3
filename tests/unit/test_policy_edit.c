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

/* Reading and editing the file. */

#define X64 "0123456789012345678901234567890123456789012345678901234567890123"

static struct scope scope_of(const char *project, const char *domain)
{
	struct scope s;

	assert_int_equal(scope_set(&s, project, domain), 0);
	return s;
}

struct open_file {
	char dir[64];
	char path[96];
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void read_back(const char *path, char *out, size_t cap)
{
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(out, 1, cap - 1, f);
	out[n] = '\0';
	(void)fclose(f);
}

static int setup_file(void **state)
{
	struct open_file *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	(void)snprintf(f->dir, sizeof(f->dir), "/tmp/secretfs-policy.XXXXXX");
	if (!mkdtemp(f->dir)) {
		free(f);
		return -1;
	}
	(void)snprintf(f->path, sizeof(f->path), "%s/policy.ini", f->dir);
	*state = f;
	return 0;
}

static int teardown_file(void **state)
{
	struct open_file *f = *state;

	(void)unlink(f->path);
	if (rmdir(f->dir)) /* a stray temporary file is a fault */
		return -1;
	free(f);
	return 0;
}

static void test_load(void **state)
{
	struct open_file *f = *state;
	struct policy_error e;
	struct policy *p = NULL;

	assert_int_equal(policy_load(f->path, &p, &e), ERR_NOENT);
	assert_int_equal(e.line, 0);
	write_file(f->path, policy_starter);
	assert_int_equal(chmod(f->path, 0644), 0);
	assert_int_equal(policy_load(f->path, &p, &e), 0);
	policy_free(p);
	write_file(f->path, "[project x]\nnope\n");
	assert_int_equal(policy_load(f->path, &p, &e), ERR_FORMAT);
	assert_int_equal(e.line, 2);
	assert_int_equal(policy_load(f->dir, &p, &e), ERR_FORMAT);
	assert_non_null(strstr(e.text, "regular"));
}

static void test_load_fifo(void **state)
{
	struct open_file *f = *state;
	struct policy_error e;
	struct policy *p;

	assert_int_equal(mkfifo(f->path, 0600), 0);
	assert_int_equal(policy_load(f->path, &p, &e), ERR_FORMAT);
}

static void test_load_mode(void **state)
{
	struct open_file *f = *state;
	struct policy_error e;
	struct policy *p = NULL;

	write_file(f->path, policy_starter);
	assert_int_equal(chmod(f->path, 0646), 0);
	assert_int_equal(policy_load(f->path, &p, &e), ERR_MODE);
	assert_non_null(strstr(e.text, "0646"));
	assert_int_equal(chmod(f->path, 0664), 0);
	if (geteuid() == 0) {
		assert_int_equal(policy_load(f->path, &p, &e), ERR_MODE);
		assert_non_null(strstr(e.text, "group"));
	} else {
		assert_int_equal(policy_load(f->path, &p, &e), 0);
		policy_free(p);
	}
}

static void test_load_size(void **state)
{
	struct open_file *f = *state;
	struct policy_error e;
	struct policy *p;

	write_file(f->path, "");
	assert_int_equal(truncate(f->path, POLICY_FILE_MAX + 1), 0);
	assert_int_equal(policy_load(f->path, &p, &e), ERR_TOOBIG);
}

/* Edits */

static const char edited[] = "# first\n"
			     "[project p]\n"
			     "# about d\n"
			     "[domain d]\n"
			     "\n"
			     "[secret K project=p]\n"
			     "# why\n"
			     "allow=uid:1,  uid:2\n"
			     "\t# alice\n"
			     "\tuid:3\n"
			     "mode   =   0400\n"
			     "\n"
			     "# tail of K, head of default\n"
			     "[default]\n"
			     "mode = 0400\n"
			     "# the end";

enum edit_op { SET, UNSET, REMOVE, ADD, TAKE };

static const struct edit_case {
	enum edit_op op;
	const char *section, *key, *value;
	int r;
	const char *from, *to; /* what the text has changed by; NULL: nothing */
} edit_cases[] = {
	{SET, "default", "mode", "0440", 0, "mode = 0400\n# the end", "mode = 0440\n# the end\n"},
	{SET, " secret  k  project=P ", "mode", "0440", 0, "mode   =   0400", "mode   =   0440"},
	{SET, "secret K project=p", "allow", "uid:9", 0,
	 "allow=uid:1,  uid:2\n\t# alice\n\tuid:3\n", "allow=uid:9\n\t# alice\n"},
	{SET, "secret K project=p", "owner", "5", 0, "mode   =   0400\n",
	 "mode   =   0400\nowner = 5\n"},
	{SET, "project q", NULL, NULL, 0, "[project p]\n", "[project p]\n[project q]\n"},
	{SET, "project p", NULL, NULL, 0, NULL, NULL},
	{SET, "secret k2", "allow", "*", 0, "mode   =   0400\n",
	 "mode   =   0400\n\n[secret k2]\nallow = *\n"},
	{SET, "scope  domain=d", "deny", "", 0, "# the end",
	 "# the end\n\n[scope domain=d]\ndeny =\n"},
	{UNSET, "secret K project=p", "allow", NULL, 0, "allow=uid:1,  uid:2\n\t# alice\n\tuid:3\n",
	 "\t# alice\n"},
	{UNSET, "secret K project=p", "mode", NULL, 0, "mode   =   0400\n", ""},
	{UNSET, "secret K project=p", "deny", NULL, ERR_NOENT, NULL, NULL},
	{UNSET, "secret K", "mode", NULL, ERR_NOENT, NULL, NULL},
	{REMOVE, "secret K", NULL, NULL, ERR_NOENT, NULL, NULL},
	{REMOVE, "secret k project=p", NULL, NULL, 0,
	 "[secret K project=p]\n# why\nallow=uid:1,  uid:2\n\t# alice\n\tuid:3\n"
	 "mode   =   0400\n\n",
	 ""},
	{REMOVE, "default", NULL, NULL, 0, "[default]\nmode = 0400\n", ""},
	{REMOVE, "project p", NULL, NULL, 0, "[project p]\n", ""},
	{ADD, "secret K project=p", "allow", "uid:4", 0, "\tuid:3\n", "\tuid:3, uid:4\n"},
	{ADD, "secret K project=p", "allow", "2", 0, NULL, NULL},
	{ADD, "secret K project=p", "deny", "gid:5-6", 0, "mode   =   0400\n",
	 "mode   =   0400\ndeny = gid:5-6\n"},
	{ADD, "default", "allow", "user:root", 0, "mode = 0400\n# the end",
	 "mode = 0400\nallow = user:root\n# the end\n"},
	{TAKE, "secret K project=p", "allow", "uid:1", 0, "uid:1,  uid:2", "uid:2"},
	{TAKE, "secret K project=p", "allow", "2", 0, "uid:1,  uid:2", "uid:1"},
	{TAKE, "secret K project=p", "allow", "uid:3", 0, "\tuid:3\n", ""},
	{TAKE, "secret K project=p", "allow", "uid:4", 0, NULL, NULL},
	{TAKE, "secret K project=p", "deny", "uid:1", 0, NULL, NULL},
	{TAKE, "secret X", "allow", "uid:1", 0, NULL, NULL},
	{TAKE, "secret K project=p", "allow", "uid:2-3", ERR_EXIST, NULL, NULL},
	/* What would not read back as itself. */
	{SET, "default", "mode", "0400\nallow = *", ERR_INVAL, NULL, NULL},
	{SET, "default", "mode", "0400 ; x", ERR_INVAL, NULL, NULL},
	{SET, "default", "mode", " 0400", ERR_INVAL, NULL, NULL},
	{SET, "default", "mode", NULL, ERR_INVAL, NULL, NULL},
	{SET, "default", "mode = 0444\nowner", "5", ERR_INVAL, NULL, NULL},
	{SET, "default]\n[secret k", "mode", "0444", ERR_INVAL, NULL, NULL},
	{SET, "secret a\nb", "mode", "0444", ERR_INVAL, NULL, NULL},
	{SET, "secret a] [b", NULL, NULL, ERR_INVAL, NULL, NULL},
	{SET, "nonsense", NULL, NULL, ERR_INVAL, NULL, NULL},
	{SET, "mount /a", "bundle", "/" X64 X64 X64, ERR_TOOBIG, NULL, NULL},
	{SET, "mount /" X64 X64 X64, NULL, NULL, ERR_TOOBIG, NULL, NULL},
	{ADD, "default", "mode", "uid:1", ERR_INVAL, NULL, NULL},
	{ADD, "default", "allow", "uid:1,*", ERR_INVAL, NULL, NULL},
	{ADD, "default", "allow", "uid:1\n*", ERR_INVAL, NULL, NULL},
	{ADD, "default", "allow", "", ERR_INVAL, NULL, NULL},
	{ADD, "default", "allow", "nonsense", ERR_INVAL, NULL, NULL},
	{ADD, "default", "allow", "user:nosuchuser-", ERR_NOENT, NULL, NULL},
};

static int apply_edit(struct policy_edit *ed, const struct edit_case *c)
{
	switch (c->op) {
	case SET:
		return policy_edit_set(ed, c->section, c->key, c->value);
	case UNSET:
		return policy_edit_unset(ed, c->section, c->key);
	case REMOVE:
		return policy_edit_remove(ed, c->section);
	case ADD:
	case TAKE:
		break;
	}
	return policy_edit_list(ed, c->section, c->key, c->value, c->op == ADD);
}

static void test_edits(void **state)
{
	struct open_file *f = *state;

	for (size_t i = 0; i < sizeof(edit_cases) / sizeof(edit_cases[0]); i++) {
		const struct edit_case *c = &edit_cases[i];
		struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
		struct policy_error e = {0};
		char want[2048];
		const char *at, *got;
		size_t len;
		int r;

		write_file(f->path, edited);
		assert_int_equal(policy_edit_open(f->path, &ed, &e), 0);
		r = apply_edit(ed, c);
		if (c->from) {
			at = strstr(edited, c->from);
			assert_non_null(at);
			(void)snprintf(want, sizeof(want), "%.*s%s%s", (int)(at - edited), edited,
				       c->to, at + strlen(c->from));
		} else {
			(void)snprintf(want, sizeof(want), "%s", edited);
		}
		got = policy_edit_text(ed, &len);
		assert_int_equal(strlen(got), len);
		/* An edit may end the last line. */
		if (r != c->r || (strcmp(got, want) != 0 &&
				  !(len == strlen(want) + 1 && strncmp(got, want, len - 1) == 0 &&
				    got[len - 1] == '\n' && r == 0)))
			fail_msg("case %zu (%s): %d, not %d\n%s", i, c->section, r, c->r, got);
	}
}

static void test_edit_saves(void **state)
{
	struct open_file *f = *state;
	struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
	struct policy_error e;
	struct stat st;
	char got[2048];

	write_file(f->path, edited);
	assert_int_equal(chmod(f->path, 0640), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(f->path, 1, 1), 0);
	assert_int_equal(policy_edit_open(f->path, &ed, &e), 0);
	assert_int_equal(policy_edit_save(ed, &e), 0);
	read_back(f->path, got, sizeof(got));
	assert_string_equal(got, edited);
	assert_int_equal(policy_edit_set(ed, "default", "mode", "0444"), 0);
	assert_int_equal(policy_edit_save(ed, &e), 0);
	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	if (geteuid() == 0)
		assert_true(st.st_uid == 1 && st.st_gid == 1);
	/* And again, from what is saved now. */
	assert_int_equal(policy_edit_set(ed, "default", "mode", "0400"), 0);
	assert_int_equal(policy_edit_save(ed, &e), 0);
	read_back(f->path, got, sizeof(got));
	assert_int_equal(strncmp(got, edited, strlen(edited)), 0);
}

static void test_edit_saves_through_a_link(void **state)
{
	struct open_file *f = *state;
	struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
	struct policy_error e;
	struct stat st;
	char link[128], got[2048];

	(void)snprintf(link, sizeof(link), "%s/link", f->dir);
	write_file(f->path, edited);
	assert_int_equal(symlink(f->path, link), 0);
	assert_int_equal(policy_edit_open(link, &ed, &e), 0);
	assert_int_equal(policy_edit_set(ed, "default", "mode", "0444"), 0);
	assert_int_equal(policy_edit_save(ed, &e), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	read_back(f->path, got, sizeof(got));
	assert_non_null(strstr(got, "mode = 0444"));
	assert_int_equal(unlink(link), 0);
}

static void test_edit_refuses_what_does_not_load(void **state)
{
	struct open_file *f = *state;
	struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
	struct policy_error e;
	char got[2048];

	write_file(f->path, edited);
	assert_int_equal(policy_edit_open(f->path, &ed, &e), 0);
	assert_int_equal(policy_edit_set(ed, "default", "mode", "0666"), 0);
	assert_int_equal(policy_edit_save(ed, &e), ERR_FORMAT);
	assert_int_equal(e.line, 15);
	read_back(f->path, got, sizeof(got));
	assert_string_equal(got, edited);
	/* A project that something refers to stays declared. */
	assert_int_equal(policy_edit_set(ed, "default", "mode", "0400"), 0);
	assert_int_equal(policy_edit_remove(ed, "project p"), 0);
	assert_int_equal(policy_edit_save(ed, &e), ERR_FORMAT);
	assert_non_null(strstr(e.text, "project p is not declared"));
}

static void test_edit_opens_only_what_loads(void **state)
{
	struct open_file *f = *state;
	struct policy_edit *ed = NULL;
	struct policy_error e;

	assert_int_equal(policy_edit_open(f->path, &ed, &e), ERR_NOENT);
	write_file(f->path, "[default]\nnope\n");
	assert_int_equal(policy_edit_open(f->path, &ed, &e), ERR_FORMAT);
	assert_int_equal(e.line, 2);
	assert_null(ed);
}

static void test_edit_conflicts(void **state)
{
	struct open_file *f = *state;
	struct policy_edit *a POLICY_EDIT_CLEANUP = NULL, *b POLICY_EDIT_CLEANUP = NULL;
	struct policy_error e;
	char got[2048];

	write_file(f->path, edited);
	assert_int_equal(policy_edit_open(f->path, &a, &e), 0);
	assert_int_equal(policy_edit_open(f->path, &b, &e), 0);
	assert_int_equal(policy_edit_set(a, "default", "mode", "0444"), 0);
	assert_int_equal(policy_edit_set(b, "default", "mode", "0440"), 0);
	assert_int_equal(policy_edit_save(a, &e), 0);
	assert_int_equal(policy_edit_save(b, &e), ERR_CONFLICT);
	read_back(f->path, got, sizeof(got));
	assert_non_null(strstr(got, "mode = 0444"));
	/* Rewritten in place and to the same length, as an editor may do. */
	got[2] = 'F';
	write_file(f->path, got);
	assert_int_equal(policy_edit_set(a, "default", "mode", "0400"), 0);
	assert_int_equal(policy_edit_save(a, &e), ERR_CONFLICT);
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(policy_edit_save(a, &e), ERR_CONFLICT);
}

static void test_edit_long_list(void **state)
{
	struct open_file *f = *state;
	struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
	struct scope s = scope_of(NULL, NULL);
	struct policy_error e;
	struct policy *p = NULL;
	struct policy_access a;
	char value[4096] = "";

	write_file(f->path, "[default]\nallow=\n");
	assert_int_equal(policy_edit_open(f->path, &ed, &e), 0);
	for (unsigned i = 0; i < 200; i++) {
		char item[32];

		(void)snprintf(item, sizeof(item), "uid:%u", 1000 + 2 * i);
		assert_int_equal(policy_edit_list(ed, "default", "allow", item, true), 0);
		(void)snprintf(value + strlen(value), sizeof(value) - strlen(value), "%s%s",
			       i ? ", " : "", item);
	}
	assert_int_equal(policy_edit_set(ed, "secret k", "allow", value), 0);
	assert_int_equal(policy_edit_save(ed, &e), 0);
	assert_int_equal(policy_load(f->path, &p, &e), 0);
	for (unsigned k = 0; k < 2; k++) {
		policy_access(p, &s, k ? "k" : "x", NULL, &a);
		for (unsigned i = 990; i < 1410; i++)
			assert_int_equal(policy_decide(&a, i, 1, NULL, 0).answer,
					 i >= 1000 && i < 1400 && i % 2 == 0 ? POLICY_ALLOW
									     : POLICY_DENY);
	}
	policy_free(p);
	/* All out again: nobody is listed, which is not the same as no list. */
	for (unsigned i = 0; i < 200; i++) {
		char item[32];

		(void)snprintf(item, sizeof(item), "%u", 1000 + 2 * i);
		assert_int_equal(policy_edit_list(ed, "default", "allow", item, false), 0);
	}
	assert_int_equal(policy_edit_remove(ed, "secret k"), 0);
	assert_int_equal(policy_edit_save(ed, &e), 0);
	read_back(f->path, value, sizeof(value));
	assert_string_equal(value, "[default]\nallow=\n\n");
	assert_int_equal(policy_load(f->path, &p, &e), 0);
	policy_access(p, &s, "x", NULL, &a);
	assert_int_equal(policy_decide(&a, 0, 0, NULL, 0).answer, POLICY_DENY);
	policy_free(p);
}

/* Taking uid:5 from a list must not be reported as done while a wider item still lists it. */
static void test_edit_take_covered(void **state)
{
	static const char *const lists[] = {"*", "uid:1-9", "uid:5, *", "uid:5 uid:5-6"};
	struct open_file *f = *state;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
		struct policy_error e;
		char text[64];
		size_t len;

		(void)snprintf(text, sizeof(text), "[default]\nallow = %s\n", lists[i]);
		write_file(f->path, text);
		assert_int_equal(policy_edit_open(f->path, &ed, &e), 0);
		assert_int_equal(policy_edit_list(ed, "default", "allow", "uid:5", false),
				 ERR_EXIST);
		assert_string_equal(policy_edit_text(ed, &len), text);
		assert_int_equal(policy_edit_list(ed, "default", "allow", "gid:77", false),
				 strchr(lists[i], '*') ? ERR_EXIST : 0);
	}
}

/* Random edits of the starter: whatever succeeds still parses line by line as before. */
static void test_edit_fuzz(void **state)
{
	static const char *const sections[] = {"project p", "domain d",	  "default",
					       "secret k",  "secret g/l", "scope organization",
					       "mount /m",  "writer w"};
	static const char *const items[] = {"uid:5", "6", "uid:1-3", "gid:7", "*", "user:root"};
	struct open_file *f = *state;
	struct policy_edit *ed POLICY_EDIT_CLEANUP = NULL;
	struct policy_error e;
	unsigned seed = 3;

	write_file(f->path, policy_starter);
	assert_int_equal(policy_edit_open(f->path, &ed, &e), 0);
	for (unsigned i = 0; i < 3000; i++) {
		const char *section = sections[(unsigned)rand_r(&seed) % 8];
		const char *item = items[(unsigned)rand_r(&seed) % 6];
		bool access = section[0] == 'd' ? section[1] == 'e' : section[0] == 's';
		struct policy *p POLICY_CLEANUP = NULL;
		const char *text;
		size_t len;
		int r;

		switch (rand_r(&seed) % 6) {
		case 0:
			r = policy_edit_set(ed, section, NULL, NULL);
			break;
		case 1:
			r = access ? policy_edit_set(ed, section, "mode", "0440") : 0;
			break;
		case 2:
			r = policy_edit_remove(ed, section);
			break;
		case 3:
			r = policy_edit_unset(ed, section, "allow");
			break;
		default:
			r = access ? policy_edit_list(ed, section,
						      rand_r(&seed) % 2 ? "allow" : "deny", item,
						      rand_r(&seed) % 3 > 0)
				   : 0;
			break;
		}
		assert_true(r == 0 || r == ERR_NOENT || r == ERR_EXIST);
		text = policy_edit_text(ed, &len);
		if (policy_parse(text, len, &p, &e))
			fail_msg("round %u, line %u: %s\n%s", i, e.line, e.text, text);
		assert_non_null(strstr(text, "# Projects and domains there are"));
		assert_non_null(strstr(text, "# [secret db/password]"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_load, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_load_fifo, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_load_mode, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_load_size, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_edits, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_saves, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_saves_through_a_link, setup_file,
						teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_refuses_what_does_not_load, setup_file,
						teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_opens_only_what_loads, setup_file,
						teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_conflicts, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_long_list, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_take_covered, setup_file, teardown_file),
		cmocka_unit_test_setup_teardown(test_edit_fuzz, setup_file, teardown_file),
	};

	return cmocka_run_group_tests_name("policy_edit", tests, NULL, NULL);
}
