/* SPDX-License-Identifier: ISC */
/* The policy file: parsed, asked, edited.  What is decided and what editing keeps is checked. */
#include "fixture.h"
#include "fuzz.h"
#include "policy.h"

static const char specimen[] =
	"# declared\n[project p]\n[domain d]\n[writer ci project=p domain=d]\n"
	"[default]\nmode = 0440\nallow = uid:1\n"
	"[mount /m]\nproject = p\ndomain = d\nbundle = /b\nowner = 11\nmode = 0400\n"
	"[scope project=p]\nmode = 0040\ndeny = uid:9, gid:3-5,\n\tuser:root\n"
	"[secret g/k project=p domain=d]\nallow = *\ngroup = 21 ; why\n";

/* Whatever stands there: no bits but reading, and a section of the file or none. */
static void ask(const struct policy *p, size_t lines)
{
	static const char *const names[] = {"k", "G/K"};
	struct scope scopes[4] = {{"", ""}, {"p", ""}, {"", "d"}, {"p", "d"}};

	for (size_t i = 0; i < 8; i++) {
		struct policy_access a;
		struct policy_decision d;

		policy_access(p, &scopes[i % 4], names[i / 4], policy_mount(p, 0), &a);
		require((a.mode & ~0444u) == 0 && a.line <= lines && a.mode_line <= lines);
		d = policy_decide(&a, (uid_t)i, 5, NULL, 0);
		require(d.line <= lines && d.reason);
		d = policy_decide(&a, (uid_t)i, 5, (gid_t[]){3, 21}, 2);
		require(d.answer != POLICY_ASK_GROUPS && d.line <= lines);
	}
}

/* What an edit gives loads again, where what it names is declared. */
static void edit(bool declared)
{
	static const char *const items[] = {"uid:7", "gid:4", "user:root", "*"};
	POLICY_EDIT_CLEANUP struct policy_edit *ed = NULL;
	struct policy_error e = {0};

	require(policy_edit_open("policy.ini", &ed, &e) == 0);
	for (size_t i = 0; i < 8; i++) {
		POLICY_CLEANUP struct policy *p = NULL;
		const char *section = i & 1 ? "secret G/k domain=d project=p" : "scope project=p";
		size_t len;
		const char *text;

		if (policy_edit_list(ed, section, i & 2 ? "allow" : "deny", items[i / 2], i < 6) ||
		    policy_edit_set(ed, section, "mode", "0400"))
			continue;
		text = policy_edit_text(ed, &len);
		require(policy_parse(text, len, &p, &e) == 0 || !declared);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	POLICY_CLEANUP struct policy *p = NULL;
	struct policy_error e = {0};
	size_t lines = 1;

	if (policy_parse((const char *)data, size, &p, &e) != 0) {
		require(e.text[0] && strnlen(e.text, sizeof(e.text)) < sizeof(e.text));
		return 0;
	}
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	ask(p, lines);
	fixture_spit("policy.ini", data, size);
	edit(policy_has_project(p, "p") && policy_has_domain(p, "d"));
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	fuzz_store(false); /* for its directory */
	fuzz_specimen(specimen, sizeof(specimen) - 1);
	fuzz_specimen(policy_starter, strlen(policy_starter));
	return 0;
}
