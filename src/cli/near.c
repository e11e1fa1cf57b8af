/* near.c - see near.h. Edit distance alone counts a swap as two mistakes and misses it in short words, where it is the commonest one. */
#include "cli/near.h"

#include "base/parse.h"

#include <string.h>

static bool is_swapped(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	/* In this order: each comparison proves the next byte to be there. */
	return a[0] && a[1] && a[1] == b[0] && a[0] == b[1] && strcmp(a + 2, b + 2) == 0;
}

const char *near_word(const char *word, const char *const *candidates, size_t count)
{
	const char *near = parse_closest(word, candidates, count), *begun = NULL;
	size_t len = strlen(word), hits = 0;

	for (size_t i = 0; !near && i < count; i++) {
		if (is_swapped(word, candidates[i]))
			near = candidates[i];
		if (len >= 2 && strncmp(word, candidates[i], len) == 0 && hits++ == 0)
			begun = candidates[i];
	}
	return near ? near : hits == 1 ? begun : NULL;
}
