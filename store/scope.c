/* SPDX-License-Identifier: ISC */
#include "scope.h"

#include <stdio.h>
#include <string.h>

#include "name.h"

static int set_part(char *out, const char *part)
{
	if (!part || !part[0]) {
		out[0] = '\0';
		return 0;
	}
	if (name_check_component(part, SCOPE_PART_MAX) < 0)
		return ERR_NAME;
	name_fold(part, out, SCOPE_PART_MAX + 1);
	return 0;
}

int scope_set(struct scope *s, const char *project, const char *domain)
{
	struct scope made = {0};
	int r = set_part(made.project, project);

	if (r == 0)
		r = set_part(made.domain, domain);
	if (r == 0)
		*s = made;
	return r;
}

enum scope_level scope_level(const struct scope *s)
{
	return (enum scope_level)((s->project[0] ? SCOPE_PROJECT : 0) |
				  (s->domain[0] ? SCOPE_DOMAIN : 0));
}

bool scope_eq(const struct scope *a, const struct scope *b)
{
	return strcmp(a->project, b->project) == 0 && strcmp(a->domain, b->domain) == 0;
}

struct scope scope_at(const struct scope *s, enum scope_level level)
{
	struct scope out = {0};

	if (level & SCOPE_PROJECT)
		memcpy(out.project, s->project, sizeof(out.project));
	if (level & SCOPE_DOMAIN)
		memcpy(out.domain, s->domain, sizeof(out.domain));
	return out;
}

const char *scope_str(const struct scope *s, char out[SCOPE_STR])
{
	switch (scope_level(s)) {
	case SCOPE_ORGANIZATION:
		snprintf(out, SCOPE_STR, "organization");
		break;
	case SCOPE_DOMAIN:
		snprintf(out, SCOPE_STR, "domain %s", s->domain);
		break;
	case SCOPE_PROJECT:
		snprintf(out, SCOPE_STR, "project %s", s->project);
		break;
	case SCOPE_PROJECT_DOMAIN:
		snprintf(out, SCOPE_STR, "project %s, domain %s", s->project, s->domain);
		break;
	}
	return out;
}

const char *scope_level_str(enum scope_level level)
{
	static const char *const names[SCOPE_LEVELS] = {
		[SCOPE_ORGANIZATION] = "organization",
		[SCOPE_DOMAIN] = "domain",
		[SCOPE_PROJECT] = "project",
		[SCOPE_PROJECT_DOMAIN] = "project+domain",
	};

	return names[level];
}
