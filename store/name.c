/* SPDX-License-Identifier: ISC */
#include "name.h"

#include <string.h>

static unsigned char fold(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (unsigned char)(c - 'A' + 'a');
	return (unsigned char)c;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool component_ok(const char *s, size_t len)
{
	if (len == 0 || s[0] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum(s[i]) && s[i] != '_' && s[i] != '-' && s[i] != '.')
			return false;
	return true;
}

int name_check(const char *name)
{
	size_t len = strnlen(name, NAME_SIZE);
	unsigned depth = 1;
	const char *start = name;

	if (len > NAME_MAX_LEN)
		return ERR_NAME;
	for (const char *slash; (slash = strchr(start, '/')); start = slash + 1) {
		if (++depth > NAME_DEPTH || !component_ok(start, (size_t)(slash - start)))
			return ERR_NAME;
	}
	return component_ok(start, strlen(start)) ? 0 : ERR_NAME;
}

int name_check_component(const char *name, size_t max)
{
	size_t len = strnlen(name, max + 1);

	return len <= max && component_ok(name, len) ? 0 : ERR_NAME;
}

void name_fold(const char *name, char *out, size_t cap)
{
	size_t i = 0;

	for (; name[i] && i + 1 < cap; i++)
		out[i] = (char)fold(name[i]);
	out[i] = '\0';
}

static int rank(char c)
{
	/* The end of a name sorts first, then '/', then the bytes themselves. */
	return c == '\0' ? 0 : c == '/' ? 1 : fold(c) + 1;
}

int name_cmp(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] && fold(a[i]) == fold(b[i]))
		i++;
	return rank(a[i]) - rank(b[i]);
}

bool name_is_below(const char *name, const char *dir)
{
	size_t i = 0;

	if (!dir[0])
		return name[0] != '\0';
	for (; dir[i]; i++)
		if (fold(dir[i]) != fold(name[i]))
			return false;
	return name[i] == '/';
}

int name_env(const char *name, char *out)
{
	size_t i = 0;

	if (strlen(name) >= ENV_NAME_SIZE)
		return ERR_NAME;
	for (; name[i]; i++) {
		char c = name[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		else if (!is_alnum(c))
			c = '_';
		out[i] = c;
	}
	out[i] = '\0';
	return name_check_env(out);
}

int name_check_env(const char *env)
{
	size_t len = strnlen(env, ENV_NAME_SIZE);

	if (len == 0 || len >= ENV_NAME_SIZE || (env[0] >= '0' && env[0] <= '9'))
		return ERR_NAME;
	for (size_t i = 0; i < len; i++) {
		char c = env[i];

		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_')
			return ERR_NAME;
	}
	return 0;
}
