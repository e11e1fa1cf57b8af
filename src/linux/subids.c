/* subids.c - lines of words between colons. */
#include "linux/subids.h"

#include "base/parse.h"

#include <string.h>

/* The next line of *@at into @line, cut into at most @max words; how many. -1 at the end of the text. A line that does not fit has none. */
static int next_line(const char **at, char *line, size_t size, char **words, size_t max)
{
	size_t len = strcspn(*at, "\n"), n = 0;
	bool fits = len < size;

	if (**at == '\0')
		return -1;
	if (fits) {
		memcpy(line, *at, len);
		line[len] = '\0';
	}
	*at += len + ((*at)[len] == '\n');
	for (char *p = fits ? line : NULL; p && n < max;) {
		words[n++] = p;
		p = strchr(p, ':');
		if (p)
			*p++ = '\0';
	}
	return (int)n;
}

bool subids_parse(const char *text, const char *name, uid_t uid, struct subids *ret)
{
	struct subids best = {0, 0};
	char line[256], *words[4];
	int n;

	while ((n = next_line(&text, line, sizeof(line), words, ARRAY_LEN(words))) >= 0) {
		uint32_t who, first, count;
		bool his = n == 3 && ((name[0] && strcmp(words[0], name) == 0) || (parse_u32(words[0], &who) == 0 && who == uid));

		if (!his || parse_u32(words[1], &first) < 0 || parse_u32(words[2], &count) < 0)
			continue;
		/* the last id of all means "none" to the kernel; id 0 is nobody's to give away */
		if (first == 0 || count == 0 || count > UINT32_MAX - first || count <= best.count)
			continue;
		best = (struct subids){first, count};
	}
	if (!best.count)
		return false;
	*ret = best;
	return true;
}

bool subids_user(const char *text, uid_t uid, char ret[64])
{
	char line[1024], *words[4];
	int n;

	while ((n = next_line(&text, line, sizeof(line), words, ARRAY_LEN(words))) >= 0) {
		uint32_t id;

		if (n < 3 || parse_u32(words[2], &id) < 0 || id != uid || !words[0][0] || strlen(words[0]) >= 64)
			continue;
		memcpy(ret, words[0], strlen(words[0]) + 1);
		return true;
	}
	return false;
}
