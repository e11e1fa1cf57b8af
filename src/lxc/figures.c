/* figures.c - see figures.h. */
#include "lxc/figures.h"

#include "base/attr.h"

#include <stdio.h>
#include <string.h>

const char *lxc_state_name(enum coppice_state s)
{
	static const char *const names[COPPICE_STATE_COUNT] = {"STOPPED", "STARTING", "RUNNING", "FROZEN", "STOPPING", "STOPPED"};

	return s < COPPICE_STATE_COUNT ? names[s] : "STOPPED";
}

static void scaled(uint64_t bytes, unsigned shift, const char *unit, char out[24])
{
	/* half of a hundredth more, so that the two digits are rounded */
	uint64_t n = bytes + (UINT64_C(1) << shift) / 200, rest = n & ((UINT64_C(1) << shift) - 1);

	(void)snprintf(out, 24, "%llu.%02llu %s", (unsigned long long)(n >> shift), (unsigned long long)(rest * 100 >> shift), unit);
}

void lxc_size(uint64_t bytes, const char *small, char out[24])
{
	if (bytes > UINT64_C(1) << 30)
		scaled(bytes, 30, "GiB", out);
	else if (bytes > 1u << 20)
		scaled(bytes, 20, "MiB", out);
	else if (bytes > 1u << 10)
		scaled(bytes, 10, "KiB", out);
	else
		(void)snprintf(out, 24, "%*u%s", small[0] == '.' ? 3 : 0, (unsigned)bytes, small);
}

void lxc_each_nic(const char *inside, void (*fn)(void *data, const char *nic, const char *addresses), void *data)
{
	char text[512], *save = NULL;

	(void)snprintf(text, sizeof(text), "%s", inside);
	for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(word, '=');

		if (!eq)
			continue;
		*eq = '\0';
		fn(data, word, eq + 1);
	}
}
