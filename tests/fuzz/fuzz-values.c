/* Numbers, sizes, times, signals, sets of ids and addresses: one text to all of them. What is taken must be in range and read the same when written again. */
#include "base/ip.h"
#include "base/parse.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		abort();
}

static void numbers(const char *text)
{
	uint64_t n = 7, again;
	int64_t i = 7;
	char out[32];

	if (parse_u64(text, &n) == 0) {
		(void)snprintf(out, sizeof(out), "%llu", (unsigned long long)n);
		must(parse_u64(out, &again) == 0 && again == n);
		must(parse_size(text, &again) == 0 && again == n);
	} else {
		must(n == 7);
	}
	if (parse_i64(text, &i) == 0 && i >= 0 && text[0] != '-')
		must(parse_u64(text, &again) == 0 && again == (uint64_t)i);
	n = 7;
	if (parse_size(text, &n) < 0)
		must(n == 7);
	if (parse_milli(text, &n) == 0)
		must(strspn(text, "0123456789.") == strlen(text));
	(void)!parse_duration_ms(text, &n);
}

static void words(const char *text)
{
	uint64_t bits[PARSE_SET_WORDS], any = 0;
	char safe[64], name[64], version[72];
	int signal = 0;

	if (parse_signal(text, &signal) == 0)
		must(signal > 0 && signal <= 64);
	if (parse_id_set(text, bits) == 0) {
		for (size_t i = 0; i < PARSE_SET_WORDS; i++)
			any |= bits[i];
		must(any != 0);
	}
	if (parse_base_ref(text, name, version) == 0)
		must(parse_is_name(name));
	format_safe(text, safe, sizeof(safe));
	must(strlen(safe) < sizeof(safe));
}

static void addresses(const char *text)
{
	char out[IP_TEXT], twice[IP_TEXT];
	struct ip a, b;

	if (ip_parse(text, &a) < 0)
		return;
	(void)ip_format(&a, out);
	must(ip_parse(out, &b) == 0);
	must(strcmp(ip_format(&b, twice), out) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[4096];

	if (size >= sizeof(text))
		return 0;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	numbers(text);
	words(text);
	addresses(text);
	return 0;
}
