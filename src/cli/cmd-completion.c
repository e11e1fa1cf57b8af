/* cmd-completion.c - the few lines each shell needs to ask `coppice __complete`. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/fail.h"

#include <string.h>

static const char bash[] =
	"# bash completion of coppice: source it, or put it into /usr/share/bash-completion/completions/coppice\n"
	"_coppice() {\n"
	"\tlocal line cur=${COMP_WORDS[COMP_CWORD]}\n"
	"\tCOMPREPLY=()\n"
	"\twhile IFS= read -r line; do\n"
	"\t\tif [ \"$line\" = :file ]; then\n"
	"\t\t\tcompopt -o default\n"
	"\t\telse\n"
	"\t\t\tCOMPREPLY+=(\"${line%%$'\\t'*}\")\n"
	"\t\tfi\n"
	"\tdone < <(\"${COMP_WORDS[0]}\" __complete -- \"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null)\n"
	"\tif [ \"${#COMPREPLY[@]}\" -eq 1 ] && [[ ${COMPREPLY[0]} == *: ]]; then compopt -o nospace; fi\n"
	"}\n"
	"complete -F _coppice coppice\n";

static const char zsh[] =
	"#compdef coppice\n"
	"# zsh completion of coppice: put it into a directory of $fpath as _coppice\n"
	"_coppice() {\n"
	"\tlocal line\n"
	"\tlocal -a names shown\n"
	"\tfor line in \"${(@f)$(${words[1]} __complete -- \"${(@)words[2,CURRENT]}\" 2>/dev/null)}\"; do\n"
	"\t\tcase $line in\n"
	"\t\t'') ;;\n"
	"\t\t:file) _files ;;\n"
	"\t\t*) names+=(\"${line%%$'\\t'*}\"); shown+=(\"${line%%$'\\t'*}  ${line#*$'\\t'}\") ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcompadd -l -d shown -a names\n"
	"}\n"
	"_coppice \"$@\"\n";

static const char fish[] =
	"# fish completion of coppice: put it into ~/.config/fish/completions/coppice.fish\n"
	"function __coppice_complete\n"
	"\tset -l words (commandline -opc)\n"
	"\tfor line in (command $words[1] __complete -- $words[2..] (commandline -ct) 2>/dev/null)\n"
	"\t\tif test \"$line\" = ':file'\n"
	"\t\t\t__fish_complete_path (commandline -ct)\n"
	"\t\telse\n"
	"\t\t\techo $line\n"
	"\t\tend\n"
	"\tend\n"
	"end\n"
	"complete -c coppice -f -a '(__coppice_complete)'\n";

static int run(struct cli *cli, struct args *args)
{
	static const struct {
		const char *shell, *script;
	} scripts[] = {{"bash", bash}, {"zsh", zsh}, {"fish", fish}};

	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		if (strcmp(args->words[0], scripts[i].shell) == 0) {
			buf_puts(&cli->out, scripts[i].script);
			return CLI_OK;
		}
	return fail_usage(cli, "there is no completion for this shell", "it is one of bash, zsh and fish");
}

static const struct cmd_example examples[] = {
	{"source <(coppice completion bash)", "completes in this shell"},
	{"coppice completion fish > ~/.config/fish/completions/coppice.fish", "completes in every fish from now on"},
};

const struct cmd cmd_completion = {
	.name = "completion",
	.args = "bash|zsh|fish",
	.help = "print the completion script of a shell",
	.text = "The script asks the program itself for candidates: verbs and options from its own table, names of containers and bases from the state "
		"directories. It need not be renewed when coppice is.",
	CMD_EXAMPLES(examples),
	.min = 1,
	.max = 1,
	.group = GROUP_HOST,
	.complete = {COMPLETE_SHELL},
	.run = run,
};
