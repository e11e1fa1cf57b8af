/* cmd.c - the table of verbs and how a word finds its entry. */
#include "cli/cmd.h"

#include "cli/near.h"

#include <string.h>

#define CMD_ENTRY(symbol) &cmd_##symbol,
static const struct cmd *const table[] = {CMD_LIST(CMD_ENTRY) & cmd_complete};
#undef CMD_ENTRY

const struct opt_def cmd_globals[GLOBAL_COUNT] = {
	[GLOBAL_ROOT] = {.name = "root", .type = OPT_TEXT, .arg = "DIR", .help = "base store (default /var/lib/coppice)", .complete = COMPLETE_FILE},
	[GLOBAL_LXCPATH] = {.name = "lxcpath", .type = OPT_TEXT, .arg = "DIR", .help = "containers (default /var/lib/lxc)", .complete = COMPLETE_FILE},
	[GLOBAL_FORMAT] = {.name = "format", .letter = 'f', .type = OPT_CHOICE, .arg = "FORM", .help = "form of the output",
			   .choices = "table|plain|csv|json|jsonl"},
	[GLOBAL_QUIET] = {.name = "quiet", .letter = 'q', .type = OPT_FLAG, .help = "no notes, no progress; lists print names only"},
	[GLOBAL_VERBOSE] = {.name = "verbose", .letter = 'v', .type = OPT_FLAG, .help = "tell the steps on stderr"},
	[GLOBAL_DEBUG] = {.name = "debug", .type = OPT_FLAG, .help = "tell the steps with times on stderr"},
	[GLOBAL_COLOR] = {.name = "color", .type = OPT_CHOICE, .arg = "WHEN", .help = "colour the output", .choices = "auto|always|never"},
	[GLOBAL_NO_HEADER] = {.name = "no-header", .type = OPT_FLAG, .help = "no heading and no summary line"},
	[GLOBAL_DRY_RUN] = {.name = "dry-run", .type = OPT_FLAG, .help = "say what would be done, change nothing"},
	[GLOBAL_HELP] = {.name = "help", .letter = 'h', .type = OPT_FLAG, .help = "help for the verb"},
	[GLOBAL_VERSION] = {.name = "version", .type = OPT_FLAG, .help = "print the version"},
};

size_t cmd_count(void)
{
	return ARRAY_LEN(table);
}

const struct cmd *cmd_at(size_t i)
{
	return i < ARRAY_LEN(table) ? table[i] : NULL;
}

static bool same_noun(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

const struct cmd *cmd_find(const char *noun, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (same_noun(table[i]->noun, noun) && (strcmp(table[i]->name, name) == 0 || (table[i]->alias && strcmp(table[i]->alias, name) == 0)))
			return table[i];
	return NULL;
}

bool cmd_is_noun(const char *word)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i]->noun && strcmp(table[i]->noun, word) == 0)
			return true;
	return false;
}

void cmd_title(const struct cmd *cmd, char out[64])
{
	size_t used = 0;

	for (const char *p = cmd->noun; p && *p && used < 30; p++)
		out[used++] = *p;
	if (used)
		out[used++] = ' ';
	for (const char *p = cmd->name; *p && used < 63; p++)
		out[used++] = *p;
	out[used] = '\0';
}

/* Whether @word is one item of comma separated @list. */
static bool in_list(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; p && len; p = strchr(p, ',')) {
		if (*p == ',')
			p++;
		if (strncmp(p, word, len) == 0 && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

const struct cmd *cmd_nearest(const char *noun, const char *word, bool *ret_foreign)
{
	const char *names[ARRAY_LEN(table)];
	const char *near;
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		if (!same_noun(table[i]->noun, noun) || (table[i]->flags & CMD_HIDDEN))
			continue;
		if (in_list(table[i]->foreign, word)) {
			*ret_foreign = true;
			return table[i];
		}
		names[count++] = table[i]->name;
	}
	*ret_foreign = false;
	near = near_word(word, names, count);
	return near ? cmd_find(noun, near) : NULL;
}

const char *cmd_nearest_noun(const char *word)
{
	const char *names[ARRAY_LEN(table)];
	size_t count = 0;

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i]->noun)
			names[count++] = table[i]->noun;
	return near_word(word, names, count);
}

const char *cmd_group_title(enum cmd_group g)
{
	static const char *const titles[GROUP_COUNT] = {
		[GROUP_LIFE] = "Life of a container",
		[GROUP_SEE] = "Seeing",
		[GROUP_INSIDE] = "Working inside",
		[GROUP_CONFIG] = "Configuration",
		[GROUP_NETWORK] = "Networks",
		[GROUP_BASE] = "Bases",
		[GROUP_HOST] = "Host",
	};

	return g < GROUP_COUNT ? titles[g] : "";
}
