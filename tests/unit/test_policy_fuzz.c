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

static struct scope scope_of(const char *project, const char *domain)
{
	struct scope s;

	assert_int_equal(scope_set(&s, project, domain), 0);
	return s;
}

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

/*
 * Invariant 5: whatever stands in the file, a decision for a secret never comes from a section of
 * another scope.  The oracle reads the section's line by itself.
 */

static void line_of(const char *text, size_t len, unsigned line, char *out, size_t cap)
{
	const char *p = text, *end = text + len;

	for (; line > 1; line--) {
		p = memchr(p, '\n', (size_t)(end - p));
		assert_non_null(p);
		p++;
	}
	for (; p < end && *p != '\n' && cap > 1; cap--)
		*out++ = *p++;
	*out = '\0';
}

static void check_line(const char *text, size_t len, unsigned line, const struct scope *s,
		       const char *name, const char *mount)
{
	char buf[256], *save = NULL, *word;
	bool anywhere = true, is_secret;
	struct scope said = {{0}, {0}};

	if (line == 0)
		return;
	line_of(text, len, line, buf, sizeof(buf));
	word = strtok_r(buf, "[] \t", &save);
	assert_non_null(word);
	if (strcmp(word, "default") == 0)
		return;
	if (strcmp(word, "mount") == 0) {
		assert_non_null(mount);
		assert_string_equal(strtok_r(NULL, "[] \t", &save), mount);
		return;
	}
	is_secret = strcmp(word, "secret") == 0;
	assert_true(is_secret || strcmp(word, "scope") == 0);
	if (is_secret) {
		word = strtok_r(NULL, "[] \t", &save);
		assert_int_equal(strcasecmp(word, name), 0);
	}
	while ((word = strtok_r(NULL, "[] \t", &save))) {
		anywhere = false;
		if (strncmp(word, "project=", 8) == 0)
			assert_int_equal(scope_set(&said, word + 8, said.domain), 0);
		else if (strncmp(word, "domain=", 7) == 0)
			assert_int_equal(scope_set(&said, said.project, word + 7), 0);
		else
			assert_string_equal(word, "organization");
	}
	assert_true(is_secret || !anywhere);
	assert_true(anywhere || scope_eq(&said, s));
}

static bool is_of(unsigned line, const struct policy_access *a)
{
	for (size_t i = 0; i < a->ndeny; i++)
		if (line == a->deny[i].line)
			return true;
	return line == a->line || line == a->mode_line;
}

static void check_all(const struct policy *p, const char *text, size_t len)
{
	static const char *const names[] = {"k", "K2", "g/l", "g"};
	static const char *const parts[] = {"", "p", "q", "d", "e"};

	for (size_t i = 0; i < 5 * 5 * 4; i++) {
		struct scope s = scope_of(parts[i % 5], parts[i / 5 % 5]);
		const char *name = names[i / 25];
		const struct policy_mount *m = policy_mount(p, 0);
		struct policy_access a;
		struct policy_decision d;

		policy_access(p, &s, name, m, &a);
		check_line(text, len, a.line, &s, name, m ? m->path : NULL);
		check_line(text, len, a.mode_line, &s, name, m ? m->path : NULL);
		d = policy_decide(&a, (uid_t)(i % 7), 5, NULL, 0);
		assert_true(is_of(d.line, &a));
		for (size_t n = 0; n < a.ndeny; n++)
			check_line(text, len, a.deny[n].line, &s, name, m ? m->path : NULL);
		assert_int_equal(a.mode & ~0444u, 0);
	}
}

static size_t mutate(char *text, size_t len, size_t cap, unsigned *seed)
{
	static const char *const snippets[] = {"\n",
					       " ",
					       "\t",
					       "=",
					       "[",
					       "]",
					       ";",
					       "#",
					       ":",
					       ",",
					       "*",
					       "\r",
					       "project=q",
					       "domain=e",
					       "domain=d",
					       "allow = *\n",
					       "deny",
					       "organization",
					       "[scope project=q]\n",
					       "[secret k]\n",
					       "\nuid:5",
					       "\xff",
					       "0444"};
	unsigned n = 1 + ((unsigned)rand_r(seed) % 4) / 2;

	for (; n > 0 && len > 0; n--) {
		size_t at = (size_t)rand_r(seed) % len, k, m;
		const char *s;

		switch (rand_r(seed) % 4) {
		case 0: /* one byte, often one that may pass */
			text[at] = (char)(rand_r(seed) % 4 ? "pqdekKgl045 \n=*,"[rand_r(seed) % 16]
							   : rand_r(seed) % 256);
			break;
		case 1: /* out */
			k = (size_t)rand_r(seed) % 30;
			if (k > len - at)
				k = len - at;
			memmove(text + at, text + at + k, len - at - k);
			len -= k;
			break;
		case 2: /* in */
			s = snippets[(size_t)rand_r(seed) % (sizeof(snippets) / sizeof(s))];
			k = strlen(s);
			if (len + k > cap)
				break;
			memmove(text + at + k, text + at, len - at);
			memcpy(text + at, s, k);
			len += k;
			break;
		default: /* a piece from elsewhere */
			m = (size_t)rand_r(seed) % len;
			k = (size_t)rand_r(seed) % 60;
			if (k > len - at)
				k = len - at;
			if (k > len - m)
				k = len - m;
			memmove(text + at, text + m, k);
			break;
		}
	}
	return len;
}

static void test_invariant_5_fuzz(void **state)
{
	unsigned seed = 20240517, loaded = 0, refused = 0;
	struct timespec t0, now;
	char text[4096];

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	do {
		struct policy_error e = {0};
		struct policy *p POLICY_CLEANUP = NULL;
		size_t len = sizeof(specific) - 1;

		memcpy(text, specific, len);
		len = mutate(text, len, sizeof(text), &seed);
		if (policy_parse(text, len, &p, &e) == 0) {
			check_all(p, text, len);
			loaded++;
		} else {
			assert_true(e.text[0] != '\0');
			refused++;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - t0.tv_sec < 1 ||
		 (now.tv_sec - t0.tv_sec == 1 && now.tv_nsec < t0.tv_nsec));
	print_message("# fuzz: %u loaded, %u refused\n", loaded, refused);
	assert_true(loaded > 10 && refused > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_invariant_5_fuzz),
	};

	return cmocka_run_group_tests_name("policy_fuzz", tests, NULL, NULL);
}
