/* SPDX-License-Identifier: ISC */
/* completion: the shells' side. What there is to complete is found by complete.c. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "ui.h"

/* The words go by a pipe: what is typed may be a value, and a command line is for all to see. */

static const char bash[] =
	"# bash completion of secretctl\n"
	"_secretctl() {\n"
	"\tlocal line cur=${COMP_WORDS[COMP_CWORD]}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :files ]]; then\n"
	"\t\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\t\t[[ $cur == = ]] && cur=\n"
	"\t\t\twhile IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen -f -- \"$cur\")\n"
	"\t\telse\n"
	"\t\t\tCOMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"\t\tfi\n"
	"\tdone < <(printf '%s\\0' \"${COMP_WORDS[@]:1:COMP_CWORD}\" | secretctl __complete 2>/dev/null)\n"
	"}\n"
	"complete -F _secretctl secretctl\n";

static const char zsh[] =
	"#compdef secretctl\n"
	"# zsh completion of secretctl\n"
	"_secretctl() {\n"
	"\tlocal line\n"
	"\tlocal -a found shown\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [[ $line == :files ]]; then\n"
	"\t\t\t_files\n"
	"\t\telse\n"
	"\t\t\tfound+=(\"${line%%$'\\t'*}\")\n"
	"\t\t\tshown+=(\"${line//$'\\t'/  -- }\")\n"
	"\t\tfi\n"
	"\tdone < <(printf '%s\\0' \"${(@Q)words[2,CURRENT]}\" | secretctl __complete 2>/dev/null)\n"
	"\t(( $#found )) && compadd -l -d shown -a found\n"
	"}\n"
	"if [[ ${funcstack[1]} == _secretctl ]]; then\n"
	"\t_secretctl \"$@\"\n"
	"else\n"
	"\tcompdef _secretctl secretctl\n"
	"fi\n";

static const char fish[] =
	"# fish completion of secretctl\n"
	"function __secretctl_complete\n"
	"\tset -l typed (commandline -opc)\n"
	"\tset -l now (commandline -ct)\n"
	"\tset -a typed \"$now\"\n"
	"\tprintf '%s\\0' $typed[2..-1] | secretctl __complete 2>/dev/null | while read -l line\n"
	"\t\tif test \"$line\" = :files\n"
	"\t\t\t__fish_complete_path \"$now\"\n"
	"\t\telse\n"
	"\t\t\tprintf '%s\\n' $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c secretctl -f -a '(__secretctl_complete)'\n";

int completion_run(struct call *c)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (strcmp(c->argv[0], scripts[i].shell) == 0) {
			fputs(scripts[i].script, stdout);
			return 0;
		}
	}
	return ui_usage(c, "the shell is bash, zsh or fish, not %.40s", c->argv[0]);
}
